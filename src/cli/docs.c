/* SPDX-License-Identifier: MIT */
#include "cli/docs.h"

#include <stdio.h>
#include <string.h>

#include <restain/version.h>

#include "base/err.h"
#include "base/file.h"

enum { WIDTH = 80, PAGE_MAX = 1 << 20 };

/* One page, rendered as text or as troff; both see the same calls. */
typedef struct page {
    rst_str *out;
    bool troff;
} page;

static const struct {
    const char *code, *what;
} statuses[] = {
    { "0", "done" },
    { "1", "the run failed: an output cannot be written, a device failed, NaN in a result" },
    { "2", "wrong usage: an unknown flag, a bad value, an output that exists" },
    { "3", "an input cannot be read or is of a kind that is not supported" },
    { "4", "some of several inputs failed; they are listed" },
    { "5", "out of memory" },
    { "6", "a verification failed" },
    { "130", "interrupted; what is written is whole" },
};

static const char about[] = "restain turns H&E-stained tissue into virtual IHC with trained "
                            "networks. Research use, not for "
                            "diagnosis.";

/* Text ------------------------------------------------------------------------------------------
 */

void cli_wrap(rst_str *out, const char *text, const char *margin, bool begun)
{
    const size_t indent = strlen(margin);
    size_t at = 0;

    while (*text) {
        const size_t len = strcspn(text, " ");
        if (at && at + 1 + len > WIDTH - indent) {
            rst__str_add(out, "\n");
            at = 0;
        }
        if (at)
            rst__str_add(out, " ");
        else if (!begun)
            rst__str_add(out, margin);
        begun = false;
        rst__str_bytes(out, text, len);
        at += (at ? 1 : 0) + len;
        text += len;
        text += strspn(text, " ");
    }
    rst__str_add(out, "\n");
}

/* Troff: what begins a request or an escape is made plain. */
static void escaped(rst_str *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        rst__str_add(out, "\\&");
    for (; *text; text++) {
        if (*text == '\\')
            rst__str_add(out, "\\e");
        else if (*text == '-')
            rst__str_add(out, "\\-");
        else
            rst__str_bytes(out, text, 1);
    }
}

static void heading(page *p, const char *name)
{
    if (p->troff)
        rst__str_printf(p->out, ".SH %s\n", name);
    else
        rst__str_printf(p->out, "%s%s:\n", p->out->len ? "\n" : "", name);
}

static void subheading(page *p, const char *name)
{
    if (p->troff)
        rst__str_printf(p->out, ".SS %s\n", name);
    else
        rst__str_printf(p->out, "\n%s:\n", name);
}

static void paragraph(page *p, const char *text)
{
    if (p->troff) {
        rst__str_add(p->out, ".PP\n");
        escaped(p->out, text);
        rst__str_add(p->out, "\n");
    } else {
        cli_wrap(p->out, text, "  ", false);
    }
}

/* Lines as they are: usage, examples. */
static void literal(page *p, const char *text)
{
    if (p->troff)
        rst__str_add(p->out, ".nf\n");
    while (*text) {
        char line[256];
        const size_t len = strcspn(text, "\n");
        (void)snprintf(line, sizeof line, "%.*s", (int)len, text);
        if (p->troff)
            escaped(p->out, line);
        else
            rst__str_printf(p->out, "  %s", line);
        rst__str_add(p->out, "\n");
        text += len + (text[len] == '\n');
    }
    if (p->troff)
        rst__str_add(p->out, ".fi\n");
}

#define COLUMN "                  "

/* A term and what it means: beside each other in a table, below each other elsewhere. */
static void item(page *p, const char *term, const char *text, bool table)
{
    if (p->troff) {
        rst__str_add(p->out, ".TP\n");
        escaped(p->out, term);
        rst__str_add(p->out, "\n");
        escaped(p->out, text);
        rst__str_add(p->out, "\n");
        return;
    }
    rst__str_printf(p->out, table ? "  %-*s" : "  %*s\n", table ? (int)strlen(COLUMN) - 2 : 0,
                    term);
    cli_wrap(p->out, text, table ? COLUMN : "      ", table);
}

static void paragraphs(page *p, const char *text)
{
    while (*text) {
        char line[2048];
        const size_t len = strcspn(text, "\n");
        (void)snprintf(line, sizeof line, "%.*s", (int)len, text);
        paragraph(p, line);
        text += len + (text[len] == '\n');
    }
}

/* From the tables -------------------------------------------------------------------------------
 */

/* "-o, --output PATH" */
static void option_term(const cli_option *o, char *buf, size_t size)
{
    char letter[8] = "", also[72] = "", value[96] = "";
    if (o->letter)
        (void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
    if (o->also)
        (void)snprintf(also, sizeof also, ", --%s", o->also);
    if (o->kind == CLI_BOOL)
        (void)snprintf(value, sizeof value, "[=false]");
    else if (o->kind != CLI_FLAG)
        (void)snprintf(value, sizeof value, " %s", o->kind == CLI_WORD ? o->words : o->what);
    (void)snprintf(buf, size, "%s--%s%s%s", letter, o->name, also, value);
}

/* A limit that nobody meets is not worth telling. */
#define UNBOUNDED 1e9

void cli_option_text(const cli_option *o, char *buf, size_t size)
{
    char range[80] = "";
    if ((o->kind == CLI_INT || o->kind == CLI_REAL) && o->lo < o->hi)
        (void)snprintf(range, sizeof range,
                       o->hi < UNBOUNDED ? "; %.16g to %.16g"
                       : o->lo > 0       ? "; %.16g or more"
                                         : "",
                       o->lo, o->hi);
    (void)snprintf(buf, size, "%s%s%s", o->help, range, o->required ? "; required" : "");
}

static void option_item(page *p, const cli_option *o)
{
    char term[200], text[1024], all[1200];
    const char *usual = o->usual ? o->usual : o->otherwise;
    option_term(o, term, sizeof term);
    cli_option_text(o, text, sizeof text);
    (void)snprintf(all, sizeof all, "%s%s%s%s", text, usual ? " [" : "", usual ? usual : "",
                   usual ? "]" : "");
    item(p, term, all, false);
}

/* Those that all verbs have. */
static void common_options(page *p, const cli_verb *v)
{
    const cli_option *o;
    for (int i = v->count; (o = cli_option_at(v, i)); i++)
        option_item(p, o);
}

/* Groups come last, each under its heading. */
static void options(page *p, const cli_verb *v)
{
    bool grouped = false;
    for (int i = 0; i < v->count; i++) {
        const cli_option *o = &v->options[i];
        if (o->group && !grouped)
            common_options(p, v);
        if (o->group)
            subheading(p, o->group);
        grouped = grouped || o->group;
        option_item(p, o);
    }
    if (!grouped)
        common_options(p, v);
}

static void exit_statuses(page *p)
{
    heading(p, p->troff ? "EXIT STATUS" : "Exit status");
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        item(p, statuses[i].code, statuses[i].what, true);
}

static void title(page *p, const char *verb, const char *brief)
{
    char name[64];
    (void)snprintf(name, sizeof name, "restain%s%s", *verb ? p->troff ? "-" : " " : "", verb);
    if (!p->troff) {
        rst__str_printf(p->out, "%s - %s\n", name, brief);
        return;
    }
    rst__str_add(p->out, ".\\\" Written by the build from the command's option tables.\n.TH ");
    for (const char *s = name; *s; s++)
        rst__str_printf(p->out, "%c", *s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s);
    rst__str_printf(p->out, " 1 \"\" \"restain %s\" \"restain\"\n.SH NAME\n", rst_version());
    escaped(p->out, name);
    rst__str_add(p->out, " \\- ");
    escaped(p->out, brief);
    rst__str_add(p->out, "\n");
}

static void verb_page(page *p, const cli_verb *v)
{
    char usage[256];
    title(p, v->name, v->brief);
    heading(p, p->troff ? "SYNOPSIS" : "Usage");
    (void)snprintf(usage, sizeof usage, "restain %s %s", v->name, v->usage);
    literal(p, usage);
    heading(p, p->troff ? "DESCRIPTION" : "Description");
    paragraphs(p, v->text);
    heading(p, p->troff ? "OPTIONS" : "Options");
    options(p, v);
    if (v->reading)
        heading(p, p->troff ? "PAPER AND CODE" : "Paper and code");
    for (const cli_reading *r = v->reading; r && r->about; r++)
        item(p, r->about, r->text, false);
    heading(p, p->troff ? "EXAMPLES" : "Examples");
    literal(p, v->examples);
    exit_statuses(p);
}

static void main_page(page *p)
{
    const cli_verb *v;
    title(p, "", "virtual stains from H&E");
    heading(p, p->troff ? "SYNOPSIS" : "Usage");
    literal(p, "restain COMMAND [OPTION...] [FILE...]");
    heading(p, p->troff ? "DESCRIPTION" : "Description");
    paragraph(p, about);
    heading(p, p->troff ? "COMMANDS" : "Commands");
    for (int i = 0; (v = cli_verb_at(i)); i++)
        item(p, v->name, v->brief, true);
    item(p, "help [COMMAND]", "this text, or a command's", true);
    heading(p, p->troff ? "OPTIONS" : "Options");
    item(p, "-h, --help", "This text; after a command, the command's", true);
    item(p, "-V, --version", "The version", true);
    exit_statuses(p);
}

static void render(rst_str *out, const cli_verb *v, bool troff)
{
    page p = { out, troff };
    if (v)
        verb_page(&p, v);
    else
        main_page(&p);
}

void cli_help(rst_str *out, const cli_verb *v)
{
    render(out, v, false);
}

void cli_man(rst_str *out, const cli_verb *v)
{
    render(out, v, true);
}

/* Completion ------------------------------------------------------------------------------------
 */

static void completion_words(rst_str *out, const cli_verb *v)
{
    for (int i = 0; i < v->count; i++) {
        const cli_option *o = &v->options[i];
        const char *word;
        if (!o->words && !o->known)
            continue;
        rst__str_printf(out, "    %s:--%s) words='", v->name, o->name);
        for (const char *s = o->words; s && *s; s++)
            rst__str_printf(out, "%c", *s == '|' ? ' ' : *s);
        for (int k = 0; o->known && (word = o->known(k)); k++)
            rst__str_printf(out, "%s%s", k ? " " : "", word);
        rst__str_add(out, "' ;;\n");
    }
}

static void completion_flags(rst_str *out, const cli_verb *v)
{
    rst__str_printf(out, "        %s:-*) words='", v->name);
    const cli_option *o;
    for (int i = 0; (o = cli_option_at(v, i)); i++)
        rst__str_printf(out, "%s--%s%s%s", i ? " " : "", o->name, o->also ? " --" : "",
                        o->also ? o->also : "");
    rst__str_add(out, "' ;;\n");
}

void cli_completion(rst_str *out)
{
    const cli_verb *v;
    rst__str_add(out, "# bash completion for restain, written by the build from its option tables\n"
                      "_restain() {\n"
                      "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                      "    local verb=${COMP_WORDS[1]} words=\n"
                      "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
                      "        COMPREPLY=($(compgen -W '");
    for (int i = 0; (v = cli_verb_at(i)); i++)
        rst__str_printf(out, "%s ", v->name);
    rst__str_add(out, "help --help --version' -- \"$cur\"))\n"
                      "        return\n"
                      "    fi\n"
                      "    case $verb:$prev in\n");
    for (int i = 0; (v = cli_verb_at(i)); i++)
        completion_words(out, v);
    rst__str_add(out, "    *)\n        case $verb:$cur in\n");
    for (int i = 0; (v = cli_verb_at(i)); i++)
        completion_flags(out, v);
    rst__str_add(out, "        esac ;;\n"
                      "    esac\n"
                      "    if [ -n \"$words\" ]; then\n"
                      "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                      "    else\n"
                      "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
                      "    fi\n"
                      "}\n"
                      "complete -o filenames -F _restain restain\n");
}

/* Files -----------------------------------------------------------------------------------------
 */

static int write_page(rst_str *s, const char *folder, const char *name, rst_error *err)
{
    char path[1024];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    int rc = s->failed || n < 0 || (size_t)n >= sizeof path
                 ? rst__fail_nomem(err, name)
                 : rst__file_write(path, s->s, s->len, err);
    rst__str_free(s);
    return rc;
}

static int write_man(const char *folder, const cli_verb *v, rst_error *err)
{
    char name[64];
    rst_str s = rst__str(PAGE_MAX);
    cli_man(&s, v);
    (void)snprintf(name, sizeof name, "restain%s%s.1", v ? "-" : "", v ? v->name : "");
    return write_page(&s, folder, name, err);
}

int cli_write_docs(const char *dir, rst_error *err)
{
    char folder[900];
    const cli_verb *v;
    (void)snprintf(folder, sizeof folder, "%s/man", dir);
    int rc = rst__mkdirs(folder, err);
    if (rc == 0)
        rc = write_man(folder, NULL, err);
    for (int i = 0; rc == 0 && (v = cli_verb_at(i)); i++)
        rc = write_man(folder, v, err);
    (void)snprintf(folder, sizeof folder, "%s/completion", dir);
    if (rc == 0)
        rc = rst__mkdirs(folder, err);
    rst_str s = rst__str(PAGE_MAX);
    cli_completion(&s);
    if (rc == 0)
        return write_page(&s, folder, "restain", err);
    rst__str_free(&s);
    return rc;
}
