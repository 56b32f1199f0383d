/* SPDX-License-Identifier: MIT */
#include "image/convert.h"

#include <math.h>

/* The comparisons are written so that NaN becomes lo. */
static float clamp(float x, float lo, float hi)
{
    return x > lo ? (x < hi ? x : hi) : lo;
}

void rst__float_from_u8(const uint8_t *src, int64_t n, float *dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = ((float)src[i] / 255.0f - 0.5f) / 0.5f;
}

void rst__unit_from_u8(const uint8_t *src, int64_t n, float *dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = (float)src[i] / 255.0f;
}

void rst__u8_from_float(const float *src, int64_t n, uint8_t *dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = (uint8_t)((clamp(src[i], -1.0f, 1.0f) + 1.0f) / 2.0f * 255.0f);
}

void rst__u8_from_float_rounded(const float *src, int64_t n, uint8_t *dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = (uint8_t)rintf(clamp((src[i] + 1.0f) / 2.0f, 0.0f, 1.0f) * 255.0f);
}

void rst__u8_from_unit(const float *src, int64_t n, uint8_t *dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = (uint8_t)rintf(clamp(src[i], 0.0f, 1.0f) * 255.0f);
}
