/* SPDX-License-Identifier: MIT */
/* A recorded plan gives what the eager run gives, in less memory, and refuses what went stale. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "plan/plan.h"

/* A net with everything that is fused: norm + relu, residual sum, conv + leaky, running norm after
 * a convolution, a constant subgraph (spectral norm), an alias, two outputs, and a dead end. */
typedef struct net {
    rst_tensor *w1, *w2, *u, *v, *gamma, *mean, *var, *bias;
} net;

static rst_tensor *param(rst_ctx *c, rst_dims s, double lo, double hi)
{
    rst_tensor *t = rst__param_new(c, s);
    float v[512];
    int64_t n = rst__numel(s);
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(lo + (hi - lo) * (double)((i * 37 + 11) % 101) / 101);
    rst__param_upload(t, v);
    return t;
}

static net net_new(rst_ctx *c)
{
    const rst_dims vec = { 1, 4, 1, 1 };
    return (net){ .w1 = param(c, (rst_dims){ 4, 3, 3, 3 }, -0.5, 0.5),
                  .w2 = param(c, (rst_dims){ 4, 4, 3, 3 }, -0.4, 0.5),
                  .u = param(c, vec, 0.1, 0.9),
                  .v = param(c, (rst_dims){ 1, 36, 1, 1 }, -0.2, 0.3),
                  .gamma = param(c, vec, 0.5, 1.5),
                  .mean = param(c, vec, -0.2, 0.2),
                  .var = param(c, vec, 0.5, 2),
                  .bias = param(c, vec, -0.3, 0.3) };
}

static void net_free(net *m)
{
    rst_tensor *all[] = { m->w1, m->w2, m->u, m->v, m->gamma, m->mean, m->var, m->bias };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        rst__param_free(all[i]);
}

static int forward(void *arg, rst_tensor *x, rst_tensor **out, int max)
{
    net *m = arg;
    const rst_conv_options same = { .pad = { 1, 1, 1, 1 }, .mode = RST_PAD_REFLECT };
    (void)max;
    rst_tensor *a =
        rst_relu(rst_instance_norm(rst_conv2d(x, m->w1, m->bias, same), NULL, NULL, 1e-5));
    rst_tensor *w2 = rst_spectral(m->w2, m->u, m->v, false, false);
    rst_tensor *b = rst_instance_norm(rst_conv2d(a, w2, NULL, same), NULL, NULL, 1e-5);
    a = rst_add(a, b);
    rst_tanh(a); /* nobody reads it */
    rst_tensor *d = rst_conv2d(a, m->w2, m->bias, same);
    d = rst_batch_norm(d, m->gamma, m->bias, m->mean, m->var, RST_BN_RUNNING, 0.1, 1e-5);
    d = rst_leaky_relu(d, 0.2);
    out[0] = rst_tanh(rst_concat(RST_AXIS_C, 2, (rst_tensor *const[]){ d, a }));
    out[1] = rst_mean(rst_rows(d), RST_AXIS_C);
    return 2;
}

static rst_ctx *open_ref(void)
{
    rst_ctx *c = NULL;
    const rst_ctx_options o = { .backend = "ref" };
    assert_int_equal(rst_ctx_new(&c, &o, NULL), 0);
    return c;
}

static const rst_dims shape = { 1, 3, 8, 6 };

static rst_tensor *input(rst_ctx *c, float shift)
{
    float x[144];
    for (int i = 0; i < 144; i++)
        x[i] = (float)((i * 29) % 83) / 83 - 0.5f + shift;
    return rst_upload(c, shape, RST_NCHW, x);
}

static void a_plan_equals_the_eager_run(void **state)
{
    (void)state;
    rst_ctx *c = open_ref();
    net m = net_new(c);
    rst_plan *p = NULL;
    rst_error err = RST_ERROR_INIT;
    if (rst__plan_new(&p, c, shape, forward, &m, &err) < 0)
        fail_msg("%s", err.msg);
    rst_plan_info info = rst__plan_describe(p);
    assert_int_equal(info.outputs, 2);
    assert_true(info.fused >= 4);
    assert_true(info.arena_bytes < info.values_bytes);
    for (int k = 0; k < 3; k++) {
        rst_begin_nograd(c);
        rst_tensor *x = input(c, 0.1f * (float)k), *want[2], *got[2];
        forward(&m, x, want, 2);
        assert_int_equal(rst__plan_run(p, x, got), 0);
        float a[384], b[384];
        for (int i = 0; i < 2; i++) {
            assert_true(rst__same_dims(rst_shape(want[i]), rst_shape(got[i])));
            rst_download(want[i], RST_NCHW, a);
            rst_download(got[i], RST_NCHW, b);
            for (int64_t j = 0; j < rst__numel(rst_shape(got[i])); j++)
                assert_true(fabsf(a[j] - b[j]) < 2e-6f);
        }
        assert_int_equal(rst_end(c, NULL), 0);
    }
    rst__plan_free(p);
    net_free(&m);
    assert_int_equal(rst_ctx_statistics(c).bytes_live, 0);
    rst_ctx_free(c);
}

static void a_stale_plan_is_refused(void **state)
{
    (void)state;
    rst_ctx *c = open_ref();
    net m = net_new(c);
    rst_plan *p = NULL;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst__plan_new(&p, c, shape, forward, &m, &err), 0);
    rst__param_changed(m.w1);
    rst_begin_nograd(c);
    rst_tensor *y[2];
    assert_int_equal(rst__plan_run(p, input(c, 0), y), RST_EINVAL);
    rst_end(c, NULL);
    rst__plan_free(p);
    net_free(&m);
    rst_ctx_free(c);
}

static void a_shape_that_does_not_fit_is_an_error(void **state)
{
    (void)state;
    rst_ctx *c = open_ref();
    net m = net_new(c);
    rst_plan *p = NULL;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst__plan_new(&p, c, (rst_dims){ 1, 5, 8, 6 }, forward, &m, &err), RST_EINVAL);
    assert_null(p);
    assert_non_null(strstr(err.msg, "conv2d"));
    net_free(&m);
    rst_ctx_free(c);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    rst_ctx *c = open_ref();
    net m = net_new(c);
    int failures = 0;
    for (long n = 0; n < 2000; n++) {
        rst__alloc_fail_after(n);
        rst_plan *p = NULL;
        rst_error err = RST_ERROR_INIT;
        int rc = rst__plan_new(&p, c, shape, forward, &m, &err);
        rst__alloc_fail_after(-1);
        rst__plan_free(p);
        if (rc == 0)
            break;
        assert_int_equal(rc, RST_ENOMEM);
        failures++;
    }
    assert_in_range(failures, 10, 1990);
    net_free(&m);
    assert_int_equal(rst_ctx_statistics(c).bytes_live, 0);
    rst_ctx_free(c);
}

static int one_conv(void *arg, rst_tensor *x, rst_tensor **out, int max)
{
    net *m = arg;
    const rst_conv_options same = { .pad = { 1, 1, 1, 1 }, .mode = RST_PAD_REFLECT };
    (void)max;
    rst_tensor *a =
        rst_relu(rst_instance_norm(rst_conv2d(x, m->w1, m->bias, same), NULL, NULL, 1e-5));
    out[0] = rst_tanh(rst_conv2d(a, m->w2, NULL, same));
    return 1;
}

/* Runs n pictures of 3 x 26 x 22 at once; y, n x 4 x 26 x 22. */
static void run_batch(rst_ctx *c, net *m, int64_t n, const float *x, float *y)
{
    const rst_dims s = { n, 3, 26, 22 };
    rst_plan *p = NULL;
    rst_error err = RST_ERROR_INIT;
    if (rst__plan_new(&p, c, s, one_conv, m, &err) < 0)
        fail_msg("%s", err.msg);
    rst_begin_nograd(c);
    rst_tensor *out[1];
    assert_int_equal(rst__plan_run(p, rst_upload(c, s, RST_NCHW, x), out), 0);
    rst_download(out[0], RST_NCHW, y);
    assert_int_equal(rst_end(c, &err), 0);
    rst__plan_free(p);
}

/* A picture's bits do not depend on those that share its batch. */
static void a_batch_equals_its_pictures(void **state)
{
    (void)state;
    enum { N = 3, IN = 3 * 26 * 22, OUT = 4 * 26 * 22 };
    static float x[N * IN], together[N * OUT], alone[OUT];
    for (int i = 0; i < N * IN; i++)
        x[i] = (float)((i * 29) % 83) / 83 - 0.5f;
    for (int mode = RST_CONV_DIRECT; mode <= RST_CONV_WINOGRAD; mode++) {
        rst_ctx *c = NULL;
        const rst_ctx_options o = { .conv = (rst_conv_mode)mode, .threads = 2 };
        assert_int_equal(rst_ctx_new(&c, &o, NULL), 0);
        net m = net_new(c);
        run_batch(c, &m, N, x, together);
        for (int i = 0; i < N; i++) {
            run_batch(c, &m, 1, x + i * IN, alone);
            assert_memory_equal(alone, together + i * OUT, sizeof alone);
        }
        net_free(&m);
        rst_ctx_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_equals_its_pictures),
        cmocka_unit_test(a_plan_equals_the_eager_run),
        cmocka_unit_test(a_stale_plan_is_refused),
        cmocka_unit_test(a_shape_that_does_not_fit_is_an_error),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
