/* SPDX-License-Identifier: MIT */
/* LPIPS and PHV on networks with random weights: what must hold whatever the weights are. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <restain/metric.h>
#include <restain/nn.h>

#include "base/rng.h"
#include "metric/phv.h"

static rst_ctx *ctx;

static int open_ctx(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_ctx_options o = { .threads = 1 };
    return rst_ctx_new(&ctx, &o, &err);
}

static int close_ctx(void **state)
{
    (void)state;
    rst_ctx_free(ctx);
    return 0;
}

/* A published network's names with fresh weights. */
static rst_weights *fresh(const char *preset)
{
    rst_arch a;
    rst_module *m;
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = rst_weights_new();
    assert_int_equal(rst_arch_preset(preset, &a, &err), 0);
    assert_int_equal(rst_module_new(&m, ctx, &a, &err), 0);
    assert_int_equal(rst_module_init(m, RST_INIT_KAIMING, 1, false, 7, &err), 0);
    assert_int_equal(rst_module_store(m, w, "", &err), 0);
    rst_module_free(m);
    return w;
}

static rst_weights *heads(void)
{
    static const int64_t width[] = { 64, 128, 256, 384, 384, 512, 512 };
    float v[512];
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = rst_weights_new();
    for (int i = 0; i < 512; i++)
        v[i] = 0.01f;
    for (int i = 0; i < 7; i++) {
        char name[64];
        int64_t shape[4] = { 1, width[i], 1, 1 };
        (void)snprintf(name, sizeof name, "lin%d.model.1.weight", i);
        assert_int_equal(rst_weights_add(w, name, RST_WEIGHT_F32, 4, shape, v, &err), 0);
    }
    return w;
}

static rst_image noise(int64_t width, int64_t height, uint64_t seed)
{
    rst_image img = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    rst_rng r = rst__rng(seed, "pixels");
    assert_int_equal(rst_image_new(&img, width, height, 3, &err), 0);
    for (int64_t i = 0; i < 3 * width * height; i++)
        img.px[i] = (uint8_t)rst__rng_below(&r, 256);
    return img;
}

static void test_lpips(void **state)
{
    (void)state;
    rst_lpips *l;
    rst_error err = RST_ERROR_INIT;
    rst_weights *net = fresh("squeezenet"), *lin = heads();
    assert_int_equal(rst_lpips_new(&l, ctx, RST_LPIPS_SQUEEZE, net, lin, &err), 0);
    rst_image a = noise(48, 40, 1), b = noise(48, 40, 2), c = noise(40, 40, 3);
    double same = -1, ab = -1, ba = -1;
    assert_int_equal(rst_lpips_distance(l, &a, &a, &same, &err), 0);
    assert_int_equal(rst_lpips_distance(l, &a, &b, &ab, &err), 0);
    assert_int_equal(rst_lpips_distance(l, &b, &a, &ba, &err), 0);
    assert_true(same == 0);
    assert_true(ab > 0.001);
    assert_true(fabs(ab - ba) < 1e-6 * ab);

    double untouched = 5;
    assert_int_equal(rst_lpips_distance(l, &a, &c, &untouched, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "48x40"));
    a.channels = 1;
    assert_int_equal(rst_lpips_distance(l, &a, &b, &untouched, &err), RST_EINVAL);
    a.channels = 3;
    assert_true(untouched == 5);
    rst_image_free(&a);
    rst_image_free(&b);
    rst_image_free(&c);
    rst_lpips_free(l);
    rst_weights_free(net);
    rst_weights_free(lin);
}

static void test_lpips_weights(void **state)
{
    (void)state;
    rst_lpips *l = NULL;
    rst_error err = RST_ERROR_INIT;
    rst_weights *net = fresh("squeezenet"), *lin = heads(), *none = rst_weights_new();
    assert_int_equal(rst_lpips_new(&l, ctx, RST_LPIPS_SQUEEZE, net, none, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "lin0.model.1.weight"));
    assert_int_equal(rst_lpips_new(&l, ctx, RST_LPIPS_SQUEEZE, lin, lin, &err), RST_EFORMAT);
    assert_int_equal(rst_lpips_new(&l, ctx, RST_LPIPS_ALEX, net, lin, &err), RST_EFORMAT);
    assert_null(l);
    rst_lpips_free(NULL);
    rst_weights_free(net);
    rst_weights_free(lin);
    rst_weights_free(none);
}

static void test_phv(void **state)
{
    (void)state;
    rst_phv *p;
    rst_error err = RST_ERROR_INIT;
    rst_weights *net = fresh("resnet50");
    assert_int_equal(rst_phv_new(&p, ctx, net, RST_PHV_ASP, &err), 0);
    rst_image a = noise(40, 36, 1), b = noise(40, 36, 2), c = noise(36, 36, 3);
    double v[RST_PHV_LAYERS] = { 9, 9, 9, 9 };
    assert_int_equal(rst_phv_compare(p, &a, &c, v, &err), RST_EINVAL);
    assert_true(v[0] == 9);
    assert_int_equal(rst_phv_compare(p, &a, &a, v, &err), 0);
    for (int i = 0; i < RST_PHV_LAYERS; i++)
        assert_true(v[i] == 0);
    assert_int_equal(rst_phv_compare(p, &a, &b, v, &err), 0);
    for (int i = 0; i < RST_PHV_LAYERS; i++)
        assert_true(v[i] > 0 && v[i] <= 1);
    rst_image_free(&a);
    rst_image_free(&b);
    rst_image_free(&c);
    rst_phv_free(p);
    rst_phv_free(NULL);
    rst_weights_free(net);
}

static void test_share(void **state)
{
    (void)state;
    static const float a[] = { 0, 1, 2, 3 }, b[] = { 0, 1.02f, 1.995f, 2 };
    assert_true(rst__phv_share(a, b, 4, 0.01) == 0.5);
    assert_true(rst__phv_share(a, a, 4, 0.01) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lpips),
        cmocka_unit_test(test_lpips_weights),
        cmocka_unit_test(test_phv),
        cmocka_unit_test(test_share),
    };
    return cmocka_run_group_tests(tests, open_ctx, close_ctx);
}
