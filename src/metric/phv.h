/* SPDX-License-Identifier: MIT */
/* The inside of the perceptual hash value. */
#ifndef RST_METRIC_PHV_H
#define RST_METRIC_PHV_H

#include <restain/metric.h>

/** The share of n channels with |a - b| > threshold, in float32 as the reference compares. */
double rst__phv_share(const float *a, const float *b, int64_t n, double threshold);

enum { RST__PHV_MEANS = 256 + 512 + 1024 + 2048 };

/** All that PHV asks of an RGB image: its channel means, stage by stage [RST__PHV_MEANS]. */
int rst__phv_means(rst_phv *p, const rst_image *img, float *mean, rst_error *err);
/** @param[out] value  [RST_PHV_LAYERS] */
void rst__phv_of_means(const float *a, const float *b, double *value);

#endif
