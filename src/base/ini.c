/* SPDX-License-Identifier: MIT */
#include "base/ini.h"

#include <ini.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"

enum { FILE_MAX = 1 << 20 };

/* inih takes lines from us and hands settings back, so that the line it is at is known. It stops
 * at our word: where reading and taking fail, *err is set and there are no more lines. */
typedef struct source {
    rst_ini *ini;
    const char *at;
    int line, rc;
    bool sections; /* a name counts within its section */
    rst_error *err;
} source;

char rst__ini_fold(char c)
{
    if (c == '-')
        return '_';
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_key(const char *a, const char *b)
{
    while (*a && rst__ini_fold(*a) == rst__ini_fold(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

/* For inih: the next line, as fgets would. Blanks before it would make it the last line's
 * continuation; a comment may be as long as it likes. */
static char *next_line(char *buf, int size, void *user)
{
    source *s = user;
    if (s->rc < 0 || !*s->at)
        return NULL;
    s->line++;
    s->at += strspn(s->at, " \t\r\v\f");
    const char *text = s->at;
    size_t len = strcspn(text, "\n");
    s->at += len + (text[len] == '\n');
    if (*text == '#' || *text == ';')
        len = 0;
    if (len > RST_INI_LINE || len + 2 > (size_t)size) {
        s->rc = rst_fail(s->err, RST_EFORMAT, "%s:%d: a line of more than %d bytes", s->ini->path,
                         s->line, (int)RST_INI_LINE);
        return NULL;
    }
    memcpy(buf, text, len);
    buf[len] = '\n';
    buf[len + 1] = 0;
    return buf;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The value's length without the comment behind it; inih knows those with a semicolon. */
static size_t value_length(const char *value)
{
    size_t len = 0;
    while (value[len] && !(value[len] == '#' && (len == 0 || blank(value[len - 1]))))
        len++;
    while (len && blank(value[len - 1]))
        len--;
    return len;
}

static int no_setting(const source *s, int line)
{
    return rst_fail(s->err, RST_EFORMAT, "%s:%d: is no line like name = value", s->ini->path, line);
}

static int add(source *s, const char *section, const char *key, const char *value)
{
    rst_ini *ini = s->ini;
    if (!*key)
        return no_setting(s, s->line);
    for (int i = 0; i < ini->count; i++)
        if (same_key(ini->entry[i].key, key) &&
            (!s->sections || strcmp(ini->entry[i].section, section) == 0))
            return rst_fail(s->err, RST_EFORMAT, "%s:%d: %s is in line %d already", ini->path,
                            s->line, key, ini->entry[i].line);
    if (ini->count == ini->cap) {
        const int cap = ini->cap ? 2 * ini->cap : 64;
        rst_ini_entry *more = rst__realloc(ini->entry, (size_t)cap, sizeof *more);
        if (!more)
            return rst__fail_nomem(s->err, ini->path);
        ini->entry = more;
        ini->cap = cap;
    }
    rst_ini_entry *e = &ini->entry[ini->count++];
    *e = (rst_ini_entry){ rst__strdup(key), rst__strdup(value), rst__strdup(section), s->line };
    if (!e->key || !e->value || !e->section)
        return rst__fail_nomem(s->err, ini->path);
    e->value[value_length(value)] = 0;
    return 0;
}

/* For inih: whether all is well. */
static int take(void *user, const char *section, const char *key, const char *value)
{
    source *s = user;
    if (s->rc == 0)
        s->rc = add(s, section, key, value);
    return s->rc == 0;
}

static int parse(rst_ini **out, const char *text, const char *path, bool sections, rst_error *err)
{
    *out = NULL;
    rst_ini *ini = rst__calloc(1, sizeof *ini);
    if (!ini || !(ini->path = rst__strdup(path))) {
        rst__ini_free(ini);
        return rst__fail_nomem(err, path);
    }
    source s = { .ini = ini, .at = text, .sections = sections, .err = err };
    const int bad = ini_parse_stream(next_line, &s, take, &s);
    if (s.rc == 0 && bad > 0)
        s.rc = no_setting(&s, bad);
    else if (s.rc == 0 && bad < 0)
        s.rc = rst__fail_nomem(err, path);
    if (s.rc < 0)
        rst__ini_free(ini);
    else
        *out = ini;
    return s.rc;
}

int rst__ini_parse(rst_ini **out, const char *text, const char *path, rst_error *err)
{
    return parse(out, text, path, false, err);
}

static int load(rst_ini **out, const char *path, bool sections, rst_error *err)
{
    void *text;
    size_t len;
    *out = NULL;
    int rc = rst__file_read(path, FILE_MAX, &text, &len, err);
    if (rc < 0)
        return rc;
    rc = memchr(text, 0, len) ? rst_fail(err, RST_EFORMAT, "%s: is no text file", path)
                              : parse(out, text, path, sections, err);
    rst__free(text);
    return rc;
}

int rst__ini_load(rst_ini **out, const char *path, rst_error *err)
{
    return load(out, path, false, err);
}

int rst__ini_load_sections(rst_ini **out, const char *path, rst_error *err)
{
    return load(out, path, true, err);
}

void rst__ini_free(rst_ini *ini)
{
    if (!ini)
        return;
    for (int i = 0; i < ini->count; i++) {
        rst__free(ini->entry[i].key);
        rst__free(ini->entry[i].value);
        rst__free(ini->entry[i].section);
    }
    rst__free(ini->entry);
    rst__free(ini->path);
    rst__free(ini);
}

bool rst__ini_fits(const char *key, const char *value)
{
    const size_t len = strlen(value);
    if (strlen(key) + 3 + len > RST_INI_LINE || (len && (blank(value[0]) || blank(value[len - 1]))))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value[i] < ' ' ||
            ((value[i] == '#' || value[i] == ';') && (i == 0 || blank(value[i - 1]))))
            return false;
    return true;
}
