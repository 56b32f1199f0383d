/* SPDX-License-Identifier: MIT */
#include "run/synth_pairs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <restain/image.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/str.h"
#include "data/level.h"
#include "slide/synth_parts.h"

static const char *const SPLIT[2] = { "train", "val" };

enum {
    PROBES = 24,          /* fields of view that are looked at */
    PROBE_SIDE = 16,      /* points a side that are looked at in each */
    PROBE_STEP = 1 << 16, /* px between them */
    NAME_MAX_BYTES = 32
};

/* The tumour's share of a field, by points. */
static double tumour_share(const rst_synth *s, int64_t x, int64_t size)
{
    int n = 0;
    for (int j = 0; j < PROBE_SIDE; j++)
        for (int i = 0; i < PROBE_SIDE; i++) {
            const double u = (double)x + (double)size * (i + 0.5) / PROBE_SIDE;
            const double v = (double)size * (j + 0.5) / PROBE_SIDE;
            n += rst__synth_place(s, u * s->o.mpp, v * s->o.mpp).tumour > 0;
        }
    return n / (double)(PROBE_SIDE * PROBE_SIDE);
}

int rst__synth_pair(rst_synth **out, uint64_t seed, int64_t index, int level, int64_t size,
                    const rst_synth_options *base, int64_t *x, int64_t *y, rst_error *err)
{
    rst_synth_options o = base ? *base : rst_synth_defaults();
    char name[NAME_MAX_BYTES];
    (void)snprintf(name, sizeof name, "synth pair %lld", (long long)index);
    rst_rng r = rst__rng(seed, name);
    o.seed = (uint64_t)rst__rng_below(&r, (int64_t)1 << 53);
    o.level = level;
    o.tumour = 0.35 + 0.4 * rst__rng_uniform(&r);
    const int rc = rst_synth_new(out, &o, err);
    if (rc < 0)
        return rc;
    /* The first field that is between a third and nine tenths tumour, or the last. */
    *x = *y = 0;
    for (int k = 0; k < PROBES; k++) {
        *x = (int64_t)k * PROBE_STEP;
        const double share = tumour_share(*out, *x, size);
        if (share > 0.33 && share < 0.9)
            break;
    }
    return 0;
}

rst_synth_pairs_options rst_synth_pairs_defaults(void)
{
    return (rst_synth_pairs_options){
        .pairs = 100, .size = 512, .val_share = 0.2, .slide = rst_synth_defaults()
    };
}

/* The pictures of one pair, while they are made. */
typedef struct plate {
    rst_image he, ihc, level, dab, nuclei;
    float *od;       /* owned */
    int32_t *number; /* owned */
} plate;

/* What the manifest tells of a pair. */
typedef struct entry {
    char name[NAME_MAX_BYTES];
    int split, level;
    uint64_t seed;
    int64_t x, y;
    double tumour, dab, positive;
} entry;

typedef struct job {
    const char *dir;
    const rst_synth_pairs_options *o;
    int64_t train;
    entry *entry; /* owned: [pairs] */
    int64_t done;
    rst_error err;
} job;

static void plate_free(plate *p)
{
    rst_image_free(&p->he);
    rst_image_free(&p->ihc);
    rst_image_free(&p->level);
    rst_image_free(&p->dab);
    rst_image_free(&p->nuclei);
    rst__free(p->od);
    rst__free(p->number);
}

static int plate_new(plate *p, int64_t n, rst_error *err)
{
    *p = (plate){ .od = rst__malloc((size_t)(n * n) * sizeof *p->od),
                  .number = rst__malloc((size_t)(n * n) * sizeof *p->number) };
    int rc = p->od && p->number ? 0 : rst__fail_nomem(err, "synthetic pair");
    if (rc == 0)
        rc = rst_image_new(&p->he, n, n, 3, err);
    if (rc == 0)
        rc = rst_image_new(&p->ihc, n, n, 3, err);
    if (rc == 0)
        rc = rst_image_new(&p->nuclei, n, n, 3, err);
    if (rc == 0)
        rc = rst_image_new(&p->level, n, n, 1, err);
    if (rc == 0)
        rc = rst_image_new(&p->dab, n, n, 1, err);
    if (rc < 0)
        plate_free(p);
    return rc;
}

/* Gives the nuclei small numbers, in the order in which the picture shows them. */
static int number_nuclei(plate *p, int64_t n, rst_error *err)
{
    enum { ROOM = 1 << 17, LAST = 65535 };
    int32_t *seen = rst__calloc(ROOM, 2 * sizeof *seen);
    if (!seen)
        return rst__fail_nomem(err, "nuclei of a pair");
    int32_t last = 0;
    for (int64_t i = 0; i < n * n; i++) {
        const int32_t id = p->number[i];
        uint8_t *d = p->nuclei.px + 3 * i;
        if (!id)
            continue;
        size_t at = (size_t)((uint32_t)id * 2654435761u >> 15);
        while (seen[2 * at] && seen[2 * at] != id)
            at = (at + 1) % ROOM;
        if (!seen[2 * at]) {
            if (last == LAST)
                continue; /* beyond what two bytes can tell apart */
            seen[2 * at] = id;
            seen[2 * at + 1] = ++last;
        }
        d[0] = (uint8_t)(id & 7);
        d[1] = (uint8_t)(seen[2 * at + 1] >> 8);
        d[2] = (uint8_t)seen[2 * at + 1];
    }
    rst__free(seen);
    return 0;
}

static void measure(const plate *p, int64_t n, entry *e)
{
    int64_t tumour = 0, positive = 0;
    double sum = 0;
    for (int64_t i = 0; i < n * n; i++) {
        p->dab.px[i] = rst__synth_grey(p->od[i]);
        tumour += p->level.px[i] != RST_SYNTH_NO_LEVEL;
        positive += p->od[i] > 0.15f;
        sum += p->od[i];
    }
    const double area = (double)(n * n);
    e->tumour = (double)tumour / area;
    e->positive = (double)positive / area;
    e->dab = sum / area;
}

static int write_one(const job *j, const entry *e, const char *folder, const char *end,
                     const rst_image *img, rst_error *err)
{
    rst_str path = rst__str(4096);
    rst__str_printf(&path, "%s/%s/%s%s", j->dir, folder, e->name, end);
    const rst_image_write_options w = { .jpeg_quality = j->o->jpeg, .deflate = 1 };
    const int rc =
        path.failed ? rst__fail_nomem(err, j->dir) : rst_image_write(path.s, img, &w, err);
    rst__str_free(&path);
    return rc;
}

static int write_pair(const job *j, const entry *e, const plate *p, rst_error *err)
{
    const char *end = j->o->jpeg ? ".jpg" : ".png";
    const char *truth = e->split ? "truth/val" : "truth/train";
    int rc = write_one(j, e, e->split ? "valA" : "trainA", end, &p->he, err);
    if (rc == 0)
        rc = write_one(j, e, e->split ? "valB" : "trainB", end, &p->ihc, err);
    if (rc == 0)
        rc = write_one(j, e, truth, ".level.png", &p->level, err);
    if (rc == 0)
        rc = write_one(j, e, truth, ".dab.png", &p->dab, err);
    if (rc == 0)
        rc = write_one(j, e, truth, ".nuclei.png", &p->nuclei, err);
    return rc;
}

static int make_pair(job *j, int64_t k, rst_error *err)
{
    const rst_synth_pairs_options *o = j->o;
    entry *e = j->entry + k;
    e->split = k >= j->train;
    const int64_t turn = e->split ? k - j->train : k; /* levels take turns in either split */
    e->level = o->slide.level >= 0 ? o->slide.level : (int)(turn % RST_SYNTH_LEVELS);
    (void)snprintf(e->name, sizeof e->name, "%05lld_%s_%s", (long long)k, SPLIT[e->split],
                   rst__level_name(e->level));
    rst_synth *s;
    int rc = rst__synth_pair(&s, o->slide.seed, k, e->level, o->size, &o->slide, &e->x, &e->y, err);
    if (rc < 0)
        return rc;
    e->seed = s->o.seed;
    plate p;
    rc = plate_new(&p, o->size, err);
    if (rc == 0) {
        const rst_synth_view v = { p.he.px, p.ihc.px, p.level.px, p.od, p.number };
        rc = rst_synth_region(s, e->x, e->y, o->size, o->size, &v, err);
        if (rc == 0)
            rc = number_nuclei(&p, o->size, err);
        if (rc == 0) {
            measure(&p, o->size, e);
            rc = write_pair(j, e, &p, err);
        }
        plate_free(&p);
    }
    rst_synth_free(s);
    return rc;
}

/* One pair, in any thread. The first failure is kept, and stops the others. */
static void run_pair(job *j, int64_t k)
{
    int failed;
#pragma omp atomic read
    failed = j->err.code;
    if (failed)
        return;
    rst_error err = RST_ERROR_INIT;
    int rc = make_pair(j, k, &err);
#pragma omp critical(rst_synth_pairs)
    {
        j->done++;
        if (rc == 0 && j->o->progress && j->o->progress(j->o->user, j->done, j->o->pairs))
            rc = rst_fail(&err, RST_ECANCELLED, "%s: stopped after %lld of %lld pairs", j->dir,
                          (long long)j->done, (long long)j->o->pairs);
        if (rc < 0 && !j->err.code)
            j->err = err;
    }
}

static int write_manifest(const job *j, rst_error *err)
{
    rst_str t = rst__str((size_t)1 << 26), path = rst__str(4096);
    rst__str_printf(&path, "%s/manifest.tsv", j->dir);
    rst__str_add(&t, "name\tsplit\tseed\tx\ty\tlevel\ttumour_share\tdab_mean\tpositive_share\n");
    for (int64_t k = 0; k < j->o->pairs; k++) {
        const entry *e = j->entry + k;
        rst__str_printf(&t, "%s\t%s\t%llu\t%lld\t%lld\t%s\t%.4f\t%.5f\t%.5f\n", e->name,
                        SPLIT[e->split], (unsigned long long)e->seed, (long long)e->x,
                        (long long)e->y, rst__level_name(e->level), e->tumour, e->dab, e->positive);
    }
    const int rc = t.failed || path.failed ? rst__fail_nomem(err, j->dir)
                                           : rst__file_write(path.s, t.s, t.len, err);
    rst__str_free(&t);
    rst__str_free(&path);
    return rc;
}

/* Whether a file has a name that we give: NNNNN_train_..., NNNNN_val_... */
static bool is_ours(const char *name)
{
    return strspn(name, "0123456789") == 5 &&
           (!strncmp(name + 5, "_train_", 7) || !strncmp(name + 5, "_val_", 5));
}

/* An overwritten set leaves nothing behind that the new one does not have. */
static int clear_folder(const char *path, rst_error *err)
{
    DIR *d = opendir(path);
    if (!d)
        return rst_fail(err, RST_EOUTPUT, "%s: cannot read: %s", path, strerror(errno));
    int rc = 0;
    for (const struct dirent *e; rc == 0 && (e = readdir(d));)
        if (is_ours(e->d_name) && unlinkat(dirfd(d), e->d_name, 0) < 0)
            rc = rst_fail(err, RST_EOUTPUT, "%s/%s: cannot remove: %s", path, e->d_name,
                          strerror(errno));
    (void)closedir(d);
    return rc;
}

static int make_folders(const job *j, rst_error *err)
{
    static const char *const folder[] = { "trainA", "trainB",      "valA",
                                          "valB",   "truth/train", "truth/val" };
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < sizeof folder / sizeof *folder; k++) {
        rst_str path = rst__str(4096);
        rst__str_printf(&path, "%s/%s", j->dir, folder[k]);
        if (path.failed)
            rc = rst__fail_nomem(err, j->dir);
        else if (!j->o->overwrite && rst__exists(path.s))
            rc = rst_fail(err, RST_EINVAL, "%s: exists; give --overwrite to replace the data set",
                          path.s);
        else
            rc = rst__mkdirs(path.s, err);
        if (rc == 0 && j->o->overwrite)
            rc = clear_folder(path.s, err);
        rst__str_free(&path);
    }
    return rc;
}

static int check(const rst_synth_pairs_options *o, const char *dir, rst_error *err)
{
    if (o->pairs < 1 || o->pairs > 99999 || o->size < 16 || o->size > 8192)
        return rst_fail(err, RST_EINVAL, "%s: %lld pairs of %lld px; 1..99999 of 16..8192", dir,
                        (long long)o->pairs, (long long)o->size);
    if (!(o->val_share >= 0 && o->val_share <= 1) || o->jpeg < 0 || o->jpeg > 100)
        return rst_fail(err, RST_EINVAL, "%s: validation share %g, JPEG quality %d", dir,
                        o->val_share, o->jpeg);
    return 0;
}

int rst_synth_pairs(const char *dir, const rst_synth_pairs_options *o, rst_error *err)
{
    job j = { .dir = dir, .o = o };
    int rc = check(o, dir, err);
    if (rc == 0)
        rc = make_folders(&j, err);
    if (rc < 0)
        return rc;
    j.train = o->pairs - (int64_t)((double)o->pairs * o->val_share + 0.5);
    j.entry = rst__calloc((size_t)o->pairs, sizeof *j.entry);
    if (!j.entry)
        return rst__fail_nomem(err, dir);
#pragma omp parallel for schedule(dynamic)
    for (int64_t k = 0; k < o->pairs; k++)
        run_pair(&j, k);
    rc = j.err.code;
    if (rc < 0 && err)
        *err = j.err;
    if (rc == 0)
        rc = write_manifest(&j, err);
    rst__free(j.entry);
    return rc;
}
