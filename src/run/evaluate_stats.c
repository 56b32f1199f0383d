/* SPDX-License-Identifier: MIT */
/* From an evaluation's rows to what tables show: means, intervals, agreement. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/sorted.h"
#include "run/evaluate_parts.h"

static const double INTERVAL = 0.95, LIMITS = 1.96;
static const double quantile_at[RST_QUANTILES] = { 0.05, 0.25, 0.5, 0.75, 0.95 };

/* Numbers ---------------------------------------------------------------------------------------
 */

static double mean_of(const double *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += v[i];
    return sum / (double)n;
}

static double deviation_of(const double *v, int64_t n, double mean)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (v[i] - mean) * (v[i] - mean);
    return sqrt(sum / (double)(n - 1)); /* NaN for one, or with infinite ones */
}

int rst__eval_interval(const double *v, int64_t n, uint64_t seed, int resamples, double *low,
                       double *high)
{
    rst_rng r = rst__rng(seed, "bootstrap");
    double *mean = rst__malloc((size_t)resamples * sizeof *mean);
    if (!mean)
        return RST_ENOMEM;
    for (int k = 0; k < resamples; k++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += v[rst__rng_below(&r, n)];
        mean[k] = sum / (double)n;
    }
    rst__sort(mean, resamples);
    *low = rst__quantile(mean, resamples, (1 - INTERVAL) / 2);
    *high = rst__quantile(mean, resamples, (1 + INTERVAL) / 2);
    rst__free(mean);
    return 0;
}

/* Groups ----------------------------------------------------------------------------------------
 */

/* The rows of a group, and room for a number of each. */
typedef struct member {
    const rst_evaluation_row **row;
    int64_t n;
    double *v, *w;
} member;

static int64_t gather(const member *m, rst_score s, double *v)
{
    int64_t n = 0;
    for (int64_t i = 0; i < m->n; i++)
        if (!isnan(m->row[i]->score[s]))
            v[n++] = m->row[i]->score[s];
    return n;
}

static int summarise(const member *m, rst_score s, const rst_evaluation_facts *f,
                     rst_score_summary *out)
{
    const double none = (double)NAN;
    *out = (rst_score_summary){ gather(m, s, m->v), none, none, none, none, none };
    if (out->n == 0)
        return 0;
    out->mean = mean_of(m->v, out->n);
    if (out->n > 1) {
        out->deviation = deviation_of(m->v, out->n, out->mean);
        if (rst__eval_interval(m->v, out->n, f->seed, f->resamples, &out->low, &out->high) < 0)
            return RST_ENOMEM;
    }
    out->median = rst__median(m->v, out->n);
    return 0;
}

/* NaN where one side is constant but for rounding. */
static double pearson(const double *x, const double *y, int64_t n)
{
    const double mx = mean_of(x, n), my = mean_of(y, n);
    double xx = 0, yy = 0, xy = 0, x2 = 0, y2 = 0;
    for (int64_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
        x2 += x[i] * x[i];
        y2 += y[i] * y[i];
    }
    const bool varied = n >= 2 && xx > 1e-24 * x2 && yy > 1e-24 * y2;
    return varied ? fmax(-1, fmin(1, xy / sqrt(xx * yy))) : (double)NAN;
}

static rst_bland_altman bland_altman(const member *m, rst_score real, rst_score fake)
{
    const double none = (double)NAN;
    rst_bland_altman b = { none, none, none, none, none };
    const int64_t n = gather(m, real, m->v);
    if (n == 0 || gather(m, fake, m->w) != n)
        return b;
    b.r = pearson(m->v, m->w, n);
    for (int64_t i = 0; i < n; i++)
        m->w[i] -= m->v[i];
    b.bias = mean_of(m->w, n);
    b.deviation = deviation_of(m->w, n, b.bias);
    b.low = b.bias - LIMITS * b.deviation;
    b.high = b.bias + LIMITS * b.deviation;
    return b;
}

/* Cohen's, a disagreement weighing the square of its steps. */
static double kappa(int64_t c[RST_STAIN_LEVELS][RST_STAIN_LEVELS])
{
    double row[RST_STAIN_LEVELS] = { 0 }, column[RST_STAIN_LEVELS] = { 0 }, n = 0;
    double seen = 0, chance = 0;
    for (int i = 0; i < RST_STAIN_LEVELS; i++)
        for (int j = 0; j < RST_STAIN_LEVELS; j++) {
            row[i] += (double)c[i][j];
            column[j] += (double)c[i][j];
            n += (double)c[i][j];
        }
    for (int i = 0; i < RST_STAIN_LEVELS; i++)
        for (int j = 0; j < RST_STAIN_LEVELS; j++) {
            seen += (i - j) * (i - j) * (double)c[i][j];
            chance += (i - j) * (i - j) * row[i] * column[j] / n;
        }
    return chance > 0 ? 1 - seen / chance : (double)NAN;
}

static void count_pairs(const member *m, rst_evaluation_scores *g)
{
    int64_t same = 0;
    for (int64_t i = 0; i < m->n; i++) {
        const rst_evaluation_row *r = m->row[i];
        g->confusion[r->stain.real.level][r->stain.fake.level]++;
        same += r->stain.real.level == r->stain.fake.level;
        for (int k = 0; k < RST_COLOUR_CHECKS; k++)
            g->odd[k] += r->colour.odd >> k & 1;
    }
    g->level_agree = (double)same / (double)m->n;
    g->kappa = kappa(g->confusion);
}

static int fill(const member *m, const rst_eval_pool *pool, const rst_evaluation *e,
                rst_evaluation_scores *g)
{
    int rc = 0;
    g->images = m->n;
    for (int s = 0; rc == 0 && s < RST_SCORES; s++)
        rc = summarise(m, (rst_score)s, &e->facts, &g->score[s]);
    g->stain = rst_stain_result(&pool->stain);
    for (int i = 0; i < RST_QUANTILES; i++) {
        g->quantile_real[i] = rst__stain_quantile(pool->bin[0], quantile_at[i]);
        g->quantile_fake[i] = rst__stain_quantile(pool->bin[1], quantile_at[i]);
    }
    g->dab = bland_altman(m, RST_SCORE_DAB_REAL, RST_SCORE_DAB_VIRTUAL);
    g->area = bland_altman(m, RST_SCORE_AREA_REAL, RST_SCORE_AREA_VIRTUAL);
    g->tile_r = g->dab.r;
    if (e->use[RST_METRIC_STAIN].done)
        count_pairs(m, g);
    return rc;
}

/* All rows, or those of a level. */
static void pick(const rst_evaluation *e, int level, member *m)
{
    m->n = 0;
    for (int64_t i = 0; i < e->facts.rows; i++)
        if (level < 0 || e->row[i].level == level)
            m->row[m->n++] = &e->row[i];
}

static void set_facts(rst_evaluation *e)
{
    rst_evaluation_facts *f = &e->facts;
    f->interval = INTERVAL;
    f->psnr_of_mean = rst_psnr_of_mse(e->group[0].score[RST_SCORE_MSE].mean);
    if (!e->use[RST_METRIC_PSNR].done)
        f->psnr_of_mean = (double)NAN;
    for (int64_t i = 0; i < f->rows; i++)
        f->equal += e->row[i].score[RST_SCORE_MSE] == 0;
}

int rst__eval_summarise(rst_evaluation *e, rst_error *err)
{
    const size_t n = (size_t)e->facts.rows;
    member m = { .row = rst__calloc(n, sizeof *m.row),
                 .v = rst__calloc(n, sizeof *m.v),
                 .w = rst__calloc(n, sizeof *m.w) };
    int rc = m.row && m.v && m.w ? 0 : RST_ENOMEM;
    for (int level = -1; rc == 0 && level < RST_LEVELS; level++) {
        pick(e, level, &m);
        if (m.n == 0)
            continue;
        rst_evaluation_scores *g = &e->group[e->facts.groups++];
        (void)snprintf(g->name, sizeof g->name, "%s", level < 0 ? "all" : rst__level_name(level));
        rc = fill(&m, &e->pool[1 + level], e, g);
    }
    if (rc == 0)
        set_facts(e);
    rst__free(m.row);
    rst__free(m.v);
    rst__free(m.w);
    return rc < 0 ? rst__fail_nomem(err, "evaluation") : 0;
}
