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

#include "backend/cpu/isa/blocks.h"

void RST_ISA_NAME(panel)(const rst__panel *p)
{
    run_blocks(p);
}
