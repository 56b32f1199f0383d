/* SPDX-License-Identifier: MIT */
/* The inside of KID: any polynomial kernel, subsets from anywhere. */
#ifndef RST_METRIC_KID_H
#define RST_METRIC_KID_H

#include <restain/metric.h>

/** (gamma x.y + coef0)^degree */
typedef struct rst_kid_kernel {
    double gamma, coef0;
    int degree;
} rst_kid_kernel;

/** Two sets of features, [n][d] each, and the kernel between all of their images. */
typedef struct rst_kid_sets rst_kid_sets;

/**
 * @param real, fake  borrowed
 * @param subset      images that a subset will have: decides whether the kernel between all images
 *                    is made once, or that between a subset's every time
 * @param[out] out    owned; rst__kid_sets_free. RST_ENOMEM, RST_ENUMERIC
 */
int rst__kid_sets_new(rst_kid_sets **out, const float *real, int64_t nreal, const float *fake,
                      int64_t nfake, int64_t d, int64_t subset, int64_t subsets,
                      const rst_kid_kernel *kernel, rst_error *err);
void rst__kid_sets_free(rst_kid_sets *s);
/**
 * The unbiased squared maximum mean discrepancy between m >= 3 images of either set, and the
 * estimate of its variance for sets of var_at images (Sutherland et al., ICLR 2017).
 *
 * @param x, y  [m] images of the real and of the fake set
 */
int rst__kid_subset(rst_kid_sets *s, const int64_t *x, const int64_t *y, int64_t m, int64_t var_at,
                    double *mmd2, double *variance, rst_error *err);
/** Mean and population deviation of the n values of subsets. */
void rst__kid_moments(const double *v, int64_t n, double *mean, double *deviation);

#endif
