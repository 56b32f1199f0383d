/* SPDX-License-Identifier: MIT */
/**
 * @file metric.h
 * How alike two images are: learned distances on the features of published networks.
 *
 * Images are 8-bit RGB. The feature networks take their published weights (torchvision's names);
 * the functions open a scope of their own on the given context and leave no gradients.
 */
#ifndef RESTAIN_METRIC_H
#define RESTAIN_METRIC_H

#include <restain/graph.h>
#include <restain/image.h>
#include <restain/weights.h>

#ifdef __cplusplus
extern "C" {
#endif

/** LPIPS, version 0.1 (Zhang et al., CVPR 2018; richzhang/PerceptualSimilarity). */
typedef struct rst_lpips rst_lpips;

typedef enum rst_lpips_net { RST_LPIPS_ALEX, RST_LPIPS_VGG, RST_LPIPS_SQUEEZE } rst_lpips_net;

/**
 * @param[out] out  owned; rst_lpips_free. The context must outlive it
 * @param backbone  AlexNet, VGG16 or SqueezeNet 1.1 as torchvision names it (features.N....)
 * @param heads     lin0.model.1.weight, ... as published with LPIPS
 * @return 0, RST_EFORMAT (the weights do not fit; names the tensor), RST_ENOMEM
 */
RST_API int rst_lpips_new(rst_lpips **out, rst_ctx *c, rst_lpips_net net,
                          const rst_weights *backbone, const rst_weights *heads, rst_error *err);
RST_API void rst_lpips_free(rst_lpips *l);
/**
 * @param[out] distance  0 for equal images; published tables show 0.1 to 0.7
 * @return 0, RST_EINVAL (not RGB, different or too small sizes), RST_ENOMEM
 */
RST_API int rst_lpips_distance(rst_lpips *l, const rst_image *a, const rst_image *b,
                               double *distance, rst_error *err);

/** The perceptual hash value of ASP (evaluate.py, util/perceptual.py). */
typedef struct rst_phv rst_phv;

enum { RST_PHV_LAYERS = 4 };

/** Which numbers the network sees. */
typedef enum rst_phv_range {
    RST_PHV_ASP,  /**< as ASP's evaluate.py: (x/255 + 1)/2, then ImageNet's normalisation */
    RST_PHV_PLAIN /**< x/255, then ImageNet's normalisation */
} rst_phv_range;

/**
 * @param[out] out  owned; rst_phv_free. The context must outlive it
 * @param resnet50  torchvision's names
 * @return 0, RST_EFORMAT, RST_ENOMEM
 */
RST_API int rst_phv_new(rst_phv **out, rst_ctx *c, const rst_weights *resnet50, rst_phv_range range,
                        rst_error *err);
RST_API void rst_phv_free(rst_phv *p);
/**
 * For each of ResNet-50's four stages the share of channels whose means over the two images differ
 * by more than 0.01; their average is the value that tables show.
 *
 * @param[out] value  [RST_PHV_LAYERS], 0..1, lower is better
 * @return 0, RST_EINVAL (not RGB, different or too small sizes), RST_ENOMEM
 */
RST_API int rst_phv_compare(rst_phv *p, const rst_image *fake, const rst_image *real, double *value,
                            rst_error *err);

#ifdef __cplusplus
}
#endif
#endif
