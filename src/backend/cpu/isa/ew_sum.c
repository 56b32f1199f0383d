/* SPDX-License-Identifier: MIT */
/* Sums, maxima and linear combinations of rows. Sums of many are taken in double. */
#include "backend/cpu/isa/ew_isa.h"
#include "backend/cpu/isa/ew_math.h"

/* Lanes of a sum in double, more than any vector has, so that the order is the same everywhere. */
enum { LANES = 16 };

static double lanes_sum(double *s)
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            s[j] += s[j + half];
    return s[0];
}

double EW(sum)(int64_t n, const float *x)
{
    double s[LANES] = { 0 };
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        EW_SIMD
        for (int j = 0; j < LANES; j++)
            s[j] += (double)x[i + j];
    }
    for (int j = 0; i < n; i++, j++)
        s[j] += (double)x[i];
    return lanes_sum(s);
}

double EW(dot)(int64_t n, const float *x, const float *y)
{
    double s[LANES] = { 0 };
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        EW_SIMD
        for (int j = 0; j < LANES; j++)
            s[j] += (double)x[i + j] * (double)y[i + j];
    }
    for (int j = 0; i < n; i++, j++)
        s[j] += (double)x[i] * (double)y[i];
    return lanes_sum(s);
}

void EW(sum_rows)(int64_t px, int64_t c, int64_t step, const float *x, double *acc)
{
    int64_t p = 0;
    for (; p + 4 <= px; p += 4, x += 4 * step) {
        const float *x1 = x + step, *x2 = x1 + step, *x3 = x2 + step;
        EW_SIMD
        for (int64_t i = 0; i < c; i++)
            acc[i] += ((double)x[i] + (double)x1[i]) + ((double)x2[i] + (double)x3[i]);
    }
    for (; p < px; p++, x += step) {
        EW_SIMD
        for (int64_t i = 0; i < c; i++)
            acc[i] += (double)x[i];
    }
}

void EW(add_scaled)(int64_t n, double a, const float *x, double *acc)
{
    EW_SIMD
    for (int64_t i = 0; i < n; i++)
        acc[i] += a * (double)x[i];
}

void EW(l2_grad)(int64_t n, double a, double b, double shift, const float *x, const float *dy,
                 float *dx, bool add)
{
    if (!add)
        memset(dx, 0, (size_t)n * sizeof *dx);
    EW_SIMD
    for (int64_t i = 0; i < n; i++)
        dx[i] = (float)((double)dx[i] + (a * (double)dy[i] - b * (double)x[i] - shift));
}

void EW(max_rows)(int64_t px, int64_t c, int32_t from, int32_t step, const float *x, float *best,
                  int32_t *arg)
{
    for (int64_t p = 0; p < px; p++, x += c, from += step) {
        EW_SIMD
        for (int64_t i = 0; i < c; i++) {
            const bool above = (x[i] > best[i]) | (x[i] != x[i]);
            best[i] = above ? x[i] : best[i];
            arg[i] = above ? from : arg[i];
        }
    }
}

/* The largest number, or NaN if there is one. */
static float largest(int64_t n, const float *x)
{
    float top[LANES], sum = 0;
    for (int j = 0; j < LANES; j++)
        top[j] = x[0];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        EW_SIMD
        for (int j = 0; j < LANES; j++) /* a NaN stays: nothing is at most it */
            top[j] = x[i + j] <= top[j] ? top[j] : top[j] != top[j] ? top[j] : x[i + j];
    }
    for (; i < n; i++)
        top[0] = x[i] <= top[0] ? top[0] : top[0] != top[0] ? top[0] : x[i];
    for (int j = 0; j < LANES; j++) {
        sum += top[j] != top[j] ? top[j] : 0;
        top[0] = top[j] > top[0] ? top[j] : top[0];
    }
    return sum != sum ? sum : top[0];
}

int64_t EW(argmax)(int64_t n, const float *x)
{
    const float top = largest(n, x);
    int64_t at = 0;
    if (top == top)
        while (x[at] != top)
            at++;
    else
        for (at = n - 1; x[at] == x[at];)
            at--;
    return at;
}

double EW(exp_sum)(int64_t n, float a, float top, const float *x, float *e)
{
    EW_SIMD
    for (int64_t i = 0; i < n; i++)
        e[i] = ew_exp(a * (x[i] - top));
    return EW(sum)(n, e);
}

/* y (+)= the terms of j = 0..m-1, m in 1..4 */
#define COMB(expr)                                                                                 \
    do {                                                                                           \
        if (add) {                                                                                 \
            EW_SIMD for (int64_t i = 0; i < n; i++) y[i] += (expr);                                \
        } else {                                                                                   \
            EW_SIMD for (int64_t i = 0; i < n; i++) y[i] = (expr);                                 \
        }                                                                                          \
    } while (0)

static void comb_few(int64_t n, int m, const float *const *x, const float *w, float *y, bool add)
{
    const float *x0 = x[0], *x1 = x[m > 1], *x2 = x[m > 2 ? 2 : 0], *x3 = x[m > 3 ? 3 : 0];
    const float w0 = w[0], w1 = w[m > 1], w2 = w[m > 2 ? 2 : 0], w3 = w[m > 3 ? 3 : 0];
    if (m == 1 && w0 == 1 && !add)
        memcpy(y, x0, (size_t)n * sizeof *y);
    else if (m == 1)
        COMB(w0 * x0[i]);
    else if (m == 2)
        COMB(w0 * x0[i] + w1 * x1[i]);
    else if (m == 3)
        COMB((w0 * x0[i] + w1 * x1[i]) + w2 * x2[i]);
    else
        COMB((w0 * x0[i] + w1 * x1[i]) + (w2 * x2[i] + w3 * x3[i]));
}

void EW(comb)(int64_t n, int m, const float *const *x, const float *w, float *y, bool add)
{
    if (m == 0 && !add)
        memset(y, 0, (size_t)n * sizeof *y);
    for (int j = 0; j < m; j += 4) {
        comb_few(n, m - j < 4 ? m - j : 4, x + j, w + j, y, add);
        add = true;
    }
}
