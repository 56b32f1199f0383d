/* SPDX-License-Identifier: MIT */
/* Ops on rows: unit length, PatchNCE, adaptive weights. */
#include "grad/ops.h"

rst_tensor *rst_l2norm(rst_tensor *x, rst_l2_kind kind, double eps)
{
    rst_attr at = { .l2 = { kind, eps } };
    return rst__run(&rst__op_l2norm, &at, 1, &x);
}

RST_INFER(l2norm)
{
    RST_UNUSED_INFER;
    *out = in[0];
    return 0;
}

RST_FWD(l2norm)
{
    return c->dev->be->l2norm(c->dev, c->at->l2.kind, c->at->l2.eps,
                              rst__numel(c->out.s) / c->out.s.c, c->out.s.c, c->in[0].p, c->out.p);
}

RST_VJP(l2norm)
{
    return c->dev->be->l2norm_vjp(c->dev, c->at->l2.kind, c->at->l2.eps,
                                  rst__numel(c->out.s) / c->out.s.c, c->out.s.c, c->in[0].p, dy,
                                  dx[0], add[0]);
}

rst_tensor *rst_nce(rst_tensor *s, double t)
{
    rst_attr at = { .rows = { 0, t } };
    return rst__run(&rst__op_nce, &at, 1, &s);
}

rst_tensor *rst_diagonal(rst_tensor *s)
{
    rst_attr at = { 0 };
    rst_tensor *x = rst_detach(s);
    return rst__run(&rst__op_diagonal, &at, 1, &x);
}

RST_INFER(diagonal)
{
    (void)n, (void)aux, (void)elem;
    char a[96];
    if (in[0].h != 1 || in[0].w != 1 || in[0].n % in[0].c)
        return rst_fail(err, RST_EINVAL, "%s is not a stack of square matrices",
                        rst__dims_str(in[0], a));
    at->rows.groups = in[0].n / in[0].c;
    *out = (rst_dims){ in[0].n, 1, 1, 1 };
    return 0;
}

RST_FWD(diagonal)
{
    return c->dev->be->diagonal(c->dev, c->at->rows.groups, c->in[0].s.c, c->in[0].p, c->out.p);
}

RST_OP_NO_GRADIENT(diagonal)

RST_INFER(nce)
{
    if (at->rows.t <= 0)
        return rst_fail(err, RST_EINVAL, "temperature %g is not positive", at->rows.t);
    return rst__diagonal_infer(at, n, in, out, aux, elem, err);
}

RST_FWD(nce)
{
    return c->dev->be->nce(c->dev, c->at->rows.groups, c->in[0].s.c, c->at->rows.t, c->in[0].p,
                           c->out.p);
}

RST_VJP(nce)
{
    return c->dev->be->nce_vjp(c->dev, c->at->rows.groups, c->in[0].s.c, c->at->rows.t, c->in[0].p,
                               dy, dx[0], add[0]);
}

rst_tensor *rst_asp_weights(rst_tensor *x, double p, rst_asp_lookup h, bool plain)
{
    rst_attr at = { .asp = { p, h, plain } };
    rst_tensor *y = rst_detach(x);
    return rst__run(&rst__op_asp_weights, &at, 1, &y);
}

RST_INFER(asp_weights)
{
    RST_UNUSED_INFER;
    *out = in[0];
    return 0;
}

RST_FWD(asp_weights)
{
    return c->dev->be->asp_weights(c->dev, rst__numel(c->out.s), c->at->asp.p, c->at->asp.h,
                                   c->at->asp.plain, c->in[0].p, c->out.p);
}

RST_OP_NO_GRADIENT(asp_weights)
