/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/err.h"
#include "image/codec.h"
#include "image/tiff_io.h"

/* A bool from libtiff's 1 and 0, all of them: a field refused is a bug of ours. */
static bool set_fields(TIFF *tif, const rst_image *img, uint32_t rows, int deflate)
{
    const bool alpha = img->channels == 2 || img->channels == 4;
    const uint16_t kind = EXTRASAMPLE_UNASSALPHA;
    bool ok = TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, (uint32_t)img->width) &&
              TIFFSetField(tif, TIFFTAG_IMAGELENGTH, (uint32_t)img->height) &&
              TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, 8) &&
              TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, img->channels) &&
              TIFFSetField(tif, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) &&
              TIFFSetField(tif, TIFFTAG_PHOTOMETRIC,
                           img->channels > 2 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK) &&
              TIFFSetField(tif, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE) &&
              TIFFSetField(tif, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL) &&
              TIFFSetField(tif, TIFFTAG_ZIPQUALITY, deflate) &&
              TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, rows);
    if (ok && alpha)
        ok = TIFFSetField(tif, TIFFTAG_EXTRASAMPLES, 1, &kind);
    if (ok && img->mpp > 0)
        ok = TIFFSetField(tif, TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER) &&
             TIFFSetField(tif, TIFFTAG_XRESOLUTION, 10000.0 / img->mpp) &&
             TIFFSetField(tif, TIFFTAG_YRESOLUTION, 10000.0 / img->mpp);
    return ok;
}

static bool write_strips(TIFF *tif, const rst_image *img, uint32_t rows)
{
    const size_t pitch = (size_t)img->width * (size_t)img->channels;
    for (int64_t y = 0, i = 0; y < img->height; y += rows, i++) {
        const int64_t left = img->height - y;
        const size_t n = (size_t)(left < rows ? left : rows) * pitch;
        if (TIFFWriteEncodedStrip(tif, (uint32_t)i, img->px + (size_t)y * pitch, (tmsize_t)n) < 0)
            return false;
    }
    return true;
}

int rst__tiff_encode(const rst_image *img, const char *name, int deflate, rst_bytes *out,
                     rst_error *err)
{
    enum { STRIP = 256 << 10, CLASSIC_MAX = 1 << 30 };
    if (img->width > INT32_MAX / 4 || img->height > INT32_MAX)
        return rst_fail(err, RST_EINVAL, "%s: %lld x %lld is too large for TIFF", name,
                        (long long)img->width, (long long)img->height);
    const int64_t pitch = img->width * img->channels;
    const uint32_t rows = pitch >= STRIP ? 1 : (uint32_t)(STRIP / pitch);
    const bool big = pitch > CLASSIC_MAX / img->height;
    rst_tiff_io io = { 0 };
    TIFF *tif = rst__tiff_open(&io, name, big ? "w8" : "w");
    bool ok = tif && set_fields(tif, img, rows, deflate) && write_strips(tif, img, rows) &&
              TIFFFlush(tif);
    if (tif)
        TIFFClose(tif);
    if (ok && !io.failed) {
        *out = (rst_bytes){ io.dst, io.len };
        return 0;
    }
    rst__free(io.dst);
    return io.failed || !io.has_error
               ? rst__fail_nomem(err, name)
               : rst_fail(err, RST_EINTERNAL, "%s: libtiff: %s", name, io.text);
}
