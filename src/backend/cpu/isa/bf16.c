/* SPDX-License-Identifier: MIT */
/*
 * Winograd's products in bf16, for processors with AVX-512 BF16: both sides are rounded once they
 * are transformed, two channels to a word, and vdpbf16ps adds both products of a word to a float:
 * half the instructions, half the memory. Transforms and sums stay in float.
 */
#include "backend/cpu/isa/vec.h"

#if defined(__AVX512BF16__) && RST_VL == 16

typedef uint32_t words __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t word __attribute__((may_alias));
typedef uint16_t halves __attribute__((vector_size(32), aligned(2), may_alias));

/* The nearest bf16 of each. */
RST_INLINE halves vround(vf v)
{
    return (halves)_mm512_cvtneps_pbh((__m512)v);
}

RST_INLINE void block(const rst__panel *p, const float *a, float *c, const int mr, const int nv)
{
    vf acc[RST_MR * 2];
    RST_UNROLL
    for (int i = 0; i < mr * nv; i++)
        acc[i] = p->add ? vload(c + i / nv * p->ldc + i % nv * RST_VL) : (vf){ 0 };
    const int64_t ra = p->ra;
    const float *pa = a, *pa2 = a + 6 * ra, *pb = p->b;
    for (int64_t k = 0; k < p->inner; k++, pa += p->ka, pa2 += p->ka, pb += p->kb) {
        const words b0 = *(const words *)pb, b1 = nv > 1 ? *(const words *)(pb + RST_VL) : b0;
        RST_UNROLL
        for (int r = 0; r < mr; r++) {
            const int x = (int)*(const word *)(r < 6 ? pa + r * ra : pa2 + (r - 6) * ra);
            const __m512bh xx = (__m512bh)_mm512_set1_epi32(x);
            vf *s = acc + r * nv;
            s[0] = (vf)_mm512_dpbf16_ps((__m512)s[0], xx, (__m512bh)b0);
            if (nv > 1)
                s[1] = (vf)_mm512_dpbf16_ps((__m512)s[1], xx, (__m512bh)b1);
        }
    }
    RST_UNROLL
    for (int i = 0; i < mr * nv; i++)
        vstore(c + i / nv * p->ldc + i % nv * RST_VL, acc[i]);
}

#include "backend/cpu/isa/blocks.h"

void RST_ISA_NAME(panel_bf16)(const rst__panel *p)
{
    run_blocks(p);
}

#define CHANNELS_A_WORD 2
#include "backend/cpu/isa/wino.h"

RST_INLINE void put(float *p, vf v, const bool first)
{
    if (first)
        __builtin_prefetch(p + AHEAD, 1);
    *(halves *)p = vround(v);
}

void RST_ISA_NAME(wino_in_bf16)(const float *const d[36], int64_t c, float *v, int64_t plane)
{
    transform_in(d, c, v, plane);
}

void RST_ISA_NAME(pair)(const float *rows, int64_t count, float *dst)
{
    const vf none = { 0 };
    for (int64_t k = 0; k < count; k += 2, rows += 2 * RST_NR, dst += RST_NR)
        for (int j = 0; j < RST_NR; j += RST_VL) {
            const halves even = vround(vload(rows + j));
            const halves odd = vround(k + 1 < count ? vload(rows + RST_NR + j) : none);
            *(words *)(dst + j) =
                __builtin_convertvector(even, words) | __builtin_convertvector(odd, words) << 16;
        }
}

#endif
