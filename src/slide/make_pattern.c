/* SPDX-License-Identifier: MIT */
/* Procedural tissue. Slow fields (where there is tissue, where the nests are, the fibres) are drawn
 * on a lattice of 8 px and interpolated; nuclei are drawn one by one, from the cells of a grid that
 * the rectangle can see. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "slide/make.h"

enum {
    STEP = 8,       /* px between lattice points */
    CELL = 22,      /* px between nuclei */
    REACH = 12,     /* px from a nucleus' centre to where it ends, at most, rounded up */
    LEVELS = 64,    /* steps of a stain's concentration */
    FIELD_NEST = 1, /* names of the random fields */
    FIELD_FIBRE,
    FIELD_TONE,
    FIELD_EDGE,
    FIELD_NUCLEUS,
    FIELD_GRAIN
};

static const float CONC_MAX = 2.0f;

typedef struct lattice {
    int64_t x0, y0, across, down; /* lattice coordinates of the first point, counts */
    float *tissue, *nest, *eosin; /* owned in one block, tissue first, in this order */
    float *row;                   /* the end of it: the three fields of one pixel row */
} lattice;

static uint32_t mix(uint64_t v)
{
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9ull;
    v = (v ^ (v >> 27)) * 0x94d049bb133111ebull;
    return (uint32_t)((v ^ (v >> 31)) >> 16);
}

static uint32_t hash(uint64_t seed, int field, int64_t x, int64_t y)
{
    const uint64_t place = (uint64_t)(uint32_t)x << 32 | (uint32_t)y;
    return mix(place * 0x9e3779b97f4a7c15ull + seed * 0xd6e8feb86659fd93ull + (uint64_t)field);
}

static float unit(uint32_t h)
{
    return (float)(h >> 8) * (1.0f / 16777216.0f);
}

/* Value noise in 0..1 whose grid is sx x sy px. */
static float noise(uint64_t seed, int field, float x, float y, float sx, float sy)
{
    const float gx = x / sx, gy = y / sy, fx = floorf(gx), fy = floorf(gy);
    const int64_t ix = (int64_t)fx, iy = (int64_t)fy;
    float u = gx - fx, v = gy - fy;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    const float a = unit(hash(seed, field, ix, iy)), b = unit(hash(seed, field, ix + 1, iy));
    const float c = unit(hash(seed, field, ix, iy + 1));
    const float d = unit(hash(seed, field, ix + 1, iy + 1));
    return (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v;
}

/* Positive inside the tissue: |u|^4 + |v|^4 below a bound that gives the share asked for, the edge
 * waved by noise. u and v run over -1..1 across the slide. */
static float tissue_at(const rst_slide_recipe *r, float x, float y)
{
    if (r->empty)
        return -1;
    const float share = r->tissue > 0 ? (float)r->tissue : 0.5f;
    if (share >= 1)
        return 1;
    const float u = 2 * x / (float)r->width - 1, v = 2 * y / (float)r->height - 1;
    const float inner = share / 0.927f; /* the area of |u|^4 + |v|^4 < 1 is 0.927 of the square */
    const float wave = noise(r->seed, FIELD_EDGE, x, y, 700, 700) - 0.5f;
    return inner * inner - (u * u * u * u + v * v * v * v) + 0.2f * wave * inner * inner;
}

static void draw_point(const rst_slide_recipe *r, lattice *l, int64_t i, float x, float y)
{
    const uint64_t s = r->seed;
    l->tissue[i] = tissue_at(r, x, y);
    if (l->tissue[i] <= -0.2f) {
        l->nest[i] = l->eosin[i] = 0;
        return;
    }
    const float broad = noise(s, FIELD_NEST, x, y, 420, 420);
    const float fine = noise(s, FIELD_NEST, x + 7919, y, 110, 110);
    l->nest[i] = 0.7f * broad + 0.3f * fine;
    const float turn = 120 * noise(s, FIELD_TONE, x, y, 600, 600);
    const float fibre = noise(s, FIELD_FIBRE, x + turn, y - turn, 160, 28);
    l->eosin[i] = 0.22f + 0.30f * fibre + 0.15f * noise(s, FIELD_TONE, x, y + 104729, 900, 900);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* False when memory is gone. *some: whether any point has tissue. */
static bool draw_lattice(const rst_slide_recipe *r, int64_t x, int64_t y, int64_t w, int64_t h,
                         lattice *l, bool *some)
{
    *l = (lattice){ .x0 = floor_div(x, STEP), .y0 = floor_div(y, STEP) };
    l->across = floor_div(x + w - 1, STEP) + 2 - l->x0;
    l->down = floor_div(y + h - 1, STEP) + 2 - l->y0;
    const size_t n = (size_t)(l->across * l->down);
    l->tissue = rst__malloc((n + (size_t)l->across) * 3 * sizeof(float));
    if (!l->tissue)
        return false;
    l->nest = l->tissue + n;
    l->eosin = l->nest + n;
    l->row = l->eosin + n;
    *some = false;
    for (int64_t j = 0, i = 0; j < l->down; j++)
        for (int64_t k = 0; k < l->across; k++, i++) {
            draw_point(r, l, i, (float)((l->x0 + k) * STEP), (float)((l->y0 + j) * STEP));
            *some = *some || l->tissue[i] > 0;
        }
    return true;
}

/* The fields of one pixel row at the lattice columns. The weights are the same whatever rectangle
 * is drawn. */
static void blend_row(lattice *l, int64_t y)
{
    const int64_t ky = floor_div(y, STEP), n = l->across * l->down;
    const float v = (float)(y - ky * STEP) / STEP;
    for (int f = 0; f < 3; f++) {
        const float *p = l->tissue + f * n + (ky - l->y0) * l->across;
        float *row = l->row + f * l->across;
        for (int64_t k = 0; k < l->across; k++)
            row[k] = p[k] * (1 - v) + p[k + l->across] * v;
    }
}

/* Concentrations without nuclei; -1 in hem where there is paper. */
static void draw_ground(lattice *l, int64_t x, int64_t y, int64_t w, int64_t h, float *hem,
                        float *eos)
{
    const float *tissue = l->row, *nest = tissue + l->across, *eosin = nest + l->across;
    for (int64_t j = 0; j < h; j++) {
        blend_row(l, y + j);
        for (int64_t i = 0; i < w; i++) {
            const int64_t at = j * w + i, k = floor_div(x + i, STEP) - l->x0;
            const float u = (float)(x + i - (k + l->x0) * STEP) / STEP;
            const bool inside = tissue[k] * (1 - u) + tissue[k + 1] * u > 0;
            const bool dense = nest[k] * (1 - u) + nest[k + 1] * u > 0.55f;
            const float stroma = eosin[k] * (1 - u) + eosin[k + 1] * u;
            hem[at] = !inside ? -1 : dense ? 0.16f : 0.04f;
            eos[at] = !inside ? 0 : dense ? 0.7f * stroma : stroma;
        }
    }
}

typedef struct canvas {
    int64_t x, y, w, h;
    float *hem;
} canvas;

/* One elliptic nucleus. The largest concentration wins, so the order of drawing does not matter. */
static void draw_nucleus(const canvas *c, float cx, float cy, float radius, float stretch,
                         float angle, float conc)
{
    const float co = cosf(angle), si = sinf(angle);
    const int64_t left = (int64_t)cx - REACH, top = (int64_t)cy - REACH;
    for (int64_t y = top < c->y ? c->y : top; y <= top + 2 * REACH && y < c->y + c->h; y++)
        for (int64_t x = left < c->x ? c->x : left; x <= left + 2 * REACH && x < c->x + c->w; x++) {
            const float dx = (float)x - cx, dy = (float)y - cy;
            const float a = (co * dx + si * dy) / (radius * stretch);
            const float b = (co * dy - si * dx) / (radius / stretch);
            float *hem = c->hem + (y - c->y) * c->w + (x - c->x);
            float v = (1 - (a * a + b * b)) * 2.5f;
            v = conc * (v > 1 ? 1 : v);
            if (*hem >= 0 && v > *hem)
                *hem = v;
        }
}

static void draw_nuclei(const rst_slide_recipe *r, const canvas *c)
{
    const int64_t x1 = floor_div(c->x + c->w + REACH, CELL), x0 = floor_div(c->x - REACH, CELL) - 1;
    const int64_t y1 = floor_div(c->y + c->h + REACH, CELL), y0 = floor_div(c->y - REACH, CELL) - 1;
    for (int64_t j = y0; j <= y1; j++)
        for (int64_t i = x0; i <= x1; i++) {
            const uint32_t a = hash(r->seed, FIELD_NUCLEUS, i, j), b = mix(a), d = mix(b);
            const float cx = ((float)i + unit(a)) * CELL, cy = ((float)j + unit(b)) * CELL;
            const float nest = 0.7f * noise(r->seed, FIELD_NEST, cx, cy, 420, 420) +
                               0.3f * noise(r->seed, FIELD_NEST, cx + 7919, cy, 110, 110);
            const bool inside = nest > 0.55f;
            if (unit(d) > (inside ? 0.9f : 0.28f))
                continue;
            const uint32_t e = mix(d), f = mix(e), g = mix(f);
            const float radius = (inside ? 4.5f : 3.0f) + 2.5f * unit(e);
            draw_nucleus(c, cx, cy, radius, 1 + (inside ? 0.2f : 0.5f) * unit(f), 6.2832f * unit(g),
                         0.55f + 0.5f * unit(mix(g)));
        }
}

/* Intensity of each pair of concentration steps. */
static void make_colours(uint8_t colour[LEVELS][LEVELS][3])
{
    static const double hem[3] = { 0.651, 0.701, 0.290 }, eos[3] = { 0.216, 0.801, 0.558 };
    for (int h = 0; h < LEVELS; h++)
        for (int e = 0; e < LEVELS; e++)
            for (int c = 0; c < 3; c++) {
                const double od =
                    (double)CONC_MAX / LEVELS * (h * hem[c] + e * eos[c]) + 0.02; /* glass */
                colour[h][e][c] = (uint8_t)lround(255.0 * pow(10.0, -od));
            }
}

static int step_of(float conc, float dither)
{
    const int s = (int)(conc * (LEVELS / CONC_MAX) + dither);
    return s < 0 ? 0 : s >= LEVELS ? LEVELS - 1 : s;
}

/* Colours, dithered between the steps and with the grain of a camera. */
static void paint(const rst_slide_recipe *r, const canvas *c, const float *eos,
                  uint8_t colour[LEVELS][LEVELS][3], uint8_t *rgb, size_t pitch)
{
    for (int64_t j = 0; j < c->h; j++)
        for (int64_t i = 0; i < c->w; i++) {
            uint8_t *d = rgb + (size_t)j * pitch + 3 * i;
            const int64_t at = j * c->w + i;
            if (c->hem[at] < 0) {
                memset(d, 255, 3);
                continue;
            }
            const uint32_t g = hash(r->seed, FIELD_GRAIN, c->x + i, c->y + j);
            const uint8_t *p = colour[step_of(c->hem[at], unit(g))][step_of(eos[at], unit(g << 9))];
            const int grain = (int)(g >> 28) % 5 - 2;
            for (int k = 0; k < 3; k++) {
                const int v = p[k] + grain;
                d[k] = (uint8_t)(v < 0 ? 0 : v > 254 ? 254 : v);
            }
        }
}

static void white(uint8_t *rgb, size_t pitch, int64_t w, int64_t h)
{
    for (int64_t y = 0; y < h; y++)
        memset(rgb + (size_t)y * pitch, 255, (size_t)w * 3);
}

int rst__slide_pattern(const rst_slide_recipe *r, int64_t x, int64_t y, int64_t w, int64_t h,
                       uint8_t *rgb, size_t pitch, bool *blank, rst_error *err)
{
    lattice l;
    bool some;
    if (!draw_lattice(r, x, y, w, h, &l, &some))
        return rst__fail_nomem(err, "slide pattern");
    if (blank)
        *blank = !some;
    if (!some) {
        white(rgb, pitch, w, h);
        rst__free(l.tissue);
        return 0;
    }
    const size_t n = (size_t)(w * h);
    float *conc = rst__malloc(n * 2 * sizeof *conc);
    uint8_t(*colour)[LEVELS][3] = rst__malloc((size_t)LEVELS * sizeof *colour);
    int rc = 0;
    if (conc && colour) {
        const canvas c = { x, y, w, h, conc };
        make_colours(colour);
        draw_ground(&l, x, y, w, h, conc, conc + n);
        draw_nuclei(r, &c);
        paint(r, &c, conc + n, colour, rgb, pitch);
    } else {
        rc = rst__fail_nomem(err, "slide pattern");
    }
    rst__free(conc);
    rst__free(colour);
    rst__free(l.tissue);
    return rc;
}
