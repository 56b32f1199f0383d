/* SPDX-License-Identifier: MIT */
/* CBAM (Woo et al. 2018) and Attention U-Net's grid gate (Schlemper et al. 2019); spec 4.2. */
#include "grad/engine.h"
#include "nn/nets.h"
#include "nn/stats.h"

/* Looking at gates ------------------------------------------------------------------------------
 */

rst_tensor *rst__gates_note(rst_module *m, rst_gate_kind kind, rst_tensor *t)
{
    if (m->gates)
        m->gates->at[m->gates->level][kind] = t;
    return t;
}

void rst__gates_keep(const rst_module *m)
{
    for (int k = 0; m->gates && k < RST_GATE_LEVELS; k++)
        for (int i = 0; i < RST_GATE_KINDS; i++)
            rst_keep(m->gates->at[k][i]);
}

/* CBAM ------------------------------------------------------------------------------------------
 */

static rst_tensor *run_channel(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    const rst_layer *mlp = l->sub[0];
    rst_tensor *mean = rst__layer_run(m, mlp, rst_mean(x, RST_AXIS_H | RST_AXIS_W));
    rst_tensor *max = rst__layer_run(m, mlp, rst_max(x, RST_AXIS_H | RST_AXIS_W));
    rst_tensor *gate = rst__stats_gate(m, rst_sigmoid(rst_add(mean, max)));
    return rst_mul(x, rst__gates_note(m, RST_GATE_CHANNEL, gate));
}

static rst_tensor *run_spatial(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    rst_tensor *both[2] = { rst_max(x, RST_AXIS_C), rst_mean(x, RST_AXIS_C) };
    rst_tensor *s = rst__sub_run(m, l, 0, rst_concat(RST_AXIS_C, 2, both));
    return rst_mul(x, rst__gates_note(m, RST_GATE_SPATIAL, rst_sigmoid(s)));
}

static void channel_layers(rst_module *m, rst_layer *l, int64_t c, int reduction)
{
    int64_t hidden = c / reduction > 1 ? c / reduction : 1;
    rst_layer *mlp = rst__add_seq(m, l, "mlp"); /* number 0 is the reference's Flatten */
    rst__add_linear(m, mlp, "1", c, hidden, true);
    rst__add_act(m, mlp, RST_LAYER_RELU);
    rst__add_linear(m, mlp, "3", hidden, c, true);
}

static void spatial_layers(rst_module *m, rst_layer *l)
{
    rst_layer *s = rst__add_seq(m, l, "spatial");
    rst_conv_spec conv = rst__conv_spec(2, 1, 7, 1, 3);
    conv.no_bias = true;
    rst__add_conv(m, s, "conv", conv);
    rst__add_batch_norm(m, s, "bn", 1, 1e-5, 0.01);
}

void rst__cbam_layers(rst_module *m, rst_layer *l, int64_t c, int reduction, bool channel,
                      bool spatial)
{
    bool both = channel && spatial;
    if (channel)
        channel_layers(m, rst__add_call(m, l, both ? "ChannelGate" : "", run_channel), c,
                       reduction);
    if (spatial)
        spatial_layers(m, rst__add_call(m, l, both ? "SpatialGate" : "", run_spatial));
}

void rst__cbam_build(rst_module *m, const rst_arch *a)
{
    rst__cbam_layers(m, m->root, a->width, a->reduction, a->family != RST_NET_CBAM_SPATIAL,
                     a->family != RST_NET_CBAM_CHANNEL);
}

/* The grid gate ---------------------------------------------------------------------------------
 */

enum { GATE_W, GATE_THETA, GATE_PHI, GATE_PSI };

rst_tensor *rst__attention_gate_run(rst_module *m, const rst_layer *l, rst_tensor *x, rst_tensor *g,
                                    rst_tensor **map)
{
    rst_tensor *theta = rst__sub_run(m, l, GATE_THETA, x);
    rst_dims s = rst_shape(theta), full = rst_shape(x);
    rst_tensor *phi = rst_resize(rst__sub_run(m, l, GATE_PHI, g), RST_BILINEAR, s.h, s.w);
    rst_tensor *psi = rst__sub_run(m, l, GATE_PSI, rst_relu(rst_add(theta, phi)));
    rst_tensor *a = rst_resize(rst_sigmoid(psi), RST_BILINEAR, full.h, full.w);
    if (map)
        *map = a;
    return rst__sub_run(m, l, GATE_W, rst_mul(a, x));
}

void rst__attention_gate_build(rst_module *m, const rst_arch *a)
{
    int64_t c = a->width, inter = a->inter_nc ? a->inter_nc : (c > 1 ? c / 2 : 1);
    rst_layer *w = rst__add_seq(m, m->root, "W");
    rst__add_conv(m, w, NULL, rst__conv_spec(c, c, 1, 1, 0));
    rst__add_batch_norm(m, w, NULL, c, 1e-5, 0.1);
    rst_conv_spec theta = { .ci = c, .co = inter, .no_bias = true };
    for (int i = 0; i < 2; i++)
        theta.k[i] = theta.stride[i] = a->sub_sample[i];
    rst__add_conv(m, m->root, "theta", theta);
    rst__add_conv(m, m->root, "phi", rst__conv_spec(a->gating_nc, inter, 1, 1, 0));
    rst__add_conv(m, m->root, "psi", rst__conv_spec(inter, 1, 1, 1, 0));
}
