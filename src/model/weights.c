/* SPDX-License-Identifier: MIT */
#include <restain/weights.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "model/names.h"
#include "model/store.h"

typedef struct meta {
    char *key, *value; /* owned */
} meta;

struct rst_weights {
    rst_weight *item; /* names are owned; data lie in blocks */
    int64_t count, cap;
    rst_names names; /* name -> place in item */
    meta *meta;
    int64_t meta_count, meta_cap;
    void **block; /* owned */
    int64_t block_count, block_cap;
};

rst_weights *rst_weights_new(void)
{
    return rst__calloc(1, sizeof(rst_weights));
}

static void free_names(rst_weight *item, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        rst__free((char *)item[i].name);
    rst__free(item);
}

void rst_weights_free(rst_weights *w)
{
    if (!w)
        return;
    rst__names_free(&w->names);
    free_names(w->item, w->count);
    for (int64_t i = 0; i < w->meta_count; i++) {
        rst__free(w->meta[i].key);
        rst__free(w->meta[i].value);
    }
    rst__free(w->meta);
    for (int64_t i = 0; i < w->block_count; i++)
        rst__free(w->block[i]);
    rst__free(w->block);
    rst__free(w);
}

/* Room for one more element in an array. */
static int reserve(void **array, int64_t count, int64_t *cap, size_t size)
{
    if (count < *cap)
        return 0;
    int64_t more = *cap ? *cap * 2 : 16;
    void *p = rst__realloc(*array, (size_t)more, size);
    if (!p)
        return RST_ENOMEM;
    *array = p;
    *cap = more;
    return 0;
}

/* The length of the UTF-8 sequence at s, 1..4, or 0 if it is not valid (overlong, a surrogate). */
static int utf8_length(const unsigned char *s)
{
    unsigned c = s[0];
    if (c < 0x80)
        return 1;
    int n = c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) || (c == 0xf0 && s[1] < 0x90) ||
        (c == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

static bool valid_text(const char *text, bool control)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s) {
        int n = utf8_length(s);
        if (n == 0 || (!control && (*s < 0x20 || *s == 0x7f)))
            return false;
        s += n;
    }
    return true;
}

int64_t rst_weights_count(const rst_weights *w)
{
    return w->count;
}

const rst_weight *rst_weights_get(const rst_weights *w, int64_t i)
{
    return i >= 0 && i < w->count ? &w->item[i] : NULL;
}

const rst_weight *rst_weights_find(const rst_weights *w, const char *name)
{
    return rst_weights_get(w, rst__names_get(&w->names, name, strlen(name)));
}

int rst__weights_own(rst_weights *w, void *buf, rst_error *err)
{
    if (reserve((void **)&w->block, w->block_count, &w->block_cap, sizeof *w->block) < 0)
        return rst__fail_nomem(err, "weights");
    w->block[w->block_count++] = buf;
    return 0;
}

/* A copy of t's data that the set owns. */
static int copy_data(rst_weights *w, rst_weight *t, rst_error *err)
{
    void *p = rst__malloc_aligned(t->bytes);
    if (!p)
        return rst__fail_nomem(err, t->name);
    if (t->bytes)
        memcpy(p, t->data, t->bytes);
    int rc = rst__weights_own(w, p, err);
    if (rc < 0)
        rst__free(p);
    t->data = p;
    return rc;
}

static int check_name(const rst_weights *w, const char *name, int code, const char *what,
                      rst_error *err)
{
    size_t n = strlen(name);
    if (n == 0 || n > RST_WEIGHT_NAME_MAX || !valid_text(name, false))
        return rst_fail(err, code, "%s: a tensor's name is empty, over %d bytes or not plain UTF-8",
                        what, RST_WEIGHT_NAME_MAX);
    if (rst_weights_find(w, name))
        return rst_fail(err, code, "%s: two tensors are called %s", what, name);
    if (w->count >= RST_WEIGHTS_MAX)
        return rst_fail(err, code, "%s: more than %d tensors", what, RST_WEIGHTS_MAX);
    return 0;
}

/* Appends t as it is, its name copied. */
static int append(rst_weights *w, const rst_weight *t, rst_error *err)
{
    char *name = rst__strdup(t->name);
    if (!name || reserve((void **)&w->item, w->count, &w->cap, sizeof *w->item) < 0 ||
        rst__names_put(&w->names, name, strlen(name), w->count) < 0) {
        rst__free(name);
        return rst__fail_nomem(err, t->name);
    }
    w->item[w->count] = *t;
    w->item[w->count++].name = name;
    return 0;
}

int rst__weights_put(rst_weights *w, const rst_weight *t, int code, const char *what,
                     rst_error *err)
{
    int rc = check_name(w, t->name, code, what, err);
    if (rc < 0)
        return rc;
    rst_weight own = *t;
    for (int d = own.rank; d < RST_WEIGHT_RANK; d++)
        own.shape[d] = 1;
    if ((uintptr_t)own.data % rst_weight_size(own.type))
        rc = copy_data(w, &own, err);
    return rc < 0 ? rc : append(w, &own, err);
}

int rst_weights_add(rst_weights *w, const char *name, rst_weight_type type, int rank,
                    const int64_t *shape, const void *data, rst_error *err)
{
    rst_weight t = { .name = name, .type = type, .rank = rank, .data = data };
    if (rank < 0 || rank > RST_WEIGHT_RANK || !rst_weight_size(type) ||
        !rst__weight_bytes(type, rank, shape, &t.bytes) || (t.bytes && !data))
        return rst_fail(err, RST_EINVAL, "%s: bad type, rank, shape or data of a tensor", name);
    for (int d = 0; d < RST_WEIGHT_RANK; d++)
        t.shape[d] = d < rank ? shape[d] : 1;
    int rc = check_name(w, name, RST_EINVAL, "weights", err);
    if (rc == 0)
        rc = copy_data(w, &t, err);
    return rc < 0 ? rc : append(w, &t, err);
}

static int64_t find_meta(const rst_weights *w, const char *key)
{
    for (int64_t i = 0; i < w->meta_count; i++)
        if (strcmp(w->meta[i].key, key) == 0)
            return i;
    return -1;
}

const char *rst_weights_meta(const rst_weights *w, const char *key)
{
    int64_t i = find_meta(w, key);
    return i < 0 ? NULL : w->meta[i].value;
}

bool rst_weights_meta_at(const rst_weights *w, int64_t i, const char **key, const char **value)
{
    if (i < 0 || i >= w->meta_count)
        return false;
    *key = w->meta[i].key;
    *value = w->meta[i].value;
    return true;
}

static void remove_meta(rst_weights *w, int64_t i)
{
    rst__free(w->meta[i].key);
    rst__free(w->meta[i].value);
    w->meta_count--;
    memmove(&w->meta[i], &w->meta[i + 1], (size_t)(w->meta_count - i) * sizeof *w->meta);
}

int rst_weights_set_meta(rst_weights *w, const char *key, const char *value, rst_error *err)
{
    int64_t i = find_meta(w, key);
    if (!value) {
        if (i >= 0)
            remove_meta(w, i);
        return 0;
    }
    if (!valid_text(key, true) || !valid_text(value, true))
        return rst_fail(err, RST_EINVAL, "metadata %s: not UTF-8", key);
    char *v = rst__strdup(value);
    if (v && i >= 0) {
        rst__free(w->meta[i].value);
        w->meta[i].value = v;
        return 0;
    }
    char *k = v ? rst__strdup(key) : NULL;
    if (!k || reserve((void **)&w->meta, w->meta_count, &w->meta_cap, sizeof *w->meta) < 0) {
        rst__free(v);
        rst__free(k);
        return rst__fail_nomem(err, "metadata");
    }
    w->meta[w->meta_count++] = (meta){ k, v };
    return 0;
}

/* The part of name after "key/", or NULL if it does not begin so. */
static const char *after_key(const char *name, const char *key)
{
    size_t n = strlen(key);
    return strncmp(name, key, n) == 0 && name[n] == '/' ? name + n + 1 : NULL;
}

static const char *find_wrapper(const rst_weights *w)
{
    /* An average of the weights is meant to be used before the last ones. */
    static const char *const keys[] = { "params_ema", "params", "state_dict", "model" };
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        for (int64_t i = 0; i < w->count; i++)
            if (after_key(w->item[i].name, keys[k]))
                return keys[k];
    return NULL;
}

/* The name without its wrapper; NULL if it lies outside. */
static const char *inner(const char *name, const char *wrapper)
{
    return wrapper ? after_key(name, wrapper) : name;
}

static bool all_module(const rst_weights *w, const char *wrapper)
{
    bool any = false;
    for (int64_t i = 0; i < w->count; i++) {
        const char *s = inner(w->item[i].name, wrapper);
        if (s && strncmp(s, "module.", 7) != 0)
            return false;
        any = any || s;
    }
    return any;
}

/* Fills `out` (empty) with the tensors that stay, under their new names. */
static int rename_into(rst_weights *out, const rst_weights *w, const char *wrapper, size_t skip,
                       rst_error *err)
{
    for (int64_t i = 0; i < w->count; i++) {
        rst_weight t = w->item[i];
        t.name = inner(t.name, wrapper);
        if (!t.name)
            continue;
        t.name += skip;
        int rc = rst__weights_put(out, &t, RST_EFORMAT, "unwrapping", err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int rst_weights_unwrap(rst_weights *w, rst_weights_info *info, rst_error *err)
{
    const char *wrapper = find_wrapper(w);
    bool module = all_module(w, wrapper);
    if (info) {
        info->module_prefix = module;
        memset(info->wrapper, 0, sizeof info->wrapper);
        if (wrapper)
            memcpy(info->wrapper, wrapper, strlen(wrapper));
    }
    if (!wrapper && !module)
        return 0;
    rst_weights out = { 0 };
    int rc = rename_into(&out, w, wrapper, module ? 7 : 0, err);
    rst_weights drop = rc < 0 ? out : *w;
    if (rc == 0) {
        w->item = out.item;
        w->count = out.count;
        w->cap = out.cap;
        w->names = out.names;
    }
    rst__names_free(&drop.names);
    free_names(drop.item, drop.count);
    return rc;
}
