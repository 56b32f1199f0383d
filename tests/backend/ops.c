/* SPDX-License-Identifier: MIT */
/* Every op on `cpu` against `ref`, forward and gradients, over the shapes of support/opcases.c; the
 * same bits for 1, 2 and 3 threads and on a second run; inputs left alone. In every convolution
 * mode. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "support/opcases.h"
#include "tensor/dims.h"

/* What a run of a case gave: the output, then the gradients of its inputs. */
typedef struct result {
    int64_t count[OPCASE_INPUTS + 1];
    float *v[OPCASE_INPUTS + 1];
} result;

static void result_free(result *r)
{
    for (int i = 0; i <= OPCASE_INPUTS; i++)
        free(r->v[i]);
}

static rst_ctx *open_ctx(const char *backend, int threads, rst_conv_mode mode)
{
    rst_error err = RST_ERROR_INIT;
    rst_ctx *c = NULL;
    const rst_ctx_options o = { .backend = backend, .threads = threads, .conv = mode };
    if (rst_ctx_new(&c, &o, &err) < 0)
        fail_msg("%s", err.msg);
    return c;
}

static float *fetch(rst_tensor *t, int64_t *count)
{
    *count = t ? rst__numel(rst_shape(t)) : 0;
    float *v = calloc((size_t)*count + 1, sizeof *v);
    if (t)
        rst_download(t, RST_NCHW, v);
    return v;
}

static result run(rst_ctx *c, const opcase *k, bool gradients)
{
    result r = { 0 };
    int n = opcase_inputs(k);
    rst_tensor *in[OPCASE_INPUTS];
    rst_begin(c);
    for (int i = 0; i < n; i++) {
        double *x = opcase_values(k, i);
        in[i] = rst_upload_f64(c, k->in[i], RST_NCHW, x);
        if (gradients && !(k->fixed >> i & 1))
            rst_want_grad(in[i]);
        free(x);
    }
    rst_tensor *y = k->make(in);
    r.v[0] = fetch(y, &r.count[0]);
    if (gradients && y) {
        float *v = malloc(((size_t)r.count[0] + 1) * sizeof *v);
        rst_rng g = rst__rng(5, "cotangent");
        for (int64_t i = 0; i < r.count[0]; i++)
            v[i] = (float)(2 * rst__rng_uniform(&g) - 1);
        rst_backward_from(y, rst_upload(c, rst_shape(y), RST_NCHW, v));
        for (int i = 0; i < n; i++)
            if (!(k->fixed >> i & 1))
                r.v[i + 1] = fetch(rst_grad(in[i]), &r.count[i + 1]);
        free(v);
    }
    for (int i = 0; i < n; i++) { /* untouched? (running statistics and u, v may advance) */
        int64_t count;
        double *x = opcase_values(k, i);
        float *now = fetch(in[i], &count);
        for (int64_t j = 0; j < count && !(k->fixed >> i & 1); j++)
            if (now[j] != (float)x[j])
                fail_msg("%s: input %d was overwritten", k->what, i);
        free(now);
        free(x);
    }
    rst_error err = RST_ERROR_INIT;
    if (rst_end(c, &err) < 0)
        fail_msg("%s: %s", k->what, err.msg);
    return r;
}

static void compare(const char *op, const opcase *k, const result *got, const result *want,
                    double rel)
{
    for (int i = 0; i <= OPCASE_INPUTS; i++) {
        assert_int_equal(got->count[i], want->count[i]);
        double off = 0, size = 0;
        for (int64_t j = 0; j < want->count[i]; j++) {
            double d = (double)got->v[i][j] - (double)want->v[i][j];
            off += d * d;
            size += (double)want->v[i][j] * (double)want->v[i][j];
        }
        if (!(sqrt(off) <= rel * sqrt(size) + 1e-7))
            fail_msg("%s (%s): %s %d is off by %g of its norm", op, k->what,
                     i ? "gradient" : "output", i ? i - 1 : 0, sqrt(off / (size + 1e-30)));
    }
}

static void same_bits(const char *op, const opcase *k, const result *a, const result *b,
                      const char *why)
{
    for (int i = 0; i <= OPCASE_INPUTS; i++)
        if (a->count[i] && memcmp(a->v[i], b->v[i], (size_t)a->count[i] * sizeof(float)))
            fail_msg("%s (%s): %s %d has other bits %s", op, k->what, i ? "gradient" : "output",
                     i ? i - 1 : 0, why);
}

static void every_op(rst_conv_mode mode, double rel)
{
    rst_ctx *ref = open_ctx("ref", 1, RST_CONV_AUTO), *one = open_ctx("cpu", 1, mode);
    rst_ctx *two = open_ctx("cpu", 2, mode), *three = open_ctx("cpu", 3, mode);
    const opcase_list *l;
    for (int i = 0; (l = opcases_at(i)); i++) {
        for (int j = 0; j < l->count; j++) {
            const opcase *k = &l->list[j];
            bool g = !l->no_gradient;
            result want = run(ref, k, g), got = run(one, k, g), again = run(one, k, g);
            result got2 = run(two, k, g), got3 = run(three, k, g);
            compare(l->op, k, &got, &want, rel);
            same_bits(l->op, k, &got, &again, "on a second run");
            same_bits(l->op, k, &got, &got2, "with 2 threads");
            same_bits(l->op, k, &got, &got3, "with 3 threads");
            result_free(&want);
            result_free(&got);
            result_free(&again);
            result_free(&got2);
            result_free(&got3);
        }
    }
    if (mode == RST_CONV_WINOGRAD)
        assert_true(rst_ctx_statistics(one).convs_winograd > 10);
    if (mode == RST_CONV_DIRECT)
        assert_int_equal(rst_ctx_statistics(one).convs_winograd, 0);
    rst_ctx_free(ref);
    rst_ctx_free(one);
    rst_ctx_free(two);
    rst_ctx_free(three);
}

static void direct(void **state)
{
    (void)state;
    every_op(RST_CONV_DIRECT, 3e-6);
}

static void winograd(void **state)
{
    (void)state;
    every_op(RST_CONV_WINOGRAD, 5e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct),
        cmocka_unit_test(winograd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
