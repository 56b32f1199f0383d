/* SPDX-License-Identifier: MIT */
/* What a scanner does to the light: a blur, a white that is not quite white, noise. The noise is a
 * hash of the pixel's place, so that it too is the same in every rectangle. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "slide/synth_parts.h"

static synth_scanner draw_scanner(rst_rng *r, double wide)
{
    synth_scanner s;
    s.blur = (float)(0.85 + wide * 0.25 * (2 * rst__rng_uniform(r) - 1));
    const double white = 243 + wide * 6 * (2 * rst__rng_uniform(r) - 1);
    for (int k = 0; k < 3; k++)
        s.white[k] = (float)(white + wide * 4 * (2 * rst__rng_uniform(r) - 1));
    s.noise = (float)(1.4 + wide * 0.6 * (2 * rst__rng_uniform(r) - 1));
    return s;
}

void rst__synth_scanners(rst_synth *s)
{
    rst_rng r = rst__rng(s->o.seed, "synth scanner");
    s->he_scanner = draw_scanner(&r, s->o.scanner);
    s->ihc_scanner = (synth_scanner){ .blur = 0.85f, .white = { 246, 246, 246 }, .noise = 1.2f };
}

enum { TAPS = 9 };

static void make_taps(float tap[TAPS], float sigma)
{
    float sum = 0;
    for (int k = 0; k < TAPS; k++) {
        const float d = (float)(k - TAPS / 2) / sigma;
        tap[k] = expf(-0.5f * d * d);
        sum += tap[k];
    }
    for (int k = 0; k < TAPS; k++)
        tap[k] /= sum;
}

void rst__synth_blur(const synth_block *b, float *plane, float sigma)
{
    enum { R = TAPS / 2, W = SYNTH_SIDE };
    float tap[TAPS], *row = b->row;
    make_taps(tap, sigma);
    for (int y = 0; y < W; y++) {
        float *p = plane + y * W;
        memcpy(row, p, W * sizeof *row);
        for (int x = R; x < W - R; x++) {
            float v = 0;
            for (int k = 0; k < TAPS; k++)
                v += tap[k] * row[x + k - R];
            p[x] = v;
        }
    }
    /* Down the columns: a row needs the R rows above it as they were, kept in a ring. */
    for (int y = 0; y < R; y++)
        memcpy(row + y * W, plane + y * W, W * sizeof *row);
    for (int y = R; y < W - R; y++) {
        float *now = row + (y % (R + 1)) * W, *p = plane + y * W;
        memcpy(now, p, W * sizeof *row);
        for (int x = 0; x < W; x++) {
            float v = tap[R] * now[x];
            for (int k = 1; k <= R; k++)
                v += tap[R + k] * p[k * W + x] + tap[R - k] * row[(y - k) % (R + 1) * W + x];
            p[x] = v;
        }
    }
}

uint8_t rst__synth_byte(const synth_block *b, const synth_scanner *sc, int field, int x, int y,
                        int channel)
{
    const uint64_t h = rst__synth_hash(b->s->o.seed, field + 64 * channel, b->x0 + x, b->y0 + y);
    /* the sum of four bytes: nearly normal, with a deviation of 147.8 */
    const int sum =
        (int)(h & 255) + (int)(h >> 8 & 255) + (int)(h >> 16 & 255) + (int)(h >> 24 & 255);
    const float noise = (float)(sum - 510) / 147.8f * sc->noise;
    const float v = b->light[channel][y * SYNTH_SIDE + x] * sc->white[channel] + noise + 0.5f;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}
