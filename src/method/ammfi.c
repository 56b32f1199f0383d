/* SPDX-License-Identifier: MIT */
/*
 * The paper's model (arXiv 2408.01929): ASP's losses and discriminator (eqs. 4 to 7), and a
 * generator whose decoder sees the encoder's features through attention (eqs. 1 to 3;
 * nn/ammfi.c). No code of it was published: doc/architecture.md tells which reading was chosen.
 */
#include "method/methods.h"

static int preset(rst_train_options *o, rst_error *err)
{
    int rc = rst__asp_preset(o, err);
    return rc < 0 ? rc : rst_arch_preset("ammfi_6blocks", &o->m.net_g, err);
}

const rst_method_kind rst__method_ammfi = {
    .name = "ammfi",
    .line = "the paper's model: ASP with attention-based multi-magnification feature fusion",
    .preset = preset,
    .build = rst__contrastive_build,
    .forward = rst__contrastive_forward,
    .loss_d = rst__contrastive_loss_d,
    .loss_g = rst__asp_loss_g,
    .warm_up = true,
    .term = { "G_GAN", "D_real", "D_fake", "G", "NCE", "NCE_Y", "ASP", "GP" },
    .reads = rst__asp_reads,
};
