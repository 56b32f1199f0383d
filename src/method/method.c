/* SPDX-License-Identifier: MIT */
/* The registry of methods, and the building of one. */
#include "method/method.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"
#include "grad/engine.h"
#include "method/methods.h"
#include "nn/module.h"

/* Registry --------------------------------------------------------------------------------------
 */

static const rst_method_kind *const kinds[] = {
    &rst__method_ammfi,    &rst__method_asp,     &rst__method_cut,
    &rst__method_fastcut,  &rst__method_pix2pix, &rst__method_pyramid_pix2pix,
    &rst__method_cyclegan, &rst__method_bsrgan,
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

const rst_method_kind *rst__method_kind_at(int i)
{
    return i >= 0 && i < KINDS ? kinds[i] : NULL;
}

const char *rst_method_name(int i)
{
    const rst_method_kind *k = rst__method_kind_at(i);
    return k ? k->name : NULL;
}

const char *rst_method_line(int i)
{
    const rst_method_kind *k = rst__method_kind_at(i);
    return k ? k->line : NULL;
}

int rst__method_kind_find(const rst_method_kind **out, const char *name, rst_error *err)
{
    const rst_method_kind *best = kinds[0];
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i]->name, name) == 0) {
            *out = kinds[i];
            return 0;
        }
        if (rst__edits(name, kinds[i]->name) < rst__edits(name, best->name))
            best = kinds[i];
    }
    return rst_fail(err, RST_EINVAL, "%.60s: no such method; the nearest is %s", name, best->name);
}

static bool reads(const rst_method_kind *k, const char *flag)
{
    for (const char *const *r = k->reads; *r; r++)
        if (strcmp(*r, flag) == 0)
            return true;
    return false;
}

bool rst__method_reads(const rst_method_kind *k, const char *flag, const rst_method_kind **other)
{
    *other = NULL;
    for (int i = 0; i < KINDS && !*other; i++)
        if (reads(kinds[i], flag))
            *other = kinds[i];
    return !*other || reads(k, flag);
}

const char *rst__method_term_name(const rst_method_kind *k, int i)
{
    return i >= 0 && i < RST_LOSS_TERMS ? k->term[i] : NULL;
}

/* Settings --------------------------------------------------------------------------------------
 */

/* What most of the published code shares (spec 6.1). */
static rst_train_options common(void)
{
    return (rst_train_options){
        .m = { .init = RST_INIT_XAVIER,
               .init_gain = 0.02,
               .sn_default = true,
               .gan_mode = RST_GAN_LSGAN,
               .beta1 = 0.5,
               .beta2 = 0.999,
               .lambda_gan = 1,
               .gp_weights = { 1, 1, 1, 1, 1, 1 },
               .asp_mode = { .none = true },
               .nce_layers = { 0, 4, 8, 12, 16 },
               .nce_count = 5,
               .num_patches = 256,
               .nce_t = 0.07,
               .n_epochs = 100,
               .n_epochs_decay = 100 },
        .preprocess = RST_PREPROCESS_CROP,
        .load_size = 286,
        .crop_size = 256,
        .batch_size = 1,
        .accumulate = 1,
        .num_threads = 2,
        .cache_mb = 512,
        .lr_policy = RST_LR_LINEAR,
        .lr = 2e-4,
        .lr_decay_iters = 50,
        .lr_gamma = 0.1,
        .checkpoints_dir = "checkpoints",
        .print_freq = 100,
        .val_freq = 1,
        .val_count = 64,
        .panel_count = 4,
    };
}

int rst_train_preset(const char *method, rst_train_options *out, rst_error *err)
{
    const rst_method_kind *k;
    int rc = rst__method_kind_find(&k, method, err);
    if (rc < 0)
        return rc;
    *out = common();
    out->method = k->name;
    /* Those without a head show one all the same: what is printed can be read back. */
    rc = rst_arch_preset("mlp_sample", &out->m.net_f, err);
    return rc < 0 ? rc : k->preset(out, err);
}

int rst__method_fit_head(rst_method_options *o, rst_error *err)
{
    rst_module *g;
    char name[32];
    if (o->net_g.family != RST_NET_RESNET && o->net_g.family != RST_NET_AMMFI)
        return rst_fail(err, RST_EINVAL,
                        "--netG %s: has no layers that PatchNCE could compare; give a resnet or an "
                        "ammfi, or --lambda-NCE 0 (and --lambda-asp 0)",
                        rst_arch_name(&o->net_g, name));
    int rc = rst_module_new(&g, NULL, &o->net_g, err);
    if (rc < 0)
        return rc;
    o->net_f.taps = o->nce_count;
    for (int i = 0; rc == 0 && i < o->nce_count; i++) {
        o->net_f.widths[i] = (int)rst__tap_width(g, o->nce_layers[i]);
        if (o->net_f.widths[i] == 0 || (i && o->nce_layers[i] <= o->nce_layers[i - 1]))
            rc = rst_fail(err, RST_EINVAL,
                          "--nce-layers %d: the layers must ascend and be of the generator, of "
                          "ammfi's before the decoder",
                          o->nce_layers[i]);
    }
    rst_module_free(g);
    return rc;
}

/* Building --------------------------------------------------------------------------------------
 */

void rst__method_free(rst_method *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->nets; i++) {
        rst_adam_free(m->net[i].adam);
        rst_module_free(m->net[i].net);
        rst_module_free(m->net[i].ema);
    }
    for (int i = 0; i < 2; i++)
        rst__image_pool_free(&m->pool[i]);
    rst__free(m);
}

/* Weights are drawn for each network by itself, so that one does not depend on the others. */
static uint64_t seed_of(const rst_method *m, const char *name)
{
    rst_rng r = rst__rng(m->c->seed, name);
    return (uint64_t)rst__rng_u32(&r) << 32 | rst__rng_u32(&r);
}

static int add_ema(rst_method_net *n, rst_ctx *c, const rst_arch *a, rst_error *err)
{
    int rc = rst_module_new(&n->ema, c, a, err);
    if (rc < 0)
        return rc;
    rst_module_freeze(n->ema, true);
    return rst__module_blend(n->ema, n->net, 0, err);
}

int rst__method_add(rst_method *m, const char *name, rst_part part, const rst_arch *a,
                    rst_error *err)
{
    rst_method_net *n = &m->net[m->nets];
    char stream[64];
    (void)snprintf(stream, sizeof stream, "train/net_%s", name);
    int rc = rst_module_new(&n->net, m->c, a, err);
    if (rc < 0)
        return rc;
    m->nets++;
    n->name = name;
    n->part = part;
    rc = rst_module_init(n->net, m->o.init, m->o.init_gain, m->o.sn_default, seed_of(m, stream),
                         err);
    rst_module_reseed(n->net, m->c->seed, stream);
    rst_module_set_checkpointing(n->net, m->o.checkpoint_activations);
    if (rc == 0)
        rc = rst_adam_new(&n->adam, n->net, m->o.beta1, m->o.beta2, 1e-8, err);
    return rc == 0 && m->o.ema > 0 && part == RST_PART_GENERATOR ? add_ema(n, m->c, a, err) : rc;
}

rst_module *rst__method_net(const rst_method *m, const char *name)
{
    for (int i = 0; i < m->nets; i++)
        if (strcmp(m->net[i].name, name) == 0)
            return m->net[i].net;
    return NULL;
}

int rst__method_new(rst_method **out, rst_ctx *c, const rst_method_kind *kind,
                    const rst_method_options *o, rst_error *err)
{
    rst_method *m = rst__calloc(1, sizeof *m);
    if (!m)
        return rst__fail_nomem(err, "method");
    *m = (rst_method){ .kind = kind, .o = *o, .c = c, .rng = rst__rng(c->seed, "train/method") };
    int rc = kind->build(m, err);
    if (rc < 0) {
        rst__method_free(m);
        return rc;
    }
    *out = m;
    return 0;
}

/* For forward and loss functions ----------------------------------------------------------------
 */

rst_tensor *rst__method_show(rst_method *m, const char *name, rst_tensor *t)
{
    if (m->pictures < RST_METHOD_PICTURES) {
        m->picture[m->pictures].name = name;
        m->picture[m->pictures++].t = t;
    } else {
        rst__ctx_fail(m->c, RST_EINTERNAL, "more than %d pictures", RST_METHOD_PICTURES);
    }
    return t;
}

rst_tensor *rst__method_see(const rst_method *m, const char *name)
{
    for (int i = 0; i < m->pictures; i++)
        if (strcmp(m->picture[i].name, name) == 0)
            return m->picture[i].t;
    return NULL;
}

/* The place of a term; -1, which is a mistake of the method's. */
static int term_at(const rst_method *m, const char *name)
{
    for (int i = 0; i < RST_LOSS_TERMS && m->kind->term[i]; i++)
        if (strcmp(m->kind->term[i], name) == 0)
            return i;
    rst__ctx_fail(m->c, RST_EINTERNAL, "%s: no term of %s", name, m->kind->name);
    return -1;
}

void rst__method_expect(rst_method *m, const char *name, bool on)
{
    int i = on ? term_at(m, name) : -1;
    if (i >= 0)
        m->made |= 1u << i;
}

rst_tensor *rst__method_term(rst_method *m, const char *name, rst_tensor *t)
{
    int i = term_at(m, name);
    if (i >= 0)
        m->term[i] = t;
    return t;
}

double rst__method_uniform(rst_method *m)
{
    double u;
    if (m->feed.uniform && m->feed.uniform(m->feed.user, &u))
        return u;
    return rst__rng_uniform(&m->rng);
}

int64_t rst__method_below(rst_method *m, int64_t n)
{
    int64_t i;
    if (m->feed.below && m->feed.below(m->feed.user, n, &i))
        return i;
    return rst__rng_below(&m->rng, n);
}
