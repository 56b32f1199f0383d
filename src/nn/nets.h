/* SPDX-License-Identifier: MIT */
/* The builders of all families; each adds layers to an empty module. */
#ifndef RST_NN_NETS_H
#define RST_NN_NETS_H

#include "nn/module.h"

void rst__resnet_build(rst_module *m, const rst_arch *a);
void rst__unet_build(rst_module *m, const rst_arch *a);
void rst__ammfi_build(rst_module *m, const rst_arch *a);
void rst__patchgan_build(rst_module *m, const rst_arch *a);
void rst__pixel_build(rst_module *m, const rst_arch *a);
void rst__sampler_build(rst_module *m, const rst_arch *a);
void rst__rrdb_build(rst_module *m, const rst_arch *a);
void rst__stainnet_build(rst_module *m, const rst_arch *a);
void rst__alexnet_build(rst_module *m, const rst_arch *a);
void rst__vgg16_build(rst_module *m, const rst_arch *a);
void rst__squeezenet_build(rst_module *m, const rst_arch *a);
void rst__resnet50_build(rst_module *m, const rst_arch *a);
void rst__inception_build(rst_module *m, const rst_arch *a);
void rst__ammfi_gate_build(rst_module *m, const rst_arch *a);
void rst__attention_gate_build(rst_module *m, const rst_arch *a);
void rst__cbam_build(rst_module *m, const rst_arch *a);

/** The norm of an architecture: instance, batch, or an identity that only takes its number. */
void rst__add_norm(rst_module *m, rst_layer *seq, const rst_arch *a, int64_t c);
/** The reference's rule: a convolution before a norm has a bias only if that is instance norm. */
static inline bool rst__no_bias(const rst_arch *a)
{
    return a->norm != RST_NORM_INSTANCE;
}

/** Positions in the `model` of a ResNet generator: the last layer of each stage. */
typedef struct rst_stages {
    int stem, down[2], blocks, up[2], last;
} rst_stages;
rst_stages rst__resnet_stages(const rst_arch *a);
/** `wide[i]` doubles the input channels of up stage i (2: of the head), for what AMMFI adds. */
void rst__resnet_layers(rst_module *m, rst_layer *seq, const rst_arch *a, const bool wide[3]);

/** Channel attention, spatial attention and both (CBAM) as children of l. */
void rst__cbam_layers(rst_module *m, rst_layer *l, int64_t c, int reduction, bool channel,
                      bool spatial);
rst_tensor *rst__cbam_run(rst_module *m, const rst_layer *l, rst_tensor *x);

/** The paper's fusion block (spec 4.4): fe, fd [n,c,h,w] -> the gated fe; *map [n,1,h,w]. */
void rst__ammfi_gate_layers(rst_module *m, rst_layer *l, int64_t c, int reduction);
rst_tensor *rst__ammfi_gate_run(rst_module *m, const rst_layer *l, rst_tensor *fe, rst_tensor *fd,
                                rst_tensor **map);
/** Layers 0..last of the paper's generator; what lies beside them runs where it is needed. */
rst_tensor *rst__ammfi_run(rst_module *m, rst_tensor *x, rst_taps *user, int last);
rst_tensor *rst__attention_gate_run(rst_module *m, const rst_layer *l, rst_tensor *x, rst_tensor *g,
                                    rst_tensor **map);

/** Taps of the networks that are one row of layers `features`: indices, how many. */
const int *rst__feature_taps(rst_family f, int *count);
/** The SEQ of such a network, and the name of its next child, as arch.names wants it. */
/** The layers behind tap k - 1, up to tap k: for whoever does not want all taps at a time. */
rst_tensor *rst__features_piece(rst_module *m, int k, rst_tensor *x);
rst_layer *rst__features_seq(rst_module *m);
const char *rst__feature_name(const rst_arch *a, const rst_layer *seq, char buf[32]);

#endif
