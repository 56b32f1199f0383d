/* SPDX-License-Identifier: MIT */
/* Elementwise ops, broadcasting arithmetic and reductions. */
#include "grad/ops.h"

static rst_tensor *map(const rst_op *op, rst_tensor *x, rst_map f, double a, double b)
{
    rst_attr at = { .map = { f, a, b } };
    return rst__run(op, &at, 1, &x);
}

rst_tensor *rst_relu(rst_tensor *x)
{
    return map(&rst__op_map_out, x, RST_MAP_RELU, 0, 0);
}

rst_tensor *rst_leaky_relu(rst_tensor *x, double slope)
{
    if (x && slope <= 0)
        return rst__ctx_fail(x->ctx, RST_EINVAL, "leaky_relu: slope %g is not positive", slope);
    return map(&rst__op_map_out, x, RST_MAP_LEAKY, slope, 0);
}

rst_tensor *rst_tanh(rst_tensor *x)
{
    return map(&rst__op_map_out, x, RST_MAP_TANH, 0, 0);
}

rst_tensor *rst_sigmoid(rst_tensor *x)
{
    return map(&rst__op_map_out, x, RST_MAP_SIGMOID, 0, 0);
}

rst_tensor *rst_abs(rst_tensor *x)
{
    return map(&rst__op_map_in, x, RST_MAP_ABS, 0, 0);
}

rst_tensor *rst_square(rst_tensor *x)
{
    return map(&rst__op_map_in, x, RST_MAP_SQUARE, 0, 0);
}

rst_tensor *rst_softplus(rst_tensor *x)
{
    return map(&rst__op_map_in, x, RST_MAP_SOFTPLUS, 0, 0);
}

rst_tensor *rst_affine(rst_tensor *x, double a, double b)
{
    return map(&rst__op_affine, x, RST_MAP_AFFINE, a, b);
}

rst_tensor *rst_scale(rst_tensor *x, double a)
{
    return rst_affine(x, a, 0);
}

RST_INFER(map_out)
{
    RST_UNUSED_INFER;
    *out = in[0];
    return 0;
}

RST_FWD(map_out)
{
    return c->dev->be->map(c->dev, c->at->map.f, c->at->map.a, c->at->map.b, rst__numel(c->out.s),
                           c->in[0].p, c->out.p);
}

RST_VJP(map_out)
{
    return c->dev->be->map_vjp(c->dev, c->at->map.f, c->at->map.a, c->at->map.b,
                               rst__numel(c->out.s), c->in[0].p, c->out.p, dy, dx[0], add[0]);
}

RST_INFER(map_in)
{
    return rst__map_out_infer(at, n, in, out, aux, elem, err);
}

RST_FWD(map_in)
{
    return rst__map_out_fwd(c);
}

RST_VJP(map_in)
{
    return rst__map_out_vjp(c, dy, dx, add);
}

RST_INFER(affine)
{
    return rst__map_out_infer(at, n, in, out, aux, elem, err);
}

RST_FWD(affine)
{
    return rst__map_out_fwd(c);
}

RST_VJP(affine)
{
    return c->dev->be->axpby(c->dev, rst__numel(c->out.s), c->at->map.a, dy, add[0] ? 1 : 0, dx[0]);
}

/* Broadcasting arithmetic ------------------------------------------------------------------------
 */

static rst_tensor *binary(const rst_op *op, rst_binary f, rst_tensor *x, rst_tensor *y)
{
    rst_attr at = { .bin = f };
    rst_tensor *const in[2] = { x, y };
    return rst__run(op, &at, 2, in);
}

rst_tensor *rst_add(rst_tensor *x, rst_tensor *y)
{
    return binary(&rst__op_add, RST_BIN_ADD, x, y);
}

rst_tensor *rst_sub(rst_tensor *x, rst_tensor *y)
{
    return binary(&rst__op_sub, RST_BIN_SUB, x, y);
}

rst_tensor *rst_mul(rst_tensor *x, rst_tensor *y)
{
    return binary(&rst__op_mul, RST_BIN_MUL, x, y);
}

static bool meet(int64_t a, int64_t b, int64_t *out)
{
    *out = a > b ? a : b;
    return a == b || a == 1 || b == 1;
}

RST_INFER(add)
{
    RST_UNUSED_INFER;
    char p[96], q[96];
    if (meet(in[0].n, in[1].n, &out->n) && meet(in[0].c, in[1].c, &out->c) &&
        meet(in[0].h, in[1].h, &out->h) && meet(in[0].w, in[1].w, &out->w))
        return 0;
    return rst_fail(err, RST_EINVAL, "shapes %s and %s do not broadcast", rst__dims_str(in[0], p),
                    rst__dims_str(in[1], q));
}

RST_INFER(sub)
{
    return rst__add_infer(at, n, in, out, aux, elem, err);
}

RST_INFER(mul)
{
    return rst__add_infer(at, n, in, out, aux, elem, err);
}

RST_FWD(add)
{
    return c->dev->be->binary(c->dev, c->at->bin, c->out.s, c->in[0].p, c->in[0].s, c->in[1].p,
                              c->in[1].s, c->out.p);
}

RST_FWD(sub)
{
    return rst__add_fwd(c);
}

RST_FWD(mul)
{
    return rst__add_fwd(c);
}

/* The axes along which s was broadcast to out. */
static unsigned broadcast_axes(rst_dims s, rst_dims out)
{
    return (s.n < out.n ? RST_AXIS_N : 0) | (s.c < out.c ? RST_AXIS_C : 0) |
           (s.h < out.h ? RST_AXIS_H : 0) | (s.w < out.w ? RST_AXIS_W : 0);
}

/* dx (+)= scale * g summed back to the shape s. */
static int fold_back(const rst_call *c, rst_dims s, double scale, const void *g, void *dx, bool add)
{
    unsigned axes = broadcast_axes(s, c->out.s);
    if (!axes)
        return c->dev->be->axpby(c->dev, rst__numel(s), scale, g, add ? 1 : 0, dx);
    return c->dev->be->reduce(c->dev, c->out.s, axes, scale, g, dx, add);
}

RST_VJP(add)
{
    int rc = dx[0] ? fold_back(c, c->in[0].s, 1, dy, dx[0], add[0]) : 0;
    if (rc == 0 && dx[1])
        rc = fold_back(c, c->in[1].s, c->at->bin == RST_BIN_SUB ? -1 : 1, dy, dx[1], add[1]);
    return rc;
}

RST_VJP(sub)
{
    return rst__add_vjp(c, dy, dx, add);
}

RST_VJP(mul)
{
    rst_storage *t = rst__call_temp(c, rst__numel(c->out.s));
    int rc = t ? 0 : RST_ENOMEM;
    for (int i = 0; i < 2 && rc == 0; i++) {
        const rst_arg *other = &c->in[1 - i];
        if (!dx[i])
            continue;
        rc = c->dev->be->binary(c->dev, RST_BIN_MUL, c->out.s, dy, c->out.s, other->p, other->s,
                                t->p);
        if (rc == 0)
            rc = fold_back(c, c->in[i].s, 1, t->p, dx[i], add[i]);
    }
    rst__storage_put(t);
    return rc;
}

rst_tensor *rst_addn(int count, rst_tensor *const x[])
{
    rst_attr at = { 0 };
    if (count < 1)
        return NULL;
    if (x[0] && count > RST_MAX_INPUTS)
        return rst__ctx_fail(x[0]->ctx, RST_EINVAL, "addn: more than %d terms", RST_MAX_INPUTS);
    return rst__run(&rst__op_addn, &at, count, x);
}

RST_INFER(addn)
{
    RST_UNUSED_INFER;
    *out = in[0];
    for (int i = 1; i < n; i++)
        if (!rst__same_dims(in[0], in[i]))
            return rst_fail(err, RST_EINVAL, "term %d has another shape", i);
    return 0;
}

RST_FWD(addn)
{
    int rc = 0;
    for (int i = 0; i < c->n && rc == 0; i++)
        rc = c->dev->be->axpby(c->dev, rst__numel(c->out.s), 1, c->in[i].p, i ? 1 : 0, c->out.p);
    return rc;
}

RST_VJP(addn)
{
    int rc = 0;
    for (int i = 0; i < c->n && rc == 0; i++)
        if (dx[i])
            rc = c->dev->be->axpby(c->dev, rst__numel(c->out.s), 1, dy, add[i] ? 1 : 0, dx[i]);
    return rc;
}

/* Reductions -------------------------------------------------------------------------------------
 */

static int64_t reduced(rst_dims s, unsigned axes)
{
    return (axes & RST_AXIS_N ? s.n : 1) * (axes & RST_AXIS_C ? s.c : 1) *
           (axes & RST_AXIS_H ? s.h : 1) * (axes & RST_AXIS_W ? s.w : 1);
}

rst_tensor *rst_sum(rst_tensor *x, unsigned axes)
{
    rst_attr at = { .reduce = { axes, 1 } };
    return rst__run(&rst__op_reduce, &at, 1, &x);
}

rst_tensor *rst_mean(rst_tensor *x, unsigned axes)
{
    rst_attr at = { .reduce = { axes, x ? 1.0 / (double)reduced(x->s, axes) : 1 } };
    return rst__run(&rst__op_reduce, &at, 1, &x);
}

rst_tensor *rst_max(rst_tensor *x, unsigned axes)
{
    rst_attr at = { .reduce = { axes, 1 } };
    return rst__run(&rst__op_max, &at, 1, &x);
}

RST_INFER(reduce)
{
    RST_UNUSED_INFER;
    unsigned axes = at->reduce.axes;
    if (axes == 0 || axes > RST_AXIS_ALL)
        return rst_fail(err, RST_EINVAL, "no such axes: %u", axes);
    *out = (rst_dims){ axes & RST_AXIS_N ? 1 : in[0].n, axes & RST_AXIS_C ? 1 : in[0].c,
                       axes & RST_AXIS_H ? 1 : in[0].h, axes & RST_AXIS_W ? 1 : in[0].w };
    return 0;
}

RST_FWD(reduce)
{
    return c->dev->be->reduce(c->dev, c->in[0].s, c->at->reduce.axes, c->at->reduce.scale,
                              c->in[0].p, c->out.p, false);
}

RST_VJP(reduce)
{
    return c->dev->be->expand(c->dev, c->in[0].s, c->out.s, c->at->reduce.scale, dy, dx[0], add[0]);
}

RST_INFER(max)
{
    if (at->reduce.axes != RST_AXIS_C && at->reduce.axes != (RST_AXIS_H | RST_AXIS_W))
        return rst_fail(err, RST_EINVAL, "a maximum is over c or over h and w");
    int rc = rst__reduce_infer(at, n, in, out, aux, elem, err);
    aux[0] = (size_t)rst__numel(*out) * sizeof(int32_t);
    return rc;
}

RST_FWD(max)
{
    return c->dev->be->reduce_max(c->dev, c->in[0].s, c->at->reduce.axes, c->in[0].p, c->out.p,
                                  c->aux[0]);
}

RST_VJP(max)
{
    return c->dev->be->reduce_max_vjp(c->dev, c->in[0].s, c->at->reduce.axes, c->aux[0], dy, dx[0],
                                      add[0]);
}
