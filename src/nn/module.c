/* SPDX-License-Identifier: MIT */
/* Modules: their entries, and how they behave. Building one from an rst_arch is registry.c's. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "grad/engine.h"
#include "nn/module.h"
#include "nn/stats.h"

void rst__binomial(int taps, double out[8], double *sum)
{
    double total = 1;
    out[0] = 1;
    for (int n = 1; n < taps; n++) {
        out[n] = 0;
        for (int i = n; i > 0; i--)
            out[i] += out[i - 1];
        total *= 2;
    }
    *sum = total;
}

rst_module *rst__module_empty(rst_ctx *c)
{
    rst_module *m = rst__calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->c = c;
    m->training = m->dropout = true;
    m->rng = rst__rng(c ? c->seed : 0, "module");
    m->root = rst__calloc(1, sizeof *m->root);
    char *empty = rst__strdup("");
    if (!m->root || !empty) {
        rst__free(m->root);
        rst__free(empty);
        rst__free(m);
        return NULL;
    }
    m->root->kind = RST_LAYER_SEQ;
    m->root->prefix = empty;
    return m;
}

int rst__module_finish(rst_module *m, rst_error *err)
{
    if (m->bad_name)
        return rst_fail(err, RST_EINVAL, "a network of this depth has names that are too long");
    if (m->failed && m->c && m->c->err.code)
        return rst_ctx_error(m->c, err);
    return m->failed ? rst__fail_nomem(err, "network") : 0;
}

static void param_free(rst_param *p)
{
    if (!p)
        return;
    rst__param_free(p->value);
    rst__free(p->name);
    rst__free(p);
}

void rst_module_free(rst_module *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->nparam; i++)
        param_free(m->param[i]);
    rst__free(m->param);
    rst__layer_free(m->root);
    rst__stat_set_free(m->stat);
    rst__segments_free(m->segment);
    for (int i = 0; i < m->scrap.nsub; i++)
        rst__layer_free(m->scrap.sub[i]);
    rst__free(m->scrap.sub);
    rst__free(m);
}

/* Entries ---------------------------------------------------------------------------------------
 */

/* A vector of C lies along c; everything else keeps its dimensions from the left. */
static rst_dims dims_of(const rst_param *p)
{
    if (p->rank == 1)
        return (rst_dims){ 1, p->shape[0], 1, 1 };
    return (rst_dims){ p->shape[0], p->shape[1], p->shape[2], p->shape[3] };
}

static int give_value(rst_module *m, rst_param *p)
{
    p->value = rst__param_new(m->c, dims_of(p));
    if (!p->value)
        return RST_ENOMEM;
    if (p->kind == RST_ENTRY_BUFFER)
        rst__param_set_trainable(p->value, false);
    if (p->role != RST_ROLE_ONE && p->role != RST_ROLE_BN_SCALE)
        return 0;
    int rc = m->c->dev->be->fill(m->c->dev, rst__numel(p->value->s), 1, p->value->st->p);
    return rc < 0 ? RST_EDEVICE : 0;
}

static bool room_for_param(rst_module *m)
{
    if (m->nparam < m->param_cap)
        return true;
    int cap = m->param_cap ? 2 * m->param_cap : 64;
    rst_param **p = rst__realloc(m->param, (size_t)cap, sizeof *p);
    if (!p)
        return false;
    m->param = p;
    m->param_cap = cap;
    return true;
}

rst_param *rst__param_add(rst_module *m, const char *prefix, const char *name, rst_entry_kind kind,
                          rst_role role, int rank, const int64_t *shape)
{
    char full[256];
    int n = snprintf(full, sizeof full, "%s%s%s", prefix, *prefix ? "." : "", name);
    m->bad_name |= n < 0 || (size_t)n >= sizeof full;
    rst_param *p = room_for_param(m) ? rst__calloc(1, sizeof *p) : NULL;
    if (!p) {
        m->failed = true;
        return NULL;
    }
    *p = (rst_param){ .kind = kind, .role = role, .rank = rank, .shape = { 1, 1, 1, 1 } };
    for (int i = 0; i < rank; i++)
        p->shape[i] = shape[i];
    p->name = rst__strdup(full);
    bool tensor = kind == RST_ENTRY_PARAM || kind == RST_ENTRY_BUFFER;
    if (!p->name || (m->c && tensor && give_value(m, p) < 0)) {
        m->failed = true;
        param_free(p);
        return NULL;
    }
    m->param[m->nparam++] = p;
    return p;
}

const rst_arch *rst_module_arch(const rst_module *m)
{
    return &m->arch;
}

int rst_module_entries(const rst_module *m)
{
    return m->nparam;
}

bool rst_module_entry(const rst_module *m, int i, rst_entry *out)
{
    if (i < 0 || i >= m->nparam)
        return false;
    const rst_param *p = m->param[i];
    *out = (rst_entry){ .name = p->name,
                        .kind = p->kind,
                        .rank = p->rank,
                        .shape = { p->shape[0], p->shape[1], p->shape[2], p->shape[3] },
                        .value = p->value,
                        .count = p->count };
    return true;
}

int rst_module_find(const rst_module *m, const char *name)
{
    for (int i = 0; i < m->nparam; i++)
        if (strcmp(m->param[i]->name, name) == 0)
            return i;
    return -1;
}

int64_t rst_module_param_count(const rst_module *m)
{
    int64_t n = 0;
    for (int i = 0; i < m->nparam; i++)
        if (m->param[i]->kind == RST_ENTRY_PARAM)
            n += rst__numel(dims_of(m->param[i]));
    return n;
}

/* Behaviour -------------------------------------------------------------------------------------
 */

void rst_module_train(rst_module *m, bool on)
{
    m->training = m->dropout = on;
    m->bn = on ? RST_BN_TRAIN : RST_BN_RUNNING;
}

void rst_module_inference(rst_module *m)
{
    rst_module_train(m, false);
    m->bn = m->arch.stats;
}

void rst_module_set_bn(rst_module *m, rst_bn_mode mode)
{
    m->bn = mode;
}

void rst_module_set_dropout(rst_module *m, bool on)
{
    m->dropout = on;
}

void rst_module_set_checkpointing(rst_module *m, bool on)
{
    m->checkpointing = on;
}

void rst_module_freeze(rst_module *m, bool on)
{
    for (int i = 0; i < m->nparam; i++)
        if (m->param[i]->kind == RST_ENTRY_PARAM && m->param[i]->value)
            rst__param_set_trainable(m->param[i]->value, !on);
}

void rst_module_reseed(rst_module *m, uint64_t seed, const char *stream)
{
    m->rng = rst__rng(seed, stream);
}

rst_rng *rst__module_rng(rst_module *m)
{
    return &m->rng;
}

void rst__module_dropout_feed(rst_module *m, rst_mask_feed *feed)
{
    m->feed = feed;
}

rst_tensor *rst_module_forward(rst_module *m, rst_tensor *x)
{
    rst__stats_restart(m);
    if (!x || !m->c)
        return NULL;
    if (m->gates)
        *m->gates = (rst_gates){ 0 };
    if (!m->forward)
        return rst__layer_run(m, m->root, x);
    rst_begin(m->c);
    rst_tensor *y = rst_keep(m->forward(m, x));
    rst__gates_keep(m);
    (void)rst_end(m->c, NULL); /* the outermost scope reports */
    return y;
}

int rst_module_features(rst_module *m, rst_tensor *x, int max, rst_tensor **out)
{
    if (!x || !m->c)
        return 0;
    if (!m->features) {
        rst__ctx_fail(m->c, RST_EINVAL, "this network has no list of features");
        return 0;
    }
    for (int i = 0; i < max; i++)
        out[i] = NULL;
    return m->features(m, x, max, out);
}
