/* SPDX-License-Identifier: MIT */
/* Pictures and files made in memory, for the tests of the image layer. */
#ifndef TEST_IMAGE_SAMPLES_H
#define TEST_IMAGE_SAMPLES_H

#include <png.h>
#include <setjmp.h>
#include <string.h>
#include <turbojpeg.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/str.h"
#include "image/codec.h"
#include "image/tiff_io.h"

/* Up to 255 and down again, so that colours change smoothly. */
static inline uint8_t sample_wave(int64_t v)
{
    v %= 512;
    return (uint8_t)(v < 256 ? v : 511 - v);
}

/* Smooth colours; an alpha channel is 255. */
static inline rst_image sample_image(int64_t width, int64_t height, int channels)
{
    rst_image img = RST_IMAGE_INIT;
    if (rst_image_new(&img, width, height, channels, NULL) < 0)
        return img;
    for (int64_t y = 0, i = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                img.px[i++] = channels % 2 == 0 && c == channels - 1
                                  ? 255
                                  : sample_wave(x * 3 + y * 5 + c * 40);
    return img;
}

static inline bool same_image(const rst_image *a, const rst_image *b)
{
    return a->width == b->width && a->height == b->height && a->channels == b->channels &&
           memcmp(a->px, b->px, (size_t)(a->width * a->height * a->channels)) == 0;
}

static inline int largest_difference(const rst_image *a, const rst_image *b)
{
    int worst = 0;
    for (int64_t i = 0; i < a->width * a->height * a->channels; i++) {
        int d = a->px[i] - b->px[i];
        worst = d > worst ? d : -d > worst ? -d : worst;
    }
    return worst;
}

/* A PNG that our own writer would not make. Rows come packed as libpng wants them. */
typedef struct sample_png {
    uint32_t width, height;
    int depth, colour, interlace;
    const png_color *palette;
    int colours;
    const uint8_t *alphas; /* tRNS of a palette */
    int n_alphas;
    const uint8_t *rows;
    size_t pitch;
} sample_png;

static inline void sample_png_append(png_structp png, png_bytep data, size_t n)
{
    rst__str_bytes(png_get_io_ptr(png), data, n);
}

static inline void sample_png_flush(png_structp png)
{
    (void)png;
}

static inline rst_bytes sample_png_make(const sample_png *s)
{
    rst_str out = rst__str(SIZE_MAX / 4);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        rst__str_free(&out);
        return (rst_bytes){ NULL, 0 };
    }
    png_set_write_fn(png, &out, sample_png_append, sample_png_flush);
    png_set_IHDR(png, info, s->width, s->height, s->depth, s->colour, s->interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (s->palette)
        png_set_PLTE(png, info, s->palette, s->colours);
    if (s->alphas)
        png_set_tRNS(png, info, s->alphas, s->n_alphas, NULL);
    png_set_gAMA(png, info, 1.0); /* to be ignored */
    png_write_info(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < s->height; y++)
            png_write_row(png, s->rows + y * s->pitch);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return (rst_bytes){ out.s, out.len };
}

/* A TIFF that our own writer would not make. Zero fields are left to the usual value. */
typedef struct sample_tiff {
    const char *mode; /* "w": also "wb" big-endian, "w8" BigTIFF */
    uint16_t compression, photometric, bits, format, planar, extra, unit, predictor;
    int has_extra;
    uint32_t tile, rows;
    float x_resolution, y_resolution;
    const rst_bytes *raw_jpeg; /* the only block, put in as it is */
    int two_pages;
    int raw_colours; /* JPEG: the pixels are stored as given, without libtiff's YCbCr */
} sample_tiff;

static inline void sample_tiff_fields(TIFF *tif, const sample_tiff *s, const rst_image *img)
{
    const uint16_t rgb = img->channels > 2 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, (uint32_t)img->width);
    TIFFSetField(tif, TIFFTAG_IMAGELENGTH, (uint32_t)img->height);
    TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, s->bits ? s->bits : 8);
    TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, img->channels);
    TIFFSetField(tif, TIFFTAG_PLANARCONFIG, s->planar ? s->planar : PLANARCONFIG_CONTIG);
    TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, s->photometric ? s->photometric : rgb);
    TIFFSetField(tif, TIFFTAG_COMPRESSION, s->compression ? s->compression : COMPRESSION_NONE);
    static const uint16_t map[256];
    if (s->photometric == PHOTOMETRIC_PALETTE)
        TIFFSetField(tif, TIFFTAG_COLORMAP, map, map, map);
    if (s->format)
        TIFFSetField(tif, TIFFTAG_SAMPLEFORMAT, s->format);
    if (s->predictor)
        TIFFSetField(tif, TIFFTAG_PREDICTOR, s->predictor);
    if (s->has_extra)
        TIFFSetField(tif, TIFFTAG_EXTRASAMPLES, 1, &s->extra);
    if (s->compression == COMPRESSION_JPEG && s->photometric == PHOTOMETRIC_YCBCR)
        TIFFSetField(tif, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    if (s->unit)
        TIFFSetField(tif, TIFFTAG_RESOLUTIONUNIT, s->unit);
    if (s->x_resolution > 0)
        TIFFSetField(tif, TIFFTAG_XRESOLUTION, (double)s->x_resolution);
    if (s->y_resolution > 0)
        TIFFSetField(tif, TIFFTAG_YRESOLUTION, (double)s->y_resolution);
    if (s->tile) {
        TIFFSetField(tif, TIFFTAG_TILEWIDTH, s->tile);
        TIFFSetField(tif, TIFFTAG_TILELENGTH, s->tile);
    } else {
        TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, s->rows ? s->rows : 8);
    }
}

static inline void sample_tiff_tiles(TIFF *tif, const sample_tiff *s, const rst_image *img)
{
    const size_t c = (size_t)img->channels, t = s->tile;
    uint8_t *tile = rst__calloc(t * t, c);
    for (int64_t y = 0; tile && y < img->height; y += s->tile)
        for (int64_t x = 0; x < img->width; x += s->tile) {
            memset(tile, 0, t * t * c);
            for (int64_t r = 0; r < s->tile && y + r < img->height; r++)
                for (int64_t k = 0; k < s->tile && x + k < img->width; k++)
                    memcpy(tile + ((size_t)r * t + (size_t)k) * c,
                           img->px + (size_t)((y + r) * img->width + x + k) * c, c);
            TIFFWriteTile(tif, tile, (uint32_t)x, (uint32_t)y, 0, 0);
        }
    rst__free(tile);
}

/* Rows of 8-bit pixels whatever `bits` says: the tests of other depths look at the tags only. */
static inline void sample_tiff_strips(TIFF *tif, const sample_tiff *s, const rst_image *img)
{
    const int64_t pitch = img->width * img->channels, rows = s->rows ? s->rows : 8;
    for (int64_t y = 0, i = 0; y < img->height; y += rows, i++) {
        int64_t n = img->height - y < rows ? img->height - y : rows;
        if (s->compression == 0 || s->compression == COMPRESSION_NONE)
            TIFFWriteRawStrip(tif, (uint32_t)i, img->px + y * pitch, (tmsize_t)(n * pitch));
        else
            TIFFWriteEncodedStrip(tif, (uint32_t)i, img->px + y * pitch, (tmsize_t)(n * pitch));
    }
}

static inline rst_bytes sample_tiff_make(const sample_tiff *s, const rst_image *img)
{
    rst_tiff_io io = { 0 };
    TIFF *tif = rst__tiff_open(&io, "sample", s->mode ? s->mode : "w");
    for (int page = 0; tif && page <= s->two_pages; page++) {
        sample_tiff_fields(tif, s, img);
        if (s->raw_jpeg && s->tile)
            TIFFWriteRawTile(tif, 0, s->raw_jpeg->data, (tmsize_t)s->raw_jpeg->len);
        else if (s->raw_jpeg)
            TIFFWriteRawStrip(tif, 0, s->raw_jpeg->data, (tmsize_t)s->raw_jpeg->len);
        else if (s->tile)
            sample_tiff_tiles(tif, s, img);
        else
            sample_tiff_strips(tif, s, img);
        TIFFWriteDirectory(tif);
    }
    if (tif)
        TIFFClose(tif);
    return (rst_bytes){ io.dst, io.len };
}

/* A JPEG by TurboJPEG in any pixel format and subsampling. */
static inline rst_bytes sample_jpeg_make(const uint8_t *px, int width, int height, int format,
                                         int sampling, int flags)
{
    unsigned char *buf = NULL;
    unsigned long n = 0;
    tjhandle tj = tjInitCompress();
    rst_bytes out = { NULL, 0 };
    if (tj && tjCompress2(tj, px, width, 0, height, format, &buf, &n, sampling, 90, flags) == 0) {
        out.data = rst__malloc(n);
        out.len = n;
        if (out.data)
            memcpy(out.data, buf, n);
    }
    tjFree(buf);
    tjDestroy(tj);
    return out;
}

#endif
