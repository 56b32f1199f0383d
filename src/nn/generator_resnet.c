/* SPDX-License-Identifier: MIT */
/* The ResNet generators of CUT, ASP (blurred sampling, spec 1.1), pix2pix and CycleGAN (strided,
 * spec 1.3): stem, down stages, residual blocks, up stages, head. */
#include "grad/engine.h"
#include "nn/nets.h"

void rst__add_norm(rst_module *m, rst_layer *seq, const rst_arch *a, int64_t c)
{
    if (a->norm == RST_NORM_INSTANCE)
        rst__add_instance_norm(m, seq, NULL, c, 1e-5, false);
    else if (a->norm == RST_NORM_BATCH)
        rst__add_batch_norm(m, seq, NULL, c, 1e-5, 0.1);
    else
        rst__add_act(m, seq, RST_LAYER_IDENTITY);
}

static void conv(rst_module *m, rst_layer *seq, const rst_arch *a, rst_conv_spec s)
{
    s.spectral = a->spectral;
    s.no_bias = rst__no_bias(a);
    rst__add_conv(m, seq, NULL, s);
}

static void conv_norm_relu(rst_module *m, rst_layer *seq, const rst_arch *a, rst_conv_spec s)
{
    conv(m, seq, a, s);
    rst__add_norm(m, seq, a, s.co);
    rst__add_act(m, seq, RST_LAYER_RELU);
}

static void add_block(rst_module *m, rst_layer *seq, const rst_arch *a, int64_t c)
{
    rst_layer *outer = rst__add_seq(m, seq, NULL);
    rst_layer *b = rst__add_call(m, outer, "conv_block", rst__residual_run);
    rst__add_reflect(m, b, 1);
    conv_norm_relu(m, b, a, rst__conv_spec(c, c, 3, 1, 0));
    if (a->dropout)
        rst__add_act(m, b, RST_LAYER_DROPOUT);
    rst__add_reflect(m, b, 1);
    conv(m, b, a, rst__conv_spec(c, c, 3, 1, 0));
    rst__add_norm(m, b, a, c);
}

static void add_down(rst_module *m, rst_layer *seq, const rst_arch *a, int64_t c)
{
    conv_norm_relu(m, seq, a, rst__conv_spec(c, 2 * c, 3, a->antialias ? 1 : 2, 1));
    if (a->antialias)
        rst__add_downsample(m, seq, 2 * c, 3, RST_PAD_REFLECT);
}

static void add_up(rst_module *m, rst_layer *seq, const rst_arch *a, int64_t ci, int64_t co)
{
    if (a->antialias_up) {
        rst__add_upsample(m, seq, ci, 4);
        conv_norm_relu(m, seq, a, rst__conv_spec(ci, co, 3, 1, 1));
        return;
    }
    rst_conv_spec s = rst__conv_spec(ci, co, 3, 2, 1);
    s.transposed = true;
    s.out_pad[0] = s.out_pad[1] = 1;
    conv_norm_relu(m, seq, a, s);
}

void rst__resnet_layers(rst_module *m, rst_layer *seq, const rst_arch *a, const bool wide[3])
{
    rst__add_reflect(m, seq, a->stem_k / 2);
    conv_norm_relu(m, seq, a, rst__conv_spec(a->input_nc, a->width, a->stem_k, 1, 0));
    int64_t c = a->width;
    for (int i = 0; i < a->n_downsampling; i++, c *= 2)
        add_down(m, seq, a, c);
    for (int i = 0; i < a->blocks; i++)
        add_block(m, seq, a, c);
    for (int i = 0; i < a->n_downsampling; i++, c /= 2)
        add_up(m, seq, a, wide && i < 2 && wide[i] ? 2 * c : c, c / 2);
    rst__add_reflect(m, seq, 3);
    rst_conv_spec head = rst__conv_spec(wide && wide[2] ? 2 * c : c, a->output_nc, 7, 1, 0);
    head.spectral = a->spectral;
    rst__add_conv(m, seq, NULL, head);
    rst__add_act(m, seq, RST_LAYER_TANH);
}

rst_stages rst__resnet_stages(const rst_arch *a)
{
    int down = a->antialias ? 4 : 3, up = a->antialias_up ? 4 : 3, nd = a->n_downsampling;
    rst_stages s = { .stem = 3 };
    for (int i = 0; i < 2; i++)
        s.down[i] = s.stem + down * (i + 1);
    s.blocks = s.stem + down * nd + a->blocks;
    for (int i = 0; i < 2; i++)
        s.up[i] = s.blocks + up * (i + 1);
    s.last = s.blocks + up * nd + 3;
    return s;
}

void rst__resnet_build(rst_module *m, const rst_arch *a)
{
    rst__resnet_layers(m, rst__add_seq(m, m->root, "model"), a, NULL);
}
