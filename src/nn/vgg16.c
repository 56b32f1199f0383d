/* SPDX-License-Identifier: MIT */
/* torchvision's VGG16 up to its last ReLU (spec 8.7). */
#include "nn/nets.h"

void rst__vgg16_build(rst_module *m, const rst_arch *a)
{
    static const int convs[5] = { 2, 2, 3, 3, 3 };
    rst_pool_options pool = { .kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2 };
    rst_layer *seq = rst__features_seq(m);
    int ci = a->input_nc;
    for (int block = 0; block < 5; block++) {
        if (block)
            rst__add_pool(m, seq, RST_LAYER_MAX_POOL, pool);
        for (int i = 0; i < convs[block]; i++) {
            char name[32];
            rst__add_conv(m, seq, rst__feature_name(a, seq, name),
                          rst__conv_spec(ci, a->widths[block], 3, 1, 1));
            rst__add_act(m, seq, RST_LAYER_RELU);
            ci = a->widths[block];
        }
    }
}
