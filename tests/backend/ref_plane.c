/* SPDX-License-Identifier: MIT */
/* ref: blur, resampling, pooling, borders: the check vectors of the method, and every gradient as
 * the transpose of its map. */
#include "backend/ref_util.h"

static const rst_dims row8 = { 1, 1, 1, 8 }, row7 = { 1, 1, 1, 7 }, row3 = { 1, 1, 1, 3 };
static const double ramp[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

/* spec 0.6; the rows are constant along h, so that the filter only acts along w */
static void downsample_vectors(void **state)
{
    rst_dev *dev = *state;
    double x[16], y[4];
    for (int i = 0; i < 16; i++)
        x[i] = ramp[i % 8];
    rst_blur_geom g = { { 1, 1, 2, 8 }, 1, 4, 3, 2, { 0.25, 0.5, 0.25 }, { 1, 1, 1, 1 },
                        RST_PAD_REFLECT };
    CALL(blur, &g, x, y);
    same(4, y, (const double[]){ 0.5, 2, 4, 6 }, 0);
    g.x.w = 7;
    for (int i = 0; i < 14; i++)
        x[i] = ramp[i % 7];
    CALL(blur, &g, x, y);
    same(4, y, (const double[]){ 0.5, 2, 4, 5.5 }, 0);
}

static void upsample_vectors(void **state)
{
    rst_dev *dev = *state;
    const double t4[4] = { 0.25, 0.75, 0.75, 0.25 }, t3[3] = { 0.5, 1, 0.5 }, t1[1] = { 2 };
    double y[12];
    CALL(blur_up, row3, 4, t4, ramp, y);
    same(6, y, (const double[]){ 0, 0.25, 0.75, 1.25, 1.75, 2 }, 0);
    same(6, y + 6, y, 0);
    CALL(blur_up, row3, 3, t3, ramp, y); /* rows of a single pixel: [1, 1] times [0, .5, 1, ...] */
    same(6, y, (const double[]){ 0, 0.5, 1, 1.5, 2, 2 }, 0);
    CALL(blur_up, row3, 1, t1, ramp, y); /* no filter: every second place stays empty */
    same(6, y, (const double[]){ 0, 0, 4, 0, 8, 0 }, 0);
    same(6, y + 6, (const double[6]){ 0 }, 0);
}

static void borders(void **state)
{
    rst_dev *dev = *state;
    const rst_pads p = { 0, 2, 0, 1 };
    double y[6];
    CALL(pad, row3, p, RST_PAD_ZERO, ramp + 1, y);
    same(6, y, (const double[]){ 0, 0, 1, 2, 3, 0 }, 0);
    CALL(pad, row3, p, RST_PAD_EDGE, ramp + 1, y);
    same(6, y, (const double[]){ 1, 1, 1, 2, 3, 3 }, 0);
    CALL(pad, row3, p, RST_PAD_REFLECT, ramp + 1, y);
    same(6, y, (const double[]){ 3, 2, 1, 2, 3, 2 }, 0);
    CALL(pad_vjp, row3, p, RST_PAD_REFLECT, ramp, y, false); /* folds back */
    same(3, y, (const double[]){ 2, 1 + 3 + 5, 0 + 4 }, 0);
    CALL(flip_w, row3, ramp, y, true);
    same(3, y, (const double[]){ 4, 10, 4 }, 0);
    assert_int_equal(
        rst__ref_f64.pad(dev, row3, (rst_pads){ 0, 3, 0, 0 }, RST_PAD_REFLECT, ramp, y),
        RST_EINVAL);
}

static void pools(void **state)
{
    rst_dev *dev = *state;
    /* windows of 3, stride 2, one pixel of border: -1..1, 1..3, 3..5, 5..7, and 7..9 by ceil_mode
     */
    rst_pool2d g = { row8, 1, 5, 1, 3, 1, 2, 0, 1, true };
    double y[5], dx[8];
    int32_t arg[5];
    CALL(avg_pool, &g, ramp, y);
    same(5, y, (const double[]){ 1.0 / 3, 2, 4, 6, 7.0 / 2 }, 1e-15);
    g.include_pad = false;
    CALL(avg_pool, &g, ramp, y);
    same(5, y, (const double[]){ 0.5, 2, 4, 6, 7 }, 1e-15);
    CALL(max_pool, &g, ramp, y, arg);
    same(5, y, (const double[]){ 1, 3, 5, 7, 7 }, 0);
    assert_int_equal(arg[2], 5);
    CALL(max_pool_vjp, &g, arg, y, dx, false);
    same(8, dx, (const double[]){ 0, 1, 0, 3, 0, 5, 0, 14 }, 0);
    const double low[3] = { -5, -5, -7 }; /* the border does not take part */
    g = (rst_pool2d){ row3, 1, 2, 1, 3, 1, 2, 0, 1, false };
    CALL(max_pool, &g, low, y, arg);
    same(2, y, (const double[]){ -5, -5 }, 0);
    assert_int_equal(arg[0], 0);
    CALL(adaptive_pool, row7, 1, 3, ramp, y); /* 0..2, 2..4, 4..6 */
    same(3, y, (const double[]){ 1, 3, 5 }, 1e-15);
}

static void resampling(void **state)
{
    rst_dev *dev = *state;
    rst_resample g = { row3, 1, 6, 1, 0.5, RST_BILINEAR };
    double y[6];
    CALL(resample, &g, ramp, y);
    same(6, y, (const double[]){ 0, 0.25, 0.75, 1.25, 1.75, 2 }, 0);
    g.kind = RST_NEAREST;
    CALL(resample, &g, ramp, y);
    same(6, y, (const double[]){ 0, 0, 1, 1, 2, 2 }, 0);
    /* taps of t = 0.75 and 0.25: -9/256, 67/256, 225/256, -27/256 and the reverse, borders clamped
     */
    g.kind = RST_BICUBIC;
    CALL(resample, &g, ramp, y);
    same(6, y,
         (const double[]){ -27.0 / 256, 49.0 / 256, 171.0 / 256, 341.0 / 256, 463.0 / 256,
                           539.0 / 256 },
         1e-15);
    g = (rst_resample){ row8, 1, 2, 1, 4, RST_BILINEAR };
    CALL(resample, &g, ramp, y);
    same(2, y, (const double[]){ 1.5, 5.5 }, 0);
}

/* --- every map y = A x against its transpose: <A x, dy> = <x, A' dy> --- */

enum { N = 2, C = 67, H = 7, W = 10 };
static const rst_dims all = { N, C, H, W };

typedef struct forms {
    rst_blur_geom blur;
    rst_pool2d pool;
    rst_resample resample;
} forms;

enum { BLUR, BLUR_UP, PAD, AVERAGE, ADAPTIVE, RESAMPLE, FLIP, MAPS };

static int64_t outputs(int map, const forms *f)
{
    const int64_t size[MAPS] = { f->blur.oh * f->blur.ow,
                                 4 * H * W,
                                 (H + 3) * (W + 6),
                                 f->pool.oh * f->pool.ow,
                                 3 * 4,
                                 f->resample.oh * f->resample.ow,
                                 H * W };
    return N * C * size[map];
}

static const double taps6[6] = { 0.0625, 0.3125, 0.625, 0.625, 0.3125, 0.0625 };
static const rst_pads uneven = { 1, 2, 2, 4 };

static void apply(rst_dev *dev, int map, int mode, const forms *f, const double *x, double *y)
{
    switch (map) {
    case BLUR:
        CALL(blur, &f->blur, x, y);
        break;
    case BLUR_UP:
        CALL(blur_up, all, 6, taps6, x, y);
        break;
    case PAD:
        CALL(pad, all, uneven, (rst_pad_mode)mode, x, y);
        break;
    case AVERAGE:
        CALL(avg_pool, &f->pool, x, y);
        break;
    case ADAPTIVE:
        CALL(adaptive_pool, all, 3, 4, x, y);
        break;
    case RESAMPLE:
        CALL(resample, &f->resample, x, y);
        break;
    default:
        CALL(flip_w, all, x, y, false);
    }
}

static void apply_back(rst_dev *dev, int map, int mode, const forms *f, const double *dy,
                       double *dx, bool add)
{
    switch (map) {
    case BLUR:
        CALL(blur_vjp, &f->blur, dy, dx, add);
        break;
    case BLUR_UP:
        CALL(blur_up_vjp, all, 6, taps6, dy, dx, add);
        break;
    case PAD:
        CALL(pad_vjp, all, uneven, (rst_pad_mode)mode, dy, dx, add);
        break;
    case AVERAGE:
        CALL(avg_pool_vjp, &f->pool, dy, dx, add);
        break;
    case ADAPTIVE:
        CALL(adaptive_pool_vjp, all, 3, 4, dy, dx, add);
        break;
    case RESAMPLE:
        CALL(resample_vjp, &f->resample, dy, dx, add);
        break;
    default:
        CALL(flip_w, all, dy, dx, add);
    }
}

static void gradients_are_transposes(void **state)
{
    rst_dev *dev = *state;
    for (int k = 0; k < 3 * MAPS; k++) {
        const int map = k / 3, mode = k % 3; /* mode: the border, or the kind of interpolation */
        const forms f = {
            { all, 4, 5, 4, 2, { 0.1, 0.2, 0.3, 0.7 }, { 1, 1, 2, 2 }, (rst_pad_mode)mode },
            { all, 4, 5, 3, 3, 2, 2, 1, 1, mode > 0 },
            { all, 9, 4, H / 9.0, W / 4.0, (rst_interp)mode },
        };
        const int64_t nx = rst__numel(all), ny = outputs(map, &f);
        double *x = noise(nx, 1), *y = noise(ny, 2), *dy = noise(ny, 3), *dx = noise(nx, 4);
        apply(dev, map, mode, &f, x, y);
        apply_back(dev, map, mode, &f, dy, dx, false);
        close_to(inner(nx, x, dx), inner(ny, y, dy), 1e-12);
        apply_back(dev, map, mode, &f, dy, dx, true);
        close_to(inner(nx, x, dx), 2 * inner(ny, y, dy), 1e-12);
        free(x), free(y), free(dy), free(dx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(downsample_vectors),
        cmocka_unit_test(upsample_vectors),
        cmocka_unit_test(borders),
        cmocka_unit_test(pools),
        cmocka_unit_test(resampling),
        cmocka_unit_test(gradients_are_transposes),
    };
    return cmocka_run_group_tests(tests, ref_setup, ref_teardown);
}
