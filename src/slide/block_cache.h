/* SPDX-License-Identifier: MIT */
/* Decoded blocks, the most recently used ones kept within a budget. Not locked: the owner's lock is
 * held around every call. */
#ifndef RST_SLIDE_BLOCK_CACHE_H
#define RST_SLIDE_BLOCK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rst_slide_block {
    struct rst_slide_block *next; /* the next older one */
    int level;
    int64_t bx, by;
    int users;   /* a block in use is not freed */
    bool listed; /* in the cache; otherwise its last user frees it */
    size_t bytes;
    uint8_t px[];
} rst_slide_block;

typedef struct rst_slide_cache {
    rst_slide_block *newest;
    size_t bytes, budget;
    int count;
} rst_slide_cache;

/** A new block, used once, not listed; NULL when there is no memory. */
rst_slide_block *rst__slide_block_new(int level, int64_t bx, int64_t by, size_t bytes);
/** The block, used once more, or NULL. */
rst_slide_block *rst__slide_block_find(rst_slide_cache *c, int level, int64_t bx, int64_t by);
/** Lists a block unless its twin is there; frees the oldest unused ones beyond the budget. */
void rst__slide_block_keep(rst_slide_cache *c, rst_slide_block *b);
/** Ends one use. */
void rst__slide_block_release(rst_slide_block *b);
/** Frees all; none may be in use. */
void rst__slide_block_clear(rst_slide_cache *c);

#endif
