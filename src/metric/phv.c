/* SPDX-License-Identifier: MIT */
#include "metric/phv.h"

#include <math.h>

#include "base/alloc.h"
#include "base/err.h"
#include "metric/feature.h"
#include "metric/pair.h"

enum { MAX_CHANNELS = 2048 };

static const double THRESHOLD = 0.01;

struct rst_phv {
    rst_ctx *c;
    rst_module *net;
    rst_feature_scaling scaling;
};

double rst__phv_share(const float *a, const float *b, int64_t channels, double threshold)
{
    int64_t count = 0;
    for (int64_t i = 0; i < channels; i++)
        count += fabsf(a[i] - b[i]) > (float)threshold;
    return (double)count / (double)channels;
}

int rst_phv_new(rst_phv **out, rst_ctx *c, const rst_weights *resnet50, rst_phv_range range,
                rst_error *err)
{
    rst_arch a;
    int rc = rst_arch_preset("resnet50", &a, err);
    if (rc < 0)
        return rc;
    rst_phv *p = rst__calloc(1, sizeof *p);
    if (!p)
        return rst__fail_nomem(err, "PHV");
    p->c = c;
    p->scaling =
        range == RST_PHV_ASP ? rst__imagenet_scaling(0.5, 0.5) : rst__imagenet_scaling(1, 0);
    rc = rst__feature_net(&p->net, c, &a, resnet50, "", err);
    if (rc < 0) {
        rst__free(p);
        return rc;
    }
    *out = p;
    return 0;
}

void rst_phv_free(rst_phv *p)
{
    if (!p)
        return;
    rst_module_free(p->net);
    rst__free(p);
}

/* mean[i]: the channel means of stage i. */
static void means(rst_phv *p, const rst_image *img, rst_tensor **mean)
{
    rst_tensor *x = rst__feature_input(rst__upload_image(p->c, img), &p->scaling);
    int n = rst_module_features(p->net, x, RST_PHV_LAYERS, mean);
    for (int i = 0; i < RST_PHV_LAYERS; i++)
        mean[i] = i < n ? rst__spatial_mean(mean[i]) : NULL;
}

static double share(rst_tensor *a, rst_tensor *b)
{
    float va[MAX_CHANNELS], vb[MAX_CHANNELS];
    if (!a || !b || rst_shape(a).c > MAX_CHANNELS || rst_download(a, RST_NCHW, va) < 0 ||
        rst_download(b, RST_NCHW, vb) < 0)
        return 0;
    return rst__phv_share(va, vb, rst_shape(a).c, THRESHOLD);
}

int rst_phv_compare(rst_phv *p, const rst_image *fake, const rst_image *real, double *value,
                    rst_error *err)
{
    int rc = rst__image_pair(fake, real, "phv", err);
    if (rc < 0)
        return rc;
    rst_tensor *a[RST_PHV_LAYERS] = { NULL }, *b[RST_PHV_LAYERS] = { NULL };
    double v[RST_PHV_LAYERS];
    rst_begin_nograd(p->c);
    means(p, fake, a);
    means(p, real, b);
    for (int i = 0; i < RST_PHV_LAYERS; i++)
        v[i] = share(a[i], b[i]);
    rc = rst_end(p->c, err);
    for (int i = 0; rc == 0 && i < RST_PHV_LAYERS; i++)
        value[i] = v[i];
    return rc;
}
