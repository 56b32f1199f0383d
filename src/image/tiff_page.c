/* SPDX-License-Identifier: MIT */
#include "image/tiff_page.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

uint16_t rst__tiff_field16(TIFF *tif, uint32_t tag)
{
    uint16_t v = 0;
    return TIFFGetFieldDefaulted(tif, tag, &v) ? v : 0;
}

/* What a page is ------------------------------------------------------------------------------- */

int rst__tiff_refuse(const char *name, const char *tag, unsigned value, rst_error *err)
{
    return rst_fail(err, RST_EFORMAT,
                    "%s: a TIFF with %s %u is not supported; 8-bit grey and RGB are", name, tag,
                    value);
}

static bool is_read(uint16_t compression)
{
    switch (compression) {
    case COMPRESSION_NONE:
    case COMPRESSION_LZW:
    case COMPRESSION_DEFLATE:
    case COMPRESSION_ADOBE_DEFLATE:
    case COMPRESSION_PACKBITS:
    case COMPRESSION_JPEG:
        return true;
    default:
        return false;
    }
}

int rst__tiff_check_samples(TIFF *tif, const char *name, rst_error *err)
{
    const uint16_t bits = rst__tiff_field16(tif, TIFFTAG_BITSPERSAMPLE);
    const uint16_t sample = rst__tiff_field16(tif, TIFFTAG_SAMPLEFORMAT);
    const uint16_t planar = rst__tiff_field16(tif, TIFFTAG_PLANARCONFIG);
    const uint16_t compression = rst__tiff_field16(tif, TIFFTAG_COMPRESSION);
    if (bits != 8)
        return rst__tiff_refuse(name, "bits per sample", bits, err);
    if (sample != SAMPLEFORMAT_UINT && sample != SAMPLEFORMAT_VOID)
        return rst__tiff_refuse(name, "sample format", sample, err);
    if (planar != PLANARCONFIG_CONTIG && rst__tiff_field16(tif, TIFFTAG_SAMPLESPERPIXEL) > 1)
        return rst__tiff_refuse(name, "separate planes, planar configuration", planar, err);
    return is_read(compression) ? 0 : rst__tiff_refuse(name, "compression", compression, err);
}

int rst__tiff_check_colours(TIFF *tif, const char *name, rst_error *err)
{
    const bool jpeg = rst__tiff_field16(tif, TIFFTAG_COMPRESSION) == COMPRESSION_JPEG;
    const unsigned n = rst__tiff_field16(tif, TIFFTAG_SAMPLESPERPIXEL);
    uint16_t photometric = 0;
    if (!TIFFGetField(tif, TIFFTAG_PHOTOMETRIC, &photometric))
        return rst__tiff_refuse(name, "no photometric tag and samples per pixel", n, err);
    switch (photometric) {
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_MINISWHITE:
        if (n == 1 || (n == 2 && !jpeg))
            return 0;
        return rst__tiff_refuse(name, "grey and samples per pixel", n, err);
    case PHOTOMETRIC_RGB:
        if (n == 3 || (n == 4 && !jpeg))
            return 0;
        return rst__tiff_refuse(name, "RGB and samples per pixel", n, err);
    case PHOTOMETRIC_YCBCR:
        if (!jpeg)
            return rst__tiff_refuse(name, "YCbCr outside JPEG, photometric", photometric, err);
        return n == 3 ? 0 : rst__tiff_refuse(name, "YCbCr and samples per pixel", n, err);
    default:
        return rst__tiff_refuse(name, "photometric", photometric, err);
    }
}

/* JPEG ----------------------------------------------------------------------------------------- */

bool rst__tiff_reserve(uint8_t **buf, size_t *cap, size_t need)
{
    if (need <= *cap)
        return true;
    uint8_t *p = rst__realloc(*buf, need, 1);
    if (!p)
        return false;
    *buf = p;
    *cap = need;
    return true;
}

/* Whether a JPEG stream says by itself how its colours are meant (JFIF or Adobe marker). */
static bool tells_colours(const uint8_t *p, size_t len)
{
    for (size_t at = 2; at + 4 <= len && p[at] == 0xff && p[at + 1] != 0xda;) {
        const size_t n = (size_t)p[at + 2] << 8 | p[at + 3];
        if (n < 2 || n > len - at - 2)
            return false;
        if (p[at + 1] == 0xe0 && n >= 7 && memcmp(p + at + 4, "JFIF", 5) == 0)
            return true;
        if (p[at + 1] == 0xee && n >= 14 && memcmp(p + at + 4, "Adobe", 5) == 0)
            return true;
        at += 2 + n;
    }
    return false;
}

/* The tables that all blocks of the page share, without their start and end markers; may be none.
 */
static size_t shared_tables(TIFF *tif, const uint8_t **tables)
{
    uint32_t n = 0;
    void *t = NULL;
    if (!TIFFGetField(tif, TIFFTAG_JPEGTABLES, &n, &t) || !t || n < 4)
        return 0;
    *tables = (const uint8_t *)t + 2;
    return n - 4;
}

/* Start marker, Adobe marker where it is needed, shared tables, the block without its start marker.
 */
int rst__tiff_jpeg_stream(TIFF *tif, uint32_t index, size_t raw, uint8_t **buf, size_t *cap,
                          size_t *len)
{
    uint8_t head[] = {
        0xff, 0xd8, 0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0
    };
    head[sizeof head - 1] = rst__tiff_field16(tif, TIFFTAG_PHOTOMETRIC) == PHOTOMETRIC_YCBCR;
    const uint8_t *tables = NULL;
    const size_t nt = shared_tables(tif, &tables), front = sizeof head + nt;
    if (!rst__tiff_reserve(buf, cap, front + raw))
        return RST_ENOMEM;
    uint8_t *body = *buf + front - 2; /* its start marker is overwritten by what goes before */
    const tmsize_t got = TIFFIsTiled(tif) ? TIFFReadRawTile(tif, index, body, (tmsize_t)raw)
                                          : TIFFReadRawStrip(tif, index, body, (tmsize_t)raw);
    if (got != (tmsize_t)raw)
        return RST_EINPUT;
    if (body[0] != 0xff || body[1] != 0xd8)
        return RST_EFORMAT;
    const bool told =
        rst__tiff_field16(tif, TIFFTAG_SAMPLESPERPIXEL) == 1 || tells_colours(body, raw);
    const size_t n = told ? 2 : sizeof head;
    memmove(*buf + n + nt, body + 2, raw - 2);
    memcpy(*buf, head, n);
    if (nt)
        memcpy(*buf + n, tables, nt);
    *len = n + nt + raw - 2;
    return 0;
}
