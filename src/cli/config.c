/* SPDX-License-Identifier: MIT */
/* Settings from a file, settings into a verb's struct, and such a struct as a file. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <restain/version.h>

#include "base/err.h"
#include "cli/docs.h"
#include "cli/options.h"

enum { VALUE_MAX = 1 << 16 };

/* Where a value was written is part of what is wrong with it. */
static int at_line(const char *path, int line, int rc, rst_error *err)
{
    if (rc == 0 || line == 0)
        return rc;
    const rst_error what = *err;
    return rst_fail(err, rc, "%s:%d: %s", path, line, what.msg);
}

/* What is no configuration file is wrong usage, like a flag that does not exist. */
static int refused(rst_error *err)
{
    const rst_error what = *err;
    return rst_fail(err, RST_EINVAL, "%s", what.msg);
}

/* From a file -----------------------------------------------------------------------------------
 */

/* Which option a setting is. */
static int find(const cli_args *a, const rst_ini_entry *e, int *at, rst_error *err)
{
    char nearest[64];
    const size_t len = strlen(e->key);
    const int i = cli_option_find(a->verb, e->key, len);
    const cli_option *o =
        i < 0 ? cli_option_nearest(a->verb, e->key, len) : cli_option_at(a->verb, i);
    cli_option_key(o, nearest);
    if (i < 0)
        return rst_fail(err, RST_EINVAL, "%.60s: restain %s has no such setting; the nearest is %s",
                        e->key, a->verb->name, nearest);
    if (o->typed_only)
        return rst_fail(err, RST_EINVAL, "%s: is for the command line alone", nearest);
    *at = i;
    return 0;
}

static int set(cli_args *a, int i, const rst_ini_entry *e, const char *path, rst_error *err)
{
    const cli_option *o = cli_option_at(a->verb, i);
    cli_value *v = &a->value[i];
    *v = (cli_value){ .given = true, .line = e->line, .path = path };
    int rc = cli_value_parse(o, e->value, v, err);
    if (o->kind == CLI_FLAG)
        v->given = v->i == 1;
    return rc;
}

static int take_entry(cli_args *a, const rst_ini_entry *e, rst_error *err)
{
    int i = 0, rc = find(a, e, &i, err);
    if (rc < 0)
        return rc;
    const cli_value *v = &a->value[i];
    if (v->given && v->line)
        return rst_fail(err, RST_EINVAL, "%s: is in line %d already", e->key, v->line);
    return v->given ? 0 : set(a, i, e, a->config->path, err);
}

int cli_config_set(cli_args *a, const rst_ini_entry *e, const char *path, rst_error *err)
{
    int i = 0, rc = find(a, e, &i, err);
    if (rc == 0)
        rc = set(a, i, e, path, err);
    return at_line(path, e->line, rc, err);
}

int cli_config_read(cli_args *a, const char *path, rst_error *err)
{
    int rc = rst__ini_load(&a->config, path, err);
    if (rc == RST_EFORMAT)
        return refused(err);
    for (int i = 0; rc == 0 && i < a->config->count; i++) {
        const rst_ini_entry *e = &a->config->entry[i];
        rc = at_line(path, e->line, take_entry(a, e, err), err);
    }
    return rc;
}

/* Into the struct -------------------------------------------------------------------------------
 */

static void store(const cli_option *o, const cli_value *v, void *to)
{
    switch (o->store) {
    case CLI_STORE_NOWHERE:
        break;
    case CLI_STORE_INT:
        *(int *)to = (int)v->i;
        break;
    case CLI_STORE_INT64:
        *(int64_t *)to = v->i;
        break;
    case CLI_STORE_UINT64:
        *(uint64_t *)to = (uint64_t)v->i;
        break;
    case CLI_STORE_DOUBLE:
        *(double *)to = v->d;
        break;
    case CLI_STORE_BOOL:
        *(bool *)to = v->i != 0;
        break;
    case CLI_STORE_NOT:
        *(bool *)to = v->i == 0;
        break;
    case CLI_STORE_ENUM:
        *(unsigned *)to = (unsigned)v->i;
        break;
    case CLI_STORE_TEXT:
        *(const char **)to = v->text;
        break;
    }
}

int cli_config_store(const cli_args *a, void *options, rst_error *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < a->verb->count; i++) {
        const cli_option *o = &a->verb->options[i];
        const cli_value *v = &a->value[i];
        if (!v->text)
            continue;
        if (o->set)
            rc = at_line(v->path, v->line, o->set(o, v, options, err), err);
        else
            store(o, v, (char *)options + o->at);
        if (o->twin)
            store(o, v, (char *)options + o->twin);
    }
    return rc;
}

/* As a file -------------------------------------------------------------------------------------
 */

/* The shortest text that reads back as the same number. */
void cli_show_double(double d, rst_str *out)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, d);
        if (strtod(text, NULL) == d)
            break;
    }
    rst__str_add(out, text);
}

static void show_bool(const cli_option *o, bool on, rst_str *out)
{
    size_t len;
    const char *word = o->kind == CLI_WORD ? cli_word(o->words, on, &len) : NULL;
    if (word)
        rst__str_bytes(out, word, len);
    else
        rst__str_add(out, on ? "true" : "false");
}

static void show(const cli_option *o, const void *options, rst_str *out)
{
    const void *from = (const char *)options + o->at;
    const char *text;
    size_t len;
    switch (o->store) {
    case CLI_STORE_NOWHERE:
        break;
    case CLI_STORE_INT:
        rst__str_printf(out, "%d", *(const int *)from);
        break;
    case CLI_STORE_INT64:
        rst__str_printf(out, "%lld", (long long)*(const int64_t *)from);
        break;
    case CLI_STORE_UINT64:
        rst__str_printf(out, "%llu", (unsigned long long)*(const uint64_t *)from);
        break;
    case CLI_STORE_DOUBLE:
        cli_show_double(*(const double *)from, out);
        break;
    case CLI_STORE_BOOL:
        show_bool(o, *(const bool *)from, out);
        break;
    case CLI_STORE_NOT:
        show_bool(o, !*(const bool *)from, out);
        break;
    case CLI_STORE_ENUM:
        text = cli_word(o->words, (int)*(const unsigned *)from, &len);
        rst__str_bytes(out, text, text ? len : 0);
        break;
    case CLI_STORE_TEXT:
        text = *(const char *const *)from;
        rst__str_add(out, text ? text : "");
        break;
    }
}

static void section(rst_str *out, const char *group)
{
    rst__str_add(out, "\n[");
    for (; *group; group++)
        rst__str_printf(out, "%c", tolower((unsigned char)*group));
    rst__str_add(out, "]\n");
}

/* What does not fit into a line of such a file stands there as a comment; `strict`: is refused. */
static int entry(rst_str *out, const cli_option *o, const void *options, bool strict,
                 rst_error *err)
{
    char key[64], text[1024];
    rst_str value = rst__str(VALUE_MAX);
    if (o->show)
        o->show(options, &value);
    else
        show(o, options, &value);
    const char *s = value.s ? value.s : "";
    cli_option_key(o, key);
    cli_option_text(o, text, sizeof text);
    rst__str_add(out, "\n");
    if (o->kind == CLI_WORD)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), ": %s", o->words);
    cli_wrap(out, text, "# ", false);
    const bool fits = rst__ini_fits(key, s);
    rst__str_printf(out, "%s%s = %s\n", *s && fits ? "" : "# ", key, *s ? s : o->what);
    int rc = value.failed ? rst__fail_nomem(err, "configuration") : 0;
    if (rc == 0 && !fits && (strict || strpbrk(s, "\r\n")))
        rc = rst_fail(err, RST_EINVAL, "--%s %.60s: cannot stand in a configuration file", o->name,
                      s);
    rst__str_free(&value);
    return rc;
}

int cli_config_write(const cli_args *a, const void *options, rst_str *out, rst_error *err)
{
    const cli_verb *verb = a->verb;
    int rc = 0;
    rst__str_printf(out, "# Settings of restain %s %s: restain %s %sFILE; flags win over them.\n",
                    verb->name, rst_version(), verb->name,
                    verb->config == CLI_CONFIG_FIRST ? "" : "--config ");
    for (int i = 0; rc == 0 && i < verb->count; i++) {
        const cli_option *o = &verb->options[i];
        if (o->group)
            section(out, o->group);
        if (!o->typed_only && (o->show || o->store != CLI_STORE_NOWHERE))
            rc = entry(out, o, options, a->print_config, err);
    }
    return rc == 0 && out->failed ? rst__fail_nomem(err, "configuration") : rc;
}
