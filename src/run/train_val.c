/* SPDX-License-Identifier: MIT */
/* Validation: the model as it was written, on pictures that it was not trained on. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "run/model.h"
#include "run/train.h"
#include "run/train_panel.h"

const char *const rst__train_score_names[RST_TRAIN_SCORES] = { "ssim",     "psnr",     "dab_r",
                                                               "dab_real", "dab_fake", "dab_area" };

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

/* One picture of a pair, cut out of its file. */
static int read_side(const rst_dataset *d, rst_data_side side, int64_t item, rst_image *out,
                     rst_error *err)
{
    const char *path = d->list[side].item[item].path;
    rst_image whole = RST_IMAGE_INIT;
    rst_image_view v;
    int rc = rst_image_read(&whole, path, &d->read, err);
    if (rc == 0)
        rc = rst_image_require_channels(&whole, path, 3, err);
    if (rc == 0)
        rc = rst__dataset_view(d, side, item, &whole, &v, err);
    if (rc == 0)
        rc = rst_image_new(out, v.w, v.h, 3, err);
    for (int64_t y = 0; rc == 0 && y < v.h; y++)
        memcpy(out->px + y * v.w * 3, whole.px + ((v.y + y) * whole.width + v.x) * 3,
               (size_t)(v.w * 3));
    rst_image_free(&whole);
    return rc;
}

/* H&E, virtual and real IHC of a validation pair. */
typedef struct triple {
    rst_image he, virt, real;
} triple;

static void triple_free(triple *t)
{
    rst_image_free(&t->he);
    rst_image_free(&t->virt);
    rst_image_free(&t->real);
}

static int make_triple(const rst_train_run *r, rst_model *m, int64_t item, triple *t,
                       rst_error *err)
{
    *t = (triple){ RST_IMAGE_INIT, RST_IMAGE_INIT, RST_IMAGE_INIT };
    int rc = read_side(r->val, RST_DATA_A, item, &t->he, err);
    if (rc == 0)
        rc = read_side(r->val, RST_DATA_B, item, &t->real, err);
    if (rc == 0)
        rc = rst__dataset_require_same(r->val, item, t->he.width, t->he.height, t->real.width,
                                       t->real.height, err);
    if (rc == 0)
        rc = rst__model_translate(m, &t->he, r->val->list[RST_DATA_A].item[item].path, &t->virt,
                                  err);
    if (rc < 0)
        triple_free(t);
    return rc;
}

/* Scores ----------------------------------------------------------------------------------------
 */

typedef struct sums {
    double ssim, psnr;
    rst_stain_sums stain;
} sums;

static int add_scores(sums *s, const triple *t, rst_error *err)
{
    double ssim, psnr;
    int rc = rst_ssim(&t->virt, &t->real, NULL, &ssim, err);
    if (rc == 0)
        rc = rst_psnr(&t->virt, &t->real, &psnr, err);
    if (rc == 0)
        rc = rst_stain_add(&s->stain, &t->real, &t->virt, err);
    if (rc == 0) {
        s->ssim += ssim;
        s->psnr += psnr;
    }
    return rc;
}

int rst__train_validate(rst_train_run *r, rst_train_scores *out, rst_error *err)
{
    sums s = { 0 };
    rst_model *m;
    *out = (rst_train_scores){ 0 };
    if (!r->val)
        return 0;
    int rc = open_model(r, &m, err);
    if (rc < 0)
        return rc;
    const int64_t n = rst__dataset_count(r->val);
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        triple t;
        rc = make_triple(r, m, i, &t, err);
        if (rc < 0)
            break;
        rc = add_scores(&s, &t, err);
        triple_free(&t);
        if (rc == 0 && rst__train_stopped())
            rc = rst_fail(err, RST_ECANCELLED, "%s: stopped while it validated", r->dir);
    }
    rst_model_close(m);
    const rst_stain_agreement a = rst_stain_result(&s.stain);
    out->images = n;
    out->value[0] = s.ssim / (double)n;
    out->value[1] = s.psnr / (double)n;
    out->value[2] = a.r;
    out->value[3] = a.real.mean;
    out->value[4] = a.fake.mean;
    out->value[5] = a.fake.positive - a.real.positive;
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
    const int64_t n = rst__dataset_count(r->val);
    const int64_t wanted = r->o->panel_count < SAMPLES ? r->o->panel_count : SAMPLES;
    const int64_t count = n < wanted ? n : wanted;
    rst_model *m;
    int rc = open_model(r, &m, err);
    if (rc < 0)
        return rc;
    while (*made < count && (rc = make_triple(r, m, *made * n / count, &t[*made], err)) == 0)
        (*made)++;
    rst_model_close(m);
    return rc;
}

static int write_panel(rst_train_run *r, const triple *t, int count, rst_error *err)
{
    rst_train_sample s[SAMPLES];
    rst_image all = RST_IMAGE_INIT;
    char name[64], path[RST_TRAIN_PATH], title[192];
    for (int i = 0; i < count; i++)
        s[i] = (rst_train_sample){ NULL, &t[i].he, &t[i].virt, &t[i].real, r->o->b_to_a };
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
