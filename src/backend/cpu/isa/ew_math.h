/* SPDX-License-Identifier: MIT */
/* Transcendental functions in float that compilers vectorise: no branches, no tables. Reduction and
 * minimax polynomials after Cody and Waite and Cephes (Moshier); relative error below 3e-7. */
#ifndef RST_CPU_EW_MATH_H
#define RST_CPU_EW_MATH_H

#include <stdint.h>
#include <string.h>

/* e^x; x is held to -87.3 .. 88.3, so nothing overflows. NaN stays NaN. */
static inline float ew_exp(float x)
{
    x = x < -87.3f ? -87.3f : x;
    x = x > 88.3f ? 88.3f : x;
    const float shifted = x * 1.44269504089f + 12582912.0f; /* 1.5 * 2^23 rounds to an integer */
    const float k = shifted - 12582912.0f;
    const float r = (x - k * 0.693359375f) + k * 2.12194440e-4f; /* ln 2 in two parts */
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23; /* the integer stands in the low bits of `shifted` */
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

static inline float ew_abs(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= 0x7fffffffu;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

/* 1/(1 + e^-x) */
static inline float ew_sigmoid(float x)
{
    return 1.0f / (1.0f + ew_exp(-x));
}

static inline float ew_tanh(float x)
{
    const float m = ew_abs(x), s = x * x;
    float p = -5.70498872745e-3f;
    p = p * s + 2.06390887954e-2f;
    p = p * s - 5.37397155531e-2f;
    p = p * s + 1.33314422036e-1f;
    p = p * s - 3.33332819422e-1f;
    const float low = p * s * x + x;
    const float high = 1.0f - 2.0f / (ew_exp(2.0f * m) + 1.0f);
    return m < 0.625f ? low : x < 0 ? -high : high;
}

/* log(1 + e^x) = max(x, 0) + log1p(u), u = e^-|x|, and log1p(u) = 2 atanh(u/(2 + u)) */
static inline float ew_softplus(float x)
{
    const float u = ew_exp(-ew_abs(x));
    const float s = u / (2.0f + u), q = s * s;
    float p = 1.0f / 15;
    p = p * q + 1.0f / 13;
    p = p * q + 1.0f / 11;
    p = p * q + 1.0f / 9;
    p = p * q + 1.0f / 7;
    p = p * q + 1.0f / 5;
    p = p * q + 1.0f / 3;
    const float l = 2.0f * s + 2.0f * s * q * p;
    return (x > 0 ? x : x != x ? x : 0.0f) + l;
}

#endif
