/* SPDX-License-Identifier: MIT */
#include "image/tiff_io.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <restain/error.h>

#include "base/alloc.h"

static tmsize_t on_read(thandle_t h, void *buf, tmsize_t n)
{
    rst_tiff_io *io = h;
    if (n <= 0 || io->pos >= io->len)
        return 0;
    size_t have = io->len - io->pos;
    size_t take = (size_t)n < have ? (size_t)n : have;
    memcpy(buf, (io->src ? io->src : io->dst) + io->pos, take);
    io->pos += take;
    return (tmsize_t)take;
}

/* Room for `need` bytes; what a seek past the end leaves between is zero. */
static bool grow(rst_tiff_io *io, size_t need)
{
    if (need <= io->cap)
        return true;
    size_t cap = need > SIZE_MAX / 2 ? 0 : need + need / 2 + 4096;
    uint8_t *p = cap ? rst__realloc(io->dst, cap, 1) : NULL;
    if (!p)
        return false;
    memset(p + io->cap, 0, cap - io->cap);
    io->dst = p;
    io->cap = cap;
    return true;
}

static tmsize_t on_write(thandle_t h, void *buf, tmsize_t n)
{
    rst_tiff_io *io = h;
    size_t end;
    if (n < 0 || io->src || !rst__add_size(io->pos, (size_t)n, &end) || !grow(io, end)) {
        io->failed = true;
        return -1;
    }
    memcpy(io->dst + io->pos, buf, (size_t)n);
    io->pos = end;
    if (end > io->len)
        io->len = end;
    return n;
}

static toff_t on_seek(thandle_t h, toff_t offset, int whence)
{
    rst_tiff_io *io = h;
    size_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? io->pos : io->len;
    /* Offsets are unsigned here; a wrapped one lands far past the end, where reads give nothing. */
    io->pos = base + (size_t)offset;
    return (toff_t)io->pos;
}

static int on_close(thandle_t h)
{
    (void)h;
    return 0;
}

static toff_t on_size(thandle_t h)
{
    const rst_tiff_io *io = h;
    return (toff_t)io->len;
}

static int on_map(thandle_t h, void **base, toff_t *size)
{
    (void)h;
    (void)base;
    (void)size;
    return 0;
}

static void on_unmap(thandle_t h, void *base, toff_t size)
{
    (void)h;
    (void)base;
    (void)size;
}

RST_PRINTF(3, 0)
static void keep(rst_tiff_io *io, bool error, const char *fmt, va_list ap)
{
    if (io->has_error || (io->text[0] && !error))
        return;
    (void)vsnprintf(io->text, sizeof io->text, fmt, ap);
    io->has_error = error;
}

/* 1: libtiff's process-wide handlers, which would print, are not called. */
RST_PRINTF(4, 0)
static int on_error(TIFF *tif, void *user, const char *module, const char *fmt, va_list ap)
{
    (void)tif;
    (void)module;
    keep(user, true, fmt, ap);
    return 1;
}

RST_PRINTF(4, 0)
static int on_warning(TIFF *tif, void *user, const char *module, const char *fmt, va_list ap)
{
    (void)tif;
    (void)module;
    keep(user, false, fmt, ap);
    return 1;
}

TIFFOpenOptions *rst__tiff_options(rst_tiff_io *io, uint64_t bytes)
{
    enum { SLACK = 64 << 20 };
    TIFFOpenOptions *o = TIFFOpenOptionsAlloc();
    if (!o)
        return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(o, on_error, io);
    TIFFOpenOptionsSetWarningHandlerExtR(o, on_warning, io);
    if (bytes) /* no table or strip of an honest file is larger than the file */
        TIFFOpenOptionsSetMaxSingleMemAlloc(o, (tmsize_t)(bytes + SLACK));
    return o;
}

TIFF *rst__tiff_open(rst_tiff_io *io, const char *name, const char *mode)
{
    TIFFOpenOptions *o = rst__tiff_options(io, io->src ? io->len : 0);
    if (!o)
        return NULL;
    TIFF *tif = TIFFClientOpenExt(name, mode, io, on_read, on_write, on_seek, on_close, on_size,
                                  on_map, on_unmap, o);
    TIFFOpenOptionsFree(o);
    return tif;
}
