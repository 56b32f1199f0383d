/* SPDX-License-Identifier: MIT */
/* The slide maker: its pattern is the same from wherever one looks, and its files are what they
 * say. */
#include "unit/slide_write_util.h"

#include <math.h>

#include "slide/make.h"

static const rst_slide_recipe plain = { .width = 700, .height = 430, .seed = 3, .tile = 64 };

static uint8_t *look(const rst_slide_recipe *r, int64_t x, int64_t y, int64_t w, int64_t h)
{
    rst_error err = RST_ERROR_INIT;
    uint8_t *px = malloc((size_t)(w * h * 3));
    assert_non_null(px);
    succeeded(rst__slide_pattern(r, x, y, w, h, px, (size_t)w * 3, NULL, &err), &err);
    return px;
}

/* Any rectangle is the part of any larger one. */
static void test_the_pattern_has_no_seams(void **state)
{
    (void)state;
    static const int64_t at[][4] = { { 0, 0, 64, 64 },     { 64, 0, 64, 64 },  { 333, 101, 67, 3 },
                                     { 300, 200, 1, 1 },   { 5, 7, 640, 399 }, { 636, 366, 64, 64 },
                                     { 311, 203, 20, 200 } };
    uint8_t *all = look(&plain, 0, 0, 700, 430);
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        const int64_t x = at[i][0], y = at[i][1], w = at[i][2], h = at[i][3];
        uint8_t *part = look(&plain, x, y, w, h);
        for (int64_t k = 0; k < h; k++)
            assert_memory_equal(part + k * w * 3, all + ((y + k) * 700 + x) * 3, (size_t)w * 3);
        free(part);
    }
    free(all);
}

static double tissue_share(const rst_slide_recipe *r)
{
    uint8_t *px = look(r, 0, 0, r->width, r->height);
    int64_t n = 0;
    for (int64_t i = 0; i < r->width * r->height; i++)
        n += px[3 * i] < 255;
    free(px);
    return (double)n / (double)(r->width * r->height);
}

static void test_the_share_of_tissue(void **state)
{
    (void)state;
    rst_slide_recipe r = { .width = 3000, .height = 2000, .seed = 1 };
    assert_true(fabs(tissue_share(&r) - 0.5) < 0.05);
    r.tissue = 0.1;
    assert_true(fabs(tissue_share(&r) - 0.1) < 0.03);
    r.tissue = 1;
    assert_true(tissue_share(&r) == 1);
    r.empty = true;
    assert_true(tissue_share(&r) == 0);
}

static void test_blank_is_told_where_all_is_white(void **state)
{
    (void)state;
    uint8_t px[64 * 64 * 3];
    rst_error err = RST_ERROR_INIT;
    for (int64_t y = 0; y < 384; y += 64)
        for (int64_t x = 0; x < 640; x += 64) {
            bool blank = false, white = true;
            succeeded(rst__slide_pattern(&plain, x, y, 64, 64, px, 64 * 3, &blank, &err), &err);
            for (size_t i = 0; i < sizeof px; i++)
                white = white && px[i] == 255;
            assert_true(!blank || white);
            assert_true(x > 0 || y > 0 || blank);
        }
}

static void make(const rst_slide_recipe *r)
{
    rst_error err = RST_ERROR_INIT;
    succeeded(rst__slide_make(in_folder("a.tif"), r, &err), &err);
}

static void test_the_same_recipe_gives_the_same_bytes(void **state)
{
    (void)state;
    rst_slide_recipe r = plain;
    rst_error err = RST_ERROR_INIT;
    char hex[3][65];
    for (int i = 0; i < 3; i++) {
        r.seed = i == 2 ? 4 : 3;
        make(&r);
        succeeded(rst__sha256_file(in_folder("a.tif"), hex[i], &err), &err);
    }
    assert_string_equal(hex[0], hex[1]);
    assert_string_not_equal(hex[0], hex[2]);
    (void)unlink(in_folder("a.tif"));
}

/* Walks the levels as the layout has them; counts pages and checks the largest's pixels. */
static void check_file(const rst_slide_recipe *r, const char *magic, int pages, int subifds)
{
    tiff_file f;
    make(r);
    tiff_load(&f, in_folder("a.tif"));
    assert_memory_equal(f.bytes, magic, 4);
    uint16_t n = 0;
    const uint64_t *at = NULL;
    if (!TIFFGetField(f.tif, TIFFTAG_SUBIFD, &n, &at))
        n = 0;
    assert_int_equal(n, subifds);
    const uint64_t last = n ? at[n - 1] : 0;
    if (r->compression != RST_PYRAMID_JPEG) {
        static uint8_t tile[64 * 64 * 3];
        assert_int_equal(TIFFReadEncodedTile(f.tif, 33 + 3, tile, sizeof tile), sizeof tile);
        uint8_t *want = look(r, 3 * 64, 3 * 64, 64, 64);
        assert_memory_equal(tile, want, sizeof tile);
        free(want);
    } else {
        assert_int_equal(tiff_u16(f.tif, TIFFTAG_PHOTOMETRIC),
                         r->mislabelled ? PHOTOMETRIC_RGB : PHOTOMETRIC_YCBCR);
    }
    int count = 1;
    while (TIFFReadDirectory(f.tif))
        count++;
    assert_int_equal(count, pages);
    if (last) {
        assert_true(TIFFSetSubDirectory(f.tif, last));
        assert_int_equal(tiff_u32(f.tif, TIFFTAG_IMAGEWIDTH), (700 + (1 << n) - 1) >> n);
    }
    tiff_drop(&f);
    (void)unlink(in_folder("a.tif"));
}

static void test_layouts_and_byte_orders(void **state)
{
    (void)state;
    rst_slide_recipe r = plain;
    check_file(&r, "II\x2b\0", 5, 4);
    r.layout = RST_PYRAMID_SUBIFD;
    check_file(&r, "II\x2b\0", 1, 4);
    r.classic = r.big_endian = true;
    check_file(&r, "MM\0\x2a", 1, 4);
    r.compression = RST_PYRAMID_DEFLATE;
    check_file(&r, "MM\0\x2a", 1, 2);
    r.layout = RST_PYRAMID_CHAIN;
    check_file(&r, "MM\0\x2a", 3, 0);
    r.compression = RST_PYRAMID_NONE;
    r.classic = false;
    check_file(&r, "MM\0\x2b", 3, 0);
    r.max_levels = 1;
    check_file(&r, "MM\0\x2b", 1, 0);
    r = plain;
    r.classic = r.mislabelled = true;
    r.layout = RST_PYRAMID_CHAIN;
    check_file(&r, "II\x2a\0", 5, 0);
}

static void test_the_scale_may_be_missing_or_absurd(void **state)
{
    (void)state;
    rst_slide_recipe r = plain;
    for (int i = 0; i < 2; i++) {
        tiff_file f;
        float v = 0;
        r.mpp = i ? 1000 : 0;
        make(&r);
        tiff_load(&f, in_folder("a.tif"));
        assert_int_equal(TIFFGetField(f.tif, TIFFTAG_XRESOLUTION, &v), i);
        assert_true(v == (i ? 10 : 0));
        tiff_drop(&f);
    }
    (void)unlink(in_folder("a.tif"));
}

static void test_damage(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_slide_recipe r = plain;
    uint64_t whole, cut;
    make(&r);
    succeeded(rst__file_size(in_folder("a.tif"), &whole, &err), &err);
    r.keep = 0.6;
    make(&r);
    succeeded(rst__file_size(in_folder("a.tif"), &cut, &err), &err);
    assert_int_equal(cut, (uint64_t)((double)whole * 0.6));
    r.keep = 0;
    r.spoilt = 0.5; /* 11 x 7 tiles: number 38 */
    make(&r);
    tiff_file f;
    tiff_load(&f, in_folder("a.tif"));
    static uint8_t raw[1 << 16];
    for (uint32_t i = 37; i < 40; i++) {
        const tmsize_t n = TIFFReadRawTile(f.tif, i, raw, sizeof raw);
        assert_true(n > 100);
        assert_int_equal(raw[0], i == 38 ? 0 : 0xff);
    }
    tiff_drop(&f);
    (void)unlink(in_folder("a.tif"));
    r.spoilt = 2;
    assert_int_equal(rst__slide_make(in_folder("a.tif"), &r, &err), RST_EINVAL);
    r.spoilt = 0;
    r.tissue = -1;
    assert_int_equal(rst__slide_make(in_folder("a.tif"), &r, &err), RST_EINVAL);
}

static void test_faults_leave_nothing(void **state)
{
    (void)state;
    const rst_slide_recipe r = { .width = 90, .height = 70, .seed = 3, .tile = 32 };
    const long live = rst__alloc_live();
    for (int kind = 0; kind < 2; kind++) {
        for (long n = 0;; n++) {
            rst_error err = RST_ERROR_INIT;
            rst__alloc_fail_after(kind ? n : -1);
            rst__file_fail_after(-1, kind ? -1 : n);
            const int rc = rst__slide_make(in_folder("a.tif"), &r, &err);
            rst__alloc_fail_after(-1);
            rst__file_fail_after(-1, -1);
            assert_int_equal(rst__alloc_live(), live);
            assert_int_equal(files_in_folder(), rc == 0);
            if (rc == 0)
                break;
            assert_int_equal(rc, kind ? RST_ENOMEM : RST_EOUTPUT);
        }
        (void)unlink(in_folder("a.tif"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_pattern_has_no_seams),
        cmocka_unit_test(test_the_share_of_tissue),
        cmocka_unit_test(test_blank_is_told_where_all_is_white),
        cmocka_unit_test(test_the_same_recipe_gives_the_same_bytes),
        cmocka_unit_test(test_layouts_and_byte_orders),
        cmocka_unit_test(test_the_scale_may_be_missing_or_absurd),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_faults_leave_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
