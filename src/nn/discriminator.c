/* SPDX-License-Identifier: MIT */
/* PatchGAN and pixel discriminators (spec 2.1). */
#include "nn/nets.h"

static int64_t width_of(const rst_arch *a, int stage)
{
    return (int64_t)a->width << (stage < 3 ? stage : 3);
}

/* Stage 0 has no norm; stages below `blocks` halve the sides, the last one does not. */
static void add_stage(rst_module *m, rst_layer *seq, const rst_arch *a, int stage)
{
    int64_t ci = stage ? width_of(a, stage - 1) : a->input_nc, co = width_of(a, stage);
    bool halve = stage < a->blocks;
    rst_conv_spec s = rst__conv_spec(ci, co, 4, halve && !a->antialias ? 2 : 1, 1);
    s.spectral = a->spectral;
    s.no_bias = stage > 0 && rst__no_bias(a);
    rst__add_conv(m, seq, NULL, s);
    if (stage > 0)
        rst__add_norm(m, seq, a, co);
    rst__add_leaky(m, seq, 0.2);
    if (halve && a->antialias)
        rst__add_downsample(m, seq, co, 3, RST_PAD_REFLECT);
}

void rst__patchgan_build(rst_module *m, const rst_arch *a)
{
    bool asp = a->names == RST_NAMES_ASP;
    rst_layer *seq = rst__add_seq(m, m->root, asp ? "enc" : "model");
    for (int stage = 0; stage <= a->blocks; stage++)
        add_stage(m, seq, a, stage);
    rst_conv_spec last = rst__conv_spec(width_of(a, a->blocks), 1, 4, 1, 1);
    last.spectral = a->spectral;
    rst__add_conv(m, asp ? m->root : seq, asp ? "final_conv" : NULL, last);
}

/* No blurring, no spectral norm, and a last convolution that follows the bias rule of the others.
 */
void rst__pixel_build(rst_module *m, const rst_arch *a)
{
    rst_layer *seq = rst__add_seq(m, m->root, "net");
    int64_t c = a->width;
    rst__add_conv(m, seq, NULL, rst__conv_spec(a->input_nc, c, 1, 1, 0));
    rst__add_leaky(m, seq, 0.2);
    rst_conv_spec s = rst__conv_spec(c, 2 * c, 1, 1, 0);
    s.no_bias = rst__no_bias(a);
    rst__add_conv(m, seq, NULL, s);
    rst__add_norm(m, seq, a, 2 * c);
    rst__add_leaky(m, seq, 0.2);
    s = rst__conv_spec(2 * c, 1, 1, 1, 0);
    s.no_bias = rst__no_bias(a);
    rst__add_conv(m, seq, NULL, s);
}
