/* SPDX-License-Identifier: MIT */
/* A report's folder: which pairs are shown, its figures, its page. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <restain/slide.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "run/report_parts.h"

enum { PATH = 4096, CASES = 64 };

/* Rows and their pictures -----------------------------------------------------------------------
 */

static int64_t find(const rst_evaluation *e, const char *name, int64_t guess)
{
    const int64_t n = rst_evaluation_describe(e).rows;
    for (int64_t k = 0; k < n; k++) {
        const int64_t i = (guess + k) % n;
        if (strcmp(rst_evaluation_row_at(e, i)->name, name) == 0)
            return i;
    }
    return -1;
}

static int match(rst_report *r, rst_error *err)
{
    r->rows = rst_evaluation_describe(r->run[0].e).rows;
    r->row = rst__calloc((size_t)(r->runs * r->rows), sizeof *r->row);
    if (!r->row)
        return rst__fail_nomem(err, "report");
    for (int k = 0; k < r->runs; k++)
        for (int64_t i = 0; i < r->rows; i++) {
            const char *name = rst_evaluation_row_at(r->run[0].e, i)->name;
            const int64_t at = find(r->run[k].e, name, i);
            if (at < 0)
                return rst_fail(err, RST_EINVAL, "%s: no picture %s, which %s has", r->run[k].name,
                                name, r->run[0].name);
            r->row[k * r->rows + i] = at;
        }
    return 0;
}

/* The H&E of every row, in the order of rows. */
static int list_he(rst_report *r, const char *folder, rst_error *err)
{
    rst_file_list want = { 0 };
    if (rst_evaluation_describe(r->run[0].e).slides)
        return rst_fail(err, RST_EINVAL,
                        "%s: H&E is shown beside pictures, not beside tiles of slides", folder);
    int rc = rst__files_walk(&r->he, folder, err);
    if (rc == 0)
        rc = rst__files_begin(&want, rst_evaluation_describe(r->run[0].e).real, err);
    for (int64_t i = 0; rc == 0 && i < r->rows; i++) {
        char file[PATH]; /* a name may have dots of its own */
        (void)snprintf(file, sizeof file, "%s.png", rst__report_row(r, 0, i)->name);
        rc = rst__files_add(&want, file, err);
    }
    if (rc == 0)
        rc = rst__files_pair(&want, &r->he, err);
    rst__files_free(&want);
    return rc;
}

int rst__report_open(rst_report *r, const rst_report_run *run, int runs, const char *he,
                     const rst_image_read_options *read, rst_error *err)
{
    if (runs < 1 || runs > RST_RUNS_SHOWN)
        return rst_fail(err, RST_EINVAL, "a report shows 1 to %d runs, not %d", RST_RUNS_SHOWN,
                        runs);
    r->run = run;
    r->runs = runs;
    r->read = *read;
    int rc = match(r, err);
    return rc == 0 && he ? list_he(r, he, err) : rc;
}

void rst__report_close(rst_report *r)
{
    rst__files_free(&r->he);
    rst__free(r->row);
}

const rst_evaluation_row *rst__report_row(const rst_report *r, int k, int64_t i)
{
    return rst_evaluation_row_at(r->run[k].e, r->row[k * r->rows + i]);
}

static int read_tile(const char *path, const rst_evaluation_row *row, rst_image *out,
                     rst_error *err)
{
    rst_slide *s;
    int rc = rst_slide_open(&s, path, NULL, err);
    if (rc < 0)
        return rc;
    rc = rst_image_new(out, row->width, row->height, 3, err);
    if (rc == 0)
        rc = rst_slide_read(s, 0, row->x, row->y, row->width, row->height, out->px, err);
    rst_slide_close(s);
    return rc;
}

int rst__report_read(const rst_report *r, int64_t i, int which, rst_image *out, rst_error *err)
{
    const rst_evaluation_row *row = rst__report_row(r, which < 0 ? 0 : which, i);
    const char *path = which == RST__REPORT_HE     ? r->he.item[i].path
                       : which == RST__REPORT_REAL ? row->real
                                                   : row->fake;
    if (rst_evaluation_describe(r->run[0].e).slides)
        return read_tile(path, row, out, err);
    int rc = rst_image_read(out, path, &r->read, err);
    return rc < 0 ? rc : rst_image_require_channels(out, path, 3, err);
}

bool rst__report_has(const rst_report *r, rst_metric m)
{
    for (int k = 0; k < r->runs; k++)
        if (!rst_evaluation_metric(r->run[k].e, m)->done)
            return false;
    return true;
}

int rst__report_ranking(const rst_report *r)
{
    static const rst_score by[] = { RST_SCORE_SSIM, RST_SCORE_LPIPS, RST_SCORE_PSNR,
                                    RST_SCORE_DAB_BIAS };
    for (size_t k = 0; k < sizeof by / sizeof by[0]; k++)
        if (rst__report_has(r, rst_score_describe(by[k])->metric))
            return (int)by[k];
    return -1;
}

/* Which pairs are shown -------------------------------------------------------------------------
 */

typedef struct ranked {
    double worse; /* the larger, the worse */
    int64_t row;
} ranked;

static int from_the_worst(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->worse != y->worse)
        return x->worse < y->worse ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

/* How bad a row is by a score, over all runs. What is not a number is worst of all. */
static double badness(const rst_report *r, rst_score s, int64_t i)
{
    const int better = rst_score_describe(s)->better;
    double sum = 0;
    for (int k = 0; k < r->runs; k++) {
        const double v = rst__report_row(r, k, i)->score[s];
        sum += better == 0 ? fabs(v) : -better * v;
    }
    return isnan(sum) ? (double)INFINITY : sum;
}

static int rank(const rst_report *r, rst_score s, ranked **out, rst_error *err)
{
    ranked *list = rst__calloc((size_t)r->rows, sizeof *list);
    if (!list)
        return rst__fail_nomem(err, "report");
    for (int64_t i = 0; i < r->rows; i++)
        list[i] = (ranked){ badness(r, s, i), i };
    qsort(list, (size_t)r->rows, sizeof *list, from_the_worst);
    *out = list;
    return 0;
}

/* Pictures --------------------------------------------------------------------------------------
 */

typedef struct page {
    const char *dir;
    rst_report r;
    int cases;
    rst_report_picture picture[8];
    int pictures;
    bool charts; /* those are being added */
} page;

/* Writes a picture and keeps the file for the page. What was not drawn (nothing to show) is passed
 * over. */
static int add_picture(page *p, rst_image *img, const char *file, const char *title,
                       const char *text, rst_error *err)
{
    char path[PATH];
    void *png = NULL;
    size_t bytes = 0;
    if (!img->px)
        return 0;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", p->dir, file) >= sizeof path)
        return rst_fail(err, RST_EINVAL, "%.60s...: the name is too long", p->dir);
    int rc = rst_image_write(path, img, NULL, err);
    if (rc == 0)
        rc = rst__file_read(path, (size_t)1 << 30, &png, &bytes, err);
    if (rc == 0)
        p->picture[p->pictures++] =
            (rst_report_picture){ file, title, text, p->charts, img->width, png, bytes };
    rst_image_free(img);
    return rc;
}

static int add_figure(page *p, const ranked *list, int64_t first, double step, const char *file,
                      const char *title, const char *text, rst_error *err)
{
    int64_t row[CASES];
    rst_image img = RST_IMAGE_INIT;
    for (int k = 0; k < p->cases; k++)
        row[k] = list[first + (int64_t)((double)k * step)].row;
    int rc = rst__report_figure(&p->r, row, p->cases, &img, err);
    return rc < 0 ? rc : add_picture(p, &img, file, title, text, err);
}

static int add_figures(page *p, rst_error *err)
{
    const int64_t n = p->r.rows, last = n - p->cases;
    const int by = rst__report_ranking(&p->r);
    ranked *list = NULL;
    if (by < 0)
        return 0;
    int rc = rank(&p->r, (rst_score)by, &list, err);
    if (rc == 0 && last <= 0)
        rc = add_figure(p, list, 0, 1, "typical.png", "All pairs",
                        "From the worst to the best by the ranking score, over all runs.", err);
    if (rc == 0 && last > 0)
        rc = add_figure(p, list, 0, p->cases > 1 ? (double)(n - 1) / (p->cases - 1) : 1,
                        "typical.png", "Pairs from all over the ranking",
                        "Evenly spread from the worst to the best by the ranking score, so that "
                        "nobody chose them.",
                        err);
    if (rc == 0 && last > 0)
        rc = add_figure(p, list, 0, 1, "worst.png", "The worst", "The lowest of the ranking.", err);
    if (rc == 0 && last > 0)
        rc = add_figure(p, list, last, 1, "best.png", "The best", "The top of the ranking.", err);
    rst__free(list);
    list = NULL;
    if (rc == 0 && last > 0 && rst__report_has(&p->r, RST_METRIC_STAIN)) {
        rc = rank(&p->r, RST_SCORE_DAB_BIAS, &list, err);
        if (rc == 0)
            rc = add_figure(
                p, list, 0, 1, "brown.png", "Where the brown is furthest off",
                "The pairs with the largest difference of mean DAB, whichever its sign.", err);
        rst__free(list);
    }
    return rc;
}

static int add_charts(page *p, rst_error *err)
{
    rst_image img = RST_IMAGE_INIT;
    p->charts = true;
    int rc = rst__report_distributions(&p->r, &img, err);
    if (rc == 0)
        rc = add_picture(
            p, &img, "distributions.png", "Scores of all pairs",
            "A point is a pair; boxes go from quartile to quartile, lines are medians.", err);
    if (rc == 0)
        rc = rst__report_agreement(&p->r, &img, err);
    if (rc == 0)
        rc = add_picture(p, &img, "agreement.png", "Agreement of the brown",
                         "A point is a pair: its mean DAB optical density, real and virtual, and "
                         "their difference after "
                         "Bland and Altman. Colours are HER2 levels where names tell them: blue 0, "
                         "red 1+, green 2+, "
                         "pink 3+.",
                         err);
    p->charts = false;
    return rc;
}

static int write_text(const page *p, const char *file, rst_str *text, rst_error *err)
{
    char path[PATH];
    int rc = text->failed ? rst__fail_nomem(err, file) : 0;
    if (rc == 0 && (size_t)snprintf(path, sizeof path, "%s/%s", p->dir, file) >= sizeof path)
        rc = rst_fail(err, RST_EINVAL, "%.60s...: the name is too long", p->dir);
    if (rc == 0)
        rc = rst__file_write(path, text->s, text->len, err);
    rst__str_free(text);
    return rc;
}

static int write_all(page *p, rst_error *err)
{
    rst_str tex = rst__str((size_t)1 << 24), html = rst__str((size_t)1 << 30);
    int rc = rst__mkdirs(p->dir, err);
    if (rc == 0)
        rc = add_charts(p, err);
    if (rc == 0)
        rc = add_figures(p, err);
    if (rc < 0)
        return rc;
    rst__report_latex(&p->r, &tex);
    rc = write_text(p, "tables.tex", &tex, err);
    if (rc < 0)
        return rc;
    rst__report_html(&p->r, p->picture, p->pictures, &html);
    return write_text(p, "index.html", &html, err);
}

int rst_report_write(const char *dir, const rst_report_run *run, int runs,
                     const rst_report_options *o, rst_error *err)
{
    static const rst_report_options usual = { 0 };
    page p = { .dir = dir };
    o = o ? o : &usual;
    if (o->cases < 0 || o->cases > CASES)
        return rst_fail(err, RST_EINVAL, "a figure has 1 to %d cases, not %d", CASES, o->cases);
    int rc = rst__report_open(&p.r, run, runs, o->he, &o->read, err);
    const int cases = o->cases ? o->cases : 4;
    p.cases = p.r.rows < cases ? (int)p.r.rows : cases;
    if (rc == 0)
        rc = write_all(&p, err);
    for (int i = 0; i < p.pictures; i++)
        rst__free(p.picture[i].png);
    rst__report_close(&p.r);
    return rc;
}
