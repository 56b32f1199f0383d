/* SPDX-License-Identifier: MIT */
/* torchvision's AlexNet up to its last ReLU (spec 8.7). */
#include "nn/nets.h"

static void conv(rst_module *m, rst_layer *seq, const rst_arch *a, int i, int k, int stride,
                 int pad)
{
    char name[32];
    int ci = i ? a->widths[i - 1] : a->input_nc;
    rst__add_conv(m, seq, rst__feature_name(a, seq, name),
                  rst__conv_spec(ci, a->widths[i], k, stride, pad));
    rst__add_act(m, seq, RST_LAYER_RELU);
}

void rst__alexnet_build(rst_module *m, const rst_arch *a)
{
    rst_pool_options pool = { .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2 };
    rst_layer *seq = rst__features_seq(m);
    conv(m, seq, a, 0, 11, 4, 2);
    rst__add_pool(m, seq, RST_LAYER_MAX_POOL, pool);
    conv(m, seq, a, 1, 5, 1, 2);
    rst__add_pool(m, seq, RST_LAYER_MAX_POOL, pool);
    conv(m, seq, a, 2, 3, 1, 1);
    conv(m, seq, a, 3, 3, 1, 1);
    conv(m, seq, a, 4, 3, 1, 1);
}
