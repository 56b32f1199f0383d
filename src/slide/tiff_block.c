/* SPDX-License-Identifier: MIT */
/* Decodes the tiles and strips of a TIFF pyramid. JPEG is decoded here and not by libtiff, which
 * believes the TIFF about colours where the JPEG stream knows better. */
#include <string.h>

#include "base/err.h"
#include "image/codec.h"
#include "image/tiff_page.h"
#include "slide/tiff_slide.h"

/* What a page is ------------------------------------------------------------------------------- */

/* A kind that is read, and grey only where it is asked for. */
static int check_kind(const rst_slide *s, const rst_tiff_handle *h, const rst_tiff_level *l,
                      rst_error *err)
{
    int rc = rst__tiff_check_samples(h->tif, s->path, err);
    if (rc == 0)
        rc = rst__tiff_check_colours(h->tif, s->path, err);
    if (rc < 0)
        return rc;
    if (l->channels >= 3 || s->o.gray_to_rgb)
        return 0;
    return rst_fail(err, RST_EFORMAT,
                    "%s: a grey slide where RGB is due; give --gray-to-rgb to use it as RGB",
                    s->path);
}

/* Bytes of a block of `rows` rows. */
static size_t block_bytes(const rst_tiff_level *l, uint32_t rows)
{
    return (size_t)l->block_width * rows * l->channels;
}

static int find_blocks(const rst_slide *s, const rst_tiff_handle *h, rst_tiff_level *l,
                       rst_error *err)
{
    l->tiled = TIFFIsTiled(h->tif) != 0;
    if (l->tiled) {
        (void)TIFFGetField(h->tif, TIFFTAG_TILEWIDTH, &l->block_width);
        (void)TIFFGetField(h->tif, TIFFTAG_TILELENGTH, &l->block_height);
    } else {
        uint32_t rows = 0;
        (void)TIFFGetFieldDefaulted(h->tif, TIFFTAG_ROWSPERSTRIP, &rows);
        l->block_width = l->width;
        l->block_height = rows < l->height ? rows : l->height;
    }
    if (l->block_width == 0 || l->block_height == 0 ||
        l->block_width > RST_SLIDE_READ_MAX / l->block_height)
        return rst_fail(err, RST_EFORMAT, "%s: a TIFF with %s of %u x %u pixels is not supported",
                        s->path, l->tiled ? "tiles" : "strips", l->block_width, l->block_height);
    const uint64_t theirs =
        l->tiled ? TIFFTileSize64(h->tif) : TIFFScanlineSize64(h->tif) * l->block_height;
    if (l->compression != COMPRESSION_JPEG && theirs != block_bytes(l, l->block_height))
        return rst__tiff_damaged(s, h, "blocks of an odd size", err);
    l->across = (l->width - 1) / l->block_width + 1;
    const uint64_t down = (l->height - 1) / l->block_height + 1;
    const uint32_t count = l->tiled ? TIFFNumberOfTiles(h->tif) : TIFFNumberOfStrips(h->tif);
    return count == l->across * down ? 0 : rst__tiff_damaged(s, h, "an odd number of blocks", err);
}

int rst__tiff_level(const rst_slide *s, rst_tiff_handle *h, rst_tiff_level *out, rst_error *err)
{
    rst_tiff_level l = { .offset = TIFFCurrentDirOffset(h->tif) };
    uint16_t n = 0, *kinds = NULL;
    if (!TIFFGetField(h->tif, TIFFTAG_IMAGEWIDTH, &l.width) ||
        !TIFFGetField(h->tif, TIFFTAG_IMAGELENGTH, &l.height) || l.width == 0 || l.height == 0)
        return rst__tiff_damaged(s, h, "no size", err);
    l.channels = rst__tiff_field16(h->tif, TIFFTAG_SAMPLESPERPIXEL);
    l.compression = rst__tiff_field16(h->tif, TIFFTAG_COMPRESSION);
    if (!TIFFGetField(h->tif, TIFFTAG_PHOTOMETRIC, &l.photometric))
        return rst__tiff_refuse(s->path, "no photometric tag and samples per pixel", l.channels,
                                err);
    int rc = check_kind(s, h, &l, err);
    if (rc == 0)
        rc = find_blocks(s, h, &l, err);
    if (rc < 0)
        return rc;
    (void)TIFFGetFieldDefaulted(h->tif, TIFFTAG_EXTRASAMPLES, &n, &kinds);
    l.premultiplied = n > 0 && kinds && kinds[n - 1] == EXTRASAMPLE_ASSOCALPHA;
    *out = l;
    return 0;
}

/* JPEG ----------------------------------------------------------------------------------------- */

/* A block that is asked for. */
typedef struct place {
    const rst_slide *s;
    const rst_tiff_level *l;
    uint32_t index, rows;
} place;

static int bad(const rst_tiff_handle *h, const char *what, rst_error *err)
{
    return rst_fail(err, RST_EINPUT, "%s", h->io.has_error ? h->io.text : what);
}

static int make_stream(rst_tiff_handle *h, const place *p, size_t raw, size_t *len, rst_error *err)
{
    switch (rst__tiff_jpeg_stream(h->tif, p->index, raw, &h->stream, &h->stream_cap, len)) {
    case 0:
        return 0;
    case RST_ENOMEM:
        return rst__fail_nomem(err, p->s->path);
    case RST_EINPUT:
        return bad(h, "the file ends before the tile does", err);
    default:
        return bad(h, "no JPEG stream", err);
    }
}

static int load_jpeg(rst_tiff_handle *h, const place *p, uint64_t bytes, uint8_t *dst,
                     rst_error *err)
{
    const rst_tiff_slide *t = p->s->own;
    size_t len = 0;
    int width, height, channels;
    if (bytes < 4 || bytes > t->bytes)
        return bad(h, "no room for a JPEG stream", err);
    int rc = make_stream(h, p, (size_t)bytes, &len, err);
    if (rc == 0)
        rc = rst__jpeg_header(h->stream, len, "tile", &width, &height, &channels, err);
    if (rc < 0)
        return rc;
    if ((uint32_t)width != p->l->block_width || (uint32_t)height != p->rows ||
        channels != p->l->channels)
        return bad(h, "a JPEG stream of another size than its place", err);
    return rst__jpeg_pixels(h->stream, len, "tile", width, height, channels, dst,
                            (size_t)p->l->block_width * p->l->channels, err);
}

/* Any block ------------------------------------------------------------------------------------ */

/* Goes to the level's directory, which must still be what it was when the slide was opened. */
static int go_to(const rst_slide *s, rst_tiff_handle *h, const rst_tiff_level *l, rst_error *err)
{
    if (h->at == l->offset)
        return 0;
    h->at = 0;
    if (!TIFFSetSubDirectory(h->tif, l->offset))
        return bad(h, "the level's directory cannot be read", err);
    rst_tiff_level now;
    int rc = rst__tiff_level(s, h, &now, err);
    if (rc < 0)
        return rc;
    if (now.width != l->width || now.height != l->height || now.block_width != l->block_width ||
        now.block_height != l->block_height || now.channels != l->channels ||
        now.compression != l->compression || now.photometric != l->photometric ||
        now.tiled != l->tiled)
        return bad(h, "the file has changed since it was opened", err);
    h->at = l->offset;
    return 0;
}

/* Grey, inverted grey and alpha to RGB on the background. */
static void to_rgb(const place *p, const uint8_t *src, uint8_t *rgb)
{
    const rst_tiff_level *l = p->l;
    const uint8_t *ground = p->s->info.background;
    const int64_t n = (int64_t)l->block_width * p->rows;
    const int c = l->channels, colours = c >= 3 ? 3 : 1;
    const uint8_t flip = l->photometric == PHOTOMETRIC_MINISWHITE ? 255 : 0;
    for (int64_t i = 0; i < n; i++, src += c, rgb += 3)
        for (int k = 0; k < 3; k++) {
            const uint8_t v = (uint8_t)(src[colours == 3 ? k : 0] ^ flip);
            rgb[k] =
                c == colours ? v : rst__slide_over(v, src[colours], ground[k], l->premultiplied);
        }
}

static void paint(const place *p, uint8_t *rgb)
{
    const size_t n = (size_t)p->l->block_width * p->l->block_height;
    for (size_t i = 0; i < n; i++)
        memcpy(rgb + 3 * i, p->s->info.background, 3);
}

static int decode(rst_tiff_handle *h, const place *p, uint64_t bytes, uint8_t *dst, rst_error *err)
{
    if (p->l->compression == COMPRESSION_JPEG)
        return load_jpeg(h, p, bytes, dst, err);
    const tmsize_t want = (tmsize_t)block_bytes(p->l, p->rows);
    memset(dst, 0, (size_t)want); /* libtiff lets a damaged deflate stream leave a part unwritten */
    const tmsize_t got = p->l->tiled ? TIFFReadEncodedTile(h->tif, p->index, dst, want)
                                     : TIFFReadEncodedStrip(h->tif, p->index, dst, want);
    return got == want ? 0 : bad(h, "the tile is too short", err);
}

int rst__tiff_load(const rst_slide *s, void *handle, int level, int64_t bx, int64_t by,
                   uint8_t *rgb, rst_error *err)
{
    rst_tiff_handle *h = handle;
    const rst_tiff_level *l = &((const rst_tiff_slide *)s->own)->level[level];
    const uint32_t below = l->height - (uint32_t)by * l->block_height;
    const place p = { .s = s,
                      .l = l,
                      .index = (uint32_t)by * l->across + (uint32_t)bx,
                      .rows = l->tiled || below > l->block_height ? l->block_height : below };
    h->io.text[0] = 0;
    h->io.has_error = false;
    int rc = go_to(s, h, l, err);
    if (rc < 0)
        return rc;
    int failed = 0;
    const uint64_t bytes = TIFFGetStrileByteCountWithErr(h->tif, p.index, &failed);
    if (failed)
        return bad(h, "the tile's place cannot be read", err);
    if (bytes == 0 && TIFFGetStrileOffset(h->tif, p.index) == 0) {
        paint(&p, rgb); /* a tile left out on purpose */
        return 0;
    }
    if (l->channels == 3)
        return decode(h, &p, bytes, rgb, err);
    if (!rst__tiff_reserve(&h->raw, &h->raw_cap, block_bytes(l, p.rows)))
        return rst__fail_nomem(err, s->path);
    rc = decode(h, &p, bytes, h->raw, err);
    if (rc == 0)
        to_rgb(&p, h->raw, rgb);
    return rc;
}
