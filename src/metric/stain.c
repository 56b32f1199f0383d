/* SPDX-License-Identifier: MIT */
/* How well the brown of two images agrees. */
#include <math.h>
#include <string.h>

#include <restain/metric.h>

#include "base/alloc.h"
#include "base/err.h"
#include "image/stain.h"
#include "metric/pair.h"
#include "metric/stain.h"

enum { DAB = 1, PIECE = 1 << 14, BLOCK = 256, LANES = 4 };

static const double WHITE = 255, POSITIVE = 0.15, TISSUE = 0.05, LEVEL_SHARE = 0.1;
static const double intensity[RST_STAIN_LEVELS - 1] = { 0.2, 0.4, 0.6 };

/* Pure red has a density of -1.68 ..., yellow one of 3.69: all have a bin. */
static const double FIRST_BIN = -1.7, BINS_PER_UNIT = 750;

/* Densities by pixel value. */
typedef struct tables {
    double dab[3][256], mean[256];
} tables;

/* Densities of some pixels. Past the last one zeros, which add nothing. */
typedef struct block {
    double dab[BLOCK], mean[BLOCK];
} block;

static void make_tables(tables *t)
{
    const rst_stains s = rst__stains(RST_STAINS_HDAB);
    rst__stain_table(&s, DAB, WHITE, t->dab);
    rst__density_table(WHITE, t->mean);
    for (int i = 0; i < 256; i++)
        t->mean[i] /= 3;
}

/* Looking up is a pixel at a time, adding up below is not. */
static void look_up(const tables *t, const uint8_t *p, int n, block *b, int64_t *bin)
{
    for (int i = 0; i < n; i++, p += 3) {
        const double od = t->dab[0][p[0]] + t->dab[1][p[1]] + t->dab[2][p[2]];
        b->dab[i] = od;
        b->mean[i] = t->mean[p[0]] + t->mean[p[1]] + t->mean[p[2]];
        if (bin)
            bin[(int)((od - FIRST_BIN) * BINS_PER_UNIT)]++;
    }
    for (int i = n; i < BLOCK; i++)
        b->dab[i] = b->mean[i] = 0;
}

/* The sum of a[i] * b[i], or of a[i]. */
static double sum_of(const double *a, const double *b)
{
    double sum[LANES] = { 0 };
    for (int i = 0; i < BLOCK; i += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] += b ? a[i + k] * b[i + k] : a[i + k];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void add_side(const block *b, rst_stain_side *s)
{
    int64_t positive = 0, tissue = 0, above[RST_STAIN_LEVELS - 1] = { 0 };
    for (int i = 0; i < BLOCK; i++) {
        const int64_t is = b->mean[i] >= TISSUE;
        tissue += is;
        positive += b->dab[i] > POSITIVE;
        above[0] += is & (b->dab[i] >= intensity[0]);
        above[1] += is & (b->dab[i] >= intensity[1]);
        above[2] += is & (b->dab[i] >= intensity[2]);
    }
    s->sum += sum_of(b->dab, NULL);
    s->sum2 += sum_of(b->dab, b->dab);
    s->positive += positive;
    s->tissue += tissue;
    for (int k = 0; k < RST_STAIN_LEVELS - 1; k++)
        s->above[k] += above[k];
}

static void merge_side(rst_stain_side *into, const rst_stain_side *from)
{
    into->sum += from->sum;
    into->sum2 += from->sum2;
    into->positive += from->positive;
    into->tissue += from->tissue;
    for (int i = 0; i < RST_STAIN_LEVELS - 1; i++)
        into->above[i] += from->above[i];
}

void rst_stain_merge(rst_stain_sums *into, const rst_stain_sums *from)
{
    into->pixels += from->pixels;
    into->cross += from->cross;
    merge_side(&into->real, &from->real);
    merge_side(&into->fake, &from->fake);
}

static void add_piece(const tables *t, const uint8_t *real, const uint8_t *fake, int64_t n,
                      rst_stain_sums *s, int64_t (*bins)[RST__STAIN_BINS])
{
    block x, y;
    s->pixels += n;
    for (int64_t at = 0; at < n; at += BLOCK) {
        const int some = n - at < BLOCK ? (int)(n - at) : BLOCK;
        look_up(t, real + 3 * at, some, &x, bins ? bins[0] : NULL);
        look_up(t, fake + 3 * at, some, &y, bins ? bins[1] : NULL);
        add_side(&x, &s->real);
        add_side(&y, &s->fake);
        s->cross += sum_of(x.dab, y.dab);
    }
}

/* Pieces of fixed size, added in order: the same bits for any number of threads. */
int rst__stain_add(rst_stain_sums *s, int64_t (*bins)[RST__STAIN_BINS], const rst_image *real,
                   const rst_image *fake, rst_error *err)
{
    const int rc = rst__image_pair(real, fake, "stain agreement", err);
    if (rc < 0)
        return rc;
    const int64_t n = real->width * real->height, pieces = (n + PIECE - 1) / PIECE;
    rst_stain_sums *part = rst__calloc((size_t)pieces, sizeof *part);
    if (!part)
        return rst__fail_nomem(err, "stain agreement");
    tables t;
    make_tables(&t);
#pragma omp parallel for if (pieces > 1 && !bins) /* bins are shared */
    for (int64_t p = 0; p < pieces; p++) {
        const int64_t at = p * PIECE, left = n - at;
        add_piece(&t, real->px + 3 * at, fake->px + 3 * at, left < PIECE ? left : PIECE, &part[p],
                  bins);
    }
    for (int64_t p = 0; p < pieces; p++)
        rst_stain_merge(s, &part[p]);
    rst__free(part);
    return 0;
}

int rst_stain_add(rst_stain_sums *s, const rst_image *real, const rst_image *fake, rst_error *err)
{
    return rst__stain_add(s, NULL, real, fake, err);
}

/* Spread --------------------------------------------------------------------------------------- */

double rst__stain_quantile(const int64_t bin[RST__STAIN_BINS], double p)
{
    int64_t total = 0, below = 0;
    for (int k = 0; k < RST__STAIN_BINS; k++)
        total += bin[k];
    for (int k = 0; k < RST__STAIN_BINS; below += bin[k++]) {
        const double due = p * (double)total - (double)below;
        if (bin[k] > 0 && due <= (double)bin[k])
            return FIRST_BIN + (k + due / (double)bin[k]) / BINS_PER_UNIT;
    }
    return (double)NAN;
}

/* Results -------------------------------------------------------------------------------------- */

static int level(const rst_stain_side *s)
{
    for (int i = RST_STAIN_LEVELS - 1; i > 0; i--)
        if ((double)s->above[i - 1] > LEVEL_SHARE * (double)s->tissue)
            return i;
    return 0;
}

static rst_stain_facts facts(const rst_stain_side *s, int64_t pixels)
{
    const double n = (double)pixels, none = (double)NAN;
    return (rst_stain_facts){ .mean = pixels ? s->sum / n : none,
                              .positive = pixels ? (double)s->positive / n : none,
                              .tissue = pixels ? (double)s->tissue / n : none,
                              .level = level(s) };
}

/* Sum of squared deviations from the mean; 0 where only rounding is left of it. */
static double spread(const rst_stain_side *s, double n)
{
    const double v = s->sum2 - s->sum * s->sum / n;
    return v > 1e-12 * s->sum2 ? v : 0;
}

rst_stain_agreement rst_stain_result(const rst_stain_sums *s)
{
    const double n = (double)s->pixels;
    rst_stain_agreement a = { .real = facts(&s->real, s->pixels),
                              .fake = facts(&s->fake, s->pixels),
                              .r = (double)NAN };
    a.bias = a.fake.mean - a.real.mean;
    const double x = s->pixels ? spread(&s->real, n) : 0, y = s->pixels ? spread(&s->fake, n) : 0;
    if (x > 0 && y > 0)
        a.r = fmax(-1, fmin(1, (s->cross - s->real.sum * s->fake.sum / n) / sqrt(x * y)));
    return a;
}
