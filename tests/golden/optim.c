/* SPDX-License-Identifier: MIT */
/* The group `optim`: Adam and the tables of learning rates. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"
#include "nn/module.h"

/* Adam ----------------------------------------------------------------------------------------- */

/* A module of the one parameter p. */
static rst_module *one_parameter(gold_case *g, const rst_weight *p)
{
    rst_error err = RST_ERROR_INIT;
    rst_module *m = rst__module_empty(g->ctx);
    if (!m || p->rank > 4) {
        (void)gold_fail(g, "param.p: more than four dimensions, or no memory");
        return NULL;
    }
    (void)rst__param_add(m, "", "p", RST_ENTRY_PARAM, RST_ROLE_ZERO, p->rank, p->shape);
    if (rst__module_finish(m, &err) < 0) {
        (void)gold_fail(g, "%s", err.msg);
        rst_module_free(m);
        return NULL;
    }
    if (gold_load(g, m))
        return m;
    rst_module_free(m);
    return NULL;
}

/* p's gradient becomes the case's: that of sum(p * gradient). */
static bool adam_step(gold_case *g, rst_module *m, rst_adam *adam, int step, double lr)
{
    char name[32];
    rst_error err = RST_ERROR_INIT;
    rst_entry e;
    if (!rst_module_entry(m, 0, &e))
        return gold_fail(g, "a module without its parameter");
    rst_adam_zero_grad(adam);
    (void)snprintf(name, sizeof name, "grad%d", step);
    rst_tensor *d = gold_input(g, name);
    if (rst_backward(rst_sum(rst_mul(e.value, d), RST_AXIS_ALL)) < 0)
        return gold_device_ok(g);
    if (rst_adam_step(adam, lr, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    (void)snprintf(name, sizeof name, "p%d", step);
    return gold_put_tensor(g, "after.", name, e.value);
}

static bool put_moments(gold_case *g, const rst_adam *adam)
{
    static const char *const names[] = { "exp_avg", "exp_avg_sq" };
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = rst_weights_new();
    bool ok = w && rst_adam_store(adam, w, "", &err) == 0;
    for (int i = 0; ok && i < 2; i++) {
        char from[32], to[32];
        (void)snprintf(from, sizeof from, "p.%s", names[i]);
        (void)snprintf(to, sizeof to, "after.%s", names[i]);
        const rst_weight *t = rst_weights_find(w, from);
        double *v = t ? gold_f64(t) : NULL;
        ok = v ? gold_put(g, to, v, rst_weight_elements(t))
               : gold_fail(g, "the optimiser stores no %s", from);
        free(v);
    }
    rst_weights_free(w);
    return ok || gold_fail(g, "%s", err.msg);
}

static bool adam_steps(gold_case *g, rst_module *m, rst_adam *adam)
{
    json_t *rate = json_object_get(g->options, "lr_per_step");
    if (json_array_size(rate) == 0)
        return gold_fail(g, "cannot be mapped: no lr_per_step");
    for (size_t i = 0; i < json_array_size(rate); i++)
        if (!adam_step(g, m, adam, (int)i + 1, json_number_value(json_array_get(rate, i))))
            return false;
    return put_moments(g, adam);
}

static bool adam(gold_case *g)
{
    double beta[2] = { 0.9, 0.999 };
    rst_error err = RST_ERROR_INIT;
    rst_adam *a = NULL;
    json_t *given = json_object_get(g->options, "betas");
    if (given && !gold_reals(g, given, "betas", 2, beta))
        return false;
    if (gold_real(g, "weight_decay", 0) != 0)
        return gold_fail(g, "cannot be mapped: Adam with weight decay");
    const rst_weight *p = gold_tensor(g, "param.", "p");
    rst_module *m = p ? one_parameter(g, p) : NULL;
    if (!m)
        return false;
    bool ok = rst_adam_new(&a, m, beta[0], beta[1], gold_real(g, "eps", 1e-8), &err) == 0
                  ? adam_steps(g, m, a)
                  : gold_fail(g, "%s", err.msg);
    rst_adam_free(a);
    rst_module_free(m);
    return ok;
}

/* Learning rates ------------------------------------------------------------------------------- */

static bool parse_policy(gold_case *g, rst_lr_policy *out)
{
    static const char *const names[] = { "linear", "step", "plateau", "cosine" };
    const char *name = gold_text(g, "lr_policy");
    for (int i = 0; name && i < 4; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (rst_lr_policy)i;
            return true;
        }
    return gold_fail(g, "cannot be mapped: lr_policy %s", name ? name : "(none)");
}

/* One column of the table; the published code reports a loss of 0 to the plateau policy. */
static bool check_column(gold_case *g, rst_schedule s, const char *column, bool at_start)
{
    json_t *want = json_object_get(g->values, column);
    json_t *epochs = json_object_get(g->values, "epochs");
    json_t *rtol = json_object_get(g->values, "rtol");
    if (!want)
        return true;
    if (json_array_size(want) == 0 || json_array_size(want) != json_array_size(epochs))
        return gold_fail(g, "values.%s is not as long as values.epochs", column);
    s.step_at_start = at_start;
    rst_schedule_start(&s);
    for (size_t i = 0; i < json_array_size(want); i++) {
        int epoch = (int)json_integer_value(json_array_get(epochs, i));
        char what[64];
        (void)snprintf(what, sizeof what, "%s of epoch %d", column, epoch);
        if (at_start)
            rst_schedule_report(&s, 0);
        double got = rst_schedule_rate(&s, epoch);
        if (!at_start)
            rst_schedule_report(&s, 0);
        if (!gold_value(g, what, got, json_number_value(json_array_get(want, i)), 1e-20,
                        rtol ? json_number_value(rtol) : 1e-12))
            return false;
    }
    return true;
}

static bool lr_table(gold_case *g)
{
    rst_schedule s = { .lr = gold_real(g, "lr", 2e-4),
                       .n_epochs = (int)gold_int(g, "n_epochs", 100),
                       .n_epochs_decay = (int)gold_int(g, "n_epochs_decay", 100),
                       .epoch_count = (int)gold_int(g, "epoch_count", 1),
                       .decay_epochs = (int)gold_int(g, "lr_decay_iters", 50) };
    return parse_policy(g, &s.policy) && check_column(g, s, "lr_step_at_end", false) &&
           check_column(g, s, "lr_step_at_start", true);
}

const gold_op gold_optim[] = {
    { "adam", adam, " lr_per_step betas eps weight_decay " },
    { "lr_table", lr_table, " lr_policy n_epochs n_epochs_decay epoch_count lr lr_decay_iters " },
    { NULL, NULL, NULL },
};
