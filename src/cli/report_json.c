/* SPDX-License-Identifier: MIT */
/* An evaluation as JSON, which has no infinity and no NaN: both are null. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <restain/version.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/report_scores.h"

enum { SCHEMA = 2 };

int cli_json_write(json_t *all, const char *path, rst_error *err)
{
    char *text = all ? json_dumps(all, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    const int rc =
        text ? rst__file_write(path, text, strlen(text), err) : rst__fail_nomem(err, "evaluation");
    free(text); /* allow free: jansson made it */
    json_decref(all);
    return rc;
}

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *numbers(const double *v, int n)
{
    json_t *a = json_array();
    for (int i = 0; i < n; i++)
        (void)json_array_append_new(a, number(v[i]));
    return a;
}

/* How -------------------------------------------------------------------------------------------
 */

static json_t *metrics_json(const rst_evaluation *e)
{
    json_t *all = json_object();
    for (int m = 0; m < RST_METRICS; m++) {
        const rst_metric_use *u = rst_evaluation_metric(e, (rst_metric)m);
        if (!u->done && !*u->skipped)
            continue;
        json_t *files = json_array();
        for (int i = 0; i < u->files; i++)
            (void)json_array_append_new(files, json_pack("{s:s, s:s}", "file", u->file[i].name,
                                                         "sha256", u->file[i].sha256));
        json_t *o = json_pack("{s:b, s:s, s:o}", "done", u->done, "how", u->how, "weights", files);
        if (*u->skipped)
            (void)json_object_set_new(o, "skipped", json_string(u->skipped));
        (void)json_object_set_new(all, rst_metric_name((rst_metric)m), o);
    }
    return all;
}

/* Groups ----------------------------------------------------------------------------------------
 */

static json_t *score_json(const rst_score_summary *s)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "n", (json_int_t)s->n, "mean",
                     number(s->mean), "low", number(s->low), "high", number(s->high), "deviation",
                     number(s->deviation), "median", number(s->median));
}

static json_t *side_json(const rst_stain_facts *f, const double *quantile)
{
    return json_pack("{s:o, s:o, s:o, s:i, s:o}", "dab_mean", number(f->mean), "dab_area",
                     number(f->positive), "tissue", number(f->tissue), "level_proxy", f->level,
                     "dab_quantiles", numbers(quantile, RST_QUANTILES));
}

static json_t *agreement_json(const rst_bland_altman *b)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "bias", number(b->bias), "deviation",
                     number(b->deviation), "low", number(b->low), "high", number(b->high), "r",
                     number(b->r));
}

static json_t *stain_json(const rst_evaluation_scores *g)
{
    json_t *confusion = json_array(), *checks = json_object();
    for (int i = 0; i < RST_STAIN_LEVELS; i++) {
        json_t *row = json_array();
        for (int j = 0; j < RST_STAIN_LEVELS; j++)
            (void)json_array_append_new(row, json_integer(g->confusion[i][j]));
        (void)json_array_append_new(confusion, row);
    }
    for (int k = 0; k < RST_COLOUR_CHECKS; k++)
        (void)json_object_set_new(checks, rst_colour_check_name((rst_colour_check)k),
                                  json_integer(g->odd[k]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "real",
                     side_json(&g->stain.real, g->quantile_real), "virtual",
                     side_json(&g->stain.fake, g->quantile_fake), "dab_r", number(g->stain.r),
                     "dab_between_pairs", agreement_json(&g->dab), "area_between_pairs",
                     agreement_json(&g->area), "level_proxy_confusion", confusion,
                     "level_proxy_kappa", number(g->kappa), "level_proxy_agree",
                     number(g->level_agree), "checks", checks);
}

static json_t *group_json(const rst_evaluation *e, const rst_evaluation_scores *g)
{
    json_t *scores = json_object();
    for (int s = 0; s < RST_SCORES; s++)
        if (g->score[s].n > 0)
            (void)json_object_set_new(scores, rst_score_describe((rst_score)s)->key,
                                      score_json(&g->score[s]));
    json_t *o = json_pack("{s:s, s:I, s:o}", "level", g->name, "images", (json_int_t)g->images,
                          "scores", scores);
    if (rst_evaluation_metric(e, RST_METRIC_STAIN)->done)
        (void)json_object_set_new(o, "stain", stain_json(g));
    return o;
}

/* Rows ------------------------------------------------------------------------------------------
 */

static json_t *row_json(const rst_evaluation *e, const rst_evaluation_row *r)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:I}", "name", r->name, "real", r->real, "virtual",
                          r->fake, "width", (json_int_t)r->width, "height", (json_int_t)r->height);
    if (rst_evaluation_describe(e).slides) {
        (void)json_object_set_new(o, "x", json_integer(r->x));
        (void)json_object_set_new(o, "y", json_integer(r->y));
    }
    if (r->level >= 0)
        (void)json_object_set_new(o, "level", json_integer(r->level));
    for (int s = 0; s < RST_SCORES; s++)
        if (!isnan(r->score[s]))
            (void)json_object_set_new(o, rst_score_describe((rst_score)s)->key,
                                      number(r->score[s]));
    if (!rst_evaluation_metric(e, RST_METRIC_STAIN)->done)
        return o;
    json_t *checks = json_array();
    for (int k = 0; k < RST_COLOUR_CHECKS; k++)
        if (r->colour.odd >> k & 1)
            (void)json_array_append_new(checks,
                                        json_string(rst_colour_check_name((rst_colour_check)k)));
    (void)json_object_set_new(o, "checks", checks);
    (void)json_object_set_new(o, "level_proxy_real", json_integer(r->stain.real.level));
    (void)json_object_set_new(o, "level_proxy_virtual", json_integer(r->stain.fake.level));
    return o;
}

/* Runs ------------------------------------------------------------------------------------------
 */

static json_t *sets_json(const rst_evaluation *e)
{
    const rst_evaluation_sets *d = rst_evaluation_distances(e);
    json_t *o = json_object();
    if (!isnan(d->fid))
        (void)json_object_set_new(o, "fid", number(d->fid));
    if (!isnan(d->kid))
        (void)json_object_set_new(o, "kid",
                                  json_pack("{s:o, s:o, s:o, s:i, s:I, s:I}", "mean",
                                            number(d->kid), "deviation", number(d->kid_deviation),
                                            "x1000", number(1000 * d->kid), "subsets",
                                            d->kid_subsets, "subset_size", (json_int_t)d->kid_size,
                                            "seed", (json_int_t)d->kid_seed));
    return o;
}

static json_t *run_json(const rst_evaluation *e)
{
    const rst_evaluation_facts f = rst_evaluation_describe(e);
    const rst_evaluation_scores *g;
    const rst_evaluation_row *r;
    json_t *groups = json_array(), *rows = json_array();
    for (int i = 0; (g = rst_evaluation_group(e, i)); i++)
        (void)json_array_append_new(groups, group_json(e, g));
    for (int64_t i = 0; (r = rst_evaluation_row_at(e, i)); i++)
        (void)json_array_append_new(rows, row_json(e, r));
    return json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "virtual", f.fake, "images",
                     (json_int_t)f.rows, "equal_pairs", (json_int_t)f.equal, "psnr_of_mean_mse_db",
                     number(f.psnr_of_mean), "metrics", metrics_json(e), "groups", groups, "sets",
                     sets_json(e), "rows", rows);
}

static json_t *change_json(const cli_scores *s, int i)
{
    const rst_comparison *c = &s->change[i];
    json_t *scores = json_object();
    for (int k = 0; k < RST_SCORES; k++) {
        const rst_score_change *d = &c->score[k];
        if (d->n > 0)
            (void)json_object_set_new(
                scores, rst_score_describe((rst_score)k)->key,
                json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "n", (json_int_t)d->n,
                          "first", number(d->a), "second", number(d->b), "change", number(d->mean),
                          "low", number(d->low), "high", number(d->high), "wins",
                          (json_int_t)d->wins, "ties", (json_int_t)d->ties, "p", number(d->p)));
    }
    return json_pack("{s:s, s:s, s:I, s:o, s:o, s:o}", "first",
                     rst_evaluation_describe(s->run[0]).fake, "second",
                     rst_evaluation_describe(s->run[i + 1]).fake, "pairs", (json_int_t)c->pairs,
                     "scores", scores, "fid", number(c->fid), "kid", number(c->kid));
}

int cli_scores_json(const cli_scores *s, const char *path, rst_error *err)
{
    const rst_evaluation_facts f = rst_evaluation_describe(s->run[0]);
    json_t *runs = json_array(), *changes = json_array();
    for (int i = 0; i < s->runs; i++)
        (void)json_array_append_new(runs, run_json(s->run[i]));
    for (int i = 0; i + 1 < s->runs; i++)
        (void)json_array_append_new(changes, change_json(s, i));
    json_t *all =
        json_pack("{s:i, s:s, s:s, s:i, s:b, s:s, s:I, s:i, s:f, s:o, s:o}", "schema", SCHEMA,
                  "restain", rst_version(), "protocol", rst_protocol_name(f.protocol), "version",
                  rst_protocol_version(f.protocol), "real_rewritten", f.rewrite_real, "real",
                  f.real, "seed", (json_int_t)f.seed, "resamples", f.resamples, "interval",
                  f.interval, "runs", runs, "comparisons", changes);
    return cli_json_write(all, path, err);
}
