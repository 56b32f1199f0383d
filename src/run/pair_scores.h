/* SPDX-License-Identifier: MIT */
/* What a training and a sweep keep of the pairs they judge; `evaluate` tells far more. */
#ifndef RST_RUN_PAIR_SCORES_H
#define RST_RUN_PAIR_SCORES_H

#include <restain/metric.h>

/** Sums over pairs. All zero to begin with. */
typedef struct rst_pair_scores {
    double ssim, psnr;
    rst_stain_sums stain;
} rst_pair_scores;

/** Adds a pair of RGB images of one size. Those of rst_ssim; then the sums are as they were. */
int rst__pair_scores_add(rst_pair_scores *s, const rst_image *virt, const rst_image *real,
                         rst_error *err);

#endif
