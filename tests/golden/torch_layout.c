/* SPDX-License-Identifier: MIT */
#include "golden/torch_layout.h"

#include <string.h>

#include "grad/engine.h"
#include "nn/module.h"
#include "tensor/dims.h"

/* The op: the identity, whose gradient is read in the wrong order. --------------------------------
 */

static int misread_infer(rst_attr *at, int n, const rst_dims *in, rst_dims *out, size_t *aux,
                         size_t elem, rst_error *err)
{
    (void)at, (void)n, (void)aux, (void)elem, (void)err;
    *out = in[0];
    return 0;
}

static int misread_fwd(const rst_call *c)
{
    size_t elem = rst__dtype_size(c->dev->be->dtype);
    memcpy(c->out.p, c->in[0].p, (size_t)rst__numel(c->out.s) * elem);
    return 0;
}

/* Our storage is n,h,w,c: its k-th number is what that build takes for the k-th of n,c,h,w. */
#define MISREAD(type)                                                                              \
    static void misread_##type(rst_dims s, const type *dy, type *dx, bool add)                     \
    {                                                                                              \
        for (int64_t i = 0; i < s.h * s.w; i++)                                                    \
            for (int64_t c = 0; c < s.c; c++)                                                      \
                dx[i * s.c + c] = dy[c * s.h * s.w + i] + (add ? dx[i * s.c + c] : 0);             \
    }
MISREAD(float)
MISREAD(double)

static int misread_vjp(const rst_call *c, const void *dy, void *const *dx, const bool *add)
{
    if (c->dev->be->dtype == RST_F64)
        misread_double(c->out.s, dy, dx[0], add[0]);
    else
        misread_float(c->out.s, dy, dx[0], add[0]);
    return 0;
}

static const rst_op misread = {
    .name = "misread", .infer = misread_infer, .fwd = misread_fwd, .vjp = misread_vjp
};

/* Where it acts ----------------------------------------------------------------------------------
 */

enum { MAX_SITES = 64 };

/* Of the one case that a process runs. */
static struct {
    const rst_layer *layer;
    int passes; /* on the tape, in this step */
} site[MAX_SITES];
static int sites;

void gold_torch_layout_step(void)
{
    for (int i = 0; i < sites; i++)
        site[i].passes = 0;
}

static rst_tensor *run_site(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    rst_attr at = { 0 };
    if (m->c->nograd) /* a key */
        return x;
    for (int i = 0; i < sites; i++)
        if (site[i].layer == l && site[i].passes++ == 0)
            return x;
    return rst__run(&misread, &at, 1, &x);
}

static bool add_site(gold_case *g, const rst_layer *l)
{
    if (sites == MAX_SITES)
        return gold_fail(g, "more than %d norms whose gradient is misread", MAX_SITES);
    site[sites++].layer = l;
    g->verdict->torch_layout = true;
    return true;
}

static rst_layer *layer(const rst_module *net, int id)
{
    const rst_layer *seq = net->root->sub[0];
    return id >= 0 && id < seq->nsub ? seq->sub[id] : NULL;
}

/* The residual block that layer id of the generator is; NULL if it is none. */
static rst_layer *block(const rst_module *net, int id)
{
    const rst_layer *outer = layer(net, id);
    return outer && outer->kind == RST_LAYER_SEQ ? outer->sub[0] : NULL;
}

/* After the last norm of every block down from each tap that is one. */
static bool after_blocks(gold_case *g, rst_module *net, int taps, const int *ids)
{
    int next = 0; /* the first block not seen yet */
    for (int t = 0; t < taps; t++) {
        if (!block(net, ids[t]))
            continue;
        if (next == 0)
            for (next = ids[t]; block(net, next - 1);)
                next--;
        for (; next <= ids[t]; next++)
            if (!add_site(g, rst__add_call(net, block(net, next), "", run_site)))
                return false;
    }
    return true;
}

static rst_tensor *run_norm(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    return run_site(m, l, rst__sub_run(m, l, 0, x));
}

/* The pass ends with the last tap: if that is a norm, no ReLU follows it. */
static bool after_last_tap(gold_case *g, rst_module *net, int id)
{
    rst_layer *l = layer(net, id);
    if (!l || l->kind != RST_LAYER_INSTANCE_NORM)
        return true;
    l->kind = RST_LAYER_CALL;
    l->call = run_norm;
    rst__add_instance_norm(net, l, "", 0, l->eps, false);
    return add_site(g, l);
}

bool gold_torch_layout(gold_case *g, rst_module *net, int taps, const int *ids, int64_t batch)
{
    const char *made_by = json_string_value(json_object_get(g->json, "runtime"));
    if (!made_by || strncmp(made_by, "torch 1.13", 10) != 0 || batch != 1 || taps < 1 ||
        rst_module_arch(net)->norm != RST_NORM_INSTANCE)
        return true;
    return after_blocks(g, net, taps, ids) && after_last_tap(g, net, ids[taps - 1]);
}
