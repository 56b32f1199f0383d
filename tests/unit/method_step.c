/* SPDX-License-Identifier: MIT */
/*
 * The gradients of a method's whole losses, through every network that they pass, against central
 * differences in double. (The golden cases of training hold the values of the published code; where
 * that was run by a torch that misreads gradients, tests/golden/torch_layout.h, this test tells who
 * is right.)
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grad/engine.h"
#include "method/patches.h"
#include "nn/module.h"
#include "support/methods.h"

enum { SIDE = 48, TAPS = 5 };

static rst_ctx *ctx;

/* Encoder, the first two of three residual blocks: what taps see. The rest of G is behind them. */
static const int tap[TAPS] = { 0, 4, 8, 12, 13 };
enum { BEHIND_TAPS = 14 };

static double at(const rst_tensor *t, int64_t i)
{
    return ((const double *)t->st->p)[i];
}

static void poke(rst_tensor *t, int64_t i, double v)
{
    ((double *)t->st->p)[i] = v;
    rst__param_changed(t);
}

static int open_double(void **state)
{
    (void)state;
    rst_ctx_options o = { .backend = "ref", .dtype = RST_F64, .seed = 5 };
    rst_error err = RST_ERROR_INIT;
    return rst_ctx_new(&ctx, &o, &err);
}

static int close_double(void **state)
{
    (void)state;
    rst_ctx_free(ctx);
    return 0;
}

/* Biases are drawn as zero, which puts the ReLU of a channel gate exactly on its kink: what a batch
 * norm without a bias averages to is zero too. */
static void shake(rst_method *m)
{
    rst_rng r = rst__rng(9, "shake");
    for (int k = 0; k < m->nets; k++) {
        rst_entry e;
        for (int i = 0; rst_module_entry(m->net[k].net, i, &e); i++) {
            rst_dims s = e.kind == RST_ENTRY_PARAM ? rst_shape(e.value) : (rst_dims){ 0 };
            for (int64_t j = 0; j < s.n * s.c * s.h * s.w; j++)
                poke(e.value, j, at(e.value, j) + 0.1 * rst__rng_normal(&r));
        }
    }
}

/* Spectral norm is off: its u and v move with every pass. */
static void derivable(rst_method_options *o)
{
    o->net_g.blocks = 3;
    o->net_g.spectral = o->net_d.spectral = o->net_g.dropout = false;
    o->asp_mode.none = true; /* the weights of the others are no part of what is derived */
    o->nce_count = TAPS;
    memcpy(o->nce_layers, tap, sizeof tap);
    o->pool_size = 0;
    o->init = RST_INIT_XAVIER;
    o->init_gain = 1;
}

static rst_method *small(const char *name)
{
    rst_method *m = methods_small(ctx, name, derivable);
    shake(m);
    return m;
}

/* The same places in every pass. */
static rst_tensor *patch_ids(void *user, int call, int layer)
{
    (void)user;
    int64_t ids[12];
    for (int i = 0; i < 12; i++)
        ids[i] = (11 * i + 5 * layer + 3 * call) % (SIDE * SIDE / 16);
    return rst_upload_ids(ctx, 12, ids);
}

/* FastCUT mirrors. */
static bool uniform(void *user, double *out)
{
    (void)user;
    *out = 0.25;
    return true;
}

static const rst_method_feed decisions = { .patch_ids = patch_ids, .uniform = uniform };

static rst_tensor *noise(const char *stream, rst_dims s)
{
    rst_rng r = rst__rng(3, stream);
    int64_t n = s.c * s.h * s.w;
    double *v = malloc((size_t)n * sizeof *v);
    assert_non_null(v);
    for (int64_t i = 0; i < n; i++)
        v[i] = 2 * rst__rng_uniform(&r) - 1;
    rst_tensor *t = rst_upload_f64(ctx, s, RST_NCHW, v);
    free(v);
    return t;
}

/* Losses ----------------------------------------------------------------------------------------
 */

typedef rst_tensor *(*loss_fn)(rst_method *m);

static rst_tensor *loss_g(rst_method *m)
{
    return m->kind->loss_g(m);
}

static rst_tensor *loss_d(rst_method *m)
{
    return m->kind->loss_d(m);
}

/* What a picture's query finds in keys that do not move: features of noise. */
static rst_tensor *loss_of_query(rst_method *m)
{
    rst_features query = rst__encode(m, m->a, false), key = { { NULL } };
    for (int i = 0; i < TAPS; i++) {
        rst_dims s = rst_shape(query.at[i]);
        rst_tensor *all = noise("key", (rst_dims){ 1, 16, SIDE, SIDE });
        double *v = malloc((size_t)(16 * SIDE * SIDE) * sizeof *v);
        assert_non_null(v);
        assert_int_equal(rst_download_f64(all, RST_NCHW, v), 0);
        assert_true(s.c * s.h * s.w <= 16 * SIDE * SIDE);
        key.at[i] = rst_upload_f64(ctx, s, RST_NCHW, v);
        free(v);
    }
    return rst__nce_term(m, key, query, RST_NCE_PLAIN, 10);
}

/* The loss of one step's pictures; gradients are gathered if asked for. */
static double evaluate(rst_method *m, loss_fn loss, bool backward)
{
    const rst_dims pictures = { 1, 3, SIDE, SIDE };
    rst_error err = RST_ERROR_INIT;
    rst_begin(ctx);
    m->pictures = m->nce_calls = 0;
    m->epoch = 1;
    m->a = noise("a", methods_input(m, pictures));
    m->b = noise("b", pictures);
    m->kind->forward(m);
    rst_begin(ctx);
    rst_tensor *l = loss(m);
    double value = rst_item(l);
    if (backward)
        (void)rst_backward(l);
    (void)rst_end(ctx, NULL); /* the outermost scope reports */
    if (rst_end(ctx, &err) < 0)
        fail_msg("%s: %s", m->kind->name, err.msg);
    return value;
}

/* Parameters ------------------------------------------------------------------------------------
 */

/* The id of "model.N.rest"; a large one for AMMFI's, which stand behind the encoder. */
static int layer_of(const char *name)
{
    static const char model[] = "model.";
    char *end;
    if (strncmp(name, model, sizeof model - 1) != 0)
        return 1000;
    long id = strtol(name + sizeof model - 1, &end, 10);
    return *end == '.' ? (int)id : 1000;
}

/* All numbers of a parameter move a little, each up or down by chance. */
static void move(rst_tensor *t, const double *from, const double *way, int64_t n, double step)
{
    for (int64_t i = 0; i < n; i++)
        poke(t, i, from[i] + step * way[i]);
}

static void check_parameter(rst_method *m, loss_fn loss, const char *net, const rst_entry *e)
{
    const double step = 1e-8; /* short, so that no ReLU of thousands is at its kink */
    rst_tensor *t = e->value;
    rst_rng r = rst__rng(4, e->name);
    int64_t n = t->s.n * t->s.c * t->s.h * t->s.w;
    double *from = malloc((size_t)n * sizeof *from), *way = malloc((size_t)n * sizeof *way);
    double got = 0, size = 0;
    assert_true(from && way);
    if (!rst__param_grad(t))
        fail_msg("%s: %s.%s has no gradient", m->kind->name, net, e->name);
    const double *grad = rst__param_grad(t)->p;
    for (int64_t i = 0; i < n; i++) {
        from[i] = at(t, i);
        way[i] = rst__rng_below(&r, 2) ? 1 : -1;
        got += grad[i] * way[i];
        size += fabs(grad[i]);
    }
    move(t, from, way, n, step);
    double up = evaluate(m, loss, false);
    move(t, from, way, n, -step);
    double want = (up - evaluate(m, loss, false)) / (2 * step);
    move(t, from, way, n, 0);
    if (!(fabs(got - want) <= 1e-5 + 1e-5 * size))
        fail_msg("%s: the derivative by %s.%s is %.9g, not %.9g", m->kind->name, net, e->name, got,
                 want);
    free(from);
    free(way);
}

/* Parameters of nets of one part whose layer is within from..to. */
static int check_part(rst_method *m, loss_fn loss, rst_part part, int from, int to)
{
    int checked = 0;
    for (int k = 0; k < m->nets; k++)
        rst_adam_zero_grad(m->net[k].adam);
    (void)evaluate(m, loss, true);
    for (int k = 0; k < m->nets; k++) {
        rst_entry e;
        for (int i = 0; rst_module_entry(m->net[k].net, i, &e); i++) {
            int id = layer_of(e.name);
            if (m->net[k].part != part || e.kind != RST_ENTRY_PARAM || id < from || id > to)
                continue;
            check_parameter(m, loss, m->net[k].name, &e);
            checked++;
        }
    }
    return checked;
}

static void test_whole_losses(void **state)
{
    (void)state;
    const rst_method_kind *kind;
    for (int i = 0; (kind = rst__method_kind_at(i)); i++) {
        rst_method *m = small(kind->name);
        const bool contrasts = rst__method_net(m, "F") != NULL;
        m->feed = decisions;
        /* Keys depend on the encoder and are not derived. */
        int g = check_part(m, loss_g, RST_PART_GENERATOR, contrasts ? BEHIND_TAPS : 0, 1000);
        int d = check_part(m, loss_d, RST_PART_DISCRIMINATOR, 0, 1000);
        assert_true(g >= 8 && d >= 6);
        rst__method_free(m);
    }
}

static void test_queries(void **state)
{
    (void)state;
    rst_method *m = small("asp");
    m->feed = decisions;
    /* stem, two halvings, two residual blocks of two convolutions: weights and biases */
    assert_int_equal(check_part(m, loss_of_query, RST_PART_GENERATOR, 0, BEHIND_TAPS - 1), 14);
    rst__method_free(m);
}

/* Paper and code -------------------------------------------------------------------------------
 */

static double term_value[RST_LOSS_TERMS];

static rst_tensor *loss_of_terms(rst_method *m)
{
    rst_tensor *l = m->kind->loss_g(m);
    for (int i = 0; i < RST_LOSS_TERMS; i++)
        term_value[i] = m->term[i] ? rst_item(m->term[i]) : 0;
    return l;
}

static double term(const rst_method *m, const char *name)
{
    for (int i = 0; rst__method_term_name(m->kind, i); i++)
        if (strcmp(rst__method_term_name(m->kind, i), name) == 0)
            return term_value[i];
    return 0;
}

static void with_identity(rst_method_options *o)
{
    derivable(o);
    o->nce_idt = true;
}

/* What a whole loss is made of, as the published code and as equations 6 and 7 and CUT's paper
 * have it. */
static void test_sums_and_means(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        bool mean; /* by itself */
    } t[] = { { "asp", false }, { "ammfi", false }, { "cut", true } };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        rst_method *m = methods_small(ctx, t[i].method, with_identity);
        double gp[2];
        m->feed = decisions;
        assert_true(m->o.nce_mean == t[i].mean && !m->o.gp_sum);
        for (int paper = 0; paper < 2; paper++) {
            m->o.nce_mean = t[i].mean != (paper == 1);
            m->o.gp_sum = paper == 1;
            const double whole = evaluate(m, loss_of_terms, false);
            const double nce = term(m, "NCE") + term(m, "NCE_Y");
            gp[paper] = term(m, "GP");
            assert_true(term(m, "NCE_Y") > 0);
            const double want =
                term(m, "G_GAN") + nce * (m->o.nce_mean ? 0.5 : 1) + term(m, "ASP") + gp[paper];
            if (!(fabs(whole - want) <= 1e-9 * want))
                fail_msg("%s: %.12g, not %.12g", t[i].method, whole, want);
        }
        assert_true(fabs(gp[1] - 6 * gp[0]) <= 1e-9 * gp[1]);
        rst__method_free(m);
    }
}

static void spectral(rst_method_options *o)
{
    derivable(o);
    o->net_g.spectral = true;
}

static void spectral_without_asp(rst_method_options *o)
{
    spectral(o);
    o->lambda_asp = 0;
}

/* Each pass is a power iteration. The published code encodes the IHC whether or not a term reads
 * it.
 */
static void test_power_iterations(void **state)
{
    (void)state;
    rst_method *with = methods_small(ctx, "asp", spectral),
               *without = methods_small(ctx, "asp", spectral_without_asp);
    int compared = 0;
    rst_entry e, f;
    with->feed = without->feed = decisions;
    (void)evaluate(with, loss_g, false);
    (void)evaluate(without, loss_g, false);
    for (int i = 0; rst_module_entry(rst__method_net(with, "G"), i, &e); i++) {
        assert_true(rst_module_entry(rst__method_net(without, "G"), i, &f));
        if (e.kind != RST_ENTRY_BUFFER)
            continue;
        for (int64_t j = 0; j < e.shape[0]; j++)
            if (at(e.value, j) != at(f.value, j))
                fail_msg("%s has seen another number of passes", e.name);
        compared++;
    }
    assert_true(compared >= 20);
    rst__method_free(with);
    rst__method_free(without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole_losses, open_double, close_double),
        cmocka_unit_test_setup_teardown(test_queries, open_double, close_double),
        cmocka_unit_test_setup_teardown(test_sums_and_means, open_double, close_double),
        cmocka_unit_test_setup_teardown(test_power_iterations, open_double, close_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
