/* SPDX-License-Identifier: MIT */
/* What sets two sections of a block apart: where they lie, and their flaws (folds, pen, bubbles,
 * fields out of focus), each with places and random fields of its own. */
#include <math.h>

#include "slide/synth_parts.h"

static const double BUBBLE_PITCH = 700; /* um between places where a bubble may be */

static float noise(const rst_synth *s, int field, int section, double x, double y, double scale)
{
    const double aside = 1e6 * section; /* another part of the field for each section */
    return rst__synth_noise(s->o.seed, field, (x + aside) / scale, y / scale);
}

void rst__synth_section(const rst_synth *s, double x, double y, double *dx, double *dy)
{
    const double bend = 2 * s->o.elastic;
    *dx = s->shift[0] + bend * (noise(s, SYNTH_ELASTIC, 0, x, y, 260) - 0.5f);
    *dy = s->shift[1] + bend * (noise(s, SYNTH_ELASTIC2, 0, x, y, 260) - 0.5f);
}

static float clamp01(float v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

/* 0..1: how much of a band `half` um wide, each way, along the level lines of a field is here,
 * where `chance` lets it be. The bands' ends are soft. */
static float band(const rst_synth *s, int field, int section, double x, double y, double scale,
                  double half, double chance)
{
    const float here = noise(s, field, section, x + 4e5, y, 3 * scale) - (float)(1 - chance);
    if (here <= 0)
        return 0;
    const float off = fabsf(noise(s, field, section, x, y, scale) - 0.5f) * (float)scale / 1.5f;
    return clamp01((float)half - off) * clamp01(here * 20);
}

/* The rim of a bubble is dark, what is inside a little brighter. */
static float bubble(const rst_synth *s, int section, double x, double y)
{
    const int64_t i = (int64_t)floor(x / BUBBLE_PITCH), j = (int64_t)floor(y / BUBBLE_PITCH);
    float shade = 1;
    for (int64_t v = j - 1; v <= j + 1; v++)
        for (int64_t u = i - 1; u <= i + 1; u++) {
            uint64_t h = rst__synth_hash(s->o.seed, SYNTH_BUBBLE + 64 * section, u, v);
            if (rst__synth_unit(rst__synth_next(&h)) > 0.25 * s->o.flaws)
                continue;
            const double cx = ((double)u + rst__synth_unit(rst__synth_next(&h))) * BUBBLE_PITCH;
            const double cy = ((double)v + rst__synth_unit(rst__synth_next(&h))) * BUBBLE_PITCH;
            const float r = 30 + 170 * rst__synth_unit(rst__synth_next(&h));
            const float off = r - (float)hypot(x - cx, y - cy); /* um inside its edge */
            if (off > 0)
                shade = off < 7 ? 0.35f + 0.09f * fabsf(off - 3.5f) * 2 : 1.04f;
        }
    return shade;
}

synth_flaw rst__synth_flaw(const rst_synth *s, int section, double x, double y)
{
    const double often = 0.35 * s->o.flaws;
    synth_flaw f;
    f.thick = 1 + 0.9f * band(s, SYNTH_FOLD, section, x, y, 700, 9, often);
    f.ink = band(s, SYNTH_PEN, section, x, y, 3000, 90, 0.6 * often);
    f.shade = bubble(s, section, x, y);
    f.blur = clamp01((noise(s, SYNTH_BLURRED, section, x, y, 900) - 0.95f + (float)often) * 6);
    return f;
}

/* The flaws between the points of a lattice like the layout's. Bodies and nuclei are drawn by now:
 * their planes are free. */
static void flaw_planes(synth_block *b, int section, float *plane[4])
{
    static const int step = 4;
    const double mpp = b->s->o.mpp;
    for (int y = 0; y < SYNTH_SIDE; y += step)
        for (int x = 0; x < SYNTH_SIDE; x += step) {
            const synth_flaw f = rst__synth_flaw(b->s, section, (double)(b->x0 + x) * mpp,
                                                 (double)(b->y0 + y) * mpp);
            const float v[4] = { f.thick, f.ink, f.shade, f.blur };
            for (int k = 0; k < 4; k++)
                for (int i = 0; i < step * step; i++)
                    plane[k][(y + i / step) * SYNTH_SIDE + x + i % step] = v[k];
        }
    for (int k = 0; k < 4; k++)
        rst__synth_blur(b, plane[k], 1.8f);
}

void rst__synth_flaw_light(synth_block *b, int section)
{
    if (b->s->o.flaws <= 0)
        return;
    float *plane[4] = { b->near1, b->near2, b->hole, b->fat };
    flaw_planes(b, section, plane);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < SYNTH_AREA; i++)
            if (b->near1[i] != 1 || b->near2[i] > 0 || b->hole[i] != 1) {
                const float od =
                    -b->near1[i] * log2f(b->light[c][i]) + 3.3219281f * b->s->ink[c] * b->near2[i];
                b->light[c][i] = exp2f(-od) * b->hole[i];
            }
}

/* Out of focus: a wide blur laid over the sharp picture. */
void rst__synth_flaw_blur(synth_block *b, int channel, float sigma)
{
    float *sharp = b->light[channel], *soft = b->nuc_q;
    const bool any = b->s->o.flaws > 0;
    for (int i = 0; any && i < SYNTH_AREA; i++)
        soft[i] = sharp[i];
    rst__synth_blur(b, sharp, sigma);
    if (!any)
        return;
    for (int k = 0; k < 2; k++) /* two of them see as far as the edge around a block */
        rst__synth_blur(b, soft, 1.9f);
    for (int i = 0; i < SYNTH_AREA; i++)
        sharp[i] += (soft[i] - sharp[i]) * b->fat[i];
}
