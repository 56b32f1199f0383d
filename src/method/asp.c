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

/* Networks whose terms weigh nothing are not there. */
static bool contrasts(const rst_method_options *o)
{
    return o->lambda_nce > 0 || o->lambda_asp > 0;
}

int rst__asp_build(rst_method *m, rst_error *err)
{
    const rst_method_options *o = &m->o;
    if (o->lambda_gan <= 0 && o->lambda_nce <= 0 && o->lambda_asp <= 0 && o->lambda_gp <= 0)
        return rst_fail(err, RST_EINVAL, "every --lambda is 0: there is nothing to learn");
    int rc = rst__method_add(m, "G", RST_PART_GENERATOR, &o->net_g, err);
    if (rc == 0 && contrasts(o))
        rc = rst__method_fit_head(&m->o, err);
    if (rc == 0 && contrasts(o))
        rc = rst__method_add(m, "F", RST_PART_HEAD, &o->net_f, err);
    if (rc == 0 && o->lambda_gan > 0)
        rc = rst__method_add(m, "D", RST_PART_DISCRIMINATOR, &o->net_d, err);
    return rc;
}

void rst__asp_forward(rst_method *m)
{
    rst_module *g = rst__method_net(m, "G");
    if (!m->o.nce_idt) {
        rst__method_show(m, "fake_B", rst_module_forward(g, m->a));
        return;
    }
    const int64_t n = m->a ? rst_shape(m->a).n : 0;
    rst_tensor *both[2] = { m->a, m->b };
    rst_tensor *y = rst_module_forward(g, rst_concat(RST_AXIS_N, 2, both));
    rst__method_show(m, "fake_B", rst_slice(y, RST_AXIS_N, 0, n));
    rst__method_show(m, "idt_B", rst_slice(y, RST_AXIS_N, n, 2 * n));
}

rst_tensor *rst__asp_loss_d(rst_method *m)
{
    if (m->o.lambda_gan <= 0) /* nobody listens to D */
        return NULL;
    rst_module *d = rst__method_net(m, "D");
    rst_tensor *fake = rst_detach(rst__method_see(m, "fake_B"));
    rst_tensor *virt = rst__method_term(m, "D_fake", rst__judge(d, fake, m->o.gan_mode, false));
    rst_tensor *real = rst__method_term(m, "D_real", rst__judge(d, m->b, m->o.gan_mode, true));
    return rst_scale(rst_add(virt, real), 0.5);
}

/* The contrastive terms; the encoder is G's own, for IHC images too. */
static int contrast(rst_method *m, rst_tensor **part)
{
    const rst_method_options *o = &m->o;
    int n = 0;
    rst_features he = rst__encode(m, m->a, true);
    rst_features virt = rst__encode(m, rst__method_see(m, "fake_B"), false), ihc, idt;
    if (o->nce_idt || o->lambda_asp > 0)
        ihc = rst__encode(m, m->b, true);
    if (o->nce_idt)
        idt = rst__encode(m, rst__method_see(m, "idt_B"), false);
    if (o->lambda_nce > 0)
        part[n++] =
            rst__method_term(m, "NCE", rst__nce_term(m, he, virt, RST_NCE_PLAIN, o->lambda_nce));
    if (o->nce_idt && o->lambda_nce > 0)
        part[n++] =
            rst__method_term(m, "NCE_Y", rst__nce_term(m, ihc, idt, RST_NCE_PLAIN, o->lambda_nce));
    if (o->lambda_asp > 0)
        part[n++] = rst__method_term(m, "ASP",
                                     rst__nce_term(m, ihc, virt, RST_NCE_ADAPTIVE, o->lambda_asp));
    return n;
}

rst_tensor *rst__asp_loss_g(rst_method *m)
{
    const rst_method_options *o = &m->o;
    rst_tensor *fake = rst__method_see(m, "fake_B"), *part[5];
    int n = contrasts(o) ? contrast(m, part) : 0;
    if (o->lambda_gan > 0)
        part[n++] = rst__method_term(
            m, "G_GAN",
            rst_scale(rst__judge(rst__method_net(m, "D"), fake, o->gan_mode, true), o->lambda_gan));
    if (o->lambda_gp > 0)
        part[n++] = rst__method_term(
            m, "GP", rst__gauss_pyramid_loss(fake, m->b, o->gp_weights, o->lambda_gp, NULL));
    return rst__method_term(m, "G", rst_addn(n, part));
}

const rst_method_kind rst__method_asp = {
    .name = "asp",
    .line = "adaptive supervised PatchNCE (Li 2023), the paper's baseline: resnet_6blocks",
    .preset = rst__asp_preset,
    .build = rst__asp_build,
    .forward = rst__asp_forward,
    .loss_d = rst__asp_loss_d,
    .loss_g = rst__asp_loss_g,
    .term = { "G_GAN", "D_real", "D_fake", "G", "NCE", "NCE_Y", "ASP", "GP" },
};
