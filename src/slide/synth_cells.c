/* SPDX-License-Identifier: MIT */
/* Where the cells are. Each kind has a grid of its own, jittered; a site of it becomes a cell when
 * the tissue there is of that kind. A block takes the sites that can reach into it. */
#include <math.h>

#include "base/alloc.h"
#include "base/err.h"
#include "slide/synth_parts.h"

/* Radius and spacing keep their ratio, so that nuclei cover the same share of every level. */
/* rst-table */
const synth_look rst__synth_look[RST_SYNTH_LEVELS] = {
    { 4.0f, 0.05f, 11.4f, 0.17f, 1.05f, 0.26f, 0.12f, 0.00f, 0.76f, 0.00f, 0.90f, 0.000f, 0 },
    { 4.8f, 0.08f, 13.7f, 0.17f, 1.08f, 0.36f, 0.20f, 0.00f, 0.76f, 0.50f, 0.95f, 0.015f, 1 },
    { 5.7f, 0.12f, 16.2f, 0.17f, 1.12f, 0.55f, 0.40f, 0.20f, 0.74f, 0.66f, 0.95f, 0.035f, 0 },
    { 6.7f, 0.16f, 19.1f, 0.17f, 1.15f, 0.72f, 0.60f, 0.26f, 0.72f, 1.20f, 1.10f, 0.055f, 0 },
};

enum { LUMEN_PITCH = 62, DUCT_PITCH = 380, LUMEN_REACH = 75 }; /* um */

/* Signed 64-bit range of a grid's rows or columns that lie within reach of a block, in um. */
typedef struct span {
    int64_t lo, hi;
} span;

static span span_of(int64_t px0, double mpp, double reach, double pitch)
{
    const double lo = ((double)px0 * mpp - reach) / pitch;
    const double hi = ((double)(px0 + SYNTH_SIDE) * mpp + reach) / pitch;
    return (span){ (int64_t)floor(lo) - 1, (int64_t)ceil(hi) + 1 };
}

/* Two values in -1..1 with a bell's shape. */
static float bell(uint64_t *h)
{
    return rst__synth_unit(rst__synth_next(h)) + rst__synth_unit(rst__synth_next(h)) - 1;
}

/* px relative to the block's corner */
static float local(double um, double mpp, int64_t px0)
{
    return (float)(um / mpp - (double)px0);
}

static int grow(void **p, int n, int *room, size_t size, rst_error *err)
{
    if (n < *room)
        return 0;
    void *q = rst__realloc(*p, (size_t)*room * 2 + 256, size);
    if (!q)
        return rst__fail_nomem(err, "synthetic cells");
    *p = q;
    *room = *room * 2 + 256;
    return 0;
}

static int add_lumen(synth_block *b, double x, double y, double r, double wall, bool duct,
                     uint64_t h, rst_error *err)
{
    const double mpp = b->s->o.mpp;
    const int rc = grow((void **)&b->lumen, b->lumina, &b->lumen_room, sizeof *b->lumen, err);
    if (rc < 0)
        return rc;
    b->lumen[b->lumina++] = (synth_lumen){ .x = local(x, mpp, b->x0),
                                           .y = local(y, mpp, b->y0),
                                           .r = (float)(r / mpp),
                                           .wall = (float)(wall / mpp),
                                           .secretion = rst__synth_unit(rst__synth_next(&h)),
                                           .duct = duct,
                                           .hash = h };
    return 0;
}

/* Glands' lumina lie well within tumour, ducts away from it. */
static int try_lumen(synth_block *b, bool duct, int64_t i, int64_t j, rst_error *err)
{
    const rst_synth *s = b->s;
    uint64_t h = rst__synth_hash(s->o.seed, duct ? SYNTH_DUCT_SITE : SYNTH_LUMEN, i, j);
    const double pitch = duct ? DUCT_PITCH : LUMEN_PITCH;
    if (rst__synth_unit(rst__synth_next(&h)) > (duct ? 0.6 : s->glands))
        return 0;
    const double x = ((double)i + 0.5 + 0.35 * bell(&h)) * pitch;
    const double y = ((double)j + 0.5 + 0.35 * bell(&h)) * pitch;
    const double size = rst__synth_unit(rst__synth_next(&h));
    const synth_place p = rst__synth_place(s, x, y);
    if (duct) {
        if (p.tumour > -0.1f || p.fat > -0.02f || p.tissue < 40)
            return 0;
        return add_lumen(b, x, y, 10 + 34 * size * size, 19, true, h, err);
    }
    if (p.tumour < 0.05f || p.necrosis > -0.02f)
        return 0;
    return add_lumen(b, x, y, 4 + fmin(15 * size, 90 * (p.tumour - 0.02)), 0, false, h, err);
}

int rst__synth_find_lumina(synth_block *b, rst_error *err)
{
    const double mpp = b->s->o.mpp;
    int rc = 0;
    b->lumina = 0;
    for (int duct = 0; duct < 2; duct++) {
        const double pitch = duct ? DUCT_PITCH : LUMEN_PITCH;
        const span v = span_of(b->y0, mpp, LUMEN_REACH, pitch);
        const span u = span_of(b->x0, mpp, LUMEN_REACH, pitch);
        for (int64_t j = v.lo; rc == 0 && j <= v.hi; j++)
            for (int64_t i = u.lo; rc == 0 && i <= u.hi; i++)
                rc = try_lumen(b, duct == 1, i, j, err);
    }
    return rc;
}

/* px from the wall of the nearest lumen, the room that it keeps for itself taken off; < 0 within.
 */
static float from_lumina(const synth_block *b, float x, float y)
{
    float best = 1e9f;
    for (int k = 0; k < b->lumina; k++) {
        const synth_lumen *l = b->lumen + k;
        const float dx = x - l->x, dy = y - l->y;
        best = fminf(best, sqrtf(dx * dx + dy * dy) - l->r - l->wall);
    }
    return best;
}

static int add_cell(synth_block *b, synth_cell c, uint64_t *h, rst_error *err)
{
    const float far = fmaxf(c.reach * 2, c.r * 2 + 4);
    if (c.x < -far || c.y < -far || c.x > SYNTH_SIDE + far || c.y > SYNTH_SIDE + far)
        return 0;
    const int rc = grow((void **)&b->cell, b->cells, &b->cell_room, sizeof *b->cell, err);
    if (rc < 0)
        return rc;
    c.tone = bell(h);
    c.id = (int32_t)((rst__synth_next(h) >> 36 | 1) << 3) | c.kind;
    b->cell[b->cells++] = c;
    return 0;
}

static void point(synth_cell *c, float angle)
{
    c->co = cosf(angle);
    c->si = sinf(angle);
}

typedef struct site {
    double x, y; /* um */
    uint64_t hash;
} site;

/* A site of a hexagonal grid, strayed by `jitter` of the pitch. */
static site site_at(const rst_synth *s, int field, double pitch, double jitter, int64_t i,
                    int64_t j)
{
    site t = { .hash = rst__synth_hash(s->o.seed, field, i, j) };
    t.x = ((double)i + (j & 1 ? 0.5 : 0) + jitter * bell(&t.hash) * 2) * pitch;
    t.y = ((double)j * 0.866 + jitter * bell(&t.hash) * 2) * pitch;
    return t;
}

/* Whether a place lies within a fat cell, which none but its own wall may stain. */
static bool in_fat(const synth_block *b, float x, float y)
{
    for (int k = 0; k < b->fats; k++) {
        const synth_cell *c = b->cell + k;
        const float dx = x - c->x, dy = y - c->y;
        if (dx * dx + dy * dy < c->reach * c->reach)
            return true;
    }
    return false;
}

static int try_tumour(synth_block *b, int level, int64_t i, int64_t j, rst_error *err)
{
    const rst_synth *s = b->s;
    const synth_look *k = &rst__synth_look[level];
    site t = site_at(s, SYNTH_TUMOUR_SITE + level, k->spacing, k->jitter, i, j);
    if (rst__synth_level(s, t.x, t.y) != level)
        return 0;
    const synth_place p = rst__synth_place(s, t.x, t.y);
    if (p.tumour <= 0 || p.tissue < 3)
        return 0;
    const float mpp = (float)s->o.mpp;
    synth_cell c = { .x = local(t.x, s->o.mpp, b->x0),
                     .y = local(t.y, s->o.mpp, b->y0),
                     .reach = 0.70f * k->spacing / mpp,
                     .kind = RST_SYNTH_TUMOUR,
                     .level = (uint8_t)level };
    if (from_lumina(b, c.x, c.y) < 0.40f * k->spacing / mpp)
        return 0;
    c.r = k->radius / mpp * (1 + k->spread * 1.7f * bell(&t.hash));
    c.stretch = k->stretch + 0.12f * bell(&t.hash);
    point(&c, 6.2832f * rst__synth_unit(rst__synth_next(&t.hash)));
    if (p.necrosis > 0) {
        c.kind = RST_SYNTH_NECROTIC;
        c.reach = 0;
        c.r = rst__synth_unit(rst__synth_next(&t.hash)) < 0.45f ? 1.4f / mpp : 0;
    }
    return add_cell(b, c, &t.hash, err);
}

/* Nuclei between the fibres: lymphocytes gather, fibroblasts lie along. */
static int try_stroma(synth_block *b, bool lymph, int64_t i, int64_t j, rst_error *err)
{
    const rst_synth *s = b->s;
    site t = site_at(s, lymph ? SYNTH_LYMPH_SITE : SYNTH_FIBRO_SITE, lymph ? 8.6 : 15,
                     lymph ? 0.2 : 0.4, i, j);
    const synth_place p = rst__synth_place(s, t.x, t.y);
    if (p.tumour > -0.035f || p.fat > -0.01f || p.tissue < 3)
        return 0;
    const float chance = lymph ? (p.crowd > 0 ? 0.85f : 0.03f) : p.crowd > 0.02f ? 0.1f : 0.42f;
    if (rst__synth_unit(rst__synth_next(&t.hash)) > chance)
        return 0;
    const float mpp = (float)s->o.mpp;
    synth_cell c = { .x = local(t.x, s->o.mpp, b->x0),
                     .y = local(t.y, s->o.mpp, b->y0),
                     .kind = lymph ? RST_SYNTH_LYMPHOCYTE : RST_SYNTH_FIBROBLAST };
    if (from_lumina(b, c.x, c.y) < 5 / mpp || in_fat(b, c.x, c.y))
        return 0;
    if (lymph) {
        c.r = (3.15f + 0.35f * bell(&t.hash)) / mpp;
        c.stretch = 1.04f;
        point(&c, 6.2832f * rst__synth_unit(rst__synth_next(&t.hash)));
    } else {
        c.r = (2.9f + 0.8f * bell(&t.hash)) / mpp;
        c.stretch = 1.65f + 0.35f * bell(&t.hash);
        rst__synth_direction(s, t.x, t.y, &c.co, &c.si);
    }
    return add_cell(b, c, &t.hash, err);
}

static int try_fat(synth_block *b, int64_t i, int64_t j, rst_error *err)
{
    const rst_synth *s = b->s;
    const double pitch = 62;
    site t = site_at(s, SYNTH_FAT_SITE, pitch, 0.22, i, j);
    const synth_place p = rst__synth_place(s, t.x, t.y);
    if (p.fat < 0 || p.tissue < 25)
        return 0;
    const synth_cell c = { .x = local(t.x, s->o.mpp, b->x0),
                           .y = local(t.y, s->o.mpp, b->y0),
                           .reach = (float)(0.72 * pitch / s->o.mpp),
                           .kind = SYNTH_FAT };
    return add_cell(b, c, &t.hash, err);
}

/* Two layers of cells around a duct's lumen: columnar inside, flat outside. */
static int line_duct(synth_block *b, const synth_lumen *l, rst_error *err)
{
    const float mpp = (float)b->s->o.mpp, turn = 6.2832f;
    int rc = 0;
    for (int layer = 0; layer < 2; layer++) {
        const float away = l->r + (layer ? 13.0f : 5.6f) / mpp;
        const int n = (int)(turn * away * mpp / (layer ? 15.0f : 7.0f));
        for (int k = 0; rc == 0 && k < n; k++) {
            uint64_t h = rst__synth_hash(l->hash, layer, k, 0);
            const float a = turn * ((float)k + 0.25f * bell(&h)) / (float)n;
            const float d = away + 0.8f * bell(&h) / mpp;
            synth_cell c = { .x = l->x + d * cosf(a),
                             .y = l->y + d * sinf(a),
                             .reach = (layer ? 6.0f : 7.5f) / mpp,
                             .r = (layer ? 2.6f : 3.3f) / mpp,
                             .stretch = layer ? 1.5f : 1.25f,
                             .kind = RST_SYNTH_DUCT };
            point(&c, layer ? a + turn / 4 : a);
            rc = add_cell(b, c, &h, err);
        }
    }
    return rc;
}

typedef enum grid { GRID_LYMPH, GRID_FIBRO, GRID_FAT, GRID_TUMOUR /* + level */ } grid;

static int scan(synth_block *b, int g, double pitch, double reach, rst_error *err)
{
    const double mpp = b->s->o.mpp;
    const span v = span_of(b->y0, mpp, reach, pitch * 0.866), u = span_of(b->x0, mpp, reach, pitch);
    int rc = 0;
    for (int64_t j = v.lo; rc == 0 && j <= v.hi; j++)
        for (int64_t i = u.lo; rc == 0 && i <= u.hi; i++)
            rc = g == GRID_LYMPH || g == GRID_FIBRO ? try_stroma(b, g == GRID_LYMPH, i, j, err)
                 : g == GRID_FAT                    ? try_fat(b, i, j, err)
                                                    : try_tumour(b, g - GRID_TUMOUR, i, j, err);
    return rc;
}

int rst__synth_find_cells(synth_block *b, rst_error *err)
{
    int rc;
    b->cells = 0;
    rc = scan(b, GRID_FAT, 62, 100, err); /* first: nuclei keep out of it */
    b->fats = b->cells;
    for (int level = 0; rc == 0 && level < RST_SYNTH_LEVELS; level++)
        if (b->s->o.level < 0 || b->s->o.level == level) {
            const double pitch = rst__synth_look[level].spacing;
            rc = scan(b, GRID_TUMOUR + level, pitch, pitch * 2, err);
        }
    if (rc == 0)
        rc = scan(b, GRID_LYMPH, 8.6, 8, err);
    if (rc == 0)
        rc = scan(b, GRID_FIBRO, 15, 16, err);
    for (int k = 0; rc == 0 && k < b->lumina; k++)
        if (b->lumen[k].duct)
            rc = line_duct(b, b->lumen + k, err);
    return rc;
}
