/* SPDX-License-Identifier: MIT */
/* Running ops, remembering them, and going back. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "grad/ops.h"
#include "grad/tape.h"

#define RST_OP(op, save, flag)                                                                     \
    const rst_op rst__op_##op = { #op, rst__##op##_infer, rst__##op##_fwd, rst__##op##_vjp, save,  \
                                  flag };
#include "grad/ops.def"
#undef RST_OP

const rst_op *rst__op_at(int i)
{
    static const rst_op *const all[] = {
#define RST_OP(op, save, flag) &rst__op_##op,
#include "grad/ops.def"
#undef RST_OP
    };
    return i >= 0 && i < (int)(sizeof all / sizeof all[0]) ? all[i] : NULL;
}

rst_call rst__call(rst_ctx *c, const rst_attr *at, int n, const rst_arg *in, rst_arg out)
{
    return (rst_call){ .dev = c->dev, .pool = c->pool, .at = at, .n = n, .in = in, .out = out };
}

rst_storage *rst__call_temp(const rst_call *c, int64_t count)
{
    size_t elem = rst__dtype_size(c->dev->be->dtype);
    rst_storage *s = rst__storage_get(c->pool, (size_t)count * elem);
    if (!s)
        rst__dev_fail(c->dev, RST_ENOMEM, "temporary of %lld numbers: out of memory",
                      (long long)count);
    return s;
}

/* Nodes -----------------------------------------------------------------------------------------
 */

static bool claims(const rst_node *node, int i)
{
    return node->claimed >> i & 1;
}

/* The node has no more use for input i. */
static void give_up(rst_node *node, int i)
{
    rst__storage_put(node->saved[i]);
    node->saved[i] = NULL;
    if (!claims(node, i))
        return;
    node->claimed &= ~(UINT64_C(1) << i);
    rst_node *maker = node->in[i]->node;
    if (--maker->claims == 0) {
        rst__storage_put(maker->saved_out);
        maker->saved_out = NULL;
    }
}

static void release_saved(rst_node *node)
{
    for (int i = 0; i < node->n; i++)
        give_up(node, i);
    rst__storage_put(node->saved_out);
    node->saved_out = NULL;
    for (int i = 0; i < RST_MAX_AUX; i++) {
        rst__storage_put(node->aux[i]);
        node->aux[i] = NULL;
    }
    for (int i = 0; i < node->stashed; i++)
        rst__storage_put(node->stash[i]);
    node->stashed = 0;
}

rst_tensor *rst__node_unref(rst_node *node)
{
    if (!node || --node->refs > 0)
        return NULL;
    release_saved(node);
    rst_tensor *first = node->n > 0 ? node->in[0] : NULL;
    for (int i = 1; i < node->n; i++)
        rst__tensor_unref(node->in[i]);
    rst__free(node->stash);
    rst__free(node->in);
    rst__free(node->saved);
    rst__free(node);
    return first;
}

/* Backward will find input i: what is made again is claimed, everything else saved. */
static void hold(rst_node *node, int i)
{
    rst_tensor *t = node->in[i];
    if (node->saved[i] || claims(node, i))
        return;
    if (t->node && t->node->remade) {
        t->node->claims++;
        node->claimed |= UINT64_C(1) << i;
    } else {
        node->saved[i] = rst__storage_ref(t->st);
    }
}

static bool is_param(const rst_tensor *t)
{
    return t->scope == 0;
}

/* An output is made again where that takes less to keep than the output. Parameters, inputs that
 * vjp needs and inputs that are made again themselves cost nothing. */
static void plan_remaking(rst_node *node)
{
    int64_t more = 0;
    if (!node->op || !(node->op->flags & RST_OP_REMADE))
        return;
    for (int i = 0; i < node->n; i++)
        if (!is_param(node->in[i]) && !node->saved[i] &&
            !(node->in[i]->node && node->in[i]->node->remade))
            more += rst__numel(node->in[i]->s);
    node->remade = more < rst__numel(node->out->s);
    for (int i = 0; i < node->n && node->remade; i++)
        if (!is_param(node->in[i]))
            hold(node, i);
}

static rst_node *node_new(rst_ctx *c, const rst_op *op, const rst_attr *at, int n,
                          rst_tensor *const *in, rst_tensor *out)
{
    rst_node *node = rst__calloc(1, sizeof *node);
    rst_tensor **inputs = rst__calloc((size_t)n, sizeof *inputs);
    rst_storage **saved = rst__calloc((size_t)n, sizeof *saved);
    if (!node || !inputs || !saved) {
        rst__free(node);
        rst__free(inputs);
        rst__free(saved);
        return rst__ctx_fail(c, RST_ENOMEM, "tape: out of memory");
    }
    *node = (rst_node){ .op = op,
                        .at = *at,
                        .id = c->next_id++,
                        .refs = 1,
                        .n = n,
                        .in = inputs,
                        .saved = saved,
                        .out = out };
    for (int i = 0; i < n; i++) {
        inputs[i] = in[i];
        in[i]->refs++;
        if (op && op->saves >> i & 1)
            hold(node, i);
    }
    plan_remaking(node);
    if (op && op->saves & RST_SAVE_OUT)
        node->saved_out = rst__storage_ref(out->st);
    out->node = node;
    out->wants = true;
    return node;
}

/* Running ---------------------------------------------------------------------------------------
 */

static bool usable(rst_ctx *c, const rst_op *op, int n, rst_tensor *const *in)
{
    for (int i = 0; i < n; i++) {
        if (!in[i])
            return false;
        if (in[i]->ctx != c)
            return rst__ctx_fail(c, RST_EINVAL, "%s: a tensor of another context", op->name);
        if (!in[i]->st && !c->rec)
            return rst__ctx_fail(c, RST_EINVAL, "%s: a tensor is used after its scope ended",
                                 op->name);
    }
    return true;
}

static bool get_aux(rst_ctx *c, const size_t *bytes, rst_storage **aux)
{
    for (int i = 0; i < RST_MAX_AUX; i++)
        if (bytes[i] && !(aux[i] = rst__storage_get(c->pool, bytes[i])))
            return rst__ctx_fail(c, RST_ENOMEM, "out of memory");
    return true;
}

/* Runs the kernels of op into out; leaves a node if a gradient may be asked for. */
static rst_tensor *compute(rst_ctx *c, const rst_op *op, rst_attr *at, int n, rst_tensor *const *in,
                           rst_tensor *out, const size_t *aux_bytes)
{
    rst_arg args[RST_MAX_INPUTS];
    bool wants = false;
    for (int i = 0; i < n; i++) {
        args[i] = (rst_arg){ in[i]->st->p, in[i]->s };
        wants |= in[i]->wants;
    }
    rst_storage *aux[RST_MAX_AUX] = { 0 };
    rst_call call = rst__call(c, at, n, args, (rst_arg){ out->st->p, out->s });
    bool ok = get_aux(c, aux_bytes, aux);
    for (int i = 0; i < RST_MAX_AUX; i++)
        call.aux[i] = aux[i] ? aux[i]->p : NULL;
    int rc = ok ? op->fwd(&call) : RST_ENOMEM;
    if (ok && rc < 0)
        rst__ctx_take(c, rc);
    rst_node *node = NULL;
    if (rc >= 0 && wants && !c->nograd && op->vjp)
        node = node_new(c, op, at, n, in, out);
    for (int i = 0; i < RST_MAX_AUX; i++) {
        if (node)
            node->aux[i] = aux[i];
        else
            rst__storage_put(aux[i]);
    }
    return c->err.code ? NULL : out;
}

rst_tensor *rst__run(const rst_op *op, rst_attr *at, int n, rst_tensor *const *in)
{
    if (!in[0])
        return NULL;
    rst_ctx *c = in[0]->ctx;
    if (c->err.code || !usable(c, op, n, in))
        return NULL;

    rst_dims dims[RST_MAX_INPUTS], s;
    size_t aux[RST_MAX_AUX] = { 0 };
    rst_error err = RST_ERROR_INIT;
    for (int i = 0; i < n; i++)
        dims[i] = in[i]->s;
    int rc = op->infer(at, n, dims, &s, aux, rst__dtype_size(c->type), &err);
    if (rc < 0)
        return rst__ctx_fail(c, rc, "%s: %s", op->name, err.msg);

    if (c->rec) {
        rst_tensor *out = rst__tensor_bare(c, s, c->type);
        if (out && (rc = c->rec->record(c->rec, op, at, n, in, out, &err)) < 0)
            return rst__ctx_fail(c, rc, "%s: %s", op->name, err.msg);
        return out;
    }
    if (op->flags & RST_OP_ALIAS) {
        rst_tensor *out = rst__tensor_bare(c, s, in[0]->type);
        if (out) {
            out->st = rst__storage_ref(in[0]->st);
            if (in[0]->wants && !c->nograd)
                node_new(c, op, at, n, in, out);
        }
        return c->err.code ? NULL : out;
    }
    rst_tensor *out = rst__tensor_new(c, s, c->type);
    return out ? compute(c, op, at, n, in, out, aux) : NULL;
}

rst_tensor *rst_detach(rst_tensor *x)
{
    if (!x || x->ctx->err.code)
        return NULL;
    rst_tensor *y = rst__tensor_bare(x->ctx, x->s, x->type);
    if (!y)
        return NULL;
    y->value = x->value;
    y->st = x->st ? rst__storage_ref(x->st) : NULL;
    return y;
}

rst_tensor *rst_want_grad(rst_tensor *t)
{
    if (t)
        t->wants = true;
    return t;
}

/* Backward --------------------------------------------------------------------------------------
 */

typedef struct walk {
    rst_node **node;
    int count, cap;
} walk;

static bool walk_push(walk *w, rst_node *node)
{
    if (w->count == w->cap) {
        int cap = w->cap ? 2 * w->cap : 256;
        rst_node **p = rst__realloc(w->node, (size_t)cap, sizeof *p);
        if (!p)
            return false;
        w->node = p;
        w->cap = cap;
    }
    w->node[w->count++] = node;
    return true;
}

static int newest_first(const void *a, const void *b)
{
    uint64_t x = (*(rst_node *const *)a)->id, y = (*(rst_node *const *)b)->id;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* All nodes that y depends on, newest first. */
static bool collect(rst_ctx *c, rst_node *from, walk *w)
{
    uint64_t mark = ++c->next_mark;
    from->mark = mark;
    if (!walk_push(w, from))
        return false;
    for (int at = 0; at < w->count; at++) {
        rst_node *node = w->node[at];
        for (int i = 0; i < node->n; i++) {
            rst_node *next = node->in[i]->node;
            if (!next || next->mark == mark)
                continue;
            next->mark = mark;
            if (!walk_push(w, next))
                return false;
        }
    }
    qsort(w->node, (size_t)w->count, sizeof *w->node, newest_first);
    return true;
}

bool rst__grad_ready(rst_tensor *t, bool *fresh)
{
    *fresh = !t->grad;
    if (!t->grad)
        t->grad =
            rst__storage_get(t->ctx->pool, (size_t)rst__numel(t->s) * rst__dtype_size(t->type));
    return t->grad || rst__ctx_fail(t->ctx, RST_ENOMEM, "gradient: out of memory");
}

/* Runs a checkpointed function again, on the tape this time, and goes back through it. */
static int again(rst_ctx *c, rst_node *node, rst_storage *dy)
{
    int mode = c->stash_mode;
    rst_storage **stash = c->stash;
    int stashed = c->stashed, at = c->stash_at;
    bool nograd = c->nograd;
    c->stash_mode = RST_STASH_POP;
    c->stash = node->stash;
    c->stashed = node->stashed;
    c->stash_at = 0;
    c->nograd = false;

    rst_begin(c);
    rst_tensor *x = rst__tensor_bare(c, node->in[0]->s, node->in[0]->type);
    if (x) {
        x->st = rst__storage_ref(node->saved[0]);
        x->wants = node->in[0]->wants;
        /* One gradient for both: sums keep the order, and so the bits, of a run without this. */
        x->grad = node->in[0]->grad ? rst__storage_ref(node->in[0]->grad) : NULL;
    }
    rst_tensor *y = x ? node->again(node->arg, x) : NULL;
    rst_tensor *g = y ? rst__tensor_bare(c, y->s, y->type) : NULL;
    if (g) {
        g->st = rst__storage_ref(dy);
        rst_backward_from(y, g);
    }
    if (x && x->grad && !node->in[0]->grad)
        node->in[0]->grad = rst__storage_ref(x->grad);
    rst_end(c, NULL);
    c->nograd = nograd;
    c->stash_mode = mode;
    c->stash = stash;
    c->stashed = stashed;
    c->stash_at = at;
    return c->err.code;
}

static int taken_twice(rst_ctx *c, const rst_node *node)
{
    rst__ctx_fail(c, RST_EINVAL, "%s: gradients were taken twice through one graph",
                  node->op ? node->op->name : "checkpoint");
    return c->err.code;
}

static void *kept(rst_ctx *c, rst_node *node, int i);

/* Runs the node's op again, unless its output is still there: into saved_out. */
static int remake(rst_ctx *c, rst_node *node)
{
    if (node->saved_out)
        return 0;
    if (node->done)
        return taken_twice(c, node);
    if (node->out->st) {
        node->saved_out = rst__storage_ref(node->out->st);
        return 0;
    }
    rst_arg args[RST_MAX_INPUTS];
    for (int i = 0; i < node->n; i++) {
        rst_tensor *t = node->in[i];
        args[i] = (rst_arg){ is_param(t) ? t->st->p : kept(c, node, i), t->s };
        if (c->err.code)
            return c->err.code;
    }
    const rst_dims s = node->out->s;
    rst_storage *out =
        rst__storage_get(c->pool, (size_t)rst__numel(s) * rst__dtype_size(node->out->type));
    if (!out) {
        rst__ctx_fail(c, RST_ENOMEM, "%s: out of memory", node->op->name);
        return c->err.code;
    }
    node->saved_out = out;
    rst_call call = rst__call(c, &node->at, node->n, args, (rst_arg){ out->p, s });
    call.remake = true;
    for (int i = 0; i < RST_MAX_AUX; i++)
        call.aux[i] = node->aux[i] ? node->aux[i]->p : NULL;
    int rc = node->op->fwd(&call);
    if (rc < 0)
        rst__ctx_take(c, rc);
    for (int i = 0; i < node->n; i++)
        if (!(node->op->saves >> i & 1))
            give_up(node, i);
    return c->err.code;
}

/* Input i as backward kept it or makes it again; NULL where it is not needed, or after an error. */
static void *kept(rst_ctx *c, rst_node *node, int i)
{
    if (node->saved[i])
        return node->saved[i]->p;
    if (!claims(node, i) || remake(c, node->in[i]->node) < 0)
        return NULL;
    return node->in[i]->node->saved_out->p;
}

/* The gradients of inputs first..last-1. */
static int gradients(rst_ctx *c, rst_node *node, int first, int last)
{
    rst_arg args[RST_MAX_INPUTS];
    void *dx[RST_MAX_INPUTS];
    bool add[RST_MAX_INPUTS], any = false;
    for (int i = first; i < last; i++)
        any |= node->in[i]->wants;
    if (!any)
        return 0;
    for (int i = 0; i < node->n; i++) {
        const bool needed = node->op->saves >> i & 1;
        args[i] = (rst_arg){ needed ? kept(c, node, i) : NULL, node->in[i]->s };
    }
    for (int i = 0; i < node->n && !c->err.code; i++) {
        bool fresh = true;
        rst_tensor *t = node->in[i];
        const bool mine = t->wants && i >= first && i < last;
        if (mine && !rst__grad_ready(t, &fresh))
            break;
        dx[i] = mine ? t->grad->p : NULL;
        add[i] = !fresh;
    }
    if (c->err.code)
        return c->err.code;
    rst_call call =
        rst__call(c, &node->at, node->n, args,
                  (rst_arg){ node->saved_out ? node->saved_out->p : NULL, node->out->s });
    for (int i = 0; i < RST_MAX_AUX; i++)
        call.aux[i] = node->aux[i] ? node->aux[i]->p : NULL;
    int rc = node->op->vjp(&call, node->out->grad->p, dx, add);
    if (rc < 0)
        rst__ctx_take(c, rc);
    return rc;
}

static int step_back(rst_ctx *c, rst_node *node)
{
    if (node->done)
        return taken_twice(c, node);
    node->done = true;
    if (node->again)
        return again(c, node, node->out->grad);
    if (!(node->op->flags & RST_OP_CROSSED))
        return gradients(c, node, 0, node->n);
    int rc = gradients(c, node, 1, node->n);
    give_up(node, 0); /* the gradient of input 0 may take its place */
    return rc < 0 ? rc : gradients(c, node, 0, 1);
}

int rst_backward_from(rst_tensor *y, rst_tensor *dy)
{
    if (!y || !dy)
        return RST_EINVAL;
    rst_ctx *c = y->ctx;
    if (!c->err.code && !rst__same_dims(y->s, dy->s))
        rst__ctx_fail(c, RST_EINVAL, "backward: the cotangent has another shape");
    if (!c->err.code && !y->wants)
        rst__ctx_fail(c, RST_EINVAL, "backward: nothing here wants a gradient");
    bool fresh;
    if (c->err.code || !rst__grad_ready(y, &fresh))
        return c->err.code;
    int rc = c->dev->be->axpby(c->dev, rst__numel(y->s), 1, dy->st->p, fresh ? 0 : 1, y->grad->p);
    if (rc < 0)
        rst__ctx_take(c, rc);

    walk w = { 0 };
    if (y->node && !collect(c, y->node, &w))
        rst__ctx_fail(c, RST_ENOMEM, "backward: out of memory");
    for (int i = 0; i < w.count && !c->err.code; i++) {
        rst_node *node = w.node[i];
        if (!node->out->grad)
            continue;
        step_back(c, node);
        release_saved(node);
        rst__storage_put(node->out->grad);
        node->out->grad = NULL;
    }
    rst__free(w.node);
    return c->err.code;
}

int rst_backward(rst_tensor *loss)
{
    if (!loss)
        return RST_EINVAL;
    rst_ctx *c = loss->ctx;
    if (!c->err.code && rst__numel(loss->s) != 1)
        rst__ctx_fail(c, RST_EINVAL, "backward: the loss is not a scalar");
    if (c->err.code)
        return c->err.code;
    rst_begin_nograd(c);
    rst_tensor *one = rst_full(c, loss->s, 1);
    if (one)
        rst_backward_from(loss, one);
    return rst_end(c, NULL);
}

rst_tensor *rst_grad(rst_tensor *t)
{
    if (!t || t->ctx->err.code || !t->grad)
        return NULL;
    rst_tensor *g = rst__tensor_bare(t->ctx, t->s, t->type);
    if (g)
        g->st = rst__storage_ref(t->grad);
    return g;
}

/* Activation checkpointing ----------------------------------------------------------------------
 */

bool rst__stash_push(rst_ctx *c, rst_storage *s)
{
    if (c->stashed == c->stash_cap) {
        int cap = c->stash_cap ? 2 * c->stash_cap : 16;
        rst_storage **p = rst__realloc(c->stash, (size_t)cap, sizeof *p);
        if (!p)
            return rst__ctx_fail(c, RST_ENOMEM, "checkpoint: out of memory");
        c->stash = p;
        c->stash_cap = cap;
    }
    c->stash[c->stashed++] = rst__storage_ref(s);
    return true;
}

rst_storage *rst__stash_pop(rst_ctx *c)
{
    if (c->stash_at >= c->stashed)
        return rst__ctx_fail(c, RST_EINTERNAL, "checkpoint: the second run differs from the first");
    return c->stash[c->stash_at++];
}

rst_tensor *rst_checkpoint(rst_tensor *(*fn)(void *arg, rst_tensor *x), void *arg, rst_tensor *x)
{
    if (!x || x->ctx->err.code)
        return NULL;
    rst_ctx *c = x->ctx;
    if (c->nograd || c->rec || c->stash_mode != RST_STASH_OFF) /* nothing to save, or nested */
        return fn(arg, x);

    c->stash_mode = RST_STASH_PUSH;
    c->stash = NULL;
    c->stashed = c->stash_cap = 0;
    rst_begin_nograd(c);
    rst_tensor *y = rst_keep(fn(arg, x));
    rst_end(c, NULL);
    c->stash_mode = RST_STASH_OFF;

    static const rst_attr none;
    rst_node *node = y ? node_new(c, NULL, &none, 1, &x, y) : NULL;
    if (node) {
        node->again = fn;
        node->arg = arg;
        node->saved[0] = rst__storage_ref(x->st);
        node->stash = c->stash;
        node->stashed = c->stashed;
    } else {
        for (int i = 0; i < c->stashed; i++)
            rst__storage_put(c->stash[i]);
        rst__free(c->stash);
    }
    c->stash = NULL;
    c->stashed = c->stash_cap = 0;
    return c->err.code ? NULL : y;
}
