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

struct rst_pool {
    rst_pool_source src;
    rst_storage *free_list[CLASSES];
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

rst_storage *rst__storage_get(rst_pool *pool, size_t bytes)
{
    if (bytes > SIZE_MAX / 4)
        return NULL;
    size_t capacity;
    int k = class_of(bytes, &capacity);
    rst_storage *s = pool->free_list[k];
    if (s)
        pool->free_list[k] = s->next;
    else if (!(s = fresh(pool, capacity)))
        return NULL;
    s->next = NULL;
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
    size_t capacity;
    int k = class_of(s->bytes, &capacity);
    pool->live -= s->capacity;
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
