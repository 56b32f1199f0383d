/* SPDX-License-Identifier: MIT */
/* Rows of features: places of a map, unit length, the contrastive loss. */
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"

static int ids_inside(rst_dev *dev, rst_dims s, int64_t count, const int32_t *ids)
{
    for (int64_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= s.h * s.w)
            return rst__dev_fail(dev, RST_EINVAL, "gather: place %d of a map of %lld x %lld",
                                 (int)ids[i], (long long)s.h, (long long)s.w);
    return 0;
}

int rst__cpu_gather(rst_dev *dev, rst_dims s, int64_t count, const int32_t *ids, const void *xp,
                    void *yp)
{
    if (ids_inside(dev, s, count, ids) < 0)
        return dev->err.code;
    const float *x = xp;
    float *y = yp;
    RST_PARALLEL_FOR(dev, s.n * count * s.c)
    for (int64_t i = 0; i < s.n * count; i++)
        memcpy(y + i * s.c, x + (i / count * s.h * s.w + ids[i % count]) * s.c,
               (size_t)s.c * sizeof *y);
    return 0;
}

/* Places may repeat: one thread adds all rows of an image and block of channels, in their order. */
int rst__cpu_gather_vjp(rst_dev *dev, rst_dims s, int64_t count, const int32_t *ids,
                        const void *dyp, void *dxp)
{
    if (ids_inside(dev, s, count, ids) < 0)
        return dev->err.code;
    const rst__ew *ew = rst__ew_of(dev);
    const int64_t width = 64, blocks = rst__blocks(s.c, width);
    const float *dy = dyp;
    float *dx = dxp;
    RST_PARALLEL_FOR(dev, s.n * count * s.c)
    for (int64_t b = 0; b < s.n * blocks; b++) {
        const int64_t n = b / blocks, c = b % blocks * width, len = rst__least(width, s.c - c);
        for (int64_t i = 0; i < count; i++)
            ew->axpby(len, 1, dy + (n * count + i) * s.c + c, 1,
                      dx + (n * s.h * s.w + ids[i]) * s.c + c);
    }
    return 0;
}

/* |x|, or |x + eps| for ASP */
static double length(const rst__ew *ew, rst_l2_kind kind, double eps, int64_t c, const float *x)
{
    if (kind == RST_L2_CUT)
        return sqrt(ew->dot(c, x, x));
    double s = 0;
    for (int64_t i = 0; i < c; i++)
        s += ((double)x[i] + eps) * ((double)x[i] + eps);
    return sqrt(s);
}

int rst__cpu_l2norm(rst_dev *dev, rst_l2_kind kind, double eps, int64_t rows, int64_t c,
                    const void *xp, void *yp)
{
    const rst__ew *ew = rst__ew_of(dev);
    const float *x = xp;
    float *y = yp;
    RST_PARALLEL_FOR(dev, 2 * rows * c)
    for (int64_t r = 0; r < rows; r++) {
        const double d = length(ew, kind, eps, c, x + r * c) + (kind == RST_L2_CUT ? eps : 0);
        ew->axpby(c, (float)(1 / d), x + r * c, 0, y + r * c);
    }
    return 0;
}

/* y = x/d: dx = dy/d - (x.dy)/d^2 grad d; grad d is x/|x| (CUT; 0 at 0) or (x + eps)/d (ASP) */
int rst__cpu_l2norm_vjp(rst_dev *dev, rst_l2_kind kind, double eps, int64_t rows, int64_t c,
                        const void *xp, const void *dyp, void *dxp, bool add)
{
    const rst__ew *ew = rst__ew_of(dev);
    const float *x = xp, *dy = dyp;
    float *dx = dxp;
    const bool cut = kind == RST_L2_CUT;
    RST_PARALLEL_FOR(dev, 4 * rows * c)
    for (int64_t r = 0; r < rows; r++) {
        const float *xr = x + r * c, *dr = dy + r * c;
        const double len = length(ew, kind, eps, c, xr), d = len + (cut ? eps : 0);
        const double pull = len > 0 ? ew->dot(c, xr, dr) / (d * d * len) : 0;
        ew->l2_grad(c, 1 / d, pull, cut ? 0 : pull * eps, xr, dr, dx + r * c, add);
    }
    return 0;
}

/* What stands in the place of a row's own positive among its negatives (spec 3.4). */
static const double masked = -10.0;

/* e[j] = exp((s[j] - *top)/t), *top the largest of the row's and of what is masked; returns the sum
 * over all logits, of which the positive is one. */
static double nce_sum(const rst__ew *ew, int64_t p, double t, const float *s, float *e, float *top)
{
    *top = (float)masked;
    for (int64_t j = 0; j < p; j++)
        *top = s[j] > *top ? s[j] : *top;
    return ew->exp_sum(p, (float)(1 / t), *top, s, e) + exp((masked - (double)*top) / t);
}

/* Rows of one block, and room for one row per block. */
enum { NCE_ROWS = 8 };

static float *nce_room(rst_dev *dev, int64_t rows, int64_t p)
{
    return rst__cpu_scratch(rst__cpu(dev), RST_SLOT_OTHER,
                            (size_t)(rst__blocks(rows, NCE_ROWS) * p) * sizeof(float));
}

int rst__cpu_nce(rst_dev *dev, int64_t groups, int64_t p, double t, const void *sp, void *lossp)
{
    const rst__ew *ew = rst__ew_of(dev);
    const int64_t rows = groups * p;
    const float *s = sp;
    float *loss = lossp, *room = nce_room(dev, rows, p);
    if (!room)
        return dev->err.code;
    RST_PARALLEL_FOR(dev, 8 * rows * p)
    for (int64_t b = 0; b < rst__blocks(rows, NCE_ROWS); b++)
        for (int64_t r = b * NCE_ROWS; r < rst__least((b + 1) * NCE_ROWS, rows); r++) {
            float top;
            const double sum = nce_sum(ew, p, t, s + r * p, room + b * p, &top);
            loss[r] = (float)(log(sum) + ((double)top - (double)s[r * p + r % p]) / t);
        }
    return 0;
}

int rst__cpu_nce_vjp(rst_dev *dev, int64_t groups, int64_t p, double t, const void *sp,
                     const void *dlossp, void *dsp, bool add)
{
    const rst__ew *ew = rst__ew_of(dev);
    const int64_t rows = groups * p;
    const float *s = sp, *dloss = dlossp;
    float *ds = dsp, *room = nce_room(dev, rows, p);
    if (!room)
        return dev->err.code;
    RST_PARALLEL_FOR(dev, 8 * rows * p)
    for (int64_t b = 0; b < rst__blocks(rows, NCE_ROWS); b++)
        for (int64_t r = b * NCE_ROWS; r < rst__least((b + 1) * NCE_ROWS, rows); r++) {
            float top, *e = room + b * p, *diag = &ds[r * p + r % p];
            const double sum = nce_sum(ew, p, t, s + r * p, e, &top), d = (double)dloss[r] / t;
            /* the positive's share minus 1, of which nothing cancels */
            const double pull = -d * (sum - (double)e[r % p]) / sum + (add ? (double)*diag : 0);
            ew->axpby(p, (float)(d / sum), e, add, ds + r * p);
            *diag = (float)pull;
        }
    return 0;
}
