/* SPDX-License-Identifier: MIT */
/* libtiff on an output file of ours: what it writes passes the file layer, and what it complains
 * about is kept per file. */
#include <stdio.h>
#include <string.h>

#include <restain/version.h>

#include "base/alloc.h"
#include "base/err.h"
#include "slide/pyramid_parts.h"

static tmsize_t on_read(thandle_t h, void *buf, tmsize_t n)
{
    rst_ptiff *t = h;
    if (n <= 0 || t->pos >= t->size)
        return 0;
    const uint64_t have = t->size - t->pos;
    const size_t take = (uint64_t)n < have ? (size_t)n : (size_t)have;
    if (rst__outfile_read_at(t->file, t->pos, buf, take, t->failed.code ? NULL : &t->failed) < 0)
        return -1;
    t->pos += take;
    return (tmsize_t)take;
}

static tmsize_t on_write(thandle_t h, void *buf, tmsize_t n)
{
    rst_ptiff *t = h;
    if (n < 0 || t->dead || t->failed.code ||
        rst__outfile_write_at(t->file, t->pos, buf, (size_t)n, &t->failed) < 0)
        return -1;
    t->pos += (uint64_t)n;
    if (t->pos > t->size)
        t->size = t->pos;
    return n;
}

static toff_t on_seek(thandle_t h, toff_t offset, int whence)
{
    rst_ptiff *t = h;
    t->pos = offset + (whence == SEEK_SET ? 0 : whence == SEEK_CUR ? t->pos : t->size);
    return t->pos;
}

static int on_close(thandle_t h)
{
    (void)h;
    return 0;
}

static toff_t on_size(thandle_t h)
{
    const rst_ptiff *t = h;
    return t->size;
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

/* 1: libtiff's process-wide handlers, which would print, are not called. */
RST_PRINTF(4, 0)
static int on_error(TIFF *tif, void *user, const char *module, const char *fmt, va_list ap)
{
    rst_ptiff *t = user;
    (void)tif;
    (void)module;
    if (!t->text[0])
        (void)vsnprintf(t->text, sizeof t->text, fmt, ap);
    return 1;
}

RST_PRINTF(4, 0)
static int on_warning(TIFF *tif, void *user, const char *module, const char *fmt, va_list ap)
{
    (void)tif;
    (void)user;
    (void)module;
    (void)fmt;
    (void)ap;
    return 1;
}

/* Why libtiff refused. */
static int tell(const rst_ptiff *t, rst_error *err)
{
    if (t->failed.code)
        return rst_fail(err, t->failed.code, "%s", t->failed.msg);
    if (!t->text[0])
        return rst__fail_nomem(err, t->path);
    return rst_fail(err, RST_EOUTPUT, "%s: libtiff: %s", t->path, t->text);
}

static bool open_tiff(rst_ptiff *t, const char *mode)
{
    TIFFOpenOptions *o = TIFFOpenOptionsAlloc();
    if (!o)
        return false;
    TIFFOpenOptionsSetErrorHandlerExtR(o, on_error, t);
    TIFFOpenOptionsSetWarningHandlerExtR(o, on_warning, t);
    t->pos = 0;
    t->tif = TIFFClientOpenExt(t->path, mode, t, on_read, on_write, on_seek, on_close, on_size,
                               on_map, on_unmap, o);
    TIFFOpenOptionsFree(o);
    return t->tif != NULL;
}

/* libtiff writes what it still holds; what fails then is in t->failed or t->text. */
static void close_tiff(rst_ptiff *t)
{
    if (t->tif)
        TIFFClose(t->tif);
    t->tif = NULL;
}

int rst__ptiff_open(rst_ptiff *t, const char *path, const rst_pyramid_options *o, rst_error *err)
{
    static const char *const mode[2][2] = { { "w8l", "w8b" }, { "wl", "wb" } };
    *t = (rst_ptiff){ .path = path, .o = o };
    int rc = rst__outfile_open(&t->file, path, err);
    if (rc < 0)
        return rc;
    if (open_tiff(t, mode[o->classic][o->big_endian]))
        return 0;
    rc = tell(t, err);
    rst__ptiff_abort(t);
    return rc;
}

/* Bools from libtiff's 1 and 0: a field refused is a bug of ours. */
static bool set_picture(TIFF *tif, const rst_pyramid_options *o, int k)
{
    const bool jpeg = o->compression == RST_PYRAMID_JPEG;
    const uint16_t compression = jpeg                                    ? COMPRESSION_JPEG
                                 : o->compression == RST_PYRAMID_DEFLATE ? COMPRESSION_ADOBE_DEFLATE
                                                                         : COMPRESSION_NONE;
    const bool ycc = jpeg && !o->mislabelled;
    bool ok = TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, (uint32_t)rst__pyramid_side(o->width, k)) &&
              TIFFSetField(tif, TIFFTAG_IMAGELENGTH, (uint32_t)rst__pyramid_side(o->height, k)) &&
              TIFFSetField(tif, TIFFTAG_TILEWIDTH, (uint32_t)o->tile) &&
              TIFFSetField(tif, TIFFTAG_TILELENGTH, (uint32_t)o->tile) &&
              TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, 8) &&
              TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, 3) &&
              TIFFSetField(tif, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) &&
              TIFFSetField(tif, TIFFTAG_COMPRESSION, compression) &&
              TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, ycc ? PHOTOMETRIC_YCBCR : PHOTOMETRIC_RGB) &&
              TIFFSetField(tif, TIFFTAG_SUBFILETYPE, k ? FILETYPE_REDUCEDIMAGE : 0);
    if (ok && ycc)
        ok = TIFFSetField(tif, TIFFTAG_YCBCRSUBSAMPLING, 1, 1);
    if (ok && o->compression == RST_PYRAMID_DEFLATE)
        ok = TIFFSetField(tif, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL);
    if (ok && o->mpp > 0) {
        const double per_cm = 10000.0 / (o->mpp * (double)((int64_t)1 << k));
        ok = TIFFSetField(tif, TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER) &&
             TIFFSetField(tif, TIFFTAG_XRESOLUTION, per_cm) &&
             TIFFSetField(tif, TIFFTAG_YRESOLUTION, per_cm);
    }
    return ok;
}

/* What only the first page carries. */
static int set_description(rst_ptiff *t, rst_error *err)
{
    const rst_pyramid_options *o = t->o;
    char software[64];
    (void)snprintf(software, sizeof software, "restain %s", rst_version());
    bool ok = TIFFSetField(t->tif, TIFFTAG_SOFTWARE, software);
    if (ok && o->icc)
        ok = TIFFSetField(t->tif, TIFFTAG_ICCPROFILE, (uint32_t)o->icc_len, o->icc);
    if (ok && o->layout != RST_PYRAMID_CHAIN) {
        rst_str xml = rst__str(16 << 20);
        rst__ome_xml(&xml, o);
        if (xml.failed) {
            rst__str_free(&xml);
            return rst__fail_nomem(err, t->path);
        }
        ok = TIFFSetField(t->tif, TIFFTAG_IMAGEDESCRIPTION, xml.s);
        rst__str_free(&xml);
    }
    if (ok && o->layout == RST_PYRAMID_SUBIFD) {
        /* The offsets are libtiff's to fill in: the pages that follow become SubIFDs. */
        const uint64_t none[64] = { 0 };
        const int n = rst__pyramid_levels(o) - 1;
        ok = n == 0 || TIFFSetField(t->tif, TIFFTAG_SUBIFD, n, none);
    }
    return ok ? 0 : tell(t, err);
}

int rst__ptiff_begin(rst_ptiff *t, int k, rst_error *err)
{
    if (!set_picture(t->tif, t->o, k))
        return tell(t, err);
    return k == 0 ? set_description(t, err) : 0;
}

int rst__ptiff_tile(rst_ptiff *t, int64_t index, const void *data, size_t len, rst_error *err)
{
    /* libtiff takes a void *, but does not write to it: 8-bit samples are never swapped. */
    if (TIFFWriteRawTile(t->tif, (uint32_t)index, (void *)(uintptr_t)data, (tmsize_t)len) !=
        (tmsize_t)len)
        return tell(t, err);
    return 0;
}

int rst__ptiff_end(rst_ptiff *t, rst_error *err)
{
    return TIFFWriteDirectory(t->tif) && !t->failed.code ? 0 : tell(t, err);
}

/* libtiff has no way to write a page that is both in the chain and a SubIFD, so the first page is
 * written again once the others have their offsets. */
static bool link_chain(rst_ptiff *t)
{
    uint64_t at[64];
    int n = 0;
    if (!open_tiff(t, "r+m"))
        return false;
    do
        at[n++] = TIFFCurrentDirOffset(t->tif);
    while (n < 64 && TIFFReadDirectory(t->tif));
    return n == rst__pyramid_levels(t->o) && TIFFSetDirectory(t->tif, 0) &&
           TIFFSetField(t->tif, TIFFTAG_SUBIFD, n - 1, at + 1) && TIFFRewriteDirectory(t->tif);
}

int rst__ptiff_finish(rst_ptiff *t, rst_error *err)
{
    close_tiff(t);
    bool ok = !t->failed.code && !t->text[0];
    if (ok && t->o->layout == RST_PYRAMID_HYBRID && rst__pyramid_levels(t->o) > 1) {
        ok = link_chain(t);
        close_tiff(t);
        ok = ok && !t->failed.code && !t->text[0];
    }
    if (!ok)
        return tell(t, err);
    rst_outfile *file = t->file;
    t->file = NULL;
    return rst__outfile_commit(file, err);
}

void rst__ptiff_abort(rst_ptiff *t)
{
    t->dead = true;
    close_tiff(t);
    rst__outfile_abort(t->file);
    t->file = NULL;
}
