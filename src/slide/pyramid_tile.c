/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "image/tiff_io.h"
#include "slide/pyramid_parts.h"

void rst__tile_fill(uint8_t *px, int64_t n, const uint8_t colour[3])
{
    for (int64_t i = 0; i < n; i++)
        memcpy(px + 3 * i, colour, 3);
}

void rst__tile_pad(uint8_t *px, int64_t tile, int64_t w, int64_t h)
{
    const size_t pitch = (size_t)tile * 3;
    if (w < tile)
        for (int64_t y = 0; y < h; y++) {
            uint8_t *row = px + (size_t)y * pitch;
            rst__tile_fill(row + 3 * w, tile - w, row + 3 * (w - 1));
        }
    for (int64_t y = h; y < tile; y++)
        memcpy(px + (size_t)y * pitch, px + (size_t)(h - 1) * pitch, pitch);
}

void rst__tile_halve(const uint8_t *px, int64_t tile, int qx, int qy, uint8_t *parent)
{
    const int64_t half = tile / 2;
    const size_t pitch = (size_t)tile * 3;
    for (int64_t y = 0; y < half; y++) {
        const uint8_t *a = px + (size_t)(2 * y) * pitch, *b = a + pitch;
        uint8_t *d = parent + (size_t)(qy * half + y) * pitch + (size_t)(qx * half) * 3;
        for (int64_t x = 0; x < half; x++, a += 6, b += 6, d += 3)
            for (int c = 0; c < 3; c++)
                d[c] = (uint8_t)((a[c] + a[c + 3] + b[c] + b[c + 3] + 2) >> 2);
    }
}

/* Deflate through libtiff in memory: a file of one tile, of which the tile is kept. */
static bool deflate_into(rst_tiff_io *io, const char *name, uint8_t *px, int tile, size_t bytes,
                         size_t *at, size_t *len)
{
    TIFF *tif = rst__tiff_open(io, name, "w");
    if (!tif)
        return false;
    bool ok = TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, (uint32_t)tile) &&
              TIFFSetField(tif, TIFFTAG_IMAGELENGTH, (uint32_t)tile) &&
              TIFFSetField(tif, TIFFTAG_TILEWIDTH, (uint32_t)tile) &&
              TIFFSetField(tif, TIFFTAG_TILELENGTH, (uint32_t)tile) &&
              TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, 8) &&
              TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, 3) &&
              TIFFSetField(tif, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) &&
              TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB) &&
              TIFFSetField(tif, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE) &&
              TIFFSetField(tif, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL) &&
              TIFFWriteEncodedTile(tif, 0, px, (tmsize_t)bytes) == (tmsize_t)bytes;
    if (ok) {
        *at = (size_t)TIFFGetStrileOffset(tif, 0);
        *len = (size_t)TIFFGetStrileByteCount(tif, 0);
    }
    TIFFClose(tif);
    return ok && !io->failed && *at <= io->len && *len <= io->len - *at;
}

static int encode_deflate(const char *name, uint8_t *px, int tile, size_t bytes, rst_bytes *out,
                          rst_error *err)
{
    rst_tiff_io io = { 0 };
    size_t at = 0, len = 0;
    if (deflate_into(&io, name, px, tile, bytes, &at, &len)) {
        memmove(io.dst, io.dst + at, len);
        *out = (rst_bytes){ io.dst, len };
        return 0;
    }
    rst__free(io.dst);
    return io.failed || !io.has_error
               ? rst__fail_nomem(err, name)
               : rst_fail(err, RST_EINTERNAL, "%s: libtiff: %s", name, io.text);
}

int rst__tile_encode(const rst_pyramid_options *o, const char *name, uint8_t *px, rst_bytes *out,
                     rst_error *err)
{
    const size_t bytes = (size_t)o->tile * (size_t)o->tile * 3;
    if (o->compression == RST_PYRAMID_DEFLATE)
        return encode_deflate(name, px, o->tile, bytes, out, err);
    if (o->compression == RST_PYRAMID_JPEG) {
        const rst_image img = { .width = o->tile, .height = o->tile, .channels = 3, .px = px };
        return rst__jpeg_encode(&img, name, o->quality, out, err);
    }
    void *copy = rst__malloc(bytes);
    if (!copy)
        return rst__fail_nomem(err, name);
    memcpy(copy, px, bytes);
    *out = (rst_bytes){ copy, bytes };
    return 0;
}
