/* SPDX-License-Identifier: MIT */
/* Folders of real and virtual pictures, compared pair by pair. */
#include <restain/evaluate.h>
#include <restain/slide.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "data/files.h"

enum { GROUPS = 1 + RST_STAIN_LEVELS };

/* Sums for Pearson's r over pictures. */
typedef struct moments {
    double n, x, y, xx, yy, xy;
} moments;

typedef struct sums {
    int64_t images;
    double ssim, psnr;
    rst_stain_sums stain;
    moments dab;
} sums;

struct rst_evaluation {
    sums sum[GROUPS];
    int count;
    rst_evaluation_scores group[GROUPS];
};

static const char *const level_names[RST_STAIN_LEVELS] = { "0", "1+", "2+", "3+" };

/* The level that a name ends in, or -1. */
static int level_of(const char *stem)
{
    const char *end = strrchr(stem, '_');
    for (int i = 0; end && i < RST_STAIN_LEVELS; i++)
        if (strcmp(end + 1, level_names[i]) == 0)
            return i;
    return -1;
}

static int stopped(int64_t done, int64_t total, const char *what, rst_error *err)
{
    return rst_fail(err, RST_ECANCELLED, "stopped after %lld of %lld %s", (long long)done,
                    (long long)total, what);
}

/* A pair ----------------------------------------------------------------------------------------
 */

static void add_moments(moments *m, double x, double y)
{
    m->n++;
    m->x += x;
    m->y += y;
    m->xx += x * x;
    m->yy += y * y;
    m->xy += x * y;
}

static void add(sums *s, double ssim, double psnr, const rst_stain_sums *stain)
{
    const rst_stain_agreement a = rst_stain_result(stain);
    s->images++;
    s->ssim += ssim;
    s->psnr += psnr;
    rst_stain_merge(&s->stain, stain);
    add_moments(&s->dab, a.real.mean, a.fake.mean);
}

static int read_rgb(rst_image *out, const char *path, const rst_image_read_options *o,
                    rst_error *err)
{
    int rc = rst_image_read(out, path, o, err);
    return rc < 0 ? rc : rst_image_require_channels(out, path, 3, err);
}

static int compare(rst_evaluation *e, const rst_image *real, const rst_image *fake, int level,
                   rst_error *err)
{
    rst_stain_sums stain = { 0 };
    double ssim, psnr;
    int rc = rst_ssim(fake, real, NULL, &ssim, err);
    if (rc == 0)
        rc = rst_psnr(fake, real, &psnr, err);
    if (rc == 0)
        rc = rst_stain_add(&stain, real, fake, err);
    if (rc < 0)
        return rc;
    add(&e->sum[0], ssim, psnr, &stain);
    if (level >= 0)
        add(&e->sum[1 + level], ssim, psnr, &stain);
    return 0;
}

static int one_pair(rst_evaluation *e, const rst_file_item *a, const rst_file_item *b,
                    const rst_evaluate_options *o, rst_error *err)
{
    rst_image real = RST_IMAGE_INIT, fake = RST_IMAGE_INIT;
    rst_error why = RST_ERROR_INIT;
    int rc = read_rgb(&real, a->path, &o->read, err);
    if (rc == 0)
        rc = read_rgb(&fake, b->path, &o->read, err);
    if (rc == 0 && (rc = compare(e, &real, &fake, level_of(a->stem), &why)) < 0)
        rc = rst_fail(err, rc == RST_EINVAL ? RST_EFORMAT : rc, "%s and %s: %s", a->path, b->path,
                      why.msg);
    rst_image_free(&real);
    rst_image_free(&fake);
    return rc;
}

/* Slides ----------------------------------------------------------------------------------------
 */

enum { TILE = 512 };

typedef struct slides {
    rst_slide *s[2]; /* real, virtual */
    int64_t w, h;
} slides;

/* @return 1 when both files are slides, 0 when one of them is a mere picture, or an error */
static int open_slides(slides *p, const char *real, const char *fake, rst_error *err)
{
    const char *const path[2] = { real, fake };
    for (int i = 0; i < 2; i++) {
        rst_error why = RST_ERROR_INIT;
        if (rst_slide_open(&p->s[i], path[i], NULL, &why) < 0)
            return 0; /* reading it as a picture will tell more */
        const rst_slide_info *f = rst_slide_describe(p->s[i]);
        if (strcmp(f->reader, "image") == 0)
            return 0;
        if (i && (f->width != p->w || f->height != p->h))
            return rst_fail(err, RST_EFORMAT, "%s is %lld x %lld pixels, %s %lld x %lld", real,
                            (long long)p->w, (long long)p->h, fake, (long long)f->width,
                            (long long)f->height);
        p->w = f->width;
        p->h = f->height;
    }
    return 1;
}

/* A side is cut into n parts of nearly the same length, at least a tile's. */
static int64_t parts(int64_t side)
{
    return side >= TILE ? side / TILE : 1;
}

static int one_tile(rst_evaluation *e, const slides *p, int64_t i, int64_t j, rst_error *err)
{
    const int64_t nx = parts(p->w), ny = parts(p->h);
    const int64_t x = i * p->w / nx, y = j * p->h / ny;
    const int64_t w = (i + 1) * p->w / nx - x, h = (j + 1) * p->h / ny - y;
    rst_image img[2] = { RST_IMAGE_INIT, RST_IMAGE_INIT };
    int rc = 0;
    for (int k = 0; rc == 0 && k < 2; k++) {
        rc = rst_image_new(&img[k], w, h, 3, err);
        if (rc == 0)
            rc = rst_slide_read(p->s[k], 0, x, y, w, h, img[k].px, err);
    }
    if (rc == 0)
        rc = compare(e, &img[0], &img[1], -1, err);
    rst_image_free(&img[0]);
    rst_image_free(&img[1]);
    return rc;
}

static int all_tiles(rst_evaluation *e, const slides *p, const rst_evaluate_options *o,
                     rst_error *err)
{
    const int64_t nx = parts(p->w), n = nx * parts(p->h);
    for (int64_t i = 0; i < n; i++) {
        int rc = one_tile(e, p, i % nx, i / nx, err);
        if (rc < 0)
            return rc;
        if (o->progress && o->progress(o->user, i + 1, n) != 0)
            return stopped(i + 1, n, "tiles", err);
    }
    return 0;
}

/* @return 1 when they were slides and were compared, 0 when they are none, or an error */
static int try_slides(rst_evaluation *e, const char *real, const char *fake,
                      const rst_evaluate_options *o, rst_error *err)
{
    slides p = { { NULL } };
    if (rst__is_dir(real) || rst__is_dir(fake))
        return 0;
    int is = open_slides(&p, real, fake, err);
    int rc = is > 0 ? all_tiles(e, &p, o, err) : is;
    rst_slide_close(p.s[0]);
    rst_slide_close(p.s[1]);
    return rc < 0 ? rc : is;
}

/* All pairs -------------------------------------------------------------------------------------
 */

static int all_pairs(rst_evaluation *e, const rst_file_list *real, const rst_file_list *fake,
                     const rst_evaluate_options *o, rst_error *err)
{
    for (int64_t i = 0; i < real->count; i++) {
        int rc = one_pair(e, &real->item[i], &fake->item[i], o, err);
        if (rc < 0)
            return rc;
        if (o->progress && o->progress(o->user, i + 1, real->count) != 0)
            return stopped(i + 1, real->count, "pairs", err);
    }
    return 0;
}

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

static int list_both(rst_file_list *a, rst_file_list *b, const char *real, const char *fake,
                     rst_error *err)
{
    const bool folder = rst__is_dir(real);
    int rc = check_there(real, err);
    if (rc == 0)
        rc = check_there(fake, err);
    if (rc < 0)
        return rc;
    if (folder != rst__is_dir(fake))
        return rst_fail(err, RST_EINVAL, "%s and %s: one is a folder and one is not", real, fake);
    rc = list(a, real, folder, err);
    if (rc == 0)
        rc = list(b, fake, folder, err);
    return rc < 0 ? rc : rst__files_pair(a, b, err);
}

static double pearson(const moments *m)
{
    const double cov = m->xy - m->x * m->y / m->n;
    const double vx = m->xx - m->x * m->x / m->n, vy = m->yy - m->y * m->y / m->n;
    return m->n >= 2 && vx > 0 && vy > 0 ? cov / sqrt(vx * vy) : NAN;
}

static void finish(rst_evaluation *e)
{
    for (int i = 0; i < GROUPS; i++) {
        const sums *s = &e->sum[i];
        if (s->images == 0)
            continue;
        rst_evaluation_scores *g = &e->group[e->count++];
        *g = (rst_evaluation_scores){ .images = s->images,
                                      .ssim = s->ssim / (double)s->images,
                                      .psnr = s->psnr / (double)s->images,
                                      .stain = rst_stain_result(&s->stain),
                                      .tile_r = pearson(&s->dab) };
        (void)snprintf(g->name, sizeof g->name, "%s", i ? level_names[i - 1] : "all");
    }
}

int rst_evaluate(rst_evaluation **out, const char *real, const char *fake,
                 const rst_evaluate_options *o, rst_error *err)
{
    static const rst_evaluate_options usual = { 0 };
    rst_file_list a = { 0 }, b = { 0 };
    rst_evaluation *e = rst__calloc(1, sizeof *e);
    o = o ? o : &usual;
    const int done = e ? try_slides(e, real, fake, o, err) : rst__fail_nomem(err, "evaluation");
    int rc = done < 0 ? done : 0;
    if (done == 0)
        rc = list_both(&a, &b, real, fake, err);
    if (done == 0 && rc == 0)
        rc = all_pairs(e, &a, &b, o, err);
    rst__files_free(&a);
    rst__files_free(&b);
    if (rc < 0) {
        rst__free(e);
        return rc;
    }
    finish(e);
    *out = e;
    return 0;
}

void rst_evaluation_free(rst_evaluation *e)
{
    rst__free(e);
}

const rst_evaluation_scores *rst_evaluation_group(const rst_evaluation *e, int i)
{
    return i >= 0 && i < e->count ? &e->group[i] : NULL;
}
