/* SPDX-License-Identifier: MIT */
#include "metric/matrix.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <restain/error.h>

#include "base/alloc.h"

enum { LANES = 4, ROWS = 4, BLOCK = 16, COLUMNS = 64 };

/* Dot products --------------------------------------------------------------------------------- */

/* a with ROWS rows of b that are d apart. */
static void dots_with_rows(const double *a, const double *b, int64_t d, double *out)
{
    double acc[ROWS][LANES] = { { 0 } };
    const int64_t whole = d - d % LANES;
    for (int64_t t = 0; t < whole; t += LANES)
        for (int r = 0; r < ROWS; r++)
            for (int l = 0; l < LANES; l++)
                acc[r][l] += a[t + l] * b[r * d + t + l];
    for (int r = 0; r < ROWS; r++) {
        double sum = (acc[r][0] + acc[r][2]) + (acc[r][1] + acc[r][3]);
        for (int64_t t = whole; t < d; t++)
            sum += a[t] * b[r * d + t];
        out[r] = sum;
    }
}

static double dot(const double *a, const double *b, int64_t d)
{
    double acc[LANES] = { 0 };
    const int64_t whole = d - d % LANES;
    for (int64_t t = 0; t < whole; t += LANES)
        for (int l = 0; l < LANES; l++)
            acc[l] += a[t + l] * b[t + l];
    double sum = (acc[0] + acc[2]) + (acc[1] + acc[3]);
    for (int64_t t = whole; t < d; t++)
        sum += a[t] * b[t];
    return sum;
}

void rst__dots(const double *a, int64_t n, const double *b, int64_t m, int64_t d, double *c)
{
    const int64_t blocks = (n + BLOCK - 1) / BLOCK, whole = m - m % ROWS;
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < blocks; k++) {
        const int64_t end = (k + 1) * BLOCK < n ? (k + 1) * BLOCK : n;
        for (int64_t j = 0; j < whole; j += ROWS)
            for (int64_t i = k * BLOCK; i < end; i++)
                dots_with_rows(a + i * d, b + j * d, d, c + i * m + j);
        for (int64_t i = k * BLOCK; i < end; i++)
            for (int64_t j = whole; j < m; j++)
                c[i * m + j] = dot(a + i * d, b + j * d, d);
    }
}

/* Pivoted Cholesky ----------------------------------------------------------------------------- */

/* Row k of f, for the pivot column p: what is left of s's row p, over the pivot's root. */
static void factor_row(const double *s, int64_t d, int64_t k, int64_t p, double pivot, double *f)
{
    double *row = f + k * d;
    const double root = sqrt(pivot);
#pragma omp parallel for schedule(static)
    for (int64_t from = 0; from < d; from += COLUMNS) {
        const int64_t to = from + COLUMNS < d ? from + COLUMNS : d;
        memcpy(row + from, s + p * d + from, (size_t)(to - from) * sizeof *row);
        for (int64_t i = 0; i < k; i++) {
            const double w = f[i * d + p];
            for (int64_t j = from; j < to; j++)
                row[j] -= w * f[i * d + j];
        }
        for (int64_t j = from; j < to; j++)
            row[j] /= root;
    }
}

int64_t rst__square_root_rows(const double *s, int64_t d, double *f)
{
    double *left = rst__malloc((size_t)d * sizeof *left), largest = 0;
    int64_t rank = 0;
    if (!left)
        return RST_ENOMEM;
    for (int64_t j = 0; j < d; j++) {
        left[j] = s[j * d + j];
        largest = fmax(largest, left[j]);
    }
    for (; rank < d; rank++) {
        int64_t p = 0;
        for (int64_t j = 1; j < d; j++)
            p = left[j] > left[p] ? j : p;
        if (!(left[p] > (double)d * DBL_EPSILON * largest))
            break;
        factor_row(s, d, rank, p, left[p], f);
        for (int64_t j = 0; j < d; j++)
            left[j] -= f[rank * d + j] * f[rank * d + j];
    }
    rst__free(left);
    return rank;
}

/* Bidiagonal form ------------------------------------------------------------------------------ */

/* Turns v [n] into the vector of the reflection I - tau v v' (v[0] = 1) that maps it onto its first
 * axis, where it comes to lie at *at. Returns tau. */
static double reflection(double *v, int64_t n, double *at)
{
    const double rest = dot(v + 1, v + 1, n - 1);
    *at = v[0];
    if (rest <= 0)
        return 0;
    const double beta = -copysign(sqrt(v[0] * v[0] + rest), v[0]), tau = (beta - v[0]) / beta;
    for (int64_t i = 1; i < n; i++)
        v[i] /= v[0] - beta;
    v[0] = 1;
    *at = beta;
    return tau;
}

/* w [n]: tau v' times the rows of a [m] rows, of which the first n columns, ld apart. */
static void times_rows(const double *a, int64_t ld, int64_t m, int64_t n, const double *v,
                       double tau, double *w)
{
#pragma omp parallel for schedule(static)
    for (int64_t from = 0; from < n; from += COLUMNS) {
        const int64_t to = from + COLUMNS < n ? from + COLUMNS : n;
        memset(w + from, 0, (size_t)(to - from) * sizeof *w);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = from; j < to; j++)
                w[j] += v[i] * a[i * ld + j];
        for (int64_t j = from; j < to; j++)
            w[j] *= tau;
    }
}

/* Applies both reflections to rows 1..m-1 of a. */
static void update_rows(double *a, int64_t ld, int64_t m, int64_t n, const double *v,
                        const double *w, const double *u, double tau)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 1; i < m; i++) {
        double *row = a + i * ld;
        for (int64_t j = 0; j < n; j++)
            row[j] -= v[i] * w[j];
        const double s = tau * dot(row, u, n);
        for (int64_t j = 0; j < n; j++)
            row[j] -= s * u[j];
    }
}

/* Diagonal and upper diagonal, in turn, into b [2n - 1]; work [m + 2n]. */
static void bidiagonal(double *a, int64_t m, int64_t n, double *b, double *work)
{
    double *v = work, *w = work + m, *u = w + n;
    for (int64_t k = 0; k < n; k++) {
        double *corner = a + k * n + k; /* rows k.., columns k.. are left */
        const int64_t rows = m - k, columns = n - k - 1;
        for (int64_t i = 0; i < rows; i++)
            v[i] = corner[i * n];
        const double tau = reflection(v, rows, &b[2 * k]);
        if (columns == 0)
            break;
        times_rows(corner + 1, n, rows, columns, v, tau, w);
        for (int64_t j = 0; j < columns; j++)
            u[j] = corner[1 + j] - w[j];
        const double tau2 = reflection(u, columns, &b[2 * k + 1]);
        update_rows(corner + 1, n, rows, columns, v, w, u, tau2);
    }
}

/* Singular values ------------------------------------------------------------------------------ */

/* How many singular values lie below x: the tridiagonal matrix with zeros on its diagonal and b
 * beside it has them and their negatives as eigenvalues; Sturm's sequence counts those. */
static int64_t count_below(const double *b, int64_t n, double x, double least)
{
    int64_t below = 0;
    double q = -x;
    for (int64_t i = 0; i < 2 * n; i++) {
        if (i > 0)
            q = -x - b[i - 1] * b[i - 1] / q;
        if (fabs(q) < least)
            q = -least;
        below += q < 0;
    }
    return below - n;
}

int rst__nuclear_norm(double *a, int64_t m, int64_t n, double *sum)
{
    double *b = rst__calloc((size_t)(2 * n), sizeof *b);
    double *work = rst__calloc((size_t)(m + 2 * n), sizeof *work);
    double *value = rst__calloc((size_t)n, sizeof *value), bound = 0, total = 0;
    const bool ok = b && work && value;
    if (ok) {
        bidiagonal(a, m, n, b, work);
        for (int64_t i = 0; i < 2 * n - 1; i++)
            bound = fmax(bound, fabs(b[i]) + (i > 0 ? fabs(b[i - 1]) : 0));
#pragma omp parallel for schedule(static)
        for (int64_t k = 0; k < n; k++) {
            double lo = 0, hi = bound * (1 + 4 * DBL_EPSILON);
            while (hi - lo > DBL_EPSILON * bound) {
                const double x = lo + (hi - lo) / 2;
                if (count_below(b, n, x, DBL_MIN * fmax(1, bound * bound)) > k)
                    hi = x;
                else
                    lo = x;
            }
            value[k] = lo + (hi - lo) / 2;
        }
        for (int64_t k = 0; k < n; k++)
            total += value[k];
        *sum = bound > 0 ? total : 0;
    }
    rst__free(b);
    rst__free(work);
    rst__free(value);
    return ok ? 0 : RST_ENOMEM;
}
