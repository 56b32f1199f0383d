/* SPDX-License-Identifier: MIT */
/* Elementwise. */
#include <math.h>

#include "backend/cpu/isa/ew_isa.h"
#include "backend/cpu/isa/ew_math.h"

/* for every i: to[i] = expr */
#define EACH(to, expr)                                                                             \
    do {                                                                                           \
        EW_SIMD for (int64_t i = 0; i < n; i++)(to)[i] = (expr);                                   \
    } while (0)

void EW(axpby)(int64_t n, float a, const float *x, float b, float *y)
{
    if (b == 0)
        EACH(y, a * x[i]);
    else if (b == 1)
        EACH(y, a * x[i] + y[i]);
    else
        EACH(y, a * x[i] + b * y[i]);
}

bool EW(finite)(int64_t n, const float *x)
{
    uint32_t top = 0;
    EW_PRAGMA(omp simd reduction(max : top))
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7fffffffu;
        top = bits > top ? bits : top;
    }
    return top < 0x7f800000u;
}

void EW(map)(rst_map f, float a, float b, int64_t n, const float *x, float *y)
{
    switch (f) {
    case RST_MAP_RELU:
        EACH(y, x[i] <= 0 ? 0 : x[i]);
        break;
    case RST_MAP_LEAKY:
        EACH(y, x[i] > 0 ? x[i] : a * x[i]);
        break;
    case RST_MAP_TANH:
        EACH(y, ew_tanh(x[i]));
        break;
    case RST_MAP_SIGMOID:
        EACH(y, ew_sigmoid(x[i]));
        break;
    case RST_MAP_ABS:
        EACH(y, ew_abs(x[i]));
        break;
    case RST_MAP_SQUARE:
        EACH(y, x[i] * x[i]);
        break;
    case RST_MAP_SOFTPLUS:
        EACH(y, ew_softplus(x[i]));
        break;
    case RST_MAP_AFFINE:
        EACH(y, a * x[i] + b);
        break;
    case RST_MAP_NONE:
        if (x != y)
            memcpy(y, x, (size_t)n * sizeof *y);
        break;
    }
}

/* dx (+)= slope * dy */
#define EACH_VJP(slope)                                                                            \
    do {                                                                                           \
        if (add)                                                                                   \
            EACH(dx, dx[i] + (slope)*dy[i]);                                                       \
        else                                                                                       \
            EACH(dx, (slope)*dy[i]);                                                               \
    } while (0)

void EW(map_vjp)(rst_map f, float a, int64_t n, const float *v, const float *dy, float *dx,
                 bool add)
{
    switch (f) {
    case RST_MAP_RELU:
        EACH_VJP(v[i] > 0 ? 1.0f : 0.0f);
        break;
    case RST_MAP_LEAKY:
        EACH_VJP(v[i] > 0 ? 1.0f : a);
        break;
    case RST_MAP_TANH:
        EACH_VJP(1.0f - v[i] * v[i]);
        break;
    case RST_MAP_SIGMOID:
        EACH_VJP(v[i] * (1.0f - v[i]));
        break;
    case RST_MAP_ABS:
        EACH_VJP(v[i] > 0 ? 1.0f : v[i] < 0 ? -1.0f : 0.0f);
        break;
    case RST_MAP_SQUARE:
        EACH_VJP(2.0f * v[i]);
        break;
    case RST_MAP_SOFTPLUS:
        EACH_VJP(ew_sigmoid(v[i]));
        break;
    case RST_MAP_AFFINE:
        EACH_VJP(a);
        break;
    case RST_MAP_NONE:
        EACH_VJP(1.0f);
        break;
    }
}

/* One row for each kind of broadcast; op is a token. */
#define BINARY_ROWS(op)                                                                            \
    for (int64_t p = 0; p < px; p++, x += xp, y += yp, z += n) {                                   \
        if (xi && yi)                                                                              \
            EACH(z, x[i] op y[i]);                                                                 \
        else if (xi)                                                                               \
            EACH(z, x[i] op y[0]);                                                                 \
        else if (yi)                                                                               \
            EACH(z, x[0] op y[i]);                                                                 \
        else                                                                                       \
            EACH(z, x[0] op y[0]);                                                                 \
    }

void EW(binary)(rst_binary f, int64_t px, int64_t c, const float *x, int64_t xp, int64_t xi,
                const float *y, int64_t yp, int64_t yi, float *z)
{
    const int64_t n = c;
    switch (f) {
    case RST_BIN_ADD:
        BINARY_ROWS(+);
        break;
    case RST_BIN_SUB:
        BINARY_ROWS(-);
        break;
    case RST_BIN_MUL:
        BINARY_ROWS(*);
        break;
    }
}

void EW(expand)(int64_t px, int64_t c, float a, const float *x, int64_t xp, int64_t xi, float *y,
                bool add)
{
    const int64_t n = c;
    for (int64_t p = 0; p < px; p++, x += xp, y += n) {
        const float v = a * x[0];
        if (xi && add)
            EACH(y, y[i] + a * x[i]);
        else if (xi)
            EACH(y, a * x[i]);
        else if (add)
            EACH(y, y[i] + v);
        else
            EACH(y, v);
    }
}

void EW(adam)(int64_t n, const float k[7], float *p, const float *g, float *m, float *v)
{
    const float b1 = k[0], c1 = k[1], b2 = k[2], c2 = k[3], root = k[4], eps = k[5], lr = k[6];
    EW_SIMD
    for (int64_t i = 0; i < n; i++) {
        m[i] = b1 * m[i] + c1 * g[i];
        v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
        p[i] -= lr * m[i] / (sqrtf(v[i]) * root + eps);
    }
}
