/* SPDX-License-Identifier: MIT */
/* Instance, batch and spectral normalisation. */
#include "grad/ops.h"

/* Inputs in order: x, [gamma], [beta], [residual], [running mean, running var]. */
static int add_input(rst_tensor **in, int n, rst_tensor *t)
{
    in[n] = t;
    return n + 1;
}

rst_tensor *rst_instance_norm(rst_tensor *x, rst_tensor *gamma, rst_tensor *beta, double eps)
{
    return rst__instance_norm(x, gamma, beta, eps, RST_MAP_NONE, 0);
}

rst_tensor *rst__instance_norm(rst_tensor *x, rst_tensor *gamma, rst_tensor *beta, double eps,
                               rst_map act, double a)
{
    rst_attr at = { .norm = { .g = { .eps = eps, .act = act, .a = a },
                              .gamma = gamma != NULL,
                              .beta = beta != NULL } };
    rst_tensor *in[3] = { x };
    int n = 1;
    if (gamma)
        n = add_input(in, n, gamma);
    if (beta)
        n = add_input(in, n, beta);
    return rst__run(&rst__op_norm, &at, n, in);
}

rst_tensor *rst_batch_norm(rst_tensor *x, rst_tensor *gamma, rst_tensor *beta, rst_tensor *mean,
                           rst_tensor *var, rst_bn_mode mode, double momentum, double eps)
{
    return rst__batch_norm(x, gamma, beta, mean, var, mode, momentum, eps, RST_MAP_NONE, 0);
}

rst_tensor *rst__batch_norm(rst_tensor *x, rst_tensor *gamma, rst_tensor *beta, rst_tensor *mean,
                            rst_tensor *var, rst_bn_mode mode, double momentum, double eps,
                            rst_map act, double a)
{
    rst_attr at = { .norm = { .g = { .batch = true,
                                     .fixed = mode == RST_BN_RUNNING,
                                     .eps = eps,
                                     .act = act,
                                     .a = a },
                              .gamma = gamma != NULL,
                              .beta = beta != NULL,
                              .running = mode != RST_BN_BATCH,
                              .update = mode == RST_BN_TRAIN,
                              .momentum = momentum } };
    if (x && at.norm.update && x->ctx->stash_mode == RST_STASH_POP) /* advanced by the first run */
        at.norm.update = at.norm.running = false;
    rst_tensor *in[5] = { x };
    int n = 1;
    if (gamma)
        n = add_input(in, n, gamma);
    if (beta)
        n = add_input(in, n, beta);
    if (at.norm.running) {
        n = add_input(in, n, mean);
        n = add_input(in, n, var);
    }
    return rst__run(&rst__op_norm, &at, n, in);
}

RST_INFER(norm)
{
    rst_norm *g = &at->norm.g;
    g->x = in[0];
    *out = in[0];
    int64_t stats = g->batch ? in[0].c : in[0].n * in[0].c;
    int64_t per = rst__numel(in[0]) / stats;
    int vectors = at->norm.gamma + at->norm.beta;
    for (int i = 1; i < n; i++) {
        bool residual = at->norm.residual && i == 1 + vectors;
        if (residual ? !rst__same_dims(in[i], in[0])
                     : in[i].c != in[0].c || rst__numel(in[i]) != in[0].c)
            return rst_fail(err, RST_EINVAL, "input %d does not have %lld channels", i,
                            (long long)in[0].c);
    }
    if (per == 1 && !g->fixed)
        return rst_fail(err, RST_EINVAL,
                        "one value per channel has no variance: the image is too "
                        "small for this network");
    aux[0] = aux[1] = (size_t)stats * elem;
    return 0;
}

/* The optional inputs of a call, by name. */
typedef struct norm_inputs {
    const void *gamma, *beta, *residual;
    void *mean, *var;
} norm_inputs;

static norm_inputs inputs_of(const rst_call *c)
{
    norm_inputs v = { 0 };
    int i = 1;
    if (c->at->norm.gamma)
        v.gamma = c->in[i++].p;
    if (c->at->norm.beta)
        v.beta = c->in[i++].p;
    if (c->at->norm.residual)
        v.residual = c->in[i++].p;
    if (c->at->norm.running) {
        v.mean = c->in[i++].p;
        v.var = c->in[i].p;
    }
    return v;
}

RST_FWD(norm)
{
    const rst_backend *be = c->dev->be;
    const rst_norm *g = &c->at->norm.g;
    norm_inputs v = inputs_of(c);
    int rc = 0;
    if (c->remake) {
        /* the statistics are those of the first time */
    } else if (g->fixed) {
        rc = be->axpby(c->dev, g->x.c, 1, v.mean, 0, c->aux[0]);
        if (rc == 0)
            rc = be->axpby(c->dev, g->x.c, 1, v.var, 0, c->aux[1]);
    } else {
        rc = be->norm_stats(c->dev, g, c->in[0].p, c->aux[0], c->aux[1]);
    }
    if (rc == 0 && c->at->norm.update &&
        !c->remake) { /* the running variance takes the unbiased one (spec 0.4) */
        double m = c->at->norm.momentum, per = (double)(rst__numel(g->x) / g->x.c);
        rc = be->axpby(c->dev, g->x.c, m, c->aux[0], 1 - m, v.mean);
        if (rc == 0)
            rc = be->axpby(c->dev, g->x.c, m * per / (per - 1), c->aux[1], 1 - m, v.var);
    }
    if (rc == 0)
        rc = be->norm_apply(c->dev, g, c->in[0].p, c->aux[0], c->aux[1], v.gamma, v.beta,
                            v.residual, c->out.p);
    return rc;
}

RST_VJP(norm)
{
    const rst_backend *be = c->dev->be;
    const rst_norm *g = &c->at->norm.g;
    int i = 1, ig = c->at->norm.gamma ? i++ : 0, ib = c->at->norm.beta ? i : 0;
    void *dgamma = ig ? dx[ig] : NULL, *dbeta = ib ? dx[ib] : NULL;
    int rc = 0;
    if (dgamma && !add[ig])
        rc = be->fill(c->dev, g->x.c, 0, dgamma);
    if (rc == 0 && dbeta && !add[ib])
        rc = be->fill(c->dev, g->x.c, 0, dbeta);
    if (rc == 0)
        rc = be->norm_vjp(c->dev, g, c->in[0].p, c->aux[0], c->aux[1], ig ? c->in[ig].p : NULL,
                          ib ? c->in[ib].p : NULL, dy, dx[0], add[0], dgamma, dbeta);
    return rc;
}

/* Spectral norm -----------------------------------------------------------------------------------
 */

static int64_t rows_of(rst_dims w, bool transposed)
{
    return transposed ? w.c : w.n;
}

/* A copy of u or v that later power iterations leave alone. */
static rst_tensor *copy_of(rst_tensor *t)
{
    rst_tensor *y = rst__tensor_new(t->ctx, t->s, t->type);
    int rc =
        y ? t->ctx->dev->be->axpby(t->ctx->dev, rst__numel(t->s), 1, t->st->p, 0, y->st->p) : 0;
    return rc < 0 ? rst__ctx_take(t->ctx, rc) : y;
}

/* u or v as the first run of a checkpointed function left it. */
static rst_tensor *taken_back(rst_tensor *t)
{
    rst_storage *s = rst__stash_pop(t->ctx);
    rst_tensor *y = s ? rst__tensor_bare(t->ctx, t->s, t->type) : NULL;
    if (y)
        y->st = rst__storage_ref(s);
    return y;
}

rst_tensor *rst_spectral(rst_tensor *w, rst_tensor *u, rst_tensor *v, bool transposed, bool iterate)
{
    if (!w || !u || !v || w->ctx->err.code)
        return NULL;
    rst_ctx *c = w->ctx;
    bool replay = iterate && c->stash_mode == RST_STASH_POP;
    if (replay) {
        u = taken_back(u);
        v = taken_back(v);
    }
    rst_attr at = { .spectral = { transposed, iterate && !replay } };
    rst_tensor *const in[3] = { w, u, v };
    rst_tensor *y = rst__run(&rst__op_spectral, &at, 3, in);
    if (y && iterate && c->stash_mode == RST_STASH_PUSH) {
        rst_tensor *cu = copy_of(u), *cv = cu ? copy_of(v) : NULL;
        if (!cv || !rst__stash_push(c, cu->st) || !rst__stash_push(c, cv->st))
            return NULL;
    }
    return y;
}

RST_INFER(spectral)
{
    (void)n;
    int64_t rows = rows_of(in[0], at->spectral.transposed), cols = rst__numel(in[0]) / rows;
    if (rst__numel(in[1]) != rows || rst__numel(in[2]) != cols)
        return rst_fail(err, RST_EINVAL, "u has %lld and v %lld numbers, %lld and %lld are due",
                        (long long)rst__numel(in[1]), (long long)rst__numel(in[2]), (long long)rows,
                        (long long)cols);
    *out = in[0];
    aux[0] = elem;                         /* sigma */
    aux[1] = (size_t)(rows + cols) * elem; /* u and v as they were */
    return 0;
}

static void *v_of(const rst_call *c)
{
    return (char *)c->aux[1] + (size_t)rows_of(c->in[0].s, c->at->spectral.transposed) *
                                   rst__dtype_size(c->dev->be->dtype);
}

RST_FWD(spectral)
{
    const rst_backend *be = c->dev->be;
    int64_t rows = rows_of(c->in[0].s, c->at->spectral.transposed);
    int rc = be->spectral(c->dev, c->in[0].s, c->at->spectral.transposed, c->at->spectral.iterate,
                          c->in[0].p, c->in[1].p, c->in[2].p, c->aux[0], c->out.p);
    if (rc == 0)
        rc = be->axpby(c->dev, rows, 1, c->in[1].p, 0, c->aux[1]);
    if (rc == 0)
        rc = be->axpby(c->dev, rst__numel(c->in[2].s), 1, c->in[2].p, 0, v_of(c));
    return rc;
}

RST_VJP(spectral)
{
    if (!dx[0])
        return 0;
    return c->dev->be->spectral_vjp(c->dev, c->in[0].s, c->at->spectral.transposed, c->out.p,
                                    c->aux[1], v_of(c), c->aux[0], dy, dx[0], add[0]);
}
