/* SPDX-License-Identifier: MIT */
/* What the feature networks of LPIPS have in common: one row of layers, tapped at fixed places and
 * named `features.N` by torchvision, `sliceK.N` by LPIPS (spec 8.6, 14.8). */
#include <stdio.h>

#include "nn/nets.h"

static const int alexnet_taps[] = { 1, 4, 7, 9, 11 };
static const int vgg16_taps[] = { 3, 8, 15, 22, 29 };
static const int squeezenet_taps[] = { 1, 4, 7, 9, 10, 11, 12 };

const int *rst__feature_taps(rst_family f, int *count)
{
    *count = f == RST_NET_SQUEEZENET ? 7 : 5;
    return f == RST_NET_ALEXNET ? alexnet_taps : f == RST_NET_VGG16 ? vgg16_taps : squeezenet_taps;
}

const char *rst__feature_name(const rst_arch *a, const rst_layer *seq, char buf[32])
{
    int count, slice = 0;
    const int *tap = rst__feature_taps(a->family, &count);
    while (slice < count - 1 && seq->nsub > tap[slice])
        slice++;
    if (a->names == RST_NAMES_LPIPS)
        (void)snprintf(buf, 32, "slice%d.%d", slice + 1, seq->nsub);
    else
        (void)snprintf(buf, 32, "features.%d", seq->nsub);
    return buf;
}

static int features(rst_module *m, rst_tensor *x, int max, rst_tensor **out)
{
    int count;
    const int *ids = rst__feature_taps(m->arch.family, &count);
    if (count > max)
        count = max;
    rst_taps t = { .count = count, .ids = ids, .out = out };
    const rst_layer *seq = m->root->sub[0];
    return rst__seq_run(m, seq, 0, seq->nsub - 1, x, &t) ? count : 0;
}

rst_tensor *rst__features_piece(rst_module *m, int k, rst_tensor *x)
{
    int count;
    const int *ids = rst__feature_taps(m->arch.family, &count);
    return rst__seq_run(m, m->root->sub[0], k ? ids[k - 1] + 1 : 0, ids[k], x, NULL);
}

rst_layer *rst__features_seq(rst_module *m)
{
    m->features = features;
    return rst__add_seq(m, m->root, "");
}
