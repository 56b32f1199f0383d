/* SPDX-License-Identifier: MIT */
/* The inside of the perceptual hash value. */
#ifndef RST_METRIC_PHV_H
#define RST_METRIC_PHV_H

#include <restain/metric.h>

/** The share of channels with |a - b| > threshold, in float32 as the reference compares. */
double rst__phv_share(const float *a, const float *b, int64_t channels, double threshold);

#endif
