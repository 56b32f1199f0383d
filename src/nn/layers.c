/* SPDX-License-Identifier: MIT */
/* Adding layers to a module. */
#include <stdio.h>

#include "base/alloc.h"
#include "nn/module.h"

void rst__layer_free(rst_layer *l)
{
    if (!l)
        return;
    for (int i = 0; i < l->nsub; i++)
        rst__layer_free(l->sub[i]);
    rst__free(l->sub);
    rst__free(l->prefix);
    rst__free(l);
}

static bool room_for_child(rst_layer *p)
{
    if (p->nsub < p->cap)
        return true;
    int cap = p->cap ? 2 * p->cap : 8;
    rst_layer **s = rst__realloc(p->sub, (size_t)cap, sizeof *s);
    if (!s)
        return false;
    p->sub = s;
    p->cap = cap;
    return true;
}

/* The layer to go on with when one could not be made; its children are freed with the module. */
static rst_layer *scrap(rst_module *m)
{
    static char empty[1];
    m->failed = true;
    m->scrap.prefix = empty;
    return &m->scrap;
}

rst_layer *rst__layer_add(rst_module *m, rst_layer *parent, const char *name, rst_layer_kind kind)
{
    char number[16], full[256];
    if (!name) {
        (void)snprintf(number, sizeof number, "%d", parent->nsub);
        name = number;
    }
    const char *dot = *parent->prefix && *name ? "." : "";
    int n = snprintf(full, sizeof full, "%s%s%s", parent->prefix, dot, name);
    m->bad_name |= n < 0 || (size_t)n >= sizeof full;
    rst_layer *l = room_for_child(parent) ? rst__calloc(1, sizeof *l) : NULL;
    if (!l)
        return scrap(m);
    *l = (rst_layer){ .kind = kind, .prefix = rst__strdup(full) };
    if (!l->prefix) {
        rst__free(l);
        return scrap(m);
    }
    parent->sub[parent->nsub++] = l;
    return l;
}

rst_layer *rst__add_seq(rst_module *m, rst_layer *parent, const char *name)
{
    return rst__layer_add(m, parent, name, RST_LAYER_SEQ);
}

rst_layer *rst__add_call(rst_module *m, rst_layer *parent, const char *name, rst_layer_fn fn)
{
    rst_layer *l = rst__layer_add(m, parent, name, RST_LAYER_CALL);
    l->call = fn;
    return l;
}

rst_conv_spec rst__conv_spec(int64_t ci, int64_t co, int k, int stride, int pad)
{
    return (rst_conv_spec){
        .ci = ci, .co = co, .k = { k, k }, .stride = { stride, stride }, .pad = { pad, pad }
    };
}

/* The order is PyTorch's: with the old spectral_norm hook the bias comes first (spec 0.5). */
static void conv_params(rst_module *m, rst_layer *l, const rst_conv_spec *s)
{
    int64_t per = s->ci / (s->groups ? s->groups : 1);
    int64_t cog = s->co / (s->groups ? s->groups : 1);
    int64_t shape[4] = { s->co, per, s->k[0], s->k[1] };
    if (s->transposed) {
        shape[0] = s->ci;
        shape[1] = cog;
    }
    rst_role role = s->transposed ? RST_ROLE_CONVT : RST_ROLE_CONV;
    const char *weight = s->spectral ? "weight_orig" : "weight";
    if (s->spectral && !s->no_bias)
        l->b = rst__param_add(m, l->prefix, "bias", RST_ENTRY_PARAM, RST_ROLE_BIAS, 1, &s->co);
    l->w = rst__param_add(m, l->prefix, weight, RST_ENTRY_PARAM, role, 4, shape);
    if (!s->spectral && !s->no_bias)
        l->b = rst__param_add(m, l->prefix, "bias", RST_ENTRY_PARAM, RST_ROLE_BIAS, 1, &s->co);
    if (!s->spectral)
        return;
    if (l->w)
        l->w->spectral = true;
    int64_t rows = s->transposed ? shape[1] : shape[0];
    int64_t columns = (s->transposed ? shape[0] : shape[1]) * shape[2] * shape[3];
    l->u = rst__param_add(m, l->prefix, "weight_u", RST_ENTRY_BUFFER, RST_ROLE_UNIT, 1, &rows);
    l->v = rst__param_add(m, l->prefix, "weight_v", RST_ENTRY_BUFFER, RST_ROLE_UNIT, 1, &columns);
}

rst_layer *rst__add_conv(rst_module *m, rst_layer *parent, const char *name, rst_conv_spec s)
{
    rst_layer *l = rst__layer_add(m, parent, name, RST_LAYER_CONV);
    l->kh = s.k[0];
    l->kw = s.k[1];
    l->transposed = s.transposed;
    l->conv = (rst_conv_options){ .stride_h = s.stride[0] ? s.stride[0] : 1,
                                  .stride_w = s.stride[1] ? s.stride[1] : 1,
                                  .pad = { s.pad[0], s.pad[1], s.pad[0], s.pad[1] },
                                  .groups = s.groups,
                                  .out_pad_h = s.out_pad[0],
                                  .out_pad_w = s.out_pad[1] };
    conv_params(m, l, &s);
    return l;
}

rst_layer *rst__add_linear(rst_module *m, rst_layer *parent, const char *name, int64_t ci,
                           int64_t co, bool bias)
{
    rst_layer *l = rst__layer_add(m, parent, name, RST_LAYER_LINEAR);
    int64_t shape[2] = { co, ci };
    l->w = rst__param_add(m, l->prefix, "weight", RST_ENTRY_PARAM, RST_ROLE_LINEAR, 2, shape);
    if (bias)
        l->b = rst__param_add(m, l->prefix, "bias", RST_ENTRY_PARAM, RST_ROLE_BIAS, 1, &co);
    return l;
}

rst_layer *rst__add_batch_norm(rst_module *m, rst_layer *parent, const char *name, int64_t c,
                               double eps, double momentum)
{
    rst_layer *l = rst__layer_add(m, parent, name, RST_LAYER_BATCH_NORM);
    l->eps = eps;
    l->momentum = momentum;
    l->w = rst__param_add(m, l->prefix, "weight", RST_ENTRY_PARAM, RST_ROLE_BN_SCALE, 1, &c);
    l->b = rst__param_add(m, l->prefix, "bias", RST_ENTRY_PARAM, RST_ROLE_ZERO, 1, &c);
    l->mean = rst__param_add(m, l->prefix, "running_mean", RST_ENTRY_BUFFER, RST_ROLE_ZERO, 1, &c);
    l->var = rst__param_add(m, l->prefix, "running_var", RST_ENTRY_BUFFER, RST_ROLE_ONE, 1, &c);
    l->tracked = rst__param_add(m, l->prefix, "num_batches_tracked", RST_ENTRY_COUNTER,
                                RST_ROLE_ZERO, 0, NULL);
    return l;
}

rst_layer *rst__add_instance_norm(rst_module *m, rst_layer *parent, const char *name, int64_t c,
                                  double eps, bool affine)
{
    rst_layer *l = rst__layer_add(m, parent, name, RST_LAYER_INSTANCE_NORM);
    l->eps = eps;
    if (affine) {
        l->w = rst__param_add(m, l->prefix, "weight", RST_ENTRY_PARAM, RST_ROLE_ONE, 1, &c);
        l->b = rst__param_add(m, l->prefix, "bias", RST_ENTRY_PARAM, RST_ROLE_ZERO, 1, &c);
    }
    return l;
}

rst_layer *rst__add_act(rst_module *m, rst_layer *parent, rst_layer_kind kind)
{
    return rst__layer_add(m, parent, NULL, kind);
}

rst_layer *rst__add_leaky(rst_module *m, rst_layer *parent, double slope)
{
    rst_layer *l = rst__layer_add(m, parent, NULL, RST_LAYER_LEAKY);
    l->slope = slope;
    return l;
}

rst_layer *rst__add_pad(rst_module *m, rst_layer *parent, rst_pads p, rst_pad_mode mode)
{
    rst_layer *l = rst__layer_add(m, parent, NULL, RST_LAYER_PAD);
    l->pad = p;
    l->mode = mode;
    return l;
}

rst_layer *rst__add_reflect(rst_module *m, rst_layer *parent, int pad)
{
    return rst__add_pad(m, parent, (rst_pads){ pad, pad, pad, pad }, RST_PAD_REFLECT);
}

static rst_layer *add_filter(rst_module *m, rst_layer *parent, rst_layer_kind kind, int64_t c,
                             int filter, double gain)
{
    rst_layer *l = rst__layer_add(m, parent, NULL, kind);
    l->filter = filter;
    int64_t shape[4] = { c, 1, filter, filter };
    rst_param *p = rst__param_add(m, l->prefix, "filt", RST_ENTRY_FILTER, RST_ROLE_ZERO, 4, shape);
    if (p) {
        p->taps = filter;
        p->gain = gain;
    }
    return l;
}

rst_layer *rst__add_downsample(rst_module *m, rst_layer *parent, int64_t c, int filter,
                               rst_pad_mode mode)
{
    rst_layer *l = add_filter(m, parent, RST_LAYER_DOWNSAMPLE, c, filter, 1);
    l->mode = mode;
    return l;
}

rst_layer *rst__add_upsample(rst_module *m, rst_layer *parent, int64_t c, int filter)
{
    return add_filter(m, parent, RST_LAYER_UPSAMPLE, c, filter, 4);
}

rst_layer *rst__add_pool(rst_module *m, rst_layer *parent, rst_layer_kind kind, rst_pool_options o)
{
    rst_layer *l = rst__layer_add(m, parent, NULL, kind);
    l->pool = o;
    return l;
}
