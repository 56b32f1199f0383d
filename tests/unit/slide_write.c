/* SPDX-License-Identifier: MIT */
/* The pyramid writer: what is in the file, that nothing but the pixels decides its bytes, and that
 * a failure leaves nothing behind. */
#include "unit/slide_write_util.h"

#include <math.h>
#include <pthread.h>
#ifdef RST_HAVE_OPENSLIDE
#include <openslide.h>
#endif

enum { TILE = 64, W = 611, H = 390, ACROSS = 10, DOWN = 7 };

/* 611 306 153 77 39 wide, 390 195 98 49 25 high. The last with JPEG fits a tile; without, the last
 * is not smaller than one. */
enum { LEVELS = 3, JPEG_LEVELS = 5 };

static const rst_pyramid_options lossless = {
    .width = W, .height = H, .tile = TILE, .mpp = 0.4661, .compression = RST_PYRAMID_DEFLATE
};

static void put(rst_pyramid *p, const uint8_t *px, int64_t i)
{
    rst_error err = RST_ERROR_INIT;
    const int64_t x = i % ACROSS, y = i / ACROSS;
    const uint8_t *at = px + (y * TILE * W + x * TILE) * 3;
    /* A few tiles are blank: one alone, and all children of a tile two levels up. */
    const bool blank = i == 3 || (x >= 4 && x < 8 && y >= 4);
    succeeded(blank ? rst__pyramid_blank(p, x, y, &err)
                    : rst__pyramid_put(p, x, y, at, W * 3, &err),
              &err);
}

static void write_slide(const char *path, const rst_pyramid_options *o, const uint8_t *px)
{
    rst_error err = RST_ERROR_INIT;
    rst_pyramid *p = NULL;
    succeeded(rst__pyramid_open(&p, path, o, &err), &err);
    for (int64_t i = 0; i < ACROSS * DOWN; i++)
        put(p, px, i);
    succeeded(rst__pyramid_finish(p, &err), &err);
}

/* The picture as the file should hold it: blank tiles white. */
static uint8_t *with_blanks(const uint8_t *px)
{
    uint8_t *want = malloc((size_t)W * H * 3);
    assert_non_null(want);
    memcpy(want, px, (size_t)W * H * 3);
    for (int64_t y = 0; y < H; y++)
        for (int64_t x = 0; x < W; x++) {
            const int64_t tx = x / TILE, ty = y / TILE;
            if ((tx == 3 && ty == 0) || (tx >= 4 && tx < 8 && ty >= 4))
                memset(want + (y * W + x) * 3, 255, 3);
        }
    return want;
}

/* The next level: means of 2 x 2, the last column and row repeated. */
static uint8_t *halved(const uint8_t *px, int64_t w, int64_t h)
{
    const int64_t hw = (w + 1) / 2, hh = (h + 1) / 2;
    uint8_t *d = malloc((size_t)(hw * hh * 3));
    assert_non_null(d);
    for (int64_t y = 0; y < hh; y++)
        for (int64_t x = 0; x < hw; x++)
            for (int64_t c = 0; c < 3; c++) {
                int sum = 2;
                for (int64_t k = 0; k < 4; k++) {
                    const int64_t u = 2 * x + k % 2, v = 2 * y + k / 2;
                    sum += px[((v < h ? v : h - 1) * w + (u < w ? u : w - 1)) * 3 + c];
                }
                d[(y * hw + x) * 3 + c] = (uint8_t)(sum / 4);
            }
    return d;
}

/* The current page against want, w x h; within `off` grey levels. */
static void check_page(TIFF *tif, const uint8_t *want, int64_t w, int64_t h, int off)
{
    static uint8_t buf[TILE * TILE * 3];
    assert_int_equal(tiff_u32(tif, TIFFTAG_IMAGEWIDTH), w);
    assert_int_equal(tiff_u32(tif, TIFFTAG_IMAGELENGTH), h);
    assert_int_equal(tiff_u32(tif, TIFFTAG_TILEWIDTH), TILE);
    for (int64_t i = 0; i < (int64_t)TIFFNumberOfTiles(tif); i++) {
        const int64_t across = (w + TILE - 1) / TILE, x0 = i % across * TILE,
                      y0 = i / across * TILE;
        assert_int_equal(TIFFReadEncodedTile(tif, (uint32_t)i, buf, sizeof buf), sizeof buf);
        for (int64_t y = 0; y < TILE; y++)
            for (int64_t x = 0; x < TILE; x++)
                for (int64_t c = 0; c < 3; c++) {
                    const int64_t u = x0 + x < w ? x0 + x : w - 1, v = y0 + y < h ? y0 + y : h - 1;
                    const int is = buf[(y * TILE + x) * 3 + c], due = want[(v * w + u) * 3 + c];
                    if (abs(is - due) > off)
                        fail_msg("pixel %d, %d: %d, not %d", (int)(x0 + x), (int)(y0 + y), is, due);
                }
    }
}

/* Every level of the file, padding too, is the picture and its means. */
static void test_levels_are_the_picture_and_its_means(void **state)
{
    (void)state;
    uint8_t *px = picture(W, H);
    write_slide(in_folder("a.tif"), &lossless, px);
    tiff_file f;
    tiff_load(&f, in_folder("a.tif"));
    uint8_t *want = with_blanks(px);
    int64_t w = W, h = H;
    int pages = 0;
    do {
        check_page(f.tif, want, w, h, 0);
        assert_int_equal(tiff_u32(f.tif, TIFFTAG_SUBFILETYPE), pages ? FILETYPE_REDUCEDIMAGE : 0);
        assert_int_equal(tiff_u16(f.tif, TIFFTAG_RESOLUTIONUNIT), RESUNIT_CENTIMETER);
        const double per_cm = 10000 / 0.4661 / (1 << pages);
        assert_true(fabs(tiff_float(f.tif, TIFFTAG_XRESOLUTION) / per_cm - 1) < 1e-6);
        assert_true(fabs(tiff_float(f.tif, TIFFTAG_YRESOLUTION) / per_cm - 1) < 1e-6);
        uint8_t *next = halved(want, w, h);
        free(want);
        want = next;
        w = (w + 1) / 2;
        h = (h + 1) / 2;
        pages++;
    } while (TIFFReadDirectory(f.tif));
    assert_int_equal(pages, LEVELS);
    free(want);
    free(px);
    tiff_drop(&f);
    (void)unlink(in_folder("a.tif"));
}

/* The first page names the pages of the chain as its SubIFDs. */
static void test_the_layout_is_hybrid(void **state)
{
    (void)state;
    static const uint8_t icc[] = { 1, 2, 3, 4, 5 };
    uint8_t *px = picture(W, H);
    rst_pyramid_options o = lossless;
    o.compression = RST_PYRAMID_JPEG;
    o.provenance = "{\"model\": \"a<b & \\\"c\\\"\", \"note\": \"\xc2\xb5m\"}";
    o.icc = icc;
    o.icc_len = sizeof icc;
    write_slide(in_folder("a.tif"), &o, px);
    free(px);
    tiff_file f;
    tiff_load(&f, in_folder("a.tif"));
    assert_memory_equal(f.bytes, "II\x2b\0", 4);
    const char *text = NULL;
    assert_true(TIFFGetField(f.tif, TIFFTAG_IMAGEDESCRIPTION, &text));
    static const char *const parts[] = {
        "SizeX=\"611\" SizeY=\"390\" SizeC=\"3\"",
        "PhysicalSizeX=\"0.466100000\" PhysicalSizeXUnit=\"&#181;m\"",
        "PhysicalSizeY=\"0.466100000\"",
        "<TiffData IFD=\"0\" PlaneCount=\"1\"/>",
        "<Value>{&#34;model&#34;: &#34;a&#60;b &#38; \\&#34;c\\&#34;&#34;, ",
        ", &#34;note&#34;: &#34;&#181;m&#34;}</Value>"
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strstr(text, parts[i]))
            fail_msg("'%s' is not in %s", parts[i], text);
    uint32_t len = 0;
    const void *profile = NULL;
    assert_true(TIFFGetField(f.tif, TIFFTAG_ICCPROFILE, &len, &profile));
    assert_int_equal(len, sizeof icc);
    assert_memory_equal(profile, icc, sizeof icc);
    uint16_t n = 0;
    const uint64_t *at = NULL;
    uint64_t offset[JPEG_LEVELS];
    assert_true(TIFFGetField(f.tif, TIFFTAG_SUBIFD, &n, &at));
    assert_int_equal(n, JPEG_LEVELS - 1);
    memcpy(offset, at, (JPEG_LEVELS - 1) * sizeof *at);
    for (int k = 0; k + 1 < JPEG_LEVELS; k++) {
        assert_true(TIFFReadDirectory(f.tif));
        assert_true(TIFFCurrentDirOffset(f.tif) == offset[k]);
        assert_int_equal(tiff_u16(f.tif, TIFFTAG_PHOTOMETRIC), PHOTOMETRIC_YCBCR);
    }
    assert_false(TIFFReadDirectory(f.tif));
    tiff_drop(&f);
    (void)unlink(in_folder("a.tif"));
}

static void hash_of(const char *path, char hex[65])
{
    rst_error err = RST_ERROR_INIT;
    succeeded(rst__sha256_file(path, hex, &err), &err);
}

typedef struct job {
    rst_pyramid *p;
    const uint8_t *px;
    int first, step;
} job;

static void *put_some(void *arg)
{
    const job *j = arg;
    for (int64_t i = j->first; i < ACROSS * DOWN; i += j->step)
        put(j->p, j->px, i * 37 % (ACROSS * DOWN)); /* 37 and 70 have no common divisor */
    return NULL;
}

static void test_order_and_threads_do_not_matter(void **state)
{
    (void)state;
    uint8_t *px = picture(W, H);
    for (int c = 0; c < 2; c++) {
        rst_pyramid_options o = lossless;
        o.compression = c ? RST_PYRAMID_DEFLATE : RST_PYRAMID_JPEG;
        char want[65], is[65];
        write_slide(in_folder("a.tif"), &o, px);
        hash_of(in_folder("a.tif"), want);
        for (int threads = 1; threads <= 3; threads++) {
            rst_error err = RST_ERROR_INIT;
            rst_pyramid *p = NULL;
            succeeded(rst__pyramid_open(&p, in_folder("a.tif"), &o, &err), &err);
            pthread_t id[3];
            job j[3];
            for (int t = 0; t < threads; t++) {
                j[t] = (job){ p, px, t, threads };
                assert_int_equal(pthread_create(&id[t], NULL, put_some, &j[t]), 0);
            }
            for (int t = 0; t < threads; t++)
                (void)pthread_join(id[t], NULL);
            succeeded(rst__pyramid_finish(p, &err), &err);
            hash_of(in_folder("a.tif"), is);
            assert_string_equal(is, want);
        }
    }
    free(px);
    (void)unlink(in_folder("a.tif"));
}

/* More tiles out of order than may wait in memory: 100 of 768 KB, brought backwards. */
static void test_what_comes_early_waits_in_the_scratch_file(void **state)
{
    (void)state;
    enum { ROWS = 100, SIDE = 512 };
    const rst_pyramid_options o = {
        .width = 8, .height = (int64_t)ROWS * SIDE, .max_levels = 1, .compression = RST_PYRAMID_NONE
    };
    uint8_t *px = picture(8, (int64_t)ROWS * SIDE);
    char hex[2][65];
    for (int back = 0; back < 2; back++) {
        rst_error err = RST_ERROR_INIT;
        rst_pyramid *p = NULL;
        succeeded(rst__pyramid_open(&p, in_folder("a.tif"), &o, &err), &err);
        for (int64_t i = 0; i < ROWS; i++) {
            const int64_t y = back ? ROWS - 1 - i : i;
            succeeded(rst__pyramid_put(p, 0, y, px + y * SIDE * 8 * 3, 24, &err), &err);
        }
        succeeded(rst__pyramid_finish(p, &err), &err);
        hash_of(in_folder("a.tif"), hex[back]);
    }
    assert_string_equal(hex[0], hex[1]);
    free(px);
    (void)unlink(in_folder("a.tif"));
}

/* White put and blank are the same file, and neither costs much. */
static void test_blank_is_white(void **state)
{
    (void)state;
    uint8_t *px = malloc((size_t)W * H * 3);
    assert_non_null(px);
    memset(px, 255, (size_t)W * H * 3);
    char hex[2][65];
    for (int blank = 0; blank < 2; blank++) {
        rst_error err = RST_ERROR_INIT;
        rst_pyramid *p = NULL;
        rst_pyramid_options o = { .width = W, .height = H, .tile = TILE };
        succeeded(rst__pyramid_open(&p, in_folder("a.tif"), &o, &err), &err);
        for (int64_t y = 0; y < DOWN; y++)
            for (int64_t x = 0; x < ACROSS; x++)
                succeeded(blank
                              ? rst__pyramid_blank(p, x, y, &err)
                              : rst__pyramid_put(p, x, y, px + (y * W + x) * TILE * 3, W * 3, &err),
                          &err);
        succeeded(rst__pyramid_finish(p, &err), &err);
        hash_of(in_folder("a.tif"), hex[blank]);
    }
    assert_string_equal(hex[0], hex[1]);
    free(px);
    (void)unlink(in_folder("a.tif"));
}

static void test_wrong_use_is_told(void **state)
{
    (void)state;
    static const rst_pyramid_options wrong[] = { { 0 },
                                                 { .width = 5 },
                                                 { .width = 5, .height = 1 << 25 },
                                                 { .width = 5, .height = 5, .tile = 100 },
                                                 { .width = 5, .height = 5, .tile = 8192 },
                                                 { .width = 5, .height = 5, .quality = 101 },
                                                 { .width = 5, .height = 5, .mpp = -1 },
                                                 { .width = 5, .height = 5, .mpp = NAN } };
    uint8_t *px = picture(W, H);
    rst_pyramid *p = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rst_error err = RST_ERROR_INIT;
        assert_int_equal(rst__pyramid_open(&p, in_folder("a.tif"), &wrong[i], &err), RST_EINVAL);
        assert_null(p);
    }
    static const struct {
        int64_t x, y;
        const char *words;
    } bad[] = { { 0, 0, "was put before" },
                { ACROSS, 0, "outside" },
                { 0, DOWN, "outside" },
                { -1, 2, "outside" } };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rst_error err = RST_ERROR_INIT;
        succeeded(rst__pyramid_open(&p, in_folder("a.tif"), &lossless, &err), &err);
        put(p, px, 0);
        assert_int_equal(rst__pyramid_put(p, bad[i].x, bad[i].y, px, W * 3, &err), RST_EINVAL);
        assert_non_null(strstr(err.msg, bad[i].words));
        rst__pyramid_abort(p);
    }
    rst_error err = RST_ERROR_INIT;
    succeeded(rst__pyramid_open(&p, in_folder("a.tif"), &lossless, &err), &err);
    for (int64_t i = 0; i < ACROSS * DOWN; i++)
        if (i != 23)
            put(p, px, i);
    assert_int_equal(rst__pyramid_finish(p, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "tile (3, 2) was never put"));
    assert_int_equal(files_in_folder(), 0);
    free(px);
}

/* Writes a slide of 6 x 4 tiles whatever happens; the first error. Some tiles come early and wait.
 */
static int try_to_write(const uint8_t *px, rst_error *err)
{
    enum { X = 6, Y = 4, SIDE = 16 };
    const rst_pyramid_options o = {
        .width = X * SIDE - 3, .height = Y * SIDE, .tile = SIDE, .mpp = 0.5, .provenance = "{}"
    };
    rst_pyramid *p = NULL;
    int rc = rst__pyramid_open(&p, in_folder("a.tif"), &o, err);
    if (rc < 0)
        return rc;
    for (int64_t i = 0; i < X * Y && rc == 0; i++) {
        const int64_t k = i ^ 1, x = k % X, y = k / X;
        rc = k == 5 ? rst__pyramid_blank(p, x, y, err)
                    : rst__pyramid_put(p, x, y, px + (y * W + x) * SIDE * 3, W * 3, err);
    }
    if (rc < 0) {
        rst_error again = RST_ERROR_INIT;
        assert_int_equal(rst__pyramid_blank(p, X - 1, Y - 1, &again), rc);
        assert_string_equal(again.msg, err->msg);
        rst__pyramid_abort(p);
        return rc;
    }
    return rst__pyramid_finish(p, err);
}

static void test_a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    uint8_t *px = picture(W, H);
    const long live = rst__alloc_live();
    long n = 0;
    for (int rc = -1; rc < 0; n++) {
        rst_error err = RST_ERROR_INIT;
        rst__file_fail_after(-1, n);
        rc = try_to_write(px, &err);
        rst__file_fail_after(-1, -1);
        assert_int_equal(rst__alloc_live(), live);
        assert_int_equal(files_in_folder(), rc < 0 ? 0 : 1);
        if (rc == 0)
            break;
        assert_int_equal(rc, RST_EOUTPUT);
        assert_non_null(strstr(err.msg, "No space left on device"));
    }
    assert_true(n > 40);
    for (long k = 0; k < n; k++) { /* reading the scratch file back */
        rst_error err = RST_ERROR_INIT;
        rst__file_fail_after(k, -1);
        const int rc = try_to_write(px, &err);
        rst__file_fail_after(-1, -1);
        if (rc < 0)
            assert_int_equal(rc, RST_EOUTPUT);
        assert_int_equal(rst__alloc_live(), live);
        if (rc == 0)
            break;
    }
    free(px);
    (void)unlink(in_folder("a.tif"));
}

static void test_without_memory_it_leaves_nothing(void **state)
{
    (void)state;
    uint8_t *px = picture(W, H);
    const long live = rst__alloc_live();
    long n = 0;
    for (int rc = -1; rc < 0; n++) {
        rst_error err = RST_ERROR_INIT;
        rst__alloc_fail_after(n);
        rc = try_to_write(px, &err);
        rst__alloc_fail_after(-1);
        assert_int_equal(rst__alloc_live(), live);
        assert_int_equal(files_in_folder(), rc < 0 ? 0 : 1);
        if (rc < 0)
            assert_int_equal(rc, RST_ENOMEM);
    }
    assert_true(n > 80);
    free(px);
    (void)unlink(in_folder("a.tif"));
}

static void test_the_estimate_is_near(void **state)
{
    (void)state;
    uint8_t *px = picture(W, H);
    rst_pyramid_options o = lossless;
    o.compression = RST_PYRAMID_NONE;
    write_slide(in_folder("a.tif"), &o, px);
    free(px);
    rst_pyramid_need need;
    rst_error err = RST_ERROR_INIT;
    uint64_t size;
    succeeded(rst__pyramid_estimate(&o, 1, &need, &err), &err);
    succeeded(rst__file_size(in_folder("a.tif"), &size, &err), &err);
    assert_int_equal(need.levels, LEVELS);
    assert_int_equal(need.tiles, 70 + 20 + 6);
    assert_true((double)need.file > 0.95 * (double)size);
    assert_true((double)need.file < 1.05 * (double)size);
    assert_true(need.scratch < need.file / 2);
    o = (rst_pyramid_options){ .width = 40000, .height = 20000 };
    succeeded(rst__pyramid_estimate(&o, 1, &need, &err), &err);
    assert_true(need.memory < 200 << 20);
    uint64_t wide = need.memory;
    o.height = 40000;
    succeeded(rst__pyramid_estimate(&o, 0, &need, &err), &err);
    assert_true(need.memory < wide + (1 << 20));
    assert_true(need.file < 200u << 20);
    (void)unlink(in_folder("a.tif"));
}

#ifdef RST_HAVE_OPENSLIDE
static void test_openslide_reads_every_level(void **state)
{
    (void)state;
    uint8_t *px = picture(W, H);
    write_slide(in_folder("a.tif"), &lossless, px);
    openslide_t *s = openslide_open(in_folder("a.tif"));
    assert_non_null(s);
    assert_null(openslide_get_error(s));
    assert_int_equal(openslide_get_level_count(s), LEVELS);
    const char *unit = openslide_get_property_value(s, "tiff.ResolutionUnit");
    const char *value = openslide_get_property_value(s, "tiff.XResolution");
    assert_non_null(unit);
    assert_non_null(value);
    assert_string_equal(unit, "centimeter");
    assert_true(fabs(10000 / strtod(value, NULL) / 0.4661 - 1) < 1e-6);
    uint8_t *want = with_blanks(px);
    free(px);
    int64_t w = W, h = H;
    for (int k = 0; k < LEVELS; k++) {
        int64_t lw, lh;
        openslide_get_level_dimensions(s, k, &lw, &lh);
        assert_int_equal(lw, w);
        assert_int_equal(lh, h);
        uint32_t *got = malloc((size_t)(w * h) * sizeof *got);
        assert_non_null(got);
        openslide_read_region(s, got, 0, 0, k, w, h);
        for (int64_t i = 0; i < w * h; i++)
            assert_int_equal(got[i], 0xff000000u | (uint32_t)want[3 * i] << 16 |
                                         (uint32_t)want[3 * i + 1] << 8 | want[3 * i + 2]);
        free(got);
        uint8_t *next = halved(want, w, h);
        free(want);
        want = next;
        w = (w + 1) / 2;
        h = (h + 1) / 2;
    }
    free(want);
    assert_null(openslide_get_error(s));
    openslide_close(s);
    (void)unlink(in_folder("a.tif"));
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_are_the_picture_and_its_means),
        cmocka_unit_test(test_the_layout_is_hybrid),
        cmocka_unit_test(test_order_and_threads_do_not_matter),
        cmocka_unit_test(test_what_comes_early_waits_in_the_scratch_file),
        cmocka_unit_test(test_blank_is_white),
        cmocka_unit_test(test_wrong_use_is_told),
        cmocka_unit_test(test_a_full_disk_leaves_nothing),
        cmocka_unit_test(test_without_memory_it_leaves_nothing),
        cmocka_unit_test(test_the_estimate_is_near),
#ifdef RST_HAVE_OPENSLIDE
        cmocka_unit_test(test_openslide_reads_every_level),
#endif
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
