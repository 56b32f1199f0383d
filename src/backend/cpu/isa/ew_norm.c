/* SPDX-License-Identifier: MIT */
/* Normalisation. Sums run in float over a few pixels (moments: 32, gradients: 4), then go to
 * double. */
#include "backend/cpu/isa/ew_isa.h"

enum { RUN = 32 };

/* m = mean of px pixels, rounded somehow: the exact sums are taken about it later */
static void run_mean(int64_t px, int64_t c, const float *x, float *m)
{
    memset(m, 0, (size_t)c * sizeof *m);
    int64_t p = 0;
    for (; p + 4 <= px; p += 4, x += 4 * c) {
        const float *x1 = x + c, *x2 = x1 + c, *x3 = x2 + c;
        EW_SIMD
        for (int64_t i = 0; i < c; i++)
            m[i] += (x[i] + x1[i]) + (x2[i] + x3[i]);
    }
    for (; p < px; p++, x += c) {
        EW_SIMD
        for (int64_t i = 0; i < c; i++)
            m[i] += x[i];
    }
    const float inv = 1.0f / (float)px;
    EW_SIMD
    for (int64_t i = 0; i < c; i++)
        m[i] *= inv;
}

/* s = sum of (x - m), q = sum of its square */
static void run_moments(int64_t px, int64_t c, const float *x, const float *m, float *s, float *q)
{
    memset(s, 0, (size_t)c * sizeof *s);
    memset(q, 0, (size_t)c * sizeof *q);
    int64_t p = 0;
    for (; p + 4 <= px; p += 4, x += 4 * c) {
        const float *x1 = x + c, *x2 = x1 + c, *x3 = x2 + c;
        EW_SIMD
        for (int64_t i = 0; i < c; i++) {
            const float d0 = x[i] - m[i], d1 = x1[i] - m[i], d2 = x2[i] - m[i], d3 = x3[i] - m[i];
            s[i] += (d0 + d1) + (d2 + d3);
            q[i] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
        }
    }
    for (; p < px; p++, x += c) {
        EW_SIMD
        for (int64_t i = 0; i < c; i++) {
            const float d = x[i] - m[i];
            s[i] += d;
            q[i] += d * d;
        }
    }
}

void EW(moments)(int64_t px, int64_t c, const float *x, const float *k, float *tmp, double *s,
                 double *q)
{
    float *m = tmp, *rs = tmp + c, *rq = tmp + 2 * c;
    for (int64_t p = 0; p < px; p += RUN, x += RUN * c) {
        const int64_t n = px - p < RUN ? px - p : RUN;
        run_mean(n, c, x, m);
        run_moments(n, c, x, m, rs, rq);
        EW_SIMD
        for (int64_t i = 0; i < c; i++) { /* from sums about m to sums about k */
            const double d = (double)m[i] - (double)k[i];
            s[i] += (double)n * d + (double)rs[i];
            q[i] += (double)n * d * d + 2 * d * (double)rs[i] + (double)rq[i];
        }
    }
}

/* y = f(v) with v = the normalised value, with or without residual */
#define NORM_ROWS(f)                                                                               \
    for (int64_t p = 0; p < px; p++, x += c, y += c) {                                             \
        if (residual) {                                                                            \
            const float *r = residual + p * c;                                                     \
            EW_SIMD for (int64_t i = 0; i < c; i++)                                                \
            {                                                                                      \
                const float v = (x[i] - mean[i]) * scale[i] + beta[i] + r[i];                      \
                y[i] = f;                                                                          \
            }                                                                                      \
        } else {                                                                                   \
            EW_SIMD for (int64_t i = 0; i < c; i++)                                                \
            {                                                                                      \
                const float v = (x[i] - mean[i]) * scale[i] + beta[i];                             \
                y[i] = f;                                                                          \
            }                                                                                      \
        }                                                                                          \
    }

void EW(normalise)(int64_t px, int64_t c, const float *x, const float *mean, const float *scale,
                   const float *beta, const float *residual, rst_map act, float a, float *y)
{
    float *const out = y;
    if (act == RST_MAP_RELU) {
        NORM_ROWS(v <= 0 ? 0 : v)
    } else if (act == RST_MAP_LEAKY) {
        NORM_ROWS(v > 0 ? v : a * v)
    } else {
        NORM_ROWS(v)
        if (act != RST_MAP_NONE)
            EW(map)(act, a, 0, px * c, out, out);
    }
}

void EW(norm_sums)(int64_t px, int64_t c, const float *x, const float *dy, const float *mean,
                   double *s, double *q)
{
    int64_t p = 0;
    for (; p + 4 <= px; p += 4, x += 4 * c, dy += 4 * c) {
        const float *x1 = x + c, *x2 = x1 + c, *x3 = x2 + c;
        const float *y1 = dy + c, *y2 = y1 + c, *y3 = y2 + c;
        EW_SIMD
        for (int64_t i = 0; i < c; i++) {
            const float m = mean[i];
            s[i] += (double)((dy[i] + y1[i]) + (y2[i] + y3[i]));
            q[i] += (double)((dy[i] * (x[i] - m) + y1[i] * (x1[i] - m)) +
                             (y2[i] * (x2[i] - m) + y3[i] * (x3[i] - m)));
        }
    }
    for (; p < px; p++, x += c, dy += c) {
        EW_SIMD
        for (int64_t i = 0; i < c; i++) {
            s[i] += (double)dy[i];
            q[i] += (double)(dy[i] * (x[i] - mean[i]));
        }
    }
}

void EW(norm_grad)(int64_t px, int64_t c, const float *x, const float *dy, const float *coef,
                   float *dx, bool add)
{
    const float *mean = coef, *scale = coef + c, *mdy = coef + 2 * c, *d = coef + 3 * c;
    for (int64_t p = 0; p < px; p++, x += c, dy += c, dx += c) {
        if (add) {
            EW_SIMD
            for (int64_t i = 0; i < c; i++)
                dx[i] += scale[i] * ((dy[i] - mdy[i]) - d[i] * (x[i] - mean[i]));
        } else {
            EW_SIMD
            for (int64_t i = 0; i < c; i++)
                dx[i] = scale[i] * ((dy[i] - mdy[i]) - d[i] * (x[i] - mean[i]));
        }
    }
}
