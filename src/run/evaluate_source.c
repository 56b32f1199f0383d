/* SPDX-License-Identifier: MIT */
/* Where an evaluation's pairs come from: two folders, two pictures, or two slides tile by tile. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "run/evaluate_parts.h"

enum { TILE = 512 };

/* Pictures --------------------------------------------------------------------------------------
 */

/* A folder's pictures, or one picture, whose name then does not matter. */
static int list(rst_file_list *l, const char *path, bool folder, rst_error *err)
{
    if (folder)
        return rst__files_walk(l, path, err);
    int rc = rst__files_begin(l, ".", err);
    rst__free(l->folder);
    l->folder = rst__strdup(path);
    l->item = rst__calloc(1, sizeof *l->item);
    if (rc < 0 || !l->folder || !l->item)
        return rst__fail_nomem(err, path);
    l->count = l->cap = 1;
    l->item[0] = (rst_file_item){ rst__strdup(path), rst__strdup("") };
    return l->item[0].path && l->item[0].stem ? 0 : rst__fail_nomem(err, path);
}

/* Whose name has no file to compare with. */
static int check_there(const char *path, rst_error *err)
{
    return rst__exists(path) ? 0 : rst_fail(err, RST_EINPUT, "%s: No such file or directory", path);
}

static int list_both(rst_eval_source *s, rst_error *err)
{
    const char *real = s->path[0], *fake = s->path[1];
    const bool folder = rst__is_dir(real);
    int rc = check_there(real, err);
    if (rc == 0)
        rc = check_there(fake, err);
    if (rc < 0)
        return rc;
    if (folder != rst__is_dir(fake))
        return rst_fail(err, RST_EINVAL, "%s and %s: one is a folder and one is not", real, fake);
    for (int i = 0; rc == 0 && i < 2; i++)
        rc = list(&s->list[i], s->path[i], folder, err);
    if (rc == 0)
        rc = rst__files_pair(&s->list[0], &s->list[1], err);
    s->count = s->list[0].count;
    return rc;
}

static int read_pictures(const rst_eval_source *s, int64_t i, const rst_image_read_options *o,
                         rst_image img[2], rst_error *err)
{
    const char *path[2];
    int rc = 0;
    for (int k = 0; rc == 0 && k < 2; k++) {
        path[k] = s->list[k].item[i].path;
        rc = rst_image_read(&img[k], path[k], o, err);
        if (rc == 0)
            rc = rst_image_require_channels(&img[k], path[k], 3, err);
    }
    if (rc == 0 && (img[0].width != img[1].width || img[0].height != img[1].height))
        rc = rst_fail(err, RST_EFORMAT, "%s is %lld x %lld pixels, %s %lld x %lld", path[0],
                      (long long)img[0].width, (long long)img[0].height, path[1],
                      (long long)img[1].width, (long long)img[1].height);
    return rc;
}

/* Slides ----------------------------------------------------------------------------------------
 */

/* @return 1 when both files are slides, 0 when one of them is a mere picture, or an error */
static int open_slides(rst_eval_source *s, rst_error *err)
{
    for (int i = 0; i < 2; i++) {
        rst_error why = RST_ERROR_INIT;
        if (rst_slide_open(&s->slide[i], s->path[i], NULL, &why) < 0)
            return 0; /* reading it as a picture will tell more */
        const rst_slide_info *f = rst_slide_describe(s->slide[i]);
        if (strcmp(f->reader, "image") == 0)
            return 0;
        if (i && (f->width != s->width || f->height != s->height))
            return rst_fail(err, RST_EFORMAT, "%s is %lld x %lld pixels, %s %lld x %lld",
                            s->path[0], (long long)s->width, (long long)s->height, s->path[1],
                            (long long)f->width, (long long)f->height);
        s->width = f->width;
        s->height = f->height;
    }
    return 1;
}

/* A side is cut into n parts of nearly the same length, at least a tile's. */
static int64_t parts(int64_t side)
{
    return side >= TILE ? side / TILE : 1;
}

typedef struct rectangle {
    int64_t x, y, w, h;
} rectangle;

static rectangle tile(const rst_eval_source *s, int64_t n)
{
    const int64_t nx = parts(s->width), ny = parts(s->height), i = n % nx, j = n / nx;
    const int64_t x = i * s->width / nx, y = j * s->height / ny;
    return (rectangle){ x, y, (i + 1) * s->width / nx - x, (j + 1) * s->height / ny - y };
}

static int read_tile(const rst_eval_source *s, int64_t i, rst_image img[2], rst_error *err)
{
    const rectangle r = tile(s, i);
    int rc = 0;
    for (int k = 0; rc == 0 && k < 2; k++) {
        rc = rst_image_new(&img[k], r.w, r.h, 3, err);
        if (rc == 0)
            rc = rst_slide_read(s->slide[k], 0, r.x, r.y, r.w, r.h, img[k].px, err);
    }
    return rc;
}

static int name_tiles(rst_eval_source *s, rst_error *err)
{
    s->count = parts(s->width) * parts(s->height);
    s->tile_name = rst__calloc((size_t)s->count, sizeof *s->tile_name);
    if (!s->tile_name)
        return rst__fail_nomem(err, "names of tiles");
    for (int64_t i = 0; i < s->count; i++) {
        const rectangle r = tile(s, i);
        (void)snprintf(s->tile_name[i], sizeof s->tile_name[i], "x%lld_y%lld", (long long)r.x,
                       (long long)r.y);
    }
    return 0;
}

/* Either ----------------------------------------------------------------------------------------
 */

int rst__eval_source_open(rst_eval_source *s, const char *real, const char *fake, rst_error *err)
{
    s->path[0] = real;
    s->path[1] = fake;
    const int slides = rst__is_dir(real) || rst__is_dir(fake) ? 0 : open_slides(s, err);
    if (slides > 0)
        return name_tiles(s, err);
    rst__eval_source_close(s);
    return slides < 0 ? slides : list_both(s, err);
}

void rst__eval_source_close(rst_eval_source *s)
{
    for (int i = 0; i < 2; i++) {
        rst_slide_close(s->slide[i]);
        s->slide[i] = NULL;
    }
}

void rst__eval_source_free(rst_eval_source *s)
{
    rst__eval_source_close(s);
    for (int i = 0; i < 2; i++)
        rst__files_free(&s->list[i]);
    rst__free(s->tile_name);
}

int rst__eval_source_read(const rst_eval_source *s, int64_t i, const rst_image_read_options *o,
                          rst_image img[2], rst_error *err)
{
    return s->slide[0] ? read_tile(s, i, img, err) : read_pictures(s, i, o, img, err);
}

void rst__eval_source_row(const rst_eval_source *s, int64_t i, rst_evaluation_row *row)
{
    *row = (rst_evaluation_row){ .real = s->path[0], .fake = s->path[1], .level = -1 };
    if (s->tile_name) {
        const rectangle r = tile(s, i);
        row->name = s->tile_name[i];
        row->x = r.x;
        row->y = r.y;
        return;
    }
    const rst_file_item *real = &s->list[0].item[i];
    row->name = *real->stem ? real->stem : real->path;
    row->level = rst__level_of_name(real->stem);
    row->real = real->path;
    row->fake = s->list[1].item[i].path;
}
