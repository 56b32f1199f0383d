/* SPDX-License-Identifier: MIT */
/* A blinded set for readers: cases, letters, a sheet to fill in, and a key to keep. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/rng.h"
#include "run/report_parts.h"

enum { PATH = 4096, USUAL_CASES = 20, MOST_CASES = 10000 };

static const char readme[] =
    "Each folder is a case. he.png, where there is one, is the H&E stain of the tissue; a.png, "
    "b.png, ... claim to be the\n"
    "IHC-HER2 stain of the same place. One of them is a real section, the others were computed; "
    "which is which differs from\n"
    "case to case. Cases are in no order. Please judge each picture by itself and fill in a line "
    "of sheet.csv:\n"
    "\n"
    "  quality       1 (cannot be read) to 5 (as good as a good section)\n"
    "  real          yes or no: is this the real section?\n"
    "  her2          0, 1+, 2+, 3+, or - where it cannot be told\n"
    "  confidence    1 (a guess) to 5 (certain)\n"
    "  comment       artefacts, wrong cells, anything\n"
    "\n"
    "Neighbouring sections do not show the same cells: a shift alone says nothing.\n";

typedef struct study {
    rst_report r;
    const char *dir;
    int64_t cases;
    int64_t *drawn; /* owned [cases]: rows */
    rst_rng rng;
    rst_str sheet, key;
} study;

/* Decoded and encoded again: pixels, and nothing that a file may tell beside them. */
static int copy_picture(const study *s, int64_t row, int which, const char *path, rst_error *err)
{
    rst_image img = RST_IMAGE_INIT;
    int rc = rst__report_read(&s->r, row, which, &img, err);
    if (rc == 0)
        rc = rst_image_write(path, &img, NULL, err);
    rst_image_free(&img);
    return rc;
}

static int write_case(study *s, int64_t number, rst_error *err)
{
    const int64_t row = s->drawn[number - 1];
    char path[PATH], folder[PATH];
    int64_t order[RST_RUNS_SHOWN + 1];
    const int pictures = s->r.runs + 1;
    if ((size_t)snprintf(folder, sizeof folder, "%.4000s/%04lld", s->dir, (long long)number) >=
        sizeof folder)
        return rst_fail(err, RST_EINVAL, "%.60s...: the name is too long", s->dir);
    int rc = rst__mkdirs(folder, err);
    if (rc == 0 && s->r.he.count) {
        (void)snprintf(path, sizeof path, "%.4080s/he.png", folder);
        rc = copy_picture(s, row, RST__REPORT_HE, path, err);
    }
    if (rc == 0)
        rc = rst__rng_choose(&s->rng, pictures, pictures, order) < 0
                 ? rst__fail_nomem(err, "a reader study")
                 : 0;
    for (int k = 0; rc == 0 && k < pictures; k++) {
        const int which = (int)order[k] - 1; /* RST__REPORT_REAL, or a run */
        (void)snprintf(path, sizeof path, "%.4080s/%c.png", folder, 'a' + k);
        rc = copy_picture(s, row, which, path, err);
        rst__str_printf(&s->sheet, "%04lld,%c,,,,,\r\n", (long long)number, 'a' + k);
        rst__str_printf(&s->key, "%04lld,%c,", (long long)number, 'a' + k);
        rst__str_csv(&s->key, rst__report_row(&s->r, 0, row)->name);
        rst__str_add(&s->key, ",");
        rst__str_csv(&s->key, which == RST__REPORT_REAL ? "real" : s->r.run[which].name);
        rst__str_add(&s->key, "\r\n");
    }
    return rc;
}

static int write_text(const study *s, const char *file, const char *text, size_t len,
                      rst_error *err)
{
    char path[PATH];
    (void)snprintf(path, sizeof path, "%.4000s/%s", s->dir, file);
    return rst__file_write(path, text, len, err);
}

static int write_all(study *s, rst_error *err)
{
    rst__str_add(&s->sheet, "case,picture,quality,real,her2,confidence,comment\r\n");
    rst__str_add(&s->key, "case,picture,name,stain\r\n");
    int rc = 0;
    for (int64_t i = 1; rc == 0 && i <= s->cases; i++)
        rc = write_case(s, i, err);
    if (rc == 0 && (s->sheet.failed || s->key.failed))
        rc = rst__fail_nomem(err, "a reader study");
    if (rc == 0)
        rc = write_text(s, "README.txt", readme, sizeof readme - 1, err);
    if (rc == 0)
        rc = write_text(s, "sheet.csv", s->sheet.s, s->sheet.len, err);
    return rc < 0 ? rc : write_text(s, "key.csv", s->key.s, s->key.len, err);
}

int rst_reader_study_write(const char *dir, const rst_report_run *run, int runs,
                           const rst_reader_study_options *o, rst_error *err)
{
    static const rst_reader_study_options usual = { 0 };
    o = o ? o : &usual;
    if (o->cases < 0 || o->cases > MOST_CASES)
        return rst_fail(err, RST_EINVAL, "a reader study has 1 to %d cases, not %d", MOST_CASES,
                        o->cases);
    if (rst__exists(dir))
        return rst_fail(err, RST_EOUTPUT, "%s: exists; a reader study gets a folder of its own",
                        dir);
    study s = { .dir = dir,
                .rng = rst__rng(o->seed, "reader study"),
                .sheet = rst__str((size_t)1 << 26),
                .key = rst__str((size_t)1 << 28) };
    int rc = rst__report_open(&s.r, run, runs, o->he, &o->read, err);
    const int64_t wanted = o->cases ? o->cases : USUAL_CASES;
    if (rc == 0 && s.r.rows < wanted && o->cases)
        rc = rst_fail(err, RST_EINVAL, "%d cases are wanted of %lld pairs", o->cases,
                      (long long)s.r.rows);
    s.cases = s.r.rows < wanted ? s.r.rows : wanted;
    s.drawn = rc == 0 ? rst__calloc((size_t)s.cases, sizeof *s.drawn) : NULL;
    if (rc == 0 && (!s.drawn || rst__rng_choose(&s.rng, s.r.rows, s.cases, s.drawn) < 0))
        rc = rst__fail_nomem(err, "a reader study");
    if (rc == 0)
        rc = write_all(&s, err);
    rst__free(s.drawn);
    rst__str_free(&s.sheet);
    rst__str_free(&s.key);
    rst__report_close(&s.r);
    return rc;
}
