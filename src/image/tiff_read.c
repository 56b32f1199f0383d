/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "image/codec.h"
#include "image/tiff_io.h"

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

/* The tag and its value are named, as `tiffinfo` would show them. */
static int refuse(const page *p, const char *tag, unsigned value, rst_error *err)
{
    return rst_fail(err, RST_EFORMAT,
                    "%s: a TIFF with %s %u is not supported; 8-bit grey and RGB are", p->job->name,
                    tag, value);
}

static uint16_t field16(const page *p, uint32_t tag)
{
    uint16_t v = 0;
    return TIFFGetFieldDefaulted(p->tif, tag, &v) ? v : 0;
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

static int check_colours(const page *p, rst_error *err)
{
    const bool jpeg = p->compression == COMPRESSION_JPEG;
    const unsigned n = p->channels;
    switch (p->photometric) {
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_MINISWHITE:
        return n == 1 || (n == 2 && !jpeg) ? 0 : refuse(p, "grey and samples per pixel", n, err);
    case PHOTOMETRIC_RGB:
        return n == 3 || (n == 4 && !jpeg) ? 0 : refuse(p, "RGB and samples per pixel", n, err);
    case PHOTOMETRIC_YCBCR:
        if (!jpeg)
            return refuse(p, "YCbCr outside JPEG, photometric", p->photometric, err);
        return n == 3 ? 0 : refuse(p, "YCbCr and samples per pixel", n, err);
    case PHOTOMETRIC_SEPARATED:
        return refuse(p, "CMYK, photometric", p->photometric, err);
    case PHOTOMETRIC_PALETTE:
        return refuse(p, "a palette, photometric", p->photometric, err);
    default:
        return refuse(p, "photometric", p->photometric, err);
    }
}

static int check_kind(page *p, rst_error *err)
{
    p->channels = field16(p, TIFFTAG_SAMPLESPERPIXEL);
    p->compression = field16(p, TIFFTAG_COMPRESSION);
    const uint16_t bits = field16(p, TIFFTAG_BITSPERSAMPLE);
    const uint16_t sample = field16(p, TIFFTAG_SAMPLEFORMAT);
    const uint16_t planar = field16(p, TIFFTAG_PLANARCONFIG);
    if (bits != 8)
        return refuse(p, "bits per sample", bits, err);
    if (sample != SAMPLEFORMAT_UINT && sample != SAMPLEFORMAT_VOID)
        return refuse(p, "sample format", sample, err);
    if (planar != PLANARCONFIG_CONTIG && p->channels > 1)
        return refuse(p, "separate planes, planar configuration", planar, err);
    if (!is_read(p->compression))
        return refuse(p, "compression", p->compression, err);
    if (!TIFFGetField(p->tif, TIFFTAG_PHOTOMETRIC, &p->photometric))
        return refuse(p, "no photometric tag and samples per pixel", p->channels, err);
    return check_colours(p, err);
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

/* Whether a JPEG stream says by itself how its colours are meant (JFIF or Adobe marker). */
static bool tells_colours(const uint8_t *s, size_t len)
{
    for (size_t at = 2; at + 4 <= len && s[at] == 0xff && s[at + 1] != 0xda;) {
        const size_t n = (size_t)s[at + 2] << 8 | s[at + 3];
        if (n < 2 || n > len - at - 2)
            return false;
        if (s[at + 1] == 0xe0 && n >= 7 && memcmp(s + at + 4, "JFIF", 5) == 0)
            return true;
        if (s[at + 1] == 0xee && n >= 14 && memcmp(s + at + 4, "Adobe", 5) == 0)
            return true;
        at += 2 + n;
    }
    return false;
}

/* The tables that all blocks share, without their start and end markers; may be none. */
static size_t shared_tables(const page *p, const uint8_t **tables)
{
    uint32_t n = 0;
    void *t = NULL;
    if (!TIFFGetField(p->tif, TIFFTAG_JPEGTABLES, &n, &t) || !t || n < 4)
        return 0;
    *tables = (const uint8_t *)t + 2;
    return n - 4;
}

/* Puts the block's raw bytes and the shared tables together into one whole JPEG stream. A stream
 * that does not tell its colours gets an Adobe marker that says what the TIFF says: TurboJPEG would
 * guess, and guesses wrong for the plain RGB of slide scanners. libtiff itself trusts the TIFF
 * where the stream knows better, and shows false colours for QuPath's files. */
static int make_stream(page *p, uint32_t index, size_t *len, rst_error *err)
{
    uint8_t marker[] = { 0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0 };
    marker[15] = p->photometric == PHOTOMETRIC_YCBCR;
    const uint8_t *tables = NULL;
    const size_t nt = shared_tables(p, &tables), head = 2 + sizeof marker + nt;
    const uint64_t count = TIFFGetStrileByteCount(p->tif, index);
    if (count < 4 || count > p->job->len)
        return damaged(p, "a JPEG block with no room for a picture", err);
    const size_t raw = (size_t)count;
    if (head + raw > p->stream_cap) {
        uint8_t *s = rst__realloc(p->stream, head + raw, 1);
        if (!s)
            return rst__fail_nomem(err, p->job->name);
        p->stream = s;
        p->stream_cap = head + raw;
    }
    /* The block's own start marker is overwritten by the tables before it. */
    uint8_t *body = p->stream + head - 2;
    tmsize_t got = p->tiled ? TIFFReadRawTile(p->tif, index, body, (tmsize_t)raw)
                            : TIFFReadRawStrip(p->tif, index, body, (tmsize_t)raw);
    if (got != (tmsize_t)raw || body[0] != 0xff || body[1] != 0xd8)
        return damaged(p, "a block that is no JPEG stream", err);
    const bool told = p->channels == 1 || tells_colours(body, raw);
    if (nt)
        memcpy(body + 2 - nt, tables, nt);
    uint8_t *start = body + 2 - nt;
    if (!told)
        memcpy(start -= sizeof marker, marker, sizeof marker);
    start -= 2;
    start[0] = 0xff;
    start[1] = 0xd8;
    *len = (size_t)(p->stream + head - 2 + raw - start);
    memmove(p->stream, start, *len);
    return 0;
}

static int read_jpeg_block(page *p, uint32_t index, uint32_t rows, uint8_t *dst, rst_error *err)
{
    size_t len = 0;
    int w, h, c;
    int rc = make_stream(p, index, &len, err);
    if (rc == 0)
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
    const uint16_t unit = field16(p, TIFFTAG_RESOLUTIONUNIT);
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
    const uint16_t orientation = field16(p, TIFFTAG_ORIENTATION);
    if (orientation > 1)
        rst__log(RST_LOG_WARN, "%s: stored with orientation %u, which is not applied", p->job->name,
                 orientation);
    if (!TIFFLastDirectory(p->tif))
        rst__log(RST_LOG_INFO, "%s: only the first of its pages is read", p->job->name);
}

static int read_page(page *p, rst_raw_image *out, rst_error *err)
{
    if (!TIFFGetField(p->tif, TIFFTAG_IMAGEWIDTH, &p->width) ||
        !TIFFGetField(p->tif, TIFFTAG_IMAGELENGTH, &p->height))
        return damaged(p, "no size", err);
    int rc = rst__image_check_size(p->job, p->width, p->height, err);
    if (rc == 0)
        rc = check_kind(p, err);
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

int rst__tiff_decode(const rst_decode_job *job, rst_raw_image *out, rst_error *err)
{
    rst_tiff_io io = { .src = job->data, .len = job->len };
    page p = { .job = job, .io = &io };
    p.tif = rst__tiff_open(&io, job->name, "rm");
    if (!p.tif)
        return io.text[0] ? damaged(&p, io.text, err) : rst__fail_nomem(err, job->name);
    int rc = read_page(&p, out, err);
    TIFFClose(p.tif);
    rst__free(p.block);
    rst__free(p.stream);
    if (rc < 0)
        rst_image_free(&out->img);
    return rc;
}
