/* SPDX-License-Identifier: MIT */
/*
 * Weight gradient without im2col: for each kernel row, dw [co][kw*ci] sums dy' x over output pixels, taken
 * in runs of PIXELS; a run's columns of x are packed for the first cache and met by all of dy's channels.
 * A run starts from zero and is then added to dw (which keeps rounding small), runs follow in order, and
 * every element of dw belongs to one thread.
 */
#include "backend/cpu/conv_parts.h"

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

/* Columns j.. of output pixels ox.. in row oy of image n, for kernel row ky, one pixel after another. */
static void pack_border(const job *j, const float *row, int64_t ox, int64_t col, int width, float *dst)
{
    const rst_conv *g = j->g;
    for (int i = 0; i < j->isa->nr; i++) {
        const int64_t tap = (col + i) / g->x.c, c = (col + i) % g->x.c;
        const int64_t x = rst__pad_index(g->mode, ox * g->sw - g->pad.l + tap, g->x.w);
        dst[i] = i < width && row && x >= 0 ? row[x * g->x.c + c] : 0;
    }
}

/* The part [ox,end) of an output row. */
static void pack_row(const job *j, const float *row, int64_t ox, int64_t end, int64_t col, int width,
                     float *dst)
{
    const rst_conv *g = j->g;
    const int64_t ci = g->x.c, nr = j->isa->nr;
    const int64_t left = g->pad.l - col / ci, right = g->x.w + g->pad.l - (col + width - 1) / ci;
    /* pixels a <= ox < b read inside the row */
    int64_t a = left <= 0 ? 0 : (left + g->sw - 1) / g->sw, b = right <= 0 ? 0 : (right + g->sw - 1) / g->sw;
    a = !row ? end : a < end ? a : end;
    for (; ox < a; ox++, dst += nr)
        pack_border(j, row, ox, col, width, dst);
    b = b < end ? b : end;
    if (ox < b) {
        j->isa->pack(row + (ox * g->sw - g->pad.l) * ci + col, b - ox, width, 1, g->sw * ci, 1, dst);
        dst += (b - ox) * nr;
        ox = b;
    }
    for (; ox < end; ox++, dst += nr)
        pack_border(j, row, ox, col, width, dst);
}

static void pack_run(const job *j, int64_t q0, int64_t q1, int ky, int64_t col, int width, float *dst)
{
    const rst_conv *g = j->g;
    for (int64_t q = q0; q < q1;) {
        const int64_t n = q / g->ow / g->oh, oy = q / g->ow % g->oh, ox = q % g->ow;
        const int64_t end = g->ow - ox < q1 - q ? g->ow : ox + q1 - q;
        const int64_t y = rst__pad_index(g->mode, oy * g->sh + ky - g->pad.t, g->x.h);
        const float *row = y < 0 ? NULL : j->x + (n * g->x.h + y) * g->x.w * g->x.c;
        pack_row(j, row, ox, end, col, width, dst);
        dst += (end - ox) * j->isa->nr;
        q += end - ox;
    }
}

static void run_unit(const job *j, int64_t u, int64_t q0, int64_t q1)
{
    _Alignas(64) float b[PIXELS * MAX_NR];
    const rst_conv *g = j->g;
    const int64_t run = g->kw * g->x.c, panels = rst__panels(j->isa, run);
    const int64_t group = u % j->groups, p = u / j->groups % panels, ky = u / j->groups / panels;
    const int64_t r0 = g->co * group / j->groups, r1 = g->co * (group + 1) / j->groups;
    const int width = rst__panel_width(j->isa, run, p);
    pack_run(j, q0, q1, (int)ky, p * j->isa->nr, width, b);
    j->isa->panel(&(rst__panel){
        .a = j->dy + q0 * g->co + r0, .b = b,
        .c = j->dw + (r0 * g->kh + ky) * run + p * j->isa->nr,
        .m = r1 - r0, .outer = 1, .inner = q1 - q0, .ra = 1, .ka = g->co, .kb = j->isa->nr,
        .ldc = g->kh * run, .width = width, .add = j->add || q0 > 0,
    });
}

int rst__direct_dw(rst_cpu_dev *dev, const rst_conv *g, const float *x, const float *dy, float *dw,
                   bool add)
{
    job j = { dev->isa, g, x, dy, dw, add, 1 };
    const int64_t panels = g->kh * rst__panels(dev->isa, g->kw * g->x.c), pixels = g->x.n * g->oh * g->ow;
    const int threads =
        rst__cpu_threads(dev, (double)(pixels * g->co) * (double)(g->kh * g->kw * g->x.c));
    while (threads > 1 && j.groups * panels < 8 * threads && g->co / (j.groups + 1) >= dev->isa->mr)
        j.groups++;
#pragma omp parallel num_threads(threads)
    {
        int64_t from, to;
        rst__share(panels * j.groups, omp_get_thread_num(), omp_get_num_threads(), &from, &to);
        for (int64_t q = 0; q < pixels; q += PIXELS)
            for (int64_t u = from; u < to; u++)
                run_unit(&j, u, q, q + PIXELS < pixels ? q + PIXELS : pixels);
    }
    return 0;
}
