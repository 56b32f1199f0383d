/* SPDX-License-Identifier: MIT */
/* FID and KID: against hand-made values, against their definitions, and against themselves on
 * another way. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "metric/fid.h"
#include "metric/kid.h"
#include "metric/matrix.h"

static void is_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%.15g, not %.15g", got, want);
}

static void normals(double *v, int64_t n, uint64_t seed)
{
    rst_rng r = rst__rng(seed, "features");
    for (int64_t i = 0; i < n; i++)
        v[i] = rst__rng_normal(&r);
}

/* n images of d features, each shrinking with its number, moved by `shift`; of at most `wide`
 * places used in a row, the rest being zeros. */
static float *features(int64_t n, int64_t d, int64_t wide, double shift, uint64_t seed)
{
    float *x = malloc((size_t)(n * wide) * sizeof *x);
    rst_rng r = rst__rng(seed, "features");
    assert_non_null(x);
    memset(x, 0, (size_t)(n * wide) * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++)
            x[i * wide + j] = (float)((rst__rng_normal(&r) + shift) / (1.0 + (double)j));
    return x;
}

static double fid_of(const float *a, int64_t na, const float *b, int64_t nb, int64_t d)
{
    double v = -1;
    rst_error err = RST_ERROR_INIT;
    if (rst_fid(a, na, b, nb, d, &v, &err) < 0)
        fail_msg("%s", err.msg);
    return v;
}

/* Matrices ------------------------------------------------------------------------------------- */

static void test_nuclear_norm(void **state)
{
    (void)state;
    enum { N = 37 };
    double a[N * N], b[N * N], c[N * N], sum, trace = 0;
    /* A matrix times its transpose: the singular values are the eigenvalues. */
    normals(a, N * N, 1);
    rst__dots(a, N, a, N, N, b);
    for (int i = 0; i < N; i++)
        trace += b[i * N + i];
    memcpy(c, b, sizeof c);
    assert_int_equal(rst__nuclear_norm(c, N, N, &sum), 0);
    is_near(sum, trace, 1e-11 * trace);
    /* Its columns in another order and with other signs have the same ones. */
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            c[i * N + (5 * j + 3) % N] = (j % 3 ? 1 : -1) * b[i * N + j];
    assert_int_equal(rst__nuclear_norm(c, N, N, &sum), 0);
    is_near(sum, trace, 1e-11 * trace);
    /* Tall: 3 and 4 beside 5 and 12 are columns of lengths 5 and 13, at right angles. */
    double tall[8] = { 3, 0, 4, 0, 0, 5, 0, 12 };
    assert_int_equal(rst__nuclear_norm(tall, 4, 2, &sum), 0);
    is_near(sum, 18, 1e-13);
    double zero[6] = { 0 }, one = -7;
    assert_int_equal(rst__nuclear_norm(zero, 3, 2, &sum), 0);
    assert_true(sum == 0);
    assert_int_equal(rst__nuclear_norm(&one, 1, 1, &sum), 0);
    is_near(sum, 7, 1e-14);
}

static void test_square_root_rows(void **state)
{
    (void)state;
    enum { D = 23, RANK = 9 };
    double rows[RANK * D], t[D * RANK], s[D * D], f[D * D], again[D * D], ft[D * D];
    normals(rows, RANK * D, 2);
    for (int i = 0; i < RANK; i++)
        for (int j = 0; j < D; j++)
            t[j * RANK + i] = rows[i * D + j];
    rst__dots(t, D, t, D, RANK, s);
    assert_int_equal(rst__square_root_rows(s, D, f), RANK);
    for (int i = 0; i < RANK; i++)
        for (int j = 0; j < D; j++)
            ft[j * RANK + i] = f[i * D + j];
    rst__dots(ft, D, ft, D, RANK, again);
    for (int i = 0; i < D * D; i++)
        is_near(again[i], s[i], 1e-12);
    memset(s, 0, sizeof s);
    assert_int_equal(rst__square_root_rows(s, D, f), 0);
}

/* FID ------------------------------------------------------------------------------------------ */

static void test_fid_by_hand(void **state)
{
    (void)state;
    /* Means 1 and 4, variances 2 and 8: (1 - 4)^2 + (sqrt 2 - sqrt 8)^2. */
    static const float a[] = { 0, 2 }, b[] = { 2, 6 };
    is_near(fid_of(a, 2, b, 2, 1), 11, 1e-12);
    /* A second feature that is constant, and a third that is the first. */
    static const float a3[] = { 0, 5, 0, 2, 5, 2 }, b3[] = { 2, 6, 2, 6, 6, 6 };
    is_near(fid_of(a3, 2, b3, 2, 3), 23, 1e-12);
    /* A set without any spread. */
    static const float flat[] = { 3, 3, 3 };
    is_near(fid_of(a, 2, flat, 3, 1), 4 + 2, 1e-12);
    is_near(fid_of(flat, 3, flat, 2, 1), 0, 0);
}

/* More images than features, or fewer: the same data either way, once padded with zeros. */
static void test_fid_both_ways(void **state)
{
    (void)state;
    enum { N = 90, M = 70, D = 12, WIDE = 128 };
    float *a = features(N, D, D, 0, 1), *b = features(M, D, D, 0.3, 2),
          *wide_a = features(N, D, WIDE, 0, 1), *wide_b = features(M, D, WIDE, 0.3, 2);
    const double short_way = fid_of(a, N, b, M, D), long_way = fid_of(wide_a, N, wide_b, M, WIDE);
    assert_true(short_way > 0.1);
    is_near(long_way, short_way, 1e-11);
    is_near(fid_of(b, M, a, N, D), short_way, 1e-11);
    is_near(fid_of(a, N, a, N, D), 0, 1e-12);
    is_near(fid_of(wide_a, N, wide_a, N, WIDE), 0, 1e-12);
    free(a);
    free(b);
    free(wide_a);
    free(wide_b);
}

static void test_fid_refuses(void **state)
{
    (void)state;
    static const float one[] = { 1, 2 }, bad[] = { 0, 1, 2, (float)NAN };
    double v = 7;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_fid(one, 1, bad, 2, 2, &v, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "not 1"));
    assert_int_equal(rst_fid(one, 2, bad, 4, 1, &v, &err), RST_ENUMERIC);
    assert_non_null(strstr(err.msg, "feature 0 of image 3"));
    int rc = RST_ENOMEM;
    for (long n = 0; rc == RST_ENOMEM; n++) {
        const long live = rst__alloc_live();
        rst__alloc_fail_after(n);
        rc = rst_fid(bad, 3, one, 2, 1, &v, &err);
        rst__alloc_fail_after(-1);
        assert_int_equal(rst__alloc_live(), live);
        assert_true(rc == 0 || v == 7);
    }
    assert_int_equal(rc, 0);
}

/* KID ------------------------------------------------------------------------------------------ */

static double kernel(const float *x, const float *y, int64_t d)
{
    double sum = 0;
    for (int64_t i = 0; i < d; i++)
        sum += (double)x[i] * (double)y[i];
    return pow(sum / (double)d + 1, 3);
}

/* The definition, over all images of both sets. */
static double plain_mmd2(const float *x, const float *y, int64_t m, int64_t d)
{
    double within = 0, between = 0;
    const double n = (double)m;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < m; j++) {
            if (i != j)
                within += kernel(x + i * d, x + j * d, d) + kernel(y + i * d, y + j * d, d);
            between += kernel(x + i * d, y + j * d, d);
        }
    return within / (n * (n - 1)) - 2 * between / (n * n);
}

static void test_kid_definition(void **state)
{
    (void)state;
    enum { N = 40, D = 21 };
    float *x = features(N, D, D, 0, 1), *y = features(N, D, D, 0.5, 2);
    const rst_kid_options all = { .subsets = 3, .size = N };
    double mean, deviation;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_kid(x, N, y, N, D, &all, &mean, &deviation, &err), 0);
    is_near(mean, plain_mmd2(x, y, N, D), 1e-12);
    is_near(deviation, 0, 1e-13);
    free(x);
    free(y);
}

/* Whether the kernel is kept for all images or made for each subset: the same numbers. */
static void test_kid_both_ways(void **state)
{
    (void)state;
    enum { N = 60, M = 50, D = 33, SIZE = 7 };
    float *x = features(N, D, D, 0, 1), *y = features(M, D, D, 0.5, 2);
    static const int64_t at[SIZE] = { 0, 5, 9, 49, 7, 33, 2 },
                         other[SIZE] = { 1, 2, 3, 4, 5, 6, 7 };
    const rst_kid_kernel k = { 1.0 / D, 1, 3 };
    double v[2], variance[2];
    rst_error err = RST_ERROR_INIT;
    for (int way = 0; way < 2; way++) {
        rst_kid_sets *s;
        assert_int_equal(rst__kid_sets_new(&s, x, N, y, M, D, SIZE, way ? 1 : 100000, &k, &err), 0);
        assert_int_equal(rst__kid_subset(s, at, other, SIZE, M, &v[way], &variance[way], &err), 0);
        rst__kid_sets_free(s);
    }
    is_near(v[0], v[1], 1e-13);
    is_near(variance[0], variance[1], 1e-13);
    free(x);
    free(y);
}

static void test_kid_seeds(void **state)
{
    (void)state;
    enum { N = 130, D = 16 };
    float *x = features(N, D, D, 0, 1), *y = features(N, D, D, 0, 2), *z = features(N, D, D, 2, 3);
    const rst_kid_options first = { .subsets = 20, .size = 50, .seed = 5 },
                          second = { .subsets = 20, .size = 50, .seed = 6 };
    double same, far, again, other, deviation;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_kid(x, N, z, N, D, &first, &far, &deviation, &err), 0);
    assert_true(deviation > 0);
    assert_int_equal(rst_kid(x, N, z, N, D, &first, &again, &deviation, &err), 0);
    assert_true(far == again);
    assert_int_equal(rst_kid(x, N, z, N, D, &second, &other, &deviation, &err), 0);
    assert_true(far != other);
    is_near(other, far, 0.3 * far);
    assert_int_equal(rst_kid(x, N, y, N, D, NULL, &same, &deviation, &err), 0);
    assert_true(fabs(same) < 0.05 * far);
    free(x);
    free(y);
    free(z);
}

static void test_kid_refuses(void **state)
{
    (void)state;
    float x[20] = { 0 }, bad[20] = { 0 };
    const rst_kid_options six = { .size = 6 }, one = { .size = 1 }, none = { .subsets = -1 };
    double mean = 7, deviation = 7;
    rst_error err = RST_ERROR_INIT;
    bad[13] = (float)INFINITY;
    assert_int_equal(rst_kid(x, 5, x, 10, 2, &six, &mean, &deviation, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "subsets of 6 images, from 5 real and 10"));
    assert_int_equal(rst_kid(x, 10, x, 5, 2, NULL, &mean, &deviation, &err), RST_EINVAL);
    assert_int_equal(rst_kid(x, 5, x, 5, 2, &one, &mean, &deviation, &err), RST_EINVAL);
    assert_int_equal(rst_kid(x, 5, x, 5, 2, &none, &mean, &deviation, &err), RST_EINVAL);
    assert_int_equal(rst_kid(x, 10, bad, 10, 2, NULL, &mean, &deviation, &err), RST_ENUMERIC);
    assert_non_null(strstr(err.msg, "feature 1 of image 6"));
    int rc = RST_ENOMEM;
    for (long n = 0; rc == RST_ENOMEM; n++) {
        const long live = rst__alloc_live();
        assert_true(mean == 7);
        rst__alloc_fail_after(n);
        rc = rst_kid(x, 10, x, 10, 2, NULL, &mean, &deviation, &err);
        rst__alloc_fail_after(-1);
        assert_int_equal(rst__alloc_live(), live);
    }
    assert_int_equal(rc, 0);
    assert_true(mean == 0 && deviation == 0);
}

static void test_threads(void **state)
{
    (void)state;
    enum { N = 150, D = 130 };
    float *x = features(N, D, D, 0, 1), *y = features(N, D, D, 0.5, 2);
    double v[4][4] = { { 0 } };
    rst_error err = RST_ERROR_INIT;
    for (int i = 0; i < 4; i++) {
        omp_set_num_threads(i < 3 ? i + 1 : 7);
        v[i][0] = fid_of(x, N, y, N, D);
        v[i][1] = fid_of(x, N - 30, y, N, D);
        assert_int_equal(rst_kid(x, N, y, N, D, NULL, &v[i][2], &v[i][3], &err), 0);
        assert_memory_equal(v[i], v[0], sizeof v[0]);
    }
    free(x);
    free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nuclear_norm),  cmocka_unit_test(test_square_root_rows),
        cmocka_unit_test(test_fid_by_hand),   cmocka_unit_test(test_fid_both_ways),
        cmocka_unit_test(test_fid_refuses),   cmocka_unit_test(test_kid_definition),
        cmocka_unit_test(test_kid_both_ways), cmocka_unit_test(test_kid_seeds),
        cmocka_unit_test(test_kid_refuses),   cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
