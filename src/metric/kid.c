/* SPDX-License-Identifier: MIT */
/* The kernel inception distance (Binkowski et al., ICLR 2018), as ASP's util/kid_score.py. */
#include "metric/kid.h"

#include <math.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/rng.h"
#include "metric/matrix.h"

enum { XX, YY, XY, KERNELS };

static const double CACHE_BYTES = 1 << 30;

struct rst_kid_sets {
    int64_t n[2], d; /* images of the real and of the fake set; features */
    int64_t subset;
    rst_kid_kernel kernel;
    double *rows[2];       /* [n][d] */
    double *all[KERNELS];  /* between all images, or NULL */
    double *some[KERNELS]; /* [subset][subset] */
    double *picked[2];     /* [subset][d]: a subset's rows, where `all` is not kept */
};

/* The side of the set that rows (0) or columns (1) of a kernel's matrix belong to. */
static int side_of(int k, int column)
{
    return k == XX ? 0 : k == YY ? 1 : column;
}

static void apply_kernel(const rst_kid_kernel *kernel, double *v, int64_t n)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        const double base = kernel->gamma * v[i] + kernel->coef0;
        double power = 1;
        for (int k = 0; k < kernel->degree; k++)
            power *= base;
        v[i] = power;
    }
}

static int convert(const float *x, int64_t n, int64_t d, double **out, rst_error *err)
{
    double *v = rst__malloc((size_t)(n * d) * sizeof *v);
    if (!v)
        return rst__fail_nomem(err, "kid");
    *out = v;
    for (int64_t i = 0; i < n * d; i++) {
        v[i] = (double)x[i];
        if (!isfinite(v[i]))
            return rst_fail(err, RST_ENUMERIC, "kid: feature %lld of image %lld is not a number",
                            (long long)(i % d), (long long)(i / d));
    }
    return 0;
}

/* Between all images, if that is less work than for each subset anew, and there is room for it. */
static bool is_cached(const rst_kid_sets *s, int64_t subsets)
{
    const double x = (double)s->n[0], y = (double)s->n[1], m = (double)s->subset,
                 all = x * x + y * y + x * y;
    return all <= 3 * m * m * (double)subsets && all * sizeof(double) <= CACHE_BYTES;
}

static bool make_room(rst_kid_sets *s, bool cached)
{
    bool ok = true;
    for (int k = 0; k < KERNELS; k++) {
        const int64_t n = s->n[side_of(k, 0)], m = s->n[side_of(k, 1)];
        s->some[k] = rst__malloc((size_t)(s->subset * s->subset) * sizeof(double));
        s->all[k] = cached ? rst__malloc((size_t)(n * m) * sizeof(double)) : NULL;
        ok = ok && s->some[k] && (s->all[k] || !cached);
    }
    for (int i = 0; i < 2; i++) {
        s->picked[i] = cached ? NULL : rst__malloc((size_t)(s->subset * s->d) * sizeof(double));
        ok = ok && (s->picked[i] || cached);
    }
    return ok;
}

int rst__kid_sets_new(rst_kid_sets **out, const float *real, int64_t nreal, const float *fake,
                      int64_t nfake, int64_t d, int64_t subset, int64_t subsets,
                      const rst_kid_kernel *kernel, rst_error *err)
{
    rst_kid_sets *s = rst__calloc(1, sizeof *s);
    if (!s)
        return rst__fail_nomem(err, "kid");
    s->n[0] = nreal;
    s->n[1] = nfake;
    s->d = d;
    s->subset = subset;
    s->kernel = *kernel;
    const bool cached = is_cached(s, subsets);
    int rc = convert(real, nreal, d, &s->rows[0], err);
    if (rc == 0)
        rc = convert(fake, nfake, d, &s->rows[1], err);
    if (rc == 0 && !make_room(s, cached))
        rc = rst__fail_nomem(err, "kid");
    if (rc < 0) {
        rst__kid_sets_free(s);
        return rc;
    }
    for (int k = 0; cached && k < KERNELS; k++) {
        const int a = side_of(k, 0), b = side_of(k, 1);
        rst__dots(s->rows[a], s->n[a], s->rows[b], s->n[b], d, s->all[k]);
        apply_kernel(kernel, s->all[k], s->n[a] * s->n[b]);
    }
    *out = s;
    return 0;
}

void rst__kid_sets_free(rst_kid_sets *s)
{
    if (!s)
        return;
    for (int k = 0; k < KERNELS; k++) {
        rst__free(s->all[k]);
        rst__free(s->some[k]);
    }
    for (int i = 0; i < 2; i++) {
        rst__free(s->rows[i]);
        rst__free(s->picked[i]);
    }
    rst__free(s);
}

/* Subsets -------------------------------------------------------------------------------------- */

static void look_up(rst_kid_sets *s, const int64_t *const pick[2], int64_t m)
{
    for (int k = 0; k < KERNELS; k++) {
        const int64_t *a = pick[side_of(k, 0)], *b = pick[side_of(k, 1)];
        const int64_t columns = s->n[side_of(k, 1)];
#pragma omp parallel for schedule(static)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < m; j++)
                s->some[k][i * m + j] = s->all[k][a[i] * columns + b[j]];
    }
}

static void compute(rst_kid_sets *s, const int64_t *const pick[2], int64_t m)
{
    for (int side = 0; side < 2; side++)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < s->d; j++)
                s->picked[side][i * s->d + j] = s->rows[side][pick[side][i] * s->d + j];
    for (int k = 0; k < KERNELS; k++) {
        rst__dots(s->picked[side_of(k, 0)], m, s->picked[side_of(k, 1)], m, s->d, s->some[k]);
        apply_kernel(&s->kernel, s->some[k], m * m);
    }
}

/* Sums over a kernel's matrix [m][m]; `row` and `column` (may be NULL) take those of its rows and
 * columns. With `hollow` the diagonal does not count. */
typedef struct sums {
    double sum, square;
} sums;

static sums add_up(const double *k, int64_t m, bool hollow, double *row, double *column)
{
    sums t = { 0, 0 };
    for (int64_t j = 0; column && j < m; j++)
        column[j] = 0;
    for (int64_t i = 0; i < m; i++) {
        double sum = 0, square = 0;
        for (int64_t j = 0; j < m; j++) {
            const double v = hollow && i == j ? 0 : k[i * m + j];
            sum += v;
            square += v * v;
            if (column)
                column[j] += v;
        }
        row[i] = sum;
        t.sum += sum;
        t.square += square;
    }
    return t;
}

static double product(const double *a, const double *b, int64_t m)
{
    double sum = 0;
    for (int64_t i = 0; i < m; i++)
        sum += a[i] * b[i];
    return sum;
}

/* From x = sums over XX and YY without their diagonals, z over XY, their rows' and columns' sums.
 */
static double variance_of(sums x, sums y, sums z, const double *xr, const double *yr,
                          const double *zr, const double *zc, double m, double at)
{
    const int64_t n = (int64_t)m;
    const double m1 = m - 1, m2 = m - 2, mm1 = m * m1, both = x.sum + y.sum,
                 ends = (x.sum * x.sum + y.sum * y.sum) / (mm1 * mm1),
                 mixed = product(xr, zr, n) + product(yr, zc, n);
    const double zeta1 =
        (product(xr, xr, n) - x.square + product(yr, yr, n) - y.square) / (mm1 * m2) - ends +
        (product(zr, zr, n) + product(zc, zc, n) - 2 * z.square) / (m * mm1) -
        2 * z.sum * z.sum / (m * m * m * m) - 2 * mixed / (m * mm1) +
        2 * both * z.sum / (m * m * mm1);
    const double zeta2 = (x.square + y.square) / mm1 - ends + 2 * z.square / (m * m) -
                         2 * z.sum * z.sum / (m * m * m * m) - 4 * mixed / (m * mm1) +
                         4 * both * z.sum / (m * m * mm1);
    return (4 * (at - 2) * zeta1 + 2 * zeta2) / (at * (at - 1));
}

int rst__kid_subset(rst_kid_sets *s, const int64_t *x, const int64_t *y, int64_t m, int64_t var_at,
                    double *mmd2, double *variance, rst_error *err)
{
    const int64_t *const pick[2] = { x, y };
    double *row = rst__malloc((size_t)(4 * m) * sizeof *row);
    if (!row)
        return rst__fail_nomem(err, "kid");
    if (s->all[XX])
        look_up(s, pick, m);
    else
        compute(s, pick, m);
    double *xr = row, *yr = row + m, *zr = row + 2 * m, *zc = row + 3 * m;
    const sums xx = add_up(s->some[XX], m, true, xr, NULL),
               yy = add_up(s->some[YY], m, true, yr, NULL),
               xy = add_up(s->some[XY], m, false, zr, zc);
    const double n = (double)m;
    *mmd2 = (xx.sum + yy.sum) / (n * (n - 1)) - 2 * xy.sum / (n * n);
    if (variance)
        *variance = variance_of(xx, yy, xy, xr, yr, zr, zc, n, (double)var_at);
    rst__free(row);
    return 0;
}

/* KID ------------------------------------------------------------------------------------------ */

static int draw(rst_kid_sets *s, const rst_kid_options *o, int64_t size, double *value,
                rst_error *err)
{
    rst_rng real = rst__rng(o->seed, "kid.real"), fake = rst__rng(o->seed, "kid.fake");
    int64_t *pick = rst__malloc((size_t)(2 * size) * sizeof *pick);
    int rc = pick ? 0 : RST_ENOMEM;
    for (int k = 0; rc == 0 && k < o->subsets; k++) {
        rc = rst__rng_choose(&real, s->n[0], size, pick);
        if (rc == 0)
            rc = rst__rng_choose(&fake, s->n[1], size, pick + size);
        if (rc == 0)
            rc = rst__kid_subset(s, pick, pick + size, size, size, &value[k], NULL, err);
    }
    rst__free(pick);
    return rc < 0 ? rst__fail_nomem(err, "kid") : 0;
}

void rst__kid_moments(const double *v, int64_t n, double *mean, double *deviation)
{
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++)
        sum += v[i];
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        square += (v[i] - *mean) * (v[i] - *mean);
    *deviation = sqrt(square / (double)n);
}

int rst_kid(const float *real, int64_t nreal, const float *fake, int64_t nfake, int64_t features,
            const rst_kid_options *options, double *mean, double *deviation, rst_error *err)
{
    rst_kid_options o = options ? *options : (rst_kid_options){ .subsets = 0 };
    const rst_kid_kernel kernel = { 1 / (double)features, 1, 3 };
    const int64_t size = o.size ? o.size : nreal < 100 ? nreal : 100;
    o.subsets = o.subsets ? o.subsets : 100;
    if (o.subsets < 1 || size < 2 || size > nreal || size > nfake)
        return rst_fail(err, RST_EINVAL,
                        "kid: %d subsets of %lld images, from %lld real and %lld generated ones",
                        o.subsets, (long long)size, (long long)nreal, (long long)nfake);
    rst_kid_sets *s;
    double *value = rst__malloc((size_t)o.subsets * sizeof *value);
    int rc = value ? rst__kid_sets_new(&s, real, nreal, fake, nfake, features, size, o.subsets,
                                       &kernel, err)
                   : rst__fail_nomem(err, "kid");
    if (rc == 0) {
        rc = draw(s, &o, size, value, err);
        rst__kid_sets_free(s);
    }
    if (rc == 0)
        rst__kid_moments(value, o.subsets, mean, deviation);
    rst__free(value);
    return rc;
}
