/* SPDX-License-Identifier: MIT */
/* Inception's last pooling, for FID and KID. */
#include <restain/metric.h>

#include "base/alloc.h"
#include "base/err.h"
#include "grad/engine.h"
#include "image/resize.h"
#include "metric/feature.h"

enum { SIDE = 299, TAPS = 4 };

struct rst_inception {
    rst_ctx *c;
    rst_module *net;
    rst_inception_kind kind;
};

int rst_inception_new(rst_inception **out, rst_ctx *c, const rst_weights *w,
                      rst_inception_kind kind, rst_error *err)
{
    rst_arch a;
    int rc =
        rst_arch_preset(kind == RST_INCEPTION_KID ? "inception_kid" : "inception_fid", &a, err);
    if (rc < 0)
        return rc;
    rst_inception *p = rst__calloc(1, sizeof *p);
    if (!p)
        return rst__fail_nomem(err, "Inception");
    p->c = c;
    p->kind = kind;
    rc = rst__feature_net(&p->net, c, &a, w, "", err);
    if (rc < 0) {
        rst__free(p);
        return rc;
    }
    *out = p;
    return 0;
}

void rst_inception_free(rst_inception *p)
{
    if (!p)
        return;
    rst_module_free(p->net);
    rst__free(p);
}

/* Resized on the host, as clean-fid does before anything reaches a device. */
static rst_tensor *clean_input(rst_ctx *c, const rst_image *img)
{
    rst_error err = RST_ERROR_INIT;
    float *v = rst__malloc((size_t)3 * SIDE * SIDE * sizeof *v);
    if (!v)
        return rst__ctx_fail(c, RST_ENOMEM, "image: out of memory");
    rst_tensor *t = NULL;
    const int rc = rst__image_resize_float(img, SIDE, SIDE, RST_RESIZE_BICUBIC, v, &err);
    if (rc < 0)
        (void)rst__ctx_fail(c, rc, "%s", err.msg);
    else
        t = rst_affine(rst_upload(c, (rst_dims){ 1, 3, SIDE, SIDE }, RST_NHWC, v), 1.0 / 128, -1);
    rst__free(v);
    return t;
}

int rst_inception_run(rst_inception *p, const rst_image *img, float *features, rst_error *err)
{
    if (img->channels != 3)
        return rst_fail(err, RST_EINVAL, "inception: needs an RGB image, not %d channels",
                        img->channels);
    rst_tensor *tap[TAPS] = { NULL };
    rst_begin_nograd(p->c);
    rst_tensor *x = p->kind == RST_INCEPTION_CLEAN
                        ? clean_input(p->c, img)
                        : rst__inception_input(rst__upload_image(p->c, img));
    if (rst_module_features(p->net, x, TAPS, tap) == TAPS)
        (void)rst_download(rst__spatial_mean(tap[TAPS - 1]), RST_NCHW, features);
    return rst_end(p->c, err);
}
