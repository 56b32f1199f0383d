/* SPDX-License-Identifier: MIT */
/* Places in the arena, and the replay. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "plan/steps.h"

/* One thing that needs room between two steps. */
typedef struct need {
    int64_t bytes, offset;
    int first, last;
} need;

/* First fit by offset among those alive at the same time; needs are placed in the order given. */
static int64_t place(need *list, int count)
{
    need *me = &list[count];
    int64_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < count; i++) {
            const need *o = &list[i];
            bool together = o->first <= me->last && me->first <= o->last;
            if (together && at < o->offset + o->bytes && o->offset < at + me->bytes) {
                at = o->offset + o->bytes;
                moved = true;
            }
        }
    }
    me->offset = at;
    return at + me->bytes;
}

static void lifetimes(rst_plan *p)
{
    for (int v = 0; v < p->values; v++)
        p->value[v].first = p->value[v].last = -1;
    for (int i = 0; i < p->steps; i++) {
        const plan_step *st = &p->step[i];
        p->value[st->out].first = p->value[st->out].last = i;
        for (int k = 0; k < st->n; k++)
            p->value[st->in[k]].last = i;
    }
    for (int i = 0; i < p->outs; i++)
        p->value[p->out[i]].last = p->steps;
}

static int home_of(const rst_plan *p, int v)
{
    while (p->value[v].home != v)
        v = p->value[v].home;
    return v;
}

/* Results that may lie where an input lay: aliases always, in-place ops if that input dies there.
 */
static void share_places(rst_plan *p)
{
    for (int i = 0; i < p->steps; i++) {
        const plan_step *st = &p->step[i];
        int from = home_of(p, st->in[0]);
        plan_value *src = &p->value[from], *dst = &p->value[st->out];
        bool alias = st->op->flags & RST_OP_ALIAS;
        bool inplace = (st->op->flags & RST_OP_INPLACE) && src->last == i && !src->constant &&
                       from != 0 && rst__same_dims(src->s, dst->s);
        for (int k = 1; k < st->n; k++)
            inplace = inplace && home_of(p, st->in[k]) != from;
        if (!alias && !inplace)
            continue;
        dst->home = from;
        if (dst->last > src->last)
            src->last = dst->last;
    }
}

static int by_size(const void *a, const void *b, void *list)
{
    const need *n = list;
    int64_t x = n[*(const int *)a].bytes, y = n[*(const int *)b].bytes;
    return x < y ? 1 : x > y ? -1 : *(const int *)a - *(const int *)b;
}

static int64_t padded(int64_t bytes)
{
    return (bytes + 63) & ~(int64_t)63;
}

/* All needs: homes of computed values, then each step's auxiliary results. */
static int gather_needs(rst_plan *p, need *list, int64_t **where)
{
    int count = 0;
    int64_t elem = (int64_t)rst__dtype_size(p->ctx->type);
    for (int v = 1; v < p->values; v++) {
        plan_value *val = &p->value[v];
        if (val->constant || val->first < 0 || val->home != v)
            continue;
        where[count] = &val->offset;
        list[count++] = (need){ padded(rst__numel(val->s) * elem), 0, val->first, val->last };
    }
    for (int i = 0; i < p->steps; i++)
        for (int k = 0; k < RST_MAX_AUX; k++) {
            if (!p->step[i].aux_bytes[k])
                continue;
            where[count] = &p->step[i].aux_offset[k];
            list[count++] = (need){ padded((int64_t)p->step[i].aux_bytes[k]), 0, i, i };
        }
    return count;
}

int rst__plan_place(rst_plan *p, rst_error *err)
{
    size_t max = (size_t)(p->values + RST_MAX_AUX * p->steps) + 1;
    need *list = rst__calloc(max, sizeof *list), *sorted = rst__calloc(max, sizeof *sorted);
    int64_t **where = rst__calloc(max, sizeof *where);
    int *order = rst__calloc(max, sizeof *order);
    int rc = list && sorted && where && order ? 0 : rst__fail_nomem(err, "plan");
    if (rc == 0) {
        lifetimes(p);
        share_places(p);
        int count = gather_needs(p, list, where);
        int64_t top = 0;
        for (int i = 0; i < count; i++) {
            order[i] = i;
            p->values_bytes += (size_t)list[i].bytes;
        }
        qsort_r(order, (size_t)count, sizeof *order, by_size, list);
        for (int i = 0; i < count; i++) {
            sorted[i] = list[order[i]];
            int64_t end = place(sorted, i);
            *where[order[i]] = sorted[i].offset;
            top = end > top ? end : top;
        }
        p->arena_bytes = (size_t)top;
        p->arena = rst__storage_get(p->ctx->pool, (size_t)top + 64);
        if (!p->arena)
            rc = rst_fail(err, RST_ENOMEM, "%zu MiB of working memory: out of memory",
                          p->arena_bytes >> 20);
    }
    rst__free(list);
    rst__free(sorted);
    rst__free(where);
    rst__free(order);
    return rc;
}

static void *address(const rst_plan *p, int v, void *input)
{
    if (p->value[v].constant)
        return p->value[v].constant->p;
    v = home_of(p, v);
    if (v == 0)
        return input;
    if (p->value[v].constant)
        return p->value[v].constant->p;
    return (char *)p->arena->p + p->value[v].offset;
}

static int run_step(const rst_plan *p, const plan_step *st, void *input)
{
    rst_arg args[RST_MAX_INPUTS];
    for (int k = 0; k < st->n; k++)
        args[k] = (rst_arg){ address(p, st->in[k], input), p->value[st->in[k]].s };
    rst_call call = { .dev = p->ctx->dev,
                      .pool = p->ctx->pool,
                      .at = &st->at,
                      .n = st->n,
                      .in = args,
                      .out = { address(p, st->out, input), p->value[st->out].s },
                      .packed = st->packed };
    for (int k = 0; k < RST_MAX_AUX; k++)
        call.aux[k] = st->aux_bytes[k] ? (char *)p->arena->p + st->aux_offset[k] : NULL;
    return st->op->flags & RST_OP_ALIAS ? 0 : st->op->fwd(&call);
}

int rst__plan_run(rst_plan *p, rst_tensor *x, rst_tensor **y)
{
    rst_ctx *c = p->ctx;
    if (!x || c->err.code)
        return c->err.code ? c->err.code : RST_EINVAL;
    if (!rst__same_dims(x->s, p->value[0].s))
        rst__ctx_fail(c, RST_EINVAL, "the plan was made for another shape");
    for (int v = 0; v < p->values; v++)
        if (p->value[v].param && p->value[v].param->version != p->value[v].version)
            rst__ctx_fail(c, RST_EINVAL, "parameters changed after the plan was made");
    for (int i = 0; i < p->steps && !c->err.code; i++) {
        int rc = run_step(p, &p->step[i], x->st->p);
        if (rc < 0)
            rst__ctx_take(c, rc);
    }
    for (int i = 0; i < p->outs && !c->err.code; i++) {
        rst_dims s = p->value[p->out[i]].s;
        y[i] = rst__tensor_new(c, s, c->type);
        int rc = y[i] ? c->dev->be->axpby(c->dev, rst__numel(s), 1, address(p, p->out[i], x->st->p),
                                          0, y[i]->st->p)
                      : 0;
        if (rc < 0)
            rst__ctx_take(c, rc);
    }
    return c->err.code;
}

rst_plan_info rst__plan_describe(const rst_plan *p)
{
    return (rst_plan_info){ .steps = p->steps,
                            .fused = p->fused,
                            .outputs = p->outs,
                            .arena_bytes = p->arena_bytes,
                            .values_bytes = p->values_bytes };
}
