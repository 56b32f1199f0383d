/* SPDX-License-Identifier: MIT */
/* Chains of PyTorch layers, as options.modules lists them. */
#include <stdio.h>
#include <string.h>

#include "golden/golden.h"
#include "nn/module.h"

/* One layer being added. */
typedef struct adding {
    gold_case *g;
    rst_module *m;
    json_t *o; /* its description */
    const char *type;
    char name[128]; /* prefix without its last dot */
} adding;

static rst_layer *add(const adding *a, rst_layer_kind kind)
{
    return rst__layer_add(a->m, a->m->root, a->name, kind);
}

/* Getters: absent is `otherwise`; another type fails the case. --------------------------------- */

static int64_t integer(const adding *a, const char *key, int64_t otherwise)
{
    json_t *v = json_object_get(a->o, key);
    if (!v)
        return otherwise;
    if (!json_is_integer(v) || json_integer_value(v) > 1 << 20) {
        (void)gold_fail(a->g, "%s: %s is no integer up to 2^20", a->type, key);
        return otherwise;
    }
    return json_integer_value(v);
}

static double real(const adding *a, const char *key, double otherwise)
{
    json_t *v = json_object_get(a->o, key);
    if (!v)
        return otherwise;
    if (!json_is_number(v))
        (void)gold_fail(a->g, "%s: %s is no number", a->type, key);
    return json_number_value(v);
}

static bool boolean(const adding *a, const char *key, bool otherwise)
{
    json_t *v = json_object_get(a->o, key);
    if (!v || json_is_null(v))
        return otherwise;
    if (!json_is_boolean(v))
        (void)gold_fail(a->g, "%s: %s is neither true nor false", a->type, key);
    return json_is_true(v);
}

static void pair(const adding *a, const char *key, int otherwise, int out[2])
{
    int64_t v[2] = { otherwise, otherwise };
    if (json_object_get(a->o, key))
        (void)gold_pair(a->g, a->o, key, v);
    out[0] = (int)v[0];
    out[1] = (int)v[1];
}

static bool pad_mode(const adding *a, const char *text, rst_pad_mode *out)
{
    if (text && (strcmp(text, "ReflectionPad2d") == 0 || strcmp(text, "reflect") == 0))
        *out = RST_PAD_REFLECT;
    else if (text && (strcmp(text, "ReplicationPad2d") == 0 || strcmp(text, "repl") == 0 ||
                      strcmp(text, "replicate") == 0))
        *out = RST_PAD_EDGE;
    else if (text && (strcmp(text, "ZeroPad2d") == 0 || strcmp(text, "zero") == 0))
        *out = RST_PAD_ZERO;
    else
        return gold_fail(a->g, "%s: unknown padding %s", a->type, text ? text : "(none)");
    return true;
}

/* Layers --------------------------------------------------------------------------------------- */

static void add_conv(const adding *a)
{
    rst_conv_spec s = { .ci = integer(a, "in", 0),
                        .co = integer(a, "out", 0),
                        .groups = (int)integer(a, "groups", 1),
                        .transposed = strcmp(a->type, "ConvTranspose2d") == 0,
                        .no_bias = !boolean(a, "bias", true),
                        .spectral = boolean(a, "spectral_norm", false) };
    int dilation[2];
    pair(a, "kernel", 1, s.k);
    pair(a, "stride", 1, s.stride);
    pair(a, "padding", 0, s.pad);
    pair(a, "output_padding", 0, s.out_pad);
    pair(a, "dilation", 1, dilation);
    const char *mode = json_string_value(json_object_get(a->o, "padding_mode"));
    if (dilation[0] != 1 || dilation[1] != 1 || s.ci < 1 || s.co < 1)
        (void)gold_fail(a->g, "%s: dilation, or no channels", a->type);
    else {
        rst_layer *l = rst__add_conv(a->m, a->m->root, a->name, s);
        if (mode && strcmp(mode, "reflect") == 0)
            l->conv.mode = RST_PAD_REFLECT;
        else if (mode && strcmp(mode, "replicate") == 0)
            l->conv.mode = RST_PAD_EDGE;
        else if (mode && strcmp(mode, "zeros") != 0)
            (void)gold_fail(a->g, "%s: padding_mode %s", a->type, mode);
    }
}

static void add_linear(const adding *a)
{
    (void)rst__add_linear(a->m, a->m->root, a->name, integer(a, "in", 0), integer(a, "out", 0),
                          boolean(a, "bias", true));
}

static void add_norm(const adding *a)
{
    int64_t c = integer(a, "channels", 0);
    double eps = real(a, "eps", 1e-5);
    if (strcmp(a->type, "InstanceNorm2d") == 0)
        (void)rst__add_instance_norm(a->m, a->m->root, a->name, c, eps,
                                     boolean(a, "affine", false));
    else if (!boolean(a, "affine", true))
        (void)gold_fail(a->g, "%s: affine false", a->type);
    else
        (void)rst__add_batch_norm(a->m, a->m->root, a->name, c, eps, real(a, "momentum", 0.1));
}

static void add_activation(const adding *a)
{
    static const struct {
        const char *type;
        rst_layer_kind kind;
    } kinds[] = { { "ReLU", RST_LAYER_RELU },
                  { "LeakyReLU", RST_LAYER_LEAKY },
                  { "Tanh", RST_LAYER_TANH },
                  { "Sigmoid", RST_LAYER_SIGMOID },
                  { "Identity", RST_LAYER_IDENTITY } };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(a->type, kinds[i].type) == 0)
            add(a, kinds[i].kind)->slope = real(a, "slope", 0.01);
}

static void add_pad(const adding *a)
{
    rst_layer *l = add(a, RST_LAYER_PAD);
    double side[4];
    if (pad_mode(a, a->type, &l->mode) &&
        gold_reals(a->g, json_object_get(a->o, "pad_lrtb"), "pad_lrtb", 4, side))
        l->pad = (rst_pads){ (int)side[2], (int)side[0], (int)side[3], (int)side[1] };
}

static void add_pool(const adding *a)
{
    int k[2], stride[2], pad[2], dilation[2];
    pair(a, "kernel", 1, k);
    pair(a, "stride", k[0], stride);
    pair(a, "padding", 0, pad);
    pair(a, "dilation", 1, dilation);
    if (dilation[0] != 1 || dilation[1] != 1)
        (void)gold_fail(a->g, "%s: dilation", a->type);
    bool max = strcmp(a->type, "MaxPool2d") == 0;
    rst_layer *l = add(a, max ? RST_LAYER_MAX_POOL : RST_LAYER_AVG_POOL);
    l->pool = (rst_pool_options){ .kernel_h = k[0],
                                  .kernel_w = k[1],
                                  .stride_h = stride[0],
                                  .stride_w = stride[1],
                                  .pad_h = pad[0],
                                  .pad_w = pad[1],
                                  .ceil_mode = boolean(a, "ceil_mode", false),
                                  .count_include_pad = boolean(a, "count_include_pad", !max) };
}

static void add_adaptive_pool(const adding *a)
{
    int64_t size[2];
    rst_layer *l = add(a, RST_LAYER_ADAPTIVE_POOL);
    if (gold_pair(a->g, a->o, "output_size", size)) {
        l->oh = size[0];
        l->ow = size[1];
    }
}

static void add_blur(const adding *a)
{
    bool down = strcmp(a->type, "Downsample") == 0;
    int64_t c = integer(a, "channels", 0), f = integer(a, "filt_size", down ? 3 : 4);
    rst_layer *l = add(a, down ? RST_LAYER_DOWNSAMPLE : RST_LAYER_UPSAMPLE);
    if (c < 1 || f < 1 || f > 7 || integer(a, "stride", 2) != 2) {
        (void)gold_fail(a->g, "%s: channels, filt_size or stride", a->type);
        return;
    }
    const char *mode = json_string_value(json_object_get(a->o, "pad_type"));
    if (!pad_mode(a, mode ? mode : down ? "reflect" : "repl", &l->mode))
        return;
    if (!down && l->mode != RST_PAD_EDGE)
        (void)gold_fail(a->g, "%s: pad_type", a->type);
    int64_t shape[4] = { c, 1, f, f };
    l->filter = (int)f;
    rst_param *p =
        rst__param_add(a->m, l->prefix, "filt", RST_ENTRY_FILTER, RST_ROLE_ZERO, 4, shape);
    if (p) {
        p->taps = (int)f;
        p->gain = down ? 1 : 4;
    }
}

static void add_interp(const adding *a)
{
    static const char *const modes[] = { "nearest", "bilinear", "bicubic" };
    json_t *size = json_object_get(a->o, "size"), *by = json_object_get(a->o, "scale_factor");
    const char *mode = json_string_value(json_object_get(a->o, "mode"));
    int kind = 0;
    while (kind < 3 && (!mode || strcmp(mode, modes[kind]) != 0))
        kind++;
    if (kind == 3 || boolean(a, "align_corners", false) || boolean(a, "antialias", false)) {
        (void)gold_fail(a->g, "%s: mode, align_corners or antialias", a->type);
        return;
    }
    bool sized = size && !json_is_null(size);
    int64_t side[2] = { 0, 0 };
    rst_layer *l = add(a, sized ? RST_LAYER_RESIZE : RST_LAYER_RESIZE_BY);
    l->interp = (rst_interp)kind;
    if (sized && gold_pair(a->g, a->o, "size", side)) {
        l->oh = side[0];
        l->ow = side[1];
    } else if (!sized) {
        double each[2] = { json_number_value(by), json_number_value(by) };
        if (json_is_array(by))
            (void)gold_reals(a->g, by, "scale_factor", 2, each);
        if (each[0] != each[1] || !(each[0] > 0))
            (void)gold_fail(a->g, "%s: scale_factor", a->type);
        l->factor = each[0];
    }
}

static void add_normalize(const adding *a)
{
    rst_layer *l = add(a, RST_LAYER_L2NORM);
    const char *kind = json_string_value(json_object_get(a->o, "l2norm"));
    bool cut = kind ? strcmp(kind, "cut") == 0 : strcmp(a->g->op, "l2norm_cut") == 0;
    l->l2 = cut ? RST_L2_CUT : RST_L2_ASP;
    l->eps = real(a, "eps", 1e-7);
    if (integer(a, "power", 2) != 2)
        (void)gold_fail(a->g, "%s: power", a->type);
}

static const struct {
    const char *type;
    void (*add)(const adding *a);
    const char *keys; /* that are understood, besides type and prefix */
} types[] = {
    { "Conv2d", add_conv,
      " in out kernel stride padding dilation groups bias padding_mode spectral_norm " },
    { "ConvTranspose2d", add_conv,
      " in out kernel stride padding output_padding dilation groups bias spectral_norm " },
    { "Linear", add_linear, " in out bias " },
    { "BatchNorm2d", add_norm, " channels eps momentum affine " },
    { "InstanceNorm2d", add_norm, " channels eps momentum affine " },
    { "ReLU", add_activation, " " },
    { "LeakyReLU", add_activation, " slope " },
    { "Tanh", add_activation, " " },
    { "Sigmoid", add_activation, " " },
    { "Identity", add_activation, " " },
    { "ReflectionPad2d", add_pad, " pad_lrtb " },
    { "ReplicationPad2d", add_pad, " pad_lrtb " },
    { "ZeroPad2d", add_pad, " pad_lrtb " },
    { "MaxPool2d", add_pool, " kernel stride padding dilation ceil_mode " },
    { "AvgPool2d", add_pool, " kernel stride padding ceil_mode count_include_pad " },
    { "AdaptiveAvgPool2d", add_adaptive_pool, " output_size " },
    { "Downsample", add_blur, " channels filt_size stride pad_type " },
    { "Upsample", add_blur, " channels filt_size stride pad_type " },
    { "Interp", add_interp, " mode size scale_factor align_corners antialias " },
    { "Normalize", add_normalize, " l2norm eps power " },
};

static bool keys_known(const adding *a, const char *known)
{
    const char *key;
    json_t *value;
    json_object_foreach(a->o, key, value)
    {
        char padded[64];
        int n = snprintf(padded, sizeof padded, " %s ", key);
        if (strcmp(key, "type") == 0 || strcmp(key, "prefix") == 0)
            continue;
        if (n >= (int)sizeof padded || !strstr(known, padded))
            return gold_fail(a->g, "cannot be mapped: %s has an unknown %s", a->type, key);
    }
    return true;
}

static bool add_module(adding *a)
{
    const char *prefix = json_string_value(json_object_get(a->o, "prefix"));
    a->type = json_string_value(json_object_get(a->o, "type"));
    if (!a->type || !prefix || strlen(prefix) >= sizeof a->name)
        return gold_fail(a->g, "options.modules: a layer without type or prefix");
    (void)snprintf(a->name, sizeof a->name, "%s", prefix);
    size_t n = strlen(a->name);
    if (n && a->name[n - 1] == '.')
        a->name[n - 1] = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].type, a->type) == 0) {
            if (keys_known(a, types[i].keys))
                types[i].add(a);
            return !a->g->failed;
        }
    return gold_fail(a->g, "cannot be mapped: no layer %s", a->type);
}

static bool add_all(gold_case *g, rst_module *m)
{
    json_t *list = json_object_get(g->options, "modules");
    rst_error err = RST_ERROR_INIT;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return gold_fail(g, "cannot be mapped: %s has no options.modules", g->op);
    adding a = { .g = g, .m = m };
    for (size_t i = 0; i < json_array_size(list); i++) {
        a.o = json_array_get(list, i);
        if (!add_module(&a))
            return false;
    }
    if (rst__module_finish(m, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    return gold_load(g, m);
}

rst_module *gold_chain(gold_case *g)
{
    rst_module *m = rst__module_empty(g->ctx);
    if (!m) {
        (void)gold_fail(g, "out of memory");
        return NULL;
    }
    if (add_all(g, m))
        return m;
    rst_module_free(m);
    return NULL;
}
