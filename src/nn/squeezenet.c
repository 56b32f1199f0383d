/* SPDX-License-Identifier: MIT */
/* torchvision's SqueezeNet 1.1 up to its last fire (spec 14.8). */
#include "nn/nets.h"

static void add_fire(rst_module *m, rst_layer *seq, const rst_arch *a, int ci, int squeeze, int co)
{
    char name[32];
    rst_layer *fire = rst__add_seq(m, seq, rst__feature_name(a, seq, name));
    rst__add_conv(m, fire, "squeeze", rst__conv_spec(ci, squeeze, 1, 1, 0));
    rst__add_act(m, fire, RST_LAYER_RELU);
    rst_layer *expand = rst__add_call(m, fire, "", rst__concat_run);
    rst_layer *one = rst__add_seq(m, expand, "");
    rst__add_conv(m, one, "expand1x1", rst__conv_spec(squeeze, co / 2, 1, 1, 0));
    rst__add_act(m, one, RST_LAYER_RELU);
    rst_layer *three = rst__add_seq(m, expand, "");
    rst__add_conv(m, three, "expand3x3", rst__conv_spec(squeeze, co / 2, 3, 1, 1));
    rst__add_act(m, three, RST_LAYER_RELU);
}

void rst__squeezenet_build(rst_module *m, const rst_arch *a)
{
    static const int tap_of[8] = { 1, 1, 2, 2, 3, 4, 5, 6 }; /* whose width a fire has */
    rst_pool_options pool = {
        .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .ceil_mode = true
    };
    rst_layer *seq = rst__features_seq(m);
    char name[32];
    rst__add_conv(m, seq, rst__feature_name(a, seq, name),
                  rst__conv_spec(a->input_nc, a->widths[0], 3, 2, 0));
    rst__add_act(m, seq, RST_LAYER_RELU);
    int ci = a->widths[0];
    for (int i = 0; i < 8; i++) {
        if (i == 0 || i == 2 || i == 4)
            rst__add_pool(m, seq, RST_LAYER_MAX_POOL, pool);
        int co = a->widths[tap_of[i]];
        add_fire(m, seq, a, ci, a->squeeze[i], co);
        ci = co;
    }
}
