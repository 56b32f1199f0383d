/* SPDX-License-Identifier: MIT */
/* Validation: the model as it was written, on pictures that it was not trained on. */
#include <math.h>
#include <stdio.h>

#include "base/err.h"
#include "base/file.h"
#include "image/crop.h"
#include "image/degrade.h"
#include "image/resize.h"
#include "run/model.h"
#include "run/multimag.h"
#include "run/pair_scores.h"
#include "run/train.h"
#include "run/train_panel.h"

const char *const *rst__train_score_names(const rst_train_run *r)
{
    static const char *const names[2][RST_TRAIN_SCORES] = {
        { "ssim", "psnr", "dab_r", "dab_real", "dab_fake", "dab_area" },
        { "ssim", "psnr", "dab_r", "bicubic_ssim", "bicubic_psnr", "bicubic_dab_r" },
    };
    return names[r->kind->resolves];
}

/* The generator from A to B has the name G, or, of two, G_A. */
static int open_model(const rst_train_run *r, rst_model **out, rst_error *err)
{
    char path[RST_TRAIN_PATH];
    const char *name =
        rst__method_net(r->m, "G") ? "latest_net_G.safetensors" : "latest_net_G_A.safetensors";
    const rst_model_options o = {
        .ctx = { .backend = r->o->backend, .threads = r->o->threads, .conv = r->o->conv }
    };
    int rc = rst__train_path(r, name, path, err);
    return rc < 0 ? rc : rst_model_open(out, path, &o, err);
}

/* H&E, virtual and real IHC of a validation pair. Of a super-resolver the small picture enlarged
 * bicubically, what the model makes of it, and what it was made of. */
typedef struct triple {
    rst_image he, virt, real;
} triple;

static void triple_free(triple *t)
{
    rst_image_free(&t->he);
    rst_image_free(&t->virt);
    rst_image_free(&t->real);
}

static int translate_pair(const rst_train_run *r, rst_model *m, int64_t item, triple *t,
                          rst_error *err)
{
    int rc = rst__dataset_read(r->val, RST_DATA_A, item, &t->he, err);
    if (rc == 0)
        rc = rst__dataset_read(r->val, RST_DATA_B, item, &t->real, err);
    if (rc == 0)
        rc = rst__dataset_require_same(r->val, item, t->he.width, t->he.height, t->real.width,
                                       t->real.height, err);
    if (rc == 0)
        rc = rst__model_translate(m, &t->he, r->val->list[RST_DATA_A].item[item].path, &t->virt,
                                  err);
    return rc;
}

/* A picture made small and poor. It is cut so that its sides are multiples of the scale. What is
 * drawn depends on its number alone, so that runs can be compared. */
static int degrade(const rst_train_run *r, int64_t number, rst_image *large, rst_image *low,
                   rst_error *err)
{
    const int scale = r->o->m.net_g.scale;
    rst_rng rng = rst__sample_stream(0, "val.degrade", number);
    rst_floats p = { 0 };
    rst_image part = RST_IMAGE_INIT;
    int rc = rst__image_crop(large, 0, 0, large->height / scale * scale,
                             large->width / scale * scale, &part, err);
    if (rc < 0)
        return rc;
    rst_image_free(large);
    *large = part;
    rc = rst__floats_new(&p, part.height, part.width, err);
    if (rc == 0) {
        rst__floats_from_image(&p, &part);
        rc = rst__degrade(&p, scale, r->o->degradation, &rng, err);
    }
    if (rc == 0)
        rc = rst__floats_to_image(&p, low, err);
    rst__floats_free(&p);
    return rc;
}

static int resolve_picture(const rst_train_run *r, rst_model *m, int64_t number, triple *t,
                           rst_error *err)
{
    rst_data_side side;
    int64_t item;
    rst_image low = RST_IMAGE_INIT;
    rst__dataset_picture(r->val, number, &side, &item);
    int rc = rst__dataset_read(r->val, side, item, &t->real, err);
    if (rc == 0)
        rc = degrade(r, number, &t->real, &low, err);
    if (rc == 0)
        rc =
            rst__image_resize(&low, t->real.width, t->real.height, RST_RESIZE_BICUBIC, &t->he, err);
    if (rc == 0)
        rc = rst__model_translate(m, &low, r->val->list[side].item[item].path, &t->virt, err);
    rst_image_free(&low);
    return rc;
}

/* The i-th of `count` from all over the validation set. */
static int make_triple(const rst_train_run *r, rst_model *m, int64_t i, int64_t count, triple *t,
                       rst_error *err)
{
    const bool resolves = r->kind->resolves;
    const int64_t all = resolves ? rst__dataset_pictures(r->val) : rst__dataset_count(r->val);
    *t = (triple){ RST_IMAGE_INIT, RST_IMAGE_INIT, RST_IMAGE_INIT };
    int rc = resolves ? resolve_picture(r, m, i * all / count, t, err)
                      : translate_pair(r, m, i * all / count, t, err);
    if (rc < 0)
        triple_free(t);
    return rc;
}

int64_t rst__train_val_count(const rst_train_run *r)
{
    if (!r->val || !r->kind->resolves)
        return r->val ? rst__dataset_count(r->val) : 0;
    const int64_t all = rst__dataset_pictures(r->val), some = r->o->val_count;
    return some > 0 && some < all ? some : all;
}

/* Scores ----------------------------------------------------------------------------------------
 */

/* Means, and the agreement over all pixels. */
static rst_stain_agreement average(const rst_pair_scores *s, int64_t n, double value[3])
{
    const rst_stain_agreement a = rst_stain_result(&s->stain);
    value[0] = s->ssim / (double)n;
    value[1] = s->psnr / (double)n;
    value[2] = a.r;
    return a;
}

static void result(const rst_pair_scores *s, const rst_pair_scores *bicubic, int64_t n,
                   double value[RST_TRAIN_SCORES])
{
    const rst_stain_agreement a = average(s, n, value);
    value[3] = a.real.mean;
    value[4] = a.fake.mean;
    value[5] = a.fake.positive - a.real.positive;
    if (bicubic)
        (void)average(bicubic, n, value + 3);
}

int rst__train_validate(rst_train_run *r, rst_train_scores *out, rst_error *err)
{
    rst_pair_scores s = { 0 }, bicubic = { 0 };
    const bool resolves = r->kind->resolves;
    rst_model *m;
    *out = (rst_train_scores){ 0 };
    if (!r->val)
        return 0;
    int rc = open_model(r, &m, err);
    if (rc < 0)
        return rc;
    const int64_t n = rst__train_val_count(r);
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        triple t;
        rc = make_triple(r, m, i, n, &t, err);
        if (rc < 0)
            break;
        rc = rst__pair_scores_add(&s, &t.virt, &t.real, err);
        if (rc == 0 && resolves)
            rc = rst__pair_scores_add(&bicubic, &t.he, &t.real, err);
        triple_free(&t);
        if (rc == 0 && rst__train_stopped())
            rc = rst_fail(err, RST_ECANCELLED, "%s: stopped while it validated", r->dir);
    }
    rst_model_close(m);
    out->images = n;
    result(&s, resolves ? &bicubic : NULL, n, out->value);
    return rc;
}

double rst__train_rank(const rst_train_run *r, const rst_train_scores *s)
{
    return s->value[r->o->best]; /* the first three scores are the three that may be chosen */
}

/* Panels ----------------------------------------------------------------------------------------
 */

enum { SAMPLES = 8 };

/* Pairs from all over the validation set; those made are in t[0..*made). */
static int make_samples(const rst_train_run *r, triple *t, int *made, rst_error *err)
{
    const int64_t n = rst__train_val_count(r);
    const int64_t wanted = r->o->panel_count < SAMPLES ? r->o->panel_count : SAMPLES;
    const int64_t count = n < wanted ? n : wanted;
    rst_model *m;
    int rc = open_model(r, &m, err);
    if (rc < 0)
        return rc;
    while (*made < count && (rc = make_triple(r, m, *made, count, &t[*made], err)) == 0)
        (*made)++;
    rst_model_close(m);
    return rc;
}

static int write_panel(rst_train_run *r, const triple *t, int count, rst_error *err)
{
    rst_train_sample s[SAMPLES];
    rst_image all = RST_IMAGE_INIT;
    char name[64], path[RST_TRAIN_PATH], title[192];
    const rst_train_sample_kind kind = r->kind->resolves ? RST_SAMPLE_RESOLVED
                                       : r->o->b_to_a    ? RST_SAMPLE_BACK
                                                         : RST_SAMPLE_FORTH;
    for (int i = 0; i < count; i++)
        s[i] = (rst_train_sample){ NULL, &t[i].he, &t[i].virt, &t[i].real, kind };
    (void)snprintf(name, sizeof name, "panels/%08lld.png", (long long)r->m->step);
    (void)snprintf(title, sizeof title, "%.96s, %s, step %lld", r->o->name, r->o->method,
                   (long long)r->m->step);
    int rc = rst__train_panel_draw(&all, s, count, title, &r->history, err);
    if (rc == 0)
        rc = rst__train_path(r, name, path, err);
    if (rc == 0)
        rc = rst_image_write(path, &all, NULL, err);
    if (rc == 0)
        rc = rst__train_log_image(r->log, r->m->step, "panel", &all, err);
    rst_image_free(&all);
    return rc;
}

int rst__train_panel(rst_train_run *r, rst_error *err)
{
    char path[RST_TRAIN_PATH];
    triple t[SAMPLES];
    int made = 0;
    if (!r->val || r->o->panel_count < 1)
        return 0;
    int rc = rst__train_save_models(r, "latest", err);
    if (rc == 0)
        rc = rst__train_path(r, "panels", path, err);
    if (rc == 0)
        rc = rst__mkdirs(path, err);
    if (rc == 0)
        rc = make_samples(r, t, &made, err);
    if (rc == 0)
        rc = write_panel(r, t, made, err);
    for (int i = 0; i < made; i++)
        triple_free(&t[i]);
    return rc;
}
