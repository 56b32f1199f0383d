/* SPDX-License-Identifier: MIT */
#include "metric/feature.h"

#include "base/alloc.h"
#include "grad/engine.h"
#include "image/convert.h"

rst_feature_scaling rst__imagenet_scaling(double mul, double add)
{
    return (rst_feature_scaling){ mul, add, { 0.485, 0.456, 0.406 }, { 0.229, 0.224, 0.225 } };
}

rst_tensor *rst__feature_input(rst_tensor *x, const rst_feature_scaling *s)
{
    if (!x)
        return NULL;
    rst_ctx *c = x->ctx;
    rst_dims per_channel = { 1, 3, 1, 1 };
    double factor[3];
    for (int i = 0; i < 3; i++)
        factor[i] = 1 / s->std[i];
    if (s->mul != 1 || s->add != 0)
        x = rst_affine(x, s->mul, s->add);
    rst_tensor *mean = rst_upload_f64(c, per_channel, RST_NCHW, s->mean);
    rst_tensor *scale = rst_upload_f64(c, per_channel, RST_NCHW, factor);
    return rst_mul(rst_sub(x, mean), scale);
}

rst_tensor *rst__inception_input(rst_tensor *x)
{
    return rst_affine(rst_resize(x, RST_BILINEAR, 299, 299), 2, -1);
}

rst_tensor *rst__spatial_mean(rst_tensor *x)
{
    return rst_mean(x, RST_AXIS_H | RST_AXIS_W);
}

int rst__feature_net(rst_module **out, rst_ctx *c, const rst_arch *a, const rst_weights *w,
                     const char *prefix, rst_error *err)
{
    rst_module *m;
    int rc = rst_module_new(&m, c, a, err);
    if (rc < 0)
        return rc;
    rc = rst_module_load(m, w, prefix, 0, err);
    if (rc < 0) {
        rst_module_free(m);
        return rc;
    }
    rst_module_train(m, false);
    rst_module_freeze(m, true);
    *out = m;
    return 0;
}

rst_tensor *rst__upload_image(rst_ctx *c, const rst_image *img)
{
    int64_t n = 3 * img->width * img->height;
    float *v = rst__malloc((size_t)n * sizeof *v);
    if (!v)
        return rst__ctx_fail(c, RST_ENOMEM, "image: out of memory");
    rst__unit_from_u8(img->px, n, v);
    rst_tensor *t = rst_upload(c, (rst_dims){ 1, 3, img->height, img->width }, RST_NHWC, v);
    rst__free(v);
    return t;
}
