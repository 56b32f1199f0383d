/* SPDX-License-Identifier: MIT */
/* What can be done in one pass over memory is done in one. */
#include <math.h>

#include "base/alloc.h"
#include "base/err.h"
#include "plan/steps.h"

void rst__plan_drop_dead(rst_plan *p)
{
    bool *needed = rst__calloc((size_t)p->values, sizeof *needed);
    if (!needed)
        return; /* dead steps cost time, not correctness */
    for (int i = 0; i < p->outs; i++)
        needed[p->out[i]] = true;
    for (int i = p->steps - 1; i >= 0; i--) {
        plan_step *st = &p->step[i];
        if (!st->op || !needed[st->out]) {
            st->op = NULL;
            continue;
        }
        for (int k = 0; k < st->n; k++)
            needed[st->in[k]] = true;
    }
    int kept = 0;
    for (int i = 0; i < p->steps; i++)
        if (p->step[i].op)
            p->step[kept++] = p->step[i];
    p->steps = kept;
    rst__free(needed);
}

/* How many steps and outputs read a value. */
static int uses(const rst_plan *p, int v)
{
    int n = 0;
    for (int i = 0; i < p->outs; i++)
        n += p->out[i] == v;
    for (int i = 0; i < p->steps; i++)
        for (int k = 0; p->step[i].op && k < p->step[i].n; k++)
            n += p->step[i].in[k] == v;
    return n;
}

/* The step that makes v, if nobody but one reader wants it; NULL otherwise. */
static plan_step *sole_maker(rst_plan *p, int v, int before)
{
    for (int i = before - 1; i >= 0; i--)
        if (p->step[i].op && p->step[i].out == v)
            return uses(p, v) == 1 ? &p->step[i] : NULL;
    return NULL;
}

/* The maker now makes the reader's result; the reader goes. */
static void absorb(rst_plan *p, plan_step *maker, plan_step *reader)
{
    maker->out = reader->out;
    reader->op = NULL;
    p->fused++;
}

static bool fuse_activation(rst_plan *p, int i)
{
    plan_step *st = &p->step[i], *m = sole_maker(p, st->in[0], i);
    if (st->op != &rst__op_map_out || !m)
        return false;
    if (m->op == &rst__op_norm && m->at.norm.g.act == RST_MAP_NONE) {
        m->at.norm.g.act = st->at.map.f;
        m->at.norm.g.a = st->at.map.a;
    } else if ((m->op == &rst__op_conv2d || m->op == &rst__op_conv_transpose2d) &&
               m->at.conv.act == RST_MAP_NONE) {
        m->at.conv.act = st->at.map.f;
        m->at.conv.a = st->at.map.a;
    } else {
        return false;
    }
    absorb(p, m, st);
    return true;
}

/* norm + other: the norm adds it. The sum must not come before `other` is there. */
static bool fuse_residual(rst_plan *p, int i)
{
    plan_step *st = &p->step[i];
    if (st->op != &rst__op_add)
        return false;
    for (int k = 0; k < 2; k++) {
        plan_step *m = sole_maker(p, st->in[k], i);
        int other = st->in[1 - k];
        if (!m || m->op != &rst__op_norm || m->at.norm.residual || m->at.norm.running ||
            m->at.norm.g.act != RST_MAP_NONE || m->n + 1 > RST_MAX_INPUTS ||
            !rst__same_dims(p->value[other].s, p->value[st->out].s) ||
            !rst__same_dims(p->value[st->in[k]].s, p->value[st->out].s))
            continue;
        plan_step moved = *m; /* runs where the sum ran */
        moved.in[moved.n++] = other;
        moved.at.norm.residual = true;
        moved.out = st->out;
        m->op = NULL;
        *st = moved;
        p->fused++;
        return true;
    }
    return false;
}

static bool get_vector(const rst_plan *p, int v, double *out)
{
    rst_dev *dev = p->ctx->dev;
    return dev->be->download(dev, p->value[v].s, RST_NCHW, RST_F64, p->value[v].constant->p, out) ==
           0;
}

/* A constant of this shape from doubles; -1 on failure. */
static int put_vector(rst_plan *p, rst_dims s, const double *v)
{
    rst_dev *dev = p->ctx->dev;
    rst_storage *st =
        rst__storage_get(p->ctx->pool, (size_t)rst__numel(s) * rst__dtype_size(p->ctx->type));
    if (!st)
        return -1;
    int i = dev->be->upload(dev, s, RST_NCHW, RST_F64, v, st->p) == 0
                ? rst__plan_add_value(p, (plan_value){ .s = s, .constant = st })
                : -1;
    if (i < 0)
        rst__storage_put(st);
    return i;
}

static bool is_constant(const rst_plan *p, int v)
{
    return p->value[v].constant != NULL;
}

/* conv, then a norm with running statistics: w' = w*s, b' = (b - mean)*s + beta, where
 * s = gamma/sqrt(var + eps). */
static int fold_norm(rst_plan *p, plan_step *conv, plan_step *norm, rst_error *err)
{
    int64_t co = p->value[norm->out].s.c;
    rst_dims wd = p->value[conv->in[1]].s, vec = { 1, co, 1, 1 };
    int64_t per = rst__numel(wd) / co;
    double *buf = rst__malloc(sizeof *buf * (size_t)(5 * co + rst__numel(wd)));
    if (!buf)
        return rst__fail_nomem(err, "plan");
    double *gamma = buf, *beta = buf + co, *mean = buf + 2 * co, *var = buf + 3 * co;
    double *bias = buf + 4 * co, *w = buf + 5 * co;
    int at = 1;
    bool ok = true;
    for (int64_t i = 0; i < co; i++) {
        gamma[i] = 1;
        beta[i] = bias[i] = 0;
    }
    if (norm->at.norm.gamma)
        ok = ok && get_vector(p, norm->in[at++], gamma);
    if (norm->at.norm.beta)
        ok = ok && get_vector(p, norm->in[at++], beta);
    ok = ok && get_vector(p, norm->in[at], mean) && get_vector(p, norm->in[at + 1], var);
    if (conv->n > 2)
        ok = ok && get_vector(p, conv->in[2], bias);
    ok = ok && get_vector(p, conv->in[1], w);
    for (int64_t i = 0; i < co && ok; i++) {
        double s = gamma[i] / sqrt(var[i] + norm->at.norm.g.eps);
        bias[i] = (bias[i] - mean[i]) * s + beta[i];
        for (int64_t k = 0; k < per; k++)
            w[i * per + k] *= s;
    }
    int nw = ok ? put_vector(p, wd, w) : -1, nb = nw < 0 ? -1 : put_vector(p, vec, bias);
    rst__free(buf);
    if (nb < 0)
        return rst_fail(err, RST_ENOMEM, "plan: a norm could not be folded");
    conv->in[1] = nw;
    conv->in[2] = nb;
    conv->n = 3;
    conv->at.conv.act = norm->at.norm.g.act;
    conv->at.conv.a = norm->at.norm.g.a;
    absorb(p, conv, norm);
    return 0;
}

static int fuse_fixed_norm(rst_plan *p, int i, rst_error *err)
{
    plan_step *st = &p->step[i];
    if (st->op != &rst__op_norm || !st->at.norm.g.fixed || st->at.norm.residual)
        return 0;
    plan_step *m = sole_maker(p, st->in[0], i);
    if (!m || m->op != &rst__op_conv2d || m->at.conv.act != RST_MAP_NONE ||
        !is_constant(p, m->in[1]) || (m->n > 2 && !is_constant(p, m->in[2])))
        return 0;
    for (int k = 1; k < st->n; k++)
        if (!is_constant(p, st->in[k]))
            return 0;
    return fold_norm(p, m, st, err);
}

int rst__plan_fuse(rst_plan *p, rst_error *err)
{
    for (int i = 0; i < p->steps; i++) {
        int rc = p->step[i].op ? fuse_fixed_norm(p, i, err) : 0;
        if (rc < 0)
            return rc;
    }
    for (int i = 0; i < p->steps; i++)
        if (p->step[i].op && !fuse_residual(p, i))
            fuse_activation(p, i);
    return 0;
}
