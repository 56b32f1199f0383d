/* SPDX-License-Identifier: MIT */
#include "image/resize.h"

#include <math.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/err.h"

enum { BITS = 22, MAX_SIDE = 1 << 24 };

/* For each place of the output, `taps` weights, of which `count` from source place `first` on. */
typedef struct weights {
    int64_t taps;
    int64_t *first, *count; /* [n] */
    int32_t *w;             /* [n][taps], scaled by 2^22 */
    double *real;           /* [n][taps], as they are */
} weights;

static void weights_free(weights *k)
{
    rst__free(k->first);
    rst__free(k->count);
    rst__free(k->w);
    rst__free(k->real);
}

/* Room for n places of at most `taps` weights. */
static bool weights_alloc(weights *k, int64_t n, int64_t taps)
{
    size_t cells;
    *k = (weights){ .taps = taps };
    if (!rst__mul_size((size_t)n, (size_t)taps, &cells))
        return false;
    k->first = rst__calloc((size_t)n, sizeof *k->first);
    k->count = rst__calloc((size_t)n, sizeof *k->count);
    k->w = rst__calloc(cells, sizeof *k->w);
    k->real = rst__calloc(cells, sizeof *k->real);
    return k->first && k->count && k->w && k->real;
}

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic with a = -0.5. */
static double keys(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

/* Weights of one output place, normalised. */
static void weigh(weights *k, int64_t o, int64_t from, double scale, rst_resize_filter filter)
{
    double *row = k->real + o * k->taps;
    const double widen = scale > 1.0 ? scale : 1.0, inverse = 1.0 / widen;
    const double support = (filter == RST_RESIZE_BICUBIC ? 2.0 : 1.0) * widen;
    const double centre = ((double)o + 0.5) * scale;
    int64_t lo = (int64_t)(centre - support + 0.5), hi = (int64_t)(centre + support + 0.5);
    lo = lo < 0 ? 0 : lo;
    hi = hi > from ? from : hi;
    double sum = 0;
    for (int64_t i = lo; i < hi; i++) {
        const double x = ((double)i - centre + 0.5) * inverse;
        const double w = filter == RST_RESIZE_BICUBIC ? keys(x) : triangle(x);
        row[i - lo] = w;
        sum += w;
    }
    k->first[o] = lo;
    k->count[o] = hi - lo;
    for (int64_t i = 0; i < hi - lo; i++) {
        row[i] = sum != 0 ? row[i] / sum : row[i];
        const double w = row[i] * (1 << BITS);
        k->w[o * k->taps + i] = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
    }
}

static bool weights_make(weights *k, int64_t from, int64_t to, rst_resize_filter filter)
{
    const double scale = (double)from / (double)to;
    const double reach = (filter == RST_RESIZE_BICUBIC ? 2.0 : 1.0) * (scale > 1.0 ? scale : 1.0);
    const int64_t taps = 2 * (int64_t)ceil(reach) + 1;
    const bool ok = weights_alloc(k, to, taps);
    for (int64_t o = 0; ok && o < to; o++)
        weigh(k, o, from, scale, filter);
    return ok;
}

/* Fits 32 bits: the weights of a place sum to 1, and to less than 1.6 in absolute value. */
static uint8_t clip(int32_t v)
{
    v >>= BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* One row of pixels to a row of another width. src, dst: [width][channels]. */
static void resize_row(const weights *k, const uint8_t *src, int64_t width, int channels,
                       uint8_t *dst)
{
    for (int64_t x = 0; x < width; x++) {
        const int32_t *w = k->w + x * k->taps;
        const uint8_t *s = src + k->first[x] * channels;
        for (int c = 0; c < channels; c++) {
            int32_t sum = 1 << (BITS - 1);
            for (int64_t i = 0; i < k->count[x]; i++)
                sum += s[i * channels + c] * w[i];
            dst[x * channels + c] = clip(sum);
        }
    }
}

/* Output row y from the rows above each other. src: [height][pitch], sum: [pitch] scratch. */
static void resize_column(const weights *k, const uint8_t *src, int64_t y, int64_t pitch,
                          int32_t *sum, uint8_t *dst)
{
    const int32_t *w = k->w + y * k->taps;
    for (int64_t x = 0; x < pitch; x++)
        sum[x] = 1 << (BITS - 1);
    for (int64_t i = 0; i < k->count[y]; i++) {
        const uint8_t *s = src + (k->first[y] + i) * pitch;
        for (int64_t x = 0; x < pitch; x++)
            sum[x] += s[x] * w[i];
    }
    for (int64_t x = 0; x < pitch; x++)
        dst[x] = clip(sum[x]);
}

static int resize_width(const rst_image *src, int64_t width, rst_resize_filter filter,
                        rst_image *out, rst_error *err)
{
    weights k;
    rst_image img;
    int rc = weights_make(&k, src->width, width, filter) ? 0 : rst__fail_nomem(err, "resize");
    if (rc == 0)
        rc = rst_image_new(&img, width, src->height, src->channels, err);
    for (int64_t y = 0; rc == 0 && y < src->height; y++)
        resize_row(&k, src->px + y * src->width * src->channels, width, src->channels,
                   img.px + y * width * src->channels);
    weights_free(&k);
    if (rc == 0)
        *out = img;
    return rc;
}

static int resize_height(const rst_image *src, int64_t height, rst_resize_filter filter,
                         rst_image *out, rst_error *err)
{
    const int64_t pitch = src->width * src->channels;
    weights k;
    rst_image img;
    int32_t *sum = rst__malloc((size_t)pitch * sizeof *sum);
    int rc =
        weights_make(&k, src->height, height, filter) && sum ? 0 : rst__fail_nomem(err, "resize");
    if (rc == 0)
        rc = rst_image_new(&img, src->width, height, src->channels, err);
    for (int64_t y = 0; rc == 0 && y < height; y++)
        resize_column(&k, src->px, y, pitch, sum, img.px + y * pitch);
    weights_free(&k);
    rst__free(sum);
    if (rc == 0)
        *out = img;
    return rc;
}

static int check_size(int64_t width, int64_t height, rst_error *err)
{
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
        return rst_fail(err, RST_EINVAL, "resize: a size of %lld x %lld", (long long)width,
                        (long long)height);
    return 0;
}

int rst__image_resize(const rst_image *src, int64_t width, int64_t height, rst_resize_filter filter,
                      rst_image *out, rst_error *err)
{
    rst_image wide, img;
    int rc = check_size(width, height, err);
    if (rc == 0)
        rc = resize_width(src, width, filter, &wide, err);
    if (rc < 0)
        return rc;
    rc = resize_height(&wide, height, filter, &img, err);
    rst_image_free(&wide);
    if (rc < 0)
        return rc;
    img.mpp = src->mpp * (double)src->width / (double)width;
    *out = img;
    return 0;
}

/* Floats ----------------------------------------------------------------------------------------
 */

/* Rows of src to rows of the new width. wide: [src->height][width][channels]. */
static void widen(const weights *k, const rst_image *src, int64_t width, float *wide)
{
    const int c = src->channels;
    for (int64_t y = 0; y < src->height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int ch = 0; ch < c; ch++) {
                const uint8_t *s = src->px + (y * src->width + k->first[x]) * c + ch;
                const double *w = k->real + x * k->taps;
                double sum = 0;
                for (int64_t i = 0; i < k->count[x]; i++)
                    sum += s[i * c] * w[i];
                *wide++ = (float)sum;
            }
}

static void lengthen(const weights *k, const float *wide, int64_t pitch, int64_t height, float *dst)
{
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < pitch; x++) {
            const float *s = wide + k->first[y] * pitch + x;
            const double *w = k->real + y * k->taps;
            double sum = 0;
            for (int64_t i = 0; i < k->count[y]; i++)
                sum += (double)s[i * pitch] * w[i];
            *dst++ = (float)sum;
        }
}

int rst__image_resize_float(const rst_image *src, int64_t width, int64_t height,
                            rst_resize_filter filter, float *dst, rst_error *err)
{
    const int rc = check_size(width, height, err);
    if (rc < 0)
        return rc;
    const int64_t pitch = width * src->channels;
    weights across = { 0 }, down = { 0 };
    float *wide = rst__malloc((size_t)(pitch * src->height) * sizeof *wide);
    const bool ok = wide && weights_make(&across, src->width, width, filter) &&
                    weights_make(&down, src->height, height, filter);
    if (ok) {
        widen(&across, src, width, wide);
        lengthen(&down, wide, pitch, height, dst);
    }
    weights_free(&across);
    weights_free(&down);
    rst__free(wide);
    return ok ? 0 : rst__fail_nomem(err, "resize");
}

int64_t rst__make_power_2(int64_t side, int64_t base)
{
    return (int64_t)rint((double)side / (double)base) * base;
}
