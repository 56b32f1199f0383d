/* SPDX-License-Identifier: MIT */
/* What the methods with patches share: CUT, ASP, the paper's (CUT models/cut_model.py, ASP
 * models/cpt_model.py). */
#include "base/err.h"
#include "method/losses.h"
#include "method/methods.h"

/* The terms by what they weigh. What the method has no term for weighs nothing. */
static void expect_terms(rst_method *m)
{
    rst_method_options *o = &m->o;
    if (m->kind != &rst__method_asp && m->kind != &rst__method_ammfi)
        o->lambda_asp = 0;
    rst__method_expect(m, "G_GAN", o->lambda_gan > 0);
    rst__method_expect(m, "D_real", o->lambda_gan > 0);
    rst__method_expect(m, "D_fake", o->lambda_gan > 0);
    rst__method_expect(m, "G", true);
    rst__method_expect(m, "NCE", o->lambda_nce > 0);
    rst__method_expect(m, "NCE_Y", o->lambda_nce > 0 && o->nce_idt);
    rst__method_expect(m, "ASP", o->lambda_asp > 0);
    rst__method_expect(m, "GP", o->lambda_gp > 0);
}

bool rst__contrasts(const rst_method_options *o)
{
    return o->lambda_nce > 0 || o->lambda_asp > 0;
}

/* Networks whose terms weigh nothing are not there. */
int rst__contrastive_build(rst_method *m, rst_error *err)
{
    const rst_method_options *o = &m->o;
    expect_terms(m);
    if (o->lambda_gan <= 0 && !rst__contrasts(o) && o->lambda_gp <= 0)
        return rst_fail(err, RST_EINVAL, "every --lambda is 0: there is nothing to learn");
    int rc = rst__method_add(m, "G", RST_PART_GENERATOR, &o->net_g, err);
    if (rc == 0 && rst__contrasts(o))
        rc = rst__method_fit_head(&m->o, err);
    if (rc == 0 && rst__contrasts(o))
        rc = rst__method_add(m, "F", RST_PART_HEAD, &o->net_f, err);
    if (rc == 0 && o->lambda_gan > 0)
        rc = rst__method_add(m, "D", RST_PART_DISCRIMINATOR, &o->net_d, err);
    return rc;
}

void rst__contrastive_forward(rst_method *m)
{
    const int64_t n = m->a ? rst_shape(m->a).n : 0;
    rst_tensor *both[2] = { m->a, m->b };
    rst_tensor *x = m->o.nce_idt ? rst_concat(RST_AXIS_N, 2, both) : m->a;
    m->flipped = m->o.flip_equivariance && rst__method_uniform(m) < 0.5;
    rst_tensor *y = rst_module_forward(rst__method_net(m, "G"), m->flipped ? rst_flip_w(x) : x);
    if (m->o.nce_idt) {
        rst__method_show(m, "fake_B", rst_slice(y, RST_AXIS_N, 0, n));
        rst__method_show(m, "idt_B", rst_slice(y, RST_AXIS_N, n, 2 * n));
    } else {
        rst__method_show(m, "fake_B", y);
    }
}

rst_tensor *rst__contrastive_loss_d(rst_method *m)
{
    if (m->o.lambda_gan <= 0) /* nobody listens to D */
        return NULL;
    rst_module *d = rst__method_net(m, "D");
    rst_tensor *fake = rst_detach(rst__method_see(m, "fake_B"));
    rst_tensor *virt = rst__method_term(m, "D_fake", rst__judge(d, fake, m->o.gan_mode, false));
    rst_tensor *real = rst__method_term(m, "D_real", rst__judge(d, m->b, m->o.gan_mode, true));
    return rst_scale(rst_add(virt, real), 0.5);
}

rst_tensor *rst__contrastive_gan(rst_method *m)
{
    rst_tensor *fake = rst__method_see(m, "fake_B");
    rst_tensor *loss = rst__judge(rst__method_net(m, "D"), fake, m->o.gan_mode, true);
    return rst__method_term(m, "G_GAN", rst_scale(loss, m->o.lambda_gan));
}

rst_tensor *rst__contrastive_gp(rst_method *m)
{
    const rst_method_options *o = &m->o;
    rst_tensor *fake = rst__method_see(m, "fake_B");
    if (m->flipped) /* pixels are compared where they belong */
        fake = rst_flip_w(fake);
    return rst__method_term(
        m, "GP", rst__gauss_pyramid_loss(fake, m->b, o->gp_weights, o->lambda_gp, o->gp_sum, NULL));
}
