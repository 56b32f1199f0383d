/* SPDX-License-Identifier: MIT */
/*
 * pix2pix (Isola et al., CVPR 2017; models/pix2pix_model.py of pytorch-CycleGAN-and-pix2pix) and
 * Pyramid pix2pix (Liu et al., BCI, CVPR workshops 2022; PyramidPix2pix/models/pix2pix_model.py).
 * D judges pairs of H&E and IHC, and what G makes should be the IHC, pixel by pixel:
 *
 *     L = GAN(D(A, G(A))) + sum over scales k of lambda_k |S_k(G(A)) - S_k(B)|
 *
 * pix2pix has the full scale alone (lambda_L1), the pyramid three blurred and halved ones below it
 * (weight_L2 to weight_L4; spec 3.1, 3.2, 6.5).
 */
#include "base/err.h"
#include "method/losses.h"
#include "method/methods.h"

/* What both publish (spec 6.1). */
static int preset(rst_train_options *o, const char *generator, rst_error *err)
{
    rst_method_options *m = &o->m;
    int rc = rst_arch_preset(generator, &m->net_g, err);
    if (rc == 0)
        rc = rst_arch_preset("basic", &m->net_d, err);
    m->net_g.norm = m->net_d.norm = RST_NORM_BATCH;
    m->net_g.dropout = true;
    m->net_g.antialias = m->net_g.antialias_up = m->net_d.antialias = false;
    m->init = RST_INIT_NORMAL;
    m->gan_mode = RST_GAN_VANILLA;
    o->sampling = RST_SAMPLING_SHUFFLE;
    o->lr_step_at_start = true;
    return rc;
}

static int pix2pix_preset(rst_train_options *o, rst_error *err)
{
    o->m.lambda_l1 = 100;
    o->preprocess = RST_PREPROCESS_RESIZE_AND_CROP;
    o->save_epoch_freq = 5;
    return preset(o, "unet_256", err);
}

static int pyramid_preset(rst_train_options *o, rst_error *err)
{
    rst_method_options *m = &o->m;
    m->lambda_l1 = m->weight_l2 = m->weight_l3 = m->weight_l4 = 25;
    o->preprocess = RST_PREPROCESS_NONE;
    o->batch_size = 2;
    o->save_epoch_freq = 20;
    return preset(o, "resnet_9blocks", err);
}

/* The scales of L1 and what they weigh. */
static const char *const scale_term[RST_PYRAMID_SCALES] = { "G_L1", "G_L2", "G_L3", "G_L4" };

static int scales_of(const rst_method_options *o, double weight[RST_PYRAMID_SCALES])
{
    int n = RST_PYRAMID_SCALES;
    weight[0] = o->lambda_l1;
    weight[1] = o->weight_l2;
    weight[2] = o->weight_l3;
    weight[3] = o->weight_l4;
    while (n > 0 && weight[n - 1] <= 0)
        n--;
    return n;
}

static int build(rst_method *m, rst_error *err)
{
    static const char *const judged[] = { "G_GAN", "D_real", "D_fake" };
    double weight[RST_PYRAMID_SCALES];
    const bool gan = m->o.lambda_gan > 0;
    const int scales = scales_of(&m->o, weight);
    if (!gan && scales == 0)
        return rst_fail(err, RST_EINVAL,
                        "every --lambda and --weight is 0: there is nothing to learn");
    for (int i = 0; i < 3; i++)
        rst__method_expect(m, judged[i], gan);
    for (int k = 0; k < scales; k++)
        rst__method_expect(m, scale_term[k], weight[k] > 0);
    rst__method_expect(m, "G", true);
    int rc = rst__method_add(m, "G", RST_PART_GENERATOR, &m->o.net_g, err);
    m->o.net_d.input_nc = m->o.net_g.input_nc + m->o.net_g.output_nc;
    if (rc == 0 && gan)
        rc = rst__method_add(m, "D", RST_PART_DISCRIMINATOR, &m->o.net_d, err);
    return rc;
}

static void forward(rst_method *m)
{
    rst__method_show(m, "fake_B", rst_module_forward(rst__method_net(m, "G"), m->a));
}

/* How far D is from taking (A, b) for a true (a made) pair. */
static rst_tensor *judge_pair(rst_method *m, rst_tensor *b, bool real)
{
    rst_tensor *pair[2] = { m->a, b };
    return rst__judge(rst__method_net(m, "D"), rst_concat(RST_AXIS_C, 2, pair), m->o.gan_mode,
                      real);
}

static rst_tensor *loss_d(rst_method *m)
{
    if (m->o.lambda_gan <= 0) /* nobody listens to D */
        return NULL;
    rst_tensor *fake = rst_detach(rst__method_see(m, "fake_B"));
    rst_tensor *virt = rst__method_term(m, "D_fake", judge_pair(m, fake, false));
    rst_tensor *real = rst__method_term(m, "D_real", judge_pair(m, m->b, true));
    return rst_scale(rst_add(virt, real), 0.5);
}

static rst_tensor *loss_g(rst_method *m)
{
    const rst_method_options *o = &m->o;
    rst_tensor *fake = rst__method_see(m, "fake_B"), *part[2], *scale[RST_PYRAMID_SCALES];
    double weight[RST_PYRAMID_SCALES];
    int n = 0, scales = scales_of(o, weight);
    if (o->lambda_gan > 0)
        part[n++] =
            rst__method_term(m, "G_GAN", rst_scale(judge_pair(m, fake, true), o->lambda_gan));
    if (scales > 0)
        part[n++] = rst__pyramid_loss(fake, m->b, scales, weight, scale);
    for (int k = 0; k < scales; k++)
        if (weight[k] > 0)
            rst__method_term(m, scale_term[k], scale[k]);
    return rst__method_term(m, "G", rst_addn(n, part));
}

static const char *const reads[] = { "lambda-GAN", "lambda-L1", "weight-L2",
                                     "weight-L3",  "weight-L4", NULL };

const rst_method_kind rst__method_pix2pix = {
    .name = "pix2pix",
    .line = "a conditional GAN and L1 (Isola 2017): unet_256",
    .preset = pix2pix_preset,
    .build = build,
    .forward = forward,
    .loss_d = loss_d,
    .loss_g = loss_g,
    .term = { "G_GAN", "D_real", "D_fake", "G", "G_L1", "G_L2", "G_L3", "G_L4" },
    .reads = reads,
};

const rst_method_kind rst__method_pyramid_pix2pix = {
    .name = "pyramid-pix2pix",
    .line = "pix2pix with L1 on four scales (Liu 2022, BCI): resnet_9blocks",
    .preset = pyramid_preset,
    .build = build,
    .forward = forward,
    .loss_d = loss_d,
    .loss_g = loss_g,
    .term = { "G_GAN", "D_real", "D_fake", "G", "G_L1", "G_L2", "G_L3", "G_L4" },
    .reads = reads,
};
