/* SPDX-License-Identifier: MIT */
/*
 * The CPU backend's kernels (all but convolution and gemm) against the reference: same numbers,
 * inputs untouched, nothing written outside, outputs not read unless asked to add, and the same
 * bits on a second run and for 1, 2 and 3 threads.
 *
 * A case is a function that asks for buffers and calls one kernel. It is run once with `ref`, which
 * makes the inputs and the expected outputs, and then with `cpu`.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/backend.h"
#include "base/alloc.h"

enum { GUARD = 16, SLOTS = 12 };

typedef enum kind { IN, OUT, KEEP } kind; /* KEEP: an output that is read first */

typedef struct slot {
    kind k;
    int64_t n;
    bool ints;
    float *block, *first, *want, *bits; /* the buffer in its guards; its content to begin with */
} slot;

typedef struct run {
    const rst_backend *be;
    rst_dev *dev;
    rst_dims s; /* the case's shape */
    int v;      /* its variant; odd: add */
    int next;
    uint32_t seed;
    slot slots[SLOTS];
} run;

typedef struct test_case {
    const char *name;
    int (*call)(run *t);
    int variants;
    double tol;   /* relative to the largest of the number, the rms of its tensor, and floor */
    double floor; /* where results cancel: the size of what they are made of */
} test_case;

static float noise(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)((double)(*seed >> 8) / (1 << 23) - 1.0);
}

static const uint32_t guard_bits = 0x7fc0a55au; /* a NaN */

static float *raw(run *t, kind k, int64_t n, bool ints)
{
    slot *s = &t->slots[t->next++];
    assert_true(t->next <= SLOTS);
    const size_t bytes = (size_t)n * sizeof(float);
    if (!s->block) {
        *s = (slot){ .k = k, .n = n, .ints = ints };
        s->block = rst__malloc_aligned(bytes + 2 * GUARD * sizeof(float));
        s->first = rst__malloc(bytes);
        s->want = rst__malloc(bytes);
        s->bits = rst__malloc(bytes);
        assert_true(s->block && s->first && s->want && s->bits);
        for (int64_t i = 0; i < n; i++)
            if (k == OUT)
                memcpy(&s->first[i], &guard_bits, sizeof guard_bits);
            else
                s->first[i] = noise(&t->seed);
    }
    for (int64_t i = 0; i < n + 2 * GUARD; i++)
        memcpy(&s->block[i], &guard_bits, sizeof guard_bits);
    memcpy(s->block + GUARD, s->first, bytes);
    return s->block + GUARD;
}

static float *in(run *t, int64_t n)
{
    return raw(t, IN, n, false);
}

/* an output; `keep`: it is added to */
static float *out(run *t, int64_t n, bool keep)
{
    return raw(t, keep ? KEEP : OUT, n, false);
}

static int32_t *out_ints(run *t, int64_t n)
{
    return (int32_t *)(void *)raw(t, OUT, n, true);
}

/* values on few levels, so that there are ties, and of at least `low` */
static float *in_levels(run *t, int64_t n, float low)
{
    slot *s = &t->slots[t->next];
    const bool fresh = !s->block;
    float *x = in(t, n);
    for (int64_t i = 0; fresh && i < n; i++)
        x[i] = s->first[i] = low + (float)(int)(4 * (s->first[i] + 1)) / 4;
    return x;
}

/* numbers 0..limit-1 */
static int32_t *in_ints(run *t, int64_t n, int64_t limit)
{
    const int at = t->next;
    const bool fresh = !t->slots[at].block;
    int32_t *x = (int32_t *)(void *)raw(t, IN, n, true);
    slot *s = &t->slots[at];
    for (int64_t i = 0; fresh && i < n; i++) {
        x[i] = (int32_t)((double)(s->first[i] + 1) / 2 * (double)limit) % (int32_t)limit;
        memcpy(&s->first[i], &x[i], sizeof x[i]);
    }
    return x;
}

static bool guards_whole(const slot *s)
{
    for (int i = 0; i < GUARD; i++)
        if (memcmp(&s->block[i], &guard_bits, 4) ||
            memcmp(&s->block[GUARD + s->n + i], &guard_bits, 4))
            return false;
    return true;
}

static bool close_to(const slot *s, const test_case *c, int64_t *at)
{
    const float *y = s->block + GUARD;
    double sum = 0;
    for (int64_t i = 0; i < s->n; i++)
        sum += (double)s->want[i] * (double)s->want[i];
    const double scale = fmax(c->floor, sqrt(sum / (double)s->n));
    for (*at = 0; *at < s->n; ++*at) {
        const double w = (double)s->want[*at];
        if (!(fabs((double)y[*at] - w) <= c->tol * fmax(fabs(w), scale) + 1e-37))
            return false;
    }
    return true;
}

static void check(run *t, const test_case *c, bool first)
{
    for (int i = 0; i < t->next; i++) {
        slot *s = &t->slots[i];
        const size_t bytes = (size_t)s->n * sizeof(float);
        const float *y = s->block + GUARD;
        int64_t at = 0;
        const char *wrong = NULL;
        if (!guards_whole(s))
            wrong = "written outside";
        else if (s->k == IN)
            wrong = memcmp(y, s->first, bytes) ? "input changed" : NULL;
        else if (s->ints ? memcmp(y, s->want, bytes) != 0 : !close_to(s, c, &at))
            wrong = "differs from ref";
        else if (!first && memcmp(y, s->bits, bytes))
            wrong = "other bits than the first run";
        if (wrong)
            fail_msg("%s %d,%d,%d,%d variant %d buffer %d threads %d: %s at %d: %.9g, not %.9g",
                     c->name, (int)t->s.n, (int)t->s.c, (int)t->s.h, (int)t->s.w, t->v, i,
                     t->dev->threads, wrong, (int)at, (double)y[at], (double)s->want[at]);
        memcpy(s->bits, y, bytes);
    }
}

static rst_dev *ref_dev, *cpu_dev[3];

static int call_with(run *t, const test_case *c, rst_dev *dev)
{
    t->be = dev->be;
    t->dev = dev;
    t->next = 0;
    return c->call(t);
}

/* The cases return 1 for a shape that they do not take. */
static void run_case(const test_case *c, rst_dims s, int v)
{
    run t = { .s = s, .v = v, .seed = 7u + (uint32_t)v };
    const int rc = call_with(&t, c, ref_dev);
    for (int i = 0; i < t.next; i++)
        memcpy(t.slots[i].want, t.slots[i].block + GUARD, (size_t)t.slots[i].n * 4);
    static const int threads[] = { 0, 1, 2, 0 };
    for (int i = 0; i < 4 && rc <= 0; i++) {
        assert_int_equal(rc, 0);
        const int got = call_with(&t, c, cpu_dev[threads[i]]);
        if (got)
            fail_msg("%s: %s", c->name, t.dev->err.msg);
        check(&t, c, i == 0);
    }
    for (int i = 0; i < t.next; i++) {
        rst__free(t.slots[i].block);
        rst__free(t.slots[i].first);
        rst__free(t.slots[i].want);
        rst__free(t.slots[i].bits);
    }
}

/* --- the cases ----------------------------------------------------------------------------------
 */

#define N   rst__numel(t->s)
#define ADD ((t->v & 1) != 0)

static int c_fill(run *t)
{
    return t->be->fill(t->dev, N, 0.3, out(t, N, false));
}

static int c_axpby(run *t)
{
    static const double b[] = { 0, 1, -0.7 };
    const float *x = in(t, N);
    return t->be->axpby(t->dev, N, 0.6, x, b[t->v], out(t, N, t->v > 0));
}

static int c_upload(run *t)
{
    const bool f64 = t->v & 1;
    float *x = in_levels(t, f64 ? 2 * N : N, 1); /* pairs of such floats are finite doubles */
    return t->be->upload(t->dev, t->s, t->v & 2 ? RST_NHWC : RST_NCHW, f64 ? RST_F64 : RST_F32, x,
                         out(t, N, false));
}

static int c_download(run *t)
{
    const float *x = in(t, N);
    double *host = rst__calloc((size_t)N, sizeof *host);
    int rc = t->be->download(t->dev, t->s, t->v & 2 ? RST_NHWC : RST_NCHW,
                             t->v & 1 ? RST_F64 : RST_F32, x, host);
    memcpy(out(t, N, false), host, (size_t)N * sizeof(float));
    rst__free(host);
    return rc;
}

static int c_block(run *t)
{
    const rst_dims s = t->s;
    rst_block b = { .size = s, .sd = s, .dd = s, .add = ADD };
    b.dd.c += t->v & 2;
    b.off.c = t->v & 2;
    b.sd.h += 1;
    b.so.h = t->v > 3;
    b.dd.w += 3;
    b.off.w = 2;
    b.dd.n += 1;
    b.off.n = 1;
    const float *x = in(t, rst__numel(b.sd));
    return t->be->block(t->dev, &b, x, out(t, rst__numel(b.dd), true));
}

static int c_map(run *t)
{
    slot *s = &t->slots[t->next];
    const bool fresh = !s->block;
    float *x = in(t, N);
    for (int64_t i = 0; fresh && i < N; i++) /* wide enough to saturate */
        x[i] = s->first[i] = noise(&t->seed) * (i % 3 == 0 ? 30.0f : i % 3 == 1 ? 1.0f : 1e-3f);
    return t->be->map(t->dev, (rst_map)t->v, 0.2, -0.4, N, x, out(t, N, false));
}

static int c_map_vjp(run *t)
{
    const rst_map f = (rst_map)(t->v / 2);
    const float *v = in(t, N), *dy = in(t, N);
    const bool by_y =
        f == RST_MAP_RELU || f == RST_MAP_LEAKY || f == RST_MAP_TANH || f == RST_MAP_SIGMOID;
    return t->be->map_vjp(t->dev, f, 0.2, 0.1, N, by_y ? NULL : v, by_y ? v : NULL, dy,
                          out(t, N, ADD), ADD);
}

/* Bit patterns of the dimensions that are 1 on one side. */
static rst_dims narrowed(rst_dims s, int mask)
{
    return (rst_dims){ mask & 1 ? 1 : s.n, mask & 2 ? 1 : s.c, mask & 4 ? 1 : s.h,
                       mask & 8 ? 1 : s.w };
}

static int c_binary(run *t)
{
    const rst_dims a = narrowed(t->s, t->v % 5 == 4 ? 2 : 0), b = narrowed(t->s, t->v / 3);
    const rst_dims o = { a.n > b.n ? a.n : b.n, a.c > b.c ? a.c : b.c, a.h > b.h ? a.h : b.h,
                         a.w > b.w ? a.w : b.w };
    const float *x = in(t, rst__numel(a)), *y = in(t, rst__numel(b));
    return t->be->binary(t->dev, (rst_binary)(t->v % 3), o, x, a, y, b,
                         out(t, rst__numel(o), false));
}

static int c_expand(run *t)
{
    const rst_dims a = narrowed(t->s, t->v / 2);
    const float *x = in(t, rst__numel(a));
    return t->be->expand(t->dev, t->s, a, 0.7, x, out(t, N, ADD), ADD);
}

static int c_reduce(run *t)
{
    const unsigned axes = (unsigned)t->v / 2; /* our masks have the order n,c,h,w of RST_AXIS_... */
    const rst_dims o = narrowed(t->s, (int)axes);
    const float *x = in(t, N);
    return t->be->reduce(t->dev, t->s, axes, 0.3, x, out(t, rst__numel(o), ADD), ADD);
}

static int c_reduce_max(run *t)
{
    const unsigned axes = t->v ? RST_AXIS_C : RST_AXIS_H | RST_AXIS_W;
    const int64_t n = t->v ? N / t->s.c : t->s.n * t->s.c;
    const float *x = in_levels(t, N, -1);
    float *y = out(t, n, false);
    return t->be->reduce_max(t->dev, t->s, axes, x, y, out_ints(t, n));
}

static int c_reduce_max_vjp(run *t)
{
    const bool over_c = t->v & 2;
    const int64_t n = over_c ? N / t->s.c : t->s.n * t->s.c;
    const int32_t *arg = in_ints(t, n, over_c ? t->s.c : t->s.h * t->s.w);
    const float *dy = in(t, n);
    return t->be->reduce_max_vjp(t->dev, t->s, over_c ? RST_AXIS_C : RST_AXIS_H | RST_AXIS_W, arg,
                                 dy, out(t, N, ADD), ADD);
}

/* Variants of a blur: 4 filters x 3 borders x strides 1, 2. */
static bool blur_of(const run *t, rst_blur_geom *g)
{
    static const int counts[] = { 3, 1, 4, 5 };
    static const double taps[][5] = {
        { 0.25, 0.5, 0.25 }, { 1 }, { 0.125, 0.375, 0.375, 0.125 }, { 0.06, 0.24, 0.4, 0.24, 0.06 }
    };
    const int f = t->v / 2 % 4, k = counts[f], before = (k - 1) / 2, after = k / 2;
    *g = (rst_blur_geom){ .x = t->s, .count = k, .stride = 1 + t->v / 8 % 2 };
    memcpy(g->t, taps[f], sizeof taps[f]);
    g->pad = (rst_pads){ before, before, after, after };
    g->mode = (rst_pad_mode)(t->v / 16 % 3);
    g->oh = (t->s.h + before + after - k) / g->stride + 1;
    g->ow = (t->s.w + before + after - k) / g->stride + 1;
    return g->mode != RST_PAD_REFLECT || (after < t->s.h && after < t->s.w);
}

static int c_blur(run *t)
{
    rst_blur_geom g;
    if (!blur_of(t, &g))
        return 1;
    const float *x = in(t, N);
    return t->be->blur(t->dev, &g, x, out(t, t->s.n * t->s.c * g.oh * g.ow, false));
}

static int c_blur_vjp(run *t)
{
    rst_blur_geom g;
    if (!blur_of(t, &g))
        return 1;
    const float *dy = in(t, t->s.n * t->s.c * g.oh * g.ow);
    return t->be->blur_vjp(t->dev, &g, dy, out(t, N, ADD), ADD);
}

static const double up_taps[3][4] = { { 0.25, 0.75, 0.75, 0.25 }, { 0.5, 1, 0.5 }, { 2 } };
static const int up_counts[3] = { 4, 3, 1 };

static int c_blur_up(run *t)
{
    const float *x = in(t, N);
    return t->be->blur_up(t->dev, t->s, up_counts[t->v], up_taps[t->v], x, out(t, 4 * N, false));
}

static int c_blur_up_vjp(run *t)
{
    const float *dy = in(t, 4 * N);
    return t->be->blur_up_vjp(t->dev, t->s, up_counts[t->v / 2], up_taps[t->v / 2], dy,
                              out(t, N, ADD), ADD);
}

static rst_norm norm_of(const run *t, bool batch)
{
    return (rst_norm){ .x = t->s, .batch = batch, .eps = 1e-5 };
}

static int64_t stats_of(const run *t, bool batch)
{
    return batch ? t->s.c : t->s.n * t->s.c;
}

static int c_norm_stats(run *t)
{
    const rst_norm g = norm_of(t, t->v & 1);
    const int64_t k = stats_of(t, g.batch);
    const float *x = in_levels(t, N, t->v & 2 ? 3 : -1);
    float *mean = out(t, k, false);
    return t->be->norm_stats(t->dev, &g, x, mean, out(t, k, false));
}

static int c_norm_apply(run *t)
{
    rst_norm g = norm_of(t, t->v & 1);
    const int64_t k = stats_of(t, g.batch), c = t->s.c;
    const rst_map acts[] = { RST_MAP_NONE, RST_MAP_RELU, RST_MAP_LEAKY, RST_MAP_TANH };
    g.act = acts[t->v / 8 % 4];
    g.a = 0.2;
    const float *mean = in(t, k), *var = in_levels(t, k, 0.5f), *gamma = in(t, c), *beta = in(t, c);
    const int place = t->v / 32; /* 0: apart; 1: y is x; 2: y is the residual */
    float *y = out(t, N, place > 0);
    const float *x = place == 1 ? y : in(t, N);
    const float *r = place == 2 ? y : t->v & 4 ? in(t, N) : NULL;
    return t->be->norm_apply(t->dev, &g, x, mean, var, t->v & 2 ? gamma : NULL,
                             t->v & 4 ? beta : NULL, r, y);
}

static int c_norm_vjp(run *t)
{
    rst_norm g = norm_of(t, t->v & 2);
    const rst_map acts[] = { RST_MAP_NONE, RST_MAP_RELU, RST_MAP_LEAKY, RST_MAP_TANH };
    g.fixed = t->v & 4;
    g.act = acts[t->v / 32];
    g.a = 0.2;
    const int64_t k = stats_of(t, g.batch), c = t->s.c;
    const float *x = in(t, N), *mean = in(t, k), *var = in_levels(t, k, 0.5f), *gamma = in(t, c);
    const float *beta = in(t, c), *dy = in(t, N);
    float *dx = out(t, N, ADD), *dgamma = out(t, c, true), *dbeta = out(t, c, true);
    const bool alone = t->v & 16; /* dgamma and dbeta */
    if (alone)
        dx = memset(dx, 0, (size_t)N * sizeof *dx);
    const bool params = t->v & 8;
    return t->be->norm_vjp(t->dev, &g, x, mean, var, params ? gamma : NULL, params ? beta : NULL,
                           dy, alone ? NULL : dx, ADD, params ? dgamma : NULL,
                           params ? dbeta : NULL);
}

static int c_spectral(run *t)
{
    const bool tr = t->v & 1;
    const int64_t co = tr ? t->s.c : t->s.n;
    const float *w = in_levels(t, N, -0.75f);
    float *u = out(t, co, true), *v = out(t, N / co, true), *sigma = out(t, 1, false);
    return t->be->spectral(t->dev, t->s, tr, t->v & 2, w, u, v, sigma, out(t, N, false));
}

static int c_spectral_vjp(run *t)
{
    const bool tr = t->v & 2;
    const int64_t co = tr ? t->s.c : t->s.n;
    const float *y = in(t, N), *u = in(t, co), *v = in(t, N / co), *dy = in(t, N);
    const float *sigma = in_levels(t, 1, 0.5f);
    return t->be->spectral_vjp(t->dev, t->s, tr, y, u, v, sigma, dy, out(t, N, ADD), ADD);
}

static bool pool_of(const run *t, rst_pool2d *g)
{
    static const int k[][3] = { { 2, 2, 0 }, { 3, 2, 1 }, { 3, 1, 1 }, { 3, 2, 0 } };
    const int *p = k[t->v / 2 % 4];
    *g = (rst_pool2d){ .x = t->s,
                       .kh = p[0],
                       .kw = p[0],
                       .sh = p[1],
                       .sw = p[1],
                       .ph = p[2],
                       .pw = p[2],
                       .include_pad = t->v / 8 % 2 };
    const int64_t h = t->s.h + 2 * p[2] - p[0], w = t->s.w + 2 * p[2] - p[0];
    const bool ceil_mode = t->v / 2 % 4 == 3;
    g->oh = (h + (ceil_mode ? p[1] - 1 : 0)) / p[1] + 1;
    g->ow = (w + (ceil_mode ? p[1] - 1 : 0)) / p[1] + 1;
    return h >= 0 && w >= 0;
}

static int c_max_pool(run *t)
{
    rst_pool2d g;
    if (!pool_of(t, &g))
        return 1;
    const int64_t n = t->s.n * t->s.c * g.oh * g.ow;
    const float *x = in_levels(t, N, -3);
    float *y = out(t, n, false);
    return t->be->max_pool(t->dev, &g, x, y, out_ints(t, n));
}

/* arg must lie in its window: it is made by the kernel that was tested before */
static int c_max_pool_vjp(run *t)
{
    rst_pool2d g;
    if (!pool_of(t, &g))
        return 1;
    const int64_t n = t->s.n * t->s.c * g.oh * g.ow;
    const float *x = in_levels(t, N, -3), *dy = in(t, n);
    float *y = out(t, n, false);
    int32_t *arg = out_ints(t, n);
    const int rc = t->be->max_pool(t->dev, &g, x, y, arg);
    return rc ? rc : t->be->max_pool_vjp(t->dev, &g, arg, dy, out(t, N, ADD), ADD);
}

static int c_avg_pool(run *t)
{
    rst_pool2d g;
    if (!pool_of(t, &g))
        return 1;
    const float *x = in(t, N);
    return t->be->avg_pool(t->dev, &g, x, out(t, t->s.n * t->s.c * g.oh * g.ow, false));
}

static int c_avg_pool_vjp(run *t)
{
    rst_pool2d g;
    if (!pool_of(t, &g))
        return 1;
    const float *dy = in(t, t->s.n * t->s.c * g.oh * g.ow);
    return t->be->avg_pool_vjp(t->dev, &g, dy, out(t, N, ADD), ADD);
}

static rst_resample resample_of(const run *t)
{
    static const double factor[] = { 2, 0.5, 1.7 };
    const double f = factor[t->v / 2 % 3];
    rst_resample g = { .x = t->s, .kind = (rst_interp)(t->v / 6) };
    g.oh = (int64_t)fmax(1, floor((double)t->s.h * f));
    g.ow = (int64_t)fmax(1, floor((double)t->s.w * f));
    g.sy = (double)t->s.h / (double)g.oh;
    g.sx = (double)t->s.w / (double)g.ow;
    return g;
}

static int c_resample(run *t)
{
    const rst_resample g = resample_of(t);
    const float *x = in(t, N);
    return t->be->resample(t->dev, &g, x, out(t, t->s.n * t->s.c * g.oh * g.ow, false));
}

static int c_resample_vjp(run *t)
{
    const rst_resample g = resample_of(t);
    const float *dy = in(t, t->s.n * t->s.c * g.oh * g.ow);
    return t->be->resample_vjp(t->dev, &g, dy, out(t, N, ADD), ADD);
}

static const rst_pads pads[] = { { 1, 1, 1, 1 }, { 3, 0, 2, 1 } };

static int64_t padded_of(const run *t, rst_pads p)
{
    return t->s.n * t->s.c * (t->s.h + p.t + p.b) * (t->s.w + p.l + p.r);
}

static int c_pad(run *t)
{
    const rst_pads p = pads[t->v % 2];
    if (t->v / 2 == RST_PAD_REFLECT && (t->s.h < 4 || t->s.w < 4))
        return 1;
    const float *x = in(t, N);
    return t->be->pad(t->dev, t->s, p, (rst_pad_mode)(t->v / 2), x, out(t, padded_of(t, p), false));
}

static int c_pad_vjp(run *t)
{
    const rst_pads p = pads[t->v / 6];
    if (t->v / 2 % 3 == RST_PAD_REFLECT && (t->s.h < 4 || t->s.w < 4))
        return 1;
    const float *dy = in(t, padded_of(t, p));
    return t->be->pad_vjp(t->dev, t->s, p, (rst_pad_mode)(t->v / 2 % 3), dy, out(t, N, ADD), ADD);
}

static int c_flip_w(run *t)
{
    const float *x = in(t, N);
    return t->be->flip_w(t->dev, t->s, x, out(t, N, ADD), ADD);
}

static int c_gather(run *t)
{
    const int64_t count = 37;
    const int32_t *ids = in_ints(t, count, t->s.h * t->s.w);
    const float *x = in(t, N);
    return t->be->gather(t->dev, t->s, count, ids, x, out(t, t->s.n * count * t->s.c, false));
}

static int c_gather_vjp(run *t)
{
    const int64_t count = 37;
    const int32_t *ids = in_ints(t, count, t->s.h * t->s.w);
    const float *dy = in(t, t->s.n * count * t->s.c);
    return t->be->gather_vjp(t->dev, t->s, count, ids, dy, out(t, N, true));
}

static int c_l2norm(run *t)
{
    const float *x = in(t, N);
    return t->be->l2norm(t->dev, (rst_l2_kind)t->v, 1e-3, N / t->s.c, t->s.c, x, out(t, N, false));
}

static int c_l2norm_vjp(run *t)
{
    const float *x = in(t, N), *dy = in(t, N);
    return t->be->l2norm_vjp(t->dev, (rst_l2_kind)(t->v / 2), 1e-3, N / t->s.c, t->s.c, x, dy,
                             out(t, N, ADD), ADD);
}

/* groups of p rows of p */
static int64_t nce_of(const run *t)
{
    return t->s.h * t->s.w > 256 ? 256 : t->s.h * t->s.w;
}

static int c_nce(run *t)
{
    const int64_t p = nce_of(t);
    const float *s = in(t, t->s.n * p * p);
    return t->be->nce(t->dev, t->s.n, p, 0.07, s, out(t, t->s.n * p, false));
}

static int c_nce_vjp(run *t)
{
    const int64_t p = nce_of(t);
    const float *s = in(t, t->s.n * p * p), *dloss = in(t, t->s.n * p);
    return t->be->nce_vjp(t->dev, t->s.n, p, 0.07, s, dloss, out(t, t->s.n * p * p, ADD), ADD);
}

static int c_adam(run *t)
{
    float *p = out(t, N, true), *m = out(t, N, true), *v = out(t, N, true);
    const float *g = in(t, N);
    for (int64_t i = 0; i < N; i++)
        v[i] = v[i] * v[i];
    return t->be->adam(t->dev, N, p, g, m, v, 2e-4, 0.5, 0.999, 1e-8, 1 + 10 * t->v);
}

static const test_case cases[] = {
    { "fill", c_fill, 1, 0 },
    { "axpby", c_axpby, 3, 2e-7 },
    { "upload", c_upload, 4, 1e-7 },
    { "download", c_download, 4, 0 },
    { "block", c_block, 6, 1e-7 },
    { "map", c_map, RST_MAP_AFFINE + 1, 4e-7 },
    { "map_vjp", c_map_vjp, 2 * (RST_MAP_AFFINE + 1), 4e-7 },
    { "binary", c_binary, 48, 1e-7 },
    { "expand", c_expand, 32, 2e-7 },
    { "reduce", c_reduce, 32, 2e-7 },
    { "reduce_max", c_reduce_max, 2, 0 },
    { "reduce_max_vjp", c_reduce_max_vjp, 4, 1e-7 },
    { "blur", c_blur, 48, 1e-6 },
    { "blur_vjp", c_blur_vjp, 48, 1e-6 },
    { "blur_up", c_blur_up, 3, 1e-6 },
    { "blur_up_vjp", c_blur_up_vjp, 6, 1e-6 },
    { "norm_stats", c_norm_stats, 4, 5e-7 },
    { "norm_apply", c_norm_apply, 96, 1e-6, 0.5 },
    { "norm_vjp", c_norm_vjp, 128, 2e-6, 5 },
    { "spectral", c_spectral, 4, 1e-6 },
    { "spectral_vjp", c_spectral_vjp, 4, 1e-6 },
    { "max_pool", c_max_pool, 8, 0 },
    { "max_pool_vjp", c_max_pool_vjp, 8, 1e-6 },
    { "avg_pool", c_avg_pool, 16, 1e-6 },
    { "avg_pool_vjp", c_avg_pool_vjp, 16, 1e-6 },
    { "resample", c_resample, 18, 2e-6 },
    { "resample_vjp", c_resample_vjp, 18, 2e-6 },
    { "pad", c_pad, 6, 0 },
    { "pad_vjp", c_pad_vjp, 12, 1e-6 },
    { "flip_w", c_flip_w, 2, 1e-7 },
    { "gather", c_gather, 1, 0 },
    { "gather_vjp", c_gather_vjp, 1, 1e-6 },
    { "l2norm", c_l2norm, 2, 4e-7 },
    { "l2norm_vjp", c_l2norm_vjp, 4, 1e-6, 1 },
    { "nce", c_nce, 1, 1e-6 },
    { "nce_vjp", c_nce_vjp, 2, 2e-6 },
    { "adam", c_adam, 3, 1e-6 },
};

static const rst_dims shapes[] = {
    { 1, 1, 1, 1 },   { 1, 3, 2, 3 },    { 2, 5, 7, 4 },    { 1, 16, 19, 18 },  { 2, 17, 5, 19 },
    { 1, 1, 13, 11 }, { 2, 64, 4, 1 },   { 1, 33, 1, 17 },  { 1, 3, 130, 97 },  { 1, 1, 190, 181 },
    { 2, 5, 60, 67 }, { 1, 64, 41, 33 }, { 2, 17, 37, 40 }, { 1, 300, 12, 11 },
};

static void test_kernel(void **state)
{
    const test_case *c = *state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int v = 0; v < c->variants; v++) /* the large shapes: every third variant */
            if (rst__numel(shapes[i]) < 8000 || v % 3 == (int)i % 3 || c->variants < 9)
                run_case(c, shapes[i], v);
}

static rst_dev *open_device(const char *backend, int threads)
{
    rst_error err = RST_ERROR_INIT;
    rst_dev *d = NULL;
    const rst_ctx_options o = { .backend = backend, .threads = threads };
    if (rst__backend_find(backend, RST_F32)->open(&d, &o, &err) < 0)
        fail_msg("%s: %s", backend, err.msg);
    return d;
}

static int setup(void **state)
{
    (void)state;
    ref_dev = open_device("ref", 1);
    for (int i = 0; i < 3; i++)
        cpu_dev[i] = open_device("cpu", i + 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ref_dev->be->close(ref_dev);
    for (int i = 0; i < 3; i++)
        cpu_dev[i]->be->close(cpu_dev[i]);
    return rst__alloc_live() == 0 ? 0 : -1;
}

int main(void)
{
    enum { CASES = sizeof cases / sizeof *cases };
    static struct CMUnitTest tests[CASES];
    for (int i = 0; i < CASES; i++)
        tests[i] = (struct CMUnitTest){ .name = cases[i].name,
                                        .test_func = test_kernel,
                                        .initial_state = (void *)(uintptr_t)&cases[i] };
    return cmocka_run_group_tests_name("cpu_rest", tests, setup, teardown);
}
