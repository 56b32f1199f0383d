/* SPDX-License-Identifier: MIT */
#include "model/pth.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"
#include "model/store.h"

enum { VISIT_MAX = 4 << 20 };

typedef struct storage_state {
    void *data; /* NULL until it is needed */
    bool owned; /* by the set: a tensor lies in it */
} storage_state;

typedef struct walk {
    rst_weights *w;
    const rst_pickle *pk;
    const rst_pth_source *from;
    storage_state *storage;
    rst_str path;   /* the keys so far, joined with "/" */
    size_t left;    /* bytes that tensors may still take */
    int64_t visits; /* values seen; objects may be shared, so a small file can make a huge tree */
    rst_error *err;
} walk;

static int load_storage(walk *k, int64_t i)
{
    const rst_pk_storage *s = &k->pk->storage[i];
    size_t bytes;
    if (k->storage[i].data)
        return 0;
    if (!rst__mul_size((size_t)s->elements, rst_weight_size(s->type), &bytes) ||
        bytes > k->from->file_bytes)
        return rst_fail(k->err, RST_EFORMAT, "%s: storage %.*s is said to be larger than the file",
                        k->from->name, (int)s->key_len, s->key);
    void *data = rst__malloc_aligned(bytes);
    if (!data)
        return rst__fail_nomem(k->err, k->from->name);
    int rc = k->from->fill(k->from->ctx, i, s, data, bytes, k->err);
    if (rc < 0)
        rst__free(data);
    else
        k->storage[i].data = data;
    return rc;
}

static bool row_major(const rst_pk_tensor *t)
{
    int64_t step = 1;
    for (int d = t->rank; d-- > 0;) {
        if (t->size[d] != 1 && t->stride[d] != step)
            return false;
        step *= t->size[d];
    }
    return true;
}

/* Copies a view into row-major order; src is its first element. It has no empty dimension. */
static void gather(const rst_pk_tensor *t, const char *src, size_t size, char *dst)
{
    int64_t at[RST_WEIGHT_RANK] = { 0 };
    int64_t inner = t->rank ? t->size[t->rank - 1] : 1, step = t->rank ? t->stride[t->rank - 1] : 0;
    for (;;) {
        int64_t from = 0;
        for (int d = 0; d + 1 < t->rank; d++)
            from += at[d] * t->stride[d];
        for (int64_t i = 0; i < inner; i++, dst += size)
            memcpy(dst, src + (size_t)(from + i * step) * size, size);
        int d = t->rank - 2;
        while (d >= 0 && ++at[d] == t->size[d])
            at[d--] = 0;
        if (d < 0)
            return;
    }
}

/* Lets t.data lie in its storage, which then belongs to the set, or makes a gathered copy. */
static int place_data(walk *k, const rst_pk_tensor *v, rst_weight *t)
{
    static const uint64_t nothing;
    size_t size = rst_weight_size(t->type);
    t->data = &nothing;
    if (!t->bytes)
        return 0;
    int rc = load_storage(k, v->storage);
    if (rc < 0)
        return rc;
    storage_state *s = &k->storage[v->storage];
    const char *src = (const char *)s->data + (size_t)v->offset * size;
    if (row_major(v)) {
        t->data = src;
        rc = s->owned ? 0 : rst__weights_own(k->w, s->data, k->err);
        s->owned = rc == 0;
        return rc;
    }
    void *copy = rst__malloc_aligned(t->bytes);
    if (!copy)
        return rst__fail_nomem(k->err, k->from->name);
    gather(v, src, size, copy);
    t->data = copy;
    rc = rst__weights_own(k->w, copy, k->err);
    if (rc < 0)
        rst__free(copy);
    return rc;
}

static int add_tensor(walk *k, int64_t i)
{
    const rst_pk_tensor *v = &k->pk->tensor[i];
    rst_weight t = { .name = k->path.len ? k->path.s : "<root>", .rank = v->rank };
    t.type = k->pk->storage[v->storage].type;
    memcpy(t.shape, v->size, sizeof v->size);
    if (!rst__weight_bytes(t.type, t.rank, t.shape, &t.bytes) || t.bytes > k->left)
        return rst_fail(k->err, RST_EFORMAT,
                        "%s: tensor %s: the tensors are many times larger than the file",
                        k->from->name, t.name);
    k->left -= t.bytes;
    int rc = place_data(k, v, &t);
    return rc < 0 ? rc : rst__weights_put(k->w, &t, RST_EFORMAT, k->from->name, k->err);
}

static int visit(walk *k, const rst_pk_value *v, int depth);

/* Visits v as the member `key` of what the path names. A string that holds a NUL would be cut. */
static int visit_member(walk *k, const rst_pk_value *key, const rst_pk_value *v, int depth)
{
    size_t len = k->path.len;
    if (v->kind < RST_PK_TUPLE || v->kind == RST_PK_GLOBAL)
        return 0;
    if (len + key->len >= RST_WEIGHT_NAME_MAX)
        return rst_fail(k->err, RST_EFORMAT, "%s: a tensor's name is over %d bytes", k->from->name,
                        RST_WEIGHT_NAME_MAX);
    if (len)
        rst__str_add(&k->path, "/");
    if (key->kind == RST_PK_STRING && !memchr(key->s, 0, key->len))
        rst__str_bytes(&k->path, key->s, key->len);
    else if (key->kind == RST_PK_INT)
        rst__str_printf(&k->path, "%lld", (long long)key->i);
    else
        return rst_fail(k->err, RST_EFORMAT, "%s: a key of a dict is neither text nor a number",
                        k->from->name);
    if (k->path.failed)
        return rst__fail_nomem(k->err, k->from->name);
    int rc = visit(k, v, depth + 1);
    k->path.len = len;
    if (k->path.s)
        k->path.s[len] = 0;
    return rc;
}

static int visit(walk *k, const rst_pk_value *v, int depth)
{
    if (depth > RST_PK_DEPTH_MAX)
        return rst_fail(k->err, RST_EFORMAT, "%s: nested more than %d deep", k->from->name,
                        RST_PK_DEPTH_MAX);
    if (v->kind == RST_PK_TENSOR)
        return add_tensor(k, v->i);
    if (v->kind != RST_PK_DICT && v->kind != RST_PK_LIST && v->kind != RST_PK_TUPLE)
        return 0;
    size_t step = v->kind == RST_PK_DICT ? 2 : 1;
    k->visits += (int64_t)v->node->n + 1;
    if (k->visits > VISIT_MAX)
        return rst_fail(k->err, RST_EFORMAT, "%s: more than 4 M values", k->from->name);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < v->node->n; i += step) {
        rst_pk_value index = { .kind = RST_PK_INT, .i = (int64_t)i };
        rc = visit_member(k, step == 2 ? &v->node->item[i] : &index, &v->node->item[i + step - 1],
                          depth);
    }
    return rc;
}

int rst__pth_flatten(rst_weights *w, const rst_pickle *pk, const rst_pth_source *from,
                     rst_error *err)
{
    walk k = { .w = w, .pk = pk, .from = from, .err = err };
    k.path = rst__str(RST_WEIGHT_NAME_MAX + 32); /* a number and "/" may follow */
    /* Tied weights and broadcast views may need more than the file; a bomb needs much more. */
    k.left = 4 * from->file_bytes + ((size_t)16 << 20);
    k.storage = rst__calloc((size_t)pk->storages, sizeof *k.storage);
    if (!k.storage)
        return rst__fail_nomem(err, from->name);
    int rc = visit(&k, &pk->root, 0);
    for (int64_t i = 0; i < pk->storages; i++)
        if (!k.storage[i].owned)
            rst__free(k.storage[i].data);
    rst__free(k.storage);
    rst__str_free(&k.path);
    if (rc == 0 && rst_weights_count(w) == 0)
        rc = rst_fail(err, RST_EFORMAT, "%s: a checkpoint without any tensor", from->name);
    return rc;
}
