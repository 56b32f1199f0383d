/* SPDX-License-Identifier: MIT */
/*
 * Adaptive supervised PatchNCE (Li et al., MICCAI 2023; models/cpt_model.py of the published code),
 * the baseline of the paper. What G makes of the H&E should be like the H&E patch by patch, like
 * the IHC of the neighbouring section as far as that can be trusted, and like it when blurred:
 *
 *     L = l_gan GAN(D(G(A))) + l_nce PatchNCE(A, G(A)) + l_asp ASP(B, G(A)) + l_gp GP(G(A), B)
 *
 * which is eq. 7 of the paper (spec 3.6).
 */
#include "base/err.h"
#include "method/losses.h"
#include "method/methods.h"
#include "method/patches.h"

/* Networks: the launcher of the published code for MIST (experiments/mist_launcher.py). */
static int networks(rst_method_options *m, rst_error *err)
{
    int rc = rst_arch_preset("resnet_6blocks", &m->net_g, err);
    if (rc == 0)
        rc = rst_arch_preset("n_layers", &m->net_d, err);
    if (rc == 0)
        rc = rst_arch_preset("mlp_sample", &m->net_f, err);
    m->net_g.spectral = m->net_d.spectral = true;
    m->net_d.width = 32;
    m->net_d.blocks = 5;
    m->net_d.names = RST_NAMES_ASP;
    m->net_f.l2norm = RST_L2_ASP;
    return rc;
}

int rst__asp_preset(rst_train_options *o, rst_error *err)
{
    static const double fine_to_coarse[RST_GP_LEVELS] = { 1 / 64., 1 / 32., 1 / 16.,
                                                          1 / 8.,  1 / 4.,  1 };
    rst_method_options *m = &o->m;
    m->lambda_nce = m->lambda_asp = m->lambda_gp = 10;
    m->asp_mode = (rst_asp_mode){ .schedule = RST_ASP_LAMBDA, .lookup = RST_ASP_LINEAR };
    for (int i = 0; i < RST_GP_LEVELS; i++)
        m->gp_weights[i] = fine_to_coarse[i];
    m->n_epochs = 30;
    m->n_epochs_decay = 10;
    o->crop_size = 512;
    o->load_size = 1024;
    o->sampling = RST_SAMPLING_RANDOM;
    return networks(m, err);
}

/* A term of PatchNCE: of two, the published code takes the sum, and nce_mean the mean. */
static rst_tensor *nce(rst_method *m, const char *name, rst_features key, rst_features query)
{
    const rst_method_options *o = &m->o;
    rst_tensor *t = rst__nce_term(m, key, query, RST_NCE_PLAIN, o->lambda_nce);
    rst__method_term(m, name, t);
    return o->nce_idt && o->nce_mean ? rst_scale(t, 0.5) : t;
}

/* Whether a pass changes what later passes see. The published code encodes the IHC even when no
 * term wants it. */
static bool leaves_traces(const rst_arch *g)
{
    return g->spectral || g->dropout || g->norm == RST_NORM_BATCH;
}

/* The contrastive terms; the encoder is G's own, for IHC images too. */
static int contrast(rst_method *m, rst_tensor **part)
{
    const rst_method_options *o = &m->o;
    int n = 0;
    rst_features he = rst__encode(m, m->a, true);
    rst_features virt = rst__encode(m, rst__method_see(m, "fake_B"), false), ihc, idt;
    if (o->nce_idt || o->lambda_asp > 0 || leaves_traces(&o->net_g))
        ihc = rst__encode(m, m->b, true);
    if (o->nce_idt)
        idt = rst__encode(m, rst__method_see(m, "idt_B"), false);
    if (o->lambda_nce > 0)
        part[n++] = nce(m, "NCE", he, virt);
    if (o->nce_idt && o->lambda_nce > 0)
        part[n++] = nce(m, "NCE_Y", ihc, idt);
    if (o->lambda_asp > 0)
        part[n++] = rst__method_term(m, "ASP",
                                     rst__nce_term(m, ihc, virt, RST_NCE_ADAPTIVE, o->lambda_asp));
    return n;
}

rst_tensor *rst__asp_loss_g(rst_method *m)
{
    const rst_method_options *o = &m->o;
    rst_tensor *part[5];
    int n = rst__contrasts(o) ? contrast(m, part) : 0;
    if (o->lambda_gan > 0)
        part[n++] = rst__contrastive_gan(m);
    if (o->lambda_gp > 0)
        part[n++] = rst__contrastive_gp(m);
    return rst__method_term(m, "G", rst_addn(n, part));
}

const char *const rst__asp_reads[] = { RST_CONTRASTIVE_READS, "lambda-asp", "asp-loss-mode",
                                       "asp-weights",         "asp-t",      NULL };

const rst_method_kind rst__method_asp = {
    .name = "asp",
    .line = "adaptive supervised PatchNCE (Li 2023), the paper's baseline: resnet_6blocks",
    .preset = rst__asp_preset,
    .build = rst__contrastive_build,
    .forward = rst__contrastive_forward,
    .loss_d = rst__contrastive_loss_d,
    .loss_g = rst__asp_loss_g,
    .warm_up = true,
    .term = { "G_GAN", "D_real", "D_fake", "G", "NCE", "NCE_Y", "ASP", "GP" },
    .reads = rst__asp_reads,
};
