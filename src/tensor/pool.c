/* SPDX-License-Identifier: MIT */
#include "tensor/pool.h"

#include <string.h>

#include "base/alloc.h"

#ifdef RST_POOL_DEBUG
enum { GUARD = 64, GUARD_BYTE = 0xA5 };
#else
enum { GUARD = 0, GUARD_BYTE = 0 };
#endif

/* Sizes are rounded up to eight classes per power of two, from 64 bytes on. */
enum { CLASSES = 64 * 8 };

/* What large blocks are cut from. Memory that is never touched is not there yet, so a region may
 * well be larger than it need be. */
enum { LARGE_FROM = 1 << 20, REGION_MIN = 64 << 20, REGION_MAX = 1 << 30 };

typedef struct region {
    rst_storage *first; /* its blocks in order of address; no two free ones are neighbours */
    struct region *next;
    void *base;
    size_t bytes;
} region;

struct rst_pool {
    rst_pool_source src;
    rst_storage *free_list[CLASSES];
    region *regions; /* the oldest first */
    size_t reserved;
    size_t live, peak;
    long damaged;
};

static int class_of(size_t bytes, size_t *capacity)
{
    size_t units = (bytes + 63) / 64;
    if (units < 8) {
        units = units ? units : 1;
        *capacity = units * 64;
        return (int)units;
    }
    int shift = 60 - __builtin_clzll(units); /* the top four bits name the class */
    size_t top = (units + ((size_t)1 << shift) - 1) >> shift;
    *capacity = (top << shift) * 64;
    return shift * 8 + (int)top;
}

rst_pool *rst__pool_new(rst_pool_source src)
{
    rst_pool *pool = rst__calloc(1, sizeof *pool);
    if (pool)
        pool->src = src;
    return pool;
}

static void trim_regions(rst_pool *pool)
{
    for (region **at = &pool->regions; *at;) {
        region *r = *at;
        if (!r->first->free || r->first->next) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        pool->reserved -= r->bytes;
        pool->src.release(pool->src.dev, r->base);
        rst__free(r->first);
        rst__free(r);
    }
}

void rst__pool_trim(rst_pool *pool)
{
    for (int i = 0; i < CLASSES; i++) {
        while (pool->free_list[i]) {
            rst_storage *s = pool->free_list[i];
            pool->free_list[i] = s->next;
            pool->src.release(pool->src.dev, (char *)s->p - GUARD);
            rst__free(s);
        }
    }
    trim_regions(pool);
}

void rst__pool_free(rst_pool *pool)
{
    if (!pool)
        return;
    rst__pool_trim(pool);
    rst__free(pool);
}

static void frame(rst_storage *s)
{
    if (!GUARD || !s->pool->src.host)
        return;
    memset((char *)s->p - GUARD, GUARD_BYTE, GUARD);
    memset(s->p, 0xFF, s->capacity); /* all ones is a NaN in every float format */
    memset((char *)s->p + s->bytes, GUARD_BYTE, s->capacity - s->bytes + GUARD);
}

static void check_frame(const rst_storage *s)
{
    if (!GUARD || !s->pool->src.host)
        return;
    const unsigned char *lo = (const unsigned char *)s->p - GUARD;
    const unsigned char *hi = (const unsigned char *)s->p + s->bytes;
    bool bad = false;
    for (int i = 0; i < GUARD; i++)
        bad |= lo[i] != GUARD_BYTE;
    for (size_t i = 0, n = s->capacity - s->bytes + GUARD; i < n; i++)
        bad |= hi[i] != GUARD_BYTE;
    s->pool->damaged += bad;
}

static rst_storage *fresh(rst_pool *pool, size_t capacity)
{
    rst_storage *s = rst__calloc(1, sizeof *s);
    if (!s)
        return NULL;
    char *p = pool->src.alloc(pool->src.dev, capacity + 2 * GUARD);
    if (!p) { /* what lies in other classes may be enough */
        rst__pool_trim(pool);
        p = pool->src.alloc(pool->src.dev, capacity + 2 * GUARD);
    }
    if (!p) {
        rst__free(s);
        return NULL;
    }
    *s = (rst_storage){ .p = p + GUARD, .pool = pool, .capacity = capacity };
    return s;
}

/* Large blocks ----------------------------------------------------------------------------------
 */

/* Cuts `capacity` from the low end of a free block, unless what is left would be useless. */
static rst_storage *cut(rst_storage *s, size_t capacity)
{
    const size_t taken = capacity + 2 * GUARD, least = taken + 2 * GUARD + 64;
    rst_storage *rest = s->capacity + 2 * GUARD >= least ? rst__calloc(1, sizeof *rest) : NULL;
    s->free = false;
    if (!rest)
        return s;
    *rest = (rst_storage){ .p = (char *)s->p + taken,
                           .pool = s->pool,
                           .next = s->next,
                           .below = s,
                           .capacity = s->capacity - taken,
                           .large = true,
                           .free = true };
    if (s->next)
        s->next->below = rest;
    s->next = rest;
    s->capacity = capacity;
    return s;
}

static rst_storage *fit(const rst_pool *pool, size_t capacity)
{
    for (const region *r = pool->regions; r; r = r->next)
        for (rst_storage *s = r->first; s; s = s->next)
            if (s->free && s->capacity >= capacity)
                return cut(s, capacity);
    return NULL;
}

/* A region as large as all before it, if that can be had. */
static bool grow(rst_pool *pool, size_t capacity)
{
    const size_t least = capacity + 2 * GUARD, total = pool->reserved;
    const size_t wish = total < REGION_MIN ? REGION_MIN : total > REGION_MAX ? REGION_MAX : total;
    region *r = rst__calloc(1, sizeof *r);
    rst_storage *s = rst__calloc(1, sizeof *s);
    if (r && s) {
        r->bytes = pool->src.host && wish > least ? wish : least;
        r->base = pool->src.alloc(pool->src.dev, r->bytes);
        if (!r->base && r->bytes > least)
            r->base = pool->src.alloc(pool->src.dev, r->bytes = least);
        if (!r->base) {
            rst__pool_trim(pool);
            r->base = pool->src.alloc(pool->src.dev, least);
        }
    }
    if (!r || !s || !r->base) {
        rst__free(r);
        rst__free(s);
        return false;
    }
    *s = (rst_storage){ .p = (char *)r->base + GUARD,
                        .pool = pool,
                        .capacity = r->bytes - 2 * GUARD,
                        .large = true,
                        .free = true };
    r->first = s;
    region **at = &pool->regions;
    while (*at)
        at = &(*at)->next;
    *at = r;
    pool->reserved += r->bytes;
    return true;
}

/* Takes the block above s into it. */
static void join(rst_storage *s)
{
    rst_storage *up = s->next;
    s->capacity += up->capacity + 2 * GUARD;
    s->next = up->next;
    if (s->next)
        s->next->below = s;
    rst__free(up);
}

static void put_large(rst_storage *s)
{
    s->free = true;
    if (s->next && s->next->free)
        join(s);
    if (s->below && s->below->free)
        join(s->below);
}

static rst_storage *get_large(rst_pool *pool, size_t bytes)
{
    const size_t capacity = (bytes + 63) & ~(size_t)63;
    rst_storage *s = fit(pool, capacity);
    return s || !grow(pool, capacity) ? s : fit(pool, capacity);
}

/* All blocks ------------------------------------------------------------------------------------
 */

static rst_storage *get_small(rst_pool *pool, size_t bytes)
{
    size_t capacity;
    int k = class_of(bytes, &capacity);
    rst_storage *s = pool->free_list[k];
    if (!s)
        return fresh(pool, capacity);
    pool->free_list[k] = s->next;
    s->next = NULL;
    return s;
}

rst_storage *rst__storage_get(rst_pool *pool, size_t bytes)
{
    if (bytes > SIZE_MAX / 4)
        return NULL;
    rst_storage *s = bytes >= LARGE_FROM ? get_large(pool, bytes) : get_small(pool, bytes);
    if (!s)
        return NULL;
    s->bytes = bytes;
    s->refs = 1;
    frame(s);
    pool->live += s->capacity;
    if (pool->live > pool->peak)
        pool->peak = pool->live;
    return s;
}

rst_storage *rst__storage_ref(rst_storage *s)
{
    s->refs++;
    return s;
}

void rst__storage_put(rst_storage *s)
{
    if (!s || --s->refs > 0)
        return;
    check_frame(s);
    rst_pool *pool = s->pool;
    pool->live -= s->capacity;
    if (s->large) {
        put_large(s);
        return;
    }
    size_t capacity;
    int k = class_of(s->bytes, &capacity);
    s->next = pool->free_list[k];
    pool->free_list[k] = s;
}

size_t rst__pool_live(const rst_pool *pool)
{
    return pool->live;
}

size_t rst__pool_peak(const rst_pool *pool)
{
    return pool->peak;
}

long rst__pool_damaged(const rst_pool *pool)
{
    return pool->damaged;
}
