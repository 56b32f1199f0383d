/* SPDX-License-Identifier: MIT */
/* Ops that move numbers: concatenation, slices, borders, rows, gathers. */
#include "grad/ops.h"

static int64_t *axis_of(rst_dims *s, unsigned axis)
{
    switch (axis) {
    case RST_AXIS_N:
        return &s->n;
    case RST_AXIS_C:
        return &s->c;
    case RST_AXIS_H:
        return &s->h;
    case RST_AXIS_W:
        return &s->w;
    default:
        return NULL;
    }
}

rst_tensor *rst_concat(unsigned axis, int count, rst_tensor *const x[])
{
    rst_attr at = { .span = { axis, 0, 0 } };
    if (count < 1)
        return NULL;
    if (x[0] && count > RST_MAX_INPUTS)
        return rst__ctx_fail(x[0]->ctx, RST_EINVAL, "concat: more than %d parts", RST_MAX_INPUTS);
    return rst__run(&rst__op_concat, &at, count, x);
}

RST_INFER(concat)
{
    (void)aux, (void)elem;
    *out = in[0];
    int64_t *total = axis_of(out, at->span.axis);
    if (!total)
        return rst_fail(err, RST_EINVAL, "one axis is due");
    for (int i = 1; i < n; i++) {
        rst_dims s = in[i];
        int64_t *len = axis_of(&s, at->span.axis), add = *len;
        *len = *total;
        if (!rst__same_dims(s, *out)) {
            char a[96], b[96];
            return rst_fail(err, RST_EINVAL, "part %d of shape %s does not fit beside %s", i,
                            rst__dims_str(in[i], a), rst__dims_str(in[0], b));
        }
        *total += add;
    }
    return 0;
}

RST_FWD(concat)
{
    rst_block b = { .dd = c->out.s };
    int rc = 0;
    for (int i = 0; i < c->n && rc == 0; i++) {
        b.size = b.sd = c->in[i].s;
        rc = c->dev->be->block(c->dev, &b, c->in[i].p, c->out.p);
        *axis_of(&b.off, c->at->span.axis) += *axis_of(&b.size, c->at->span.axis);
    }
    return rc;
}

RST_VJP(concat)
{
    rst_block b = { .sd = c->out.s };
    int rc = 0;
    for (int i = 0; i < c->n && rc == 0; i++) {
        b.size = b.dd = c->in[i].s;
        b.add = add[i];
        if (dx[i])
            rc = c->dev->be->block(c->dev, &b, dy, dx[i]);
        *axis_of(&b.so, c->at->span.axis) += *axis_of(&b.size, c->at->span.axis);
    }
    return rc;
}

rst_tensor *rst_slice(rst_tensor *x, unsigned axis, int64_t from, int64_t to)
{
    rst_attr at = { .span = { axis, from, to } };
    return rst__run(&rst__op_slice, &at, 1, &x);
}

RST_INFER(slice)
{
    (void)n, (void)aux, (void)elem;
    *out = in[0];
    int64_t *len = axis_of(out, at->span.axis);
    if (!len || at->span.from < 0 || at->span.to > *len || at->span.from >= at->span.to)
        return rst_fail(err, RST_EINVAL, "indices %lld..%lld are not inside the axis",
                        (long long)at->span.from, (long long)at->span.to - 1);
    *len = at->span.to - at->span.from;
    return 0;
}

RST_FWD(slice)
{
    rst_block b = { .size = c->out.s, .sd = c->in[0].s, .dd = c->out.s };
    *axis_of(&b.so, c->at->span.axis) = c->at->span.from;
    return c->dev->be->block(c->dev, &b, c->in[0].p, c->out.p);
}

RST_VJP(slice)
{
    rst_block b = { .size = c->out.s, .sd = c->out.s, .dd = c->in[0].s, .add = true };
    *axis_of(&b.off, c->at->span.axis) = c->at->span.from;
    int rc = add[0] ? 0 : c->dev->be->fill(c->dev, rst__numel(c->in[0].s), 0, dx[0]);
    return rc == 0 ? c->dev->be->block(c->dev, &b, dy, dx[0]) : rc;
}

rst_tensor *rst_pad2d(rst_tensor *x, rst_pads p, rst_pad_mode mode)
{
    rst_attr at = { .pad = { p, mode } };
    return rst__run(&rst__op_pad, &at, 1, &x);
}

RST_INFER(pad)
{
    (void)n, (void)aux, (void)elem;
    rst_pads p = at->pad.p;
    *out = (rst_dims){ in[0].n, in[0].c, in[0].h + p.t + p.b, in[0].w + p.l + p.r };
    if (p.t < 0 || p.l < 0 || p.b < 0 || p.r < 0)
        return rst_fail(err, RST_EINVAL, "a pad is negative");
    if (at->pad.mode == RST_PAD_REFLECT &&
        (p.t >= in[0].h || p.b >= in[0].h || p.l >= in[0].w || p.r >= in[0].w))
        return rst_fail(err, RST_EINVAL,
                        "reflect padding of %d,%d,%d,%d needs a larger image than "
                        "%lld x %lld",
                        p.t, p.l, p.b, p.r, (long long)in[0].w, (long long)in[0].h);
    return 0;
}

RST_FWD(pad)
{
    return c->dev->be->pad(c->dev, c->in[0].s, c->at->pad.p, c->at->pad.mode, c->in[0].p, c->out.p);
}

RST_VJP(pad)
{
    return c->dev->be->pad_vjp(c->dev, c->in[0].s, c->at->pad.p, c->at->pad.mode, dy, dx[0],
                               add[0]);
}

rst_tensor *rst_flip_w(rst_tensor *x)
{
    rst_attr at = { 0 };
    return rst__run(&rst__op_flip_w, &at, 1, &x);
}

RST_INFER(flip_w)
{
    RST_UNUSED_INFER;
    *out = in[0];
    return 0;
}

RST_FWD(flip_w)
{
    return c->dev->be->flip_w(c->dev, c->out.s, c->in[0].p, c->out.p, false);
}

RST_VJP(flip_w)
{
    return c->dev->be->flip_w(c->dev, c->out.s, dy, dx[0], add[0]);
}

/* Maps as rows: the same storage, read otherwise. A backend whose storage is not n,h,w,c would have
 * to copy here. */

rst_tensor *rst_rows(rst_tensor *x)
{
    if (!x)
        return NULL;
    rst_attr at = { .dims = { x->s.n * x->s.h * x->s.w, x->s.c, 1, 1 } };
    return rst__run(&rst__op_rows, &at, 1, &x);
}

rst_tensor *rst_unrows(rst_tensor *x, rst_dims s)
{
    rst_attr at = { .dims = s };
    return rst__run(&rst__op_rows, &at, 1, &x);
}

RST_INFER(rows)
{
    (void)n, (void)aux, (void)elem;
    char a[96], b[96];
    *out = at->dims;
    if (!rst__dims_ok(*out) || out->c != in[0].c || rst__numel(*out) != rst__numel(in[0]))
        return rst_fail(err, RST_EINVAL, "%s cannot be read as %s", rst__dims_str(in[0], a),
                        rst__dims_str(*out, b));
    return 0;
}

RST_FWD(rows)
{
    (void)c; /* an alias: nothing to compute */
    return 0;
}

RST_VJP(rows)
{
    return c->dev->be->axpby(c->dev, rst__numel(c->out.s), 1, dy, add[0] ? 1 : 0, dx[0]);
}

rst_tensor *rst_gather(rst_tensor *x, rst_tensor *ids)
{
    rst_attr at = { 0 };
    rst_tensor *const in[2] = { x, ids };
    if (ids && ids->type != RST_I32)
        return rst__ctx_fail(ids->ctx, RST_EINVAL, "gather: row numbers come from rst_upload_ids");
    return rst__run(&rst__op_gather, &at, 2, in);
}

RST_INFER(gather)
{
    RST_UNUSED_INFER;
    *out = (rst_dims){ in[0].n * in[1].c, in[0].c, 1, 1 };
    return 0;
}

RST_FWD(gather)
{
    return c->dev->be->gather(c->dev, c->in[0].s, c->in[1].s.c, c->in[1].p, c->in[0].p, c->out.p);
}

RST_VJP(gather)
{
    int rc = 0;
    if (!dx[0])
        return 0;
    if (!add[0])
        rc = c->dev->be->fill(c->dev, rst__numel(c->in[0].s), 0, dx[0]);
    if (rc == 0)
        rc = c->dev->be->gather_vjp(c->dev, c->in[0].s, c->in[1].s.c, c->in[1].p, dy, dx[0]);
    return rc;
}
