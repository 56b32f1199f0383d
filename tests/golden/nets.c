/* SPDX-License-Identifier: MIT */
/* Whole networks: generators, discriminators, the patch sampler, initial weights. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"
#include "nn/module.h"

/* Modules -------------------------------------------------------------------------------------- */

static bool takes_winograd(const rst_layer *l)
{
    if (l->kind == RST_LAYER_CONV && !l->transposed && l->kh == 3 && l->kw == 3 &&
        l->conv.stride_h <= 1 && l->conv.stride_w <= 1 && l->conv.groups <= 1)
        return true;
    for (int i = 0; i < l->nsub; i++)
        if (takes_winograd(l->sub[i]))
            return true;
    return false;
}

void gold_note_convs(gold_case *g, const rst_module *m)
{
    g->has_winograd_conv |= takes_winograd(m->root);
}

bool gold_load(gold_case *g, rst_module *m)
{
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = gold_weights(g);
    if (!w)
        return false;
    int rc = rst_module_load(m, w, "", 0, &err);
    rst_weights_free(w);
    if (rc < 0)
        return gold_fail(g, "%s", err.msg);
    rst_module_train(m, g->train);
    return true;
}

rst_module *gold_net(gold_case *g, const rst_arch *a)
{
    rst_error err = RST_ERROR_INIT;
    rst_module *m = NULL;
    if (g->failed)
        return NULL;
    if (rst_module_new(&m, g->ctx, a, &err) < 0) {
        (void)gold_fail(g, "%s", err.msg);
        return NULL;
    }
    if (gold_load(g, m))
        return m;
    rst_module_free(m);
    return NULL;
}

/* Architectures -------------------------------------------------------------------------------- */

/* `norm`, or where generator and discriminator have one each, `own`. */
static bool parse_norm(gold_case *g, const char *own, rst_norm_kind *out)
{
    const char *norm = gold_text(g, gold_has(g, own) ? own : "norm");
    if (!norm || strcmp(norm, "instance") == 0)
        *out = RST_NORM_INSTANCE;
    else if (strcmp(norm, "batch") == 0)
        *out = RST_NORM_BATCH;
    else if (strcmp(norm, "none") == 0)
        *out = RST_NORM_NONE;
    else
        return gold_fail(g, "cannot be mapped: norm %s", norm);
    return true;
}

static bool parse_weight_norm(gold_case *g, bool *spectral)
{
    const char *kind = gold_text(g, "weight_norm");
    *spectral = kind && strcmp(kind, "spectral") == 0;
    return !kind || *spectral || strcmp(kind, "none") == 0 ||
           gold_fail(g, "cannot be mapped: weight_norm %s", kind);
}

/* The CycleGAN and pix2pix code base has no antialiasing. */
static bool plain_repo(gold_case *g)
{
    const char *repo = gold_text(g, "repo");
    return repo && (strcmp(repo, "cyc") == 0 || strcmp(repo, "bci") == 0);
}

bool gold_generator_arch(gold_case *g, rst_arch *a)
{
    rst_error err = RST_ERROR_INIT;
    const char *name = gold_text(g, "netG");
    if (!name)
        return gold_fail(g, "cannot be mapped: no netG");
    if (rst_arch_preset(name, a, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    a->input_nc = (int)gold_int(g, "input_nc", 3);
    a->output_nc = (int)gold_int(g, "output_nc", 3);
    a->width = (int)gold_int(g, "ngf", 64);
    a->n_downsampling = (int)gold_int(g, "n_downsampling", a->n_downsampling);
    a->antialias = !gold_bool(g, "no_antialias", plain_repo(g));
    a->antialias_up = !gold_bool(g, "no_antialias_up", plain_repo(g));
    a->dropout = gold_bool(g, "use_dropout", !gold_bool(g, "no_dropout", true));
    a->stem_k = (int)gold_int(g, "stem_k", a->stem_k);
    a->ammfi_levels = (int)gold_int(g, "ammfi_levels", a->ammfi_levels);
    a->reduction = (int)gold_int(g, "ammfi_reduction", a->reduction);
    if (a->family == RST_NET_UNET)
        a->antialias = a->antialias_up = false;
    return parse_norm(g, "normG", &a->norm) && parse_weight_norm(g, &a->spectral);
}

/* Generators ----------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* The second pass stops after the last tap. */
static bool taps(gold_case *g, rst_module *m, rst_tensor *x)
{
    json_t *list = json_object_get(g->options, "nce_layers");
    size_t n = json_array_size(list);
    int ids[GOLD_MAX_OUTPUTS];
    rst_tensor *feature[GOLD_MAX_OUTPUTS] = { NULL };
    if (n == 0)
        return true;
    if (n > GOLD_MAX_OUTPUTS)
        return gold_fail(g, "more than %d nce_layers", GOLD_MAX_OUTPUTS);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int)json_integer_value(json_array_get(list, i));
    qsort(ids, n, sizeof *ids, ascending); /* the order in which the pass meets them */
    (void)rst_module_taps(m, x, (int)n, ids, feature, true);
    for (size_t i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "feat_%d", ids[i]);
        if (!gold_out(g, name, feature[i]))
            return false;
    }
    return true;
}

static bool generator(gold_case *g)
{
    rst_arch a;
    if (!gold_generator_arch(g, &a))
        return false;
    if (a.dropout && g->train)
        return gold_fail(g, "cannot be mapped: dropout at work without recorded masks");
    rst_module *m = gold_net(g, &a);
    if (!m)
        return false;
    gold_note_convs(g, m);
    rst_tensor *x = gold_input(g, "x");
    gold_give_net(g, m, "x", "y");
    return gold_out(g, "y", rst_module_forward(m, x)) && taps(g, m, x) && gold_backward(g, m) &&
           gold_after(g, m);
}

/* Discriminators ------------------------------------------------------------------------------- */

bool gold_discriminator_arch(gold_case *g, rst_arch *a)
{
    rst_error err = RST_ERROR_INIT;
    const char *name = gold_text(g, "netD"), *repo = gold_text(g, "repo");
    if (!name)
        return gold_fail(g, "cannot be mapped: no netD");
    if (rst_arch_preset(name, a, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    a->input_nc = (int)gold_int(g, "input_nc", 3);
    a->width = (int)gold_int(g, "ndf", 64);
    if (strcmp(name, "n_layers") == 0)
        a->blocks = (int)gold_int(g, "n_layers_D", 3);
    a->antialias = !gold_bool(g, "no_antialias", plain_repo(g));
    if (a->family == RST_NET_PATCHGAN)
        a->names = repo && strcmp(repo, "asp") == 0 ? RST_NAMES_ASP : RST_NAMES_USUAL;
    else
        a->antialias = false;
    return parse_norm(g, "normD", &a->norm) && parse_weight_norm(g, &a->spectral);
}

static bool discriminator(gold_case *g)
{
    rst_arch a;
    rst_module *m = gold_discriminator_arch(g, &a) ? gold_net(g, &a) : NULL;
    if (!m)
        return false;
    gold_note_convs(g, m);
    gold_give_net(g, m, "x", "y");
    return gold_out(g, "y", rst_module_forward(m, gold_input(g, "x"))) && gold_backward(g, m) &&
           gold_after(g, m);
}

/* The patch sampler ---------------------------------------------------------------------------- */

static bool sampler_arch(gold_case *g, int count, rst_arch *a)
{
    rst_error err = RST_ERROR_INIT;
    const char *name = gold_text(g, "netF"), *repo = gold_text(g, "repo");
    const char *norm = gold_text(g, "l2norm");
    if (!name)
        return gold_fail(g, "cannot be mapped: no netF");
    if (rst_arch_preset(name, a, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    if (gold_real(g, "l2norm_eps", 1e-7) != 1e-7)
        return gold_fail(g, "cannot be mapped: another l2norm_eps than 1e-7");
    norm = norm ? norm : repo && strcmp(repo, "asp") == 0 ? "asp" : "cut";
    a->l2norm = strcmp(norm, "asp") == 0 ? RST_L2_ASP : RST_L2_CUT;
    a->width = (int)gold_int(g, "netF_nc", 256);
    a->taps = count;
    for (int i = 0; i < count; i++)
        a->widths[i] = (int)rst_shape(g->input[i].t).c;
    return !g->failed;
}

/* feat_0, feat_1, ... as far as they go; 0: failed. */
static int features(gold_case *g, rst_tensor **feat)
{
    int n = 0;
    for (char name[32]; n < RST_MAX_TAPS; n++) {
        (void)snprintf(name, sizeof name, "feat_%d", n);
        if (!gold_find(g, "input.", name))
            break;
        feat[n] = gold_input(g, name);
        if (!feat[n])
            return 0;
    }
    if (n == 0)
        (void)gold_fail(g, "the case has no input.feat_0");
    return n;
}

static bool patch_ids(gold_case *g, int n, rst_tensor **ids)
{
    for (int i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "patch_ids_%d", i);
        const rst_weight *w = gold_tensor(g, "input.", name);
        int64_t *v = w ? gold_i64(g, w) : NULL;
        if (!v)
            return false;
        ids[i] = rst_upload_ids(g->ctx, rst_weight_elements(w), v);
        free(v);
    }
    return true;
}

static bool run_sampler(gold_case *g, rst_module *m, int n, rst_tensor *const *feat)
{
    int64_t patches = gold_int(g, "num_patches", 256);
    rst_tensor *ids[RST_MAX_TAPS] = { NULL }, *out[RST_MAX_TAPS] = { NULL };
    if (gold_bool(g, "full_map", patches == 0) != (patches == 0))
        return gold_fail(g, "num_patches and full_map disagree");
    if (patches && !patch_ids(g, n, ids))
        return false;
    if (!rst_module_sample(m, n, feat, patches, ids, out))
        return gold_device_ok(g) ? gold_fail(g, "the sampler failed without an error") : false;
    for (int i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "f_%d", i);
        if (!gold_out(g, name, out[i]))
            return false;
    }
    return gold_backward(g, m);
}

static bool netf(gold_case *g)
{
    rst_arch a;
    rst_tensor *feat[RST_MAX_TAPS] = { NULL };
    int n = features(g, feat);
    if (n == 0)
        return false;
    if (gold_int(g, "batch", rst_shape(feat[0]).n) != rst_shape(feat[0]).n)
        return gold_fail(g, "batch is not that of input.feat_0");
    rst_module *m = sampler_arch(g, n, &a) ? gold_net(g, &a) : NULL;
    if (!m)
        return false;
    bool ok = run_sampler(g, m, n, feat);
    rst_module_free(m);
    return ok;
}

/* Initial weights ------------------------------------------------------------------------------ */

typedef struct moments {
    double mean, std, max_abs;
    int64_t n;
} moments;

static moments moments_of(const float *v, int64_t n)
{
    moments s = { .n = n };
    double square = 0;
    for (int64_t i = 0; i < n; i++) {
        s.mean += v[i];
        s.max_abs = fmax(s.max_abs, fabs(v[i]));
    }
    s.mean /= (double)n;
    for (int64_t i = 0; i < n; i++)
        square += (v[i] - s.mean) * (v[i] - s.mean);
    s.std = sqrt(square / (double)n);
    return s;
}

/*
 * Two samples of one distribution: each mean has the error std/sqrt(n), each deviation at most that
 * of a normal distribution, std/sqrt(2n); their differences sqrt(2) times as much. A single number
 * has no deviation of its own; the gain is that of the only kind there is, a batch norm's scale.
 */
static bool check_moments(gold_case *g, const char *name, moments got, moments want, double sigma)
{
    char what[320];
    double n = (double)want.n;
    double spread = want.n == 1 && want.mean != 0 ? gold_real(g, "init_gain", 0.02) : want.std;
    (void)snprintf(what, sizeof what, "mean of %s", name);
    bool ok = gold_value(g, what, got.mean, want.mean, sigma * spread * sqrt(2 / n) + 1e-12, 0);
    (void)snprintf(what, sizeof what, "deviation of %s", name);
    ok &= gold_value(g, what, got.std, want.std, sigma * spread / sqrt(n) + 1e-12, 0);
    if (want.n < 1000)
        return ok;
    /* The largest of many, 0.5 to 1.6 times the wanted one, tells uniform from normal numbers. */
    (void)snprintf(what, sizeof what, "largest of %s", name);
    return gold_value(g, what, got.max_abs, 1.05 * want.max_abs, 0.55 * want.max_abs, 0) && ok;
}

static bool check_shape(gold_case *g, const rst_entry *e, json_t *shape)
{
    bool same = (int)json_array_size(shape) == e->rank;
    for (int i = 0; same && i < e->rank; i++)
        same = json_integer_value(json_array_get(shape, (size_t)i)) == e->shape[i];
    return same || gold_fail(g, "%s has another shape", e->name);
}

static bool check_parameter(gold_case *g, rst_module *m, const char *name, json_t *how)
{
    rst_entry e;
    if (!rst_module_entry(m, rst_module_find(m, name), &e) || e.kind != RST_ENTRY_PARAM)
        return gold_fail(g, "the network has no parameter %s", name);
    if (!check_shape(g, &e, json_object_get(how, "shape")))
        return false;
    int64_t n = e.shape[0] * e.shape[1] * e.shape[2] * e.shape[3];
    float *v = gold_alloc((size_t)n, sizeof *v);
    bool ok = rst_download(e.value, RST_NCHW, v) == 0 || gold_device_ok(g);
    moments got = moments_of(v, n);
    free(v);
    moments want = { json_number_value(json_object_get(how, "mean")),
                     json_number_value(json_object_get(how, "std")),
                     json_number_value(json_object_get(how, "max_abs")), n };
    json_t *sigma = json_object_get(g->values, "sigma");
    return ok && check_moments(g, name, got, want, sigma ? json_number_value(sigma) : 5);
}

static bool check_parameters(gold_case *g, rst_module *m)
{
    json_t *table = json_object_get(g->values, "parameters"), *how;
    const char *name;
    int count = 0;
    rst_entry e;
    for (int i = 0; rst_module_entry(m, i, &e); i++)
        count += e.kind == RST_ENTRY_PARAM;
    if ((int)json_object_size(table) != count)
        return gold_fail(g, "the network has %d parameters, the case %d", count,
                         (int)json_object_size(table));
    json_object_foreach(table, name, how)
    {
        if (!check_parameter(g, m, name, how))
            return false;
    }
    return true;
}

static bool parse_init(gold_case *g, rst_init_kind *out)
{
    static const char *const names[] = { "normal", "xavier", "kaiming", "orthogonal" };
    const char *name = gold_text(g, "init_type");
    for (int i = 0; name && i < 4; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (rst_init_kind)i;
            return true;
        }
    return gold_fail(g, "cannot be mapped: init_type %s", name ? name : "(none)");
}

static bool init_statistics(gold_case *g)
{
    rst_arch a;
    rst_init_kind kind;
    rst_module *m = NULL;
    rst_error err = RST_ERROR_INIT;
    const char *device = gold_text(g, "device");
    bool gpu = device && strcmp(device, "gpu") == 0;
    bool disc = gold_has(g, "netD");
    if (!parse_init(g, &kind) ||
        !(disc ? gold_discriminator_arch(g, &a) : gold_generator_arch(g, &a)))
        return false;
    if (rst_module_new(&m, g->ctx, &a, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    uint64_t seed = (uint64_t)json_integer_value(json_object_get(g->json, "seed"));
    bool ok = rst_module_init(m, kind, gold_real(g, "init_gain", 0.02), gpu, seed, &err) == 0
                  ? check_parameters(g, m)
                  : gold_fail(g, "%s", err.msg);
    rst_module_free(m);
    return ok;
}

#define GENERATOR_OPTIONS                                                                          \
    " repo netG norm no_antialias no_antialias_up weight_norm ngf input_nc output_nc nce_layers "  \
    "use_dropout n_downsampling calls stem_k ammfi_levels ammfi_reduction "

const gold_op gold_nets[] = {
    { "generator", generator, GENERATOR_OPTIONS },
    { "discriminator", discriminator,
      " repo netD n_layers_D norm no_antialias weight_norm ndf input_nc " },
    { "netf", netf, " repo netF netF_nc num_patches batch full_map l2norm l2norm_eps " },
    { "init_statistics", init_statistics,
      GENERATOR_OPTIONS " init_type init_gain device netD n_layers_D ndf " },
    { NULL, NULL, NULL },
};
