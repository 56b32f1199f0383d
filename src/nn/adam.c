/* SPDX-License-Identifier: MIT */
/* Adam (Kingma and Ba 2015) with PyTorch's formula (spec 6.2). */
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/err.h"
#include "grad/engine.h"
#include "nn/module.h"

typedef struct slot {
    rst_param *p;
    rst_tensor *m, *v; /* owned */
    int64_t step;      /* PyTorch counts per parameter */
} slot;

struct rst_adam {
    rst_module *module;
    double beta1, beta2, eps;
    slot *slot;
    int count;
};

void rst_adam_free(rst_adam *a)
{
    if (!a)
        return;
    for (int i = 0; i < a->count; i++) {
        rst__param_free(a->slot[i].m);
        rst__param_free(a->slot[i].v);
    }
    rst__free(a->slot);
    rst__free(a);
}

static bool make_slots(rst_adam *a)
{
    rst_module *m = a->module;
    for (int i = 0; i < m->nparam; i++) {
        if (m->param[i]->kind != RST_ENTRY_PARAM)
            continue;
        slot *s = &a->slot[a->count++];
        s->p = m->param[i];
        s->m = rst__param_new(m->c, s->p->value->s);
        s->v = rst__param_new(m->c, s->p->value->s);
        if (!s->m || !s->v)
            return false;
        rst__param_set_trainable(s->m, false);
        rst__param_set_trainable(s->v, false);
    }
    return true;
}

int rst_adam_new(rst_adam **out, rst_module *m, double beta1, double beta2, double eps,
                 rst_error *err)
{
    if (!m->c)
        return rst_fail(err, RST_EINVAL, "a network without a context cannot be trained");
    if (!(beta1 >= 0 && beta1 < 1) || !(beta2 >= 0 && beta2 < 1) || !(eps >= 0))
        return rst_fail(err, RST_EINVAL, "adam: betas %g, %g and eps %g make no sense", beta1,
                        beta2, eps);
    rst_adam *a = rst__calloc(1, sizeof *a);
    if (!a)
        return rst__fail_nomem(err, "adam");
    *a = (rst_adam){ .module = m, .beta1 = beta1, .beta2 = beta2, .eps = eps };
    a->slot = rst__calloc((size_t)m->nparam + 1, sizeof *a->slot);
    if (!a->slot || !make_slots(a)) {
        rst_adam_free(a);
        return rst__fail_nomem(err, "adam");
    }
    *out = a;
    return 0;
}

void rst_adam_zero_grad(rst_adam *a)
{
    for (int i = 0; i < a->count; i++)
        rst__param_zero_grad(a->slot[i].p->value);
}

static double squares(rst_ctx *c, const rst_adam *a)
{
    double sum = 0;
    rst_begin_nograd(c);
    for (int i = 0; i < a->count; i++) {
        rst_tensor *g = rst_grad(a->slot[i].p->value);
        if (g)
            sum += rst_item(rst_sum(rst_square(g), RST_AXIS_ALL));
    }
    return rst_end(c, NULL) < 0 ? NAN : sum;
}

int rst_adam_clip(rst_adam *a, double max, double *norm, rst_error *err)
{
    rst_ctx *c = a->module->c;
    rst_dev *dev = c->dev;
    int rc = rst_ctx_error(c, err);
    *norm = rc < 0 ? NAN : sqrt(squares(c, a));
    if (rc < 0 || !(max > 0 && *norm > max))
        return rc;
    for (int i = 0; rc == 0 && i < a->count; i++) {
        rst_tensor *p = a->slot[i].p->value;
        rst_storage *g = rst__param_grad(p);
        if (g)
            rc = dev->be->axpby(dev, rst__numel(p->s), max / *norm, g->p, 0, g->p);
    }
    if (rc < 0)
        rst__ctx_take(c, rc);
    return rst_ctx_error(c, err);
}

static int step_slot(const rst_adam *a, slot *s, double lr)
{
    rst_tensor *p = s->p->value;
    rst_storage *g = rst__param_grad(p);
    if (!g)
        return 0;
    rst_dev *dev = p->ctx->dev;
    int rc = dev->be->adam(dev, rst__numel(p->s), p->st->p, g->p, s->m->st->p, s->v->st->p, lr,
                           a->beta1, a->beta2, a->eps, ++s->step);
    rst__param_changed(p);
    if (rc < 0)
        rst__ctx_take(p->ctx, rc);
    return rc;
}

int rst_adam_step(rst_adam *a, double lr, rst_error *err)
{
    /* After a failed op gradients are incomplete: no step. */
    int rc = rst_ctx_error(a->module->c, err);
    for (int i = 0; rc == 0 && i < a->count; i++)
        if (step_slot(a, &a->slot[i], lr) < 0)
            rc = rst_ctx_error(a->module->c, err);
    return rc;
}

/* Checkpoints -----------------------------------------------------------------------------------
 */

static bool full_name(char buf[512], const char *prefix, const slot *s, const char *what)
{
    int n = snprintf(buf, 512, "%s%s.%s", prefix, s->p->name, what);
    return n > 0 && n < 512;
}

static int store_moment(rst_tensor *t, const slot *s, rst_weights *w, const char *prefix,
                        const char *what, rst_error *err)
{
    char name[512];
    float *v = rst__malloc((size_t)rst__numel(t->s) * sizeof *v);
    if (!v)
        return rst__fail_nomem(err, "adam");
    int rc = rst_download(t, RST_NCHW, v);
    if (rc < 0)
        (void)rst_ctx_error(t->ctx, err);
    else if (!full_name(name, prefix, s, what))
        rc = rst_fail(err, RST_EINVAL, "%s: the prefix is too long", s->p->name);
    else
        rc = rst_weights_add(w, name, RST_WEIGHT_F32, s->p->rank, s->p->shape, v, err);
    rst__free(v);
    return rc;
}

int rst_adam_store(const rst_adam *a, rst_weights *w, const char *prefix, rst_error *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < a->count; i++) {
        const slot *s = &a->slot[i];
        char name[512];
        if ((rc = store_moment(s->m, s, w, prefix, "exp_avg", err)) < 0 ||
            (rc = store_moment(s->v, s, w, prefix, "exp_avg_sq", err)) < 0)
            break;
        if (!full_name(name, prefix, s, "step"))
            return rst_fail(err, RST_EINVAL, "%s: the prefix is too long", s->p->name);
        rc = rst_weights_add(w, name, RST_WEIGHT_I64, 0, NULL, &s->step, err);
    }
    return rc;
}

static const rst_weight *find(const slot *s, const rst_weights *w, const char *prefix,
                              const char *what, int64_t elements, rst_error *err)
{
    char name[512];
    const rst_weight *t = full_name(name, prefix, s, what) ? rst_weights_find(w, name) : NULL;
    if (t && rst_weight_elements(t) == elements)
        return t;
    (void)rst_fail(err, RST_EFORMAT, "%s%s.%s: missing or of another size", prefix, s->p->name,
                   what);
    return NULL;
}

static int load_moment(rst_tensor *t, const slot *s, const rst_weights *w, const char *prefix,
                       const char *what, rst_error *err)
{
    int64_t n = rst__numel(t->s);
    const rst_weight *x = find(s, w, prefix, what, n, err);
    if (!x)
        return RST_EFORMAT;
    float *v = rst__malloc((size_t)n * sizeof *v);
    if (!v)
        return rst__fail_nomem(err, "adam");
    rst_weight_to_f32(x, v);
    int rc = rst__param_upload(t, v);
    if (rc < 0)
        (void)rst_ctx_error(t->ctx, err);
    rst__free(v);
    return rc;
}

int rst_adam_load(rst_adam *a, const rst_weights *w, const char *prefix, rst_error *err)
{
    for (int i = 0; i < a->count; i++) {
        slot *s = &a->slot[i];
        const rst_weight *step = find(s, w, prefix, "step", 1, err);
        int rc = step ? rst_weight_to_i64(step, &s->step, err) : RST_EFORMAT;
        if (rc == 0 && s->step < 0)
            rc = rst_fail(err, RST_EFORMAT, "%s: a negative number of steps", step->name);
        if (rc < 0 || (rc = load_moment(s->m, s, w, prefix, "exp_avg", err)) < 0 ||
            (rc = load_moment(s->v, s, w, prefix, "exp_avg_sq", err)) < 0)
            return rc;
    }
    return 0;
}
