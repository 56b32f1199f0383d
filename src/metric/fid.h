/* SPDX-License-Identifier: MIT */
/* The inside of the Frechet distance: its terms. */
#ifndef RST_METRIC_FID_H
#define RST_METRIC_FID_H

#include <restain/metric.h>

typedef struct rst_fid_terms {
    double mean;     /**< squared distance of the means */
    double trace[2]; /**< of the covariances */
    double root;     /**< trace of the root of their product */
} rst_fid_terms;

/** mean [d], and, unless NULL, covariance [d][d] over n - 1, of x [n][d]. 0 or RST_ENOMEM. */
int rst__mean_covariance(const float *x, int64_t n, int64_t d, double *mean, double *covariance);
int rst__fid_terms(const float *a, int64_t na, const float *b, int64_t nb, int64_t d,
                   rst_fid_terms *t, rst_error *err);

#endif
