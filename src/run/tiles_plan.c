/* SPDX-License-Identifier: MIT */
/* Which slides belong together, and where their tiles are. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "data/dataset.h"
#include "image/resize.h"
#include "run/slide.h"
#include "run/slide_split.h"
#include "run/tiles_parts.h"

enum { HE, IHC };

const char *const rst__tiles_splits[RST_TILES_SPLITS] = { "train", "val", "test" };

void rst__tiles_plan_free(rst_tiles_plan *p)
{
    for (int64_t i = 0; i < p->count; i++) {
        rst__free(p->pair[i].path[HE]);
        rst__free(p->pair[i].path[IHC]);
        rst__free(p->pair[i].cell);
    }
    rst__free(p->pair);
    *p = (rst_tiles_plan){ .count = 0 };
}

/* Pairs of slides -------------------------------------------------------------------------------
 */

/* What files of slides end in; longer ends first. */
static const char *const ends[] = { ".ome.tiff", ".ome.tif", ".tiff", ".tif", ".svs",
                                    ".ndpi",     ".scn",     ".mrxs", ".bif", ".vms",
                                    ".vmu",      ".svslide", ".jpeg", ".jpg", ".png" };

/* How many bytes of a file's name are its end; 0: it is no slide's. */
static size_t end_of(const char *name)
{
    const size_t n = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const size_t k = strlen(ends[i]);
        if (n > k && strcasecmp(name + n - k, ends[i]) == 0)
            return k;
    }
    return 0;
}

static int name_pair(rst_tiles_pair *p, rst_error *err)
{
    const char *base = rst__basename(p->path[HE]);
    const size_t n = strlen(base) - end_of(base);
    if (n >= RST_TILES_NAME)
        return rst_fail(err, RST_EINPUT, "%s: a name of more than %d bytes", p->path[HE],
                        RST_TILES_NAME - 1);
    memcpy(p->name, base, n);
    p->name[n] = 0;
    return p->name[strcspn(p->name, "\t\r\n")]
               ? rst_fail(err, RST_EINPUT, "%s: a tab or a line's end in a name", p->path[HE])
               : 0;
}

static int add(rst_tiles_plan *plan, const char *he, const char *ihc, int split, rst_error *err)
{
    rst_tiles_pair *p = rst__realloc(plan->pair, (size_t)plan->count + 1, sizeof *p);
    if (!p)
        return rst__fail_nomem(err, he);
    plan->pair = p;
    p += plan->count++;
    *p = (rst_tiles_pair){ .path = { rst__strdup(he), rst__strdup(ihc) }, .split = split };
    return p->path[HE] && p->path[IHC] ? name_pair(p, err) : rst__fail_nomem(err, he);
}

typedef struct names {
    char **name; /* owned, as the texts */
    int64_t count;
} names;

static void names_free(names *n)
{
    for (int64_t i = 0; i < n->count; i++)
        rst__free(n->name[i]);
    rst__free(n->name);
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

/* The slides of a folder, by name. */
static int list(const char *folder, names *out, rst_error *err)
{
    DIR *d = opendir(folder);
    if (!d)
        return rst_fail(err, RST_EINPUT, "%s: %s", folder, strerror(errno));
    int rc = 0;
    for (const struct dirent *e; rc == 0 && (e = readdir(d));) {
        if (e->d_name[0] == '.' || !end_of(e->d_name))
            continue;
        char **p = rst__realloc(out->name, (size_t)out->count + 1, sizeof *p);
        if (p) {
            out->name = p;
            p[out->count] = rst__strdup(e->d_name);
        }
        rc = p && p[out->count++] ? 0 : rst__fail_nomem(err, folder);
    }
    (void)closedir(d);
    if (rc == 0 && out->count == 0)
        rc = rst_fail(err, RST_EINPUT, "%s: no slides in this folder", folder);
    if (rc == 0)
        qsort(out->name, (size_t)out->count, sizeof *out->name, by_text);
    return rc;
}

static bool same_stem(const char *a, const char *b)
{
    const size_t n = strlen(a) - end_of(a);
    return n == strlen(b) - end_of(b) && memcmp(a, b, n) == 0;
}

static const char *partner(const char *name, const names *of)
{
    for (int64_t i = 0; i < of->count; i++)
        if (same_stem(name, of->name[i]))
            return of->name[i];
    return NULL;
}

static int pair_folders(rst_tiles_plan *plan, const rst_tiles_options *o, const names n[2],
                        rst_error *err)
{
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < n[HE].count; i++) {
        const char *ihc = partner(n[HE].name[i], &n[IHC]);
        rst_str path[2] = { rst__str(1 << 16), rst__str(1 << 16) };
        if (!ihc) {
            rc = rst_fail(err, RST_EINPUT, "%s/%s: no IHC of that name in %s", o->he, n[HE].name[i],
                          o->ihc);
        } else {
            rst__str_printf(&path[HE], "%s/%s", o->he, n[HE].name[i]);
            rst__str_printf(&path[IHC], "%s/%s", o->ihc, ihc);
            rc = path[HE].failed || path[IHC].failed ? rst__fail_nomem(err, o->he)
                                                     : add(plan, path[HE].s, path[IHC].s, 0, err);
        }
        rst__str_free(&path[HE]);
        rst__str_free(&path[IHC]);
    }
    for (int64_t i = 0; rc == 0 && i < n[IHC].count; i++)
        if (!partner(n[IHC].name[i], &n[HE]))
            rc = rst_fail(err, RST_EINPUT, "%s/%s: no H&E of that name in %s", o->ihc,
                          n[IHC].name[i], o->he);
    return rc;
}

static int from_folders(rst_tiles_plan *plan, const rst_tiles_options *o, rst_error *err)
{
    names n[2] = { { NULL, 0 }, { NULL, 0 } };
    int rc = list(o->he, &n[HE], err);
    if (rc == 0)
        rc = list(o->ihc, &n[IHC], err);
    if (rc == 0)
        rc = pair_folders(plan, o, n, err);
    names_free(&n[HE]);
    names_free(&n[IHC]);
    return rc;
}

static int from_table(rst_tiles_plan *plan, const rst_tiles_options *o, rst_error *err)
{
    int rc = 0;
    for (int k = 0; rc == 0 && k < RST_TILES_SPLITS; k++) {
        const rst_dataset_options d = { .root = o->he,
                                        .phase = rst__tiles_splits[k],
                                        .layout = RST_DATA_MANIFEST,
                                        .optional = true };
        rst_dataset *t = NULL;
        rc = rst__dataset_open(&t, &d, err);
        for (int64_t i = 0; rc == 0 && t && i < rst__dataset_count(t); i++)
            rc = add(plan, t->list[RST_DATA_A].item[i].path, t->list[RST_DATA_B].item[i].path, k,
                     err);
        rst__dataset_close(t);
    }
    if (rc == 0 && plan->count == 0)
        rc = rst_fail(err, RST_EINPUT, "%s: no pairs of slides", o->he);
    return rc;
}

static int by_name(const void *x, const void *y)
{
    return strcmp(((const rst_tiles_pair *)x)->name, ((const rst_tiles_pair *)y)->name);
}

static int list_pairs(rst_tiles_plan *plan, const rst_tiles_options *o, rst_error *err)
{
    int rc = !o->ihc                                     ? from_table(plan, o, err)
             : rst__is_dir(o->he) && rst__is_dir(o->ihc) ? from_folders(plan, o, err)
                                                         : add(plan, o->he, o->ihc, 0, err);
    if (rc < 0)
        return rc;
    qsort(plan->pair, (size_t)plan->count, sizeof *plan->pair, by_name);
    for (int64_t i = 1; i < plan->count; i++)
        if (by_name(&plan->pair[i - 1], &plan->pair[i]) == 0)
            return rst_fail(err, RST_EINPUT,
                            "%s and %s: slides of one name, by which tiles are called",
                            plan->pair[i - 1].path[HE], plan->pair[i].path[HE]);
    return 0;
}

/* Places ----------------------------------------------------------------------------------------
 */

int rst__tiles_open(const rst_tiles_pair *p, const rst_tiles_options *o, rst_slide *s[2],
                    rst_error *err)
{
    const rst_slide_options read[2] = { { .mpp = o->slide_mpp[HE] }, { .mpp = o->slide_mpp[IHC] } };
    s[HE] = s[IHC] = NULL;
    int rc = rst_slide_open(&s[HE], p->path[HE], &read[HE], err);
    if (rc == 0)
        rc = rst_slide_open(&s[IHC], p->path[IHC], &read[IHC], err);
    if (rc < 0)
        rst_slide_close(s[HE]);
    return rc;
}

/* How large a tile's pixel is in either slide. Where neither says what its pixels measure, a pixel
 * is a pixel. */
static int settle_scale(rst_tiles_pair *p, const rst_tiles_options *o, rst_slide *const s[2],
                        rst_error *err)
{
    static const char *const flag[2] = { "he-mpp", "ihc-mpp" };
    const rst_slide_info *i[2] = { rst_slide_describe(s[HE]), rst_slide_describe(s[IHC]) };
    const bool unknown = i[HE]->mpp <= 0 && i[IHC]->mpp <= 0 && o->mpp <= 0;
    p->scale[HE] = p->scale[IHC] = 1;
    p->mpp = unknown ? 0 : o->mpp > 0 ? o->mpp : i[HE]->mpp;
    if (unknown && (i[HE]->width != i[IHC]->width || i[HE]->height != i[IHC]->height))
        return rst_fail(err, RST_EINVAL,
                        "%s and %s: of different sizes, and neither says how many um a pixel has; "
                        "give --he-mpp and --ihc-mpp",
                        p->path[HE], p->path[IHC]);
    for (int k = HE; !unknown && k <= IHC; k++) {
        if (i[k]->mpp <= 0)
            return rst_fail(err, RST_EINVAL, "%s: does not say how many um a pixel has; give --%s",
                            p->path[k], flag[k]);
        p->scale[k] = p->mpp / i[k]->mpp;
        if (lrint(p->scale[k] * (double)o->tile) < o->tile)
            return rst_fail(err, RST_EINVAL,
                            "%s: has %.4g um per pixel, and tiles cannot have finer ones, %.4g; "
                            "give a larger --mpp",
                            p->path[k], i[k]->mpp, p->mpp);
    }
    return 0;
}

/* What registered slides have alike. */
static void compare_extents(const rst_tiles_pair *p, rst_slide *const s[2])
{
    const rst_slide_info *a = rst_slide_describe(s[HE]), *b = rst_slide_describe(s[IHC]);
    const double w = (double)a->width / p->scale[HE] * p->scale[IHC] / (double)b->width,
                 h = (double)a->height / p->scale[HE] * p->scale[IHC] / (double)b->height;
    if (fabs(w - 1) > 0.01 || fabs(h - 1) > 0.01)
        rst__log(RST_LOG_WARN,
                 "%s and %s: %.2f times as wide and %.2f times as high; are they registered?",
                 p->path[HE], p->path[IHC], w, h);
}

/* Share of a tile that is tissue. */
static double cover(const rst_tissue *t, double scale, int64_t tile, int64_t row, int64_t column)
{
    const double side = scale * (double)tile;
    const int64_t x = (int64_t)floor((double)column * side), y = (int64_t)floor((double)row * side);
    return rst__tissue_cover(t, x, y, (int64_t)ceil((double)(column + 1) * side) - x,
                             (int64_t)ceil((double)(row + 1) * side) - y);
}

/* Whole tiles that both slides have, along one side. */
static int64_t along(const rst_tiles_pair *p, int64_t tile, int64_t he, int64_t ihc)
{
    const double a = (double)he / p->scale[HE], b = (double)ihc / p->scale[IHC];
    return (int64_t)((a < b ? a : b) / (double)tile + 1e-9);
}

static int find_cells(rst_tiles_pair *p, const rst_tiles_options *o, rst_slide *const s[2],
                      rst_tissue *const t[2], rst_error *err)
{
    const rst_slide_info *a = rst_slide_describe(s[HE]), *b = rst_slide_describe(s[IHC]);
    const int64_t columns = along(p, o->tile, a->width, b->width),
                  rows = along(p, o->tile, a->height, b->height);
    p->places = rows * columns;
    if (p->places == 0)
        return rst_fail(err, RST_EINVAL,
                        "%s: smaller than a tile of %lld pixels; give a smaller --tile-size",
                        p->path[HE], (long long)o->tile);
    p->cell = rst__calloc((size_t)p->places, sizeof *p->cell);
    if (!p->cell)
        return rst__fail_nomem(err, p->path[HE]);
    for (int64_t i = 0; i < p->places; i++) {
        rst_tiles_cell c = { .row = i / columns, .column = i % columns };
        for (int k = HE; k <= IHC; k++)
            c.tissue[k] = cover(t[k], p->scale[k], o->tile, c.row, c.column);
        if (c.tissue[HE] >= o->min_tissue && c.tissue[IHC] >= o->min_tissue)
            p->cell[p->cells++] = c;
    }
    return 0;
}

static int plan_pair(rst_tiles_pair *p, const rst_tiles_options *o, rst_error *err)
{
    rst_slide *s[2];
    rst_tissue *t[2] = { NULL, NULL };
    int rc = rst__tiles_open(p, o, s, err);
    if (rc < 0)
        return rc;
    rc = settle_scale(p, o, s, err);
    if (rc == 0)
        compare_extents(p, s);
    for (int k = HE; rc == 0 && k <= IHC; k++)
        rc = rst__slide_find_tissue(s[k], &t[k], err);
    if (rc == 0)
        rc = find_cells(p, o, s, t, err);
    for (int k = HE; k <= IHC; k++) {
        rst__tissue_free(t[k]);
        rst_slide_close(s[k]);
    }
    return rc;
}

/* Splits ----------------------------------------------------------------------------------------
 */

static int divide(rst_tiles_plan *plan, double share, rst_error *err)
{
    int64_t all = 0;
    rst_slide_share *s = rst__calloc((size_t)plan->count, sizeof *s);
    if (!s)
        return rst__fail_nomem(err, "slides");
    for (int64_t i = 0; i < plan->count; i++) {
        s[i] = (rst_slide_share){ .name = plan->pair[i].name, .pairs = plan->pair[i].cells };
        all += s[i].pairs;
    }
    int rc = rst__slide_split(s, plan->count, llrint(share * (double)all), err);
    for (int64_t i = 0; rc == 0 && i < plan->count; i++) /* both are by name */
        plan->pair[i].split = s[i].val;
    rst__free(s);
    if (rc == 0 && share > 0 && plan->count == 1)
        rst__log(RST_LOG_WARN,
                 "%s: one slide: it is trained on, and there is none to validate with",
                 plan->pair[0].path[HE]);
    return rc;
}

int rst__tiles_plan(rst_tiles_plan *out, const rst_tiles_options *o, rst_error *err)
{
    int64_t cells = 0;
    *out = (rst_tiles_plan){ .count = 0 };
    int rc = list_pairs(out, o, err);
    for (int64_t i = 0; rc == 0 && i < out->count; i++) {
        rc = plan_pair(&out->pair[i], o, err);
        cells += out->pair[i].cells;
    }
    if (rc == 0 && cells == 0)
        rc = rst_fail(err, RST_EINPUT,
                      "%s: no tile has %.4g of tissue in both stains; give a "
                      "smaller --min-tissue",
                      o->he, o->min_tissue);
    return rc < 0 || !o->ihc ? rc : divide(out, o->val_share, err);
}

/* Pixels ----------------------------------------------------------------------------------------
 */

int rst__tiles_cut(rst_slide *s, double scale, int64_t tile, const rst_tiles_cell *c,
                   rst_image *out, rst_error *err)
{
    const int level = rst_slide_level_for(s, scale);
    const double side = (double)tile * scale / rst_slide_describe(s)->level[level].downsample;
    const int64_t n = llrint(side), x = llrint(side * (double)c->column),
                  y = llrint(side * (double)c->row);
    rst_image part = RST_IMAGE_INIT;
    int rc = rst_image_new(&part, n, n, 3, err);
    if (rc == 0)
        rc = rst_slide_read(s, level, x, y, n, n, part.px, err);
    if (rc == 0 && n == tile) {
        *out = part;
        return 0;
    }
    if (rc == 0)
        rc = rst__image_resize(&part, tile, tile, RST_RESIZE_BICUBIC, out, err);
    rst_image_free(&part);
    return rc;
}
