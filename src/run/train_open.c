/* SPDX-License-Identifier: MIT */
/* What a training needs before its first step. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "data/check.h"
#include "run/train.h"

double rst__train_clock(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int64_t rst__train_draws(const rst_train_run *r)
{
    return r->kind->resolves ? rst__dataset_pictures(r->train) : rst__dataset_pairs(r->train);
}

int64_t rst__train_items(const rst_train_run *r)
{
    return r->kind->resolves ? rst__dataset_pictures(r->train) : rst__dataset_count(r->train);
}

rst_method_batch rst__train_batch(const rst_batch *b)
{
    return (rst_method_batch){ .s = { b->n, 3, b->h / b->scale, b->w / b->scale },
                               .s_b = { b->n, 3, b->h, b->w },
                               .a = b->a,
                               .b = b->b };
}

/* Options ---------------------------------------------------------------------------------------
 */

static int check_options(const rst_train_options *o, rst_error *err)
{
    const rst_method_options *m = &o->m;
    if (!o->dataroot)
        return rst_fail(err, RST_EINVAL, "--dataroot is missing: which data to train on");
    if (!o->name || !*o->name)
        return rst_fail(err, RST_EINVAL, "--name is missing: what to call the run's folder");
    if (strchr(o->name, '/') || strcmp(o->name, ".") == 0 || strcmp(o->name, "..") == 0)
        return rst_fail(err, RST_EINVAL,
                        "--name %.60s: must be the name of a folder in --checkpoints-dir", o->name);
    if (o->batch_size < 1 || o->accumulate < 1)
        return rst_fail(err, RST_EINVAL, "--batch-size and --accumulate must be 1 or more");
    if (m->n_epochs < 0 || m->n_epochs_decay < 0 || m->n_epochs + m->n_epochs_decay < 1)
        return rst_fail(err, RST_EINVAL, "--n-epochs and --n-epochs-decay give no epoch");
    if (!(o->lr > 0) || !(m->ema >= 0 && m->ema < 1) || !(m->clip_grad >= 0))
        return rst_fail(err, RST_EINVAL, "--lr, --ema or --clip-grad is out of its range");
    return 0;
}

/* Data ------------------------------------------------------------------------------------------
 */

static int open_phase(const rst_train_run *r, const char *phase, rst_dataset **out, rst_error *err)
{
    const rst_train_options *o = r->o;
    const rst_dataset_options d = { .root = o->dataroot,
                                    .phase = phase,
                                    .layout = o->layout,
                                    .b_to_a = o->b_to_a,
                                    .unpaired = o->unpaired && strcmp(phase, "train") == 0,
                                    .single = r->kind->resolves,
                                    .read = { .alpha = o->alpha, .gray_to_rgb = o->gray_to_rgb },
                                    .max_size = strcmp(phase, "train") == 0 ? o->max_dataset_size
                                                : r->kind->resolves         ? 0
                                                                            : o->val_count };
    return rst__dataset_open(out, &d, err);
}

/* Pictures that keep their sizes make a batch if they all have one size. */
static int check_batch(const rst_train_options *o, const rst_dataset_report *d, rst_error *err)
{
    if (o->batch_size == 1 || rst__preprocess_is_fixed(o->preprocess) ||
        (d->min_w == d->max_w && d->min_h == d->max_h))
        return 0;
    return rst_fail(err, RST_EINVAL,
                    "%s: pictures of %lld x %lld to %lld x %lld pixels make no batch of %d; give "
                    "--batch-size 1, or a --preprocess that crops",
                    o->dataroot, (long long)d->min_w, (long long)d->min_h, (long long)d->max_w,
                    (long long)d->max_h, o->batch_size);
}

/* Of pictures that are still to be made; their sources have been looked at already. */
static int check_made(const rst_train_run *r, const rst_dataset_check_options *c,
                      rst_dataset_report *out, rst_error *err)
{
    const int64_t side = rst__multimag_maker_uniform(r->maker);
    rst_augment_sizes z;
    int rc = rst__augment_plan(c->augment, r->o->dataroot, side, side, &z, err);
    *out = (rst_dataset_report){ .min_w = side, .max_w = side, .min_h = side, .max_h = side };
    if (rc < 0 || r->o->mm_native <= 0)
        return rc;
    rc = rst__dataset_check(r->source, c, out, err);
    out->min_w = out->min_w < side ? out->min_w : side;
    out->max_w = out->max_w > side ? out->max_w : side;
    return rc;
}

/* Before hours of training, not in the middle of them. Validation takes pictures whole. */
static int check_data(const rst_train_run *r, rst_error *err)
{
    const rst_train_options *o = r->o;
    const rst_augment a = { o->preprocess, o->load_size, o->crop_size, !o->no_flip };
    const rst_dataset_check_options train = { .augment = &a, .threads = o->num_threads };
    const rst_dataset_check_options val = { .threads = o->num_threads };
    rst_dataset_report report;
    int rc = r->maker ? check_made(r, &train, &report, err)
                      : rst__dataset_check(r->train, &train, &report, err);
    if (rc == 0)
        rc = check_batch(o, &report, err);
    return rc < 0 || !r->val ? rc : rst__dataset_check(r->val, &val, &report, err);
}

/* For validations and panels, which want pairs also where the training does not. A data set without
 * any is trained on all the same. */
static void open_val(rst_train_run *r)
{
    rst_error why = RST_ERROR_INIT;
    if ((r->o->val_freq > 0 || r->o->panel_count > 0) && open_phase(r, "val", &r->val, &why) < 0) {
        rst__log(RST_LOG_WARN, "no validation and no panels: %s", why.msg);
        r->val = NULL;
    }
}

int rst__train_load_from(rst_train_run *r, int64_t first, rst_error *err)
{
    const rst_train_options *o = r->o;
    const rst_loader_options l = { .sampling = o->sampling,
                                   .augment = { o->preprocess, o->load_size, o->crop_size,
                                                !o->no_flip },
                                   .batch = o->batch_size,
                                   .scale = r->kind->resolves ? o->m.net_g.scale : 0,
                                   .degradation = o->degradation,
                                   .seed = o->seed,
                                   .threads = o->num_threads,
                                   .cache_mb = o->cache_mb,
                                   .native_share = o->mm_native,
                                   .make = r->maker ? rst__multimag_pick : NULL,
                                   .user = r->maker };
    rst__loader_close(r->loader);
    r->loader = NULL;
    return rst__loader_open(&r->loader, r->train, &l, first, err);
}

int rst__train_explain(const rst_train_run *r, rst_dims pictures, const rst_error *why,
                       rst_error *err)
{
    if (why->code != RST_EINVAL)
        return rst_fail(err, why->code, "%s", why->msg);
    return rst_fail(err, why->code, "%s; it got %lld x %lld pixels: see %s", why->msg,
                    (long long)pictures.w, (long long)pictures.h,
                    rst__preprocess_is_fixed(r->o->preprocess) ? "--crop-size" : "--preprocess");
}

/* The magnifications that a data set of one has not, made while the training goes on. */
static int open_maker(rst_train_run *r, rst_error *err)
{
    const rst_train_options *o = r->o;
    const rst_multimag_settings how = {
        .uniform = o->uniform,
        .sr_x2 = o->sr_x2,
        .sr_x4 = o->sr_x4,
        .tile = o->sr_tile,
        .seed = o->seed,
        .ctx = { .backend = o->backend, .threads = o->threads, .conv = o->conv },
    };
    r->source = r->train;
    r->train = NULL;
    int rc = rst__multimag_maker_new(&r->maker, r->source, o->b_to_a ? RST_DATA_B : RST_DATA_A,
                                     &how, err);
    return rc < 0 ? rc : rst__multimag_spread(&r->train, r->maker, err);
}

/* What magnifications there are, and whether the options suit them. */
static int open_views(rst_train_run *r, rst_error *err)
{
    const rst_train_options *o = r->o;
    const char *resolver = o->sr_x2 ? "sr-x2" : o->sr_x4 ? "sr-x4" : NULL;
    if (o->multimag && r->kind->resolves)
        return rst_fail(err, RST_EINVAL, "--multimag: is for pairs; %s learns from tiles",
                        r->kind->name);
    if (resolver && r->train->views > 1)
        return rst_fail(err, RST_EINVAL,
                        "--%s: %s has its magnifications already, and they are not made again",
                        resolver, o->dataroot);
    if ((resolver || o->mm_native > 0) && r->train->views == 1 && !o->multimag)
        return rst_fail(err, RST_EINVAL, "--%s: is for --multimag",
                        resolver ? resolver : "mm-native");
    int rc = o->multimag && r->train->views == 1 ? open_maker(r, err) : 0;
    if (rc < 0)
        return rc;
    const rst_dataset *d = r->train;
    if (o->mm_native > 0 && !d->native)
        return rst_fail(err, RST_EINVAL,
                        "--mm-native: %s has no rows of pairs as they are; restain prepare "
                        "--multimag adds them when it is run once more",
                        o->dataroot);
    if (d->views > 1)
        rst__log(RST_LOG_INFO, "%s: %lld pairs at %d magnifications each%s%s%s", o->dataroot,
                 (long long)rst__dataset_pairs(d), d->views - d->native,
                 *d->resolver ? ", made by " : "", d->resolver,
                 r->maker ? " as they are drawn" : "");
    return 0;
}

static int open_data(rst_train_run *r, rst_error *err)
{
    const rst_train_options *o = r->o;
    int rc = open_phase(r, "train", &r->train, err);
    if (rc == 0)
        rc = open_views(r, err);
    if (rc == 0)
        open_val(r);
    if (rc == 0)
        rc = check_data(r, err);
    if (rc == 0)
        rc = rst__train_load_from(r, 0, err);
    if (rc < 0)
        return rc;
    const int epochs = o->m.n_epochs + o->m.n_epochs_decay;
    const int64_t whole = rst__loader_batches_per_epoch(r->loader) / o->accumulate;
    r->steps_per_epoch = o->steps_per_epoch > 0 ? o->steps_per_epoch : whole > 0 ? whole : 1;
    r->steps = r->steps_per_epoch * epochs;
    if (o->max_steps > 0 && o->max_steps < r->steps)
        r->steps = o->max_steps;
    return 0;
}

/* All -------------------------------------------------------------------------------------------
 */

static int make_path(rst_train_run *r, rst_error *err)
{
    const rst_train_options *o = r->o;
    int n = snprintf(r->dir, sizeof r->dir, "%s/%s", o->checkpoints_dir, o->name);
    return n > 0 && (size_t)n < sizeof r->dir
               ? 0
               : rst_fail(err, RST_EINVAL, "--checkpoints-dir: the path is too long");
}

int rst__train_path(const rst_train_run *r, const char *name, char path[RST_TRAIN_PATH],
                    rst_error *err)
{
    int n = snprintf(path, RST_TRAIN_PATH, "%s/%s", r->dir, name);
    return n > 0 && n < RST_TRAIN_PATH
               ? 0
               : rst_fail(err, RST_EINVAL, "%s/%s: the path is too long", r->dir, name);
}

int rst__train_open(rst_train_run *r, const rst_train_options *o, rst_error *err)
{
    *r = (rst_train_run){ .o = o, .lock = -1 };
    int rc = check_options(o, err);
    if (rc == 0)
        rc = rst__method_kind_find(&r->kind, o->method, err);
    if (rc == 0)
        rc = make_path(r, err);
    if (rc == 0)
        rc = open_data(r, err);
    const rst_ctx_options c = {
        .backend = o->backend, .threads = o->threads, .conv = o->conv, .seed = o->seed
    };
    if (rc == 0)
        rc = rst_ctx_new(&r->c, &c, err);
    if (rc == 0)
        rc = rst__method_new(&r->m, r->c, r->kind, &o->m, err);
    r->schedule = (rst_schedule){ .policy = o->lr_policy,
                                  .lr = o->lr,
                                  .n_epochs = o->m.n_epochs,
                                  .n_epochs_decay = o->m.n_epochs_decay,
                                  .epoch_count = 1,
                                  .decay_epochs = o->lr_decay_iters,
                                  .gamma = o->lr_gamma,
                                  .step_at_start = o->lr_step_at_start };
    rst_schedule_start(&r->schedule);
    return rc;
}

void rst__train_close(rst_train_run *r)
{
    rst_error ignored = RST_ERROR_INIT;
    (void)rst__train_log_close(r->log, &ignored);
    rst__train_history_free(&r->history);
    rst__loader_close(r->loader);
    rst__method_free(r->m);
    rst_ctx_free(r->c);
    rst__dataset_close(r->train);
    rst__multimag_maker_free(r->maker);
    rst__dataset_close(r->source);
    rst__dataset_close(r->val);
    rst__dir_unlock(r->lock);
}
