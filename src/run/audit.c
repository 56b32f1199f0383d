/* SPDX-License-Identifier: MIT */
#include "run/audit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/sorted.h"
#include "base/str.h"

enum { TEXT_MAX = 1 << 16, SIDE = RST_PHASE_SIDE };

static const double WHITE = 255, TISSUE = 0.05;
static const char *const split_name[RST_AUDIT_SPLITS] = { "train", "val", "test" };

const char *rst__audit_split(int i)
{
    return split_name[i];
}

void rst__audit_free(rst_audit *a)
{
    for (int64_t i = 0; i < a->problems; i++)
        rst__free(a->problem[i].text);
    for (int k = 0; k < RST_AUDIT_SPLITS; k++)
        rst__dataset_close(a->d[k]);
    rst__free(a->problem);
    rst__free(a->pair);
    *a = (rst_audit){ 0 };
}

static int add_problem(rst_audit *a, rst_audit_kind kind, const char *text, rst_error *err)
{
    rst_audit_problem *p =
        rst__realloc(a->problem, (size_t)a->problems + 1, sizeof *p); /* problems are few */
    if (!p)
        return rst__fail_nomem(err, "check of a data set");
    a->problem = p;
    p[a->problems].kind = kind;
    p[a->problems].text = rst__strdup(text);
    if (!p[a->problems].text)
        return rst__fail_nomem(err, "check of a data set");
    a->problems++;
    a->of_kind[kind]++;
    return 0;
}

/* Who belongs to whom ---------------------------------------------------------------------------
 */

static bool digits(const char *from, const char *to)
{
    for (const char *s = from; s < to; s++)
        if (*s < '0' || *s > '9')
            return false;
    return to > from;
}

void rst__slide_of_name(const char *stem, char slide[RST_AUDIT_SLIDE])
{
    const char *slash = strrchr(stem, '/'), *base = slash ? slash + 1 : stem;
    const char *end = base + strlen(base), *stop = end;
    for (int k = 0; k < 2; k++) { /* two numbers at the end, each with its _ */
        const char *s = stop;
        while (s > base && s[-1] != '_')
            s--;
        if (s - base < 2 || !digits(s, stop))
            stop = base;
        else
            stop = s - 1;
    }
    const size_t len = (size_t)(stop - base) < RST_AUDIT_SLIDE ? (size_t)(stop - base) : 0;
    memcpy(slide, base, len);
    slide[len] = 0;
}

static int add_pair(rst_audit *a, int split, int64_t he, int64_t ihc, rst_error *err)
{
    rst_audit_pair *p = a->pair;
    if ((a->count & (a->count - 1)) == 0) /* a power of two: full */
        p = rst__realloc(a->pair, a->count ? (size_t)a->count * 2 : 1, sizeof *p);
    if (!p)
        return rst__fail_nomem(err, "check of a data set");
    a->pair = p;
    p += a->count++;
    *p = (rst_audit_pair){ .split = split, .item = { he, ihc } };
    for (int side = 0; side < 2; side++)
        p->path[side] = a->d[split]->list[side].item[p->item[side]].path;
    rst__slide_of_name(a->d[split]->list[0].item[he].stem, p->slide);
    return 0;
}

typedef struct named {
    const char *stem, *path;
    int64_t item;
} named;

static int by_stem(const void *x, const void *y)
{
    const named *a = x, *b = y;
    const int c = strcmp(a->stem, b->stem);
    return c ? c : strcmp(a->path, b->path);
}

/* A list by name, owned. */
static named *sorted(const rst_file_list *l)
{
    named *n = rst__calloc((size_t)l->count, sizeof *n);
    for (int64_t i = 0; n && i < l->count; i++)
        n[i] = (named){ l->item[i].stem, l->item[i].path, i };
    if (n)
        qsort(n, (size_t)l->count, sizeof *n, by_stem);
    return n;
}

static int tell_lonely(rst_audit *a, const named *f, const char *what, rst_error *err)
{
    rst_str s = rst__str(TEXT_MAX);
    rst__str_printf(&s, "%s: %s", f->path, what);
    int rc = s.failed ? rst__fail_nomem(err, f->path) : add_problem(a, RST_AUDIT_PARTNER, s.s, err);
    rst__str_free(&s);
    return rc;
}

/* Both lists go by name; who is left over on one side has no partner. */
static int merge(rst_audit *a, int split, const named *he, int64_t n, const named *ihc, int64_t m,
                 rst_error *err)
{
    int rc = 0;
    for (int64_t i = 0, k = 0; rc == 0 && (i < n || k < m);) {
        const int order = i == n ? 1 : k == m ? -1 : strcmp(he[i].stem, ihc[k].stem);
        const bool again = order < 0   ? i > 0 && strcmp(he[i].stem, he[i - 1].stem) == 0
                           : order > 0 ? k > 0 && strcmp(ihc[k].stem, ihc[k - 1].stem) == 0
                                       : false;
        if (order == 0)
            rc = add_pair(a, split, he[i++].item, ihc[k++].item, err);
        else
            rc = tell_lonely(a, order < 0 ? &he[i++] : &ihc[k++],
                             again       ? "another file has its name without extension"
                             : order < 0 ? "no IHC of that name"
                                         : "no H&E of that name",
                             err);
    }
    return rc;
}

static int pair_up(rst_audit *a, int split, rst_error *err)
{
    const rst_dataset *d = a->d[split];
    int rc = 0;
    if (d->paired) { /* a manifest has said it */
        for (int64_t i = 0; rc == 0 && i < rst__dataset_count(d); i++)
            rc = add_pair(a, split, i, i, err);
        return rc;
    }
    named *he = sorted(&d->list[0]), *ihc = sorted(&d->list[1]);
    rc = he && ihc ? merge(a, split, he, d->list[0].count, ihc, d->list[1].count, err)
                   : rst__fail_nomem(err, "check of a data set");
    rst__free(he);
    rst__free(ihc);
    return rc;
}

/* A folder is listed without asking for partners: who has none is told, not an error. */
static int open_split(rst_audit *a, const rst_audit_options *o, int split, rst_error *err)
{
    rst_dataset_options d = o->data;
    d.phase = split_name[split];
    d.optional = split > 0;
    d.unpaired = d.layout != RST_DATA_MANIFEST && rst__is_dir(d.root);
    return rst__dataset_open(&a->d[split], &d, err);
}

static int list_all(rst_audit *a, const rst_audit_options *o, rst_error *err)
{
    int rc = 0;
    for (int k = 0; rc == 0 && k < RST_AUDIT_SPLITS; k++) {
        rst_error why = RST_ERROR_INIT;
        rc = open_split(a, o, k, &why);
        if (rc < 0 && (k == 0 || rc == RST_ENOMEM))
            return rst_fail(err, rc, "%s", why.msg);
        if (rc < 0)
            rc = add_problem(a, RST_AUDIT_UNREADABLE, why.msg, err);
        else if (a->d[k])
            rc = pair_up(a, k, err);
    }
    return rc;
}

/* One pair --------------------------------------------------------------------------------------
 */

/* Share of a picture that is tissue; its haematoxylin, reduced. */
static int measure(const rst_image_view *v, rst_stain_set set, double *tissue, float *h,
                   rst_error *err)
{
    double density[256];
    int64_t n = 0;
    rst_image whole = RST_IMAGE_INIT;
    int rc = rst_image_new(&whole, v->w, v->h, 3, err);
    if (rc < 0)
        return rc;
    rst__density_table(WHITE, density);
    for (int64_t y = 0; y < v->h; y++) {
        const uint8_t *p = v->img->px + ((v->y + y) * v->img->width + v->x) * 3;
        memcpy(whole.px + y * v->w * 3, p, (size_t)v->w * 3);
        for (int64_t x = 0; x < v->w; x++, p += 3)
            n += density[p[0]] + density[p[1]] + density[p[2]] >= 3 * TISSUE;
    }
    *tissue = (double)n / (double)(v->w * v->h);
    rc = rst__phase_input(&whole, set, h, err);
    rst_image_free(&whole);
    return rc;
}

static int look_side(const rst_audit *a, rst_audit_pair *p, rst_data_side side, int64_t size[2],
                     float *h, rst_error *err)
{
    const rst_dataset *d = a->d[p->split];
    rst_image img = RST_IMAGE_INIT;
    int rc = rst__sha256_file(p->path[side], p->sha256[side], err);
    if (rc == 0)
        rc = rst__dataset_read(d, side, p->item[side], &img, err);
    const rst_image_view v = { &img, 0, 0, img.height, img.width };
    if (rc == 0)
        rc = measure(&v, side ? RST_STAINS_HDAB : RST_STAINS_HE, &p->tissue[side], h, err);
    if (rc == 0) {
        size[0] = v.w;
        size[1] = v.h;
    }
    rst_image_free(&img);
    return rc;
}

static int look_pair(const rst_audit *a, rst_audit_pair *p, float *h, rst_error *err)
{
    int64_t size[2][2];
    int rc = look_side(a, p, RST_DATA_A, size[0], h, err);
    if (rc == 0)
        rc = look_side(a, p, RST_DATA_B, size[1], h + SIDE * SIDE, err);
    if (rc < 0)
        return rc;
    p->width = size[0][0];
    p->height = size[0][1];
    if (size[1][0] != p->width || size[1][1] != p->height)
        return rst_fail(err, RST_EVERIFY, "%s: %lld x %lld pixels, its IHC %s has %lld x %lld",
                        p->path[0], (long long)p->width, (long long)p->height, p->path[1],
                        (long long)size[1][0], (long long)size[1][1]);
    rc = rst__phase_shift(h, h + SIDE * SIDE, &p->shift, err);
    p->shift.dy *= (double)p->height / SIDE;
    p->shift.dx *= (double)p->width / SIDE;
    return rc;
}

static int look_all(rst_audit *a, const rst_audit_options *o, rst_error *err)
{
    int64_t done = 0;
    int stop = 0;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < a->count; i++) {
        int stopped;
#pragma omp atomic read
        stopped = stop;
        if (stopped)
            continue;
        rst_audit_pair *p = a->pair + i;
        float *h = rst__malloc((size_t)2 * SIDE * SIDE * sizeof *h);
        if (h)
            (void)look_pair(a, p, h, &p->err);
        else
            (void)rst__fail_nomem(&p->err, "check of a data set");
        rst__free(h);
        const bool fatal = p->err.code == RST_ENOMEM;
#pragma omp critical(rst_audit)
        {
            done++;
            if (fatal || (o->progress && o->progress(o->user, done, a->count))) {
#pragma omp atomic write
                stop = fatal ? RST_ENOMEM : RST_ECANCELLED;
            }
        }
    }
    if (stop == RST_ENOMEM)
        return rst__fail_nomem(err, "check of a data set");
    return stop ? rst_fail(err, stop, "stopped after %lld of %lld pairs", (long long)done,
                           (long long)a->count)
                : 0;
}

/* All pairs together ----------------------------------------------------------------------------
 */

static int tell_bad(rst_audit *a, rst_error *err)
{
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < a->count; i++) {
        const rst_audit_pair *p = a->pair + i;
        if (p->err.code)
            rc = add_problem(a, p->err.code == RST_EVERIFY ? RST_AUDIT_SIZE : RST_AUDIT_UNREADABLE,
                             p->err.msg, err);
        a->good += !p->err.code;
        a->in_split[p->split] += !p->err.code;
    }
    return rc;
}

typedef struct content {
    const char *sha256, *path;
    int split;
} content;

static int by_content(const void *x, const void *y)
{
    const content *a = x, *b = y;
    const int c = strcmp(a->sha256, b->sha256);
    return c ? c : strcmp(a->path, b->path);
}

static int tell_twice(rst_audit *a, rst_error *err)
{
    int64_t n = 0;
    int rc = 0;
    content *f = rst__calloc((size_t)(2 * a->count + 1), sizeof *f);
    if (!f)
        return rst__fail_nomem(err, "check of a data set");
    for (int64_t i = 0; i < a->count; i++)
        for (int side = 0; side < 2; side++) {
            const rst_audit_pair *p = a->pair + i;
            if (*p->sha256[side] && !(side && strcmp(p->path[0], p->path[1]) == 0))
                f[n++] = (content){ p->sha256[side], p->path[side], p->split };
        }
    qsort(f, (size_t)n, sizeof *f, by_content);
    for (int64_t i = 1; rc == 0 && i < n; i++) {
        if (strcmp(f[i].sha256, f[i - 1].sha256) != 0 || strcmp(f[i].path, f[i - 1].path) == 0)
            continue;
        rst_str s = rst__str(TEXT_MAX);
        rst__str_printf(&s, "%s: the same bytes as %s%s", f[i].path, f[i - 1].path,
                        f[i].split == f[i - 1].split ? "" : ", in another split");
        rc = s.failed ? rst__fail_nomem(err, f[i].path) : add_problem(a, RST_AUDIT_TWICE, s.s, err);
        rst__str_free(&s);
    }
    rst__free(f);
    return rc;
}

static int by_slide(const void *x, const void *y)
{
    const rst_audit_pair *const *a = x, *const *b = y;
    return strcmp((*a)->slide, (*b)->slide);
}

/* One slide's pairs: whether they are in one split. */
static int tell_slide(rst_audit *a, const rst_audit_pair *const *p, int64_t n, rst_error *err)
{
    int64_t in[RST_AUDIT_SPLITS] = { 0 };
    int splits = 0;
    for (int64_t i = 0; i < n; i++)
        splits += in[p[i]->split]++ == 0;
    a->slides++;
    if (splits < 2)
        return 0;
    rst_str s = rst__str(TEXT_MAX);
    rst__str_printf(&s, "slide %s:", p[0]->slide);
    for (int k = 0; k < RST_AUDIT_SPLITS; k++)
        if (in[k])
            rst__str_printf(&s, " %lld pairs in %s", (long long)in[k], split_name[k]);
    int rc =
        s.failed ? rst__fail_nomem(err, p[0]->slide) : add_problem(a, RST_AUDIT_LEAK, s.s, err);
    rst__str_free(&s);
    return rc;
}

static int tell_leaks(rst_audit *a, rst_error *err)
{
    int rc = 0;
    int64_t n = 0, end;
    const rst_audit_pair **p = rst__calloc((size_t)a->count + 1, sizeof *p);
    if (!p)
        return rst__fail_nomem(err, "check of a data set");
    for (int64_t i = 0; i < a->count; i++)
        if (!a->pair[i].err.code && *a->pair[i].slide)
            p[n++] = a->pair + i;
    a->unnamed = a->good - n;
    qsort(p, (size_t)n, sizeof *p, by_slide);
    for (int64_t i = 0; rc == 0 && i < n; i = end) {
        for (end = i + 1; end < n && strcmp(p[end]->slide, p[i]->slide) == 0;)
            end++;
        rc = tell_slide(a, p + i, end - i, err);
    }
    rst__free(p);
    return rc;
}

static int sum_up(rst_audit *a, rst_error *err)
{
    double *into[] = { &a->tissue[0], &a->tissue[1], &a->shift_px, &a->peak };
    double *v = rst__calloc((size_t)a->count + 1, sizeof *v);
    if (!v)
        return rst__fail_nomem(err, "check of a data set");
    for (int k = 0; k < 4; k++) {
        int64_t n = 0;
        for (int64_t i = 0; i < a->count; i++) {
            const rst_audit_pair *p = a->pair + i;
            const double value[] = { p->tissue[0], p->tissue[1], hypot(p->shift.dy, p->shift.dx),
                                     p->shift.peak };
            if (!p->err.code)
                v[n++] = value[k];
            a->unlike += k == 3 && !p->err.code && p->shift.peak < RST_PHASE_UNLIKE;
        }
        *into[k] = rst__median(v, n);
    }
    rst__free(v);
    return 0;
}

int rst__audit(rst_audit *out, const rst_audit_options *o, rst_error *err)
{
    *out = (rst_audit){ 0 };
    int rc = list_all(out, o, err);
    if (rc == 0)
        rc = look_all(out, o, err);
    if (rc == 0)
        rc = tell_bad(out, err);
    if (rc == 0)
        rc = tell_twice(out, err);
    if (rc == 0)
        rc = tell_leaks(out, err);
    return rc < 0 ? rc : sum_up(out, err);
}
