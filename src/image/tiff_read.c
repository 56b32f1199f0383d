/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "image/codec.h"
#include "image/tiff_io.h"
#include "image/tiff_page.h"

/* The first page, and how its pixels are cut into blocks: tiles, or strips as wide as the page. */
typedef struct page {
    const rst_decode_job *job;
    const rst_tiff_io *io;
    TIFF *tif;
    uint32_t width, height;
    uint32_t block_width, block_height;
    uint16_t channels, photometric, compression;
    bool tiled;
    uint8_t *block;  /* owned: pixels of one tile */
    uint8_t *stream; /* owned: JPEG stream of one block */
    size_t stream_cap;
} page;

static int damaged(const page *p, const char *what, rst_error *err)
{
    return rst_fail(err, RST_EFORMAT, "%s: truncated or damaged TIFF: %s", p->job->name,
                    p->io->has_error ? p->io->text : what);
}

static int check_kind(page *p, rst_error *err)
{
    const char *name = p->job->name;
    int rc = rst__tiff_check_samples(p->tif, name, err);
    if (rc < 0)
        return rc;
    p->channels = rst__tiff_field16(p->tif, TIFFTAG_SAMPLESPERPIXEL);
    p->compression = rst__tiff_field16(p->tif, TIFFTAG_COMPRESSION);
    p->photometric = rst__tiff_field16(p->tif, TIFFTAG_PHOTOMETRIC);
    if (p->photometric == PHOTOMETRIC_SEPARATED)
        return rst__tiff_refuse(name, "CMYK, photometric", p->photometric, err);
    if (p->photometric == PHOTOMETRIC_PALETTE)
        return rst__tiff_refuse(name, "a palette, photometric", p->photometric, err);
    return rst__tiff_check_colours(p->tif, name, err);
}

/* Tiles or strips, checked against what libtiff thinks they are. */
static int find_blocks(page *p, rst_error *err)
{
    enum { MAX_TILE_PIXELS = 1 << 26 };
    p->tiled = TIFFIsTiled(p->tif) != 0;
    if (!p->tiled) {
        uint32_t rows = 0;
        (void)TIFFGetFieldDefaulted(p->tif, TIFFTAG_ROWSPERSTRIP, &rows);
        p->block_width = p->width;
        p->block_height = rows < p->height ? rows : p->height;
        if (rows == 0 || (p->compression != COMPRESSION_JPEG &&
                          TIFFScanlineSize64(p->tif) != (uint64_t)p->width * p->channels))
            return damaged(p, "strips of an odd size", err);
        return 0;
    }
    if (!TIFFGetField(p->tif, TIFFTAG_TILEWIDTH, &p->block_width) ||
        !TIFFGetField(p->tif, TIFFTAG_TILELENGTH, &p->block_height) || p->block_width == 0 ||
        p->block_height == 0 || p->block_width > MAX_TILE_PIXELS / p->block_height)
        return damaged(p, "tiles of an odd size", err);
    size_t bytes = (size_t)p->block_width * p->block_height * p->channels;
    if (p->compression != COMPRESSION_JPEG && TIFFTileSize64(p->tif) != bytes)
        return damaged(p, "tiles of an odd size", err);
    p->block = rst__malloc(bytes);
    return p->block ? 0 : rst__fail_nomem(err, p->job->name);
}

static int read_jpeg_block(page *p, uint32_t index, uint32_t rows, uint8_t *dst, rst_error *err)
{
    const uint64_t raw = TIFFGetStrileByteCount(p->tif, index);
    size_t len = 0;
    int w, h, c;
    if (raw < 4 || raw > p->job->len)
        return damaged(p, "a JPEG block with no room for a picture", err);
    int rc = rst__tiff_jpeg_stream(p->tif, index, (size_t)raw, &p->stream, &p->stream_cap, &len);
    if (rc == RST_ENOMEM)
        return rst__fail_nomem(err, p->job->name);
    if (rc < 0)
        return damaged(p, "a block that is no JPEG stream", err);
    rc = rst__jpeg_header(p->stream, len, p->job->name, &w, &h, &c, err);
    if (rc < 0)
        return rc;
    if ((uint32_t)w != p->block_width || (uint32_t)h != rows || c != p->channels)
        return damaged(p, "a JPEG block of another size than its place", err);
    return rst__jpeg_pixels(p->stream, len, p->job->name, w, h, c, dst,
                            (size_t)p->block_width * p->channels, err);
}

/* Reads block `index`, which has `rows` rows, without gaps between them. */
static int read_block(page *p, uint32_t index, uint32_t rows, uint8_t *dst, rst_error *err)
{
    if (p->compression == COMPRESSION_JPEG)
        return read_jpeg_block(p, index, rows, dst, err);
    const tmsize_t want = (tmsize_t)p->block_width * rows * p->channels;
    memset(dst, 0, (size_t)want); /* libtiff lets a damaged deflate stream leave a part unwritten */
    tmsize_t got = p->tiled ? TIFFReadEncodedTile(p->tif, index, dst, want)
                            : TIFFReadEncodedStrip(p->tif, index, dst, want);
    return got == want ? 0 : damaged(p, "a block that is too short", err);
}

static int read_strips(page *p, uint8_t *px, rst_error *err)
{
    const size_t pitch = (size_t)p->width * p->channels;
    int rc = 0;
    for (uint32_t y = 0, i = 0; rc == 0 && y < p->height; i++) {
        uint32_t left = p->height - y;
        uint32_t rows = left < p->block_height ? left : p->block_height;
        rc = read_block(p, i, rows, px + y * pitch, err);
        y += rows;
    }
    return rc;
}

/* The part of the tile at (x, y) that lies on the page. */
static void copy_tile(const page *p, uint32_t x, uint32_t y, uint8_t *px)
{
    const size_t pitch = (size_t)p->width * p->channels;
    const size_t tile_pitch = (size_t)p->block_width * p->channels;
    const uint32_t cols = p->width - x < p->block_width ? p->width - x : p->block_width;
    const uint32_t rows = p->height - y < p->block_height ? p->height - y : p->block_height;
    for (uint32_t r = 0; r < rows; r++)
        memcpy(px + (y + r) * pitch + (size_t)x * p->channels, p->block + r * tile_pitch,
               (size_t)cols * p->channels);
}

static int read_tiles(page *p, uint8_t *px, rst_error *err)
{
    for (uint64_t y = 0; y < p->height; y += p->block_height)
        for (uint64_t x = 0; x < p->width; x += p->block_width) {
            uint32_t index = TIFFComputeTile(p->tif, (uint32_t)x, (uint32_t)y, 0, 0);
            int rc = read_block(p, index, p->block_height, p->block, err);
            if (rc < 0)
                return rc;
            copy_tile(p, (uint32_t)x, (uint32_t)y, px);
        }
    return 0;
}

/* White is zero in fax's grey. Alpha, if any, stays. */
static void invert(rst_image *img)
{
    const int64_t n = img->width * img->height;
    for (int64_t i = 0; i < n; i++)
        img->px[i * img->channels] = (uint8_t)(255 - img->px[i * img->channels]);
}

/* Micrometres per pixel; 0 unless both directions agree and the value can be a microscope's: most
 * files carry a printer's 72 dpi, or nonsense. */
static double resolution(const page *p)
{
    float x = 0, y = 0;
    const uint16_t unit = rst__tiff_field16(p->tif, TIFFTAG_RESOLUTIONUNIT);
    if (unit == RESUNIT_NONE || !TIFFGetField(p->tif, TIFFTAG_XRESOLUTION, &x) || !(x > 0))
        return 0;
    if (TIFFGetField(p->tif, TIFFTAG_YRESOLUTION, &y) && y > 0 &&
        !(fabs((double)x - y) <= 0.01 * x))
        return 0;
    const double mpp = (unit == RESUNIT_CENTIMETER ? 10000.0 : 25400.0) / x;
    return mpp >= 0.05 && mpp <= 20 ? mpp : 0;
}

static bool is_premultiplied(const page *p)
{
    uint16_t n = 0, *kinds = NULL;
    (void)TIFFGetFieldDefaulted(p->tif, TIFFTAG_EXTRASAMPLES, &n, &kinds);
    return n > 0 && kinds && kinds[n - 1] == EXTRASAMPLE_ASSOCALPHA;
}

static void tell_unused(const page *p)
{
    const uint16_t orientation = rst__tiff_field16(p->tif, TIFFTAG_ORIENTATION);
    if (p->job->o.quiet)
        return;
    if (orientation > 1)
        rst__log(RST_LOG_WARN, "%s: stored with orientation %u, which is not applied", p->job->name,
                 orientation);
    if (!TIFFLastDirectory(p->tif))
        rst__log(RST_LOG_INFO, "%s: only the first of its pages is read", p->job->name);
}

static int read_header(page *p, rst_error *err)
{
    if (!TIFFGetField(p->tif, TIFFTAG_IMAGEWIDTH, &p->width) ||
        !TIFFGetField(p->tif, TIFFTAG_IMAGELENGTH, &p->height))
        return damaged(p, "no size", err);
    int rc = rst__image_check_size(p->job, p->width, p->height, err);
    return rc < 0 ? rc : check_kind(p, err);
}

static int read_page(page *p, rst_raw_image *out, rst_error *err)
{
    int rc = read_header(p, err);
    if (rc == 0)
        rc = find_blocks(p, err);
    if (rc == 0)
        rc = rst_image_new(&out->img, p->width, p->height, p->channels, err);
    if (rc == 0)
        rc = p->tiled ? read_tiles(p, out->img.px, err) : read_strips(p, out->img.px, err);
    if (rc < 0)
        return rc;
    if (p->photometric == PHOTOMETRIC_MINISWHITE)
        invert(&out->img);
    out->img.mpp = resolution(p);
    out->premultiplied = is_premultiplied(p);
    tell_unused(p);
    return 0;
}

static int open_page(page *p, rst_tiff_io *io, const rst_decode_job *job, rst_error *err)
{
    *io = (rst_tiff_io){ .src = job->data, .len = job->len };
    *p = (page){ .job = job, .io = io, .tif = rst__tiff_open(io, job->name, "rm") };
    if (p->tif)
        return 0;
    return damaged(p, io->text[0] ? io->text : "no page in it", err);
}

int rst__tiff_decode(const rst_decode_job *job, rst_raw_image *out, rst_error *err)
{
    rst_tiff_io io;
    page p;
    int rc = open_page(&p, &io, job, err);
    if (rc < 0)
        return rc;
    rc = read_page(&p, out, err);
    TIFFClose(p.tif);
    rst__free(p.block);
    rst__free(p.stream);
    if (rc < 0)
        rst_image_free(&out->img);
    return rc;
}

int rst__tiff_header(const rst_decode_job *job, rst_image *out, rst_error *err)
{
    rst_tiff_io io;
    page p;
    int rc = open_page(&p, &io, job, err);
    if (rc < 0)
        return rc;
    rc = read_header(&p, err);
    if (rc == 0)
        tell_unused(&p);
    TIFFClose(p.tif);
    if (rc < 0)
        return rc;
    *out = (rst_image){ .width = p.width, .height = p.height, .channels = p.channels };
    return 0;
}
