/* SPDX-License-Identifier: MIT */
/* Phase correlation: shifts that are known, brightness that does not count, pictures that have
 * nothing in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <math.h>

#include <cmocka.h>

#include "base/rng.h"
#include "image/phase.h"

enum { N = RST_PHASE_SIDE, ROOM = 64, WIDE = N + 2 * ROOM };

/* Noise without sharp edges, larger than a picture, so that a shifted one has its own border. */
static float *make_field(uint64_t seed)
{
    float *f = malloc(sizeof *f * WIDE * WIDE); /* allow malloc: a test's own */
    rst_rng r = rst__rng(seed, "test field");
    assert_non_null(f);
    for (int i = 0; i < WIDE * WIDE; i++)
        f[i] = (float)rst__rng_normal(&r);
    for (int pass = 0; pass < 4; pass++)
        for (int i = 0; i < WIDE * WIDE - WIDE - 1; i++)
            f[i] = (f[i] + f[i + 1] + f[i + WIDE] + f[i + WIDE + 1]) / 4;
    return f;
}

static void draw(const float *field, int dy, int dx, float gain, float offset, float *out)
{
    for (int y = 0; y < N; y++)
        for (int x = 0; x < N; x++)
            out[y * N + x] = gain * field[(y + ROOM - dy) * WIDE + x + ROOM - dx] + offset;
}

static rst_shift shift_of(const float *a, const float *b)
{
    rst_shift s;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst__phase_shift(a, b, &s, &err), 0);
    return s;
}

static void test_shifts(void **state)
{
    (void)state;
    static const int way[][2] = { { 0, 0 }, { 1, 0 }, { 7, -3 }, { -12, 20 }, { 40, 31 } };
    float *a = malloc(sizeof(float) * N * N); /* allow malloc: a test's own */
    float *b = malloc(sizeof(float) * N * N); /* allow malloc: a test's own */
    float *f = make_field(1);
    draw(f, 0, 0, 1, 0, a);
    for (size_t i = 0; i < sizeof way / sizeof way[0]; i++) {
        draw(f, way[i][0], way[i][1], 0.2f, 11, b); /* paler, on another ground */
        const rst_shift s = shift_of(a, b);
        assert_true(fabs(s.dy - way[i][0]) < 0.2);
        assert_true(fabs(s.dx - way[i][1]) < 0.2);
        assert_true(s.peak > 0.3);
        assert_true(i > 0 || s.peak > 0.95);
    }
    free(a); /* allow free: a test's own */
    free(b); /* allow free: a test's own */
    free(f); /* allow free: a test's own */
}

/* White noise, so that all frequencies take part: what chance makes stays below the limit. */
static void test_unlike(void **state)
{
    (void)state;
    enum { TIMES = 20 };
    float *a = malloc(sizeof(float) * 2 * N * N); /* allow malloc: a test's own */
    rst_rng r = rst__rng(5, "test noise");
    double largest = 0;
    for (int t = 0; t < TIMES; t++) {
        for (int i = 0; i < 2 * N * N; i++)
            a[i] = (float)rst__rng_normal(&r);
        const double peak = shift_of(a, a + N * N).peak;
        largest = peak > largest ? peak : largest;
    }
    assert_true(largest < RST_PHASE_UNLIKE);
    assert_true(largest > 0.06); /* and the limit is not far from it */
    for (int i = 0; i < 2 * N * N; i++)
        a[i] = 3; /* nothing at all is like nothing */
    assert_true(shift_of(a, a + N * N).peak < RST_PHASE_UNLIKE);
    free(a); /* allow free: a test's own */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shifts),
        cmocka_unit_test(test_unlike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
