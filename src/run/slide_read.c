/* SPDX-License-Identifier: MIT */
/* Pixels of the picture that the network sees: of a level, or of a level made smaller. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "run/slide.h"

enum { STRIP = 32 }; /* rows made smaller at a time */

static int read_level(const rst_slide_job *j, int64_t x, int64_t y, int64_t w, int64_t h,
                      uint8_t *rgb, rst_error *err)
{
    const int64_t rows = RST_SLIDE_READ_MAX / w;
    for (int64_t at = 0; at < h; at += rows) {
        const int64_t n = rows < h - at ? rows : h - at;
        int rc = rst_slide_read(j->slide, j->level, x, y + at, w, n, rgb + at * w * 3, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Making smaller ---------------------------------------------------------------------------------
 */

/* Pixels of a level, w x h from (x, y). */
typedef struct patch {
    const uint8_t *px;
    int64_t x, y, w;
} patch;

static double overlap(double from, double to, int64_t cell)
{
    return fmin(to, (double)cell + 1) - fmax(from, (double)cell);
}

/* The mean over the area that pixel (x, y) of the picture covers; a function of x and y alone. */
static void area_mean(const patch *p, double f, int64_t x, int64_t y, uint8_t out[3])
{
    const double x0 = (double)x * f, x1 = (double)(x + 1) * f;
    const double y0 = (double)y * f, y1 = (double)(y + 1) * f;
    double sum[3] = { 0 }, all = 0;
    for (int64_t v = (int64_t)floor(y0); (double)v < y1; v++)
        for (int64_t u = (int64_t)floor(x0); (double)u < x1; u++) {
            const double k = overlap(x0, x1, u) * overlap(y0, y1, v);
            const uint8_t *px = p->px + ((v - p->y) * p->w + u - p->x) * 3;
            for (int c = 0; c < 3; c++)
                sum[c] += k * px[c];
            all += k;
        }
    for (int c = 0; c < 3; c++)
        out[c] = (uint8_t)(sum[c] / all + 0.5);
}

static int read_smaller(const rst_slide_job *j, int64_t x, int64_t y, int64_t w, int64_t h,
                        uint8_t *rgb, rst_error *err)
{
    const double f = j->shrink;
    const int64_t from = (int64_t)floor((double)x * f);
    const int64_t wide = (int64_t)ceil((double)(x + w) * f) - from;
    const int64_t most = (int64_t)ceil(STRIP * f) + 2;
    uint8_t *buf = rst__calloc((size_t)(wide * most), 3);
    int rc = buf ? 0 : rst__fail_nomem(err, "slide");
    for (int64_t at = 0; rc == 0 && at < h; at += STRIP) {
        const int64_t end = at + STRIP < h ? at + STRIP : h;
        const patch p = { buf, from, (int64_t)floor((double)(y + at) * f), wide };
        const int64_t high = (int64_t)ceil((double)(y + end) * f) - p.y;
        rc = read_level(j, from, p.y, wide, high, buf, err);
        for (int64_t v = at; rc == 0 && v < end; v++)
            for (int64_t u = 0; u < w; u++)
                area_mean(&p, f, x + u, y + v, rgb + (v * w + u) * 3);
    }
    rst__free(buf);
    return rc;
}

/* Beyond the border ------------------------------------------------------------------------------
 */

/* Where pixel i of a side of n comes from once it is padded to `all`. */
static int64_t source(int64_t i, int64_t n, int64_t all)
{
    if (i < n)
        return i;
    return all - n < n ? 2 * (n - 1) - i : n - 1;
}

/* rgb holds have_w x have_h pixels; spreads them to w x h. */
static void mirror(uint8_t *rgb, int64_t have_w, int64_t have_h, int64_t w, int64_t h)
{
    for (int64_t y = have_h - 1; y >= 0 && have_w < w; y--) {
        uint8_t *row = rgb + y * w * 3;
        memmove(row, rgb + y * have_w * 3, (size_t)(have_w * 3));
        for (int64_t x = have_w; x < w; x++)
            memcpy(row + x * 3, row + source(x, have_w, w) * 3, 3);
    }
    for (int64_t y = have_h; y < h; y++)
        memcpy(rgb + y * w * 3, rgb + source(y, have_h, h) * w * 3, (size_t)(w * 3));
}

int rst__slide_job_read(const rst_slide_job *j, int64_t x, int64_t y, int64_t w, int64_t h,
                        uint8_t *rgb, rst_error *err)
{
    const int64_t have_w = x + w < j->pic_w ? w : j->pic_w - x;
    const int64_t have_h = y + h < j->pic_h ? h : j->pic_h - y;
    int rc = j->shrink > 1 ? read_smaller(j, j->off_x + x, j->off_y + y, have_w, have_h, rgb, err)
                           : read_level(j, j->off_x + x, j->off_y + y, have_w, have_h, rgb, err);
    if (rc == 0)
        mirror(rgb, have_w, have_h, w, h);
    return rc;
}
