/* SPDX-License-Identifier: MIT */
/*
 * From names and shapes to an rst_arch. Each family has a tensor that no other one has; its options
 * are read from shapes. A guess is worth nothing until the network built from it has exactly the
 * file's tensors, so that is checked at the end.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "nn/names.h"
#include "nn/nets.h"
#include "nn/registry.h"

/** The weights under a prefix. */
typedef struct view {
    const rst_weights *w;
    const char *prefix;
} view;

RST_PRINTF(2, 3) static const rst_weight *get(const view *v, const char *fmt, ...)
{
    char name[256];
    int n = snprintf(name, sizeof name, "%s", v->prefix);
    if (n < 0 || (size_t)n >= sizeof name)
        return NULL;
    va_list ap;
    va_start(ap, fmt);
    int k = vsnprintf(name + n, sizeof name - (size_t)n, fmt, ap);
    va_end(ap);
    return k > 0 && (size_t)k < sizeof name - (size_t)n ? rst_weights_find(v->w, name) : NULL;
}

/* The weight of a convolution, with or without spectral norm. */
RST_PRINTF(3, 4)
static const rst_weight *conv_at(const view *v, bool *spectral, const char *fmt, ...)
{
    char stem[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(stem, sizeof stem, fmt, ap);
    va_end(ap);
    const rst_weight *t = get(v, "%s.weight_orig", stem);
    if (t && spectral)
        *spectral = true;
    return t ? t : get(v, "%s.weight", stem);
}

/* A dimension as int; 0 when there is no such tensor or the number is out of all reason. */
static int dim(const rst_weight *t, int axis)
{
    return t && axis < t->rank && t->shape[axis] > 0 && t->shape[axis] <= 1 << 14
               ? (int)t->shape[axis]
               : 0;
}

/* norm: the name of a norm's place; conv: of the convolution before it. */
static rst_norm_kind norm_of(const view *v, const char *norm, const char *conv)
{
    if (get(v, "%s.weight", norm))
        return RST_NORM_BATCH;
    return get(v, "%s.bias", conv) ? RST_NORM_INSTANCE : RST_NORM_NONE;
}

static void start(rst_arch *a, const char *preset)
{
    (void)rst_arch_preset(preset, a, NULL);
}

/* Generators ------------------------------------------------------------------------------------
 */

/* The first residual block; 0 if there is none. */
static int first_block(const view *v)
{
    for (int i = 4; i < 64; i++)
        if (conv_at(v, NULL, "model.%d.conv_block.1", i))
            return i;
    return 0;
}

static bool guess_resnet(const view *v, rst_arch *a)
{
    bool spectral = false;
    const rst_weight *stem = conv_at(v, &spectral, "model.1");
    int block = first_block(v);
    if (!stem || !block)
        return false;
    int levels = 0;
    for (int k = 0; k < 3; k++)
        levels |= get(v, "ammfi%d.w_a.conv.weight", k) ? 1 << k : 0;
    start(a, levels ? "ammfi_6blocks" : "resnet_9blocks");
    a->ammfi_levels = levels;
    a->spectral = spectral;
    a->width = dim(stem, 0);
    a->input_nc = dim(stem, 1);
    a->stem_k = dim(stem, 2);
    a->norm = norm_of(v, "model.2", "model.1");
    a->antialias = get(v, "model.7.filt") != NULL;
    a->n_downsampling = (block - 4) / (a->antialias ? 4 : 3);
    for (a->blocks = 0; conv_at(v, NULL, "model.%d.conv_block.1", block + a->blocks);)
        a->blocks++;
    a->dropout = dim(conv_at(v, NULL, "model.%d.conv_block.6", block), 3) > 0; /* else a norm */
    int up = block + a->blocks;
    a->antialias_up = get(v, "model.%d.filt", up) != NULL;
    int head = up + (a->antialias_up ? 4 : 3) * a->n_downsampling + 1;
    a->output_nc = dim(conv_at(v, NULL, "model.%d", head), 0);
    /* The bottleneck of channel attention: C/reduction of the widest gate. */
    for (int k = 0; k < 3; k++) {
        int hidden = dim(get(v, "ammfi%d.cbam.ChannelGate.mlp.1.weight", k), 0);
        if (hidden > 1)
            a->reduction = (a->width << k) / hidden;
    }
    return true;
}

static bool guess_unet(const view *v, rst_arch *a, char *note, size_t size)
{
    const rst_weight *outer = get(v, "model.model.0.weight");
    if (!outer)
        return false;
    start(a, "unet_256");
    a->width = dim(outer, 0);
    a->input_nc = dim(outer, 1);
    a->output_nc = dim(get(v, "model.model.3.weight"), 1);
    a->norm = norm_of(v, "model.model.1.model.2", "model.model.1.model.1");
    char stem[200] = "model.model.1";
    for (a->blocks = 1; get(v, "%s.model.1.weight", stem) && a->blocks < 16; a->blocks++) {
        size_t n = strlen(stem);
        (void)snprintf(stem + n, sizeof stem - n, ".model.3");
    }
    (void)snprintf(note, size,
                   "a U-Net's weights do not say whether it had dropout; it is taken "
                   "for trained with it, as pix2pix is");
    return true;
}

/* Judges ----------------------------------------------------------------------------------------
 */

static bool guess_patchgan(const view *v, rst_arch *a)
{
    bool spectral = false, asp = conv_at(v, NULL, "enc.0") != NULL;
    const char *seq = asp ? "enc" : "model";
    const rst_weight *first = conv_at(v, &spectral, "%s.0", seq);
    if (!first || dim(first, 2) != 4)
        return false;
    start(a, "basic");
    a->names = asp ? RST_NAMES_ASP : RST_NAMES_USUAL;
    a->spectral = spectral;
    a->width = dim(first, 0);
    a->input_nc = dim(first, 1);
    a->antialias = get(v, "%s.2.filt", seq) != NULL;
    int at = a->antialias ? 3 : 2, step = a->antialias ? 4 : 3, convs = 1;
    while (conv_at(v, NULL, "%s.%d", seq, at + step * (convs - 1)) && convs < 12)
        convs++;
    a->blocks = asp ? convs - 1 : convs - 2;
    /* With blurring the last stage has no filter, so what follows it is one place nearer. */
    if (!asp && a->antialias)
        a->blocks = convs - 1;
    char norm[32], conv[32];
    (void)snprintf(norm, sizeof norm, "%s.%d", seq, at + 1);
    (void)snprintf(conv, sizeof conv, "%s.%d", seq, at);
    a->norm = norm_of(v, norm, conv);
    return true;
}

static bool guess_pixel(const view *v, rst_arch *a)
{
    const rst_weight *first = get(v, "net.0.weight");
    if (!first)
        return false;
    start(a, "pixel");
    a->width = dim(first, 0);
    a->input_nc = dim(first, 1);
    a->norm = norm_of(v, "net.3", "net.2");
    return true;
}

static bool guess_sampler(const view *v, rst_arch *a, char *note, size_t size)
{
    const rst_weight *first = get(v, "mlp_0.0.weight");
    if (!first)
        return false;
    start(a, "mlp_sample");
    a->width = dim(first, 0);
    (void)rst__arch_measure(a, v->w, v->prefix, NULL);
    (void)snprintf(note, size,
                   "a patch sampler's weights do not say how it guards its norm against "
                   "zero; CUT's way is taken, ASP's is l2norm asp");
    return true;
}

/* From image to image ---------------------------------------------------------------------------
 */

static bool guess_rrdb(const view *v, rst_arch *a)
{
    const rst_weight *first = get(v, "conv_first.weight");
    if (!first)
        return false;
    bool ours = get(v, "RRDB_trunk.0.RDB1.conv1.weight") != NULL;
    start(a, "rrdbnet_x2");
    if (get(v, "upconv2.weight") || get(v, "conv_up2.weight"))
        a->scale = 4;
    a->width = dim(first, 0);
    a->input_nc = dim(first, 1);
    a->output_nc = dim(get(v, "conv_last.weight"), 0);
    a->growth =
        dim(get(v, ours ? "RRDB_trunk.0.RDB1.conv1.weight" : "body.0.rdb1.conv1.weight"), 0);
    for (a->blocks = 0; a->blocks < 128; a->blocks++)
        if (!(ours ? get(v, "RRDB_trunk.%d.RDB1.conv1.weight", a->blocks)
                   : get(v, "body.%d.rdb1.conv1.weight", a->blocks)))
            break;
    return true;
}

static bool guess_stainnet(const view *v, rst_arch *a)
{
    const rst_weight *first = get(v, "rgb_trans.0.weight");
    if (!first)
        return false;
    start(a, "stainnet");
    a->width = dim(first, 0);
    a->input_nc = dim(first, 1);
    a->output_nc = dim(get(v, "rgb_trans.4.weight"), 0);
    return true;
}

/* Feature networks ------------------------------------------------------------------------------
 */

static bool guess_row(const view *v, rst_arch *a)
{
    bool lpips = get(v, "slice1.0.weight") != NULL;
    if (!lpips && !get(v, "features.0.weight"))
        return false;
    if (get(v, lpips ? "slice2.3.squeeze.weight" : "features.3.squeeze.weight"))
        start(a, "squeezenet");
    else
        start(a, get(v, lpips ? "slice1.2.weight" : "features.2.weight") ? "vgg16" : "alexnet");
    a->names = lpips ? RST_NAMES_LPIPS : RST_NAMES_USUAL;
    a->input_nc = dim(get(v, lpips ? "slice1.0.weight" : "features.0.weight"), 1);
    (void)rst__arch_measure(a, v->w, v->prefix, NULL);
    return true;
}

static bool guess_deep(const view *v, rst_arch *a, char *note, size_t size)
{
    if (get(v, "layer1.0.conv3.weight") && get(v, "conv1.weight")) {
        start(a, "resnet50");
        a->width = dim(get(v, "conv1.weight"), 0);
        a->input_nc = dim(get(v, "conv1.weight"), 1);
        return true;
    }
    if (!get(v, "Conv2d_1a_3x3.conv.weight"))
        return false;
    const rst_weight *fc = get(v, "fc.weight");
    start(a, dim(fc, 0) == 1000 ? "inception_kid" : "inception_fid");
    if (!fc)
        (void)snprintf(note, size,
                       "without a classifier the FID and torchvision Inception look the "
                       "same; the FID one is taken");
    return true;
}

/* Blocks ----------------------------------------------------------------------------------------
 */

static bool guess_block(const view *v, rst_arch *a)
{
    const rst_weight *t;
    const char *mlp = get(v, "ChannelGate.mlp.3.weight") ? "ChannelGate.mlp" : "mlp";
    if ((t = get(v, "w_e.conv.weight"))) {
        start(a, "ammfi");
        a->width = dim(t, 1);
        mlp = "cbam.ChannelGate.mlp";
    } else if ((t = get(v, "theta.weight")) && get(v, "psi.weight")) {
        start(a, "attention_gate");
        a->width = dim(t, 1);
        a->inter_nc = dim(t, 0);
        a->sub_sample[0] = dim(t, 2);
        a->sub_sample[1] = dim(t, 3);
        a->gating_nc = dim(get(v, "phi.weight"), 1);
        return true;
    } else if ((t = get(v, "%s.3.weight", mlp))) {
        start(a, strcmp(mlp, "mlp") == 0 ? "cbam_channel" : "cbam");
        a->width = dim(t, 0);
    } else if (get(v, "spatial.conv.weight")) {
        start(a, "cbam_spatial");
        return true;
    } else {
        return false;
    }
    int hidden = dim(get(v, "%s.1.weight", mlp), 0);
    if (hidden > 1)
        a->reduction = a->width / hidden;
    return true;
}

/* Widths ----------------------------------------------------------------------------------------
 */

static int measure_sampler(rst_arch *a, const view *v)
{
    for (a->taps = 0; a->taps < RST_MAX_TAPS; a->taps++) {
        a->widths[a->taps] = dim(get(v, "mlp_%d.0.weight", a->taps), 1);
        if (a->widths[a->taps] == 0)
            break;
    }
    return a->taps;
}

/* Output channels of layer n of a row; a fire's are those of its two expansions. */
static int row_width(const rst_arch *a, const view *v, int n)
{
    char stem[32];
    const char *name = rst__feature_name(a, &(rst_layer){ .nsub = n }, stem);
    int plain = dim(get(v, "%s.weight", name), 0);
    return plain ? plain
                 : dim(get(v, "%s.expand1x1.weight", name), 0) +
                       dim(get(v, "%s.expand3x3.weight", name), 0);
}

static int measure_row(rst_arch *a, const view *v)
{
    static const int fires[8] = { 3, 4, 6, 7, 9, 10, 11, 12 };
    const int *tap = rst__feature_taps(a->family, &a->taps);
    int found = 0;
    for (int i = 0; i < a->taps; i++) {
        bool fire = a->family == RST_NET_SQUEEZENET && i > 0;
        a->widths[i] = row_width(a, v, fire ? tap[i] : tap[i] - 1); /* else the tap is a ReLU */
        found += a->widths[i] > 0;
    }
    for (int i = 0; i < 8 && a->family == RST_NET_SQUEEZENET; i++) {
        char stem[32];
        const char *name = rst__feature_name(a, &(rst_layer){ .nsub = fires[i] }, stem);
        a->squeeze[i] = dim(get(v, "%s.squeeze.weight", name), 0);
    }
    return found == a->taps ? found : 0;
}

int rst__arch_measure(rst_arch *a, const rst_weights *w, const char *prefix, rst_error *err)
{
    view v = { w, prefix };
    int found = a->family == RST_NET_SAMPLER ? measure_sampler(a, &v) : measure_row(a, &v);
    if (found == 0)
        return rst_fail(err, RST_EFORMAT, "%s: no weights of this network to measure",
                        *prefix ? prefix : "network");
    return 0;
}

/* All of them -----------------------------------------------------------------------------------
 */

static bool guess(const view *v, rst_arch *a, char *note, size_t size)
{
    return guess_unet(v, a, note, size) || guess_resnet(v, a) || guess_patchgan(v, a) ||
           guess_pixel(v, a) || guess_sampler(v, a, note, size) || guess_rrdb(v, a) ||
           guess_stainnet(v, a) || guess_row(v, a) || guess_deep(v, a, note, size) ||
           guess_block(v, a);
}

/* A network of this description has exactly these tensors. */
static int confirm(const rst_weights *w, const rst_arch *a, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    rst_module *m = NULL;
    char name[32];
    int rc = rst_module_new(&m, NULL, a, &why);
    if (rc == 0)
        rc = rst__module_check(m, w, "", 0, &why);
    rst_module_free(m);
    if (rc == RST_ENOMEM)
        return rst__fail_nomem(err, "network");
    if (rc < 0)
        return rst_fail(err, RST_EFORMAT, "weights look like %s, but: %s", rst_arch_name(a, name),
                        why.msg);
    return 0;
}

int rst_arch_recognise(const rst_weights *w, rst_arch *out, char *note, size_t size, rst_error *err)
{
    char unused[1];
    if (!note || size == 0) {
        note = unused;
        size = 1;
    }
    note[0] = '\0';
    view v = { w, "" };
    rst_arch a = { 0 };
    if (!guess(&v, &a, note, size))
        return rst_fail(err, RST_EFORMAT,
                        "no known network has tensors of these names (%lld of "
                        "them, the first is '%.80s')",
                        (long long)rst_weights_count(w),
                        rst_weights_count(w) ? rst_weights_get(w, 0)->name : "");
    int rc = confirm(w, &a, err);
    if (rc == 0)
        *out = a;
    return rc;
}
