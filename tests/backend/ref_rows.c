/* SPDX-License-Identifier: MIT */
/* ref: matrices, rows, contrastive loss, adaptive weights, Adam. */
#include "backend/ref_util.h"

static void products(void **state)
{
    rst_dev *dev = *state;
    const double a[6] = { 1, 2, 3, 4, 5, 6 }, at[6] = { 1, 4, 2, 5, 3, 6 };   /* 2 x 3 */
    const double b[6] = { 1, 0, 2, 1, 0, -1 }, bt[6] = { 1, 2, 0, 0, 1, -1 }; /* 3 x 2 */
    const double ab[4] = { 5, -1, 14, -1 };
    for (int k = 0; k < 4; k++) {
        double c[4] = { NAN, NAN, NAN, NAN };
        CALL(gemm, k & 1, k & 2, 1, 2, 2, 3, 1.0, k & 1 ? at : a, k & 2 ? bt : b, 0.0, c);
        same(4, c, ab, 0);
        CALL(gemm, k & 1, k & 2, 1, 2, 2, 3, 2.0, k & 1 ? at : a, k & 2 ? bt : b, 0.5, c);
        close_to(c[2], 2.5 * 14, 0);
    }
    double two[2]; /* batches: 1x3 times 3x1, twice */
    CALL(gemm, false, true, 2, 1, 1, 3, 1.0, a, bt, 0.0, two);
    same(2, two, (const double[]){ 5, -1 }, 0);
}

static void gathering(void **state)
{
    rst_dev *dev = *state;
    const rst_dims s = { 2, 2, 1, 3 };
    const double x[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    const int32_t ids[3] = { 2, 0, 2 }, outside = 3;
    double y[12], dx[12] = { 0 };
    CALL(gather, s, 3, ids, x, y);
    same(12, y, (const double[]){ 5, 6, 1, 2, 5, 6, 11, 12, 7, 8, 11, 12 }, 0);
    CALL(gather_vjp, s, 3, ids, y, dx);
    same(12, dx, (const double[]){ 1, 2, 0, 0, 10, 12, 7, 8, 0, 0, 22, 24 }, 0);
    assert_int_equal(rst__ref_f64.gather(dev, s, 1, &outside, x, y), RST_EINVAL);
}

static void unit_rows(void **state)
{
    rst_dev *dev = *state;
    const double x[2] = { 3, 4 }, zero[2] = { 0, 0 }, dy[2] = { 1, 0 };
    double y[2], dx[2] = { 1, 1 };
    CALL(l2norm, RST_L2_CUT, 1.0, 1, 2, x, y);
    same(2, y, (const double[]){ 0.5, 4.0 / 6 }, 1e-15);
    CALL(l2norm_vjp, RST_L2_CUT, 1.0, 1, 2, x, dy, dx, true); /* 1/6 - 3*3/(36*5), -3*4/(36*5) */
    same(2, dx, (const double[]){ 1 + 21.0 / 180, 1 - 12.0 / 180 }, 1e-15);
    CALL(l2norm_vjp, RST_L2_CUT, 1.0, 1, 2, zero, dy, dx, false);
    same(2, dx, dy, 0);
    CALL(l2norm, RST_L2_ASP, 1.0, 1, 2, x, y);
    same(2, y, (const double[]){ 3 / sqrt(41), 4 / sqrt(41) }, 1e-15);
    CALL(l2norm_vjp, RST_L2_ASP, 1.0, 1, 2, x, dy, dx, false);
    const double c = 3 / (41 * sqrt(41));
    same(2, dx, (const double[]){ 1 / sqrt(41) - 4 * c, -5 * c }, 1e-15);
}

/* spec 3.4: all equal gives ln(256), matches that are orthonormal give 1.5933e-4 */
static void contrast_self_checks(void **state)
{
    rst_dev *dev = *state;
    double *s = noise(256 * 256, 1), loss[256], d[256];
    for (int i = 0; i < 256 * 256; i++)
        s[i] = 1;
    CALL(nce, 1, 256, 0.07, s, loss);
    close_to(loss[0], 5.545177, 1e-7);
    for (int i = 0; i < 256 * 256; i++)
        s[i] = i % 257 == 0;
    CALL(nce, 1, 256, 0.07, s, loss);
    if (fabs(loss[255] - 1.5933e-4) > 1e-8)
        fail_msg("orthonormal matches give %g", loss[255]);
    CALL(diagonal, 1, 256, s, d);
    close_to(inner(256, d, d), 256, 0);
    free(s);
}

static void contrast_gradient(void **state)
{
    rst_dev *dev = *state;
    const double h = 1e-6;
    double *s = noise(18, 1), *dloss = noise(6, 2), loss[6], ds[18] = { 0 };
    CALL(nce_vjp, 2, 3, 0.5, s, dloss, ds, true);
    for (int i = 0; i < 18; i++) {
        const double keep = s[i];
        s[i] = keep + h;
        CALL(nce, 2, 3, 0.5, s, loss);
        const double up = inner(6, loss, dloss);
        s[i] = keep - h;
        CALL(nce, 2, 3, 0.5, s, loss);
        s[i] = keep;
        close_to(ds[i], (up - inner(6, loss, dloss)) / (2 * h), 1e-8);
    }
    free(s), free(dloss);
}

static void adaptive_weights(void **state)
{
    rst_dev *dev = *state;
    const double x[3] = { -0.5, 0.5, 1 };
    double w[3];
    CALL(asp_weights, 3, 0.5, RST_ASP_UNIFORM, false, x, w);
    same(3, w, (const double[]){ 1, 1, 1 }, 1e-15);
    CALL(asp_weights, 3, 0.5, RST_ASP_LINEAR, false, x, w); /* 0.5, 0.75, 1 over their mean 0.75 */
    same(3, w, (const double[]){ 2.0 / 3, 1, 4.0 / 3 }, 1e-15);
    CALL(asp_weights, 3, 0.5, RST_ASP_LINEAR, true, x, w);
    same(3, w, (const double[]){ 0.5, 0.75, 1 }, 1e-15);
    CALL(asp_weights, 3, 0.0, RST_ASP_TOP, false, x, w);
    const double top = 3 / (sqrt(0.75) + 1);
    same(3, w, (const double[]){ 0, sqrt(0.75) * top, top }, 1e-15);
    CALL(asp_weights, 3, 0.0, RST_ASP_BELL, false, x, w);
    close_to(w[2] / w[1], exp(-2), 1e-15);
    close_to(w[0] / w[1], exp(-8), 1e-15);
}

/* The first step is lr in the direction of the sign; the second by the formula. */
static void adam_steps(void **state)
{
    rst_dev *dev = *state;
    double p[2] = { 1, 1 }, m[2] = { 0 }, v[2] = { 0 };
    const double g1[2] = { 4, -0.5 }, g2[2] = { 2, 0 };
    CALL(adam, 2, p, g1, m, v, 0.1, 0.5, 0.75, 1e-8, 1);
    same(2, p, (const double[]){ 0.9, 1.1 }, 1e-8);
    same(2, m, (const double[]){ 2, -0.25 }, 1e-15);
    same(2, v, (const double[]){ 4, 0.0625 }, 1e-15);
    CALL(adam, 2, p, g2, m, v, 0.1, 0.5, 0.75, 1e-8, 2);
    same(2, m, (const double[]){ 2, -0.125 }, 1e-15); /* corrected by 0.75, v by 0.4375 */
    close_to(p[0], 0.9 - 0.1 * (2 / 0.75) / sqrt(4 / 0.4375), 1e-8);
    close_to(p[1], 1.1 + 0.1 * (0.125 / 0.75) / sqrt(0.046875 / 0.4375), 1e-8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),          cmocka_unit_test(gathering),
        cmocka_unit_test(unit_rows),         cmocka_unit_test(contrast_self_checks),
        cmocka_unit_test(contrast_gradient), cmocka_unit_test(adaptive_weights),
        cmocka_unit_test(adam_steps),
    };
    return cmocka_run_group_tests(tests, ref_setup, ref_teardown);
}
