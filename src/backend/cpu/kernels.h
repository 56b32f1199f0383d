/* SPDX-License-Identifier: MIT */
/* What the kernels of the CPU backend share: their declarations and how work is cut.
 *
 * Work is cut into blocks whose number and borders depend on the shape alone; a block is done by
 * one thread, and partial sums are added in the order of the blocks. So no bit depends on the
 * threads. */
#ifndef RST_CPU_KERNELS_H
#define RST_CPU_KERNELS_H

#include "backend/cpu/ew.h"

#define RST_KERNEL(name, args) int rst__cpu_##name args;
#include "backend/kernels.def"
#undef RST_KERNEL

/** Elements of a block of elementwise work. */
#define RST_BLOCK 16384
/** Work (elements, roughly) below which starting threads costs more than it brings. */
#define RST_SERIAL 32768

#define RST_PRAGMA(text) _Pragma(#text)
/** Before a for loop over blocks: shared by the device's threads if `work` is worth it. */
#define RST_PARALLEL_FOR(dev, work)                                                                \
    RST_PRAGMA(omp parallel for schedule(static) num_threads((dev)->threads) if ((work) > RST_SERIAL))

static inline int64_t rst__least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t rst__most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/** Blocks of `size` in n. */
static inline int64_t rst__blocks(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

/** Number of parts into which a sum over `rows` rows of c numbers is cut. */
static inline int64_t rst__parts(int64_t rows, int64_t c)
{
    return rst__most(1, rst__least(rst__least(64, rows), rows * c / 32768));
}

#endif
