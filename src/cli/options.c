/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

/* Names -----------------------------------------------------------------------------------------
 */

static char dash(char c)
{
    return c == '_' ? '-' : c;
}

static bool same_name(const char *name, const char *typed, size_t len)
{
    if (strlen(name) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (name[i] != dash(typed[i]))
            return false;
    return true;
}

enum { NAME_MAX_LEN = 40 };

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Edits (insert, delete, replace) from one name to another, both cut to NAME_MAX_LEN. */
static size_t edits(const char *a, size_t na, const char *b)
{
    size_t row[NAME_MAX_LEN + 1], nb = strlen(b);
    na = na < NAME_MAX_LEN ? na : NAME_MAX_LEN;
    nb = nb < NAME_MAX_LEN ? nb : NAME_MAX_LEN;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t up = row[j];
            row[j] = min3(up + 1, row[j - 1] + 1, corner + (dash(a[i - 1]) != b[j - 1]));
            corner = up;
        }
    }
    return row[nb];
}

static const char *nearest_option(const cli_verb *v, const char *typed, size_t len)
{
    const char *best = "help";
    for (int i = 0; i < v->count; i++)
        if (edits(typed, len, v->options[i].name) < edits(typed, len, best))
            best = v->options[i].name;
    return best;
}

int cli_verb_find(const cli_verb **out, const char *name, rst_error *err)
{
    const cli_verb *v, *best = cli_verb_at(0);
    const size_t len = strlen(name);
    for (int i = 0; (v = cli_verb_at(i)); i++) {
        if (strcmp(v->name, name) == 0) {
            *out = v;
            return 0;
        }
        if (edits(name, len, v->name) < edits(name, len, best->name))
            best = v;
    }
    return rst_fail(err, RST_EINVAL, "%.60s: no such command; the nearest is %s", name, best->name);
}

/* Values ----------------------------------------------------------------------------------------
 */

const char *cli_word(const char *words, int i, size_t *len)
{
    for (; i > 0; i--) {
        words = strchr(words, '|');
        if (!words)
            return NULL;
        words++;
    }
    *len = strcspn(words, "|");
    return words;
}

static int bad_word(const cli_option *o, const char *text, rst_error *err)
{
    char list[256];
    (void)snprintf(list, sizeof list, "%s", o->words);
    for (char *p = list; *p; p++)
        if (*p == '|')
            *p = ' ';
    return rst_fail(err, RST_EINVAL, "--%s %.60s: must be %s%s", o->name, text,
                    strchr(o->words, '|') ? "one of " : "", list);
}

static int parse_word(const cli_option *o, cli_value *v, rst_error *err)
{
    size_t len;
    const char *word;
    for (int i = 0; (word = cli_word(o->words, i, &len)); i++)
        if (strlen(v->text) == len && strncmp(word, v->text, len) == 0) {
            v->i = i;
            return 0;
        }
    return bad_word(o, v->text, err);
}

static int parse_number(const cli_option *o, cli_value *v, rst_error *err)
{
    char *end;
    errno = 0;
    if (o->kind == CLI_INT) {
        v->i = strtoll(v->text, &end, 10);
        v->d = (double)v->i;
    } else {
        v->d = strtod(v->text, &end);
    }
    if (end == v->text || *end || errno || !isfinite(v->d))
        return rst_fail(err, RST_EINVAL, "--%s %.60s: not %s", o->name, v->text,
                        o->kind == CLI_INT ? "a whole number" : "a number");
    if (v->d >= o->lo && v->d <= o->hi)
        return 0;
    if (o->lo == o->hi)
        return rst_fail(err, RST_EINVAL, "--%s %.60s: must be %.16g", o->name, v->text, o->lo);
    return rst_fail(err, RST_EINVAL, "--%s %.60s: must be %.16g to %.16g", o->name, v->text, o->lo,
                    o->hi);
}

static int parse_value(const cli_option *o, const char *text, cli_value *v, rst_error *err)
{
    v->text = text;
    switch (o->kind) {
    case CLI_WORD:
        return parse_word(o, v, err);
    case CLI_INT:
    case CLI_REAL:
        return parse_number(o, v, err);
    case CLI_TEXT:
    case CLI_PATH:
        return *text ? 0 : rst_fail(err, RST_EINVAL, "--%s: its value is empty", o->name);
    case CLI_FLAG:
        break;
    }
    return 0;
}

/* Arguments -------------------------------------------------------------------------------------
 */

typedef struct cursor {
    int at, argc;
    char **argv;
} cursor;

/* Sets option i; `value` is what was glued to it, or NULL. */
static int take(cli_args *a, int i, const char *value, cursor *c, rst_error *err)
{
    const cli_option *o = &a->verb->options[i];
    cli_value *v = &a->value[i];
    v->given = true;
    if (o->kind == CLI_FLAG)
        return value ? rst_fail(err, RST_EINVAL, "--%s: takes no value", o->name) : 0;
    if (!value && c->at < c->argc)
        value = c->argv[c->at++];
    if (!value)
        return rst_fail(err, RST_EINVAL, "--%s: its value is missing", o->name);
    return parse_value(o, value, v, err);
}

static int take_long(cli_args *a, const char *typed, cursor *c, rst_error *err)
{
    const size_t len = strcspn(typed, "=");
    const char *value = typed[len] ? typed + len + 1 : NULL;
    for (int i = 0; i < a->verb->count; i++)
        if (same_name(a->verb->options[i].name, typed, len))
            return take(a, i, value, c, err);
    if (same_name("help", typed, len) && !value) {
        a->help = true;
        return 0;
    }
    return rst_fail(err, RST_EINVAL, "--%.*s: restain %s has no such flag; the nearest is --%s",
                    (int)(len < 60 ? len : 60), typed, a->verb->name,
                    nearest_option(a->verb, typed, len));
}

static int take_short(cli_args *a, const char *typed, cursor *c, rst_error *err)
{
    const char *value = typed[1] == '=' ? typed + 2 : typed[1] ? typed + 1 : NULL;
    for (int i = 0; i < a->verb->count; i++)
        if (a->verb->options[i].letter == typed[0])
            return take(a, i, value, c, err);
    if (typed[0] == 'h' && !value) {
        a->help = true;
        return 0;
    }
    return rst_fail(err, RST_EINVAL, "-%.60s: restain %s has no such flag; the nearest is --%s",
                    typed, a->verb->name, nearest_option(a->verb, typed, strlen(typed)));
}

static int take_all(cli_args *a, cursor *c, rst_error *err)
{
    bool options = true;
    int rc = 0;
    while (rc == 0 && c->at < c->argc) {
        const char *s = c->argv[c->at++];
        if (!options || s[0] != '-' || !s[1])
            a->file[a->files++] = s;
        else if (strcmp(s, "--") == 0)
            options = false;
        else if (s[1] == '-')
            rc = take_long(a, s + 2, c, err);
        else
            rc = take_short(a, s + 1, c, err);
    }
    return rc;
}

static int check_all(const cli_args *a, rst_error *err)
{
    const cli_verb *v = a->verb;
    for (int i = 0; i < v->count; i++)
        if (v->options[i].required && !a->value[i].given)
            return rst_fail(err, RST_EINVAL, "--%s is missing; see restain %s --help",
                            v->options[i].name, v->name);
    if (a->files < v->min_files)
        return rst_fail(err, RST_EINVAL, "no file was given; usage: restain %s %s", v->name,
                        v->usage);
    if (v->max_files >= 0 && a->files > v->max_files)
        return rst_fail(err, RST_EINVAL, "%.200s: one file too many; usage: restain %s %s",
                        a->file[v->max_files], v->name, v->usage);
    return 0;
}

int cli_args_parse(cli_args *a, const cli_verb *v, int argc, char **argv, rst_error *err)
{
    *a = (cli_args){ .verb = v };
    a->file = rst__calloc((size_t)argc + 1, sizeof *a->file);
    if (!a->file)
        return rst__fail_nomem(err, "arguments");
    int rc = 0;
    for (int i = 0; rc == 0 && i < v->count; i++)
        if (v->options[i].usual)
            rc = parse_value(&v->options[i], v->options[i].usual, &a->value[i], err);
    cursor c = { .argc = argc, .argv = argv };
    if (rc == 0)
        rc = take_all(a, &c, err);
    return rc < 0 || a->help ? rc : check_all(a, err);
}

void cli_args_free(cli_args *a)
{
    rst__free(a->file);
    a->file = NULL;
}
