/* SPDX-License-Identifier: MIT */
#include "data/augment.h"

#include <string.h>

#include "base/err.h"
#include "image/convert.h"
#include "image/resize.h"

enum { MAX_SIDE = 65535 };

static const struct {
    const char *word;
    bool resize, scale, crop;
} kinds[] = {
    [RST_PREPROCESS_CROP] = { "crop", .crop = true },
    [RST_PREPROCESS_RESIZE_AND_CROP] = { "resize_and_crop", .resize = true, .crop = true },
    [RST_PREPROCESS_SCALE_WIDTH] = { "scale_width", .scale = true },
    [RST_PREPROCESS_SCALE_WIDTH_AND_CROP] = { "scale_width_and_crop", .scale = true, .crop = true },
    [RST_PREPROCESS_NONE] = { "none" },
};

bool rst__preprocess_parse(const char *word, rst_preprocess *out)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(word, kinds[i].word) == 0) {
            *out = (rst_preprocess)i;
            return true;
        }
    return false;
}

const char *rst__preprocess_name(rst_preprocess p)
{
    return kinds[p].word;
}

bool rst__preprocess_is_fixed(rst_preprocess p)
{
    return kinds[p].crop;
}

int rst__augment_check(const rst_augment *o, rst_error *err)
{
    const bool sized = kinds[o->preprocess].resize || kinds[o->preprocess].scale;
    if (kinds[o->preprocess].crop && (o->crop_size < 4 || o->crop_size > MAX_SIDE))
        return rst_fail(err, RST_EINVAL, "--crop-size %lld: it is 4 to %d", (long long)o->crop_size,
                        MAX_SIDE);
    if (sized && (o->load_size < 4 || o->load_size > MAX_SIDE))
        return rst_fail(err, RST_EINVAL, "--load-size %lld: it is 4 to %d", (long long)o->load_size,
                        MAX_SIDE);
    if (kinds[o->preprocess].resize && o->load_size < o->crop_size)
        return rst_fail(err, RST_EINVAL, "--load-size %lld is smaller than --crop-size %lld",
                        (long long)o->load_size, (long long)o->crop_size);
    return 0;
}

int rst__augment_plan(const rst_augment *o, const char *name, int64_t h, int64_t w,
                      rst_augment_sizes *out, rst_error *err)
{
    rst_augment_sizes s = { .h = h, .w = w };
    if (kinds[o->preprocess].resize)
        s.h = s.w = o->load_size;
    /* __scale_width: left alone when the width is right and the height enough. */
    if (kinds[o->preprocess].scale && (w != o->load_size || h < o->crop_size)) {
        const int64_t in_proportion = (int64_t)((double)(o->load_size * h) / (double)w);
        s.w = o->load_size;
        s.h = in_proportion > o->crop_size ? in_proportion : o->crop_size;
    }
    s.crop_h = s.h;
    s.crop_w = s.w;
    if (kinds[o->preprocess].crop) {
        if (s.h < o->crop_size || s.w < o->crop_size)
            return rst_fail(err, RST_EFORMAT,
                            "%s: %lld x %lld pixels, too small for --crop-size %lld", name,
                            (long long)s.w, (long long)s.h, (long long)o->crop_size);
        s.crop_h = s.crop_w = o->crop_size;
    }
    s.out_h = rst__make_power_2(s.crop_h, 4);
    s.out_w = rst__make_power_2(s.crop_w, 4);
    if (s.out_h < 4 || s.out_w < 4 || s.h > MAX_SIDE || s.w > MAX_SIDE)
        return rst_fail(err, RST_EFORMAT, "%s: %lld x %lld pixels are too few or too many", name,
                        (long long)w, (long long)h);
    *out = s;
    return 0;
}

rst_augment_draw rst__augment_roll(const rst_augment *o, const rst_augment_sizes *s, rst_rng *r)
{
    rst_augment_draw d = { 0 };
    d.y = rst__rng_below(r, s->h - s->crop_h + 1);
    d.x = rst__rng_below(r, s->w - s->crop_w + 1);
    d.flip = o->flip && rst__rng_uniform(r) < 0.5;
    return d;
}

/* A copy of the view as an image of its own. */
static int cut_out(const rst_image_view *v, rst_image *out, rst_error *err)
{
    int rc = rst_image_new(out, v->w, v->h, 3, err);
    for (int64_t y = 0; rc == 0 && y < v->h; y++)
        memcpy(out->px + y * v->w * 3, v->img->px + ((v->y + y) * v->img->width + v->x) * 3,
               (size_t)(v->w * 3));
    return rc;
}

/* Makes *v a view of all of *made, the resized view; or leaves both when the size is right. */
static int resize(rst_image_view *v, int64_t h, int64_t w, rst_image *made, rst_error *err)
{
    if (v->h == h && v->w == w)
        return 0;
    rst_image part = RST_IMAGE_INIT;
    const bool whole = v->w == v->img->width && v->h == v->img->height;
    int rc = whole ? 0 : cut_out(v, &part, err);
    if (rc == 0)
        rc = rst__image_resize(whole ? v->img : &part, w, h, RST_RESIZE_BICUBIC, made, err);
    rst_image_free(&part);
    if (rc == 0)
        *v = (rst_image_view){ made, 0, 0, h, w };
    return rc;
}

static void to_floats(const rst_image_view *v, bool flip, float *dst)
{
    for (int64_t y = 0; y < v->h; y++) {
        float *row = dst + y * v->w * 3;
        rst__float_from_u8(v->img->px + ((v->y + y) * v->img->width + v->x) * 3, v->w * 3, row);
        for (int64_t i = 0, j = v->w - 1; flip && i < j; i++, j--)
            for (int c = 0; c < 3; c++) {
                const float t = row[3 * i + c];
                row[3 * i + c] = row[3 * j + c];
                row[3 * j + c] = t;
            }
    }
}

int rst__augment_apply(const rst_augment_sizes *s, rst_augment_draw d, const rst_image_view *v,
                       float *dst, rst_error *err)
{
    rst_image resized = RST_IMAGE_INIT, rounded = RST_IMAGE_INIT;
    rst_image_view at = *v;
    int rc = resize(&at, s->h, s->w, &resized, err);
    at.y += d.y;
    at.x += d.x;
    at.h = s->crop_h;
    at.w = s->crop_w;
    if (rc == 0)
        rc = resize(&at, s->out_h, s->out_w, &rounded, err);
    if (rc == 0)
        to_floats(&at, d.flip, dst);
    rst_image_free(&resized);
    rst_image_free(&rounded);
    return rc;
}
