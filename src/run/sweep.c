/* SPDX-License-Identifier: MIT */
/* A sweep from its first job that is due to its last. */
#include "run/sweep.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "run/multimag_cache.h"
#include "run/sweep_parts.h"

static volatile sig_atomic_t stop_asked;

void rst__sweep_stop(void)
{
    stop_asked = 1;
    rst_train_stop();
}

bool rst__sweep_stopped(void)
{
    return stop_asked != 0;
}

/* Several processes -----------------------------------------------------------------------------
 */

/* The folder is one process's at a time: while what all share is made, and a file is read, changed
 * and written. */
static int lock_folder(const rst_sweep *s, int *lock, rst_error *err)
{
    const struct timespec pause = { .tv_nsec = 50000000 };
    int rc = rst__mkdirs(s->folder, err);
    if (rc < 0)
        return rc;
    while ((*lock = rst__dir_lock(s->folder)) == -1) {
        if (stop_asked)
            return rst_fail(err, RST_ECANCELLED, "%s: stopped while another process had it",
                            s->folder);
        (void)nanosleep(&pause, NULL);
    }
    return 0;
}

/* Takes a job for this process. @param[out] claim -1: another one has it */
static int claim_job(const rst_sweep *s, const rst_sweep_job *job, int *claim, rst_error *err)
{
    char path[RST_SWEEP_PATH];
    int rc = rst__sweep_path(s, "claims", job->name, path, err);
    if (rc == 0)
        rc = rst__mkdirs(path, err);
    if (rc == 0)
        *claim = rst__dir_lock(path);
    return rc;
}

/* What is done ----------------------------------------------------------------------------------
 */

static int is_done(const rst_sweep *s, const rst_sweep_results *r, const rst_sweep_job *job,
                   bool *done, rst_error *err)
{
    int rc = 0;
    *done = true;
    for (int i = 0; rc == 0 && *done && i < s->sets; i++) {
        char settings[RST_SWEEP_HASH + 1];
        const rst_sweep_result *l = rst__sweep_results_find(r, job->row, job->seed, s->set[i].name);
        rc = rst__sweep_settings(s, job, &s->set[i], settings, err);
        *done = rc == 0 && l && strcmp(l->settings, settings) == 0;
    }
    return rc;
}

int rst__sweep_done(const rst_sweep *s, bool *done, rst_error *err)
{
    rst_sweep_results r;
    int rc = rst__sweep_results_load(&r, s->results, err);
    for (int i = 0; rc == 0 && i < s->jobs; i++)
        rc = is_done(s, &r, &s->job[i], &done[i], err);
    rst__sweep_results_free(&r);
    return rc;
}

/* One job ---------------------------------------------------------------------------------------
 */

typedef struct worker {
    const rst_sweep *s;
    const rst_sweep_job *job;
    int at, due;
} worker;

static int tell(void *user, const rst_train_progress *p)
{
    const worker *w = user;
    const rst_sweep_progress now = { .job = w->job, .at = w->at, .due = w->due, .train = p };
    return stop_asked || (w->s->progress && w->s->progress(w->s->user, &now));
}

/* @param[out] model  the generator from H&E to IHC */
static int train(worker *w, char model[RST_SWEEP_PATH], rst_error *err)
{
    static const char *const file[] = { "latest_net_G", "latest_net_G_A" }; /* A: of two */
    rst_train_options o = *w->job->train;
    o.resume = !w->s->overwrite;
    o.overwrite = w->s->overwrite;
    o.progress = tell;
    o.user = w;
    int rc = rst_train(&o, err);
    for (int i = 0; rc == 0 && i < 2 && (i == 0 || !rst__exists(model)); i++) {
        const int n = snprintf(model, RST_SWEEP_PATH, "%s/%s/%s.safetensors", o.checkpoints_dir,
                               o.name, file[i]);
        if (n < 0 || n >= RST_SWEEP_PATH)
            rc = rst_fail(err, RST_EINVAL, "%s: the path is too long", o.checkpoints_dir);
    }
    return rc;
}

static int judge(const worker *w, const char *path, rst_sweep_results *r, rst_error *err)
{
    const rst_model_options o = { .ctx = w->s->ctx };
    rst_model *m = NULL;
    int rc = path ? rst_model_open(&m, path, &o, err) : 0;
    if (rc == 0 && tell((void *)w, NULL))
        rc = rst_fail(err, RST_ECANCELLED, "%s: stopped before it was judged", w->job->row);
    for (int i = 0; rc == 0 && i < w->s->sets; i++) {
        rst_sweep_result line = { .row = "" };
        (void)snprintf(line.row, sizeof line.row, "%s", w->job->row);
        (void)snprintf(line.seed, sizeof line.seed, "%s", w->job->seed);
        (void)snprintf(line.set, sizeof line.set, "%s", w->s->set[i].name);
        rc = rst__sweep_settings(w->s, w->job, &w->s->set[i], line.settings, err);
        if (rc == 0)
            rc = rst__sweep_judge(w->s, &w->s->set[i], m, &line, err);
        if (rc == 0)
            rc = rst__sweep_results_put(r, &line, err);
    }
    rst_model_close(m);
    return rc;
}

/* Adds what was found to the file, which others may have changed meanwhile. */
static int record(const rst_sweep *s, const rst_sweep_results *mine, rst_error *err)
{
    rst_sweep_results all = { 0 };
    int lock = -1, rc = lock_folder(s, &lock, err);
    if (rc < 0)
        return rc;
    rc = rst__sweep_make_parent(s->results, err);
    if (rc == 0)
        rc = rst__sweep_results_load(&all, s->results, err);
    for (int i = 0; rc == 0 && i < mine->count; i++)
        rc = rst__sweep_results_put(&all, &mine->line[i], err);
    if (rc == 0)
        rc = rst__sweep_results_save(&all, s->results, err);
    if (rc == 0)
        rc = rst__sweep_summarise(s, NULL, err);
    rst__sweep_results_free(&all);
    rst__dir_unlock(lock);
    return rc;
}

static void tell_result(const rst_sweep_results *r)
{
    for (int i = 0; i < r->count; i++) {
        const rst_sweep_result *l = &r->line[i];
        rst__log(RST_LOG_INFO, "%s, seed %s, %s: SSIM %.4f, PSNR %.3f dB, DAB r %.4f", l->row,
                 l->seed, l->set, l->score[RST_SWEEP_SSIM], l->score[RST_SWEEP_PSNR],
                 l->score[RST_SWEEP_DAB_R]);
    }
}

static int do_job(worker *w, rst_error *err)
{
    char model[RST_SWEEP_PATH];
    rst_sweep_results r = { 0 };
    int rc = w->job->train ? train(w, model, err) : 0;
    if (rc == 0)
        rc = judge(w, w->job->train ? model : w->job->model, &r, err);
    if (rc == 0)
        rc = record(w->s, &r, err);
    if (rc == 0)
        tell_result(&r);
    rst__sweep_results_free(&r);
    return rc;
}

/* All -------------------------------------------------------------------------------------------
 */

int rst__sweep_manifest(const char *folder, char *path, size_t size, rst_error *err)
{
    const int n = snprintf(path, size, "%s/multimag/manifest.tsv", folder);
    return n > 0 && (size_t)n < size
               ? 0
               : rst_fail(err, RST_EINVAL, "%s: the path is too long", folder);
}

static int cache_progress(void *user, int64_t done, int64_t total)
{
    (void)user;
    (void)done;
    (void)total;
    return stop_asked;
}

static int make_multimag(const rst_sweep *s, rst_error *err)
{
    char folder[RST_SWEEP_PATH];
    rst_multimag_cache_report ignored;
    const int n = snprintf(folder, sizeof folder, "%s/multimag", s->folder);
    if (n < 0 || n >= (int)sizeof folder)
        return rst_fail(err, RST_EINVAL, "%s: the path is too long", s->folder);
    const rst_multimag_cache_options o = {
        .data = { .root = s->multimag_data },
        .folder = folder,
        .how = { .sr_x2 = s->sr_x2, .sr_x4 = s->sr_x4, .ctx = s->ctx },
        .progress = cache_progress
    };
    return rst__multimag_cache(&o, &ignored, err);
}

/* What several jobs share. */
static int make_shared(const rst_sweep *s, rst_error *err)
{
    int lock = -1, rc = lock_folder(s, &lock, err);
    if (rc < 0)
        return rc;
    rc = rst__sweep_make_views(s, err);
    if (rc == 0 && s->multimag_data)
        rc = make_multimag(s, err);
    rst__dir_unlock(lock);
    return rc;
}

/* A training that became NaN is no reason to leave the others undone. */
static int try_job(worker *w, rst_sweep_report *out, rst_error *err)
{
    bool done = false;
    rst_sweep_results now;
    rst_error why = RST_ERROR_INIT;
    int claim = -1, rc = claim_job(w->s, w->job, &claim, err);
    if (rc == 0 && claim == -1)
        out->elsewhere++;
    if (rc < 0 || claim == -1)
        return rc;
    rc = rst__sweep_results_load(&now, w->s->results, err); /* another may just have done it */
    if (rc == 0)
        rc = is_done(w->s, &now, w->job, &done, err);
    rst__sweep_results_free(&now);
    if (rc == 0 && !done && (rc = do_job(w, &why)) == RST_ENUMERIC) {
        rst__log(RST_LOG_WARN, "%s, seed %s: %s", w->job->row, w->job->seed, why.msg);
        out->failed++;
        rc = 0;
    } else if (rc < 0 && why.code) {
        rc = rst_fail(err, rc, "%s", why.msg);
    } else if (rc == 0) {
        out->skipped += done;
        out->done += !done;
    }
    rst__dir_unlock(claim);
    return rc;
}

static int stopped(const rst_sweep *s, rst_error *err)
{
    return rst_fail(err, RST_ECANCELLED, "%s: stopped; the same command goes on", s->folder);
}

static int all_jobs(const rst_sweep *s, const bool *done, rst_sweep_report *out, rst_error *err)
{
    worker w = { .s = s };
    int rc = 0;
    for (int i = 0; i < s->jobs; i++)
        w.due += !done[i];
    for (int i = 0; rc == 0 && i < s->jobs; i++) {
        out->skipped += done[i];
        if (done[i])
            continue;
        w.job = &s->job[i];
        rc = stop_asked ? RST_ECANCELLED : try_job(&w, out, err);
        w.at++;
    }
    return rc == RST_ECANCELLED ? stopped(s, err) : rc;
}

static bool any_due(const rst_sweep *s, const bool *done)
{
    for (int i = 0; i < s->jobs; i++)
        if (!done[i])
            return true;
    return false;
}

int rst__sweep_run(const rst_sweep *s, rst_sweep_report *out, rst_error *err)
{
    *out = (rst_sweep_report){ 0 };
    stop_asked = 0;
    bool *done = rst__calloc((size_t)s->jobs + 1, sizeof *done);
    int rc = done ? rst__sweep_summarise(s, NULL, err) : rst__fail_nomem(err, "sweep");
    if (rc == 0)
        rc = rst__sweep_done(s, done, err);
    if (rc == 0 && any_due(s, done))
        rc = make_shared(s, err);
    if (rc == 0)
        rc = all_jobs(s, done, out, err);
    rst__free(done);
    if (rc == 0 && out->failed)
        rc = rst_fail(err, RST_EPARTIAL, "%s: %d of %d trainings failed", s->folder, out->failed,
                      s->jobs);
    return rc;
}
