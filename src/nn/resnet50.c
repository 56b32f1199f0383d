/* SPDX-License-Identifier: MIT */
/* torchvision's ResNet-50 without its classifier (spec 8.7). */
#include <stdio.h>

#include "nn/nets.h"

enum { FIRST_STAGE = 4, STAGES = 4 }; /* among the root's children */

static void conv_bn(rst_module *m, rst_layer *l, const char *conv, const char *bn, rst_conv_spec s)
{
    s.no_bias = true;
    rst__add_conv(m, l, conv, s);
    rst__add_batch_norm(m, l, bn, s.co, 1e-5, 0.1);
}

enum { CONV1, BN1, CONV2, BN2, CONV3, BN3, SHORTCUT };

static rst_tensor *run_bottleneck(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    rst_tensor *y = rst_relu(rst__seq_run(m, l, CONV1, BN1, x, NULL));
    y = rst_relu(rst__seq_run(m, l, CONV2, BN2, y, NULL));
    y = rst__seq_run(m, l, CONV3, BN3, y, NULL);
    if (l->nsub > SHORTCUT)
        x = rst__sub_run(m, l, SHORTCUT, x);
    return rst_relu(rst_add(y, x));
}

static void add_bottleneck(rst_module *m, rst_layer *stage, int64_t ci, int64_t c, int stride)
{
    bool first = stage->nsub == 0;
    rst_layer *l = rst__add_call(m, stage, NULL, run_bottleneck);
    conv_bn(m, l, "conv1", "bn1", rst__conv_spec(ci, c, 1, 1, 0));
    conv_bn(m, l, "conv2", "bn2", rst__conv_spec(c, c, 3, stride, 1));
    conv_bn(m, l, "conv3", "bn3", rst__conv_spec(c, 4 * c, 1, 1, 0));
    if (first)
        conv_bn(m, rst__add_seq(m, l, "downsample"), "0", "1",
                rst__conv_spec(ci, 4 * c, 1, stride, 0));
}

static int features(rst_module *m, rst_tensor *x, int max, rst_tensor **out)
{
    static const int ids[STAGES] = { FIRST_STAGE, FIRST_STAGE + 1, FIRST_STAGE + 2,
                                     FIRST_STAGE + 3 };
    int count = max < STAGES ? max : STAGES;
    rst_taps t = { .count = count, .ids = ids, .out = out };
    return rst__seq_run(m, m->root, 0, m->root->nsub - 1, x, &t) ? count : 0;
}

void rst__resnet50_build(rst_module *m, const rst_arch *a)
{
    static const int blocks[STAGES] = { 3, 4, 6, 3 };
    rst_pool_options pool = {
        .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1
    };
    conv_bn(m, m->root, "conv1", "bn1", rst__conv_spec(a->input_nc, a->width, 7, 2, 3));
    rst__add_act(m, m->root, RST_LAYER_RELU);
    rst__add_pool(m, m->root, RST_LAYER_MAX_POOL, pool);
    int64_t ci = a->width;
    for (int s = 0; s < STAGES; s++) {
        char name[16];
        (void)snprintf(name, sizeof name, "layer%d", s + 1);
        rst_layer *stage = rst__add_seq(m, m->root, name);
        int64_t c = (int64_t)a->width << s;
        for (int i = 0; i < blocks[s]; i++, ci = 4 * c)
            add_bottleneck(m, stage, ci, c, i == 0 && s > 0 ? 2 : 1);
    }
    m->features = features;
}
