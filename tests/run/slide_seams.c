/* SPDX-License-Identifier: MIT */
/* Two grids give the same numbers, bit for bit, with frozen statistics; not with those of tiles,
 * nor off the places that grids share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/slides.h"

static void run(rst_model *m, const char *net, rst_conv_mode conv, rst_slide_stats stats,
                int64_t offset, rst_seam_report *r)
{
    rst_error err = RST_ERROR_INIT;
    const rst_slide_job_options o = {
        .stats = stats, .x = 290, .y = 230, .width = 330, .height = 310, .windows = 2, .window = 128
    };
    if (rst_slide_seamtest(m, slides_path("seam.tif"), &o, offset, r, &err) < 0)
        fail_msg("%s", err.msg);
    rst_model_close(m);
    print_message("%s, conv %d: %lld of %lld differ, largest %g, ratio %g\n", net, (int)conv,
                  (long long)r->differing, (long long)r->values, r->largest, r->ratio);
}

static void seamtest(const char *net, rst_conv_mode conv, rst_slide_stats stats, int64_t offset,
                     rst_seam_report *r)
{
    run(slides_model(net, conv, 0), net, conv, stats, offset, r);
}

static void check_seamless(const rst_seam_report *r)
{
    assert_int_equal(r->values, 330 * 310 * 3);
    assert_int_equal(r->differing, 0);
    assert_true(r->largest == 0 && r->ratio == 1 && r->seamless);
}

static void seamless(const char *net, rst_conv_mode conv)
{
    rst_seam_report r;
    seamtest(net, conv, RST_SLIDE_STATS_FROZEN, 0, &r);
    check_seamless(&r);
}

static void direct(void **state)
{
    (void)state;
    seamless("resnet_6blocks", RST_CONV_DIRECT);
    seamless("ammfi_6blocks", RST_CONV_DIRECT);
}

static void winograd(void **state)
{
    (void)state;
    seamless("resnet_6blocks", RST_CONV_WINOGRAD);
    seamless("ammfi_6blocks", RST_CONV_WINOGRAD);
}

/* AUTO is Winograd then, whatever the network. */
static void bf16(void **state)
{
    (void)state;
    const rst_model_options o = { .ctx = { .precision = RST_PRECISION_BF16, .threads = 2 } };
    rst_error err = RST_ERROR_INIT;
    rst_seam_report r;
    rst_model *m = slides_model_wide("resnet_6blocks", 8, RST_CONV_AUTO, 0);
    rst_model_close(m);
    if (rst_model_open(&m, slides_path("resnet_6blocks-8.safetensors"), &o, &err) < 0) {
        assert_non_null(strstr(err.msg, "AVX-512 BF16"));
        print_message("skipped: bf16: %s\n", err.msg);
        skip();
    }
    run(m, "resnet_6blocks in bf16", RST_CONV_AUTO, RST_SLIDE_STATS_FROZEN, 0, &r);
    check_seamless(&r);
}

static void seams(void **state)
{
    (void)state;
    rst_seam_report r;
    seamtest("resnet_6blocks", RST_CONV_DIRECT, RST_SLIDE_STATS_TILE, 0, &r);
    assert_true(!r.seamless && r.differing > r.values / 2 && r.ratio > 1.02);
    seamtest("resnet_6blocks", RST_CONV_DIRECT, RST_SLIDE_STATS_FROZEN, 2, &r);
    assert_true(!r.seamless && r.differing > 0);
}

static int setup(void **state)
{
    (void)state;
    slides_begin();
    slides_make("seam.tif", &(rst_slide_recipe){ .width = 900, .height = 820, .tissue = 0.8 });
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct),
        cmocka_unit_test(winograd),
        cmocka_unit_test(bf16),
        cmocka_unit_test(seams),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
