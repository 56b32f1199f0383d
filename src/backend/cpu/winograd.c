/* SPDX-License-Identifier: MIT */
/*
 * Winograd's F(4x4,3x3): 4x4 outputs from a 6x6 tile by 36 products instead of 144 (Lavin and Gray,
 * arXiv:1509.09308), forward, data gradient and weight gradient. Tiles are taken in strips small
 * enough for the last cache; in a strip all threads transform, then multiply, then transform back.
 * The grid of tiles starts at the output's corner and every tile's arithmetic is its own, so that a
 * result depends neither on strips nor on threads.
 */
#include "backend/cpu/conv_parts.h"

#include <string.h>

/* Floats that the two transformed sides of a strip may hold: a third of a common last cache. */
#define STRIP_FLOATS (2500000)
/* A result from this size on leaves the caches before anybody reads it. */
#define STREAM_FLOATS (12 << 20)
/* Tiles summed at a time for the weight gradient: lines of both sides that fit the first cache. */
#define GRAD_TILES    160
#define PACK_CHANNELS 16 /* even: pairs of bf16 stay together */

typedef struct strips {
    int64_t th, tw, tiles, per; /* rows and columns of tiles; all; in a strip */
} strips;

/* Floats between rows of a transformed side: an odd number of cache lines, so that walking down a
 * column visits every cache set. */
static int64_t pitch(int64_t c)
{
    int64_t lines = (c + 15) / 16;
    return 16 * (lines | 1);
}

static strips cut(int64_t n, int64_t h, int64_t w, int64_t row)
{
    strips s = { .th = (h + 3) / 4, .tw = (w + 3) / 4 };
    s.tiles = n * s.th * s.tw;
    int64_t per = STRIP_FLOATS / (36 * row);
    per = per < 48 ? 48 : per;
    const int64_t count = (s.tiles + per - 1) / per;
    per = (s.tiles + count - 1) / count;
    s.per = (per + 11) / 12 * 12;
    return s;
}

bool rst__wino_fits(const rst_conv *g)
{
    return g->kh == 3 && g->kw == 3 && g->sh == 1 && g->sw == 1 && g->groups == 1;
}

/* Gradients are never in bf16. */
static bool in_bf16(const rst_cpu_dev *dev, bool data)
{
    return dev->base.precision == RST_PRECISION_BF16 && !data;
}

/* Words of a transformed row: floats, or pairs of bf16. */
static int64_t words(int64_t c, bool bf16)
{
    return bf16 ? (c + 1) / 2 : c;
}

static int64_t u_plane(const rst__isa *isa, int64_t c, int64_t k)
{
    return rst__panels(isa, k) * c * isa->nr;
}

size_t rst__wino_packed_bytes(const rst_cpu_dev *dev, const rst_conv *g, bool data)
{
    const int64_t c = data ? g->co : g->x.c, k = data ? g->x.c : g->co;
    return (size_t)(36 * u_plane(dev->isa, words(c, in_bf16(dev, data)), k)) * sizeof(float);
}

/* Channels k0.. of one panel: gathers nine taps (turned by 180 degrees for the data gradient, whose
 * columns are the input's channels) and transforms them. */
static void pack_part(const rst_cpu_dev *dev, const rst_conv *g, bool data, const float *w,
                      float *u, int64_t p, int64_t k0)
{
    float taps[9 * PACK_CHANNELS * 32], part[36 * PACK_CHANNELS * 32];
    const rst__isa *isa = dev->isa;
    const int64_t ci = g->x.c, c = data ? g->co : ci, k = data ? ci : g->co;
    const int64_t count = c - k0 < PACK_CHANNELS ? c - k0 : PACK_CHANNELS;
    const int width = rst__panel_width(isa, k, p);
    const int64_t sj = data ? 1 : 9 * ci, sk = data ? 9 * ci : 1;
    for (int t = 0; t < 9; t++)
        isa->pack(w + (data ? 8 - t : t) * ci + p * isa->nr * sj + k0 * sk, count, width, sj, sk, 1,
                  taps + t * count * isa->nr);
    if (!in_bf16(dev, data)) {
        isa->wino_weights(taps, count, u + (p * c + k0) * isa->nr, u_plane(isa, c, k));
        return;
    }
    const int64_t rows = words(c, true), plane = u_plane(isa, rows, k);
    isa->wino_weights(taps, count, part, PACK_CHANNELS * isa->nr);
    for (int xi = 0; xi < 36; xi++)
        isa->pair(part + xi * PACK_CHANNELS * isa->nr, count,
                  u + xi * plane + (p * rows + k0 / 2) * isa->nr);
}

void rst__wino_pack(const rst_cpu_dev *dev, const rst_conv *g, bool data, const float *w, float *u)
{
    const int64_t c = data ? g->co : g->x.c, k = data ? g->x.c : g->co;
    const int64_t parts = (c + PACK_CHANNELS - 1) / PACK_CHANNELS;
    const int64_t units = rst__panels(dev->isa, k) * parts;
#pragma omp parallel for num_threads(rst__cpu_threads(dev, 36.0 * (double)(c * k))) schedule(static)
    for (int64_t i = 0; i < units; i++)
        pack_part(dev, g, data, w, u, i / parts, i % parts * PACK_CHANNELS);
}

/* isa->wino_in or wino_in_bf16 */
typedef void (*transform)(const float *const d[36], int64_t c, float *v, int64_t plane);

/* Everything of one call that the phases need. */
typedef struct job {
    const rst__isa *isa;
    transform in;
    void (*panel)(const rst__panel *p);
    rst__source s;
    const rst__frame *out;
    strips t;
    int64_t depth; /* words of a row of v that count */
    const float *u, *zeros;
    float *v, *m;
    int64_t ldv, ldm, vplane, mplane;
    bool add, stream;
    const rst__epi *epi;
} job;

static void tile_at(const strips *t, int64_t i, int64_t *n, int64_t *y, int64_t *x)
{
    *x = 4 * (i % t->tw);
    *y = 4 * (i / t->tw % t->th);
    *n = i / t->tw / t->th;
}

/* The 6x6 pixels tile i reads. */
static void tile_pixels(const rst__source *s, const strips *t, int64_t i, const float *zeros,
                        const float *d[36])
{
    int64_t n, y, x, col[6];
    tile_at(t, i, &n, &y, &x);
    for (int b = 0; b < 6; b++)
        col[b] = rst__pad_index(s->mode, x + b - s->left, s->w);
    for (int a = 0; a < 6; a++) {
        const int64_t row = rst__pad_index(s->mode, y + a - s->top, s->h);
        for (int b = 0; b < 6; b++)
            d[6 * a + b] =
                row < 0 || col[b] < 0 ? zeros : s->x + ((n * s->h + row) * s->w + col[b]) * s->c;
    }
}

static void transform_in(transform in, const rst__source *s, const strips *t, int64_t first,
                         int64_t from, int64_t to, const float *zeros, float *v, int64_t ldv,
                         int64_t plane)
{
    const float *d[36];
    for (int64_t i = from; i < to; i++) {
        tile_pixels(s, t, first + i, zeros, d);
        in(d, s->c, v + i * ldv, plane);
    }
}

static void transform_out(const job *j, int64_t first, int64_t from, int64_t to)
{
    float *y[16];
    for (int64_t i = from; i < to; i++) {
        int64_t n, ty, tx;
        tile_at(&j->t, first + i, &n, &ty, &tx);
        for (int q = 0; q < 16; q++)
            y[q] = rst__frame_at(j->out, n, ty + q / 4, tx + q % 4);
        j->isa->wino_out(j->m + i * j->ldm, j->mplane, j->out->c, j->add, j->stream, j->epi, y);
    }
}

/* Units from..to-1 of the strip's products; a unit is one panel of one of the 36 planes. */
static void multiply(const job *j, int64_t count, int64_t from, int64_t to)
{
    const rst__isa *isa = j->isa;
    const int64_t panels = rst__panels(isa, j->out->c), c = j->depth;
    const int64_t chunks = (c + RST_KC - 1) / RST_KC;
    for (int64_t i = from; i < to; i++) {
        const int64_t xi = i / panels, p = i % panels;
        const int width = rst__panel_width(isa, j->out->c, p);
        for (int64_t q = 0; q < chunks; q++) {
            const int64_t k0 = c * q / chunks, k1 = c * (q + 1) / chunks;
            j->panel(&(rst__panel){
                .a = j->v + xi * j->vplane + k0,
                .b = j->u + (i * c + k0) * isa->nr,
                .c = j->m + xi * j->mplane + p * isa->nr,
                .m = count,
                .outer = 1,
                .inner = k1 - k0,
                .ra = j->ldv,
                .ka = 1,
                .kb = isa->nr,
                .ldc = j->ldm,
                .width = width > isa->vl ? isa->nr : isa->vl,
                .add = q > 0,
            });
        }
    }
}

static void run_strips(const job *j)
{
    const int64_t units = 36 * rst__panels(j->isa, j->out->c);
    const int me = omp_get_thread_num(), threads = omp_get_num_threads();
    for (int64_t first = 0; first < j->t.tiles; first += j->t.per) {
        const int64_t left = j->t.tiles - first, count = left < j->t.per ? left : j->t.per;
        int64_t from, to, ufrom, uto;
        rst__share(count, me, threads, &from, &to);
        rst__share(units, me, threads, &ufrom, &uto);
        transform_in(j->in, &j->s, &j->t, first, from, to, j->zeros, j->v, j->ldv, j->vplane);
#pragma omp barrier
        multiply(j, count, ufrom, uto);
#pragma omp barrier
        transform_out(j, first, from, to);
    }
}

/* Scratch for the two sides of a strip, with a row of zeros behind the first; NULL: no memory. */
static float *sides(rst_cpu_dev *dev, int64_t v, int64_t m, int64_t zeros, float **vside,
                    float **mside)
{
    *vside = rst__cpu_scratch(dev, RST_SLOT_IN, (size_t)(v + zeros + 64) * sizeof(float));
    *mside = rst__cpu_scratch(dev, RST_SLOT_OUT, (size_t)(m + 64) * sizeof(float));
    if (!*vside || !*mside)
        return NULL;
    memset(*vside + v, 0, (size_t)zeros * sizeof(float));
    return *vside + v;
}

int rst__wino_run(rst_cpu_dev *dev, const rst__source *s, bool data, const float *u,
                  const rst__frame *out, bool add, const rst__epi *epi)
{
    const int64_t c = s->c, k = out->c;
    const bool bf16 = in_bf16(dev, data);
    job j = { .isa = dev->isa, .s = *s, .out = out, .u = u, .add = add, .epi = epi };
    j.in = bf16 ? j.isa->wino_in_bf16 : j.isa->wino_in;
    j.panel = bf16 ? j.isa->panel_bf16 : j.isa->panel;
    j.depth = words(c, bf16);
    j.ldv = pitch(j.depth);
    j.ldm = pitch(rst__panels(dev->isa, k) * dev->isa->nr);
    j.t = cut(out->n, out->h + out->pad.t + out->pad.b, out->w + out->pad.l + out->pad.r,
              j.ldv + j.ldm);
    j.vplane =
        j.t.per * j.ldv + 16; /* one line more: the planes of a tile start in different sets */
    j.mplane = j.t.per * j.ldm + 16;
    j.zeros = sides(dev, 36 * j.vplane, 36 * j.mplane, pitch(c), &j.v, &j.m);
    if (!j.zeros)
        return RST_ENOMEM;
    j.stream = !out->ring && k % 16 == 0 && (uintptr_t)out->y % 64 == 0 && !add &&
               out->n * out->h * out->w * k >= STREAM_FLOATS;
    const int threads = rst__cpu_threads(dev, 36.0 * (double)(j.t.tiles * c * k));
#pragma omp parallel num_threads(threads)
    run_strips(&j);
    return 0;
}

/* The weight gradient: v from x, z from dy, s [36][co][lds] sums z' v over all tiles. */
typedef struct grad_job {
    const rst__isa *isa;
    rst__source x;
    const float *dy, *zeros;
    float *v, *z, *s, *dw;
    strips t;
    int64_t co, oh, ow, ldv, ldz, lds, vplane, zplane;
    bool add;
} grad_job;

static void transform_dy(const grad_job *j, int64_t first, int64_t from, int64_t to)
{
    const float *d[16];
    for (int64_t i = from; i < to; i++) {
        int64_t n, y, x;
        tile_at(&j->t, first + i, &n, &y, &x);
        for (int q = 0; q < 16; q++) {
            const int64_t py = y + q / 4, px = x + q % 4;
            d[q] = py < j->oh && px < j->ow ? j->dy + ((n * j->oh + py) * j->ow + px) * j->co
                                            : j->zeros;
        }
        j->isa->wino_grad(d, j->co, j->z + i * j->ldz, j->zplane);
    }
}

static void multiply_grad(const grad_job *j, int64_t count, bool add, int64_t from, int64_t to)
{
    const rst__isa *isa = j->isa;
    const int64_t panels = rst__panels(isa, j->x.c), chunks = (count + GRAD_TILES - 1) / GRAD_TILES;
    for (int64_t i = from; i < to; i++) {
        const int64_t xi = i / panels, p = i % panels;
        const int width = rst__panel_width(isa, j->x.c, p);
        for (int64_t q = 0; q < chunks; q++) {
            const int64_t t0 = count * q / chunks, t1 = count * (q + 1) / chunks;
            isa->panel(&(rst__panel){
                .a = j->z + xi * j->zplane + t0 * j->ldz,
                .b = j->v + xi * j->vplane + t0 * j->ldv + p * isa->nr,
                .c = j->s + xi * j->co * j->lds + p * isa->nr,
                .m = j->co,
                .outer = 1,
                .inner = t1 - t0,
                .ra = 1,
                .ka = j->ldz,
                .kb = j->ldv,
                .ldc = j->lds,
                .width = width > isa->vl ? isa->nr : isa->vl,
                .add = add || q > 0,
            });
        }
    }
}

static void grad_strips(const grad_job *j)
{
    const int64_t units = 36 * rst__panels(j->isa, j->x.c);
    const int me = omp_get_thread_num(), threads = omp_get_num_threads();
    int64_t from, to;
    for (int64_t first = 0; first < j->t.tiles; first += j->t.per) {
        const int64_t left = j->t.tiles - first, count = left < j->t.per ? left : j->t.per;
        rst__share(count, me, threads, &from, &to);
        transform_in(j->isa->wino_in, &j->x, &j->t, first, from, to, j->zeros, j->v, j->ldv,
                     j->vplane);
        transform_dy(j, first, from, to);
#pragma omp barrier
        rst__share(units, me, threads, &from, &to);
        multiply_grad(j, count, first > 0, from, to);
#pragma omp barrier
    }
    rst__share(j->co, me, threads, &from, &to);
    for (int64_t k = from; k < to; k++)
        j->isa->wino_dw(j->s + k * j->lds, j->co * j->lds, j->x.c, j->add, j->dw + k * 9 * j->x.c);
}

int rst__wino_dw(rst_cpu_dev *dev, const rst_conv *g, const float *x, const float *dy, float *dw,
                 bool add)
{
    const int64_t ci = g->x.c, co = g->co;
    grad_job j = {
        .isa = dev->isa, .dy = dy, .dw = dw, .add = add, .co = co, .oh = g->oh, .ow = g->ow
    };
    j.x = (rst__source){ x, g->x.n, g->x.h, g->x.w, ci, g->pad.t, g->pad.l, g->mode };
    j.lds = rst__panels(dev->isa, ci) * dev->isa->nr;
    j.ldv = pitch(j.lds);
    j.ldz = pitch(co);
    j.t = cut(g->x.n, g->oh, g->ow, j.ldv + j.ldz);
    j.vplane = j.t.per * j.ldv + 16;
    j.zplane = j.t.per * j.ldz + 16;
    j.s = rst__cpu_scratch(dev, RST_SLOT_WEIGHTS, (size_t)(36 * co * j.lds + 64) * sizeof(float));
    if (!j.s)
        return RST_ENOMEM;
    j.zeros = sides(dev, 36 * j.vplane, 36 * j.zplane, pitch(ci > co ? ci : co), &j.v, &j.z);
    if (!j.zeros)
        return RST_ENOMEM;
    const int threads = rst__cpu_threads(dev, 36.0 * (double)(j.t.tiles * ci * co));
#pragma omp parallel num_threads(threads)
    grad_strips(&j);
    return 0;
}
