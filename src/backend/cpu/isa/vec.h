/* SPDX-License-Identifier: MIT */
/*
 * Vectors of RST_VL floats. Included only by the files of this folder, each of which is compiled
 * once for every instruction set with RST_ISA (its name) and RST_VL. Multiply-adds are spelled
 * vfma: what is fused must not depend on how a compiler treats one copy of a loop and not another,
 * or the bits of a result would depend on its place in a block.
 */
#ifndef RST_CPU_ISA_VEC_H
#define RST_CPU_ISA_VEC_H

#include <string.h>

#include "backend/cpu/isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#define RST_ISA_CAT2(a, b) a##_##b
#define RST_ISA_CAT(a, b)  RST_ISA_CAT2(a, b)
/* rst__panel -> rst__panel_avx2 */
#define RST_ISA_NAME(x) RST_ISA_CAT(rst__##x, RST_ISA)

#define RST_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define RST_UNROLL _Pragma("clang loop unroll(full)")
#else
#define RST_UNROLL _Pragma("GCC unroll 32")
#endif

#define RST_NR (2 * RST_VL)
/* Rows of a block: as many as leave room for two vectors of B and one of A in the registers. */
#if RST_VL == 16 || defined(__aarch64__)
#define RST_MR 12
#else
#define RST_MR 6
#endif

typedef float vf __attribute__((vector_size(RST_VL * 4)));
typedef int32_t vi __attribute__((vector_size(RST_VL * 4)));
typedef float vfu __attribute__((vector_size(RST_VL * 4), aligned(4), may_alias));

RST_INLINE vf vload(const float *p)
{
    return *(const vfu *)p;
}

RST_INLINE void vstore(float *p, vf v)
{
    *(vfu *)p = v;
}

/* Past the caches, for results too large to stay in them; p is aligned to the vector. */
RST_INLINE void vstream(float *p, vf v)
{
#if RST_VL == 16 && defined(__AVX512F__)
    _mm512_stream_ps(p, (__m512)v);
#elif RST_VL == 8 && defined(__FMA__)
    _mm256_stream_ps(p, (__m256)v);
#elif RST_VL == 4 && defined(__x86_64__)
    _mm_stream_ps(p, (__m128)v);
#else
    vstore(p, v);
#endif
}

/* Before others read what was streamed. */
RST_INLINE void vfence(void)
{
#if defined(__x86_64__)
    _mm_sfence();
#endif
}

RST_INLINE vf vsplat(float x)
{
    return x - (vf){ 0 };
}

/* a*b + c, fused where the instruction set can. */
RST_INLINE vf vfma(vf a, vf b, vf c)
{
#if RST_VL == 16 && defined(__AVX512F__)
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif RST_VL == 8 && defined(__FMA__)
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif RST_VL == 4 && defined(__aarch64__)
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

/* The first n lanes, zeros behind. */
RST_INLINE vf vload_part(const float *p, int64_t n)
{
    vf v = { 0 };
    memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
}

RST_INLINE void vstore_part(float *p, vf v, int64_t n)
{
    memcpy(p, &v, (size_t)n * sizeof *p);
}

/* a where mask is all ones, else b */
RST_INLINE vf vselect(vi mask, vf a, vf b)
{
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

/* act(v), for epilogues: NONE, RELU, LEAKY, TANH, SIGMOID. NaN stays NaN. */
vf RST_ISA_NAME(activate)(rst_map act, float a, vf v);

/* The kernels; rst__isa says what each does. */
void RST_ISA_NAME(panel)(const rst__panel *p);
void RST_ISA_NAME(pack)(const float *src, int64_t count, int width, int64_t sj, int64_t sk,
                        float scale, float *dst);
void RST_ISA_NAME(panel_bf16)(const rst__panel *p);
void RST_ISA_NAME(wino_in_bf16)(const float *const d[36], int64_t c, float *v, int64_t plane);
void RST_ISA_NAME(pair)(const float *rows, int64_t count, float *dst);
void RST_ISA_NAME(shift_add)(const float *p, int64_t ldp, int taps, int co, int64_t count, bool add,
                             const rst__epi *epi, float *y, int64_t ys);
void RST_ISA_NAME(wino_in)(const float *const d[36], int64_t c, float *v, int64_t plane);
void RST_ISA_NAME(wino_out)(const float *m, int64_t plane, int64_t c, bool add, bool stream,
                            const rst__epi *epi, float *const y[16]);
void RST_ISA_NAME(wino_grad)(const float *const dy[16], int64_t c, float *z, int64_t plane);
void RST_ISA_NAME(wino_weights)(const float *g, int64_t count, float *u, int64_t plane);
void RST_ISA_NAME(wino_dw)(const float *s, int64_t plane, int64_t c, bool add, float *dw);

#endif
