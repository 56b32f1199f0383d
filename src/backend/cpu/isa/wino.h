/* SPDX-License-Identifier: MIT */
/* Winograd's points and the transform of its input, of which wino.c tells. The file that includes
 * this says how it is stored: CHANNELS_A_WORD, 1 or 2, and put. Two only where LINE is 1. */
#ifndef RST_CPU_ISA_WINO_H
#define RST_CPU_ISA_WINO_H

#include "backend/cpu/isa/vec.h"

#define P  0.625f
#define Q  1.5f
#define P2 (P * P)
#define Q2 (Q * Q)
#define N0 (P2 * Q2)
#define NP (2 * P2 * (P2 - Q2))
#define NQ (2 * Q2 * (Q2 - P2))

#define LINE  (RST_VL >= 16 ? 1 : 16 / RST_VL) /* vectors in a cache line */
#define AHEAD 32                               /* floats */
#define K(x)  vsplat(x)

/* B' d */
RST_INLINE void mul_bt(const vf d[6], vf o[6])
{
    vf t = vfma(d[2], K(-Q2), d[4]), u = vfma(d[1], K(-Q2), d[3]);
    vf r = vfma(d[2], K(-P2), d[4]), s = vfma(d[1], K(-P2), d[3]);
    o[0] = vfma(d[0], K(N0), vfma(d[2], K(-P2 - Q2), d[4]));
    o[1] = vfma(u, K(P), t);
    o[2] = vfma(u, K(-P), t);
    o[3] = vfma(s, K(Q), r);
    o[4] = vfma(s, K(-Q), r);
    o[5] = vfma(d[1], K(N0), vfma(d[3], K(-P2 - Q2), d[5]));
}

/* The planes are too many streams for the processor's own prefetching: a store or load of a line
 * asks for the line that the next chunk or tile will want. */
RST_INLINE void put(float *p, vf v, const bool first);

/* nv vectors from channel i on; a part has n < RST_VL channels in its one vector. */
RST_INLINE void in_chunk(const float *const d[36], int64_t i, const int nv, int64_t n, float *v,
                         int64_t plane)
{
    vf tmp[6][6][LINE];
    for (int x = 0; x < 6; x++)
        for (int l = 0; l < nv; l++) {
            vf col[6], o[6];
            RST_UNROLL
            for (int y = 0; y < 6; y++)
                col[y] = n == RST_VL ? vload(d[6 * y + x] + i + l * RST_VL)
                                     : vload_part(d[6 * y + x] + i, n);
            mul_bt(col, o);
            RST_UNROLL
            for (int y = 0; y < 6; y++)
                tmp[y][x][l] = o[y];
        }
    for (int y = 0; y < 6; y++)
        for (int l = 0; l < nv; l++) {
            vf row[6], o[6];
            RST_UNROLL
            for (int x = 0; x < 6; x++)
                row[x] = tmp[y][x][l];
            mul_bt(row, o);
            RST_UNROLL
            for (int x = 0; x < 6; x++)
                put(v + (6 * y + x) * plane + i / CHANNELS_A_WORD + l * RST_VL, o[x], l == 0);
        }
}

RST_INLINE void transform_in(const float *const d[36], int64_t c, float *v, int64_t plane)
{
    int64_t i = 0;
    for (; i + LINE * RST_VL <= c; i += LINE * RST_VL)
        in_chunk(d, i, LINE, RST_VL, v, plane);
    for (; i + RST_VL <= c; i += RST_VL)
        in_chunk(d, i, 1, RST_VL, v, plane);
    if (i < c)
        in_chunk(d, i, 1, c - i, v, plane);
}

#endif
