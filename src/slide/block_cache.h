/* SPDX-License-Identifier: MIT */
/* Decoded blocks, the most recently used ones kept within a budget. Not locked: the owner's lock is
 * held around every call. */
#ifndef RST_SLIDE_BLOCK_CACHE_H
#define RST_SLIDE_BLOCK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rst_block {
    struct rst_block *next; /* the next older one */
    int level;
    int64_t bx, by;
    int users;   /* a block in use is not freed */
    bool listed; /* in the cache; otherwise its last user frees it */
    size_t bytes;
    uint8_t px[];
} rst_block;

typedef struct rst_block_cache {
    rst_block *newest;
    size_t bytes, budget;
    int count;
} rst_block_cache;

/** A new block, used once, not listed; NULL when there is no memory. */
rst_block *rst__block_new(int level, int64_t bx, int64_t by, size_t bytes);
/** The block, used once more, or NULL. */
rst_block *rst__block_find(rst_block_cache *c, int level, int64_t bx, int64_t by);
/** Lists a block unless its twin is there; frees the oldest unused ones beyond the budget. */
void rst__block_keep(rst_block_cache *c, rst_block *b);
/** Ends one use. */
void rst__block_release(rst_block *b);
/** Frees all; none may be in use. */
void rst__block_clear(rst_block_cache *c);

#endif
