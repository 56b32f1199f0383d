/* SPDX-License-Identifier: MIT */
/* What the readers take, what they refuse and in which words, and that writing keeps every pixel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <restain/log.h>

#include "base/file.h"
#include "unit/image_samples.h"

static const rst_image_read_options drop = { .alpha = RST_IMAGE_ALPHA_DROP };

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/rst-image-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails if a test left a file behind */
}

/* Decodes and frees b; must succeed. */
static rst_image decoded(rst_bytes b, const rst_image_read_options *o)
{
    rst_image img = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    assert_non_null(b.data);
    int rc = rst__image_decode(b.data, b.len, "sample", o, &img, &err);
    if (rc < 0)
        fail_msg("%s", err.msg);
    rst__free(b.data);
    return img;
}

/* Decoding b must fail with this code and words; frees b. */
static void refused(rst_bytes b, const rst_image_read_options *o, int code, const char *words)
{
    rst_image img = { .width = 77 };
    rst_error err = RST_ERROR_INIT;
    assert_non_null(b.data);
    assert_int_equal(rst__image_decode(b.data, b.len, "sample", o, &img, &err), code);
    assert_int_equal(err.code, code);
    if (!strstr(err.msg, words))
        fail_msg("'%s' does not tell '%s'", err.msg, words);
    assert_memory_equal(err.msg, "sample: ", 8);
    assert_int_equal(img.width, 77);
    assert_null(img.px);
    rst__free(b.data);
}

/* Compares with the first channels of want; frees img. */
static void check_pixels(rst_image *img, const rst_image *want, int channels)
{
    assert_int_equal(img->width, want->width);
    assert_int_equal(img->height, want->height);
    assert_int_equal(img->channels, channels);
    for (int64_t i = 0; i < want->width * want->height; i++)
        assert_memory_equal(img->px + i * channels, want->px + i * want->channels,
                            (size_t)channels);
    rst_image_free(img);
}

static void test_files_keep_every_pixel(void **state)
{
    (void)state;
    static const char *const names[] = { "a.png", "a.PNG", "b.tif", "b.TIFF", "c.tiff" };
    static const int64_t sizes[][2] = { { 1, 1 }, { 17, 9 }, { 64, 40 }, { 700, 131 } };
    for (int c = 1; c <= 4; c++)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
                rst_error err = RST_ERROR_INIT;
                rst_image img = sample_image(sizes[k][0], sizes[k][1], c), back;
                const char *path = in_folder(names[i]);
                assert_int_equal(rst_image_write(path, &img, NULL, &err), 0);
                assert_int_equal(rst_image_read(&back, path, NULL, &err), 0);
                assert_true(back.mpp == 0);
                check_pixels(&back, &img, c - (c + 1) % 2);
                rst_image_free(&img);
                assert_int_equal(unlink(path), 0);
            }
}

static void test_the_same_image_gives_the_same_bytes(void **state)
{
    (void)state;
    rst_image img = sample_image(90, 50, 3);
    img.mpp = 0.4661;
    rst_bytes a, b;
    assert_int_equal(rst__png_encode(&img, "x", 6, &a, NULL), 0);
    assert_int_equal(rst__png_encode(&img, "y", 6, &b, NULL), 0);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    rst__free(a.data), rst__free(b.data);
    assert_int_equal(rst__tiff_encode(&img, "x", 6, &a, NULL), 0);
    assert_int_equal(rst__tiff_encode(&img, "y", 6, &b, NULL), 0);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    rst__free(a.data), rst__free(b.data);
    rst_image_free(&img);
}

static void test_mpp_goes_through_tiff_only(void **state)
{
    (void)state;
    rst_image img = sample_image(20, 10, 3), back;
    img.mpp = 0.4661;
    assert_int_equal(rst_image_write(in_folder("m.tif"), &img, NULL, NULL), 0);
    assert_int_equal(rst_image_read(&back, in_folder("m.tif"), NULL, NULL), 0);
    assert_true(back.mpp > 0.46609 && back.mpp < 0.46611);
    rst_image_free(&back);
    assert_int_equal(unlink(in_folder("m.tif")), 0);
    rst_bytes b;
    assert_int_equal(rst__png_encode(&img, "x", 6, &b, NULL), 0);
    back = decoded(b, NULL);
    assert_true(back.mpp == 0);
    rst_image_free(&back);
    rst_image_free(&img);
}

static void test_jpeg_stays_close(void **state)
{
    (void)state;
    static const struct {
        int channels, quality, worst;
    } cases[] = { { 1, 95, 8 }, { 3, 95, 14 }, { 3, 100, 4 }, { 3, 0, 24 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rst_image img = sample_image(70, 33, cases[i].channels), back;
        rst_image_write_options o = { .jpeg_quality = cases[i].quality };
        assert_int_equal(rst_image_write(in_folder("j.JPEG"), &img, &o, NULL), 0);
        assert_int_equal(rst_image_read(&back, in_folder("j.JPEG"), NULL, NULL), 0);
        assert_int_equal(back.channels, cases[i].channels);
        assert_int_equal(back.width, 70);
        assert_in_range(largest_difference(&img, &back), 1, cases[i].worst);
        rst_image_free(&back);
        rst_image_free(&img);
        assert_int_equal(unlink(in_folder("j.JPEG")), 0);
    }
}

/* One red pixel among blue ones survives only if chroma is not subsampled. */
static void test_jpeg_is_written_444(void **state)
{
    (void)state;
    rst_image img;
    assert_int_equal(rst_image_new(&img, 16, 16, 3, NULL), 0);
    for (int i = 0; i < 256; i++)
        img.px[3 * i + (i % 2 ? 0 : 2)] = 200;
    rst_bytes b;
    assert_int_equal(rst__jpeg_encode(&img, "x", 100, &b, NULL), 0);
    rst_image back = decoded(b, NULL);
    assert_in_range(largest_difference(&img, &back), 0, 4);
    rst_image_free(&back);
    rst_image_free(&img);
}

/* Smooth ("fancy") upsampling: a chroma edge comes out as a ramp, not as blocks of two. */
static void test_jpeg_chroma_is_read_smoothly(void **state)
{
    (void)state;
    uint8_t px[32 * 16 * 3];
    for (int i = 0; i < 32 * 16; i++) {
        px[3 * i] = i % 32 < 16 ? 200 : 60;
        px[3 * i + 1] = 100;
        px[3 * i + 2] = i % 32 < 16 ? 60 : 200;
    }
    rst_image img = decoded(sample_jpeg_make(px, 32, 16, TJPF_RGB, TJSAMP_420, 0), NULL);
    int steps = 0;
    for (int x = 8; x < 24; x++)
        steps += img.px[3 * (32 * 8 + x)] != img.px[3 * (32 * 8 + x - 1)];
    assert_true(steps > 2);
    assert_int_not_equal(img.px[3 * (32 * 8 + 15) + 2], img.px[3 * (32 * 8 + 14) + 2]);
    rst_image_free(&img);
}

static void test_content_decides(void **state)
{
    (void)state;
    rst_image img = sample_image(12, 7, 3), back;
    rst_bytes b;
    assert_int_equal(rst__png_encode(&img, "x", 6, &b, NULL), 0);
    assert_int_equal(rst__file_write(in_folder("liar.jpg"), b.data, b.len, NULL), 0);
    rst__free(b.data);
    assert_int_equal(rst_image_read(&back, in_folder("liar.jpg"), NULL, NULL), 0);
    check_pixels(&back, &img, 3);
    assert_int_equal(unlink(in_folder("liar.jpg")), 0);
    rst_image_free(&img);
    refused((rst_bytes){ rst__strdup("GIF89a..."), 9 }, NULL, RST_EFORMAT, "not a PNG, JPEG or");
    refused((rst_bytes){ rst__strdup(""), 0 }, NULL, RST_EFORMAT, "empty");
    assert_true(rst_image_is_supported_name("dir.x/a.JpG"));
    assert_false(rst_image_is_supported_name("dir.png/a"));
    assert_false(rst_image_is_supported_name("a.svs"));
    assert_false(rst_image_is_supported_name("png"));
}

static void test_unreadable_files(void **state)
{
    (void)state;
    rst_image img;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_image_read(&img, in_folder("none.png"), NULL, &err), RST_EINPUT);
    assert_non_null(strstr(err.msg, "none.png"));
    assert_int_equal(rst_image_read(&img, folder, NULL, &err), RST_EINPUT);
}

static void test_png_of_16_bits_is_refused(void **state)
{
    (void)state;
    static const uint8_t rows[4 * 6];
    refused(sample_png_make(&(sample_png){ .width = 2,
                                           .height = 2,
                                           .depth = 16,
                                           .colour = PNG_COLOR_TYPE_RGB,
                                           .rows = rows,
                                           .pitch = 12 }),
            NULL, RST_EFORMAT, "16-bit PNG");
}

static void test_png_palette(void **state)
{
    (void)state;
    static const png_color palette[] = { { 1, 2, 3 }, { 200, 100, 50 }, { 0, 0, 0 } };
    static const uint8_t rows[] = { 0x12, 0x00, 0x01, 0x20 }, alphas[] = { 255, 128 };
    sample_png s = { .width = 4,
                     .height = 2,
                     .depth = 4,
                     .colour = PNG_COLOR_TYPE_PALETTE,
                     .palette = palette,
                     .colours = 3,
                     .rows = rows,
                     .pitch = 2 };
    static const uint8_t want[] = { 200, 100, 50, 0,   0,   0,  1, 2, 3, 1, 2, 3,
                                    1,   2,   3,  200, 100, 50, 0, 0, 0, 1, 2, 3 };
    rst_image img = decoded(sample_png_make(&s), NULL);
    assert_int_equal(img.channels, 3);
    assert_memory_equal(img.px, want, sizeof want);
    rst_image_free(&img);
    s.alphas = alphas;
    s.n_alphas = 2;
    refused(sample_png_make(&s), NULL, RST_EFORMAT, "--alpha");
    img = decoded(sample_png_make(&s), &drop);
    assert_int_equal(img.channels, 3);
    assert_memory_equal(img.px, want, sizeof want);
    rst_image_free(&img);
}

static void test_png_low_bits_of_grey(void **state)
{
    (void)state;
    static const uint8_t rows[] = { 0xb0, 0x1b, 0x1b };
    static const uint8_t one[] = { 255, 0, 255, 255 }, two[] = { 0, 85, 170, 255 };
    rst_image img = decoded(sample_png_make(&(sample_png){ .width = 4,
                                                           .height = 1,
                                                           .depth = 1,
                                                           .colour = PNG_COLOR_TYPE_GRAY,
                                                           .rows = rows,
                                                           .pitch = 1 }),
                            NULL);
    assert_int_equal(img.channels, 1);
    assert_memory_equal(img.px, one, 4);
    rst_image_free(&img);
    img = decoded(sample_png_make(&(sample_png){ .width = 4,
                                                 .height = 2,
                                                 .depth = 2,
                                                 .colour = PNG_COLOR_TYPE_GRAY,
                                                 .rows = rows + 1,
                                                 .pitch = 1 }),
                  NULL);
    assert_memory_equal(img.px, two, 4);
    assert_memory_equal(img.px + 4, two, 4);
    rst_image_free(&img);
}

static void test_png_interlaced(void **state)
{
    (void)state;
    rst_image img = sample_image(37, 21, 3);
    rst_image back = decoded(sample_png_make(&(sample_png){ .width = 37,
                                                            .height = 21,
                                                            .depth = 8,
                                                            .colour = PNG_COLOR_TYPE_RGB,
                                                            .interlace = PNG_INTERLACE_ADAM7,
                                                            .rows = img.px,
                                                            .pitch = 37 * 3 }),
                             NULL);
    check_pixels(&back, &img, 3);
    rst_image_free(&img);
}

static char last_line[256];

static void listen(void *user, rst_log_level level, const char *line)
{
    (void)user;
    (void)level;
    (void)snprintf(last_line, sizeof last_line, "%s", line);
}

static void test_alpha_policies(void **state)
{
    (void)state;
    static const uint8_t white[] = { 227, 250, 255, 255, 255, 255, 7, 8, 9 };
    rst_image img;
    assert_int_equal(rst_image_new(&img, 3, 1, 4, NULL), 0);
    memcpy(img.px, "\xc8\xf5\xff\x80\x01\x02\x03\x00\x07\x08\x09\xff", 12);
    for (int tiff = 0; tiff < 2; tiff++) {
        rst_bytes b[3];
        for (int i = 0; i < 3; i++)
            assert_int_equal(tiff ? rst__tiff_encode(&img, "x", 6, &b[i], NULL)
                                  : rst__png_encode(&img, "x", 6, &b[i], NULL),
                             0);
        refused(b[0], NULL, RST_EFORMAT, "--alpha drop or --alpha white");
        rst_image back = decoded(b[1], &drop);
        check_pixels(&back, &img, 3);
        back = decoded(b[2], &(rst_image_read_options){ .alpha = RST_IMAGE_ALPHA_WHITE });
        assert_int_equal(back.channels, 3);
        assert_memory_equal(back.px, white, sizeof white);
        rst_image_free(&back);
    }
    rst_image_free(&img);
}

static void test_opaque_alpha_is_dropped_with_a_line(void **state)
{
    (void)state;
    rst_image img = sample_image(8, 8, 4);
    rst_bytes b;
    assert_int_equal(rst__png_encode(&img, "x", 6, &b, NULL), 0);
    rst_log_to(listen, NULL);
    rst_image back = decoded(b, NULL);
    rst_log_to(NULL, NULL);
    assert_non_null(strstr(last_line, "sample: "));
    assert_non_null(strstr(last_line, "alpha"));
    check_pixels(&back, &img, 3);
    rst_image_free(&img);
}

static void test_grey(void **state)
{
    (void)state;
    rst_image img = sample_image(9, 5, 1);
    rst_error err = RST_ERROR_INIT;
    rst_bytes b;
    assert_int_equal(rst__png_encode(&img, "x", 6, &b, NULL), 0);
    rst_image rgb = decoded(b, &(rst_image_read_options){ .gray_to_rgb = true });
    assert_int_equal(rgb.channels, 3);
    for (int i = 0; i < 45 * 3; i++)
        assert_int_equal(rgb.px[i], img.px[i / 3]);
    assert_int_equal(rst_image_require_channels(&rgb, "f", 3, &err), 0);
    assert_int_equal(rst_image_require_channels(&img, "f", 3, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "--gray-to-rgb"));
    assert_int_equal(rst_image_require_channels(&rgb, "f", 1, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "f: 3 channels where 1 are due"));
    rst_image_free(&rgb);
    rst_image_free(&img);
}

static void test_limits_come_before_memory(void **state)
{
    (void)state;
    rst_image img = sample_image(60, 40, 3);
    const rst_image_read_options side = { .max_side = 59 }, area = { .max_pixels = 2399 },
                                 fits = { .max_side = 60, .max_pixels = 2400 };
    for (int i = 0; i < 3; i++) {
        rst_bytes b[3];
        for (int k = 0; k < 3; k++)
            assert_int_equal(i == 0   ? rst__png_encode(&img, "x", 6, &b[k], NULL)
                             : i == 1 ? rst__jpeg_encode(&img, "x", 90, &b[k], NULL)
                                      : rst__tiff_encode(&img, "x", 6, &b[k], NULL),
                             0);
        refused(b[0], &side, RST_EFORMAT, "limit of 59 a side");
        refused(b[1], &area, RST_EFORMAT, "2399 in all");
        rst_image back = decoded(b[2], &fits);
        rst_image_free(&back);
    }
    /* The header of a PNG of 2^31 - 1 squared. */
    rst_bytes b;
    assert_int_equal(rst__png_encode(&img, "x", 6, &b, NULL), 0);
    uint8_t *p = b.data;
    memset(p + 16, 0xff, 8);
    p[16] = p[20] = 0x7f;
    const uint32_t crc = (uint32_t)crc32(0, p + 12, 17);
    for (int i = 0; i < 4; i++)
        p[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
    refused(b, NULL, RST_EFORMAT, "limit of 65535 a side");
    rst_image_free(&img);
}

static void test_jpeg_cmyk_is_refused(void **state)
{
    (void)state;
    static const uint8_t px[16 * 16 * 4];
    refused(sample_jpeg_make(px, 16, 16, TJPF_CMYK, TJSAMP_444, 0), NULL, RST_EFORMAT, "CMYK");
}

static void test_jpeg_progressive_and_subsampled(void **state)
{
    (void)state;
    rst_image img = sample_image(50, 30, 3);
    static const int sampling[] = { TJSAMP_444, TJSAMP_422, TJSAMP_420, TJSAMP_440 };
    for (size_t i = 0; i < 4; i++) {
        rst_image back = decoded(
            sample_jpeg_make(img.px, 50, 30, TJPF_RGB, sampling[i], TJFLAG_PROGRESSIVE), NULL);
        assert_int_equal(back.channels, 3);
        assert_in_range(largest_difference(&img, &back), 1, 60);
        rst_image_free(&back);
    }
    rst_image_free(&img);
}

static void test_writing_refuses(void **state)
{
    (void)state;
    rst_image rgb = sample_image(8, 8, 3), rgba = sample_image(8, 8, 4), none = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_image_write(in_folder("a.bmp"), &rgb, NULL, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "a.bmp: the name must end in"));
    assert_int_equal(rst_image_write(in_folder("a.jpg"), &rgba, NULL, &err), RST_EINVAL);
    assert_int_equal(rst_image_write(in_folder("a.png"), &none, NULL, &err), RST_EINVAL);
    for (int q = -1; q <= 101; q += 102)
        assert_int_equal(rst_image_write(in_folder("a.jpg"), &rgb,
                                         &(rst_image_write_options){ .jpeg_quality = q }, &err),
                         RST_EINVAL);
    assert_int_equal(rst_image_write(in_folder("a.png"), &rgb,
                                     &(rst_image_write_options){ .deflate = 10 }, &err),
                     RST_EINVAL);
    assert_int_equal(rst_image_write(in_folder("no/a.png"), &rgb, NULL, &err), RST_EOUTPUT);
    assert_non_null(strstr(err.msg, "no/a.png"));
    assert_int_equal(rst_image_new(&none, 0, 5, 3, &err), RST_EINVAL);
    assert_int_equal(rst_image_new(&none, INT64_MAX / 2, 5, 3, &err), RST_EINVAL);
    assert_int_equal(rst_image_new(&none, 5, 5, 5, &err), RST_EINVAL);
    rst_image_free(&rgb);
    rst_image_free(&rgba);
    rst_image_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_keep_every_pixel),
        cmocka_unit_test(test_the_same_image_gives_the_same_bytes),
        cmocka_unit_test(test_mpp_goes_through_tiff_only),
        cmocka_unit_test(test_jpeg_stays_close),
        cmocka_unit_test(test_jpeg_is_written_444),
        cmocka_unit_test(test_jpeg_chroma_is_read_smoothly),
        cmocka_unit_test(test_content_decides),
        cmocka_unit_test(test_unreadable_files),
        cmocka_unit_test(test_png_of_16_bits_is_refused),
        cmocka_unit_test(test_png_palette),
        cmocka_unit_test(test_png_low_bits_of_grey),
        cmocka_unit_test(test_png_interlaced),
        cmocka_unit_test(test_alpha_policies),
        cmocka_unit_test(test_opaque_alpha_is_dropped_with_a_line),
        cmocka_unit_test(test_grey),
        cmocka_unit_test(test_limits_come_before_memory),
        cmocka_unit_test(test_jpeg_cmyk_is_refused),
        cmocka_unit_test(test_jpeg_progressive_and_subsampled),
        cmocka_unit_test(test_writing_refuses),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
