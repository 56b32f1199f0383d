/* SPDX-License-Identifier: MIT */
/* A state dict as torch.save (1.6 and later) writes it: an OrderedDict of tensors, each with a
 * storage of its own. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"
#include "model/store.h"
#include "model/zip_out.h"

enum { PICKLE_MAX = 256 << 20 };

static const char *const storage_name[] = {
    [RST_WEIGHT_F64] = "DoubleStorage", [RST_WEIGHT_F32] = "FloatStorage",
    [RST_WEIGHT_F16] = "HalfStorage",   [RST_WEIGHT_BF16] = "BFloat16Storage",
    [RST_WEIGHT_I64] = "LongStorage",   [RST_WEIGHT_I32] = "IntStorage",
    [RST_WEIGHT_I16] = "ShortStorage",  [RST_WEIGHT_I8] = "CharStorage",
    [RST_WEIGHT_U8] = "ByteStorage",    [RST_WEIGHT_BOOL] = "BoolStorage",
};

static void add_bytes(rst_str *b, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)(v >> 8 * i);
        rst__str_bytes(b, &byte, 1);
    }
}

/* A number >= 0 by its shortest opcode: BININT1, BININT2, BININT, LONG1. */
static void add_int(rst_str *b, int64_t v)
{
    if (v < 0x100) {
        rst__str_add(b, "K");
        add_bytes(b, (uint64_t)v, 1);
    } else if (v < 0x10000) {
        rst__str_add(b, "M");
        add_bytes(b, (uint64_t)v, 2);
    } else if (v <= INT32_MAX) {
        rst__str_add(b, "J");
        add_bytes(b, (uint64_t)v, 4);
    } else {
        rst__str_add(b, "\x8a\x08");
        add_bytes(b, (uint64_t)v, 8);
    }
}

static void add_text(rst_str *b, const char *s)
{
    rst__str_add(b, "X");
    add_bytes(b, strlen(s), 4);
    rst__str_add(b, s);
}

static void add_sizes(rst_str *b, int rank, const int64_t *v)
{
    rst__str_add(b, "(");
    for (int d = 0; d < rank; d++)
        add_int(b, v[d]);
    rst__str_add(b, "t");
}

static const char ordered_dict[] = "ccollections\nOrderedDict\n)R";

static void add_tensor(rst_str *b, const rst_weight *t, int64_t key)
{
    int64_t stride[RST_WEIGHT_RANK], step = 1;
    for (int d = t->rank; d-- > 0;) {
        stride[d] = step;
        step *= t->shape[d] ? t->shape[d] : 1;
    }
    add_text(b, t->name);
    rst__str_add(b, "ctorch._utils\n_rebuild_tensor_v2\n((");
    add_text(b, "storage");
    rst__str_printf(b, "ctorch\n%s\n", storage_name[t->type]);
    char digits[32];
    (void)snprintf(digits, sizeof digits, "%lld", (long long)key);
    add_text(b, digits);
    add_text(b, "cpu");
    add_int(b, rst_weight_elements(t));
    rst__str_add(b, "tQK"); /* the persistent id; offset 0 */
    add_bytes(b, 0, 1);
    add_sizes(b, t->rank, t->shape);
    add_sizes(b, t->rank, stride);
    rst__str_add(b, "\x89"); /* requires_grad */
    rst__str_add(b, ordered_dict);
    rst__str_add(b, "tR");
}

static void make_pickle(rst_str *b, const rst_weights *w)
{
    rst__str_add(b, "\x80\x02");
    rst__str_add(b, ordered_dict);
    rst__str_add(b, "(");
    for (int64_t i = 0; i < rst_weights_count(w); i++)
        add_tensor(b, rst_weights_get(w, i), i);
    rst__str_add(b, "u.");
}

static int write_members(rst_zip_out *z, const rst_weights *w, const rst_str *pickle,
                         rst_error *err)
{
    char name[64];
    int rc = rst__zip_out_add(z, "archive/data.pkl", pickle->s, pickle->len, err);
    if (rc == 0)
        rc = rst__zip_out_add(z, "archive/byteorder", "little", 6, err);
    for (int64_t i = 0; rc == 0 && i < rst_weights_count(w); i++) {
        const rst_weight *t = rst_weights_get(w, i);
        (void)snprintf(name, sizeof name, "archive/data/%lld", (long long)i);
        rc = rst__zip_out_add(z, name, t->data, t->bytes, err);
    }
    if (rc == 0)
        rc = rst__zip_out_add(z, "archive/version", "3\n", 2, err);
    return rc;
}

/* May the archive pass 4 GiB or 65,535 members? Generously: a member costs under 512 bytes more. */
static bool needs_zip64(const rst_weights *w, size_t pickle)
{
    uint64_t total = pickle, count = (uint64_t)rst_weights_count(w);
    for (int64_t i = 0; i < rst_weights_count(w); i++)
        total += rst_weights_get(w, i)->bytes;
    return total + 512 * (count + 8) > 0xffffffffu || count + 8 > 0xffff;
}

int rst_weights_write_pth(const rst_weights *w, const char *path, rst_error *err)
{
    rst_outfile *f = NULL;
    rst_str pickle = rst__str(PICKLE_MAX);
    make_pickle(&pickle, w);
    int rc = pickle.failed ? rst__fail_nomem(err, path) : rst__outfile_open(&f, path, err);
    if (rc == 0) {
        rst_zip_out z = rst__zip_out(f, needs_zip64(w, pickle.len));
        rc = write_members(&z, w, &pickle, err);
        if (rc == 0)
            rc = rst__zip_out_end(&z, err);
        rst__str_free(&z.directory);
    }
    rst__str_free(&pickle);
    if (rc < 0) {
        rst__outfile_abort(f);
        return rc;
    }
    return rst__outfile_commit(f, err);
}
