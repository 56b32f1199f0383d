/* SPDX-License-Identifier: MIT */
#include "data/dataset.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "data/layout.h"
#include "image/crop.h"

void rst__dataset_close(rst_dataset *d)
{
    if (!d)
        return;
    rst__files_free(&d->list[RST_DATA_A]);
    rst__files_free(&d->list[RST_DATA_B]);
    rst__free(d);
}

int64_t rst__dataset_count(const rst_dataset *d)
{
    const int64_t a = d->list[RST_DATA_A].count, b = d->list[RST_DATA_B].count;
    return a > b ? a : b;
}

int64_t rst__dataset_pairs(const rst_dataset *d)
{
    return rst__dataset_count(d) / d->views;
}

int64_t rst__dataset_pictures(const rst_dataset *d)
{
    return d->list[RST_DATA_A].count + d->list[RST_DATA_B].count;
}

void rst__dataset_picture(const rst_dataset *d, int64_t k, rst_data_side *side, int64_t *item)
{
    const int64_t a = d->list[RST_DATA_A].count;
    *side = k < a ? RST_DATA_A : RST_DATA_B;
    *item = k < a ? k : k - a;
}

int64_t rst__dataset_files(const rst_dataset *d)
{
    const int64_t a = d->list[RST_DATA_A].count;
    return d->layout == RST_DATA_SIDE_BY_SIDE ? a : a + d->list[RST_DATA_B].count;
}

int64_t rst__dataset_file(const rst_dataset *d, rst_data_side side, int64_t item)
{
    const bool second = side == RST_DATA_B && d->layout != RST_DATA_SIDE_BY_SIDE;
    return second ? d->list[RST_DATA_A].count + item : item;
}

/* Drops all but the first `count`. */
static void cut(rst_file_list *l, int64_t count)
{
    for (; l->count > count; l->count--) {
        rst__free(l->item[l->count - 1].path);
        rst__free(l->item[l->count - 1].stem);
    }
}

static void swap_sides(rst_dataset *d)
{
    const rst_file_list l = d->list[RST_DATA_A];
    const rst_data_part p = d->part[RST_DATA_A];
    d->list[RST_DATA_A] = d->list[RST_DATA_B];
    d->part[RST_DATA_A] = d->part[RST_DATA_B];
    d->list[RST_DATA_B] = l;
    d->part[RST_DATA_B] = p;
}

static int check_options(const rst_dataset_options *o, rst_error *err)
{
    if (!o->root || !o->root[0])
        return rst_fail(err, RST_EINVAL, "a data set's folder is missing; give --dataroot");
    if (!o->phase || (strcmp(o->phase, "train") != 0 && strcmp(o->phase, "val") != 0 &&
                      strcmp(o->phase, "test") != 0))
        return rst_fail(err, RST_EINVAL, "--phase %s: it is train, val or test",
                        o->phase ? o->phase : "");
    if (o->max_size < 0)
        return rst_fail(err, RST_EINVAL, "--max-dataset-size %lld: it is 1 or more, or 0 for all",
                        (long long)o->max_size);
    return 0;
}

static int pair(rst_dataset *d, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    int rc = rst__files_pair(&d->list[RST_DATA_A], &d->list[RST_DATA_B], &why);
    if (rc == RST_EINPUT)
        return rst_fail(err, rc, "%s; give --dataset-mode unaligned to train without pairs",
                        why.msg);
    return rc < 0 ? rst_fail(err, rc, "%s", why.msg) : 0;
}

static int fill(rst_dataset *d, const rst_dataset_options *o, rst_error *err)
{
    const bool manifest =
        o->layout == RST_DATA_MANIFEST ||
        (o->layout == RST_DATA_AUTO && rst__exists(o->root) && !rst__is_dir(o->root));
    int rc = manifest ? rst__manifest_list(d, o, err) : rst__layout_list(d, o, err);
    if (rc != 0)
        return rc;
    if (o->b_to_a)
        swap_sides(d);
    if (d->paired && !manifest)
        rc = pair(d, err);
    if (rc == 0 && o->max_size > 0) {
        cut(&d->list[RST_DATA_A], o->max_size * d->views);
        cut(&d->list[RST_DATA_B], o->max_size * d->views);
    }
    return rc;
}

int rst__dataset_open(rst_dataset **out, const rst_dataset_options *o, rst_error *err)
{
    int rc = check_options(o, err);
    if (rc < 0)
        return rc;
    rst_dataset *d = rst__calloc(1, sizeof *d);
    if (!d)
        return rst__fail_nomem(err, o->root);
    d->guessed = o->layout == RST_DATA_AUTO;
    d->paired = !o->unpaired && !o->single;
    d->views = 1;
    d->read = o->read;
    d->read.quiet = true; /* files are read again and again; the check speaks */
    rc = fill(d, o, err);
    if (rc != 0) {
        rst__dataset_close(d);
        *out = NULL;
        return rc < 0 ? rc : 0;
    }
    *out = d;
    return 0;
}

/* Each item of a list `times` times. */
static int repeat(rst_file_list *to, const rst_file_list *from, int times, rst_error *err)
{
    int rc = rst__files_begin(to, from->folder, err);
    to->cap = from->count * times;
    to->item = rc == 0 ? rst__calloc((size_t)to->cap, sizeof *to->item) : NULL;
    for (; to->item && to->count < to->cap; to->count++) {
        const rst_file_item *f = &from->item[to->count / times];
        rst_file_item *t = &to->item[to->count];
        *t = (rst_file_item){ rst__strdup(f->path), rst__strdup(f->stem) };
        if (!t->path || !t->stem) {
            to->count++; /* so that what there is gets freed */
            break;
        }
    }
    const rst_file_item *last = to->count ? &to->item[to->count - 1] : NULL;
    if (rc < 0 || (last && last->path && last->stem && to->count == to->cap))
        return rc;
    return rst__fail_nomem(err, from->folder);
}

int rst__dataset_spread(rst_dataset **out, const rst_dataset *d, int views, const char *const *view,
                        const char *resolver, rst_error *err)
{
    rst_dataset *s = rst__calloc(1, sizeof *s);
    int rc = s ? 0 : rst__fail_nomem(err, d->list[RST_DATA_A].folder);
    if (rc < 0)
        return rc;
    s->layout = RST_DATA_MANIFEST;
    s->paired = true;
    s->read = d->read;
    s->views = views;
    s->native = strcmp(view[views - 1], RST_DATA_NATIVE) == 0;
    (void)snprintf(s->resolver, sizeof s->resolver, "%s", resolver);
    for (int i = 0; i < views; i++)
        (void)snprintf(s->view[i], sizeof s->view[i], "%s", view[i]);
    for (int side = RST_DATA_A; rc == 0 && side <= RST_DATA_B; side++)
        rc = repeat(&s->list[side], &d->list[side], views, err);
    if (rc < 0) {
        rst__dataset_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

int rst__dataset_view(const rst_dataset *d, rst_data_side side, int64_t item, const rst_image *img,
                      rst_image_view *out, rst_error *err)
{
    *out = (rst_image_view){ img, 0, 0, img->height, img->width };
    if (d->part[side] == RST_DATA_WHOLE)
        return 0;
    const char *path = d->list[side].item[item].path;
    if (img->width % 2)
        return rst_fail(err, RST_EFORMAT,
                        "%s: a width of %lld cannot be halved into H&E and IHC side by side", path,
                        (long long)img->width);
    if (d->guessed && img->width != 2 * img->height)
        return rst_fail(err, RST_EFORMAT,
                        "%s: %lld x %lld pixels, not two squares side by side; give --layout ab if "
                        "its halves are H&E and IHC",
                        path, (long long)img->width, (long long)img->height);
    out->w = img->width / 2;
    out->x = d->part[side] == RST_DATA_LEFT ? 0 : out->w;
    return 0;
}

int rst__dataset_read(const rst_dataset *d, rst_data_side side, int64_t item, rst_image *out,
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
        rc = rst__image_crop(&img, v.y, v.x, v.h, v.w, out, err);
    rst_image_free(&img);
    return rc;
}

int rst__dataset_require_same(const rst_dataset *d, int64_t item, int64_t wa, int64_t ha,
                              int64_t wb, int64_t hb, rst_error *err)
{
    if (!d->paired || (wa == wb && ha == hb))
        return 0;
    return rst_fail(err, RST_EFORMAT,
                    "%s: %lld x %lld pixels, its partner %s has %lld x %lld; give --dataset-mode "
                    "unaligned if they are no pair",
                    d->list[RST_DATA_A].item[item].path, (long long)wa, (long long)ha,
                    d->list[RST_DATA_B].item[item].path, (long long)wb, (long long)hb);
}
