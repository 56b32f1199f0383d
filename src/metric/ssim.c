/* SPDX-License-Identifier: MIT */
/* Structural similarity (Wang et al., IEEE TIP 2004) as skimage.metrics computes it.
 *
 * Strips of rows are worked on by themselves, so memory is a few rows a thread and the sum does not
 * depend on how many threads there are. Sums over uniform windows are whole numbers: column sums
 * that a row enters and a row leaves, and running sums along them, all exact. */
#include "metric/ssim.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "metric/pair.h"

enum {
    MOMENTS = 4, /* of x, y, xx + yy, xy */
    CHANNELS = 3,
    STRIP = 64,     /* rows */
    MAX_SIDE = 127, /* 2 * 127^2 * 255^2 fits 31 bits */
    USUAL_SIDE = 7,
    MAX_RADIUS = 128 /* of a Gaussian */
};

typedef struct job {
    const rst_image *a, *b;
    int radius;
    bool gauss;
    double weight[MAX_RADIUS + 1]; /* of a Gaussian, from its middle outwards */
    double n, c1, c2;              /* as `similarity` wants them */
    int64_t len;                   /* a row: width * channels */
    double *map;
} job;

/* One thread's rows. Columns reach `radius` pixels beyond both ends. */
typedef struct rows {
    int32_t *count[MOMENTS]; /* column sums of a uniform window ... */
    double *column[MOMENTS]; /* ... or of a Gaussian one */
    double *moment[MOMENTS]; /* sums over whole windows */
    double *value, *total;   /* similarities; their sums over rows */
} rows;

/* The row that stands for row y: mirrored at both ends, the edge repeated. */
static int64_t mirror(int64_t y, int64_t n)
{
    return y < 0 ? -1 - y : y >= n ? 2 * n - 1 - y : y;
}

static const uint8_t *row_of(const rst_image *img, int64_t y)
{
    return img->px + mirror(y, img->height) * img->width * img->channels;
}

/* Uniform windows ------------------------------------------------------------------------------ */

/* One row of both pictures enters the column sums. */
static void count_row(int64_t n, const uint8_t *restrict a, const uint8_t *restrict b,
                      int32_t *restrict sx, int32_t *restrict sy, int32_t *restrict s2,
                      int32_t *restrict sxy)
{
    for (int64_t i = 0; i < n; i++) {
        const int16_t x = a[i], y = b[i];
        sx[i] += x;
        sy[i] += y;
        s2[i] += x * x + y * y;
        sxy[i] += x * y;
    }
}

/* One row enters and another, a0 and b0, leaves. */
static void exchange_row(int64_t n, const uint8_t *restrict a, const uint8_t *restrict b,
                         const uint8_t *restrict a0, const uint8_t *restrict b0,
                         int32_t *restrict sx, int32_t *restrict sy, int32_t *restrict s2,
                         int32_t *restrict sxy)
{
    for (int64_t i = 0; i < n; i++) {
        const int16_t x = a[i], y = b[i], x0 = a0[i], y0 = b0[i];
        sx[i] += x - x0;
        sy[i] += y - y0;
        s2[i] += (x * x - x0 * x0) + (y * y - y0 * y0);
        sxy[i] += x * y - x0 * y0;
    }
}

static void count_rows(const job *j, int64_t y, bool first, const rows *r)
{
    const int64_t at = j->radius * j->a->channels, n = j->len;
    int32_t *sx = r->count[0] + at, *sy = r->count[1] + at, *s2 = r->count[2] + at,
            *sxy = r->count[3] + at;
    for (int k = -j->radius; first && k <= j->radius; k++)
        count_row(n, row_of(j->a, y + k), row_of(j->b, y + k), sx, sy, s2, sxy);
    const int64_t in = y + j->radius, out = y - j->radius - 1;
    if (!first)
        exchange_row(n, row_of(j->a, in), row_of(j->b, in), row_of(j->a, out), row_of(j->b, out),
                     sx, sy, s2, sxy);
}

/* Sums over 7 columns, which lie c apart: many at a time. */
static void sum_seven(int64_t n, int64_t c, const int32_t *restrict in, double *restrict out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = in[i] + in[i + c] + in[i + 2 * c] + in[i + 3 * c] + in[i + 4 * c] + in[i + 5 * c] +
                 in[i + 6 * c];
}

/* Sums over `side` columns: one enters and one leaves. */
static void sum_columns(int64_t n, int64_t c, int side, const int32_t *in, double *out)
{
    int32_t sum = 0;
    for (int k = 0; k < side; k++)
        sum += in[k * c];
    out[0] = sum;
    for (int64_t i = c; i < n; i += c) {
        sum += in[i + (side - 1) * c] - in[i - c];
        out[i] = sum;
    }
}

static void count_windows(const job *j, const rows *r)
{
    const int c = j->a->channels, side = 2 * j->radius + 1;
    for (int m = 0; m < MOMENTS; m++)
        if (side == USUAL_SIDE)
            sum_seven(j->len, c, r->count[m], r->moment[m]);
        else
            for (int ch = 0; ch < c; ch++)
                sum_columns(j->len - ch, c, side, r->count[m] + ch, r->moment[m] + ch);
}

/* Gaussian windows ----------------------------------------------------------------------------- */

/* Rows at equal distances from the middle one have one weight: added first, as whole numbers. */
static void weigh_rows(const job *j, int64_t y, const rows *r)
{
    const int64_t at = j->radius * j->a->channels;
    double *sx = r->column[0] + at, *sy = r->column[1] + at, *s2 = r->column[2] + at,
           *sxy = r->column[3] + at;
    for (int m = 0; m < MOMENTS; m++)
        memset(r->column[m] + at, 0, (size_t)j->len * sizeof(double));
    for (int t = 0; t <= j->radius; t++) {
        const uint8_t *a = row_of(j->a, y - t), *b = row_of(j->b, y - t);
        const uint8_t *a2 = row_of(j->a, y + t), *b2 = row_of(j->b, y + t);
        const double w = t ? j->weight[t] : j->weight[0] / 2; /* the middle row comes twice */
        for (int64_t i = 0; i < j->len; i++) {
            const int32_t p = a[i], q = b[i], p2 = a2[i], q2 = b2[i];
            sx[i] += w * (p + p2);
            sy[i] += w * (q + q2);
            s2[i] += w * (p * p + q * q + p2 * p2 + q2 * q2);
            sxy[i] += w * (p * q + p2 * q2);
        }
    }
}

static void weigh_windows(const job *j, const rows *r)
{
    const int64_t c = j->a->channels;
    for (int m = 0; m < MOMENTS; m++) {
        const double *in = r->column[m] + j->radius * c;
        double *out = r->moment[m];
        for (int64_t i = 0; i < j->len; i++)
            out[i] = j->weight[0] * in[i];
        for (int t = 1; t <= j->radius; t++) {
            const double w = j->weight[t];
            const double *left = in - t * c, *right = in + t * c;
            for (int64_t i = 0; i < j->len; i++)
                out[i] += w * (left[i] + right[i]);
        }
    }
}

/* Rows ----------------------------------------------------------------------------------------- */

/* The `radius` columns beyond either end of a row of `size`-byte elements. */
static void mirror_columns(const job *j, void *row, size_t size)
{
    char *p = row;
    const int64_t c = j->a->channels, width = j->a->width;
    const size_t pixel = (size_t)c * size;
    for (int64_t k = 0; k < j->radius; k++) {
        memcpy(p + (j->radius - 1 - k) * pixel, p + (j->radius + k) * pixel, pixel);
        memcpy(p + (j->radius + width + k) * pixel, p + (j->radius + width - 1 - k) * pixel, pixel);
    }
}

/* From sums over windows whose weights add up to n. Numerator and denominator are multiplied by n^2
 * and by what the covariance is divided by, which c1 and c2 already are. */
static void similarity(const job *j, const rows *r)
{
    const double *sx = r->moment[0], *sy = r->moment[1], *s2 = r->moment[2], *sxy = r->moment[3];
    const double n = j->n, c1 = j->c1, c2 = j->c2;
    for (int64_t i = 0; i < j->len; i++) {
        const double xy = sx[i] * sy[i], xx_yy = sx[i] * sx[i] + sy[i] * sy[i];
        r->value[i] = ((2 * xy + c1) * (2 * (n * sxy[i] - xy) + c2)) /
                      ((xx_yy + c1) * (n * s2[i] - xx_yy + c2));
    }
}

static void make_row(const job *j, int64_t y, bool first, const rows *r)
{
    if (j->gauss)
        weigh_rows(j, y, r);
    else
        count_rows(j, y, first, r);
    for (int m = 0; m < MOMENTS; m++)
        if (j->gauss)
            mirror_columns(j, r->column[m], sizeof(double));
        else
            mirror_columns(j, r->count[m], sizeof(int32_t));
    if (j->gauss)
        weigh_windows(j, r);
    else
        count_windows(j, r);
    similarity(j, r);
}

/* Adds row y of the map to the columns' totals, if it is inside, and keeps it if somebody wants it.
 */
static void use_row(const job *j, int64_t y, const rows *r)
{
    if (j->map)
        memcpy(j->map + y * j->len, r->value, (size_t)j->len * sizeof(double));
    if (y < j->radius || y >= j->a->height - j->radius)
        return;
    double *restrict total = r->total;
    for (int64_t i = 0; i < j->len; i++)
        total[i] += r->value[i];
}

/* Rows first..end-1 of the map. `block` is the thread's memory. */
static void run_strip(const job *j, int64_t first, int64_t end, double *block, double *sum)
{
    rows r;
    const int64_t wide = j->len + 2 * (int64_t)j->radius * j->a->channels;
    memset(block, 0, (size_t)(MOMENTS * wide) * sizeof *block);
    for (int m = 0; m < MOMENTS; m++) {
        r.column[m] = block + m * wide;
        r.count[m] = (int32_t *)(void *)r.column[m];
        r.moment[m] = block + MOMENTS * wide + m * j->len;
    }
    r.value = block + MOMENTS * (wide + j->len);
    r.total = r.value + j->len;
    memset(r.total, 0, (size_t)j->len * sizeof *r.total);
    for (int64_t y = first; y < end; y++) {
        make_row(j, y, y == first, &r);
        use_row(j, y, &r);
    }
    const int64_t c = j->a->channels;
    for (int64_t i = j->radius * c; i < j->len - j->radius * c; i++)
        sum[i % c] += r.total[i];
}

static int run(const job *j, double *channel)
{
    const int c = j->a->channels;
    const int64_t begin = j->map ? 0 : j->radius, rows_due = j->a->height - 2 * begin,
                  strips = (rows_due + STRIP - 1) / STRIP;
    const int64_t wide = j->len + 2 * (int64_t)j->radius * c;
    const size_t bytes = (size_t)(MOMENTS * (wide + j->len) + 2 * j->len) * sizeof(double);
    const double inside = (double)((j->a->width - 2 * j->radius) * (j->a->height - 2 * j->radius));
    double *sum = rst__calloc((size_t)strips * CHANNELS, sizeof *sum);
    bool ok = sum != NULL;
#pragma omp parallel if (sum && strips > 1) reduction(&& : ok)
    {
        double *block = sum ? rst__malloc_aligned(bytes) : NULL;
        ok = block != NULL;
#pragma omp for schedule(dynamic, 1)
        for (int64_t s = 0; s < strips; s++) {
            const int64_t first = begin + s * STRIP, end = begin + rows_due;
            if (block)
                run_strip(j, first, first + STRIP < end ? first + STRIP : end, block,
                          sum + s * CHANNELS);
        }
        rst__free(block);
    }
    for (int ch = 0; ok && ch < c; ch++) {
        double total = 0;
        for (int64_t s = 0; s < strips; s++)
            total += sum[s * CHANNELS + ch];
        channel[ch] = total / inside;
    }
    rst__free(sum);
    return ok ? 0 : RST_ENOMEM;
}

/* Options -------------------------------------------------------------------------------------- */

static double or_else(double v, double otherwise)
{
    return v > 0 ? v : otherwise;
}

static void gaussian(job *j, double sigma)
{
    double sum = 0;
    for (int t = 0; t <= j->radius; t++) {
        j->weight[t] = exp(-0.5 * t * t / (sigma * sigma));
        sum += t ? 2 * j->weight[t] : j->weight[t];
    }
    for (int t = 0; t <= j->radius; t++)
        j->weight[t] /= sum;
}

/* The window; SciPy cuts a Gaussian off at 3.5 sigma here. */
static int set_window(job *j, const rst_ssim_options *o, rst_error *err)
{
    const double sigma = or_else(o->sigma, 1.5);
    const int side = o->side ? o->side : 7;
    j->gauss = o->window == RST_SSIM_GAUSSIAN;
    if (!(o->sigma >= 0) || (j->gauss && (3.5 * sigma + 0.5 >= MAX_RADIUS || sigma < 0.2)))
        return rst_fail(err, RST_EINVAL, "ssim: a Gaussian of sigma %g", o->sigma);
    if (!j->gauss && (side < 3 || side > MAX_SIDE || side % 2 == 0))
        return rst_fail(err, RST_EINVAL, "ssim: a window of %d pixels; odd, 3..%d", side, MAX_SIDE);
    j->radius = j->gauss ? (int)(3.5 * sigma + 0.5) : side / 2;
    if (j->gauss)
        gaussian(j, sigma);
    const int needs = 2 * j->radius + 1;
    if (j->a->width < needs || j->a->height < needs)
        return rst_fail(err, RST_EINVAL,
                        "ssim: images of %lldx%lld pixels, smaller than the %dx%d window",
                        (long long)j->a->width, (long long)j->a->height, needs, needs);
    return 0;
}

static void set_constants(job *j, const rst_ssim_options *o)
{
    const double range = or_else(o->range, 255), k1 = or_else(o->k1, 0.01) * range,
                 k2 = or_else(o->k2, 0.03) * range;
    const double side = 2 * j->radius + 1, pixels = side * side;
    j->n = j->gauss ? 1 : pixels;
    j->c1 = k1 * k1 * j->n * j->n;
    j->c2 = k2 * k2 * j->n * j->n;
    if (!o->population)
        j->c2 *= (pixels - 1) / pixels;
}

int rst__ssim(const rst_image *a, const rst_image *b, const rst_ssim_options *o, double *channel,
              double *map, rst_error *err)
{
    static const rst_ssim_options defaults = { .window = RST_SSIM_UNIFORM };
    job j = { .a = a, .b = b, .map = map, .len = a->width * a->channels };
    o = o ? o : &defaults;
    int rc = rst__image_match(a, b, "ssim", err);
    if (rc == 0)
        rc = set_window(&j, o, err);
    if (rc < 0)
        return rc;
    set_constants(&j, o);
    return run(&j, channel) < 0 ? rst__fail_nomem(err, "ssim") : 0;
}

int rst_ssim(const rst_image *a, const rst_image *b, const rst_ssim_options *o, double *value,
             rst_error *err)
{
    double channel[CHANNELS], sum = 0;
    const int rc = rst__ssim(a, b, o, channel, NULL, err);
    if (rc < 0)
        return rc;
    for (int ch = 0; ch < a->channels; ch++)
        sum += channel[ch];
    *value = sum / a->channels;
    return 0;
}
