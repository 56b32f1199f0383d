/* SPDX-License-Identifier: MIT */
/* Instance and batch normalisation: statistics, application, gradients. */
#include <math.h>
#include <omp.h>

#include "backend/cpu/kernels.h"

/* The pixels that share statistics lie together: `groups` times px pixels of c channels. */
typedef struct shape {
    int64_t groups, px, c, block;
} shape;

static shape shape_of(const rst_norm *g)
{
    const int64_t hw = g->x.h * g->x.w;
    const shape s = { g->batch ? 1 : g->x.n, g->batch ? g->x.n * hw : hw, g->x.c,
                      rst__most(1, RST_BLOCK / g->x.c) };
    return s;
}

/* Two sums of doubles and three of floats per channel, for each part of each group. */
typedef struct sums {
    int64_t parts;
    double *s, *q;
    float *tmp;
} sums;

static int sums_get(rst_dev *dev, shape k, sums *t)
{
    t->parts = rst__parts(k.px, k.c);
    const size_t n = (size_t)(k.groups * t->parts * k.c);
    t->s = rst__cpu_scratch(rst__cpu(dev), RST_SLOT_OTHER,
                            n * (2 * sizeof(double) + 3 * sizeof(float)));
    if (!t->s)
        return dev->err.code;
    t->q = t->s + n;
    t->tmp = (float *)(t->q + n);
    for (size_t i = 0; i < 2 * n; i++)
        t->s[i] = 0;
    return 0;
}

/* Adds the parts of each group into its first one, in order. */
static void sums_fold(shape k, const sums *t)
{
    for (int64_t g = 0; g < k.groups; g++) {
        double *s = t->s + g * t->parts * k.c, *q = t->q + g * t->parts * k.c;
        for (int64_t i = k.c; i < t->parts * k.c; i++) {
            s[i % k.c] += s[i];
            q[i % k.c] += q[i];
        }
    }
}

/* Sums are taken about the group's first pixel: a large mean costs no digits of the variance. */
int rst__cpu_norm_stats(rst_dev *dev, const rst_norm *g, const void *xp, void *meanp, void *varp)
{
    const rst__ew *ew = rst__ew_of(dev);
    const shape k = shape_of(g);
    const float *x = xp;
    float *mean = meanp, *var = varp;
    sums t;
    if (sums_get(dev, k, &t) < 0)
        return dev->err.code;
    RST_PARALLEL_FOR(dev, rst__numel(g->x))
    for (int64_t i = 0; i < k.groups * t.parts; i++) {
        int64_t from, to;
        rst__share(k.px, (int)(i % t.parts), (int)t.parts, &from, &to);
        const float *first = x + i / t.parts * k.px * k.c;
        ew->moments(to - from, k.c, first + from * k.c, first, t.tmp + 3 * i * k.c, t.s + i * k.c,
                    t.q + i * k.c);
    }
    sums_fold(k, &t);
    for (int64_t i = 0; i < k.groups * k.c; i++) {
        const int64_t group = i / k.c, at = group * t.parts * k.c + i % k.c;
        const double s = t.s[at] / (double)k.px, v = t.q[at] / (double)k.px - s * s;
        mean[i] = (float)((double)x[group * k.px * k.c + i % k.c] + s);
        var[i] = (float)(v > 0 || v != v ? v : 0);
    }
    return 0;
}

static double inverse_std(const float *var, int64_t i, double eps)
{
    return 1 / sqrt((double)var[i] + eps);
}

/* What norm_apply multiplies by, for each group, and adds. */
static void affine_of(const rst_norm *g, shape k, const float *var, const float *gamma,
                      const float *beta, float *scale, float *shift)
{
    for (int64_t i = 0; i < k.groups * k.c; i++)
        scale[i] = (float)(inverse_std(var, i, g->eps) * (gamma ? (double)gamma[i % k.c] : 1));
    for (int64_t i = 0; i < k.c; i++)
        shift[i] = beta ? beta[i] : 0;
}

int rst__cpu_norm_apply(rst_dev *dev, const rst_norm *g, const void *xp, const void *meanp,
                        const void *varp, const void *gammap, const void *betap,
                        const void *residual, void *yp)
{
    const rst__ew *ew = rst__ew_of(dev);
    const shape k = shape_of(g);
    const float *x = xp, *mean = meanp, *r = residual;
    float *y = yp;
    float *scale = rst__cpu_scratch(rst__cpu(dev), RST_SLOT_OTHER,
                                    (size_t)((k.groups + 1) * k.c) * sizeof *scale);
    if (!scale)
        return dev->err.code;
    float *shift = scale + k.groups * k.c;
    affine_of(g, k, varp, gammap, betap, scale, shift);
    const int64_t blocks = rst__blocks(k.px, k.block);
    RST_PARALLEL_FOR(dev, rst__numel(g->x))
    for (int64_t i = 0; i < k.groups * blocks; i++) {
        const int64_t group = i / blocks, p = i % blocks * k.block;
        const int64_t at = (group * k.px + p) * k.c;
        ew->normalise(rst__least(k.block, k.px - p), k.c, x + at, mean + group * k.c,
                      scale + group * k.c, shift, r ? r + at : NULL, g->act, (float)g->a, y + at);
    }
    return 0;
}

/* The way back through the activation, a few pixels at a time, which stay in the first cache: what
 * the norm gave is made again from x, and tells what of dy comes through. */
typedef struct through {
    const rst_norm *g;
    const rst__ew *ew;
    const float *mean, *scale, *shift;
    float *tmp;         /* a tile for each thread; NULL without an activation */
    int64_t c, px, len; /* pixels of a tile, a multiple of four as in norm_sums; its numbers */
} through;

enum { TILE = 4096 };

static int64_t tile_px(shape k)
{
    return rst__most(4, TILE / k.c / 4 * 4);
}

/* dy before the activation, of px pixels of a group. */
static const float *back_through(const through *t, int64_t group, int64_t px, const float *x,
                                 const float *dy)
{
    if (!t->tmp)
        return dy;
    const int64_t at = group * t->c;
    float *y = t->tmp + omp_get_thread_num() * t->len;
    t->ew->normalise(px, t->c, x, t->mean + at, t->scale + at, t->shift, NULL, t->g->act,
                     (float)t->g->a, y);
    t->ew->map_vjp(t->g->act, (float)t->g->a, px * t->c, y, dy, y, false);
    return y;
}

/* Sums of dy and of dy*(x - mean) of each group, in the first part of it. */
static int grad_sums(rst_dev *dev, shape k, const through *th, const float *x, const float *dy,
                     sums *t)
{
    if (sums_get(dev, k, t) < 0)
        return dev->err.code;
    RST_PARALLEL_FOR(dev, k.groups * k.px * k.c)
    for (int64_t i = 0; i < k.groups * t->parts; i++) {
        int64_t from, to;
        const int64_t group = i / t->parts;
        rst__share(k.px, (int)(i % t->parts), (int)t->parts, &from, &to);
        const int64_t step = th->tmp ? th->px : k.px;
        for (int64_t p = from; p < to; p += step) {
            const int64_t n = rst__least(step, to - p), at = (group * k.px + p) * k.c;
            th->ew->norm_sums(n, k.c, x + at, back_through(th, group, n, x + at, dy + at),
                              th->mean + group * k.c, t->s + i * k.c, t->q + i * k.c);
        }
    }
    sums_fold(k, t);
    return 0;
}

static void grad_params(const rst_norm *g, shape k, const sums *t, const float *var, float *dgamma,
                        float *dbeta)
{
    for (int64_t c = 0; c < k.c; c++) {
        double dg = 0, db = 0;
        for (int64_t n = 0; n < k.groups; n++) {
            const int64_t at = n * t->parts * k.c + c;
            db += t->s[at];
            dg += t->q[at] * inverse_std(var, n * k.c + c, g->eps);
        }
        if (dgamma)
            dgamma[c] = (float)((double)dgamma[c] + dg);
        if (dbeta)
            dbeta[c] = (float)((double)dbeta[c] + db);
    }
}

/* The rows mean, scale, mean of dy, d of ew's norm_grad, for each group; t is NULL with fixed
 * statistics. */
static void grad_coefs(const rst_norm *g, shape k, const sums *t, const float *mean,
                       const float *var, const float *gamma, float *coef)
{
    const double n = (double)k.px;
    for (int64_t i = 0; i < k.groups * k.c; i++) {
        const int64_t c = i % k.c, at = i / k.c * (t ? t->parts : 0) * k.c + c;
        const double inv = inverse_std(var, i, g->eps);
        float *to = coef + i / k.c * 4 * k.c + c;
        to[0] = mean[i];
        to[k.c] = (float)(inv * (gamma ? (double)gamma[c] : 1));
        to[2 * k.c] = t ? (float)(t->s[at] / n) : 0;
        to[3 * k.c] = t ? (float)(t->q[at] / n * inv * inv) : 0;
    }
}

/* dx from dy and the coefficients. */
static void grad_apply(rst_dev *dev, shape k, const through *th, const float *x, const float *dy,
                       const float *coef, float *dx, bool add)
{
    const int64_t step = th->tmp ? th->px : k.block, blocks = rst__blocks(k.px, step);
    RST_PARALLEL_FOR(dev, k.groups * k.px * k.c)
    for (int64_t i = 0; i < k.groups * blocks; i++) {
        const int64_t group = i / blocks, p = i % blocks * step;
        const int64_t n = rst__least(step, k.px - p), at = (group * k.px + p) * k.c;
        th->ew->norm_grad(n, k.c, x + at, back_through(th, group, n, x + at, dy + at),
                          coef + group * 4 * k.c, dx + at, add);
    }
}

int rst__cpu_norm_vjp(rst_dev *dev, const rst_norm *g, const void *x, const void *mean,
                      const void *var, const void *gamma, const void *beta, const void *dy,
                      void *dx, bool add, void *dgamma, void *dbeta)
{
    const shape k = shape_of(g);
    through th = { .g = g, .ew = rst__ew_of(dev), .mean = mean, .c = k.c, .px = tile_px(k) };
    th.len = th.px * k.c;
    const int64_t rows = k.groups * k.c, act = g->act == RST_MAP_NONE ? 0 : 1;
    float *coef = rst__cpu_scratch(rst__cpu(dev), RST_SLOT_OTHER2,
                                   (size_t)(4 * rows + act * (rows + k.c + dev->threads * th.len)) *
                                       sizeof *coef);
    if (!coef)
        return dev->err.code;
    if (act) {
        float *scale = coef + 4 * rows, *shift = scale + rows;
        affine_of(g, k, var, gamma, beta, scale, shift);
        th.scale = scale;
        th.shift = shift;
        th.tmp = shift + k.c;
    }
    sums t;
    const bool summed = dgamma || dbeta || !g->fixed;
    if (summed && grad_sums(dev, k, &th, x, dy, &t) < 0)
        return dev->err.code;
    if (dgamma || dbeta)
        grad_params(g, k, &t, var, dgamma, dbeta);
    if (!dx)
        return 0;
    grad_coefs(g, k, g->fixed ? NULL : &t, mean, var, gamma, coef);
    grad_apply(dev, k, &th, x, dy, coef, dx, add);
    return 0;
}
