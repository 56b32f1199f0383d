/* SPDX-License-Identifier: MIT */
/*
 * Weight gradient without im2col: for each kernel row, dw [co][kw*ci] sums dy' x over output
 * pixels, taken in runs of PIXELS; a run's columns of x are packed for the first cache and met by
 * all of dy's channels. A run starts from zero and is then added to dw (which keeps rounding
 * small), runs follow in order, and every element of dw belongs to one thread.
 */
#include "backend/cpu/conv_parts.h"

#include <string.h>

#define PIXELS 256
#define MAX_NR 32

typedef struct job {
    const rst__isa *isa;
    const rst_conv *g;
    const float *x, *dy;
    float *dw;
    bool add;
    int64_t groups; /* parts of co */
} job;

/* Columns j.. of output pixels ox.. in row oy of image n, for kernel row ky, one pixel after
 * another. */
static void pack_border(const job *j, const float *row, int64_t ox, int64_t col, int width,
                        float *dst)
{
    const rst_conv *g = j->g;
    for (int i = 0; i < j->isa->nr; i++) {
        const int64_t tap = (col + i) / g->x.c, c = (col + i) % g->x.c;
        const int64_t x = rst__pad_index(g->mode, ox * g->sw - g->pad.l + tap, g->x.w);
        dst[i] = i < width && row && x >= 0 ? row[x * g->x.c + c] : 0;
    }
}

/* Pixels a <= ox < b of a row read columns col..col+width-1 inside the image. */
static void inside(const rst_conv *g, int64_t col, int width, int64_t *a, int64_t *b)
{
    const int64_t left = g->pad.l - col / g->x.c,
                  right = g->x.w + g->pad.l - (col + width - 1) / g->x.c;
    *a = left <= 0 ? 0 : (left + g->sw - 1) / g->sw;
    *b = right <= 0 ? 0 : (right + g->sw - 1) / g->sw;
}

/* The part [ox,end) of an output row. */
static void pack_row(const job *j, const float *row, int64_t ox, int64_t end, int64_t col,
                     int width, float *dst)
{
    const rst_conv *g = j->g;
    const int64_t ci = g->x.c, nr = j->isa->nr;
    int64_t a, b;
    inside(g, col, width, &a, &b);
    a = !row ? end : a < end ? a : end;
    for (; ox < a; ox++, dst += nr)
        pack_border(j, row, ox, col, width, dst);
    b = b < end ? b : end;
    if (ox < b) {
        const float *src = row + (ox * g->sw - g->pad.l) * ci + col;
        /* Columns beyond width are never looked at: whole vectors are faster where memory goes on.
         */
        const bool room =
            src + (b - ox - 1) * g->sw * ci + nr <= j->x + g->x.n * g->x.h * g->x.w * ci;
        j->isa->pack(src, b - ox, room ? (int)nr : width, 1, g->sw * ci, 1, dst);
        dst += (b - ox) * nr;
        ox = b;
    }
    for (; ox < end; ox++, dst += nr)
        pack_border(j, row, ox, col, width, dst);
}

/* A piece of one output row: output pixels q..q+count-1, of which the first is ox. */
typedef struct piece {
    const float *row; /* of x; NULL: zeros */
    int64_t q, ox, count;
} piece;

static piece piece_at(const job *j, int64_t q, int64_t end, int ky)
{
    const rst_conv *g = j->g;
    const int64_t n = q / g->ow / g->oh, oy = q / g->ow % g->oh, ox = q % g->ow;
    const int64_t y = rst__pad_index(g->mode, oy * g->sh + ky - g->pad.t, g->x.h);
    const int64_t left = g->ow - ox;
    return (piece){ y < 0 ? NULL : j->x + (n * g->x.h + y) * g->x.w * g->x.c, q, ox,
                    left < end - q ? left : end - q };
}

static void pack_run(const job *j, int64_t q0, int64_t q1, int ky, int64_t col, int width,
                     float *dst)
{
    for (int64_t q = q0; q < q1;) {
        const piece p = piece_at(j, q, q1, ky);
        pack_row(j, p.row, p.ox, p.ox + p.count, col, width, dst);
        dst += p.count * j->isa->nr;
        q += p.count;
    }
}

/* The columns of dy in a run, mr at a time, one pixel after another: read where they lie, pixels a
 * power of two apart would chase each other out of the first cache. */
static void pack_dy(const job *j, int64_t q0, int64_t q1, float *dst)
{
    const int64_t co = j->g->co, mr = j->isa->mr;
    for (int64_t r = 0; r < co; r += mr) {
        const int64_t rows = co - r < mr ? co - r : mr;
        const float *src = j->dy + q0 * co + r;
        for (int64_t q = q0; q < q1; q++, src += co, dst += mr)
            if (rows == 6) /* a constant, for the compiler's sake */
                memcpy(dst, src, 6 * sizeof *dst);
            else
                for (int64_t i = 0; i < rows; i++)
                    dst[i] = src[i];
    }
}

static void run_unit(const job *j, int64_t u, int64_t q0, int64_t q1, const float *a)
{
    _Alignas(64) float b[PIXELS * MAX_NR];
    const rst_conv *g = j->g;
    const int64_t run = g->kw * g->x.c, panels = rst__panels(j->isa, run), mr = j->isa->mr;
    const int64_t blocks = (g->co + mr - 1) / mr, group = u % j->groups, p = u / j->groups % panels;
    const int64_t ky = u / j->groups / panels, pixels = q1 - q0;
    const int width = rst__panel_width(j->isa, run, p);
    pack_run(j, q0, q1, (int)ky, p * j->isa->nr, width, b);
    for (int64_t i = blocks * group / j->groups; i < blocks * (group + 1) / j->groups; i++)
        j->isa->panel(&(rst__panel){
            .a = a + i * mr * pixels,
            .b = b,
            .c = j->dw + (i * mr * g->kh + ky) * run + p * j->isa->nr,
            .m = i < blocks - 1 ? mr : g->co - i * mr,
            .outer = 1,
            .inner = pixels,
            .ra = 1,
            .ka = mr,
            .kb = j->isa->nr,
            .ldc = g->kh * run,
            .width = width,
            .add = j->add || q0 > 0,
        });
}

/* Few channels of dy: packed columns of x would be met only once, so they are read where they lie.
 */
static void run_unpacked(const job *j, int64_t u, int64_t q0, int64_t q1)
{
    _Alignas(64) float b[PIXELS * MAX_NR];
    const rst_conv *g = j->g;
    const int64_t ci = g->x.c, run = g->kw * ci, panels = rst__panels(j->isa, run), nr = j->isa->nr;
    const int64_t col = u % panels * nr, ky = u / panels;
    const int width = rst__panel_width(j->isa, run, u % panels);
    int64_t from, to;
    inside(g, col, width, &from, &to);
    for (int64_t q = q0, step; q < q1; q += step) {
        const piece p = piece_at(j, q, q1, (int)ky);
        const bool plain = p.row && p.ox >= from && p.ox < to && width == nr;
        const int64_t stop = plain ? to : p.ox < from && width == nr ? from : p.ox + p.count;
        step = stop - p.ox < p.count ? stop - p.ox : p.count;
        if (!plain)
            pack_row(j, p.row, p.ox, p.ox + step, col, width, b);
        j->isa->panel(&(rst__panel){
            .a = j->dy + q * g->co,
            .b = plain ? p.row + (p.ox * g->sw - g->pad.l) * ci + col : b,
            .c = j->dw + ky * run + col,
            .m = g->co,
            .outer = 1,
            .inner = step,
            .ra = 1,
            .ka = g->co,
            .kb = plain ? g->sw * ci : nr,
            .ldc = g->kh * run,
            .width = width,
            .add = j->add || q > 0,
        });
    }
}

static int run_few(const job *j, int64_t panels, int threads)
{
    const rst_conv *g = j->g;
    const int64_t pixels = g->x.n * g->oh * g->ow;
#pragma omp parallel num_threads(threads)
    {
        int64_t from, to;
        rst__share(panels, omp_get_thread_num(), omp_get_num_threads(), &from, &to);
        for (int64_t q = 0; q < pixels; q += PIXELS)
            for (int64_t u = from; u < to; u++)
                run_unpacked(j, u, q, q + PIXELS < pixels ? q + PIXELS : pixels);
    }
    return 0;
}

int rst__direct_dw(rst_cpu_dev *dev, const rst_conv *g, const float *x, const float *dy, float *dw,
                   bool add)
{
    job j = { dev->isa, g, x, dy, dw, add, 1 };
    const int64_t panels = g->kh * rst__panels(dev->isa, g->kw * g->x.c),
                  pixels = g->x.n * g->oh * g->ow;
    const int64_t mr = dev->isa->mr, blocks = (g->co + mr - 1) / mr, packed = PIXELS * blocks * mr;
    const int threads =
        rst__cpu_threads(dev, (double)(pixels * g->co) * (double)(g->kh * g->kw * g->x.c));
    if (g->co <= mr)
        return run_few(&j, panels, threads);
    while (threads > 1 && j.groups * panels < 8 * threads && j.groups < blocks)
        j.groups++;
    float *a = rst__cpu_scratch(dev, RST_SLOT_IN, (size_t)(threads * packed) * sizeof(float));
    if (!a)
        return RST_ENOMEM;
#pragma omp parallel num_threads(threads)
    {
        const int me = omp_get_thread_num();
        float *mine = a + me * packed;
        int64_t from, to;
        rst__share(panels * j.groups, me, omp_get_num_threads(), &from, &to);
        for (int64_t q = 0; q < pixels && from < to; q += PIXELS) {
            const int64_t end = q + PIXELS < pixels ? q + PIXELS : pixels;
            pack_dy(&j, q, end, mine);
            for (int64_t u = from; u < to; u++)
                run_unit(&j, u, q, end, mine);
        }
    }
    return 0;
}
