/* SPDX-License-Identifier: MIT */
/* A training from its first step, or the one it was stopped at, to its last. */
#include "run/train.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"

static volatile sig_atomic_t stop_asked;

void rst_train_stop(void)
{
    stop_asked = 1;
}

bool rst__train_stopped(void)
{
    return stop_asked != 0;
}

/* Batches ---------------------------------------------------------------------------------------
 */

/* The batches of one step. The loader lends one at a time: with several, all are copied. */
typedef struct supply {
    int count;
    rst_method_batch *batch; /* [count] */
    float **copy;            /* [2 * count], owned */
} supply;

static void supply_free(supply *s)
{
    for (int i = 0; s->copy && i < 2 * s->count; i++)
        rst__free(s->copy[i]);
    rst__free(s->copy);
    rst__free(s->batch);
}

static int supply_new(supply *s, int count, rst_error *err)
{
    *s = (supply){ .count = count };
    s->batch = rst__calloc((size_t)count, sizeof *s->batch);
    s->copy = rst__calloc(2 * (size_t)count, sizeof *s->copy);
    return s->batch && s->copy ? 0 : rst__fail_nomem(err, "batches");
}

static int keep(float **to, const float **from, rst_dims s, rst_error *err)
{
    const size_t n = (size_t)(s.n * s.c * s.h * s.w);
    rst__free(*to);
    *to = rst__calloc(n, sizeof **to);
    if (!*to)
        return rst__fail_nomem(err, "batches");
    memcpy(*to, *from, n * sizeof **to);
    *from = *to;
    return 0;
}

static int next_batches(rst_train_run *r, supply *s, rst_error *err)
{
    for (int i = 0; i < s->count; i++) {
        const rst_batch *b;
        int rc = rst__loader_next(r->loader, &b, err);
        if (rc < 0)
            return rc;
        rst_method_batch *m = &s->batch[i];
        *m = rst__train_batch(b);
        if (s->count > 1 && ((rc = keep(&s->copy[2 * i], &m->a, m->s, err)) < 0 ||
                             (rc = keep(&s->copy[2 * i + 1], &m->b, m->s_b, err)) < 0))
            return rc;
    }
    return 0;
}

/* What is told ----------------------------------------------------------------------------------
 */

/* Speed over the last steps, and the loader's share of all. */
typedef struct pace {
    double last, seconds; /* clock at the last step; seconds a step, lately */
    double waited, total; /* for the loader, when this began; of all steps */
    double share;
    int64_t steps;
} pace;

static void note_pace(pace *p, const rst_train_run *r)
{
    const double now = rst__train_clock(), took = now - p->last;
    const double keep_old = p->steps == 0 ? 0 : 0.95;
    p->seconds = keep_old * p->seconds + (1 - keep_old) * took;
    p->total += took;
    p->share = p->total > 0 ? (rst__loader_waited(r->loader) - p->waited) / p->total : 0;
    p->last = now;
    p->steps++;
}

static int tell(rst_train_run *r, const pace *p, int epoch, double lr, rst_error *err)
{
    const rst_train_options *o = r->o;
    const int64_t step = r->m->step;
    const double rate = p->seconds > 0 ? o->batch_size * o->accumulate / p->seconds : 0;
    double loss[RST_LOSS_TERMS], norm[RST_METHOD_NETS];
    int rc = 0;
    for (int i = 0; i < r->terms; i++)
        loss[i] = r->m->loss[r->term_at[i]];
    for (int i = 0; i < r->m->nets; i++)
        norm[i] = r->m->net[i].norm;
    rst__train_history_step(&r->history, step, loss);
    if (o->print_freq > 0 && (step % o->print_freq == 0 || step == r->steps)) {
        const rst_train_step row = { .step = step,
                                     .epoch = epoch,
                                     .lr = lr,
                                     .loss = loss,
                                     .norm = norm,
                                     .seconds = r->elapsed + rst__train_clock() - r->start,
                                     .images_per_s = rate,
                                     .loader_share = p->share };
        rc = rst__train_log_step(r->log, &row, err);
    }
    const rst_train_progress now = { .epoch = epoch,
                                     .epochs = o->m.n_epochs + o->m.n_epochs_decay,
                                     .step = step,
                                     .steps = r->steps,
                                     .terms = r->terms,
                                     .term = r->term,
                                     .loss = loss,
                                     .images_per_s = rate,
                                     .seconds_left = p->seconds * (double)(r->steps - step),
                                     .loader_share = p->share };
    if (rc == 0 && o->progress && o->progress(o->user, &now) != 0)
        rst_train_stop();
    return rc;
}

/* The end of an epoch ---------------------------------------------------------------------------
 */

static int validate(rst_train_run *r, int epoch, rst_error *err)
{
    rst_train_scores s;
    int rc = rst__train_validate(r, &s, err);
    if (rc < 0 || s.images == 0)
        return rc;
    rc = rst__train_log_eval(r->log, r->m->step, epoch, s.value, err);
    rst__train_history_eval(&r->history, r->m->step, s.value);
    const double rank = rst__train_rank(r, &s);
    if (rc == 0 && isfinite(rank) && (!r->has_best || rank > r->best)) {
        r->best = rank;
        r->has_best = true;
        rc = rst__train_save_models(r, "best", err);
    }
    return rc;
}

/* What validation or panel needs may be damaged, and both take their time: the work before them is
 * safe. A run that is resumed here begins with the rest. */
static int end_epoch(rst_train_run *r, rst_error *err)
{
    r->ending = true;
    int rc = rst__train_save_models(r, "latest", err);
    return rc == 0 && r->val ? rst__train_save(r, err) : rc;
}

static int rest_of_epoch(rst_train_run *r, rst_error *err)
{
    const rst_train_options *o = r->o;
    char tag[32];
    const int epoch = (int)((r->m->step - 1) / r->steps_per_epoch) + 1;
    const bool last = r->m->step == r->steps;
    int rc = 0;
    (void)snprintf(tag, sizeof tag, "%d", epoch);
    if (rc == 0 && o->save_epoch_freq > 0 && epoch % o->save_epoch_freq == 0)
        rc = rst__train_save_models(r, tag, err);
    if (rc == 0 && o->val_freq > 0 && (epoch % o->val_freq == 0 || last))
        rc = validate(r, epoch, err);
    if (rc == 0 && o->panel_freq == 0)
        rc = rst__train_panel(r, err);
    r->ending = false;
    return rc == 0 ? rst__train_save(r, err) : rc;
}

/* Steps -----------------------------------------------------------------------------------------
 */

/* A file that cannot be used costs no work: the training goes on where it was once that is mended.
 */
static void tell_kept(const rst_train_run *r)
{
    rst__log(RST_LOG_WARN, "%s: saved after step %lld; --resume goes on from there", r->dir,
             (long long)r->m->step);
}

static void keep_work(rst_train_run *r)
{
    if (r->m->step > 0 && rst__train_save(r, NULL) == 0)
        tell_kept(r);
}

static int one_step(rst_train_run *r, supply *s, pace *p, rst_error *err)
{
    const rst_train_options *o = r->o;
    const int epoch = (int)(r->m->step / r->steps_per_epoch) + 1;
    const rst_method_when when = { .epoch = epoch,
                                   .t = (double)r->m->step / (double)r->steps,
                                   .lr = rst_schedule_rate(&r->schedule, epoch) };
    int rc = next_batches(r, s, err);
    if (rc < 0)
        keep_work(r);
    rst_error why = RST_ERROR_INIT;
    if (rc == 0 && (rc = rst__method_step(r->m, s->batch, s->count, when, NULL, NULL, &why)) < 0)
        rc = rst__train_explain(r, s->batch[0].s_b, &why, err);
    if (rc < 0)
        return rc;
    note_pace(p, r);
    rc = tell(r, p, epoch, when.lr, err);
    const int64_t step = r->m->step;
    const bool over = step % r->steps_per_epoch == 0 || step == r->steps;
    if (step % r->steps_per_epoch == 0)
        rst_schedule_report(&r->schedule, 0); /* the published code says 0, whatever the loss */
    if (rc == 0 && over && (rc = end_epoch(r, err)) == 0) {
        if ((rc = rest_of_epoch(r, err)) < 0 && rc != RST_ECANCELLED && r->val)
            tell_kept(r);
    } else if (rc == 0 &&
               (stop_asked || (o->save_every_steps > 0 && step % o->save_every_steps == 0)))
        rc = rst__train_save(r, err);
    if (rc == 0 && o->panel_freq > 0 && step % o->panel_freq == 0 &&
        (rc = rst__train_panel(r, err)) < 0)
        keep_work(r);
    p->last = rst__train_clock(); /* what an epoch's end took is not the pace of steps */
    return rc;
}

static int stopped(const rst_train_run *r, rst_error *err)
{
    if (r->m->step == 0)
        return rst_fail(err, RST_ECANCELLED, "%s: stopped before the first step", r->dir);
    return rst_fail(err, RST_ECANCELLED,
                    "%s: stopped after step %lld of %lld; --resume goes on from there", r->dir,
                    (long long)r->m->step, (long long)r->steps);
}

static int all_steps(rst_train_run *r, rst_error *err)
{
    supply s;
    pace p;
    int rc = supply_new(&s, r->o->accumulate, err);
    if (rc == 0 && r->ending)
        rc = rest_of_epoch(r, err);
    p = (pace){ .last = rst__train_clock(), .waited = rst__loader_waited(r->loader) };
    while (rc == 0 && r->m->step < r->steps && !stop_asked)
        rc = one_step(r, &s, &p, err);
    supply_free(&s);
    return rc == RST_ECANCELLED || (rc == 0 && r->m->step < r->steps) ? stopped(r, err) : rc;
}

/* Beginning -------------------------------------------------------------------------------------
 */

/* The first batch passes through all networks once more, before the first step. */
static int begin_anew(rst_train_run *r, rst_error *err)
{
    supply s;
    rst_error why = RST_ERROR_INIT;
    int rc = supply_new(&s, 1, err);
    if (rc == 0)
        rc = next_batches(r, &s, err);
    if (rc == 0 && (rc = rst__method_warm_up(r->m, &s.batch[0], &why)) < 0)
        rc = rst__train_explain(r, s.batch[0].s_b, &why, err);
    supply_free(&s);
    return rc;
}

/* The folder, and nothing in it that a run before has left for --resume or as its best. */
static int begin_folder(rst_train_run *r, bool resumed, rst_error *err)
{
    static const char *const old[] = { "checkpoint.safetensors", "checkpoint.previous.safetensors",
                                       "best_net_G.safetensors", "best_net_G_A.safetensors",
                                       "best_net_G_B.safetensors" };
    char path[RST_TRAIN_PATH];
    int rc = rst__mkdirs(r->dir, err);
    if (rc == 0 && (r->lock = rst__dir_lock(r->dir)) == -1)
        rc = rst_fail(err, RST_EOUTPUT, "%s: another training is at work in this folder", r->dir);
    for (int i = 0; rc == 0 && !resumed && i < (int)(sizeof old / sizeof old[0]); i++) {
        rc = rst__train_path(r, old[i], path, err);
        if (rc == 0)
            rc = rst__file_remove(path, err);
    }
    return rc;
}

static int write_config(const rst_train_run *r, rst_error *err)
{
    char path[RST_TRAIN_PATH];
    if (!r->o->config)
        return 0;
    int rc = rst__train_path(r, "options.conf", path, err);
    return rc < 0 ? rc : rst__file_write(path, r->o->config, strlen(r->o->config), err);
}

static void find_terms(rst_train_run *r)
{
    for (int i = 0; i < RST_LOSS_TERMS && r->kind->term[i]; i++)
        if (r->m->made >> i & 1) {
            r->term[r->terms] = r->kind->term[i];
            r->term_at[r->terms++] = i;
        }
}

static int open_log(rst_train_run *r, rst_error *err)
{
    char path[RST_TRAIN_PATH];
    find_terms(r);
    for (int i = 0; i < r->m->nets; i++)
        r->net[i] = r->m->net[i].name;
    const rst_train_columns columns = { .losses = r->terms,
                                        .loss = r->term,
                                        .norms = r->m->nets,
                                        .norm = r->net,
                                        .scores = RST_TRAIN_SCORES,
                                        .score = rst__train_score_names(r) };
    int rc = rst__train_log_open(&r->log, r->dir, &columns, r->m->step, !r->ending, err);
    if (rc == 0)
        rc = rst__train_history_init(&r->history, &columns, err);
    if (rc == 0)
        rc = rst__train_path(r, "metrics.csv", path, err);
    return rc < 0 || r->m->step == 0 ? rc : rst__train_history_load(&r->history, path, err);
}

static int begin(rst_train_run *r, rst_error *err)
{
    char path[RST_TRAIN_PATH];
    int rc = rst__train_path(r, "checkpoint.safetensors", path, err);
    if (rc == 0 && !r->o->resume && !r->o->overwrite && rst__exists(path))
        return rst_fail(err, RST_EINVAL,
                        "%s: this run exists; --resume goes on with it, --overwrite begins anew",
                        r->dir);
    const int resumed = rc == 0 && r->o->resume ? rst__train_resume(r, err) : 0;
    if (rc < 0 || resumed < 0)
        return rc < 0 ? rc : resumed;
    if (r->o->resume && resumed == 0)
        rst__log(RST_LOG_INFO, "%s: no checkpoint yet; beginning at the first step", r->dir);
    if (!resumed && (rc = rst__train_init_from(r, err)) == 0)
        rc = begin_anew(r, err);
    if (rc == 0 && stop_asked)
        return stopped(r, err);
    if (rc == 0)
        rc = rst__train_load_from(r, r->m->step * r->o->accumulate, err);
    if (rc == 0)
        rc = begin_folder(r, resumed, err);
    if (rc == 0)
        rc = write_config(r, err);
    return rc < 0 ? rc : open_log(r, err);
}

int rst_train(const rst_train_options *o, rst_error *err)
{
    rst_train_run r;
    stop_asked = 0;
    int rc = rst__train_open(&r, o, err);
    if (rc == 0)
        rc = begin(&r, err);
    r.start = rst__train_clock();
    if (rc == 0)
        rc = all_steps(&r, err);
    rst__train_close(&r);
    return rc;
}
