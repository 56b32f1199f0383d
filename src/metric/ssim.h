/* SPDX-License-Identifier: MIT */
/* The inside of SSIM: each channel's value, and the map that is averaged. */
#ifndef RST_METRIC_SSIM_H
#define RST_METRIC_SSIM_H

#include <restain/metric.h>

/**
 * @param channel  [the image's channels]: the mean over the inside of the map
 * @param map      NULL, or height x width x channels: the local values, windows at the border being
 *                 mirrored with the edge pixel repeated, as SciPy's filters do
 */
int rst__ssim(const rst_image *a, const rst_image *b, const rst_ssim_options *o, double *channel,
              double *map, rst_error *err);

#endif
