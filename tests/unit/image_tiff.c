/* SPDX-License-Identifier: MIT */
/* Every kind of TIFF that is read, and every kind that is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <restain/log.h>

#include "unit/image_samples.h"

static rst_image decoded(rst_bytes b, const rst_image_read_options *o)
{
    rst_image img = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    assert_non_null(b.data);
    if (rst__image_decode(b.data, b.len, "sample", o, &img, &err) < 0)
        fail_msg("%s", err.msg);
    rst__free(b.data);
    return img;
}

static void refused(const sample_tiff *s, const rst_image *img, const char *words)
{
    rst_image out;
    rst_error err = RST_ERROR_INIT;
    rst_bytes b = sample_tiff_make(s, img);
    assert_non_null(b.data);
    if (rst__image_decode(b.data, b.len, "sample", NULL, &out, &err) != RST_EFORMAT)
        fail_msg("not refused: %s", words);
    if (!strstr(err.msg, words))
        fail_msg("'%s' does not tell '%s'", err.msg, words);
    rst__free(b.data);
}

static void test_lossless_kinds(void **state)
{
    (void)state;
    static const uint16_t compressions[] = { COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_DEFLATE,
                                             COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS };
    static const char *const modes[] = { "w", "wb", "w8", "w8b" };
    for (size_t i = 0; i < 5; i++)
        for (size_t m = 0; m < 4; m++)
            for (uint32_t tile = 0; tile <= 32; tile += 16)
                for (int c = 1; c <= 3; c += 2) {
                    rst_image img = sample_image(45, 37, c);
                    sample_tiff s = { .mode = modes[m],
                                      .compression = compressions[i],
                                      .tile = tile,
                                      .predictor = i > 0 && i < 4 ? 2 : 0 };
                    rst_image back = decoded(sample_tiff_make(&s, &img), NULL);
                    assert_true(same_image(&back, &img));
                    rst_image_free(&back);
                    rst_image_free(&img);
                }
}

/* libtiff encodes with shared tables and no marker: YCbCr, plain RGB and grey, strips and tiles. */
static void test_jpeg_blocks(void **state)
{
    (void)state;
    static const uint16_t colours[] = { PHOTOMETRIC_YCBCR, PHOTOMETRIC_RGB,
                                        PHOTOMETRIC_MINISBLACK };
    for (int i = 0; i < 3; i++)
        for (uint32_t tile = 0; tile <= 32; tile += 32) {
            rst_image img = sample_image(64, 40, i == 2 ? 1 : 3);
            sample_tiff s = {
                .compression = COMPRESSION_JPEG, .photometric = colours[i], .tile = tile, .rows = 16
            };
            rst_image back = decoded(sample_tiff_make(&s, &img), NULL);
            assert_int_equal(back.channels, img.channels);
            assert_in_range(largest_difference(&img, &back), 1, i == 0 ? 75 : 40);
            rst_image_free(&back);
            rst_image_free(&img);
        }
}

/* QuPath's files say RGB over a stream whose JFIF marker says YCbCr: the stream is right. */
static void test_a_marker_in_the_stream_is_believed(void **state)
{
    (void)state;
    rst_image img = sample_image(32, 32, 3);
    rst_bytes jpeg;
    assert_int_equal(rst__jpeg_encode(&img, "x", 95, &jpeg, NULL), 0);
    static const uint16_t colours[] = { PHOTOMETRIC_RGB, PHOTOMETRIC_YCBCR };
    for (int i = 0; i < 2; i++)
        for (uint32_t tile = 0; tile <= 32; tile += 32) {
            sample_tiff s = { .compression = COMPRESSION_JPEG,
                              .photometric = colours[i],
                              .tile = tile,
                              .rows = 32,
                              .raw_jpeg = &jpeg };
            rst_image back = decoded(sample_tiff_make(&s, &img), NULL);
            assert_in_range(largest_difference(&img, &back), 1, 14);
            rst_image_free(&back);
        }
    rst_image_free(&img);
    img = sample_image(48, 32, 3); /* the place is wider than the stream */
    refused(&(sample_tiff){ .compression = COMPRESSION_JPEG, .rows = 32, .raw_jpeg = &jpeg }, &img,
            "another size than its place");
    rst_image_free(&img);
    rst__free(jpeg.data);
}

static void test_kinds_refused_by_name(void **state)
{
    (void)state;
    rst_image rgb = sample_image(16, 16, 3), four = sample_image(16, 16, 4),
              gray = sample_image(16, 16, 1);
    refused(&(sample_tiff){ .bits = 16 }, &gray, "bits per sample 16");
    refused(&(sample_tiff){ .bits = 1 }, &gray, "bits per sample 1");
    refused(&(sample_tiff){ .bits = 32, .format = SAMPLEFORMAT_IEEEFP }, &gray,
            "bits per sample 32");
    refused(&(sample_tiff){ .format = SAMPLEFORMAT_INT }, &gray, "sample format 2");
    refused(&(sample_tiff){ .planar = PLANARCONFIG_SEPARATE }, &rgb, "separate planes");
    refused(&(sample_tiff){ .photometric = PHOTOMETRIC_SEPARATED }, &four, "CMYK");
    refused(&(sample_tiff){ .photometric = PHOTOMETRIC_PALETTE }, &gray, "a palette");
    refused(&(sample_tiff){ .photometric = PHOTOMETRIC_CIELAB }, &rgb, "photometric 8");
    refused(&(sample_tiff){ .photometric = PHOTOMETRIC_RGB }, &gray, "samples per pixel 1");
    refused(&(sample_tiff){ .compression = COMPRESSION_PACKBITS, .photometric = PHOTOMETRIC_YCBCR },
            &rgb, "YCbCr outside JPEG");
    rst_image_free(&rgb);
    rst_image_free(&four);
    rst_image_free(&gray);
}

/* The compression tag of a file of ours, changed to Aperio's JPEG 2000. */
static void test_unknown_compression(void **state)
{
    (void)state;
    rst_image img = sample_image(16, 16, 3), out;
    rst_error err = RST_ERROR_INIT;
    rst_bytes b = sample_tiff_make(&(sample_tiff){ .mode = "w" }, &img);
    static const uint8_t tag[] = { 0x03, 0x01, 0x03, 0x00, 1, 0, 0, 0, 1, 0 };
    uint8_t *at = memmem(b.data, b.len, tag, sizeof tag);
    assert_non_null(at);
    at[8] = 33005 & 0xff;
    at[9] = 33005 >> 8;
    assert_int_equal(rst__image_decode(b.data, b.len, "f", NULL, &out, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "f: a TIFF with compression 33005 is not supported"));
    rst__free(b.data);
    rst_image_free(&img);
}

static void test_white_is_zero(void **state)
{
    (void)state;
    rst_image img = sample_image(20, 10, 1);
    rst_image back = decoded(
        sample_tiff_make(&(sample_tiff){ .mode = "w", .compression = COMPRESSION_LZW }, &img),
        NULL);
    assert_true(same_image(&img, &back));
    rst_image_free(&back);
    /* MINISWHITE is photometric 0, which the sample's fields read as "the usual": patch the tag. */
    rst_bytes b = sample_tiff_make(&(sample_tiff){ .mode = "w" }, &img);
    static const uint8_t tag[] = { 0x06, 0x01, 0x03, 0x00, 1, 0, 0, 0, 1, 0 };
    uint8_t *at = memmem(b.data, b.len, tag, sizeof tag);
    assert_non_null(at);
    at[8] = 0;
    back = decoded(b, NULL);
    for (int i = 0; i < 200; i++)
        assert_int_equal(back.px[i], 255 - img.px[i]);
    rst_image_free(&back);
    rst_image_free(&img);
}

static void test_premultiplied_alpha(void **state)
{
    (void)state;
    rst_image img;
    assert_int_equal(rst_image_new(&img, 2, 1, 4, NULL), 0);
    memcpy(img.px, "\x40\x00\x80\x80\xff\x00\x00\x40", 8);
    static const uint8_t want[2][6] = { { 191, 127, 255, 255, 191, 191 },
                                        { 159, 127, 191, 255, 191, 191 } };
    for (int i = 0; i < 2; i++) {
        sample_tiff s = { .has_extra = 1,
                          .extra = i == 0 ? EXTRASAMPLE_ASSOCALPHA : EXTRASAMPLE_UNASSALPHA };
        rst_image back = decoded(sample_tiff_make(&s, &img),
                                 &(rst_image_read_options){ .alpha = RST_IMAGE_ALPHA_WHITE });
        assert_memory_equal(back.px, want[i], 6);
        rst_image_free(&back);
        refused(&s, &img, "--alpha");
    }
    rst_image_free(&img);
}

static void test_resolution(void **state)
{
    (void)state;
    static const struct {
        uint16_t unit;
        float x, y;
        double mpp;
    } cases[] = {
        { RESUNIT_CENTIMETER, 40000, 40000, 0.25 },
        { RESUNIT_INCH, 50800, 50800, 0.5 },
        { 0, 50800, 50800, 0.5 }, /* inches when not told */
        { RESUNIT_NONE, 50800, 50800, 0 },
        { RESUNIT_INCH, 72, 72, 0 },
        { RESUNIT_CENTIMETER, 10, 10, 0 },         /* 1000 um, as some real files claim */
        { RESUNIT_CENTIMETER, 300000, 300000, 0 }, /* 0.033 um */
        { RESUNIT_CENTIMETER, 40000, 20000, 0 },
        { RESUNIT_CENTIMETER, 40000, 0, 0.25 },
        { RESUNIT_CENTIMETER, 0, 0, 0 },
    };
    rst_image img = sample_image(16, 8, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sample_tiff s = { .unit = cases[i].unit,
                          .x_resolution = cases[i].x,
                          .y_resolution = cases[i].y };
        rst_image back = decoded(sample_tiff_make(&s, &img), NULL);
        if (!(back.mpp >= cases[i].mpp - 1e-6 && back.mpp <= cases[i].mpp + 1e-6))
            fail_msg("case %zu: %g", i, back.mpp);
        rst_image_free(&back);
    }
    rst_image_free(&img);
}

static int lines;

static void listen(void *user, rst_log_level level, const char *line)
{
    (void)user;
    (void)level;
    lines += strstr(line, "sample: only the first of its pages is read") != NULL;
}

static void test_the_first_page_is_read(void **state)
{
    (void)state;
    rst_image img = sample_image(16, 8, 3);
    rst_log_to(listen, NULL);
    for (int two = 0; two < 2; two++) {
        rst_image back = decoded(sample_tiff_make(&(sample_tiff){ .two_pages = two }, &img), NULL);
        assert_int_equal(lines, two);
        assert_true(same_image(&img, &back));
        rst_image_free(&back);
    }
    rst_log_to(NULL, NULL);
    rst_image_free(&img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lossless_kinds),
        cmocka_unit_test(test_jpeg_blocks),
        cmocka_unit_test(test_a_marker_in_the_stream_is_believed),
        cmocka_unit_test(test_kinds_refused_by_name),
        cmocka_unit_test(test_unknown_compression),
        cmocka_unit_test(test_white_is_zero),
        cmocka_unit_test(test_premultiplied_alpha),
        cmocka_unit_test(test_resolution),
        cmocka_unit_test(test_the_first_page_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
