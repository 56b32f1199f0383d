/* SPDX-License-Identifier: MIT */
/* Every op's gradient: the `ref` backend in double, central differences of <op(x), v> for a random
 * cotangent v. */
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

static rst_ctx *ctx;

static int set_up(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    const rst_ctx_options o = { .backend = "ref", .dtype = RST_F64 };
    int rc = rst_ctx_new(&ctx, &o, &err);
    if (rc < 0)
        print_error("%s\n", err.msg);
    return rc;
}

static int tear_down(void **state)
{
    (void)state;
    rst_ctx_free(ctx);
    return 0;
}

/* <op(x), v>; with grads, also its gradients. v is drawn on the first call. */
static double evaluate(const opcase *k, double *const *x, double **grads)
{
    int n = opcase_inputs(k);
    rst_tensor *in[OPCASE_INPUTS];
    rst_begin(ctx);
    for (int i = 0; i < n; i++) {
        in[i] = rst_upload_f64(ctx, k->in[i], RST_NCHW, x[i]);
        if (grads && !(k->fixed >> i & 1))
            rst_want_grad(in[i]);
    }
    rst_tensor *y = k->make(in);
    rst_dims s = rst_shape(y);
    double dot = 0;
    if (y) {
        int64_t count = rst__numel(s);
        double *v = malloc((size_t)count * sizeof *v), *yv = malloc((size_t)count * sizeof *yv);
        rst_rng r = rst__rng(5, "cotangent");
        for (int64_t i = 0; i < count; i++)
            v[i] = 2 * rst__rng_uniform(&r) - 1;
        rst_download_f64(y, RST_NCHW, yv);
        for (int64_t i = 0; i < count; i++)
            dot += v[i] * yv[i];
        if (grads) {
            rst_backward_from(y, rst_upload_f64(ctx, s, RST_NCHW, v));
            for (int i = 0; i < n; i++)
                if (!(k->fixed >> i & 1))
                    rst_download_f64(rst_grad(in[i]), RST_NCHW, grads[i]);
        }
        free(v);
        free(yv);
    }
    rst_error err = RST_ERROR_INIT;
    if (rst_end(ctx, &err) < 0)
        fail_msg("%s: %s", k->what, err.msg);
    return dot;
}

static void check_case(const char *op, const opcase *k)
{
    int n = opcase_inputs(k);
    double *x[OPCASE_INPUTS], *g[OPCASE_INPUTS];
    for (int i = 0; i < n; i++) {
        x[i] = opcase_values(k, i);
        g[i] = calloc((size_t)rst__numel(k->in[i]), sizeof **g);
    }
    evaluate(k, x, g);
    for (int i = 0; i < n; i++) {
        double worst = 0, scale = 1e-3;
        int64_t count = rst__numel(k->in[i]), at = -1;
        for (int64_t j = 0; j < count && !(k->fixed >> i & 1); j++) {
            const double h = 1e-6, keep = x[i][j];
            x[i][j] = keep + h;
            double hi = evaluate(k, x, NULL);
            x[i][j] = keep - h;
            double lo = evaluate(k, x, NULL);
            x[i][j] = keep;
            double want = (hi - lo) / (2 * h), off = fabs(want - g[i][j]);
            scale = fmax(scale, fabs(want));
            if (!(off <= worst)) {
                worst = off;
                at = j;
            }
        }
        if (!(worst <= 1e-5 * scale + 1e-7))
            fail_msg(
                "%s (%s): gradient of input %d, element %lld is off by %g (largest gradient %g)",
                op, k->what, i, (long long)at, worst, scale);
    }
    for (int i = 0; i < n; i++) {
        free(x[i]);
        free(g[i]);
    }
}

static void every_op(void **state)
{
    (void)state;
    const opcase_list *l;
    int cases = 0;
    for (int i = 0; (l = opcases_at(i)); i++)
        for (int j = 0; j < l->count && !l->no_gradient; j++, cases++)
            check_case(l->op, &l->list[j]);
    print_message("%d cases\n", cases);
    assert_true(cases > 60);
}

/* A wrong gradient must be seen: the checker is itself checked with a broken op. */
static rst_tensor *broken(rst_tensor *const *x)
{
    return rst_mul(rst_detach(x[0]), x[0]);
}

static void the_check_can_fail(void **state)
{
    (void)state;
    const opcase k = { "broken", broken, { { 1, 2, 2, 2 } }, 0, 0 };
    double *x[1] = { opcase_values(&k, 0) }, *g[1] = { calloc(8, sizeof **g) };
    evaluate(&k, x, g);
    double keep = x[0][0];
    x[0][0] = keep + 1e-6;
    double hi = evaluate(&k, x, NULL);
    x[0][0] = keep - 1e-6;
    double lo = evaluate(&k, x, NULL);
    assert_true(fabs((hi - lo) / 2e-6 - g[0][0]) > 1e-3);
    free(x[0]);
    free(g[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op),
        cmocka_unit_test(the_check_can_fail),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
