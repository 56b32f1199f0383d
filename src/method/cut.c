/* SPDX-License-Identifier: MIT */
/*
 * CUT and FastCUT (Park et al., ECCV 2020; models/cut_model.py of the published code). What G makes
 * of the H&E should be like the H&E, patch by patch, in the eyes of G's own encoder; CUT asks the
 * same of what G makes of IHC:
 *
 *     L = l_gan GAN(D(G(A))) + (l_nce PatchNCE(A, G(A)) + l_nce PatchNCE(B, G(B))) / 2
 *
 * FastCUT leaves the second out and mirrors half of the inputs instead. What ASP's authors compare
 * with under CUT's name has their Gaussian pyramid loss too (lambda_gp; spec 6.1).
 */
#include "method/losses.h"
#include "method/methods.h"
#include "method/patches.h"

/* What both publish (spec 3.4, 6.1). */
static int preset(rst_train_options *o, rst_error *err)
{
    rst_method_options *m = &o->m;
    int rc = rst_arch_preset("resnet_9blocks", &m->net_g, err);
    if (rc == 0)
        rc = rst_arch_preset("basic", &m->net_d, err);
    if (rc == 0)
        rc = rst_arch_preset("mlp_sample", &m->net_f, err);
    m->net_f.l2norm = RST_L2_CUT;
    m->nce_mean = true;
    o->unpaired = true;
    o->sampling = RST_SAMPLING_SHUFFLE;
    o->preprocess = RST_PREPROCESS_RESIZE_AND_CROP;
    o->save_epoch_freq = 5;
    return rc;
}

static int cut_preset(rst_train_options *o, rst_error *err)
{
    o->m.lambda_nce = 1;
    o->m.nce_idt = true;
    o->m.n_epochs = o->m.n_epochs_decay = 200;
    return preset(o, err);
}

static int fastcut_preset(rst_train_options *o, rst_error *err)
{
    o->m.lambda_nce = 10;
    o->m.flip_equivariance = true;
    o->m.n_epochs = 150;
    o->m.n_epochs_decay = 50;
    return preset(o, err);
}

/* The published code encodes the query first. */
static rst_tensor *contrast(rst_method *m, const char *name, rst_tensor *key, const char *query)
{
    rst_features q = rst__encode(m, rst__method_see(m, query), false);
    rst_features k = rst__encode(m, key, true);
    return rst__method_term(m, name, rst__nce_term(m, k, q, RST_NCE_PLAIN, m->o.lambda_nce));
}

static rst_tensor *both_contrasts(rst_method *m)
{
    rst_tensor *nce = contrast(m, "NCE", m->a, "fake_B");
    if (!m->o.nce_idt)
        return nce;
    rst_tensor *both = rst_add(nce, contrast(m, "NCE_Y", m->b, "idt_B"));
    return m->o.nce_mean ? rst_scale(both, 0.5) : both;
}

static rst_tensor *loss_g(rst_method *m)
{
    const rst_method_options *o = &m->o;
    rst_tensor *part[3];
    int n = 0;
    if (o->lambda_gan > 0)
        part[n++] = rst__contrastive_gan(m);
    if (o->lambda_nce > 0)
        part[n++] = both_contrasts(m);
    if (o->lambda_gp > 0)
        part[n++] = rst__contrastive_gp(m);
    return rst__method_term(m, "G", rst_addn(n, part));
}

static const char *const reads[] = { RST_CONTRASTIVE_READS, NULL };

const rst_method_kind rst__method_cut = {
    .name = "cut",
    .line = "patchwise contrast with the input (Park 2020): resnet_9blocks, unpaired",
    .preset = cut_preset,
    .build = rst__contrastive_build,
    .forward = rst__contrastive_forward,
    .loss_d = rst__contrastive_loss_d,
    .loss_g = loss_g,
    .warm_up = true,
    .term = { "G_GAN", "D_real", "D_fake", "G", "NCE", "NCE_Y", "GP" },
    .reads = reads,
};

const rst_method_kind rst__method_fastcut = {
    .name = "fastcut",
    .line = "CUT without the identity term, with mirrored inputs (Park 2020)",
    .preset = fastcut_preset,
    .build = rst__contrastive_build,
    .forward = rst__contrastive_forward,
    .loss_d = rst__contrastive_loss_d,
    .loss_g = loss_g,
    .warm_up = true,
    .term = { "G_GAN", "D_real", "D_fake", "G", "NCE", "NCE_Y", "GP" },
    .reads = reads,
};
