/* SPDX-License-Identifier: MIT */
/*
 * Linear maps of the plane that are a sparse matrix over rows and one over columns (ref/axis.h):
 * padding, blurring, resampling, averaging, mirroring, and their transposes. An output row is done
 * in pieces: the input rows are combined over the columns that the piece needs, which stay in the
 * first cache, and then the columns are.
 */
#include <omp.h>

#include "backend/cpu/kernels.h"
#include "backend/ref/axis.h"
#include "base/alloc.h"

/* Floats of an output piece. */
enum { PIECE = 4096 };
/* Sources combined in one call. */
enum { FEW = 8 };

/* How a row of outputs is cut; the columns each piece reads; runs of columns done as one. */
typedef struct pieces {
    int64_t size, count, c;
    int64_t *lo, *hi; /* input columns lo..hi-1 */
    int64_t *run;     /* from column o on, this many have o's weights, each one source further */
    int64_t span;     /* the longest hi - lo */
} pieces;

static bool follows(const rst_axis *a, int64_t o)
{
    const rst_axis_entry *e = a->e + a->start[o], *f = a->e + a->start[o + 1];
    const int64_t n = a->start[o + 1] - a->start[o];
    if (a->start[o + 2] - a->start[o + 1] != n)
        return false;
    for (int64_t j = 0; j < n; j++)
        if (f[j].i != e[j].i + 1 || f[j].w != e[j].w)
            return false;
    return true;
}

static void piece_bounds(pieces *t, const rst_axis *a, int64_t k)
{
    const int64_t from = k * t->size, to = rst__least(from + t->size, a->out);
    int64_t lo = a->in, hi = 0;
    for (int64_t j = a->start[from]; j < a->start[to]; j++) {
        lo = rst__least(lo, a->e[j].i);
        hi = rst__most(hi, a->e[j].i + 1);
    }
    t->lo[k] = rst__least(lo, hi);
    t->hi[k] = hi;
    t->span = rst__most(t->span, hi - t->lo[k]);
    for (int64_t o = to - 1; o >= from; o--)
        t->run[o] = o + 1 < to && follows(a, o) ? t->run[o + 1] + 1 : 1;
}

static int pieces_get(rst_dev *dev, pieces *t, const rst_axis *a, int64_t c)
{
    *t = (pieces){ .size = rst__most(1, PIECE / c), .c = c };
    t->count = rst__blocks(a->out, t->size);
    t->lo = rst__calloc((size_t)(2 * t->count + a->out), sizeof *t->lo);
    if (!t->lo)
        return rst__dev_fail(dev, RST_ENOMEM, "cpu: out of memory for a filter of %lld columns",
                             (long long)a->out);
    t->hi = t->lo + t->count;
    t->run = t->hi + t->count;
    for (int64_t k = 0; k < t->count; k++)
        piece_bounds(t, a, k);
    return 0;
}

/* y[0..n) (+)= sum over the entries of weight * x[(i - lo)*step ..] */
static void combine(const rst__ew *ew, const rst_axis_entry *e, int64_t count, const float *x,
                    int64_t lo, int64_t step, int64_t n, float *y, bool add)
{
    const float *src[FEW];
    float w[FEW];
    do {
        const int m = (int)rst__least(count, FEW);
        for (int j = 0; j < m; j++) {
            src[j] = x + (e[j].i - lo) * step;
            w[j] = (float)e[j].w;
        }
        ew->comb(n, m, src, w, y, add);
        add = true;
        e += m;
        count -= m;
    } while (count > 0);
}

/* Piece k of output row oy; x, y: the image and the output row; tmp: room for span pixels. */
static void piece_run(const rst__ew *ew, const rst_plane *p, const pieces *t, int64_t oy, int64_t k,
                      const float *x, float *y, float *tmp, bool add)
{
    const int64_t c = t->c, lo = t->lo[k], step = p->w.in * c;
    const rst_axis_entry *rows = p->h.e + p->h.start[oy];
    const int64_t count = p->h.start[oy + 1] - p->h.start[oy];
    const float *src = tmp;
    if (count == 1 && rows->w == 1)
        src = x + rows->i * step + lo * c;
    else
        combine(ew, rows, count, x + lo * c, 0, step, (t->hi[k] - lo) * c, tmp, false);
    const int64_t to = rst__least((k + 1) * t->size, p->w.out);
    for (int64_t o = k * t->size; o < to; o += t->run[o])
        combine(ew, p->w.e + p->w.start[o], p->w.start[o + 1] - p->w.start[o], src, lo, c,
                t->run[o] * c, y + o * c, add);
}

/* y (+)= p x for n images of c channels; frees p. rc: what making p returned. */
static int plane_run(rst_dev *dev, rst_plane *p, int rc, rst_dims s, const float *x, float *y,
                     bool add)
{
    if (rc < 0)
        return rc;
    const rst__ew *ew = rst__ew_of(dev);
    const int64_t c = s.c, image = p->h.in * p->w.in * c, rows = s.n * p->h.out;
    pieces t = { 0 };
    float *tmp = NULL;
    rc = pieces_get(dev, &t, &p->w, c);
    const int64_t room = (t.span * c + 15) / 16 * 16;
    if (rc == 0) {
        tmp = rst__cpu_scratch(rst__cpu(dev), RST_SLOT_OTHER,
                               (size_t)(room * dev->threads) * sizeof *tmp);
        rc = tmp ? 0 : dev->err.code;
    }
    if (rc == 0) {
        RST_PARALLEL_FOR(dev, rows * p->w.out * c)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t k = 0; k < t.count; k++)
                piece_run(ew, p, &t, r % p->h.out, k, x + r / p->h.out * image,
                          y + r * p->w.out * c, tmp + room * omp_get_thread_num(), add);
    }
    rst__free(t.lo);
    rst__plane_free(p);
    return rc;
}

/* dx (+)= transpose of p, applied to dy; frees p. */
static int plane_vjp(rst_dev *dev, rst_plane *p, int rc, rst_dims s, const void *dy, void *dx,
                     bool add)
{
    if (rc == 0)
        rc = rst__plane_transpose(dev, p);
    return plane_run(dev, p, rc, s, dy, dx, add);
}

int rst__cpu_blur(rst_dev *dev, const rst_blur_geom *g, const void *x, void *y)
{
    rst_plane p;
    const int rc = rst__plane_blur(dev, &p, g);
    return plane_run(dev, &p, rc, g->x, x, y, false);
}

int rst__cpu_blur_vjp(rst_dev *dev, const rst_blur_geom *g, const void *dy, void *dx, bool add)
{
    rst_plane p;
    const int rc = rst__plane_blur(dev, &p, g);
    return plane_vjp(dev, &p, rc, g->x, dy, dx, add);
}

int rst__cpu_blur_up(rst_dev *dev, rst_dims s, int count, const double *t, const void *x, void *y)
{
    rst_plane p;
    const int rc = rst__plane_blur_up(dev, &p, s, count, t);
    return plane_run(dev, &p, rc, s, x, y, false);
}

int rst__cpu_blur_up_vjp(rst_dev *dev, rst_dims s, int count, const double *t, const void *dy,
                         void *dx, bool add)
{
    rst_plane p;
    const int rc = rst__plane_blur_up(dev, &p, s, count, t);
    return plane_vjp(dev, &p, rc, s, dy, dx, add);
}

int rst__cpu_pad(rst_dev *dev, rst_dims s, rst_pads pads, rst_pad_mode mode, const void *x, void *y)
{
    rst_plane p;
    const int rc = rst__plane_pad(dev, &p, s, pads, mode);
    return plane_run(dev, &p, rc, s, x, y, false);
}

int rst__cpu_pad_vjp(rst_dev *dev, rst_dims s, rst_pads pads, rst_pad_mode mode, const void *dy,
                     void *dx, bool add)
{
    rst_plane p;
    const int rc = rst__plane_pad(dev, &p, s, pads, mode);
    return plane_vjp(dev, &p, rc, s, dy, dx, add);
}

int rst__cpu_flip_w(rst_dev *dev, rst_dims s, const void *x, void *y, bool add)
{
    rst_plane p;
    const int rc = rst__plane_flip(dev, &p, s);
    return plane_run(dev, &p, rc, s, x, y, add);
}

int rst__cpu_avg_pool(rst_dev *dev, const rst_pool2d *g, const void *x, void *y)
{
    rst_plane p;
    const int rc = rst__plane_average(dev, &p, g);
    return plane_run(dev, &p, rc, g->x, x, y, false);
}

int rst__cpu_avg_pool_vjp(rst_dev *dev, const rst_pool2d *g, const void *dy, void *dx, bool add)
{
    rst_plane p;
    const int rc = rst__plane_average(dev, &p, g);
    return plane_vjp(dev, &p, rc, g->x, dy, dx, add);
}

int rst__cpu_resample(rst_dev *dev, const rst_resample *g, const void *x, void *y)
{
    rst_plane p;
    const int rc = rst__plane_resample(dev, &p, g, RST_F32);
    return plane_run(dev, &p, rc, g->x, x, y, false);
}

int rst__cpu_resample_vjp(rst_dev *dev, const rst_resample *g, const void *dy, void *dx, bool add)
{
    rst_plane p;
    const int rc = rst__plane_resample(dev, &p, g, RST_F32);
    return plane_vjp(dev, &p, rc, g->x, dy, dx, add);
}
