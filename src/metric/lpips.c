/* SPDX-License-Identifier: MIT */
#include "metric/lpips.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/err.h"
#include "grad/engine.h"
#include "metric/pair.h"
#include "nn/nets.h"

enum { STRIP = 32 }; /* rows of features */

struct rst_lpips {
    rst_ctx *c;
    rst_module *net;
    int layers;
    rst_tensor *head[RST_MAX_TAPS]; /* [1,C,1,1] */
    rst_feature_scaling scaling;
};

rst_feature_scaling rst__lpips_scaling(void)
{
    return (rst_feature_scaling){ 1, 0, { -.030, -.088, -.188 }, { .458, .448, .450 } };
}

int rst__lpips_layers(const rst_lpips *l)
{
    return l->layers;
}

const rst_module *rst__lpips_net(const rst_lpips *l)
{
    return l->net;
}

static int load_head(rst_lpips *l, int i, int64_t channels, const rst_weights *w,
                     const char *prefix, rst_error *err)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%slin%d.model.1.weight", prefix, i);
    const rst_weight *t = rst_weights_find(w, name);
    if (!t)
        return rst_fail(err, RST_EFORMAT, "%s: missing from the weights of LPIPS", name);
    if (t->rank != 4 || t->shape[1] != channels || rst_weight_elements(t) != channels)
        return rst_fail(err, RST_EFORMAT, "%s: must be 1x%lldx1x1", name, (long long)channels);
    float *v = rst__malloc((size_t)channels * sizeof *v);
    if (!v)
        return rst__fail_nomem(err, name);
    rst_weight_to_f32(t, v);
    int rc = RST_ENOMEM;
    l->head[i] = rst__param_new(l->c, (rst_dims){ 1, channels, 1, 1 });
    if (l->head[i]) {
        rst__param_set_trainable(l->head[i], false);
        rc = rst__param_upload(l->head[i], v);
    }
    rst__free(v);
    return rc < 0 ? rst_fail(err, rc, "%s: no memory on the device", name) : 0;
}

int rst__lpips_new(rst_lpips **out, rst_ctx *c, const rst_arch *a, const rst_weights *net,
                   const char *net_prefix, const rst_weights *heads, const char *head_prefix,
                   const rst_feature_scaling *scaling, rst_error *err)
{
    rst_lpips *l = rst__calloc(1, sizeof *l);
    if (!l)
        return rst__fail_nomem(err, "LPIPS");
    *l = (rst_lpips){ .c = c, .scaling = *scaling };
    int rc = rst__feature_net(&l->net, c, a, net, net_prefix, err);
    const rst_arch *full = rc == 0 ? rst_module_arch(l->net) : NULL;
    l->layers = !full ? 0 : full->family == RST_NET_SQUEEZENET ? 7 : 5;
    for (int i = 0; rc == 0 && i < l->layers; i++)
        rc = load_head(l, i, full->widths[i], heads, head_prefix, err);
    if (rc < 0) {
        rst_lpips_free(l);
        return rc;
    }
    *out = l;
    return 0;
}

int rst_lpips_new(rst_lpips **out, rst_ctx *c, rst_lpips_net net, const rst_weights *backbone,
                  const rst_weights *heads, rst_error *err)
{
    static const char *const preset[] = { "alexnet", "vgg16", "squeezenet" };
    if ((unsigned)net >= sizeof preset / sizeof preset[0])
        return rst_fail(err, RST_EINVAL, "lpips: no such network");
    rst_arch a;
    int rc = rst_arch_preset(preset[net], &a, err);
    rst_feature_scaling s = rst__lpips_scaling();
    return rc < 0 ? rc : rst__lpips_new(out, c, &a, backbone, "", heads, "", &s, err);
}

void rst_lpips_free(rst_lpips *l)
{
    if (!l)
        return;
    for (int i = 0; i < l->layers; i++)
        rst__param_free(l->head[i]);
    rst_module_free(l->net);
    rst__free(l);
}

static rst_tensor *unit(rst_tensor *x)
{
    return rst_l2norm(x, RST_L2_CUT, 1e-10);
}

static rst_tensor *layer_distance(rst_lpips *l, int i, rst_tensor *x, rst_tensor *y)
{
    rst_begin(l->c);
    rst_tensor *d = rst_square(rst_sub(unit(x), unit(y)));
    /* The heads are linear, so the mean over positions may come first. */
    d = rst_keep(rst_sum(rst_mul(rst__spatial_mean(d), l->head[i]), RST_AXIS_C));
    (void)rst_end(l->c, NULL); /* the outermost scope reports */
    return d;
}

rst_tensor *rst__lpips_run(rst_lpips *l, rst_tensor *x, rst_tensor *y, rst_tensor **layer,
                           rst_tensor **feature)
{
    rst_tensor *fx[RST_MAX_TAPS] = { NULL }, *fy[RST_MAX_TAPS] = { NULL }, *part[RST_MAX_TAPS];
    int nx = rst_module_features(l->net, rst__feature_input(x, &l->scaling), l->layers, fx);
    int ny = rst_module_features(l->net, rst__feature_input(y, &l->scaling), l->layers, fy);
    if (nx != l->layers || ny != l->layers)
        return NULL;
    for (int i = 0; i < l->layers; i++) {
        part[i] = layer_distance(l, i, fx[i], fy[i]);
        if (layer)
            layer[i] = part[i];
        if (feature)
            feature[i] = fx[i];
    }
    return rst_addn(l->layers, part);
}

/* A layer's share, rows by rows: features of unit length are made of a strip at a time. */
static double layer_share(rst_lpips *l, int i, rst_tensor *x, rst_tensor *y)
{
    const int64_t h = x && y ? rst_shape(x).h : 0;
    double sum = 0;
    for (int64_t from = 0; from < h; from += STRIP) {
        const int64_t to = from + STRIP < h ? from + STRIP : h;
        rst_begin(l->c);
        rst_tensor *d = layer_distance(l, i, rst_slice(x, RST_AXIS_H, from, to),
                                       rst_slice(y, RST_AXIS_H, from, to));
        sum += d ? rst_item(d) * (double)(to - from) : 0;
        (void)rst_end(l->c, NULL); /* the outermost scope reports */
    }
    return h ? sum / (double)h : 0;
}

/* One tap after the other, each in the innermost scope that is left, so that only one tap's
 * features are there: VGG16's of two large images are gigabytes. */
int rst_lpips_distance(rst_lpips *l, const rst_image *a, const rst_image *b, double *distance,
                       rst_error *err)
{
    int rc = rst__image_pair(a, b, "lpips", err);
    if (rc < 0)
        return rc;
    double sum = 0;
    rst_begin_nograd(l->c);
    for (int i = 0; i < l->layers; i++)
        rst_begin(l->c);
    rst_tensor *x = rst_affine(rst__upload_image(l->c, a), 2, -1);
    rst_tensor *y = rst_affine(rst__upload_image(l->c, b), 2, -1);
    x = rst__feature_input(x, &l->scaling);
    y = rst__feature_input(y, &l->scaling);
    for (int i = 0; i < l->layers; i++) {
        x = rst_keep(rst__features_piece(l->net, i, x));
        y = rst_keep(rst__features_piece(l->net, i, y));
        sum += layer_share(l, i, x, y);
        (void)rst_end(l->c, NULL); /* the outermost scope reports */
    }
    rc = rst_end(l->c, err);
    if (rc == 0)
        *distance = sum;
    return rc;
}
