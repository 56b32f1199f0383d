/* SPDX-License-Identifier: MIT */
#include "run/multimag.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "grad/engine.h"
#include "image/convert.h"
#include "image/resize.h"

static int cut(const rst_image *img, const rst_multimag_view *v, rst_image *out, rst_error *err)
{
    if (v->size < 1 || v->y < 0 || v->x < 0 || v->y > img->height - v->size ||
        v->x > img->width - v->size)
        return rst_fail(err, RST_EINVAL,
                        "a crop of %lld at row %lld, column %lld is not inside %lldx%lld pixels",
                        (long long)v->size, (long long)v->y, (long long)v->x, (long long)img->width,
                        (long long)img->height);
    rst_image part = RST_IMAGE_INIT;
    int rc = rst_image_new(&part, v->size, v->size, img->channels, err);
    if (rc < 0)
        return rc;
    int64_t row = v->size * img->channels;
    for (int64_t y = 0; y < v->size; y++)
        memcpy(part.px + y * row, img->px + ((v->y + y) * img->width + v->x) * img->channels,
               (size_t)row);
    part.mpp = img->mpp;
    *out = part;
    return 0;
}

int rst__multimag_low(const rst_image *img, const rst_multimag_view *view, int scale,
                      rst_image *low, rst_error *err)
{
    if (scale < 1 || view->uniform < scale || view->uniform % scale != 0)
        return rst_fail(err, RST_EINVAL, "a uniform size of %lld is no multiple of the scale %d",
                        (long long)view->uniform, scale);
    int64_t side = view->uniform / scale;
    if (!view->crop && img->width != img->height)
        return rst_fail(err, RST_EINVAL, "an image of %lldx%lld pixels is not square",
                        (long long)img->width, (long long)img->height);
    if (!view->crop)
        return rst__image_resize(img, side, side, RST_RESIZE_BICUBIC, low, err);
    rst_image part = RST_IMAGE_INIT;
    int rc = cut(img, view, &part, err);
    if (rc < 0)
        return rc;
    if (part.width == side) {
        *low = part;
        return 0;
    }
    rc = rst__image_resize(&part, side, side, RST_RESIZE_BICUBIC, low, err);
    rst_image_free(&part);
    return rc;
}

rst_tensor *rst__multimag_input(rst_ctx *c, const rst_image *low)
{
    int64_t n = low->height * low->width * low->channels;
    float *v = rst__malloc((size_t)n * sizeof *v);
    if (!v)
        return rst__ctx_fail(c, RST_ENOMEM, "super-resolver: out of memory");
    rst__unit_from_u8(low->px, n, v);
    rst_tensor *t =
        rst_upload(c, (rst_dims){ 1, low->channels, low->height, low->width }, RST_NHWC, v);
    rst__free(v);
    return t;
}

int rst__multimag_quantise(rst_tensor *sr, rst_image *out, rst_error *err)
{
    if (!sr)
        return rst_fail(err, RST_EINVAL, "super-resolver: no output");
    rst_dims s = rst_shape(sr);
    rst_image img = RST_IMAGE_INIT;
    int rc = rst_image_new(&img, s.w, s.h, (int)s.c, err);
    if (rc < 0)
        return rc;
    int64_t n = s.c * s.h * s.w;
    float *v = rst__malloc((size_t)n * sizeof *v);
    rc = v ? 0 : rst__fail_nomem(err, "super-resolver");
    if (v && (rc = rst_download(sr, RST_NHWC, v)) < 0)
        (void)rst_ctx_error(sr->ctx, err);
    if (rc < 0) {
        rst__free(v);
        rst_image_free(&img);
        return rc;
    }
    rst__u8_from_unit(v, n, img.px);
    rst__free(v);
    *out = img;
    return 0;
}

int rst__multimag_prepare(rst_ctx *c, rst_module *sr, const rst_image *img,
                          const rst_multimag_view *view, rst_image *out, rst_error *err)
{
    rst_image low = RST_IMAGE_INIT;
    int rc = rst__multimag_low(img, view, rst_arch_scale(rst_module_arch(sr)), &low, err);
    if (rc < 0)
        return rc;
    rst_begin_nograd(c);
    rst_tensor *y = rst_module_forward(sr, rst__multimag_input(c, &low));
    rc = y ? rst__multimag_quantise(y, out, err) : 0;
    rst_image_free(&low);
    int failed = rst_end(c, rc < 0 ? NULL : err);
    return rc < 0 ? rc : failed;
}
