/* SPDX-License-Identifier: MIT */
/* Tiles cut from slides are the slides' own pixels, in the place that their names tell, whatever
 * scale either slide has. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "image/phase.h"
#include "image/resize.h"
#include "run/tiles.h"
#include "slide/make.h"
#include "support/tree.h"

enum { TILE = 64, W = 300, H = 200 }; /* 4 x 3 tiles */

static void succeeded(int rc, const rst_error *err)
{
    if (rc < 0)
        fail_msg("%d: %s", rc, err->msg);
}

static const char *slide(const char *name, const rst_slide_recipe *r)
{
    rst_error err = RST_ERROR_INIT;
    succeeded(rst__slide_make(tree_path(name), r, &err), &err);
    return tree_path(name);
}

static rst_slide_recipe recipe(double mpp)
{
    return (rst_slide_recipe){ .width = W,
                               .height = H,
                               .seed = 4,
                               .tissue = 1,
                               .mpp = mpp,
                               .tile = 64,
                               .compression = RST_PYRAMID_DEFLATE };
}

static rst_tiles_options options(const char *he, const char *ihc, const char *to)
{
    return (rst_tiles_options){ .he = he, .ihc = ihc, .folder = to, .tile = TILE };
}

static rst_image tile(const char *folder, const char *name)
{
    char path[512];
    rst_error err = RST_ERROR_INIT;
    rst_image img = RST_IMAGE_INIT;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    succeeded(rst_image_read(&img, path, NULL, &err), &err);
    return img;
}

/* A rectangle of a slide's level. */
static rst_image part(const char *path, int level, int64_t x, int64_t y, int64_t side)
{
    rst_slide *s;
    rst_error err = RST_ERROR_INIT;
    rst_image img = RST_IMAGE_INIT;
    succeeded(rst_slide_open(&s, path, NULL, &err), &err);
    succeeded(rst_image_new(&img, side, side, 3, &err), &err);
    succeeded(rst_slide_read(s, level, x, y, side, side, img.px, &err), &err);
    rst_slide_close(s);
    return img;
}

static void same(rst_image got, rst_image want)
{
    assert_int_equal(got.width, want.width);
    assert_int_equal(got.height, want.height);
    assert_memory_equal(got.px, want.px, (size_t)(3 * want.width * want.height));
    rst_image_free(&got);
    rst_image_free(&want);
}

static void test_own_pixels(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_slide_recipe r = recipe(0.5);
    const char *he = slide("he.ome.tif", &r);
    r.seed = 5;
    const char *ihc = slide("other.tif", &r), *to = tree_path("plain");
    rst_tiles_options o = options(he, ihc, to);
    rst_tiles_report report;
    succeeded(rst__tiles(&o, &report, &err), &err);
    assert_int_equal(report.tiles[0], 12);
    assert_int_equal(report.places, 12);
    assert_int_equal(report.written, 24);
    assert_true(report.unlike > 0); /* two patterns, whose cells are alike by chance at most */
    same(tile(to, "trainA/he_2_3.png"), part(he, 0, 3 * TILE, 2 * TILE, TILE));
    same(tile(to, "trainB/he_2_3.png"), part(ihc, 0, 3 * TILE, 2 * TILE, TILE));
}

/* Twice the slide's um per pixel is its second level; half as much more lies between the two. */
static void test_levels(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    const rst_slide_recipe r = recipe(0.5);
    const char *he = slide("levels.tif", &r), *to = tree_path("second");
    rst_tiles_options o = options(he, he, to);
    rst_tiles_report report;
    o.mpp = 1;
    succeeded(rst__tiles(&o, &report, &err), &err);
    assert_int_equal(report.places, 2);
    assert_true(report.peak > 0.5 && report.shift_px < 0.1 && report.unlike == 0);
    same(tile(to, "trainA/levels_0_1.png"), part(he, 1, TILE, 0, TILE));

    o.mpp = 0.75;
    o.folder = to = tree_path("between");
    succeeded(rst__tiles(&o, &report, &err), &err);
    assert_int_equal(report.places, 6);
    rst_image big = part(he, 0, 2 * 96, 96, 96), small = RST_IMAGE_INIT;
    succeeded(rst__image_resize(&big, TILE, TILE, RST_RESIZE_BICUBIC, &small, &err), &err);
    rst_image_free(&big);
    same(tile(to, "trainB/levels_1_2.png"), small);

    o.mpp = 0.4;
    o.folder = tree_path("finer");
    assert_int_equal(rst__tiles(&o, &report, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "larger --mpp"));
    assert_false(rst__exists(o.folder));
}

/* An IHC scanned at twice the resolution, of the same field: its tiles are as large. */
static void test_scales_differ(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_slide_recipe r = recipe(0.5);
    const char *he = slide("coarse.tif", &r);
    r.mpp = 0.25;
    r.width *= 2;
    r.height *= 2;
    const char *ihc = slide("fine.tif", &r), *to = tree_path("scales");
    rst_tiles_options o = options(he, ihc, to);
    rst_tiles_report report;
    succeeded(rst__tiles(&o, &report, &err), &err);
    assert_int_equal(report.places, 12);
    same(tile(to, "trainB/coarse_1_2.png"), part(ihc, 1, 2 * TILE, TILE, TILE));

    /* The file may be wrong: the one that is told counts. */
    o.slide_mpp[1] = 0.5;
    o.folder = to = tree_path("told");
    succeeded(rst__tiles(&o, &report, &err), &err);
    same(tile(to, "trainB/coarse_1_2.png"), part(ihc, 0, 2 * TILE, TILE, TILE));
}

static void test_no_scale(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_slide_recipe r = recipe(0);
    const char *he = slide("mute.tif", &r);
    rst_tiles_report report;
    rst_tiles_options o = options(he, he, tree_path("mute"));
    succeeded(rst__tiles(&o, &report, &err), &err); /* pixels are pixels */
    assert_int_equal(report.places, 12);
    o.folder = tree_path("mute.mpp");
    o.mpp = 0.5;
    assert_int_equal(rst__tiles(&o, &report, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "give --he-mpp"));
    r.width += 10;
    o.mpp = 0;
    o.ihc = slide("wider.tif", &r);
    assert_int_equal(rst__tiles(&o, &report, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "of different sizes"));
}

static void test_no_memory(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    const rst_slide_recipe r = recipe(0.5);
    const char *he = slide("memory.tif", &r);
    const long live = rst__alloc_live();
    int rc = RST_ENOMEM;
    for (long n = 0; rc == RST_ENOMEM; n += 1 + n / 3) {
        rst_tiles_options o = options(he, he, tree_path("memory"));
        rst_tiles_report report;
        rst__alloc_fail_after(n);
        rc = rst__tiles(&o, &report, &err);
        rst__alloc_fail_after(-1);
        if (rc < 0 && rc != RST_ENOMEM)
            fail_msg("allocation %ld: %s", n, err.msg);
        assert_int_equal(rst__alloc_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_pixels),    cmocka_unit_test(test_levels),
        cmocka_unit_test(test_scales_differ), cmocka_unit_test(test_no_scale),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, tree_setup, tree_teardown);
}
