/* SPDX-License-Identifier: MIT */
#include "image/floats.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "image/convert.h"
#include "image/resize.h"

enum { C = 3, MAX_SIDE = 1 << 16 };

int rst__floats_new(rst_floats *p, int64_t h, int64_t w, rst_error *err)
{
    if (h < 1 || w < 1 || h > MAX_SIDE || w > MAX_SIDE)
        return rst_fail(err, RST_EINVAL, "a picture of %lld x %lld", (long long)w, (long long)h);
    float *px = rst__malloc((size_t)(h * w * C) * sizeof *px);
    if (!px)
        return rst__fail_nomem(err, "picture");
    *p = (rst_floats){ h, w, px };
    return 0;
}

void rst__floats_free(rst_floats *p)
{
    rst__free(p->px);
    *p = (rst_floats){ 0 };
}

void rst__floats_clip(rst_floats *p)
{
    for (int64_t i = 0; i < p->h * p->w * C; i++) {
        const float v = p->px[i];
        p->px[i] = v > 0 ? v < 1 ? v : 1 : 0;
    }
}

int rst__floats_to_image(const rst_floats *p, rst_image *out, rst_error *err)
{
    int rc = rst_image_new(out, p->w, p->h, C, err);
    if (rc == 0)
        rst__u8_from_unit(p->px, p->h * p->w * C, out->px);
    return rc;
}

void rst__floats_from_image(rst_floats *p, const rst_image *img)
{
    rst__unit_from_u8(img->px, p->h * p->w * C, p->px);
}

/* Sums along a side -----------------------------------------------------------------------------
 */

/* Place o of the result is the sum of `taps` places of the source times their weights. */
typedef struct sums {
    int64_t from, to, taps;
    int64_t *at; /* [to][taps], within the source */
    float *w;    /* [to][taps] */
} sums;

static void sums_free(sums *s)
{
    rst__free(s->at);
    rst__free(s->w);
}

static bool sums_alloc(sums *s, int64_t from, int64_t to, int64_t taps)
{
    size_t cells;
    *s = (sums){ .from = from, .to = to, .taps = taps };
    if (!rst__mul_size((size_t)to, (size_t)taps, &cells))
        return false;
    s->at = rst__calloc(cells, sizeof *s->at);
    s->w = rst__calloc(cells, sizeof *s->w);
    return s->at && s->w;
}

static int64_t nearest(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i < n ? i : n - 1;
}

/* ... 2 1 | 0 1 ... n-1 | n-2 n-3 ... */
static int64_t mirrored(int64_t i, int64_t n)
{
    if (n == 1)
        return 0;
    const int64_t period = 2 * (n - 1);
    i = (i % period + period) % period;
    return i < n ? i : period - i;
}

/* Rows (columns) of `inner` numbers, `outer` times: src [outer][from][inner]. */
static void sum_up(const sums *s, const float *src, int64_t outer, int64_t inner, float *dst)
{
    for (int64_t a = 0; a < outer; a++)
        for (int64_t o = 0; o < s->to; o++) {
            float *d = dst + (a * s->to + o) * inner;
            memset(d, 0, (size_t)inner * sizeof *d);
            for (int64_t i = 0; i < s->taps; i++) {
                const float w = s->w[o * s->taps + i];
                const float *v = src + (a * s->from + s->at[o * s->taps + i]) * inner;
                for (int64_t x = 0; x < inner; x++)
                    d[x] += w * v[x];
            }
        }
}

/* Both sides, rows first; takes rows and cols. */
static int sum_both(rst_floats *p, sums *rows, sums *cols, bool made, rst_error *err)
{
    rst_floats mid = { 0 }, out = { 0 };
    int rc = made ? rst__floats_new(&mid, rows->to, p->w, err) : rst__fail_nomem(err, "resize");
    if (rc == 0)
        rc = rst__floats_new(&out, rows->to, cols->to, err);
    if (rc == 0) {
        sum_up(rows, p->px, 1, p->w * C, mid.px);
        sum_up(cols, mid.px, mid.h, C, out.px);
        rst__floats_free(p);
        *p = out;
    }
    rst__floats_free(&mid);
    sums_free(rows);
    sums_free(cols);
    return rc;
}

/* Resizing --------------------------------------------------------------------------------------
 */

/* Keys' cubic with a = -0.75. */
static double cubic(double x)
{
    const double a = -0.75;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* Two or four neighbours of the place that lies over the middle of o. */
static bool between(sums *s, int64_t from, int64_t to, bool four)
{
    const int64_t taps = four ? 4 : 2;
    if (!sums_alloc(s, from, to, taps))
        return false;
    for (int64_t o = 0; o < to; o++) {
        const double x = ((double)o + 0.5) * (double)from / (double)to - 0.5;
        const int64_t first = (int64_t)floor(x) - (taps / 2 - 1);
        for (int64_t i = 0; i < taps; i++) {
            const double d = x - (double)(first + i);
            s->at[o * taps + i] = nearest(first + i, from);
            s->w[o * taps + i] = (float)(four ? cubic(d) : 1 - fabs(d));
        }
    }
    return true;
}

/* The share of each pixel in what o covers. */
static bool covered(sums *s, int64_t from, int64_t to)
{
    const double scale = (double)from / (double)to;
    const int64_t taps = (int64_t)ceil(scale) + 1;
    if (!sums_alloc(s, from, to, taps))
        return false;
    for (int64_t o = 0; o < to; o++) {
        const double lo = (double)o * scale, hi = lo + scale;
        const int64_t first = (int64_t)floor(lo);
        for (int64_t i = 0; i < taps; i++) {
            const double a = fmax(lo, (double)(first + i)), b = fmin(hi, (double)(first + i + 1));
            s->at[o * taps + i] = nearest(first + i, from);
            s->w[o * taps + i] = b > a ? (float)((b - a) / scale) : 0;
        }
    }
    return true;
}

static bool sums_make(sums *s, int64_t from, int64_t to, rst_interpolation kind)
{
    return kind == RST_INTERPOLATION_AREA && to < from
               ? covered(s, from, to)
               : between(s, from, to, kind == RST_INTERPOLATION_CUBIC);
}

int rst__floats_resize(rst_floats *p, int64_t h, int64_t w, rst_interpolation kind, rst_error *err)
{
    sums rows = { 0 }, cols = { 0 };
    if (h < 1 || w < 1 || h > MAX_SIDE || w > MAX_SIDE)
        return rst_fail(err, RST_EINVAL, "resize: a size of %lld x %lld", (long long)w,
                        (long long)h);
    const bool made = sums_make(&rows, p->h, h, kind) && sums_make(&cols, p->w, w, kind);
    return sum_both(p, &rows, &cols, made, err);
}

int rst__floats_reduce(rst_floats *p, int factor, rst_error *err)
{
    const double scale = 1.0 / factor;
    rst_floats out;
    int rc = rst__floats_new(&out, rst__imresize_side(p->h, scale), rst__imresize_side(p->w, scale),
                             err);
    if (rc < 0)
        return rc;
    rc = rst__imresize(p->px, p->h, p->w, C, scale, true, out.px, err);
    if (rc == 0) {
        const rst_floats old = *p;
        *p = out;
        out = old;
    }
    rst__floats_free(&out);
    return rc;
}

/* Filters ---------------------------------------------------------------------------------------
 */

/* Eigenvalues below it would divide by zero; so narrow a Gaussian is one pixel. */
static double at_least(double l)
{
    return l > 1e-6 ? l : 1e-6;
}

void rst__filter_gauss(rst_filter *f, int side, double l1, double l2, double angle)
{
    const double c = cos(angle), s = sin(angle);
    const int r = side / 2;
    double w[RST_FILTER_SIDE * RST_FILTER_SIDE], sum = 0;
    l1 = at_least(l1);
    l2 = at_least(l2);
    for (int y = -r; y <= r; y++)
        for (int x = -r; x <= r; x++) {
            const double u = c * x + s * y, v = c * y - s * x;
            sum += w[(y + r) * side + x + r] = exp(-0.5 * (u * u / l1 + v * v / l2));
        }
    f->side = side;
    for (int i = 0; i < side * side; i++)
        f->w[i] = (float)(w[i] / sum);
}

/* The picture with r pixels more on each side. */
static int framed(const rst_floats *p, int64_t r, rst_floats *out, rst_error *err)
{
    int rc = rst__floats_new(out, p->h + 2 * r, p->w + 2 * r, err);
    for (int64_t y = 0; rc == 0 && y < out->h; y++) {
        const float *row = p->px + mirrored(y - r, p->h) * p->w * C;
        float *to = out->px + y * out->w * C;
        memcpy(to + r * C, row, (size_t)(p->w * C) * sizeof *to);
        for (int64_t x = 0; x < r; x++) {
            memcpy(to + x * C, row + mirrored(x - r, p->w) * C, C * sizeof *to);
            memcpy(to + (r + p->w + x) * C, row + mirrored(p->w + x, p->w) * C, C * sizeof *to);
        }
    }
    return rc;
}

/* What is added to a float of 0..1 by a smaller weight is lost in its rounding. */
static const float lost = 1e-9F;

int rst__floats_filter(rst_floats *p, const rst_filter *f, rst_error *err)
{
    rst_floats from;
    int rc = framed(p, f->side / 2, &from, err);
    if (rc < 0)
        return rc;
    const int64_t inner = p->w * C;
    for (int64_t y = 0; y < p->h; y++) {
        float *to = p->px + y * inner;
        memset(to, 0, (size_t)inner * sizeof *to);
        for (int i = 0; i < f->side * f->side; i++) {
            const float w = f->w[i];
            const float *v = from.px + ((y + i / f->side) * from.w + i % f->side) * C;
            if (w < lost)
                continue;
            for (int64_t x = 0; x < inner; x++)
                to[x] += w * v[x];
        }
    }
    rst__floats_free(&from);
    return 0;
}

static bool sums_of_gauss(sums *s, int64_t from, int step, double sigma)
{
    enum { R = RST_FILTER_SIDE / 2 };
    if (!sums_alloc(s, from, (from + step - 1) / step, RST_FILTER_SIDE))
        return false;
    double w[RST_FILTER_SIDE], sum = 0;
    for (int i = 0; i < RST_FILTER_SIDE; i++) {
        const double d = i - R - 0.5 * (step - 1);
        sum += w[i] = exp(-0.5 * d * d / at_least(sigma * sigma));
    }
    for (int64_t o = 0; o < s->to; o++)
        for (int i = 0; i < RST_FILTER_SIDE; i++) {
            s->at[o * s->taps + i] = mirrored(o * step + i - R, from);
            s->w[o * s->taps + i] = (float)(w[i] / sum);
        }
    return true;
}

int rst__floats_subsample(rst_floats *p, int step, double sigma, rst_error *err)
{
    sums rows = { 0 }, cols = { 0 };
    const bool made =
        sums_of_gauss(&rows, p->h, step, sigma) && sums_of_gauss(&cols, p->w, step, sigma);
    return sum_both(p, &rows, &cols, made, err);
}
