/* SPDX-License-Identifier: MIT */
/* Sums and maxima over axes. */
#include <string.h>

#include "backend/cpu/kernels.h"

/* A reduction as kept x reduced x kept: x is [a][r][b]. */
typedef struct axes3 {
    int64_t a, r, b;
} axes3;

/* False for axes that interleave (h and c, say), which nothing in the networks needs to be fast. */
static bool axes_split(rst_dims s, unsigned axes, axes3 *k)
{
    const int64_t size[4] = { s.n, s.h, s.w, s.c };
    const unsigned bit[4] = { RST_AXIS_N, RST_AXIS_H, RST_AXIS_W, RST_AXIS_C };
    *k = (axes3){ 1, 1, 1 };
    int part = 0;
    for (int d = 0; d < 4; d++) {
        const bool reduced = axes & bit[d];
        if (size[d] == 1)
            continue;
        if (part == 1 ? !reduced : reduced)
            part++;
        if (part > 2)
            return false;
        *(part == 0 ? &k->a : part == 1 ? &k->r : &k->b) *= size[d];
    }
    return true;
}

/* Rounded before it is added, as in backend/ref. */
static void put(float *y, double sum, bool add)
{
    const float v = (float)sum;
    *y = add ? *y + v : v;
}

/* Contiguous sums: y[i] from r numbers each. */
static int sum_flat(rst_dev *dev, axes3 k, double scale, const float *x, float *y, bool add)
{
    const rst__ew *ew = rst__ew_of(dev);
    const int64_t parts = rst__blocks(k.r, RST_BLOCK), count = k.a * parts;
    double *s = rst__cpu_scratch(rst__cpu(dev), RST_SLOT_OTHER, (size_t)count * sizeof *s);
    if (!s)
        return dev->err.code;
    RST_PARALLEL_FOR(dev, k.a * k.r)
    for (int64_t i = 0; i < count; i++) {
        const int64_t from = i % parts * RST_BLOCK;
        s[i] = ew->sum(rst__least(RST_BLOCK, k.r - from), x + i / parts * k.r + from);
    }
    for (int64_t i = 0; i < k.a; i++) {
        double t = 0;
        for (int64_t j = 0; j < parts; j++)
            t += s[i * parts + j];
        put(&y[i], scale * t, add);
    }
    return 0;
}

/* Few columns are summed WIDE rows at a time, as one wide row, so that vectors are full. */
enum { WIDE = 16, NARROW = 16 };

static void sum_part(const rst__ew *ew, int64_t rows, int64_t b, const float *x, double *acc)
{
    memset(acc, 0, (size_t)b * sizeof *acc);
    const int64_t wide = b < NARROW ? rows / WIDE : 0;
    if (wide > 1) {
        double t[WIDE * NARROW] = { 0 };
        ew->sum_rows(wide, WIDE * b, WIDE * b, x, t);
        for (int64_t i = 0; i < WIDE * b; i++)
            acc[i % b] += t[i];
        x += wide * WIDE * b;
        rows -= wide * WIDE;
    }
    ew->sum_rows(rows, b, b, x, acc);
}

/* Sums of rows, the rows cut into parts. */
static int sum_tall(rst_dev *dev, axes3 k, double scale, const float *x, float *y, bool add)
{
    const rst__ew *ew = rst__ew_of(dev);
    const int64_t parts = rst__parts(k.r, k.b), count = k.a * parts;
    double *s = rst__cpu_scratch(rst__cpu(dev), RST_SLOT_OTHER, (size_t)(count * k.b) * sizeof *s);
    if (!s)
        return dev->err.code;
    RST_PARALLEL_FOR(dev, k.a * k.r * k.b)
    for (int64_t i = 0; i < count; i++) {
        int64_t from, to;
        rst__share(k.r, (int)(i % parts), (int)parts, &from, &to);
        sum_part(ew, to - from, k.b, x + (i / parts * k.r + from) * k.b, s + i * k.b);
    }
    for (int64_t i = 0; i < k.a * k.b; i++) {
        const double *from = s + i / k.b * parts * k.b + i % k.b;
        double t = 0;
        for (int64_t j = 0; j < parts; j++)
            t += from[j * k.b];
        put(&y[i], scale * t, add);
    }
    return 0;
}

/* Columns of a block of sum_broad; their sums lie on the stack. */
enum { COLUMNS = 1024 };

/* Sums of few long rows, cut into blocks of columns. */
static int sum_broad(rst_dev *dev, axes3 k, double scale, const float *x, float *y, bool add)
{
    const rst__ew *ew = rst__ew_of(dev);
    const int64_t blocks = rst__blocks(k.b, COLUMNS);
    RST_PARALLEL_FOR(dev, k.a * k.r * k.b)
    for (int64_t i = 0; i < k.a * blocks; i++) {
        const int64_t a = i / blocks, from = i % blocks * COLUMNS;
        const int64_t n = rst__least(COLUMNS, k.b - from);
        double s[COLUMNS] = { 0 };
        ew->sum_rows(k.r, n, k.b, x + a * k.r * k.b + from, s);
        for (int64_t j = 0; j < n; j++)
            put(&y[a * k.b + from + j], scale * s[j], add);
    }
    return 0;
}

int rst__cpu_reduce(rst_dev *dev, rst_dims s, unsigned axes, double scale, const void *x, void *y,
                    bool add)
{
    axes3 k;
    if (!axes_split(s, axes, &k))
        return rst__ref_f32.reduce(dev, s, axes, scale, x, y, add);
    if (k.b == 1)
        return sum_flat(dev, k, scale, x, y, add);
    if (k.b > COLUMNS)
        return sum_broad(dev, k, scale, x, y, add);
    return sum_tall(dev, k, scale, x, y, add);
}

/* Over c: one result a pixel. */
static void max_c(rst_dev *dev, int64_t px, int64_t c, const float *x, float *y, int32_t *arg)
{
    const rst__ew *ew = rst__ew_of(dev);
    RST_PARALLEL_FOR(dev, px * c)
    for (int64_t p = 0; p < px; p++) {
        arg[p] = (int32_t)ew->argmax(c, x + p * c);
        y[p] = x[p * c + arg[p]];
    }
}

/* Takes a later part's maxima into those so far. */
static void max_join(int64_t c, const float *x, const int32_t *at, float *y, int32_t *arg)
{
    for (int64_t i = 0; i < c; i++)
        if (x[i] > y[i] || x[i] != x[i]) {
            y[i] = x[i];
            arg[i] = at[i];
        }
}

/* Over h,w: c results an image; the pixels are cut into parts. */
static int max_hw(rst_dev *dev, rst_dims s, const float *x, float *y, int32_t *arg)
{
    const rst__ew *ew = rst__ew_of(dev);
    const int64_t hw = s.h * s.w, c = s.c, parts = rst__parts(hw, c), count = s.n * parts;
    float *best = rst__cpu_scratch(rst__cpu(dev), RST_SLOT_OTHER, (size_t)(count * c) * 4);
    int32_t *at = rst__cpu_scratch(rst__cpu(dev), RST_SLOT_OTHER2, (size_t)(count * c) * 4);
    if (!best || !at)
        return dev->err.code;
    RST_PARALLEL_FOR(dev, rst__numel(s))
    for (int64_t i = 0; i < count; i++) {
        int64_t from, to;
        rst__share(hw, (int)(i % parts), (int)parts, &from, &to);
        const float *first = x + (i / parts * hw + from) * c;
        memcpy(best + i * c, first, (size_t)c * sizeof *best);
        for (int64_t j = 0; j < c; j++)
            at[i * c + j] = (int32_t)from;
        ew->max_rows(to - from - 1, c, (int32_t)from + 1, 1, first + c, best + i * c, at + i * c);
    }
    for (int64_t n = 0; n < s.n; n++, y += c, arg += c) {
        memcpy(y, best + n * parts * c, (size_t)c * sizeof *y);
        memcpy(arg, at + n * parts * c, (size_t)c * sizeof *arg);
        for (int64_t j = n * parts + 1; j < (n + 1) * parts; j++)
            max_join(c, best + j * c, at + j * c, y, arg);
    }
    return 0;
}

int rst__cpu_reduce_max(rst_dev *dev, rst_dims s, unsigned axes, const void *x, void *y,
                        int32_t *arg)
{
    if (axes != RST_AXIS_C)
        return max_hw(dev, s, x, y, arg);
    max_c(dev, s.n * s.h * s.w, s.c, x, y, arg);
    return 0;
}

int rst__cpu_reduce_max_vjp(rst_dev *dev, rst_dims s, unsigned axes, const int32_t *arg,
                            const void *dyp, void *dxp, bool add)
{
    const bool over_c = axes == RST_AXIS_C;
    const int64_t hw = s.h * s.w;
    const float *dy = dyp;
    float *dx = dxp;
    if (!add)
        (void)rst__cpu_fill(dev, rst__numel(s), 0, dx);
    RST_PARALLEL_FOR(dev, over_c ? 8 * s.n * hw : s.n * s.c)
    for (int64_t i = 0; i < (over_c ? s.n * hw : s.n * s.c); i++) {
        if (over_c)
            dx[i * s.c + arg[i]] += dy[i];
        else
            dx[(i / s.c * hw + arg[i]) * s.c + i % s.c] += dy[i];
    }
    return 0;
}
