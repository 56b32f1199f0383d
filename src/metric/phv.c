/* SPDX-License-Identifier: MIT */
#include "metric/phv.h"

#include <math.h>

#include "base/alloc.h"
#include "base/err.h"
#include "grad/engine.h"
#include "metric/feature.h"
#include "metric/pair.h"

static const double THRESHOLD = 0.01;
static const int64_t channels[RST_PHV_LAYERS] = { 256, 512, 1024, 2048 };

struct rst_phv {
    rst_ctx *c;
    rst_module *net;
    rst_feature_scaling scaling;
};

double rst__phv_share(const float *a, const float *b, int64_t n, double threshold)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        count += fabsf(a[i] - b[i]) > (float)threshold;
    return (double)count / (double)n;
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

int rst__phv_means(rst_phv *p, const rst_image *img, float *mean, rst_error *err)
{
    rst_tensor *stage[RST_PHV_LAYERS] = { NULL };
    rst_begin_nograd(p->c);
    rst_tensor *x = rst__feature_input(rst__upload_image(p->c, img), &p->scaling);
    if (rst_module_features(p->net, x, RST_PHV_LAYERS, stage) == RST_PHV_LAYERS)
        for (int i = 0; i < RST_PHV_LAYERS; mean += channels[i++])
            (void)rst_download(rst__spatial_mean(stage[i]), RST_NCHW, mean);
    return rst_end(p->c, err);
}

void rst__phv_of_means(const float *a, const float *b, double *value)
{
    for (int i = 0; i < RST_PHV_LAYERS; a += channels[i], b += channels[i], i++)
        value[i] = rst__phv_share(a, b, channels[i], THRESHOLD);
}

int rst_phv_compare(rst_phv *p, const rst_image *fake, const rst_image *real, double *value,
                    rst_error *err)
{
    int rc = rst__image_pair(fake, real, "phv", err);
    if (rc < 0)
        return rc;
    float a[RST__PHV_MEANS], b[RST__PHV_MEANS];
    rc = rst__phv_means(p, fake, a, err);
    if (rc == 0)
        rc = rst__phv_means(p, real, b, err);
    if (rc == 0)
        rst__phv_of_means(a, b, value);
    return rc;
}
