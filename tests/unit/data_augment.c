/* SPDX-License-Identifier: MIT */
/* Sizes and numbers of every --preprocess, against the references' rules done step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/augment.h"
#include "image/convert.h"
#include "image/resize.h"
#include "unit/image_samples.h"

static void expect_sizes(const rst_augment *o, int64_t w, int64_t h, rst_augment_sizes want)
{
    rst_error err = RST_ERROR_INIT;
    rst_augment_sizes s;
    if (rst__augment_plan(o, "x", h, w, &s, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(s.h, want.h);
    assert_int_equal(s.w, want.w);
    assert_int_equal(s.crop_h, want.crop_h);
    assert_int_equal(s.crop_w, want.crop_w);
    assert_int_equal(s.out_h, want.out_h);
    assert_int_equal(s.out_w, want.out_w);
}

static void test_sizes(void **state)
{
    (void)state;
    rst_augment o = { RST_PREPROCESS_CROP, 1024, 512, true };
    expect_sizes(&o, 1024, 1000, (rst_augment_sizes){ 1000, 1024, 512, 512, 512, 512 });
    o = (rst_augment){ RST_PREPROCESS_RESIZE_AND_CROP, 286, 256, true };
    expect_sizes(&o, 1024, 768, (rst_augment_sizes){ 286, 286, 256, 256, 256, 256 });
    o = (rst_augment){ RST_PREPROCESS_NONE, 0, 0, false };
    expect_sizes(&o, 1022, 101, (rst_augment_sizes){ 101, 1022, 101, 1022, 100, 1024 });
    expect_sizes(&o, 1026, 102, /* halves go to the even multiple, as Python rounds */
                 (rst_augment_sizes){ 102, 1026, 102, 1026, 104, 1024 });
    /* int(max(load * h / w, crop)): 300 * 333 / 500 = 199.8 */
    o = (rst_augment){ RST_PREPROCESS_SCALE_WIDTH, 300, 64, false };
    expect_sizes(&o, 500, 333, (rst_augment_sizes){ 199, 300, 199, 300, 200, 300 });
    expect_sizes(&o, 500, 50, (rst_augment_sizes){ 64, 300, 64, 300, 64, 300 });
    expect_sizes(&o, 300, 77, (rst_augment_sizes){ 77, 300, 77, 300, 76, 300 }); /* as it is */
    o = (rst_augment){ RST_PREPROCESS_SCALE_WIDTH_AND_CROP, 300, 128, false };
    expect_sizes(&o, 600, 400, (rst_augment_sizes){ 200, 300, 128, 128, 128, 128 });
    o.crop_size = 130; /* no multiple of 4: the crop is resized */
    expect_sizes(&o, 600, 400, (rst_augment_sizes){ 200, 300, 130, 130, 128, 128 });
}

static void test_words(void **state)
{
    (void)state;
    static const char *const words[] = { "crop", "resize_and_crop", "scale_width",
                                         "scale_width_and_crop", "none" };
    static const bool fixed[] = { true, true, false, true, false };
    for (int i = 0; i < 5; i++) {
        rst_preprocess p;
        assert_true(rst__preprocess_parse(words[i], &p));
        assert_string_equal(rst__preprocess_name(p), words[i]);
        assert_int_equal(rst__preprocess_is_fixed(p), fixed[i]);
    }
    rst_preprocess p;
    assert_false(rst__preprocess_parse("resize", &p));
}

static void test_refused(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_augment_sizes s;
    const rst_augment bad[] = {
        { RST_PREPROCESS_CROP, 0, 3, true },
        { RST_PREPROCESS_CROP, 0, INT64_MAX, true },
        { RST_PREPROCESS_SCALE_WIDTH, 0, 64, true },
        { RST_PREPROCESS_RESIZE_AND_CROP, 200, 256, true },
        { RST_PREPROCESS_RESIZE_AND_CROP, 1 << 20, 256, true },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err.msg[0] = 0;
        assert_int_equal(rst__augment_check(&bad[i], &err), RST_EINVAL);
        assert_non_null(strstr(err.msg, "-size"));
    }
    const rst_augment crop = { RST_PREPROCESS_SCALE_WIDTH_AND_CROP, 100, 128, true };
    assert_int_equal(rst__augment_check(&crop, &err), 0);
    assert_int_equal(rst__augment_plan(&crop, "x.png", 500, 500, &s, &err), RST_EFORMAT);
    assert_string_equal(err.msg, "x.png: 100 x 128 pixels, too small for --crop-size 128");
    const rst_augment none = { .preprocess = RST_PREPROCESS_NONE };
    assert_int_equal(rst__augment_plan(&none, "x.png", 1, 500, &s, &err), RST_EFORMAT);
    const rst_augment thin = { .preprocess = RST_PREPROCESS_SCALE_WIDTH, .load_size = 60000 };
    assert_int_equal(rst__augment_plan(&thin, "x.png", 60000, 4, &s, &err), RST_EFORMAT);
}

/* A part of an image as an image. */
static rst_image part(const rst_image *img, int64_t y, int64_t x, int64_t h, int64_t w, bool flip)
{
    rst_image out = RST_IMAGE_INIT;
    if (rst_image_new(&out, w, h, 3, NULL) < 0)
        fail();
    for (int64_t i = 0; i < h; i++)
        for (int64_t j = 0; j < w; j++)
            memcpy(out.px + 3 * (i * w + j),
                   img->px + 3 * ((y + i) * img->width + x + (flip ? w - 1 - j : j)), 3);
    return out;
}

static rst_image scaled(const rst_image *img, int64_t w, int64_t h)
{
    rst_image out = RST_IMAGE_INIT;
    if (rst__image_resize(img, w, h, RST_RESIZE_BICUBIC, &out, NULL) < 0)
        fail();
    return out;
}

/* The right half of a picture goes through every kind, as whole images do step by step. */
static void test_numbers(void **state)
{
    (void)state;
    static const rst_augment kinds[] = {
        { RST_PREPROCESS_CROP, 0, 24, true },
        { RST_PREPROCESS_CROP, 0, 30, true }, /* to 28 or 32 */
        { RST_PREPROCESS_RESIZE_AND_CROP, 40, 32, true },
        { RST_PREPROCESS_SCALE_WIDTH, 37, 20, true },
        { RST_PREPROCESS_SCALE_WIDTH_AND_CROP, 40, 20, true },
        { RST_PREPROCESS_NONE, 0, 0, true },
    };
    rst_image both = sample_image(110, 47, 3);
    const rst_image_view v = { &both, 0, 55, 47, 55 };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (uint64_t seed = 0; seed < 8; seed++) {
            rst_error err = RST_ERROR_INIT;
            rst_augment_sizes s;
            rst_rng r = rst__rng(seed, "test"), same = r;
            assert_int_equal(rst__augment_plan(&kinds[i], "x", v.h, v.w, &s, &err), 0);
            const rst_augment_draw d = rst__augment_roll(&kinds[i], &s, &r);
            assert_int_equal(d.y, rst__rng_below(&same, s.h - s.crop_h + 1));
            assert_int_equal(d.x, rst__rng_below(&same, s.w - s.crop_w + 1));
            assert_int_equal(d.flip, rst__rng_uniform(&same) < 0.5);

            rst_image half = part(&both, 0, 55, 47, 55, false), big = scaled(&half, s.w, s.h);
            rst_image cut = part(&big, d.y, d.x, s.crop_h, s.crop_w, false);
            rst_image out = scaled(&cut, s.out_w, s.out_h);
            rst_image turned = part(&out, 0, 0, s.out_h, s.out_w, d.flip);
            const int64_t n = s.out_h * s.out_w * 3;
            float *want = calloc((size_t)n, sizeof *want), *got = calloc((size_t)n, sizeof *got);
            assert_non_null(want);
            assert_non_null(got);
            rst__float_from_u8(turned.px, n, want);
            assert_int_equal(rst__augment_apply(&s, d, &v, got, &err), 0);
            assert_memory_equal(want, got, (size_t)n * sizeof *want);
            free(want);
            free(got);
            rst_image *all[] = { &half, &big, &cut, &out, &turned };
            for (int k = 0; k < 5; k++)
                rst_image_free(all[k]);
        }
    rst_image_free(&both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
