/* SPDX-License-Identifier: MIT */
/* Damaged files, failing disks and failing memory: one clear error, nothing held, no half file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "unit/image_samples.h"

enum { SAMPLES = 9 };

static rst_bytes samples[SAMPLES];
static rst_image original;
static char path[64], part[80];

static int make_samples(void **state)
{
    (void)state;
    original = sample_image(61, 47, 3);
    rst_image gray = sample_image(50, 40, 1);
    int rc = rst__png_encode(&original, "x", 6, &samples[0], NULL);
    rc |= rst__png_encode(&gray, "x", 1, &samples[1], NULL);
    rc |= rst__jpeg_encode(&original, "x", 90, &samples[2], NULL);
    rc |= rst__jpeg_encode(&gray, "x", 90, &samples[3], NULL);
    rc |= rst__tiff_encode(&original, "x", 6, &samples[4], NULL);
    samples[5] = sample_jpeg_make(original.px, 61, 47, TJPF_RGB, TJSAMP_420, TJFLAG_PROGRESSIVE);
    samples[6] =
        sample_tiff_make(&(sample_tiff){ .compression = COMPRESSION_LZW, .tile = 32 }, &original);
    samples[7] = sample_tiff_make(&(sample_tiff){ .compression = COMPRESSION_JPEG,
                                                  .photometric = PHOTOMETRIC_YCBCR,
                                                  .tile = 32 },
                                  &original);
    samples[8] = sample_tiff_make(&(sample_tiff){ .mode = "wb" }, &original);
    rst_image_free(&gray);
    (void)snprintf(path, sizeof path, "/tmp/rst-damage-%ld.png", (long)getpid());
    (void)snprintf(part, sizeof part, "%s.part", path);
    return rc;
}

static int free_samples(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++)
        rst__free(samples[i].data);
    rst_image_free(&original);
    return rst__alloc_live() == 0 ? 0 : -1;
}

/* A piece cut off the end never gives a picture, whatever its length. The copy is as long as the
 * piece, so that a sanitizer sees a read past it. */
static void test_truncation(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++)
        for (size_t n = 0; n < samples[i].len; n += n < 200 || n + 50 > samples[i].len ? 1 : 7) {
            rst_image img = RST_IMAGE_INIT;
            rst_error err = RST_ERROR_INIT;
            uint8_t *cut = rst__malloc(n);
            memcpy(cut, samples[i].data, n);
            int rc = rst__image_decode(cut, n, "cut", NULL, &img, &err);
            rst__free(cut);
            if (rc != RST_EFORMAT)
                fail_msg("sample %d cut to %zu of %zu: %d %s", i, n, samples[i].len, rc, err.msg);
            assert_memory_equal(err.msg, "cut: ", 5);
            assert_null(img.px);
        }
}

static void test_truncation_is_named(void **state)
{
    (void)state;
    static const struct {
        int sample;
        const char *words;
    } cases[] = { { 0, "f: truncated PNG" },
                  { 2, "f: truncated JPEG" },
                  { 5, "truncated JPEG" },
                  { 4, "truncated or damaged TIFF" },
                  { 8, "truncated or damaged TIFF" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const rst_bytes *b = &samples[cases[i].sample];
        rst_image img;
        rst_error err = RST_ERROR_INIT;
        assert_int_equal(rst__image_decode(b->data, b->len * 2 / 3, "f", NULL, &img, &err),
                         RST_EFORMAT);
        if (!strstr(err.msg, cases[i].words))
            fail_msg("%s", err.msg);
    }
}

/* Any byte of a PNG's chunks is guarded by their sums: a changed one cannot give another picture.
 */
static void test_a_flipped_bit_in_a_png(void **state)
{
    (void)state;
    uint8_t *p = samples[0].data;
    for (size_t i = 0; i < samples[0].len; i++) {
        rst_image img;
        rst_error err = RST_ERROR_INIT;
        p[i] ^= 0x10;
        int rc = rst__image_decode(p, samples[0].len, "f", NULL, &img, &err);
        p[i] ^= 0x10;
        if (rc != RST_EFORMAT)
            fail_msg("byte %zu: %d", i, rc);
    }
}

/* Mutants give a picture or a clear error, and leave nothing behind. */
static void test_mutations(void **state)
{
    (void)state;
    const rst_image_read_options o = { .max_pixels = 1 << 20, .alpha = RST_IMAGE_ALPHA_DROP };
    const long live = rst__alloc_live();
    rst_rng r = rst__rng(7, "mutations");
    int good = 0, bad = 0;
    for (int i = 0; i < SAMPLES; i++)
        for (int k = 0; k < 200; k++) {
            uint8_t *p = rst__malloc(samples[i].len);
            memcpy(p, samples[i].data, samples[i].len);
            for (int64_t m = rst__rng_below(&r, 4); m >= 0; m--)
                p[rst__rng_below(&r, (int64_t)samples[i].len)] = (uint8_t)rst__rng_u32(&r);
            rst_image img = RST_IMAGE_INIT;
            rst_error err = RST_ERROR_INIT;
            int rc = rst__image_decode(p, samples[i].len, "f", &o, &img, &err);
            rst__free(p);
            assert_true(rc == 0 || rc == RST_EFORMAT);
            assert_int_equal(rc, err.code);
            good += rc == 0;
            bad += rc != 0;
            rst_image_free(&img);
        }
    assert_true(good > 0 && bad > 0);
    assert_int_equal(rst__alloc_live(), live);
}

static void test_decoding_without_memory(void **state)
{
    (void)state;
    const long live = rst__alloc_live();
    const rst_image_read_options o = { .gray_to_rgb = true };
    for (int i = 0; i < SAMPLES; i++) {
        long n = 0;
        for (;; n++) {
            rst_image img = RST_IMAGE_INIT;
            rst_error err = RST_ERROR_INIT;
            rst__alloc_fail_after(n);
            int rc = rst__image_decode(samples[i].data, samples[i].len, "f", &o, &img, &err);
            rst__alloc_fail_after(-1);
            rst_image_free(&img);
            assert_int_equal(rst__alloc_live(), live);
            if (rc == 0)
                break;
            if (rc != RST_ENOMEM)
                fail_msg("sample %d, request %ld: %d %s", i, n, rc, err.msg);
        }
        assert_in_range(n, 1, 100);
    }
}

static void test_writing_without_memory(void **state)
{
    (void)state;
    static const char *const ends[] = { ".png", ".jpg", ".tif" };
    const long live = rst__alloc_live();
    for (int i = 0; i < 3; i++) {
        long n = 0;
        char name[64];
        (void)snprintf(name, sizeof name, "/tmp/rst-damage-%ld%s", (long)getpid(), ends[i]);
        for (;; n++) {
            rst_error err = RST_ERROR_INIT;
            rst__alloc_fail_after(n);
            int rc = rst_image_write(name, &original, NULL, &err);
            rst__alloc_fail_after(-1);
            assert_int_equal(rst__alloc_live(), live);
            if (rc == 0)
                break;
            if (rc != RST_ENOMEM)
                fail_msg("%s, request %ld: %d %s", ends[i], n, rc, err.msg);
            assert_int_not_equal(access(name, F_OK), 0);
        }
        assert_in_range(n, 1, 100);
        assert_int_equal(unlink(name), 0);
    }
}

static void test_a_full_disk(void **state)
{
    (void)state;
    const long live = rst__alloc_live();
    for (long n = 0;; n++) {
        rst_error err = RST_ERROR_INIT;
        rst__file_fail_after(-1, n);
        int rc = rst_image_write(path, &original, NULL, &err);
        rst__file_fail_after(-1, -1);
        assert_int_equal(rst__alloc_live(), live);
        assert_int_not_equal(access(part, F_OK), 0);
        if (rc == 0) {
            assert_true(n > 1);
            break;
        }
        assert_int_equal(rc, RST_EOUTPUT);
        assert_non_null(strstr(err.msg, path));
        assert_int_not_equal(access(path, F_OK), 0);
    }
}

static void test_a_failing_disk(void **state)
{
    (void)state;
    const long live = rst__alloc_live();
    assert_int_equal(rst_image_write(path, &original, NULL, NULL), 0);
    for (long n = 0;; n++) {
        rst_error err = RST_ERROR_INIT;
        rst_image img = RST_IMAGE_INIT;
        rst__file_fail_after(n, -1);
        int rc = rst_image_read(&img, path, NULL, &err);
        rst__file_fail_after(-1, -1);
        rst_image_free(&img);
        assert_int_equal(rst__alloc_live(), live);
        if (rc == 0)
            break;
        assert_int_equal(rc, RST_EINPUT);
        assert_non_null(strstr(err.msg, path));
    }
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_truncation_is_named),
        cmocka_unit_test(test_a_flipped_bit_in_a_png),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_decoding_without_memory),
        cmocka_unit_test(test_writing_without_memory),
        cmocka_unit_test(test_a_full_disk),
        cmocka_unit_test(test_a_failing_disk),
    };
    return cmocka_run_group_tests(tests, make_samples, free_samples);
}
