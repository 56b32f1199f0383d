/* SPDX-License-Identifier: MIT */
#include "run/multimag.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "grad/engine.h"
#include "image/convert.h"
#include "image/crop.h"
#include "image/resize.h"
#include "run/model.h"

static int cut(const rst_image *img, const rst_multimag_view *v, rst_image *out, rst_error *err)
{
    if (v->size < 1 || v->y < 0 || v->x < 0 || v->y > img->height - v->size ||
        v->x > img->width - v->size)
        return rst_fail(err, RST_EINVAL,
                        "a crop of %lld at row %lld, column %lld is not inside %lldx%lld pixels",
                        (long long)v->size, (long long)v->y, (long long)v->x, (long long)img->width,
                        (long long)img->height);
    return rst__image_crop(img, v->y, v->x, v->size, v->size, out, err);
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

/* Where a window begins and ends on a side of n: the core and a halo, as far as there is image. */
typedef struct span {
    int64_t core, end, from, to;
} span;

static span span_of(int64_t core, int64_t tile, int64_t n)
{
    span s = { .core = core, .end = core + tile < n ? core + tile : n };
    s.from = core > RST_MULTIMAG_HALO ? core - RST_MULTIMAG_HALO : 0;
    s.to = s.end + RST_MULTIMAG_HALO < n ? s.end + RST_MULTIMAG_HALO : n;
    return s;
}

static int resolve_window(rst_model *sr, const rst_image *low, span v, span h, rst_image *out,
                          rst_error *err)
{
    const int64_t scale = rst_model_describe(sr).scale, c = low->channels;
    rst_image in = RST_IMAGE_INIT, big = RST_IMAGE_INIT;
    int rc = rst__image_crop(low, v.from, h.from, v.to - v.from, h.to - h.from, &in, err);
    if (rc == 0)
        rc = rst_model_translate(sr, &in, &big, err);
    rst_image_free(&in);
    if (rc < 0)
        return rc;
    const int64_t rows = (v.end - v.core) * scale, bytes = (h.end - h.core) * scale * c;
    for (int64_t y = 0; y < rows; y++)
        memcpy(out->px + ((v.core * scale + y) * out->width + h.core * scale) * c,
               big.px +
                   (((v.core - v.from) * scale + y) * big.width + (h.core - h.from) * scale) * c,
               (size_t)bytes);
    rst_image_free(&big);
    return 0;
}

int rst__multimag_resolve(rst_model *sr, const rst_image *low, int64_t tile, rst_image *out,
                          rst_error *err)
{
    const int64_t scale = rst_model_describe(sr).scale;
    rst_image all = RST_IMAGE_INIT;
    int rc = rst_image_new(&all, low->width * scale, low->height * scale, low->channels, err);
    for (int64_t y = 0; rc == 0 && y < low->height; y += tile)
        for (int64_t x = 0; rc == 0 && x < low->width; x += tile)
            rc = resolve_window(sr, low, span_of(y, tile, low->height),
                                span_of(x, tile, low->width), &all, err);
    if (rc < 0) {
        rst_image_free(&all);
        return rc;
    }
    *out = all;
    return 0;
}
