/* SPDX-License-Identifier: MIT */
/* Amounts of stain in every pixel: first the ground (stroma, fat, lumina, necrosis), over it the
 * bodies of cells with their borders, over those the nuclei. */
#include <math.h>

#include "slide/synth_parts.h"

/* What a pixel holds. */
typedef struct tint {
    float hem, eos, ihc_hem, dab;
} tint;

static float clamp01(float v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static float smooth(float v)
{
    v = clamp01(v);
    return v * v * (3 - 2 * v);
}

static tint lerp(tint a, tint b, float t)
{
    return (tint){ a.hem + (b.hem - a.hem) * t, a.eos + (b.eos - a.eos) * t,
                   a.ihc_hem + (b.ihc_hem - a.ihc_hem) * t, a.dab + (b.dab - a.dab) * t };
}

/* Collagen: bundles, fibres and hairs along one bent direction, with clefts between bundles. */
static tint stroma(const synth_block *b, int x, int y, const synth_place *p)
{
    const rst_synth *s = b->s;
    const double gx = (double)(b->x0 + x) * s->o.mpp, gy = (double)(b->y0 + y) * s->o.mpp;
    const double u = s->angle[0] * gx + s->angle[1] * gy + p->bend[0];
    const double v = s->angle[0] * gy - s->angle[1] * gx + p->bend[1];
    const float bundle = rst__synth_noise(s->o.seed, SYNTH_BUNDLE, u / 120, v / 12);
    const float fibre = rst__synth_noise(s->o.seed, SYNTH_FIBRE, u / 42, v / 3.6);
    const float hair = rst__synth_noise(s->o.seed, SYNTH_HAIR, u / 20, v / 1.5);
    const float sum = 0.46f * bundle + 0.34f * fibre + 0.20f * hair;
    const float dense = smooth((sum - 0.46f + 0.2f * p->tone) / 0.15f);
    const float cleft = (p->tumour + 0.022f) / 0.012f; /* where stroma shrank from a nest */
    const float whole = 1 - 0.75f * clamp01(1.6f - cleft * cleft) * smooth((bundle - 0.3f) * 4);
    tint t;
    t.eos = (0.035f + dense * (0.13f + 0.22f * fibre + 0.15f * hair)) * whole;
    t.hem = (0.015f + 0.05f * dense * (0.5f + hair)) * whole;
    t.ihc_hem = (0.012f + 0.035f * dense * (0.6f + 0.8f * fibre)) * whole;
    t.dab = 0;
    return t;
}

static tint necrosis(const synth_block *b, int at)
{
    const float n = 0.6f * b->coarse[at] + 0.4f * b->fine[at];
    return (tint){ 0.10f + 0.22f * n, 0.22f + 0.45f * n, 0.03f + 0.05f * n, 0 };
}

static tint lumen(const synth_block *b, int at)
{
    const float n = smooth((b->coarse[at] - 0.62f) * 4);
    return (tint){ 0.01f, 0.015f + 0.10f * n, 0.004f, 0 };
}

static float bell(float e, float width)
{
    const float t = fmaxf(0, e) / width;
    return t > 4 ? 0 : expf(-t * t);
}

/* DAB sits on the membrane, less of it where no other cell is beyond, and in grains. In 1+ it is
 * there only where a nucleus is close: not in the corners, nor between cells far apart. The H&E
 * shows all of this. */
static float membrane(const synth_block *b, int at, const synth_cell *c, const synth_border *e)
{
    const float mpp = (float)b->s->o.mpp;
    const synth_look *k = &rst__synth_look[c->level];
    if (c->kind != RST_SYNTH_TUMOUR || k->dab <= 0)
        return 0;
    float part = e->between > 0 ? 1 : 0.75f;
    if (k->gaps > 0) {
        const float d = sqrtf(fmaxf(0, b->near1[at] + c->r * c->r)) * mpp / k->spacing;
        part *= 1 - k->gaps + k->gaps * smooth((0.555f - d) / 0.09f + 0.5f);
    }
    const float line = 0.8f * bell(e->e, k->width / mpp) + 0.2f * bell(e->e, 2.2f * k->width / mpp);
    return (k->cytoplasm + k->dab * part * line) * (0.6f + 0.8f * b->coarse[at]);
}

static tint body(const synth_block *b, int at, const synth_cell *c, const synth_border *e)
{
    const float mpp = (float)b->s->o.mpp;
    const float grain = 0.5f * b->coarse[at] + 0.5f * b->fine[at] - 0.5f;
    const float line = bell(e->e, 0.75f / mpp); /* the border as the H&E shows it */
    const float pale = bell(fabsf(e->e - 1.6f / mpp), 1.0f / mpp);
    tint t;
    t.eos = 0.25f * (1 + 0.28f * c->tone + 1.1f * grain) + 0.12f * line - 0.03f * pale;
    t.hem = 0.15f * (1 + 0.28f * c->tone + 1.0f * grain) + 0.05f * line - 0.02f * pale;
    t.ihc_hem = 0.035f + 0.03f * grain;
    t.dab = membrane(b, at, c, e);
    return t;
}

static tint fat(const synth_block *b, int at)
{
    const float wall = bell(b->fat[at], 0.9f / (float)b->s->o.mpp);
    return (tint){ 0.05f * wall, 0.01f + 0.36f * wall, 0.05f * wall, 0 };
}

static tint ground(const synth_block *b, int x, int y, const synth_place *p)
{
    const int at = y * SYNTH_SIDE + x;
    tint t = stroma(b, x, y, p);
    const tint glass = { 0, 0, 0, 0 };
    if (b->fat[at] > -0.5f)
        t = lerp(t, fat(b, at), clamp01(b->fat[at] + 0.5f));
    if (p->necrosis > -0.01f)
        t = lerp(t, necrosis(b, at), clamp01(p->necrosis / 0.02f + 0.5f));
    if (b->hole[at] < 1)
        t = lerp(t, lumen(b, at), clamp01(0.5f - b->hole[at]));
    if (p->tissue < 2)
        t = lerp(glass, t, clamp01(0.5f + 0.25f * p->tissue));
    return t;
}

/* > 0 where tumour fills the gaps between its cells. */
static float within(const synth_place *p)
{
    return fminf(fminf(p->tumour - 0.012f, -p->necrosis), p->tissue / 150);
}

static void fill(synth_block *b, int x, int y)
{
    const int at = y * SYNTH_SIDE + x;
    const synth_place p = rst__synth_between(b, x, y);
    tint t;
    synth_border e = { .cover = 0 };
    const synth_cell *c = b->own1[at] >= 0 ? b->cell + b->own1[at] : NULL;
    if (c)
        e = rst__synth_border(b, at, c, c->kind == RST_SYNTH_TUMOUR ? within(&p) : 0);
    if (e.cover < 1)
        t = ground(b, x, y, &p);
    if (e.cover > 0) {
        const tint in = body(b, at, c, &e);
        t = e.cover < 1 ? lerp(t, in, e.cover) : in;
    }
    b->level[at] = e.cover > 0.5f && c->kind == RST_SYNTH_TUMOUR ? c->level : RST_SYNTH_NO_LEVEL;
    const float n = b->nuc_in[at];
    if (n > 0)
        t = lerp(t, (tint){ b->nuc_hem[at], b->nuc_eos[at], 0.33f * b->nuc_hem[at], 0.12f * t.dab },
                 n);
    const float thick = 0.86f + 0.28f * p.thick; /* of the section */
    b->hem[at] = fmaxf(0, t.hem) * thick;
    b->eos[at] = fmaxf(0, t.eos) * thick;
    b->ihc_hem[at] = fmaxf(0, t.ihc_hem);
    b->dab[at] = t.dab;
}

void rst__synth_texture(synth_block *b)
{
    for (int y = 0; y < SYNTH_SIDE; y++)
        for (int x = 0; x < SYNTH_SIDE; x++)
            fill(b, x, y);
}
