/* SPDX-License-Identifier: MIT */
/* What a machine can do at most, measured. */
#ifndef BENCH_PEAKS_H
#define BENCH_PEAKS_H

#include <stdbool.h>

enum { BENCH_ISAS = 3 };

/** Names of the instruction sets of backend/cpu/isa, from the slowest: base, avx2, avx512. */
extern const char *const bench_isa[BENCH_ISAS];

/**
 * Multiply-adds of independent registers and nothing else, on so many threads at once.
 *
 * @return GFLOP/s, a multiply-add being two, best of `repeats`; 0: this processor has not that set
 */
double bench_peak_gflops(int isa, int threads, int repeats);

/**
 * Triad, a = b + s c, over three arrays of 128 MiB, larger than most caches.
 *
 * @return GB/s, 12 bytes an element as STREAM counts, so without the reading of a before it is
 *         written; best of `repeats`; 0: no memory
 */
double bench_triad_gbs(int threads, int repeats);

#endif
