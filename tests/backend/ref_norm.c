/* SPDX-License-Identifier: MIT */
/* ref: normalisation and spectral norm. */
#include "backend/ref_util.h"

static void statistics(void **state)
{
    rst_dev *dev = *state;
    /* 2,2,1,2 stored n, w, c: channel 0 is 1 3 | 5 7, channel 1 is 2 2 | 0 4 */
    const double x[8] = { 1, 2, 3, 2, 5, 0, 7, 4 };
    rst_norm g = { .x = { 2, 2, 1, 2 }, .eps = 1 };
    double mean[4], var[4], y[8];
    CALL(norm_stats, &g, x, mean, var);
    same(4, mean, (const double[]){ 2, 2, 6, 2 }, 0);
    same(4, var, (const double[]){ 1, 0, 1, 4 }, 0);
    g.batch = true;
    CALL(norm_stats, &g, x, mean, var);
    same(2, mean, (const double[]){ 4, 2 }, 0);
    same(2, var, (const double[]){ 5, 2 }, 0);
    const double m[2] = { 1, 2 }, v[2] = { 3, 8 }, gamma[2] = { 2, 3 }, beta[2] = { 0, -1 };
    const double res[8] = { 0, 0, 1, -5, 0, 0, 0, 0 };
    g.act = RST_MAP_RELU;
    CALL(norm_apply, &g, x, m, v, gamma, beta, res, y);
    same(8, y, (const double[]){ 0, 0, 3, 0, 4, 0, 6, 1 }, 1e-15);
    CALL(norm_apply, &g, x, m, v, NULL, NULL, NULL, y);
    same(8, y, (const double[]){ 0, 0, 1, 0, 2, 0, 3, 2.0 / 3 }, 1e-15);
}

/* <dy, norm(x)> for the gradient by differences */
static double objective(rst_dev *dev, const rst_norm *g, const double *x, const double *gamma,
                        const double *beta, const double *dy)
{
    double mean[210] = { 0 }, var[210], y[70 * 12];
    for (int i = 0; i < 210; i++)
        var[i] = 0.7;
    if (!g->fixed)
        CALL(norm_stats, g, x, mean, var);
    CALL(norm_apply, g, x, mean, var, gamma, beta, NULL, y);
    return inner(70 * 12, y, dy);
}

static double slope_at(rst_dev *dev, const rst_norm *g, double *x, double *gamma, double *beta,
                       const double *dy, double *at)
{
    const double keep = *at, h = 1e-5;
    *at = keep + h;
    const double up = objective(dev, g, x, gamma, beta, dy);
    *at = keep - h;
    const double down = objective(dev, g, x, gamma, beta, dy);
    *at = keep;
    return (up - down) / (2 * h);
}

static void gradients_by_differences(void **state)
{
    rst_dev *dev = *state;
    const rst_map acts[] = { RST_MAP_NONE, RST_MAP_RELU, RST_MAP_LEAKY, RST_MAP_SIGMOID };
    for (int k = 0; k < 12; k++) { /* instance, batch, running statistics */
        const rst_norm g = { .x = { 3, 70, 2, 2 },
                             .batch = k % 3 > 0,
                             .fixed = k % 3 == 2,
                             .eps = 1e-3,
                             .act = acts[k / 3],
                             .a = 0.2 };
        double *x = noise(840, 1), *gamma = noise(70, 2), *beta = noise(70, 3), *dy = noise(840, 4);
        double dx[840] = { 0 }, dgamma[70] = { 0 }, dbeta[70] = { 0 }, mean[210] = { 0 }, var[210];
        for (int i = 0; i < 210; i++)
            var[i] = 0.7;
        if (!g.fixed)
            CALL(norm_stats, &g, x, mean, var);
        dx[5] = 10;
        dgamma[69] = 20;
        CALL(norm_vjp, &g, x, mean, var, gamma, beta, dy, dx, true, dgamma, dbeta);
        close_to(dx[5] - 10, slope_at(dev, &g, x, gamma, beta, dy, x + 5), 1e-7);
        close_to(dx[839], slope_at(dev, &g, x, gamma, beta, dy, x + 839), 1e-7);
        close_to(dgamma[69] - 20, slope_at(dev, &g, x, gamma, beta, dy, gamma + 69), 1e-7);
        close_to(dbeta[1], slope_at(dev, &g, x, gamma, beta, dy, beta + 1), 1e-7);
        CALL(norm_vjp, &g, x, mean, var, gamma, beta, dy, NULL, false, dgamma, NULL);
        CALL(norm_vjp, &g, x, mean, var, gamma, beta, dy, dx, false, NULL, NULL);
        close_to(dx[5], slope_at(dev, &g, x, gamma, beta, dy, x + 5), 1e-7);
        free(x), free(gamma), free(beta), free(dy);
    }
}

/* w = 5 u0 v0': sigma is 5 after one step from anywhere, and u and v come out in PyTorch's order.
 */
static void spectral_of_rank_one(void **state)
{
    rst_dev *dev = *state;
    const double u0[2] = { 0.6, -0.8 }, v0[4] = { 0.1, 0.7, 0.5, -0.5 };
    double w[8], y[8], u[2] = { 1, 0 }, v[4] = { 0 }, sigma;
    const rst_dims s = { 2, 2, 1, 2 }; /* co, ci, kh, kw stored co, kw, ci; v is (ci, kw) */
    for (int o = 0; o < 2; o++)
        for (int c = 0; c < 2; c++)
            for (int k = 0; k < 2; k++)
                w[(o * 2 + k) * 2 + c] = 5 * u0[o] * v0[c * 2 + k];
    CALL(spectral, s, false, true, w, u, v, &sigma, y);
    close_to(sigma, 5, 1e-15);
    same(2, u, u0, 1e-15);
    same(4, v, v0, 1e-15);
    for (int i = 0; i < 8; i++)
        close_to(y[i], w[i] / 5, 1e-15);
    /* the same matrix as a transposed convolution's [ci,co,kh,kw], stored ci, kw, co */
    for (int o = 0; o < 2; o++)
        for (int j = 0; j < 4; j++)
            w[j * 2 + o] = 5 * u0[o] * v0[j];
    u[0] = 1, u[1] = 0;
    CALL(spectral, s, true, true, w, u, v, &sigma, y);
    close_to(sigma, 5, 1e-15);
    same(2, u, u0, 1e-15);
    same(4, v, v0, 1e-15);
    u[0] = 1, u[1] = 0; /* without iteration sigma is u'(W v) as it stands */
    CALL(spectral, s, true, false, w, u, v, &sigma, y);
    close_to(sigma, 3, 1e-15);
}

static void spectral_gradient(void **state)
{
    rst_dev *dev = *state;
    const rst_dims s = { 3, 4, 2, 3 };
    for (int transposed = 0; transposed < 2; transposed++) {
        double *w = noise(72, 1), *u = noise(4, 2), *v = noise(24, 3), *dy = noise(72, 4);
        double y[72], dw[72], sigma, unused;
        CALL(spectral, s, transposed, true, w, u, v, &sigma, y);
        CALL(spectral_vjp, s, transposed, y, u, v, &sigma, dy, dw, false);
        const double h = 1e-6, keep = w[17];
        w[17] = keep + h;
        CALL(spectral, s, transposed, false, w, u, v, &unused, y);
        const double up = inner(72, y, dy);
        w[17] = keep - h;
        CALL(spectral, s, transposed, false, w, u, v, &unused, y);
        close_to(dw[17], (up - inner(72, y, dy)) / (2 * h), 1e-7);
        free(w), free(u), free(v), free(dy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics),
        cmocka_unit_test(gradients_by_differences),
        cmocka_unit_test(spectral_of_rank_one),
        cmocka_unit_test(spectral_gradient),
    };
    return cmocka_run_group_tests(tests, ref_setup, ref_teardown);
}
