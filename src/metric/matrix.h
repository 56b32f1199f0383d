/* SPDX-License-Identifier: MIT */
/* The little linear algebra that FID and KID need, in double, row by row. Nothing depends on the
 * number of threads: every sum has one owner and one order. */
#ifndef RST_METRIC_MATRIX_H
#define RST_METRIC_MATRIX_H

#include <stdint.h>

/** c[i][j] = a_i . b_j: a [n][d], b [m][d], c [n][m]. */
void rst__dots(const double *a, int64_t n, const double *b, int64_t m, int64_t d, double *c);

/** Rows f [rank][d] with f' f = s, for a symmetric s [d][d] without negative eigenvalues (pivoted
 *  Cholesky, stopped where only rounding is left). Returns the rank, or RST_ENOMEM. */
int64_t rst__square_root_rows(const double *s, int64_t d, double *f);

/** The sum of the singular values of a [m][n], m >= n >= 1, which is destroyed: Householder's
 *  bidiagonal form, then bisection, accurate to rounding of the largest. 0 or RST_ENOMEM. */
int rst__nuclear_norm(double *a, int64_t m, int64_t n, double *sum);

#endif
