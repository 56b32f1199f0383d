/* SPDX-License-Identifier: MIT */
/* Features of pictures, by the hash of their pixels: the real pictures of many runs go through a
 * network once. */
#include <string.h>

#include <restain/log.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "run/evaluate_parts.h"

enum { HEX = 64, MAX_PATH = 1 << 16 };

struct rst_feature_cache {
    int64_t d, count, cap;
    char (*hash)[HEX];    /* owned [cap], no NUL */
    float *feature;       /* owned [cap][d] */
    int64_t *slot, slots; /* owned: numbers by hash, -1 for none; more than twice as many */
    char *path, *sha256;  /* owned; path NULL: not kept */
    int64_t saved;        /* pictures that the file has */
};

/* The first hex digits as a number. */
static uint64_t key_of(const char *hash)
{
    uint64_t k = 0;
    for (int i = 0; i < 16; i++)
        k = k << 4 | (uint64_t)(hash[i] <= '9' ? hash[i] - '0' : hash[i] - 'a' + 10);
    return k;
}

/* Where a hash is, or would be. */
static int64_t *slot_of(const rst_feature_cache *c, const char *hash)
{
    int64_t i = (int64_t)(key_of(hash) % (uint64_t)c->slots);
    while (c->slot[i] >= 0 && memcmp(c->hash[c->slot[i]], hash, HEX) != 0)
        i = (i + 1) % c->slots;
    return &c->slot[i];
}

static bool grow(rst_feature_cache *c)
{
    if (c->count < c->cap)
        return true;
    const int64_t cap = c->cap ? 2 * c->cap : 64, slots = 4 * cap;
    size_t bytes = 0;
    void *hash = rst__realloc(c->hash, (size_t)cap, sizeof *c->hash);
    c->hash = hash ? hash : c->hash;
    if (!hash || !rst__mul_size((size_t)c->d, sizeof(float), &bytes))
        return false;
    float *feature = rst__realloc(c->feature, (size_t)cap, bytes);
    c->feature = feature ? feature : c->feature;
    int64_t *slot = feature ? rst__malloc((size_t)slots * sizeof *slot) : NULL;
    if (!slot)
        return false;
    rst__free(c->slot);
    c->slot = slot;
    c->slots = slots;
    c->cap = cap;
    memset(slot, -1, (size_t)slots * sizeof *slot);
    for (int64_t i = 0; i < c->count; i++)
        *slot_of(c, c->hash[i]) = i;
    return true;
}

int64_t rst__feature_cache_find(const rst_feature_cache *c, const char hash[65])
{
    return c->slots ? *slot_of(c, hash) : -1;
}

int64_t rst__feature_cache_add(rst_feature_cache *c, const char hash[65], const float *v)
{
    if (!grow(c))
        return RST_ENOMEM;
    int64_t *slot = slot_of(c, hash);
    if (*slot >= 0)
        return *slot;
    memcpy(c->hash[c->count], hash, HEX);
    memcpy(c->feature + c->count * c->d, v, (size_t)c->d * sizeof *v);
    return *slot = c->count++;
}

const float *rst__feature_cache_at(const rst_feature_cache *c, int64_t number)
{
    return c->feature + number * c->d;
}

/* On disk: `hash` [n][64] bytes and `feature` [n][d], with the weights' hash in the metadata ------
 */

static bool is_hex(const char *p)
{
    for (int i = 0; i < HEX; i++)
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
            return false;
    return true;
}

static int take_all(rst_feature_cache *c, const rst_weights *w, rst_error *err)
{
    const rst_weight *h = rst_weights_find(w, "hash"), *f = rst_weights_find(w, "feature");
    const char *made = rst_weights_meta(w, "weights");
    if (!h || !f || !made || h->type != RST_WEIGHT_U8 || f->type != RST_WEIGHT_F32 ||
        h->rank != 2 || f->rank != 2 || h->shape[1] != HEX || f->shape[0] != h->shape[0])
        return rst_fail(err, RST_EFORMAT, "%s: not a file of features", c->path);
    if (strcmp(made, c->sha256) != 0 || f->shape[1] != c->d)
        return rst_fail(err, RST_EFORMAT, "%s: features of other weights", c->path);
    const float *v = f->data;
    for (int64_t i = 0; i < h->shape[0]; i++) {
        const char *hash = (const char *)h->data + i * HEX;
        if (!is_hex(hash))
            return rst_fail(err, RST_EFORMAT, "%s: not a file of features", c->path);
        if (rst__feature_cache_add(c, hash, v + i * c->d) < 0)
            return rst__fail_nomem(err, c->path);
    }
    return 0;
}

/* A file that is of no use is news, not an error: it is written anew. */
static int load(rst_feature_cache *c, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    rst_weights *w = NULL;
    if (!rst__exists(c->path))
        return 0;
    int rc = rst_weights_read(&w, c->path, NULL, &why);
    if (rc == 0)
        rc = take_all(c, w, &why);
    rst_weights_free(w);
    if (rc == RST_ENOMEM)
        return rst_fail(err, rc, "%s", why.msg);
    if (rc < 0) {
        rst__log(RST_LOG_WARN, "%s; they are made anew", why.msg);
        c->count = 0;
        if (c->slots)
            memset(c->slot, -1, (size_t)c->slots * sizeof *c->slot);
    }
    c->saved = c->count;
    return 0;
}

int rst__feature_cache_new(rst_feature_cache **out, int64_t d, const char *folder, const char *name,
                           const char *sha256, rst_error *err)
{
    rst_feature_cache *c = rst__calloc(1, sizeof *c);
    if (!c)
        return rst__fail_nomem(err, "features");
    c->d = d;
    int rc = folder ? rst__mkdirs(folder, err) : 0;
    if (rc == 0 && folder) {
        rst_str path = rst__str(MAX_PATH);
        rst__str_printf(&path, "%s/%s.safetensors", folder, name);
        c->path = path.failed ? NULL : path.s;
        c->sha256 = rst__strdup(sha256);
        if (path.failed)
            rst__str_free(&path);
        rc = c->path && c->sha256 ? load(c, err) : rst__fail_nomem(err, folder);
    }
    if (rc < 0) {
        rst__feature_cache_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

int rst__feature_cache_save(rst_feature_cache *c, rst_error *err)
{
    if (!c->path || c->saved == c->count)
        return 0;
    const int64_t hash[2] = { c->count, HEX }, feature[2] = { c->count, c->d };
    rst_weights *w = rst_weights_new();
    int rc = w ? rst_weights_add(w, "hash", RST_WEIGHT_U8, 2, hash, c->hash, err)
               : rst__fail_nomem(err, c->path);
    if (rc == 0)
        rc = rst_weights_add(w, "feature", RST_WEIGHT_F32, 2, feature, c->feature, err);
    if (rc == 0)
        rc = rst_weights_set_meta(w, "weights", c->sha256, err);
    if (rc == 0)
        rc = rst_weights_write_safetensors(w, c->path, err);
    rst_weights_free(w);
    if (rc == 0)
        c->saved = c->count;
    return rc;
}

void rst__feature_cache_free(rst_feature_cache *c)
{
    if (!c)
        return;
    rst__free(c->hash);
    rst__free(c->feature);
    rst__free(c->slot);
    rst__free(c->path);
    rst__free(c->sha256);
    rst__free(c);
}
