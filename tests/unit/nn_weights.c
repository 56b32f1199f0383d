/* SPDX-License-Identifier: MIT */
/* Weights in and out of modules, recognising networks, and running out of memory on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <restain/nn.h>

#include "base/alloc.h"

static rst_ctx *ctx;

/* Small networks of every family whose weights tell what they are. */
static const char *const zoo[] = {
    "{\"net\":\"resnet_6blocks\",\"ngf\":2,\"weight_norm\":\"spectral\"}",
    "{\"net\":\"resnet_4blocks\",\"ngf\":2,\"norm\":\"batch\",\"n_downsampling\":3}",
    "{\"net\":\"resnet_9blocks\",\"ngf\":2,\"norm\":\"none\",\"input_nc\":1}",
    "{\"net\":\"resnet_9blocks\",\"ngf\":2,\"norm\":\"batch\",\"use_dropout\":true,"
    "\"no_antialias\":true,\"no_antialias_up\":true}",
    "{\"net\":\"resnet_5blocks\",\"ngf\":2,\"no_antialias_up\":true,\"stem_k\":3}",
    "{\"net\":\"resnet_5blocks\",\"ngf\":2,\"no_antialias\":true,\"output_nc\":4}",
    "{\"net\":\"ammfi_6blocks\",\"ngf\":32}",
    "{\"net\":\"ammfi_6blocks\",\"ngf\":4,\"ammfi_levels\":7,\"weight_norm\":\"none\"}",
    "{\"net\":\"ammfi_3blocks\",\"ngf\":8,\"ammfi_levels\":4,\"reduction\":4}",
    "{\"net\":\"unet_128\",\"ngf\":2}",
    "{\"net\":\"unet_32\",\"ngf\":2,\"norm\":\"instance\",\"output_nc\":1}",
    "{\"net\":\"basic\",\"ndf\":2,\"input_nc\":6,\"norm\":\"batch\",\"no_antialias\":true}",
    "{\"net\":\"n_layers\",\"n_layers_D\":5,\"ndf\":2}",
    "{\"net\":\"n_layers\",\"n_layers_D\":5,\"ndf\":2,\"names\":\"asp\",\"weight_norm\":"
    "\"spectral\"}",
    "{\"net\":\"n_layers\",\"n_layers_D\":2,\"ndf\":2,\"names\":\"asp\",\"no_antialias\":true}",
    "{\"net\":\"pixel\",\"ndf\":2}",
    "{\"net\":\"mlp_sample\",\"netF_nc\":4,\"widths\":[3,5,7]}",
    "{\"net\":\"rrdbnet_x4\",\"nf\":4,\"nb\":2,\"gc\":2}",
    "{\"net\":\"rrdbnet_x2\",\"nf\":4,\"nb\":1,\"gc\":3}",
    "{\"net\":\"stainnet\",\"nf\":8}",
    "{\"net\":\"alexnet\",\"widths\":[2,3,4,5,6]}",
    "{\"net\":\"vgg16\",\"widths\":[2,3,4,5,6],\"names\":\"lpips\"}",
    "{\"net\":\"squeezenet\",\"widths\":[2,4,6,8,10,12,14],\"squeeze\":[1,2,3,1,2,3,1,2]}",
    "{\"net\":\"resnet50\",\"nf\":2}",
    "{\"net\":\"ammfi\",\"channels\":32}",
    "{\"net\":\"attention_gate\",\"in_channels\":6,\"gating_channels\":5,\"inter_channels\":2,"
    "\"sub_sample_factor\":2}",
    "{\"net\":\"cbam\",\"channels\":32}",
    "{\"net\":\"cbam_channel\",\"channels\":32,\"reduction\":8}",
    "{\"net\":\"cbam_spatial\",\"channels\":1}",
};
enum { ZOO = sizeof zoo / sizeof zoo[0] };

static rst_module *build(const char *json, rst_ctx *c)
{
    rst_error err = RST_ERROR_INIT;
    rst_arch a;
    rst_module *m = NULL;
    if (rst_arch_from_json(json, &a, &err) < 0 || rst_module_new(&m, c, &a, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
    return m;
}

static rst_weights *weights_of(const rst_module *m, const char *prefix)
{
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = rst_weights_new();
    assert_non_null(w);
    if (rst_module_store(m, w, prefix, &err) < 0)
        fail_msg("%s", err.msg);
    return w;
}

static rst_module *drawn(const char *json, uint64_t seed)
{
    rst_error err = RST_ERROR_INIT;
    rst_module *m = build(json, ctx);
    if (rst_module_init(m, RST_INIT_XAVIER, 0.5, true, seed, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
    return m;
}

static bool same_weights(const rst_weights *a, const rst_weights *b)
{
    bool same = rst_weights_count(a) == rst_weights_count(b);
    for (int64_t i = 0; same && i < rst_weights_count(a); i++) {
        const rst_weight *x = rst_weights_get(a, i), *y = rst_weights_get(b, i);
        same = strcmp(x->name, y->name) == 0 && x->bytes == y->bytes &&
               memcmp(x->data, y->data, x->bytes) == 0;
    }
    return same;
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < ZOO; i++) {
        rst_error err = RST_ERROR_INIT;
        rst_module *a = drawn(zoo[i], 7), *b = drawn(zoo[i], 8);
        rst_weights *wa = weights_of(a, "net."), *wb = weights_of(b, "net.");
        assert_false(same_weights(wa, wb));
        if (rst_module_load(b, wa, "net.", 0, &err) < 0)
            fail_msg("%s: %s", zoo[i], err.msg);
        rst_weights_free(wb);
        wb = weights_of(b, "net.");
        if (!same_weights(wa, wb))
            fail_msg("%s: does not come back as it was stored", zoo[i]);
        rst_weights_free(wa);
        rst_weights_free(wb);
        rst_module_free(a);
        rst_module_free(b);
    }
}

static void test_recognise(void **state)
{
    (void)state;
    for (int i = 0; i < ZOO; i++) {
        rst_error err = RST_ERROR_INIT;
        rst_module *m = drawn(zoo[i], 7);
        rst_weights *w = weights_of(m, "");
        rst_arch a;
        char note[200], want[1024], got[1024];
        if (rst_arch_recognise(w, &a, note, sizeof note, &err) < 0)
            fail_msg("%s: %s", zoo[i], err.msg);
        rst_arch asked = *rst_module_arch(m);
        if (asked.family == RST_NET_UNET) {
            assert_non_null(strstr(note, "dropout"));
        } else if (asked.family == RST_NET_SAMPLER) {
            assert_non_null(strstr(note, "l2norm"));
        } else {
            assert_string_equal(note, "");
        }
        assert_int_equal(rst_arch_to_json(&asked, want, sizeof want, &err), 0);
        assert_int_equal(rst_arch_to_json(&a, got, sizeof got, &err), 0);
        /* With one hidden channel the reduction cannot be told from its default. */
        if (!strstr(want, "\"ammfi_levels\":7"))
            assert_string_equal(got, want);
        rst_weights_free(w);
        rst_module_free(m);
    }
}

/* A copy of w without one tensor, or with another shape or name for it. */
static rst_weights *spoil(const rst_weights *w, const char *name, const char *rename, bool reshape)
{
    rst_error err = RST_ERROR_INIT;
    rst_weights *out = rst_weights_new();
    for (int64_t i = 0; i < rst_weights_count(w); i++) {
        const rst_weight *t = rst_weights_get(w, i);
        bool it = strcmp(t->name, name) == 0;
        if (it && !rename && !reshape)
            continue;
        int64_t shape[RST_WEIGHT_RANK];
        memcpy(shape, t->shape, sizeof shape);
        if (it && reshape) {
            shape[0] *= shape[1];
            shape[1] = 1;
        }
        assert_int_equal(rst_weights_add(out, it && rename ? rename : t->name, t->type, t->rank,
                                         shape, t->data, &err),
                         0);
    }
    return out;
}

static void refuse(const char *json, const rst_weights *w, unsigned flags, const char *word)
{
    rst_error err = RST_ERROR_INIT;
    rst_module *m = drawn(json, 9);
    rst_weights *before = weights_of(m, "");
    assert_int_equal(rst_module_load(m, w, "", flags, &err), RST_EFORMAT);
    if (!strstr(err.msg, word))
        fail_msg("'%s' does not say '%s'", err.msg, word);
    rst_weights *after = weights_of(m, "");
    assert_true(same_weights(before, after)); /* nothing was changed */
    rst_weights_free(before);
    rst_weights_free(after);
    rst_module_free(m);
}

static void test_refusals(void **state)
{
    (void)state;
    const char *json = "{\"net\":\"resnet_6blocks\",\"ngf\":2}";
    rst_module *m = drawn(json, 7);
    rst_weights *w = weights_of(m, ""), *bad;
    rst_error err = RST_ERROR_INIT;

    bad = spoil(w, "model.27.bias", NULL, false);
    refuse(json, bad, 0, "model.27.bias: missing");
    assert_int_equal(rst_module_load(m, bad, "", RST_LOAD_PARTIAL, &err), 0);
    rst_weights_free(bad);

    bad = spoil(w, "model.27.bias", "model.27.bios", false);
    refuse(json, bad, RST_LOAD_PARTIAL, "model.27.bios: the network has no such tensor");
    assert_int_equal(rst_module_load(m, bad, "", RST_LOAD_PARTIAL | RST_LOAD_EXTRA, &err), 0);
    rst_weights_free(bad);

    bad = spoil(w, "model.4.weight", NULL, true);
    refuse(json, bad, 0, "model.4.weight: is 8x1x3x3, the network has 4x2x3x3");
    rst_weights_free(bad);

    rst_weights_free(w);
    rst_module_free(m);
}

static void test_foreign_filter(void **state)
{
    (void)state;
    const char *json = "{\"net\":\"resnet_6blocks\",\"ngf\":2}";
    rst_module *m = drawn(json, 7);
    rst_weights *w = weights_of(m, "");
    rst_weights *bad = spoil(w, "model.7.filt", NULL, false);
    rst_error err = RST_ERROR_INIT;
    const int64_t shape[4] = { 4, 1, 3, 3 };
    float box[36];
    for (int i = 0; i < 36; i++)
        box[i] = 1.0f / 9;
    assert_int_equal(rst_weights_add(bad, "model.7.filt", RST_WEIGHT_F32, 4, shape, box, &err), 0);
    refuse(json, bad, 0, "model.7.filt: not the binomial filter");
    rst_weights_free(bad);
    rst_weights_free(w);
    rst_module_free(m);
}

static void test_old_statistics(void **state)
{
    (void)state;
    rst_module *m = drawn("{\"net\":\"resnet_6blocks\",\"ngf\":2}", 7);
    rst_weights *w = weights_of(m, "");
    rst_error err = RST_ERROR_INIT;
    const float v[2] = { 0, 0 };
    const int64_t shape[1] = { 2 };
    char note[64];
    rst_arch a;
    assert_int_equal(rst_weights_add(w, "model.2.running_mean", RST_WEIGHT_F32, 1, shape, v, &err),
                     0);
    assert_int_equal(rst_module_load(m, w, "", 0, &err), 0);
    assert_int_equal(rst_arch_recognise(w, &a, note, sizeof note, &err), 0);
    assert_int_equal(a.norm, RST_NORM_INSTANCE);
    assert_int_equal(rst_weights_add(w, "model.3.running_mean", RST_WEIGHT_F32, 1, shape, v, &err),
                     0);
    assert_int_equal(rst_module_load(m, w, "", 0, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "model.3.running_mean"));
    rst_weights_free(w);
    rst_module_free(m);
}

/* The same tensors under the names of another publication. */
static void other_names(const char *json, const char *const pair[][2], int pairs)
{
    rst_error err = RST_ERROR_INIT;
    rst_module *a = drawn(json, 7), *b = drawn(json, 8);
    rst_weights *w = weights_of(a, ""), *x = w;
    for (int i = 0; i < pairs; i++) {
        rst_weights *y = spoil(x, pair[i][0], pair[i][1], false);
        if (x != w)
            rst_weights_free(x);
        x = y;
    }
    assert_null(rst_weights_find(x, pair[0][0]));
    if (rst_module_load(b, x, "", 0, &err) < 0)
        fail_msg("%s", err.msg);
    rst_weights *back = weights_of(b, "");
    assert_true(same_weights(w, back));
    rst_weights_free(back);
    rst_weights_free(x);
    rst_weights_free(w);
    rst_module_free(a);
    rst_module_free(b);
}

static void test_other_names(void **state)
{
    (void)state;
    static const char *const esrgan[][2] = {
        { "RRDB_trunk.0.RDB2.conv3.weight", "body.0.rdb2.conv3.weight" },
        { "trunk_conv.bias", "conv_body.bias" },
        { "upconv1.weight", "conv_up1.weight" },
        { "HRconv.weight", "conv_hr.weight" },
    };
    static const char *const lpips[][2] = {
        { "features.0.weight", "net.slice1.0.weight" },
        { "features.8.bias", "slice4.8.bias" },
    };
    other_names("{\"net\":\"rrdbnet_x2\",\"nf\":4,\"nb\":1,\"gc\":3}", esrgan, 4);
    other_names("{\"net\":\"alexnet\",\"widths\":[2,3,4,5,6]}", lpips, 2);
}

static void test_unknown(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = rst_weights_new();
    rst_arch a;
    const int64_t shape[1] = { 1 };
    const float v = 0;
    assert_int_equal(rst_arch_recognise(w, &a, NULL, 0, &err), RST_EFORMAT);
    assert_int_equal(rst_weights_add(w, "what.is.this", RST_WEIGHT_F32, 1, shape, &v, &err), 0);
    assert_int_equal(rst_arch_recognise(w, &a, NULL, 0, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "what.is.this"));
    rst_weights_free(w);

    rst_module *m = drawn("{\"net\":\"resnet_6blocks\",\"ngf\":2}", 7);
    w = weights_of(m, "");
    rst_weights *bad = spoil(w, "model.19.weight", "model.99.weight", false);
    assert_int_equal(rst_arch_recognise(bad, &a, NULL, 0, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "resnet_6blocks"));
    assert_non_null(strstr(err.msg, "model.19.weight"));
    rst_weights_free(bad);
    rst_weights_free(w);
    rst_module_free(m);
}

/* The n-th allocation fails: a clean error, nothing kept. */
static void test_no_memory(void **state)
{
    (void)state;
    static const int some[] = { 0, 6, 9, 13, 16, 17, 22 };
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        rst_error err = RST_ERROR_INIT;
        rst_arch a;
        assert_int_equal(rst_arch_from_json(zoo[some[i]], &a, &err), 0);
        int rc = RST_ENOMEM;
        for (long n = 0; rc != 0; n++) {
            rst_module *m = NULL;
            long live = rst__alloc_live();
            rst__alloc_fail_after(n);
            rc = rst_module_new(&m, NULL, &a, &err);
            rst__alloc_fail_after(-1);
            if (rc != 0) {
                assert_int_equal(rc, RST_ENOMEM);
                assert_null(m);
                assert_int_equal(rst__alloc_live(), live);
            }
            rst_module_free(m);
            assert_int_equal(rst__alloc_live(), live);
        }
    }
}

static int setup(void **state)
{
    (void)state;
    return rst_ctx_new(&ctx, &(rst_ctx_options){ .backend = "ref" }, NULL);
}

static int teardown(void **state)
{
    (void)state;
    rst_ctx_free(ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_recognise),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_foreign_filter),
        cmocka_unit_test(test_old_statistics), cmocka_unit_test(test_other_names),
        cmocka_unit_test(test_unknown),        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
