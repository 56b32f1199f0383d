/* SPDX-License-Identifier: MIT */
/* The picture of how a training stands: sample tiles, and the curves below them. */
#ifndef RST_RUN_TRAIN_PANEL_H
#define RST_RUN_TRAIN_PANEL_H

#include <restain/image.h>

#include "run/train_history.h"

/** What the three pictures of a sample are. */
typedef enum rst_train_sample_kind {
    RST_SAMPLE_FORTH,   /**< H&E, virtual IHC, real IHC */
    RST_SAMPLE_BACK,    /**< --direction BtoA: IHC, virtual H&E, real H&E */
    RST_SAMPLE_RESOLVED /**< the small picture enlarged bicubically, super-resolved, the large one
                         */
} rst_train_sample_kind;

/** A tile three times; images borrowed, grey or RGB, of one size. */
typedef struct rst_train_sample {
    const char *name; /**< may be NULL */
    const rst_image *he, *fake, *real;
    rst_train_sample_kind kind;
} rst_train_sample;

/**
 * Rows of H&E, virtual and real IHC; two samples a row if there are more than two. Below them the
 * losses, and each score for itself. Built without cairo: the images side by side and nothing else.
 *
 * @param samples  1 or more; the first eight are shown
 * @param title    one line above all
 * @param h        NULL: no curves
 * @param[out] out owned, RGB; untouched on failure
 * @return 0, RST_EINVAL (no sample, images of more or fewer channels), RST_ENOMEM
 */
int rst__train_panel_draw(rst_image *out, const rst_train_sample *sample, int samples,
                          const char *title, const rst_train_history *h, rst_error *err);

#endif
