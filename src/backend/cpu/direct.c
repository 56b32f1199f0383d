/* SPDX-License-Identifier: MIT */
/*
 * Direct convolution, forward and data gradient, on the panel kernel: an output row is a product of
 * the input row (pixels `stride` apart, taps and channels of a kernel row contiguous) with packed
 * weights; nothing is unrolled. The data gradient of stride s is s*s stride-1 convolutions of dy,
 * one for each phase of dx, with every s-th tap, turned round. Tiles that touch the border read a
 * padded copy.
 */
#include "backend/cpu/conv_parts.h"

#include <string.h>

/* Taps of one axis: tap j of the phase is tap first + j*step of the filter. */
typedef struct axis {
    int count, first, step;
} axis;

/* One stride-1 (data) or stride-s (forward) convolution over a grid of outputs. */
typedef struct phase {
    const rst__isa *isa;
    rst__source s;
    const float *panels;
    const rst__frame *out;
    const rst__epi *epi;
    axis ty, tx;
    int sh, sw;
    int64_t oh, ow;                 /* outputs */
    int64_t oy0, ox0, ystep, xstep; /* output (i,j) is the frame's pixel (oy0 + i*ystep, ...) */
    int64_t rows, cols, groups;     /* of a tile; panels are dealt in so many groups */
    bool add, narrow;
} phase;

/* Few output channels waste most of a vector. Then all taps of a kernel row are made columns of the
 * product, and the taps' planes are added afterwards, each shifted by its tap. */
static bool is_narrow(const rst__isa *isa, int taps_y, int taps_x, int step, int64_t c, int64_t k)
{
    const int64_t vl = isa->vl, wide = (taps_x * k + vl - 1) / vl;
    return k <= 4 && step == 1 && taps_y * c >= 16 && wide < taps_x * ((k + vl - 1) / vl);
}

static int64_t columns(const phase *p)
{
    return p->narrow ? p->tx.count * p->out->c : p->out->c;
}

/* Floats of a kernel row's weights for one column; the contiguous run of the input they meet. */
static int64_t run_length(const phase *p)
{
    return p->narrow ? p->s.c : p->tx.count * p->s.c;
}

static int64_t panel_floats(const phase *p)
{
    return p->ty.count * run_length(p) * p->isa->nr;
}

static int64_t packed_floats(const phase *p)
{
    return rst__panels(p->isa, columns(p)) * panel_floats(p);
}

/* The phases of a convolution are made by the same code for packing and for running. */
static void plan_fwd(const rst__isa *isa, const rst_conv *g, phase *p)
{
    *p = (phase){
        .isa = isa, .ty = { g->kh, 0, 1 }, .tx = { g->kw, 0, 1 }, .sh = g->sh, .sw = g->sw
    };
    p->s = (rst__source){ NULL, g->x.n, g->x.h, g->x.w, g->x.c, g->pad.t, g->pad.l, g->mode };
    p->oh = g->oh;
    p->ow = g->ow;
    p->ystep = p->xstep = 1;
    p->narrow = is_narrow(isa, g->kh, g->kw, g->sw, g->x.c, g->co);
}

/* Outputs q = s*i + r of one axis, q0 <= q < q1; returns how many, the first i in *first. */
static int64_t phase_range(int64_t q0, int64_t q1, int s, int r, int64_t *first)
{
    const int64_t i0 = q0 <= r ? 0 : (q0 - r + s - 1) / s;
    const int64_t i1 = q1 <= r ? 0 : (q1 - r + s - 1) / s;
    *first = i0;
    return i1 > i0 ? i1 - i0 : 0;
}

static axis phase_taps(int k, int s, int r)
{
    const int count = k > r ? (k - r + s - 1) / s : 0;
    return (axis){ count, r + (count - 1) * s, -s };
}

static void plan_data(const rst__isa *isa, const rst_conv *g, bool ring, int i, phase *p)
{
    const int ry = i / g->sw, rx = i % g->sw;
    const rst_pads d = g->pad;
    int64_t i0, j0;
    *p = (phase){ .isa = isa,
                  .ty = phase_taps(g->kh, g->sh, ry),
                  .tx = phase_taps(g->kw, g->sw, rx) };
    p->sh = p->sw = 1;
    p->oh = phase_range(ring ? 0 : d.t, g->x.h + d.t + (ring ? d.b : 0), g->sh, ry, &i0);
    p->ow = phase_range(ring ? 0 : d.l, g->x.w + d.l + (ring ? d.r : 0), g->sw, rx, &j0);
    p->oy0 = g->sh * i0 + ry - (ring ? 0 : d.t);
    p->ox0 = g->sw * j0 + rx - (ring ? 0 : d.l);
    p->ystep = g->sh;
    p->xstep = g->sw;
    p->s = (rst__source){
        NULL, g->x.n, g->oh, g->ow, g->co, p->ty.count - 1 - i0, p->tx.count - 1 - j0, RST_PAD_ZERO
    };
    p->narrow = is_narrow(isa, p->ty.count, p->tx.count, 1, g->co, g->x.c);
    if (!p->ty.count || !p->tx.count)
        p->ty.count = p->tx.count = 0;
}

/* Frame of the right channel count for planning without memory. */
static rst__frame bare_frame(const rst_conv *g, bool data)
{
    return (rst__frame){ .n = g->x.n, .c = data ? g->x.c : g->co };
}

size_t rst__direct_packed_bytes(const rst_cpu_dev *dev, const rst_conv *g, bool data)
{
    const rst__frame f = bare_frame(g, data);
    int64_t sum = 0;
    for (int i = 0; i < (data ? g->sh * g->sw : 1); i++) {
        phase p;
        data ? plan_data(dev->isa, g, false, i, &p) : plan_fwd(dev->isa, g, &p);
        p.out = &f;
        sum += packed_floats(&p);
    }
    return (size_t)sum * sizeof(float);
}

/* Panel q of a narrow phase: column tap*k + channel. */
static void pack_narrow(const phase *p, const rst_conv *g, bool data, const float *w, int64_t q,
                        float *dst)
{
    const int64_t c = p->s.c, k = p->out->c, nr = p->isa->nr, ci = g->x.c;
    for (int y = 0; y < p->ty.count; y++)
        for (int64_t i = 0; i < c; i++)
            for (int64_t j = 0; j < nr; j++, dst++) {
                const int64_t col = q * nr + j, x = col / k, o = col % k;
                const int64_t wy = p->ty.first + y * p->ty.step, wx = p->tx.first + x * p->tx.step;
                const int64_t out = data ? i : o, in = data ? o : i;
                *dst = x < p->tx.count ? w[((out * g->kh + wy) * g->kw + wx) * ci + in] : 0;
            }
}

static void pack_panel(const phase *p, const rst_conv *g, bool data, const float *w, int64_t q,
                       float *dst)
{
    if (p->narrow) {
        pack_narrow(p, g, data, w, q, dst);
        return;
    }
    const int64_t ci = g->x.c, filter = g->kh * g->kw * ci, nr = p->isa->nr;
    const int64_t sj = data ? 1 : filter, sk = data ? filter : 1;
    const int width = rst__panel_width(p->isa, p->out->c, q);
    for (int y = 0; y < p->ty.count; y++)
        for (int x = 0; x < p->tx.count; x++, dst += p->s.c * nr) {
            const int64_t wy = p->ty.first + y * p->ty.step, wx = p->tx.first + x * p->tx.step;
            p->isa->pack(w + (wy * g->kw + wx) * ci + q * nr * sj, p->s.c, width, sj, sk, 1, dst);
        }
}

void rst__direct_pack(const rst_cpu_dev *dev, const rst_conv *g, bool data, const float *w,
                      float *dst)
{
    const rst__frame f = bare_frame(g, data);
    for (int i = 0; i < (data ? g->sh * g->sw : 1); i++) {
        phase p;
        data ? plan_data(dev->isa, g, false, i, &p) : plan_fwd(dev->isa, g, &p);
        p.out = &f;
        const int64_t panels = rst__panels(dev->isa, columns(&p)), size = panel_floats(&p);
        const int threads = rst__cpu_threads(dev, (double)(panels * size));
#pragma omp parallel for num_threads(threads) schedule(static)
        for (int64_t q = 0; q < panels; q++)
            pack_panel(&p, g, data, w, q, dst + q * size);
        dst += packed_floats(&p);
    }
}

/* A tile's input: in place, or a padded copy. */
typedef struct window {
    const float *a;
    int64_t pitch; /* floats from row to row */
} window;

static void copy_row(const rst__source *s, const float *row, int64_t x0, int64_t cols, float *dst)
{
    for (int64_t x = 0; x < cols; x++) {
        if (x0 + x >= 0 && x0 + x < s->w) {
            const int64_t run = s->w - x0 - x < cols - x ? s->w - x0 - x : cols - x;
            memcpy(dst + x * s->c, row + (x0 + x) * s->c, (size_t)(run * s->c) * sizeof(float));
            x += run - 1;
            continue;
        }
        const int64_t from = rst__pad_index(s->mode, x0 + x, s->w);
        if (from < 0)
            memset(dst + x * s->c, 0, (size_t)s->c * sizeof(float));
        else
            memcpy(dst + x * s->c, row + from * s->c, (size_t)s->c * sizeof(float));
    }
}

static window open_window(const rst__source *s, int64_t n, int64_t y0, int64_t rows, int64_t x0,
                          int64_t cols, float *copy)
{
    const float *image = s->x + n * s->h * s->w * s->c;
    if (y0 >= 0 && y0 + rows <= s->h && x0 >= 0 && x0 + cols <= s->w)
        return (window){ image + (y0 * s->w + x0) * s->c, s->w * s->c };
    for (int64_t y = 0; y < rows; y++) {
        const int64_t from = rst__pad_index(s->mode, y0 + y, s->h);
        if (from < 0)
            memset(copy + y * cols * s->c, 0, (size_t)(cols * s->c) * sizeof(float));
        else
            copy_row(s, image + from * s->w * s->c, x0, cols, copy + y * cols * s->c);
    }
    return (window){ copy, cols * s->c };
}

/* A part of the reduction: kernel rows o.. and the run's floats k... */
typedef struct part {
    int64_t o, outer, k, inner;
    bool first, last;
} part;

/* A tile in work: outputs [y0,y1) x [x0,x1) of image n. */
typedef struct tile {
    int64_t n, y0, y1, x0, x1;
    window in;
    float *sums; /* narrow: rows of products */
} tile;

/* End of the outputs from j on that lie in one piece of the frame's row. */
static int64_t piece_end(const phase *p, int64_t j, int64_t end)
{
    const rst__frame *f = p->out;
    if (!f->ring)
        return end;
    const int64_t px = p->ox0 + j * p->xstep, edge = px < f->pad.l ? f->pad.l : f->pad.l + f->w;
    if (px >= f->pad.l + f->w)
        return end;
    const int64_t next = (edge - p->ox0 + p->xstep - 1) / p->xstep;
    return next < end ? next : end;
}

static float *output_at(const phase *p, const tile *t, int64_t i, int64_t j)
{
    return rst__frame_at(p->out, t->n, p->oy0 + i * p->ystep, p->ox0 + j * p->xstep);
}

static void multiply_wide(const phase *p, const tile *t, int64_t q, const part *r)
{
    const rst__isa *isa = p->isa;
    rst__epi e = p->epi ? *p->epi : (rst__epi){ 0 };
    e.bias = e.bias ? e.bias + q * isa->nr : NULL;
    rst__panel a = {
        .b = p->panels + q * panel_floats(p) + (r->o * run_length(p) + r->k) * isa->nr,
        .outer = r->outer,
        .inner = r->inner,
        .ao = t->in.pitch,
        .ra = p->sw * p->s.c,
        .ka = 1,
        .bo = run_length(p) * isa->nr,
        .kb = isa->nr,
        .ldc = p->xstep * p->out->c,
        .width = rst__panel_width(isa, p->out->c, q),
        .add = p->add || !r->first,
        .epi = p->epi && r->last ? &e : NULL,
    };
    for (int64_t i = t->y0; i < t->y1; i++)
        for (int64_t j = t->x0, end; j < t->x1; j = end) {
            end = piece_end(p, j, t->x1);
            a.a = t->in.a + ((i - t->y0) * p->sh + r->o) * t->in.pitch + (j - t->x0) * a.ra + r->k;
            a.c = output_at(p, t, i, j) + q * isa->nr;
            a.m = end - j;
            isa->panel(&a);
        }
}

/* One output row of a narrow phase: the products of panel q, and then the sum over taps. */
static void multiply_narrow(const phase *p, const tile *t, int64_t i, int64_t q, const part *r)
{
    const rst__isa *isa = p->isa;
    const int64_t ld = rst__panels(isa, columns(p)) * isa->nr;
    const int width = rst__panel_width(isa, columns(p), q);
    isa->panel(&(rst__panel){
        .a = t->in.a + ((i - t->y0) * p->sh + r->o) * t->in.pitch + r->k,
        .b = p->panels + q * panel_floats(p) + (r->o * run_length(p) + r->k) * isa->nr,
        .c = t->sums + q * isa->nr,
        .m = t->x1 - t->x0 + p->tx.count - 1,
        .outer = r->outer,
        .inner = r->inner,
        .ao = t->in.pitch,
        .ra = p->s.c,
        .ka = 1,
        .bo = run_length(p) * isa->nr,
        .kb = isa->nr,
        .ldc = ld,
        .width = width > isa->vl ? isa->nr : isa->vl,
        .add = !r->first,
    });
}

static void add_taps(const phase *p, const tile *t, int64_t i)
{
    const int64_t ld = rst__panels(p->isa, columns(p)) * p->isa->nr;
    for (int64_t j = t->x0, end; j < t->x1; j = end) {
        end = piece_end(p, j, t->x1);
        p->isa->shift_add(t->sums + (j - t->x0) * ld, ld, p->tx.count, (int)p->out->c, end - j,
                          p->add, p->epi, output_at(p, t, i, j), p->xstep * p->out->c);
    }
}

/* The reduction is cut into parts, by the filter's size alone. */
static int64_t count_parts(const phase *p, int64_t *rows, int64_t *pieces)
{
    const int64_t run = run_length(p), kh = p->ty.count;
    *pieces = run ? (run + RST_KC - 1) / RST_KC : 1;
    *rows = *pieces > 1 || !run ? 1 : RST_KC / run;
    return (kh ? (kh + *rows - 1) / *rows : 1) * *pieces;
}

static part part_at(const phase *p, int64_t i)
{
    int64_t rows, pieces;
    const int64_t count = count_parts(p, &rows, &pieces), run = run_length(p), s = i % pieces;
    const int64_t o = i / pieces * rows, left = p->ty.count - o, k = run * s / pieces;
    return (part){ o,      left < rows ? left : rows,
                   k,      run * (s + 1) / pieces - k,
                   i == 0, i == count - 1 };
}

static void reduce_wide(const phase *p, const tile *t, int64_t q0, int64_t q1)
{
    int64_t rows, pieces;
    const int64_t parts = count_parts(p, &rows, &pieces);
    for (int64_t u = q0 * parts; u < q1 * parts; u++) {
        const part r = part_at(p, u % parts);
        multiply_wide(p, t, u / parts, &r);
    }
}

static void reduce_narrow(const phase *p, const tile *t)
{
    int64_t rows, pieces;
    const int64_t parts = count_parts(p, &rows, &pieces),
                  units = rst__panels(p->isa, columns(p)) * parts;
    for (int64_t y = t->y0; y < t->y1; y++) {
        for (int64_t u = 0; u < units; u++) {
            const part r = part_at(p, u % parts);
            multiply_narrow(p, t, y, u / parts, &r);
        }
        add_taps(p, t, y);
    }
}

static int64_t window_rows(const phase *p)
{
    return (p->rows - 1) * p->sh + (p->ty.count ? p->ty.count : 1);
}

static int64_t window_cols(const phase *p)
{
    return (p->cols - 1) * p->sw + (p->tx.count ? p->tx.count : 1);
}

/* Tiles of about 200 pixels, so that a panel of weights is used often, whose input fits half of a
 * common second cache; larger ones where the kernel is wide and the arithmetic little, lest the
 * overlap of windows costs more than the products. */
static void choose_tiles(phase *p, int threads)
{
    const int64_t limit = (p->narrow ? 92 : 80) * 1024;
    const int64_t wide = p->narrow ? 60 : 48, least = p->narrow ? 900 : 192;
    p->cols = p->ow < wide ? p->ow : wide;
    p->rows = (least + p->cols - 1) / p->cols;
    if (p->oh == 1 && p->ow > 192)
        p->cols = 192;
    if (p->rows > p->oh)
        p->rows = p->oh;
    while (window_rows(p) * window_cols(p) * p->s.c > limit && p->rows * p->cols > 48)
        if (p->rows > 1)
            p->rows = (p->rows + 1) / 2;
        else
            p->cols = (p->cols + 1) / 2;
    const int64_t tiles =
        p->s.n * ((p->oh + p->rows - 1) / p->rows) * ((p->ow + p->cols - 1) / p->cols);
    const int64_t panels = rst__panels(p->isa, columns(p)), want = 4 * threads;
    p->groups = p->narrow || threads == 1 || tiles >= want ? 1 : (want + tiles - 1) / tiles;
    p->groups = p->groups < panels ? p->groups : panels;
}

/* Thread me's share of a phase. */
static void run_share(const phase *p, int me, int threads, float *copy, float *sums)
{
    const int64_t ny = (p->oh + p->rows - 1) / p->rows, nx = (p->ow + p->cols - 1) / p->cols;
    const int64_t panels = rst__panels(p->isa, columns(p));
    int64_t from, to;
    rst__share(p->s.n * ny * nx * p->groups, me, threads, &from, &to);
    for (int64_t u = from; u < to; u++) {
        const int64_t group = u % p->groups, v = u / p->groups, ty = v / nx % ny, tx = v % nx;
        tile t = { .n = v / nx / ny, .y0 = ty * p->rows, .x0 = tx * p->cols, .sums = sums };
        t.y1 = t.y0 + p->rows < p->oh ? t.y0 + p->rows : p->oh;
        t.x1 = t.x0 + p->cols < p->ow ? t.x0 + p->cols : p->ow;
        if (p->ty.count)
            t.in = open_window(&p->s, t.n, t.y0 * p->sh - p->s.top,
                               (t.y1 - t.y0 - 1) * p->sh + p->ty.count, t.x0 * p->sw - p->s.left,
                               (t.x1 - t.x0 - 1) * p->sw + p->tx.count, copy);
        else
            t.in = (window){ copy, 0 };
        if (p->narrow)
            reduce_narrow(p, &t);
        else
            reduce_wide(p, &t, panels * group / p->groups, panels * (group + 1) / p->groups);
    }
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static double work(const phase *p)
{
    return (double)(p->s.n * p->oh * p->ow) *
           (double)(p->ty.count * p->tx.count * p->s.c * p->out->c);
}

/* A phase with its pointers filled in and its tiles chosen. */
typedef struct plan {
    const rst_conv *g;
    bool data;
    const float *src, *panels;
    const rst__frame *out;
    const rst__epi *epi;
    bool add;
} plan;

static void phase_of(const rst_cpu_dev *dev, const plan *l, int i, phase *p)
{
    l->data ? plan_data(dev->isa, l->g, l->out->ring, i, p) : plan_fwd(dev->isa, l->g, p);
    p->s.x = l->src;
    p->out = l->out;
    p->epi = l->epi;
    p->add = l->add;
    p->rows = p->cols = p->groups = 1;
    if (p->oh > 0 && p->ow > 0) /* a phase may have no pixels */
        choose_tiles(p, dev->base.threads);
}

static int run_plan(rst_cpu_dev *dev, const plan *l)
{
    const int phases = l->data ? l->g->sh * l->g->sw : 1;
    int64_t copy = 0, sums = 0;
    double macs = 0;
    for (int i = 0; i < phases; i++) {
        phase p;
        phase_of(dev, l, i, &p);
        copy = max64(copy, window_rows(&p) * window_cols(&p) * p.s.c + 64);
        if (p.narrow)
            sums = max64(sums, window_cols(&p) * rst__panels(p.isa, columns(&p)) * p.isa->nr);
        macs += work(&p);
    }
    copy = (copy + 31) / 16 * 16;
    sums = (sums + 64) / 16 * 16;
    const size_t threads = (size_t)rst__cpu_threads(dev, macs);
    float *copies = rst__cpu_scratch(dev, RST_SLOT_IN, threads * (size_t)copy * sizeof(float));
    float *sum = rst__cpu_scratch(dev, RST_SLOT_OUT, threads * (size_t)sums * sizeof(float));
    if (!copies || !sum)
        return RST_ENOMEM;
#pragma omp parallel num_threads((int)threads)
    {
        const int me = omp_get_thread_num();
        const float *panels = l->panels;
        for (int i = 0; i < phases; i++) {
            phase p;
            phase_of(dev, l, i, &p);
            p.panels = panels;
            panels += packed_floats(&p);
            run_share(&p, me, omp_get_num_threads(), copies + me * copy, sum + me * sums);
        }
    }
    return 0;
}

int rst__direct_fwd(rst_cpu_dev *dev, const rst_conv *g, const float *x, const float *panels,
                    const rst__epi *epi, float *y)
{
    rst__frame out = { .y = y, .n = g->x.n, .h = g->oh, .w = g->ow, .c = g->co };
    rst_conv flat = *g;
    const rst_pads p = g->pad;
    if (g->kh == 1 && g->kw == 1 && g->sh == 1 && g->sw == 1 && (p.t | p.l | p.b | p.r) == 0) {
        flat.x = (rst_dims){ 1, g->x.c, 1, g->x.n * g->x.h * g->x.w };
        flat.oh = 1;
        flat.ow = flat.x.w;
        out.n = out.h = 1;
        out.w = flat.ow;
    }
    return run_plan(dev,
                    &(plan){ .g = &flat, .src = x, .panels = panels, .out = &out, .epi = epi });
}

int rst__direct_data(rst_cpu_dev *dev, const rst_conv *g, const float *panels, const float *dy,
                     const rst__frame *dx, bool add)
{
    return run_plan(
        dev, &(plan){ .g = g, .data = true, .src = dy, .panels = panels, .out = dx, .add = add });
}
