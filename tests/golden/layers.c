/* SPDX-License-Identifier: MIT */
/* The group `layers`: chains of layers, attention blocks, RRDBNet. */
#include <string.h>

#include "golden/golden.h"

/* Forward passes ------------------------------------------------------------------------------- */

/* {"output": y, "input": x, "scale": a, "shift": b}: y = m(a*x + b) */
static bool forward_one(gold_case *g, rst_module *m, json_t *f)
{
    const char *out = json_string_value(json_object_get(f, "output"));
    const char *in = json_string_value(json_object_get(f, "input"));
    json_t *scale = json_object_get(f, "scale"), *shift = json_object_get(f, "shift");
    if (!out || !in)
        return gold_fail(g, "options.forwards: neither input nor output");
    rst_tensor *x = gold_input(g, in);
    double a = scale ? json_number_value(scale) : 1, b = shift ? json_number_value(shift) : 0;
    if (a != 1 || b != 0)
        x = rst_affine(x, a, b);
    else
        gold_give_net(g, m, in, out);
    return gold_out(g, out, rst_module_forward(m, x));
}

static bool forwards(gold_case *g, rst_module *m)
{
    json_t *list = json_object_get(g->options, "forwards");
    if (!list) {
        gold_give_net(g, m, "x", "y");
        return gold_out(g, "y", rst_module_forward(m, gold_input(g, "x")));
    }
    if (!json_is_array(list) || json_array_size(list) == 0)
        return gold_fail(g, "options.forwards is no list");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!forward_one(g, m, json_array_get(list, i)))
            return false;
    return true;
}

static bool run_module(gold_case *g, rst_module *m)
{
    if (!m)
        return false;
    gold_note_convs(g, m);
    gold_give_net(g, m, "x", NULL);
    return forwards(g, m) && gold_backward(g, m) && gold_after(g, m);
}

static bool chain(gold_case *g)
{
    return run_module(g, gold_chain(g));
}

/* Blocks --------------------------------------------------------------------------------------- */

static bool preset(gold_case *g, const char *name, rst_arch *a)
{
    rst_error err = RST_ERROR_INIT;
    return rst_arch_preset(name, a, &err) == 0 || gold_fail(g, "%s", err.msg);
}

static bool cbam(gold_case *g)
{
    rst_arch a;
    if (!preset(g, g->op, &a))
        return false;
    const rst_weight *x = gold_tensor(g, "input.", "x");
    if (!x)
        return false;
    a.width = (int)gold_int(g, "channels", gold_dims(x).c);
    a.reduction = (int)gold_int(g, "reduction", 16);
    return run_module(g, gold_net(g, &a));
}

static bool rrdbnet(gold_case *g)
{
    rst_arch a;
    int64_t sf = gold_int(g, "sf", 4);
    if (!preset(g, sf == 2 ? "rrdbnet_x2" : "rrdbnet_x4", &a))
        return false;
    a.input_nc = (int)gold_int(g, "in_nc", 3);
    a.output_nc = (int)gold_int(g, "out_nc", 3);
    a.width = (int)gold_int(g, "nf", 64);
    a.blocks = (int)gold_int(g, "nb", 23);
    a.growth = (int)gold_int(g, "gc", 32);
    a.scale = (int)sf;
    if (gold_real(g, "lrelu", 0.2) != 0.2)
        return gold_fail(g, "cannot be mapped: rrdbnet with another slope than 0.2");
    return run_module(g, gold_net(g, &a));
}

/* y = gate(skip, gating), and the map under its name if it has one. */
static bool run_gate(gold_case *g, const rst_arch *a, const char *skip, const char *gating,
                     const char *out, const char *map_name)
{
    rst_module *m = gold_net(g, a);
    if (!m)
        return false;
    gold_note_convs(g, m);
    rst_tensor *map = NULL, *s = gold_input(g, skip), *t = gold_input(g, gating);
    bool ok = gold_out(g, out, rst_module_gate(m, s, t, &map)) &&
              (!map_name || gold_out(g, map_name, map)) && gold_backward(g, m) && gold_after(g, m);
    rst_module_free(m);
    return ok;
}

static bool ammfi(gold_case *g)
{
    rst_arch a;
    if (!preset(g, "ammfi", &a))
        return false;
    const rst_weight *x = gold_tensor(g, "input.", "fe");
    if (!x)
        return false;
    a.width = (int)gold_int(g, "channels", gold_dims(x).c);
    a.reduction = (int)gold_int(g, "reduction", 16);
    return run_gate(g, &a, "fe", "fd", "y", NULL);
}

static bool attention_gate(gold_case *g)
{
    rst_arch a;
    int64_t sub[2] = { 2, 2 };
    const char *mode = gold_text(g, "mode");
    if (!preset(g, "attention_gate", &a))
        return false;
    if (gold_has(g, "sub_sample_factor") && !gold_pair(g, g->options, "sub_sample_factor", sub))
        return false;
    if (mode && strcmp(mode, "concatenation") != 0)
        return gold_fail(g, "cannot be mapped: attention_gate of another mode");
    a.width = (int)gold_int(g, "in_channels", 0);
    a.gating_nc = (int)gold_int(g, "gating_channels", 0);
    a.inter_nc = (int)gold_int(g, "inter_channels", 0);
    a.sub_sample[0] = (int)sub[0];
    a.sub_sample[1] = (int)sub[1];
    json_t *f = json_array_get(json_object_get(g->options, "forwards"), 0);
    const char *in[2] = { "x", "g" }, *out[2] = { "y", "att" };
    for (size_t i = 0; f && i < 2; i++) {
        in[i] = json_string_value(json_array_get(json_object_get(f, "inputs"), i));
        out[i] = json_string_value(json_array_get(json_object_get(f, "outputs"), i));
        if (!in[i] || !out[i])
            return gold_fail(g, "options.forwards: an attention gate has two inputs and outputs");
    }
    return run_gate(g, &a, in[0], in[1], out[0], out[1]);
}

const gold_op gold_layers[] = {
    { "ammfi", ammfi, " channels reduction forwards " },
    { "attention_gate", attention_gate,
      " in_channels gating_channels inter_channels mode sub_sample_factor forwards " },
    { "cbam", cbam, " channels reduction forwards " },
    { "cbam_channel", cbam, " channels reduction forwards " },
    { "cbam_spatial", cbam, " channels forwards " },
    { "rrdbnet", rrdbnet, " in_nc out_nc nf nb gc sf lrelu forwards " },
    { "*", chain, NULL }, /* whatever options.modules lists */
    { NULL, NULL, NULL },
};
