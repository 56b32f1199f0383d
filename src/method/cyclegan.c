/* SPDX-License-Identifier: MIT */
/*
 * CycleGAN (Zhu et al., ICCV 2017; models/cycle_gan_model.py of pytorch-CycleGAN-and-pix2pix).
 * Two generators that undo each other, G_A from A (H&E) to B (IHC) and G_B back; D_A judges images
 * of B and D_B images of A, as the published code names them:
 *
 *     L = GAN(D_A(G_A(A))) + GAN(D_B(G_B(B)))
 *       + lambda_A |G_B(G_A(A)) - A| + lambda_B |G_A(G_B(B)) - B|
 *       + lambda_identity (lambda_B |G_A(B) - B| + lambda_A |G_B(A) - A|)
 *
 * The generators learn first; the discriminators see fakes that come out of pools (spec 2.3, 3.7).
 */
#include <string.h>

#include "method/losses.h"
#include "method/methods.h"

static int preset(rst_train_options *o, rst_error *err)
{
    rst_method_options *m = &o->m;
    int rc = rst_arch_preset("resnet_9blocks", &m->net_g, err);
    if (rc == 0)
        rc = rst_arch_preset("basic", &m->net_d, err);
    m->net_g.antialias = m->net_g.antialias_up = m->net_d.antialias = false;
    m->init = RST_INIT_NORMAL;
    m->pool_size = 50;
    m->lambda_a = m->lambda_b = 10;
    m->lambda_identity = 0.5;
    o->unpaired = true;
    o->sampling = RST_SAMPLING_SHUFFLE;
    o->preprocess = RST_PREPROCESS_RESIZE_AND_CROP;
    o->lr_step_at_start = true;
    o->save_epoch_freq = 5;
    return rc;
}

/* The other way round, input and output change places. */
static rst_arch reversed(rst_arch a)
{
    int nc = a.input_nc;
    a.input_nc = a.output_nc;
    a.output_nc = nc;
    return a;
}

static int build(rst_method *m, rst_error *err)
{
    const bool identity_on = m->o.lambda_identity > 0;
    for (int i = 0; m->kind->term[i]; i++)
        rst__method_expect(m, m->kind->term[i],
                           identity_on || strncmp(m->kind->term[i], "idt_", 4) != 0);
    const rst_arch *g = &m->o.net_g, back = reversed(*g);
    rst_arch d_a = m->o.net_d, d_b = m->o.net_d;
    d_a.input_nc = g->output_nc;
    d_b.input_nc = g->input_nc;
    int rc = rst__image_pool_new(&m->pool[0], "fake_B", m->o.pool_size, err);
    if (rc == 0)
        rc = rst__image_pool_new(&m->pool[1], "fake_A", m->o.pool_size, err);
    if (rc == 0)
        rc = rst__method_add(m, "G_A", RST_PART_GENERATOR, g, err);
    if (rc == 0)
        rc = rst__method_add(m, "G_B", RST_PART_GENERATOR, &back, err);
    if (rc == 0)
        rc = rst__method_add(m, "D_A", RST_PART_DISCRIMINATOR, &d_a, err);
    return rc < 0 ? rc : rst__method_add(m, "D_B", RST_PART_DISCRIMINATOR, &d_b, err);
}

/* There and back. */
static void forward(rst_method *m)
{
    rst_module *g_a = rst__method_net(m, "G_A"), *g_b = rst__method_net(m, "G_B");
    rst_tensor *fake_b = rst__method_show(m, "fake_B", rst_module_forward(g_a, m->a));
    rst__method_show(m, "rec_A", rst_module_forward(g_b, fake_b));
    rst_tensor *fake_a = rst__method_show(m, "fake_A", rst_module_forward(g_b, m->b));
    rst__method_show(m, "rec_B", rst_module_forward(g_a, fake_a));
}

static rst_tensor *loss_of(rst_method *m, const char *net, rst_image_pool *pool, rst_tensor *real,
                           const char *fake)
{
    rst_module *d = rst__method_net(m, net);
    rst_tensor *virt = rst__image_pool_query(pool, m, rst__method_see(m, fake));
    rst_tensor *right = rst__judge(d, real, m->o.gan_mode, true);
    rst_tensor *wrong = rst__judge(d, virt, m->o.gan_mode, false);
    return rst__method_term(m, net, rst_scale(rst_add(right, wrong), 0.5));
}

static rst_tensor *loss_d(rst_method *m)
{
    rst_tensor *part[2] = { loss_of(m, "D_A", &m->pool[0], m->b, "fake_B"),
                            loss_of(m, "D_B", &m->pool[1], m->a, "fake_A") };
    return rst_addn(2, part);
}

/* Images of its own range should pass a generator unchanged. They outlive the loss: they are
 * pictures of the step. */
static rst_tensor *identity(rst_method *m, const char *net, const char *name, rst_tensor *x,
                            double weight)
{
    rst_tensor *y = rst_module_forward(rst__method_net(m, net), x);
    rst__method_show(m, name, rst_keep(y));
    return rst__method_term(m, name, rst__l1_loss(y, x, weight));
}

static rst_tensor *loss_g(rst_method *m)
{
    const rst_method_options *o = &m->o;
    rst_tensor *part[6];
    int n = 0;
    if (o->lambda_identity > 0) {
        part[n++] = identity(m, "G_A", "idt_A", m->b, o->lambda_b * o->lambda_identity);
        part[n++] = identity(m, "G_B", "idt_B", m->a, o->lambda_a * o->lambda_identity);
    }
    part[n++] = rst__method_term(
        m, "G_A",
        rst__judge(rst__method_net(m, "D_A"), rst__method_see(m, "fake_B"), o->gan_mode, true));
    part[n++] = rst__method_term(
        m, "G_B",
        rst__judge(rst__method_net(m, "D_B"), rst__method_see(m, "fake_A"), o->gan_mode, true));
    part[n++] = rst__method_term(m, "cycle_A",
                                 rst__l1_loss(rst__method_see(m, "rec_A"), m->a, o->lambda_a));
    part[n++] = rst__method_term(m, "cycle_B",
                                 rst__l1_loss(rst__method_see(m, "rec_B"), m->b, o->lambda_b));
    return rst__method_term(m, "G", rst_addn(n, part));
}

static const char *const reads[] = { "lambda-A", "lambda-B", "lambda-identity", "pool-size", NULL };

const rst_method_kind rst__method_cyclegan = {
    .name = "cyclegan",
    .line = "two generators that undo each other (Zhu 2017): resnet_9blocks, unpaired",
    .preset = preset,
    .build = build,
    .forward = forward,
    .loss_d = loss_d,
    .loss_g = loss_g,
    .generators_first = true,
    .term = { "D_A", "G_A", "cycle_A", "idt_A", "D_B", "G_B", "cycle_B", "idt_B", "G" },
    .reads = reads,
};
