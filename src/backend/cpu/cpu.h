/* SPDX-License-Identifier: MIT */
/* The CPU device: what its kernels share. */
#ifndef RST_CPU_CPU_H
#define RST_CPU_CPU_H

#include "backend/backend.h"
#include "backend/cpu/isa.h"

/** Who uses which part of the scratch arena. A kernel may hold several slots at once; a slot's
 * content lives until the next request of the same slot. */
enum {
    RST_SLOT_WEIGHTS, /* convolutions: weights packed for one call */
    RST_SLOT_IN,      /* convolutions, gemm: transformed or padded input, per strip */
    RST_SLOT_OUT,     /* convolutions: products before the inverse transform, per strip */
    RST_SLOT_BORDER,  /* convolutions: gradient of the padding; padded bias */
    RST_SLOT_OTHER,   /* every other kernel */
    RST_SLOT_OTHER2,
    RST_SLOT_COUNT
};

typedef struct rst_cpu_dev {
    rst_dev base; /* first: a rst_dev * is a rst_cpu_dev * */
    const rst__isa *isa;
    struct {
        void *p;
        size_t bytes;
    } scratch[RST_SLOT_COUNT];
} rst_cpu_dev;

static inline rst_cpu_dev *rst__cpu(rst_dev *dev)
{
    return (rst_cpu_dev *)dev;
}

/** At least `bytes` aligned to 64, not zeroed; grows on demand and is reused. NULL, with dev->err
 * set, when there is no memory. Not to be called inside a parallel region. */
void *rst__cpu_scratch(rst_cpu_dev *dev, int slot, size_t bytes);
/** Gives all scratch back; for close. */
void rst__cpu_scratch_free(rst_cpu_dev *dev);

/** Thread t's share of n items: *begin..*end-1, contiguous, as even as can be. */
static inline void rst__share(int64_t n, int t, int threads, int64_t *begin, int64_t *end)
{
    *begin = n * t / threads;
    *end = n * (t + 1) / threads;
}

#endif
