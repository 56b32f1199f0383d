/* SPDX-License-Identifier: MIT */
/* The test for seams: a region on two grids. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "run/slide.h"

enum { REGION = 2048, PIXELS_MAX = 1 << 26, CORE_A = 256, CORE_B = 384, LEAD_X = 80, LEAD_Y = 48 };

static int compute(const rst_slide_job *j, const rst_grid *g, float *out, rst_error *err)
{
    const size_t window = (size_t)(g->side_w * g->side_h);
    const int64_t pitch = (g->right - g->left) * 3;
    uint8_t *rgb = rst__calloc(window, 3);
    float *y = rst__calloc(window, 3 * sizeof *y);
    int rc = rgb && y ? 0 : rst__fail_nomem(err, "tiles of the slide");
    for (int64_t i = 0; rc == 0 && i < g->across * g->down; i++) {
        const rst_grid_cell c = rst__grid_cell(g, i % g->across, i / g->across);
        rc = rst__slide_job_read(j, c.wx, c.wy, g->side_w, g->side_h, rgb, err);
        if (rc == 0)
            rc = rst__slide_cell(j, g, &c, rgb, y,
                                 out + (c.y - g->top) * pitch + (c.x - g->left) * 3, pitch, err);
    }
    rst__free(rgb);
    rst__free(y);
    return rc;
}

/* Whether the pixels at - 1 and at of an axis belong to different cores. */
static bool is_edge(int64_t at, int64_t lead, int64_t core)
{
    return (at + lead) % core == 0;
}

typedef struct edges {
    double own, other; /* sums of |difference| over pairs at edges of one grid only */
} edges;

static double gradient(const float *v, int64_t step)
{
    double sum = 0;
    for (int c = 0; c < 3; c++)
        sum += fabs((double)v[c] - (double)v[c - step]);
    return sum;
}

/* The pair of values at v[i - step] and v[i], at an edge of grid a or of grid b. */
static void add_pair(edges *e, const float *a, const float *b, int64_t i, int64_t step, bool edge_a,
                     bool edge_b)
{
    if (edge_a == edge_b)
        return;
    e->own += gradient((edge_a ? a : b) + i, step);
    e->other += gradient((edge_a ? b : a) + i, step);
}

static double ratio(const rst_grid *g, const rst_grid *h, const float *a, const float *b)
{
    const int64_t w = g->right - g->left, rows = g->bottom - g->top;
    edges e = { 0 };
    for (int64_t y = 0; y < rows; y++)
        for (int64_t x = 0; x < w; x++) {
            const int64_t i = (y * w + x) * 3;
            if (x > 0)
                add_pair(&e, a, b, i, 3, is_edge(x, g->lead_x, g->core_w),
                         is_edge(x, h->lead_x, h->core_w));
            if (y > 0)
                add_pair(&e, a, b, i, w * 3, is_edge(y, g->lead_y, g->core_h),
                         is_edge(y, h->lead_y, h->core_h));
        }
    return e.own == e.other ? 1 : e.own / e.other;
}

static void compare(const rst_grid *g, const rst_grid *h, const float *a, const float *b,
                    rst_seam_report *r)
{
    r->width = g->right - g->left;
    r->height = g->bottom - g->top;
    r->values = r->width * r->height * 3;
    for (int64_t i = 0; i < r->values; i++) {
        r->differing += memcmp(&a[i], &b[i], sizeof *a) != 0;
        r->largest = fmax(r->largest, fabs((double)a[i] - (double)b[i]));
    }
    r->ratio = ratio(g, h, a, b);
    r->seamless = r->differing == 0 && fabs(r->ratio - 1) <= 0.02;
}

static void middle(int64_t *from, int64_t *to)
{
    const int64_t n = *to - *from;
    if (n <= REGION)
        return;
    *from += (n - REGION) / 2;
    *to = *from + REGION;
}

static int prepare(rst_slide_job *j, rst_error *err)
{
    int rc = rst__slide_job_open(j, err);
    if (rc == 0 && rst__tissue_facts(j->tissue).none)
        rc = rst_fail(err, RST_EINVAL, "%s: no tissue to test on", j->in);
    if (rc == 0 && j->o->width == 0) {
        middle(&j->left, &j->right);
        middle(&j->top, &j->bottom);
    }
    if (rc == 0 && (j->right - j->left) > PIXELS_MAX / (j->bottom - j->top))
        rc = rst_fail(err, RST_EINVAL, "--region: %lld x %lld pixels are too many to compare",
                      (long long)(j->right - j->left), (long long)(j->bottom - j->top));
    return rc == 0 ? rst__slide_job_calibrate(j, err) : rc;
}

static int test(rst_slide_job *j, int64_t offset, rst_seam_report *r, rst_error *err)
{
    int rc = prepare(j, err);
    if (rc < 0)
        return rc;
    const rst_grid g = rst__slide_job_grid(j, CORE_A, 0, 0, 0);
    const rst_grid h = rst__slide_job_grid(j, CORE_B, LEAD_X, LEAD_Y, offset);
    const size_t n = (size_t)((g.right - g.left) * (g.bottom - g.top));
    float *a = rst__calloc(n, 3 * sizeof *a), *b = rst__calloc(n, 3 * sizeof *b);
    rc = a && b ? compute(j, &g, a, err) : rst__fail_nomem(err, "the region to compare");
    if (rc == 0)
        rc = compute(j, &h, b, err);
    if (rc == 0)
        compare(&g, &h, a, b, r);
    rst__free(a);
    rst__free(b);
    return rc;
}

int rst_slide_seamtest(rst_model *m, const char *in, const rst_slide_job_options *o, int64_t offset,
                       rst_seam_report *r, rst_error *err)
{
    static const rst_slide_job_options usual = { 0 };
    rst_slide_job j = { .m = m, .in = in, .o = o ? o : &usual };
    if (j.o->stats == RST_SLIDE_STATS_EXACT)
        return rst_fail(err, RST_EINVAL, "--stats exact: one picture has no grid to test");
    if (offset < 0 || offset > 15)
        return rst_fail(err, RST_EINVAL, "--offset: %lld is not within 0..15", (long long)offset);
    *r = (rst_seam_report){ 0 };
    int rc = test(&j, offset, r, err);
    rst__slide_job_close(&j);
    return rc;
}
