/* SPDX-License-Identifier: MIT */
/*
 * BSRGAN (Zhang et al., ICCV 2021): a super-resolver for pictures that are poor in ways nobody
 * knows. The data are pictures of any kind, b; the loader makes each small and poor, a, by a
 * degradation drawn anew every time (image/degrade.h, spec 14.6), and G makes it whole again:
 *
 *     L = lambda_L1 |G(a) - b| + GAN(D(G(a)))
 *
 * The first stage, and the preset, is L1 alone (BSRNet): it has the higher PSNR. The second begins
 * with its generator (--init-from) and adds a discriminator (--lambda-GAN). The published second
 * stage has also a distance between features of VGG19, whose weights a user would have to bring;
 * that term is left out, so that whatever trains here trains from pictures alone.
 */
#include "base/err.h"
#include "method/losses.h"
#include "method/methods.h"

static int preset(rst_train_options *o, rst_error *err)
{
    rst_method_options *m = &o->m;
    int rc = rst_arch_preset("rrdbnet_x4", &m->net_g, err);
    if (rc == 0)
        rc = rst_arch_preset("basic", &m->net_d, err);
    m->net_d.spectral = true;
    m->net_d.norm = RST_NORM_NONE;
    m->net_d.antialias = false;
    m->init = RST_INIT_RRDB;
    m->lambda_gan = 0;
    m->lambda_l1 = 1;
    m->beta1 = 0.9;
    o->lr = 1e-4;
    o->lr_policy = RST_LR_STEP;
    o->lr_gamma = 0.5;
    o->batch_size = 4;
    o->crop_size = 288; /* 72 of the small picture's pixels */
    o->sampling = RST_SAMPLING_SHUFFLE;
    o->best = RST_BEST_PSNR;
    return rc;
}

static int build(rst_method *m, rst_error *err)
{
    static const char *const judged[] = { "G_GAN", "D_real", "D_fake" };
    const bool gan = m->o.lambda_gan > 0, l1 = m->o.lambda_l1 > 0;
    char name[32];
    if (m->o.net_g.family != RST_NET_RRDB)
        return rst_fail(err, RST_EINVAL,
                        "--netG %s: is no super-resolver; give rrdbnet_x2 or rrdbnet_x4",
                        rst_arch_name(&m->o.net_g, name));
    if (!gan && !l1)
        return rst_fail(err, RST_EINVAL, "every --lambda is 0: there is nothing to learn");
    for (int i = 0; i < 3; i++)
        rst__method_expect(m, judged[i], gan);
    rst__method_expect(m, "G_L1", l1);
    rst__method_expect(m, "G", true);
    int rc = rst__method_add(m, "G", RST_PART_GENERATOR, &m->o.net_g, err);
    return rc == 0 && gan ? rst__method_add(m, "D", RST_PART_DISCRIMINATOR, &m->o.net_d, err) : rc;
}

static void forward(rst_method *m)
{
    rst__method_show(m, "fake_B", rst_module_forward(rst__method_net(m, "G"), m->a));
}

static rst_tensor *loss_g(rst_method *m)
{
    const rst_method_options *o = &m->o;
    rst_tensor *fake = rst__method_see(m, "fake_B"), *part[2];
    int n = 0;
    if (o->lambda_l1 > 0)
        part[n++] = rst__method_term(m, "G_L1", rst__l1_loss(fake, m->b, o->lambda_l1));
    if (o->lambda_gan > 0)
        part[n++] = rst__contrastive_gan(m);
    return rst__method_term(m, "G", rst_addn(n, part));
}

static const char *const reads[] = { "lambda-GAN", "lambda-L1", "degradation", "nb",
                                     "gc",         "sf",        NULL };

const rst_method_kind rst__method_bsrgan = {
    .name = "bsrgan",
    .line = "a super-resolver for prepare --multimag, from tiles of any stain (Zhang 2021): "
            "rrdbnet_x4, rrdbnet_x2",
    .preset = preset,
    .build = build,
    .forward = forward,
    .loss_d = rst__contrastive_loss_d, /* a discriminator of single pictures, as CUT's */
    .loss_g = loss_g,
    .resolves = true,
    .term = { "G_L1", "G_GAN", "D_real", "D_fake", "G" },
    .reads = reads,
};
