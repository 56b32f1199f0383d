/* SPDX-License-Identifier: MIT */
/* What a case says: case.json, options, tensors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "golden/golden.h"

enum { MAX_JSON = 64 << 20 };

/* Opening -------------------------------------------------------------------------------------- */

static bool in_folder(gold_case *g, const char *name, char path[4608])
{
    int n = snprintf(path, 4608, "%s/%s", g->dir, name);
    return (n > 0 && n < 4608) || gold_fail(g, "its path is too long");
}

static json_t *object(gold_case *g, const char *key, bool needed)
{
    json_t *o = json_object_get(g->json, key);
    if (!o && needed)
        (void)gold_fail(g, "case.json has no %s", key);
    if (o && !json_is_object(o))
        (void)gold_fail(g, "case.json: %s is no object", key);
    return json_is_object(o) ? o : NULL;
}

static bool read_json(gold_case *g)
{
    char path[4608];
    rst_error err = RST_ERROR_INIT;
    if (!in_folder(g, "case.json", path))
        return false;
    g->json = rst__json_load(path, MAX_JSON, &err);
    if (!g->json)
        return gold_fail(g, "%s", err.msg);
    if (!json_is_object(g->json))
        return gold_fail(g, "case.json is no object");
    const char *format = json_string_value(json_object_get(g->json, "format"));
    if (!format || strcmp(format, "golden-case-1") != 0)
        return gold_fail(g, "case.json: format is not golden-case-1");
    g->group = json_string_value(json_object_get(g->json, "group"));
    g->options = object(g, "options", true);
    g->op = json_string_value(json_object_get(g->options, "op"));
    g->values = object(g, "values", false);
    g->tensors = object(g, "tensors", false);
    g->train = json_is_true(json_object_get(g->json, "train_mode"));
    if (!g->group || !g->op)
        return gold_fail(g, "case.json has no %s", g->group ? "options.op" : "group");
    return !g->failed;
}

static bool has_value(json_t *v, const char *text)
{
    char *dumped = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    bool same = v && strcmp(dumped ? dumped : json_string_value(v), text) == 0;
    free(dumped);
    return same;
}

bool gold_selected(const gold_options *o, const char *dir)
{
    char path[4608];
    rst_error err = RST_ERROR_INIT;
    if (o->wheres == 0)
        return true;
    (void)snprintf(path, sizeof path, "%s/case.json", dir);
    json_t *json = rst__json_load(path, MAX_JSON, &err);
    json_t *options = json_object_get(json, "options");
    bool yes = true;
    for (int i = 0; json && yes && i < o->wheres; i++) {
        const struct gold_where *w = &o->where[i];
        const bool has = strcmp(w->key, "case") == 0
                             ? strcmp(rst__basename(dir), w->value) == 0
                             : has_value(json_object_get(options, w->key), w->value);
        yes = has != w->other;
    }
    json_decref(json);
    return yes;
}

static const char *type_name(rst_weight_type t)
{
    return t == RST_WEIGHT_F32   ? "float32"
           : t == RST_WEIGHT_F64 ? "float64"
           : t == RST_WEIGHT_I64 ? "int64"
                                 : "another type";
}

/* The file's tensor has the type and the shape that case.json says. */
static bool check_tensor(gold_case *g, const char *name, json_t *how)
{
    const rst_weight *w = rst_weights_find(g->file, name);
    const char *dtype = json_string_value(json_object_get(how, "dtype"));
    json_t *shape = json_object_get(how, "shape");
    if (!w)
        return gold_fail(g, "tensors.safetensors has no %s", name);
    if (!dtype || strcmp(dtype, type_name(w->type)) != 0)
        return gold_fail(g, "%s is %s, not %s", name, type_name(w->type), dtype ? dtype : "?");
    bool same = json_is_array(shape) && (int)json_array_size(shape) == w->rank;
    for (int i = 0; same && i < w->rank; i++)
        same = json_integer_value(json_array_get(shape, (size_t)i)) == w->shape[i];
    return same || gold_fail(g, "%s has another shape than case.json says", name);
}

static bool read_tensors(gold_case *g)
{
    char path[4608];
    rst_error err = RST_ERROR_INIT;
    if (!in_folder(g, "tensors.safetensors", path))
        return false;
    if (json_object_size(g->tensors) == 0 && !rst__exists(path))
        return true;
    if (rst_weights_read(&g->file, path, NULL, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    const char *name;
    json_t *how;
    json_object_foreach(g->tensors, name, how)
    {
        if (!check_tensor(g, name, how))
            return false;
    }
    return true;
}

bool gold_open(gold_case *g)
{
    return read_json(g) && read_tensors(g);
}

void gold_close(gold_case *g)
{
    while (g->result) {
        gold_result *next = g->result->next;
        free(g->result->name);
        free(g->result->v);
        free(g->result);
        g->result = next;
    }
    rst_weights_free(g->file);
    json_decref(g->json);
}

/* Options -------------------------------------------------------------------------------------- */

/* The value; NULL for absent and for null. */
static json_t *option(gold_case *g, const char *key)
{
    json_t *v = json_object_get(g->options, key);
    return json_is_null(v) ? NULL : v;
}

bool gold_has(gold_case *g, const char *key)
{
    return option(g, key) != NULL;
}

int64_t gold_int(gold_case *g, const char *key, int64_t otherwise)
{
    json_t *v = option(g, key);
    if (!v)
        return otherwise;
    if (!json_is_integer(v))
        return gold_fail(g, "option %s is no integer", key);
    return json_integer_value(v);
}

double gold_real(gold_case *g, const char *key, double otherwise)
{
    json_t *v = option(g, key);
    if (!v)
        return otherwise;
    if (!json_is_number(v))
        return gold_fail(g, "option %s is no number", key);
    return json_number_value(v);
}

bool gold_bool(gold_case *g, const char *key, bool otherwise)
{
    json_t *v = option(g, key);
    if (!v)
        return otherwise;
    if (!json_is_boolean(v))
        return gold_fail(g, "option %s is neither true nor false", key);
    return json_is_true(v);
}

const char *gold_text(gold_case *g, const char *key)
{
    json_t *v = option(g, key);
    if (v && !json_is_string(v))
        (void)gold_fail(g, "option %s is no text", key);
    return json_string_value(v);
}

bool gold_reals(gold_case *g, json_t *array, const char *what, int n, double *out)
{
    if (!json_is_array(array) || json_array_size(array) != (size_t)n)
        return gold_fail(g, "%s is no list of %d numbers", what, n);
    for (int i = 0; i < n; i++) {
        json_t *v = json_array_get(array, (size_t)i);
        if (!json_is_number(v))
            return gold_fail(g, "%s is no list of numbers", what);
        out[i] = json_number_value(v);
    }
    return true;
}

bool gold_pair(gold_case *g, json_t *obj, const char *key, int64_t out[2])
{
    json_t *v = json_object_get(obj, key);
    for (int i = 0; i < 2; i++) {
        json_t *n = json_is_array(v) && json_array_size(v) == 2 ? json_array_get(v, (size_t)i) : v;
        if (!json_is_integer(n))
            return gold_fail(g, "%s is neither a number nor a pair of them", key);
        out[i] = json_integer_value(n);
    }
    return true;
}

/* Tensors -------------------------------------------------------------------------------------- */

const rst_weight *gold_find(const gold_case *g, const char *prefix, const char *name)
{
    char full[512];
    int n = snprintf(full, sizeof full, "%s%s", prefix, name);
    if (!g->file || n < 0 || n >= (int)sizeof full || !json_object_get(g->tensors, full))
        return NULL;
    return rst_weights_find(g->file, full);
}

const rst_weight *gold_tensor(gold_case *g, const char *prefix, const char *name)
{
    const rst_weight *w = gold_find(g, prefix, name);
    if (!w)
        (void)gold_fail(g, "the case has no tensor %s%s", prefix, name);
    return w;
}

/* A vector is a row of channels, a matrix rows of channels. */
rst_dims gold_dims(const rst_weight *w)
{
    const int64_t *s = w->shape;
    if (w->rank == 1)
        return (rst_dims){ 1, s[0], 1, 1 };
    return (rst_dims){ s[0], s[1], s[2], s[3] };
}

double *gold_f64(const rst_weight *w)
{
    double *v = gold_alloc((size_t)rst_weight_elements(w), sizeof *v);
    rst_weight_to_f64(w, v);
    return v;
}

int64_t *gold_i64(gold_case *g, const rst_weight *w)
{
    rst_error err = RST_ERROR_INIT;
    int64_t *v = gold_alloc((size_t)rst_weight_elements(w), sizeof *v);
    if (rst_weight_to_i64(w, v, &err) == 0)
        return v;
    (void)gold_fail(g, "%s", err.msg);
    free(v);
    return NULL;
}

rst_tensor *gold_input(gold_case *g, const char *name)
{
    for (int i = 0; i < g->inputs; i++)
        if (strcmp(g->input[i].name, name) == 0)
            return g->input[i].t;
    const rst_weight *w = gold_tensor(g, "input.", name);
    if (!w || g->inputs == GOLD_MAX_INPUTS)
        return NULL;
    if (w->rank > 4 || rst_weight_elements(w) == 0) {
        (void)gold_fail(g, "%s: more than four dimensions, or nothing", w->name);
        return NULL;
    }
    double *v = gold_f64(w);
    rst_tensor *t = rst_upload_f64(g->ctx, gold_dims(w), RST_NCHW, v);
    free(v);
    if (gold_find(g, "grad.input.", name))
        rst_want_grad(t);
    g->input[g->inputs++] = (gold_named){ w->name + strlen("input."), t };
    return t;
}

rst_weights *gold_weights(gold_case *g)
{
    rst_error err = RST_ERROR_INIT;
    rst_weights *set = rst_weights_new();
    int rc = set ? 0 : RST_ENOMEM;
    for (int64_t i = 0; g->file && rc == 0 && i < rst_weights_count(g->file); i++) {
        const rst_weight *w = rst_weights_get(g->file, i);
        size_t skip = strncmp(w->name, "param.", 6) == 0    ? 6
                      : strncmp(w->name, "buffer.", 7) == 0 ? 7
                                                            : 0;
        if (skip && json_object_get(g->tensors, w->name))
            rc = rst_weights_add(set, w->name + skip, w->type, w->rank, w->shape, w->data, &err);
    }
    if (rc == 0)
        return set;
    (void)gold_fail(g, "weights: %s", err.msg[0] ? err.msg : "out of memory");
    rst_weights_free(set);
    return NULL;
}
