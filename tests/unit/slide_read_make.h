/* SPDX-License-Identifier: MIT */
/* Small TIFF pyramids of every layout, in memory, and the picture that is in them. */
#ifndef SLIDE_READ_MAKE_H
#define SLIDE_READ_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <turbojpeg.h>

#include "base/alloc.h"
#include "base/file.h"
#include "image/tiff_io.h"
#include "slide/reader.h"

typedef enum made_layout { MADE_CHAIN, MADE_SUBS, MADE_HYBRID } made_layout;

typedef struct made {
    const char *mode; /* "w" classic, "w8" big; "b" big-endian, "l" little */
    made_layout layout;
    int width, height, levels, tile; /* tile 0: strips of 16 rows */
    int rows;                        /* of a strip; 0: 16 */
    uint16_t compression, photometric, channels, unit, predictor;
    double resolution;
    const char *text; /* description */
    bool raw_jfif;    /* JPEG tiles of TurboJPEG, with a JFIF marker */
    bool sparse;      /* the second tile is left out */
    bool strayed;     /* a page more, of another shape */
} made;

/* Smooth, so that JPEG keeps it within a few grey levels; differs from level to level. */
static inline uint8_t made_value(const made *m, int level, int64_t x, int64_t y, int c)
{
    const int64_t w = m->width >> level, h = m->height >> level;
    const int64_t across = x * 200 / w, down = y * 200 / h;
    if (c == 3)
        return (uint8_t)(across + 55);
    if (m->channels < 3)
        return (uint8_t)(c == 1 ? down : 40 + across);
    return (uint8_t)(c == 0 ? 30 + across : c == 1 ? 220 - down : 60 + 40 * level);
}

static inline void made_fields(TIFF *tif, const made *m, int w, int h, int level)
{
    TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, w);
    TIFFSetField(tif, TIFFTAG_IMAGELENGTH, h);
    TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, m->channels);
    TIFFSetField(tif, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tif, TIFFTAG_COMPRESSION, m->compression);
    TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, m->photometric);
    if (m->predictor)
        TIFFSetField(tif, TIFFTAG_PREDICTOR, m->predictor);
    if (m->channels == 4 || m->channels == 2)
        TIFFSetField(tif, TIFFTAG_EXTRASAMPLES, 1, &(uint16_t){ EXTRASAMPLE_UNASSALPHA });
    if (m->compression == COMPRESSION_JPEG && m->photometric == PHOTOMETRIC_YCBCR)
        TIFFSetField(tif, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    if (m->compression == COMPRESSION_JPEG && !m->raw_jfif)
        TIFFSetField(tif, TIFFTAG_JPEGQUALITY, 95);
    if (m->tile) {
        TIFFSetField(tif, TIFFTAG_TILEWIDTH, m->tile);
        TIFFSetField(tif, TIFFTAG_TILELENGTH, m->tile);
    } else {
        TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, m->rows ? m->rows : 16);
    }
    if (level > 0)
        TIFFSetField(tif, TIFFTAG_SUBFILETYPE, FILETYPE_REDUCEDIMAGE);
    if (level == 0 && m->text)
        TIFFSetField(tif, TIFFTAG_IMAGEDESCRIPTION, m->text);
    if (m->resolution > 0) {
        TIFFSetField(tif, TIFFTAG_RESOLUTIONUNIT, m->unit);
        TIFFSetField(tif, TIFFTAG_XRESOLUTION, m->resolution / (1 << level));
        TIFFSetField(tif, TIFFTAG_YRESOLUTION, m->resolution / (1 << level));
    }
}

static inline void made_block(TIFF *tif, const made *m, int level, int index, int x, int y, int bw,
                              int bh)
{
    uint8_t *px = calloc((size_t)bw * (size_t)bh, m->channels);
    assert_non_null(px);
    const int w = m->width >> level, h = m->height >> level;
    for (int r = 0; r < bh; r++)
        for (int k = 0; k < bw; k++)
            for (int c = 0; c < m->channels; c++)
                px[(r * bw + k) * m->channels + c] =
                    made_value(m, level, x + k < w ? x + k : w - 1, y + r < h ? y + r : h - 1, c);
    if (m->raw_jfif) {
        unsigned char *buf = NULL;
        unsigned long n = 0;
        tjhandle tj = tjInitCompress();
        assert_int_equal(tjCompress2(tj, px, bw, 0, bh, TJPF_RGB, &buf, &n, TJSAMP_444, 95, 0), 0);
        assert_true(TIFFWriteRawTile(tif, (uint32_t)index, buf, (tmsize_t)n) > 0);
        tjFree(buf);
        tjDestroy(tj);
    } else if (m->tile) {
        assert_true(
            TIFFWriteEncodedTile(tif, (uint32_t)index, px, (tmsize_t)bw * bh * m->channels) > 0);
    } else {
        assert_true(
            TIFFWriteEncodedStrip(tif, (uint32_t)index, px, (tmsize_t)bw * bh * m->channels) > 0);
    }
    free(px);
}

static inline void made_page(TIFF *tif, const made *m, int level)
{
    const int w = m->width >> level, h = m->height >> level;
    const int rows = m->rows ? m->rows : 16;
    int index = 0;
    made_fields(tif, m, w, h, level);
    if (level == 0 && m->layout == MADE_SUBS && m->levels > 1) {
        uint64_t none[RST_SLIDE_LEVELS_MAX] = { 0 };
        TIFFSetField(tif, TIFFTAG_SUBIFD, m->levels - 1, none);
    }
    if (m->tile)
        for (int y = 0; y < h; y += m->tile)
            for (int x = 0; x < w; x += m->tile, index++) {
                if (!m->sparse || index != 1)
                    made_block(tif, m, level, index, x, y, m->tile, m->tile);
            }
    else
        for (int y = 0; y < h; y += rows, index++)
            made_block(tif, m, level, index, 0, y, w, h - y < rows ? h - y : rows);
    assert_true(TIFFWriteDirectory(tif));
}

/* Pages 1.. become SubIFDs of page 0, while they stay in the chain. */
static inline void made_link(rst_tiff_io *io, int levels)
{
    uint64_t offsets[RST_SLIDE_LEVELS_MAX];
    io->pos = 0;
    TIFF *tif = rst__tiff_open(io, "made", "r+");
    assert_non_null(tif);
    for (int i = 1; i < levels; i++) {
        assert_true(TIFFSetDirectory(tif, (tdir_t)i));
        offsets[i - 1] = TIFFCurrentDirOffset(tif);
    }
    assert_true(TIFFSetDirectory(tif, 0));
    assert_true(TIFFSetField(tif, TIFFTAG_SUBIFD, levels - 1, offsets));
    assert_true(TIFFRewriteDirectory(tif));
    TIFFClose(tif);
}

typedef struct made_file {
    uint8_t *p; /* owned, rst__free */
    size_t n;
} made_file;

static inline made_file made_tiff(const made *spec)
{
    made m = *spec;
    m.channels = m.channels ? m.channels : 3;
    m.compression = m.compression ? m.compression : COMPRESSION_NONE;
    if (!m.photometric)
        m.photometric = m.channels < 3 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB;
    rst_tiff_io io = { 0 };
    TIFF *tif = rst__tiff_open(&io, "made", m.mode ? m.mode : "w");
    assert_non_null(tif);
    for (int i = 0; i < m.levels; i++)
        made_page(tif, &m, i);
    if (m.strayed) {
        made other = { .width = m.width / 2, .height = 10, .channels = 3, .tile = m.tile };
        other.compression = COMPRESSION_NONE;
        other.photometric = PHOTOMETRIC_RGB;
        made_page(tif, &other, 0);
    }
    TIFFClose(tif);
    if (m.layout == MADE_HYBRID)
        made_link(&io, m.levels);
    assert_false(io.failed);
    return (made_file){ io.dst, io.len };
}

/* A file that made_done removes. One at a time. */
static inline const char *made_path(void)
{
    static char path[64];
    if (!path[0])
        (void)snprintf(path, sizeof path, "/tmp/restain-slide-%ld", (long)getpid());
    return path;
}

static inline const char *made_store(const void *p, size_t n)
{
    FILE *f = fopen(made_path(), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return made_path();
}

static inline void made_done(void)
{
    (void)unlink(made_path());
}

/* The largest difference between a level as read, by an odd rectangle, and as made. */
static inline int made_difference(rst_slide *s, const made *spec, int level)
{
    made m = *spec;
    m.channels = m.channels ? m.channels : 3;
    const int64_t w = m.width >> level, h = m.height >> level;
    rst_error err = RST_ERROR_INIT;
    uint8_t *rgb = malloc((size_t)(w * h) * 3);
    assert_non_null(rgb);
    int most = 0;
    if (rst_slide_read(s, level, 0, 0, w, h, rgb, &err) < 0)
        fail_msg("%s", err.msg);
    for (int64_t i = 0; i < w * h; i++)
        for (int c = 0; c < 3; c++) {
            const int d =
                rgb[3 * i + c] - made_value(&m, level, i % w, i / w, m.channels < 3 ? 0 : c);
            most = abs(d) > most ? abs(d) : most;
        }
    free(rgb);
    return most;
}

#endif
