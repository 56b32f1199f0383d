/* SPDX-License-Identifier: MIT */
/* Checkpoints and models of a run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "model/card.h"
#include "nn/module.h"
#include "run/identify.h"
#include "run/train.h"

/* What a checkpoint must agree with -------------------------------------------------------------
 */

static const char *things(const rst_train_run *r)
{
    return r->kind->resolves ? "tiles" : "pairs";
}

/* Options without which going on would be another training, as text; others may change. */
static int identity(const rst_train_run *r, char out[RST_TRAIN_PATH], rst_error *err)
{
    const rst_train_options *o = r->o;
    char native[48] = "";
    if (o->mm_native > 0)
        (void)snprintf(native, sizeof native, ", native %.9g", o->mm_native);
    int n = snprintf(out, RST_TRAIN_PATH,
                     "method %s, seed %llu, batch %d x %d, crop %lld, %s%s%s%s%lld %s%s%s%s",
                     o->method, (unsigned long long)o->seed, o->batch_size, o->accumulate,
                     (long long)o->crop_size, o->m.ema > 0 ? "ema, " : "",
                     o->b_to_a ? "BtoA, " : "", o->unpaired ? "unpaired, " : "",
                     !r->kind->resolves                          ? ""
                     : o->degradation == RST_DEGRADATION_BICUBIC ? "bicubic, "
                                                                 : "bsrgan, ",
                     (long long)rst__train_items(r), things(r), *r->train->resolver ? ", " : "",
                     r->train->resolver, native);
    for (int i = 0; n > 0 && n < RST_TRAIN_PATH && i < r->m->nets; i++) {
        char arch[1024];
        int rc = rst_arch_to_json(rst_module_arch(r->m->net[i].net), arch, sizeof arch, err);
        if (rc < 0)
            return rc;
        n += snprintf(out + n, (size_t)(RST_TRAIN_PATH - n), ", %s %s", r->m->net[i].name, arch);
    }
    return n > 0 && n < RST_TRAIN_PATH ? 0 : rst_fail(err, RST_EINTERNAL, "a long identity");
}

/* Where two texts part, from the comma before. */
static const char *difference(const char *a, const char *b)
{
    size_t i = 0, word = 0;
    for (; a[i] && a[i] == b[i]; i++)
        if (a[i] == ',')
            word = i + 1;
    return b + word + (b[word] == ' ');
}

/* Run state beside the method's -----------------------------------------------------------------
 */

static int store_run(const rst_train_run *r, rst_weights *w, rst_error *err)
{
    char text[RST_TRAIN_PATH];
    const double v[6] = { r->best,
                          r->has_best,
                          r->elapsed + rst__train_clock() - r->start,
                          r->schedule.factor,
                          r->schedule.best,
                          r->schedule.bad };
    const int64_t shape[1] = { 6 };
    int rc = identity(r, text, err);
    if (rc == 0)
        rc = rst_weights_set_meta(w, "kind", "checkpoint of a training", err);
    if (rc == 0)
        rc = rst_weights_set_meta(w, "identity", text, err);
    const int64_t ending = r->ending;
    if (rc == 0)
        rc = rst_weights_add(w, "ending", RST_WEIGHT_I64, 0, NULL, &ending, err);
    return rc < 0 ? rc : rst_weights_add(w, "run", RST_WEIGHT_F64, 1, shape, v, err);
}

static int load_run(rst_train_run *r, const rst_weights *w, rst_error *err)
{
    char text[RST_TRAIN_PATH];
    double v[6];
    int64_t ending = 0; /* which older checkpoints do not tell */
    const char *theirs = rst_weights_meta(w, "identity");
    const rst_weight *t = rst_weights_find(w, "run");
    if (!theirs || !t || rst_weight_elements(t) != 6)
        return rst_fail(err, RST_EFORMAT, "no checkpoint of a training");
    int rc = identity(r, text, err);
    if (rc < 0)
        return rc;
    if (strcmp(text, theirs) != 0)
        return rst_fail(err, RST_EINVAL,
                        "the options have changed since: there it was %.60s..., now %.60s...",
                        difference(text, theirs), difference(theirs, text));
    if (rst_weights_find(w, "ending") && (rc = rst__state_number(w, "ending", &ending, err)) < 0)
        return rc;
    rst_weight_to_f64(t, v);
    r->ending = ending != 0;
    r->best = v[0];
    r->has_best = v[1] != 0;
    r->elapsed = v[2];
    r->schedule.factor = v[3];
    r->schedule.best = v[4];
    r->schedule.bad = (int)v[5];
    return 0;
}

/* Writing ---------------------------------------------------------------------------------------
 */

int rst__train_save(rst_train_run *r, rst_error *err)
{
    char fresh[RST_TRAIN_PATH], path[RST_TRAIN_PATH], previous[RST_TRAIN_PATH];
    rst_weights *w = rst_weights_new();
    int rc = w ? rst__train_log_sync(r->log, err) : rst__fail_nomem(err, "checkpoint");
    if (rc == 0)
        rc = rst__method_store(r->m, w, err);
    if (rc == 0)
        rc = store_run(r, w, err);
    if (rc == 0)
        rc = rst__train_path(r, "checkpoint.new.safetensors", fresh, err);
    if (rc == 0)
        rc = rst__train_path(r, "checkpoint.safetensors", path, err);
    if (rc == 0)
        rc = rst__train_path(r, "checkpoint.previous.safetensors", previous, err);
    if (rc == 0)
        rc = rst_weights_write_safetensors(w, fresh, err);
    rst_weights_free(w);
    return rc < 0 ? rc : rst__file_step_up(fresh, path, previous, err);
}

/* Reading ---------------------------------------------------------------------------------------
 */

/* @return 1, 0 when there is no such file, or an error */
static int take_up(rst_train_run *r, const char *name, rst_error *err)
{
    char path[RST_TRAIN_PATH];
    rst_weights *w;
    rst_error why = RST_ERROR_INIT;
    int rc = rst__train_path(r, name, path, err);
    if (rc < 0 || !rst__exists(path))
        return rc;
    rc = rst_weights_read(&w, path, NULL, err);
    if (rc < 0)
        return rc;
    rc = load_run(r, w, &why);
    if (rc == 0)
        rc = rst__method_load(r->m, w, &why);
    rst_weights_free(w);
    if (rc < 0)
        return rst_fail(err, rc, "%s: %s", path, why.msg);
    rst__log(RST_LOG_INFO, "%s: going on after step %lld of %lld", path, (long long)r->m->step,
             (long long)r->steps);
    return 1;
}

int rst__train_resume(rst_train_run *r, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    int rc = take_up(r, "checkpoint.safetensors", &why);
    if (rc == RST_EFORMAT) {
        rst__log(RST_LOG_WARN, "%s; trying the one before", why.msg);
        rc = take_up(r, "checkpoint.previous.safetensors", err);
        if (rc != 0)
            return rc;
        rc = RST_EFORMAT;
    }
    return rc < 0 ? rst_fail(err, rc, "%s", why.msg) : rc;
}

int rst__train_init_from(rst_train_run *r, rst_error *err)
{
    const char *path = r->o->init_from;
    rst_weights *w;
    rst_error why = RST_ERROR_INIT;
    if (!path)
        return 0;
    for (int i = 0; i < r->m->nets; i++) {
        rst_method_net *n = &r->m->net[i];
        if (strcmp(n->name, "G") != 0)
            continue;
        int rc = rst__weights_load(&w, path, NULL, err);
        if (rc < 0)
            return rc;
        rc = rst_module_load(n->net, w, "", 0, &why);
        if (rc == 0 && n->ema)
            rc = rst__module_blend(n->ema, n->net, 0, &why);
        rst_weights_free(w);
        return rc < 0 ? rst_fail(err, rc == RST_EINVAL ? RST_EFORMAT : rc, "--init-from %s: %s",
                                 path, why.msg)
                      : 0;
    }
    return rst_fail(err, RST_EINVAL, "--init-from: %s has two generators", r->kind->name);
}

/* Models ----------------------------------------------------------------------------------------
 */

static int card_of(const rst_train_run *r, rst_card *card, rst_error *err)
{
    static const char *const best[] = { "ssim", "psnr", "dab_r" };
    *card = rst__card();
    card->trained = true;
    card->mpp = r->o->mpp;
    const char *made = r->train->resolver;
    (void)snprintf(card->recipe, sizeof card->recipe, "%s%s%s, step %lld, best by %s", r->o->method,
                   *made ? ", " : "", made, (long long)r->m->step, best[r->o->best]);
    const char *from = r->o->init_from;
    char text[512];
    (void)snprintf(text, sizeof text, "trained on %lld %s, crop %lld, seed %llu%s%.200s",
                   (long long)rst__train_draws(r), things(r), (long long)r->o->crop_size,
                   (unsigned long long)r->o->seed, from ? ", from " : "",
                   from ? rst__basename(from) : "");
    rst__card_text(card->file, sizeof card->file, text);
    return rst__card_of_arch(card, &r->o->m.net_g, err);
}

static int save_model(rst_train_run *r, const rst_method_net *n, const char *path, rst_error *err)
{
    rst_card card;
    rst_weights *w = rst_weights_new();
    int rc =
        w ? rst_module_store(n->ema ? n->ema : n->net, w, "", err) : rst__fail_nomem(err, path);
    if (rc == 0)
        rc = card_of(r, &card, err);
    if (rc == 0)
        rc = rst__card_write(&card, w, err);
    if (rc == 0)
        rc = rst_weights_write_safetensors(w, path, err);
    rst_weights_free(w);
    return rc;
}

int rst__train_save_models(rst_train_run *r, const char *tag, rst_error *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < r->m->nets; i++) {
        char name[64], path[RST_TRAIN_PATH];
        if (r->m->net[i].part != RST_PART_GENERATOR)
            continue;
        (void)snprintf(name, sizeof name, "%s_net_%s.safetensors", tag, r->m->net[i].name);
        rc = rst__train_path(r, name, path, err);
        if (rc == 0)
            rc = save_model(r, &r->m->net[i], path, err);
    }
    return rc;
}
