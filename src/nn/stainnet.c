/* SPDX-License-Identifier: MIT */
/* StainNet (Kang et al. 2021; spec 14.4): a colour map as three 1x1 convolutions. */
#include "nn/nets.h"

void rst__stainnet_build(rst_module *m, const rst_arch *a)
{
    rst_layer *seq = rst__add_seq(m, m->root, "rgb_trans");
    rst__add_conv(m, seq, NULL, rst__conv_spec(a->input_nc, a->width, 1, 1, 0));
    rst__add_act(m, seq, RST_LAYER_RELU);
    rst__add_conv(m, seq, NULL, rst__conv_spec(a->width, a->width, 1, 1, 0));
    rst__add_act(m, seq, RST_LAYER_RELU);
    rst__add_conv(m, seq, NULL, rst__conv_spec(a->width, a->output_nc, 1, 1, 0));
}
