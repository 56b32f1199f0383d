/* SPDX-License-Identifier: MIT */
/* What the tests of the backend `ref` share: a float64 device, arrays of noise, comparisons. */
#ifndef TESTS_BACKEND_REF_UTIL_H
#define TESTS_BACKEND_REF_UTIL_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/backend.h"

#define COUNT(a) ((int64_t)(sizeof(a) / sizeof *(a)))
/* Calls a kernel of the float64 backend, which must succeed. */
#define CALL(kernel, ...) assert_int_equal(rst__ref_f64.kernel(dev, __VA_ARGS__), 0)

static inline rst_dev *ref_open(const rst_backend *be, int threads)
{
    rst_dev *dev = NULL;
    const rst_ctx_options o = { .threads = threads };
    assert_int_equal(be->open(&dev, &o, NULL), 0);
    return dev;
}

static inline int ref_setup(void **state)
{
    *state = ref_open(&rst__ref_f64, 2);
    return 0;
}

static inline int ref_teardown(void **state)
{
    rst__ref_f64.close(*state);
    return 0;
}

/* n numbers in -1..1, the same for the same seed; free() */
static inline double *noise(int64_t n, uint64_t seed)
{
    double *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x[i] = (double)(seed >> 11) / 4503599627370496.0 - 1;
    }
    return x;
}

static inline double inner(int64_t n, const double *x, const double *y)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++)
        s += x[i] * y[i];
    return s;
}

static inline void same(int64_t n, const double *got, const double *want, double tol)
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= tol * (1 + fabs(want[i]))))
            fail_msg("element %d is %.17g, not %.17g", (int)i, got[i], want[i]);
}

static inline void close_to(double got, double want, double tol)
{
    same(1, &got, &want, tol);
}

#endif
