/* SPDX-License-Identifier: MIT */
/* Storage for tensors. Nothing is given back before the end: a step that asks for the same sizes in
 * the same order gets the same addresses, and nothing is allocated after the first step. Small
 * blocks are kept by size and handed out again last-in first-out. Large ones are cut from the
 * lowest place where they fit and joined with free neighbours when they come back, because what a
 * step needs most at its end has other sizes than what it needed on the way. With RST_POOL_DEBUG
 * each block is filled with NaN when handed out and framed by guard words that are checked when it
 * comes back (host memory only). */
#ifndef RST_TENSOR_POOL_H
#define RST_TENSOR_POOL_H

#include "tensor/dims.h"

typedef struct rst_pool rst_pool;

/** Where a pool takes its memory. */
typedef struct rst_pool_source {
    void *(*alloc)(void *dev, size_t bytes); /**< 64-byte aligned; NULL when there is none */
    void (*release)(void *dev, void *p);
    void *dev;
    bool host; /**< the memory can be touched by the processor */
} rst_pool_source;

/** A block. `p` is stable until it is put back. */
typedef struct rst_storage {
    void *p;
    size_t bytes;             /* as asked for */
    int refs;                 /* owners; the last rst__storage_put returns it to the pool */
    rst_pool *pool;           /* borrowed */
    struct rst_storage *next; /* in the free list; of a large block: the neighbour above it */
    struct rst_storage *below;
    size_t capacity;
    bool large, free;
} rst_storage;

/** @return owned, or NULL without memory */
rst_pool *rst__pool_new(rst_pool_source src);
/** Every storage must have been put back. */
void rst__pool_free(rst_pool *pool);
/** A block of at least `bytes`, refs 1; NULL without memory. */
rst_storage *rst__storage_get(rst_pool *pool, size_t bytes);
rst_storage *rst__storage_ref(rst_storage *s);
/** Drops one owner; NULL is fine. */
void rst__storage_put(rst_storage *s);
/** Gives free blocks back to the source. */
void rst__pool_trim(rst_pool *pool);
size_t rst__pool_live(const rst_pool *pool);
size_t rst__pool_peak(const rst_pool *pool);
/** Number of blocks whose guard words were found overwritten; 0 without RST_POOL_DEBUG. */
long rst__pool_damaged(const rst_pool *pool);

#endif
