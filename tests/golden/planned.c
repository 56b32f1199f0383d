/* SPDX-License-Identifier: MIT */
/* The same forward pass once more, as inference runs it: recorded, fused and replayed (src/plan).
 */
#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "golden/golden.h"

/* A pass that advances something is not what a recording is for. */
static bool keeps_no_state(const rst_module *m)
{
    rst_entry e;
    for (int i = 0; rst_module_entry(m, i, &e); i++)
        if (e.kind == RST_ENTRY_BUFFER)
            return false;
    return true;
}

void gold_give_net(gold_case *g, rst_module *m, const char *in, const char *out)
{
    g->net = m;
    g->net_in = in;
    g->net_out = out;
}

static int forward(void *m, rst_tensor *x, rst_tensor **out, int max)
{
    (void)max;
    out[0] = rst_module_forward(m, x);
    return 1;
}

static bool replay(gold_case *g, rst_plan *plan, const rst_weight *in, json_t *how)
{
    rst_tensor *y = NULL;
    rst_error err = RST_ERROR_INIT;
    double *v = gold_f64(in);
    rst_begin_nograd(g->ctx);
    rst_tensor *x = rst_upload_f64(g->ctx, gold_dims(in), RST_NCHW, v);
    free(v);
    v = NULL;
    int64_t n = 0;
    if (rst__plan_run(plan, x, &y) == 0) {
        rst_dims s = rst_shape(y);
        n = s.n * s.c * s.h * s.w;
        v = gold_alloc((size_t)n, sizeof *v);
        (void)rst_download_f64(y, RST_NCHW, v);
    }
    if (rst_end(g->ctx, &err) < 0)
        (void)gold_fail(g, "replayed: %s", err.msg);
    char name[256];
    (void)snprintf(name, sizeof name, "output.%s", g->net_out);
    g->again = "replayed ";
    bool ok = !g->failed && gold_compare_one(g, name, how, v, n);
    free(v);
    return ok;
}

bool gold_planned(gold_case *g)
{
    char name[256];
    rst_plan *plan = NULL;
    rst_error err = RST_ERROR_INIT;
    (void)snprintf(name, sizeof name, "output.%s", g->net_out ? g->net_out : "");
    json_t *how = json_object_get(g->tensors, name);
    const rst_weight *in = gold_find(g, "input.", g->net_in);
    if (!how || !in || (g->train && !keeps_no_state(g->net)))
        return true;
    if (rst__plan_new(&plan, g->ctx, gold_dims(in), forward, g->net, &err) < 0)
        return gold_fail(g, "recorded: %s", err.msg);
    bool ok = replay(g, plan, in, how);
    rst__plan_free(plan);
    return ok;
}
