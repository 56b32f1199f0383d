/* SPDX-License-Identifier: MIT */
/* Evaluations through networks, from files of the published names and containers with random
 * weights: what is in an evaluation is what the metrics give when they are called one by one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <restain/evaluate.h>
#include <restain/nn.h>

#include "base/rng.h"
#include "run/evaluate_parts.h"
#include "support/tree.h"

enum { PAIRS = 3, SIDE = 64 };

static const unsigned NETWORKS =
    1u << RST_METRIC_LPIPS | 1u << RST_METRIC_PHV | 1u << RST_METRIC_FID | 1u << RST_METRIC_KID;
static const char *const resnet = "weights/resnet50-0676ba61.pth",
                         *const fid_net = "weights/hub/checkpoints/"
                                          "pt_inception-2015-12-05-6726825d.pth",
                         *const kid_net = "weights/inception_v3_google-0cc3c7bd.pth",
                         *const alex = "weights/alexnet-owt-7be5be79.pth",
                         *const vgg = "weights/vgg16-397923af.pth",
                         *const squeeze = "weights/squeezenet1_1-b8a52dc0.pth";
static rst_ctx *ctx;

/* Files -----------------------------------------------------------------------------------------
 */

static void save(const rst_weights *w, const char *name)
{
    rst_error err = RST_ERROR_INIT;
    tree_file(name, "", 0);
    if (rst_weights_write_pth(w, tree_path(name), &err) < 0)
        fail_msg("%s", err.msg);
}

/* A network of that preset with random weights, as torch.save writes it. */
static void make_net(const char *preset, const char *name)
{
    rst_arch a;
    rst_module *m;
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = rst_weights_new();
    assert_int_equal(rst_arch_preset(preset, &a, &err), 0);
    assert_int_equal(rst_module_new(&m, ctx, &a, &err), 0);
    assert_int_equal(rst_module_init(m, RST_INIT_KAIMING, 1, false, 3, &err), 0);
    assert_int_equal(rst_module_store(m, w, "", &err), 0);
    save(w, name);
    rst_weights_free(w);
    rst_module_free(m);
}

static void make_heads(const char *name, int layers, const int *width)
{
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = rst_weights_new();
    rst_rng r = rst__rng(5, name);
    for (int i = 0; i < layers; i++) {
        char key[64];
        float v[512];
        const int64_t shape[4] = { 1, width[i], 1, 1 };
        for (int k = 0; k < width[i]; k++)
            v[k] = (float)rst__rng_uniform(&r);
        (void)snprintf(key, sizeof key, "lin%d.model.1.weight", i);
        assert_int_equal(rst_weights_add(w, key, RST_WEIGHT_F32, 4, shape, v, &err), 0);
    }
    save(w, name);
    rst_weights_free(w);
}

/* Smooth colours with some noise, so that features differ between pictures. */
static void make_picture(const char *name, uint64_t seed)
{
    rst_image img = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    rst_rng r = rst__rng(seed, "picture");
    assert_int_equal(rst_image_new(&img, SIDE, SIDE, 3, &err), 0);
    const double phase = 6 * rst__rng_uniform(&r), rate = 0.05 + 0.2 * rst__rng_uniform(&r);
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        img.px[i] = (uint8_t)(120 + 90 * sin(phase + i % 3 + rate * (i / 3 % SIDE)) +
                              40 * rst__rng_uniform(&r));
    tree_file(name, "", 0);
    assert_int_equal(rst_image_write(tree_path(name), &img, NULL, &err), 0);
    rst_image_free(&img);
}

static int begin(void **state)
{
    (void)state;
    static const int row_widths[2][5] = { { 64, 192, 384, 256, 256 }, { 64, 128, 256, 512, 512 } },
                     squeeze_widths[7] = { 64, 128, 256, 384, 384, 512, 512 };
    rst_error err = RST_ERROR_INIT;
    tree_begin();
    assert_int_equal(rst_ctx_new(&ctx, NULL, &err), 0);
    make_net("resnet50", resnet);
    make_net("inception_fid", fid_net);
    make_net("inception_kid", kid_net);
    make_net("alexnet", alex);
    make_net("vgg16", vgg);
    make_net("squeezenet", squeeze);
    make_heads("weights/lpips/weights/v0.1/alex.pth", 5, row_widths[0]);
    make_heads("weights/v0.1/vgg.pth", 5, row_widths[1]);
    make_heads("weights/squeeze.pth", 7, squeeze_widths);
    for (int i = 0; i < PAIRS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "real/%d.png", i);
        make_picture(name, 10 + (uint64_t)i);
        (void)snprintf(name, sizeof name, "fake/%d.png", i);
        make_picture(name, 20 + (uint64_t)i);
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    rst_ctx_free(ctx);
    tree_end();
    return 0;
}

static rst_evaluation *evaluate(const char *real, const char *fake, rst_evaluate_options o)
{
    rst_evaluation *e = NULL;
    rst_error err = RST_ERROR_INIT;
    o.weights = o.weights ? o.weights : tree_path("weights");
    if (rst_evaluate(&e, tree_path(real), tree_path(fake), &o, &err) < 0)
        fail_msg("%s", err.msg);
    return e;
}

static rst_weights *load(const char *name)
{
    rst_weights *w;
    rst_error err = RST_ERROR_INIT;
    if (rst_weights_read(&w, tree_path(name), NULL, &err) < 0)
        fail_msg("%s", err.msg);
    return w;
}

static void load_pair(const rst_evaluation *e, int i, rst_image img[2])
{
    rst_error err = RST_ERROR_INIT;
    const rst_evaluation_row *r = rst_evaluation_row_at(e, i);
    img[0] = img[1] = (rst_image)RST_IMAGE_INIT;
    assert_int_equal(rst_image_read(&img[0], r->real, NULL, &err), 0);
    assert_int_equal(rst_image_read(&img[1], r->fake, NULL, &err), 0);
}

/* The metrics one by one ------------------------------------------------------------------------
 */

static void check_lpips(rst_lpips_net net, const char *backbone, const char *heads)
{
    rst_lpips *l;
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = load(backbone), *h = load(heads);
    assert_int_equal(rst_lpips_new(&l, ctx, net, w, h, &err), 0);
    rst_evaluation *e =
        evaluate("real", "fake",
                 (rst_evaluate_options){ .lpips_net = net, .metrics = 1u << RST_METRIC_LPIPS });
    for (int i = 0; i < PAIRS; i++) {
        double d = -1;
        rst_image img[2];
        load_pair(e, i, img);
        assert_int_equal(rst_lpips_distance(l, &img[1], &img[0], &d, &err), 0);
        assert_true(d > 0 && rst_evaluation_row_at(e, i)->score[RST_SCORE_LPIPS] == d);
        rst_image_free(&img[0]);
        rst_image_free(&img[1]);
    }
    const rst_metric_use *u = rst_evaluation_metric(e, RST_METRIC_LPIPS);
    assert_int_equal(u->files, 2);
    assert_int_equal(strlen(u->file[1].sha256), 64);
    rst_evaluation_free(e);
    rst_lpips_free(l);
    rst_weights_free(w);
    rst_weights_free(h);
}

static void test_lpips(void **state)
{
    (void)state;
    check_lpips(RST_LPIPS_ALEX, alex, "weights/lpips/weights/v0.1/alex.pth");
    check_lpips(RST_LPIPS_VGG, vgg, "weights/v0.1/vgg.pth");
    check_lpips(RST_LPIPS_SQUEEZE, squeeze, "weights/squeeze.pth");
}

static void test_phv(void **state)
{
    (void)state;
    static const rst_phv_range range[] = { RST_PHV_ASP, RST_PHV_PLAIN };
    rst_weights *w = load(resnet);
    for (int p = RST_PROTOCOL_ASP_2023; p <= RST_PROTOCOL_CLEAN; p++) {
        rst_phv *phv;
        rst_error err = RST_ERROR_INIT;
        rst_image img[2];
        double v[RST_PHV_LAYERS];
        rst_evaluation *e = evaluate(
            "real", "fake",
            (rst_evaluate_options){ .protocol = (rst_protocol)p, .metrics = 1u << RST_METRIC_PHV });
        const double *score = rst_evaluation_row_at(e, 1)->score;
        load_pair(e, 1, img);
        assert_int_equal(rst_phv_new(&phv, ctx, w, range[p], &err), 0);
        assert_int_equal(rst_phv_compare(phv, &img[1], &img[0], v, &err), 0);
        assert_memory_equal(v, score + RST_SCORE_PHV1, sizeof v);
        assert_true(v[0] > 0);
        assert_true(fabs(score[RST_SCORE_PHV] - (v[0] + v[1] + v[2] + v[3]) / 4) < 1e-15);
        rst_image_free(&img[0]);
        rst_image_free(&img[1]);
        rst_phv_free(phv);
        rst_evaluation_free(e);
    }
    rst_weights_free(w);
}

/* Features of all pictures of an evaluation, [2][PAIRS][RST_INCEPTION_FEATURES]. */
static float *all_features(const rst_evaluation *e, const char *net, rst_inception_kind kind)
{
    const size_t d = RST_INCEPTION_FEATURES;
    float *v = calloc(2 * PAIRS * d, sizeof *v);
    rst_inception *p;
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = load(net);
    assert_int_equal(rst_inception_new(&p, ctx, w, kind, &err), 0);
    for (int i = 0; i < PAIRS; i++) {
        rst_image img[2];
        load_pair(e, i, img);
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(rst_inception_run(p, &img[k], v + (k * PAIRS + (size_t)i) * d, &err),
                             0);
            rst_image_free(&img[k]);
        }
    }
    rst_inception_free(p);
    rst_weights_free(w);
    return v;
}

static void check_sets(rst_protocol p, const char *net, rst_inception_kind fid_kind,
                       rst_inception_kind kid_kind, uint64_t seed)
{
    double fid, kid, deviation;
    rst_error err = RST_ERROR_INIT;
    const size_t d = RST_INCEPTION_FEATURES;
    const rst_kid_options k = { .size = PAIRS, .seed = seed };
    rst_evaluation *e =
        evaluate("real", "fake",
                 (rst_evaluate_options){ .protocol = p,
                                         .metrics = 1u << RST_METRIC_FID | 1u << RST_METRIC_KID });
    float *a = all_features(e, fid_net, fid_kind), *b = all_features(e, net, kid_kind);
    assert_int_equal(rst_fid(a, PAIRS, a + PAIRS * d, PAIRS, (int64_t)d, &fid, &err), 0);
    assert_int_equal(
        rst_kid(b, PAIRS, b + PAIRS * d, PAIRS, (int64_t)d, &k, &kid, &deviation, &err), 0);
    const rst_evaluation_sets *s = rst_evaluation_distances(e);
    assert_true(fid > 0 && s->fid == fid);
    assert_true(s->kid == kid && s->kid_deviation == deviation);
    assert_true(s->kid_size == PAIRS && s->kid_subsets == 100 && s->kid_seed == seed);
    assert_non_null(strstr(rst_evaluation_metric(e, RST_METRIC_KID)->how, "100 subsets of 3"));
    free(a);
    free(b);
    rst_evaluation_free(e);
}

static void test_sets(void **state)
{
    (void)state;
    check_sets(RST_PROTOCOL_ASP_2023, kid_net, RST_INCEPTION_FID, RST_INCEPTION_KID, 0);
    check_sets(RST_PROTOCOL_CLEAN, fid_net, RST_INCEPTION_CLEAN, RST_INCEPTION_CLEAN, 2020);
}

/* The same for itself; kept features; threads ---------------------------------------------------
 */

static void test_identical(void **state)
{
    (void)state;
    rst_evaluation *e = evaluate("real", "real", (rst_evaluate_options){ .metrics = NETWORKS });
    const rst_evaluation_scores *g = rst_evaluation_group(e, 0);
    const rst_evaluation_sets *s = rst_evaluation_distances(e);
    assert_true(g->score[RST_SCORE_LPIPS].mean == 0 && g->score[RST_SCORE_PHV].mean == 0);
    assert_true(s->fid >= 0 && s->fid < 1e-6);
    assert_true(s->kid <= 0 && s->kid_deviation < 1e-6 * fabs(s->kid) + 1e-12);
    rst_evaluation_free(e);
}

static void same_numbers(const rst_evaluation *a, const rst_evaluation *b)
{
    for (int i = 0; i < PAIRS; i++)
        assert_memory_equal(rst_evaluation_row_at(a, i)->score, rst_evaluation_row_at(b, i)->score,
                            sizeof(double[RST_SCORES]));
    assert_memory_equal(rst_evaluation_distances(a), rst_evaluation_distances(b),
                        sizeof(rst_evaluation_sets));
}

static void test_kept_features(void **state)
{
    (void)state;
    rst_evaluate_options o = { .cache = tree_path("kept"),
                               .threads = 1,
                               .metrics = 1u << RST_METRIC_LPIPS | 1u << RST_METRIC_PHV };
    rst_evaluation *first = evaluate("real", "fake", o);
    o.threads = 3;
    rst_evaluation *second = evaluate("real", "fake", o);
    o.cache = NULL;
    rst_evaluation *third = evaluate("real", "fake", o);
    same_numbers(first, second);
    same_numbers(first, third);
    rst_evaluation_free(first);
    rst_evaluation_free(second);
    rst_evaluation_free(third);
}

/* What is kept, is used: other numbers in the file are other results. */
static void test_kept_features_count(void **state)
{
    (void)state;
    enum { D = RST_INCEPTION_FEATURES };
    char name[80];
    rst_error err = RST_ERROR_INIT;
    rst_feature_cache *c;
    rst_evaluate_options o = { .cache = tree_path("forged"), .metrics = 1u << RST_METRIC_FID };
    rst_evaluation *e = evaluate("real", "fake", o);
    const char *sha256 = rst_evaluation_metric(e, RST_METRIC_FID)->file[0].sha256;
    (void)snprintf(name, sizeof name, "fid-%.12s", sha256);
    assert_int_equal(rst__feature_cache_new(&c, D, o.cache, name, sha256, &err), 0);
    /* All pictures' features become those of one: no distance is left. */
    for (int64_t i = 1; i < 2 * PAIRS; i++)
        memcpy((float *)(uintptr_t)rst__feature_cache_at(c, i), rst__feature_cache_at(c, 0),
               D * sizeof(float));
    float zero[D] = { 0 };
    char hash[65];
    memset(hash, 'f', 65);
    assert_int_equal(rst__feature_cache_add(c, hash, zero), 2 * PAIRS); /* so that it is written */
    assert_int_equal(rst__feature_cache_save(c, &err), 0);
    rst__feature_cache_free(c);
    rst_evaluation *f = evaluate("real", "fake", o);
    assert_true(rst_evaluation_distances(e)->fid > 0);
    assert_true(rst_evaluation_distances(f)->fid == 0);
    rst_evaluation_free(e);
    rst_evaluation_free(f);
}

static void test_cache_file(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_feature_cache *c;
    const char *folder = tree_path("cache");
    enum { N = 300 };
    char hash[N][65];
    for (int i = 0; i < N; i++) /* the first digits are alike, so that slots are shared */
        (void)snprintf(hash[i], 65, "%016x%048x", i % 7, i);
    assert_int_equal(rst__feature_cache_new(&c, 2, folder, "x", "abc", &err), 0);
    for (int i = 0; i < N; i++) {
        const float v[2] = { (float)i, (float)-i };
        assert_int_equal(rst__feature_cache_find(c, hash[i]), -1);
        assert_int_equal(rst__feature_cache_add(c, hash[i], v), i);
    }
    assert_int_equal(rst__feature_cache_save(c, &err), 0);
    rst__feature_cache_free(c);
    assert_int_equal(rst__feature_cache_new(&c, 2, folder, "x", "abc", &err), 0);
    for (int i = 0; i < N; i++) {
        const int64_t k = rst__feature_cache_find(c, hash[i]);
        assert_int_equal(k, i);
        assert_true(rst__feature_cache_at(c, k)[1] == (float)-i);
    }
    rst__feature_cache_free(c);
    /* Of other weights, of another width, damaged: not used, and no error. */
    assert_int_equal(rst__feature_cache_new(&c, 2, folder, "x", "abd", &err), 0);
    assert_int_equal(rst__feature_cache_find(c, hash[0]), -1);
    rst__feature_cache_free(c);
    assert_int_equal(rst__feature_cache_new(&c, 3, folder, "x", "abc", &err), 0);
    assert_int_equal(rst__feature_cache_find(c, hash[0]), -1);
    rst__feature_cache_free(c);
    tree_damage("cache/x.safetensors", 0.7);
    assert_int_equal(rst__feature_cache_new(&c, 2, folder, "x", "abc", &err), 0);
    assert_int_equal(rst__feature_cache_find(c, hash[0]), -1);
    rst__feature_cache_free(c);
}

/* Files that are not what they are called -------------------------------------------------------
 */

static void check_skipped(const char *folder, rst_metric m, const char *text)
{
    rst_evaluation *e =
        evaluate("real", "fake",
                 (rst_evaluate_options){ .weights = tree_path(folder),
                                         .metrics = 1u << m | 1u << RST_METRIC_SSIM });
    const rst_metric_use *u = rst_evaluation_metric(e, m);
    assert_true(rst_evaluation_metric(e, RST_METRIC_SSIM)->done && !u->done);
    if (!strstr(u->skipped, text))
        fail_msg("'%s' does not say '%s'", u->skipped, text);
    rst_evaluation_free(e);
}

static void test_bad_weights(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = load(alex), *bad = rst_weights_new();
    for (int64_t i = 0; i < rst_weights_count(w); i++) {
        const rst_weight *t = rst_weights_get(w, i);
        float *v = calloc((size_t)rst_weight_elements(t), sizeof *v);
        rst_weight_to_f32(t, v);
        if (i == 2)
            v[5] = NAN;
        assert_int_equal(rst_weights_add(bad, t->name, RST_WEIGHT_F32, t->rank, t->shape, v, &err),
                         0);
        free(v);
    }
    save(bad, "bad/alexnet-owt-7be5be79.pth");
    save(bad, "bad/resnet50-0676ba61.pth");
    save(w, "other/resnet50-0676ba61.pth");
    save(w, "half/resnet50-0676ba61.pth");
    tree_damage("half/resnet50-0676ba61.pth", 0.4);
    check_skipped("bad", RST_METRIC_LPIPS,
                  "alexnet-owt-7be5be79.pth: features.3.weight: element 5 "
                  "is not a finite number");
    check_skipped("bad", RST_METRIC_PHV, "is not a finite number");
    check_skipped("other", RST_METRIC_PHV, "conv1.weight");
    check_skipped("half", RST_METRIC_PHV, "half/resnet50-0676ba61.pth");
    check_skipped("half", RST_METRIC_LPIPS, "no alexnet-owt-7be5be79.pth in ");
    rst_weights_free(w);
    rst_weights_free(bad);
}

static void test_too_few(void **state)
{
    (void)state;
    rst_evaluation *e =
        evaluate("real/0.png", "fake/0.png",
                 (rst_evaluate_options){ .metrics = 1u << RST_METRIC_FID | 1u << RST_METRIC_KID });
    assert_non_null(strstr(rst_evaluation_metric(e, RST_METRIC_FID)->skipped, "two images"));
    assert_false(rst_evaluation_metric(e, RST_METRIC_KID)->done);
    assert_true(isnan(rst_evaluation_distances(e)->fid));
    assert_true(isnan(rst_evaluation_distances(e)->kid));
    rst_evaluation_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lpips),         cmocka_unit_test(test_phv),
        cmocka_unit_test(test_sets),          cmocka_unit_test(test_identical),
        cmocka_unit_test(test_kept_features), cmocka_unit_test(test_kept_features_count),
        cmocka_unit_test(test_cache_file),    cmocka_unit_test(test_bad_weights),
        cmocka_unit_test(test_too_few),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
