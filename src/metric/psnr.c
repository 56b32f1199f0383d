/* SPDX-License-Identifier: MIT */
/* Mean squared error and peak signal to noise ratio, as skimage.metrics computes them. */
#include <math.h>

#include <restain/metric.h>

#include "metric/pair.h"

enum { PIECE = 1 << 15 }; /* 2^15 * 255^2 fits 31 bits */

/* Squared differences are whole numbers, so their sum has no order. */
int rst_mse(const rst_image *a, const rst_image *b, double *mse, rst_error *err)
{
    const int rc = rst__image_match(a, b, "mse", err);
    if (rc < 0)
        return rc;
    const int64_t n = a->width * a->height * a->channels, pieces = (n + PIECE - 1) / PIECE;
    int64_t total = 0;
#pragma omp parallel for reduction(+ : total) if (pieces > 8)
    for (int64_t p = 0; p < pieces; p++) {
        const int64_t end = (p + 1) * PIECE < n ? (p + 1) * PIECE : n;
        int32_t sum = 0;
        for (int64_t i = p * PIECE; i < end; i++) {
            const int16_t d = (int16_t)(a->px[i] - b->px[i]);
            sum += d * d;
        }
        total += sum;
    }
    *mse = (double)total / (double)n;
    return 0;
}

double rst_psnr_of_mse(double mse)
{
    return mse > 0 ? 10 * log10(255.0 * 255.0 / mse) : (double)INFINITY;
}

int rst_psnr(const rst_image *a, const rst_image *b, double *db, rst_error *err)
{
    double mse;
    const int rc = rst_mse(a, b, &mse, err);
    if (rc == 0)
        *db = rst_psnr_of_mse(mse);
    return rc;
}
