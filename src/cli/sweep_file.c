/* SPDX-License-Identifier: MIT */
#include "cli/sweep_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "cli/train_options.h"
#include "cli/verbs.h"

enum { ROWS = 64, SETS = 16, SEEDS = 64, WORD = 64, PATH = 4096, TEXT_MAX = 1 << 20 };

/* Settings of [set NAME] and, beside those of train, of [row NAME]. */
enum { SET_DATA, SET_SPLIT, SET_LAYOUT, SET_MAGNIFICATION, SET_COUNT };

static const cli_option set_options[SET_COUNT] = {
    [SET_DATA] = { "dataroot", 0, CLI_PATH, "DIR", .help = "The data set" },
    [SET_SPLIT] = { "split", 0, CLI_WORD, .words = "train|val|test", .usual = "val",
                    .help = "Which part of it" },
    [SET_LAYOUT] = { "layout", 0, CLI_WORD, .words = "auto|folders|bci|splits|ab|manifest",
                     .usual = "auto", .help = "How its files lie" },
    [SET_MAGNIFICATION] = { "magnification", 0, CLI_WORD, .words = "1|2|4", .usual = "1",
                            .help = "Whole pictures, or the middle half or quarter enlarged" },
};
static const cli_verb set_verb = { .name = "sweep", .options = set_options, .count = SET_COUNT };

enum { ROW_RECIPE, ROW_MODEL, ROW_INPUT, ROW_COUNT };

static const cli_option row_options[ROW_COUNT] = {
    [ROW_RECIPE] = { "recipe", 0, CLI_PATH, "FILE", .help = "Settings of train" },
    [ROW_MODEL] = { "model", 0, CLI_PATH, "FILE", .help = "Judged as it is" },
    [ROW_INPUT] = { "input", 0, CLI_BOOL, .help = "The H&E itself is judged" },
};
static const cli_verb row_verb = { .name = "sweep", .options = row_options, .count = ROW_COUNT };

/* What was read -------------------------------------------------------------------------------- */

typedef struct row {
    char name[WORD];
    cli_args own;   /* recipe, model, input */
    cli_args train; /* of a row with a recipe */
    rst_str settings;
} row;

typedef struct set {
    char name[WORD];
    cli_args args;
} set;

typedef struct seed_of {
    char text[24];
    uint64_t value;
} seed_of;

/* A job's own texts. */
typedef struct texts {
    char name[2 * WORD];
    rst_str config;
    rst_train_options o;
} texts;

struct cli_sweep {
    rst_ini *ini;
    const char *path; /* of the file */
    row row[ROWS];
    set set[SETS];
    seed_of seed[SEEDS];
    int rows, sets, seeds;
    char runs[PATH], manifest[PATH];
    rst_sweep_set sweep_set[SETS];
    rst_sweep_job *job; /* owned */
    texts *text;        /* owned, one a job */
    rst_sweep s;
};

void cli_sweep_free(cli_sweep *t)
{
    if (!t)
        return;
    for (int i = 0; t->text && i < t->s.jobs; i++)
        rst__str_free(&t->text[i].config);
    for (int i = 0; i < t->rows; i++) {
        cli_args_free(&t->row[i].own);
        cli_args_free(&t->row[i].train);
        rst__str_free(&t->row[i].settings);
    }
    for (int i = 0; i < t->sets; i++)
        cli_args_free(&t->set[i].args);
    rst__free(t->job);
    rst__free(t->text);
    rst__ini_free(t->ini);
    rst__free(t);
}

static int at(const cli_sweep *t, const rst_ini_entry *e, const char *what, rst_error *err)
{
    return rst_fail(err, RST_EINVAL, "%s:%d: %s", t->path, e->line, what);
}

/* Sections --------------------------------------------------------------------------------------
 */

/* "KIND NAME": the name, or NULL for another kind. */
static const char *name_in(const char *section, const char *kind)
{
    const size_t n = strlen(kind);
    if (strncmp(section, kind, n) != 0 || section[n] != ' ')
        return NULL;
    return section + n + strspn(section + n, " ");
}

/* A row's name is part of a path and a field of a table. */
static bool good_name(const char *name)
{
    return *name && *name != '.' && strlen(name) < WORD && !name[strcspn(name, "/|\t")];
}

static int take_name(const cli_sweep *t, const rst_ini_entry *e, const char *name, char to[WORD],
                     rst_error *err)
{
    if (!good_name(name))
        return at(t, e, "a name of a row or set has 1 to 63 characters, no / and no |", err);
    memcpy(to, name, strlen(name) + 1);
    return 0;
}

/* The row of that name, made if there is none. */
static int find_row(cli_sweep *t, const rst_ini_entry *e, const char *name, row **out,
                    rst_error *err)
{
    for (int i = 0; i < t->rows; i++)
        if (strcmp(t->row[i].name, name) == 0) {
            *out = &t->row[i];
            return 0;
        }
    if (t->rows == ROWS)
        return at(t, e, "too many rows", err);
    *out = &t->row[t->rows++];
    (*out)->settings = rst__str(TEXT_MAX);
    int rc = cli_args_parse(&(*out)->own, &row_verb, 0, NULL, err);
    return rc < 0 ? rc : take_name(t, e, name, (*out)->name, err);
}

static int find_set(cli_sweep *t, const rst_ini_entry *e, const char *name, set **out,
                    rst_error *err)
{
    for (int i = 0; i < t->sets; i++)
        if (strcmp(t->set[i].name, name) == 0) {
            *out = &t->set[i];
            return 0;
        }
    if (t->sets == SETS)
        return at(t, e, "too many sets", err);
    *out = &t->set[t->sets++];
    int rc = cli_args_parse(&(*out)->args, &set_verb, 0, NULL, err);
    return rc < 0 ? rc : take_name(t, e, name, (*out)->name, err);
}

/* The first pass: all but what only train knows. */
static int take_entry(cli_sweep *t, cli_args *a, const rst_ini_entry *e, rst_error *err)
{
    const char *name;
    if (strcmp(e->section, "sweep") == 0) {
        const int i = cli_option_find(a->verb, e->key, strlen(e->key));
        return i >= 0 && a->value[i].given ? 0 : cli_config_set(a, e, t->path, err);
    }
    if ((name = name_in(e->section, "set"))) {
        set *s = NULL;
        int rc = find_set(t, e, name, &s, err);
        return rc < 0 ? rc : cli_config_set(&s->args, e, t->path, err);
    }
    if ((name = name_in(e->section, "row"))) {
        row *r = NULL;
        int rc = find_row(t, e, name, &r, err);
        const bool own = cli_option_find(&row_verb, e->key, strlen(e->key)) >= 0;
        return rc < 0 || !own ? rc : cli_config_set(&r->own, e, t->path, err);
    }
    return strcmp(e->section, "train") == 0
               ? 0
               : at(t, e, "a sweep's sections are [sweep], [train], [set NAME] and [row NAME]",
                    err);
}

/* Rows ------------------------------------------------------------------------------------------
 */

/* What decides neither a training's result nor how it is judged. */
static bool is_idle(const char *name)
{
    static const char *const idle[] = { "name",
                                        "checkpoints-dir",
                                        "seed",
                                        "threads",
                                        "num-threads",
                                        "cache-mb",
                                        "print-freq",
                                        "save-every-steps",
                                        "save-epoch-freq",
                                        "panel-freq",
                                        "panel-count",
                                        "val-freq",
                                        "val-count",
                                        "best",
                                        "checkpoint-activations" };
    for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++)
        if (strcmp(idle[i], name) == 0)
            return true;
    return false;
}

static void describe(row *r)
{
    for (int i = 0; i < r->train.verb->count; i++) {
        const cli_option *o = &r->train.verb->options[i];
        if (r->train.value[i].given && !is_idle(o->name))
            rst__str_printf(&r->settings, "%s=%s\n", o->name, r->train.value[i].text);
    }
}

/* A recipe, and over it [train], and over that the row's own section. */
static int read_recipe(const cli_sweep *t, row *r, rst_error *err)
{
    char *recipe = (char *)r->own.value[ROW_RECIPE].text; /* as argv has it */
    int rc = cli_args_parse(&r->train, &cli_verb_train, 1, &recipe, err);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; rc == 0 && i < t->ini->count; i++) {
            const rst_ini_entry *e = &t->ini->entry[i];
            const char *name = name_in(e->section, "row");
            const bool mine =
                pass ? name && strcmp(name, r->name) == 0 : strcmp(e->section, "train") == 0;
            if (mine && (!pass || cli_option_find(&row_verb, e->key, strlen(e->key)) < 0))
                rc = cli_config_set(&r->train, e, t->path, err);
        }
    if (rc == 0)
        describe(r);
    return rc == 0 && r->settings.failed ? rst__fail_nomem(err, r->name) : rc;
}

static int read_row(const cli_sweep *t, row *r, rst_error *err)
{
    const cli_value *v = r->own.value;
    const int given =
        v[ROW_RECIPE].given + v[ROW_MODEL].given + (v[ROW_INPUT].given && v[ROW_INPUT].i);
    if (given != 1)
        return rst_fail(err, RST_EINVAL, "%s: [row %s] wants one of recipe, model and input = true",
                        t->path, r->name);
    return v[ROW_RECIPE].given ? read_recipe(t, r, err) : 0;
}

static int read_seeds(cli_sweep *t, const char *text, rst_error *err)
{
    for (const char *s = text;; s++) {
        char *end;
        const unsigned long long v = strtoull(s, &end, 10);
        if (*s < '0' || *s > '9' || t->seeds == SEEDS || v > 9007199254740992ULL)
            return rst_fail(err, RST_EINVAL, "--seeds %.60s: must be 1 to %d numbers, like 1,2,3",
                            text, (int)SEEDS);
        seed_of *n = &t->seed[t->seeds++];
        n->value = v;
        (void)snprintf(n->text, sizeof n->text, "%llu", v);
        s = end + strspn(end, " ");
        if (!*s)
            return 0;
        if (*s != ',')
            return rst_fail(err, RST_EINVAL, "--seeds %.60s: must be numbers, like 1,2,3", text);
    }
}

/* Jobs ------------------------------------------------------------------------------------------
 */

static int add_training(cli_sweep *t, const cli_args *a, row *r, const seed_of *seed, texts *x,
                        rst_error *err)
{
    rst_train_options *o = &x->o;
    rst_error why = RST_ERROR_INIT;
    int rc = cli_train_resolve(&r->train, o, &why);
    if (rc < 0)
        return rst_fail(err, rc, "[row %s]: %s", r->name, why.msg);
    if (o->multimag && t->s.multimag_data && strcmp(t->s.multimag_data, o->dataroot) != 0)
        return rst_fail(err, RST_EINVAL,
                        "%s: rows with multimag are trained on %s and on %s; they share one "
                        "data set",
                        t->path, t->s.multimag_data, o->dataroot);
    if (o->multimag) {
        t->s.multimag_data = o->dataroot;
        o->dataroot = t->manifest;
    }
    o->seed = seed->value;
    o->name = x->name;
    o->checkpoints_dir = t->runs;
    o->threads = (int)a->value[CLI_SWEEP_THREADS].i;
    o->backend = a->value[CLI_SWEEP_BACKEND].text;
    x->config = rst__str(TEXT_MAX);
    rc = cli_config_write(&r->train, o, &x->config, err);
    o->config = x->config.s;
    return rc;
}

static int add_job(cli_sweep *t, const cli_args *a, row *r, const seed_of *seed, rst_error *err)
{
    const bool trained = r->own.value[ROW_RECIPE].given;
    rst_sweep_job *j = &t->job[t->s.jobs];
    texts *x = &t->text[t->s.jobs];
    t->s.jobs++;
    (void)snprintf(x->name, sizeof x->name, trained ? "%s-%s" : "%s", r->name, seed->text);
    *j = (rst_sweep_job){ .row = r->name,
                          .seed = trained ? seed->text : "-",
                          .name = x->name,
                          .train = trained ? &x->o : NULL,
                          .settings = r->settings.s,
                          .model = r->own.value[ROW_MODEL].text };
    return trained ? add_training(t, a, r, seed, x, err) : 0;
}

static int add_jobs(cli_sweep *t, const cli_args *a, rst_error *err)
{
    const size_t most = (size_t)t->rows * (size_t)t->seeds;
    t->job = rst__calloc(most, sizeof *t->job);
    t->text = rst__calloc(most, sizeof *t->text);
    int rc = t->job && t->text ? 0 : rst__fail_nomem(err, "sweep");
    for (int k = 0; k < t->seeds; k++)
        for (int i = 0; rc == 0 && i < t->rows; i++)
            if (k == 0 || t->row[i].own.value[ROW_RECIPE].given)
                rc = add_job(t, a, &t->row[i], &t->seed[k], err);
    return rc;
}

static int add_sets(cli_sweep *t, rst_error *err)
{
    for (int i = 0; i < t->sets; i++) {
        const cli_value *v = t->set[i].args.value;
        if (!v[SET_DATA].given)
            return rst_fail(err, RST_EINVAL, "%s: [set %s] has no dataroot", t->path,
                            t->set[i].name);
        t->sweep_set[i] = (rst_sweep_set){ .name = t->set[i].name,
                                           .data = { .root = v[SET_DATA].text,
                                                     .phase = v[SET_SPLIT].text,
                                                     .layout = (rst_data_layout)v[SET_LAYOUT].i },
                                           .magnification = 1 << v[SET_MAGNIFICATION].i };
    }
    return 0;
}

/* Whole -----------------------------------------------------------------------------------------
 */

static int check(const cli_sweep *t, const cli_args *a, rst_error *err)
{
    static const int needed[] = { CLI_SWEEP_NAME, CLI_SWEEP_FOLDER, CLI_SWEEP_RESULTS };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!a->value[needed[i]].given)
            return rst_fail(err, RST_EINVAL, "%s: [sweep] has no %s", t->path,
                            a->verb->options[needed[i]].name);
    if (!good_name(a->value[CLI_SWEEP_NAME].text))
        return rst_fail(err, RST_EINVAL, "--name %.60s: 1 to 63 characters, no / and no |",
                        a->value[CLI_SWEEP_NAME].text);
    if (t->rows == 0 || t->sets == 0)
        return rst_fail(err, RST_EINVAL, "%s: has no [%s NAME]", t->path, t->rows ? "set" : "row");
    return 0;
}

static int name_folders(cli_sweep *t, const cli_args *a, rst_error *err)
{
    const char *folder = a->value[CLI_SWEEP_FOLDER].text;
    const int n = snprintf(t->runs, sizeof t->runs, "%s/runs", folder);
    if (n < 0 || n >= (int)sizeof t->runs)
        return rst_fail(err, RST_EINVAL, "--folder %.60s: the path is too long", folder);
    return rst__sweep_manifest(folder, t->manifest, sizeof t->manifest, err);
}

static int read_file(cli_sweep *t, cli_args *a, rst_error *err)
{
    t->path = a->file[0];
    int rc = rst__ini_load_sections(&t->ini, t->path, err);
    for (int i = 0; rc == 0 && i < t->ini->count; i++)
        rc = take_entry(t, a, &t->ini->entry[i], err);
    if (rc == 0)
        rc = check(t, a, err);
    if (rc == 0)
        rc = read_seeds(t, a->value[CLI_SWEEP_SEEDS].text, err);
    if (rc == 0)
        rc = name_folders(t, a, err);
    for (int i = 0; rc == 0 && i < t->rows; i++)
        rc = read_row(t, &t->row[i], err);
    return rc;
}

static int fill(cli_sweep *t, const cli_args *a, rst_error *err)
{
    const cli_value *v = a->value;
    t->s = (rst_sweep){ .name = v[CLI_SWEEP_NAME].text,
                        .folder = v[CLI_SWEEP_FOLDER].text,
                        .results = v[CLI_SWEEP_RESULTS].text,
                        .summary = v[CLI_SWEEP_SUMMARY].text,
                        .stain = v[CLI_SWEEP_STAIN].i != 0,
                        .set = t->sweep_set,
                        .sets = t->sets,
                        .sr_x2 = v[CLI_SWEEP_SR_X2].text,
                        .sr_x4 = v[CLI_SWEEP_SR_X4].text,
                        .ctx = { .backend = v[CLI_SWEEP_BACKEND].text,
                                 .threads = (int)v[CLI_SWEEP_THREADS].i },
                        .overwrite = v[CLI_SWEEP_OVERWRITE].given };
    int rc = add_sets(t, err);
    if (rc == 0)
        rc = add_jobs(t, a, err);
    t->s.job = t->job;
    return rc;
}

int cli_sweep_read(cli_sweep **out, cli_args *a, rst_error *err)
{
    cli_sweep *t = rst__calloc(1, sizeof *t);
    if (!t)
        return rst__fail_nomem(err, "sweep");
    int rc = read_file(t, a, err);
    if (rc == 0)
        rc = fill(t, a, err);
    if (rc < 0) {
        cli_sweep_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

rst_sweep *cli_sweep_of(cli_sweep *t)
{
    return &t->s;
}
