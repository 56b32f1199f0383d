/* SPDX-License-Identifier: MIT */
/* torch.save until 1.5: five pickles (magic, version, system, object, storage keys), then for each
 * key, in the order of that list, a 64-bit count and the raw elements, without any padding. */
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "model/pth.h"
#include "model/store.h"

enum { PARTS = 5, VERSION = 1001 };

static const char magic[10] = { 0x6c, (char)0xfc, (char)0x9c, 0x46, (char)0xf9,
                                0x20, 0x6a,       (char)0xa8, 0x50, 0x19 };

static const char *const part_name[PARTS] = { "first pickle", "version", "system", "object",
                                              "storage keys" };

typedef struct stream {
    const char *buf;
    size_t len, at;
    const char *name;
    rst_pickle part[PARTS];
    size_t *start; /* of the elements of each storage; 0: not listed yet */
    rst_error *err;
} stream;

static int read_part(stream *s, int i)
{
    char what[256];
    (void)snprintf(what, sizeof what, "%.200s: %s", s->name, part_name[i]);
    s->part[i].view_field = i == 3;
    s->part[i].held = i ? s->part[i - 1].held : 0; /* one budget for all */
    int rc = rst__pickle_read(&s->part[i], s->buf + s->at, s->len - s->at, what, s->err);
    s->at += s->part[i].used;
    return rc;
}

static int check_magic(stream *s)
{
    const rst_pk_value *v = &s->part[0].root;
    if (v->kind != RST_PK_LONG || v->len != sizeof magic || memcmp(v->s, magic, sizeof magic) != 0)
        return rst_fail(s->err, RST_EFORMAT, "%s: a pickle, but not a PyTorch checkpoint", s->name);
    return 0;
}

static int check_version(stream *s)
{
    const rst_pk_value *v = &s->part[1].root;
    if (v->kind != RST_PK_INT || v->i != VERSION)
        return rst_fail(s->err, RST_EFORMAT, "%s: not version 1001 of the legacy container",
                        s->name);
    return 0;
}

static int check_system(stream *s)
{
    const rst_pk_value *v = &s->part[2].root;
    for (size_t i = 0; v->kind == RST_PK_DICT && i < v->node->n; i += 2) {
        const rst_pk_value *value = &v->node->item[i + 1];
        if (rst__pk_is(&v->node->item[i], "little_endian") && value->kind == RST_PK_BOOL &&
            value->i)
            return 0;
    }
    return rst_fail(s->err, RST_EFORMAT, "%s: not written by a little-endian machine", s->name);
}

static int bad_storage(stream *s, const rst_pk_value *key, const char *why)
{
    return rst_fail(s->err, RST_EFORMAT, "%s: storage %.*s: %s", s->name,
                    key->kind == RST_PK_STRING && key->len < 64 ? (int)key->len : 0, key->s, why);
}

/* One storage: its count, and where its elements are. */
static int locate_storage(stream *s, const rst_pk_value *key)
{
    const rst_pickle *object = &s->part[3];
    int64_t i = key->kind == RST_PK_STRING ? rst__names_get(&object->keys, key->s, key->len) : -1;
    if (i < 0 || s->start[i])
        return bad_storage(s, key, "a key listed that no tensor, or an earlier one, names");
    uint64_t count;
    size_t bytes, size = rst_weight_size(object->storage[i].type);
    if (s->len - s->at < sizeof count)
        return bad_storage(s, key, "the file ends before it");
    memcpy(&count, s->buf + s->at, sizeof count);
    s->at += sizeof count;
    if (le64toh(count) != (uint64_t)object->storage[i].elements)
        return bad_storage(s, key, "its count is not what the tensors say");
    if (!rst__mul_size((size_t)object->storage[i].elements, size, &bytes) || bytes > s->len - s->at)
        return bad_storage(s, key, "the file ends inside it");
    s->start[i] = s->at;
    s->at += bytes;
    return 0;
}

static int locate_storages(stream *s)
{
    const rst_pk_value *list = &s->part[4].root;
    if (list->kind != RST_PK_LIST)
        return rst_fail(s->err, RST_EFORMAT, "%s: no list of storage keys", s->name);
    s->start = rst__calloc((size_t)s->part[3].storages, sizeof *s->start);
    if (!s->start)
        return rst__fail_nomem(s->err, s->name);
    for (size_t i = 0; i < list->node->n; i++) {
        int rc = locate_storage(s, &list->node->item[i]);
        if (rc < 0)
            return rc;
    }
    if (list->node->n != (size_t)s->part[3].storages)
        return rst_fail(s->err, RST_EFORMAT, "%s: a storage of a tensor is not in the file",
                        s->name);
    if (s->at != s->len)
        return rst_fail(s->err, RST_EFORMAT, "%s: %zu bytes after the last storage", s->name,
                        s->len - s->at);
    return 0;
}

static int fill(void *ctx, int64_t i, const rst_pk_storage *storage, void *dst, size_t bytes,
                rst_error *err)
{
    const stream *s = ctx;
    (void)storage;
    (void)err;
    memcpy(dst, s->buf + s->start[i], bytes);
    return 0;
}

int rst__pth_legacy_read(rst_weights *w, const void *buf, size_t len, const char *name,
                         rst_error *err)
{
    static int (*const check[PARTS])(stream *) = { check_magic, check_version, check_system };
    stream s = { .buf = buf, .len = len, .name = name, .err = err };
    int rc = 0;
    for (int i = 0; rc == 0 && i < PARTS; i++) {
        rc = read_part(&s, i);
        if (rc == 0 && check[i])
            rc = check[i](&s);
    }
    if (rc == 0)
        rc = locate_storages(&s);
    if (rc == 0) {
        rst_pth_source from = { .ctx = &s, .name = name, .file_bytes = len, .fill = fill };
        rc = rst__pth_flatten(w, &s.part[3], &from, err);
    }
    rst__free(s.start);
    for (int i = 0; i < PARTS; i++)
        rst__pickle_free(&s.part[i]);
    return rc;
}
