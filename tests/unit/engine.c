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

/* What backward makes again ---------------------------------------------------------------------
 */

enum { C = 3, SIDE = 12, IN = C * SIDE * SIDE, OUT = 4 * IN, NUMBERS = IN + 2 * 9 * C * C + 4 * C };

typedef struct layers {
    rst_tensor *w[2], *gamma, *beta, *mean, *var;
} layers;

/* A convolution, a batch norm with its activation, twice the size, a convolution. The norm's output
 * and the enlarged one are asked for in backward. `split`: norm and activation by themselves;
 * `scopes`: in scopes, whose ends leave to the tape what it holds. */
static rst_tensor *run_layers(rst_ctx *c, const layers *l, rst_tensor *x, rst_map act, bool split,
                              bool scopes)
{
    const rst_conv_options same = { .pad = { 1, 1, 1, 1 } };
    for (int i = 0; scopes && i < 2; i++)
        rst_begin(c);
    x = rst_conv2d(x, l->w[0], NULL, same);
    x = rst__batch_norm(x, l->gamma, l->beta, l->mean, l->var, RST_BN_TRAIN, 0.1, 1e-5,
                        split ? RST_MAP_NONE : act, 0.3);
    if (split)
        x = act == RST_MAP_RELU ? rst_relu(x) : rst_leaky_relu(x, 0.3);
    if (scopes) {
        rst_keep(x); /* for the enclosing scope, which ends before backward */
        (void)rst_end(c, NULL);
    }
    rst_tensor *y = rst_add(rst_upsample(x, 4), rst_resize_by(x, RST_NEAREST, 2));
    rst_tensor *z = rst_conv2d(rst_upsample(x, 4), l->w[1], NULL, same);
    y = rst_add(y, z);
    if (scopes) {
        rst_keep(y);
        (void)rst_end(c, NULL);
    }
    return y;
}

/* The output, all gradients and the running statistics; bytes: kept before backward. */
static void numbers_of(const char *backend, rst_map act, bool split, bool scopes,
                       float out[OUT + NUMBERS], size_t *bytes)
{
    rst_ctx *c = open_backend(backend);
    const rst_dims vec = { 1, C, 1, 1 }, wd = { C, C, 3, 3 };
    layers l = { { rst__param_new(c, wd), rst__param_new(c, wd) },
                 rst__param_new(c, vec),
                 rst__param_new(c, vec),
                 rst__param_new(c, vec),
                 rst__param_new(c, vec) };
    float v[IN], *at = out;
    for (int i = 0; i < IN; i++)
        v[i] = (float)((i * 37) % 101) / 50 - 1;
    rst__param_upload(l.w[0], v);
    rst__param_upload(l.w[1], v + 7);
    rst__param_upload(l.gamma, v + 3);
    rst__param_upload(l.beta, v + 60);
    rst__param_set_trainable(l.mean, false);
    rst__param_set_trainable(l.var, false);
    rst_begin(c);
    rst_tensor *x = rst_want_grad(rst_upload(c, (rst_dims){ 1, C, SIDE, SIDE }, RST_NCHW, v));
    rst_tensor *y = run_layers(c, &l, x, act, split, scopes);
    *bytes = rst_ctx_statistics(c).bytes_live;
    rst_download(y, RST_NCHW, at);
    at += OUT;
    assert_int_equal(rst_backward(rst_sum(rst_square(y), RST_AXIS_ALL)), 0);
    rst_tensor *const of[] = { rst_grad(x),
                               rst_grad(l.w[0]),
                               rst_grad(l.w[1]),
                               rst_grad(l.gamma),
                               rst_grad(l.beta),
                               l.mean,
                               l.var };
    for (int i = 0; i < 7; i++) {
        assert_int_equal(rst_download(of[i], RST_NCHW, at), 0);
        at += rst__numel(rst_shape(of[i]));
    }
    assert_int_equal(at - out, OUT + NUMBERS);
    assert_int_equal(rst_end(c, NULL), 0);
    rst_tensor *const params[] = { l.w[0], l.w[1], l.gamma, l.beta, l.mean, l.var };
    for (int i = 0; i < 6; i++)
        rst__param_free(params[i]);
    assert_int_equal(rst_ctx_statistics(c).bytes_live, 0);
    rst_ctx_free(c);
}

static void outputs_are_made_again_bit_by_bit(void **state)
{
    (void)state;
    const rst_map acts[] = { RST_MAP_RELU, RST_MAP_LEAKY };
    static float want[OUT + NUMBERS], got[OUT + NUMBERS];
    for (int i = 0; i < 2; i++) {
        size_t all, some;
        numbers_of("cpu", acts[i], true, false, want, &all);
        numbers_of("cpu", acts[i], true, true, got, &some);
        assert_memory_equal(want, got, sizeof want);
        numbers_of("cpu", acts[i], false, false, got, &all);
        assert_memory_equal(want, got, sizeof want);
        numbers_of("cpu", acts[i], false, true, got, &some);
        assert_memory_equal(want, got, sizeof want);
        /* without what came of norm, upsampling (twice), resizing, the sum and the convolution */
        assert_in_range(some, 1, all - sizeof(float) * (IN + 5 * OUT));
    }
}

/* A graph is used up also where its outputs would have to be made again. */
static void nothing_is_made_from_a_graph_that_is_used_up(void **state)
{
    (void)state;
    rst_ctx *c = open_ref();
    rst_error err = RST_ERROR_INIT;
    rst_begin(c);
    rst_tensor *x = rst_want_grad(rst_upload(c, one_by_four, RST_NCHW, four));
    rst_tensor *w = rst_want_grad(rst_full(c, (rst_dims){ 1, 1, 1, 1 }, 2));
    rst_begin(c);
    rst_tensor *n = rst_instance_norm(x, NULL, NULL, 1e-5);
    rst_tensor *first = rst_keep(rst_sum(n, RST_AXIS_ALL));
    rst_tensor *second = rst_keep(rst_conv2d(n, w, NULL, (rst_conv_options){ 0 }));
    rst_end(c, NULL);
    assert_int_equal(rst_backward(first), 0);
    assert_true(rst_backward(rst_sum(second, RST_AXIS_ALL)) < 0);
    assert_int_equal(rst_end(c, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "taken twice"));
    assert_int_equal(rst_ctx_statistics(c).bytes_live, 0);
    rst_ctx_free(c);
}

/* The pool --------------------------------------------------------------------------------------
 */

typedef struct source {
    size_t asked, most; /* bytes; most: a request above it is refused */
    int live;
} source;

static void *source_alloc(void *dev, size_t bytes)
{
    source *s = dev;
    void *p = bytes <= s->most ? rst__malloc_aligned(bytes) : NULL;
    s->asked += p ? bytes : 0;
    s->live += p != NULL;
    return p;
}

static void source_release(void *dev, void *p)
{
    source *s = dev;
    s->live--;
    rst__free(p);
}

/* Large blocks join with their neighbours: what many of one size took is there for one of another.
 */
static void large_blocks_are_cut_and_joined(void **state)
{
    (void)state;
    enum { MIB = 1 << 20, COUNT = 9 };
    source src = { .most = SIZE_MAX };
    rst_pool *pool = rst__pool_new((rst_pool_source){ source_alloc, source_release, &src, true });
    rst_storage *s[COUNT], *whole, *small = rst__storage_get(pool, 100);
    for (int i = 0; i < COUNT; i++)
        assert_non_null(s[i] = rst__storage_get(pool, 4 * MIB + 4));
    void *low = s[0]->p;
    const size_t asked = src.asked;
    const int order[COUNT] = { 1, 3, 2, 0, 8, 6, 7, 4, 5 };
    for (int i = 0; i < COUNT; i++)
        rst__storage_put(s[order[i]]);
    assert_non_null(whole = rst__storage_get(pool, COUNT * 4 * MIB));
    assert_ptr_equal(whole->p, low);
    assert_int_equal(src.asked, asked);
    rst_storage *next = rst__storage_get(pool, MIB);
    assert_true((char *)next->p >= (char *)low + COUNT * 4 * MIB);
    rst__storage_put(whole);
    whole = rst__storage_get(pool, 2 * MIB);
    assert_ptr_equal(whole->p, low);
    rst__storage_put(whole);
    rst__storage_put(next);
    rst__storage_put(small);
    assert_int_equal(rst__pool_live(pool), 0);
    assert_int_equal(rst__pool_damaged(pool), 0);
    rst__pool_trim(pool);
    assert_int_equal(src.live, 0);
    rst__pool_free(pool);
}

/* Where there is no memory for more than what is asked for, that is enough. */
static void a_region_is_no_larger_than_can_be_had(void **state)
{
    (void)state;
    enum { MIB = 1 << 20 };
    source src = { .most = 5 * MIB };
    rst_pool *pool = rst__pool_new((rst_pool_source){ source_alloc, source_release, &src, true });
    rst_storage *a = rst__storage_get(pool, 4 * MIB), *b = rst__storage_get(pool, 2 * MIB);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(rst__storage_get(pool, 6 * MIB));
    rst__storage_put(a);
    rst__storage_put(b);
    rst__pool_free(pool);
    assert_int_equal(src.live, 0);
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
        cmocka_unit_test(outputs_are_made_again_bit_by_bit),
        cmocka_unit_test(nothing_is_made_from_a_graph_that_is_used_up),
        cmocka_unit_test(large_blocks_are_cut_and_joined),
        cmocka_unit_test(a_region_is_no_larger_than_can_be_had),
        cmocka_unit_test(the_pool_gives_the_same_addresses_again),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
