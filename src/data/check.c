/* SPDX-License-Identifier: MIT */
#include "data/check.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "image/codec.h"

typedef struct size {
    int64_t w, h;
} size;

typedef struct check {
    const rst_dataset *d;
    const rst_dataset_check_options *o;
    int64_t files;
    size *size;           /* owned, by file; w 0: could not be used */
    atomic_llong next;    /* the file that is looked at next */
    atomic_llong done;    /* files */
    pthread_mutex_t lock; /* of all below */
    int64_t bad, first;   /* files or items with an error; the first of them */
    rst_error why;        /* its error */
    rst_dataset_report r;
} check;

static void note(check *k, int64_t at, const rst_error *why)
{
    pthread_mutex_lock(&k->lock);
    if (k->bad++ == 0 || at < k->first) {
        k->first = at;
        k->why = *why;
    }
    pthread_mutex_unlock(&k->lock);
}

/* Files ------------------------------------------------------------------------------------------
 */

static const char *path_of(const rst_dataset *d, int64_t file)
{
    const int64_t a = d->list[RST_DATA_A].count;
    return file < a ? d->list[RST_DATA_A].item[file].path : d->list[RST_DATA_B].item[file - a].path;
}

/* Whether the picture, whose header is known, can be had in RGB. */
static int require_rgb(const check *k, const char *path, const rst_image *head, rst_error *err)
{
    const rst_image colours = { .channels = head->channels - (head->channels % 2 == 0) };
    if (!(colours.channels == 1 && k->d->read.gray_to_rgb)) {
        int rc = rst_image_require_channels(&colours, path, 3, err);
        if (rc < 0)
            return rc;
    }
    if (head->channels % 2 || k->d->read.alpha != RST_IMAGE_ALPHA_REFUSE)
        return 0;
    rst_image img = RST_IMAGE_INIT;
    int rc = rst_image_read(&img, path, &k->d->read, err);
    rst_image_free(&img);
    return rc;
}

static void look_at(check *k, int64_t file)
{
    const char *path = path_of(k->d, file);
    rst_image_read_options read = k->d->read;
    rst_image head = RST_IMAGE_INIT;
    rst_error why = RST_ERROR_INIT;
    read.quiet = false;
    int rc = rst__image_probe(path, &read, &head, &why);
    if (rc == 0)
        rc = require_rgb(k, path, &head, &why);
    if (rc < 0) {
        note(k, file, &why);
        return;
    }
    k->size[file] = (size){ head.width, head.height };
    pthread_mutex_lock(&k->lock);
    k->r.gray += head.channels < 3;
    k->r.alpha += head.channels % 2 == 0;
    pthread_mutex_unlock(&k->lock);
}

/* Looks at files until there are none left; the caller's own thread tells how far all are. */
static int look(check *k, bool tells, rst_error *err)
{
    enum { STEP = 64 };
    for (int64_t file; (file = atomic_fetch_add(&k->next, 1)) < k->files;) {
        look_at(k, file);
        const int64_t done = atomic_fetch_add(&k->done, 1) + 1;
        if (!tells || !k->o->progress || (done % STEP != 0 && done != k->files))
            continue;
        if (k->o->progress(k->o->user, done, k->files)) {
            atomic_store(&k->next, k->files);
            return rst_fail(err, RST_ECANCELLED, "stopped after %lld of %lld files",
                            (long long)done, (long long)k->files);
        }
    }
    return 0;
}

static void *looking(void *arg)
{
    (void)look(arg, false, NULL);
    return NULL;
}

static int look_at_all(check *k, rst_error *err)
{
    enum { MAX_THREADS = 256 };
    pthread_t thread[MAX_THREADS];
    const int wanted = k->o->threads > 0 ? k->o->threads : 2;
    int running = 0;
    while (running < wanted - 1 && running < MAX_THREADS &&
           pthread_create(&thread[running], NULL, looking, k) == 0)
        running++; /* fewer do as well */
    int rc = look(k, true, err);
    for (int i = 0; i < running; i++)
        (void)pthread_join(thread[i], NULL);
    return rc;
}

/* Items ------------------------------------------------------------------------------------------
 */

static void count_size(rst_dataset_report *r, int64_t w, int64_t h)
{
    r->min_w = r->min_w && r->min_w < w ? r->min_w : w;
    r->min_h = r->min_h && r->min_h < h ? r->min_h : h;
    r->max_w = r->max_w > w ? r->max_w : w;
    r->max_h = r->max_h > h ? r->max_h : h;
}

/* The picture of an item; left empty where there is none or its file cannot be used. */
static int find_picture(const check *k, rst_data_side side, int64_t item, rst_image_view *v,
                        rst_error *err)
{
    *v = (rst_image_view){ 0 };
    if (item >= k->d->list[side].count)
        return 0;
    const size z = k->size[rst__dataset_file(k->d, side, item)];
    const rst_image img = { .width = z.w, .height = z.h, .channels = 3 };
    if (z.w == 0)
        return 0;
    int rc = rst__dataset_view(k->d, side, item, &img, v, err);
    v->img = NULL;
    return rc;
}

static int check_picture(check *k, const char *path, const rst_image_view *v, rst_error *err)
{
    rst_augment_sizes plan = { 0 };
    int rc = k->o->augment ? rst__augment_plan(k->o->augment, path, v->h, v->w, &plan, err) : 0;
    if (rc < 0)
        return rc;
    k->r.rounded += plan.out_h != plan.crop_h || plan.out_w != plan.crop_w;
    count_size(&k->r, v->w, v->h);
    return 0;
}

static int check_item(check *k, int64_t i, rst_error *err)
{
    rst_image_view v[2] = { { 0 } };
    int rc = find_picture(k, RST_DATA_A, i, &v[0], err);
    if (rc == 0)
        rc = find_picture(k, RST_DATA_B, i, &v[1], err);
    if (rc == 0 && v[0].w && v[1].w)
        rc = rst__dataset_require_same(k->d, i, v[0].w, v[0].h, v[1].w, v[1].h, err);
    for (int side = RST_DATA_A; rc == 0 && side <= RST_DATA_B; side++)
        if (v[side].w)
            rc = check_picture(k, k->d->list[side].item[i].path, &v[side], err);
    return rc;
}

static void check_items(check *k)
{
    const int64_t n = rst__dataset_count(k->d);
    for (int64_t i = 0; i < n; i++) {
        rst_error why = RST_ERROR_INIT;
        if (check_item(k, i, &why) < 0)
            note(k, i, &why);
    }
}

static int verdict(const check *k, rst_error *err)
{
    if (k->bad == 1)
        return rst_fail(err, k->why.code, "%s", k->why.msg);
    return rst_fail(err, k->why.code, "%s; the first of %lld that cannot be used", k->why.msg,
                    (long long)k->bad);
}

int rst__dataset_check(const rst_dataset *d, const rst_dataset_check_options *o,
                       rst_dataset_report *out, rst_error *err)
{
    check k = { .d = d, .o = o, .files = rst__dataset_files(d) };
    int rc = o->augment ? rst__augment_check(o->augment, err) : 0;
    if (rc < 0)
        return rc;
    k.size = rst__calloc((size_t)k.files, sizeof *k.size);
    if (!k.size)
        return rst__fail_nomem(err, "check of a data set");
    (void)pthread_mutex_init(&k.lock, NULL);
    rc = look_at_all(&k, err);
    if (rc == 0)
        check_items(&k);
    if (rc == 0 && k.bad > 0)
        rc = verdict(&k, err);
    (void)pthread_mutex_destroy(&k.lock);
    rst__free(k.size);
    if (rc < 0)
        return rc;
    k.r.count = rst__dataset_count(d);
    k.r.files = k.files;
    if (k.r.rounded > 0)
        rst__log(RST_LOG_INFO, "%lld pictures are resized so that their sides are multiples of 4",
                 (long long)k.r.rounded);
    *out = k.r;
    return 0;
}
