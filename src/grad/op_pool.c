/* SPDX-License-Identifier: MIT */
/* Pooling and resampling. */
#include <math.h>

#include "grad/ops.h"

static rst_tensor *pool(const rst_op *op, rst_tensor *x, rst_pool_options o)
{
    rst_attr at = { .pool = { .g = { .kh = o.kernel_h,
                                     .kw = o.kernel_w,
                                     .sh = o.stride_h ? o.stride_h : o.kernel_h,
                                     .sw = o.stride_w ? o.stride_w : o.kernel_w,
                                     .ph = o.pad_h,
                                     .pw = o.pad_w,
                                     .include_pad = o.count_include_pad },
                              .ceil_mode = o.ceil_mode } };
    return rst__run(op, &at, 1, &x);
}

rst_tensor *rst_max_pool(rst_tensor *x, rst_pool_options o)
{
    return pool(&rst__op_max_pool, x, o);
}

rst_tensor *rst_avg_pool(rst_tensor *x, rst_pool_options o)
{
    return pool(&rst__op_avg_pool, x, o);
}

/* PyTorch's rule: with ceil the last window may hang over, but must start inside the padded image.
 */
static int64_t pooled(int64_t in, int k, int s, int p, bool ceil_mode)
{
    int64_t room = in + 2 * p - k;
    if (room < 0)
        return 0;
    int64_t out = (room + (ceil_mode ? s - 1 : 0)) / s + 1;
    return ceil_mode && (out - 1) * s >= in + p ? out - 1 : out;
}

RST_INFER(avg_pool)
{
    (void)n, (void)aux, (void)elem;
    rst_pool2d *g = &at->pool.g;
    g->x = in[0];
    bool ok = g->kh > 0 && g->kw > 0 && g->sh > 0 && g->sw > 0 && g->ph >= 0 && g->pw >= 0 &&
              2 * g->ph <= g->kh && 2 * g->pw <= g->kw;
    g->oh = ok ? pooled(in[0].h, g->kh, g->sh, g->ph, at->pool.ceil_mode) : 0;
    g->ow = ok ? pooled(in[0].w, g->kw, g->sw, g->pw, at->pool.ceil_mode) : 0;
    if (g->oh < 1 || g->ow < 1)
        return rst_fail(err, RST_EINVAL, "windows of %d x %d do not fit an image of %lld x %lld",
                        g->kw, g->kh, (long long)in[0].w, (long long)in[0].h);
    *out = (rst_dims){ in[0].n, in[0].c, g->oh, g->ow };
    return 0;
}

RST_FWD(avg_pool)
{
    return c->dev->be->avg_pool(c->dev, &c->at->pool.g, c->in[0].p, c->out.p);
}

RST_VJP(avg_pool)
{
    return c->dev->be->avg_pool_vjp(c->dev, &c->at->pool.g, dy, dx[0], add[0]);
}

RST_INFER(max_pool)
{
    int rc = rst__avg_pool_infer(at, n, in, out, aux, elem, err);
    if (rc == 0)
        aux[0] = (size_t)rst__numel(*out) * sizeof(int32_t);
    return rc;
}

RST_FWD(max_pool)
{
    return c->dev->be->max_pool(c->dev, &c->at->pool.g, c->in[0].p, c->out.p, c->aux[0]);
}

RST_VJP(max_pool)
{
    return c->dev->be->max_pool_vjp(c->dev, &c->at->pool.g, c->aux[0], dy, dx[0], add[0]);
}

rst_tensor *rst_adaptive_avg_pool(rst_tensor *x, int64_t oh, int64_t ow)
{
    rst_attr at = { .dims = { 1, 1, oh, ow } };
    return rst__run(&rst__op_adaptive_pool, &at, 1, &x);
}

RST_INFER(adaptive_pool)
{
    (void)n, (void)aux, (void)elem;
    *out = (rst_dims){ in[0].n, in[0].c, at->dims.h, at->dims.w };
    if (at->dims.h < 1 || at->dims.w < 1)
        return rst_fail(err, RST_EINVAL, "a size is below 1");
    return 0;
}

RST_FWD(adaptive_pool)
{
    return c->dev->be->adaptive_pool(c->dev, c->in[0].s, c->out.s.h, c->out.s.w, c->in[0].p,
                                     c->out.p);
}

RST_VJP(adaptive_pool)
{
    return c->dev->be->adaptive_pool_vjp(c->dev, c->in[0].s, c->out.s.h, c->out.s.w, dy, dx[0],
                                         add[0]);
}

rst_tensor *rst_resize(rst_tensor *x, rst_interp kind, int64_t oh, int64_t ow)
{
    rst_attr at = { .res = { .oh = oh, .ow = ow, .kind = kind } };
    if (x && oh > 0 && ow > 0) {
        at.res.sy = (double)x->s.h / (double)oh;
        at.res.sx = (double)x->s.w / (double)ow;
    }
    return rst__run(&rst__op_resample, &at, 1, &x);
}

rst_tensor *rst_resize_by(rst_tensor *x, rst_interp kind, double factor)
{
    rst_attr at = { .res = { .kind = kind } };
    if (x && factor > 0) {
        at.res.oh = (int64_t)floor((double)x->s.h * factor);
        at.res.ow = (int64_t)floor((double)x->s.w * factor);
        at.res.sy = at.res.sx = 1 / factor;
    }
    return rst__run(&rst__op_resample, &at, 1, &x);
}

RST_INFER(resample)
{
    (void)n, (void)aux, (void)elem;
    at->res.x = in[0];
    *out = (rst_dims){ in[0].n, in[0].c, at->res.oh, at->res.ow };
    if (at->res.oh < 1 || at->res.ow < 1)
        return rst_fail(err, RST_EINVAL, "a size is below 1");
    return 0;
}

RST_FWD(resample)
{
    return c->dev->be->resample(c->dev, &c->at->res, c->in[0].p, c->out.p);
}

RST_VJP(resample)
{
    return c->dev->be->resample_vjp(c->dev, &c->at->res, dy, dx[0], add[0]);
}
