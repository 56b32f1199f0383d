/* SPDX-License-Identifier: MIT */
/* A sweep's numbers on disk, and the table that is made of them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "run/sweep_parts.h"

enum { MAX_BYTES = 1 << 24, WORDS = 4, COLUMNS = WORDS + RST_SWEEP_SCORES };

static const char *const columns[COLUMNS] = {
    "row",  "seed",  "set",      "settings",    "images",    "ssim",
    "psnr", "dab_r", "dab_real", "dab_virtual", "area_real", "area_virtual"
};

void rst__sweep_results_free(rst_sweep_results *r)
{
    rst__free(r->line);
    *r = (rst_sweep_results){ 0 };
}

static rst_sweep_result *find(const rst_sweep_results *r, const char *row, const char *seed,
                              const char *set)
{
    for (int i = 0; i < r->count; i++) {
        rst_sweep_result *l = &r->line[i];
        if (strcmp(l->row, row) == 0 && strcmp(l->seed, seed) == 0 && strcmp(l->set, set) == 0)
            return l;
    }
    return NULL;
}

const rst_sweep_result *rst__sweep_results_find(const rst_sweep_results *r, const char *row,
                                                const char *seed, const char *set)
{
    return find(r, row, seed, set);
}

int rst__sweep_results_put(rst_sweep_results *r, const rst_sweep_result *line, rst_error *err)
{
    rst_sweep_result *l = find(r, line->row, line->seed, line->set);
    if (!l && r->count == r->cap) {
        const int cap = r->cap ? 2 * r->cap : 64;
        rst_sweep_result *more = rst__realloc(r->line, (size_t)cap, sizeof *more);
        if (!more)
            return rst__fail_nomem(err, "results");
        r->line = more;
        r->cap = cap;
    }
    if (!l)
        l = &r->line[r->count++];
    *l = *line;
    return 0;
}

/* Reading ---------------------------------------------------------------------------------------
 */

/* Cuts a line at its tabs; whether it has as many fields as there are columns. */
static bool cut(char *line, char *field[COLUMNS])
{
    int n = 0;
    for (char *tab; n < COLUMNS - 1 && (tab = strchr(line, '\t')); line = tab + 1) {
        *tab = 0;
        field[n++] = line;
    }
    field[n++] = line;
    return n == COLUMNS && !strchr(line, '\t');
}

static bool word(char *to, size_t size, const char *from)
{
    const size_t len = strlen(from);
    if (len == 0 || len >= size)
        return false;
    memcpy(to, from, len + 1);
    return true;
}

static bool parse_line(char *const field[COLUMNS], rst_sweep_result *l)
{
    bool good = word(l->row, sizeof l->row, field[0]) && word(l->seed, sizeof l->seed, field[1]) &&
                word(l->set, sizeof l->set, field[2]) &&
                word(l->settings, sizeof l->settings, field[3]);
    for (int i = 0; good && i < RST_SWEEP_SCORES; i++) {
        char *end;
        l->score[i] = strtod(field[WORDS + i], &end);
        good = end != field[WORDS + i] && !*end;
    }
    return good;
}

static bool is_head(char *const field[COLUMNS])
{
    for (int i = 0; i < COLUMNS; i++)
        if (strcmp(field[i], columns[i]) != 0)
            return false;
    return true;
}

static int parse(rst_sweep_results *r, char *text, const char *path, rst_error *err)
{
    char *field[COLUMNS], *next;
    int rc = 0;
    for (int line = 1; rc == 0 && *text; text = next, line++) {
        rst_sweep_result l;
        next = text + strcspn(text, "\n");
        next += *next ? (*next = 0, 1) : 0;
        const bool whole = cut(text, field);
        if (line == 1 ? !whole || !is_head(field) : !whole || !parse_line(field, &l))
            rc = rst_fail(err, RST_EFORMAT, "%s:%d: is no line of a sweep's results", path, line);
        else if (line > 1)
            rc = rst__sweep_results_put(r, &l, err);
    }
    return rc;
}

int rst__sweep_results_load(rst_sweep_results *out, const char *path, rst_error *err)
{
    void *text;
    size_t len;
    *out = (rst_sweep_results){ 0 };
    if (!rst__exists(path))
        return 0;
    int rc = rst__file_read(path, MAX_BYTES, &text, &len, err);
    if (rc < 0)
        return rc;
    rc = parse(out, text, path, err);
    rst__free(text);
    return rc;
}

/* Writing ---------------------------------------------------------------------------------------
 */

static void add_line(rst_str *s, const rst_sweep_result *l)
{
    rst__str_printf(s, "%s\t%s\t%s\t%s", l->row, l->seed, l->set, l->settings);
    for (int i = 0; i < RST_SWEEP_SCORES; i++) {
        const double v = l->score[i];
        rst__str_printf(s, "\t%.9g", isnan(v) ? NAN : v); /* a NaN has a sign that says nothing */
    }
    rst__str_add(s, "\n");
}

int rst__sweep_results_save(const rst_sweep_results *r, const char *path, rst_error *err)
{
    rst_str s = rst__str(MAX_BYTES);
    for (int i = 0; i < COLUMNS; i++)
        rst__str_printf(&s, "%s%s", i ? "\t" : "", columns[i]);
    rst__str_add(&s, "\n");
    for (int i = 0; i < r->count; i++)
        add_line(&s, &r->line[i]);
    int rc = s.failed ? rst__fail_nomem(err, path) : rst__file_write(path, s.s, s.len, err);
    rst__str_free(&s);
    return rc;
}

/* The summary -----------------------------------------------------------------------------------
 */

/* What a column of the summary shows of a line. */
typedef struct shown {
    const char *title;
    int digits;
    double (*value)(const rst_sweep_result *l);
} shown;

static double ssim(const rst_sweep_result *l)
{
    return l->score[RST_SWEEP_SSIM];
}

static double psnr(const rst_sweep_result *l)
{
    return l->score[RST_SWEEP_PSNR];
}

static double dab_r(const rst_sweep_result *l)
{
    return l->score[RST_SWEEP_DAB_R];
}

/* In per cent of the true area. */
static double area(const rst_sweep_result *l)
{
    const double real = l->score[RST_SWEEP_AREA_REAL];
    return real > 0 ? 100 * (l->score[RST_SWEEP_AREA_VIRTUAL] - real) / real : NAN;
}

static const shown column[] = {
    { "SSIM", 3, ssim }, { "PSNR dB", 2, psnr }, { "DAB r", 3, dab_r }, { "area error %", 1, area }
};
enum { SHOWN = sizeof column / sizeof column[0], WITHOUT_STAIN = 2 };

/* The lines of a row and set that belong to the sweep's jobs; how many. */
static int gather(const rst_sweep *s, const rst_sweep_results *r, const char *row, const char *set,
                  const rst_sweep_result **line)
{
    int n = 0;
    for (int i = 0; i < s->jobs; i++) {
        const rst_sweep_result *l =
            strcmp(s->job[i].row, row) == 0 ? find(r, row, s->job[i].seed, set) : NULL;
        if (l)
            line[n++] = l;
    }
    return n;
}

/* "0.812 +- 0.004" over n lines; the deviation is that of a sample. */
static void add_cell(rst_str *s, const shown *c, const rst_sweep_result *const *line, int n)
{
    double mean = 0, square = 0;
    for (int i = 0; i < n; i++)
        mean += c->value(line[i]) / n;
    for (int i = 0; i < n; i++)
        square += pow(c->value(line[i]) - mean, 2);
    if (n == 0 || !isfinite(mean))
        rst__str_add(s, " – |");
    else if (n == 1)
        rst__str_printf(s, " %.*f |", c->digits, mean);
    else
        rst__str_printf(s, " %.*f ± %.*f |", c->digits, mean, c->digits, sqrt(square / (n - 1)));
}

static bool seen(const rst_sweep *s, int job)
{
    for (int i = 0; i < job; i++)
        if (strcmp(s->job[i].row, s->job[job].row) == 0)
            return true;
    return false;
}

static void add_set(const rst_sweep *s, const rst_sweep_results *r, const rst_sweep_set *set,
                    const rst_sweep_result **line, rst_str *out)
{
    const int shows = s->stain ? SHOWN : WITHOUT_STAIN;
    rst__str_printf(out, "\n| %s | seeds |", set->name);
    for (int c = 0; c < shows; c++)
        rst__str_printf(out, " %s |", column[c].title);
    rst__str_add(out, "\n|---|---|");
    for (int c = 0; c < shows; c++)
        rst__str_add(out, "---|");
    rst__str_add(out, "\n");
    for (int i = 0; i < s->jobs; i++) {
        if (seen(s, i))
            continue;
        const int n = gather(s, r, s->job[i].row, set->name, line);
        rst__str_printf(out, "| %s | %d |", s->job[i].row, n);
        for (int c = 0; c < shows; c++)
            add_cell(out, &column[c], line, n);
        rst__str_add(out, "\n");
    }
}

/* Puts the text between the file's two markers. */
static int publish(const rst_sweep *s, const rst_str *table, rst_error *err)
{
    char first[RST_SWEEP_WORD + 64], last[RST_SWEEP_WORD + 64];
    void *text;
    size_t len;
    (void)snprintf(first, sizeof first, "<!-- restain sweep %s: begin -->\n", s->name);
    (void)snprintf(last, sizeof last, "<!-- restain sweep %s: end -->", s->name);
    int rc = rst__file_read(s->summary, MAX_BYTES, &text, &len, err);
    if (rc < 0)
        return rc;
    char *from = strstr(text, first), *to = from ? strstr(from, last) : NULL;
    if (!to) {
        rst__free(text);
        return rst_fail(err, RST_EINVAL,
                        "%s: has no two lines '%.*s' and '%s' to put the table between", s->summary,
                        (int)strlen(first) - 1, first, last);
    }
    rst_str all = rst__str(2 * MAX_BYTES);
    from += strlen(first);
    rst__str_bytes(&all, text, (size_t)(from - (char *)text));
    rst__str_bytes(&all, table->s, table->len);
    rst__str_add(&all, "\n");
    rst__str_add(&all, to);
    if (all.failed)
        rc = rst__fail_nomem(err, s->summary);
    else if (all.len != len || memcmp(all.s, text, len) != 0)
        rc = rst__file_write(s->summary, all.s, all.len, err);
    rst__str_free(&all);
    rst__free(text);
    return rc;
}

int rst__sweep_summarise(const rst_sweep *s, rst_str *text, rst_error *err)
{
    rst_sweep_results r;
    rst_str table = rst__str(MAX_BYTES);
    const rst_sweep_result **line = rst__calloc((size_t)s->jobs + 1, sizeof *line);
    int rc = rst__sweep_results_load(&r, s->results, err);
    for (int i = 0; line && i < s->sets; i++)
        add_set(s, &r, &s->set[i], line, &table);
    if (rc == 0 && (!line || table.failed))
        rc = rst__fail_nomem(err, "summary");
    if (rc == 0 && text)
        rst__str_bytes(text, table.s, table.len);
    if (rc == 0 && s->summary)
        rc = publish(s, &table, err);
    rst__free(line);
    rst__str_free(&table);
    rst__sweep_results_free(&r);
    return rc;
}
