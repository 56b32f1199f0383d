/* SPDX-License-Identifier: MIT */
/* Parameter counts, names and shapes of the published networks (spec 1.1, 1.4, 1.6, 2.1, 4.4, 5.4,
 * 14.4), from modules without a context. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <restain/nn.h>

static rst_module *build(const char *json)
{
    rst_error err = RST_ERROR_INIT;
    rst_arch a;
    rst_module *m = NULL;
    if (rst_arch_from_json(json, &a, &err) < 0 || rst_module_new(&m, NULL, &a, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
    return m;
}

static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int64_t params;
        int entries; /* 0: not told */
    } row[] = {
        { "{\"net\":\"resnet_6blocks\"}", 7837699, 0 },
        { "{\"net\":\"resnet_9blocks\"}", 11378179, 0 },
        { "{\"net\":\"resnet_4blocks\"}", 5477379, 0 },
        { "{\"net\":\"resnet_6blocks\",\"norm\":\"batch\"}", 7841411, 0 },
        { "{\"net\":\"resnet_9blocks\",\"norm\":\"batch\"}", 11383427, 0 },
        { "{\"net\":\"resnet_9blocks\",\"no_antialias\":true,\"no_antialias_up\":true}", 11378179,
          0 },
        { "{\"net\":\"resnet_6blocks\",\"weight_norm\":\"spectral\"}", 7837699, 76 },
        { "{\"net\":\"resnet_6blocks\",\"stem_k\":3}", 7830019, 0 },
        { "{\"net\":\"unet_256\"}", 54413955, 0 },
        { "{\"net\":\"unet_128\"}", 41828995, 0 },
        { "{\"net\":\"basic\"}", 2764737, 0 },
        { "{\"net\":\"basic\",\"input_nc\":6,\"norm\":\"batch\",\"no_antialias\":true}", 2768705,
          0 },
        { "{\"net\":\"n_layers\",\"n_layers_D\":5}", 11154369, 0 },
        { "{\"net\":\"n_layers\",\"n_layers_D\":5,\"ndf\":32,\"weight_norm\":\"spectral\","
          "\"names\":\"asp\"}",
          2791905, 33 },
        { "{\"net\":\"mlp_sample\"}", 560384, 20 },
        { "{\"net\":\"ammfi_6blocks\"}", 8102749, 0 },
        { "{\"net\":\"ammfi\",\"channels\":128}", 151279, 0 },
        { "{\"net\":\"ammfi\",\"channels\":64}", 38315, 0 },
        { "{\"net\":\"rrdbnet_x4\"}", 16697987, 702 },
        { "{\"net\":\"rrdbnet_x2\"}", 16661059, 700 },
        { "{\"net\":\"stainnet\"}", 1283, 6 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        rst_module *m = build(row[i].json);
        if (rst_module_param_count(m) != row[i].params)
            fail_msg("%s: %lld parameters, want %lld", row[i].json,
                     (long long)rst_module_param_count(m), (long long)row[i].params);
        if (row[i].entries)
            assert_int_equal(rst_module_entries(m), row[i].entries);
        rst_module_free(m);
    }
}

/* A state_dict line: name and shape. */
static void expect(const rst_module *m, int i, const char *name, int rank, const int64_t *shape)
{
    rst_entry e;
    assert_true(rst_module_entry(m, i, &e));
    assert_string_equal(e.name, name);
    assert_int_equal(e.rank, rank);
    for (int k = 0; k < rank; k++)
        assert_int_equal(e.shape[k], shape[k]);
}

/* bias, weight_orig, weight_u, weight_v: the order of the old hook. Returns the next index. */
static int expect_spectral(const rst_module *m, int i, const char *stem, int co, int ci, int k)
{
    char name[80];
    int64_t c[1] = { co }, w[4] = { co, ci, k, k }, v[1] = { (int64_t)ci * k * k };
    (void)snprintf(name, sizeof name, "%s.bias", stem);
    expect(m, i++, name, 1, c);
    (void)snprintf(name, sizeof name, "%s.weight_orig", stem);
    expect(m, i++, name, 4, w);
    (void)snprintf(name, sizeof name, "%s.weight_u", stem);
    expect(m, i++, name, 1, c);
    (void)snprintf(name, sizeof name, "%s.weight_v", stem);
    expect(m, i++, name, 1, v);
    return i;
}

static int expect_filter(const rst_module *m, int i, const char *stem, int c, int side)
{
    char name[80];
    int64_t s[4] = { c, 1, side, side };
    (void)snprintf(name, sizeof name, "%s.filt", stem);
    expect(m, i, name, 4, s);
    return i + 1;
}

static void test_asp_generator(void **state)
{
    (void)state;
    rst_module *m = build("{\"net\":\"resnet_6blocks\",\"weight_norm\":\"spectral\"}");
    int i = expect_spectral(m, 0, "model.1", 64, 3, 7);
    i = expect_spectral(m, i, "model.4", 128, 64, 3);
    i = expect_filter(m, i, "model.7", 128, 3);
    i = expect_spectral(m, i, "model.8", 256, 128, 3);
    i = expect_filter(m, i, "model.11", 256, 3);
    for (int b = 12; b <= 17; b++)
        for (int k = 1; k <= 5; k += 4) {
            char stem[40];
            (void)snprintf(stem, sizeof stem, "model.%d.conv_block.%d", b, k);
            i = expect_spectral(m, i, stem, 256, 256, 3);
        }
    i = expect_filter(m, i, "model.18", 256, 4);
    i = expect_spectral(m, i, "model.19", 128, 256, 3);
    i = expect_filter(m, i, "model.22", 128, 4);
    i = expect_spectral(m, i, "model.23", 64, 128, 3);
    i = expect_spectral(m, i, "model.27", 3, 64, 7);
    assert_int_equal(i, rst_module_entries(m));
    rst_module_free(m);
}

static void test_asp_discriminator(void **state)
{
    (void)state;
    static const int width[] = { 3, 32, 64, 128, 256, 256, 256 };
    rst_module *m = build("{\"net\":\"n_layers\",\"n_layers_D\":5,\"ndf\":32,\"names\":\"asp\","
                          "\"weight_norm\":\"spectral\"}");
    int i = 0;
    for (int s = 0; s < 6; s++) {
        char stem[40];
        (void)snprintf(stem, sizeof stem, "enc.%d", s ? 4 * s - 1 : 0);
        i = expect_spectral(m, i, stem, width[s + 1], width[s], 4);
        (void)snprintf(stem, sizeof stem, "enc.%d", 4 * s + 2);
        if (s < 5)
            i = expect_filter(m, i, stem, width[s + 1], 3);
    }
    i = expect_spectral(m, i, "final_conv", 1, 256, 4);
    assert_int_equal(i, rst_module_entries(m));
    rst_module_free(m);
}

/* One name deep inside each of the others, where the published files have it. */
static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *json, *name;
    } row[] = {
        { "{\"net\":\"resnet_9blocks\",\"norm\":\"batch\",\"use_dropout\":true,"
          "\"no_antialias\":true,\"no_antialias_up\":true}",
          "model.18.conv_block.7.num_batches_tracked" },
        { "{\"net\":\"resnet_9blocks\",\"no_antialias\":true,\"no_antialias_up\":true}",
          "model.26.bias" },
        { "{\"net\":\"unet_256\"}", "model.model.1.model.3.model.3.model.3.model.3.model.3.model.3."
                                    "model.4.running_var" },
        { "{\"net\":\"unet_256\"}", "model.model.3.bias" },
        { "{\"net\":\"n_layers\",\"n_layers_D\":5,\"no_antialias\":true}", "model.17.weight" },
        { "{\"net\":\"n_layers\",\"n_layers_D\":5}", "model.22.weight" },
        { "{\"net\":\"pixel\"}", "net.5.bias" },
        { "{\"net\":\"ammfi_6blocks\"}", "ammfi1.cbam.SpatialGate.spatial.bn.running_mean" },
        { "{\"net\":\"rrdbnet_x4\"}", "RRDB_trunk.22.RDB3.conv5.bias" },
        { "{\"net\":\"resnet50\"}", "layer3.0.downsample.1.num_batches_tracked" },
        { "{\"net\":\"inception_fid\"}", "Mixed_7c.branch3x3dbl_3b.bn.running_var" },
        { "{\"net\":\"squeezenet\",\"names\":\"lpips\"}", "slice7.12.expand3x3.bias" },
        { "{\"net\":\"vgg16\"}", "features.28.weight" },
        { "{\"net\":\"alexnet\",\"names\":\"lpips\"}", "slice3.6.weight" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        rst_module *m = build(row[i].json);
        if (rst_module_find(m, row[i].name) < 0)
            fail_msg("%s has no %s", row[i].json, row[i].name);
        rst_module_free(m);
    }
}

static void test_stride_and_halo(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int stride, halo;
    } row[] = {
        { "{\"net\":\"resnet_6blocks\"}", 4, 69 },
        { "{\"net\":\"ammfi_6blocks\"}", 4, 82 },
        { "{\"net\":\"unet_128\"}", 128, 0 },
        { "{\"net\":\"stainnet\"}", 1, 0 },
        { "{\"net\":\"basic\",\"no_antialias\":true}", 1, 0 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        rst_module *m = build(row[i].json);
        assert_int_equal(rst_arch_stride(rst_module_arch(m)), row[i].stride);
        if (row[i].halo)
            assert_int_equal(rst_module_halo(m), row[i].halo);
        rst_module_free(m);
    }
}

static void test_json(void **state)
{
    (void)state;
    static const char *const net[] = { "resnet_9blocks", "ammfi_6blocks", "unet_128",
                                       "basic",          "pixel",         "mlp_sample",
                                       "rrdbnet_x2",     "stainnet",      "squeezenet",
                                       "resnet50",       "inception_kid", "attention_gate",
                                       "cbam_channel" };
    rst_error err = RST_ERROR_INIT;
    for (size_t i = 0; i < sizeof net / sizeof net[0]; i++) {
        rst_arch a, b;
        char text[1024], name[32];
        assert_int_equal(rst_arch_preset(net[i], &a, &err), 0);
        assert_string_equal(rst_arch_name(&a, name), net[i]);
        assert_int_equal(rst_arch_to_json(&a, text, sizeof text, &err), 0);
        if (rst_arch_from_json(text, &b, &err) < 0)
            fail_msg("%s: %s", text, err.msg);
        assert_int_equal(a.family, b.family);
        char again[1024];
        assert_int_equal(rst_arch_to_json(&b, again, sizeof again, &err), 0);
        assert_string_equal(text, again);
        assert_int_equal(rst_arch_to_json(&a, text, 8, &err), RST_EINVAL);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *json, *word;
    } row[] = {
        { "{\"net\":\"resnet_6block\"}", "resnet_6blocks" },
        { "{\"net\":\"resnet_6blocks\",\"ngff\":3}", "ngff" },
        { "{\"net\":\"resnet_6blocks\",\"ngf\":-3}", "ngf" },
        { "{\"net\":\"resnet_6blocks\",\"stem_k\":5}", "stem_k" },
        { "{\"net\":\"resnet_6blocks\",\"norm\":\"layer\"}", "norm" },
        { "{\"net\":\"unet_100\"}", "power of two" },
        { "{\"net\":\"unet_8\"}", "levels" },
        { "{\"net\":\"ammfi_6blocks\",\"ammfi_levels\":8}", "ammfi_levels" },
        { "{\"net\":\"alexnet\",\"widths\":[1,2]}", "widths" },
        { "{\"ngf\":64}", "names no net" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        rst_error err = RST_ERROR_INIT;
        rst_arch a;
        assert_int_equal(rst_arch_from_json(row[i].json, &a, &err), RST_EINVAL);
        if (!strstr(err.msg, row[i].word))
            fail_msg("%s: '%s' does not say '%s'", row[i].json, err.msg, row[i].word);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_asp_generator),
        cmocka_unit_test(test_asp_discriminator),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_stride_and_halo),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
