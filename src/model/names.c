/* SPDX-License-Identifier: MIT */
#include "model/names.h"

#include <string.h>

#include <restain/error.h>

#include "base/alloc.h"

/* FNV-1a with a final mix, so that the low bits, which choose the place, depend on all. */
static uint64_t hash_of(const char *s, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

/* Where s is, or the empty place where it would go. */
static rst_name *locate(const rst_names *t, const char *s, size_t len, uint64_t h)
{
    for (size_t i = (size_t)h & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
        rst_name *p = &t->place[i];
        if (!p->s || (p->hash == h && p->len == len && memcmp(p->s, s, len) == 0))
            return p;
    }
}

static int grow(rst_names *t)
{
    rst_names big = { .cap = t->cap ? t->cap * 2 : 64, .n = t->n };
    big.place = rst__calloc(big.cap, sizeof *big.place);
    if (!big.place)
        return RST_ENOMEM;
    for (size_t i = 0; i < t->cap; i++) {
        const rst_name *p = &t->place[i];
        if (p->s)
            *locate(&big, p->s, p->len, p->hash) = *p;
    }
    rst__free(t->place);
    *t = big;
    return 0;
}

int rst__names_put(rst_names *t, const char *s, size_t len, int64_t value)
{
    if (t->n * 2 >= t->cap && grow(t) < 0)
        return RST_ENOMEM;
    uint64_t h = hash_of(s, len);
    rst_name *p = locate(t, s, len, h);
    if (p->s)
        return 0;
    *p = (rst_name){ s, len, h, value };
    t->n++;
    return 1;
}

int64_t rst__names_get(const rst_names *t, const char *s, size_t len)
{
    if (!t->n)
        return -1;
    const rst_name *p = locate(t, s, len, hash_of(s, len));
    return p->s ? p->value : -1;
}

void rst__names_free(rst_names *t)
{
    rst__free(t->place);
    *t = (rst_names){ 0 };
}
