/* SPDX-License-Identifier: MIT */
/* Two scanners' slides through published weights (needs ../shared): others open the result with all
 * its levels, and it lies on the slide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/real_slide.h"

static rst_model *stainnet(void)
{
    char path[600];
    rst_model *m = NULL;
    rst_error err = RST_ERROR_INIT;
    (void)snprintf(path, sizeof path, "%s/data/weights/stainnet/aligned_histopathology_dataset.pth",
                   real_data());
    if (rst_model_open(&m, path, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    return m;
}

static void cmu(void **state)
{
    (void)state;
    rst_model *m = stainnet();
    real_check(&real_cmu, m, "StainNet", false);
    rst_model_close(m);
}

static void tcga(void **state)
{
    (void)state;
    rst_model *m = stainnet();
    real_check(&real_tcga, m, "StainNet", false);
    rst_model_close(m);
}

/* A picture moved by 3, -2 pixels is found there. */
static void a_shift_is_seen(void **state)
{
    (void)state;
    enum { SIDE = 256 };
    rst_image a, b;
    overlay o;
    assert_int_equal(rst_image_new(&a, SIDE, SIDE, 3, NULL), 0);
    assert_int_equal(rst_image_new(&b, SIDE, SIDE, 3, NULL), 0);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE * 3; x++) {
            const unsigned h = (unsigned)(y / 4 * 7919 + x / 12 * 104729) * 2654435761u;
            a.px[y * SIDE * 3 + x] = (uint8_t)(h >> 24);
        }
    for (int y = 0; y < SIDE - 2; y++)
        for (int x = 3; x < SIDE; x++)
            for (int c = 0; c < 3; c++)
                b.px[(y * SIDE + x) * 3 + c] =
                    (uint8_t)(255 - a.px[((y + 2) * SIDE + x - 3) * 3 + c]);
    assert_int_equal(overlay_measure(&a, &b, SIDE, &o), 0);
    assert_int_equal(o.dx, 3);
    assert_int_equal(o.dy, -2);
    rst_image_free(&a);
    rst_image_free(&b);
}

static int setup(void **state)
{
    (void)state;
    slides_begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    slides_end();
    return 0;
}

int main(void)
{
    if (!real_data())
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shift_is_seen),
        cmocka_unit_test(cmu),
        cmocka_unit_test(tcga),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
