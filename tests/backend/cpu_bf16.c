/* SPDX-License-Identifier: MIT */
/*
 * Winograd's products in bf16. That they are the products they should be: against sums in double of
 * what the fp32 kernels transform and this file rounds. What that costs: against fp32's result.
 * What it must not touch: threads, packing, a pixel's surroundings, gradients. And what refuses it.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/cpu/conv.h"
#include "backend/cpu/conv_parts.h"
#include "base/alloc.h"

static const double u16 = 0x1p-8, u32 = 0x1p-24; /* what rounding to bf16 and to float is off by */

static uint64_t seed = 1;

/* About normal, mean 0, variance 1. */
static float gauss(void)
{
    float s = 0;
    for (int i = 0; i < 6; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        s += (float)(seed >> 49 & 0x7fff) / 32768.0f - 0.5f;
    }
    return s * 1.41421356f;
}

static float *noise(int64_t n)
{
    float *p = rst__malloc_aligned((size_t)n * sizeof *p);
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++)
        p[i] = gauss();
    return p;
}

static rst_cpu_dev device(rst_precision precision, int threads)
{
    rst_error err = RST_ERROR_INIT;
    rst_cpu_dev dev = {
        .base = { .threads = threads, .conv = RST_CONV_WINOGRAD, .precision = precision }
    };
    if (rst__isa_choose(&dev.isa, &err) < 0)
        fail_msg("%s", err.msg);
    return dev;
}

static rst_conv layer(int64_t ci, int64_t co, int64_t h, int64_t w)
{
    return (rst_conv){ .x = { 1, ci, h, w },
                       .co = co,
                       .oh = h,
                       .ow = w,
                       .kh = 3,
                       .kw = 3,
                       .sh = 1,
                       .sw = 1,
                       .pad = { 1, 1, 1, 1 },
                       .mode = RST_PAD_ZERO,
                       .groups = 1 };
}

static void forward(rst_precision precision, int threads, bool packed, const rst_conv *g,
                    const float *x, const float *w, float *y)
{
    rst_cpu_dev dev = device(precision, threads);
    rst_packed *pk = NULL;
    if (packed)
        assert_int_equal(rst__cpu_conv_pack(&dev.base, g, false, w, &pk), 0);
    assert_int_equal(rst__cpu_conv_fwd(&dev.base, g, x, w, pk, NULL, y), 0);
    rst__cpu_packed_free(&dev.base, pk);
    rst__cpu_scratch_free(&dev);
}

/* The nearest bf16, ties to even. */
static double rounded(float v)
{
    uint32_t b;
    memcpy(&b, &v, sizeof b);
    b = (b + 0x7fff + (b >> 16 & 1)) & 0xffff0000u;
    memcpy(&v, &b, sizeof b);
    return (double)v;
}

/* One tile: a picture of 4 x 4. m[xi][k], from V and U as fp32 has them. */
static void tile_products(const rst_cpu_dev *dev, const rst_conv *g, const float *x, const float *w,
                          float *m, int64_t mplane)
{
    const int64_t c = g->x.c, k = g->co, nr = dev->isa->nr, panels = rst__panels(dev->isa, k);
    const int64_t plane = (c + 15) / 16 * 16;
    const float *d[36];
    float *zeros = rst__malloc_aligned((size_t)plane * sizeof *zeros);
    float *v = rst__malloc_aligned((size_t)(36 * plane) * sizeof *v);
    float *u = rst__malloc_aligned(rst__wino_packed_bytes(dev, g, false));
    assert_true(zeros && v && u);
    memset(zeros, 0, (size_t)plane * sizeof *zeros);
    for (int i = 0; i < 36; i++) {
        const int y = i / 6 - 1, z = i % 6 - 1;
        d[i] = y < 0 || y > 3 || z < 0 || z > 3 ? zeros : x + (4 * y + z) * c;
    }
    dev->isa->wino_in(d, c, v, plane);
    rst__wino_pack(dev, g, false, w, u);
    for (int xi = 0; xi < 36; xi++)
        for (int64_t j = 0; j < k; j++) {
            const float *b = u + ((xi * panels + j / nr) * c) * nr + j % nr;
            double sum = 0;
            for (int64_t i = 0; i < c; i++)
                sum += rounded(v[xi * plane + i]) * rounded(b[i * nr]);
            m[xi * mplane + j] = (float)sum;
        }
    rst__free(zeros), rst__free(v), rst__free(u);
}

/* The sums differ by their rounding alone: u32 for each of c/2 words and again for each step of the
 * transform, whose largest row (1 + 2 p^3 + 2 q^3, p = 5/8, q = 3/2) magnifies it by 8.3 a side. */
static void check_products(int64_t c, int64_t k)
{
    const rst_conv g = layer(c, k, 4, 4);
    const rst_cpu_dev dev = device(RST_PRECISION_FP32, 1);
    const int64_t plane = rst__panels(dev.isa, k) * dev.isa->nr;
    float *x = noise(16 * c), *w = noise(9 * c * k), *y = noise(16 * k), *want = noise(16 * k);
    float *m = noise(36 * plane), *pixel[16];
    double rms = 0;
    tile_products(&dev, &g, x, w, m, plane);
    for (int i = 0; i < 16; i++)
        pixel[i] = want + i * k;
    dev.isa->wino_out(m, plane, k, false, false, NULL, pixel);
    forward(RST_PRECISION_BF16, 1, true, &g, x, w, y);
    for (int64_t i = 0; i < 16 * k; i++)
        rms += (double)want[i] * want[i] / (double)(16 * k);
    const double bound = 8.3 * 8.3 * u32 * sqrt((double)c + 16) * sqrt(rms);
    for (int64_t i = 0; i < 16 * k; i++)
        if (!(fabs((double)y[i] - want[i]) <= bound))
            fail_msg("%d -> %d channels, value %d: %g where %g is due (bound %g)", (int)c, (int)k,
                     (int)i, (double)y[i], (double)want[i], bound);
    rst__free(x), rst__free(w), rst__free(y), rst__free(want), rst__free(m);
}

static void products(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = { { 1, 1 },   { 2, 5 },   { 3, 16 },   { 16, 17 },
                                        { 17, 32 }, { 33, 33 }, { 64, 128 }, { 600, 70 } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check_products(sizes[i][0], sizes[i][1]);
}

/* A factor is off by u16/sqrt(3) of itself in the mean square where mantissas are near 1, by half
 * of that near 2, and a product by sqrt(2) times as much. Errors are as independent as the products
 * of white noise, so a sum is off by that share of itself however long it is: sqrt(k) of a product.
 * On the way out they grow by gamma: for output r of one axis the sum over i of (A_ir |G_i|
 * |B_i|)^2, by 3, is 8.18, 2.27, 2.13, 6.54; two axes make the mean of these, squared, of a
 * variance. */
static void error(void **state)
{
    (void)state;
    static const double gamma = (8.18 + 2.27 + 2.13 + 6.54) / 4;
    for (int64_t c = 16; c <= 256; c *= 4) {
        const rst_conv g = layer(c, 48, 21, 30);
        const int64_t n = g.oh * g.ow * g.co;
        float *x = noise(g.oh * g.ow * c), *w = noise(9 * c * g.co), *y = noise(n), *z = noise(n);
        double e = 0, s = 0;
        forward(RST_PRECISION_FP32, 2, true, &g, x, w, y);
        forward(RST_PRECISION_BF16, 2, true, &g, x, w, z);
        for (int64_t i = 0; i < n; i++) {
            e += ((double)z[i] - y[i]) * ((double)z[i] - y[i]);
            s += (double)y[i] * y[i];
        }
        print_message("%d channels: off by %.2g of the rms\n", (int)c, sqrt(e / s));
        assert_true(sqrt(e / s) < gamma * sqrt(2.0 / 3) * u16);
        assert_true(sqrt(e / s) > gamma * sqrt(2.0 / 3) * u16 / 2);
        rst__free(x), rst__free(w), rst__free(y), rst__free(z);
    }
}

static void any_threads(void **state)
{
    (void)state;
    const rst_conv g = layer(37, 41, 50, 63);
    const int64_t n = g.oh * g.ow * g.co;
    float *x = noise(g.oh * g.ow * g.x.c), *w = noise(9 * g.x.c * g.co), *y = noise(n),
          *z = noise(n);
    forward(RST_PRECISION_BF16, 1, true, &g, x, w, y);
    for (int threads = 1; threads <= 3; threads++) {
        forward(RST_PRECISION_BF16, threads, threads == 2, &g, x, w, z);
        assert_memory_equal(y, z, (size_t)n * sizeof *y);
    }
    rst__free(x), rst__free(w), rst__free(y), rst__free(z);
}

/* A picture and a part of it, eight and twelve pixels in. */
static void any_crop(void **state)
{
    (void)state;
    const rst_conv g = layer(20, 24, 72, 88), h = layer(20, 24, 40, 52);
    const int64_t c = g.x.c, k = g.co;
    float *x = noise(g.oh * g.ow * c), *part = noise(h.oh * h.ow * c), *w = noise(9 * c * k);
    float *y = noise(g.oh * g.ow * k), *z = noise(h.oh * h.ow * k);
    for (int64_t i = 0; i < h.oh; i++)
        memcpy(part + i * h.ow * c, x + ((i + 8) * g.ow + 12) * c,
               (size_t)(h.ow * c) * sizeof *part);
    forward(RST_PRECISION_BF16, 2, false, &g, x, w, y);
    forward(RST_PRECISION_BF16, 3, false, &h, part, w, z);
    for (int64_t i = 4; i < h.oh - 4; i++)
        assert_memory_equal(y + ((i + 8) * g.ow + 16) * k, z + (i * h.ow + 4) * k,
                            (size_t)((h.ow - 8) * k) * sizeof *y);
    rst__free(x), rst__free(part), rst__free(w), rst__free(y), rst__free(z);
}

static void gradients_are_fp32(void **state)
{
    (void)state;
    const rst_conv g = layer(19, 24, 20, 30);
    const int64_t nx = g.oh * g.ow * g.x.c, nw = 9 * g.x.c * g.co, ny = g.oh * g.ow * g.co;
    float *x = noise(nx), *w = noise(nw), *dy = noise(ny), *out[2][2];
    for (int i = 0; i < 2; i++) {
        rst_cpu_dev dev = device((rst_precision)i, 2);
        rst_packed *pk;
        out[i][0] = noise(nx), out[i][1] = noise(nw);
        assert_int_equal(rst__cpu_conv_pack(&dev.base, &g, true, w, &pk), 0);
        assert_int_equal(rst__cpu_conv_data(&dev.base, &g, w, pk, dy, out[i][0], false), 0);
        assert_int_equal(rst__cpu_conv_weights(&dev.base, &g, x, dy, out[i][1], false), 0);
        rst__cpu_packed_free(&dev.base, pk);
        rst__cpu_scratch_free(&dev);
    }
    assert_memory_equal(out[0][0], out[1][0], (size_t)nx * sizeof *x);
    assert_memory_equal(out[0][1], out[1][1], (size_t)nw * sizeof *w);
    for (int i = 0; i < 4; i++)
        rst__free(out[i / 2][i % 2]);
    rst__free(x), rst__free(w), rst__free(dy);
}

static void refuses(const char *isa, const char *backend, rst_conv_mode conv, const char *says)
{
    const rst_ctx_options o = { .backend = backend, .conv = conv, .precision = RST_PRECISION_BF16 };
    rst_error err = RST_ERROR_INIT;
    rst_ctx *c = NULL;
    if (isa)
        assert_int_equal(setenv("RESTAIN_ISA", isa, 1), 0);
    assert_int_equal(rst_ctx_new(&c, &o, &err), RST_EINVAL);
    unsetenv("RESTAIN_ISA");
    assert_non_null(strstr(err.msg, says));
}

static void refused(void **state)
{
    (void)state;
    refuses("base", "cpu", RST_CONV_AUTO, "needs AVX-512 BF16");
    refuses(NULL, "cpu", RST_CONV_DIRECT, "not with conv direct");
    refuses(NULL, "ref", RST_CONV_AUTO, "backend ref has no precision bf16");
}

int main(void)
{
    const struct CMUnitTest everywhere[] = { cmocka_unit_test(refused) };
    const struct CMUnitTest here[] = {
        cmocka_unit_test(products),           cmocka_unit_test(error),
        cmocka_unit_test(any_threads),        cmocka_unit_test(any_crop),
        cmocka_unit_test(gradients_are_fp32),
    };
    rst_error err = RST_ERROR_INIT;
    const rst__isa *isa = NULL;
    const int bad = cmocka_run_group_tests(everywhere, NULL, NULL);
    if (bad)
        return bad;
    if (rst__isa_choose(&isa, &err) < 0 || !rst__isa_bf16(isa)) {
        (void)printf("skipped: no AVX-512 BF16 here\n");
        return 77;
    }
    return cmocka_run_group_tests(here, NULL, NULL);
}
