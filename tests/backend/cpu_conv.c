/* SPDX-License-Identifier: MIT */
/*
 * The CPU backend's convolutions and products against plain sums in double: every path over odd
 * shapes, bit-equal for 1, 2 and 3 threads and for packed weights, and equal for the same pixels of
 * another crop. Everything is repeated for each instruction set this processor runs.
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
#include "base/alloc.h"

static const char *const isas[] = { "base", "avx2", "avx512" };

static uint64_t seed = 1;

static uint32_t draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

static int pick(int count, const int *from)
{
    return from[draw() % (uint32_t)count];
}

/* About normal, mean 0, variance 1. */
static float gauss(void)
{
    float s = 0;
    for (int i = 0; i < 6; i++)
        s += (float)(draw() & 0xffff) / 65536.0f - 0.5f;
    return s * 1.41421356f;
}

static float *noise(int64_t n)
{
    float *p = malloc((size_t)n * sizeof *p);
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++)
        p[i] = gauss();
    return p;
}

static float *copy_of(const float *p, int64_t n)
{
    float *q = malloc((size_t)n * sizeof *q);
    assert_non_null(q);
    memcpy(q, p, (size_t)n * sizeof *q);
    return q;
}

static bool open_isa(rst_cpu_dev *dev, const char *isa, int threads)
{
    rst_error err = RST_ERROR_INIT;
    memset(dev, 0, sizeof *dev);
    dev->base.threads = threads;
    assert_int_equal(setenv("RESTAIN_ISA", isa, 1), 0);
    int rc = rst__isa_choose(&dev->isa, &err);
    unsetenv("RESTAIN_ISA");
    if (rc < 0)
        assert_int_equal(rc, RST_EINVAL);
    return rc == 0;
}

/* --- a plain convolution --- */

static int64_t border(rst_pad_mode mode, int64_t i, int64_t n)
{
    if (i >= 0 && i < n)
        return i;
    if (mode == RST_PAD_ZERO)
        return -1;
    if (mode == RST_PAD_EDGE)
        return i < 0 ? 0 : n - 1;
    return i < 0 ? -i : 2 * n - 2 - i;
}

typedef struct sizes {
    int64_t x, w, y;
} sizes;

static sizes count(const rst_conv *g)
{
    return (sizes){ g->x.n * g->x.h * g->x.w * g->x.c, g->co * g->kh * g->kw * g->x.c,
                    g->x.n * g->oh * g->ow * g->co };
}

/* One tap between one input and one output pixel: adds to y, dx and dw. */
static void tap(const rst_conv *g, const float *x, const float *w, const float *dy, double *y,
                double *dx, double *dw)
{
    for (int64_t o = 0; o < g->co; o++)
        for (int64_t i = 0; i < g->x.c; i++) {
            const int64_t k = o * g->kh * g->kw * g->x.c + i;
            y[o] += (double)w[k] * x[i];
            dx[i] += (double)w[k] * dy[o];
            dw[k] += (double)dy[o] * x[i];
        }
}

static void naive(const rst_conv *g, const float *x, const float *w, const float *dy, double *y,
                  double *dx, double *dw)
{
    for (int64_t q = 0; q < g->x.n * g->oh * g->ow; q++)
        for (int t = 0; t < g->kh * g->kw; t++) {
            const int64_t n = q / g->ow / g->oh, oy = q / g->ow % g->oh, ox = q % g->ow;
            const int64_t iy = border(g->mode, oy * g->sh + t / g->kw - g->pad.t, g->x.h);
            const int64_t ix = border(g->mode, ox * g->sw + t % g->kw - g->pad.l, g->x.w);
            if (iy < 0 || ix < 0)
                continue;
            const int64_t p = ((n * g->x.h + iy) * g->x.w + ix) * g->x.c;
            tap(g, x + p, w + t * g->x.c, dy + q * g->co, y + q * g->co, dx + p, dw + t * g->x.c);
        }
}

static void print_case(const rst_conv *g, const char *what)
{
    print_error("%s: x %d,%d,%d,%d co %d k %dx%d s %d,%d pad %d,%d,%d,%d mode %d\n", what,
                (int)g->x.n, (int)g->x.c, (int)g->x.h, (int)g->x.w, (int)g->co, g->kh, g->kw, g->sh,
                g->sw, g->pad.t, g->pad.l, g->pad.b, g->pad.r, (int)g->mode);
}

static void near(const rst_conv *g, const char *what, const float *a, const double *b, int64_t n,
                 double rms_bound)
{
    double e2 = 0, b2 = 0, worst = 0;
    for (int64_t i = 0; i < n; i++) {
        const double e = fabs((double)a[i] - b[i]);
        e2 += e * e;
        b2 += b[i] * b[i];
        worst = isnan(e) || e > worst ? e : worst;
    }
    const double rms = sqrt(b2 / (double)n) + 1e-30;
    if (n < 16) /* a few values may all be small by cancellation */
        rms_bound *= 4;
    if (sqrt(e2 / (double)n) <= rms_bound * rms && worst <= 1e-4 * rms)
        return;
    print_case(g, what);
    fail_msg("%s: relative error rms %.3g (bound %.3g), worst %.3g", what,
             sqrt(e2 / (double)n) / rms, rms_bound, worst / rms);
}

static void same(const rst_conv *g, const char *what, const float *a, const float *b, int64_t n)
{
    if (memcmp(a, b, (size_t)n * sizeof *a) == 0)
        return;
    print_case(g, what);
    fail_msg("%s: bits differ", what);
}

static double act(rst_map f, double a, double v)
{
    switch (f) {
    case RST_MAP_RELU:
        return v > 0 ? v : 0;
    case RST_MAP_LEAKY:
        return v > 0 ? v : a * v;
    case RST_MAP_TANH:
        return tanh(v);
    case RST_MAP_SIGMOID:
        return 1 / (1 + exp(-v));
    default:
        return v;
    }
}

/* Everything about one geometry. */
typedef struct world {
    rst_conv g;
    sizes s;
    float *x, *w, *dy, *bias, *y, *dx, *dw;
    double *ry, *rdx, *rdw;
} world;

static world make(const rst_conv *g)
{
    world v = { .g = *g, .s = count(g) };
    v.x = noise(v.s.x);
    v.w = noise(v.s.w);
    for (int64_t i = 0; i < v.s.w; i++) /* results of about 1, where tanh still tells them apart */
        v.w[i] /= sqrtf((float)(g->kh * g->kw * g->x.c));
    v.dy = noise(v.s.y);
    v.bias = noise(g->co);
    v.y = noise(v.s.y);
    v.dx = noise(v.s.x);
    v.dw = noise(v.s.w);
    v.ry = calloc((size_t)v.s.y, sizeof *v.ry);
    v.rdx = calloc((size_t)v.s.x, sizeof *v.rdx);
    v.rdw = calloc((size_t)v.s.w, sizeof *v.rdw);
    assert_true(v.ry && v.rdx && v.rdw);
    naive(g, v.x, v.w, v.dy, v.ry, v.rdx, v.rdw);
    return v;
}

static void drop(world *v)
{
    free(v->x), free(v->w), free(v->dy), free(v->bias), free(v->y), free(v->dx), free(v->dw);
    free(v->ry), free(v->rdx), free(v->rdw);
}

static void check_fwd(rst_cpu_dev *dev, const world *v, double bound)
{
    const rst_map acts[] = { RST_MAP_NONE, RST_MAP_RELU, RST_MAP_LEAKY, RST_MAP_TANH,
                             RST_MAP_SIGMOID };
    const rst_epilogue ep = { draw() % 3 ? v->bias : NULL, acts[draw() % 5], 0.2 };
    const bool plain = draw() % 3 == 0;
    double *want = malloc((size_t)v->s.y * sizeof *want);
    for (int64_t i = 0; i < v->s.y; i++) {
        const double sum = v->ry[i] + (!plain && ep.bias ? (double)v->bias[i % v->g.co] : 0);
        want[i] = plain ? sum : act(ep.act, 0.2, sum);
    }
    float *first = NULL;
    for (int threads = 1; threads <= 3; threads++) {
        rst_packed *pk = NULL;
        dev->base.threads = threads;
        if (threads != 2)
            assert_int_equal(rst__cpu_conv_pack(&dev->base, &v->g, false, v->w, &pk), 0);
        assert_int_equal(
            rst__cpu_conv_fwd(&dev->base, &v->g, v->x, v->w, pk, plain ? NULL : &ep, v->y), 0);
        rst__cpu_packed_free(&dev->base, pk);
        if (first)
            same(&v->g, "forward", v->y, first, v->s.y);
        else
            first = copy_of(v->y, v->s.y);
    }
    near(&v->g, "forward", first, want, v->s.y, bound);
    free(first);
    free(want);
}

static void check_data(rst_cpu_dev *dev, const world *v, bool add, double bound)
{
    float *start = copy_of(v->dx, v->s.x), *first = NULL;
    double *want = malloc((size_t)v->s.x * sizeof *want);
    for (int64_t i = 0; i < v->s.x; i++)
        want[i] = v->rdx[i] + (add ? (double)start[i] : 0);
    for (int threads = 1; threads <= 3; threads++) {
        rst_packed *pk = NULL;
        dev->base.threads = threads;
        memcpy(v->dx, start, (size_t)v->s.x * sizeof *start);
        if (threads != 2)
            assert_int_equal(rst__cpu_conv_pack(&dev->base, &v->g, true, v->w, &pk), 0);
        assert_int_equal(rst__cpu_conv_data(&dev->base, &v->g, v->w, pk, v->dy, v->dx, add), 0);
        rst__cpu_packed_free(&dev->base, pk);
        if (first)
            same(&v->g, "data gradient", v->dx, first, v->s.x);
        else
            first = copy_of(v->dx, v->s.x);
    }
    near(&v->g, "data gradient", first, want, v->s.x, bound);
    free(first);
    free(start);
    free(want);
}

static void check_weights(rst_cpu_dev *dev, const world *v, bool add, double bound)
{
    float *start = copy_of(v->dw, v->s.w), *first = NULL;
    double *want = malloc((size_t)v->s.w * sizeof *want);
    for (int64_t i = 0; i < v->s.w; i++)
        want[i] = v->rdw[i] + (add ? (double)start[i] : 0);
    for (int threads = 1; threads <= 3; threads++) {
        dev->base.threads = threads;
        memcpy(v->dw, start, (size_t)v->s.w * sizeof *start);
        assert_int_equal(rst__cpu_conv_weights(&dev->base, &v->g, v->x, v->dy, v->dw, add), 0);
        if (first)
            same(&v->g, "weight gradient", v->dw, first, v->s.w);
        else
            first = copy_of(v->dw, v->s.w);
    }
    near(&v->g, "weight gradient", first, want, v->s.w, bound);
    free(first);
    free(start);
    free(want);
}

static void check_geometry(rst_conv g)
{
    g.groups = 1;
    g.oh = (g.x.h + g.pad.t + g.pad.b - g.kh) / g.sh + 1;
    g.ow = (g.x.w + g.pad.l + g.pad.r - g.kw) / g.sw + 1;
    const bool wino = g.kh == 3 && g.kw == 3 && g.sh == 1 && g.sw == 1;
    world v = make(&g);
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        for (int mode = RST_CONV_DIRECT; mode <= (wino ? RST_CONV_WINOGRAD : RST_CONV_DIRECT);
             mode++) {
            rst_cpu_dev dev;
            if (!open_isa(&dev, isas[i], 1))
                continue;
            const double bound = mode == RST_CONV_WINOGRAD ? 5e-6 : 1.5e-6;
            dev.base.conv = mode;
            check_fwd(&dev, &v, bound);
            check_data(&dev, &v, false, bound);
            check_data(&dev, &v, true, bound);
            check_weights(&dev, &v, false, bound);
            check_weights(&dev, &v, true, bound);
            assert_int_equal(dev.base.convs, 15);
            assert_int_equal(dev.base.convs_winograd, mode == RST_CONV_WINOGRAD ? 15 : 0);
            rst__cpu_scratch_free(&dev);
        }
    drop(&v);
}

#define PADS(p)                                                                                    \
    {                                                                                              \
        p, p, p, p                                                                                 \
    }

static void listed_shapes(void **state)
{
    (void)state;
    static const rst_conv cases[] = {
        /* x{n,c,h,w}, co, oh, ow, kh, kw, sh, sw, pads, mode, groups */
        { { 1, 1, 1, 1 }, 1, 0, 0, 1, 1, 1, 1, PADS(0), RST_PAD_ZERO, 1 },
        { { 2, 3, 5, 7 }, 32, 0, 0, 1, 1, 1, 1, PADS(0), RST_PAD_ZERO, 1 },
        { { 1, 32, 37, 23 }, 3, 0, 0, 1, 1, 1, 1, PADS(0), RST_PAD_ZERO, 1 },
        { { 1, 16, 9, 9 }, 17, 0, 0, 1, 1, 2, 2, PADS(0), RST_PAD_ZERO, 1 },
        { { 1, 3, 24, 31 }, 64, 0, 0, 7, 7, 1, 1, PADS(3), RST_PAD_REFLECT, 1 },
        { { 2, 64, 13, 37 }, 3, 0, 0, 7, 7, 1, 1, PADS(3), RST_PAD_REFLECT, 1 },
        { { 1, 64, 9, 150 }, 3, 0, 0, 7, 7, 1, 1, PADS(3), RST_PAD_ZERO, 1 },
        { { 1, 5, 12, 11 }, 2, 0, 0, 5, 5, 1, 1, PADS(2), RST_PAD_EDGE, 1 },
        { { 2, 3, 16, 18 }, 64, 0, 0, 4, 4, 2, 2, PADS(1), RST_PAD_ZERO, 1 },
        { { 1, 64, 15, 17 }, 33, 0, 0, 4, 4, 2, 2, PADS(1), RST_PAD_ZERO, 1 },
        { { 1, 40, 8, 9 }, 1, 0, 0, 4, 4, 1, 1, PADS(1), RST_PAD_ZERO, 1 },
        { { 1, 300, 4, 5 }, 20, 0, 0, 4, 4, 1, 1, PADS(1), RST_PAD_ZERO, 1 },
        { { 1, 3, 35, 31 }, 16, 0, 0, 11, 11, 4, 4, PADS(2), RST_PAD_ZERO, 1 },
        { { 1, 16, 9, 14 }, 17, 0, 0, 1, 7, 1, 1, { 0, 3, 0, 3 }, RST_PAD_ZERO, 1 },
        { { 1, 17, 14, 9 }, 16, 0, 0, 7, 1, 1, 1, { 3, 0, 3, 0 }, RST_PAD_ZERO, 1 },
        { { 1, 8, 9, 11 }, 9, 0, 0, 2, 2, 4, 3, PADS(0), RST_PAD_ZERO, 1 },
        { { 1, 8, 9, 11 }, 9, 0, 0, 3, 3, 2, 2, { 1, 0, 2, 1 }, RST_PAD_REFLECT, 1 },
        { { 1, 4, 9, 11 }, 3, 0, 0, 3, 3, 4, 2, PADS(1), RST_PAD_EDGE, 1 },
        { { 1, 1, 3, 3 }, 1, 0, 0, 3, 3, 1, 1, PADS(0), RST_PAD_ZERO, 1 },
        { { 1, 3, 4, 4 }, 5, 0, 0, 3, 3, 1, 1, PADS(1), RST_PAD_ZERO, 1 },
        { { 2, 16, 17, 21 }, 64, 0, 0, 3, 3, 1, 1, PADS(1), RST_PAD_REFLECT, 1 },
        { { 1, 64, 33, 30 }, 17, 0, 0, 3, 3, 1, 1, PADS(1), RST_PAD_EDGE, 1 },
        { { 1, 64, 37, 36 }, 64, 0, 0, 3, 3, 1, 1, PADS(1), RST_PAD_ZERO, 1 },
        { { 1, 300, 9, 6 }, 40, 0, 0, 3, 3, 1, 1, PADS(2), RST_PAD_ZERO, 1 },
        { { 1, 5, 9, 8 }, 6, 0, 0, 3, 3, 1, 1, { 3, 0, 1, 2 }, RST_PAD_ZERO, 1 },
        { { 1, 5, 9, 8 }, 6, 0, 0, 3, 3, 1, 1, { 2, 0, 1, 2 }, RST_PAD_REFLECT, 1 },
        { { 1, 16, 6, 300 }, 16, 0, 0, 3, 3, 1, 1, PADS(1), RST_PAD_REFLECT, 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_geometry(cases[i]);
}

static void random_shapes(void **state)
{
    (void)state;
    const int channels[] = { 1, 3, 5, 16, 17, 33, 64 }, sides[] = { 1, 2, 3, 5, 8, 13, 16, 29, 37 };
    const int kernels[] = { 1, 2, 3, 3, 3, 4, 5, 7 }, strides[] = { 1, 1, 1, 2, 4 };
    for (int made = 0; made < 120;) {
        rst_conv g = { .groups = 1 };
        g.x = (rst_dims){ 1 + draw() % 2, pick(7, channels), pick(9, sides), pick(9, sides) };
        g.co = pick(7, channels);
        g.kh = pick(8, kernels);
        g.kw = draw() % 4 ? g.kh : pick(8, kernels);
        g.sh = pick(5, strides);
        g.sw = draw() % 4 ? g.sh : pick(5, strides);
        g.mode = (rst_pad_mode)(draw() % 3);
        const int most = g.kh / 2 + 1;
        g.pad = (rst_pads){ (int)(draw() % most), (int)(draw() % most), (int)(draw() % most),
                            (int)(draw() % most) };
        if (g.mode == RST_PAD_REFLECT &&
            (g.pad.t >= g.x.h || g.pad.b >= g.x.h || g.pad.l >= g.x.w || g.pad.r >= g.x.w))
            continue;
        const int64_t h = g.x.h + g.pad.t + g.pad.b - g.kh, w = g.x.w + g.pad.l + g.pad.r - g.kw;
        if (h < 0 || w < 0)
            continue;
        const int64_t macs = g.x.n * (h / g.sh + 1) * (w / g.sw + 1) * g.kh * g.kw * g.x.c * g.co;
        if (macs > 3000000)
            continue;
        check_geometry(g);
        made++;
    }
}

/* --- a pixel's bits depend on its surroundings only --- */

static void crop_of(const float *x, rst_dims s, int64_t y0, int64_t x0, rst_dims d, float *dst)
{
    for (int64_t y = 0; y < d.h; y++)
        memcpy(dst + y * d.w * s.c, x + ((y + y0) * s.w + x0) * s.c,
               (size_t)(d.w * s.c) * sizeof *x);
}

/* Convolves an image and a crop of it, shifted by shift*4 px; interior pixels must agree to the
 * bit. */
static void check_crop(const char *isa, rst_conv_mode mode, int k, int stride, int64_t ci,
                       int64_t co)
{
    rst_cpu_dev dev;
    if (!open_isa(&dev, isa, 2))
        return;
    dev.base.conv = mode;
    const int p = k / 2, halo = 8;
    rst_conv a = { .x = { 1, ci, 72, 88 },
                   .co = co,
                   .kh = k,
                   .kw = k,
                   .sh = stride,
                   .sw = stride,
                   .pad = PADS(p),
                   .mode = RST_PAD_REFLECT,
                   .groups = 1 };
    rst_conv b = a;
    b.x = (rst_dims){ 1, ci, 40, 52 };
    a.oh = (72 + 2 * p - k) / stride + 1, a.ow = (88 + 2 * p - k) / stride + 1;
    b.oh = (40 + 2 * p - k) / stride + 1, b.ow = (52 + 2 * p - k) / stride + 1;
    const int64_t y0 = 4 * 2 * stride, x0 = 4 * 3 * stride;
    float *x = noise(count(&a).x), *w = noise(count(&a).w), *xb = noise(count(&b).x);
    float *ya = noise(count(&a).y), *yb = noise(count(&b).y);
    crop_of(x, a.x, y0, x0, b.x, xb);
    assert_int_equal(rst__cpu_conv_fwd(&dev.base, &a, x, w, NULL, NULL, ya), 0);
    dev.base.threads = 3;
    assert_int_equal(rst__cpu_conv_fwd(&dev.base, &b, xb, w, NULL, NULL, yb), 0);
    for (int64_t y = halo; y < b.oh - halo; y++)
        for (int64_t i = halo; i < b.ow - halo; i++)
            assert_memory_equal(ya + ((y + y0 / stride) * a.ow + i + x0 / stride) * co,
                                yb + (y * b.ow + i) * co, (size_t)co * sizeof *ya);
    free(x), free(w), free(xb), free(ya), free(yb);
    rst__cpu_scratch_free(&dev);
}

static void crops_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        check_crop(isas[i], RST_CONV_WINOGRAD, 3, 1, 20, 24);
        check_crop(isas[i], RST_CONV_DIRECT, 3, 1, 20, 24);
        check_crop(isas[i], RST_CONV_DIRECT, 3, 2, 20, 24);
        check_crop(isas[i], RST_CONV_DIRECT, 7, 1, 64, 3);
        check_crop(isas[i], RST_CONV_DIRECT, 1, 1, 3, 32);
    }
}

/* --- Winograd's accuracy where it matters --- */

static void winograd_accuracy(void **state)
{
    (void)state;
    rst_conv g = { .x = { 1, 128, 24, 24 },
                   .co = 64,
                   .oh = 24,
                   .ow = 24,
                   .kh = 3,
                   .kw = 3,
                   .sh = 1,
                   .sw = 1,
                   .pad = PADS(1),
                   .mode = RST_PAD_ZERO,
                   .groups = 1 };
    world v = make(&g);
    for (int64_t i = 0; i < v.s.x; i++)
        v.x[i] = v.x[i] > 0 ? v.x[i] : 0; /* a mean, as after ReLU: the bad case */
    memset(v.ry, 0, (size_t)v.s.y * sizeof *v.ry);
    memset(v.rdx, 0, (size_t)v.s.x * sizeof *v.rdx);
    memset(v.rdw, 0, (size_t)v.s.w * sizeof *v.rdw);
    naive(&g, v.x, v.w, v.dy, v.ry, v.rdx, v.rdw);
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        rst_cpu_dev dev;
        if (!open_isa(&dev, isas[i], 2))
            continue;
        dev.base.conv = RST_CONV_WINOGRAD;
        assert_int_equal(rst__cpu_conv_fwd(&dev.base, &g, v.x, v.w, NULL, NULL, v.y), 0);
        near(&g, "forward of positive input", v.y, v.ry, v.s.y, 2e-6);
        assert_int_equal(rst__cpu_conv_weights(&dev.base, &g, v.x, v.dy, v.dw, false), 0);
        near(&g, "weights of positive input", v.dw, v.rdw, v.s.w, 2e-6);
        rst__cpu_scratch_free(&dev);
    }
    drop(&v);
}

/* Results too large for the caches are written past them. */
static void large_results(void **state)
{
    (void)state;
    rst_conv g = { .x = { 1, 16, 887, 890 },
                   .co = 16,
                   .oh = 887,
                   .ow = 890,
                   .kh = 3,
                   .kw = 3,
                   .sh = 1,
                   .sw = 1,
                   .pad = PADS(1),
                   .mode = RST_PAD_EDGE,
                   .groups = 1 };
    const sizes s = count(&g);
    float *x = noise(s.x), *w = noise(s.w), *bias = noise(g.co),
          *y = rst__malloc_aligned((size_t)s.y * sizeof *y);
    float *z = rst__malloc_aligned((size_t)s.y * sizeof *z);
    assert_true(y && z);
    const rst_epilogue ep = { bias, RST_MAP_RELU, 0 };
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        rst_cpu_dev dev;
        if (!open_isa(&dev, isas[i], 2))
            continue;
        dev.base.conv = RST_CONV_DIRECT;
        assert_int_equal(rst__cpu_conv_fwd(&dev.base, &g, x, w, NULL, &ep, y), 0);
        dev.base.conv = RST_CONV_WINOGRAD;
        assert_int_equal(rst__cpu_conv_fwd(&dev.base, &g, x, w, NULL, &ep, z), 0);
        for (int64_t j = 0; j < s.y; j++)
            if (fabsf(y[j] - z[j]) > 2e-4f)
                fail_msg("element %d: %g direct, %g Winograd", (int)j, (double)y[j], (double)z[j]);
        rst__cpu_scratch_free(&dev);
    }
    free(x), free(w), free(bias);
    rst__free(y), rst__free(z);
}

static void modes_choose(void **state)
{
    (void)state;
    rst_cpu_dev dev;
    assert_true(open_isa(&dev, "base", 1));
    rst_conv g = { .x = { 1, 16, 6, 6 },
                   .co = 16,
                   .oh = 6,
                   .ow = 6,
                   .kh = 3,
                   .kw = 3,
                   .sh = 1,
                   .sw = 1,
                   .pad = PADS(1),
                   .groups = 1 };
    float *x = noise(count(&g).x), *w = noise(count(&g).w), *y = noise(count(&g).y);
    assert_int_equal(rst__cpu_conv_fwd(&dev.base, &g, x, w, NULL, NULL, y), 0);
    assert_int_equal(dev.base.convs_winograd, 1);
    g.x.c = 3;
    assert_int_equal(rst__cpu_conv_fwd(&dev.base, &g, x, w, NULL, NULL, y), 0);
    assert_int_equal(dev.base.convs_winograd, 1);
    dev.base.conv = RST_CONV_WINOGRAD;
    assert_int_equal(rst__cpu_conv_fwd(&dev.base, &g, x, w, NULL, NULL, y), 0);
    assert_int_equal(dev.base.convs_winograd, 2);
    assert_int_equal(dev.base.convs, 3);
    free(x), free(w), free(y);
    rst__cpu_scratch_free(&dev);
}

/* --- gemm --- */

static void check_gemm(rst_cpu_dev *dev, int64_t batch, int64_t m, int64_t n, int64_t k)
{
    float *a = noise(batch * m * k), *b = noise(batch * n * k), *c0 = noise(batch * m * n);
    for (int form = 0; form < 12; form++) {
        const bool ta = form & 1, tb = form & 2;
        const double alpha = form / 4 == 1 ? -0.5 : 1, beta = form / 4 == 0   ? 0
                                                              : form / 4 == 1 ? 0.25
                                                                              : 1;
        float *c = copy_of(c0, batch * m * n), *d = copy_of(c0, batch * m * n);
        dev->base.threads = 1;
        assert_int_equal(rst__cpu_gemm(&dev->base, ta, tb, batch, m, n, k, alpha, a, b, beta, c),
                         0);
        dev->base.threads = 3;
        assert_int_equal(rst__cpu_gemm(&dev->base, ta, tb, batch, m, n, k, alpha, a, b, beta, d),
                         0);
        assert_memory_equal(c, d, (size_t)(batch * m * n) * sizeof *c);
        for (int64_t i = 0; i < batch * m * n; i++) {
            const int64_t q = i / (m * n), r = i / n % m, j = i % n;
            const float *aq = a + q * m * k, *bq = b + q * n * k;
            double sum = 0, size = 1;
            for (int64_t l = 0; l < k; l++) {
                const double t =
                    (double)aq[ta ? l * m + r : r * k + l] * bq[tb ? j * k + l : l * n + j];
                sum += t;
                size += fabs(t);
            }
            const double want = alpha * sum + (beta != 0 ? beta * (double)c0[i] : 0);
            assert_true(fabs((double)c[i] - want) <= 1e-6 * size);
        }
        free(c);
        free(d);
    }
    free(a), free(b), free(c0);
}

static void gemms(void **state)
{
    (void)state;
    static const int64_t sizes_of[][4] = { { 1, 1, 1, 1 },    { 1, 5, 3, 7 },    { 2, 17, 33, 5 },
                                           { 3, 1, 40, 64 },  { 1, 200, 20, 9 }, { 1, 13, 70, 700 },
                                           { 2, 100, 48, 64 } };
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        rst_cpu_dev dev;
        if (!open_isa(&dev, isas[i], 1))
            continue;
        for (size_t j = 0; j < sizeof sizes_of / sizeof *sizes_of; j++)
            check_gemm(&dev, sizes_of[j][0], sizes_of[j][1], sizes_of[j][2], sizes_of[j][3]);
        rst__cpu_scratch_free(&dev);
    }
}

/* --- failures --- */

static void memory_runs_out(void **state)
{
    (void)state;
    rst_cpu_dev dev;
    assert_true(open_isa(&dev, "base", 2));
    rst_conv g = { .x = { 1, 16, 6, 6 },
                   .co = 16,
                   .oh = 6,
                   .ow = 6,
                   .kh = 3,
                   .kw = 3,
                   .sh = 1,
                   .sw = 1,
                   .pad = PADS(1),
                   .mode = RST_PAD_EDGE,
                   .groups = 1 };
    float *x = noise(count(&g).x), *w = noise(count(&g).w), *y = noise(count(&g).y);
    for (int mode = RST_CONV_AUTO; mode <= RST_CONV_DIRECT; mode++)
        for (int op = 0; op < 5; op++) {
            dev.base.conv = mode;
            long live = rst__alloc_live();
            int rc = RST_ENOMEM;
            for (long n = 0; rc < 0; n++) {
                rst_packed *pk = NULL;
                assert_true(n < 20);
                rst__alloc_fail_after(n);
                rc = op == 0   ? rst__cpu_conv_fwd(&dev.base, &g, x, w, NULL, NULL, y)
                     : op == 1 ? rst__cpu_conv_data(&dev.base, &g, w, NULL, y, x, false)
                     : op == 2 ? rst__cpu_conv_weights(&dev.base, &g, x, y, w, false)
                     : op == 3
                         ? rst__cpu_conv_pack(&dev.base, &g, false, w, &pk)
                         : rst__cpu_gemm(&dev.base, false, true, 1, 16, 16, 16, 1, x, w, 0, y);
                rst__alloc_fail_after(-1);
                if (rc < 0) {
                    assert_int_equal(rc, RST_ENOMEM);
                    assert_int_equal(dev.base.err.code, RST_ENOMEM);
                    assert_null(pk);
                }
                rst__cpu_packed_free(&dev.base, pk);
                rst__cpu_scratch_free(&dev);
            }
            assert_int_equal(rst__alloc_live(), live);
        }
    free(x), free(w), free(y);
}

static void unknown_isa(void **state)
{
    (void)state;
    const rst__isa *isa = NULL;
    rst_error err = RST_ERROR_INIT;
    setenv("RESTAIN_ISA", "mmx", 1);
    assert_int_equal(rst__isa_choose(&isa, &err), RST_EINVAL);
    assert_null(isa);
    assert_non_null(strstr(err.msg, "RESTAIN_ISA=mmx"));
    unsetenv("RESTAIN_ISA");
    assert_int_equal(rst__isa_choose(&isa, &err), 0);
    assert_non_null(isa);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listed_shapes), cmocka_unit_test(random_shapes),
        cmocka_unit_test(crops_agree),   cmocka_unit_test(winograd_accuracy),
        cmocka_unit_test(modes_choose),  cmocka_unit_test(large_results),
        cmocka_unit_test(gemms),         cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(unknown_isa),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
