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
#include "base/rng.h"
#include "base/str.h"
#include "data/check.h"
#include "image/resize.h"
#include "run/multimag.h"

enum { VIEWS = 3, SCALES = 2, TILE = 256, MAX_PATH = 1 << 16 };

static const int magnification[VIEWS] = { 1, 2, 4 };
static const char *const side_name[] = { "HE", "IHC" };

typedef struct job {
    const rst_multimag_cache_options *o;
    rst_dataset *d;        /* owned: split train */
    rst_model *sr[SCALES]; /* owned: x2, x4; NULL: bicubic */
    int64_t uniform, tile;
    rst_str rows; /* of the manifest */
    int64_t done, written, there;
    rst_error err; /* the first */
} job;

/* Which super-resolver a magnification goes through. */
static int scale_at(int view)
{
    return magnification[view] == 4 ? 1 : 0;
}

/* Where a crop lies: chance, but the same for both stains and in every run. */
static rst_multimag_view view_of(const job *j, const char *stem, int64_t side, int view)
{
    const int m = magnification[view];
    rst_multimag_view v = { .uniform = j->uniform, .crop = m > 1, .size = side / m };
    rst_str name = rst__str(MAX_PATH);
    rst__str_printf(&name, "multimag %d %s", m, stem);
    rst_rng r = rst__rng(j->o->seed, name.s ? name.s : stem);
    v.y = v.crop ? rst__rng_below(&r, side - v.size + 1) : 0;
    v.x = v.crop ? rst__rng_below(&r, side - v.size + 1) : 0;
    rst__str_free(&name);
    return v;
}

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

static int write_picture(const char *path, const rst_image *img, rst_error *err)
{
    char *folder = rst__strdup(path);
    if (!folder)
        return rst__fail_nomem(err, path);
    *strrchr(folder, '/') = 0;
    int rc = rst__mkdirs(folder, err);
    rst__free(folder);
    return rc < 0 ? rc : rst_image_write(path, img, NULL, err);
}

/* Pictures --------------------------------------------------------------------------------------
 */

/* A side of a pair by itself: a whole file, or the half of one. */
static int read_side(const rst_dataset *d, rst_data_side side, int64_t item, rst_image *out,
                     rst_error *err)
{
    const char *path = d->list[side].item[item].path;
    rst_image img = RST_IMAGE_INIT;
    rst_image_view v;
    int rc = rst_image_read(&img, path, &d->read, err);
    if (rc == 0)
        rc = rst_image_require_channels(&img, path, 3, err);
    if (rc == 0)
        rc = rst__dataset_view(d, side, item, &img, &v, err);
    if (rc == 0 && v.w == img.width) {
        *out = img;
        return 0;
    }
    if (rc == 0)
        rc = rst__multimag_copy(&img, v.y, v.x, v.h, v.w, out, err);
    rst_image_free(&img);
    return rc;
}

static int make_view(const job *j, const rst_image *img, const rst_multimag_view *v, int view,
                     const char *path, rst_error *err)
{
    rst_model *sr = j->sr[scale_at(view)];
    rst_image low = RST_IMAGE_INIT, big = RST_IMAGE_INIT;
    rst_error why = RST_ERROR_INIT;
    int rc = rst__multimag_low(img, v, 2 << scale_at(view), &low, &why);
    if (rc < 0) /* not square: what is read has a name, what is seen has none */
        rc = rst_fail(err, rc, "%s: %s", path, why.msg);
    if (rc == 0)
        rc = sr ? rst__multimag_resolve(sr, &low, j->tile, &big, err)
                : rst__image_resize(&low, j->uniform, j->uniform, RST_RESIZE_BICUBIC, &big, err);
    if (rc == 0)
        rc = write_picture(path, &big, err);
    rst_image_free(&low);
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
        (void)snprintf(what, sizeof what, "%dx", magnification[view]);
        path = path_of(j->o->folder, side, what, stem);
        if (!path)
            rc = rst__fail_nomem(err, stem);
        else if (!rst__exists(path)) {
            if (!img.px)
                rc = read_side(j->d, side, item, &img, err);
            const rst_multimag_view v = view_of(j, stem, img.width, view);
            rc = rc < 0 ? rc : make_view(j, &img, &v, view, path, err);
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
    const bool alone = j->sr[0] != NULL; /* a network takes all threads for itself */
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

static int add_views(job *j, int64_t item, const char *resolver, rst_error *err)
{
    const char *stem = j->d->list[RST_DATA_A].item[item].stem;
    int rc = 0;
    for (int view = 0; rc == 0 && view < VIEWS; view++) {
        char what[16], m[8];
        (void)snprintf(m, sizeof m, "%d", magnification[view]);
        (void)snprintf(what, sizeof what, "%sx", m);
        char *he = path_of("", RST_DATA_A, what, stem), *ihc = path_of("", RST_DATA_B, what, stem);
        rc =
            he && ihc ? add_row(j, "train", he, ihc, m, resolver, err) : rst__fail_nomem(err, stem);
        rst__str_add(&j->rows, "\n");
        rst__free(he);
        rst__free(ihc);
    }
    return rc;
}

/* A picture to validate with, as it is: its file, or its half of one, written out. */
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
        rc = read_side(d, side, item, &img, err);
        if (rc == 0)
            rc = write_picture(to, &img, err);
        rst_image_free(&img);
    }
    if (rc == 0 && snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
        rc = rst_fail(err, RST_EINPUT, "%s: a path too long", name);
    rst__free(to);
    rst__free(name);
    return rc;
}

static int add_split(job *j, const rst_dataset *d, const char *split, rst_error *err)
{
    char he[PATH_MAX], ihc[PATH_MAX];
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < rst__dataset_count(d); i++) {
        rc = native(j, d, split, RST_DATA_A, i, he, err);
        if (rc == 0)
            rc = native(j, d, split, RST_DATA_B, i, ihc, err);
        if (rc == 0)
            rc = add_row(j, split, he, ihc, "native", "native", err);
        rst__str_add(&j->rows, "\n");
    }
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

static int write_text(const char *folder, const char *name, const rst_str *text, rst_error *err)
{
    rst_str path = rst__str(MAX_PATH);
    rst__str_printf(&path, "%s/%s", folder, name);
    int rc = text->failed || path.failed ? rst__fail_nomem(err, folder)
                                         : rst__file_write(path.s, text->s, text->len, err);
    rst__str_free(&path);
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

/* The side of the results; all pictures are looked at before the first is made. */
static int settle_size(job *j, rst_error *err)
{
    const rst_dataset_check_options check = { 0 };
    rst_dataset_report r;
    int rc = rst__dataset_check(j->d, &check, &r, err);
    if (rc < 0)
        return rc;
    const bool one = r.min_w == r.max_w && r.min_h == r.max_h && r.min_w == r.min_h;
    j->uniform = j->o->uniform ? j->o->uniform : r.min_w;
    if (!j->o->uniform && !one)
        return rst_fail(err, RST_EINVAL,
                        "%s: pictures of %lld x %lld to %lld x %lld pixels; give --uniform, the "
                        "side that all are brought to",
                        j->o->data.root, (long long)r.min_w, (long long)r.min_h, (long long)r.max_w,
                        (long long)r.max_h);
    if (j->uniform < 4 || j->uniform % 4 || r.min_w < 4 || r.min_h < 4)
        return rst_fail(err, RST_EINVAL,
                        "%s: --uniform %lld: it is a multiple of 4, and pictures have 4 pixels a "
                        "side or more",
                        j->o->data.root, (long long)j->uniform);
    return 0;
}

static int open_resolver(job *j, int k, const char *path, rst_error *err)
{
    const rst_model_options o = { .ctx = j->o->ctx };
    int rc = rst_model_open(&j->sr[k], path, &o, err);
    if (rc < 0)
        return rc;
    const rst_model_info i = rst_model_describe(j->sr[k]);
    return i.arch.family == RST_NET_RRDB && i.scale == 2 << k
               ? 0
               : rst_fail(err, RST_EINVAL,
                          "%s: --sr-x%d wants a super-resolver that enlarges by %d", path, 2 << k,
                          2 << k);
}

static int open_resolvers(job *j, rst_error *err)
{
    const rst_multimag_cache_options *o = j->o;
    if (!o->sr_x2 != !o->sr_x4)
        return rst_fail(err, RST_EINVAL,
                        "--sr-x2 (magnifications 1 and 2) and --sr-x4 (4) go together");
    if (!o->sr_x2) {
        rst__log(RST_LOG_WARN, "no super-resolver (--sr-x2, --sr-x4): pictures are enlarged "
                               "bicubically, which the manifest calls mm-bicubic; results do not "
                               "compare with those of BSRGAN");
        return 0;
    }
    int rc = open_resolver(j, 0, o->sr_x2, err);
    return rc < 0 ? rc : open_resolver(j, 1, o->sr_x4, err);
}

/* All that the pictures depend on beside the files themselves. */
static int describe(const job *j, const char *resolver, rst_str *s, rst_error *err)
{
    char root[PATH_MAX];
    if (!realpath(j->o->data.root, root))
        return rst_fail(err, RST_EINPUT, "%s: no such folder", j->o->data.root);
    rst__str_printf(s, "dataroot %s\nuniform %lld\nseed %llu\nresolver %s\n", root,
                    (long long)j->uniform, (unsigned long long)j->o->seed, resolver);
    for (int k = 0; j->sr[0] && k < SCALES; k++) {
        char hex[65];
        int rc = rst__sha256_file(k ? j->o->sr_x4 : j->o->sr_x2, hex, err);
        if (rc < 0)
            return rc;
        rst__str_printf(s, "x%d sha256 %s\n", 2 << k, hex);
    }
    if (j->sr[0])
        rst__str_printf(s, "tile %lld\n", (long long)j->tile);
    return s->failed ? rst__fail_nomem(err, j->o->folder) : 0;
}

/* Whether the folder is somebody else's: a data set, even the one that is prepared. */
static bool has_pictures(const char *folder)
{
    bool has = false;
    for (int side = RST_DATA_A; side <= RST_DATA_B; side++) {
        rst_str path = rst__str(MAX_PATH);
        rst__str_printf(&path, "%s/%s", folder, side_name[side]);
        has |= path.failed || rst__exists(path.s);
        rst__str_free(&path);
    }
    return has;
}

/* Pictures of two kinds do not get into one folder. */
static int claim_folder(const job *j, const char *resolver, rst_error *err)
{
    void *there = NULL;
    size_t len;
    rst_str s = rst__str(MAX_PATH), path = rst__str(MAX_PATH);
    int rc = describe(j, resolver, &s, err);
    rst__str_printf(&path, "%s/settings.txt", j->o->folder);
    if (rc == 0 && path.failed)
        rc = rst__fail_nomem(err, j->o->folder);
    if (rc == 0 && rst__exists(path.s)) {
        rc = rst__file_read(path.s, MAX_PATH, &there, &len, err);
        if (rc == 0 && (len != s.len || memcmp(there, s.s, len) != 0))
            rc = rst_fail(err, RST_EINVAL,
                          "%s: was made with other settings, which it tells; give another -o, or "
                          "remove the folder",
                          path.s);
        rst__free(there);
    } else if (rc == 0 && has_pictures(j->o->folder)) {
        rc = rst_fail(err, RST_EINVAL,
                      "%s: has pictures in HE or IHC that are none of prepare's; give another -o",
                      j->o->folder);
    } else if (rc == 0) {
        rc = rst__mkdirs(j->o->folder, err);
        if (rc == 0)
            rc = write_text(j->o->folder, "settings.txt", &s, err);
    }
    rst__str_free(&s);
    rst__str_free(&path);
    return rc;
}

static int run(job *j, rst_multimag_cache_report *r, rst_error *err)
{
    rst_dataset_options data = j->o->data;
    data.phase = "train";
    int rc = rst__dataset_open(&j->d, &data, err);
    if (rc == 0 && j->d->views > 1)
        rc = rst_fail(err, RST_EINVAL, "%s: has several magnifications already", data.root);
    if (rc == 0)
        rc = settle_size(j, err);
    if (rc == 0)
        rc = open_resolvers(j, err);
    if (rc < 0)
        return rc;
    *r = (rst_multimag_cache_report){ .pairs = rst__dataset_count(j->d),
                                      .uniform = j->uniform,
                                      .resolver = j->sr[0] ? "mm-bsrgan" : "mm-bicubic" };
    rc = claim_folder(j, r->resolver, err);
    if (rc == 0)
        rc = list_rows(j, r, err);
    if (rc == 0)
        rc = make_all(j, err);
    r->written = j->written;
    r->there = j->there;
    return rc < 0 ? rc : write_text(j->o->folder, "manifest.tsv", &j->rows, err);
}

int rst__multimag_cache(const rst_multimag_cache_options *o, rst_multimag_cache_report *out,
                        rst_error *err)
{
    job j = { .o = o, .tile = o->tile ? o->tile : TILE };
    int rc = run(&j, out, err);
    rst__str_free(&j.rows);
    rst__dataset_close(j.d);
    for (int k = 0; k < SCALES; k++)
        rst_model_close(j.sr[k]);
    return rc;
}
