/* SPDX-License-Identifier: MIT */
#include "run/tiles.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/sorted.h"
#include "base/str.h"
#include "image/phase.h"
#include "run/prepared.h"
#include "run/tiles_parts.h"

enum { HE, IHC, MAX_TEXT = 1 << 28, MAX_PATH = 1 << 16, TILE_MIN = 16, TILE_MAX = 8192 };

static const char header[] =
    "split\the\tihc\tslide\twidth\theight\the_tissue\tihc_tissue\tshift_y\t"
    "shift_x\tpeak\trow\tcolumn\tmpp\n";

typedef struct job {
    const rst_tiles_options *o;
    rst_tiles_plan plan;
    rst_str rows;         /* of the manifest */
    double *shift, *peak; /* owned: of the kept, [kept] */
    int64_t kept, room, done, total;
    rst_tiles_report r;
} job;

/* What became of a place. */
typedef struct cut {
    rst_shift shift; /* pixels of a tile */
    bool kept;
    int made;
} cut;

/* A slide's turn. */
typedef struct turn {
    job *j;
    const rst_tiles_pair *p;
    rst_slide *s[2];
    cut *cut;      /* owned, [p->cells] */
    rst_error err; /* the first */
} turn;

/* Paths -----------------------------------------------------------------------------------------
 */

/* "trainA/SLIDE_3_14.png": where a tile lies below the folder. */
static void name_of(const job *j, const rst_tiles_pair *p, const rst_tiles_cell *c, int side,
                    char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s%c/%s_%lld_%lld.%s", rst__tiles_splits[p->split],
                   side == HE ? 'A' : 'B', p->name, (long long)c->row, (long long)c->column,
                   j->o->jpeg ? "jpg" : "png");
}

static rst_str path_of(const job *j, const rst_tiles_pair *p, const rst_tiles_cell *c, int side)
{
    char name[PATH_MAX];
    rst_str s = rst__str(MAX_PATH);
    name_of(j, p, c, side, name);
    rst__str_printf(&s, "%s/%s", j->o->folder, name);
    return s;
}

/* Tiles -----------------------------------------------------------------------------------------
 */

static int write_side(const turn *t, const rst_tiles_cell *c, int side, const rst_image *img,
                      int *made, rst_error *err)
{
    const rst_image_write_options how = { .jpeg_quality = t->j->o->jpeg };
    rst_str path = path_of(t->j, t->p, c, side);
    int rc = path.failed ? rst__fail_nomem(err, t->p->path[side]) : 0;
    if (rc == 0 && !rst__exists(path.s)) {
        rc = rst__prepared_picture(path.s, img, &how, err);
        ++*made;
    }
    rst__str_free(&path);
    return rc;
}

static int align(const rst_image img[2], int64_t tile, rst_shift *out, rst_error *err)
{
    enum { N = RST_PHASE_SIDE * RST_PHASE_SIDE };
    float *h = rst__malloc((size_t)2 * N * sizeof *h);
    int rc = h ? rst__phase_input(&img[HE], RST_STAINS_HE, h, err)
               : rst__fail_nomem(err, "alignment of tiles");
    if (rc == 0)
        rc = rst__phase_input(&img[IHC], RST_STAINS_HDAB, h + N, err);
    if (rc == 0)
        rc = rst__phase_shift(h, h + N, out, err);
    out->dy *= (double)tile / RST_PHASE_SIDE;
    out->dx *= (double)tile / RST_PHASE_SIDE;
    rst__free(h);
    return rc;
}

static int cut_pair(const turn *t, int64_t i, rst_error *err)
{
    const rst_tiles_options *o = t->j->o;
    const rst_tiles_cell *c = &t->p->cell[i];
    cut *to = &t->cut[i];
    rst_image img[2] = { RST_IMAGE_INIT, RST_IMAGE_INIT };
    int rc = 0;
    for (int k = HE; rc == 0 && k <= IHC; k++)
        rc = rst__tiles_cut(t->s[k], t->p->scale[k], o->tile, c, &img[k], err);
    if (rc == 0)
        rc = align(img, o->tile, &to->shift, err);
    to->kept = rc == 0 && to->shift.peak >= o->min_peak;
    for (int k = HE; to->kept && rc == 0 && k <= IHC; k++)
        rc = write_side(t, c, k, &img[k], &to->made, err);
    rst_image_free(&img[HE]);
    rst_image_free(&img[IHC]);
    return rc;
}

/* One place, in any thread. The first failure is kept, and stops the others. */
static void run_cell(turn *t, int64_t i)
{
    const rst_tiles_options *o = t->j->o;
    int failed;
#pragma omp atomic read
    failed = t->err.code;
    if (failed)
        return;
    rst_error err = RST_ERROR_INIT;
    int rc = cut_pair(t, i, &err);
#pragma omp critical(rst_tiles)
    {
        t->j->done++;
        if (rc == 0 && o->progress && o->progress(o->user, t->j->done, t->j->total))
            rc = rst_fail(&err, RST_ECANCELLED,
                          "%s: stopped after %lld of %lld tiles; the same command goes on",
                          o->folder, (long long)t->j->done, (long long)t->j->total);
        if (rc < 0 && !t->err.code)
            t->err = err;
    }
}

/* Rows ------------------------------------------------------------------------------------------
 */

static void add_row(const job *j, const rst_tiles_pair *p, const rst_tiles_cell *c, const cut *of,
                    rst_str *rows)
{
    char name[2][PATH_MAX];
    name_of(j, p, c, HE, name[HE]);
    name_of(j, p, c, IHC, name[IHC]);
    rst__str_printf(
        rows, "%s\t%s\t%s\t%s\t%lld\t%lld\t%.4f\t%.4f\t%.2f\t%.2f\t%.4f\t%lld\t%lld\t%.6g\n",
        rst__tiles_splits[p->split], name[HE], name[IHC], p->name, (long long)j->o->tile,
        (long long)j->o->tile, c->tissue[HE], c->tissue[IHC], of->shift.dy, of->shift.dx,
        of->shift.peak, (long long)c->row, (long long)c->column, p->mpp);
}

/* Counts a row, made now or earlier: its shift and peak are fields 9 to 11. */
static int count_row(job *j, int split, double dy, double dx, double peak, rst_error *err)
{
    if (j->kept == j->room) {
        const int64_t room = j->room ? 2 * j->room : 1024;
        double *a = rst__realloc(j->shift, (size_t)room, sizeof *a);
        j->shift = a ? a : j->shift;
        double *b = a ? rst__realloc(j->peak, (size_t)room, sizeof *b) : NULL;
        j->peak = b ? b : j->peak;
        if (!b)
            return rst__fail_nomem(err, "tiles");
        j->room = room;
    }
    j->shift[j->kept] = hypot(dy, dx);
    j->peak[j->kept++] = peak;
    j->r.tiles[split]++;
    j->r.unlike += peak < RST_PHASE_UNLIKE;
    return 0;
}

/* "slides/SLIDE.tsv": the rows of a slide that is done; its first line tells how many places had
 * enough tissue and yet gave none. */
static void part_name(const rst_tiles_pair *p, char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "slides/%s.tsv", p->name);
}

static int keep_turn(turn *t, rst_error *err)
{
    job *j = t->j;
    char name[PATH_MAX];
    int64_t apart = 0;
    int rc = 0;
    rst_str rows = rst__str(MAX_TEXT), all = rst__str(MAX_TEXT);
    for (int64_t i = 0; rc == 0 && i < t->p->cells; i++) {
        const cut *c = &t->cut[i];
        apart += !c->kept;
        if (!c->kept)
            continue;
        add_row(j, t->p, &t->p->cell[i], c, &rows);
        rc = count_row(j, t->p->split, c->shift.dy, c->shift.dx, c->shift.peak, err);
        j->r.written += c->made;
        j->r.there += 2 - c->made;
    }
    j->r.apart += apart;
    rst__str_printf(&all, "%lld\n%s", (long long)apart, rows.len ? rows.s : "");
    part_name(t->p, name);
    if (rc == 0)
        rc = rows.failed ? rst__fail_nomem(err, j->o->folder)
                         : rst__prepared_text(j->o->folder, name, &all, err);
    if (rows.len)
        rst__str_add(&j->rows, rows.s);
    rst__str_free(&rows);
    rst__str_free(&all);
    return rc;
}

static int cut_slide(job *j, const rst_tiles_pair *p, rst_error *err)
{
    turn t = { .j = j, .p = p, .cut = rst__calloc((size_t)p->cells + 1, sizeof *t.cut) };
    int rc = t.cut ? rst__tiles_open(p, j->o, t.s, err) : rst__fail_nomem(err, p->path[HE]);
    if (rc < 0) {
        rst__free(t.cut);
        return rc;
    }
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < p->cells; i++)
        run_cell(&t, i);
    rst_slide_close(t.s[HE]);
    rst_slide_close(t.s[IHC]);
    rc = t.err.code;
    if (rc < 0 && err)
        *err = t.err;
    if (rc == 0)
        rc = keep_turn(&t, err);
    rst__free(t.cut);
    return rc;
}

/* Going on --------------------------------------------------------------------------------------
 */

static bool is_there(const job *j, const char *name, size_t len)
{
    rst_str path = rst__str(MAX_PATH);
    rst__str_printf(&path, "%s/%.*s", j->o->folder, (int)len, name);
    const bool there = !path.failed && rst__exists(path.s);
    rst__str_free(&path);
    return there;
}

/* The fields of a row that count: the pictures', and shift and peak. False: no such row. */
static bool read_row(const job *j, const char *row, double number[3])
{
    enum { PICTURES = 1, NUMBERS = 8, LAST = 11 };
    for (int i = 0; i < LAST; i++) {
        const size_t n = strcspn(row, "\t\n");
        if (i >= PICTURES && i < PICTURES + 2 && !is_there(j, row, n))
            return false;
        if (i >= NUMBERS)
            number[i - NUMBERS] = strtod(row, NULL);
        if (row[n] != '\t')
            return false;
        row += n + 1;
    }
    return true;
}

static const char *next_row(const char *row)
{
    const size_t n = strcspn(row, "\n");
    return row + n + (row[n] == '\n');
}

/* A slide that an earlier run has done. @return 1: it was taken, 0: its turn is still due, or an
 * error
 */
static int take_slide(job *j, const rst_tiles_pair *p, rst_error *err)
{
    char name[PATH_MAX], *rows;
    void *text;
    size_t len;
    double v[3];
    part_name(p, name);
    if (!is_there(j, name, strlen(name)))
        return 0;
    rst_str path = rst__str(MAX_PATH);
    rst__str_printf(&path, "%s/%s", j->o->folder, name);
    int rc = path.failed ? rst__fail_nomem(err, name)
                         : rst__file_read(path.s, MAX_TEXT, &text, &len, err);
    rst__str_free(&path);
    if (rc < 0)
        return rc;
    const long long apart = strtoll(text, &rows, 10);
    bool whole = *rows == '\n';
    rows += whole;
    for (const char *r = rows; whole && *r; r = next_row(r))
        whole = strchr(r, '\n') && read_row(j, r, v);
    for (const char *r = rows; rc == 0 && whole && *r; r = next_row(r)) {
        (void)read_row(j, r, v);
        rc = count_row(j, p->split, v[0], v[1], v[2], err);
        j->r.there += 2;
    }
    if (rc == 0 && whole) {
        j->r.apart += apart;
        j->done += p->cells;
        rst__str_add(&j->rows, rows);
    }
    rst__free(text);
    return rc < 0 ? rc : whole;
}

/* All -------------------------------------------------------------------------------------------
 */

/* All that the pictures and the table depend on beside the slides' pixels. */
static int claim(const job *j, rst_error *err)
{
    static const char *const ours[] = { "trainA", "trainB", "valA",   "valB",
                                        "testA",  "testB",  "slides", NULL };
    const rst_tiles_options *o = j->o;
    rst_str s = rst__str(MAX_TEXT);
    rst__str_printf(&s, "tile %lld\nmpp %.9g\nhe mpp %.9g\nihc mpp %.9g\ntissue %.9g\npeak %.9g\n",
                    (long long)o->tile, o->mpp, o->slide_mpp[HE], o->slide_mpp[IHC], o->min_tissue,
                    o->min_peak);
    rst__str_printf(&s, "jpeg %d\n", o->jpeg);
    for (int64_t i = 0; i < j->plan.count; i++) {
        const rst_tiles_pair *p = &j->plan.pair[i];
        uint64_t size[2] = { 0, 0 };
        for (int k = HE; k <= IHC; k++)
            (void)rst__file_size(p->path[k], &size[k], NULL);
        rst__str_printf(&s, "%s %s %llu %llu\n", rst__tiles_splits[p->split], p->name,
                        (unsigned long long)size[HE], (unsigned long long)size[IHC]);
    }
    int rc = rst__prepared_claim(o->folder, &s, ours, err);
    rst__str_free(&s);
    if (rc < 0)
        return rc;
    rst_str slides = rst__str(MAX_PATH);
    rst__str_printf(&slides, "%s/slides", o->folder);
    rc = slides.failed ? rst__fail_nomem(err, o->folder) : rst__mkdirs(slides.s, err);
    rst__str_free(&slides);
    return rc;
}

static int cut_all(job *j, rst_error *err)
{
    int rc = claim(j, err);
    rst__str_add(&j->rows, header);
    for (int64_t i = 0; rc == 0 && i < j->plan.count; i++) {
        const rst_tiles_pair *p = &j->plan.pair[i];
        rc = take_slide(j, p, err);
        rc = rc == 0 ? cut_slide(j, p, err) : rc < 0 ? rc : 0;
    }
    if (rc == 0 && j->kept == 0)
        rc = rst_fail(err, RST_EINPUT, "%s: no pair of tiles is as alike as --min-peak %.4g",
                      j->o->he, j->o->min_peak);
    return rc < 0 ? rc : rst__prepared_text(j->o->folder, "manifest.tsv", &j->rows, err);
}

static int check(const rst_tiles_options *o, rst_error *err)
{
    if (o->tile < TILE_MIN || o->tile > TILE_MAX)
        return rst_fail(err, RST_EINVAL, "--tile-size %lld: it is %d to %d pixels",
                        (long long)o->tile, TILE_MIN, TILE_MAX);
    if (o->ihc && rst__is_dir(o->he) != rst__is_dir(o->ihc))
        return rst_fail(err, RST_EINVAL, "%s and %s: two slides, or two folders of them", o->he,
                        o->ihc);
    return 0;
}

static int run(job *j, rst_error *err)
{
    int rc = check(j->o, err);
    if (rc == 0)
        rc = rst__tiles_plan(&j->plan, j->o, err);
    for (int64_t i = 0; rc == 0 && i < j->plan.count; i++) {
        const rst_tiles_pair *p = &j->plan.pair[i];
        j->r.slides[p->split]++;
        j->r.places += p->places;
        j->total += p->cells;
        if (j->o->dry_run)
            j->r.tiles[p->split] += p->cells;
    }
    if (rc < 0 || j->o->dry_run)
        return rc;
    rc = cut_all(j, err);
    j->r.shift_px = rst__median(j->shift, j->kept);
    j->r.peak = rst__median(j->peak, j->kept);
    return rc;
}

int rst__tiles(const rst_tiles_options *o, rst_tiles_report *out, rst_error *err)
{
    job j = { .o = o, .rows = rst__str(MAX_TEXT) };
    int rc = run(&j, err);
    *out = j.r;
    rst__str_free(&j.rows);
    rst__free(j.shift);
    rst__free(j.peak);
    rst__tiles_plan_free(&j.plan);
    return rc;
}
