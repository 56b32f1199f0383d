/* SPDX-License-Identifier: MIT */
#include "backend/ref/axis.h"

#include <inttypes.h>
#include <math.h>

#include "base/alloc.h"

static void axis_free(rst_axis *a)
{
    rst__free(a->start);
    rst__free(a->e);
    *a = (rst_axis){ 0 };
}

/* An empty matrix with room for `room` entries; its rows are filled in order. */
static int axis_new(rst_dev *dev, rst_axis *a, int64_t in, int64_t out, int64_t room)
{
    *a = (rst_axis){ .in = in, .out = out };
    a->start = rst__calloc((size_t)out + 1, sizeof *a->start);
    a->e = rst__calloc((size_t)room + 1, sizeof *a->e);
    if (a->start && a->e)
        return 0;
    axis_free(a);
    return rst__dev_fail(dev, RST_ENOMEM, "ref: out of memory for an axis of %" PRId64, out);
}

/* Appends an entry to the current row. */
static void axis_put(rst_axis *a, int64_t i, int tap, double w)
{
    a->e[a->count++] = (rst_axis_entry){ i, tap, w };
}

/* Ends the current row. */
static void axis_next(rst_axis *a)
{
    a->start[++a->rows] = a->count;
}

static int axis_transpose(rst_dev *dev, rst_axis *a)
{
    rst_axis t;
    int rc = axis_new(dev, &t, a->out, a->in, a->count);
    if (rc < 0)
        return rc;
    for (int64_t j = 0; j < a->count; j++)
        t.start[a->e[j].i + 1]++;
    for (int64_t i = 0; i < t.out; i++)
        t.start[i + 1] += t.start[i];
    for (int64_t o = 0; o < a->out; o++)
        for (int64_t j = a->start[o]; j < a->start[o + 1]; j++)
            t.e[t.start[a->e[j].i]++] = (rst_axis_entry){ o, a->e[j].tap, a->e[j].w };
    for (int64_t i = t.out; i > 0; i--) /* each start has moved on to where the next one was */
        t.start[i] = t.start[i - 1];
    t.start[0] = 0;
    t.rows = t.out;
    t.count = a->count;
    axis_free(a);
    *a = t;
    return 0;
}

/* Where place i of a padded side takes its value from; -1: nowhere, it is 0. */
static int64_t border(int64_t i, int64_t n, rst_pad_mode mode)
{
    if (i >= 0 && i < n)
        return i;
    if (mode == RST_PAD_ZERO)
        return -1;
    if (mode == RST_PAD_EDGE)
        return i < 0 ? 0 : n - 1;
    return i < 0 ? -i : 2 * (n - 1) - i;
}

/* Windows of k taps at o*stride - pad; weights t[k], or 1 where t is NULL. */
static int axis_window(rst_dev *dev, rst_axis *a, int64_t in, int64_t out, int k, int stride,
                       int pad, rst_pad_mode mode, const double *t)
{
    const int64_t after = (out - 1) * stride + k - pad - in; /* places used past the end */
    if (mode == RST_PAD_REFLECT && (pad >= in || after >= in))
        return rst__dev_fail(dev, RST_EINVAL,
                             "ref: reflect padding %d, %" PRId64 " of a side of %" PRId64, pad,
                             after, in);
    int rc = axis_new(dev, a, in, out, out * k);
    for (int64_t o = 0; rc == 0 && o < out; o++) {
        for (int j = 0; j < k; j++) {
            const int64_t i = border(o * stride + j - pad, in, mode);
            if (i >= 0)
                axis_put(a, i, j, t ? t[j] : 1.0);
        }
        axis_next(a);
    }
    return rc;
}

/* CUT's Upsample (spec 14.1): the side is padded by 1 with its own edge, z[q] is the sum over
 * padded places j of t[q - 2j], and output m is z[m + 2 + floor((count - 1)/2)]. */
static int axis_blur_up(rst_dev *dev, rst_axis *a, int64_t in, int count, const double *t)
{
    int rc = axis_new(dev, a, in, 2 * in, 2 * in * count);
    for (int64_t m = 0; rc == 0 && m < 2 * in; m++) {
        for (int k = 0; k < count; k++) {
            const int64_t twice = m + 2 + (count - 1) / 2 - k;
            const int64_t j = twice / 2;
            if (twice >= 0 && twice % 2 == 0 && j < in + 2)
                axis_put(a, border(j - 1, in, RST_PAD_EDGE), k, t[k]);
        }
        axis_next(a);
    }
    return rc;
}

/* A row that sums places from..to-1 and divides by n. */
static void put_mean(rst_axis *a, int64_t from, int64_t to, int64_t n)
{
    for (int64_t i = from; i < to; i++)
        axis_put(a, i, 0, 1.0 / (double)n);
    axis_next(a);
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int axis_average(rst_dev *dev, rst_axis *a, int64_t in, int64_t out, int k, int stride,
                        int pad, bool include_pad)
{
    int rc = axis_new(dev, a, in, out, out * k);
    for (int64_t o = 0; rc == 0 && o < out; o++) {
        const int64_t from = o * stride - pad, to = min64(from + k, in + pad);
        const int64_t lo = from > 0 ? from : 0, hi = min64(to, in);
        put_mean(a, lo, hi, include_pad ? to - from : hi - lo);
    }
    return rc;
}

static int axis_adaptive(rst_dev *dev, rst_axis *a, int64_t in, int64_t out)
{
    int rc = axis_new(dev, a, in, out, in + out);
    for (int64_t o = 0; rc == 0 && o < out; o++) {
        const int64_t from = o * in / out, to = ((o + 1) * in + out - 1) / out;
        put_mean(a, from, to, to - from);
    }
    return rc;
}

static void put_nearest(rst_axis *a, int64_t o, double step)
{
    axis_put(a, min64((int64_t)((float)o * (float)step), a->in - 1), 0, 1.0);
}

static void put_bilinear(rst_axis *a, int64_t o, double step)
{
    const double x = step * ((double)o + 0.5) - 0.5, at = x > 0 ? x : 0;
    const int64_t i = min64((int64_t)at, a->in - 1);
    axis_put(a, i, 0, 1 - (at - (double)i));
    axis_put(a, min64(i + 1, a->in - 1), 1, at - (double)i);
}

/* The cubic kernel, a = -0.75, at distance 0 <= d <= 2. */
static double cubic(double d)
{
    const double a = -0.75;
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

static void put_bicubic(rst_axis *a, int64_t o, double step)
{
    const double x = step * ((double)o + 0.5) - 0.5;
    const int64_t i = (int64_t)floor(x) - 1;
    for (int j = 0; j < 4; j++)
        axis_put(a, border(i + j, a->in, RST_PAD_EDGE), j, cubic(fabs(x - (double)(i + j))));
}

/* As in torch the step is rounded to the type of the numbers, but the places made of it are not. */
static int axis_resample(rst_dev *dev, rst_axis *a, int64_t in, int64_t out, double exact,
                         rst_interp kind, rst_dtype dtype)
{
    const double step = dtype == RST_F32 ? (double)(float)exact : exact;
    int rc = axis_new(dev, a, in, out, 4 * out);
    for (int64_t o = 0; rc == 0 && o < out; o++) {
        if (kind == RST_NEAREST)
            put_nearest(a, o, step);
        else if (kind == RST_BILINEAR)
            put_bilinear(a, o, step);
        else
            put_bicubic(a, o, step);
        axis_next(a);
    }
    return rc;
}

static int axis_flip(rst_dev *dev, rst_axis *a, int64_t in)
{
    int rc = axis_new(dev, a, in, in, in);
    for (int64_t o = 0; rc == 0 && o < in; o++) {
        axis_put(a, in - 1 - o, 0, 1.0);
        axis_next(a);
    }
    return rc;
}

void rst__plane_free(rst_plane *p)
{
    axis_free(&p->h);
    axis_free(&p->w);
}

/* Ends a constructor: what it made so far is freed if rc is negative. */
static int plane_made(rst_plane *p, int rc)
{
    if (rc < 0)
        rst__plane_free(p);
    return rc;
}

int rst__plane_conv(rst_dev *dev, rst_plane *p, const rst_conv *g)
{
    *p = (rst_plane){ 0 };
    int rc = axis_window(dev, &p->h, g->x.h, g->oh, g->kh, g->sh, g->pad.t, g->mode, NULL);
    if (rc == 0)
        rc = axis_window(dev, &p->w, g->x.w, g->ow, g->kw, g->sw, g->pad.l, g->mode, NULL);
    return plane_made(p, rc);
}

int rst__plane_blur(rst_dev *dev, rst_plane *p, const rst_blur_geom *g)
{
    *p = (rst_plane){ 0 };
    int rc = axis_window(dev, &p->h, g->x.h, g->oh, g->count, g->stride, g->pad.t, g->mode, g->t);
    if (rc == 0)
        rc = axis_window(dev, &p->w, g->x.w, g->ow, g->count, g->stride, g->pad.l, g->mode, g->t);
    return plane_made(p, rc);
}

int rst__plane_blur_up(rst_dev *dev, rst_plane *p, rst_dims s, int count, const double *t)
{
    *p = (rst_plane){ 0 };
    int rc = axis_blur_up(dev, &p->h, s.h, count, t);
    if (rc == 0)
        rc = axis_blur_up(dev, &p->w, s.w, count, t);
    return plane_made(p, rc);
}

int rst__plane_pad(rst_dev *dev, rst_plane *p, rst_dims s, rst_pads pads, rst_pad_mode mode)
{
    *p = (rst_plane){ 0 };
    int rc = axis_window(dev, &p->h, s.h, s.h + pads.t + pads.b, 1, 1, pads.t, mode, NULL);
    if (rc == 0)
        rc = axis_window(dev, &p->w, s.w, s.w + pads.l + pads.r, 1, 1, pads.l, mode, NULL);
    return plane_made(p, rc);
}

int rst__plane_average(rst_dev *dev, rst_plane *p, const rst_pool2d *g)
{
    *p = (rst_plane){ 0 };
    int rc = axis_average(dev, &p->h, g->x.h, g->oh, g->kh, g->sh, g->ph, g->include_pad);
    if (rc == 0)
        rc = axis_average(dev, &p->w, g->x.w, g->ow, g->kw, g->sw, g->pw, g->include_pad);
    return plane_made(p, rc);
}

int rst__plane_adaptive(rst_dev *dev, rst_plane *p, rst_dims s, int64_t oh, int64_t ow)
{
    *p = (rst_plane){ 0 };
    int rc = axis_adaptive(dev, &p->h, s.h, oh);
    if (rc == 0)
        rc = axis_adaptive(dev, &p->w, s.w, ow);
    return plane_made(p, rc);
}

int rst__plane_resample(rst_dev *dev, rst_plane *p, const rst_resample *g, rst_dtype dtype)
{
    *p = (rst_plane){ 0 };
    int rc = axis_resample(dev, &p->h, g->x.h, g->oh, g->sy, g->kind, dtype);
    if (rc == 0)
        rc = axis_resample(dev, &p->w, g->x.w, g->ow, g->sx, g->kind, dtype);
    return plane_made(p, rc);
}

int rst__plane_flip(rst_dev *dev, rst_plane *p, rst_dims s)
{
    *p = (rst_plane){ 0 };
    int rc = axis_window(dev, &p->h, s.h, s.h, 1, 1, 0, RST_PAD_ZERO, NULL);
    if (rc == 0)
        rc = axis_flip(dev, &p->w, s.w);
    return plane_made(p, rc);
}

int rst__plane_transpose(rst_dev *dev, rst_plane *p)
{
    int rc = axis_transpose(dev, &p->h);
    if (rc == 0)
        rc = axis_transpose(dev, &p->w);
    return plane_made(p, rc);
}
