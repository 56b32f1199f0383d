/* SPDX-License-Identifier: MIT */
/* The shapes of cells: bodies, whose borders are where two cells are equally near, and nuclei.
 * Outlines are drawn in coordinates that noise has bent a little. */
#include <math.h>

#include "slide/synth_parts.h"

static int clamp(float v)
{
    return v < 0 ? 0 : v > SYNTH_SIDE ? SYNTH_SIDE : (int)v;
}

synth_box rst__synth_box(float x, float y, float far)
{
    return (synth_box){ clamp(x - far), clamp(y - far), clamp(x + far + 1), clamp(y + far + 1) };
}

static void draw_body(synth_block *b, int which)
{
    const synth_cell *c = b->cell + which;
    const float far = c->reach * 1.9f, weight = c->r * c->r;
    const synth_box in = rst__synth_box(c->x, c->y, far);
    for (int y = in.y0; y < in.y1; y++)
        for (int x = in.x0; x < in.x1; x++) {
            const int at = y * SYNTH_SIDE + x;
            const float dx = (float)x + b->wave[0][at] - c->x;
            const float dy = (float)y + b->wave[1][at] - c->y;
            const float d = dx * dx + dy * dy - weight;
            if (d < b->near1[at]) {
                b->near2[at] = b->near1[at];
                b->own2[at] = b->own1[at];
                b->near1[at] = d;
                b->own1[at] = which;
            } else if (d < b->near2[at]) {
                b->near2[at] = d;
                b->own2[at] = which;
            }
        }
}

synth_border rst__synth_border(const synth_block *b, int at, const synth_cell *c, float inside)
{
    synth_border r = { .e = 1e9f };
    if (b->own2[at] >= 0) {
        const synth_cell *o = b->cell + b->own2[at];
        const float dx = o->x - c->x, dy = o->y - c->y;
        r.between = sqrtf(dx * dx + dy * dy) + 1e-3f;
        r.e = (b->near2[at] - b->near1[at]) / (2 * r.between);
    }
    float out = c->reach - sqrtf(fmaxf(0, b->near1[at] + c->r * c->r));
    if (inside > 0)
        out = fmaxf(out, inside * 150 / (float)b->s->o.mpp);
    if (b->hole[at] < out)
        out = b->hole[at];
    if (out < r.e) {
        r.e = out;
        r.between = 0;
    }
    r.cover = fmaxf(0, fminf(1, out + 0.5f));
    return r;
}

static void draw_kind(synth_block *b, bool fat)
{
    for (int i = 0; i < SYNTH_AREA; i++) {
        b->near1[i] = b->near2[i] = 1e9f;
        b->own1[i] = b->own2[i] = -1;
    }
    for (int k = 0; k < b->cells; k++)
        if (b->cell[k].reach > 0 && (b->cell[k].kind == SYNTH_FAT) == fat)
            draw_body(b, k);
}

void rst__synth_draw_bodies(synth_block *b)
{
    draw_kind(b, true);
    for (int i = 0; i < SYNTH_AREA; i++) {
        const synth_cell *c = b->own1[i] >= 0 ? b->cell + b->own1[i] : NULL;
        b->fat[i] = c ? fmaxf(-1, rst__synth_border(b, i, c, 0).e) : -1;
    }
    draw_kind(b, false);
}

/* What a kind of nucleus looks like. */
typedef struct dress {
    float base, clumps, rim, nucleolus;
} dress;

static dress dress_of(const synth_cell *c)
{
    const synth_look *k = &rst__synth_look[c->level];
    switch (c->kind) {
    case RST_SYNTH_TUMOUR:
        return (dress){ k->base, k->clumps, k->rim, k->nucleolus };
    case RST_SYNTH_LYMPHOCYTE:
        return (dress){ 1.1f, 0.6f, 0.1f, 0 };
    case RST_SYNTH_NECROTIC:
        return (dress){ 0.9f, 0.3f, 0, 0 };
    case RST_SYNTH_DUCT:
        return (dress){ 0.95f, 0.25f, 0.1f, 0 };
    default:
        return (dress){ 0.95f, 0.3f, 0.08f, 0 };
    }
}

/* A spot within the nucleus: how much of it is at (a, e), in radii along its axes. */
static float spot(float a, float e, float sa, float se, float r)
{
    const float d2 = (a - sa) * (a - sa) + (e - se) * (e - se);
    return fmaxf(0, fminf(1, 2.2f - 1.8f * d2 / (r * r)));
}

/* The haematoxylin of a pixel inside a nucleus; q: distance from its centre, 1 at its edge. */
static float chromatin(const synth_block *b, int at, const synth_cell *c, const dress *d, float q)
{
    const float px = 0.8f / (float)b->s->o.mpp; /* 0.8 um */
    const float depth = (1 - q) * c->r / px;
    const float noise = 0.5f * b->coarse[at] + 0.5f * b->fine[at] - 0.5f;
    const float rim = d->rim * (expf(-depth * depth) - 0.30f);
    return d->base * (1 + 0.20f * c->tone + 1.9f * d->clumps * noise + rim);
}

static void draw_nucleus(synth_block *b, const synth_cell *c)
{
    const dress d = dress_of(c);
    const float long_r = c->r * c->stretch, short_r = c->r / c->stretch, far = long_r + 4;
    const synth_box in = rst__synth_box(c->x, c->y, far);
    const float sa = 0.3f * c->tone, se = 0.3f * c->si; /* where the nucleolus is */
    for (int y = in.y0; y < in.y1; y++)
        for (int x = in.x0; x < in.x1; x++) {
            const int at = y * SYNTH_SIDE + x;
            const float dx = (float)x + 0.8f * b->wave[0][at] - c->x;
            const float dy = (float)y + 0.8f * b->wave[1][at] - c->y;
            const float a = (c->co * dx + c->si * dy) / long_r;
            const float e = (c->co * dy - c->si * dx) / short_r;
            const float q = sqrtf(a * a + e * e);
            const float cover = fminf(1, (1 - q) * short_r + 0.5f);
            if (cover <= 0 || q >= b->nuc_q[at])
                continue;
            const float nl = d.nucleolus > 0 ? spot(a, e, sa, se, d.nucleolus) : 0;
            b->nuc_q[at] = q;
            b->nuc_in[at] = cover;
            b->nuc_hem[at] = fmaxf(0.1f, chromatin(b, at, c, &d, q)) * (1 - 0.2f * nl) + 0.40f * nl;
            b->nuc_eos[at] = 0.20f + 0.35f * nl;
            b->nuc_id[at] = q < 1 ? c->id : 0;
        }
}

void rst__synth_draw_nuclei(synth_block *b)
{
    for (int i = 0; i < SYNTH_AREA; i++) {
        b->nuc_q[i] = 1e9f;
        b->nuc_hem[i] = b->nuc_in[i] = b->nuc_eos[i] = 0;
        b->nuc_id[i] = 0;
    }
    for (int k = 0; k < b->cells; k++)
        if (b->cell[k].r > 0)
            draw_nucleus(b, b->cell + k);
}
