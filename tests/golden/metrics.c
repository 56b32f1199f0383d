/* SPDX-License-Identifier: MIT */
/* The groups `metrics` and `backbones`: distances on network features, and those features. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"
#include "metric/feature.h"
#include "metric/lpips.h"
#include "metric/phv.h"
#include "nn/module.h"

/* Shared --------------------------------------------------------------------------------------- */

static bool parse_scaling(gold_case *g, rst_feature_scaling *out)
{
    json_t *o = json_object_get(g->options, "input_scaling");
    if (!json_is_object(o))
        return gold_fail(g, "cannot be mapped: no input_scaling");
    out->mul = json_number_value(json_object_get(o, "mul"));
    out->add = json_number_value(json_object_get(o, "add"));
    return gold_reals(g, json_object_get(o, "mean"), "input_scaling.mean", 3, out->mean) &&
           gold_reals(g, json_object_get(o, "std"), "input_scaling.std", 3, out->std);
}

static bool is_prng(gold_case *g, bool *out)
{
    const char *kind = gold_text(g, "weights");
    *out = kind && strcmp(kind, "prng") == 0;
    return *out || (kind && strcmp(kind, "stored") == 0) ||
           gold_fail(g, "cannot be mapped: weights %s", kind ? kind : "(none)");
}

/* The weights of an architecture: drawn, or those of the case. */
static rst_weights *weights_of(gold_case *g, const rst_arch *a, bool prng)
{
    rst_error err = RST_ERROR_INIT;
    rst_module *names = NULL;
    if (!prng)
        return gold_weights(g);
    if (rst_module_new(&names, NULL, a, &err) < 0) {
        (void)gold_fail(g, "%s", err.msg);
        return NULL;
    }
    rst_weights *w = gold_prng(g, names);
    rst_module_free(names);
    return w;
}

/* A drawn or stored network, ready to run; NULL: failed. */
static rst_module *feature_net(gold_case *g, const rst_arch *a)
{
    bool prng;
    rst_error err = RST_ERROR_INIT;
    rst_module *m = NULL;
    rst_weights *w = is_prng(g, &prng) ? weights_of(g, a, prng) : NULL;
    if (!w)
        return NULL;
    if (rst__feature_net(&m, g->ctx, a, w, "", &err) < 0)
        (void)gold_fail(g, "%s", err.msg);
    rst_weights_free(w);
    return m;
}

/* LPIPS ---------------------------------------------------------------------------------------- */

/* Squeeze widths are no option: they are those of the stored tensors. */
static void squeeze_widths(gold_case *g, rst_arch *a)
{
    static const char *const fire[8] = {
        "2.3", "2.4", "3.6", "3.7", "4.9", "5.10", "6.11", "7.12"
    };
    for (int i = 0; i < 8; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "net.slice%s.squeeze.weight", fire[i]);
        const rst_weight *w = gold_find(g, "param.", name);
        if (w)
            a->squeeze[i] = (int)w->shape[0];
    }
}

static bool lpips_arch(gold_case *g, rst_arch *a)
{
    static const char *const nets[3][2] = { { "alex", "alexnet" },
                                            { "vgg", "vgg16" },
                                            { "squeeze", "squeezenet" } };
    rst_error err = RST_ERROR_INIT;
    const char *net = gold_text(g, "net"), *preset = NULL;
    json_t *widths = json_object_get(g->options, "widths");
    for (int i = 0; net && i < 3; i++)
        if (strcmp(net, nets[i][0]) == 0)
            preset = nets[i][1];
    if (!preset)
        return gold_fail(g, "cannot be mapped: LPIPS on %s", net ? net : "(none)");
    if (rst_arch_preset(preset, a, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    a->names = RST_NAMES_LPIPS;
    int n = (int)json_array_size(widths);
    double w[RST_MAX_TAPS];
    if (widths && (n > RST_MAX_TAPS || !gold_reals(g, widths, "widths", n, w)))
        return gold_fail(g, "widths is no list of numbers");
    for (int i = 0; i < n; i++)
        a->widths[i] = (int)w[i];
    if (a->family == RST_NET_SQUEEZENET)
        squeeze_widths(g, a);
    return true;
}

/* One number an image, whatever its tensor is called. */
static bool put_layers(gold_case *g, const rst_lpips *l, rst_tensor *const *layer,
                       rst_tensor *const *feature)
{
    for (int i = 0; i < rst__lpips_layers(l); i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "layer%d", i);
        if (!gold_out(g, name, layer[i]))
            return false;
        (void)snprintf(name, sizeof name, "feat0_%d", i);
        char full[64];
        (void)snprintf(full, sizeof full, "output.%s", name);
        if (json_object_get(g->tensors, full) && !gold_out(g, name, feature[i]))
            return false;
    }
    return true;
}

static bool run_lpips(gold_case *g, rst_lpips *l)
{
    rst_tensor *layer[RST_MAX_TAPS] = { NULL }, *feature[RST_MAX_TAPS] = { NULL };
    rst_tensor *x = gold_input(g, "in0"), *y = gold_input(g, "in1");
    if (gold_bool(g, "normalize", false)) { /* inputs in 0..1 */
        x = rst_affine(x, 2, -1);
        y = rst_affine(y, 2, -1);
    }
    gold_note_convs(g, rst__lpips_net(l));
    return gold_out(g, "distance", rst__lpips_run(l, x, y, layer, feature)) &&
           put_layers(g, l, layer, feature) && gold_backward(g, NULL);
}

static bool lpips(gold_case *g)
{
    bool prng;
    rst_arch a;
    rst_lpips *l = NULL;
    rst_feature_scaling scaling;
    rst_error err = RST_ERROR_INIT;
    if (!is_prng(g, &prng) || !lpips_arch(g, &a) || !parse_scaling(g, &scaling))
        return false;
    rst_weights *net = weights_of(g, &a, prng), *heads = net ? gold_weights(g) : NULL;
    bool ok = heads && rst__lpips_new(&l, g->ctx, &a, net, prng ? "" : "net.", heads, "", &scaling,
                                      &err) == 0;
    if (heads && !ok)
        (void)gold_fail(g, "%s", err.msg);
    rst_weights_free(net);
    rst_weights_free(heads);
    ok = ok && run_lpips(g, l);
    rst_lpips_free(l);
    return ok;
}

/* PHV ------------------------------------------------------------------------------------------ */

/* Features at options.taps of a chain of layers. */
static int chain_features(gold_case *g, rst_module *m, rst_tensor *x, rst_tensor **out)
{
    json_t *list = json_object_get(g->options, "taps");
    int n = (int)json_array_size(list), ids[RST_MAX_TAPS], last = m->root->nsub - 1;
    if (n > RST_MAX_TAPS)
        return 0;
    for (int i = 0; i < n; i++)
        ids[i] = (int)json_integer_value(json_array_get(list, (size_t)i));
    rst_taps taps = { .count = n, .ids = ids, .out = out };
    (void)rst__seq_run(m, m->root, 0, last, x, &taps);
    return n;
}

static int stage_features(gold_case *g, rst_module *m, const char *image, rst_tensor **out)
{
    rst_feature_scaling scaling;
    if (!parse_scaling(g, &scaling))
        return 0;
    rst_tensor *x = rst__feature_input(gold_input(g, image), &scaling);
    return m->features ? rst_module_features(m, x, RST_MAX_TAPS, out)
                       : chain_features(g, m, x, out);
}

static bool put_mean(gold_case *g, const char *image, const char *layer, rst_tensor *feature,
                     rst_tensor **mean)
{
    char name[128];
    (void)snprintf(name, sizeof name, "mean_%s_%s", image, layer);
    *mean = rst__spatial_mean(feature);
    return gold_out(g, name, *mean);
}

/* Share of channels apart by more than T, over all images of the batch. */
static double share(rst_tensor *a, rst_tensor *b, double threshold)
{
    int64_t n = rst_shape(a).n * rst_shape(a).c;
    float *va = gold_alloc((size_t)n, sizeof *va), *vb = gold_alloc((size_t)n, sizeof *vb);
    double v = rst_download(a, RST_NCHW, va) == 0 && rst_download(b, RST_NCHW, vb) == 0
                   ? rst__phv_share(va, vb, n, threshold)
                   : -1;
    free(va);
    free(vb);
    return v;
}

static bool check_phv(gold_case *g, const double *phv, int n)
{
    double want[RST_MAX_TAPS], atol[RST_MAX_TAPS], sum = 0, slack = 0;
    if (!gold_reals(g, json_object_get(g->values, "phv"), "values.phv", n, want) ||
        !gold_reals(g, json_object_get(g->values, "phv_atol"), "values.phv_atol", n, atol))
        return false;
    for (int i = 0; i < n; i++) {
        char what[32];
        (void)snprintf(what, sizeof what, "PHV %d", i + 1);
        sum += phv[i] / n;
        slack += atol[i] / n;
        if (!gold_value(g, what, phv[i], want[i], atol[i], 0))
            return false;
    }
    json_t *average = json_object_get(g->values, "phv_avg");
    return !average || gold_value(g, "average PHV", sum, json_number_value(average), slack, 1e-12);
}

static bool run_phv(gold_case *g, rst_module *m)
{
    json_t *layers = json_object_get(g->options, "layers");
    rst_tensor *fake[RST_MAX_TAPS] = { NULL }, *real[RST_MAX_TAPS] = { NULL };
    double phv[RST_MAX_TAPS];
    int n = stage_features(g, m, "fake", fake);
    if (!gold_device_ok(g))
        return false;
    if (n == 0 || n != (int)json_array_size(layers) || stage_features(g, m, "real", real) != n)
        return gold_fail(g, "%d features for %d layers", n, (int)json_array_size(layers));
    for (int i = 0; i < n; i++) {
        const char *layer = json_string_value(json_array_get(layers, (size_t)i));
        if (!layer || !put_mean(g, "fake", layer, fake[i], &fake[i]) ||
            !put_mean(g, "real", layer, real[i], &real[i]))
            return gold_fail(g, "options.layers is no list of names");
        phv[i] = share(fake[i], real[i], gold_real(g, "T", 0.01));
    }
    gold_note_convs(g, m);
    return check_phv(g, phv, n);
}

static bool is_text(gold_case *g, const char *key, const char *want)
{
    const char *v = gold_text(g, key);
    return !v || strcmp(v, want) == 0 || gold_fail(g, "cannot be mapped: %s %s", key, v);
}

static bool phv(gold_case *g)
{
    rst_arch a;
    rst_error err = RST_ERROR_INIT;
    const char *net = gold_text(g, "net");
    if (!is_text(g, "statistic", "channel_fraction_above_T") || !net)
        return gold_fail(g, "cannot be mapped: no net");
    rst_module *m;
    if (gold_has(g, "modules")) {
        m = gold_chain(g);
    } else {
        if (rst_arch_preset(net, &a, &err) < 0)
            return gold_fail(g, "%s", err.msg);
        if (gold_real(g, "bn_eps", 1e-5) != 1e-5)
            return gold_fail(g, "cannot be mapped: another bn_eps than 1e-5");
        m = feature_net(g, &a);
    }
    bool ok = m && run_phv(g, m);
    rst_module_free(m);
    return ok;
}

/* Inception ------------------------------------------------------------------------------------ */

static bool inception_arch(gold_case *g, rst_arch *a)
{
    rst_error err = RST_ERROR_INIT;
    const char *variant = gold_text(g, "variant");
    bool kid = variant && strcmp(variant, "kid") == 0;
    if (!variant || (!kid && strcmp(variant, "fid") != 0))
        return gold_fail(g, "cannot be mapped: variant %s", variant ? variant : "(none)");
    if (rst_arch_preset(kid ? "inception_kid" : "inception_fid", a, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    if (gold_real(g, "bn_eps", 1e-3) != 1e-3 ||
        gold_bool(g, "avg_pool_count_include_pad", kid) != kid)
        return gold_fail(g, "cannot be mapped: bn_eps or avg_pool_count_include_pad");
    return is_text(g, "mixed_7c_pool", kid ? "avg" : "max") && is_text(g, "net", "inception_v3") &&
           is_text(g, "statistic", "spatial_mean");
}

/* The metric's own preparation if that is what the case describes; its pieces otherwise. */
static rst_tensor *inception_input(gold_case *g, rst_tensor *x)
{
    json_t *o = json_object_get(g->options, "resize");
    rst_feature_scaling s;
    int64_t size[2];
    const char *mode = json_string_value(json_object_get(o, "mode"));
    if (!parse_scaling(g, &s))
        return NULL;
    if (o && json_is_null(o)) /* as it is */
        return rst__feature_input(x, &s);
    if (!gold_pair(g, o, "size", size))
        return NULL;
    if (!mode || strcmp(mode, "bilinear") != 0 ||
        json_is_true(json_object_get(o, "align_corners")) ||
        json_is_true(json_object_get(o, "antialias"))) {
        (void)gold_fail(g, "cannot be mapped: another way to resize");
        return NULL;
    }
    bool plain = s.mul == 2 && s.add == -1;
    for (int i = 0; i < 3; i++)
        plain = plain && s.mean[i] == 0 && s.std[i] == 1;
    if (plain && size[0] == 299 && size[1] == 299)
        return rst__inception_input(x);
    return rst__feature_input(rst_resize(x, RST_BILINEAR, size[0], size[1]), &s);
}

static bool run_inception(gold_case *g, rst_module *m)
{
    rst_tensor *block[RST_MAX_TAPS] = { NULL };
    rst_tensor *x = inception_input(g, gold_input(g, "x"));
    int n = x ? rst_module_features(m, x, RST_MAX_TAPS, block) : 0;
    gold_note_convs(g, m);
    for (int i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "block%d_mean", i);
        if (!gold_out(g, name, rst__spatial_mean(block[i])))
            return false;
    }
    return gold_device_ok(g);
}

static bool inception(gold_case *g)
{
    rst_arch a;
    rst_module *m = inception_arch(g, &a) ? feature_net(g, &a) : NULL;
    bool ok = m && run_inception(g, m);
    rst_module_free(m);
    return ok;
}

const gold_op gold_metrics[] = {
    { "ssim_psnr", gold_ssim_psnr,
      " win_size gaussian_weights sigma use_sample_covariance data_range K1 K2 " },
    { "fid", gold_fid, " n1 n2 dims " },
    { "kid", gold_kid, " n_true n_fake dims n_subsets subset_size degree gamma coef0 " },
    { "lpips", lpips, " weights net normalize widths input_scaling " },
    { "phv", phv, " weights T layers net widths taps modules bn_eps input_scaling statistic " },
    { "inception", inception,
      " weights variant resize bn_eps net input_scaling avg_pool_count_include_pad mixed_7c_pool "
      "taps statistic " },
    { NULL, NULL, NULL },
};
