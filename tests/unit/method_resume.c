/* SPDX-License-Identifier: MIT */
/* What a method stores is all that its next step depends on: weights, moments, random streams,
 * pools of images. And pools by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/methods.h"

enum { SIDE = 48 };

static rst_ctx *ctx;

static int open_cpu(void **state)
{
    (void)state;
    rst_ctx_options o = { .backend = "cpu", .threads = 2, .seed = 5 };
    rst_error err = RST_ERROR_INIT;
    return rst_ctx_new(&ctx, &o, &err);
}

static int close_cpu(void **state)
{
    (void)state;
    rst_ctx_free(ctx);
    return 0;
}

static void with_average(rst_method_options *o)
{
    o->ema = 0.9;
}

/* Steps from..to-1, each on a pair of its own. */
static void train(rst_method *m, int from, int to)
{
    enum { N = SIDE * SIDE * 3 };
    static float a[N], b[N];
    const rst_dims s = { 1, 3, SIDE, SIDE };
    rst_method_batch batch = { methods_input(m, s), s, a, b };
    rst_method_when when = { .epoch = 1, .lr = 1e-3 };
    rst_error err = RST_ERROR_INIT;
    for (int k = from; k < to; k++) {
        rst_rng r = rst__rng((uint64_t)k, "pair");
        for (int i = 0; i < N; i++) {
            a[i] = (float)(2 * rst__rng_uniform(&r) - 1);
            b[i] = (float)(2 * rst__rng_uniform(&r) - 1);
        }
        if (rst__method_step(m, &batch, 1, when, NULL, NULL, &err) < 0)
            fail_msg("%s: %s", m->kind->name, err.msg);
    }
}

static rst_weights *stored(const rst_method *m)
{
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = rst_weights_new();
    assert_non_null(w);
    if (rst__method_store(m, w, &err) < 0)
        fail_msg("%s", err.msg);
    return w;
}

static void test_resumed_steps(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    const rst_method_kind *kind;
    for (int i = 0; (kind = rst__method_kind_at(i)); i++) {
        rst_method *unbroken = methods_small(ctx, kind->name, with_average),
                   *resumed = methods_small(ctx, kind->name, with_average);
        train(unbroken, 0, 3);
        for (int k = 0; k < RST_LOSS_TERMS; k++) /* one that was not made would be zero */
            assert_int_equal(unbroken->loss[k] != 0, unbroken->made >> k & 1);
        rst_weights *half = stored(unbroken);
        train(unbroken, 3, 5);
        train(resumed, 20, 21); /* of which nothing may be left */
        if (rst__method_load(resumed, half, &err) < 0)
            fail_msg("%s: %s", kind->name, err.msg);
        train(resumed, 3, 5);
        rst_weights *want = stored(unbroken), *got = stored(resumed);
        assert_int_equal(rst_weights_count(got), rst_weights_count(want));
        for (int64_t k = 0; k < rst_weights_count(want); k++) {
            const rst_weight *x = rst_weights_get(want, k), *y = rst_weights_find(got, x->name);
            if (!y || y->bytes != x->bytes || memcmp(x->data, y->data, x->bytes) != 0)
                fail_msg("%s: %s is another one after a resumed run", kind->name, x->name);
        }
        rst_weights_free(half);
        rst_weights_free(want);
        rst_weights_free(got);
        rst__method_free(unbroken);
        rst__method_free(resumed);
    }
}

static void without_pyramid(rst_method_options *o)
{
    o->lambda_gp = 0;
}

/* The columns of a log are those of its first step. */
static void test_other_losses(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_method *with = methods_small(ctx, "asp", NULL),
               *without = methods_small(ctx, "asp", without_pyramid);
    rst_weights *w = stored(with), *less = stored(without);
    assert_int_equal(rst__method_load(without, w, &err), RST_EINVAL);
    assert_string_equal(err.msg, "the losses have changed since: there it was with GP");
    assert_int_equal(rst__method_load(with, less, &err), RST_EINVAL);
    assert_string_equal(err.msg, "the losses have changed since: there it was without GP");
    rst_weights_free(w);
    rst_weights_free(less);
    rst__method_free(with);
    rst__method_free(without);
}

static void only_asp(rst_method_options *o)
{
    o->lambda_gan = o->lambda_nce = o->lambda_gp = 0;
    o->lambda_asp = 10;
}

/* CUT has no such loss, and so nothing to learn. */
static void test_nothing_to_learn(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_train_options o;
    const rst_method_kind *kind;
    rst_method *m = NULL;
    assert_int_equal(rst_train_preset("cut", &o, &err), 0);
    only_asp(&o.m);
    assert_int_equal(rst__method_kind_find(&kind, "cut", &err), 0);
    assert_int_equal(rst__method_new(&m, ctx, kind, &o.m, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "nothing to learn"));
    assert_null(m);
}

/* A checkpoint whose pools say more than they hold is refused, and the method's pool stays. */
static void test_damaged_pool(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_image_pool p;
    rst_weights *w = rst_weights_new();
    const int64_t counts[] = { 1, -1, 3 };
    assert_non_null(w);
    assert_int_equal(rst__image_pool_new(&p, "x", 2, &err), 0);
    assert_int_equal(rst__image_pool_load(&p, w, &err), RST_EFORMAT);
    for (int i = 0; i < 3; i++) {
        rst_weights_free(w);
        w = rst_weights_new();
        assert_non_null(w);
        assert_int_equal(rst_weights_add(w, "pool.x", RST_WEIGHT_I64, 0, NULL, &counts[i], &err),
                         0);
        assert_int_equal(rst__image_pool_load(&p, w, &err), RST_EFORMAT);
        assert_non_null(strstr(err.msg, "pool.x"));
        assert_int_equal(p.count, 0);
    }
    rst_weights_free(w);
    rst__image_pool_free(&p);
    assert_int_equal(rst__image_pool_new(&p, "x", -1, &err), RST_EINVAL);
    rst__image_pool_free(&p);
}

/* Half of the new pictures come back, the others make room for old ones. */
static void test_pool_by_chance(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_method m = { .c = ctx, .rng = rst__rng(1, "pool") };
    rst_image_pool p;
    int old = 0;
    assert_int_equal(rst__image_pool_new(&p, "x", 50, &err), 0);
    for (int i = 0; i < 1050; i++) {
        float v = (float)i, got = -1;
        rst_begin(ctx);
        rst_tensor *x = rst_upload(ctx, (rst_dims){ 1, 1, 1, 1 }, RST_NCHW, &v);
        assert_int_equal(rst_download(rst__image_pool_query(&p, &m, x), RST_NCHW, &got), 0);
        assert_int_equal(rst_end(ctx, &err), 0);
        assert_true(got >= 0 && got <= v);
        assert_true(i >= 50 || got == v);
        old += got != v;
    }
    assert_true(old > 440 && old < 560); /* 1000 tosses: six deviations would be 95 */
    rst__image_pool_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resumed_steps, open_cpu, close_cpu),
        cmocka_unit_test_setup_teardown(test_other_losses, open_cpu, close_cpu),
        cmocka_unit_test_setup_teardown(test_nothing_to_learn, open_cpu, close_cpu),
        cmocka_unit_test(test_damaged_pool),
        cmocka_unit_test_setup_teardown(test_pool_by_chance, open_cpu, close_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
