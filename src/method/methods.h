/* SPDX-License-Identifier: MIT */
/* The methods, a file each. */
#ifndef RST_METHOD_METHODS_H
#define RST_METHOD_METHODS_H

#include "method/method.h"

extern const rst_method_kind rst__method_pix2pix, rst__method_pyramid_pix2pix; /* pix2pix.c */
extern const rst_method_kind rst__method_cyclegan;                             /* cyclegan.c */
extern const rst_method_kind rst__method_cut, rst__method_fastcut;             /* cut.c */
extern const rst_method_kind rst__method_bsrgan;                               /* bsrgan.c */
extern const rst_method_kind rst__method_asp;                                  /* asp.c */
extern const rst_method_kind rst__method_ammfi;                                /* ammfi.c */

/** Settings that no other methods read. */
extern const char *const rst__asp_reads[]; /* asp.c */

/** What the paper's method shares with its baseline: asp.c. */
int rst__asp_preset(rst_train_options *o, rst_error *err);
rst_tensor *rst__asp_loss_g(rst_method *m);

/* What the contrastive methods share: contrastive.c ---------------------------------------------
 */

/** The settings that they all read, for lists. */
#define RST_CONTRASTIVE_READS                                                                      \
    "netF", "netF-nc", "netF-l2", "CUT-mode", "lambda-GAN", "lambda-NCE", "lambda-gp",             \
        "gp-weights", "gp-reduce", "nce-idt", "nce-reduce", "nce-layers", "nce-T", "num-patches",  \
        "nce-includes-all-negatives-from-minibatch", "flip-equivariance"
/** Whether there are contrastive terms. */
bool rst__contrasts(const rst_method_options *o);
/** Networks G, F (with a head for each tap of G) and D; F and D if anything depends on them. */
int rst__contrastive_build(rst_method *m, rst_error *err);
/** fake_B = G(A) and, with nce_idt, idt_B = G(B); half of the time both mirrored, with
 *  flip_equivariance. */
void rst__contrastive_forward(rst_method *m);
/** The mean of D_fake and D_real. */
rst_tensor *rst__contrastive_loss_d(rst_method *m);
/** The generator's terms G_GAN and GP. */
rst_tensor *rst__contrastive_gan(rst_method *m);
rst_tensor *rst__contrastive_gp(rst_method *m);

#endif
