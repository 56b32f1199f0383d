/* SPDX-License-Identifier: MIT */
/* The multi-magnification sample: what is cut out, how large it comes back, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "run/multimag.h"
#include "run/multimag_cache.h"
#include "support/tree.h"

/* A pixel tells its place. */
static rst_image ramp(int64_t width, int64_t height)
{
    rst_image img = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_image_new(&img, width, height, 3, &err), 0);
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            uint8_t *p = img.px + 3 * (y * width + x);
            p[0] = (uint8_t)x;
            p[1] = (uint8_t)y;
            p[2] = 100;
        }
    return img;
}

static void test_crop(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_image img = ramp(50, 40), low = RST_IMAGE_INIT;
    rst_multimag_view v = { .uniform = 32, .crop = true, .y = 30, .x = 11, .size = 8 };
    assert_int_equal(rst__multimag_low(&img, &v, 4, &low, &err), 0);
    assert_int_equal(low.width, 8);
    assert_int_equal(low.height, 8);
    assert_int_equal(low.px[0], 11);
    assert_int_equal(low.px[1], 30);
    assert_int_equal(low.px[3 * 63], 18);
    assert_int_equal(low.px[3 * 63 + 1], 37);
    rst_image_free(&low);

    v.size = 10; /* reduced to what the network wants */
    assert_int_equal(rst__multimag_low(&img, &v, 4, &low, &err), 0);
    assert_int_equal(low.width, 8);
    rst_image_free(&low);
    rst_image_free(&img);
}

static void test_refused(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_image img = ramp(50, 40), low = RST_IMAGE_INIT;
    const rst_multimag_view bad[] = {
        { .uniform = 32, .crop = true, .y = 33, .x = 0, .size = 8 },
        { .uniform = 32, .crop = true, .y = 0, .x = 43, .size = 8 },
        { .uniform = 32, .crop = true, .y = -1, .x = 0, .size = 8 },
        { .uniform = 32, .crop = true, .y = 0, .x = 0, .size = INT64_MAX },
        { .uniform = 32, .crop = true, .y = INT64_MAX, .x = 0, .size = 8 },
        { .uniform = 32, .crop = true, .y = 0, .x = 0, .size = 0 },
        { .uniform = 33, .crop = true, .y = 0, .x = 0, .size = 8 },
        { .uniform = 0, .crop = true, .y = 0, .x = 0, .size = 8 },
        { .uniform = 32 }, /* the whole image is not square */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err.msg[0] = 0;
        assert_int_equal(rst__multimag_low(&img, &bad[i], 4, &low, &err), RST_EINVAL);
        assert_true(err.msg[0] != 0);
        assert_null(low.px);
    }
    rst_image_free(&img);
}

static void test_prepare(void **state)
{
    (void)state;
    rst_ctx *c;
    rst_arch a;
    rst_module *sr;
    rst_error err = RST_ERROR_INIT;
    rst_ctx_options o = { .backend = "ref" };
    rst_image img = ramp(24, 24), out = RST_IMAGE_INIT;
    rst_multimag_view whole = { .uniform = 24 };
    assert_int_equal(rst_ctx_new(&c, &o, &err), 0);
    assert_int_equal(rst_arch_preset("rrdbnet_x2", &a, &err), 0);
    a.width = 4;
    a.blocks = 1;
    a.growth = 2;
    assert_int_equal(rst_module_new(&sr, c, &a, &err), 0);
    assert_int_equal(rst_module_init(sr, RST_INIT_KAIMING, 1, false, 3, &err), 0);
    rst_module_inference(sr);
    assert_int_equal(rst__multimag_prepare(c, sr, &img, &whole, &out, &err), 0);
    assert_int_equal(out.width, 24);
    assert_int_equal(out.height, 24);
    assert_int_equal(out.channels, 3);
    rst_image_free(&out);

    img.channels = 1; /* a grey picture does not fit the network: one error, nothing made */
    assert_true(rst__multimag_prepare(c, sr, &img, &whole, &out, &err) < 0);
    assert_true(err.msg[0] != 0);
    assert_null(out.px);
    img.channels = 3;
    rst_image_free(&img);
    rst_module_free(sr);
    rst_ctx_free(c);
}

/* Without a cache the pictures are the cache's, item by item of what its manifest lists. */
static void made_one_by_one(const char *folder)
{
    char path[4096];
    rst_error err = RST_ERROR_INIT;
    (void)snprintf(path, sizeof path, "%s/manifest.tsv", folder);
    const rst_dataset_options from = { .root = tree_path("set"), .phase = "train" },
                              to = { .root = path, .phase = "train" };
    const rst_multimag_settings how = { .seed = 0 };
    rst_dataset *source, *cache, *spread;
    rst_multimag_maker *m;
    assert_int_equal(rst__dataset_open(&source, &from, &err), 0);
    assert_int_equal(rst__dataset_open(&cache, &to, &err), 0);
    assert_int_equal(rst__multimag_maker_new(&m, source, RST_DATA_A, &how, &err), 0);
    assert_int_equal(rst__multimag_spread(&spread, m, &err), 0);
    assert_int_equal(spread->views, cache->views);
    assert_int_equal(spread->native, cache->native);
    assert_string_equal(spread->resolver, cache->resolver);
    assert_int_equal(rst__dataset_count(spread), rst__dataset_count(cache));
    for (int side = RST_DATA_A; side <= RST_DATA_B; side++)
        for (int64_t i = 0; i < cache->list[side].count; i++) {
            rst_image want = RST_IMAGE_INIT, got = RST_IMAGE_INIT;
            assert_int_equal(rst_image_read(&want, cache->list[side].item[i].path, NULL, &err), 0);
            assert_int_equal(rst__multimag_pick(m, (rst_data_side)side, i, &got, &err), 0);
            assert_int_equal(got.width, want.width);
            assert_int_equal(got.height, want.height);
            assert_memory_equal(got.px, want.px, (size_t)(3 * want.width * want.height));
            rst_image_free(&want);
            rst_image_free(&got);
        }
    rst__dataset_close(spread);
    rst__multimag_maker_free(m);
    rst__dataset_close(cache);
    rst__dataset_close(source);
}

/* H&E and IHC side by side in a file: each half by itself, those to validate with written out. */
static void test_side_by_side(void **state)
{
    (void)state;
    char path[4096];
    rst_error err = RST_ERROR_INIT;
    rst_image half = RST_IMAGE_INIT;
    rst_multimag_cache_report r;
    tree_begin();
    tree_picture("set/train/p.png", 128, 64, 3, 9);
    tree_picture("set/val/p.png", 128, 64, 3, 9);
    rst_multimag_cache_options o = { .data = { .root = tree_path("set") },
                                     .folder = tree_path("out") };
    assert_int_equal(rst__multimag_cache(&o, &r, &err), 0);
    assert_int_equal(r.pairs, 1);
    assert_int_equal(r.others, 1);
    assert_int_equal(r.uniform, 64);
    assert_int_equal(r.written, 6);
    for (int side = 0; side < 2; side++) {
        (void)snprintf(path, sizeof path, "%s/%s/val/p.png", o.folder, side ? "IHC" : "HE");
        assert_int_equal(rst_image_read(&half, path, NULL, &err), 0);
        assert_int_equal(half.width, 64);
        assert_int_equal(half.px[0], 64 * side); /* a pixel tells its place */
        assert_int_equal(half.px[3 * (64 * 64 - 1)], 64 * side + 63);
        rst_image_free(&half);
    }
    const rst_dataset_options made = { .root = path, .phase = "val" };
    rst_dataset *d;
    (void)snprintf(path, sizeof path, "%s/manifest.tsv", o.folder);
    assert_int_equal(rst__dataset_open(&d, &made, &err), 0);
    assert_int_equal(rst__dataset_pairs(d), 1);
    rst__dataset_close(d);
    made_one_by_one(o.folder);
    tree_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crop),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
