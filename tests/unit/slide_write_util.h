/* SPDX-License-Identifier: MIT */
/* What the tests of the slide writer share: a folder, pictures, and a file read back by libtiff. */
#ifndef TESTS_UNIT_SLIDE_WRITE_UTIL_H
#define TESTS_UNIT_SLIDE_WRITE_UTIL_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/hash.h"
#include "image/tiff_io.h"
#include "slide/pyramid.h"

static char folder[64];

static inline const char *in_folder(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static inline int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/rst-slide-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails if a test left a file behind */
}

static inline int files_in_folder(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

static inline void succeeded(int rc, const rst_error *err)
{
    if (rc < 0)
        fail_msg("%d: %s", rc, err->msg);
}

/* A file in memory and libtiff upon it. */
typedef struct tiff_file {
    rst_tiff_io io;
    void *bytes;
    TIFF *tif;
} tiff_file;

static inline void tiff_load(tiff_file *f, const char *path)
{
    rst_error err = RST_ERROR_INIT;
    size_t len;
    succeeded(rst__file_read(path, (size_t)1 << 30, &f->bytes, &len, &err), &err);
    f->io = (rst_tiff_io){ .src = f->bytes, .len = len };
    f->tif = rst__tiff_open(&f->io, path, "rm");
    if (!f->tif)
        fail_msg("%s: %s", path, f->io.text);
}

static inline void tiff_drop(tiff_file *f)
{
    assert_false(f->io.has_error);
    TIFFClose(f->tif);
    rst__free(f->bytes);
}

static inline uint32_t tiff_u32(TIFF *tif, uint32_t tag)
{
    uint32_t v = 0;
    assert_true(TIFFGetFieldDefaulted(tif, tag, &v));
    return v;
}

static inline uint16_t tiff_u16(TIFF *tif, uint32_t tag)
{
    uint16_t v = 0;
    assert_true(TIFFGetFieldDefaulted(tif, tag, &v));
    return v;
}

static inline float tiff_float(TIFF *tif, uint32_t tag)
{
    float v = 0;
    assert_true(TIFFGetField(tif, tag, &v));
    return v;
}

/* A picture that no filter leaves alone; the same for the same size. */
static inline uint8_t *picture(int64_t w, int64_t h)
{
    uint8_t *px = malloc((size_t)(w * h * 3));
    assert_non_null(px);
    uint32_t s = 12345;
    for (int64_t i = 0; i < w * h * 3; i++) {
        s = s * 1664525u + 1013904223u;
        px[i] = (uint8_t)((i / 3 % w + i / 3 / w * 2 + (s >> 27)) & 255);
    }
    return px;
}

#endif
