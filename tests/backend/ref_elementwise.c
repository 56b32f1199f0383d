/* SPDX-License-Identifier: MIT */
/* ref: memory, elementwise kernels and reductions against values worked out by hand. */
#include "backend/ref_util.h"

static void host_orders(void **state)
{
    rst_dev *dev = *state;
    const float nchw[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }; /* c = 2, h = 2, w = 2 */
    const double stored[8] = { 1, 5, 2, 6, 3, 7, 4, 8 };
    const rst_dims s = { 1, 2, 2, 2 };
    double x[8], d[8];
    float f[8];
    CALL(upload, s, RST_NCHW, RST_F32, nchw, x);
    same(8, x, stored, 0);
    CALL(download, s, RST_NCHW, RST_F32, x, f);
    assert_memory_equal(f, nchw, sizeof f);
    CALL(download, s, RST_NHWC, RST_F64, x, d);
    same(8, d, stored, 0);
    CALL(upload, s, RST_NHWC, RST_F64, stored, x);
    same(8, x, stored, 0);
}

static void linear_updates(void **state)
{
    rst_dev *dev = *state;
    const double x[3] = { 1, -2, 3 }, want[3] = { 12, 16, 36 };
    double y[3] = { 20, 40, 60 }, nan3[3] = { NAN, NAN, NAN };
    bool ok;
    CALL(axpby, 3, 2.0, x, 0.5, y);
    same(3, y, want, 0);
    CALL(axpby, 3, 1.0, x, 0.0, nan3); /* what y holds is not read */
    same(3, nan3, x, 0);
    CALL(finite, 3, y, &ok);
    assert_true(ok);
    y[2] = -INFINITY;
    CALL(finite, 3, y, &ok);
    assert_false(ok);
    CALL(fill, 3, 7.0, y);
    close_to(y[2], 7, 0);
}

static void blocks(void **state)
{
    rst_dev *dev = *state;
    /* The right column of a 2x2 map of one channel into channel 1 of a column of two channels. */
    const double x[4] = { 1, 2, 3, 4 }, want[4] = { 10, 12, 10, 14 };
    double y[4] = { 10, 10, 10, 10 };
    rst_block b = { .size = { 1, 1, 2, 1 },
                    .sd = { 1, 1, 2, 2 },
                    .so = { 0, 0, 0, 1 },
                    .dd = { 1, 2, 2, 1 },
                    .off = { 0, 1, 0, 0 },
                    .add = true };
    CALL(block, &b, x, y);
    same(4, y, want, 0);
}

static void maps_and_slopes(void **state)
{
    rst_dev *dev = *state;
    const double x[4] = { -800, -1, 0, 2 }, one[4] = { 1, 1, 1, 1 };
    const struct {
        rst_map f;
        double y[4], dx[4];
    } cases[] = {
        { RST_MAP_NONE, { -800, -1, 0, 2 }, { 1, 1, 1, 1 } },
        { RST_MAP_RELU, { 0, 0, 0, 2 }, { 0, 0, 0, 1 } },
        { RST_MAP_LEAKY, { -160, -0.2, 0, 2 }, { 0.2, 0.2, 0.2, 1 } },
        { RST_MAP_TANH,
          { -1, -0.76159415595576485, 0, 0.96402758007581690 },
          { 0, 0.41997434161402614, 1, 0.070650824853164429 } },
        { RST_MAP_SIGMOID,
          { 0, 0.26894142136999512, 0.5, 0.88079707797788243 },
          { 0, 0.19661193324148188, 0.25, 0.10499358540350662 } },
        { RST_MAP_ABS, { 800, 1, 0, 2 }, { -1, -1, 0, 1 } },
        { RST_MAP_SQUARE, { 640000, 1, 0, 4 }, { -1600, -2, 0, 4 } },
        { RST_MAP_SOFTPLUS,
          { 0, 0.31326168751822286, 0.69314718055994529, 2.1269280110429727 },
          { 0, 0.26894142136999512, 0.5, 0.88079707797788243 } },
        { RST_MAP_AFFINE, { -159.5, 0.3, 0.5, 0.9 }, { 0.2, 0.2, 0.2, 0.2 } },
    };
    for (int i = 0; i < COUNT(cases); i++) {
        double y[4], dx[4] = { 5, 5, 5, 5 };
        CALL(map, cases[i].f, 0.2, 0.5, 4, x, y);
        same(4, y, cases[i].y, 1e-15);
        CALL(map_vjp, cases[i].f, 0.2, 0.5, 4, x, y, one, dx, false);
        same(4, dx, cases[i].dx, 1e-15);
        CALL(map_vjp, cases[i].f, 0.2, 0.5, 4, x, y, one, dx, true);
        close_to(dx[3], 2 * cases[i].dx[3], 1e-15);
    }
}

static void broadcasts(void **state)
{
    rst_dev *dev = *state;
    /* x over (h, c), y over w: dims 1,2,2,2, stored h, w, c */
    const double x[4] = { 1, 2, 3, 4 }, y[2] = { 10, 20 };
    const double want[8] = { 10, 20, 20, 40, 30, 40, 60, 80 };
    const rst_dims out = { 1, 2, 2, 2 }, xs = { 1, 2, 2, 1 }, ys = { 1, 1, 1, 2 };
    double z[8];
    CALL(binary, RST_BIN_MUL, out, x, xs, y, ys, z);
    same(8, z, want, 0);
    CALL(binary, RST_BIN_SUB, out, z, out, z, out, z);
    close_to(z[5], 0, 0);
    const double grown[8] = { 5, 10, 5, 10, 15, 20, 15, 20 };
    CALL(expand, out, xs, 5.0, x, z, false);
    same(8, z, grown, 0);
}

static void sums(void **state)
{
    rst_dev *dev = *state;
    const double x[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }; /* 1,2,2,2 stored h, w, c */
    const rst_dims s = { 1, 2, 2, 2 };
    double y[4] = { 100, 100 };
    CALL(reduce, s, RST_AXIS_H | RST_AXIS_W, 0.25, x, y, true);
    same(2, y, (const double[]){ 104, 105 }, 0);
    CALL(reduce, s, RST_AXIS_C, 1.0, x, y, false);
    same(4, y, (const double[]){ 3, 7, 11, 15 }, 0);
    CALL(reduce, s, RST_AXIS_ALL, 1.0, x, y, false);
    close_to(y[0], 36, 0);
}

static void maxima(void **state)
{
    rst_dev *dev = *state;
    const double x[8] = { 1, 9, 7, 9, 7, 2, 3, 4 }; /* c 0: 1 7 7 3, c 1: 9 9 2 4 */
    const rst_dims s = { 1, 2, 2, 2 };
    double y[4], dx[8];
    int32_t arg[4];
    CALL(reduce_max, s, RST_AXIS_H | RST_AXIS_W, x, y, arg);
    same(2, y, (const double[]){ 7, 9 }, 0);
    assert_int_equal(arg[0], 1); /* the first of equals */
    assert_int_equal(arg[1], 0);
    CALL(reduce_max_vjp, s, RST_AXIS_H | RST_AXIS_W, arg, y, dx, false);
    same(8, dx, (const double[]){ 0, 9, 7, 0, 0, 0, 0, 0 }, 0);
    CALL(reduce_max, s, RST_AXIS_C, x, y, arg);
    same(4, y, (const double[]){ 9, 9, 7, 4 }, 0);
    assert_int_equal(arg[2], 0);
    CALL(reduce_max_vjp, s, RST_AXIS_C, arg, y, dx, false);
    same(8, dx, (const double[]){ 0, 9, 0, 9, 7, 0, 0, 4 }, 0);
}

static void table_is_complete(void **state)
{
    (void)state;
#define RST_KERNEL(name, args)                                                                     \
    assert_true(rst__ref_f32.name != NULL);                                                        \
    assert_true(rst__ref_f64.name != NULL);
#include "backend/kernels.def"
#undef RST_KERNEL
    rst_dev *dev;
    rst_error err = RST_ERROR_INIT;
    const rst_ctx_options winograd = { .conv = RST_CONV_WINOGRAD };
    assert_int_equal(rst__ref_f32.open(&dev, &winograd, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "winograd"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_orders), cmocka_unit_test(linear_updates),
        cmocka_unit_test(blocks),      cmocka_unit_test(maps_and_slopes),
        cmocka_unit_test(broadcasts),  cmocka_unit_test(sums),
        cmocka_unit_test(maxima),      cmocka_unit_test(table_is_complete),
    };
    return cmocka_run_group_tests(tests, ref_setup, ref_teardown);
}
