/* SPDX-License-Identifier: MIT */
/* Scores of all pairs, and the agreement of the brown, as charts. */
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/err.h"
#include "image/scatter.h"
#include "run/report_parts.h"

enum { CHART_W = 360, CHART_H = 280, ACROSS = 3 };

static const rst_colour ground = { 1, 1, 1, 1 };

static rst_box chart(int i, int across)
{
    return (rst_box){ (double)(i % across) * CHART_W, (double)(i / across) * CHART_H, CHART_W,
                      CHART_H };
}

static int begin(rst_canvas **c, int charts, int across, rst_error *err)
{
    const int wide = charts < across ? charts : across;
    return rst__canvas_new(c, (int64_t)wide * CHART_W,
                           (int64_t)((charts + across - 1) / across) * CHART_H, ground, err);
}

static int end(rst_canvas *c, int rc, rst_image *out, rst_error *err)
{
    if (rc < 0) {
        rst__canvas_free(c);
        return rc;
    }
    return rst__canvas_finish(c, out, err);
}

/* One score of all runs: [runs][rows], owned; NULL without memory. */
static double *column(const rst_report *r, rst_score s)
{
    double *v = rst__calloc((size_t)(r->runs * r->rows), sizeof *v);
    for (int k = 0; v && k < r->runs; k++)
        for (int64_t i = 0; i < r->rows; i++)
            v[k * r->rows + i] = rst__report_row(r, k, i)->score[s];
    return v;
}

/* Distributions ---------------------------------------------------------------------------------
 */

static const rst_score shown[] = { RST_SCORE_SSIM,  RST_SCORE_PSNR,     RST_SCORE_LPIPS,
                                   RST_SCORE_DAB_R, RST_SCORE_DAB_BIAS, RST_SCORE_AREA_BIAS };
enum { SHOWN = sizeof shown / sizeof shown[0] };

static int draw_score(const rst_report *r, rst_canvas *c, rst_box where, rst_score s,
                      rst_error *err)
{
    const rst_score_info *info = rst_score_describe(s);
    const char *name[RST_RUNS_SHOWN];
    const double *of[RST_RUNS_SHOWN];
    int64_t n[RST_RUNS_SHOWN];
    char title[96];
    double *v = column(r, s);
    if (!v)
        return rst__fail_nomem(err, "a chart");
    for (int k = 0; k < r->runs; k++) {
        name[k] = r->run[k].name;
        of[k] = v + k * r->rows;
        n[k] = r->rows;
    }
    (void)snprintf(title, sizeof title, "%s%s%s%s", info->title, *info->unit ? ", " : "",
                   info->unit,
                   info->better > 0   ? " (more is better)"
                   : info->better < 0 ? " (less is better)"
                                      : "");
    const rst_spread p = { .title = title, .groups = r->runs, .name = name, .n = n, .v = of };
    const int rc = rst__spread_draw(c, where, &p, err);
    rst__free(v);
    return rc;
}

int rst__report_distributions(const rst_report *r, rst_image *out, rst_error *err)
{
    rst_score there[SHOWN];
    int charts = 0;
    for (int k = 0; k < SHOWN; k++)
        if (rst__report_has(r, rst_score_describe(shown[k])->metric))
            there[charts++] = shown[k];
    if (charts == 0)
        return 0;
    rst_canvas *c;
    int rc = begin(&c, charts, ACROSS, err);
    if (rc < 0)
        return rc;
    for (int k = 0; rc == 0 && k < charts; k++)
        rc = draw_score(r, c, chart(k, ACROSS), there[k], err);
    return end(c, rc, out, err);
}

/* Agreement -------------------------------------------------------------------------------------
 */

/* Real against virtual, and beside it the difference over the mean of both. */
static int draw_run(const rst_report *r, rst_canvas *c, int k, rst_error *err)
{
    const int64_t n = r->rows;
    double *real = rst__calloc((size_t)(4 * n), sizeof *real);
    int *colour = rst__calloc((size_t)n, sizeof *colour);
    if (!real || !colour) {
        rst__free(real);
        rst__free(colour);
        return rst__fail_nomem(err, "a chart");
    }
    double *virt = real + n, *mean = virt + n, *less = mean + n;
    for (int64_t i = 0; i < n; i++) {
        const rst_evaluation_row *row = rst__report_row(r, k, i);
        real[i] = row->score[RST_SCORE_DAB_REAL];
        virt[i] = row->score[RST_SCORE_DAB_VIRTUAL];
        mean[i] = (real[i] + virt[i]) / 2;
        less[i] = virt[i] - real[i];
        colour[i] = row->level < 0 ? 0 : row->level;
    }
    const rst_bland_altman *b = &rst_evaluation_group(r->run[k].e, 0)->dab;
    const rst_mark mark[] = { { b->bias, "bias", true },
                              { b->high, "+1.96 deviations", false },
                              { b->low, "-1.96 deviations", false } };
    char title[96], less_title[96];
    (void)snprintf(title, sizeof title, "%.40s: virtual DAB, r %.2f", r->run[k].name, b->r);
    (void)snprintf(less_title, sizeof less_title, "%.40s: virtual less real", r->run[k].name);
    const rst_scatter both = { title, "real DAB, mean of a picture", n, real, virt, colour, true, 0,
                               NULL };
    const rst_scatter difference = {
        less_title, "mean of real and virtual DAB", n, mean, less, colour, false, 3, mark
    };
    rst__scatter_draw(c, chart(2 * k, 2), &both);
    rst__scatter_draw(c, chart(2 * k + 1, 2), &difference);
    rst__free(real);
    rst__free(colour);
    return 0;
}

int rst__report_agreement(const rst_report *r, rst_image *out, rst_error *err)
{
    rst_canvas *c;
    if (!rst__report_has(r, RST_METRIC_STAIN))
        return 0;
    int rc = begin(&c, 2 * r->runs, 2, err);
    if (rc < 0)
        return rc;
    for (int k = 0; rc == 0 && k < r->runs; k++)
        rc = draw_run(r, c, k, err);
    return end(c, rc, out, err);
}
