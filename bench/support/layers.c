/* SPDX-License-Identifier: MIT */
#include "support/layers.h"

#include <stdlib.h>

#define CONV(ci, co, side, out, k, s, p, m)                                                        \
    {                                                                                              \
        { 1, ci, side, side }, co, out, out, k, k, s, s, { p, p, p, p }, m, 1                      \
    }

const bench_layer bench_layers[] = {
    { "7x7 3->64 @512", 1, CONV(3, 64, 512, 512, 7, 1, 3, RST_PAD_REFLECT) },
    { "3x3 64->128 @512", 1, CONV(64, 128, 512, 512, 3, 1, 1, RST_PAD_ZERO) },
    { "3x3 128->256 @256", 1, CONV(128, 256, 256, 256, 3, 1, 1, RST_PAD_ZERO) },
    { "3x3 256->256 @128", 12, CONV(256, 256, 128, 128, 3, 1, 1, RST_PAD_REFLECT) },
    { "3x3 256->128 @256", 1, CONV(256, 128, 256, 256, 3, 1, 1, RST_PAD_ZERO) },
    { "3x3 128->64 @512", 1, CONV(128, 64, 512, 512, 3, 1, 1, RST_PAD_ZERO) },
    { "7x7 64->3 @512", 1, CONV(64, 3, 512, 512, 7, 1, 3, RST_PAD_REFLECT) },
    { "3x3 256->256 @64", 0, CONV(256, 256, 64, 64, 3, 1, 1, RST_PAD_REFLECT) },
    { "4x4s2 3->64 @256", 0, CONV(3, 64, 256, 128, 4, 2, 1, RST_PAD_ZERO) },
    { "4x4s2 64->128 @128", 0, CONV(64, 128, 128, 64, 4, 2, 1, RST_PAD_ZERO) },
    { "4x4s2 128->256 @64", 0, CONV(128, 256, 64, 32, 4, 2, 1, RST_PAD_ZERO) },
    { "4x4 256->512 @32", 0, CONV(256, 512, 32, 31, 4, 1, 1, RST_PAD_ZERO) },
    { "4x4 512->1 @31", 0, CONV(512, 1, 31, 30, 4, 1, 1, RST_PAD_ZERO) },
    { "3x3s2 64->128 @512", 0, CONV(64, 128, 512, 256, 3, 2, 1, RST_PAD_ZERO) },
    { "1x1 3->32 @256", 0, CONV(3, 32, 256, 256, 1, 1, 0, RST_PAD_ZERO) },
    { "1x1 32->3 @256", 0, CONV(32, 3, 256, 256, 1, 1, 0, RST_PAD_ZERO) },
    { "1x1 256->256 @64", 0, CONV(256, 256, 64, 64, 1, 1, 0, RST_PAD_ZERO) },
};
const int bench_layer_count = sizeof bench_layers / sizeof *bench_layers;

float *bench_noise(int64_t n)
{
    float *p = aligned_alloc(64, ((size_t)n * sizeof *p + 63) / 64 * 64);
    if (!p)
        exit(1);
    uint32_t s = 1;
    for (int64_t i = 0; i < n; i++) {
        s = s * 1664525u + 1013904223u;
        p[i] = (float)(s >> 8) / 8388608.0f - 1;
    }
    return p;
}
