/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/rng.h"
#include "slide/synth_parts.h"

rst_synth_options rst_synth_defaults(void)
{
    return (rst_synth_options){ .mpp = 0.5, .level = -1, .tumour = 0.5, .stain = 1, .scanner = 1 };
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

static void draw_holes(synth_block *b)
{
    for (int i = 0; i < SYNTH_AREA; i++)
        b->hole[i] = 1e9f;
    for (int n = 0; n < b->lumina; n++) {
        const synth_lumen *l = b->lumen + n;
        for (int j = 0, i = 0; j < SYNTH_SIDE; j++)
            for (int k = 0; k < SYNTH_SIDE; k++, i++) {
                const float dx = (float)k + 1.8f * b->wave[0][i] - l->x;
                const float dy = (float)j + 1.8f * b->wave[1][i] - l->y;
                b->hole[i] = fminf(b->hole[i], sqrtf(dx * dx + dy * dy) - l->r);
            }
    }
}

/* Everything up to the amounts of stain. */
static int block_draw(synth_block *b, int64_t bx, int64_t by, rst_error *err)
{
    b->x0 = bx * SYNTH_BLOCK - SYNTH_EDGE;
    b->y0 = by * SYNTH_BLOCK - SYNTH_EDGE;
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

/* The part of a block that a rectangle shows: px of the block, and where in the rectangle. */
typedef struct window {
    int x, y, w, h;
    int64_t at, pitch; /* in the rectangle: of the first px, between rows */
} window;

static void put_picture(synth_block *b, const window *v, const synth_stain *st,
                        const synth_scanner *sc, int field, const float *first, const float *second,
                        uint8_t *rgb)
{
    rst__synth_absorb(b, st, first, second);
    for (int c = 0; c < 3; c++)
        rst__synth_blur(b, b->light[c], sc->blur);
    for (int y = 0; y < v->h; y++)
        for (int x = 0; x < v->w; x++)
            for (int c = 0; c < 3; c++)
                rgb[3 * (v->at + y * v->pitch + x) + c] =
                    rst__synth_byte(b, sc, field, v->x + x, v->y + y, c);
}

static void put(synth_block *b, const window *v, const rst_synth_view *out)
{
    const rst_synth *s = b->s;
    if (out->he)
        put_picture(b, v, &s->he_stain, &s->he_scanner, SYNTH_GRAIN_HE, b->hem, b->eos, out->he);
    if (out->ihc)
        put_picture(b, v, &s->ihc_stain, &s->ihc_scanner, SYNTH_GRAIN_IHC, b->ihc_hem, b->dab,
                    out->ihc);
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
    int rc = block_new(&b, s, err);
    if (rc < 0)
        return rc;
    for (int64_t j = block_at(y); rc == 0 && j <= block_at(y + h - 1); j++)
        for (int64_t i = block_at(x); rc == 0 && i <= block_at(x + w - 1); i++) {
            window part = { .pitch = w };
            part.w = overlap(x, w, i * SYNTH_BLOCK, &part.x);
            part.h = overlap(y, h, j * SYNTH_BLOCK, &part.y);
            part.at = (j * SYNTH_BLOCK + part.y - SYNTH_EDGE - y) * w + i * SYNTH_BLOCK + part.x -
                      SYNTH_EDGE - x;
            rc = block_draw(b, i, j, err);
            if (rc == 0)
                put(b, &part, v);
        }
    block_free(b);
    return rc;
}
