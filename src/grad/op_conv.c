/* SPDX-License-Identifier: MIT */
/* Convolutions, matrix products, fixed filters. */
#include "grad/ops.h"

static rst_tensor *conv(const rst_op *op, rst_tensor *x, rst_tensor *w, rst_tensor *bias,
                        rst_conv_options o)
{
    rst_attr at = { .conv = { .o = o } };
    rst_tensor *const in[3] = { x, w, bias };
    return rst__run(op, &at, bias ? 3 : 2, in);
}

rst_tensor *rst_conv2d(rst_tensor *x, rst_tensor *w, rst_tensor *bias, rst_conv_options o)
{
    return conv(&rst__op_conv2d, x, w, bias, o);
}

rst_tensor *rst_conv_transpose2d(rst_tensor *x, rst_tensor *w, rst_tensor *bias, rst_conv_options o)
{
    return conv(&rst__op_conv_transpose2d, x, w, bias, o);
}

/* Fills the geometry for x and the options; kernel sizes come from w. */
static int geometry(rst_conv *g, rst_dims x, rst_dims w, const rst_conv_options *o, rst_error *err)
{
    *g = (rst_conv){ .x = x,
                     .kh = (int)w.h,
                     .kw = (int)w.w,
                     .sh = o->stride_h ? o->stride_h : 1,
                     .sw = o->stride_w ? o->stride_w : 1,
                     .pad = o->pad,
                     .mode = o->mode,
                     .groups = o->groups ? o->groups : 1 };
    const rst_pads *p = &o->pad;
    if (g->sh < 1 || g->sw < 1 || g->groups < 1 || p->t < 0 || p->l < 0 || p->b < 0 || p->r < 0)
        return rst_fail(err, RST_EINVAL, "a stride, pad or group count is negative");
    if (w.h > 1024 || w.w > 1024)
        return rst_fail(err, RST_EINVAL, "a kernel of more than 1024");
    if (o->mode == RST_PAD_REFLECT && (p->t >= x.h || p->b >= x.h || p->l >= x.w || p->r >= x.w))
        return rst_fail(err, RST_EINVAL,
                        "reflect padding of %d,%d,%d,%d needs a larger image than "
                        "%lld x %lld",
                        p->t, p->l, p->b, p->r, (long long)x.w, (long long)x.h);
    return 0;
}

static int check_bias(int n, const rst_dims *in, int64_t co, rst_error *err)
{
    if (n == 3 && (in[2].c != co || rst__numel(in[2]) != co))
        return rst_fail(err, RST_EINVAL, "a bias of %lld for %lld channels",
                        (long long)rst__numel(in[2]), (long long)co);
    return 0;
}

RST_INFER(conv2d)
{
    (void)aux, (void)elem;
    rst_conv *g = &at->conv.g;
    int rc = geometry(g, in[0], in[1], &at->conv.o, err);
    if (rc < 0)
        return rc;
    char a[96], b[96];
    if (in[1].c * g->groups != in[0].c || in[1].n % g->groups)
        return rst_fail(err, RST_EINVAL, "weights %s do not fit an input of %s in %d groups",
                        rst__dims_str(in[1], a), rst__dims_str(in[0], b), g->groups);
    int64_t h = in[0].h + g->pad.t + g->pad.b - g->kh, w = in[0].w + g->pad.l + g->pad.r - g->kw;
    if (h < 0 || w < 0)
        return rst_fail(err, RST_EINVAL, "a kernel of %d x %d is larger than the input %s", g->kh,
                        g->kw, rst__dims_str(in[0], b));
    g->co = in[1].n;
    g->oh = h / g->sh + 1;
    g->ow = w / g->sw + 1;
    *out = (rst_dims){ in[0].n, g->co, g->oh, g->ow };
    return check_bias(n, in, g->co, err);
}

/* Forward, each gradient: the same number of multiply-adds. */
static void count_macs(const rst_call *c, int times)
{
    const rst_conv *g = &c->at->conv.g;
    c->dev->macs += times * (double)g->x.n * (double)g->oh * (double)g->ow * (double)g->co *
                    (double)(g->x.c / g->groups) * g->kh * g->kw;
}

RST_FWD(conv2d)
{
    rst_epilogue ep = { c->n > 2 ? c->in[2].p : NULL, c->at->conv.act, c->at->conv.a };
    count_macs(c, 1);
    return c->dev->be->conv_fwd(c->dev, &c->at->conv.g, c->in[0].p, c->in[1].p, c->packed, &ep,
                                c->out.p);
}

/* The bias's gradient: the sum over n,h,w. */
static int bias_vjp(const rst_call *c, const void *dy, void *const *dx, const bool *add)
{
    if (c->n < 3 || !dx[2])
        return 0;
    return c->dev->be->reduce(c->dev, c->out.s, RST_AXIS_N | RST_AXIS_H | RST_AXIS_W, 1, dy, dx[2],
                              add[2]);
}

RST_VJP(conv2d)
{
    const rst_conv *g = &c->at->conv.g;
    int rc = 0;
    count_macs(c, (dx[0] != NULL) + (dx[1] != NULL));
    if (dx[0])
        rc = c->dev->be->conv_data(c->dev, g, c->in[1].p, NULL, dy, dx[0], add[0]);
    if (rc == 0 && dx[1])
        rc = c->dev->be->conv_weights(c->dev, g, c->in[0].p, dy, dx[1], add[1]);
    return rc == 0 ? bias_vjp(c, dy, dx, add) : rc;
}

/* A transposed convolution is the data gradient of the convolution g that maps its output (g.x) to
 * its input (g.co x g.oh x g.ow); w [ci,co,kh,kw] reads as that convolution's weights. */
RST_INFER(conv_transpose2d)
{
    (void)aux, (void)elem;
    rst_conv_options *o = &at->conv.o;
    rst_conv *g = &at->conv.g;
    char a[96], b[96];
    int groups = o->groups ? o->groups : 1;
    if (o->mode != RST_PAD_ZERO)
        return rst_fail(err, RST_EINVAL, "padding must be zeros");
    if (in[1].n != in[0].c || groups < 1 || in[0].c % groups)
        return rst_fail(err, RST_EINVAL, "weights %s do not fit an input of %s",
                        rst__dims_str(in[1], a), rst__dims_str(in[0], b));
    int sh = o->stride_h ? o->stride_h : 1, sw = o->stride_w ? o->stride_w : 1;
    rst_dims y = { in[0].n, in[1].c * groups,
                   (in[0].h - 1) * sh - o->pad.t - o->pad.b + in[1].h + o->out_pad_h,
                   (in[0].w - 1) * sw - o->pad.l - o->pad.r + in[1].w + o->out_pad_w };
    if (o->out_pad_h < 0 || o->out_pad_w < 0 || o->out_pad_h >= sh || o->out_pad_w >= sw ||
        y.h < 1 || y.w < 1)
        return rst_fail(err, RST_EINVAL, "output padding must be below the stride");
    int rc = geometry(g, y, in[1], o, err);
    if (rc < 0)
        return rc;
    g->co = in[0].c;
    g->oh = in[0].h;
    g->ow = in[0].w;
    *out = y;
    return check_bias(n, in, y.c, err);
}

RST_FWD(conv_transpose2d)
{
    const rst_backend *be = c->dev->be;
    int rc = 0;
    bool bias = c->n > 2;
    count_macs(c, 1);
    if (bias)
        rc = be->expand(c->dev, c->out.s, (rst_dims){ 1, c->out.s.c, 1, 1 }, 1, c->in[2].p,
                        c->out.p, false);
    if (rc == 0)
        rc = be->conv_data(c->dev, &c->at->conv.g, c->in[1].p, c->packed, c->in[0].p, c->out.p,
                           bias);
    if (rc == 0 && c->at->conv.act != RST_MAP_NONE)
        rc = be->map(c->dev, c->at->conv.act, c->at->conv.a, 0, rst__numel(c->out.s), c->out.p,
                     c->out.p);
    return rc;
}

RST_VJP(conv_transpose2d)
{
    const rst_conv *g = &c->at->conv.g;
    const rst_backend *be = c->dev->be;
    const rst_epilogue plain = { 0 };
    int rc = 0;
    count_macs(c, (dx[0] != NULL) + (dx[1] != NULL));
    if (dx[0]) {
        rst_storage *t = add[0] ? rst__call_temp(c, rst__numel(c->in[0].s)) : NULL;
        if (add[0] && !t)
            return RST_ENOMEM;
        rc = be->conv_fwd(c->dev, g, dy, c->in[1].p, NULL, &plain, t ? t->p : dx[0]);
        if (rc == 0 && t)
            rc = be->axpby(c->dev, rst__numel(c->in[0].s), 1, t->p, 1, dx[0]);
        rst__storage_put(t);
    }
    if (rc == 0 && dx[1])
        rc = be->conv_weights(c->dev, g, dy, c->in[0].p, dx[1], add[1]);
    return rc == 0 ? bias_vjp(c, dy, dx, add) : rc;
}

/* Matrix products ---------------------------------------------------------------------------------
 */

rst_tensor *rst_linear(rst_tensor *x, rst_tensor *w, rst_tensor *bias)
{
    rst_tensor *y = rst_matmul_nt(x, w, 1);
    return bias ? rst_add(y, bias) : y;
}

rst_tensor *rst_matmul_nt(rst_tensor *a, rst_tensor *b, int64_t groups)
{
    rst_attr at = { .rows = { groups, 0 } };
    rst_tensor *const in[2] = { a, b };
    return rst__run(&rst__op_matmul_nt, &at, 2, in);
}

static bool is_matrix(rst_dims s)
{
    return s.h == 1 && s.w == 1;
}

RST_INFER(matmul_nt)
{
    (void)n, (void)aux, (void)elem;
    int64_t g = at->rows.groups;
    char a[96], b[96];
    if (g < 1 || !is_matrix(in[0]) || !is_matrix(in[1]) || in[0].c != in[1].c || in[0].n % g ||
        in[1].n % g)
        return rst_fail(err, RST_EINVAL, "rows %s and %s do not multiply in %lld groups",
                        rst__dims_str(in[0], a), rst__dims_str(in[1], b), (long long)g);
    *out = (rst_dims){ in[0].n, in[1].n / g, 1, 1 };
    return 0;
}

RST_FWD(matmul_nt)
{
    int64_t g = c->at->rows.groups, m = c->in[0].s.n / g, n = c->in[1].s.n / g, k = c->in[0].s.c;
    return c->dev->be->gemm(c->dev, false, true, g, m, n, k, 1, c->in[0].p, c->in[1].p, 0,
                            c->out.p);
}

RST_VJP(matmul_nt)
{
    int64_t g = c->at->rows.groups, m = c->in[0].s.n / g, n = c->in[1].s.n / g, k = c->in[0].s.c;
    int rc = 0;
    if (dx[0]) /* da = dy b */
        rc = c->dev->be->gemm(c->dev, false, false, g, m, k, n, 1, dy, c->in[1].p, add[0] ? 1 : 0,
                              dx[0]);
    if (rc == 0 && dx[1]) /* db = dy' a */
        rc = c->dev->be->gemm(c->dev, true, false, g, n, k, m, 1, dy, c->in[0].p, add[1] ? 1 : 0,
                              dx[1]);
    return rc;
}

/* Fixed filters -----------------------------------------------------------------------------------
 */

rst_tensor *rst_blur(rst_tensor *x, rst_blur_options o)
{
    rst_attr at = { .blur = { .count = o.count,
                              .stride = o.stride ? o.stride : 1,
                              .pad = o.pad,
                              .mode = o.mode } };
    for (int i = 0; i < 8; i++)
        at.blur.t[i] = o.taps[i];
    return rst__run(&rst__op_blur, &at, 1, &x);
}

/* The binomial of CUT's get_filter, scaled to sum (spec 0.6). */
static bool binomial(int filter, double sum, double *t)
{
    if (filter < 1 || filter > 7)
        return false;
    double total = 0, v = 1;
    for (int i = 0; i < filter; i++) {
        t[i] = v;
        total += v;
        v = v * (filter - 1 - i) / (i + 1);
    }
    for (int i = 0; i < filter; i++)
        t[i] *= sum / total;
    return true;
}

rst_tensor *rst_downsample(rst_tensor *x, int filter, rst_pad_mode mode)
{
    int lo = (filter - 1) / 2, hi = filter / 2;
    rst_blur_options o = { .count = filter, .stride = 2, .pad = { lo, lo, hi, hi }, .mode = mode };
    if (x && !binomial(filter, 1, o.taps))
        return rst__ctx_fail(x->ctx, RST_EINVAL, "downsample: no filter of size %d", filter);
    return rst_blur(x, o);
}

RST_INFER(blur)
{
    (void)n, (void)aux, (void)elem;
    rst_blur_geom *g = &at->blur;
    g->x = in[0];
    const rst_pads *p = &g->pad;
    int64_t h = in[0].h + p->t + p->b - g->count, w = in[0].w + p->l + p->r - g->count;
    if (g->count < 1 || g->count > 8 || g->stride < 1 || h < 0 || w < 0)
        return rst_fail(err, RST_EINVAL, "a filter of %d taps does not fit", g->count);
    if (g->mode == RST_PAD_REFLECT &&
        (p->t >= in[0].h || p->b >= in[0].h || p->l >= in[0].w || p->r >= in[0].w))
        return rst_fail(err, RST_EINVAL, "reflect padding needs a larger image than %lld x %lld",
                        (long long)in[0].w, (long long)in[0].h);
    g->oh = h / g->stride + 1;
    g->ow = w / g->stride + 1;
    *out = (rst_dims){ in[0].n, in[0].c, g->oh, g->ow };
    return 0;
}

RST_FWD(blur)
{
    return c->dev->be->blur(c->dev, &c->at->blur, c->in[0].p, c->out.p);
}

RST_VJP(blur)
{
    return c->dev->be->blur_vjp(c->dev, &c->at->blur, dy, dx[0], add[0]);
}

rst_tensor *rst_upsample(rst_tensor *x, int filter)
{
    rst_attr at = { .up = { .count = filter } };
    if (x && !binomial(filter, 2, at.up.t))
        return rst__ctx_fail(x->ctx, RST_EINVAL, "upsample: no filter of size %d", filter);
    return rst__run(&rst__op_blur_up, &at, 1, &x);
}

RST_INFER(blur_up)
{
    RST_UNUSED_INFER;
    *out = (rst_dims){ in[0].n, in[0].c, 2 * in[0].h, 2 * in[0].w };
    return 0;
}

RST_FWD(blur_up)
{
    return c->dev->be->blur_up(c->dev, c->in[0].s, c->at->up.count, c->at->up.t, c->in[0].p,
                               c->out.p);
}

RST_VJP(blur_up)
{
    return c->dev->be->blur_up_vjp(c->dev, c->in[0].s, c->at->up.count, c->at->up.t, dy, dx[0],
                                   add[0]);
}
