/* SPDX-License-Identifier: MIT */
/* The one product kernel; convolutions, Winograd's products and gemm are all calls of it. */
#include "backend/cpu/isa/vec.h"

/* Anything but a plain full-width store. */
static __attribute__((noinline)) void finish(const rst__panel *p, const vf *acc, int rows, int nv,
                                             float *c)
{
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < nv; j++) {
            float *d = c + r * p->ldc + j * RST_VL;
            int64_t n = p->width - j * RST_VL;
            n = n < RST_VL ? n : RST_VL;
            vf v = acc[r * nv + j];
            if (p->add)
                v += vload_part(d, n);
            if (p->epi && p->epi->bias)
                v += vload_part(p->epi->bias + j * RST_VL, n);
            if (p->epi && p->epi->act != RST_MAP_NONE)
                v = RST_ISA_NAME(activate)(p->epi->act, p->epi->a, v);
            if (n == RST_VL)
                vstore(d, v);
            else
                vstore_part(d, v, n);
        }
}

/* One block of mr rows and nv vectors; both are constants once inlined. */
RST_INLINE void block(const rst__panel *p, const float *a, float *c, const int mr, const int nv)
{
    vf acc[RST_MR * 2];
    vf total[RST_MR * 2]; /* of runs that are over: a sum of sums rounds less than one long sum */
    RST_UNROLL
    for (int i = 0; i < mr * nv; i++)
        acc[i] = total[i] = (vf){ 0 };
    const int64_t ra = p->ra, ka = p->ka, kb = p->kb;
    for (int64_t o = 0; o < p->outer; o++) {
        const float *pa = a + o * p->ao, *pa2 = pa + 6 * ra, *pb = p->b + o * p->bo;
        for (int64_t k = 0; k < p->inner; k++) {
            vf b0 = vload(pb), b1 = nv > 1 ? vload(pb + RST_VL) : b0;
            RST_UNROLL
            for (int r = 0; r < mr; r++) {
                vf x = vsplat(r < 6 ? pa[r * ra] : pa2[(r - 6) * ra]);
                acc[r * nv] = vfma(x, b0, acc[r * nv]);
                if (nv > 1)
                    acc[r * nv + 1] = vfma(x, b1, acc[r * nv + 1]);
            }
            pa += ka;
            pa2 += ka;
            pb += kb;
        }
        if (p->outer > 1) {
            RST_UNROLL
            for (int i = 0; i < mr * nv; i++) {
                total[i] += acc[i];
                acc[i] = (vf){ 0 };
            }
        }
    }
    if (p->outer > 1) {
        RST_UNROLL
        for (int i = 0; i < mr * nv; i++)
            acc[i] = total[i];
    }
    if (p->width != nv * RST_VL || p->epi) {
        vf out[RST_MR * 2]; /* a copy, so that acc itself may stay in registers */
        RST_UNROLL
        for (int i = 0; i < mr * nv; i++)
            out[i] = acc[i];
        finish(p, out, mr, nv, c);
        return;
    }
    if (p->add) {
        RST_UNROLL
        for (int i = 0; i < mr * nv; i++)
            acc[i] += vload(c + i / nv * p->ldc + i % nv * RST_VL);
    }
    RST_UNROLL
    for (int i = 0; i < mr * nv; i++)
        vstore(c + i / nv * p->ldc + i % nv * RST_VL, acc[i]);
}

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
void RST_ISA_NAME(panel)(const rst__panel *p)
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
