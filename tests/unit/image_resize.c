/* SPDX-License-Identifier: MIT */
/* Resampling against numbers that Pillow 9.4 gave, and against sums worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "image/resize.h"

static rst_image pattern(int64_t width, int64_t height, int channels)
{
    rst_image img = RST_IMAGE_INIT;
    assert_int_equal(rst_image_new(&img, width, height, channels, NULL), 0);
    for (int64_t y = 0, i = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                img.px[i++] = (uint8_t)(x * 37 + y * 91 + c * 53 + x * y % 7 * 29);
    return img;
}

static rst_image resized(rst_image src, int64_t width, int64_t height, rst_resize_filter f)
{
    rst_image out;
    assert_int_equal(rst__image_resize(&src, width, height, f, &out, NULL), 0);
    assert_int_equal(out.width, width);
    assert_int_equal(out.height, height);
    assert_int_equal(out.channels, src.channels);
    rst_image_free(&src);
    return out;
}

static uint64_t fnv1a(const uint8_t *p, int64_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (int64_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static void test_pillow_pixels(void **state)
{
    (void)state;
    static const struct {
        rst_resize_filter f;
        int64_t width, height;
        uint8_t want[30];
    } cases[] = {
        { RST_RESIZE_BILINEAR, 3, 2, { 96, 119, 166, 84, 124, 146 } },
        { RST_RESIZE_BILINEAR, 10, 3, { 39,  66, 101, 135, 98,  95,  129, 164, 199, 226,
                                        125, 99, 88,  114, 148, 140, 97,  171, 152, 94,
                                        69,  66, 79,  122, 135, 112, 65,  179, 181, 134 } },
        { RST_RESIZE_BICUBIC, 3, 2, { 94, 119, 168, 86, 123, 145 } },
        { RST_RESIZE_BICUBIC, 10, 3, { 39,  62,  104, 142, 94,  84,  131, 163, 204, 233,
                                       131, 103, 86,  112, 159, 143, 91,  182, 154, 82,
                                       68,  61,  72,  118, 146, 111, 58,  191, 190, 126 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rst_image out = resized(pattern(7, 5, 1), cases[i].width, cases[i].height, cases[i].f);
        assert_memory_equal(out.px, cases[i].want, (size_t)(out.width * out.height));
        rst_image_free(&out);
    }
}

static void test_pillow_sums(void **state)
{
    (void)state;
    static const struct {
        rst_resize_filter f;
        int64_t from_width, from_height, width, height;
        uint64_t sum;
    } cases[] = {
        { RST_RESIZE_BILINEAR, 64, 48, 23, 57, 0xcc107eb979cfa74d },
        { RST_RESIZE_BILINEAR, 30, 31, 30, 7, 0x5bdf2fd933771828 },
        { RST_RESIZE_BILINEAR, 9, 50, 90, 50, 0xfb7fc9a55940c45b },
        { RST_RESIZE_BILINEAR, 1, 1, 5, 4, 0xedeab3784e758b69 },
        { RST_RESIZE_BILINEAR, 200, 3, 1, 1, 0xc998f1acd74b2e3 },
        { RST_RESIZE_BILINEAR, 286, 286, 256, 256, 0x8bc3add36a984787 },
        { RST_RESIZE_BICUBIC, 64, 48, 23, 57, 0x16c078386af4b131 },
        { RST_RESIZE_BICUBIC, 30, 31, 30, 7, 0xc32f9c933fd572a2 },
        { RST_RESIZE_BICUBIC, 9, 50, 90, 50, 0xb790f02a1e3a51ad },
        { RST_RESIZE_BICUBIC, 1, 1, 5, 4, 0xedeab3784e758b69 },
        { RST_RESIZE_BICUBIC, 200, 3, 1, 1, 0x1d76e1ac6c50574 },
        { RST_RESIZE_BICUBIC, 286, 286, 256, 256, 0xf0e563ef661a39f8 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rst_image out = resized(pattern(cases[i].from_width, cases[i].from_height, 3),
                                cases[i].width, cases[i].height, cases[i].f);
        if (fnv1a(out.px, out.width * out.height * 3) != cases[i].sum)
            fail_msg("case %zu differs from Pillow", i);
        rst_image_free(&out);
    }
}

/* Mode F: not rounded, not clipped. Six numbers and the sum of what Pillow gave. */
static void test_pillow_floats(void **state)
{
    (void)state;
    static const struct {
        int64_t from_w, from_h, w, h;
        double want[6], sum;
    } cases[] = {
        { 23,
          17,
          9,
          7,
          { 95.0160140991211, 120.11878204345703, 112.28882598876953, 122.47628021240234,
            96.72158813476562, 93.20811462402344 },
          23917.197303771973 },
        { 5,
          6,
          11,
          9,
          { -9.263925552368164, 43.7360725402832, 95.16326904296875, 195.64036560058594, 128.1875,
            104.7183609008789 },
          37246.65942442417 },
        { 16,
          16,
          16,
          5,
          { 81.26946258544922, 134.26947021484375, 120.75476837158203, 143.14413452148438,
            128.80612182617188, 131.2330780029297 },
          30641.21466064453 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float out[512];
        const int64_t n = cases[i].w * cases[i].h * 3, at[6] = { 0, 1, 2, n / 3, n / 2, n - 1 };
        rst_image src = pattern(cases[i].from_w, cases[i].from_h, 3);
        double sum = 0;
        assert_int_equal(
            rst__image_resize_float(&src, cases[i].w, cases[i].h, RST_RESIZE_BICUBIC, out, NULL),
            0);
        for (int k = 0; k < 6; k++)
            assert_true((double)out[at[k]] == cases[i].want[k]);
        for (int64_t k = 0; k < n; k++)
            sum += (double)out[k];
        assert_true(fabs(sum - cases[i].sum) < 1e-9);
        rst_image_free(&src);
    }
    rst_image src = pattern(8, 8, 3);
    float out[3];
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst__image_resize_float(&src, 0, 1, RST_RESIZE_BICUBIC, out, &err),
                     RST_EINVAL);
    rst__alloc_fail_after(0);
    assert_int_equal(rst__image_resize_float(&src, 1, 1, RST_RESIZE_BICUBIC, out, &err),
                     RST_ENOMEM);
    rst__alloc_fail_after(-1);
    rst_image_free(&src);
}

static void test_extremes_do_not_wrap(void **state)
{
    (void)state;
    rst_image img = pattern(31, 29, 3);
    for (int64_t i = 0; i < 31 * 29 * 3; i++)
        img.px[i] = i / 3 % 2 ? 255 : 0;
    rst_image out = resized(img, 97, 11, RST_RESIZE_BICUBIC);
    for (int64_t i = 1; i < out.width - 1; i++) /* a wrapped sum would jump between neighbours */
        for (int c = 0; c < 3; c++)
            assert_in_range(abs(out.px[3 * i + c] - out.px[3 * (i - 1) + c]), 0, 130);
    rst_image_free(&out);
    img = pattern(20, 20, 3);
    memset(img.px, 255, 1200);
    out = resized(img, 33, 7, RST_RESIZE_BICUBIC);
    for (int64_t i = 0; i < 33 * 7 * 3; i++)
        assert_int_equal(out.px[i], 255);
    rst_image_free(&out);
}

static void test_the_same_size_is_a_copy_and_mpp_follows(void **state)
{
    (void)state;
    rst_image img = pattern(13, 9, 3), out;
    img.mpp = 0.5;
    assert_int_equal(rst__image_resize(&img, 13, 9, RST_RESIZE_BICUBIC, &out, NULL), 0);
    assert_memory_equal(out.px, img.px, 13 * 9 * 3);
    rst_image_free(&out);
    assert_int_equal(rst__image_resize(&img, 26, 18, RST_RESIZE_BICUBIC, &out, NULL), 0);
    assert_true(out.mpp == 0.25);
    rst_image_free(&out);
    rst_image_free(&img);
}

static void test_resize_refuses_and_survives_no_memory(void **state)
{
    (void)state;
    rst_image img = pattern(13, 9, 3), out = { .width = 7 };
    rst_error err = RST_ERROR_INIT;
    float f[4] = { 0 };
    assert_int_equal(rst__image_resize(&img, 0, 9, RST_RESIZE_BICUBIC, &out, &err), RST_EINVAL);
    assert_int_equal(rst__image_resize(&img, 9, -1, RST_RESIZE_BICUBIC, &out, &err), RST_EINVAL);
    assert_int_equal(rst__imresize(f, 2, 2, 1, 0, true, f, &err), RST_EINVAL);
    assert_int_equal(rst__imresize(f, 2, 2, 1, (double)NAN, true, f, &err), RST_EINVAL);
    assert_int_equal(rst__imresize(f, 2, 2, 0, 2, true, f, &err), RST_EINVAL);
    const long live = rst__alloc_live();
    for (int which = 0; which < 2; which++)
        for (long n = 0;; n++) {
            float dst[16];
            rst__alloc_fail_after(n);
            int rc = which ? rst__imresize(f, 2, 2, 1, 2, true, dst, &err)
                           : rst__image_resize(&img, 5, 20, RST_RESIZE_BILINEAR, &out, &err);
            rst__alloc_fail_after(-1);
            if (rc == 0)
                break;
            assert_int_equal(rc, RST_ENOMEM);
            assert_int_equal(out.width, which ? 5 : 7);
            assert_int_equal(rst__alloc_live(), live + which);
            assert_in_range(n, 0, 50);
        }
    rst_image_free(&out);
    rst_image_free(&img);
}

static void test_imresize_impulse(void **state)
{
    (void)state;
    /* Twice the size: places 1/4 and 3/4 of a pixel off, so Keys' cubic at .25, .75, 1.25, 1.75. */
    static const float want[9] = { [5] = -0.0234375f, -0.0703125f, 0.2265625f, 0.8671875f };
    float src[9 * 2] = { 0 }, dst[18 * 4];
    src[4] = src[13] = 1; /* both rows alike: nothing happens across them */
    assert_int_equal(rst__imresize(src, 2, 9, 1, 2, true, dst, NULL), 0);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 18; x++)
            assert_true(fabsf(dst[y * 18 + x] - want[x < 9 ? x : 17 - x]) < 1e-6f);
}

static void test_imresize_keeps_constants_and_channels(void **state)
{
    (void)state;
    static const double scales[] = { 0.25, 0.3, 1.0 / 3.0, 0.5, 1, 1.5, 2, 3, 4 };
    enum { H = 11, W = 7, C = 3 };
    float src[H * W * C], dst[44 * 28 * C], one[44 * 28], plane[H * W];
    for (size_t k = 0; k < sizeof scales / sizeof scales[0]; k++) {
        const int64_t h = rst__imresize_side(H, scales[k]), w = rst__imresize_side(W, scales[k]);
        assert_int_equal(h, (int64_t)ceil(H * scales[k]));
        for (int i = 0; i < H * W; i++) {
            src[i * C] = 0.25f;
            src[i * C + 1] = plane[i] = (float)(i * 37 % 101) / 101.0f;
            src[i * C + 2] = -3.0f;
        }
        assert_int_equal(rst__imresize(src, H, W, C, scales[k], true, dst, NULL), 0);
        assert_int_equal(rst__imresize(plane, H, W, 1, scales[k], true, one, NULL), 0);
        for (int64_t i = 0; i < h * w; i++) {
            assert_true(fabsf(dst[i * C] - 0.25f) < 1e-6f);
            assert_true(fabsf(dst[i * C + 2] + 3.0f) < 1e-5f);
            assert_true(dst[i * C + 1] == one[i]);
        }
        if (scales[k] == 1)
            assert_memory_equal(one, plane, sizeof plane);
    }
}

/* Halving: the widened kernel by hand, and the mirrored border (pixel 0 counts twice). */
static void test_imresize_halves(void **state)
{
    (void)state;
    static const double k[] = { -0.01171875, -0.03515625, 0.11328125, 0.43359375 };
    const float src[8] = { 3, 1, 4, 1, 5, 9, 2, 6 };
    float dst[4];
    assert_int_equal(rst__imresize(src, 1, 8, 1, 0.5, true, dst, NULL), 0);
    for (int o = 0; o < 4; o++) {
        double want = 0;
        for (int i = 0; i < 8; i++) {
            int at = 2 * o - 3 + i;
            at = at < 0 ? -1 - at : at > 7 ? 15 - at : at;
            want += k[i < 4 ? i : 7 - i] * (double)src[at];
        }
        assert_true(fabs((double)dst[o] - want) < 1e-5);
    }
}

static void test_make_power_2(void **state)
{
    (void)state;
    static const int64_t cases[][3] = { { 1024, 4, 1024 }, { 50, 4, 48 }, { 54, 4, 56 },
                                        { 58, 4, 56 },     { 3, 4, 4 },   { 6, 4, 8 },
                                        { 511, 4, 512 },   { 10, 4, 8 },  { 22, 4, 24 },
                                        { 2, 4, 0 },       { 7, 2, 8 },   { 5, 2, 4 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(rst__make_power_2(cases[i][0], cases[i][1]), cases[i][2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pillow_pixels),
        cmocka_unit_test(test_pillow_sums),
        cmocka_unit_test(test_pillow_floats),
        cmocka_unit_test(test_extremes_do_not_wrap),
        cmocka_unit_test(test_the_same_size_is_a_copy_and_mpp_follows),
        cmocka_unit_test(test_resize_refuses_and_survives_no_memory),
        cmocka_unit_test(test_imresize_impulse),
        cmocka_unit_test(test_imresize_keeps_constants_and_channels),
        cmocka_unit_test(test_imresize_halves),
        cmocka_unit_test(test_make_power_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
