/* SPDX-License-Identifier: MIT */
/* The group `formats`: files of weights, good and hostile. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "golden/golden.h"

static const char *text_value(gold_case *g, const char *key)
{
    return json_string_value(json_object_get(g->values, key));
}

/* What was loaded against the list of what the file holds -------------------------------------- */

static const char *torch_name(rst_weight_type t)
{
    static const char *const names[] = { "float64", "float32", "float16", "bfloat16", "int64",
                                         "int32",   "int16",   "int8",    "uint8",    "bool" };
    return names[t];
}

static bool check_entry(gold_case *g, const rst_weights *got, const char *name, json_t *how)
{
    const rst_weight *w = rst_weights_find(got, name);
    json_t *shape = json_object_get(how, "shape");
    const char *torch = json_string_value(json_object_get(how, "torch_dtype"));
    const char *dtype = json_string_value(json_object_get(how, "dtype"));
    if (!w)
        return gold_fail(g, "%s was not loaded", name);
    if ((torch && strcmp(torch, torch_name(w->type)) != 0) ||
        (dtype && strcmp(dtype, rst_weight_type_name(w->type)) != 0))
        return gold_fail(g, "%s was loaded as %s", name, torch_name(w->type));
    bool same = (int)json_array_size(shape) == w->rank;
    for (int i = 0; same && i < w->rank; i++)
        same = json_integer_value(json_array_get(shape, (size_t)i)) == w->shape[i];
    return same || gold_fail(g, "%s was loaded with another shape", name);
}

static bool check_entries(gold_case *g, const rst_weights *got)
{
    json_t *list = json_object_get(g->values, "entries"), *how;
    const char *name;
    if (!list)
        return true;
    json_object_foreach(list, name, how)
    {
        if (!check_entry(g, got, name, how))
            return false;
    }
    if ((int64_t)json_object_size(list) != rst_weights_count(got))
        return gold_fail(g, "%lld tensors were loaded, not %lld", (long long)rst_weights_count(got),
                         (long long)json_object_size(list));
    return true;
}

/* A target of integers holds what a cast to integers gives. */
static bool check_target(gold_case *g, const rst_weights *got, const char *name, json_t *how)
{
    const rst_weight *w = rst_weights_find(got, name);
    if (!w)
        return gold_fail(g, "%s was not loaded", name);
    const char *dtype = json_string_value(json_object_get(how, "dtype"));
    int64_t n = rst_weight_elements(w);
    double *v = gold_f64(w);
    if (dtype && strcmp(dtype, "int64") == 0) {
        int64_t *whole = gold_i64(g, w);
        for (int64_t i = 0; whole && i < n; i++)
            v[i] = (double)whole[i];
        free(whole);
    }
    bool ok = !g->failed && gold_compare_one(g, name, how, v, n);
    free(v);
    return ok;
}

static bool check_loaded(gold_case *g, const rst_weights *got)
{
    const char *name;
    json_t *how;
    json_object_foreach(g->tensors, name, how)
    {
        const char *role = json_string_value(json_object_get(how, "role"));
        if (role && strcmp(role, "target") == 0 && !check_target(g, got, name, how))
            return false;
    }
    return check_entries(g, got);
}

/* Running -------------------------------------------------------------------------------------- */

/* The reader starts no process: there is no child to wait for. */
static bool no_children(gold_case *g)
{
    if (waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD)
        return true;
    return gold_fail(g, "reading the file started a process");
}

static bool forbidden_absent(gold_case *g, const char *when)
{
    const char *path = text_value(g, "must_not_exist_afterwards");
    if (!path || !rst__exists(path))
        return true;
    return gold_fail(g, "%s exists %s reading the file", path, when);
}

static bool set_limits(gold_case *g)
{
    json_t *l = json_object_get(g->values, "limits");
    return gold_limit(g, json_number_value(json_object_get(l, "max_memory_mib")),
                      json_number_value(json_object_get(l, "max_seconds")));
}

/* reject: an error; load: the tensors; either: whatever came out must be sound. */
static bool judge(gold_case *g, const char *expect, int rc, const rst_weights *got,
                  const rst_error *err)
{
    bool reject = strcmp(expect, "reject") == 0, load = strcmp(expect, "load") == 0;
    if (!reject && !load && strcmp(expect, "either") != 0)
        return gold_fail(g, "cannot be mapped: expect %s", expect);
    if (rc == 0)
        return reject ? gold_fail(g, "was loaded, but must be refused") : check_loaded(g, got);
    if (load)
        return gold_fail(g, "was refused: %s", err->msg);
    if (g->run->verbose)
        printf("    refused: %s\n", err->msg);
    return err->msg[0] ? true : gold_fail(g, "was refused without a word");
}

static bool read_weights(gold_case *g)
{
    char path[4608];
    const char *file = text_value(g, "file"), *expect = text_value(g, "expect");
    rst_error err = RST_ERROR_INIT;
    rst_weights *got = NULL;
    if (!file || !expect || strchr(file, '/'))
        return gold_fail(g, "values.file or values.expect is missing");
    (void)snprintf(path, sizeof path, "%s/%s", g->dir, file);
    if (!rst__exists(path))
        return gold_fail(g, "%s is missing", path);
    if (!forbidden_absent(g, "before") || !set_limits(g))
        return false;
    rst_weights_info info;
    int rc = rst_weights_read(&got, path, &info, &err);
    bool ok = gold_allow_writing(g) && judge(g, expect, rc, got, &err) && no_children(g) &&
              forbidden_absent(g, "after");
    rst_weights_free(got);
    return ok;
}

const gold_op gold_formats[] = {
    { "read_pth", read_weights, " _use_new_zipfile_serialization pickle_protocol " },
    { "read_safetensors", read_weights, " " },
    { NULL, NULL, NULL },
};
