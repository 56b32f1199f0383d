/* SPDX-License-Identifier: MIT */
/* Frozen statistics make a network a local filter, and the reach computed from its plan is enough:
 * two windows on different grids give the same bits where their cores overlap, in both convolution
 * modes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <restain/nn.h>

#include "plan/reach.h"

static int forward(void *arg, rst_tensor *x, rst_tensor **out, int max)
{
    (void)max;
    out[0] = rst_module_forward(arg, x);
    return 1;
}

/* A large picture, the same for every window. */
static float pixel(int64_t c, int64_t y, int64_t x)
{
    uint32_t h = (uint32_t)(c * 7919 + y * 104729 + x * 1299709);
    h = (h ^ (h >> 15)) * 2246822519u;
    h = (h ^ (h >> 13)) * 3266489917u;
    return (float)(h >> 8) / (1 << 23) - 1;
}

/* The network on the window at (y0, x0) of the picture; side x side x 3, owned. */
static float *window(rst_ctx *c, rst_plan *p, int64_t y0, int64_t x0, int64_t side)
{
    float *v = malloc((size_t)(3 * side * side) * sizeof *v);
    for (int64_t k = 0, i = 0; k < 3; k++)
        for (int64_t y = 0; y < side; y++)
            for (int64_t x = 0; x < side; x++, i++)
                v[i] = pixel(k, y0 + y, x0 + x);
    rst_begin_nograd(c);
    rst_tensor *y[1] = { NULL };
    rst__plan_run(p, rst_upload(c, (rst_dims){ 1, 3, side, side }, RST_NCHW, v), y);
    rst_download(y[0], RST_NCHW, v);
    rst_error err = RST_ERROR_INIT;
    if (rst_end(c, &err) < 0)
        fail_msg("%s", err.msg);
    return v;
}

/* How many of the cores' common pixels differ between windows at 0 and at (dy, dx). */
static int64_t differing(const float *a, const float *b, int64_t side, int64_t halo, int64_t dy,
                         int64_t dx)
{
    int64_t n = 0;
    for (int64_t k = 0; k < 3; k++)
        for (int64_t y = dy + halo; y < side - halo; y++)
            for (int64_t x = dx + halo; x < side - halo; x++)
                n += memcmp(&a[(k * side + y) * side + x], &b[(k * side + y - dy) * side + x - dx],
                            sizeof *a) != 0;
    return n;
}

static void check(const char *options, rst_conv_mode mode)
{
    rst_ctx *c = NULL;
    rst_arch a;
    rst_module *m = NULL;
    rst_plan *p = NULL;
    rst_reach r;
    rst_error err = RST_ERROR_INIT;
    const rst_ctx_options o = { .conv = mode, .threads = 2 };
    if (rst_ctx_new(&c, &o, &err) < 0 || rst_arch_from_json(options, &a, &err) < 0 ||
        rst_module_new(&m, c, &a, &err) < 0 ||
        rst_module_init(m, RST_INIT_XAVIER, 1, true, 1, &err) < 0)
        fail_msg("%s", err.msg);
    rst_module_inference(m);

    /* on tile statistics the network sees everything */
    assert_int_equal(rst__plan_new(&p, c, (rst_dims){ 1, 3, 64, 64 }, forward, m, &err), 0);
    assert_int_equal(rst__plan_reach(p, &r, &err), RST_EINVAL);
    rst__plan_free(p);

    assert_int_equal(rst_module_set_stats(m, RST_STATS_GATHER, &err), 0);
    for (int k = 0; k < 2; k++) {
        float v[3 * 64 * 64];
        for (int i = 0; i < 3 * 64 * 64; i++)
            v[i] = pixel(k, i, 0);
        rst_begin_nograd(c);
        rst_module_forward(m, rst_upload(c, (rst_dims){ 1, 3, 64, 64 }, RST_NCHW, v));
        assert_int_equal(rst_end(c, &err), 0);
    }
    if (rst_module_set_stats(m, RST_STATS_FROZEN, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(rst__plan_new(&p, c, (rst_dims){ 1, 3, 64, 64 }, forward, m, &err), 0);
    if (rst__plan_reach(p, &r, &err) < 0)
        fail_msg("%s", err.msg);
    rst__plan_free(p);
    print_message("halo %d, align %d, exact %d\n", (int)r.halo, (int)r.align, (int)r.exact);
    /* the receptive field of the layers, up to whole pixels of the deepest level */
    assert_in_range(r.exact, rst_module_halo(m) - 4, rst_module_halo(m) + 4);
    assert_true(r.halo >= r.exact && r.halo % r.align == 0);

    int64_t side = 2 * r.halo + 4 * r.align, dy = r.align, dx = 2 * r.align;
    side += (16 - side % 16) % 16;
    assert_int_equal(rst__plan_new(&p, c, (rst_dims){ 1, 3, side, side }, forward, m, &err), 0);
    float *one = window(c, p, 0, 0, side), *two = window(c, p, dy, dx, side);
    assert_int_equal(differing(one, two, side, r.halo, dy, dx), 0);
    float *off = window(c, p, 2, 0, side); /* off the grid: other arithmetic, other bits */
    assert_true(differing(one, off, side, r.halo, 2, 0) > 0);
    free(one);
    free(two);
    free(off);
    rst__plan_free(p);
    rst_module_free(m);
    rst_ctx_free(c);
}

static const char blocks[] =
    "{\"net\": \"resnet_2blocks\", \"ngf\": 8, \"weight_norm\": \"spectral\"}";
static const char paper[] = "{\"net\": \"ammfi_2blocks\", \"ngf\": 8}";

static void direct(void **state)
{
    (void)state;
    check(blocks, RST_CONV_DIRECT);
    check(paper, RST_CONV_DIRECT);
}

static void winograd(void **state)
{
    (void)state;
    check(blocks, RST_CONV_WINOGRAD);
    check(paper, RST_CONV_WINOGRAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct),
        cmocka_unit_test(winograd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
