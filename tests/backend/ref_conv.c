/* SPDX-License-Identifier: MIT */
/* ref: convolution against the formula written out, and its gradients as the transposes they are.
 */
#include "backend/ref_util.h"

#include "base/alloc.h"

/* Place i of a side of n with a border, -1 where it holds 0. */
static int64_t place(int64_t i, int64_t n, rst_pad_mode mode)
{
    if (mode == RST_PAD_EDGE)
        return i < 0 ? 0 : i >= n ? n - 1 : i;
    if (mode == RST_PAD_REFLECT)
        return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i;
    return i < 0 || i >= n ? -1 : i;
}

/* One output by the definition. */
static double formula(const rst_conv *g, const double *x, const double *w, int64_t n, int64_t o,
                      int64_t oy, int64_t ox)
{
    const int64_t ci = g->x.c / g->groups, first = o / (g->co / g->groups) * ci;
    double sum = 0;
    for (int64_t c = 0; c < ci; c++)
        for (int ky = 0; ky < g->kh; ky++)
            for (int kx = 0; kx < g->kw; kx++) {
                const int64_t iy = place(oy * g->sh + ky - g->pad.t, g->x.h, g->mode);
                const int64_t ix = place(ox * g->sw + kx - g->pad.l, g->x.w, g->mode);
                if (iy >= 0 && ix >= 0)
                    sum += x[((n * g->x.h + iy) * g->x.w + ix) * g->x.c + first + c] *
                           w[((o * g->kh + ky) * g->kw + kx) * ci + c];
            }
    return sum;
}

static const rst_conv cases[] = {
    { { 2, 3, 5, 6 }, 4, 5, 6, 3, 3, 1, 1, { 1, 1, 1, 1 }, RST_PAD_ZERO, 1 },
    { { 1, 3, 5, 6 }, 4, 5, 6, 3, 3, 1, 1, { 1, 1, 1, 1 }, RST_PAD_REFLECT, 1 },
    { { 1, 3, 5, 6 }, 4, 5, 6, 3, 3, 1, 1, { 1, 1, 1, 1 }, RST_PAD_EDGE, 1 },
    { { 1, 4, 7, 4 }, 6, 3, 3, 4, 2, 2, 1, { 1, 0, 1, 0 }, RST_PAD_ZERO, 2 },
    { { 1, 5, 4, 19 }, 5, 4, 10, 5, 3, 1, 2, { 2, 1, 2, 1 }, RST_PAD_REFLECT, 5 },
    { { 3, 70, 2, 3 }, 9, 2, 3, 1, 1, 1, 1, { 0, 0, 0, 0 }, RST_PAD_ZERO, 1 },
    { { 1, 1, 3, 3 }, 1, 7, 7, 3, 3, 1, 1, { 3, 3, 3, 3 }, RST_PAD_EDGE, 1 },
    { { 1, 2, 3, 3 }, 1, 5, 5, 3, 3, 1, 1, { 2, 2, 2, 2 }, RST_PAD_REFLECT, 1 },
};

static void forward_is_the_formula(void **state)
{
    rst_dev *dev = *state;
    for (int k = 0; k < COUNT(cases); k++) {
        const rst_conv *g = &cases[k];
        double *x = noise(rst__numel(g->x), 1), *bias = noise(g->co, 3);
        double *w = noise(g->co * g->kh * g->kw * g->x.c / g->groups, 2);
        double *y = noise(g->x.n * g->oh * g->ow * g->co, 4), *at = y;
        const rst_epilogue ep = { bias, RST_MAP_LEAKY, 0.2 };
        CALL(conv_fwd, g, x, w, NULL, &ep, y);
        for (int64_t p = 0; p < g->x.n * g->oh * g->ow; p++)
            for (int64_t o = 0; o < g->co; o++) {
                const double v = bias[o] + formula(g, x, w, p / (g->oh * g->ow), o,
                                                   p / g->ow % g->oh, p % g->ow);
                close_to(*at++, v > 0 ? v : 0.2 * v, 1e-13);
            }
        free(x), free(bias), free(w), free(y);
    }
}

static void gradients_are_transposes(void **state)
{
    rst_dev *dev = *state;
    for (int k = 0; k < COUNT(cases); k++) {
        const rst_conv *g = &cases[k];
        const int64_t nx = rst__numel(g->x), ny = g->x.n * g->oh * g->ow * g->co;
        const int64_t nw = g->co * g->kh * g->kw * g->x.c / g->groups;
        double *x = noise(nx, 1), *w = noise(nw, 2), *y = noise(ny, 3), *dy = noise(ny, 4);
        double *dx = noise(nx, 5), *dw = noise(nw, 6);
        CALL(conv_fwd, g, x, w, NULL, NULL, y);
        CALL(conv_data, g, w, NULL, dy, dx, false);
        CALL(conv_weights, g, x, dy, dw, false);
        const double want = inner(ny, y, dy);
        close_to(inner(nx, x, dx), want, 1e-12);
        close_to(inner(nw, w, dw), want, 1e-12);
        CALL(conv_data, g, w, NULL, dy, dx, true);
        CALL(conv_weights, g, x, dy, dw, true);
        close_to(inner(nx, x, dx), 2 * want, 1e-12);
        close_to(inner(nw, w, dw), 2 * want, 1e-12);
        free(x), free(w), free(y), free(dy), free(dx), free(dw);
    }
}

/* y, dx and dw of a float32 convolution, one after another */
static void float32_run(int threads, const rst_conv *g, const float *x, const float *w, float *out)
{
    rst_dev *dev = ref_open(&rst__ref_f32, threads);
    const int64_t ny = g->x.n * g->oh * g->ow * g->co, nx = rst__numel(g->x);
    assert_int_equal(rst__ref_f32.conv_fwd(dev, g, x, w, NULL, NULL, out), 0);
    assert_int_equal(rst__ref_f32.conv_data(dev, g, w, NULL, out, out + ny, false), 0);
    assert_int_equal(rst__ref_f32.conv_weights(dev, g, x, out, out + ny + nx, false), 0);
    assert_int_equal(dev->convs, 3);
    rst__ref_f32.close(dev);
}

static void threads_give_the_same_bits(void **state)
{
    (void)state;
    const rst_conv g = { { 2, 5, 9, 11 }, 19, 9, 11, 3, 3, 1, 1, { 1, 1, 1, 1 }, RST_PAD_EDGE, 1 };
    enum { NX = 2 * 5 * 9 * 11, NW = 19 * 9 * 5, ALL = 2 * 19 * 9 * 11 + NX + NW };
    double *d = noise(NX + NW, 1);
    float x[NX + NW], a[ALL], b[ALL];
    for (int i = 0; i < NX + NW; i++)
        x[i] = (float)d[i];
    float32_run(1, &g, x, x + NX, a);
    for (int threads = 2; threads <= 3; threads++) {
        memset(b, 0, sizeof b);
        float32_run(threads, &g, x, x + NX, b);
        assert_memory_equal(a, b, sizeof a);
    }
    free(d);
}

static void reflection_needs_room(void **state)
{
    rst_dev *dev = *state;
    const rst_conv g = { { 1, 1, 2, 4 }, 1, 4, 6, 3, 3, 1, 1, { 2, 2, 2, 2 }, RST_PAD_REFLECT, 1 };
    double x[8] = { 0 }, w[9] = { 0 }, y[24];
    assert_int_equal(rst__ref_f64.conv_fwd(dev, &g, x, w, NULL, NULL, y), RST_EINVAL);
    assert_int_equal(dev->err.code, RST_EINVAL);
    assert_non_null(strstr(dev->err.msg, "reflect"));
}

static void packing_brings_nothing(void **state)
{
    rst_dev *dev = *state;
    rst_packed *pk = (rst_packed *)dev;
    CALL(conv_pack, &cases[0], false, NULL, &pk);
    assert_null(pk);
    CALL(packed_free, pk);
}

/* Every kernel that needs memory, told that the n-th request fails: a clean status, nothing held.
 */
static void memory_runs_out(void **state)
{
    rst_dev *dev = *state;
    const rst_backend *be = &rst__ref_f64;
    const rst_conv *g = &cases[0];
    const rst_pool2d pool = { { 2, 3, 5, 6 }, 5, 6, 3, 3, 1, 1, 1, 1, true };
    double *x = noise(1000, 1), *y = noise(1000, 2);
    int32_t arg[180] = { 0 };
    const long before = rst__alloc_live();
    for (int n = 0, failed = 8; failed > 0; n++) {
        int rc[8];
        failed = 0;
        for (int k = 0; k < 8; k++) {
            rst__alloc_fail_after(n);
            rc[k] = k == 0   ? be->conv_fwd(dev, g, x, y, NULL, NULL, y + 200)
                    : k == 1 ? be->conv_data(dev, g, x, NULL, y, y + 500, false)
                    : k == 2 ? be->conv_weights(dev, g, x, y, y + 500, false)
                    : k == 3 ? be->avg_pool_vjp(dev, &pool, x, y, false)
                    : k == 4 ? be->max_pool_vjp(dev, &pool, arg, x, y, false)
                    : k == 5 ? be->reduce(dev, g->x, RST_AXIS_N, 1, x, y, false)
                    : k == 6 ? be->spectral(dev, g->x, false, false, x, y, y, y, y + 500)
                             : be->flip_w(dev, g->x, x, y, false);
            rst__alloc_fail_after(-1);
            assert_true(rc[k] == 0 || rc[k] == RST_ENOMEM);
            assert_int_equal(rst__alloc_live(), before);
            failed += rc[k] < 0;
        }
        assert_true(n > 0 || failed == 8);
        assert_in_range(n, 0, 20);
    }
    free(x), free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_is_the_formula),     cmocka_unit_test(gradients_are_transposes),
        cmocka_unit_test(threads_give_the_same_bits), cmocka_unit_test(reflection_needs_room),
        cmocka_unit_test(packing_brings_nothing),     cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, ref_setup, ref_teardown);
}
