/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/rng.h"
#include "slide/synth_parts.h"

rst_synth_options rst_synth_defaults(void)
{
    return (rst_synth_options){
        .mpp = 0.5, .level = -1, .tumour = 0.5, .stain = 1, .scanner = 1, .tissue = 0.5
    };
}

static int check(const rst_synth_options *o, rst_error *err)
{
    if (!(o->mpp >= 0.2 && o->mpp <= 2))
        return rst_fail(err, RST_EINVAL, "synthetic tissue: %g um/px, not in 0.2..2", o->mpp);
    if (o->level < -1 || o->level >= RST_SYNTH_LEVELS)
        return rst_fail(err, RST_EINVAL, "synthetic tissue: no HER2 level %d", o->level);
    if (!(o->tumour >= 0 && o->tumour <= 1))
        return rst_fail(err, RST_EINVAL, "synthetic tissue: a tumour share of %g", o->tumour);
    if (!(o->stain >= 0 && o->stain <= 1) || !(o->scanner >= 0 && o->scanner <= 1))
        return rst_fail(err, RST_EINVAL, "synthetic tissue: a variation not in 0..1");
    if (!(o->shift >= 0 && o->shift <= 1000) || !(o->elastic >= 0 && o->elastic <= 50))
        return rst_fail(err, RST_EINVAL, "synthetic tissue: a section %g um aside, bent by %g um",
                        o->shift, o->elastic);
    if (!(o->flaws >= 0 && o->flaws <= 1) || !(o->tissue >= 0 && o->tissue <= 1))
        return rst_fail(err, RST_EINVAL, "synthetic tissue: flaws %g, tissue %g, not in 0..1",
                        o->flaws, o->tissue);
    if (o->width < 0 || o->height < 0 || !o->width != !o->height)
        return rst_fail(err, RST_EINVAL, "synthetic tissue: a slide of %lld x %lld pixels",
                        (long long)o->width, (long long)o->height);
    return 0;
}

int rst_synth_new(rst_synth **out, const rst_synth_options *o, rst_error *err)
{
    const rst_synth_options usual = rst_synth_defaults();
    o = o ? o : &usual;
    const int rc = check(o, err);
    if (rc < 0)
        return rc;
    rst_synth *s = rst__calloc(1, sizeof *s);
    if (!s)
        return rst__fail_nomem(err, "synthetic tissue");
    s->o = *o;
    rst_rng r = rst__rng(o->seed, "synth layout");
    const double a = 6.283185307 * rst__rng_uniform(&r);
    s->angle[0] = cos(a);
    s->angle[1] = sin(a);
    s->edge = o->tumour <= 0 ? 2 : o->tumour >= 1 ? -1 : 0.5 - 0.42 * (o->tumour - 0.5);
    s->glands = rst__rng_uniform(&r) * 0.7;
    r = rst__rng(o->seed, "synth section");
    const double way = 6.283185307 * rst__rng_uniform(&r);
    s->shift[0] = o->shift * cos(way);
    s->shift[1] = o->shift * sin(way);
    rst__synth_stains(s);
    rst__synth_scanners(s);
    *out = s;
    return 0;
}

void rst_synth_free(rst_synth *s)
{
    rst__free(s);
}

/* The float planes of a block, in one piece of memory. */
static int block_new(synth_block **out, const rst_synth *s, rst_error *err)
{
    synth_block *b = rst__calloc(1, sizeof *b);
    if (!b)
        return rst__fail_nomem(err, "synthetic tissue");
    float **const plane[] = { &b->wave[0], &b->wave[1],  &b->fine,     &b->coarse,   &b->near1,
                              &b->near2,   &b->hole,     &b->fat,      &b->nuc_hem,  &b->nuc_in,
                              &b->nuc_eos, &b->nuc_q,    &b->hem,      &b->eos,      &b->ihc_hem,
                              &b->dab,     &b->light[0], &b->light[1], &b->light[2], &b->row };
    enum { FLOATS = sizeof plane / sizeof *plane, INTS = 3 };
    float *p = rst__malloc_aligned((size_t)SYNTH_AREA * (FLOATS + INTS) * sizeof(float));
    b->level = rst__malloc(SYNTH_AREA);
    if (!p || !b->level) {
        rst__free(p);
        rst__free(b->level);
        rst__free(b);
        return rst__fail_nomem(err, "synthetic tissue");
    }
    for (int k = 0; k < FLOATS; k++, p += SYNTH_AREA)
        *plane[k] = p;
    int32_t *q = (int32_t *)(void *)p;
    b->own1 = q;
    b->own2 = q + SYNTH_AREA;
    b->nuc_id = q + 2 * SYNTH_AREA;
    b->s = s;
    *out = b;
    return 0;
}

static void block_free(synth_block *b)
{
    rst__free(b->wave[0]);
    rst__free(b->level);
    rst__free(b->cell);
    rst__free(b->lumen);
    rst__free(b);
}

/* The noises that outlines and grain come from. */
static void draw_noise(synth_block *b)
{
    const uint64_t seed = b->s->o.seed;
    const double mpp = b->s->o.mpp, wave = 6.5;
    const float swing = (float)(2.2 / mpp);
    for (int j = 0, i = 0; j < SYNTH_SIDE; j++)
        for (int k = 0; k < SYNTH_SIDE; k++, i++) {
            const double x = (double)(b->x0 + k) * mpp, y = (double)(b->y0 + j) * mpp;
            b->wave[0][i] = swing * (rst__synth_noise(seed, SYNTH_WAVE, x / wave, y / wave) - 0.5f);
            b->wave[1][i] =
                swing * (rst__synth_noise(seed, SYNTH_WAVE2, x / wave, y / wave) - 0.5f);
            b->fine[i] = rst__synth_noise(seed, SYNTH_FINE, x / 0.9, y / 0.9);
            b->coarse[i] = rst__synth_noise(seed, SYNTH_COARSE, x / 2.3, y / 2.3);
        }
}

/* Further than this from a lumen, in um, nothing asks how far it is. */
static const double LUMEN_NEAR = 32;

static void draw_holes(synth_block *b)
{
    for (int i = 0; i < SYNTH_AREA; i++)
        b->hole[i] = 1e9f;
    for (int n = 0; n < b->lumina; n++) {
        const synth_lumen *l = b->lumen + n;
        const float far = l->r + (float)(LUMEN_NEAR / b->s->o.mpp);
        const synth_box at = rst__synth_box(l->x, l->y, far);
        for (int y = at.y0; y < at.y1; y++)
            for (int x = at.x0; x < at.x1; x++) {
                const int i = y * SYNTH_SIDE + x;
                const float dx = (float)x + 1.8f * b->wave[0][i] - l->x;
                const float dy = (float)y + 1.8f * b->wave[1][i] - l->y;
                b->hole[i] = fminf(b->hole[i], sqrtf(dx * dx + dy * dy) - l->r);
            }
    }
}

/* Everything up to the amounts of stain, of SYNTH_SIDE px from (x0, y0). */
static int block_draw(synth_block *b, int64_t x0, int64_t y0, rst_error *err)
{
    b->x0 = x0;
    b->y0 = y0;
    rst__synth_layout(b);
    int rc = rst__synth_find_lumina(b, err);
    if (rc == 0)
        rc = rst__synth_find_cells(b, err);
    if (rc < 0)
        return rc;
    draw_noise(b);
    draw_holes(b);
    rst__synth_draw_bodies(b);
    rst__synth_draw_nuclei(b);
    rst__synth_texture(b);
    return 0;
}

/* The serial section: the IHC's amounts of stain in a wider field, 2 x 2 blocks, from which a block
 * takes what lies elsewhere in it. */
typedef struct canvas {
    int64_t x0, y0;   /* px */
    float *hem, *dab; /* CANVAS x CANVAS, owned in one piece; NULL: the sections coincide */
} canvas;

enum { CANVAS = 2 * SYNTH_SIDE };

static int canvas_draw(canvas *c, synth_block *b, int64_t x0, int64_t y0, rst_error *err)
{
    const double mpp = b->s->o.mpp;
    double dx, dy;
    rst__synth_section(b->s, (double)(x0 + SYNTH_SIDE / 2) * mpp,
                       (double)(y0 + SYNTH_SIDE / 2) * mpp, &dx, &dy);
    c->x0 = x0 - SYNTH_SIDE / 2 + (int64_t)floor(dx / mpp);
    c->y0 = y0 - SYNTH_SIDE / 2 + (int64_t)floor(dy / mpp);
    int rc = 0;
    for (int q = 0; rc == 0 && q < 4; q++) {
        const int left = q % 2 * SYNTH_SIDE, top = q / 2 * SYNTH_SIDE;
        rc = block_draw(b, c->x0 + left, c->y0 + top, err);
        for (int y = 0; rc == 0 && y < SYNTH_SIDE; y++) {
            const size_t to = (size_t)(top + y) * CANVAS + (size_t)left,
                         from = (size_t)y * SYNTH_SIDE;
            memcpy(c->hem + to, b->ihc_hem + from, SYNTH_SIDE * sizeof(float));
            memcpy(c->dab + to, b->dab + from, SYNTH_SIDE * sizeof(float));
        }
    }
    return rc;
}

static float sample(const float *plane, double x, double y)
{
    x = x < 0 ? 0 : x > CANVAS - 1.01 ? CANVAS - 1.01 : x;
    y = y < 0 ? 0 : y > CANVAS - 1.01 ? CANVAS - 1.01 : y;
    const int i = (int)x, j = (int)y;
    const float u = (float)(x - i), v = (float)(y - j);
    const float *p = plane + j * CANVAS + i;
    const float top = p[0] + (p[1] - p[0]) * u, low = p[CANVAS] + (p[CANVAS + 1] - p[CANVAS]) * u;
    return top + (low - top) * v;
}

/* Into the planes of nuclei, which are drawn by now. */
static void canvas_take(const canvas *c, synth_block *b)
{
    const double mpp = b->s->o.mpp;
    for (int y = 0, i = 0; y < SYNTH_SIDE; y++)
        for (int x = 0; x < SYNTH_SIDE; x++, i++) {
            const int64_t px = b->x0 + x, py = b->y0 + y;
            double dx, dy;
            rst__synth_section(b->s, (double)px * mpp, (double)py * mpp, &dx, &dy);
            const double u = (double)(px - c->x0) + dx / mpp, v = (double)(py - c->y0) + dy / mpp;
            b->nuc_hem[i] = sample(c->hem, u, v);
            b->nuc_eos[i] = sample(c->dab, u, v);
        }
}

/* The part of a block that a rectangle shows: px of the block, and where in the rectangle. */
typedef struct window {
    int x, y, w, h;
    int64_t at, pitch; /* in the rectangle: of the first px, between rows */
} window;

static void put_picture(synth_block *b, const window *v, int section, const float *first,
                        const float *second, uint8_t *rgb)
{
    const rst_synth *s = b->s;
    const synth_stain *st = section ? &s->ihc_stain : &s->he_stain;
    const synth_scanner *sc = section ? &s->ihc_scanner : &s->he_scanner;
    const int field = section ? SYNTH_GRAIN_IHC : SYNTH_GRAIN_HE;
    rst__synth_absorb(b, st, first, second);
    rst__synth_flaw_light(b, section);
    for (int c = 0; c < 3; c++)
        rst__synth_flaw_blur(b, c, sc->blur);
    for (int y = 0; y < v->h; y++)
        for (int x = 0; x < v->w; x++)
            for (int c = 0; c < 3; c++)
                rgb[3 * (v->at + y * v->pitch + x) + c] =
                    rst__synth_byte(b, sc, field, v->x + x, v->y + y, c);
}

static void put(synth_block *b, const canvas *section, const window *v, const rst_synth_view *out)
{
    const rst_synth *s = b->s;
    if (out->he)
        put_picture(b, v, 0, b->hem, b->eos, out->he);
    if (out->ihc && section->hem) {
        canvas_take(section, b);
        put_picture(b, v, 1, b->nuc_hem, b->nuc_eos, out->ihc);
    } else if (out->ihc) {
        put_picture(b, v, 1, b->ihc_hem, b->dab, out->ihc);
    }
    if (out->dab)
        rst__synth_blur(b, b->dab, s->ihc_scanner.blur);
    for (int y = 0; y < v->h; y++) {
        const int from = (v->y + y) * SYNTH_SIDE + v->x;
        const int64_t to = v->at + y * v->pitch;
        if (out->dab)
            memcpy(out->dab + to, b->dab + from, (size_t)v->w * sizeof(float));
        if (out->level)
            memcpy(out->level + to, b->level + from, (size_t)v->w);
        if (out->nucleus)
            memcpy(out->nucleus + to, b->nuc_id + from, (size_t)v->w * sizeof(int32_t));
    }
}

uint8_t rst__synth_grey(float dab)
{
    const float scaled = dab * 100 + 0.5f;
    return (uint8_t)(scaled > 255 ? 255 : scaled);
}

static int64_t block_at(int64_t px)
{
    return px >= 0 ? px / SYNTH_BLOCK : -((SYNTH_BLOCK - 1 - px) / SYNTH_BLOCK);
}

/* The overlap of [x, x + w) and the block's [from, from + SYNTH_BLOCK), in px of the block. */
static int overlap(int64_t x, int64_t w, int64_t from, int *first)
{
    const int64_t lo = x > from ? x : from;
    const int64_t hi = x + w < from + SYNTH_BLOCK ? x + w : from + SYNTH_BLOCK;
    *first = (int)(lo - from) + SYNTH_EDGE;
    return (int)(hi - lo);
}

int rst_synth_region(const rst_synth *s, int64_t x, int64_t y, int64_t w, int64_t h,
                     const rst_synth_view *v, rst_error *err)
{
    const int64_t far = (int64_t)1 << 40;
    if (w < 1 || h < 1 || w > RST_SYNTH_READ_MAX / h)
        return rst_fail(err, RST_EINVAL, "synthetic tissue: a rectangle of %lld x %lld pixels",
                        (long long)w, (long long)h);
    if (x < -far || x > far || y < -far || y > far)
        return rst_fail(err, RST_EINVAL, "synthetic tissue: no place (%lld, %lld)", (long long)x,
                        (long long)y);
    synth_block *b = NULL;
    canvas section = { .hem = NULL };
    int rc = block_new(&b, s, err);
    if (rc < 0)
        return rc;
    if (v->ihc && (s->o.shift > 0 || s->o.elastic > 0)) {
        section.hem = rst__malloc((size_t)CANVAS * CANVAS * 2 * sizeof(float));
        section.dab = section.hem ? section.hem + (size_t)CANVAS * CANVAS : NULL;
        rc = section.hem ? 0 : rst__fail_nomem(err, "synthetic tissue");
    }
    for (int64_t j = block_at(y); rc == 0 && j <= block_at(y + h - 1); j++)
        for (int64_t i = block_at(x); rc == 0 && i <= block_at(x + w - 1); i++) {
            const int64_t left = i * SYNTH_BLOCK, top = j * SYNTH_BLOCK;
            window part = { .pitch = w };
            part.w = overlap(x, w, left, &part.x);
            part.h = overlap(y, h, top, &part.y);
            part.at = (top + part.y - SYNTH_EDGE - y) * w + left + part.x - SYNTH_EDGE - x;
            if (section.hem)
                rc = canvas_draw(&section, b, left - SYNTH_EDGE, top - SYNTH_EDGE, err);
            if (rc == 0)
                rc = block_draw(b, left - SYNTH_EDGE, top - SYNTH_EDGE, err);
            if (rc == 0)
                put(b, &section, &part, v);
        }
    rst__free(section.hem);
    block_free(b);
    return rc;
}
