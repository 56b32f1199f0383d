/* SPDX-License-Identifier: MIT */
/* safetensors: a 64-bit header length, a JSON header, the tensors' bytes without gap or overlap. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "model/store.h"

enum {
    HEADER_MAX = 16 << 20,
    TOKEN_MAX = 1 << 18, /* commas and brackets: bounds what jansson allocates, ~120 bytes each */
    STRING_MAX = 1 << 20,
    ALIGNMENT = 64
};

typedef struct span {
    int64_t begin, end;
} span;

typedef struct reader {
    rst_weights *w;
    const char *name; /* of the file */
    const char *data;
    size_t bytes;
    span *spans; /* of the tensors read so far */
    int64_t count;
    rst_error *err;
} reader;

/* The header must be parsable in bounded memory, whatever it holds. */
static int check_budget(const char *s, size_t n, const char *name, rst_error *err)
{
    size_t tokens = 0, string = 0;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        if (quoted) {
            if (s[i] == '\\')
                i++;
            else if (s[i] == '"')
                quoted = false;
            if (++string > STRING_MAX)
                return rst_fail(err, RST_EFORMAT, "%s: a string of over 1 MiB in the header", name);
        } else if (s[i] == '"') {
            quoted = true;
            string = 0;
        } else if (s[i] == ',' || s[i] == '{' || s[i] == '[') {
            tokens++;
        }
    }
    if (tokens > TOKEN_MAX)
        return rst_fail(err, RST_EFORMAT, "%s: more than %d values in the header", name, TOKEN_MAX);
    return 0;
}

static int bad_tensor(reader *r, const char *tensor, const char *why)
{
    return rst_fail(r->err, RST_EFORMAT, "%s: tensor %s: %s", r->name, tensor, why);
}

static int read_shape(reader *r, rst_weight *t, const json_t *shape)
{
    if (!json_is_array(shape) || json_array_size(shape) > RST_WEIGHT_RANK)
        return bad_tensor(r, t->name, "shape is not a list of at most 8 sizes");
    t->rank = (int)json_array_size(shape);
    for (int d = 0; d < t->rank; d++) {
        const json_t *v = json_array_get(shape, (size_t)d);
        if (!json_is_integer(v) || json_integer_value(v) < 0)
            return bad_tensor(r, t->name, "a size in shape is not a whole number");
        t->shape[d] = json_integer_value(v);
    }
    if (!rst__weight_bytes(t->type, t->rank, t->shape, &t->bytes))
        return bad_tensor(r, t->name, "shape overflows");
    return 0;
}

static int read_span(reader *r, rst_weight *t, const json_t *offsets)
{
    const json_t *b = json_array_get(offsets, 0), *e = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(b) || !json_is_integer(e))
        return bad_tensor(r, t->name, "data_offsets is not a pair of whole numbers");
    span s = { json_integer_value(b), json_integer_value(e) };
    if (s.begin < 0 || s.end < s.begin || (uint64_t)s.end > r->bytes)
        return bad_tensor(r, t->name, "data_offsets lie outside the file");
    if ((uint64_t)(s.end - s.begin) != t->bytes)
        return bad_tensor(r, t->name, "data_offsets and shape do not agree");
    t->data = r->data + s.begin;
    r->spans[r->count++] = s;
    return 0;
}

static int read_tensor(reader *r, const char *name, const json_t *j)
{
    rst_weight t = { .name = name };
    const char *dtype = json_string_value(json_object_get(j, "dtype"));
    if (!dtype)
        return bad_tensor(r, name, "no dtype");
    if (!rst__weight_type_of(dtype, &t.type))
        return rst_fail(r->err, RST_EFORMAT, "%s: tensor %s: dtype %s is not supported", r->name,
                        name, dtype);
    int rc = read_shape(r, &t, json_object_get(j, "shape"));
    if (rc == 0)
        rc = read_span(r, &t, json_object_get(j, "data_offsets"));
    return rc < 0 ? rc : rst__weights_put(r->w, &t, RST_EFORMAT, r->name, r->err);
}

static int read_metadata(reader *r, json_t *j)
{
    const char *key;
    json_t *value;
    if (!json_is_object(j) || json_object_size(j) > 4096)
        return rst_fail(r->err, RST_EFORMAT, "%s: __metadata__ is not a small object", r->name);
    json_object_foreach(j, key, value)
    {
        if (!json_is_string(value))
            return rst_fail(r->err, RST_EFORMAT, "%s: metadata %s is not a string", r->name, key);
        int rc = rst_weights_set_meta(r->w, key, json_string_value(value), r->err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int by_begin(const void *a, const void *b)
{
    const span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* The spans, in order, cover the data exactly. */
static int check_cover(reader *r)
{
    int64_t at = 0;
    if (r->count)
        qsort(r->spans, (size_t)r->count, sizeof *r->spans, by_begin);
    for (int64_t i = 0; i < r->count; i++) {
        if (r->spans[i].begin != at)
            return rst_fail(r->err, RST_EFORMAT, "%s: %s at byte %lld of the data", r->name,
                            r->spans[i].begin > at ? "a hole" : "two tensors overlap",
                            (long long)at);
        at = r->spans[i].end;
    }
    if ((uint64_t)at != r->bytes)
        return rst_fail(r->err, RST_EFORMAT, "%s: %llu bytes after the last tensor", r->name,
                        (unsigned long long)(r->bytes - (uint64_t)at));
    return 0;
}

static int check_hash(reader *r)
{
    const char *want = rst_weights_meta(r->w, "sha256");
    char have[65];
    if (!want)
        return 0;
    int rc = rst__sha256_hex(r->data, r->bytes, have, r->err);
    if (rc == 0 && strcmp(want, have) != 0)
        rc = rst_fail(r->err, RST_EFORMAT,
                      "%s: the data do not match the sha256 in the header; the file is damaged",
                      r->name);
    return rc;
}

static int read_header(reader *r, json_t *root)
{
    const char *key;
    json_t *value;
    r->spans = rst__calloc(json_object_size(root), sizeof *r->spans);
    if (!r->spans)
        return rst__fail_nomem(r->err, r->name);
    int rc = 0;
    json_object_foreach(root, key, value)
    {
        rc =
            strcmp(key, "__metadata__") == 0 ? read_metadata(r, value) : read_tensor(r, key, value);
        if (rc < 0)
            break;
    }
    if (rc == 0)
        rc = check_cover(r);
    rst__free(r->spans);
    return rc < 0 ? rc : check_hash(r);
}

int rst__safetensors_read(rst_weights *w, const char *buf, size_t len, const char *name,
                          rst_error *err)
{
    uint64_t n = 0;
    if (len < 8)
        return rst_fail(err, RST_EFORMAT, "%s: too short for a safetensors file", name);
    memcpy(&n, buf, 8);
    n = le64toh(n);
    if (n > HEADER_MAX || n > len - 8)
        return rst_fail(err, RST_EFORMAT,
                        "%s: a safetensors header of %llu bytes, more than the file or 16 MiB",
                        name, (unsigned long long)n);
    int rc = check_budget(buf + 8, (size_t)n, name, err);
    if (rc < 0)
        return rc;
    json_t *root = rst__json_parse(buf + 8, (size_t)n, name, err);
    if (!root)
        return RST_EFORMAT;
    reader r = { .w = w, .name = name, .data = buf + 8 + n, .bytes = len - 8 - (size_t)n };
    r.err = err;
    rc = json_is_object(root)
             ? read_header(&r, root)
             : rst_fail(err, RST_EFORMAT, "%s: the safetensors header is not an object", name);
    json_decref(root);
    return rc;
}

/* A JSON string; the text is UTF-8 already. */
static void add_string(rst_str *b, const char *text)
{
    rst__str_add(b, "\"");
    for (const char *s = text; *s; s++) {
        if ((unsigned char)*s < 0x20)
            rst__str_printf(b, "\\u%04x", (unsigned)*s);
        else if (*s == '"' || *s == '\\')
            rst__str_printf(b, "\\%c", *s);
        else
            rst__str_bytes(b, s, 1);
    }
    rst__str_add(b, "\"");
}

static void add_metadata(rst_str *b, const rst_weights *w, const char *sha256)
{
    const char *key, *value;
    rst__str_add(b, "{\"__metadata__\":{");
    for (int64_t i = 0; rst_weights_meta_at(w, i, &key, &value); i++) {
        if (strcmp(key, "sha256") == 0)
            continue;
        add_string(b, key);
        rst__str_add(b, ":");
        add_string(b, value);
        rst__str_add(b, ",");
    }
    rst__str_printf(b, "\"sha256\":\"%s\"}", sha256);
}

static void add_tensor(rst_str *b, const rst_weight *t, size_t begin)
{
    rst__str_add(b, ",");
    add_string(b, t->name);
    rst__str_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", rst_weight_type_name(t->type));
    for (int d = 0; d < t->rank; d++)
        rst__str_printf(b, "%s%lld", d ? "," : "", (long long)t->shape[d]);
    rst__str_printf(b, "],\"data_offsets\":[%zu,%zu]}", begin, begin + t->bytes);
}

/* Gives each tensor its place: wide elements first, so that none is unaligned and none is padded
 * (the format knows no gaps). Returns the bytes of all, or false if they do not fit. */
static bool place(const rst_weights *w, size_t *begin, size_t *total)
{
    *total = 0;
    for (size_t size = 8; size; size /= 2) {
        for (int64_t i = 0; i < rst_weights_count(w); i++) {
            const rst_weight *t = rst_weights_get(w, i);
            if (rst_weight_size(t->type) != size)
                continue;
            begin[i] = *total;
            if (!rst__add_size(*total, t->bytes, total))
                return false;
        }
    }
    return true;
}

static int make_header(rst_str *b, const rst_weights *w, const size_t *begin, const char *sha256,
                       const char *path, rst_error *err)
{
    add_metadata(b, w, sha256);
    for (int64_t i = 0; i < rst_weights_count(w); i++)
        add_tensor(b, rst_weights_get(w, i), begin[i]);
    rst__str_add(b, "}");
    while (!b->failed && (b->len + 8) % ALIGNMENT)
        rst__str_add(b, " ");
    if (!b->failed)
        return 0;
    return b->len > HEADER_MAX - 4096 /* more than any single append */
               ? rst_fail(err, RST_EINVAL, "%s: a header of over 16 MiB", path)
               : rst__fail_nomem(err, path);
}

static int write_parts(const char *path, const rst_str *header, const void *data, size_t bytes,
                       rst_error *err)
{
    uint64_t n = htole64(header->len);
    rst_outfile *f;
    int rc = rst__outfile_open(&f, path, err);
    if (rc < 0)
        return rc;
    rc = rst__outfile_write(f, &n, sizeof n, err);
    if (rc == 0)
        rc = rst__outfile_write(f, header->s, header->len, err);
    if (rc == 0)
        rc = rst__outfile_write(f, data, bytes, err);
    if (rc < 0) {
        rst__outfile_abort(f);
        return rc;
    }
    return rst__outfile_commit(f, err);
}

int rst_weights_write_safetensors(const rst_weights *w, const char *path, rst_error *err)
{
    size_t total = 0;
    char *data = NULL, sha256[65];
    size_t *begin = rst__calloc((size_t)rst_weights_count(w), sizeof *begin);
    if (!begin || !place(w, begin, &total) || !(data = rst__malloc(total))) {
        rst__free(begin);
        return rst__fail_nomem(err, path);
    }
    for (int64_t i = 0; i < rst_weights_count(w); i++) {
        const rst_weight *t = rst_weights_get(w, i);
        memcpy(data + begin[i], t->data, t->bytes);
    }
    rst_str header = rst__str(HEADER_MAX);
    int rc = rst__sha256_hex(data, total, sha256, err);
    if (rc == 0)
        rc = make_header(&header, w, begin, sha256, path, err);
    if (rc == 0)
        rc = write_parts(path, &header, data, total, err);
    rst__str_free(&header);
    rst__free(data);
    rst__free(begin);
    return rc;
}
