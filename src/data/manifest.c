/* SPDX-License-Identifier: MIT */
/* A manifest: lines of tab-separated fields, the first of which names the columns. Those called
 * split (train, val, test), he and ihc are ours, in any order; paths are relative to the file. With
 * a column magnification, rows that follow each other are one pair at several magnifications, the
 * same in the same order for every pair of a split; a column resolver says what made them. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "data/layout.h"

enum { MAX_BYTES = 1 << 28, MAX_COLUMNS = 64 };

typedef enum column {
    COLUMN_SPLIT,
    COLUMN_HE,
    COLUMN_IHC,
    REQUIRED,
    COLUMN_MAGNIFICATION = REQUIRED,
    COLUMN_RESOLVER,
    COLUMNS
} column;

static const char *const column_names[] = { "split", "he", "ihc", "magnification", "resolver" };

typedef struct manifest {
    const char *path;
    char *at, *end; /* the rest of the text; lines and fields are cut out of it by NULs */
    int64_t line;
    int place[COLUMNS]; /* of our columns in a line; -1: none */
    int columns;
    bool turned; /* a second pair has begun: which magnifications there are is known */
} manifest;

/* Cuts the next line that is not empty into fields; their number, 0 at the end. */
static int next_line(manifest *m, char *field[MAX_COLUMNS])
{
    while (m->at < m->end) {
        char *s = m->at, *stop = memchr(s, '\n', (size_t)(m->end - s));
        m->at = stop ? stop + 1 : m->end;
        m->line++;
        stop = stop ? stop : m->end;
        if (stop > s && stop[-1] == '\r')
            stop--;
        *stop = 0;
        if (stop == s)
            continue;
        int n = 0;
        for (char *tab; n < MAX_COLUMNS - 1 && (tab = strchr(s, '\t')); s = tab + 1) {
            *tab = 0;
            field[n++] = s;
        }
        field[n++] = s;
        return n;
    }
    return 0;
}

static int read_header(manifest *m, rst_error *err)
{
    char *field[MAX_COLUMNS];
    m->columns = next_line(m, field);
    for (int c = 0; c < COLUMNS; c++) {
        m->place[c] = -1;
        for (int i = 0; i < m->columns; i++)
            if (strcmp(field[i], column_names[c]) == 0)
                m->place[c] = i;
        if (m->place[c] < 0 && c < REQUIRED)
            return rst_fail(err, RST_EFORMAT,
                            "%s: the first line names no column `%s`; a manifest is tab-separated "
                            "and has split, he and ihc",
                            m->path, column_names[c]);
    }
    return 0;
}

static bool is_phase(const char *s)
{
    return strcmp(s, "train") == 0 || strcmp(s, "val") == 0 || strcmp(s, "test") == 0;
}

/* One pair, or without pairs one or two files. */
static int add_row(const manifest *m, rst_dataset *d, char *const field[], rst_error *err)
{
    const char *he = field[m->place[COLUMN_HE]], *ihc = field[m->place[COLUMN_IHC]];
    if (d->paired ? !*he || !*ihc : !*he && !*ihc)
        return rst_fail(err, RST_EINPUT,
                        "%s: line %lld: no %s; give --dataset-mode unaligned if "
                        "these are no pairs",
                        m->path, (long long)m->line, *he ? "ihc" : "he");
    int rc = *he ? rst__files_add(&d->list[RST_DATA_A], he, err) : 0;
    return rc == 0 && *ihc ? rst__files_add(&d->list[RST_DATA_B], ihc, err) : rc;
}

static int bad_view(const manifest *m, const char *word, const char *what, rst_error *err)
{
    return rst_fail(err, RST_EFORMAT,
                    "%s: line %lld: magnification `%.40s` %s; each pair has the same ones, in rows "
                    "that follow each other",
                    m->path, (long long)m->line, word, what);
}

/* Row `row` of a phase, from 0, is of a magnification: that of the row `views` before it. */
static int add_view(manifest *m, rst_dataset *d, const char *word, int64_t row, rst_error *err)
{
    if (!*word || strlen(word) >= RST_DATA_WORD)
        return bad_view(m, word, "has not 1 to 15 bytes", err);
    if (row == 0)
        d->views = 0;
    m->turned |= row > 0 && strcmp(word, d->view[0]) == 0;
    if (m->turned)
        return strcmp(word, d->view[row % d->views]) == 0
                   ? 0
                   : bad_view(m, word, "is not the one whose turn it is", err);
    for (int v = 0; v < d->views; v++)
        if (strcmp(word, d->view[v]) == 0)
            return bad_view(m, word, "comes twice", err);
    if (d->views == RST_DATA_VIEWS)
        return bad_view(m, word, "is one too many", err);
    memcpy(d->view[d->views++], word, strlen(word) + 1);
    return 0;
}

static int add_columns(manifest *m, rst_dataset *d, char *const field[], int64_t row,
                       rst_error *err)
{
    const int view = m->place[COLUMN_MAGNIFICATION], made = m->place[COLUMN_RESOLVER];
    if (made >= 0 && row == 0)
        (void)snprintf(d->resolver, sizeof d->resolver, "%s", field[made]);
    return view < 0 ? 0 : add_view(m, d, field[view], row, err);
}

/* Lists what a phase has; *rows counts the lines of it. */
static int read_rows(manifest *m, rst_dataset *d, const char *phase, int64_t *rows, rst_error *err)
{
    char *field[MAX_COLUMNS];
    int rc = 0;
    for (int n; rc == 0 && (n = next_line(m, field)) > 0;) {
        if (n != m->columns)
            return rst_fail(err, RST_EFORMAT,
                            "%s: line %lld: %d fields where the first line has %d", m->path,
                            (long long)m->line, n, m->columns);
        const char *split = field[m->place[COLUMN_SPLIT]];
        if (!is_phase(split))
            return rst_fail(err, RST_EFORMAT,
                            "%s: line %lld: a split of `%s`; it is train, val or "
                            "test",
                            m->path, (long long)m->line, split);
        if (strcmp(split, phase) != 0)
            continue;
        rc = add_columns(m, d, field, (*rows)++, err);
        if (rc == 0)
            rc = add_row(m, d, field, err);
    }
    if (rc == 0 && *rows > 0 && d->views > 1 && *rows % d->views)
        return rst_fail(err, RST_EFORMAT,
                        "%s: the last pair of split %s has not all magnifications", m->path, phase);
    for (int v = 0; rc == 0 && v < d->views; v++)
        if (strcmp(d->view[v], RST_DATA_NATIVE) == 0) {
            d->native = d->views > 1;
            if (v + 1 < d->views)
                rc = rst_fail(err, RST_EFORMAT,
                              "%s: magnification " RST_DATA_NATIVE " is the last one of a pair",
                              m->path);
        }
    return rc;
}

/* The file's folder, "" for a bare name. */
static int begin_lists(const char *path, rst_dataset *d, rst_error *err)
{
    char *folder = rst__strdup(path);
    if (!folder)
        return rst__fail_nomem(err, path);
    char *slash = strrchr(folder, '/');
    folder[slash ? slash - folder + (slash == folder) : 0] = 0;
    int rc = rst__files_begin(&d->list[RST_DATA_A], folder, err);
    if (rc == 0)
        rc = rst__files_begin(&d->list[RST_DATA_B], folder, err);
    rst__free(folder);
    return rc;
}

int rst__manifest_parse(char *text, size_t len, const char *path, const char *phase, rst_dataset *d,
                        int64_t *rows, rst_error *err)
{
    manifest m = { .path = path, .at = text, .end = text + len };
    *rows = 0;
    if (memchr(text, 0, len))
        return rst_fail(err, RST_EFORMAT, "%s: not a text, so no manifest", path);
    int rc = read_header(&m, err);
    return rc < 0 ? rc : read_rows(&m, d, phase, rows, err);
}

/* Parsing spoils the text, so it is read once for the phase and once for what stands in for it. */
static int read_phase(const char *path, rst_dataset *d, const char *phase, int64_t *rows,
                      rst_error *err)
{
    void *text;
    size_t len;
    int rc = rst__file_read(path, MAX_BYTES, &text, &len, err);
    if (rc < 0)
        return rc;
    rc = rst__manifest_parse(text, len, path, phase, d, rows, err);
    rst__free(text);
    return rc;
}

int rst__manifest_list(rst_dataset *d, const rst_dataset_options *o, rst_error *err)
{
    const char *instead = rst__phase_instead(o->phase);
    int64_t rows = 0;
    d->layout = RST_DATA_MANIFEST;
    int rc = begin_lists(o->root, d, err);
    if (rc == 0)
        rc = read_phase(o->root, d, o->phase, &rows, err);
    if (rc == 0 && rows == 0 && o->optional)
        return 1;
    if (rc == 0 && rows == 0 && instead) {
        rc = read_phase(o->root, d, instead, &rows, err);
        if (rc == 0 && rows > 0)
            rst__log(RST_LOG_INFO, "%s: no rows of split %s; those of %s are used for it", o->root,
                     o->phase, instead);
    }
    if (rc < 0)
        return rc;
    for (int side = RST_DATA_A; side <= RST_DATA_B; side++)
        if (d->list[side].count == 0 && !(o->single && d->list[!side].count > 0))
            return rst_fail(err, RST_EINPUT, "%s: no %s of split %s", o->root, side ? "ihc" : "he",
                            o->phase);
    if (!d->paired && d->views > 1)
        return rst_fail(err, RST_EINVAL,
                        "%s: has a column magnification, which is for pairs: it does not go with "
                        "%s",
                        o->root, o->single ? "a super-resolver" : "--dataset-mode unaligned");
    return d->paired ? rst__files_check_unique(&d->list[RST_DATA_A], err) : 0;
}
