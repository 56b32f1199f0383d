/* SPDX-License-Identifier: MIT */
/*
 * restain's side of the training step in bench/run.sh, the twin of torch_step.py.
 *
 *     bench_train_step init METHOD SIDE NGF DIR
 *         DIR/nets.pth: fresh networks;
 *         DIR/pair.pth: a pair of synthetic tissue, and the places that patches are taken at
 *     bench_train_step run METHOD NGF DIR THREADS STEPS LOSSES.txt [CONV]
 *         median_ms min_ms max_rss_kib of a step after the first; writes a line STEP LOSS VALUE for
 *         each loss of each step
 *
 * METHOD: asp, ammfi, cut, pyramid-pix2pix or cyclegan with the networks that recipes/mist-her2
 * gives all of them, the discriminator half as wide as the generator; or pix2pix with those it was
 * published with, of one width, without dropout, whose masks the two sides would not share.
 * Every step sees the same pair and places. It is one of epoch 36 of 40, where half of the adaptive
 * loss is adaptive.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <restain/synth.h>

#include "base/alloc.h"
#include "base/err.h"
#include "image/convert.h"
#include "method/method.h"
#include "support/measure.h"

enum { EPOCH = 36, NCE_CALLS = 2 }; /* of a step: PatchNCE and the adaptive one */
static const double learning_rate = 2e-4;

typedef struct bench {
    rst_ctx *c;
    rst_method *m;
    rst_weights *pair;
} bench;

static void close_bench(bench *b)
{
    rst_weights_free(b->pair);
    rst__method_free(b->m);
    rst_ctx_free(b->c);
}

static int choose(const char *method, int ngf, rst_train_options *o, rst_error *err)
{
    const bool cut = strcmp(method, "cut") == 0, own = strcmp(method, "pix2pix") == 0;
    rst_train_options asp;
    int rc = rst_train_preset(cut ? "fastcut" : method, o, err);
    if (rc == 0)
        rc = rst_train_preset("asp", &asp, err);
    if (rc < 0)
        return rc;
    if (!own && o->m.net_g.family == asp.m.net_g.family)
        o->m.net_g = asp.m.net_g;
    if (!own)
        o->m.net_d = asp.m.net_d;
    if (cut) {
        o->m.flip_equivariance = false;
        o->m.lambda_gp = asp.m.lambda_gp;
        memcpy(o->m.gp_weights, asp.m.gp_weights, sizeof o->m.gp_weights);
    }
    o->m.net_g.dropout = false;
    o->m.net_g.width = ngf;
    o->m.net_d.width = own ? ngf : (ngf + 1) / 2;
    return 0;
}

static int open_bench(bench *b, const char *method, int ngf, const rst_ctx_options *how,
                      rst_error *err)
{
    rst_train_options o;
    const rst_method_kind *kind;
    int rc = choose(method, ngf, &o, err);
    if (rc == 0)
        rc = rst__method_kind_find(&kind, o.method, err);
    if (rc == 0)
        rc = rst_ctx_new(&b->c, how, err);
    return rc < 0 ? rc : rst__method_new(&b->m, b->c, kind, &o.m, err);
}

/* Files that both sides read ------------------------------------------------------------------- */

static int add_picture(rst_weights *w, const char *name, const uint8_t *rgb, int64_t side,
                       rst_error *err)
{
    const int64_t shape[4] = { 1, side, side, 3 };
    float *v = rst__calloc((size_t)(side * side * 3), sizeof *v);
    if (!v)
        return rst__fail_nomem(err, name);
    rst__float_from_u8(rgb, side * side * 3, v);
    int rc = rst_weights_add(w, name, RST_WEIGHT_F32, 4, shape, v, err);
    rst__free(v);
    return rc;
}

static int add_pair(rst_weights *w, int64_t side, rst_error *err)
{
    rst_synth *slide = NULL;
    rst_synth_view v = { .he = rst__calloc((size_t)(side * side), 3),
                         .ihc = rst__calloc((size_t)(side * side), 3) };
    int rc = v.he && v.ihc ? rst_synth_new(&slide, NULL, err) : rst__fail_nomem(err, "pair");
    if (rc == 0)
        rc = rst_synth_region(slide, 0, 0, side, side, &v, err);
    if (rc == 0)
        rc = add_picture(w, "A", v.he, side, err);
    if (rc == 0)
        rc = add_picture(w, "B", v.ihc, side, err);
    rst_synth_free(slide);
    rst__free(v.he);
    rst__free(v.ihc);
    return rc;
}

/* How many places each tap has. In eval() mode, which leaves spectral norm's vectors alone. */
static int count_places(bench *b, int64_t side, int64_t *places, rst_error *err)
{
    const rst_method_options *o = &b->m->o;
    rst_module *g = rst__method_net(b->m, "G");
    rst_tensor *tap[RST_NCE_LAYERS];
    rst_module_train(g, false);
    rst_begin_nograd(b->c);
    rst_tensor *x = rst_full(b->c, (rst_dims){ 1, 3, side, side }, 0);
    (void)rst_module_taps(g, x, o->nce_count, o->nce_layers, tap, true);
    for (int i = 0; i < o->nce_count; i++)
        places[i] = tap[i] ? rst_shape(tap[i]).h * rst_shape(tap[i]).w : 0;
    rst_module_train(g, true);
    return rst_end(b->c, err);
}

static void name_ids(char *name, size_t size, int call, int layer)
{
    (void)snprintf(name, size, "ids.%d.%d", call, layer);
}

static int add_ids(bench *b, rst_weights *w, int64_t side, rst_error *err)
{
    int64_t places[RST_NCE_LAYERS];
    const int num = b->m->o.num_patches, taps = b->m->o.nce_count;
    rst_rng r = rst__rng(0, "bench/ids");
    int64_t *ids = rst__calloc((size_t)num, sizeof *ids);
    int rc = ids ? count_places(b, side, places, err) : rst__fail_nomem(err, "ids");
    for (int i = 0; rc == 0 && i < NCE_CALLS * taps; i++) {
        char name[32];
        const int64_t all = places[i % taps], n = num < all ? num : all;
        name_ids(name, sizeof name, i / taps, i % taps);
        rc = rst__rng_choose(&r, all, n, ids);
        if (rc == 0)
            rc = rst_weights_add(w, name, RST_WEIGHT_I64, 1, &n, ids, err);
    }
    rst__free(ids);
    return rc;
}

static int write_nets(const bench *b, const char *path, rst_error *err)
{
    rst_weights *w = rst_weights_new();
    int rc = w ? 0 : rst__fail_nomem(err, path);
    for (int i = 0; rc == 0 && i < b->m->nets; i++) {
        char prefix[32];
        (void)snprintf(prefix, sizeof prefix, "%s.", b->m->net[i].name);
        rc = rst_module_store(b->m->net[i].net, w, prefix, err);
    }
    if (rc == 0)
        rc = rst_weights_write_pth(w, path, err);
    rst_weights_free(w);
    return rc;
}

static int write_pair(bench *b, int64_t side, const char *path, rst_error *err)
{
    rst_weights *w = rst_weights_new();
    int rc = w ? add_pair(w, side, err) : rst__fail_nomem(err, path);
    if (rc == 0 && rst__method_net(b->m, "F"))
        rc = add_ids(b, w, side, err);
    if (rc == 0)
        rc = rst_weights_write_pth(w, path, err);
    rst_weights_free(w);
    return rc;
}

static int init(const char *method, int64_t side, int ngf, const char *nets, const char *pair,
                rst_error *err)
{
    bench b = { NULL };
    int rc = open_bench(&b, method, ngf, NULL, err);
    if (rc == 0)
        rc = write_nets(&b, nets, err);
    if (rc == 0)
        rc = write_pair(&b, side, pair, err);
    close_bench(&b);
    return rc;
}

/* The step ------------------------------------------------------------------------------------- */

static int load(bench *b, const char *nets, const char *pair, rst_error *err)
{
    rst_weights *w = NULL;
    int rc = rst_weights_read(&w, nets, NULL, err);
    for (int i = 0; rc == 0 && i < b->m->nets; i++) {
        char prefix[32];
        (void)snprintf(prefix, sizeof prefix, "%s.", b->m->net[i].name);
        rc = rst_module_load(b->m->net[i].net, w, prefix, 0, err);
    }
    rst_weights_free(w);
    return rc < 0 ? rc : rst_weights_read(&b->pair, pair, NULL, err);
}

static rst_tensor *patch_ids(void *user, int call, int layer)
{
    bench *b = user;
    char name[32];
    name_ids(name, sizeof name, call, layer);
    const rst_weight *w = rst_weights_find(b->pair, name);
    return w ? rst_upload_ids(b->m->c, rst_weight_elements(w), w->data) : NULL;
}

static void write_losses(const rst_method *m, FILE *f, int step)
{
    for (int i = 0; i < RST_LOSS_TERMS; i++)
        if (m->made >> i & 1)
            fprintf(f, "%d %s %.9g\n", step, rst__method_term_name(m->kind, i), m->loss[i]);
}

/* One step to warm up and `steps` that are timed. */
static int steps(bench *b, int count, double *ms, FILE *losses, rst_error *err)
{
    const rst_weight *he = rst_weights_find(b->pair, "A"), *ihc = rst_weights_find(b->pair, "B");
    const rst_method_when when = { .epoch = EPOCH, .lr = learning_rate };
    if (!he || !ihc)
        return rst_fail(err, RST_EFORMAT, "pair.pth: A or B is missing");
    const rst_dims s = { 1, 3, he->shape[1], he->shape[2] };
    const rst_method_batch batch = { .s = s, .s_b = s, .a = he->data, .b = ihc->data };
    b->m->feed = (rst_method_feed){ .patch_ids = patch_ids, .user = b };
    int rc = 0;
    for (int i = 0; rc == 0 && i <= count; i++) {
        double t = bench_now_ms();
        rc = rst__method_step(b->m, &batch, 1, when, NULL, NULL, err);
        ms[i ? i - 1 : 0] = bench_now_ms() - t;
        write_losses(b->m, losses, i + 1);
    }
    return rc;
}

static int run(const char *method, int ngf, const char *nets, const char *pair, int count,
               const char *losses, const rst_ctx_options *how, rst_error *err)
{
    bench b = { NULL };
    double ms[BENCH_REPEATS_MAX];
    FILE *f = fopen(losses, "w");
    int rc = f ? open_bench(&b, method, ngf, how, err)
               : rst_fail(err, RST_EOUTPUT, "%s: cannot be written", losses);
    if (rc == 0)
        rc = load(&b, nets, pair, err);
    if (rc == 0)
        rc = steps(&b, count, ms, f, err);
    if (f && fclose(f) && rc == 0)
        rc = rst_fail(err, RST_EOUTPUT, "%s: cannot be written", losses);
    if (rc == 0)
        bench_print(ms, count);
    close_bench(&b);
    return rc;
}

static int number(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

int main(int argc, char **argv)
{
    rst_error err = RST_ERROR_INIT;
    char nets[4096], pair[4096];
    rst_ctx_options how = { .threads = 0 };
    const bool making = argc == 6 && strcmp(argv[1], "init") == 0;
    if (!making && ((argc != 8 && argc != 9) || strcmp(argv[1], "run") != 0 ||
                    (argc == 9 && !bench_conv_parse(argv[8], &how.conv)))) {
        fprintf(stderr, "usage: see the head of bench/train_step.c\n");
        return 2;
    }
    const char *dir = argv[making ? 5 : 4];
    (void)snprintf(nets, sizeof nets, "%s/nets.pth", dir);
    (void)snprintf(pair, sizeof pair, "%s/pair.pth", dir);
    if (!making)
        how.threads = number(argv[5]);
    int rc = making ? init(argv[2], number(argv[3]), number(argv[4]), nets, pair, &err)
                    : run(argv[2], number(argv[3]), nets, pair, bench_repeats(argv[6]), argv[7],
                          &how, &err);
    if (rc < 0)
        fprintf(stderr, "bench_train_step: %s\n", err.msg);
    return rc < 0;
}
