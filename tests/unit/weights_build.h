/* SPDX-License-Identifier: MIT */
/* Makes small checkpoints, good and bad, for the tests and the fuzzer. */
#ifndef RST_TEST_WEIGHTS_BUILD_H
#define RST_TEST_WEIGHTS_BUILD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <restain/weights.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"
#include "model/zip_out.h"

/* Pieces of pickles; numbers are single bytes in strings ("\4"), so below 256. */
#define PK_ODICT "ccollections\nOrderedDict\n)R"
#define PK_STORAGE(type, key, n)                                                                   \
    "(X\7\0\0\0"                                                                                   \
    "storage"                                                                                      \
    "ctorch\n" type "\nX\1\0\0\0" key "X\3\0\0\0"                                                  \
    "cpuK" n
#define PK_VIEW(offset, size, stride) "K" offset size stride "\x89" PK_ODICT "tR"
#define PK_REBUILD                    "ctorch._utils\n_rebuild_tensor_v2\n("
/* A whole tensor of the four floats of storage 0. */
#define PK_TENSOR                                                                                  \
    PK_REBUILD PK_STORAGE("FloatStorage", "0", "\4") "tQ" PK_VIEW("\0", "K\4\x85", "K\1\x85")
#define PK_DICT(items) "\x80\2" PK_ODICT "(" items "u."

static inline void build_uint(rst_str *b, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)(v >> 8 * i);
        rst__str_bytes(b, &byte, 1);
    }
}

static inline void build_text(rst_str *b, const char *s)
{
    rst__str_add(b, "X");
    build_uint(b, strlen(s), 4);
    rst__str_add(b, s);
}

/* The first three pickles of the legacy container. */
static inline void build_legacy_head(rst_str *b)
{
    static const char head[] = "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
                               "\x80\2M\xe9\3.\x80\2}(";
    rst__str_bytes(b, head, sizeof head - 1);
    build_text(b, "protocol_version");
    rst__str_bytes(b, "M\xe9\3", 3);
    build_text(b, "little_endian");
    rst__str_add(b, "\x88u.");
}

/* All of a set as torch 1.5 wrote it. Free with rst__str_free. */
static inline rst_str build_legacy(const rst_weights *w)
{
    static const char *const storages[] = { "Double", "Float", "Half", "BFloat16", "Long",
                                            "Int",    "Short", "Char", "Byte",     "Bool" };
    rst_str b = rst__str(1 << 24);
    build_legacy_head(&b);
    rst__str_bytes(&b, "\x80\2" PK_ODICT "(", sizeof("\x80\2" PK_ODICT "(") - 1);
    for (int64_t i = 0; i < rst_weights_count(w); i++) {
        const rst_weight *t = rst_weights_get(w, i);
        char key[32];
        (void)snprintf(key, sizeof key, "%lld", 9400000ll + i);
        build_text(&b, t->name);
        rst__str_add(&b, "ctorch._utils\n_rebuild_tensor_v2\n((");
        build_text(&b, "storage");
        rst__str_printf(&b, "ctorch\n%sStorage\n", storages[t->type]);
        build_text(&b, key);
        build_text(&b, "cpu");
        rst__str_add(&b, "J");
        build_uint(&b, (uint64_t)rst_weight_elements(t), 4);
        rst__str_bytes(&b, "NtQK\0", 5);
        for (int pass = 0; pass < 2; pass++) {
            int64_t stride[RST_WEIGHT_RANK], step = 1;
            for (int d = t->rank; d-- > 0; step *= t->shape[d])
                stride[d] = step;
            rst__str_add(&b, "(");
            for (int d = 0; d < t->rank; d++) {
                rst__str_add(&b, "J");
                build_uint(&b, (uint64_t)(pass ? stride : t->shape)[d], 4);
            }
            rst__str_add(&b, "t");
        }
        rst__str_add(&b, "\x89" PK_ODICT "tR");
    }
    rst__str_bytes(&b, "u.\x80\2](", 6);
    for (int64_t i = 0; i < rst_weights_count(w); i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%lld", 9400000ll + i);
        build_text(&b, key);
    }
    rst__str_add(&b, "e.");
    for (int64_t i = 0; i < rst_weights_count(w); i++) {
        const rst_weight *t = rst_weights_get(w, i);
        build_uint(&b, (uint64_t)rst_weight_elements(t), 8);
        rst__str_bytes(&b, t->data, t->bytes);
    }
    return b;
}

/* A folder for this test, made once and removed by temp_done. */
static char temp_dir[64];

static inline const char *temp_path(const char *name)
{
    static char path[128];
    if (!*temp_dir) {
        (void)snprintf(temp_dir, sizeof temp_dir, "/tmp/restain-weights-XXXXXX");
        if (!mkdtemp(temp_dir)) {
            perror(temp_dir);
            exit(1);
        }
    }
    (void)snprintf(path, sizeof path, "%s/%s", temp_dir, name);
    return path;
}

static inline void temp_done(void)
{
    if (*temp_dir)
        (void)rmdir(temp_dir);
}

typedef struct member {
    const char *name; /* NULL ends a list */
    const char *data;
    size_t len;
} member;

/* A zip archive of the members, read back into memory; *buf is to be freed with rst__free. */
static inline int build_zip(const member *list, bool zip64, void **buf, size_t *len, rst_error *err)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s", temp_path("build.zip"));
    rst_outfile *f;
    int rc = rst__outfile_open(&f, path, err);
    if (rc < 0)
        return rc;
    rst_zip_out z = rst__zip_out(f, zip64);
    for (; rc == 0 && list->name; list++)
        rc = rst__zip_out_add(&z, list->name, list->data, list->len, err);
    if (rc == 0)
        rc = rst__zip_out_end(&z, err);
    rst__str_free(&z.directory);
    if (rc < 0)
        rst__outfile_abort(f);
    else
        rc = rst__outfile_commit(f, err);
    if (rc == 0)
        rc = rst__file_read(path, 1 << 26, buf, len, err);
    (void)unlink(path);
    return rc;
}

static const float build_floats[4] = { 1, 2, 3, 4 };

/* Reads a checkpoint of that data.pkl and one storage, "0", of four floats. */
static inline int read_pickle_in_zip(rst_weights **w, const char *pickle, size_t len,
                                     rst_error *err)
{
    const member list[] = { { "archive/data.pkl", pickle, len },
                            { "archive/data/0", (const char *)build_floats, 16 },
                            { "archive/version", "3\n", 2 },
                            { 0 } };
    void *buf;
    size_t n;
    int rc = build_zip(list, false, &buf, &n, err);
    if (rc < 0)
        return rc;
    rc = rst_weights_decode(w, buf, n, "test.pth", NULL, err);
    rst__free(buf);
    return rc;
}

/* One tensor of each type, a scalar and an empty one among them, and metadata. */
static inline rst_weights *build_all_types(rst_error *err)
{
    static const unsigned char bytes[48] = { 0x00, 0x3c, 0x01, 0x80, 0xff, 0x7b, 0x00, 0xc0, 1, 2,
                                             3,    4,    5,    6,    7,    0x41, 0,    1,    1, 0 };
    static const int64_t shape[] = { 2, 3 }, none[] = { 0, 4 };
    rst_weights *w = rst_weights_new();
    bool ok = w;
    for (int i = RST_WEIGHT_F64; ok && i <= RST_WEIGHT_BOOL; i++) {
        char name[32];
        rst_weight_type type = (rst_weight_type)(RST_WEIGHT_BOOL - i);
        (void)snprintf(name, sizeof name, "t%d.%s", i, rst_weight_type_name(type));
        ok = rst_weights_add(w, name, type, 2, shape, bytes, err) == 0;
    }
    ok = ok && rst_weights_add(w, "scalar", RST_WEIGHT_I64, 0, NULL, bytes, err) == 0 &&
         rst_weights_add(w, "empty", RST_WEIGHT_F32, 2, none, NULL, err) == 0 &&
         rst_weights_set_meta(w, "format", "pt", err) == 0 &&
         rst_weights_set_meta(w, "note", "a \"quote\" \\ tab\t \xc3\xa9", err) == 0;
    if (ok)
        return w;
    rst_weights_free(w);
    return NULL;
}

/* True if both hold the same tensors in the same order. */
static inline bool same_tensors(const rst_weights *a, const rst_weights *b)
{
    if (rst_weights_count(a) != rst_weights_count(b))
        return false;
    for (int64_t i = 0; i < rst_weights_count(a); i++) {
        const rst_weight *x = rst_weights_get(a, i), *y = rst_weights_find(b, x->name);
        if (y != rst_weights_get(b, i) || x->type != y->type || x->rank != y->rank ||
            memcmp(x->shape, y->shape, sizeof x->shape) != 0 || x->bytes != y->bytes ||
            (x->bytes && memcmp(x->data, y->data, x->bytes) != 0))
            return false;
    }
    return true;
}

#endif
