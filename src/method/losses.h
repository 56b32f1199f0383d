/* SPDX-License-Identifier: MIT */
/* The losses that the methods share, as expressions on the tape. Images and maps are [n,c,h,w],
 * rows [r,c]; a loss is a scalar unless it says otherwise. */
#ifndef RST_METHOD_LOSSES_H
#define RST_METHOD_LOSSES_H

#include <restain/train.h>

/* Adversarial (CUT/ASP models/networks.py GANLoss) --------------------------------------------- */

/** By the reference's name ("lsgan", ...); false: no such. */
bool rst__gan_mode_parse(const char *name, rst_gan_mode *out);
/**
 * How far a discriminator's map is from saying "real" (or "fake"): the mean over all elements; with
 * NONSATURATING one value an image, [n,1,1,1].
 */
rst_tensor *rst__gan_loss(rst_tensor *pred, rst_gan_mode mode, bool real);

/** A discriminator's loss on x, the mean over images: how far it is from saying "real" ("fake"). */
rst_tensor *rst__judge(rst_module *d, rst_tensor *x, rst_gan_mode mode, bool real);

/* Pixels --------------------------------------------------------------------------------------- */

/** weight * mean |a - b| */
rst_tensor *rst__l1_loss(rst_tensor *a, rst_tensor *b, double weight);

enum { RST_GAUSS_LEVELS = RST_GP_LEVELS, RST_PYRAMID_SCALES = 4 };

/** What else rst__gauss_pyramid_loss can tell; each may be left alone. */
typedef struct rst_gauss_levels {
    rst_tensor *l1[RST_GAUSS_LEVELS]; /* mean |difference| of each level, unweighted, fine first */
    rst_tensor *fake[RST_GAUSS_LEVELS]; /* the levels of the first image */
} rst_gauss_levels;

/**
 * ASP's Gaussian pyramid loss (models/gauss_pyramid.py, models/cpt_model.py; the paper's eq. 6):
 * lambda times the mean over six levels of weight[i] * L1. Level 0 is the image blurred by a 5 x 5
 * binomial, each further one the previous halved and blurred, the last only halved.
 *
 * @param sum     of the levels instead of their mean, as eq. 6 has it
 * @param levels  may be NULL
 */
rst_tensor *rst__gauss_pyramid_loss(rst_tensor *fake, rst_tensor *real, const double *weight,
                                    double lambda, bool sum, rst_gauss_levels *levels);

/**
 * The multi-scale loss of Pyramid pix2pix (BCI models/pix2pix_model.py): the sum of
 * term[k] = weight[k] * L1 over `scales` scales, of which each is the previous one after four 3 x 3
 * Gaussian blurs (sigma 1), halved; the first is the image itself.
 *
 * @param scales  1..RST_PYRAMID_SCALES
 * @param term    [scales], may be NULL
 */
rst_tensor *rst__pyramid_loss(rst_tensor *fake, rst_tensor *real, int scales, const double *weight,
                              rst_tensor **term);

/* Patches (CUT/ASP models/patchnce.py, ASP models/asp_loss.py) --------------------------------- */

/**
 * PatchNCE: row i of q should be more like row i of k than like the other rows of its group.
 * q, k [r,c] of unit length; no gradient goes to k. groups: images, or 1 to take the negatives from
 * the whole batch. t: temperature. @return a loss per row [r,1]
 */
rst_tensor *rst__patchnce(rst_tensor *q, rst_tensor *k, int64_t groups, double t);

/** From "none" or "SCHEDULE_LOOKUP", as in "lambda_linear"; false: no such. */
bool rst__asp_mode_parse(const char *text, rst_asp_mode *out);
/**
 * p, the share of the constant weight 1 (spec 3.5), in an epoch counted from 1. It is 1 at first
 * and falls towards 0.
 */
double rst__asp_constant_share(rst_asp_schedule s, int epoch, int n_epochs, int n_epochs_decay);
/** The same at a time t in 0..1; the epochs only say where LAMBDA begins to fall. */
double rst__asp_constant_share_at(rst_asp_schedule s, double t, int n_epochs, int n_epochs_decay);
/** PatchNCE whose rows are weighted by how alike q and k already are; weights have mean 1 unless
 *  mode.plain is set. */
rst_tensor *rst__asp_loss(rst_tensor *q, rst_tensor *k, int64_t groups, double t, rst_asp_mode mode,
                          double share);

#endif
