/* SPDX-License-Identifier: MIT */
/* The tissue mask: what is tissue, what is paper, and what happens where there is only one kind. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "slide/make.h"
#include "slide/tissue.h"

enum { W = 200, H = 150, SCALE = 16 };

static const double mpp = 8; /* 64 um2 a pixel of the overview */
static const uint8_t paper[3] = { 244, 243, 241 }, pink[3] = { 205, 140, 175 };

static rst_image sheet(const uint8_t colour[3])
{
    rst_image img;
    assert_int_equal(rst_image_new(&img, W, H, 3, NULL), 0);
    for (int64_t i = 0; i < W * H; i++)
        memcpy(img.px + 3 * i, colour, 3);
    return img;
}

static void box(rst_image *img, int64_t x, int64_t y, int64_t w, int64_t h, const uint8_t colour[3])
{
    for (int64_t j = y; j < y + h; j++)
        for (int64_t i = x; i < x + w; i++)
            memcpy(img->px + (j * img->width + i) * 3, colour, 3);
}

/* Noise of +-n grey levels. */
static void grain(rst_image *img, int n)
{
    uint32_t s = 99;
    for (int64_t i = 0; i < img->width * img->height * 3; i++) {
        s = s * 1664525u + 1013904223u;
        const int v = img->px[i] + (int)((s >> 16) % (2 * (uint32_t)n + 1)) - n;
        img->px[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

static rst_tissue *find(rst_image *img, const rst_tissue_options *o)
{
    rst_tissue *t = NULL;
    rst_error err = RST_ERROR_INIT;
    if (rst__tissue_new(&t, img, mpp, img->width * SCALE, img->height * SCALE, o, &err) < 0)
        fail_msg("%s", err.msg);
    rst_image_free(img);
    return t;
}

static int64_t pixels(const rst_tissue *t)
{
    return llround(rst__tissue_facts(t).area_mm2 * 1e6 / (mpp * mpp));
}

static void test_paper_alone_is_no_tissue(void **state)
{
    (void)state;
    static const uint8_t papers[][3] = {
        { 255, 255, 255 }, { 244, 243, 241 }, { 225, 224, 228 }, { 200, 200, 200 }, { 0, 0, 0 }
    };
    for (size_t i = 0; i < sizeof papers / sizeof papers[0]; i++)
        for (int n = 0; n < 4; n += 3) {
            rst_image img = sheet(papers[i]);
            if (papers[i][0])
                grain(&img, n);
            rst_tissue *t = find(&img, NULL);
            assert_true(rst__tissue_facts(t).none);
            assert_false(rst__tissue_facts(t).all);
            assert_true(rst__tissue_facts(t).area_mm2 == 0);
            assert_false(rst__tissue_touches(t, 0, 0, W * SCALE, H * SCALE));
            rst__tissue_free(t);
        }
}

static void test_tissue_alone_is_all_tissue(void **state)
{
    (void)state;
    static const uint8_t blue[3] = { 110, 80, 150 };
    rst_image img = sheet(pink);
    box(&img, 20, 20, 100, 90, blue);
    grain(&img, 12);
    rst_tissue *t = find(&img, NULL);
    assert_true(rst__tissue_facts(t).all);
    assert_true(rst__tissue_facts(t).share == 1);
    assert_true(rst__tissue_touches(t, 5, 5, 1, 1));
    rst__tissue_free(t);
}

/* A square of known area, with a hole to fill, a hole to keep, a speck to drop. */
static void test_holes_specks_and_area(void **state)
{
    (void)state;
    rst_image img = sheet(paper);
    box(&img, 40, 30, 100, 80, pink);
    box(&img, 50, 40, 20, 20, paper);  /* 25,600 um2 */
    box(&img, 90, 40, 40, 40, paper);  /* 102,400 um2 */
    box(&img, 10, 10, 12, 12, pink);   /* 9,216 um2 */
    box(&img, 170, 10, 13, 13, pink);  /* 10,816 um2 */
    box(&img, 135, 100, 5, 10, paper); /* open to the outside: no hole */
    grain(&img, 3);
    rst_image again;
    assert_int_equal(rst_image_new(&again, W, H, 3, NULL), 0);
    memcpy(again.px, img.px, (size_t)W * H * 3);
    rst_tissue *t = find(&img, NULL);
    assert_int_equal(pixels(t), 100 * 80 - 40 * 40 + 13 * 13 - 50);
    assert_true(fabs(rst__tissue_facts(t).area_mm2 - (8000 - 1600 + 169 - 50) * 64e-6) < 1e-9);
    rst__tissue_free(t);
    const rst_tissue_options off = { .hole_um2 = -1, .speck_um2 = -1 };
    t = find(&again, &off);
    assert_int_equal(pixels(t), 100 * 80 - 40 * 40 - 400 + 13 * 13 + 144 - 50);
    rst__tissue_free(t);
}

/* Grey pen or dust is dark but has no colour; a pale tint has colour but no density. */
static void test_both_colour_and_density_are_needed(void **state)
{
    (void)state;
    static const uint8_t dust[3] = { 90, 92, 91 }, tint[3] = { 255, 249, 238 };
    rst_image img = sheet(paper);
    box(&img, 20, 20, 60, 60, pink);
    box(&img, 100, 20, 40, 40, dust);
    box(&img, 100, 80, 40, 40, tint);
    rst_tissue *t = find(&img, NULL);
    assert_int_equal(pixels(t), 3600);
    rst__tissue_free(t);
}

static void test_dilation_is_a_square(void **state)
{
    (void)state;
    rst_image img = sheet(paper);
    box(&img, 0, 30, 20, 20, pink);
    box(&img, 100, 100, 30, 50, pink);
    const rst_tissue_options o = { .dilate_um = 50 }; /* 6.25 pixels: 7 */
    rst_tissue *t = find(&img, &o);
    assert_int_equal(pixels(t), 400 + 1500);
    const uint8_t *m = rst__tissue_mask(t);
    for (int64_t y = 0; y < H; y++)
        for (int64_t x = 0; x < W; x++) {
            const bool a = x < 27 && y >= 23 && y < 57;
            const bool b = x >= 93 && x < 137 && y >= 93;
            assert_int_equal(m[y * W + x], a || b);
        }
    rst__tissue_free(t);
}

static void test_rectangles_of_the_slide(void **state)
{
    (void)state;
    rst_image img = sheet(paper);
    box(&img, 50, 40, 30, 20, pink);
    rst_tissue *t = find(&img, NULL);
    static const struct {
        int64_t x, y, w, h;
        bool touches;
    } q[] = { { 0, 0, 800, 2400, false },      { 0, 0, 801, 2400, true },
              { 1280, 0, 1000, 2400, false },  { 1279, 640, 1, 1, true },
              { 800, 639, 1, 1, false },       { 800, 640, 1, 1, true },
              { 800, 959, 5, 5, true },        { 800, 960, 5, 5, false },
              { -500, -500, 400, 400, false }, { -500, -500, 4000, 4000, true },
              { 3200, 0, 50, 50, false },      { 900, 700, 0, 10, false },
              { 9000, 700, 20, 10, false },    { 810, 650, 1 << 20, 1, true } };
    for (size_t i = 0; i < sizeof q / sizeof q[0]; i++)
        if (rst__tissue_touches(t, q[i].x, q[i].y, q[i].w, q[i].h) != q[i].touches)
            fail_msg("rectangle %d", (int)i);
    assert_true(rst__tissue_cover(t, 800, 640, 480, 320) == 1);
    assert_true(fabs(rst__tissue_cover(t, 800, 640, 960, 320) - 0.5) < 1e-12);
    rst__tissue_free(t);
}

/* The made slide at 1/16: the mask's share is the pattern's. */
static void test_the_made_slide(void **state)
{
    (void)state;
    const rst_slide_recipe r = { .width = 4096, .height = 4096, .seed = 5, .tissue = 0.4 };
    enum { N = 4096 / SCALE };
    static uint8_t strip[4096 * SCALE * 3];
    rst_image img;
    assert_int_equal(rst_image_new(&img, N, N, 3, NULL), 0);
    for (int64_t y = 0; y < N; y++) {
        assert_int_equal(
            rst__slide_pattern(&r, 0, y * SCALE, 4096, SCALE, strip, 4096 * 3, NULL, NULL), 0);
        for (int64_t x = 0; x < N * 3; x++) {
            int sum = 0;
            for (int64_t k = 0; k < SCALE * SCALE; k++)
                sum += strip[((k / SCALE) * 4096 + x / 3 * SCALE + k % SCALE) * 3 + x % 3];
            img.px[y * N * 3 + x] = (uint8_t)(sum / (SCALE * SCALE));
        }
    }
    rst_tissue *t = find(&img, NULL);
    assert_true(fabs(rst__tissue_facts(t).share - 0.4) < 0.04);
    assert_false(rst__tissue_touches(t, 0, 0, 512, 512));
    assert_true(rst__tissue_touches(t, 2048, 2048, 512, 512));
    rst__tissue_free(t);
}

static void test_wrong_use_and_no_memory(void **state)
{
    (void)state;
    rst_image img = sheet(pink);
    rst_tissue *t = NULL;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst__tissue_new(&t, &img, 0, 10, 10, NULL, &err), RST_EINVAL);
    assert_int_equal(rst__tissue_new(&t, &img, NAN, 10, 10, NULL, &err), RST_EINVAL);
    assert_int_equal(rst__tissue_new(&t, &img, 1, 0, 10, NULL, &err), RST_EINVAL);
    img.channels = 1;
    assert_int_equal(rst__tissue_new(&t, &img, 1, 10, 10, NULL, &err), RST_EINVAL);
    img.channels = 3;
    const long live = rst__alloc_live();
    long n = 0;
    for (int rc = -1; rc < 0; n++) {
        rst__alloc_fail_after(n);
        rc = rst__tissue_new(&t, &img, mpp, 10, 10, NULL, &err);
        rst__alloc_fail_after(-1);
        if (rc < 0) {
            assert_int_equal(rc, RST_ENOMEM);
            assert_null(t);
            assert_int_equal(rst__alloc_live(), live);
        }
    }
    assert_int_equal(n, 6);
    rst__tissue_free(t);
    rst__tissue_free(NULL);
    rst_image_free(&img);
}

/* Tiles of 2 in a picture of 4 x 1: pairs (0,1) and (2,3) inside, (1,2) across. */
static void test_edge_ratio_by_hand(void **state)
{
    (void)state;
    uint8_t px[] = { 10, 10, 10, 12, 10, 10, 30, 10, 16, 30, 14, 16 };
    const rst_image img = { .width = 4, .height = 1, .channels = 3, .px = px };
    assert_true(fabs(rst__edge_ratio(&img, 2) - (24.0 / 3) / (6.0 / 6)) < 1e-12);
    assert_true(rst__edge_ratio(&img, 4) == 0);
    assert_true(rst__edge_ratio(&img, 1) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paper_alone_is_no_tissue),
        cmocka_unit_test(test_tissue_alone_is_all_tissue),
        cmocka_unit_test(test_holes_specks_and_area),
        cmocka_unit_test(test_both_colour_and_density_are_needed),
        cmocka_unit_test(test_dilation_is_a_square),
        cmocka_unit_test(test_rectangles_of_the_slide),
        cmocka_unit_test(test_the_made_slide),
        cmocka_unit_test(test_wrong_use_and_no_memory),
        cmocka_unit_test(test_edge_ratio_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
