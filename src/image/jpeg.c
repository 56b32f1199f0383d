/* SPDX-License-Identifier: MIT */
/* The one place of the image layer that knows TurboJPEG. */
#include <limits.h>
#include <string.h>
#include <turbojpeg.h>

#include "base/alloc.h"
#include "base/err.h"
#include "image/codec.h"

/* libjpeg warns and goes on, with grey or smeared blocks, where data are missing or damaged. A
 * picture that is partly invented is no use to anybody here, so its warnings are errors. */
static int tell(tjhandle tj, const char *name, rst_error *err)
{
    const char *text = tjGetErrorStr2(tj);
    if (strstr(text, "Premature end"))
        return rst_fail(err, RST_EFORMAT, "%s: truncated JPEG", name);
    if (strstr(text, "nsufficient memory") || strstr(text, "Memory allocation"))
        return rst__fail_nomem(err, name);
    return rst_fail(err, RST_EFORMAT, "%s: damaged or unsupported JPEG: %s", name, text);
}

int rst__jpeg_header(const uint8_t *data, size_t len, const char *name, int *width, int *height,
                     int *channels, rst_error *err)
{
    tjhandle tj = tjInitDecompress();
    if (!tj)
        return rst__fail_nomem(err, name);
    int sampling, colours, rc = 0;
    if (tjDecompressHeader3(tj, data, len, width, height, &sampling, &colours) < 0)
        rc = tell(tj, name, err);
    else if (colours == TJCS_CMYK || colours == TJCS_YCCK)
        rc = rst_fail(err, RST_EFORMAT, "%s: a CMYK JPEG; only grey and RGB are read", name);
    else
        *channels = colours == TJCS_GRAY ? 1 : 3;
    tjDestroy(tj);
    return rc;
}

int rst__jpeg_pixels(const uint8_t *data, size_t len, const char *name, int width, int height,
                     int channels, uint8_t *px, size_t pitch, rst_error *err)
{
    if (pitch > INT_MAX)
        return rst_fail(err, RST_EFORMAT, "%s: rows of %zu bytes", name, pitch);
    tjhandle tj = tjInitDecompress();
    if (!tj)
        return rst__fail_nomem(err, name);
    /* No TJFLAG_FASTUPSAMPLE: smooth chroma, as Pillow's. */
    int rc = tjDecompress2(tj, data, len, px, width, (int)pitch, height,
                           channels == 1 ? TJPF_GRAY : TJPF_RGB,
                           TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS);
    if (rc < 0)
        rc = tell(tj, name, err);
    tjDestroy(tj);
    return rc;
}

int rst__jpeg_decode(const rst_decode_job *job, rst_raw_image *out, rst_error *err)
{
    int w, h, c;
    int rc = rst__jpeg_header(job->data, job->len, job->name, &w, &h, &c, err);
    if (rc == 0)
        rc = rst__image_check_size(job, w, h, err);
    if (rc == 0)
        rc = rst_image_new(&out->img, w, h, c, err);
    if (rc < 0)
        return rc;
    rc = rst__jpeg_pixels(job->data, job->len, job->name, w, h, c, out->img.px,
                          (size_t)w * (size_t)c, err);
    if (rc < 0)
        rst_image_free(&out->img);
    return rc;
}

int rst__jpeg_encode(const rst_image *img, const char *name, int quality, rst_bytes *out,
                     rst_error *err)
{
    return rst__jpeg_encode_as(img, name, quality, RST_JPEG_444, out, err);
}

int rst__jpeg_encode_as(const rst_image *img, const char *name, int quality, rst_jpeg_chroma chroma,
                        rst_bytes *out, rst_error *err)
{
    enum { JPEG_MAX = 65500 };
    if (img->channels != 1 && img->channels != 3)
        return rst_fail(err, RST_EINVAL, "%s: JPEG holds 1 or 3 channels, not %d", name,
                        img->channels);
    if (img->width > JPEG_MAX || img->height > JPEG_MAX)
        return rst_fail(err, RST_EINVAL, "%s: %lld x %lld is too large for JPEG", name,
                        (long long)img->width, (long long)img->height);
    const int w = (int)img->width, h = (int)img->height;
    const int sampling = img->channels == 1       ? TJSAMP_GRAY
                         : chroma == RST_JPEG_420 ? TJSAMP_420
                                                  : TJSAMP_444;
    unsigned long size = tjBufSize(w, h, sampling);
    unsigned char *buf = size == (unsigned long)-1 ? NULL : rst__malloc(size);
    tjhandle tj = buf ? tjInitCompress() : NULL;
    if (!tj) {
        rst__free(buf);
        return rst__fail_nomem(err, name);
    }
    int rc = tjCompress2(tj, img->px, w, 0, h, img->channels == 1 ? TJPF_GRAY : TJPF_RGB, &buf,
                         &size, sampling, quality, TJFLAG_ACCURATEDCT | TJFLAG_NOREALLOC);
    if (rc < 0)
        rc = rst_fail(err, RST_EINTERNAL, "%s: turbojpeg: %s", name, tjGetErrorStr2(tj));
    tjDestroy(tj);
    if (rc < 0) {
        rst__free(buf);
        return rc;
    }
    *out = (rst_bytes){ buf, size };
    return 0;
}
