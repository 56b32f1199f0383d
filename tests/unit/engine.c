/* SPDX-License-Identifier: MIT */
/* Scopes, the tape's lifetimes, sticky errors, activation checkpointing, the pool. On `ref`. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "grad/engine.h"

static rst_ctx *open_backend(const char *name)
{
    rst_ctx *c = NULL;
    rst_error err = RST_ERROR_INIT;
    const rst_ctx_options o = { .backend = name };
    if (rst_ctx_new(&c, &o, &err) < 0)
        fail_msg("%s", err.msg);
    return c;
}

static rst_ctx *open_ref(void)
{
    return open_backend("ref");
}

static const rst_dims one_by_four = { 1, 1, 2, 2 };
static const float four[4] = { 1, -2, 3, -4 };

static void tensors_die_with_their_scope(void **state)
{
    (void)state;
    rst_ctx *c = open_ref();
    rst_begin(c);
    size_t start = rst_ctx_statistics(c).bytes_live;
    rst_tensor *x = rst_upload(c, one_by_four, RST_NCHW, four);
    rst_begin(c);
    rst_tensor *gone = rst_relu(x), *kept = rst_keep(rst_scale(gone, 2));
    (void)gone;
    assert_int_equal(rst_end(c, NULL), 0);
    float v[4];
    assert_int_equal(rst_download(kept, RST_NCHW, v), 0);
    assert_true(v[0] == 2 && v[1] == 0 && v[2] == 6 && v[3] == 0);
    assert_int_equal(rst_end(c, NULL), 0);
    assert_int_equal(rst_ctx_statistics(c).bytes_live, start);
    rst_ctx_free(c);
}

/* Intermediates that no vjp needs are gone when an inner scope ends, though the tape goes on. */
static void only_what_backward_needs_stays(void **state)
{
    (void)state;
    rst_ctx *c = open_ref();
    rst_begin(c);
    rst_tensor *x = rst_want_grad(rst_upload(c, one_by_four, RST_NCHW, four));
    size_t before = rst_ctx_statistics(c).bytes_live;
    rst_begin(c);
    rst_tensor *y = rst_scale(rst_scale(rst_scale(x, 2), 3), 4);
    rst_keep(y);
    rst_end(c, NULL);
    assert_int_equal(rst_ctx_statistics(c).bytes_live, before + 64);
    rst_tensor *loss = rst_sum(y, RST_AXIS_ALL);
    assert_int_equal(rst_backward(loss), 0);
    float g[4];
    assert_int_equal(rst_download(rst_grad(x), RST_NCHW, g), 0);
    assert_true(g[0] == 24 && g[3] == 24);
    assert_true(rst_backward(loss) < 0); /* the graph is used up */
    assert_true(rst_end(c, NULL) < 0);
    rst_ctx_free(c);
}

static void errors_stick_until_the_outermost_begin(void **state)
{
    (void)state;
    rst_ctx *c = open_ref();
    rst_error err = RST_ERROR_INIT;
    rst_begin(c);
    rst_tensor *x = rst_upload(c, one_by_four, RST_NCHW, four);
    rst_tensor *w = rst_full(c, (rst_dims){ 1, 2, 3, 3 }, 1);
    assert_null(rst_conv2d(x, w, NULL, (rst_conv_options){ 0 }));
    assert_null(rst_relu(x)); /* everything after does nothing */
    assert_null(rst_pad2d(x, (rst_pads){ 2, 0, 0, 0 }, RST_PAD_REFLECT));
    rst_begin(c);
    rst_end(c, NULL);
    assert_int_equal(rst_end(c, &err), RST_EINVAL);
    assert_string_equal(err.msg,
                        "conv2d: weights 1,2,3,3 do not fit an input of 1,1,2,2 in 1 groups");
    rst_begin(c);
    assert_non_null(rst_upload(c, one_by_four, RST_NCHW, four));
    assert_int_equal(rst_end(c, NULL), 0);
    rst_ctx_free(c);
}

static void gradients_gather_over_uses(void **state)
{
    (void)state;
    rst_ctx *c = open_ref();
    rst_begin(c);
    rst_tensor *x = rst_want_grad(rst_upload(c, one_by_four, RST_NCHW, four));
    rst_tensor *y = rst_add(rst_mul(x, x), rst_scale(x, 3)); /* x^2 + 3x */
    rst_tensor *stop = rst_mul(rst_detach(x), x);            /* counts once */
    assert_int_equal(rst_backward(rst_sum(rst_add(y, stop), RST_AXIS_ALL)), 0);
    float g[4];
    rst_download(rst_grad(x), RST_NCHW, g);
    for (int i = 0; i < 4; i++)
        assert_true(fabsf(g[i] - (3 * four[i] + 3)) < 1e-6f);
    assert_int_equal(rst_end(c, NULL), 0);
    rst_ctx_free(c);
}

/* What a discriminator's last bias gets under wgangp: opposite means of a map of 7 x 7, of which a
 * number's share, 1/49, is no float. */
static void opposite_uses_leave_an_exact_zero(void **state)
{
    (void)state;
    static const char *const backends[] = { "ref", "cpu" };
    for (int i = 0; i < 2; i++) {
        rst_ctx *c = open_backend(backends[i]);
        rst_begin(c);
        rst_tensor *bias = rst_want_grad(rst_full(c, (rst_dims){ 1, 1, 1, 1 }, 0.5));
        rst_tensor *w = rst_full(c, (rst_dims){ 1, 2, 1, 1 }, 1), *mean[2];
        for (int k = 0; k < 2; k++) {
            rst_tensor *x = rst_full(c, (rst_dims){ 1, 2, 7, 7 }, k + 1);
            mean[k] = rst_mean(rst_conv2d(x, w, bias, (rst_conv_options){ 0 }), RST_AXIS_ALL);
        }
        assert_int_equal(rst_backward(rst_scale(rst_sub(mean[0], mean[1]), 0.5)), 0);
        float g = 1;
        assert_int_equal(rst_download(rst_grad(bias), RST_NCHW, &g), 0);
        assert_true(g == 0);
        assert_int_equal(rst_end(c, NULL), 0);
        rst_ctx_free(c);
    }
}

/* A small block with state: a spectrally normalised convolution, a batch norm in training. */
typedef struct block {
    rst_tensor *w, *u, *v, *mean, *var;
} block;

static rst_tensor *forward(void *arg, rst_tensor *x)
{
    block *b = arg;
    rst_tensor *w = rst_spectral(b->w, b->u, b->v, false, true);
    rst_tensor *y = rst_conv2d(x, w, NULL, (rst_conv_options){ .pad = { 1, 1, 1, 1 } });
    return rst_tanh(rst_batch_norm(y, NULL, NULL, b->mean, b->var, RST_BN_TRAIN, 0.1, 1e-5));
}

static block block_new(rst_ctx *c)
{
    const rst_dims vec = { 1, 2, 1, 1 };
    block b = { rst__param_new(c, (rst_dims){ 2, 2, 3, 3 }), rst__param_new(c, vec),
                rst__param_new(c, (rst_dims){ 1, 18, 1, 1 }), rst__param_new(c, vec),
                rst__param_new(c, vec) };
    float w[36], u[2] = { 0.6f, 0.8f }, v[18], ones[2] = { 1, 1 };
    for (int i = 0; i < 36; i++)
        w[i] = (float)((i * 7) % 11) / 11 - 0.4f;
    for (int i = 0; i < 18; i++)
        v[i] = 0.2357f;
    rst__param_upload(b.w, w);
    rst__param_upload(b.u, u);
    rst__param_upload(b.v, v);
    rst__param_upload(b.var, ones);
    rst__param_set_trainable(b.u, false);
    rst__param_set_trainable(b.v, false);
    rst__param_set_trainable(b.mean, false);
    rst__param_set_trainable(b.var, false);
    return b;
}

static void block_free(block *b)
{
    rst__param_free(b->w);
    rst__param_free(b->u);
    rst__param_free(b->v);
    rst__param_free(b->mean);
    rst__param_free(b->var);
}

/* Twice through the block, as a training step would; the numbers afterwards. */
static void two_passes(bool checkpoint, float out[80])
{
    rst_ctx *c = open_ref();
    block b = block_new(c);
    float x[32];
    for (int i = 0; i < 32; i++)
        x[i] = (float)((i * 5) % 13) / 13 - 0.5f;
    rst_begin(c);
    rst_tensor *in = rst_want_grad(rst_upload(c, (rst_dims){ 1, 2, 4, 4 }, RST_NCHW, x));
    rst_tensor *y = checkpoint ? rst_checkpoint(forward, &b, in) : forward(&b, in);
    rst_tensor *z = checkpoint ? rst_checkpoint(forward, &b, y) : forward(&b, y);
    assert_int_equal(rst_backward(rst_sum(rst_square(z), RST_AXIS_ALL)), 0);
    rst_download(rst_grad(in), RST_NCHW, out);
    rst_download(rst_grad(b.w), RST_NCHW, out + 32);
    rst_download(b.u, RST_NCHW, out + 68);
    rst_download(b.mean, RST_NCHW, out + 70);
    rst_download(b.var, RST_NCHW, out + 72);
    assert_int_equal(rst_end(c, NULL), 0);
    block_free(&b);
    assert_int_equal(rst_ctx_statistics(c).bytes_live, 0);
    rst_ctx_free(c);
}

static void a_checkpoint_changes_nothing(void **state)
{
    (void)state;
    float plain[80] = { 0 }, saved[80] = { 0 };
    two_passes(false, plain);
    two_passes(true, saved);
    assert_memory_equal(plain, saved, sizeof plain);
}

static void the_pool_gives_the_same_addresses_again(void **state)
{
    (void)state;
    rst_ctx *c = open_ref();
    void *seen[3][4];
    for (int step = 0; step < 3; step++) {
        rst_begin(c);
        rst_tensor *x = rst_upload(c, one_by_four, RST_NCHW, four);
        for (int i = 0; i < 4; i++) {
            seen[step][i] = x->st->p;
            x = rst_relu(x);
        }
        rst_end(c, NULL);
    }
    assert_memory_equal(seen[1], seen[2], sizeof seen[1]);
    rst_ctx_free(c);
}

/* Whatever allocation fails: an error, nothing leaked, and the context works afterwards. */
static void any_allocation_may_fail(void **state)
{
    (void)state;
    int failures = 0;
    for (long n = 0; n < 400; n++) {
        long live = rst__alloc_live();
        rst__alloc_fail_after(n);
        rst_ctx *c = NULL;
        rst_error err = RST_ERROR_INIT;
        const rst_ctx_options o = { .backend = "ref" };
        int rc = rst_ctx_new(&c, &o, &err);
        if (rc == 0) {
            rst_begin(c);
            rst_tensor *x = rst_want_grad(rst_upload(c, one_by_four, RST_NCHW, four));
            rst_tensor *w = rst_want_grad(rst_full(c, (rst_dims){ 2, 1, 3, 3 }, 0.1));
            rst_tensor *y = rst_conv2d(x, w, NULL, (rst_conv_options){ .pad = { 1, 1, 1, 1 } });
            rst_begin(c);
            y = rst_keep(rst_relu(rst_instance_norm(y, NULL, NULL, 1e-5)));
            rst_end(c, NULL);
            y = rst_concat(RST_AXIS_C, 2, (rst_tensor *const[]){ y, x });
            rst_backward(rst_mean(rst_square(y), RST_AXIS_ALL));
            rc = rst_end(c, &err);
        }
        rst__alloc_fail_after(-1);
        rst_ctx_free(c);
        assert_int_equal(rst__alloc_live(), live);
        if (rc == 0)
            break;
        assert_int_equal(rc, RST_ENOMEM);
        assert_true(err.msg[0] != 0);
        failures++;
    }
    assert_in_range(failures, 20, 390);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_die_with_their_scope),
        cmocka_unit_test(only_what_backward_needs_stays),
        cmocka_unit_test(errors_stick_until_the_outermost_begin),
        cmocka_unit_test(gradients_gather_over_uses),
        cmocka_unit_test(opposite_uses_leave_an_exact_zero),
        cmocka_unit_test(a_checkpoint_changes_nothing),
        cmocka_unit_test(the_pool_gives_the_same_addresses_again),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
