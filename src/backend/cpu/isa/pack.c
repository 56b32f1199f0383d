/* SPDX-License-Identifier: MIT */
/* Packing into panels, and the end of a narrow convolution. */
#include "backend/cpu/isa/vec.h"

static void pack_rows(const float *src, int64_t count, int width, int64_t sk, float scale,
                      float *dst)
{
    for (int64_t k = 0; k < count; k++, src += sk, dst += RST_NR)
        for (int j = 0; j < RST_NR; j += RST_VL) {
            int n = width - j < RST_VL ? width - j : RST_VL;
            vf v = n == RST_VL ? vload(src + j) : n > 0 ? vload_part(src + j, n) : (vf){ 0 };
            vstore(dst + j, v * vsplat(scale));
        }
}

void RST_ISA_NAME(pack)(const float *src, int64_t count, int width, int64_t sj, int64_t sk,
                        float scale, float *dst)
{
    if (sj == 1) {
        pack_rows(src, count, width, sk, scale, dst);
        return;
    }
    /* A transposition, in pieces whose lines of dst stay in the first cache. */
    for (int64_t k0 = 0; k0 < count; k0 += 32) {
        int64_t end = k0 + 32 < count ? k0 + 32 : count;
        for (int j = 0; j < RST_NR; j++) {
            const float *s = src + j * sj;
            for (int64_t k = k0; k < end; k++)
                dst[k * RST_NR + j] = j < width ? s[k * sk] * scale : 0.0f;
        }
    }
}

typedef float v4 __attribute__((vector_size(16)));
typedef float v4u __attribute__((vector_size(16), aligned(4), may_alias));

void RST_ISA_NAME(shift_add)(const float *p, int64_t ldp, int taps, int co, int64_t count, bool add,
                             const rst__epi *epi, float *y, int64_t ys)
{
    enum { PIXELS = RST_VL / 4 };
    float bias[RST_VL] = { 0 }, buf[RST_VL] = { 0 };
    if (epi && epi->bias)
        for (int i = 0; i < RST_VL; i++)
            bias[i] = i % 4 < co ? epi->bias[i % 4] : 0;
    for (int64_t x = 0; x < count; x += PIXELS) {
        int pixels = count - x < PIXELS ? (int)(count - x) : PIXELS;
        for (int i = 0; i < pixels; i++) {
            const float *q = p + (x + i) * ldp;
            v4 sum = *(const v4u *)q;
            for (int t = 1; t < taps; t++)
                sum += *(const v4u *)(q + t * (ldp + co));
            memcpy(buf + 4 * i, &sum, sizeof sum);
        }
        for (int i = 0; add && i < pixels; i++)
            for (int c = 0; c < co; c++)
                buf[4 * i + c] += y[(x + i) * ys + c];
        if (epi)
            vstore(buf, RST_ISA_NAME(activate)(epi->act, epi->a, vload(buf) + vload(bias)));
        for (int i = 0; i < pixels; i++)
            memcpy(y + (x + i) * ys, buf + 4 * i, (size_t)co * sizeof *y);
    }
}
