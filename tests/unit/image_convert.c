/* SPDX-License-Identifier: MIT */
/* Conversions to the bit, and the montage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "image/convert.h"
#include "image/montage.h"

static void test_bytes_to_floats(void **state)
{
    (void)state;
    uint8_t u[256];
    float f[256], unit[256];
    for (int i = 0; i < 256; i++)
        u[i] = (uint8_t)i;
    rst__float_from_u8(u, 256, f);
    rst__unit_from_u8(u, 256, unit);
    assert_true(f[0] == -1.0f && f[255] == 1.0f && unit[0] == 0.0f && unit[255] == 1.0f);
    /* torch: ToTensor()(x), then Normalize(.5, .5), x = 1, 100, 128, 200 */
    assert_true(f[1] == -0x1.fbfbfcp-1f && f[100] == -0x1.b9b9b8p-3f);
    assert_true(f[128] == 0x1.0102p-8f && f[200] == 0x1.232324p-1f);
    for (int i = 1; i < 256; i++)
        assert_true(f[i] > f[i - 1] && unit[i] > unit[i - 1]);
}

static void test_round_trips(void **state)
{
    (void)state;
    uint8_t u[256], cut[256], rounded[256], back[256];
    float f[256];
    int lost = 0;
    for (int i = 0; i < 256; i++)
        u[i] = (uint8_t)i;
    rst__float_from_u8(u, 256, f);
    rst__u8_from_float(f, 256, cut);
    rst__u8_from_float_rounded(f, 256, rounded);
    rst__unit_from_u8(u, 256, f);
    rst__u8_from_unit(f, 256, back);
    assert_memory_equal(rounded, u, 256);
    assert_memory_equal(back, u, 256);
    for (int i = 0; i < 256; i++) {
        assert_in_range(u[i] - cut[i], 0, 1);
        lost += cut[i] != u[i];
    }
    assert_true(lost > 0); /* the reference's truncation loses levels, and so must this */
}

static void test_clamping(void **state)
{
    (void)state;
    static const float src[] = {
        -1e30f, -1.5f, -1, 0, 0.5f, 0.999f, 1, 1.5f, 1e30f, NAN, INFINITY
    };
    static const uint8_t cut[] = { 0, 0, 0, 127, 191, 254, 255, 255, 255, 0, 255 };
    static const uint8_t rounded[] = { 0, 0, 0, 128, 191, 255, 255, 255, 255, 0, 255 };
    static const uint8_t unit[] = { 0, 0, 0, 0, 128, 255, 255, 255, 255, 0, 255 };
    uint8_t dst[11];
    rst__u8_from_float(src, 11, dst);
    assert_memory_equal(dst, cut, 11);
    rst__u8_from_float_rounded(src, 11, dst);
    assert_memory_equal(dst, rounded, 11);
    rst__u8_from_unit(src, 11, dst);
    assert_memory_equal(dst, unit, 11);
}

static void test_halves_go_to_even(void **state)
{
    (void)state;
    int seen = 0;
    for (int level = 0; level < 255; level++) {
        float x = ((float)level + 0.5f) / 255.0f;
        x = nextafterf(x, -1.0f);
        for (int k = 0; k < 3; k++, x = nextafterf(x, 2.0f)) {
            uint8_t got;
            if (x * 255.0f != (float)level + 0.5f)
                continue;
            rst__u8_from_unit(&x, 1, &got);
            assert_int_equal(got, level % 2 ? level + 1 : level);
            seen++;
        }
    }
    assert_true(seen > 100);
}

static void test_montage(void **state)
{
    (void)state;
    static const uint8_t gold[] = { 9, 8, 7 };
    rst_image a, b, out;
    assert_int_equal(rst_image_new(&a, 2, 4, 3, NULL), 0);
    assert_int_equal(rst_image_new(&b, 3, 2, 1, NULL), 0);
    memset(a.px, 100, 24);
    memset(b.px, 50, 6);
    const rst_image *const both[] = { &a, &b };
    assert_int_equal(rst__image_montage(both, 2, 1, gold, &out, NULL), 0);
    static const char *const want[] = { "........", ".aa.....", ".aa.bbb.",
                                        ".aa.bbb.", ".aa.....", "........" };
    assert_int_equal(out.width, 8);
    assert_int_equal(out.height, 6);
    assert_int_equal(out.channels, 3);
    for (int i = 0; i < 48; i++) {
        const char c = want[i / 8][i % 8];
        const int v = c == 'a' ? 100 : 50;
        for (int k = 0; k < 3; k++)
            assert_int_equal(out.px[3 * i + k], c == '.' ? gold[k] : v);
    }
    rst_image_free(&out);
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst__image_montage(both, 0, 1, gold, &out, &err), RST_EINVAL);
    assert_int_equal(rst__image_montage(both, 2, -1, gold, &out, &err), RST_EINVAL);
    rst__alloc_fail_after(0);
    int rc = rst__image_montage(both, 2, 0, gold, &out, &err);
    rst__alloc_fail_after(-1);
    assert_int_equal(rc, RST_ENOMEM);
    a.channels = 2;
    assert_int_equal(rst__image_montage(both, 2, 0, gold, &out, &err), RST_EINVAL);
    rst_image_free(&a);
    rst_image_free(&b);
    assert_int_equal(rst__alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_to_floats), cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_clamping),        cmocka_unit_test(test_halves_go_to_even),
        cmocka_unit_test(test_montage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
