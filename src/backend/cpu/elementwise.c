/* SPDX-License-Identifier: MIT */
/* One number in, one number out; broadcasts; the optimiser. */
#include <math.h>

#include "backend/cpu/kernels.h"

int rst__cpu_fill(rst_dev *dev, int64_t n, double v, void *yp)
{
    const rst__ew *ew = rst__ew_of(dev);
    float *y = yp;
    const float value = (float)v;
    RST_PARALLEL_FOR(dev, n)
    for (int64_t i = 0; i < n; i += RST_BLOCK)
        ew->expand(1, rst__least(RST_BLOCK, n - i), 1, &value, 0, 0, y + i, false);
    return 0;
}

int rst__cpu_axpby(rst_dev *dev, int64_t n, double a, const void *xp, double b, void *yp)
{
    const rst__ew *ew = rst__ew_of(dev);
    const float *x = xp;
    float *y = yp;
    RST_PARALLEL_FOR(dev, n)
    for (int64_t i = 0; i < n; i += RST_BLOCK)
        ew->axpby(rst__least(RST_BLOCK, n - i), (float)a, x + i, (float)b, y + i);
    return 0;
}

int rst__cpu_finite(rst_dev *dev, int64_t n, const void *xp, bool *ok)
{
    const rst__ew *ew = rst__ew_of(dev);
    const float *x = xp;
    int bad = 0;
#pragma omp parallel for reduction(+ : bad) num_threads(dev->threads) if (n > RST_SERIAL)
    for (int64_t i = 0; i < n; i += RST_BLOCK)
        bad += !ew->finite(rst__least(RST_BLOCK, n - i), x + i);
    *ok = bad == 0;
    return 0;
}

int rst__cpu_map(rst_dev *dev, rst_map f, double a, double b, int64_t n, const void *xp, void *yp)
{
    const rst__ew *ew = rst__ew_of(dev);
    const float *x = xp;
    float *y = yp;
    RST_PARALLEL_FOR(dev, n)
    for (int64_t i = 0; i < n; i += RST_BLOCK)
        ew->map(f, (float)a, (float)b, rst__least(RST_BLOCK, n - i), x + i, y + i);
    return 0;
}

int rst__cpu_map_vjp(rst_dev *dev, rst_map f, double a, double b, int64_t n, const void *x,
                     const void *y, const void *dyp, void *dxp, bool add)
{
    (void)b;
    const rst__ew *ew = rst__ew_of(dev);
    const bool by_y =
        f == RST_MAP_RELU || f == RST_MAP_LEAKY || f == RST_MAP_TANH || f == RST_MAP_SIGMOID;
    const bool by_none = f == RST_MAP_AFFINE || f == RST_MAP_NONE; /* x and y may both be NULL */
    const float *dy = dyp, *v = by_none ? dyp : by_y ? y : x;
    float *dx = dxp;
    RST_PARALLEL_FOR(dev, n)
    for (int64_t i = 0; i < n; i += RST_BLOCK)
        ew->map_vjp(f, (float)a, rst__least(RST_BLOCK, n - i), v + i, dy + i, dx + i, add);
    return 0;
}

/* A dense result walked together with two operands that may be broadcast: sizes and the operands'
 * steps, from the outermost dimension to the innermost; neighbours that can be one are one. */
typedef struct walk {
    int64_t size[4], x[4], y[4];
} walk;

static void steps_of(rst_dims s, int64_t t[4])
{
    t[0] = s.n > 1 ? s.h * s.w * s.c : 0;
    t[1] = s.h > 1 ? s.w * s.c : 0;
    t[2] = s.w > 1 ? s.c : 0;
    t[3] = s.c > 1;
}

static walk walk_of(rst_dims out, rst_dims xs, rst_dims ys)
{
    const int64_t size[4] = { out.n, out.h, out.w, out.c };
    int64_t x[4], y[4];
    steps_of(xs, x);
    steps_of(ys, y);
    walk k = { { 1, 1, 1, 1 }, { 0 }, { 0 } };
    int j = 4;
    for (int d = 3; d >= 0; d--) {
        if (size[d] == 1)
            continue;
        if (j < 4 && x[d] == k.x[j] * k.size[j] && y[d] == k.y[j] * k.size[j]) {
            k.size[j] *= size[d];
            continue;
        }
        j--;
        k.size[j] = size[d];
        k.x[j] = x[d];
        k.y[j] = y[d];
    }
    return k;
}

/* One block of a walk: pixels and columns from..; element offsets of its start. */
typedef struct part {
    int64_t px, c, x, y, z;
} part;

/* Blocks of about RST_BLOCK elements: whole rows of the innermost dimension, or pieces of one. */
typedef struct cut {
    int64_t px, c, px_blocks, c_blocks, count;
} cut;

static cut cut_of(const walk *k)
{
    cut t;
    t.c = rst__least(RST_BLOCK, k->size[3]);
    t.c_blocks = rst__blocks(k->size[3], t.c);
    t.px = t.c_blocks > 1 ? 1 : rst__most(1, RST_BLOCK / t.c);
    t.px_blocks = rst__blocks(k->size[2], t.px);
    t.count = k->size[0] * k->size[1] * t.px_blocks * t.c_blocks;
    return t;
}

static part part_of(const walk *k, const cut *t, int64_t i)
{
    const int64_t c0 = i % t->c_blocks * t->c;
    i /= t->c_blocks;
    const int64_t p0 = i % t->px_blocks * t->px;
    i /= t->px_blocks;
    const int64_t a = i / k->size[1], b = i % k->size[1];
    return (part){ .px = rst__least(t->px, k->size[2] - p0),
                   .c = rst__least(t->c, k->size[3] - c0),
                   .x = a * k->x[0] + b * k->x[1] + p0 * k->x[2] + c0 * k->x[3],
                   .y = a * k->y[0] + b * k->y[1] + p0 * k->y[2] + c0 * k->y[3],
                   .z = (i * k->size[2] + p0) * k->size[3] + c0 };
}

int rst__cpu_binary(rst_dev *dev, rst_binary f, rst_dims out, const void *xp, rst_dims xs,
                    const void *yp, rst_dims ys, void *zp)
{
    const rst__ew *ew = rst__ew_of(dev);
    const walk k = walk_of(out, xs, ys);
    const cut t = cut_of(&k);
    const float *x = xp, *y = yp;
    float *z = zp;
    RST_PARALLEL_FOR(dev, rst__numel(out))
    for (int64_t i = 0; i < t.count; i++) {
        const part p = part_of(&k, &t, i);
        ew->binary(f, p.px, p.c, x + p.x, k.x[2], k.x[3], y + p.y, k.y[2], k.y[3], z + p.z);
    }
    return 0;
}

int rst__cpu_expand(rst_dev *dev, rst_dims out, rst_dims xs, double scale, const void *xp, void *yp,
                    bool add)
{
    const rst__ew *ew = rst__ew_of(dev);
    const walk k = walk_of(out, xs, xs);
    const cut t = cut_of(&k);
    const float *x = xp;
    float *y = yp;
    RST_PARALLEL_FOR(dev, rst__numel(out))
    for (int64_t i = 0; i < t.count; i++) {
        const part p = part_of(&k, &t, i);
        ew->expand(p.px, p.c, (float)scale, x + p.x, k.x[2], k.x[3], y + p.z, add);
    }
    return 0;
}

int rst__cpu_adam(rst_dev *dev, int64_t n, void *pp, const void *gp, void *mp, void *vp, double lr,
                  double beta1, double beta2, double eps, int64_t step)
{
    const rst__ew *ew = rst__ew_of(dev);
    float *p = pp, *m = mp, *v = vp;
    const float *g = gp;
    const double t = (double)step;
    const float k[7] = { (float)beta1,
                         (float)(1 - beta1),
                         (float)beta2,
                         (float)(1 - beta2),
                         (float)(1 / sqrt(1 - pow(beta2, t))),
                         (float)eps,
                         (float)(lr / (1 - pow(beta1, t))) };
    RST_PARALLEL_FOR(dev, 2 * n)
    for (int64_t i = 0; i < n; i += RST_BLOCK)
        ew->adam(rst__least(RST_BLOCK, n - i), k, p + i, g + i, m + i, v + i);
    return 0;
}
