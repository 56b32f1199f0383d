/* SPDX-License-Identifier: MIT */
/* The families of networks: their names, defaults, limits and builders. */
#include "nn/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"
#include "nn/nets.h"

static const struct {
    rst_family family;
    void (*build)(rst_module *m, const rst_arch *a);
} builders[] = {
    { RST_NET_RESNET, rst__resnet_build },
    { RST_NET_UNET, rst__unet_build },
    { RST_NET_AMMFI, rst__ammfi_build },
    { RST_NET_PATCHGAN, rst__patchgan_build },
    { RST_NET_PIXEL, rst__pixel_build },
    { RST_NET_SAMPLER, rst__sampler_build },
    { RST_NET_RRDB, rst__rrdb_build },
    { RST_NET_STAINNET, rst__stainnet_build },
    { RST_NET_ALEXNET, rst__alexnet_build },
    { RST_NET_VGG16, rst__vgg16_build },
    { RST_NET_SQUEEZENET, rst__squeezenet_build },
    { RST_NET_RESNET50, rst__resnet50_build },
    { RST_NET_INCEPTION, rst__inception_build },
    { RST_NET_AMMFI_GATE, rst__ammfi_gate_build },
    { RST_NET_ATTENTION_GATE, rst__attention_gate_build },
    { RST_NET_CBAM, rst__cbam_build },
    { RST_NET_CBAM_CHANNEL, rst__cbam_build },
    { RST_NET_CBAM_SPATIAL, rst__cbam_build },
};
_Static_assert(sizeof builders / sizeof builders[0] == RST_NET_COUNT, "a builder for each family");

/* Presets ---------------------------------------------------------------------------------------
 */

#define IMAGE   .input_nc = 3, .output_nc = 3
#define BLURRED .antialias = true, .antialias_up = true

/* Names with %d take a number: blocks, or a U-Net's side. */
static const struct preset {
    const char *name;
    rst_arch arch;
} presets[] = {
    { "resnet_%dblocks",
      { RST_NET_RESNET, IMAGE, .width = 64, .n_downsampling = 2, BLURRED, .stem_k = 7 } },
    { "ammfi_%dblocks",
      { RST_NET_AMMFI, IMAGE, .width = 64, .n_downsampling = 2, BLURRED, .stem_k = 3,
        .ammfi_levels = 3, .reduction = 16, .spectral = true } },
    { "unet_%d", { RST_NET_UNET, IMAGE, .width = 64, .norm = RST_NORM_BATCH, .dropout = true } },
    { "basic",
      { RST_NET_PATCHGAN, .input_nc = 3, .output_nc = 1, .width = 64, .blocks = 3,
        .antialias = true } },
    { "n_layers",
      { RST_NET_PATCHGAN, .input_nc = 3, .output_nc = 1, .width = 64, .blocks = 3,
        .antialias = true } },
    { "pixel", { RST_NET_PIXEL, .input_nc = 3, .output_nc = 1, .width = 64 } },
    { "mlp_sample",
      { RST_NET_SAMPLER, .width = 256, .mlp = true, .taps = 5,
        .widths = { 3, 128, 256, 256, 256 } } },
    { "sample", { RST_NET_SAMPLER, .width = 256 } },
    { "rrdbnet_x4", { RST_NET_RRDB, IMAGE, .width = 64, .blocks = 23, .growth = 32, .scale = 4 } },
    { "rrdbnet_x2", { RST_NET_RRDB, IMAGE, .width = 64, .blocks = 23, .growth = 32, .scale = 2 } },
    { "stainnet", { RST_NET_STAINNET, IMAGE, .width = 32 } },
    { "alexnet",
      { RST_NET_ALEXNET, .input_nc = 3, .taps = 5, .widths = { 64, 192, 384, 256, 256 } } },
    { "vgg16", { RST_NET_VGG16, .input_nc = 3, .taps = 5, .widths = { 64, 128, 256, 512, 512 } } },
    { "squeezenet",
      { RST_NET_SQUEEZENET, .input_nc = 3, .taps = 7,
        .widths = { 64, 128, 256, 384, 384, 512, 512 },
        .squeeze = { 16, 16, 32, 32, 48, 48, 64, 64 } } },
    { "resnet50", { RST_NET_RESNET50, .input_nc = 3, .width = 64 } },
    { "inception_fid", { RST_NET_INCEPTION, .input_nc = 3 } },
    { "inception_kid", { RST_NET_INCEPTION, .input_nc = 3, .kid = true } },
    { "ammfi", { RST_NET_AMMFI_GATE, .width = 128, .reduction = 16 } },
    { "attention_gate",
      { RST_NET_ATTENTION_GATE, .width = 64, .gating_nc = 128, .sub_sample = { 2, 2 } } },
    { "cbam", { RST_NET_CBAM, .width = 64, .reduction = 16 } },
    { "cbam_channel", { RST_NET_CBAM_CHANNEL, .width = 64, .reduction = 16 } },
    { "cbam_spatial", { RST_NET_CBAM_SPATIAL, .width = 1, .reduction = 16 } },
};
enum { PRESETS = sizeof presets / sizeof presets[0] };

/* Batch norms of what these publish are used with an image's own statistics, because their test
 * scripts never leave training mode (spec 7.4, A19); the others are feature networks in eval(). */
static rst_bn_mode usual_stats(rst_family f)
{
    return f >= RST_NET_RRDB && f <= RST_NET_INCEPTION ? RST_BN_RUNNING : RST_BN_BATCH;
}

/* "resnet_6blocks" against "resnet_%dblocks": true, 6. */
static bool match(const char *pattern, const char *name, int *number)
{
    const char *hole = strstr(pattern, "%d");
    if (!hole)
        return strcmp(pattern, name) == 0;
    size_t head = (size_t)(hole - pattern);
    if (strncmp(pattern, name, head) != 0 || name[head] < '1' || name[head] > '9')
        return false;
    char *end;
    long n = strtol(name + head, &end, 10);
    *number = n < 100000 ? (int)n : 100000;
    return strcmp(end, hole + 2) == 0;
}

static int no_such(const char *name, rst_error *err)
{
    static const char *const usual[] = { "resnet_9blocks", "resnet_6blocks", "resnet_4blocks",
                                         "ammfi_6blocks",  "unet_256",       "unet_128" };
    const char *best = usual[0];
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        if (rst__edits(name, usual[i]) < rst__edits(name, best))
            best = usual[i];
    for (int i = 0; i < PRESETS; i++)
        if (!strchr(presets[i].name, '%') &&
            rst__edits(name, presets[i].name) < rst__edits(name, best))
            best = presets[i].name;
    return rst_fail(err, RST_EINVAL, "no network is called '%.60s'; the nearest is %s", name, best);
}

int rst_arch_preset(const char *name, rst_arch *out, rst_error *err)
{
    for (int i = 0; i < PRESETS; i++) {
        int number = 0;
        if (!match(presets[i].name, name, &number))
            continue;
        *out = presets[i].arch;
        out->stats = usual_stats(out->family);
        if (out->family == RST_NET_RESNET || out->family == RST_NET_AMMFI)
            out->blocks = number;
        if (out->family == RST_NET_UNET)
            for (int side = number; side > 1 && side % 2 == 0; side /= 2)
                out->blocks++;
        if (out->family == RST_NET_UNET && (number >> out->blocks) != 1)
            return rst_fail(err, RST_EINVAL, "%s: a U-Net's side is a power of two", name);
        return 0;
    }
    return no_such(name, err);
}

const char *rst_arch_name(const rst_arch *a, char buf[32])
{
    const char *name = "?";
    for (int i = 0; i < PRESETS; i++) {
        const rst_arch *p = &presets[i].arch;
        bool same = p->family == a->family && p->mlp == a->mlp && p->kid == a->kid;
        if (same && (a->family != RST_NET_RRDB || p->scale == a->scale) &&
            (a->family != RST_NET_PATCHGAN || p->blocks == a->blocks ||
             strcmp(presets[i].name, "n_layers") == 0)) {
            name = presets[i].name;
            break;
        }
    }
    const char *hole = strstr(name, "%d");
    int number = a->family == RST_NET_UNET && a->blocks < 31 ? 1 << a->blocks : a->blocks;
    if (hole)
        (void)snprintf(buf, 32, "%.*s%d%s", (int)(hole - name), name, number, hole + 2);
    else
        (void)snprintf(buf, 32, "%s", name);
    return buf;
}

/* Limits ----------------------------------------------------------------------------------------
 */

static int range(const char *what, int v, int lo, int hi, rst_error *err)
{
    if (v >= lo && v <= hi)
        return 0;
    return rst_fail(err, RST_EINVAL, "network: %s is %d, must be %d to %d", what, v, lo, hi);
}

static int check_widths(const rst_arch *a, rst_error *err)
{
    int want = a->family == RST_NET_SQUEEZENET ? 7 : 5, rc = 0;
    bool sampler = a->family == RST_NET_SAMPLER;
    if (a->family != RST_NET_ALEXNET && a->family != RST_NET_VGG16 &&
        a->family != RST_NET_SQUEEZENET && !(sampler && a->mlp))
        return 0;
    rc = range("number of widths", a->taps, sampler ? 1 : want, sampler ? RST_MAX_TAPS : want, err);
    for (int i = 0; rc == 0 && i < a->taps; i++)
        rc = range("a width", a->widths[i], 1, 1 << 14, err);
    for (int i = 0; rc == 0 && a->family == RST_NET_SQUEEZENET && i < 8; i++)
        rc = range("a squeeze", a->squeeze[i], 1, 1 << 14, err);
    return rc;
}

/* What a family of generators or discriminators needs beyond its widths. */
static int check_depth(const rst_arch *a, rst_error *err)
{
    switch (a->family) {
    case RST_NET_RESNET:
    case RST_NET_AMMFI:
        if (range("blocks", a->blocks, 1, 64, err) < 0 ||
            range("n_downsampling", a->n_downsampling, a->family == RST_NET_AMMFI ? 2 : 1,
                  a->family == RST_NET_AMMFI ? 2 : 6, err) < 0)
            return RST_EINVAL;
        if (a->stem_k != 3 && a->stem_k != 7)
            return rst_fail(err, RST_EINVAL, "network: stem_k is %d, must be 3 or 7", a->stem_k);
        return a->family == RST_NET_AMMFI ? range("ammfi_levels", a->ammfi_levels, 1, 7, err) : 0;
    case RST_NET_UNET:
        return range("levels", a->blocks, 5, 12, err);
    case RST_NET_PATCHGAN:
        return range("n_layers_D", a->blocks, 1, 8, err);
    case RST_NET_RRDB:
        if (a->scale != 2 && a->scale != 4)
            return rst_fail(err, RST_EINVAL, "network: sf is %d, must be 2 or 4", a->scale);
        return range("nb", a->blocks, 1, 64, err) < 0 ? RST_EINVAL
                                                      : range("gc", a->growth, 1, 1024, err);
    case RST_NET_ATTENTION_GATE:
        return range("gating_channels", a->gating_nc, 1, 1 << 14, err) < 0 ||
                       range("inter_channels", a->inter_nc, 0, 1 << 14, err) < 0 ||
                       range("sub_sample_factor", a->sub_sample[0], 1, 16, err) < 0 ||
                       range("sub_sample_factor", a->sub_sample[1], 1, 16, err) < 0
                   ? RST_EINVAL
                   : 0;
    default:
        return 0;
    }
}

int rst__arch_check(const rst_arch *a, rst_error *err)
{
    bool image =
        a->family <= RST_NET_PIXEL || a->family == RST_NET_RRDB || a->family == RST_NET_STAINNET;
    bool row = a->family >= RST_NET_ALEXNET && a->family <= RST_NET_SQUEEZENET;
    int rc = range("family", (int)a->family, 0, RST_NET_COUNT - 1, err);
    if (rc == 0 && a->family != RST_NET_INCEPTION && !row)
        rc = range("width", a->width, 1, 4096, err);
    if (rc == 0 && (image || row || a->family == RST_NET_RESNET50))
        rc = range("input_nc", a->input_nc, 1, 4096, err);
    if (rc == 0 && image)
        rc = range("output_nc", a->output_nc, 1, 4096, err);
    if (rc == 0 && (a->family == RST_NET_AMMFI || a->family == RST_NET_AMMFI_GATE) && a->width % 2)
        return rst_fail(err, RST_EINVAL, "network: a width of %d cannot be halved", a->width);
    if (rc == 0 && (a->family == RST_NET_AMMFI || a->family >= RST_NET_AMMFI_GATE) &&
        a->family != RST_NET_ATTENTION_GATE)
        rc = range("reduction", a->reduction, 1, 4096, err);
    if (rc == 0 && a->stats != RST_BN_BATCH && a->stats != RST_BN_RUNNING)
        return rst_fail(err, RST_EINVAL, "network: stats are batch or running");
    if (rc == 0 && a->names != RST_NAMES_USUAL &&
        a->names != (a->family == RST_NET_PATCHGAN ? RST_NAMES_ASP : RST_NAMES_LPIPS))
        return rst_fail(err, RST_EINVAL, "network: names of another family");
    if (rc == 0)
        rc = check_depth(a, err);
    return rc == 0 ? check_widths(a, err) : rc;
}

/* Building --------------------------------------------------------------------------------------
 */

int rst_module_new(rst_module **out, rst_ctx *c, const rst_arch *a, rst_error *err)
{
    int rc = rst__arch_check(a, err);
    if (rc < 0)
        return rc;
    rst_module *m = rst__module_empty(c);
    if (!m)
        return rst__fail_nomem(err, "network");
    m->arch = *a;
    builders[a->family].build(m, a);
    rc = rst__module_finish(m, err);
    if (rc < 0) {
        rst_module_free(m);
        return rc;
    }
    *out = m;
    return 0;
}

int rst_arch_stride(const rst_arch *a)
{
    if (a->family == RST_NET_RESNET || a->family == RST_NET_AMMFI)
        return 1 << a->n_downsampling;
    return a->family == RST_NET_UNET ? 1 << a->blocks : 1;
}

int rst_arch_scale(const rst_arch *a)
{
    return a->family == RST_NET_RRDB ? a->scale : 1;
}
