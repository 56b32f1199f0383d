/* SPDX-License-Identifier: MIT */
#include "base/rng.h"

#include <math.h>

#include "base/alloc.h"
#include <restain/error.h>

void rst__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u; /* golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

rst_rng rst__rng(uint64_t seed, const char *name)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a of the name, mixed with the seed */
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    h ^= seed + 0x9E3779B97F4A7C15u + (h << 6) + (h >> 2);
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9u;
    h = (h ^ (h >> 27)) * 0x94D049BB133111EBu;
    return (rst_rng){ .key = h ^ (h >> 31) };
}

uint32_t rst__rng_u32(rst_rng *r)
{
    if (r->left == 0) {
        const uint32_t c[4] = { (uint32_t)r->counter, (uint32_t)(r->counter >> 32), 0, 0 };
        const uint32_t k[2] = { (uint32_t)r->key, (uint32_t)(r->key >> 32) };
        rst__philox(c, k, r->word);
        r->counter++;
        r->left = 4;
    }
    return r->word[4 - r->left--];
}

double rst__rng_uniform(rst_rng *r)
{
    uint64_t hi = rst__rng_u32(r) >> 5, lo = rst__rng_u32(r) >> 6;
    return (double)((hi << 26) | lo) * 0x1p-53;
}

int64_t rst__rng_below(rst_rng *r, int64_t n)
{
    uint64_t un = (uint64_t)n, limit = UINT64_MAX - UINT64_MAX % un, x;
    do
        x = (uint64_t)rst__rng_u32(r) << 32 | rst__rng_u32(r);
    while (x >= limit);
    return (int64_t)(x % un);
}

double rst__rng_normal(rst_rng *r)
{
    if (r->has_spare) {
        r->has_spare = 0;
        return r->spare;
    }
    double u = 1.0 - rst__rng_uniform(r), a = 2 * 3.14159265358979323846 * rst__rng_uniform(r);
    double m = sqrt(-2 * log(u));
    r->spare = m * sin(a);
    r->has_spare = 1;
    return m * cos(a);
}

int rst__rng_choose(rst_rng *r, int64_t n, int64_t count, int64_t *ids)
{
    int64_t *all = rst__malloc((size_t)n * sizeof *all);
    if (!all)
        return RST_ENOMEM;
    for (int64_t i = 0; i < n; i++)
        all[i] = i;
    for (int64_t i = 0; i < count; i++) { /* Fisher-Yates, stopped after count */
        int64_t j = i + rst__rng_below(r, n - i), t = all[j];
        all[j] = all[i];
        ids[i] = all[i] = t;
    }
    rst__free(all);
    return 0;
}
