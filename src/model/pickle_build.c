/* SPDX-License-Identifier: MIT */
/* What the opcodes of a pickle may build. Nothing here, or anywhere, calls what a pickle names. */
#include <string.h>

#include "base/alloc.h"
#include "model/pickle.h"
#include "model/store.h"

static const char no_memory[] = "";

static const struct {
    const char *module, *name;
    int id;
} globals[] = {
    { "collections", "OrderedDict", RST_PK_ORDERED_DICT },
    { "torch._utils", "_rebuild_tensor", RST_PK_REBUILD_TENSOR },
    { "torch._utils", "_rebuild_tensor_v2", RST_PK_REBUILD_TENSOR_V2 },
    { "torch._utils", "_rebuild_parameter", RST_PK_REBUILD_PARAMETER },
    { "torch", "Size", RST_PK_SIZE },
    { "torch", "DoubleStorage", RST_PK_STORAGE_TYPE + RST_WEIGHT_F64 },
    { "torch", "FloatStorage", RST_PK_STORAGE_TYPE + RST_WEIGHT_F32 },
    { "torch", "HalfStorage", RST_PK_STORAGE_TYPE + RST_WEIGHT_F16 },
    { "torch", "BFloat16Storage", RST_PK_STORAGE_TYPE + RST_WEIGHT_BF16 },
    { "torch", "LongStorage", RST_PK_STORAGE_TYPE + RST_WEIGHT_I64 },
    { "torch", "IntStorage", RST_PK_STORAGE_TYPE + RST_WEIGHT_I32 },
    { "torch", "ShortStorage", RST_PK_STORAGE_TYPE + RST_WEIGHT_I16 },
    { "torch", "CharStorage", RST_PK_STORAGE_TYPE + RST_WEIGHT_I8 },
    { "torch", "ByteStorage", RST_PK_STORAGE_TYPE + RST_WEIGHT_U8 },
    { "torch", "BoolStorage", RST_PK_STORAGE_TYPE + RST_WEIGHT_BOOL },
    { "torch", "float64", RST_PK_INERT },
    { "torch", "float32", RST_PK_INERT },
    { "torch", "float16", RST_PK_INERT },
    { "torch", "bfloat16", RST_PK_INERT },
    { "torch", "int64", RST_PK_INERT },
    { "torch", "int32", RST_PK_INERT },
    { "torch", "int16", RST_PK_INERT },
    { "torch", "int8", RST_PK_INERT },
    { "torch", "uint8", RST_PK_INERT },
    { "torch", "bool", RST_PK_INERT },
};

static bool same(const char *s, size_t len, const char *text)
{
    return strlen(text) == len && memcmp(s, text, len) == 0;
}

bool rst__pk_is(const rst_pk_value *v, const char *text)
{
    return v->kind == RST_PK_STRING && same(v->s, v->len, text);
}

bool rst__pk_global(const char *module, size_t module_len, const char *name, size_t name_len,
                    rst_pk_value *out)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (same(module, module_len, globals[i].module) && same(name, name_len, globals[i].name)) {
            *out = (rst_pk_value){ .kind = RST_PK_GLOBAL, .i = globals[i].id };
            return true;
        }
    return false;
}

static bool charge(rst_pickle *pk, size_t bytes)
{
    if (bytes > RST_PK_MEMORY_MAX - pk->held)
        return false;
    pk->held += bytes;
    return true;
}

const char *rst__pk_reserve(rst_pickle *pk, void *array, size_t *cap, size_t need, size_t size)
{
    void *old;
    if (need <= *cap)
        return NULL;
    size_t more = *cap ? *cap * 2 : need; /* tuples never grow */
    while (more < need)
        more *= 2;
    if (more > RST_PK_MEMORY_MAX / size || !charge(pk, (more - *cap) * size))
        return "more than 24 MiB of objects";
    memcpy(&old, array, sizeof old);
    void *p = rst__realloc(old, more, size);
    if (!p)
        return no_memory;
    memcpy(array, &p, sizeof p);
    *cap = more;
    return NULL;
}

const char *rst__pk_node(rst_pickle *pk, rst_pk_kind kind, rst_pk_value *out)
{
    if (!charge(pk, sizeof(rst_pk_node)))
        return "more than 24 MiB of objects";
    rst_pk_node *node = rst__calloc(1, sizeof *node);
    if (!node)
        return no_memory;
    node->next = pk->nodes;
    pk->nodes = node;
    *out = (rst_pk_value){ .kind = (uint8_t)kind, .node = node };
    return NULL;
}

const char *rst__pk_append(rst_pickle *pk, rst_pk_node *node, const rst_pk_value *item, size_t n)
{
    const char *why = rst__pk_reserve(pk, &node->item, &node->cap, node->n + n, sizeof *item);
    if (why)
        return why;
    if (n)
        memcpy(node->item + node->n, item, n * sizeof *item);
    node->n += n;
    return NULL;
}

void rst__pickle_free(rst_pickle *pk)
{
    while (pk->nodes) {
        rst_pk_node *next = pk->nodes->next;
        rst__free(pk->nodes->item);
        rst__free(pk->nodes);
        pk->nodes = next;
    }
    rst__free(pk->storage);
    rst__free(pk->tensor);
    rst__names_free(&pk->keys);
    *pk = (rst_pickle){ 0 };
}

/* Storage keys name a member of an archive, so they are digits and nothing else. */
static bool valid_key(const rst_pk_value *v)
{
    if (v->kind != RST_PK_STRING || v->len < 1 || v->len > RST_PK_KEY_MAX)
        return false;
    for (uint32_t i = 0; i < v->len; i++)
        if (v->s[i] < '0' || v->s[i] > '9')
            return false;
    return true;
}

static const char *add_storage(rst_pickle *pk, const rst_pk_storage *s, int64_t *place)
{
    *place = rst__names_get(&pk->keys, s->key, s->key_len);
    if (*place >= 0) {
        const rst_pk_storage *old = &pk->storage[*place];
        return old->type == s->type && old->elements == s->elements
                   ? NULL
                   : "a storage is named with two types or sizes";
    }
    if (pk->storages >= RST_PK_STORAGE_MAX)
        return "more than 65536 storages";
    size_t cap = (size_t)pk->storage_cap;
    const char *why =
        rst__pk_reserve(pk, &pk->storage, &cap, (size_t)pk->storages + 1, sizeof *pk->storage);
    pk->storage_cap = (int64_t)cap;
    if (why)
        return why;
    if (rst__names_put(&pk->keys, s->key, s->key_len, pk->storages) < 0)
        return no_memory;
    *place = pk->storages;
    pk->storage[pk->storages++] = *s;
    return NULL;
}

const char *rst__pk_persistent(rst_pickle *pk, const rst_pk_value *id, rst_pk_value *out)
{
    static const char bad[] = "a persistent id that is no storage";
    if (id->kind != RST_PK_TUPLE || id->node->n != (pk->view_field ? 6u : 5u))
        return bad;
    const rst_pk_value *v = id->node->item;
    if (!rst__pk_is(&v[0], "storage") || v[1].kind != RST_PK_GLOBAL ||
        v[1].i < RST_PK_STORAGE_TYPE || !valid_key(&v[2]) || v[3].kind != RST_PK_STRING ||
        v[4].kind != RST_PK_INT || v[4].i < 0)
        return bad;
    if (pk->view_field && v[5].kind != RST_PK_NONE)
        return "a view of a storage, which only torch before 0.4 wrote";
    rst_pk_storage s = { .key = v[2].s, .key_len = v[2].len };
    s.type = (rst_weight_type)(v[1].i - RST_PK_STORAGE_TYPE);
    s.elements = v[4].i;
    *out = (rst_pk_value){ .kind = RST_PK_STORAGE };
    return add_storage(pk, &s, &out->i);
}

/* A tuple (or list) of whole numbers >= 0. */
static bool read_sizes(const rst_pk_value *v, int64_t *out, int *rank)
{
    if ((v->kind != RST_PK_TUPLE && v->kind != RST_PK_LIST) || v->node->n > RST_WEIGHT_RANK)
        return false;
    *rank = (int)v->node->n;
    for (int d = 0; d < *rank; d++) {
        if (v->node->item[d].kind != RST_PK_INT || v->node->item[d].i < 0)
            return false;
        out[d] = v->node->item[d].i;
    }
    return true;
}

/* Does every element of the view lie in a storage of n elements? A product has at most 126 bits,
 * and the sum so far is below n < 2^63 whenever the next is added, so 128 bits hold it. */
static bool view_inside(const rst_pk_tensor *t, int64_t n)
{
    unsigned __int128 last = (unsigned __int128)t->offset;
    bool empty = false;
    for (int d = 0; d < t->rank; d++)
        empty = empty || t->size[d] == 0;
    if (empty)
        return t->offset <= n;
    for (int d = 0; d < t->rank; d++) {
        last += (unsigned __int128)(t->size[d] - 1) * (unsigned __int128)t->stride[d];
        if (last >= (unsigned __int128)n)
            return false;
    }
    return last < (unsigned __int128)n;
}

static const char *rebuild_tensor(rst_pickle *pk, const rst_pk_value *v, rst_pk_value *out)
{
    rst_pk_tensor t = { 0 };
    int strides = 0;
    size_t bytes;
    if (v[0].kind != RST_PK_STORAGE || v[1].kind != RST_PK_INT || v[1].i < 0)
        return "a tensor without a storage or with a bad offset";
    t.storage = v[0].i;
    t.offset = v[1].i;
    if (!read_sizes(&v[2], t.size, &t.rank) || !read_sizes(&v[3], t.stride, &strides) ||
        strides != t.rank)
        return "a tensor's size or stride is not a tuple of at most 8 numbers >= 0";
    const rst_pk_storage *s = &pk->storage[t.storage];
    if (!rst__weight_bytes(s->type, t.rank, t.size, &bytes))
        return "a tensor's size overflows";
    if (!view_inside(&t, s->elements))
        return "a tensor reaches past the end of its storage";
    size_t cap = (size_t)pk->tensor_cap;
    const char *why = rst__pk_reserve(pk, &pk->tensor, &cap, (size_t)pk->tensors + 1, sizeof t);
    pk->tensor_cap = (int64_t)cap;
    if (why)
        return why;
    *out = (rst_pk_value){ .kind = RST_PK_TENSOR, .i = pk->tensors };
    pk->tensor[pk->tensors++] = t;
    return NULL;
}

/* OrderedDict() or, from Python 2, OrderedDict([[key, value], ...]). */
static const char *ordered_dict(rst_pickle *pk, const rst_pk_node *args, rst_pk_value *out)
{
    static const char bad[] = "an OrderedDict of something else than pairs";
    const char *why = rst__pk_node(pk, RST_PK_DICT, out);
    if (why || args->n == 0)
        return why;
    if (args->n != 1 || args->item[0].kind != RST_PK_LIST)
        return bad;
    const rst_pk_node *list = args->item[0].node;
    for (size_t i = 0; i < list->n; i++) {
        const rst_pk_value *pair = &list->item[i];
        if ((pair->kind != RST_PK_LIST && pair->kind != RST_PK_TUPLE) || pair->node->n != 2)
            return bad;
        why = rst__pk_append(pk, out->node, pair->node->item, 2);
        if (why)
            return why;
    }
    return NULL;
}

const char *rst__pk_reduce(rst_pickle *pk, const rst_pk_value *f, const rst_pk_value *args,
                           rst_pk_value *out)
{
    static const char bad[] = "a call with the wrong arguments";
    if (f->kind != RST_PK_GLOBAL || args->kind != RST_PK_TUPLE)
        return "a call of something that cannot be called";
    size_t n = args->node->n;
    const rst_pk_value *v = args->node->item;
    switch (f->i) {
    case RST_PK_ORDERED_DICT:
        return ordered_dict(pk, args->node, out);
    case RST_PK_REBUILD_TENSOR:
        return n == 4 ? rebuild_tensor(pk, v, out) : bad;
    case RST_PK_REBUILD_TENSOR_V2:
        return n == 6 || n == 7 ? rebuild_tensor(pk, v, out) : bad;
    case RST_PK_REBUILD_PARAMETER:
        if (n != 3 || v[0].kind != RST_PK_TENSOR)
            return bad;
        *out = v[0];
        return NULL;
    case RST_PK_SIZE:
        if (n != 1 || v[0].kind != RST_PK_TUPLE)
            return bad;
        *out = v[0];
        return NULL;
    default:
        return "a call of something that cannot be called";
    }
}
