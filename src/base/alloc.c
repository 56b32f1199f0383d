/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_long fail_after = -1;
static atomic_long live;

/* True when this request is the one a test wants to fail, and every one after it. */
static bool refused(void)
{
    if (atomic_load_explicit(&fail_after, memory_order_relaxed) < 0)
        return false;
    long left = atomic_fetch_sub(&fail_after, 1);
    if (left > 0)
        return false;
    atomic_store(&fail_after, 0);
    return true;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return p;
}

void *rst__malloc(size_t bytes)
{
    return refused() ? NULL : counted(malloc(bytes ? bytes : 1));
}

void *rst__calloc(size_t count, size_t size)
{
    return refused() ? NULL : counted(calloc(count ? count : 1, size ? size : 1));
}

void *rst__realloc(void *p, size_t count, size_t size)
{
    size_t bytes;
    if (refused() || !rst__mul_size(count, size, &bytes))
        return NULL;
    void *q = realloc(p, bytes ? bytes : 1);
    return p ? q : counted(q);
}

void *rst__malloc_aligned(size_t bytes)
{
    size_t padded;
    if (refused() || !rst__add_size(bytes, 63, &padded))
        return NULL;
    padded &= ~(size_t)63;
    return counted(aligned_alloc(64, padded ? padded : 64));
}

void rst__free(void *p)
{
    if (!p)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(p);
}

char *rst__strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = rst__malloc(n);
    if (p)
        memcpy(p, s, n);
    return p;
}

bool rst__mul_size(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

bool rst__add_size(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

bool rst__mul_i64(int64_t a, int64_t b, int64_t *out)
{
    int64_t r;
    if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

void rst__alloc_fail_after(long n)
{
    atomic_store(&fail_after, n);
}

long rst__alloc_live(void)
{
    return atomic_load(&live);
}
