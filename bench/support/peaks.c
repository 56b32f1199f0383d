/* SPDX-License-Identifier: MIT */
#include "support/peaks.h"

#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#ifdef RST_HAVE_X86
#include <immintrin.h>
#endif

#include "support/measure.h"

const char *const bench_isa[BENCH_ISAS] = { "base", "avx2", "avx512" };

/* More sums than multiply-adds can be under way at once, and few enough to stay in registers. */
enum { CHAINS = 12 };

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

static volatile float start = 0.5f, factor = 0.999f, addend = 1e-3f, sink;

/* A function that does `rounds` times CHAINS of them; values stay near 1. */
#define DEFINE_FMA(name, attribute, vec, lanes, fma)                                               \
    typedef float vec __attribute__((vector_size(4 * (lanes))));                                   \
    attribute static void name(int64_t rounds)                                                     \
    {                                                                                              \
        const vec zero = { 0 }, f = zero + factor, d = zero + addend;                              \
        vec a[CHAINS];                                                                             \
        UNROLL                                                                                     \
        for (int k = 0; k < CHAINS; k++)                                                           \
            a[k] = zero + (start + (float)k);                                                      \
        for (int64_t i = 0; i < rounds; i++) {                                                     \
            UNROLL                                                                                 \
            for (int k = 0; k < CHAINS; k++)                                                       \
                a[k] = fma(a[k], f, d);                                                            \
        }                                                                                          \
        vec sum = zero;                                                                            \
        UNROLL                                                                                     \
        for (int k = 0; k < CHAINS; k++)                                                           \
            sum += a[k];                                                                           \
        sink = sum[0];                                                                             \
    }

#define TWO_STEPS(a, b, c) ((a) * (b) + (c))
DEFINE_FMA(fma_base, , vec4, 4, TWO_STEPS)
#ifdef RST_HAVE_X86
DEFINE_FMA(fma_avx2, __attribute__((target("avx2,fma"))), vec8, 8, _mm256_fmadd_ps)
DEFINE_FMA(fma_avx512, __attribute__((target("avx512f"))), vec16, 16, _mm512_fmadd_ps)
#endif

typedef struct set {
    void (*run)(int64_t rounds);
    int lanes;
} set;

static set set_of(int isa)
{
    if (isa == 0)
        return (set){ fma_base, 4 };
#ifdef RST_HAVE_X86
    if (isa == 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (set){ fma_avx2, 8 };
    if (isa == 2 && __builtin_cpu_supports("avx512f"))
        return (set){ fma_avx512, 16 };
#endif
    return (set){ NULL, 0 };
}

static double run_ms(const set *s, int threads, int64_t rounds)
{
    const double t = bench_now_ms();
#pragma omp parallel num_threads(threads)
    s->run(rounds);
    return bench_now_ms() - t;
}

double bench_peak_gflops(int isa, int threads, int repeats)
{
    const set s = set_of(isa);
    if (!s.run)
        return 0;
    int64_t rounds = 1 << 20;
    while (run_ms(&s, threads, rounds) < 50)
        rounds *= 2;
    double best = run_ms(&s, threads, rounds);
    for (int i = 0; i < repeats; i++) {
        const double t = run_ms(&s, threads, rounds);
        best = t < best ? t : best;
    }
    return 2e-6 * (double)rounds * CHAINS * s.lanes * threads / best;
}

enum { TRIAD = 32 << 20 }; /* floats in an array */

static double triad_ms(vec4 *a, const vec4 *b, const vec4 *c, int threads)
{
    const vec4 s = { 0.5f, 0.5f, 0.5f, 0.5f };
    const double t = bench_now_ms();
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int i = 0; i < TRIAD / 4; i++)
        a[i] = b[i] + s * c[i];
    return bench_now_ms() - t;
}

double bench_triad_gbs(int threads, int repeats)
{
    vec4 *v[3];
    double best = 0;
    for (int k = 0; k < 3; k++)
        v[k] = aligned_alloc(64, TRIAD * sizeof(float));
    if (v[0] && v[1] && v[2]) {
#pragma omp parallel for num_threads(threads) schedule(static)
        for (int i = 0; i < TRIAD / 4; i++)
            v[0][i] = v[1][i] = v[2][i] = (vec4){ 1, 2, 3, 4 };
        for (int i = 0; i < repeats; i++) {
            const double gbs = 12e-6 * TRIAD / triad_ms(v[0], v[1], v[2], threads);
            best = gbs > best ? gbs : best;
        }
        sink = v[0][TRIAD / 8][1];
    }
    for (int k = 0; k < 3; k++)
        free(v[k]);
    return best;
}
