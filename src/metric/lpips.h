/* SPDX-License-Identifier: MIT */
/* The inside of LPIPS: any widths, weights from anywhere, distances on tensors. */
#ifndef RST_METRIC_LPIPS_H
#define RST_METRIC_LPIPS_H

#include <restain/metric.h>

#include "metric/feature.h"

/** The published scaling layer, for inputs in -1..1. */
rst_feature_scaling rst__lpips_scaling(void);
/**
 * @param a        ALEXNET, VGG16 or SQUEEZENET
 * @param net      its weights, named net_prefix + name
 * @param heads    head_prefix + "lin0.model.1.weight", ...
 */
int rst__lpips_new(rst_lpips **out, rst_ctx *c, const rst_arch *a, const rst_weights *net,
                   const char *net_prefix, const rst_weights *heads, const char *head_prefix,
                   const rst_feature_scaling *scaling, rst_error *err);
int rst__lpips_layers(const rst_lpips *l);
const rst_module *rst__lpips_net(const rst_lpips *l);
/**
 * Distances of the images of x and y [n,3,h,w], in -1..1: [n,1,1,1].
 *
 * @param layer    [rst__lpips_layers], or NULL: each layer's share
 * @param feature  [rst__lpips_layers], or NULL: features of x
 */
rst_tensor *rst__lpips_run(rst_lpips *l, rst_tensor *x, rst_tensor *y, rst_tensor **layer,
                           rst_tensor **feature);

#endif
