/* SPDX-License-Identifier: MIT */
/* The one place that knows libpng. */
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"
#include "image/codec.h"

/* What libpng's callbacks share with us, on either way. */
typedef struct png_state {
    const rst_decode_job *job;
    size_t pos;     /* of the reader */
    rst_str out;    /* of the writer */
    bool truncated; /* the data ended where more was due */
    bool nomem;
    char text[96]; /* libpng's error */
} png_state;

static void on_error(png_structp png, png_const_charp text)
{
    png_state *s = png_get_error_ptr(png);
    (void)snprintf(s->text, sizeof s->text, "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static png_voidp on_malloc(png_structp png, png_alloc_size_t n)
{
    png_state *s = png_get_mem_ptr(png);
    void *p = rst__malloc(n);
    if (!p)
        s->nomem = true;
    return p;
}

static void on_free(png_structp png, png_voidp p)
{
    (void)png;
    rst__free(p);
}

static void on_read(png_structp png, png_bytep dst, size_t n)
{
    png_state *s = png_get_io_ptr(png);
    if (n > s->job->len - s->pos) {
        s->truncated = true;
        png_error(png, "truncated");
    }
    memcpy(dst, s->job->data + s->pos, n);
    s->pos += n;
}

static int tell(const png_state *s, const char *name, rst_error *err)
{
    if (s->nomem)
        return rst__fail_nomem(err, name);
    if (s->truncated)
        return rst_fail(err, RST_EFORMAT, "%s: truncated PNG", name);
    return rst_fail(err, RST_EFORMAT, "%s: damaged PNG: %s", name, s->text);
}

/* Whatever the file holds comes out as 8-bit grey or RGB, with alpha where it has any. */
static void set_transforms(png_structp png, png_infop info)
{
    const int colour = png_get_color_type(png, info);
    if (colour == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (colour == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, info) < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    if (png_get_valid(png, info, PNG_INFO_tRNS))
        png_set_tRNS_to_alpha(png);
}

/* Between setjmp and its end libpng may jump out of any call, so everything to free is in *out. */
typedef int png_work(png_structp png, png_infop info, const rst_decode_job *job, rst_image *out,
                     rst_error *err);

/* Reads all before the pixels; out's size and channels are those of the pixels to come. */
static int read_header(png_structp png, png_infop info, const rst_decode_job *job, rst_image *out,
                       rst_error *err)
{
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours speak, below */
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL,
                                -1); /* text, profiles: skipped */
    png_read_info(png, info);
    out->width = png_get_image_width(png, info);
    out->height = png_get_image_height(png, info);
    int rc = rst__image_check_size(job, out->width, out->height, err);
    if (rc < 0)
        return rc;
    if (png_get_bit_depth(png, info) > 8)
        return rst_fail(err, RST_EFORMAT, "%s: a 16-bit PNG; only 8 bits a channel are read",
                        job->name);
    set_transforms(png, info);
    (void)png_set_interlace_handling(png);
    png_read_update_info(png, info);
    out->channels = png_get_channels(png, info);
    const size_t pitch = png_get_rowbytes(png, info);
    if (out->channels < 1 || out->channels > 4 ||
        pitch != (size_t)out->width * (size_t)out->channels)
        return rst_fail(err, RST_EFORMAT, "%s: a PNG with rows of %zu bytes for %lld pixels",
                        job->name, pitch, (long long)out->width);
    return 0;
}

static int read_png(png_structp png, png_infop info, const rst_decode_job *job, rst_image *out,
                    rst_error *err)
{
    int rc = read_header(png, info, job, out, err);
    if (rc == 0)
        rc = rst_image_new(out, out->width, out->height, out->channels, err);
    if (rc < 0)
        return rc;
    const size_t pitch = (size_t)out->width * (size_t)out->channels;
    const int passes = png_get_interlace_type(png, info) == PNG_INTERLACE_ADAM7 ? 7 : 1;
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < out->height; y++)
            png_read_row(png, out->px + (size_t)y * pitch, NULL);
    png_read_end(png, NULL);
    return 0;
}

static int with_png(const rst_decode_job *job, png_work *work, rst_image *out, rst_error *err)
{
    png_state s = { .job = job };
    png_structp png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning, &s,
                                               on_malloc, on_free);
    if (!png)
        return rst__fail_nomem(err, job->name);
    png_infop info = png_create_info_struct(png);
    int rc;
    if (!info) {
        rc = rst__fail_nomem(err, job->name);
    } else if (setjmp(png_jmpbuf(png))) {
        rc = tell(&s, job->name, err);
    } else {
        png_set_read_fn(png, &s, on_read);
        rc = work(png, info, job, out, err);
    }
    png_destroy_read_struct(&png, &info, NULL);
    if (rc < 0)
        rst_image_free(out);
    return rc;
}

int rst__png_decode(const rst_decode_job *job, rst_raw_image *out, rst_error *err)
{
    return with_png(job, read_png, &out->img, err);
}

int rst__png_header(const rst_decode_job *job, rst_image *out, rst_error *err)
{
    return with_png(job, read_header, out, err);
}

static void on_write(png_structp png, png_bytep data, size_t n)
{
    png_state *s = png_get_io_ptr(png);
    rst__str_bytes(&s->out, data, n);
    if (s->out.failed) {
        s->nomem = true;
        png_error(png, "out of memory");
    }
}

static void on_flush(png_structp png)
{
    (void)png;
}

static void write_png(png_structp png, png_infop info, const rst_image *img, int deflate)
{
    static const int colours[] = { PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                   PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA };
    const size_t pitch = (size_t)img->width * (size_t)img->channels;
    png_set_compression_level(png, deflate);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png, info, (png_uint_32)img->width, (png_uint_32)img->height, 8,
                 colours[img->channels - 1], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int64_t y = 0; y < img->height; y++)
        png_write_row(png, img->px + (size_t)y * pitch);
    png_write_end(png, NULL);
}

int rst__png_encode(const rst_image *img, const char *name, int deflate, rst_bytes *out,
                    rst_error *err)
{
    if (img->width > PNG_UINT_31_MAX / 8 || img->height > PNG_UINT_31_MAX)
        return rst_fail(err, RST_EINVAL, "%s: %lld x %lld is too large for PNG", name,
                        (long long)img->width, (long long)img->height);
    png_state s = { .out = rst__str(SIZE_MAX / 4) };
    png_structp png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning, &s,
                                                on_malloc, on_free);
    if (!png)
        return rst__fail_nomem(err, name);
    png_infop info = png_create_info_struct(png);
    int rc = 0;
    if (!info)
        rc = rst__fail_nomem(err, name);
    else if (setjmp(png_jmpbuf(png)))
        rc = s.nomem ? rst__fail_nomem(err, name)
                     : rst_fail(err, RST_EINTERNAL, "%s: libpng: %s", name, s.text);
    else {
        png_set_write_fn(png, &s, on_write, on_flush);
        write_png(png, info, img, deflate);
    }
    png_destroy_write_struct(&png, &info);
    if (rc < 0) {
        rst__str_free(&s.out);
        return rc;
    }
    *out = (rst_bytes){ s.out.s, s.out.len };
    return 0;
}
