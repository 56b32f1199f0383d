/* SPDX-License-Identifier: MIT */
/* pix2pix's U-Net (spec 1.4). Each level wraps the next one, as in the published code, which gives
 * the names model.model.1.model.3.model... */
#include "grad/engine.h"
#include "nn/nets.h"

/* Its child on x, and x beside it: the skip connection. The reference's skip is x after an in-place
 * LeakyReLU; the ReLU that follows both makes that the same. */
static rst_tensor *run_level(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    rst_tensor *both[2] = { x, rst__sub_run(m, l, 0, x) };
    return rst_concat(RST_AXIS_C, 2, both);
}

static rst_conv_spec spec(const rst_arch *a, int64_t ci, int64_t co, bool up)
{
    rst_conv_spec s = rst__conv_spec(ci, co, 4, 2, 1);
    s.transposed = up;
    s.no_bias = rst__no_bias(a);
    return s;
}

static int64_t width_of(const rst_arch *a, int level)
{
    return (int64_t)a->width << (level < 3 ? level : 3);
}

/* Level 0 is the outermost. */
static void add_level(rst_module *m, rst_layer *parent, const rst_arch *a, int level)
{
    bool outer = level == 0, inner = level == a->blocks - 1;
    int64_t out = outer ? a->output_nc : width_of(a, level - 1), in = width_of(a, level);
    rst_layer *l =
        outer ? rst__add_seq(m, parent, "model") : rst__add_call(m, parent, NULL, run_level);
    rst_layer *seq = rst__add_seq(m, l, "model");
    if (!outer)
        rst__add_leaky(m, seq, 0.2);
    rst__add_conv(m, seq, NULL, spec(a, outer ? a->input_nc : out, in, false));
    if (!outer && !inner)
        rst__add_norm(m, seq, a, in);
    if (!inner)
        add_level(m, seq, a, level + 1);
    rst__add_act(m, seq, RST_LAYER_RELU);
    rst_conv_spec up = spec(a, inner ? in : 2 * in, out, true);
    up.no_bias = up.no_bias && !outer;
    rst__add_conv(m, seq, NULL, up);
    if (outer) {
        rst__add_act(m, seq, RST_LAYER_TANH);
        return;
    }
    rst__add_norm(m, seq, a, out);
    if (a->dropout && level >= 4 && !inner)
        rst__add_act(m, seq, RST_LAYER_DROPOUT);
}

void rst__unet_build(rst_module *m, const rst_arch *a)
{
    add_level(m, m->root, a, 0);
}
