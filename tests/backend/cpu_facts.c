/* SPDX-License-Identifier: MIT */
/* Single facts about the CPU backend that a comparison with the reference does not show. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/backend.h"
#include "base/alloc.h"

static rst_dev *ref_dev, *cpu_dev[3];

static float noise(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)((double)(*seed >> 8) / (1 << 23) - 1.0);
}

/* A mean 1e4 times the deviation, and a first pixel far off. */
static void test_stats_are_accurate(void **state)
{
    (void)state;
    enum { PX = 3000, C = 5 };
    static float x[PX * C];
    float mean[C], var[C], want_mean[C], want_var[C];
    uint32_t seed = 3;
    for (int i = 0; i < PX * C; i++)
        x[i] = 1000.0f + 0.1f * noise(&seed);
    x[2] = 1100.0f;
    const rst_norm g = { .x = { 1, C, 1, PX } };
    assert_int_equal(ref_dev->be->norm_stats(ref_dev, &g, x, want_mean, want_var), 0);
    assert_int_equal(cpu_dev[1]->be->norm_stats(cpu_dev[1], &g, x, mean, var), 0);
    for (int c = 0; c < C; c++) {
        assert_true(fabs((double)mean[c] - (double)want_mean[c]) <= 1e-7 * 1000);
        assert_true(fabs((double)var[c] / (double)want_var[c] - 1) <= 1e-6);
    }
}

/* The same number gives the same bits wherever it stands, so that a slide's grid cannot be seen. */
static void test_place_does_not_matter(void **state)
{
    (void)state;
    enum { LEN = 203 };
    float x[LEN], y[LEN], z[LEN], one[LEN], map[16 * LEN];
    rst_dev *d = cpu_dev[0];
    uint32_t seed = 11;
    for (int k = 0; k < 400; k++) {
        const float a = noise(&seed), b = noise(&seed);
        for (int i = 0; i < LEN; i++) {
            x[i] = a;
            y[i] = b;
            one[i] = 0.3f;
        }
        for (int f = 0; f <= RST_MAP_AFFINE; f++) {
            assert_int_equal(d->be->map(d, (rst_map)f, 0.3, 0.7, LEN, x, z), 0);
            for (int i = 1; i < LEN; i++)
                assert_memory_equal(&z[i], &z[0], sizeof *z);
        }
        const rst_norm g = { .x = { 1, LEN, 1, 1 }, .eps = 1e-5 };
        assert_int_equal(d->be->norm_apply(d, &g, x, y, one, x, y, one, z), 0);
        for (int i = 1; i < LEN; i++)
            assert_memory_equal(&z[i], &z[0], sizeof *z);
        for (int count = 2; count <= 4; count++) {
            const rst_blur_geom blur = { .x = { 1, LEN, count, count },
                                         .oh = 1,
                                         .ow = 1,
                                         .count = count,
                                         .stride = 1,
                                         .t = { 0.3, 0.71, -0.2, 0.13 } };
            for (int i = 0; i < count * count * LEN; i++)
                map[i] = i / LEN % 3 ? a : b;
            assert_int_equal(d->be->blur(d, &blur, map, z), 0);
            for (int i = 1; i < LEN; i++)
                assert_memory_equal(&z[i], &z[0], sizeof *z);
        }
    }
}

static void test_nan_is_not_lost(void **state)
{
    (void)state;
    rst_dev *d = cpu_dev[0];
    float x[19] = { 0 }, y[19];
    int32_t arg[19];
    x[4] = NAN;
    bool ok;
    assert_int_equal(d->be->finite(d, 19, x, &ok), 0);
    assert_false(ok);
    for (int f = 0; f <= RST_MAP_AFFINE; f++) {
        assert_int_equal(d->be->map(d, (rst_map)f, 0.2, 0, 19, x, y), 0);
        assert_true(isnan(y[4]) && isfinite(y[3]));
    }
    assert_int_equal(
        d->be->reduce_max(d, (rst_dims){ 1, 1, 1, 19 }, RST_AXIS_H | RST_AXIS_W, x, y, arg), 0);
    assert_true(isnan(y[0]) && arg[0] == 4);
    assert_int_equal(d->be->reduce_max(d, (rst_dims){ 1, 19, 1, 1 }, RST_AXIS_C, x, y, arg), 0);
    assert_true(isnan(y[0]) && arg[0] == 4);
    x[4] = INFINITY;
    assert_int_equal(d->be->finite(d, 19, x, &ok), 0);
    assert_false(ok);
    x[4] = -3e38f;
    assert_int_equal(d->be->finite(d, 19, x, &ok), 0);
    assert_true(ok);
}

static void test_errors_speak(void **state)
{
    (void)state;
    rst_dev *d = cpu_dev[0];
    float x[64] = { 0 }, y[64];
    const int32_t ids[2] = { 0, 16 };
    assert_int_equal(d->be->gather(d, (rst_dims){ 1, 4, 4, 4 }, 2, ids, x, y), RST_EINVAL);
    assert_non_null(strstr(d->err.msg, "place 16"));
    const rst_dims s = { 1, 4, 4, 4 };
    rst__alloc_fail_after(0);
    const int rc = d->be->flip_w(d, s, x, y, false);
    rst__alloc_fail_after(-1);
    assert_int_equal(rc, RST_ENOMEM);
    assert_int_equal(d->be->flip_w(d, s, x, y, false), 0);
}

static void test_device(void **state)
{
    (void)state;
    rst_dev *d = cpu_dev[2];
    assert_int_equal(d->threads, 3);
    assert_string_equal(d->be->name, "cpu");
    assert_non_null(strstr(d->be->describe(d), "3 threads"));
    unsigned char *p = d->be->alloc(d, 5 << 20); /* large enough for huge pages */
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % 64, 0);
    memset(p, 1, 5 << 20);
    d->be->release(d, p);
    assert_ptr_equal(rst__backend_find(NULL, RST_F32), d->be);
#define RST_KERNEL(kernel, args) assert_non_null(d->be->kernel);
#include "backend/kernels.def"
#undef RST_KERNEL
}

static rst_dev *open_device(const char *backend, int threads)
{
    rst_error err = RST_ERROR_INIT;
    rst_dev *d = NULL;
    const rst_ctx_options o = { .backend = backend, .threads = threads };
    if (rst__backend_find(backend, RST_F32)->open(&d, &o, &err) < 0)
        fail_msg("%s: %s", backend, err.msg);
    return d;
}

static int setup(void **state)
{
    (void)state;
    ref_dev = open_device("ref", 1);
    for (int i = 0; i < 3; i++)
        cpu_dev[i] = open_device("cpu", i + 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ref_dev->be->close(ref_dev);
    for (int i = 0; i < 3; i++)
        cpu_dev[i]->be->close(cpu_dev[i]);
    return rst__alloc_live() == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats_are_accurate),
        cmocka_unit_test(test_place_does_not_matter),
        cmocka_unit_test(test_nan_is_not_lost),
        cmocka_unit_test(test_errors_speak),
        cmocka_unit_test(test_device),
    };
    return cmocka_run_group_tests_name("cpu_facts", tests, setup, teardown);
}
