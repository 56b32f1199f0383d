/* SPDX-License-Identifier: MIT */
/* From a sharp picture to a small, poor one that it might have come from: what a super-resolver
 * learns to undo. BSRGAN's degradation (utils/utils_blindsr.py; spec 14.6) draws kind, strength and
 * order of blur, reduction, noise and JPEG anew for each picture; the simulated camera, which
 * BSRGAN has too, is left out, as the specification does. */
#ifndef RST_IMAGE_DEGRADE_H
#define RST_IMAGE_DEGRADE_H

#include <restain/train.h>

#include "base/rng.h"
#include "image/floats.h"

/**
 * The whole of it: p is reduced to 1/scale of its sides. What comes out are bytes / 255.
 *
 * @param p      sides that are multiples of scale
 * @param scale  2 or 4
 * @param r      what is drawn: the result follows from p and r alone
 * @return 0, RST_EINVAL (sides), RST_ENOMEM, RST_EINTERNAL (JPEG)
 */
int rst__degrade(rst_floats *p, int scale, rst_degradation kind, rst_rng *r, rst_error *err);

/* Its steps, which leave 0..1 behind ------------------------------------------------------------
 */

/** In the order of the specification. */
typedef enum rst_degrade_step {
    RST_DEGRADE_BLUR,
    RST_DEGRADE_BLUR_AGAIN,
    RST_DEGRADE_REDUCE, /* by any factor, with .75; else a Gaussian and every scale-th pixel */
    RST_DEGRADE_FIT,    /* to the size that is wanted */
    RST_DEGRADE_NOISE,
    RST_DEGRADE_JPEG,   /* with .9 */
    RST_DEGRADE_CAMERA, /* nothing */
    RST_DEGRADE_STEPS
} rst_degrade_step;

/** Any order of them with FIT after REDUCE. */
void rst__degrade_order(rst_degrade_step order[RST_DEGRADE_STEPS], rst_rng *r);

/** A filter of BLUR: half the time a Gaussian with two variances below 4 + scale, lying anyhow,
 * else a round one with sigma below 2 + 0.2 scale; 7 to 25 pixels a side. */
void rst__degrade_draw_blur(rst_filter *f, int scale, rst_rng *r);

/** How noise of three channels hangs together. */
typedef enum rst_noise_kind {
    RST_NOISE_COLOURS,   /* each by itself */
    RST_NOISE_GREY,      /* the same in all */
    RST_NOISE_CORRELATED /* by a covariance that is drawn; its strength is not `level` */
} rst_noise_kind;

/** Noise is `mix` times three independent standard normals. level: its deviation, of 255. */
void rst__degrade_draw_noise(double mix[3][3], rst_noise_kind kind, int level, rst_rng *r);
void rst__degrade_noise(rst_floats *p, double mix[3][3], rst_rng *r);
/** Through a JPEG of quality 1..100 with halved chroma. RST_ENOMEM, RST_EINTERNAL */
int rst__degrade_jpeg(rst_floats *p, int quality, rst_error *err);

#endif
