/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/err.h"
#include "image/resize.h"

/* Arithmetic is in float32, constants included, as the reference's tensors make it. */
typedef struct axis {
    int64_t from, to, taps;
    int64_t *first; /* [to]; may lie outside 0..from-1 */
    float *w;       /* [to][taps] */
} axis;

static float cubic(float x)
{
    const float a = fabsf(x), a2 = a * a, a3 = a2 * a;
    if (a <= 1.0f)
        return 1.5f * a3 - 2.5f * a2 + 1.0f;
    return a <= 2.0f ? -0.5f * a3 + 2.5f * a2 - 4.0f * a + 2.0f : 0.0f;
}

static void axis_free(axis *k)
{
    rst__free(k->first);
    rst__free(k->w);
}

static bool axis_make(axis *k, int64_t from, double scale, bool antialias)
{
    const bool widen = antialias && scale < 1.0;
    const double width = widen ? 4.0 / scale : 4.0;
    const float f = widen ? (float)scale : 1.0f;
    *k = (axis){ .from = from, .to = rst__imresize_side(from, scale) };
    k->taps = (int64_t)ceil(width) + 2;
    size_t cells;
    if (!rst__mul_size((size_t)k->to, (size_t)k->taps, &cells))
        return false;
    k->first = rst__calloc((size_t)k->to, sizeof *k->first);
    k->w = rst__calloc(cells, sizeof *k->w);
    if (!k->first || !k->w)
        return false;
    for (int64_t o = 0; o < k->to; o++) {
        float *w = k->w + o * k->taps, sum = 0;
        /* Places count from 1; output o covers the middle of o/scale's pixel. */
        const float u = (float)(o + 1) / (float)scale + (float)(0.5 * (1.0 - 1.0 / scale));
        const float left = floorf(u - (float)(width / 2.0));
        k->first[o] = (int64_t)left - 1;
        for (int64_t i = 0; i < k->taps; i++)
            sum += w[i] = f * cubic((u - (left + (float)i)) * f);
        for (int64_t i = 0; i < k->taps; i++)
            w[i] /= sum;
    }
    return true;
}

/* The border mirrored, its pixel repeated: ... 1 0 | 0 1 ... n-1 | n-1 n-2 ... */
static int64_t mirror(int64_t i, int64_t n)
{
    const int64_t period = 2 * n;
    i %= period;
    i = i < 0 ? i + period : i;
    return i < n ? i : period - 1 - i;
}

/* Along the axis: src [outer][from][inner], dst [outer][to][inner]. */
static void apply(const axis *k, const float *src, int64_t outer, int64_t inner, float *dst)
{
    for (int64_t a = 0; a < outer; a++)
        for (int64_t o = 0; o < k->to; o++) {
            float *d = dst + (a * k->to + o) * inner;
            for (int64_t x = 0; x < inner; x++)
                d[x] = 0;
            for (int64_t i = 0; i < k->taps; i++) {
                const float w = k->w[o * k->taps + i];
                const float *s = src + (a * k->from + mirror(k->first[o] + i, k->from)) * inner;
                for (int64_t x = 0; x < inner; x++)
                    d[x] += w * s[x];
            }
        }
}

int64_t rst__imresize_side(int64_t side, double scale)
{
    const double n = ceil((double)side * scale);
    return side >= 1 && scale >= 1e-4 && n >= 1 && n < 16777216.0 ? (int64_t)n : 0;
}

int rst__imresize(const float *src, int64_t height, int64_t width, int64_t channels, double scale,
                  bool antialias, float *dst, rst_error *err)
{
    axis rows = { 0 }, cols = { 0 };
    int64_t n;
    if (channels < 1 || rst__imresize_side(height, scale) < 1 ||
        rst__imresize_side(width, scale) < 1)
        return rst_fail(err, RST_EINVAL, "imresize: %lld x %lld x %lld by %g", (long long)height,
                        (long long)width, (long long)channels, scale);
    float *mid = NULL;
    int rc = 0;
    if (!axis_make(&rows, height, scale, antialias) || !axis_make(&cols, width, scale, antialias) ||
        !rst__mul_i64(rows.to, width, &n) || !rst__mul_i64(n, channels, &n) ||
        !rst__mul_i64(n, (int64_t)sizeof *mid, &n) || !(mid = rst__malloc((size_t)n))) {
        rc = rst__fail_nomem(err, "imresize");
    } else {
        apply(&rows, src, 1, width * channels, mid);
        apply(&cols, mid, rows.to, channels, dst);
    }
    axis_free(&rows);
    axis_free(&cols);
    rst__free(mid);
    return rc;
}
