/* SPDX-License-Identifier: MIT */
/* What saves memory changes nothing: activations computed again give the same bits, batches one
 * after the other the same gradients. */
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
#include "nn/module.h"
#include "support/methods.h"

enum { SIDE = 48, IMAGE = SIDE * SIDE * 3, IMAGES = 3 };

static float a[IMAGES * IMAGE], b[IMAGES * IMAGE];

static int draw_pictures(void **state)
{
    (void)state;
    rst_rng r = rst__rng(1, "pictures");
    for (int i = 0; i < IMAGES * IMAGE; i++) {
        a[i] = (float)(2 * rst__rng_uniform(&r) - 1);
        b[i] = (float)(2 * rst__rng_uniform(&r) - 1);
    }
    return 0;
}

/* The pictures from number `first` on; where a is smaller it is the beginnings of them. */
static rst_method_batch pictures(const rst_method *m, int first, int count)
{
    const rst_dims s = { count, 3, SIDE, SIDE }, in = methods_input(m, s);
    return (rst_method_batch){ in, s, a + first * in.c * in.h * in.w, b + first * IMAGE };
}

static rst_ctx *new_ctx(const rst_ctx_options *o)
{
    rst_error err = RST_ERROR_INIT;
    rst_ctx *c = NULL;
    if (rst_ctx_new(&c, o, &err) < 0)
        fail_msg("%s", err.msg);
    return c;
}

static void step(rst_method *m, const rst_method_batch *batch, int count)
{
    rst_error err = RST_ERROR_INIT;
    const rst_method_when when = { .epoch = 1, .lr = 1e-3 };
    if (rst__method_step(m, batch, count, when, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", m->kind->name, err.msg);
}

/* Activations -----------------------------------------------------------------------------------
 */

static void checkpointing(rst_method_options *o)
{
    o->checkpoint_activations = true;
}

/* A method's state after some steps, and what memory they took. */
static rst_weights *train(const char *name, void (*change)(rst_method_options *o), size_t *memory)
{
    rst_error err = RST_ERROR_INIT;
    rst_ctx *c = new_ctx(&(rst_ctx_options){ .backend = "cpu", .threads = 2, .seed = 5 });
    rst_method *m = methods_small(c, name, change);
    rst_weights *w = rst_weights_new();
    const rst_method_batch batch[2] = { pictures(m, 0, 1), pictures(m, 1, 1) };
    step(m, &batch[0], 1);
    step(m, batch, 2); /* accumulated */
    assert_non_null(w);
    if (rst__method_store(m, w, &err) < 0)
        fail_msg("%s", err.msg);
    *memory = rst_ctx_statistics(c).bytes_peak;
    rst__method_free(m);
    rst_ctx_free(c);
    return w;
}

static void test_same_bits(void **state)
{
    (void)state;
    const rst_method_kind *kind;
    for (int i = 0; (kind = rst__method_kind_at(i)); i++) {
        size_t kept, again;
        rst_weights *want = train(kind->name, NULL, &kept),
                    *got = train(kind->name, checkpointing, &again);
        assert_int_equal(rst_weights_count(got), rst_weights_count(want));
        for (int64_t k = 0; k < rst_weights_count(want); k++) {
            const rst_weight *x = rst_weights_get(want, k), *y = rst_weights_find(got, x->name);
            if (!y || y->bytes != x->bytes || memcmp(x->data, y->data, x->bytes) != 0)
                fail_msg("%s: %s is another one with activations computed again", kind->name,
                         x->name);
        }
        if (again >= kept)
            fail_msg("%s: %zu bytes with activations computed again, %zu without", kind->name,
                     again, kept);
        rst_weights_free(want);
        rst_weights_free(got);
    }
}

/* Batches ---------------------------------------------------------------------------------------
 */

/* Nothing that one picture has to do with another's, nor a pass with the next. */
static void separable(rst_method_options *o)
{
    if (o->net_g.family == RST_NET_AMMFI) /* its attention has batch norms */
        o->net_g.family = RST_NET_RESNET;
    o->net_g.blocks = 3;
    o->net_g.norm = o->net_d.norm = RST_NORM_INSTANCE;
    o->net_g.spectral = o->net_d.spectral = o->net_g.dropout = false;
    o->asp_mode.none = true; /* the others' weights are 1 on the average of a batch */
    o->nce_layers[4] = 13;
    o->pool_size = 0;
    o->init_gain = 0.5;
}

static rst_ctx *ctx; /* of the feed */

static rst_tensor *patch_ids(void *user, int call, int layer)
{
    (void)user;
    int64_t ids[12];
    for (int i = 0; i < 12; i++)
        ids[i] = (11 * i + 5 * layer + 3 * call) % (SIDE * SIDE / 16);
    return rst_upload_ids(ctx, 12, ids);
}

static bool uniform(void *user, double *out)
{
    (void)user;
    *out = 0.25;
    return true;
}

/* The gradients of the last step, network by network. */
static void compare_gradients(const rst_method *one, const rst_method *many)
{
    int compared = 0;
    for (int k = 0; k < one->nets; k++) {
        rst_entry x, y;
        for (int i = 0; rst_module_entry(one->net[k].net, i, &x); i++) {
            assert_true(rst_module_entry(many->net[k].net, i, &y));
            if (x.kind != RST_ENTRY_PARAM)
                continue;
            const rst_storage *gx = rst__param_grad(x.value), *gy = rst__param_grad(y.value);
            const double *want = gx ? gx->p : NULL, *got = gy ? gy->p : NULL;
            if (!want || !got)
                fail_msg("%s: %s.%s has no gradient", one->kind->name, one->net[k].name, x.name);
            const rst_dims s = rst_shape(x.value);
            for (int64_t j = 0; j < s.n * s.c * s.h * s.w; j++)
                if (!(fabs(want[j] - got[j]) <= 1e-9 * (1 + fabs(want[j]))))
                    fail_msg("%s: the gradient of %s.%s is %.12g, not %.12g", one->kind->name,
                             one->net[k].name, x.name, got[j], want[j]);
            compared++;
        }
    }
    assert_true(compared >= 14);
}

static void test_accumulated(void **state)
{
    (void)state;
    const rst_method_kind *kind;
    for (int i = 0; (kind = rst__method_kind_at(i)); i++) {
        ctx = new_ctx(&(rst_ctx_options){ .backend = "ref", .dtype = RST_F64, .seed = 5 });
        rst_method *one = methods_small(ctx, kind->name, separable),
                   *many = methods_small(ctx, kind->name, separable);
        one->feed = many->feed = (rst_method_feed){ .patch_ids = patch_ids, .uniform = uniform };
        const rst_method_batch all = pictures(one, 0, IMAGES);
        const rst_method_batch each[2] = { pictures(one, 0, 1), pictures(one, 1, IMAGES - 1) };
        step(one, &all, 1);
        step(many, each, 2);
        compare_gradients(one, many);
        for (int k = 0; k < RST_LOSS_TERMS; k++)
            if (!(fabs(one->loss[k] - many->loss[k]) <= 1e-9 * (1 + fabs(one->loss[k]))))
                fail_msg("%s: %s is %.12g, not %.12g", kind->name, kind->term[k], many->loss[k],
                         one->loss[k]);
        rst__method_free(one);
        rst__method_free(many);
        rst_ctx_free(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_accumulated),
    };
    return cmocka_run_group_tests(tests, draw_pictures, NULL);
}
