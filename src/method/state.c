/* SPDX-License-Identifier: MIT */
/* What a checkpoint holds of a method: weights, moments, running averages, random streams. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "method/method.h"
#include "nn/module.h"

/* Random streams --------------------------------------------------------------------------------
 */

enum { RNG_WORDS = 9 };

int rst__rng_store(const rst_rng *r, rst_weights *w, const char *name, rst_error *err)
{
    int64_t v[RNG_WORDS] = { (int64_t)r->key, (int64_t)r->counter };
    const int64_t shape[1] = { RNG_WORDS };
    for (int i = 0; i < 4; i++)
        v[2 + i] = r->word[i];
    v[6] = r->left;
    v[7] = r->has_spare;
    memcpy(&v[8], &r->spare, sizeof v[8]);
    return rst_weights_add(w, name, RST_WEIGHT_I64, 1, shape, v, err);
}

int rst__rng_load(rst_rng *r, const rst_weights *w, const char *name, rst_error *err)
{
    int64_t v[RNG_WORDS];
    const rst_weight *t = rst_weights_find(w, name);
    if (!t || t->type != RST_WEIGHT_I64 || rst_weight_elements(t) != RNG_WORDS)
        return rst_fail(err, RST_EFORMAT, "%s: missing from the checkpoint", name);
    memcpy(v, t->data, sizeof v);
    if (v[6] < 0 || v[6] > 4)
        return rst_fail(err, RST_EFORMAT, "%s: no state of a random stream", name);
    r->key = (uint64_t)v[0];
    r->counter = (uint64_t)v[1];
    for (int i = 0; i < 4; i++)
        r->word[i] = (uint32_t)v[2 + i];
    r->left = (uint32_t)v[6];
    r->has_spare = v[7] != 0;
    memcpy(&r->spare, &v[8], sizeof r->spare);
    return 0;
}

/* Networks --------------------------------------------------------------------------------------
 */

typedef struct names {
    char net[64], adam[64], ema[64], rng[64];
} names;

static names names_of(const rst_method_net *n)
{
    names s;
    (void)snprintf(s.net, sizeof s.net, "net.%s.", n->name);
    (void)snprintf(s.adam, sizeof s.adam, "adam.%s.", n->name);
    (void)snprintf(s.ema, sizeof s.ema, "ema.%s.", n->name);
    (void)snprintf(s.rng, sizeof s.rng, "rng.net.%s", n->name);
    return s;
}

static int store_net(const rst_method_net *n, rst_weights *w, rst_error *err)
{
    const names s = names_of(n);
    int rc = rst_module_store(n->net, w, s.net, err);
    if (rc == 0)
        rc = rst_adam_store(n->adam, w, s.adam, err);
    if (rc == 0 && n->ema)
        rc = rst_module_store(n->ema, w, s.ema, err);
    return rc < 0 ? rc : rst__rng_store(rst__module_rng(n->net), w, s.rng, err);
}

static int load_net(rst_method_net *n, const rst_weights *w, rst_error *err)
{
    const names s = names_of(n);
    int rc = rst_module_load(n->net, w, s.net, 0, err);
    if (rc == 0)
        rc = rst_adam_load(n->adam, w, s.adam, err);
    if (rc == 0 && n->ema)
        rc = rst_module_load(n->ema, w, s.ema, 0, err);
    return rc < 0 ? rc : rst__rng_load(rst__module_rng(n->net), w, s.rng, err);
}

int rst__method_store(const rst_method *m, rst_weights *w, rst_error *err)
{
    int rc = rst__rng_store(&m->rng, w, "rng.method", err);
    if (rc == 0)
        rc = rst_weights_add(w, "step", RST_WEIGHT_I64, 0, NULL, &m->step, err);
    const int64_t made = m->made;
    if (rc == 0)
        rc = rst_weights_add(w, "terms", RST_WEIGHT_I64, 0, NULL, &made, err);
    for (int i = 0; rc == 0 && i < m->nets; i++)
        rc = store_net(&m->net[i], w, err);
    for (int i = 0; rc == 0 && i < 2; i++)
        rc = rst__image_pool_store(&m->pool[i], w, err);
    return rc;
}

int rst__state_number(const rst_weights *w, const char *name, int64_t *out, rst_error *err)
{
    const rst_weight *t = rst_weights_find(w, name);
    if (!t || rst_weight_elements(t) != 1)
        return rst_fail(err, RST_EFORMAT, "%s: missing from the checkpoint", name);
    return rst_weight_to_i64(t, out, err);
}

/* The log has a column for each loss, and a checkpoint goes on with its log. */
static int other_terms(const rst_method *m, unsigned theirs, rst_error *err)
{
    for (int i = 0; i < RST_LOSS_TERMS && m->kind->term[i]; i++)
        if ((theirs ^ m->made) >> i & 1)
            return rst_fail(err, RST_EINVAL, "the losses have changed since: there it was %s %s",
                            theirs >> i & 1 ? "with" : "without", m->kind->term[i]);
    return rst_fail(err, RST_EFORMAT, "terms: losses that %s does not have", m->kind->name);
}

int rst__method_load(rst_method *m, const rst_weights *w, rst_error *err)
{
    int64_t made = 0;
    int rc = rst__state_number(w, "step", &m->step, err);
    if (rc == 0 && m->step < 0)
        rc = rst_fail(err, RST_EFORMAT, "step: %lld", (long long)m->step);
    if (rc == 0)
        rc = rst__state_number(w, "terms", &made, err);
    if (rc == 0 && (unsigned)made != m->made)
        rc = other_terms(m, (unsigned)made, err);
    if (rc == 0)
        rc = rst__rng_load(&m->rng, w, "rng.method", err);
    for (int i = 0; rc == 0 && i < m->nets; i++)
        rc = load_net(&m->net[i], w, err);
    for (int i = 0; rc == 0 && i < 2; i++)
        rc = rst__image_pool_load(&m->pool[i], w, err);
    return rc;
}
