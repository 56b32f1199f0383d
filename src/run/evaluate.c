/* SPDX-License-Identifier: MIT */
/* Real and virtual pictures, compared pair by pair. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "run/evaluate_parts.h"

/* What all runs have in common. */
typedef struct session {
    rst_evaluate_options o;
    unsigned metrics; /* that can be computed */
    rst_metric_use use[RST_METRICS];
    rst_eval_nets *nets;
} session;

/* Which metrics ---------------------------------------------------------------------------------
 */

static int choose(session *s, rst_error *err)
{
    const rst_evaluate_options *o = &s->o;
    const unsigned all = (1u << RST_METRICS) - 1, networks = all & ~0u << RST_METRIC_LPIPS;
    s->metrics = o->metrics ? o->metrics & all : o->weights ? all : all & ~networks;
    for (int m = 0; m < RST_METRICS; m++) {
        if (!(s->metrics >> m & 1) || rst__protocol_has(o->protocol, (rst_metric)m))
            continue;
        if (o->metrics)
            return rst_fail(err, RST_EINVAL, "%s has no %s", rst_protocol_name(o->protocol),
                            rst_metric_name((rst_metric)m));
        s->metrics &= ~(1u << m);
    }
    if (!o->metrics && !o->weights && rst__protocol_has(o->protocol, RST_METRIC_LPIPS))
        rst__log(RST_LOG_INFO, "lpips, phv, fid and kid need their networks' published files: "
                               "--weights DIR, or RESTAIN_WEIGHTS");
    return 0;
}

static int open_session(session *s, const rst_evaluate_options *o, rst_error *err)
{
    *s = (session){ .o = o ? *o : (rst_evaluate_options){ .seed = 0 } };
    if ((unsigned)s->o.protocol >= RST_PROTOCOLS || (unsigned)s->o.lpips_net > RST_LPIPS_SQUEEZE ||
        s->o.resamples < 0 || s->o.threads < 0)
        return rst_fail(err, RST_EINVAL, "evaluate: options out of range");
    s->o.resamples = s->o.resamples ? s->o.resamples : 1000;
    int rc = choose(s, err);
    if (rc == 0)
        rc = rst__eval_nets_new(&s->nets, &s->o, &s->metrics, s->use, err);
    for (int m = 0; rc == 0 && s->metrics == 0 && m < RST_METRICS; m++)
        if (s->use[m].skipped[0])
            rc = rst_fail(err, RST_EINPUT, "nothing to compute: %s", s->use[m].skipped);
    return rc;
}

/* A run -----------------------------------------------------------------------------------------
 */

static int open_run(rst_evaluation **out, const session *s, const char *real, const char *fake,
                    rst_error *err)
{
    const rst_evaluate_options *o = &s->o;
    rst_evaluation *e = rst__calloc(1, sizeof *e);
    *out = e;
    if (!e || !(e->real = rst__strdup(real)) || !(e->fake = rst__strdup(fake)))
        return rst__fail_nomem(err, "evaluation");
    int rc = rst__eval_source_open(&e->source, e->real, e->fake, err);
    if (rc < 0)
        return rc;
    e->facts = (rst_evaluation_facts){ .real = e->real,
                                       .fake = e->fake,
                                       .protocol = o->protocol,
                                       .rewrite_real = o->rewrite_real,
                                       .slides = e->source.tile_name != NULL,
                                       .rows = e->source.count,
                                       .seed = o->seed,
                                       .resamples = o->resamples };
    e->row = rst__calloc((size_t)e->source.count, sizeof *e->row);
    if (!e->row)
        return rst__fail_nomem(err, "evaluation");
    memcpy(e->use, s->use, sizeof e->use);
    for (int m = 0; m < RST_METRICS; m++) {
        e->use[m].done = s->metrics >> m & 1;
        if (e->use[m].done)
            rst__protocol_describe((rst_metric)m, o, e->facts.rows, &e->use[m]);
    }
    e->sets = (rst_evaluation_sets){ .fid = (double)NAN,
                                     .kid = (double)NAN,
                                     .kid_deviation = (double)NAN };
    return 0;
}

static int do_run(rst_evaluation *e, session *s, rst_eval_progress *news, rst_error *err)
{
    int rc = rst__eval_nets_begin(s->nets, e->facts.rows, err);
    if (rc == 0)
        rc = rst__eval_pass(e, s->nets, s->metrics, &s->o, news, err);
    rst__eval_source_close(&e->source);
    if (rc == 0)
        rc = rst__eval_nets_sets(s->nets, &s->o, e->use, &e->sets, err);
    return rc < 0 ? rc : rst__eval_summarise(e, err);
}

int rst_evaluate_runs(rst_evaluation **out, const char *real, const char *const *fake, int runs,
                      const rst_evaluate_options *o, rst_error *err)
{
    session s;
    rst_eval_progress news = { 0, 0 };
    for (int i = 0; i < runs; i++)
        out[i] = NULL;
    int rc = open_session(&s, o, err);
    for (int i = 0; rc == 0 && i < runs; i++)
        if ((rc = open_run(&out[i], &s, real, fake[i], err)) == 0)
            news.total += out[i]->facts.rows;
    for (int i = 0; rc == 0 && i < runs; i++)
        rc = do_run(out[i], &s, &news, err);
    if (rc == 0)
        rc = rst__eval_nets_save(s.nets, err);
    rst__eval_nets_free(s.nets);
    for (int i = 0; rc < 0 && i < runs; i++) {
        rst_evaluation_free(out[i]);
        out[i] = NULL;
    }
    return rc;
}

int rst_evaluate(rst_evaluation **out, const char *real, const char *fake,
                 const rst_evaluate_options *o, rst_error *err)
{
    return rst_evaluate_runs(out, real, &fake, 1, o, err);
}

void rst_evaluation_free(rst_evaluation *e)
{
    if (!e)
        return;
    rst__eval_source_free(&e->source);
    rst__free(e->row);
    rst__free(e->real);
    rst__free(e->fake);
    rst__free(e);
}

/* Reading ---------------------------------------------------------------------------------------
 */

rst_evaluation_facts rst_evaluation_describe(const rst_evaluation *e)
{
    return e->facts;
}

const rst_metric_use *rst_evaluation_metric(const rst_evaluation *e, rst_metric m)
{
    return &e->use[m];
}

const rst_evaluation_row *rst_evaluation_row_at(const rst_evaluation *e, int64_t i)
{
    return i >= 0 && i < e->facts.rows ? &e->row[i] : NULL;
}

const rst_evaluation_scores *rst_evaluation_group(const rst_evaluation *e, int i)
{
    return i >= 0 && i < e->facts.groups ? &e->group[i] : NULL;
}

const rst_evaluation_sets *rst_evaluation_distances(const rst_evaluation *e)
{
    return &e->sets;
}
