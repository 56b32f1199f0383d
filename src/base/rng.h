/* SPDX-License-Identifier: MIT */
/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011). A stream is named by
 * (seed, name), so each purpose (init, crop, patches, dropout) draws its own sequence, independent
 * of threads and of what other purposes drew; its whole state is the counter. */
#ifndef RST_BASE_RNG_H
#define RST_BASE_RNG_H

#include <stdint.h>

typedef struct rst_rng {
    uint64_t key;     /* from seed and stream name */
    uint64_t counter; /* blocks of four words used up */
    uint32_t word[4]; /* the current block */
    uint32_t left;    /* words of it not yet handed out */
    double spare;     /* the second normal of a Box-Muller pair */
    uint32_t has_spare;
} rst_rng;

/** The raw block function: 128-bit counter and 64-bit key to four words. */
void rst__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/** The stream `name` of a seed, at its beginning. */
rst_rng rst__rng(uint64_t seed, const char *name);
uint32_t rst__rng_u32(rst_rng *r);
/** Uniform in [0, 1), 53 bits. */
double rst__rng_uniform(rst_rng *r);
/** Uniform integer in [0, n), n >= 1, without modulo bias. */
int64_t rst__rng_below(rst_rng *r, int64_t n);
/** Standard normal (Box-Muller). */
double rst__rng_normal(rst_rng *r);
/** The first `count` of a uniform random permutation of 0..n-1 (count <= n), into ids.
 *  @return 0 or RST_ENOMEM */
int rst__rng_choose(rst_rng *r, int64_t n, int64_t count, int64_t *ids);

#endif
