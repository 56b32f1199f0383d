/* SPDX-License-Identifier: MIT */
/* What the metrics on network features share: preparing the input, means over positions. */
#ifndef RST_METRIC_FEATURE_H
#define RST_METRIC_FEATURE_H

#include <restain/graph.h>
#include <restain/image.h>
#include <restain/nn.h>

/** Network input = ((x * mul + add) - mean[c]) / std[c], for 3 channels. */
typedef struct rst_feature_scaling {
    double mul, add, mean[3], std[3];
} rst_feature_scaling;

/** ImageNet's means and deviations, applied to x * mul + add. */
rst_feature_scaling rst__imagenet_scaling(double mul, double add);
rst_tensor *rst__feature_input(rst_tensor *x, const rst_feature_scaling *s);
/** x in 0..1 as both Inception networks want it: 299 x 299, bilinear without antialiasing, -1..1.
 */
rst_tensor *rst__inception_input(rst_tensor *x);
/** [n,c,h,w] -> [n,c,1,1] */
rst_tensor *rst__spatial_mean(rst_tensor *x);

/** A network that is only run: its weights loaded, frozen, running statistics. */
int rst__feature_net(rst_module **out, rst_ctx *c, const rst_arch *a, const rst_weights *w,
                     const char *prefix, rst_error *err);
/** An RGB image on the device, 0..1, [1,3,h,w]. */
rst_tensor *rst__upload_image(rst_ctx *c, const rst_image *img);

#endif
