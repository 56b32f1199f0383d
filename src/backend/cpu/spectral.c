/* SPDX-License-Identifier: MIT */
/*
 * Spectral norm (spec 0.5). As stored, a convolution's weights are a row-major matrix m
 * [co][kh,kw,ci]: PyTorch's, but for the order of the columns, so v is reordered on the way in and
 * out. A transposed convolution's are m [ci,kh,kw][co]: PyTorch's matrix, transposed.
 */
#include <math.h>

#include "backend/cpu/kernels.h"

typedef struct matrix {
    int64_t rows, cols, taps, inner; /* cols = taps * inner where columns are reordered */
    bool transposed;
    const float *at;
} matrix;

static matrix matrix_of(rst_dims s, bool transposed, const void *w)
{
    matrix m = { s.n, s.h * s.w * s.c, s.h * s.w, s.c, transposed, w };
    if (transposed) {
        m.rows = s.n * s.h * s.w;
        m.cols = s.c;
    }
    return m;
}

/* out = m b */
static void times(rst_dev *dev, const matrix *m, const float *b, double *out)
{
    const rst__ew *ew = rst__ew_of(dev);
    RST_PARALLEL_FOR(dev, m->rows * m->cols)
    for (int64_t r = 0; r < m->rows; r++)
        out[r] = ew->dot(m->cols, m->at + r * m->cols, b);
}

/* out = a m */
static void times_left(rst_dev *dev, const matrix *m, const float *a, double *out)
{
    const rst__ew *ew = rst__ew_of(dev);
    const int64_t width = 64;
    RST_PARALLEL_FOR(dev, m->rows * m->cols)
    for (int64_t c = 0; c < m->cols; c += width) {
        const int64_t n = rst__least(width, m->cols - c);
        for (int64_t i = 0; i < n; i++)
            out[c + i] = 0;
        for (int64_t r = 0; r < m->rows; r++)
            ew->add_scaled(n, (double)a[r], m->at + r * m->cols + c, out + c);
    }
}

/* Place in v, which is PyTorch's, of column i as stored. */
static int64_t place(const matrix *m, int64_t i)
{
    return m->transposed ? i : i % m->inner * m->taps + i / m->inner;
}

/* y = x / max(|x|, 1e-12) */
static void unit(int64_t n, const double *x, float *y)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++)
        s += x[i] * x[i];
    const double norm = sqrt(s) > 1e-12 ? sqrt(s) : 1e-12;
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(x[i] / norm);
}

int rst__cpu_spectral(rst_dev *dev, rst_dims s, bool transposed, bool iterate, const void *w,
                      void *up, void *vp, void *sigma, void *y)
{
    const matrix m = matrix_of(s, transposed, w);
    const int64_t co = transposed ? m.cols : m.rows, k = rst__numel(s) / co;
    float *u = up, *v = vp;
    double *t = rst__cpu_scratch(rst__cpu(dev), RST_SLOT_OTHER,
                                 (size_t)(co + k) * sizeof *t + (size_t)k * sizeof(float));
    if (!t)
        return dev->err.code;
    float *stored = (float *)(t + co + k);
    for (int64_t i = 0; i < k; i++)
        stored[i] = v[place(&m, i)];
    if (iterate) {
        (transposed ? times : times_left)(dev, &m, u, t);
        unit(k, t, stored);
        for (int64_t i = 0; i < k; i++)
            v[place(&m, i)] = stored[i];
    }
    (transposed ? times_left : times)(dev, &m, stored, t);
    if (iterate)
        unit(co, t, u);
    double sum = 0;
    for (int64_t i = 0; i < co; i++)
        sum += (double)u[i] * t[i];
    *(float *)sigma = (float)sum;
    return rst__cpu_axpby(dev, rst__numel(s), 1 / (double)*(float *)sigma, w, 0, y);
}

/* <x, y>, its blocks summed in their order */
static int inner_product(rst_dev *dev, int64_t n, const float *x, const float *y, double *out)
{
    const rst__ew *ew = rst__ew_of(dev);
    const int64_t blocks = rst__blocks(n, RST_BLOCK);
    double *t = rst__cpu_scratch(rst__cpu(dev), RST_SLOT_OTHER2, (size_t)blocks * sizeof *t);
    if (!t)
        return dev->err.code;
    RST_PARALLEL_FOR(dev, n)
    for (int64_t b = 0; b < blocks; b++)
        t[b] =
            ew->dot(rst__least(RST_BLOCK, n - b * RST_BLOCK), x + b * RST_BLOCK, y + b * RST_BLOCK);
    *out = 0;
    for (int64_t b = 0; b < blocks; b++)
        *out += t[b];
    return 0;
}

int rst__cpu_spectral_vjp(rst_dev *dev, rst_dims s, bool transposed, const void *y, const void *u,
                          const void *vp, const void *sigma, const void *dyp, void *dwp, bool add)
{
    const rst__ew *ew = rst__ew_of(dev);
    const matrix m = matrix_of(s, transposed, y);
    const int64_t k = transposed ? m.rows : m.cols;
    const double inv = 1 / (double)*(const float *)sigma;
    const float *v = vp, *dy = dyp;
    float *dw = dwp;
    double inner;
    float *stored = rst__cpu_scratch(rst__cpu(dev), RST_SLOT_OTHER, (size_t)k * sizeof *stored);
    if (!stored || inner_product(dev, rst__numel(s), dy, y, &inner) < 0)
        return dev->err.code;
    for (int64_t i = 0; i < k; i++)
        stored[i] = v[place(&m, i)];
    const float *left = transposed ? stored : u, *right = transposed ? u : stored;
    RST_PARALLEL_FOR(dev, rst__numel(s))
    for (int64_t r = 0; r < m.rows; r++) {
        const float *rows[2] = { dy + r * m.cols, right };
        const float coef[2] = { (float)inv, (float)(-inner * inv * (double)left[r]) };
        ew->comb(m.cols, 2, rows, coef, dw + r * m.cols, add);
    }
    return 0;
}
