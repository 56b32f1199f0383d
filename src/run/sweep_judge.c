/* SPDX-License-Identifier: MIT */
/* What a sweep judges on: whole held-out pictures, or views of them that are enlarged, and kept. */
#include <restain/metric.h>

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "run/model.h"
#include "run/multimag_maker.h"
#include "run/pair_scores.h"
#include "run/sweep_parts.h"

enum { TEXT_MAX = 1 << 20 };

static const char *const side_name[] = { "HE", "IHC" };

/* Hashes ----------------------------------------------------------------------------------------
 */

static int add_file(rst_str *t, const char *path, rst_error *err)
{
    char hex[65];
    int rc = rst__sha256_file(path, hex, err);
    if (rc == 0)
        rst__str_printf(t, " %s", hex);
    return rc;
}

static int hash(rst_str *t, char hex[65], rst_error *err)
{
    int rc = t->failed ? rst__fail_nomem(err, "settings") : rst__sha256_hex(t->s, t->len, hex, err);
    rst__str_free(t);
    return rc;
}

int rst__sweep_set_hash(const rst_sweep *s, const rst_sweep_set *set, char hex[65], rst_error *err)
{
    rst_str t = rst__str(TEXT_MAX);
    int rc = 0;
    rst__str_printf(&t, "%s %s %d", set->data.root, set->data.phase, set->magnification);
    if (set->magnification > 1 && s->sr_x2 && s->sr_x4)
        rc = add_file(&t, set->magnification == 2 ? s->sr_x2 : s->sr_x4, err);
    if (rc == 0)
        return hash(&t, hex, err);
    rst__str_free(&t);
    return rc;
}

int rst__sweep_settings(const rst_sweep *s, const rst_sweep_job *job, const rst_sweep_set *set,
                        char out[RST_SWEEP_HASH + 1], rst_error *err)
{
    char hex[65];
    rst_str t = rst__str(TEXT_MAX);
    int rc = rst__sweep_set_hash(s, set, hex, err);
    rst__str_printf(&t, "%s\n%s\n%s\n", hex, job->seed, job->train ? job->settings : "");
    if (rc == 0 && job->model)
        rc = add_file(&t, job->model, err);
    if (job->train && job->train->multimag)
        for (int k = 0; rc == 0 && s->sr_x2 && s->sr_x4 && k < 2; k++)
            rc = add_file(&t, k ? s->sr_x4 : s->sr_x2, err);
    if (rc < 0)
        rst__str_free(&t);
    else
        rc = hash(&t, hex, err);
    if (rc == 0)
        (void)snprintf(out, RST_SWEEP_HASH + 1, "%.*s", (int)RST_SWEEP_HASH, hex);
    return rc;
}

/* Views -----------------------------------------------------------------------------------------
 */

int rst__sweep_path(const rst_sweep *s, const char *a, const char *b, char path[RST_SWEEP_PATH],
                    rst_error *err)
{
    const int n = snprintf(path, RST_SWEEP_PATH, "%s/%s/%s", s->folder, a, b);
    return n > 0 && n < RST_SWEEP_PATH
               ? 0
               : rst_fail(err, RST_EINVAL, "%s: the path is too long", s->folder);
}

/* Where a set's views lie. What they depend on is in the folder's name, so that none is an old one.
 */
static int view_folder(const rst_sweep *s, const rst_sweep_set *set, char folder[RST_SWEEP_PATH],
                       rst_error *err)
{
    char hex[65];
    int rc = rst__sweep_set_hash(s, set, hex, err);
    hex[RST_SWEEP_HASH] = 0;
    return rc < 0 ? rc : rst__sweep_path(s, "views", hex, folder, err);
}

static int view_path(const char *folder, const rst_dataset *d, rst_data_side side, int64_t item,
                     char path[RST_SWEEP_PATH], rst_error *err)
{
    const char *stem = d->list[RST_DATA_A].item[item].stem;
    const int n = snprintf(path, RST_SWEEP_PATH, "%s/%s/%s.png", folder, side_name[side], stem);
    return n > 0 && n < RST_SWEEP_PATH
               ? 0
               : rst_fail(err, RST_EINVAL, "%s: the path is too long", stem);
}

int rst__sweep_make_parent(const char *path, rst_error *err)
{
    char folder[RST_SWEEP_PATH];
    const int n = (int)(rst__basename(path) - path);
    if (n >= RST_SWEEP_PATH)
        return rst_fail(err, RST_EINVAL, "%s: the path is too long", path);
    (void)snprintf(folder, sizeof folder, "%.*s", n, path);
    return n > 0 ? rst__mkdirs(folder, err) : 0;
}

static int make_view(const rst_sweep_set *set, rst_multimag_maker *m, const rst_dataset *d,
                     rst_data_side side, int64_t item, const char *path, rst_error *err)
{
    rst_image img = RST_IMAGE_INIT, big = RST_IMAGE_INIT;
    int rc = rst__dataset_read(d, side, item, &img, err);
    if (rc == 0)
        rc = rst__multimag_make(m, &img, side, item, set->magnification / 2, &big, err);
    if (rc == 0)
        rc = rst__sweep_make_parent(path, err);
    if (rc == 0)
        rc = rst_image_write(path, &big, NULL, err);
    rst_image_free(&img);
    rst_image_free(&big);
    return rc;
}

static int make_set(const rst_sweep *s, const rst_sweep_set *set, rst_error *err)
{
    const rst_multimag_settings how = {
        .sr_x2 = s->sr_x2, .sr_x4 = s->sr_x4, .centre = true, .ctx = s->ctx
    };
    char folder[RST_SWEEP_PATH], path[RST_SWEEP_PATH];
    rst_dataset *d = NULL;
    rst_multimag_maker *m = NULL;
    int rc = view_folder(s, set, folder, err);
    if (rc == 0)
        rc = rst__dataset_open(&d, &set->data, err);
    if (rc == 0)
        rc = rst__multimag_maker_new(&m, d, RST_DATA_A, &how, err);
    for (int64_t i = 0; rc == 0 && i < 2 * rst__dataset_count(d); i++) {
        const rst_data_side side = i % 2 ? RST_DATA_B : RST_DATA_A;
        rc = view_path(folder, d, side, i / 2, path, err);
        if (rc == 0 && !rst__exists(path))
            rc = make_view(set, m, d, side, i / 2, path, err);
        if (rc == 0 && rst__sweep_stopped())
            rc = rst_fail(err, RST_ECANCELLED, "%s: stopped while views were made", s->folder);
    }
    rst__multimag_maker_free(m);
    rst__dataset_close(d);
    return rc;
}

int rst__sweep_make_views(const rst_sweep *s, rst_error *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < s->sets; i++)
        if (s->set[i].magnification > 1)
            rc = make_set(s, &s->set[i], err);
    return rc;
}

/* Scores ----------------------------------------------------------------------------------------
 */

/* @param folder  with views of the pictures; NULL: they are judged as they are */
static int read_side(const char *folder, const rst_dataset *d, rst_data_side side, int64_t item,
                     rst_image *out, rst_error *err)
{
    char path[RST_SWEEP_PATH];
    if (!folder)
        return rst__dataset_read(d, side, item, out, err);
    int rc = view_path(folder, d, side, item, path, err);
    return rc < 0 ? rc : rst_image_read(out, path, NULL, err);
}

static int judge_pair(const char *folder, const rst_dataset *d, int64_t item, rst_model *m,
                      rst_pair_scores *t, rst_error *err)
{
    const char *name = d->list[RST_DATA_A].item[item].path;
    rst_image he = RST_IMAGE_INIT, real = RST_IMAGE_INIT, fake = RST_IMAGE_INIT;
    rst_error why = RST_ERROR_INIT;
    int rc = read_side(folder, d, RST_DATA_A, item, &he, err);
    if (rc == 0)
        rc = read_side(folder, d, RST_DATA_B, item, &real, err);
    if (rc == 0 && m)
        rc = rst__model_translate(m, &he, name, &fake, err);
    if (rc == 0 && (rc = rst__pair_scores_add(t, m ? &fake : &he, &real, &why)) < 0)
        rc = rst_fail(err, rc, "%s: %s", name, why.msg);
    rst_image_free(&he);
    rst_image_free(&real);
    rst_image_free(&fake);
    return rc;
}

static void fill(rst_sweep_result *out, const rst_pair_scores *t, int64_t n)
{
    const rst_stain_agreement a = rst_stain_result(&t->stain);
    out->score[RST_SWEEP_IMAGES] = (double)n;
    out->score[RST_SWEEP_SSIM] = t->ssim / (double)n;
    out->score[RST_SWEEP_PSNR] = t->psnr / (double)n;
    out->score[RST_SWEEP_DAB_R] = a.r;
    out->score[RST_SWEEP_DAB_REAL] = a.real.mean;
    out->score[RST_SWEEP_DAB_VIRTUAL] = a.fake.mean;
    out->score[RST_SWEEP_AREA_REAL] = a.real.positive;
    out->score[RST_SWEEP_AREA_VIRTUAL] = a.fake.positive;
}

int rst__sweep_judge(const rst_sweep *s, const rst_sweep_set *set, rst_model *m,
                     rst_sweep_result *out, rst_error *err)
{
    char folder[RST_SWEEP_PATH];
    rst_pair_scores t = { 0 };
    rst_dataset *d = NULL;
    const bool viewed = set->magnification > 1;
    int rc = viewed ? view_folder(s, set, folder, err) : 0;
    if (rc == 0)
        rc = rst__dataset_open(&d, &set->data, err);
    const int64_t n = rc == 0 ? rst__dataset_count(d) : 0;
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        rc = judge_pair(viewed ? folder : NULL, d, i, m, &t, err);
        if (rc == 0 && rst__sweep_stopped())
            rc = rst_fail(err, RST_ECANCELLED, "%s: stopped while %s was judged", s->folder,
                          set->name);
    }
    if (rc == 0)
        fill(out, &t, n);
    rst__dataset_close(d);
    return rc;
}
