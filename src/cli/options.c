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

enum { CONFIG, PRINT_CONFIG, HELP };

static const cli_option common[CLI_COMMON] = {
    [CONFIG] = { "config", 0, CLI_PATH, "FILE", .typed_only = true,
                 .help = "A file of settings, one name = value a line, by the names of the "
                         "flags, which win over it. # or ; begins a comment, [SECTION] means "
                         "nothing" },
    [PRINT_CONFIG] = { "print-config", 0, CLI_FLAG, .typed_only = true,
                       .help = "Print all settings as such a file, and end" },
    [HELP] = { "help", 'h', CLI_FLAG, .typed_only = true, .help = "This text" },
};

const cli_option *cli_option_at(const cli_verb *v, int i)
{
    if (i < v->count)
        return &v->options[i];
    i -= v->count;
    if (v->config == CLI_CONFIG_NONE)
        i += HELP;
    return i < CLI_COMMON ? &common[i] : NULL;
}

/* The value of one that all verbs have; HELP, or the verb takes a configuration. */
static const cli_value *common_value(const cli_args *a, int which)
{
    const int first = a->verb->config == CLI_CONFIG_NONE ? HELP : 0;
    return &a->value[a->verb->count + which - first];
}

static bool same_name(const char *name, const char *typed, size_t len)
{
    if (!name || strlen(name) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (rst__ini_fold(name[i]) != rst__ini_fold(typed[i]))
            return false;
    return true;
}

int cli_option_find(const cli_verb *v, const char *typed, size_t len)
{
    const cli_option *o;
    for (int i = 0; (o = cli_option_at(v, i)); i++)
        if (same_name(o->name, typed, len) || same_name(o->also, typed, len))
            return i;
    return -1;
}

void cli_option_key(const cli_option *o, char key[64])
{
    (void)snprintf(key, 64, "%s", o->name);
    for (char *p = key; *p; p++)
        if (*p == '-')
            *p = '_';
}

/* Edits between what was typed and a name, as names are compared. */
static size_t distance(const char *typed, size_t len, const char *name)
{
    char a[64] = "", b[64] = "";
    for (size_t i = 0; i < len && i + 1 < sizeof a; i++)
        a[i] = rst__ini_fold(typed[i]);
    for (size_t i = 0; name[i] && i + 1 < sizeof b; i++)
        b[i] = rst__ini_fold(name[i]);
    return rst__edits(a, b);
}

const cli_option *cli_option_nearest(const cli_verb *v, const char *typed, size_t len)
{
    const cli_option *o, *best = cli_option_at(v, 0);
    for (int i = 1; (o = cli_option_at(v, i)); i++)
        if (distance(typed, len, o->name) < distance(typed, len, best->name))
            best = o;
    return best;
}

int cli_verb_find(const cli_verb **out, const char *name, rst_error *err)
{
    const cli_verb *v, *best = cli_verb_at(0);
    for (int i = 0; (v = cli_verb_at(i)); i++) {
        if (strcmp(v->name, name) == 0) {
            *out = v;
            return 0;
        }
        if (rst__edits(name, v->name) < rst__edits(name, best->name))
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

/* As Python writes it, too: True, False. */
static bool is_bool(const char *text)
{
    return same_name("true", text, strlen(text)) || same_name("false", text, strlen(text));
}

static int parse_bool(const cli_option *o, cli_value *v, rst_error *err)
{
    v->i = same_name("true", v->text, strlen(v->text));
    return is_bool(v->text)
               ? 0
               : rst_fail(err, RST_EINVAL, "--%s %.60s: must be true or false", o->name, v->text);
}

int cli_value_parse(const cli_option *o, const char *text, cli_value *v, rst_error *err)
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
    case CLI_BOOL:
        return parse_bool(o, v, err);
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
    const cli_option *o = cli_option_at(a->verb, i);
    cli_value *v = &a->value[i];
    v->given = true;
    if (o->kind == CLI_FLAG || o->kind == CLI_BOOL) {
        if (o->kind == CLI_FLAG && value)
            return rst_fail(err, RST_EINVAL, "--%s: takes no value", o->name);
        if (o->kind == CLI_BOOL && !value && c->at < c->argc && is_bool(c->argv[c->at]))
            value = c->argv[c->at++];
        return cli_value_parse(o, value ? value : "true", v, err);
    }
    if (!value && c->at < c->argc)
        value = c->argv[c->at++];
    if (!value)
        return rst_fail(err, RST_EINVAL, "--%s: its value is missing", o->name);
    return cli_value_parse(o, value, v, err);
}

static int take_long(cli_args *a, const char *typed, cursor *c, rst_error *err)
{
    const size_t len = strcspn(typed, "=");
    const char *value = typed[len] ? typed + len + 1 : NULL;
    const int i = cli_option_find(a->verb, typed, len);
    if (i >= 0)
        return take(a, i, value, c, err);
    return rst_fail(err, RST_EINVAL, "--%.*s: restain %s has no such flag; the nearest is --%s",
                    (int)(len < 60 ? len : 60), typed, a->verb->name,
                    cli_option_nearest(a->verb, typed, len)->name);
}

static int take_short(cli_args *a, const char *typed, cursor *c, rst_error *err)
{
    const char *value = typed[1] == '=' ? typed + 2 : typed[1] ? typed + 1 : NULL;
    const cli_option *o;
    for (int i = 0; (o = cli_option_at(a->verb, i)); i++)
        if (o->letter == typed[0])
            return take(a, i, value, c, err);
    return rst_fail(err, RST_EINVAL, "-%.60s: restain %s has no such flag; the nearest is --%s",
                    typed, a->verb->name, cli_option_nearest(a->verb, typed, strlen(typed))->name);
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

/* The configuration file: of --config, or the first that was typed. */
static int take_config(cli_args *a, rst_error *err)
{
    const char *path = common_value(a, CONFIG)->text;
    if (a->verb->config == CLI_CONFIG_FIRST && a->files > 0) {
        if (path)
            return rst_fail(err, RST_EINVAL, "%.200s: there is --config %.200s already", a->file[0],
                            path);
        path = a->file[0];
        a->files--;
        memmove(a->file, a->file + 1, (size_t)a->files * sizeof *a->file);
    }
    return path ? cli_config_read(a, path, err) : 0;
}

static int check_all(const cli_args *a, rst_error *err)
{
    const cli_verb *v = a->verb;
    for (int i = 0; i < v->count; i++)
        if (v->options[i].required && !a->value[i].given && !a->print_config)
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
            rc = cli_value_parse(&v->options[i], v->options[i].usual, &a->value[i], err);
    cursor c = { .argc = argc, .argv = argv };
    if (rc == 0)
        rc = take_all(a, &c, err);
    a->help = common_value(a, HELP)->given;
    if (rc < 0 || a->help)
        return rc;
    if (v->config != CLI_CONFIG_NONE) {
        a->print_config = common_value(a, PRINT_CONFIG)->given;
        rc = take_config(a, err);
    }
    return rc < 0 ? rc : check_all(a, err);
}

void cli_args_free(cli_args *a)
{
    rst__ini_free(a->config);
    a->config = NULL;
    rst__free(a->file);
    a->file = NULL;
}
