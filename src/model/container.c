/* SPDX-License-Identifier: MIT */
/* Which kind of file is it? Told by the content: names lie, and people rename. */
#include <restain/weights.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "model/store.h"

#define FILE_MAX ((size_t)16 << 30)

const char *rst_weights_container_name(rst_weights_container c)
{
    return c == RST_WEIGHTS_SAFETENSORS ? "safetensors"
           : c == RST_WEIGHTS_PTH_ZIP   ? "pth (zip)"
                                        : "pth (legacy)";
}

static bool begins(const unsigned char *buf, size_t len, size_t at, const char *magic, size_t n)
{
    return len >= n && at <= len - n && memcmp(buf + at, magic, n) == 0;
}

/* A safetensors header begins with '{' after its length, which is below 2^24 (the cap) in all
 * files that are read; but a hostile length should be told as such, so it is not looked at here. */
static int recognise(const unsigned char *buf, size_t len, const char *name,
                     rst_weights_container *kind, rst_error *err)
{
    if (len == 0)
        return rst_fail(err, RST_EFORMAT, "%s: the file is empty", name);
    if (begins(buf, len, 0, "PK\3\4", 4))
        *kind = RST_WEIGHTS_PTH_ZIP;
    else if (begins(buf, len, 8, "{", 1))
        *kind = RST_WEIGHTS_SAFETENSORS;
    else if (begins(buf, len, 257, "ustar", 5))
        return rst_fail(err, RST_EFORMAT,
                        "%s: a tar archive; torch files older than 0.1.10 are not supported", name);
    else if (buf[0] == 0x80)
        *kind = RST_WEIGHTS_PTH_LEGACY;
    else
        return rst_fail(err, RST_EFORMAT, "%s: neither a safetensors file nor a PyTorch checkpoint",
                        name);
    return 0;
}

/* buf is this function's from here on. */
static int take(rst_weights **out, char *buf, size_t len, const char *name, rst_weights_info *info,
                rst_error *err)
{
    rst_weights_container kind = RST_WEIGHTS_SAFETENSORS;
    rst_weights *w = rst_weights_new();
    int rc =
        w ? recognise((unsigned char *)buf, len, name, &kind, err) : rst__fail_nomem(err, name);
    if (rc == 0 && kind == RST_WEIGHTS_SAFETENSORS) {
        rc = rst__weights_own(w, buf, err);
        char *borrowed = buf;
        if (rc == 0) {
            buf = NULL;
            rc = rst__safetensors_read(w, borrowed, len, name, err);
        }
    } else if (rc == 0 && kind == RST_WEIGHTS_PTH_ZIP) {
        rc = rst__pth_zip_read(w, buf, len, name, err);
    } else if (rc == 0) {
        rc = rst__pth_legacy_read(w, buf, len, name, err);
    }
    rst__free(buf);
    if (rc < 0) {
        rst_weights_free(w);
        return rc;
    }
    if (info)
        *info = (rst_weights_info){ .container = kind };
    *out = w;
    return 0;
}

int rst_weights_read(rst_weights **out, const char *path, rst_weights_info *info, rst_error *err)
{
    void *buf;
    size_t len;
    int rc = rst__file_read(path, FILE_MAX, &buf, &len, err);
    return rc < 0 ? rc : take(out, buf, len, path, info, err);
}

int rst_weights_decode(rst_weights **out, const void *buf, size_t len, const char *name,
                       rst_weights_info *info, rst_error *err)
{
    char *copy = rst__malloc(len);
    if (!copy)
        return rst__fail_nomem(err, name);
    if (len)
        memcpy(copy, buf, len);
    return take(out, copy, len, name, info, err);
}
