/* SPDX-License-Identifier: MIT */
/* Random numbers that belong to places: a hash of (seed, field, i, j), and smooth noise on it. The
 * named streams of base/rng.h are sequences; here any place must have its number at once. */
#include <math.h>

#include "slide/synth_parts.h"

static uint64_t mix(uint64_t v)
{
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9ull;
    v = (v ^ (v >> 27)) * 0x94d049bb133111ebull;
    return v ^ (v >> 31);
}

uint64_t rst__synth_hash(uint64_t seed, int field, int64_t i, int64_t j)
{
    const uint64_t v = seed * 0xd6e8feb86659fd93ull + (uint64_t)field * 0xa0761d6478bd642full;
    return mix(v ^ mix((uint64_t)i * 0x9e3779b97f4a7c15ull + mix((uint64_t)j + v)));
}

uint64_t rst__synth_next(uint64_t *h)
{
    *h += 0x9e3779b97f4a7c15ull;
    return mix(*h);
}

float rst__synth_unit(uint64_t h)
{
    return (float)(h >> 40) * (1.0f / 16777216.0f);
}

/* Value noise in 0..1 on the unit grid, turned so that no axis of it lies along the pixels'. */
float rst__synth_noise(uint64_t seed, int field, double x, double y)
{
    const double tx = 0.8 * x - 0.6 * y, ty = 0.6 * x + 0.8 * y;
    const double fx = floor(tx), fy = floor(ty);
    const int64_t i = (int64_t)fx, j = (int64_t)fy;
    float u = (float)(tx - fx), v = (float)(ty - fy);
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    const uint64_t k = seed * 0xd6e8feb86659fd93ull + (uint64_t)field * 0xa0761d6478bd642full;
    const uint64_t r0 = mix((uint64_t)j + k), r1 = mix((uint64_t)(j + 1) + k);
    const uint64_t c0 = (uint64_t)i * 0x9e3779b97f4a7c15ull, c1 = c0 + 0x9e3779b97f4a7c15ull;
    const float a = rst__synth_unit(mix(c0 + r0)), b = rst__synth_unit(mix(c1 + r0));
    const float c = rst__synth_unit(mix(c0 + r1)), d = rst__synth_unit(mix(c1 + r1));
    const float top = a + (b - a) * u, low = c + (d - c) * u;
    return top + (low - top) * v;
}
