/* SPDX-License-Identifier: MIT */
#include "slide/block_cache.h"

#include "base/alloc.h"

/* The list is walked; beyond this many blocks the walk would cost more than a small tile's
 * decoding. */
enum { MAX_BLOCKS = 1024 };

rst_slide_block *rst__slide_block_new(int level, int64_t bx, int64_t by, size_t bytes)
{
    size_t all;
    rst_slide_block *b =
        rst__add_size(bytes, sizeof(rst_slide_block), &all) ? rst__malloc(all) : NULL;
    if (b)
        *b = (rst_slide_block){ .level = level, .bx = bx, .by = by, .users = 1, .bytes = bytes };
    return b;
}

rst_slide_block *rst__slide_block_find(rst_slide_cache *c, int level, int64_t bx, int64_t by)
{
    for (rst_slide_block **at = &c->newest; *at; at = &(*at)->next) {
        rst_slide_block *b = *at;
        if (b->bx != bx || b->by != by || b->level != level)
            continue;
        *at = b->next;
        b->next = c->newest;
        c->newest = b;
        b->users++;
        return b;
    }
    return NULL;
}

/* Walks from the newest; what no longer fits is freed unless somebody reads it. */
static void trim(rst_slide_cache *c)
{
    size_t bytes = 0;
    int count = 0;
    for (rst_slide_block **at = &c->newest; *at;) {
        rst_slide_block *b = *at;
        const bool fits = count == 0 || (count < MAX_BLOCKS && bytes + b->bytes <= c->budget);
        if (fits || b->users > 0) {
            bytes += b->bytes;
            count++;
            at = &b->next;
            continue;
        }
        *at = b->next;
        rst__free(b);
    }
    c->bytes = bytes;
    c->count = count;
}

void rst__slide_block_keep(rst_slide_cache *c, rst_slide_block *b)
{
    rst_slide_block *twin = rst__slide_block_find(c, b->level, b->bx, b->by);
    if (twin) {
        twin->users--;
        return;
    }
    b->listed = true;
    b->next = c->newest;
    c->newest = b;
    c->bytes += b->bytes;
    c->count++;
    if (c->bytes > c->budget || c->count > MAX_BLOCKS)
        trim(c);
}

void rst__slide_block_release(rst_slide_block *b)
{
    if (--b->users == 0 && !b->listed)
        rst__free(b);
}

void rst__slide_block_clear(rst_slide_cache *c)
{
    while (c->newest) {
        rst_slide_block *b = c->newest;
        c->newest = b->next;
        rst__free(b);
    }
    c->bytes = 0;
    c->count = 0;
}
