/* SPDX-License-Identifier: MIT */
/* The group `training`: steps of a method from given weights on given pairs, with the random
 * decisions that the published code made. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"
#include "golden/torch_layout.h"
#include "method/losses.h"
#include "method/method.h"
#include "nn/module.h"
#include "tensor/dims.h"

enum { MAX_MASKS = 256 };

typedef struct run {
    gold_case *g;
    rst_method *m;
    int step;               /* from 1 */
    double *loss;           /* [steps][columns] */
    gold_chances chance;    /* flips, pools */
    float *mask[MAX_MASKS]; /* of this step's dropout layers */
    rst_mask_feed masks;
} run;

/* Options -------------------------------------------------------------------------------------- */

static bool is(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

static bool nce_options(gold_case *g, rst_method_options *o)
{
    json_t *layers = json_object_get(g->options, "nce_layers");
    o->nce_count = (int)json_array_size(layers);
    if (o->nce_count > RST_NCE_LAYERS)
        return gold_fail(g, "more than %d nce_layers", RST_NCE_LAYERS);
    for (int i = 0; i < o->nce_count; i++)
        o->nce_layers[i] = (int)json_integer_value(json_array_get(layers, (size_t)i));
    o->lambda_nce = gold_real(g, "lambda_NCE", 1);
    o->nce_idt = gold_bool(g, "nce_idt", false);
    o->nce_t = gold_real(g, "nce_T", 0.07);
    o->num_patches = (int)gold_int(g, "num_patches", 256);
    o->nce_all_negatives = gold_bool(g, "nce_includes_all_negatives_from_minibatch", false);
    o->flip_equivariance = gold_bool(g, "flip_equivariance", false);
    return true;
}

static bool asp_options(gold_case *g, rst_method_options *o)
{
    const char *mode = gold_text(g, "asp_loss_mode");
    json_t *weights = json_object_get(g->options, "gp_weights");
    o->lambda_asp = gold_real(g, "lambda_asp", 0);
    o->lambda_gp = gold_real(g, "lambda_gp", 0);
    if (mode && !rst__asp_mode_parse(mode, &o->asp_mode))
        return gold_fail(g, "cannot be mapped: asp_loss_mode %s", mode);
    for (int i = 0; i < RST_GP_LEVELS; i++)
        o->gp_weights[i] = 1;
    return !json_is_array(weights) ||
           gold_reals(g, weights, "gp_weights", RST_GP_LEVELS, o->gp_weights);
}

static bool pixel_options(gold_case *g, rst_method_options *o)
{
    const char *pattern = gold_text(g, "pattern");
    const int scales = gold_pyramid_scales(g, pattern ? pattern : "L1");
    if (scales == 0)
        return false;
    o->lambda_l1 = gold_real(g, "lambda_L1", 100);
    o->weight_l2 = scales > 1 ? gold_real(g, "weight_L2", 25) : 0;
    o->weight_l3 = scales > 2 ? gold_real(g, "weight_L3", 25) : 0;
    o->weight_l4 = scales > 3 ? gold_real(g, "weight_L4", 25) : 0;
    o->lambda_a = gold_real(g, "lambda_A", 10);
    o->lambda_b = gold_real(g, "lambda_B", 10);
    o->lambda_identity = gold_real(g, "lambda_identity", 0.5);
    o->pool_size = (int)gold_int(g, "pool_size", 0);
    return true;
}

static bool head_options(gold_case *g, rst_method_options *o)
{
    rst_error err = RST_ERROR_INIT;
    const char *name = gold_text(g, "netF");
    if (!name)
        return true; /* a method without patches */
    if (rst_arch_preset(name, &o->net_f, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    o->net_f.width = (int)gold_int(g, "netF_nc", 256);
    o->net_f.l2norm = is(gold_text(g, "repo"), "asp") ? RST_L2_ASP : RST_L2_CUT;
    return nce_options(g, o);
}

static bool method_options(gold_case *g, rst_method_options *o)
{
    const char *gan = gold_text(g, "gan_mode");
    if (!gan || !rst__gan_mode_parse(gan, &o->gan_mode))
        return gold_fail(g, "cannot be mapped: gan_mode %s", gan ? gan : "(none)");
    o->lambda_gan = gold_real(g, "lambda_GAN", 1);
    o->beta1 = gold_real(g, "beta1", 0.5);
    o->beta2 = gold_real(g, "beta2", 0.999);
    o->n_epochs = (int)gold_int(g, "n_epochs", 100);
    o->n_epochs_decay = (int)gold_int(g, "n_epochs_decay", 100);
    if (gold_real(g, "adam_eps", 1e-8) != 1e-8)
        return gold_fail(g, "cannot be mapped: another adam_eps than 1e-8");
    return gold_generator_arch(g, &o->net_g) && gold_discriminator_arch(g, &o->net_d) &&
           head_options(g, o) && asp_options(g, o) && pixel_options(g, o);
}

static const char *method_name(gold_case *g)
{
    const char *model = gold_text(g, "model"), *net = gold_text(g, "netG");
    const char *pattern = gold_text(g, "pattern");
    if (is(model, "cpt"))
        return net && strncmp(net, "ammfi", 5) == 0 ? "ammfi" : "asp";
    if (is(model, "cut"))
        return gold_bool(g, "flip_equivariance", false) ? "fastcut" : "cut";
    if (is(model, "pix2pix"))
        return is(pattern, "L1") ? "pix2pix" : "pyramid-pix2pix";
    if (is(model, "cycle_gan"))
        return "cyclegan";
    (void)gold_fail(g, "cannot be mapped: model %s", model ? model : "(none)");
    return NULL;
}

/* Weights and pictures ------------------------------------------------------------------------- */

static bool load_nets(run *r)
{
    rst_error err = RST_ERROR_INIT;
    for (int i = 0; i < r->m->nets; i++) {
        char prefix[32];
        (void)snprintf(prefix, sizeof prefix, "init.%s.", r->m->net[i].name);
        if (rst_module_load(r->m->net[i].net, r->g->file, prefix, 0, &err) < 0)
            return gold_fail(r->g, "%s", err.msg);
        gold_note_convs(r->g, r->m->net[i].net);
    }
    return true;
}

/* A picture as a batch wants it: n,h,w,c. */
static float *picture(gold_case *g, int pair, const char *side, rst_dims *s)
{
    char name[32];
    (void)snprintf(name, sizeof name, "pair%d.%s", pair, side);
    const rst_weight *w = gold_tensor(g, "input.", name);
    if (!w)
        return NULL;
    *s = gold_dims(w);
    double *v = gold_f64(w);
    float *x = gold_alloc((size_t)rst__numel(*s), sizeof *x);
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t c = 0; c < s->c; c++)
            for (int64_t i = 0; i < s->h * s->w; i++)
                x[(n * s->h * s->w + i) * s->c + c] = (float)v[(n * s->c + c) * s->h * s->w + i];
    free(v);
    return x;
}

static rst_tensor *patch_ids(void *user, int call, int layer)
{
    run *r = user;
    char name[64];
    (void)snprintf(name, sizeof name, "step%d.patch_ids.call%d.layer%d", r->step, call, layer);
    const rst_weight *w = gold_tensor(r->g, "rng.", name);
    int64_t *ids = w ? gold_i64(r->g, w) : NULL;
    rst_tensor *t = ids ? rst_upload_ids(r->m->c, rst_weight_elements(w), ids) : NULL;
    free(ids);
    return t;
}

/* The masks that the dropout layers of this step drew, in the order in which they ran. */
static bool take_masks(run *r)
{
    gold_case *g = r->g;
    r->masks = (rst_mask_feed){ .mask = (const float *const *)r->mask };
    for (int i = 0;; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "step%d.dropout_mask%d", r->step, i);
        const rst_weight *w = gold_find(g, "rng.", name);
        if (!w)
            break;
        if (i == MAX_MASKS)
            return gold_fail(g, "more than %d dropout masks in step %d", MAX_MASKS, r->step);
        r->mask[i] = gold_alloc((size_t)rst_weight_elements(w), sizeof(float));
        rst_weight_to_f32(w, r->mask[i]);
        r->masks.count++;
    }
    for (int i = 0; i < r->m->nets; i++)
        rst__module_dropout_feed(r->m->net[i].net, r->masks.count ? &r->masks : NULL);
    return true;
}

static bool used_masks(run *r)
{
    const rst_mask_feed *f = &r->masks;
    for (int i = 0; i < f->count; i++)
        free(r->mask[i]);
    return f->next == f->count ||
           gold_fail(r->g, "step %d used %d of %d dropout masks", r->step, f->next, f->count);
}

static bool uniform(void *user, double *out)
{
    run *r = user;
    return gold_chance(&r->chance, r->step, "uniform", out);
}

static bool below(void *user, int64_t n, int64_t *out)
{
    run *r = user;
    double v;
    bool ok = gold_chance(&r->chance, r->step, "index", &v) && v >= 0 && v < (double)n;
    *out = ok ? (int64_t)v : 0;
    return ok;
}

/* Decisions of the case. With patches: where they were, and how the reference's gradients went back
 * from them. */
static bool feed(run *r)
{
    const bool patches = gold_text(r->g, "netF");
    r->chance = (gold_chances){ .g = r->g };
    r->m->feed = (rst_method_feed){
        .patch_ids = patches ? patch_ids : NULL, .uniform = uniform, .below = below, .user = r
    };
    return !patches || gold_torch_layout(r->g, rst__method_net(r->m, "G"), r->m->o.nce_count,
                                         r->m->o.nce_layers, gold_int(r->g, "batch_size", 1));
}

/* What a step made ----------------------------------------------------------------------------- */

static double term(const rst_method *m, const char *name)
{
    for (int i = 0; i < RST_LOSS_TERMS && m->kind->term[i]; i++)
        if (strcmp(m->kind->term[i], name) == 0)
            return m->loss[i];
    return 0;
}

/* A column of the published log, which adds some terms up under one name. */
static double column(const run *r, const char *name)
{
    if (is(name, "D"))
        return 0.5 * (term(r->m, "D_real") + term(r->m, "D_fake"));
    if (is(name, "NCE") && is(gold_text(r->g, "model"), "cpt"))
        return term(r->m, "NCE") + term(r->m, "NCE_Y") + term(r->m, "ASP");
    return term(r->m, name);
}

static void note_losses(run *r, json_t *columns)
{

    size_t n = json_array_size(columns);
    for (size_t i = 0; i < n; i++)
        r->loss[(size_t)(r->step - 1) * n + i] =
            column(r, json_string_value(json_array_get(columns, i)));
}

static void note_pictures(void *user, rst_method *m)
{
    run *r = user;
    for (int i = 0; r->step == 1 && i < m->pictures; i++)
        (void)gold_put_tensor(r->g, "output.step1.", m->picture[i].name, m->picture[i].t);
}

/* Entries of one kind of all networks, as PREFIX + NET.NAME. */
static bool note_entries(run *r, const char *prefix, bool buffers, bool gradients)
{
    rst_entry e;
    for (int k = 0; k < r->m->nets; k++)
        for (int i = 0; rst_module_entry(r->m->net[k].net, i, &e); i++) {
            char name[256], full[300];
            double count = (double)e.count;
            (void)snprintf(name, sizeof name, "%s.%s", r->m->net[k].name, e.name);
            (void)snprintf(full, sizeof full, "%s%s", prefix, name);
            if (!json_object_get(r->g->tensors, full) || (e.kind == RST_ENTRY_PARAM) == buffers)
                continue;
            rst_tensor *t = gradients ? rst_grad(e.value) : e.value;
            if (e.kind == RST_ENTRY_COUNTER ? !gold_put(r->g, full, &count, 1)
                                            : !gold_put_tensor(r->g, prefix, name, t))
                return false;
        }
    return true;
}

/* values.after1 of a parameter: the lengths of value and update, and single elements. */
static bool check_parameter(run *r, const char *name, json_t *how, rst_tensor *p)
{
    gold_case *g = r->g;
    const rst_weight *w = gold_tensor(g, "init.", name);
    int64_t n = rst__numel(rst_shape(p));
    if (!w || rst_weight_elements(w) != n)
        return gold_fail(g, "init.%s: missing or of another size", name);
    double *from = gold_f64(w), *v = gold_alloc((size_t)n, sizeof *v), value = 0, moved = 0;
    const double lr = gold_real(g, "lr", 2e-4);
    bool ok = rst_download_f64(p, RST_NCHW, v) == 0,
         noise = json_is_true(json_object_get(how, "noise_only"));
    for (int64_t i = 0; i < n; i++) {
        value += v[i] * v[i];
        moved += (v[i] - from[i]) * (v[i] - from[i]);
    }
    double rtol = json_number_value(json_object_get(how, "update_l2_rtol"));
    char what[300];
    (void)snprintf(what, sizeof what, "after1 %s", name);
    if (ok && !noise)
        ok = gold_value(g, what, sqrt(value), json_number_value(json_object_get(how, "value_l2")),
                        0.05 * lr * sqrt((double)n), 1e-6) &&
             gold_value(g, what, sqrt(moved), json_number_value(json_object_get(how, "update_l2")),
                        1e-7 * sqrt(value), rtol);
    size_t i;
    json_t *probe;
    json_array_foreach(json_object_get(how, "probes"), i, probe)
    {
        int64_t at = json_integer_value(json_array_get(probe, 0));
        if (ok && !noise && at >= 0 && at < n)
            ok = gold_value(g, what, v[at], json_number_value(json_array_get(probe, 1)), 0.05 * lr,
                            0);
    }
    free(from);
    free(v);
    return ok;
}

static bool check_after1(run *r)
{
    const char *name;
    json_t *how;
    json_object_foreach(json_object_get(r->g->values, "after1"), name, how)
    {
        const char *dot = strchr(name, '.');
        char net[16];
        (void)snprintf(net, sizeof net, "%.*s", dot ? (int)(dot - name) : 0, name);
        rst_module *m = rst__method_net(r->m, net);
        rst_entry e;
        if (!m || !rst_module_entry(m, rst_module_find(m, dot + 1), &e))
            return gold_fail(r->g, "values.after1 names %s, which is not there", name);
        if (!check_parameter(r, name, how, e.value))
            return false;
    }
    return true;
}

/* A case --------------------------------------------------------------------------------------- */

static bool one_step(run *r, json_t *columns)
{
    gold_case *g = r->g;
    rst_error err = RST_ERROR_INIT;
    gold_torch_layout_step();
    json_t *pairs = json_object_get(g->options, "pair_of_step");
    int pair = (int)json_integer_value(json_array_get(pairs, (size_t)r->step - 1));
    rst_method_batch b = { .a = NULL };
    const bool back = is(gold_text(g, "direction"), "BtoA");
    float *he = picture(g, pair, back ? "B" : "A", &b.s);
    float *ihc = picture(g, pair, back ? "A" : "B", &b.s_b);
    b.a = he;
    b.b = ihc;
    rst_method_when when = { .epoch = (int)gold_int(g, "current_epoch", 1),
                             .lr = gold_real(g, "lr", 2e-4) };
    if (he && ihc && take_masks(r)) {
        if (rst__method_step(r->m, &b, 1, when, note_pictures, r, &err) < 0)
            (void)gold_fail(g, "%s", err.msg);
        (void)used_masks(r);
    }
    free(he);
    free(ihc);
    if (g->failed)
        return false;
    note_losses(r, columns);
    return r->step != 1 || (note_entries(r, "grad1.", false, true) &&
                            note_entries(r, "after1.", true, false) && check_after1(r));
}

static bool all_steps(run *r)
{
    gold_case *g = r->g;
    json_t *columns = json_object_get(json_object_get(g->tensors, "losses"), "columns");
    const int steps = (int)gold_int(g, "steps", 3);
    const size_t n = json_array_size(columns);
    if (n == 0 || steps < 1)
        return gold_fail(g, "no steps, or no columns of losses");
    r->loss = gold_alloc((size_t)steps * n, sizeof *r->loss);
    for (r->step = 1; r->step <= steps; r->step++)
        if (!one_step(r, columns))
            return false;
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "after%d.", steps);
    return note_entries(r, prefix, false, false) && note_entries(r, prefix, true, false) &&
           gold_put(g, "losses", r->loss, (int64_t)(n * (size_t)steps));
}

/* Those that no update has gone before. */
static bool first_losses_right(const run *r)
{
    json_t *how = json_object_get(r->g->tensors, "losses");
    const size_t n = json_array_size(json_object_get(how, "columns"));
    const rst_weight *w = gold_find(r->g, "", "losses");
    if (!w || rst_weight_elements(w) < (int64_t)n)
        return false;
    double *want = gold_f64(w);
    const double atol = json_number_value(json_object_get(how, "atol")),
                 rtol = json_number_value(json_object_get(how, "rtol"));
    bool right = true;
    for (size_t i = 0; i < n; i++)
        right = right && fabs(r->loss[i] - want[i]) <= atol + rtol * fabs(want[i]);
    free(want);
    return right;
}

static bool train(gold_case *g)
{
    rst_error err = RST_ERROR_INIT;
    rst_train_options o;
    const rst_method_kind *kind;
    run r = { .g = g };
    const char *name = method_name(g);
    if (!name)
        return false;
    if (rst__method_kind_find(&kind, name, &err) < 0 || rst_train_preset(name, &o, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    if (!method_options(g, &o.m))
        return false;
    if (rst__method_new(&r.m, g->ctx, kind, &o.m, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    bool ok = feed(&r) && load_nets(&r) && all_steps(&r) && gold_chances_used(&r.chance);
    g->verdict->trained = r.loss && first_losses_right(&r);
    free(r.loss);
    rst__method_free(r.m);
    return ok;
}

const gold_op gold_training[] = {
    { "train", train,
      " model repo netG netD netF n_layers_D ngf ndf norm normG normD weight_norm no_antialias "
      "no_antialias_up no_dropout gan_mode pool_size lr beta1 beta2 batch_size CUT_mode lambda_GAN "
      "lambda_NCE nce_idt nce_layers nce_includes_all_negatives_from_minibatch netF_nc nce_T "
      "num_patches flip_equivariance lambda_gp gp_weights lambda_asp asp_loss_mode n_downsampling "
      "n_epochs n_epochs_decay direction input_nc output_nc current_epoch steps adam_eps "
      "adam_betas pair_of_step stem_k ammfi_levels ammfi_reduction lambda_L1 pattern weight_L2 "
      "weight_L3 weight_L4 lambda_A lambda_B lambda_identity " },
    { NULL, NULL, NULL },
};
