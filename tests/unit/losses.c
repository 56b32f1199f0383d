/* SPDX-License-Identifier: MIT */
/* The shared losses on inputs whose value is known in closed form (spec section 12). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "method/losses.h"

static rst_ctx *open_ref(void)
{
    rst_ctx *c;
    rst_error err = RST_ERROR_INIT;
    rst_ctx_options o = { .backend = "ref" };
    assert_int_equal(rst_ctx_new(&c, &o, &err), 0);
    rst_begin(c);
    return c;
}

static void close_ref(rst_ctx *c)
{
    rst_error err = RST_ERROR_INIT;
    if (rst_end(c, &err) < 0)
        fail_msg("%s", err.msg);
    rst_ctx_free(c);
}

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%.9g, not %.9g", got, want);
}

/* A difference of 0.1 everywhere is one of 0.1 on every level. */
static void test_pyramids(void **state)
{
    (void)state;
    static const double gauss[] = { 1 / 64., 1 / 32., 1 / 16., 1 / 8., 1 / 4., 1 };
    static const double scales[] = { 25, 25, 25, 25 };
    rst_ctx *c = open_ref();
    rst_dims s = { 1, 3, 64, 64 };
    rst_tensor *a = rst_full(c, s, 0.4), *b = rst_full(c, s, 0.3), *term[4];
    near(rst_item(rst__gauss_pyramid_loss(a, b, gauss, 10, false, NULL)), 0.247396, 1e-6);
    /* Equation 6 itself: 10 * 0.1 * (1/64 + ... + 1/4 + 1) */
    near(rst_item(rst__gauss_pyramid_loss(a, b, gauss, 10, true, NULL)), 1.484375, 1e-6);
    near(rst_item(rst__pyramid_loss(a, b, 4, scales, NULL)), 10, 1e-5);
    near(rst_item(rst__pyramid_loss(a, b, 2, scales, term)), 5, 1e-5);
    near(rst_item(term[1]), 2.5, 1e-5);
    near(rst_item(rst__l1_loss(a, b, 100)), 10, 1e-5);
    close_ref(c);
}

/* 256 equal vectors: every row is as good as any other. Orthonormal ones: the match stands alone.
 */
static void test_patchnce(void **state)
{
    (void)state;
    enum { P = 256 };
    static float unit[P * P];
    rst_ctx *c = open_ref();
    rst_tensor *same = rst_full(c, (rst_dims){ P, P, 1, 1 }, 1 / 16.);
    near(rst_item(rst_mean(rst__patchnce(same, same, 1, 0.07), RST_AXIS_ALL)), log(256), 1e-4);
    for (int i = 0; i < P; i++)
        unit[i * P + i] = 1;
    rst_tensor *q = rst_upload(c, (rst_dims){ P, P, 1, 1 }, RST_NCHW, unit);
    near(rst_item(rst_mean(rst__patchnce(q, q, 1, 0.07), RST_AXIS_ALL)), 1.5933e-4, 1e-7);
    close_ref(c);
}

/* The key gets no gradient, and the weights of the adaptive loss have mean 1. */
static void test_asp(void **state)
{
    (void)state;
    static const float q[] = { 1, 0, 0.6f, 0.8f, 0, 1 }, k[] = { 0.8f, 0.6f, 0.6f, 0.8f, 1, 0 };
    rst_asp_mode mode;
    assert_true(rst__asp_mode_parse("zero_linear", &mode));
    rst_ctx *c = open_ref();
    rst_dims s = { 3, 2, 1, 1 };
    rst_tensor *tq = rst_want_grad(rst_upload(c, s, RST_NCHW, q));
    rst_tensor *tk = rst_want_grad(rst_upload(c, s, RST_NCHW, k));
    rst_tensor *plain = rst__patchnce(tq, tk, 1, 0.07);
    rst_tensor *weighted = rst__asp_loss(tq, tk, 1, 0.07, mode, 0);
    float row[3], scaled[3];
    assert_int_equal(rst_download(plain, RST_NCHW, row), 0);
    assert_int_equal(rst_download(weighted, RST_NCHW, scaled), 0);
    /* Cosines 0.8, 1 and 0: weights in proportion to them that sum to 3. */
    near((double)scaled[0], (double)row[0] * 3 * 0.8 / 1.8, 1e-5);
    near((double)scaled[1], (double)row[1] * 3 / 1.8, 1e-5);
    near((double)scaled[2], 0, 1e-7);
    mode.plain = true; /* those of equation 5 */
    float equation[3];
    assert_int_equal(rst_download(rst__asp_loss(tq, tk, 1, 0.07, mode, 0.25), RST_NCHW, equation),
                     0);
    near((double)equation[0], (double)row[0] * (0.25 + 0.75 * 0.8), 1e-5);
    near((double)equation[1], (double)row[1], 1e-5);
    near((double)equation[2], (double)row[2] * 0.25, 1e-5);
    assert_int_equal(rst_backward(rst_sum(weighted, RST_AXIS_ALL)), 0);
    assert_non_null(rst_grad(tq));
    assert_null(rst_grad(tk));
    close_ref(c);
}

static void test_asp_schedule(void **state)
{
    (void)state;
    static const double from31[] = { 1, .9, .8, .7, .6, .5, .4, .3, .2, .1 };
    for (int epoch = 1; epoch <= 40; epoch++) {
        double want = epoch <= 31 ? 1 : from31[epoch - 31];
        near(rst__asp_constant_share(RST_ASP_LAMBDA, epoch, 30, 10), want, 1e-12);
        near(rst__asp_constant_share(RST_ASP_RISING_LINEAR, epoch, 30, 10), 1 - (epoch - 1) / 40.,
             1e-12);
        near(rst__asp_constant_share(RST_ASP_ZERO, epoch, 30, 10), 1, 0);
    }
    near(rst__asp_constant_share(RST_ASP_SIGMOID, 21, 30, 10), 0.5, 1e-12);
}

static void test_names(void **state)
{
    (void)state;
    rst_asp_mode mode;
    rst_gan_mode gan;
    assert_true(rst__asp_mode_parse("none", &mode) && mode.none);
    assert_true(rst__asp_mode_parse("lambda_linear", &mode) && !mode.none);
    assert_int_equal(mode.schedule, RST_ASP_LAMBDA);
    assert_int_equal(mode.lookup, RST_ASP_LINEAR);
    assert_false(rst__asp_mode_parse("lambda", &mode));
    assert_false(rst__asp_mode_parse("lambda_", &mode));
    assert_false(rst__asp_mode_parse("linear_linearly", &mode));
    assert_true(rst__gan_mode_parse("vanilla", &gan) && gan == RST_GAN_VANILLA);
    assert_false(rst__gan_mode_parse("hinge", &gan));
}

/* Logits of +-200 must neither overflow nor lose the loss. */
static void test_gan_extremes(void **state)
{
    (void)state;
    static const float v[] = { 200, -200 };
    rst_ctx *c = open_ref();
    rst_tensor *x = rst_upload(c, (rst_dims){ 1, 1, 1, 2 }, RST_NCHW, v);
    near(rst_item(rst__gan_loss(x, RST_GAN_VANILLA, true)), 100, 1e-4);
    near(rst_item(rst__gan_loss(x, RST_GAN_VANILLA, false)), 100, 1e-4);
    near(rst_item(rst__gan_loss(x, RST_GAN_LSGAN, true)), (199. * 199 + 201. * 201) / 2, 1e-2);
    near(rst_item(rst__gan_loss(x, RST_GAN_WGANGP, true)), 0, 1e-6);
    close_ref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pyramids), cmocka_unit_test(test_patchnce),
        cmocka_unit_test(test_asp),      cmocka_unit_test(test_asp_schedule),
        cmocka_unit_test(test_names),    cmocka_unit_test(test_gan_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
