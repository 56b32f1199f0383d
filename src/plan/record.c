/* SPDX-License-Identifier: MIT */
/* From a forward pass to a list of steps. */
#include "base/alloc.h"
#include "base/err.h"
#include "plan/steps.h"

typedef struct recorder {
    rst_recorder face;
    rst_plan *p;
} recorder;

int rst__plan_add_value(rst_plan *p, plan_value v)
{
    if (p->values == p->value_cap) {
        int cap = p->value_cap ? 2 * p->value_cap : 128;
        plan_value *q = rst__realloc(p->value, (size_t)cap, sizeof *q);
        if (!q)
            return -1;
        p->value = q;
        p->value_cap = cap;
    }
    v.home = p->values;
    v.offset = -1;
    p->value[p->values] = v;
    return p->values++;
}

/* The value behind a tensor; a tensor with numbers of its own is a constant. */
static int value_of(rst_plan *p, rst_tensor *t, rst_error *err)
{
    if (t->value >= 0)
        return t->value;
    if (!t->st)
        return rst_fail(err, RST_EINTERNAL, "a tensor of another recording");
    plan_value v = { .s = t->s, .constant = rst__storage_ref(t->st) };
    if (t->scope == 0) {
        v.param = t;
        v.version = t->version;
    }
    int i = rst__plan_add_value(p, v);
    if (i < 0) {
        rst__storage_put(v.constant);
        return rst__fail_nomem(err, "plan");
    }
    return i;
}

/* An op on constants only is computed now; its result is a constant. */
static int compute_now(rst_plan *p, const rst_op *op, const rst_attr *at, int n,
                       rst_tensor *const *in, rst_tensor *out, const size_t *aux_bytes,
                       rst_error *err)
{
    rst_ctx *c = p->ctx;
    if (op->flags & RST_OP_ALIAS) {
        out->st = rst__storage_ref(in[0]->st);
        return 0;
    }
    rst_storage *aux[RST_MAX_AUX] = { 0 };
    rst_arg args[RST_MAX_INPUTS];
    for (int i = 0; i < n; i++)
        args[i] = (rst_arg){ in[i]->st->p, in[i]->s };
    rst_call call = { .dev = c->dev, .pool = c->pool, .at = at, .n = n, .in = args };
    int rc = 0;
    out->st = rst__storage_get(c->pool, (size_t)rst__numel(out->s) * rst__dtype_size(c->type));
    if (!out->st)
        rc = rst__fail_nomem(err, "plan");
    for (int i = 0; i < RST_MAX_AUX && rc == 0; i++) {
        if (!aux_bytes[i])
            continue;
        aux[i] = rst__storage_get(c->pool, aux_bytes[i]);
        if (!aux[i])
            rc = rst__fail_nomem(err, "plan");
        else
            call.aux[i] = aux[i]->p;
    }
    if (rc == 0) {
        call.out = (rst_arg){ out->st->p, out->s };
        rc = op->fwd(&call);
        if (rc < 0)
            rst_fail(err, rc, "%s", c->dev->err.msg);
    }
    for (int i = 0; i < RST_MAX_AUX; i++)
        rst__storage_put(aux[i]);
    return rc;
}

static plan_step *new_step(rst_plan *p)
{
    if (p->steps == p->step_cap) {
        int cap = p->step_cap ? 2 * p->step_cap : 64;
        plan_step *q = rst__realloc(p->step, (size_t)cap, sizeof *q);
        if (!q)
            return NULL;
        p->step = q;
        p->step_cap = cap;
    }
    p->step[p->steps] = (plan_step){ 0 };
    return &p->step[p->steps++];
}

static int record(rst_recorder *face, const rst_op *op, const rst_attr *at, int n,
                  rst_tensor *const *in, rst_tensor *out, rst_error *err)
{
    rst_plan *p = ((recorder *)face)->p;
    rst_dims dims[RST_MAX_INPUTS], s;
    size_t aux[RST_MAX_AUX] = { 0 };
    rst_attr attr = *at;
    bool constant = true;
    for (int i = 0; i < n; i++) {
        dims[i] = in[i]->s;
        constant = constant && in[i]->value < 0;
    }
    int rc = op->infer(&attr, n, dims, &s, aux, rst__dtype_size(p->ctx->type), err);
    if (rc < 0)
        return rc;
    if (constant)
        return compute_now(p, op, &attr, n, in, out, aux, err);

    plan_step step = { .op = op, .at = attr, .n = n };
    for (int i = 0; i < RST_MAX_AUX; i++)
        step.aux_bytes[i] = aux[i];
    for (int i = 0; i < n; i++)
        if ((step.in[i] = value_of(p, in[i], err)) < 0)
            return step.in[i];
    step.out = rst__plan_add_value(p, (plan_value){ .s = out->s });
    plan_step *place = step.out < 0 ? NULL : new_step(p);
    if (!place)
        return rst__fail_nomem(err, "plan");
    *place = step;
    out->value = step.out;
    return 0;
}

static int record_forward(rst_plan *p, rst_dims s, rst_plan_fn fn, void *arg, rst_error *err)
{
    rst_ctx *c = p->ctx;
    recorder r = { { record }, p };
    rst_tensor *out[RST_PLAN_OUTPUTS] = { 0 };

    rst_begin_nograd(c);
    rst_tensor *x = rst__tensor_bare(c, s, c->type);
    if (x)
        x->value = rst__plan_add_value(p, (plan_value){ .s = s });
    c->rec = &r.face;
    p->outs = x ? fn(arg, x, out, RST_PLAN_OUTPUTS) : 0;
    c->rec = NULL;
    int rc = p->outs < 0 ? p->outs : 0;
    for (int i = 0; i < p->outs && rc == 0; i++) {
        if (!out[i])
            break; /* the context knows why */
        p->out[i] = value_of(p, out[i], err);
        rc = p->out[i] < 0 ? p->out[i] : 0;
    }
    int ended = rst_end(c, err);
    return ended < 0 ? ended : rc;
}

static int pack_weights(rst_plan *p, rst_error *err)
{
    rst_dev *dev = p->ctx->dev;
    for (int i = 0; i < p->steps; i++) {
        plan_step *st = &p->step[i];
        bool data = st->op == &rst__op_conv_transpose2d;
        if (!data && st->op != &rst__op_conv2d)
            continue;
        rst_storage *w = p->value[st->in[1]].constant;
        int rc = w ? dev->be->conv_pack(dev, &st->at.conv.g, data, w->p, &st->packed) : 0;
        if (rc < 0)
            return rst_fail(err, rc, "%s", dev->err.msg);
    }
    return 0;
}

int rst__plan_trace(rst_plan **out, rst_ctx *c, rst_dims s, rst_plan_fn fn, void *arg,
                    rst_error *err)
{
    if (c->depth > 0 || c->rec)
        return rst_fail(err, RST_EINTERNAL, "a plan is made outside of scopes");
    rst_plan *p = rst__calloc(1, sizeof *p);
    if (!p)
        return rst__fail_nomem(err, "plan");
    p->ctx = c;
    int rc = record_forward(p, s, fn, arg, err);
    if (rc < 0) {
        rst__plan_free(p);
        return rc;
    }
    rst__plan_drop_dead(p);
    *out = p;
    return 0;
}

int rst__plan_new(rst_plan **out, rst_ctx *c, rst_dims s, rst_plan_fn fn, void *arg, rst_error *err)
{
    rst_plan *p;
    int rc = rst__plan_trace(&p, c, s, fn, arg, err);
    if (rc < 0)
        return rc;
    rc = rst__plan_fuse(p, err);
    if (rc == 0) {
        rst__plan_drop_dead(p);
        rc = rst__plan_place(p, err);
    }
    if (rc == 0)
        rc = pack_weights(p, err);
    if (rc < 0) {
        rst__plan_free(p);
        return rc;
    }
    *out = p;
    return 0;
}

void rst__plan_free(rst_plan *p)
{
    if (!p)
        return;
    rst_dev *dev = p->ctx->dev;
    for (int i = 0; i < p->steps; i++)
        if (p->step[i].packed)
            dev->be->packed_free(dev, p->step[i].packed);
    for (int i = 0; i < p->values; i++)
        rst__storage_put(p->value[i].constant);
    rst__storage_put(p->arena);
    rst__free(p->value);
    rst__free(p->step);
    rst__free(p);
}
