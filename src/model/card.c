/* SPDX-License-Identifier: MIT */
#include "model/card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <restain/version.h>

#include "base/err.h"
#include "base/json.h"

static const char key[] = "restain";
static const char *const roundings[] = { "truncate", "round" };

enum { CARD_MAX = 1 << 16 };

rst_card rst__card(void)
{
    rst_card c = { .trained = true };
    (void)snprintf(c.created, sizeof c.created, "restain %s", rst_version());
    return c;
}

void rst__card_text(char *field, size_t size, const char *text)
{
    size_t n = strlen(text);
    n = n < size ? n : size - 1;
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) /* not inside a character */
        n--;
    memcpy(field, text, n);
    field[n] = 0;
    json_t *ok = json_string(field);
    for (char *p = field; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f || (!ok && (unsigned char)*p >= 0x80))
            *p = '?';
    json_decref(ok);
}

/* Reading ---------------------------------------------------------------------------------------
 */

typedef struct reader {
    const json_t *root;
    const char *name;
    rst_error *err;
} reader;

static int bad(const reader *r, const char *what)
{
    return rst_fail(r->err, RST_EFORMAT, "%s: bad model card: %s", r->name, what);
}

/* A text that may be missing. */
static int read_text(const reader *r, const json_t *from, const char *what, char *field,
                     size_t size)
{
    const json_t *v = json_object_get(from, what);
    if (!v || json_is_null(v))
        return 0;
    if (!json_is_string(v) || json_string_length(v) >= size)
        return bad(r, what);
    rst__card_text(field, size, json_string_value(v));
    return 0;
}

static int read_flag(const reader *r, const char *what, bool *field)
{
    const json_t *v = json_object_get(r->root, what);
    if (v && !json_is_boolean(v))
        return bad(r, what);
    if (v)
        *field = json_is_true(v);
    return 0;
}

static int read_arch(const reader *r, rst_card *c)
{
    const json_t *v = json_object_get(r->root, "arch");
    if (!v)
        return 0;
    size_t n = json_is_object(v) ? json_dumpb(v, c->arch, sizeof c->arch - 1, JSON_COMPACT) : 0;
    if (n == 0 || n > sizeof c->arch - 1)
        return bad(r, "arch");
    c->arch[n] = 0;
    return 0;
}

static int read_numbers(const reader *r, rst_card *c)
{
    const json_t *v = json_object_get(r->root, "format");
    if (!json_is_integer(v) || json_integer_value(v) < 1)
        return bad(r, "format");
    if (json_integer_value(v) > RST_CARD_FORMAT)
        return rst_fail(r->err, RST_EFORMAT, "%s: a model card of format %lld, known is %d",
                        r->name, (long long)json_integer_value(v), RST_CARD_FORMAT);
    v = json_object_get(r->root, "mpp");
    if (v && !json_is_null(v)) {
        if (!json_is_number(v) || !(json_number_value(v) > 0 && json_number_value(v) <= 100))
            return bad(r, "mpp");
        c->mpp = json_number_value(v);
    }
    return 0;
}

static int read_rounding(const reader *r, rst_card *c)
{
    char text[16] = "truncate";
    int rc = read_text(r, r->root, "rounding", text, sizeof text);
    if (rc < 0)
        return rc;
    for (int i = 0; i < 2; i++)
        if (strcmp(text, roundings[i]) == 0) {
            c->rounding = (rst_rounding)i;
            return 0;
        }
    return bad(r, "rounding");
}

static int read_all(const reader *r, rst_card *c)
{
    const json_t *source = json_object_get(r->root, "source");
    int rc = json_is_object(r->root) ? read_numbers(r, c) : bad(r, "not a JSON object");
    if (rc == 0)
        rc = read_arch(r, c);
    if (rc == 0)
        rc = read_text(r, r->root, "recipe", c->recipe, sizeof c->recipe);
    if (rc == 0)
        rc = read_text(r, r->root, "bn", c->bn, sizeof c->bn);
    if (rc == 0 && *c->bn && strcmp(c->bn, "batch") != 0 && strcmp(c->bn, "running") != 0)
        rc = bad(r, "bn");
    if (rc == 0)
        rc = read_text(r, r->root, "created_by", c->created, sizeof c->created);
    if (rc == 0)
        rc = read_text(r, source, "file", c->file, sizeof c->file);
    if (rc == 0)
        rc = read_text(r, source, "sha256", c->sha256, sizeof c->sha256);
    if (rc == 0)
        rc = read_flag(r, "trained", &c->trained);
    if (rc == 0)
        rc = read_flag(r, "dropout", &c->dropout);
    return rc < 0 ? rc : read_rounding(r, c);
}

int rst__card_read(rst_card *out, const rst_weights *w, const char *name, rst_error *err)
{
    *out = rst__card();
    const char *text = rst_weights_meta(w, key);
    if (!text)
        return 0;
    if (strlen(text) > CARD_MAX)
        return rst_fail(err, RST_EFORMAT, "%s: a model card of over %d bytes", name, CARD_MAX);
    json_t *root = rst__json_parse(text, strlen(text), name, err);
    if (!root)
        return RST_EFORMAT;
    const reader r = { root, name, err };
    int rc = read_all(&r, out);
    json_decref(root);
    return rc < 0 ? rc : 1;
}

/* Writing ---------------------------------------------------------------------------------------
 */

static json_t *text_or_null(const char *text)
{
    return *text ? json_string(text) : json_null();
}

static json_t *card_json(const rst_card *c, rst_error *err)
{
    json_t *arch = json_null();
    if (*c->arch) {
        arch = rst__json_parse(c->arch, strlen(c->arch), "architecture", err);
        if (!arch)
            return NULL;
    }
    json_t *root = json_pack(
        "{s:i, s:o, s:o, s:b, s:o, s:{s:o, s:o}, s:s, s:o, s:b, s:o}", "format", RST_CARD_FORMAT,
        "arch", arch, "recipe", text_or_null(c->recipe), "trained", c->trained, "mpp",
        c->mpp > 0 ? json_real(c->mpp) : json_null(), "source", "file", text_or_null(c->file),
        "sha256", text_or_null(c->sha256), "rounding", roundings[c->rounding], "bn",
        text_or_null(c->bn), "dropout", c->dropout, "created_by", text_or_null(c->created));
    if (!root)
        (void)rst__fail_nomem(err, "model card");
    return root;
}

int rst__card_write(const rst_card *c, rst_weights *w, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    json_t *root = card_json(c, &why);
    if (!root)
        return rst_fail(err, why.code == RST_ENOMEM ? RST_ENOMEM : RST_EINVAL, "%s", why.msg);
    char text[8192];
    size_t n = json_dumpb(root, text, sizeof text - 1, JSON_COMPACT);
    json_decref(root);
    if (n == 0 || n > sizeof text - 1)
        return rst_fail(err, RST_EINVAL, "a model card of over %zu bytes", sizeof text - 1);
    text[n] = 0;
    return rst_weights_set_meta(w, key, text, err);
}
