/* SPDX-License-Identifier: MIT */
/* A product kernel out of a file's own block(panel, a, c, mr, nv), RST_INLINE, which makes mr rows
 * of nv vectors of c from a; to be included behind it. */
#ifndef RST_CPU_ISA_BLOCKS_H
#define RST_CPU_ISA_BLOCKS_H

#include "backend/cpu/isa/vec.h"

#define BLOCK(mr, nv)                                                                              \
    static __attribute__((noinline)) void block_##mr##_##nv(const rst__panel *p, const float *a,   \
                                                            float *c)                              \
    {                                                                                              \
        block(p, a, c, mr, nv);                                                                    \
    }
#define BLOCKS(mr) BLOCK(mr, 1) BLOCK(mr, 2)
/* clang-format off */
BLOCKS(1) BLOCKS(2) BLOCKS(3) BLOCKS(4) BLOCKS(5) BLOCKS(6)
#if RST_MR == 12
BLOCKS(7) BLOCKS(8) BLOCKS(9) BLOCKS(10) BLOCKS(11) BLOCKS(12)
#endif

typedef void (*block_fn)(const rst__panel *p, const float *a, float *c);
#define ROW(mr)                                                                                    \
    {                                                                                              \
        block_##mr##_1, block_##mr##_2                                                             \
    }
static const block_fn blocks[RST_MR][2] = {
    ROW(1), ROW(2), ROW(3), ROW(4),  ROW(5),  ROW(6),
#if RST_MR == 12
    ROW(7), ROW(8), ROW(9), ROW(10), ROW(11), ROW(12),
#endif
};
/* clang-format on */

/* Rows are cut into blocks of nearly equal height: a last block of one row would wait for its own
 * sums. */
RST_INLINE void run_blocks(const rst__panel *p)
{
    const int64_t n = (p->m + RST_MR - 1) / RST_MR;
    const int nv = p->width > RST_VL;
    int64_t r = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t end = p->m * (i + 1) / n;
        blocks[end - r - 1][nv](p, p->a + r * p->ra, p->c + r * p->ldc);
        r = end;
    }
}

#endif
