/* SPDX-License-Identifier: MIT */
#include "slide/tissue.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "image/stain.h"

enum { BINS = 256, PIXELS_MAX = 1 << 26 };

/* A saturation of 1 and an optical density of 1 fall into the last bin. */
static const double saturation_range[2] = { 0.05, 0.12 }, density_range[2] = { 0.03, 0.08 };

struct rst_tissue {
    int64_t across, down;  /* of the overview */
    int64_t width, height; /* of the slide */
    uint8_t *mask;         /* owned */
    uint32_t *sums;        /* owned: (down + 1) x (across + 1), tissue above and left of a corner */
    rst_tissue_facts facts;
};

static double saturation(const uint8_t *p)
{
    const int hi = p[0] > p[1] ? (p[0] > p[2] ? p[0] : p[2]) : (p[1] > p[2] ? p[1] : p[2]);
    const int lo = p[0] < p[1] ? (p[0] < p[2] ? p[0] : p[2]) : (p[1] < p[2] ? p[1] : p[2]);
    return hi ? (double)(hi - lo) / hi : 0;
}

static double density(const double od[256], const uint8_t *p)
{
    return (od[p[0]] + od[p[1]] + od[p[2]]) / 3;
}

static int bin_of(double v)
{
    const int b = (int)(v * BINS);
    return b < 0 ? 0 : b >= BINS ? BINS - 1 : b;
}

/* The lower border of the upper class that makes the variance between the classes largest, as a
 * value; the middle of the gap where several borders do. */
static double otsu(const int64_t hist[BINS])
{
    double n = 0, total = 0, below = 0, below_total = 0, best = 0;
    int first = 0, last = 0;
    for (int i = 0; i < BINS; i++) {
        n += (double)hist[i];
        total += (double)hist[i] * i;
    }
    for (int i = 0; i + 1 < BINS; i++) {
        below += (double)hist[i];
        below_total += (double)hist[i] * i;
        if (below == 0 || below == n)
            continue;
        const double gap = below_total / below - (total - below_total) / (n - below);
        const double between = below * (n - below) * gap * gap;
        if (between > best * (1 + 1e-12)) {
            best = between;
            first = last = i + 1;
        } else if (between >= best * (1 - 1e-12) && last == i) {
            last = i + 1;
        }
    }
    return (first + last) / 2.0 / BINS;
}

static double within(double v, const double range[2])
{
    return v < range[0] ? range[0] : v > range[1] ? range[1] : v;
}

static void threshold(rst_tissue *t, const rst_image *img)
{
    const int64_t n = t->across * t->down;
    int64_t of_saturation[BINS] = { 0 }, of_density[BINS] = { 0 };
    double od[256];
    rst__density_table(255, od);
    for (int64_t i = 0; i < n; i++) {
        of_saturation[bin_of(saturation(img->px + 3 * i))]++;
        of_density[bin_of(density(od, img->px + 3 * i))]++;
    }
    t->facts.saturation = within(otsu(of_saturation), saturation_range);
    t->facts.density = within(otsu(of_density), density_range);
    for (int64_t i = 0; i < n; i++)
        t->mask[i] = saturation(img->px + 3 * i) >= t->facts.saturation &&
                     density(od, img->px + 3 * i) >= t->facts.density;
}

/* Marks in `seen` and lists in `queue` the pixels that hang together with `start` and have its
 * value; tissue hangs together over corners, paper does not. *border: one is at the edge. */
static int64_t flood(const rst_tissue *t, int32_t start, uint8_t *seen, int32_t *queue,
                     bool *border)
{
    static const int8_t step[8][2] = { { 1, 0 }, { -1, 0 }, { 0, 1 },  { 0, -1 },
                                       { 1, 1 }, { 1, -1 }, { -1, 1 }, { -1, -1 } };
    const uint8_t value = t->mask[start];
    int64_t n = 0;
    *border = false;
    queue[n++] = start;
    seen[start] = 1;
    for (int64_t i = 0; i < n; i++) {
        const int64_t x = queue[i] % t->across, y = queue[i] / t->across;
        *border = *border || x == 0 || y == 0 || x + 1 == t->across || y + 1 == t->down;
        for (int k = 0; k < (value ? 8 : 4); k++) {
            const int64_t u = x + step[k][0], v = y + step[k][1], at = v * t->across + u;
            if (u < 0 || v < 0 || u >= t->across || v >= t->down || seen[at] ||
                t->mask[at] != value)
                continue;
            seen[at] = 1;
            queue[n++] = (int32_t)at;
        }
    }
    return n;
}

/* Turns pieces of `value` smaller than `pixels` into the other kind. Paper at the border may be the
 * corner of more, so it only counts as a hole when it is a speck of the overview. */
static void drop_pieces(rst_tissue *t, uint8_t value, double pixels, uint8_t *seen, int32_t *queue)
{
    const int64_t n = t->across * t->down;
    memset(seen, 0, (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        bool border;
        if (seen[i] || t->mask[i] != value)
            continue;
        const int64_t size = flood(t, (int32_t)i, seen, queue, &border);
        if ((double)size >= pixels || (border && !value && size > n / 100))
            continue;
        for (int64_t k = 0; k < size; k++)
            t->mask[queue[k]] = !value;
    }
}

/* Grows a line of n pixels, `step` apart, by r each way; tmp holds n. */
static void grow_line(uint8_t *line, int64_t n, int64_t step, int64_t r, uint8_t *tmp)
{
    for (int64_t i = 0; i < n; i++)
        tmp[i] = line[i * step];
    for (int64_t i = 0, until = -1; i < n + r; i++) { /* i runs r ahead of what is written */
        if (i < n && tmp[i])
            until = i + r;
        if (i >= r)
            line[(i - r) * step] = i - r <= until;
    }
}

static void grow(rst_tissue *t, int64_t r, uint8_t *tmp)
{
    for (int64_t y = 0; y < t->down; y++)
        grow_line(t->mask + y * t->across, t->across, 1, r, tmp);
    for (int64_t x = 0; x < t->across; x++)
        grow_line(t->mask + x, t->down, t->across, r, tmp);
}

static int64_t count(const rst_tissue *t)
{
    int64_t n = 0;
    for (int64_t i = 0; i < t->across * t->down; i++)
        n += t->mask[i];
    return n;
}

static void sum_up(rst_tissue *t)
{
    const int64_t pitch = t->across + 1;
    for (int64_t y = 0; y < t->down; y++) {
        uint32_t row = 0;
        for (int64_t x = 0; x < t->across; x++) {
            row += t->mask[y * t->across + x];
            t->sums[(y + 1) * pitch + x + 1] = t->sums[y * pitch + x + 1] + row;
        }
    }
}

static int find(rst_tissue *t, const rst_image *img, double mpp, const rst_tissue_options *o,
                rst_error *err)
{
    const size_t n = (size_t)(t->across * t->down);
    const double hole = o->hole_um2 == 0 ? 50000 : o->hole_um2;
    const double speck = o->speck_um2 == 0 ? 10000 : o->speck_um2;
    t->mask = rst__malloc(n);
    t->sums = rst__calloc((size_t)(t->across + 1) * (size_t)(t->down + 1), sizeof *t->sums);
    int32_t *queue = rst__malloc(n * sizeof *queue);
    uint8_t *seen = rst__malloc(n);
    int rc = 0;
    if (t->mask && t->sums && queue && seen) {
        threshold(t, img);
        drop_pieces(t, 0, hole / (mpp * mpp), seen, queue);
        drop_pieces(t, 1, speck / (mpp * mpp), seen, queue);
        const double found = (double)count(t);
        t->facts.share = found / (double)n;
        t->facts.area_mm2 = found * mpp * mpp / 1e6;
        t->facts.none = found == 0;
        t->facts.all = found == (double)n;
        const double r = ceil(o->dilate_um / mpp);
        if (r >= 1) {
            const double most = (double)(t->across > t->down ? t->across : t->down);
            grow(t, (int64_t)(r < most ? r : most), (uint8_t *)queue);
        }
        sum_up(t);
    } else {
        rc = rst__fail_nomem(err, "tissue mask");
    }
    rst__free(queue);
    rst__free(seen);
    return rc;
}

int rst__tissue_new(rst_tissue **out, const rst_image *overview, double mpp, int64_t width,
                    int64_t height, const rst_tissue_options *o, rst_error *err)
{
    if (overview->channels != 3 || overview->width < 1 || overview->height < 1 ||
        overview->width > PIXELS_MAX / overview->height)
        return rst_fail(err, RST_EINVAL, "tissue mask: an overview of %lld x %lld x %d",
                        (long long)overview->width, (long long)overview->height,
                        overview->channels);
    if (!(mpp > 0 && mpp < 1e9) || width < 1 || height < 1)
        return rst_fail(err, RST_EINVAL,
                        "tissue mask: %g micrometres per overview pixel of a slide of %lld x %lld",
                        mpp, (long long)width, (long long)height);
    rst_tissue *t = rst__calloc(1, sizeof *t);
    if (!t)
        return rst__fail_nomem(err, "tissue mask");
    t->across = overview->width;
    t->down = overview->height;
    t->width = width;
    t->height = height;
    int rc = find(t, overview, mpp, o ? o : &(rst_tissue_options){ 0 }, err);
    if (rc < 0)
        rst__tissue_free(t);
    else
        *out = t;
    return rc;
}

void rst__tissue_free(rst_tissue *t)
{
    if (!t)
        return;
    rst__free(t->mask);
    rst__free(t->sums);
    rst__free(t);
}

rst_tissue_facts rst__tissue_facts(const rst_tissue *t)
{
    return t->facts;
}

const uint8_t *rst__tissue_mask(const rst_tissue *t)
{
    return t->mask;
}

/* Pixels from..to of `side` slide pixels as pixels of the overview: *first..*end - 1. */
static void project(int64_t from, int64_t n, int64_t side, int64_t cells, int64_t *first,
                    int64_t *end)
{
    const int64_t a = from < 0 ? 0 : from > side ? side : from;
    int64_t b = n > 0 && from <= side ? from + (n < side - from ? n : side - from) : a;
    b = b < a ? a : b;
    const double scale = (double)cells / (double)side;
    *first = (int64_t)floor((double)a * scale);
    *end = b > a ? (int64_t)ceil((double)b * scale) : *first;
    *first = *first < cells ? *first : cells;
    *end = *end < cells ? *end : cells;
}

double rst__tissue_cover(const rst_tissue *t, int64_t x, int64_t y, int64_t w, int64_t h)
{
    int64_t x0, x1, y0, y1;
    project(x, w, t->width, t->across, &x0, &x1);
    project(y, h, t->height, t->down, &y0, &y1);
    if (x1 <= x0 || y1 <= y0)
        return 0;
    const int64_t pitch = t->across + 1;
    const uint32_t *s = t->sums;
    const uint32_t n =
        s[y1 * pitch + x1] - s[y0 * pitch + x1] - s[y1 * pitch + x0] + s[y0 * pitch + x0];
    return (double)n / (double)((x1 - x0) * (y1 - y0));
}

bool rst__tissue_touches(const rst_tissue *t, int64_t x, int64_t y, int64_t w, int64_t h)
{
    return rst__tissue_cover(t, x, y, w, h) > 0;
}

/* Sums of differences and their number: [0] inside tiles, [1] across a tile's edge. */
typedef struct edge_sums {
    int64_t sum[2], n[2];
} edge_sums;

static void compare(edge_sums *e, bool edge, const uint8_t *a, const uint8_t *b, int channels)
{
    for (int c = 0; c < channels; c++)
        e->sum[edge] += abs(a[c] - b[c]);
    e->n[edge] += channels;
}

double rst__edge_ratio(const rst_image *img, int64_t tile)
{
    const int ch = img->channels;
    edge_sums e = { { 0 }, { 0 } };
    for (int64_t y = 0; y < img->height && tile > 0; y++)
        for (int64_t x = 0; x < img->width; x++) {
            const uint8_t *p = img->px + (y * img->width + x) * ch;
            if (x + 1 < img->width)
                compare(&e, (x + 1) % tile == 0, p, p + ch, ch);
            if (y + 1 < img->height)
                compare(&e, (y + 1) % tile == 0, p, p + img->width * ch, ch);
        }
    if (!e.n[0] || !e.n[1] || !e.sum[0])
        return 0;
    return ((double)e.sum[1] / (double)e.n[1]) / ((double)e.sum[0] / (double)e.n[0]);
}
