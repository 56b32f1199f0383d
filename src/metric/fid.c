/* SPDX-License-Identifier: MIT */
/* The Frechet distance of two Gaussians (Heusel et al., NeurIPS 2017), fitted to features.
 *
 * The trace of the root of S1 S2 is the sum of the singular values of F1 F2', where F' F = S: for
 * fewer images than features F is the centred features themselves, so that no product of
 * covariances, whose small eigenvalues are noise, is ever made. */
#include "metric/fid.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "metric/matrix.h"

enum { COLUMNS = 64 };

/* Centres x and divides it by sqrt(n - 1): rows c [n][d] with c' c the covariance. */
static void centre(const float *x, int64_t n, int64_t d, double *mean, double *c)
{
    const double scale = 1 / sqrt((double)(n - 1));
#pragma omp parallel for schedule(static)
    for (int64_t from = 0; from < d; from += COLUMNS) {
        const int64_t to = from + COLUMNS < d ? from + COLUMNS : d;
        for (int64_t j = from; j < to; j++)
            mean[j] = 0;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = from; j < to; j++)
                mean[j] += (double)x[i * d + j];
        for (int64_t j = from; j < to; j++)
            mean[j] /= (double)n;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = from; j < to; j++)
                c[i * d + j] = ((double)x[i * d + j] - mean[j]) * scale;
    }
}

/* c' c, for c [n][d]. */
static int covariance_of(const double *c, int64_t n, int64_t d, double *s)
{
    double *t = rst__malloc((size_t)(n * d) * sizeof *t);
    if (!t)
        return RST_ENOMEM;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++)
            t[j * n + i] = c[i * d + j];
    rst__dots(t, d, t, d, n, s);
    rst__free(t);
    return 0;
}

int rst__mean_covariance(const float *x, int64_t n, int64_t d, double *mean, double *covariance)
{
    double *c = rst__malloc((size_t)(n * d) * sizeof *c);
    if (!c)
        return RST_ENOMEM;
    centre(x, n, d, mean, c);
    const int rc = covariance ? covariance_of(c, n, d, covariance) : 0;
    rst__free(c);
    return rc;
}

/* One set of features. */
typedef struct fit {
    double *mean; /* [d] */
    double *rows; /* [count][d], rows' rows the covariance */
    int64_t count;
    double trace;
} fit;

static void fit_free(fit *f)
{
    rst__free(f->mean);
    rst__free(f->rows);
}

/* More images than features: d rows do as well. */
static int shorten(fit *f, int64_t d)
{
    double *s = rst__malloc((size_t)(d * d) * sizeof *s);
    int64_t rank = s ? covariance_of(f->rows, f->count, d, s) : RST_ENOMEM;
    if (rank == 0)
        rank = rst__square_root_rows(s, d, f->rows);
    rst__free(s);
    f->count = rank > 0 ? rank : 0;
    return rank < 0 ? RST_ENOMEM : 0;
}

static int fit_features(const float *x, int64_t n, int64_t d, fit *f, rst_error *err)
{
    if (n < 2)
        return rst_fail(err, RST_EINVAL, "fid: needs two images or more in each set, not %lld",
                        (long long)n);
    for (int64_t i = 0; i < n * d; i++)
        if (!isfinite(x[i]))
            return rst_fail(err, RST_ENUMERIC, "fid: feature %lld of image %lld is not a number",
                            (long long)(i % d), (long long)(i / d));
    f->mean = rst__calloc((size_t)d, sizeof *f->mean);
    f->rows = rst__malloc((size_t)(n * d) * sizeof *f->rows);
    f->count = n;
    if (!f->mean || !f->rows)
        return rst__fail_nomem(err, "fid");
    centre(x, n, d, f->mean, f->rows);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < d; j++)
            sum += f->rows[i * d + j] * f->rows[i * d + j];
        f->trace += sum;
    }
    return n > d && shorten(f, d) < 0 ? rst__fail_nomem(err, "fid") : 0;
}

static int root_trace(const fit *a, const fit *b, int64_t d, double *root, rst_error *err)
{
    const fit *tall = a->count >= b->count ? a : b, *wide = tall == a ? b : a;
    *root = 0;
    if (wide->count == 0) /* all its images have the same features */
        return 0;
    double *m = rst__malloc((size_t)(tall->count * wide->count) * sizeof *m);
    if (!m)
        return rst__fail_nomem(err, "fid");
    rst__dots(tall->rows, tall->count, wide->rows, wide->count, d, m);
    const int rc = rst__nuclear_norm(m, tall->count, wide->count, root);
    rst__free(m);
    return rc < 0 ? rst__fail_nomem(err, "fid") : 0;
}

int rst__fid_terms(const float *a, int64_t na, const float *b, int64_t nb, int64_t d,
                   rst_fid_terms *t, rst_error *err)
{
    fit f = { .trace = 0 }, g = { .trace = 0 };
    int rc = fit_features(a, na, d, &f, err);
    if (rc == 0)
        rc = fit_features(b, nb, d, &g, err);
    if (rc == 0) {
        *t = (rst_fid_terms){ .trace = { f.trace, g.trace } };
        for (int64_t j = 0; j < d; j++)
            t->mean += (f.mean[j] - g.mean[j]) * (f.mean[j] - g.mean[j]);
        rc = root_trace(&f, &g, d, &t->root, err);
    }
    fit_free(&f);
    fit_free(&g);
    return rc;
}

/* Equal sets leave a rounding error of either sign. */
int rst_fid(const float *a, int64_t na, const float *b, int64_t nb, int64_t features, double *fid,
            rst_error *err)
{
    rst_fid_terms t;
    const int rc = rst__fid_terms(a, na, b, nb, features, &t, err);
    if (rc == 0)
        *fid = fmax(0, t.mean + t.trace[0] + t.trace[1] - 2 * t.root);
    return rc;
}
