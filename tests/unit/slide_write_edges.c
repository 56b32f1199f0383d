/* SPDX-License-Identifier: MIT */
/* The absolute edge ratio of two published tile grids: real H&E, and a virtual stain whose tiles
 * show. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "slide/tissue.h"

static const char *shared;

/* Rows 0 and 1 of the grid in one picture. */
static rst_image stitched(const char *grid)
{
    enum { TILE = 512, ACROSS = 8, DOWN = 2 };
    rst_image all;
    assert_int_equal(rst_image_new(&all, TILE * ACROSS, TILE * DOWN, 3, NULL), 0);
    for (int64_t i = 0; i < ACROSS * DOWN; i++) {
        char path[600];
        rst_image t = RST_IMAGE_INIT;
        rst_error err = RST_ERROR_INIT;
        const rst_image_read_options o = { .alpha = RST_IMAGE_ALPHA_DROP };
        (void)snprintf(path, sizeof path, "%s/data/he_tile_grid_4096/%s/%d_%d.png", shared, grid,
                       (int)(i / ACROSS), (int)(i % ACROSS));
        if (rst_image_read(&t, path, &o, &err) < 0)
            fail_msg("%s", err.msg);
        assert_true(t.width == TILE && t.height == TILE && t.channels == 3);
        for (int64_t y = 0; y < TILE; y++)
            memcpy(all.px + ((i / ACROSS * TILE + y) * all.width + i % ACROSS * TILE) * 3,
                   t.px + y * TILE * 3, (size_t)TILE * 3);
        rst_image_free(&t);
    }
    return all;
}

static void check(const char *grid, double want)
{
    rst_image img = stitched(grid);
    const double got = rst__edge_ratio(&img, 512);
    rst_image_free(&img);
    if (!(fabs(got - want) <= 0.002))
        fail_msg("%s: edge ratio %.4f, not %.3f", grid, got, want);
}

static void test_real_tissue(void **state)
{
    (void)state;
    check("he", 1.063);
}

static void test_published_virtual_stain(void **state)
{
    (void)state;
    check("cut_kin", 3.013);
}

int main(void)
{
    shared = getenv("RESTAIN_TESTDATA");
    if (!shared || !rst__is_dir(shared)) {
        puts("skipped: needs ../shared");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_tissue),
        cmocka_unit_test(test_published_virtual_stain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
