/* SPDX-License-Identifier: MIT */
/* What a case makes: outputs, gradients of the scalar, states after the run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"
#include "tensor/dims.h"

bool gold_device_ok(gold_case *g)
{
    rst_error err = RST_ERROR_INIT;
    if (!g->ctx || rst_ctx_error(g->ctx, &err) == 0)
        return !g->failed;
    return gold_fail(g, "%s", err.msg);
}

bool gold_put(gold_case *g, const char *name, const double *v, int64_t count)
{
    gold_result *r = gold_alloc(1, sizeof *r);
    r->name = strdup(name);
    r->v = gold_alloc((size_t)count, sizeof *r->v);
    memcpy(r->v, v, (size_t)count * sizeof *v);
    r->count = count;
    r->next = g->result;
    g->result = r;
    return true;
}

bool gold_put_tensor(gold_case *g, const char *prefix, const char *name, rst_tensor *t)
{
    char full[512];
    if (!t)
        return gold_device_ok(g) ? gold_fail(g, "%s%s was not made", prefix, name) : false;
    (void)snprintf(full, sizeof full, "%s%s", prefix, name);
    int64_t n = rst__numel(rst_shape(t));
    double *v = gold_alloc((size_t)n, sizeof *v);
    bool ok = rst_download_f64(t, RST_NCHW, v) == 0 ? gold_put(g, full, v, n) : gold_device_ok(g);
    free(v);
    return ok;
}

bool gold_out(gold_case *g, const char *name, rst_tensor *t)
{
    /* The name must outlive the caller's buffer: the JSON's own copy does. */
    char full[512];
    (void)snprintf(full, sizeof full, "output.%s", name);
    if (!gold_put_tensor(g, "output.", name, t))
        return false;
    json_t *how = json_object_get(g->tensors, full);
    const rst_weight *w = gold_find(g, "weight.", name);
    if (!how || !w)
        return true; /* nobody compares it, or it is no part of the scalar */
    if (g->outputs == GOLD_MAX_OUTPUTS)
        return gold_fail(g, "more than %d outputs", GOLD_MAX_OUTPUTS);
    g->output[g->outputs++] = (gold_named){ w->name + strlen("weight."), t };
    return true;
}

/* Gradients ------------------------------------------------------------------------------------ */

/* sum over outputs of sum(output * weight) */
static rst_tensor *scalar(gold_case *g)
{
    rst_tensor *part[GOLD_MAX_OUTPUTS];
    for (int i = 0; i < g->outputs; i++) {
        const rst_weight *w = gold_find(g, "weight.", g->output[i].name);
        rst_dims s = rst_shape(g->output[i].t);
        if (rst_weight_elements(w) != rst__numel(s)) {
            (void)gold_fail(g, "%s: %lld weights for %lld numbers", w->name,
                            (long long)rst_weight_elements(w), (long long)rst__numel(s));
            return NULL;
        }
        double *v = gold_f64(w);
        rst_tensor *t = rst_upload_f64(g->ctx, s, RST_NCHW, v);
        free(v);
        part[i] = rst_sum(rst_mul(g->output[i].t, t), RST_AXIS_ALL);
    }
    return g->outputs ? rst_addn(g->outputs, part) : NULL;
}

/* A tensor that no gradient reached has a gradient of zeros. */
static bool put_gradient(gold_case *g, const char *prefix, const char *name, rst_tensor *of)
{
    char full[512];
    (void)snprintf(full, sizeof full, "%s%s", prefix, name);
    if (!json_object_get(g->tensors, full))
        return true;
    rst_tensor *d = rst_grad(of);
    if (d)
        return gold_put_tensor(g, prefix, name, d);
    int64_t n = rst__numel(rst_shape(of));
    double *zero = gold_alloc((size_t)n, sizeof *zero);
    bool ok = gold_put(g, full, zero, n);
    free(zero);
    return ok;
}

static bool has_gradients(gold_case *g)
{
    const char *name;
    json_t *how;
    json_object_foreach(g->tensors, name, how)
    {
        if (strncmp(name, "grad.", 5) == 0)
            return true;
    }
    return false;
}

bool gold_backward(gold_case *g, rst_module *m)
{
    if (g->failed)
        return false;
    if (!has_gradients(g))
        return true;
    rst_tensor *s = scalar(g);
    if (!s)
        return gold_device_ok(g) ? gold_fail(g, "gradients are asked for, but of no output")
                                 : false;
    if (rst_backward(s) < 0)
        return gold_device_ok(g);
    for (int i = 0; i < g->inputs; i++)
        if (!put_gradient(g, "grad.input.", g->input[i].name, g->input[i].t))
            return false;
    rst_entry e;
    for (int i = 0; m && rst_module_entry(m, i, &e); i++)
        if (e.kind == RST_ENTRY_PARAM && !put_gradient(g, "grad.param.", e.name, e.value))
            return false;
    return true;
}

bool gold_after(gold_case *g, rst_module *m)
{
    rst_entry e;
    for (int i = 0; rst_module_entry(m, i, &e); i++) {
        double count = (double)e.count;
        char full[512];
        (void)snprintf(full, sizeof full, "after.buffer.%s", e.name);
        if (!json_object_get(g->tensors, full))
            continue;
        if (e.kind == RST_ENTRY_COUNTER ? !gold_put(g, full, &count, 1)
                                        : !gold_put_tensor(g, "after.buffer.", e.name, e.value))
            return false;
    }
    return !g->failed;
}

bool gold_value(gold_case *g, const char *what, double got, double want, double atol, double rtol)
{
    double tolerance = atol + rtol * fabs(want), error = fabs(got - want);
    double ratio = error <= 0 ? 0 : error / tolerance;
    if (g->run->verbose)
        printf("    %-40s %.6g of its tolerance\n", what, ratio);
    if (ratio > g->verdict->worst || !g->verdict->where[0]) {
        g->verdict->worst = ratio;
        (void)snprintf(g->verdict->where, sizeof g->verdict->where, "%s", what);
    }
    if (error <= tolerance)
        return true;
    return gold_fail(g, "%s is %.9g, not %.9g", what, got, want);
}
