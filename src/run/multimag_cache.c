/* SPDX-License-Identifier: MIT */
#include "run/multimag_cache.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "run/prepared.h"

enum { VIEWS = RST_MULTIMAG_VIEWS, SCALES = 2, MAX_PATH = 1 << 16 };

static const char *const side_name[] = { "HE", "IHC" };

typedef struct job {
    const rst_multimag_cache_options *o;
    rst_dataset *d;        /* owned: split train */
    rst_multimag_maker *m; /* owned */
    rst_str rows;          /* of the manifest */
    int64_t done, written, there;
    rst_error err; /* the first */
} job;

/* Paths -----------------------------------------------------------------------------------------
 */

/* FOLDER/SIDE/WHAT/STEM.png, owned; NULL when out of memory. Without `folder`, as the manifest has
 * it. */
static char *path_of(const char *folder, rst_data_side side, const char *what, const char *stem)
{
    rst_str s = rst__str(MAX_PATH);
    rst__str_printf(&s, "%s%s%s/%s/%s.png", folder, *folder ? "/" : "", side_name[side], what,
                    stem);
    if (s.failed)
        rst__str_free(&s);
    return s.failed ? NULL : s.s;
}

/* Pictures --------------------------------------------------------------------------------------
 */

static int make_view(const job *j, const rst_image *img, rst_data_side side, int64_t item, int view,
                     const char *path, rst_error *err)
{
    rst_image big = RST_IMAGE_INIT;
    int rc = rst__multimag_make(j->m, img, side, item, view, &big, err);
    if (rc == 0)
        rc = rst__prepared_picture(path, &big, NULL, err);
    rst_image_free(&big);
    return rc;
}

/* What of a side is not there yet. Both stains have A's name, which says where the crops are. */
static int make_side(job *j, rst_data_side side, int64_t item, rst_error *err)
{
    const char *stem = j->d->list[RST_DATA_A].item[item].stem;
    rst_image img = RST_IMAGE_INIT;
    int rc = 0, made = 0;
    for (int view = 0; rc == 0 && view < VIEWS; view++) {
        char what[16], *path;
        (void)snprintf(what, sizeof what, "%sx", rst__multimag_words[view]);
        path = path_of(j->o->folder, side, what, stem);
        if (!path)
            rc = rst__fail_nomem(err, stem);
        else if (!rst__exists(path)) {
            if (!img.px)
                rc = rst__dataset_read(j->d, side, item, &img, err);
            rc = rc < 0 ? rc : make_view(j, &img, side, item, view, path, err);
            made++;
        }
        rst__free(path);
    }
    rst_image_free(&img);
#pragma omp atomic
    j->written += made;
#pragma omp atomic
    j->there += VIEWS - made;
    return rc;
}

/* One pair, in any thread. The first failure is kept, and stops the others. */
static void run_pair(job *j, int64_t item, int64_t total)
{
    int failed;
#pragma omp atomic read
    failed = j->err.code;
    if (failed)
        return;
    rst_error err = RST_ERROR_INIT;
    int rc = make_side(j, RST_DATA_A, item, &err);
    if (rc == 0)
        rc = make_side(j, RST_DATA_B, item, &err);
#pragma omp critical(rst_multimag_cache)
    {
        j->done++;
        if (rc == 0 && j->o->progress && j->o->progress(j->o->user, j->done, total))
            rc = rst_fail(&err, RST_ECANCELLED,
                          "%s: stopped after %lld of %lld pairs; the same command goes on",
                          j->o->folder, (long long)j->done, (long long)total);
        if (rc < 0 && !j->err.code)
            j->err = err;
    }
}

static int make_all(job *j, rst_error *err)
{
    const int64_t n = rst__dataset_count(j->d);
    const bool alone = j->o->how.sr_x2 != NULL; /* a network takes all threads for itself */
#pragma omp parallel for schedule(dynamic) if (!alone)
    for (int64_t i = 0; i < n; i++)
        run_pair(j, i, n);
    if (j->err.code && err)
        *err = j->err;
    return j->err.code;
}

/* The manifest ----------------------------------------------------------------------------------
 */

static int add_row(job *j, const char *split, const char *he, const char *ihc, const char *view,
                   const char *resolver, rst_error *err)
{
    if (he[strcspn(he, "\t\r\n")] || ihc[strcspn(ihc, "\t\r\n")])
        return rst_fail(err, RST_EINPUT, "%s: a tab or a line's end in a name", he);
    rst__str_printf(&j->rows, "%s\t%s\t%s\t%s\t%s", split, he, ihc, view, resolver);
    return 0;
}

/* A picture as it is: its file, or its half of one, written out. */
static int native(const job *j, const rst_dataset *d, const char *split, rst_data_side side,
                  int64_t item, char path[PATH_MAX], rst_error *err)
{
    const char *from = d->list[side].item[item].path;
    if (d->part[side] == RST_DATA_WHOLE)
        return realpath(from, path) ? 0 : rst_fail(err, RST_EINPUT, "%s: cannot be found", from);
    rst_image img = RST_IMAGE_INIT;
    const char *stem = d->list[side].item[item].stem;
    char *to = path_of(j->o->folder, side, split, stem), *name = path_of("", side, split, stem);
    int rc = to && name ? 0 : rst__fail_nomem(err, stem);
    if (rc == 0 && !rst__exists(to)) {
        rc = rst__dataset_read(d, side, item, &img, err);
        if (rc == 0)
            rc = rst__prepared_picture(to, &img, NULL, err);
        rst_image_free(&img);
    }
    if (rc == 0 && snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
        rc = rst_fail(err, RST_EINPUT, "%s: a path too long", name);
    rst__free(to);
    rst__free(name);
    return rc;
}

/* A pair as its pictures are. */
static int add_native(job *j, const rst_dataset *d, const char *split, int64_t item, rst_error *err)
{
    char he[PATH_MAX], ihc[PATH_MAX];
    int rc = native(j, d, split, RST_DATA_A, item, he, err);
    if (rc == 0)
        rc = native(j, d, split, RST_DATA_B, item, ihc, err);
    if (rc == 0)
        rc = add_row(j, split, he, ihc, RST_DATA_NATIVE, RST_DATA_NATIVE, err);
    rst__str_add(&j->rows, "\n");
    return rc;
}

/* The magnifications, and last what train's --mm-native takes in the place of the first. */
static int add_views(job *j, int64_t item, const char *resolver, rst_error *err)
{
    const char *stem = j->d->list[RST_DATA_A].item[item].stem;
    int rc = 0;
    for (int view = 0; rc == 0 && view < VIEWS; view++) {
        const char *m = rst__multimag_words[view];
        char what[16];
        (void)snprintf(what, sizeof what, "%sx", m);
        char *he = path_of("", RST_DATA_A, what, stem), *ihc = path_of("", RST_DATA_B, what, stem);
        rc =
            he && ihc ? add_row(j, "train", he, ihc, m, resolver, err) : rst__fail_nomem(err, stem);
        rst__str_add(&j->rows, "\n");
        rst__free(he);
        rst__free(ihc);
    }
    return rc < 0 ? rc : add_native(j, j->d, "train", item, err);
}

static int add_split(job *j, const rst_dataset *d, const char *split, rst_error *err)
{
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < rst__dataset_count(d); i++)
        rc = add_native(j, d, split, i, err);
    return rc;
}

/* Rows of val and test. */
static int add_others(job *j, int64_t *count, rst_error *err)
{
    static const char *const split[] = { "val", "test" };
    int rc = 0;
    for (int k = 0; rc == 0 && k < 2; k++) {
        rst_dataset_options o = j->o->data;
        rst_dataset *d = NULL;
        o.phase = split[k];
        o.optional = true;
        o.max_size = 0;
        rst_error why = RST_ERROR_INIT;
        if (rst__dataset_open(&d, &o, &why) < 0)
            rst__log(RST_LOG_WARN, "without split %s: %s", split[k], why.msg);
        if (d) {
            rc = add_split(j, d, split[k], err);
            *count += rst__dataset_count(d);
        }
        rst__dataset_close(d);
    }
    if (rc == 0 && *count == 0)
        rst__log(RST_LOG_WARN, "%s: nothing to validate with", j->o->data.root);
    return rc;
}

/* Before the work, so that what is wrong shows before it. */
static int list_rows(job *j, rst_multimag_cache_report *r, rst_error *err)
{
    int rc = 0;
    j->rows = rst__str((size_t)1 << 28);
    rst__str_add(&j->rows, "split\the\tihc\tmagnification\tresolver\n");
    for (int64_t i = 0; rc == 0 && i < r->pairs; i++)
        rc = add_views(j, i, r->resolver, err);
    return rc < 0 ? rc : add_others(j, &r->others, err);
}

/* Before the work -------------------------------------------------------------------------------
 */

/* All that the pictures depend on beside the files themselves. */
static int describe(const job *j, const char *resolver, rst_str *s, rst_error *err)
{
    const rst_multimag_settings *o = &j->o->how;
    char root[PATH_MAX];
    if (!realpath(j->o->data.root, root))
        return rst_fail(err, RST_EINPUT, "%s: no such folder", j->o->data.root);
    rst__str_printf(s, "dataroot %s\nuniform %lld\nseed %llu\nresolver %s\n", root,
                    (long long)rst__multimag_maker_uniform(j->m), (unsigned long long)o->seed,
                    resolver);
    for (int k = 0; o->sr_x2 && k < SCALES; k++) {
        char hex[65];
        int rc = rst__sha256_file(k ? o->sr_x4 : o->sr_x2, hex, err);
        if (rc < 0)
            return rc;
        rst__str_printf(s, "x%d sha256 %s\n", 2 << k, hex);
    }
    if (o->sr_x2)
        rst__str_printf(s, "tile %lld\n", (long long)rst__multimag_maker_tile(j->m));
    return s->failed ? rst__fail_nomem(err, j->o->folder) : 0;
}

static int claim_folder(const job *j, const char *resolver, rst_error *err)
{
    static const char *const ours[] = { "HE", "IHC", NULL };
    rst_str s = rst__str(MAX_PATH);
    int rc = describe(j, resolver, &s, err);
    if (rc == 0)
        rc = rst__prepared_claim(j->o->folder, &s, ours, err);
    rst__str_free(&s);
    return rc;
}

static int run(job *j, rst_multimag_cache_report *r, rst_error *err)
{
    rst_dataset_options data = j->o->data;
    data.phase = "train";
    int rc = rst__dataset_open(&j->d, &data, err);
    if (rc == 0)
        rc = rst__multimag_maker_new(&j->m, j->d, RST_DATA_A, &j->o->how, err);
    if (rc < 0)
        return rc;
    *r = (rst_multimag_cache_report){ .pairs = rst__dataset_count(j->d),
                                      .uniform = rst__multimag_maker_uniform(j->m),
                                      .resolver = rst__multimag_maker_resolver(j->m) };
    rc = claim_folder(j, r->resolver, err);
    if (rc == 0)
        rc = list_rows(j, r, err);
    if (rc == 0)
        rc = make_all(j, err);
    r->written = j->written;
    r->there = j->there;
    return rc < 0 ? rc : rst__prepared_text(j->o->folder, "manifest.tsv", &j->rows, err);
}

int rst__multimag_cache(const rst_multimag_cache_options *o, rst_multimag_cache_report *out,
                        rst_error *err)
{
    job j = { .o = o };
    int rc = run(&j, out, err);
    rst__str_free(&j.rows);
    rst__multimag_maker_free(j.m);
    rst__dataset_close(j.d);
    return rc;
}
