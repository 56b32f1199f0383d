/* SPDX-License-Identifier: MIT */
/* Which tissue is where. Every field is smooth noise over the plane, in um; the fields of a block
 * are computed at points 8 px apart and blended between them. */
#include <math.h>

#include "slide/synth_parts.h"

static const double LEVEL_PITCH = 1500; /* um between regions that have a level of their own */

static float noise(const rst_synth *s, int field, double x, double y, double scale)
{
    return rst__synth_noise(s->o.seed, field, x / scale, y / scale);
}

static float bend(const rst_synth *s, int field, double x, double y)
{
    return 150 * (noise(s, field, x, y, 170) - 0.5f) +
           34 * (noise(s, field, x + 977, y, 47) - 0.5f);
}

/* um from the tissue's edge, about: |u|^4 + |v|^4 below a bound that gives the share asked for,
 * over its slope; the edge is ragged, and tears go through. u and v run over -1..1. */
static double tissue_at(const rst_synth *s, double x, double y)
{
    const rst_synth_options *o = &s->o;
    const double far = 1000;
    if (!o->width || o->tissue >= 1)
        return far;
    const double w = (double)o->width * o->mpp, h = (double)o->height * o->mpp;
    const double u = 2 * x / w - 1, v = 2 * y / h - 1;
    const double inner =
        o->tissue / 0.927; /* the area of |u|^4 + |v|^4 < 1 is 0.927 of the square */
    const double slope = 8 * hypot(u * u * u / w, v * v * v / h) + 1e-9;
    double d = fmin(far, fmax(-far, (inner * inner - u * u * u * u - v * v * v * v) / slope));
    if (o->tissue <= 0 || d < -200)
        return -far;
    d += 0.06 * fmin(w, h) * (noise(s, SYNTH_EDGE_WIDE, x, y, 0.2 * fmin(w, h)) - 0.5f) * 2;
    d += 16 * (noise(s, SYNTH_EDGE_FINE, x, y, 40) + noise(s, SYNTH_EDGE_FINE, x, y, 9) - 1);
    const double tear = (fabs(noise(s, SYNTH_TEAR, x, y, 2600) - 0.5) - 0.012) * 1500;
    return fmin(d, tear);
}

synth_place rst__synth_place(const rst_synth *s, double x, double y)
{
    synth_place p = { .tumour = -1, .fat = -1, .crowd = -1, .necrosis = -1 };
    p.tissue = (float)tissue_at(s, x, y);
    if (p.tissue < -40)
        return p;
    p.tumour = 0.62f * noise(s, SYNTH_TUMOUR, x, y, 130) +
               0.27f * noise(s, SYNTH_TUMOUR_FINE, x, y, 48) +
               0.11f * noise(s, SYNTH_TUMOUR_EDGE, x, y, 17) - (float)s->edge;
    p.fat = noise(s, SYNTH_FAT_FIELD, x, y, 330) - 0.62f - 1.2f * fmaxf(0, p.tumour + 0.1f);
    const float near = 1 - fabsf(p.tumour + 0.09f) * 7; /* along the edge of tumour */
    p.crowd = noise(s, SYNTH_CROWD, x, y, 95) - 0.72f + 0.12f * fmaxf(0, near);
    p.necrosis = fminf((p.tumour - 0.17f) * 2, noise(s, SYNTH_NECROSIS_FIELD, x, y, 210) - 0.66f);
    p.tone = noise(s, SYNTH_TONE, x, y, 220);
    p.thick = noise(s, SYNTH_THICK, x, y, 75);
    p.bend[0] = bend(s, SYNTH_BEND, x, y);
    p.bend[1] = bend(s, SYNTH_BEND2, x, y);
    return p;
}

int rst__synth_level(const rst_synth *s, double x, double y)
{
    if (s->o.level >= 0)
        return s->o.level;
    x += 420 * (noise(s, SYNTH_LEVEL_BEND, x, y, 350) - 0.5f);
    y += 420 * (noise(s, SYNTH_LEVEL_BEND, x + 5000, y, 350) - 0.5f);
    const int64_t i = (int64_t)floor(x / LEVEL_PITCH), j = (int64_t)floor(y / LEVEL_PITCH);
    double best = INFINITY;
    int level = 0;
    for (int64_t v = j - 1; v <= j + 1; v++)
        for (int64_t u = i - 1; u <= i + 1; u++) {
            uint64_t h = rst__synth_hash(s->o.seed, SYNTH_LEVEL, u, v);
            const double dx = ((double)u + rst__synth_unit(rst__synth_next(&h))) * LEVEL_PITCH - x;
            const double dy = ((double)v + rst__synth_unit(rst__synth_next(&h))) * LEVEL_PITCH - y;
            const double d = dx * dx + dy * dy;
            if (d < best) {
                best = d;
                level = (int)(rst__synth_next(&h) >> 62);
            }
        }
    return level;
}

/* The coordinate across the fibres: they run where it does not change. */
static double across(const rst_synth *s, double x, double y)
{
    return s->angle[0] * y - s->angle[1] * x + bend(s, SYNTH_BEND2, x, y);
}

void rst__synth_direction(const rst_synth *s, double x, double y, float *co, float *si)
{
    const double gx = across(s, x + 2, y) - across(s, x - 2, y);
    const double gy = across(s, x, y + 2) - across(s, x, y - 2);
    const double n = sqrt(gx * gx + gy * gy) + 1e-9;
    *co = (float)(gy / n);
    *si = (float)(-gx / n);
}

void rst__synth_layout(synth_block *b)
{
    const double mpp = b->s->o.mpp;
    for (int j = 0, i = 0; j < SYNTH_POINTS; j++)
        for (int k = 0; k < SYNTH_POINTS; k++, i++)
            b->place[i] = rst__synth_place(b->s, (double)(b->x0 + k * SYNTH_STEP) * mpp,
                                           (double)(b->y0 + j * SYNTH_STEP) * mpp);
}

static float blend(float a, float b, float c, float d, float u, float v)
{
    const float top = a + (b - a) * u, low = c + (d - c) * u;
    return top + (low - top) * v;
}

synth_place rst__synth_between(const synth_block *b, int x, int y)
{
    const synth_place *p = b->place + y / SYNTH_STEP * SYNTH_POINTS + x / SYNTH_STEP;
    const synth_place *q = p + SYNTH_POINTS;
    const float u = (float)(x % SYNTH_STEP) / SYNTH_STEP, v = (float)(y % SYNTH_STEP) / SYNTH_STEP;
    synth_place r;
    r.tumour = blend(p[0].tumour, p[1].tumour, q[0].tumour, q[1].tumour, u, v);
    r.fat = blend(p[0].fat, p[1].fat, q[0].fat, q[1].fat, u, v);
    r.crowd = blend(p[0].crowd, p[1].crowd, q[0].crowd, q[1].crowd, u, v);
    r.necrosis = blend(p[0].necrosis, p[1].necrosis, q[0].necrosis, q[1].necrosis, u, v);
    r.tissue = blend(p[0].tissue, p[1].tissue, q[0].tissue, q[1].tissue, u, v);
    r.tone = blend(p[0].tone, p[1].tone, q[0].tone, q[1].tone, u, v);
    r.thick = blend(p[0].thick, p[1].thick, q[0].thick, q[1].thick, u, v);
    for (int k = 0; k < 2; k++)
        r.bend[k] = blend(p[0].bend[k], p[1].bend[k], q[0].bend[k], q[1].bend[k], u, v);
    return r;
}
