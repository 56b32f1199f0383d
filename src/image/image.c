/* SPDX-License-Identifier: MIT */
#include <restain/image.h>

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "image/codec.h"

enum { MAX_SIDE = 65535, MAX_PIXELS = 1 << 28, FILE_SLACK = 1 << 24 };

int rst_image_new(rst_image *out, int64_t width, int64_t height, int channels, rst_error *err)
{
    int64_t pixels, bytes;
    if (width < 1 || height < 1 || channels < 1 || channels > 4 ||
        !rst__mul_i64(width, height, &pixels) || !rst__mul_i64(pixels, channels, &bytes) ||
        (uint64_t)bytes > SIZE_MAX / 2)
        return rst_fail(err, RST_EINVAL, "an image of %lld x %lld with %d channels cannot be made",
                        (long long)width, (long long)height, channels);
    uint8_t *px = rst__calloc((size_t)bytes, 1);
    if (!px)
        return rst_fail(err, RST_ENOMEM, "out of memory for an image of %lld x %lld, %d channels",
                        (long long)width, (long long)height, channels);
    *out = (rst_image){ .width = width, .height = height, .channels = channels, .px = px };
    return 0;
}

void rst_image_free(rst_image *img)
{
    if (!img)
        return;
    rst__free(img->px);
    *img = (rst_image)RST_IMAGE_INIT;
}

typedef enum format { FORMAT_NONE, FORMAT_PNG, FORMAT_JPEG, FORMAT_TIFF } format;

static format format_of_name(const char *path)
{
    static const struct {
        const char *end;
        format f;
    } ends[] = {
        { ".png", FORMAT_PNG },  { ".jpg", FORMAT_JPEG },  { ".jpeg", FORMAT_JPEG },
        { ".tif", FORMAT_TIFF }, { ".tiff", FORMAT_TIFF },
    };
    const char *base = strrchr(path, '/');
    const char *dot = strrchr(base ? base : path, '.');
    for (size_t i = 0; dot && i < sizeof ends / sizeof ends[0]; i++)
        if (strcasecmp(dot, ends[i].end) == 0)
            return ends[i].f;
    return FORMAT_NONE;
}

bool rst_image_is_supported_name(const char *path)
{
    return format_of_name(path) != FORMAT_NONE;
}

int rst_image_require_channels(const rst_image *img, const char *name, int channels, rst_error *err)
{
    if (img->channels == channels)
        return 0;
    if (img->channels == 1 && channels == 3)
        return rst_fail(err, RST_EFORMAT,
                        "%s: a grey image (1 channel) where 3 channels are due; give "
                        "--gray-to-rgb to use it as RGB",
                        name);
    return rst_fail(err, RST_EFORMAT, "%s: %d channels where %d are due", name, img->channels,
                    channels);
}

int rst__image_check_size(const rst_decode_job *job, int64_t width, int64_t height, rst_error *err)
{
    int64_t pixels;
    if (width < 1 || height < 1 || !rst__mul_i64(width, height, &pixels))
        return rst_fail(err, RST_EFORMAT, "%s: a size of %lld x %lld", job->name, (long long)width,
                        (long long)height);
    if (width > job->o.max_side || height > job->o.max_side || pixels > job->o.max_pixels)
        return rst_fail(
            err, RST_EFORMAT,
            "%s: %lld x %lld pixels, more than the limit of %lld a side and %lld in all", job->name,
            (long long)width, (long long)height, (long long)job->o.max_side,
            (long long)job->o.max_pixels);
    return 0;
}

/* (colour * alpha + white * (1 - alpha)), rounded. */
static uint8_t on_white(uint8_t colour, uint8_t alpha, bool premultiplied)
{
    unsigned c = premultiplied ? colour * 255u : (unsigned)colour * alpha;
    unsigned v = (c + 255u * (255u - alpha) + 127u) / 255u;
    return (uint8_t)(v > 255 ? 255 : v);
}

static bool is_opaque(const rst_image *img)
{
    const int64_t n = img->width * img->height;
    const int c = img->channels;
    for (int64_t i = 0; i < n; i++)
        if (img->px[i * c + c - 1] != 255)
            return false;
    return true;
}

/* Takes the last channel away, in place. */
static void take_alpha(rst_raw_image *raw, bool white)
{
    rst_image *img = &raw->img;
    const int64_t n = img->width * img->height;
    const int from = img->channels, to = from - 1;
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *s = img->px + i * from;
        const uint8_t a = s[to];
        uint8_t *d = img->px + i * to;
        for (int c = 0; c < to; c++)
            d[c] = white ? on_white(s[c], a, raw->premultiplied) : s[c];
    }
    img->channels = to;
}

static int resolve_alpha(const rst_decode_job *job, rst_raw_image *raw, rst_error *err)
{
    if (raw->img.channels != 2 && raw->img.channels != 4)
        return 0;
    const bool opaque = is_opaque(&raw->img);
    if (opaque && !job->o.quiet)
        rst__log(RST_LOG_INFO, "%s: an alpha channel that is 255 everywhere was dropped",
                 job->name);
    if (job->o.alpha == RST_IMAGE_ALPHA_REFUSE && !opaque)
        return rst_fail(err, RST_EFORMAT,
                        "%s: an alpha channel that is not 255 everywhere; give --alpha drop or "
                        "--alpha white",
                        job->name);
    take_alpha(raw, job->o.alpha == RST_IMAGE_ALPHA_WHITE);
    return 0;
}

static int spread_gray(const rst_decode_job *job, rst_image *img, rst_error *err)
{
    if (!job->o.gray_to_rgb || img->channels != 1)
        return 0;
    rst_image rgb;
    int rc = rst_image_new(&rgb, img->width, img->height, 3, err);
    if (rc < 0)
        return rc;
    const int64_t n = img->width * img->height;
    for (int64_t i = 0; i < n; i++)
        memset(rgb.px + 3 * i, img->px[i], 3);
    rgb.mpp = img->mpp;
    rst_image_free(img);
    *img = rgb;
    return 0;
}

static format format_of_content(const uint8_t *p, size_t len)
{
    if (len >= 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0)
        return FORMAT_PNG;
    if (len >= 3 && memcmp(p, "\xff\xd8\xff", 3) == 0)
        return FORMAT_JPEG;
    if (len >= 4 && (memcmp(p, "II*\0", 4) == 0 || memcmp(p, "MM\0*", 4) == 0 ||
                     memcmp(p, "II+\0", 4) == 0 || memcmp(p, "MM\0+", 4) == 0))
        return FORMAT_TIFF;
    return FORMAT_NONE;
}

static rst_image_read_options filled_in(const rst_image_read_options *o)
{
    rst_image_read_options r = { 0 };
    if (o)
        r = *o;
    if (r.max_side <= 0)
        r.max_side = MAX_SIDE;
    if (r.max_pixels <= 0)
        r.max_pixels = MAX_PIXELS;
    return r;
}

int rst__image_decode(const void *buf, size_t len, const char *name,
                      const rst_image_read_options *o, rst_image *out, rst_error *err)
{
    const rst_decode_job job = { .data = buf, .len = len, .name = name, .o = filled_in(o) };
    rst_raw_image raw = { .img = RST_IMAGE_INIT };
    int rc;
    if (len == 0)
        return rst_fail(err, RST_EFORMAT, "%s: an empty file", name);
    switch (format_of_content(buf, len)) {
    case FORMAT_PNG:
        rc = rst__png_decode(&job, &raw, err);
        break;
    case FORMAT_JPEG:
        rc = rst__jpeg_decode(&job, &raw, err);
        break;
    case FORMAT_TIFF:
        rc = rst__tiff_decode(&job, &raw, err);
        break;
    default:
        return rst_fail(err, RST_EFORMAT, "%s: not a PNG, JPEG or TIFF file", name);
    }
    if (rc == 0)
        rc = resolve_alpha(&job, &raw, err);
    if (rc == 0)
        rc = spread_gray(&job, &raw.img, err);
    if (rc < 0) {
        rst_image_free(&raw.img);
        return rc;
    }
    *out = raw.img;
    return 0;
}

/* The largest file worth reading: an uncompressed one at the limit of pixels, and its metadata. */
static size_t max_file(const rst_image_read_options *o)
{
    const int64_t pixels = filled_in(o).max_pixels;
    return (size_t)(pixels > INT64_MAX / 8 ? INT64_MAX / 2 : 4 * pixels) + FILE_SLACK;
}

int rst_image_read(rst_image *out, const char *path, const rst_image_read_options *o,
                   rst_error *err)
{
    void *buf;
    size_t len;
    int rc = rst__file_read(path, max_file(o), &buf, &len, err);
    if (rc < 0)
        return rc;
    rc = rst__image_decode(buf, len, path, o, out, err);
    rst__free(buf);
    return rc;
}

int rst__image_header(const void *buf, size_t len, const char *name,
                      const rst_image_read_options *o, rst_image *out, rst_error *err)
{
    const rst_decode_job job = { .data = buf, .len = len, .name = name, .o = filled_in(o) };
    int w = 0, h = 0, c = 0, rc;
    if (len == 0)
        return rst_fail(err, RST_EFORMAT, "%s: an empty file", name);
    switch (format_of_content(buf, len)) {
    case FORMAT_PNG:
        return rst__png_header(&job, out, err);
    case FORMAT_TIFF:
        return rst__tiff_header(&job, out, err);
    case FORMAT_JPEG:
        rc = rst__jpeg_header(job.data, len, name, &w, &h, &c, err);
        if (rc == 0)
            rc = rst__image_check_size(&job, w, h, err);
        if (rc == 0)
            *out = (rst_image){ .width = w, .height = h, .channels = c };
        return rc;
    default:
        return rst_fail(err, RST_EFORMAT, "%s: not a PNG, JPEG or TIFF file", name);
    }
}

/* From a long file's first bytes; false where they do not tell: the directory of a TIFF may lie
 * anywhere, metadata before a picture may be long. */
static bool probe_head(const char *path, const rst_image_read_options *o, rst_image *out)
{
    enum { HEAD = 1 << 16 };
    uint8_t *head = rst__malloc(HEAD);
    const bool known = head && rst__file_read_at(path, 0, head, HEAD, NULL) == 0 &&
                       format_of_content(head, HEAD) != FORMAT_TIFF &&
                       rst__image_header(head, HEAD, path, o, out, NULL) == 0;
    rst__free(head);
    return known;
}

int rst__image_probe(const char *path, const rst_image_read_options *o, rst_image *out,
                     rst_error *err)
{
    void *buf;
    size_t len;
    if (probe_head(path, o, out))
        return 0;
    int rc = rst__file_read(path, max_file(o), &buf, &len, err);
    if (rc < 0)
        return rc;
    rc = rst__image_header(buf, len, path, o, out, err);
    rst__free(buf);
    return rc;
}

static int encode(const char *path, const rst_image *img, const rst_image_write_options *o,
                  rst_bytes *out, rst_error *err)
{
    const int quality = o->jpeg_quality ? o->jpeg_quality : 90;
    const int deflate = o->deflate ? o->deflate : 6;
    if (!img->px || img->width < 1 || img->height < 1 || img->channels < 1 || img->channels > 4)
        return rst_fail(err, RST_EINVAL, "%s: not an image to write: %lld x %lld, %d channels",
                        path, (long long)img->width, (long long)img->height, img->channels);
    if (quality < 1 || quality > 100)
        return rst_fail(err, RST_EINVAL, "%s: a JPEG quality of %d is not in 1..100", path,
                        quality);
    if (deflate < 1 || deflate > 9)
        return rst_fail(err, RST_EINVAL, "%s: a deflate effort of %d is not in 1..9", path,
                        deflate);
    switch (format_of_name(path)) {
    case FORMAT_PNG:
        return rst__png_encode(img, path, deflate, out, err);
    case FORMAT_JPEG:
        return rst__jpeg_encode(img, path, quality, out, err);
    case FORMAT_TIFF:
        return rst__tiff_encode(img, path, deflate, out, err);
    default:
        return rst_fail(err, RST_EINVAL,
                        "%s: the name must end in .png, .jpg, .jpeg, .tif or .tiff", path);
    }
}

int rst_image_write(const char *path, const rst_image *img, const rst_image_write_options *o,
                    rst_error *err)
{
    static const rst_image_write_options defaults;
    rst_bytes b = { NULL, 0 };
    int rc = encode(path, img, o ? o : &defaults, &b, err);
    if (rc < 0)
        return rc;
    rc = rst__file_write(path, b.data, b.len, err);
    rst__free(b.data);
    return rc;
}
