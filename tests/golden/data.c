/* SPDX-License-Identifier: MIT */
/* The group `data`: resampling, conversions, the multi-magnification sample. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"
#include "image/convert.h"
#include "image/resize.h"
#include "run/multimag.h"

/* Images --------------------------------------------------------------------------------------- */

bool gold_image(gold_case *g, const rst_weight *w, rst_image *out)
{
    rst_error err = RST_ERROR_INIT;
    const int64_t *s = w ? w->shape + (w->rank == 4) : NULL;
    if (!w)
        return false;
    if (w->rank < 3 || w->rank > 4 || (w->rank == 4 && w->shape[0] != 1) || s[0] < 1 || s[0] > 4)
        return gold_fail(g, "%s is no single image", w->name);
    if (rst_image_new(out, s[2], s[1], (int)s[0], &err) < 0)
        return gold_fail(g, "%s", err.msg);
    int64_t *v = gold_i64(g, w), plane = s[1] * s[2];
    for (int64_t i = 0; v && i < s[0] * plane; i++) {
        if (v[i] < 0 || v[i] > 255)
            (void)gold_fail(g, "%s: a pixel of %lld", w->name, (long long)v[i]);
        out->px[i % plane * s[0] + i / plane] = (uint8_t)v[i];
    }
    free(v);
    return !g->failed;
}

static bool put_image(gold_case *g, const char *name, const rst_image *img)
{
    int64_t c = img->channels, plane = img->width * img->height;
    double *v = gold_alloc((size_t)(c * plane), sizeof *v);
    for (int64_t i = 0; i < c * plane; i++)
        v[i] = img->px[i % plane * c + i / plane];
    bool ok = gold_put(g, name, v, c * plane);
    free(v);
    return ok;
}

static bool put_bytes(gold_case *g, const char *name, const uint8_t *b, int64_t n)
{
    double *v = gold_alloc((size_t)n, sizeof *v);
    for (int64_t i = 0; i < n; i++)
        v[i] = b[i];
    bool ok = gold_put(g, name, v, n);
    free(v);
    return ok;
}

static bool put_floats(gold_case *g, const char *name, const float *f, int64_t n)
{
    double *v = gold_alloc((size_t)n, sizeof *v);
    for (int64_t i = 0; i < n; i++)
        v[i] = (double)f[i];
    bool ok = gold_put(g, name, v, n);
    free(v);
    return ok;
}

static float *floats_of(const rst_weight *w)
{
    float *v = gold_alloc((size_t)rst_weight_elements(w), sizeof *v);
    rst_weight_to_f32(w, v);
    return v;
}

/* Conversions ---------------------------------------------------------------------------------- */

static bool tensor2uint(gold_case *g)
{
    const rst_weight *w = gold_tensor(g, "input.", "tensor");
    if (!w)
        return false;
    int64_t n = rst_weight_elements(w);
    float *v = floats_of(w);
    uint8_t *b = gold_alloc((size_t)n, 1);
    rst__u8_from_unit(v, n, b);
    bool ok = put_bytes(g, "output.image", b, n);
    free(b);
    free(v);
    return ok;
}

/* Both ways: bytes to floats and back, and other floats to bytes. */
static bool to_tensor_tensor2im(gold_case *g)
{
    const rst_weight *image = gold_tensor(g, "input.", "image");
    const rst_weight *tensor = gold_tensor(g, "input.", "tensor");
    if (!image || !tensor)
        return false;
    int64_t n = rst_weight_elements(image), m = rst_weight_elements(tensor);
    int64_t *pixel = gold_i64(g, image);
    if (!pixel)
        return false;
    uint8_t *b = gold_alloc((size_t)(n > m ? n : m), 1);
    float *f = gold_alloc((size_t)n, sizeof *f), *given = floats_of(tensor);
    for (int64_t i = 0; i < n; i++)
        b[i] = (uint8_t)pixel[i];
    rst__float_from_u8(b, n, f);
    bool ok = put_floats(g, "output.normalized", f, n);
    rst__u8_from_float(f, n, b);
    ok = ok && put_bytes(g, "output.roundtrip_tensor2im_of_normalized", b, n);
    rst__u8_from_float(given, m, b);
    ok = ok && put_bytes(g, "output.tensor2im", b, m);
    free(given);
    free(f);
    free(b);
    free(pixel);
    return ok;
}

/* Resampling ----------------------------------------------------------------------------------- */

static bool parse_filter(gold_case *g, const char *name, rst_resize_filter *out)
{
    if (name && strcmp(name, "BICUBIC") == 0)
        *out = RST_RESIZE_BICUBIC;
    else if (name && strcmp(name, "BILINEAR") == 0)
        *out = RST_RESIZE_BILINEAR;
    else
        return gold_fail(g, "cannot be mapped: filter %s", name ? name : "(none)");
    return true;
}

static bool pil_resize(gold_case *g)
{
    int64_t size[2];
    rst_resize_filter filter;
    rst_error err = RST_ERROR_INIT;
    rst_image in = RST_IMAGE_INIT, out = RST_IMAGE_INIT;
    if (gold_real(g, "a", -0.5) != -0.5)
        return gold_fail(g, "cannot be mapped: a cubic of another a than -0.5");
    if (!parse_filter(g, gold_text(g, "filter"), &filter) || !gold_pair(g, g->options, "out", size))
        return false;
    bool ok = gold_image(g, gold_tensor(g, "input.", "image"), &in);
    if (ok && rst__image_resize(&in, size[1], size[0], filter, &out, &err) < 0)
        ok = gold_fail(g, "%s", err.msg);
    ok = ok && put_image(g, "output.image", &out);
    rst_image_free(&in);
    rst_image_free(&out);
    return ok;
}

static bool matlab_imresize(gold_case *g)
{
    rst_error err = RST_ERROR_INIT;
    const rst_weight *w = gold_tensor(g, "input.", "image");
    double scale = gold_real(g, "scale", 1);
    bool antialias = gold_bool(g, "antialiasing", true);
    if (!w || w->rank < 2)
        return gold_fail(g, "input.image is missing or no image");
    int64_t h = w->shape[w->rank - 2], wide = w->shape[w->rank - 1];
    int64_t oh = rst__imresize_side(h, scale), ow = rst__imresize_side(wide, scale);
    if (oh < 1 || ow < 1)
        return gold_fail(g, "imresize gives no pixel");
    int64_t planes = rst_weight_elements(w) / (h * wide);
    float *in = floats_of(w), *out = gold_alloc((size_t)(planes * oh * ow), sizeof *out);
    int rc = 0;
    for (int64_t i = 0; i < planes && rc == 0; i++)
        rc =
            rst__imresize(in + i * h * wide, h, wide, 1, scale, antialias, out + i * oh * ow, &err);
    bool ok = rc == 0 ? put_floats(g, "output.image", out, planes * oh * ow)
                      : gold_fail(g, "%s", err.msg);
    free(in);
    free(out);
    return ok;
}

/* Rows of width and height before and after. */
static bool make_power_2(gold_case *g)
{
    json_t *rows = json_object_get(g->values, "in_w_in_h_out_w_out_h");
    int64_t base = gold_int(g, "base", 4);
    if (json_array_size(rows) == 0)
        return gold_fail(g, "values.in_w_in_h_out_w_out_h is no list");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        double row[4];
        if (!gold_reals(g, json_array_get(rows, i), "a row of sizes", 4, row))
            return false;
        for (int k = 0; k < 2; k++) {
            char what[64];
            (void)snprintf(what, sizeof what, "%s of row %d", k ? "height" : "width", (int)i);
            double got = (double)rst__make_power_2((int64_t)row[k], base);
            if (!gold_value(g, what, got, row[k + 2], 0, 0))
                return false;
        }
    }
    return true;
}

/* The multi-magnification sample --------------------------------------------------------------- */

static bool parse_view(gold_case *g, rst_multimag_view *v)
{
    json_t *crop = json_object_get(g->options, "crop"), *down = json_object_get(g->options, "down");
    double box[3];
    *v = (rst_multimag_view){ .uniform = gold_int(g, "uniform", 1024) };
    if (crop && !json_is_null(crop)) {
        if (!gold_reals(g, crop, "crop", 3, box))
            return false;
        v->crop = true;
        v->y = (int64_t)box[0];
        v->x = (int64_t)box[1];
        v->size = (int64_t)box[2];
    }
    if (!down || json_is_null(down))
        return true;
    rst_resize_filter filter;
    json_t *a = json_object_get(down, "a");
    int64_t size[2], sf = gold_int(g, "sf", 4), side = sf > 0 ? v->uniform / sf : 0;
    if (!parse_filter(g, json_string_value(json_object_get(down, "filter")), &filter) ||
        !gold_pair(g, down, "out", size))
        return false;
    if (filter != RST_RESIZE_BICUBIC || (a && json_number_value(a) != -0.5) || size[0] != side ||
        size[1] != side)
        return gold_fail(g, "cannot be mapped: multimag with another reduction");
    return true;
}

static rst_module *super_resolver(gold_case *g)
{
    rst_arch a;
    rst_error err = RST_ERROR_INIT;
    int64_t sf = gold_int(g, "sf", 4);
    if (rst_arch_preset(sf == 2 ? "rrdbnet_x2" : "rrdbnet_x4", &a, &err) < 0) {
        (void)gold_fail(g, "%s", err.msg);
        return NULL;
    }
    a.width = (int)gold_int(g, "nf", 64);
    a.blocks = (int)gold_int(g, "nb", 23);
    a.growth = (int)gold_int(g, "gc", 32);
    a.scale = (int)sf;
    if (gold_real(g, "lrelu", 0.2) != 0.2)
        (void)gold_fail(g, "cannot be mapped: a super-resolver with another slope than 0.2");
    return gold_net(g, &a);
}

/* The later stages go on from the stored low image, as the case asks. */
static bool later_stages(gold_case *g, rst_module *sr, const char *stain)
{
    char low[32], name[32];
    rst_error err = RST_ERROR_INIT;
    rst_image img = RST_IMAGE_INIT, out = RST_IMAGE_INIT;
    (void)snprintf(low, sizeof low, "low_%s", stain);
    (void)snprintf(name, sizeof name, "sr_%s", stain);
    if (!gold_image(g, gold_tensor(g, "output.", low), &img))
        return false;
    rst_tensor *y = rst_module_forward(sr, rst__multimag_input(g->ctx, &img));
    rst_image_free(&img);
    if (!gold_out(g, name, y))
        return false;
    if (rst__multimag_quantise(y, &out, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    (void)snprintf(name, sizeof name, "output.%s", stain);
    bool ok = put_image(g, name, &out);
    rst_image_free(&out);
    return ok;
}

static bool sample_of(gold_case *g, rst_module *sr, const rst_multimag_view *v, const char *stain)
{
    char name[32];
    rst_error err = RST_ERROR_INIT;
    rst_image in = RST_IMAGE_INIT, low = RST_IMAGE_INIT;
    bool ok = gold_image(g, gold_tensor(g, "input.", stain), &in);
    if (ok && rst__multimag_low(&in, v, rst_module_arch(sr)->scale, &low, &err) < 0)
        ok = gold_fail(g, "%s", err.msg);
    (void)snprintf(name, sizeof name, "output.low_%s", stain);
    ok = ok && put_image(g, name, &low);
    rst_image_free(&in);
    rst_image_free(&low);
    return ok && later_stages(g, sr, stain);
}

static bool multimag(gold_case *g)
{
    rst_multimag_view v;
    rst_module *sr = parse_view(g, &v) ? super_resolver(g) : NULL;
    if (!sr)
        return false;
    rst_module_inference(sr);
    gold_note_convs(g, sr);
    bool ok = sample_of(g, sr, &v, "A") && sample_of(g, sr, &v, "B");
    rst_module_free(sr);
    return ok;
}

const gold_op gold_data[] = {
    { "tensor2uint", tensor2uint, " " },
    { "to_tensor_tensor2im", to_tensor_tensor2im, " h w " },
    { "pil_resize", pil_resize, " filter in out a " },
    { "matlab_imresize", matlab_imresize, " scale antialiasing " },
    { "make_power_2", make_power_2, " base " },
    { "multimag", multimag, " magnification uniform crop down sf nf nb gc lrelu " },
    { NULL, NULL, NULL },
};
