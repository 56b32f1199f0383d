/* SPDX-License-Identifier: MIT */
/* Evaluations of made pictures: what is in rows, groups and comparisons follows from how they were
 * made; nothing depends on threads; every failure is told. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <restain/evaluate.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "data/level.h"
#include "support/tree.h"

static const uint8_t WHITE[3] = { 250, 250, 250 }, BROWN[3] = { 120, 80, 50 },
                     BLUE[3] = { 130, 130, 190 };

/* A picture of which the first `brown` rows and then `blue` rows are stained, with a little noise.
 */
static rst_image tile(int64_t side, int brown, int blue, uint64_t seed)
{
    rst_image img = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    rst_rng r = rst__rng(seed, "tile");
    assert_int_equal(rst_image_new(&img, side, side, 3, &err), 0);
    for (int64_t y = 0; y < side; y++)
        for (int64_t i = 0; i < 3 * side; i++) {
            const uint8_t *c = y < brown ? BROWN : y < brown + blue ? BLUE : WHITE;
            img.px[y * 3 * side + i] = (uint8_t)(c[i % 3] + rst__rng_below(&r, 5));
        }
    return img;
}

static void write(const char *name, rst_image *img)
{
    rst_error err = RST_ERROR_INIT;
    tree_file(name, "", 0); /* makes the folder */
    if (rst_image_write(tree_path(name), img, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    rst_image_free(img);
}

static void write_tile(const char *name, int brown, int blue, uint64_t seed)
{
    rst_image img = tile(32, brown, blue, seed);
    write(name, &img);
}

/* Real tiles of four levels; two virtual ones that are near, one far too brown, one the same. */
static void make_folders(void)
{
    write_tile("real/a_0.png", 0, 16, 1);
    write_tile("real/b_3+.png", 16, 8, 2);
    write_tile("real/c_3+.png", 8, 8, 3);
    write_tile("real/d.png", 4, 20, 4);
    write_tile("fake/a_0.png", 16, 8, 5);
    write_tile("fake/b_3+.png", 15, 9, 6);
    write_tile("fake/c_3+.png", 9, 7, 7);
    write_tile("fake/d.png", 4, 20, 4);
}

static rst_evaluation *evaluate(const char *real, const char *fake, const rst_evaluate_options *o)
{
    rst_evaluation *e = NULL;
    rst_error err = RST_ERROR_INIT;
    if (rst_evaluate(&e, tree_path(real), tree_path(fake), o, &err) < 0)
        fail_msg("%s", err.msg);
    return e;
}

static void refuse(const char *real, const char *fake, const rst_evaluate_options *o, int code,
                   const char *text)
{
    rst_evaluation *e = NULL;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_evaluate(&e, tree_path(real), tree_path(fake), o, &err), code);
    assert_null(e);
    if (!strstr(err.msg, text))
        fail_msg("'%s' does not say '%s'", err.msg, text);
}

/* Names -----------------------------------------------------------------------------------------
 */

static void test_levels(void **state)
{
    (void)state;
    assert_int_equal(rst__level_of_name("00012_test_2+"), 2);
    assert_int_equal(rst__level_of_name("a/b_0"), 0);
    assert_int_equal(rst__level_of_name("b_3+"), 3);
    assert_int_equal(rst__level_of_name("3+"), -1);
    assert_int_equal(rst__level_of_name("b_4+"), -1);
    assert_int_equal(rst__level_of_name("b_2"), -1);
    assert_int_equal(rst__level_of_name(""), -1);
    for (int i = 0; i < RST_LEVELS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "x_%s", rst__level_name(i));
        assert_int_equal(rst__level_of_name(name), i);
    }
}

/* Rows and groups -------------------------------------------------------------------------------
 */

static void test_rows(void **state)
{
    (void)state;
    make_folders();
    rst_evaluation *e = evaluate("real", "fake", NULL);
    const rst_evaluation_facts f = rst_evaluation_describe(e);
    assert_int_equal(f.rows, 4);
    assert_int_equal(f.groups, 3);
    assert_int_equal(f.equal, 1);
    const rst_evaluation_row *a = rst_evaluation_row_at(e, 0), *d = rst_evaluation_row_at(e, 3);
    assert_string_equal(a->name, "a_0");
    assert_string_equal(a->real, tree_path("real/a_0.png"));
    assert_int_equal(a->level, 0);
    assert_int_equal(d->level, -1);
    assert_int_equal(a->width, 32);
    assert_true(d->score[RST_SCORE_SSIM] == 1 && isinf(d->score[RST_SCORE_PSNR]));
    assert_true(isnan(a->score[RST_SCORE_LPIPS]));
    /* Half of the pixels are brown, of one density. */
    assert_true(fabs(a->score[RST_SCORE_AREA_VIRTUAL] - 0.5) < 1e-9);
    assert_true(fabs(a->score[RST_SCORE_AREA_BIAS] - 0.5) < 1e-9);
    assert_true(a->score[RST_SCORE_DAB_BIAS] > 0.1);
    assert_null(rst_evaluation_row_at(e, 4));
    rst_evaluation_free(e);
}

static void test_groups(void **state)
{
    (void)state;
    make_folders();
    rst_evaluation *e = evaluate("real", "fake", NULL);
    const rst_evaluation_scores *all = rst_evaluation_group(e, 0),
                                *three = rst_evaluation_group(e, 2);
    assert_string_equal(all->name, "all");
    assert_string_equal(three->name, "3+");
    assert_int_equal(three->images, 2);
    assert_null(rst_evaluation_group(e, 3));
    /* One pair is equal, so the mean of dB has no bound; that of the errors has. */
    assert_true(isinf(all->score[RST_SCORE_PSNR].mean));
    assert_true(isfinite(rst_evaluation_describe(e).psnr_of_mean));
    double sum = 0;
    for (int i = 0; i < 4; i++)
        sum += rst_evaluation_row_at(e, i)->score[RST_SCORE_SSIM];
    const rst_score_summary *s = &all->score[RST_SCORE_SSIM];
    assert_true(s->n == 4 && fabs(s->mean - sum / 4) < 1e-15);
    assert_true(s->low <= s->mean && s->mean <= s->high && s->low < s->high);
    assert_true(isnan(rst_evaluation_group(e, 1)->score[RST_SCORE_SSIM].low));
    /* The same share of brown at 3+: what one gains the other loses. */
    assert_true(fabs(three->area.bias) < 1e-9);
    assert_true(fabs(three->area.deviation - sqrt(2) / 32) < 1e-9);
    assert_true(fabs(three->area.high - 1.96 * sqrt(2) / 32) < 1e-9);
    /* Brown is 0.83 dense: 3+ by the proxy, also where it is but 4 of 24 stained rows; a_0 has
     * none. */
    assert_int_equal(all->confusion[0][3], 1);
    assert_int_equal(all->confusion[3][3], 3);
    assert_true(fabs(all->level_agree - 0.75) < 1e-12);
    assert_true(fabs(all->kappa) < 1e-12); /* all virtual ones are 3+: chance does as well */
    rst_evaluation_free(e);
    /* Levels 0 and 3+ against themselves agree by more than chance. */
    e = evaluate("real", "real", NULL);
    assert_true(rst_evaluation_group(e, 0)->kappa == 1 &&
                rst_evaluation_group(e, 0)->level_agree == 1);
    rst_evaluation_free(e);
}

static void test_quantiles(void **state)
{
    (void)state;
    rst_image img = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_image_new(&img, 10, 10, 3, &err), 0);
    for (int i = 0; i < 300; i++)
        img.px[i] = i < 60 ? BROWN[i % 3] : WHITE[i % 3];
    write("real/x.png", &img);
    rst_evaluation *e = evaluate("real", "real", NULL);
    const rst_evaluation_scores *g = rst_evaluation_group(e, 0);
    const rst_stain_agreement *s = &rst_evaluation_row_at(e, 0)->stain;
    /* A fifth is brown: the mean tells its density, and the 95th percentile has to be it. */
    const double white = g->quantile_real[2];
    assert_true(fabs(g->quantile_real[4] - (s->real.mean - 0.8 * white) / 0.2) < 0.012);
    assert_true(g->quantile_real[3] - g->quantile_real[0] < 0.002);
    assert_memory_equal(g->quantile_real, g->quantile_fake, sizeof g->quantile_real);
    rst_evaluation_free(e);
}

/* Threads, seeds --------------------------------------------------------------------------------
 */

static void test_threads_and_seeds(void **state)
{
    (void)state;
    make_folders();
    rst_evaluate_options o = { .threads = 1 };
    rst_evaluation *one = evaluate("real", "fake", &o);
    o.threads = 3;
    rst_evaluation *three = evaluate("real", "fake", &o);
    o.seed = 9;
    rst_evaluation *other = evaluate("real", "fake", &o);
    for (int i = 0; i < 3; i++) {
        const rst_evaluation_scores *a = rst_evaluation_group(one, i),
                                    *b = rst_evaluation_group(three, i);
        assert_memory_equal(a, b, sizeof *a);
    }
    assert_memory_not_equal(rst_evaluation_group(one, 0)->score,
                            rst_evaluation_group(other, 0)->score,
                            sizeof rst_evaluation_group(one, 0)->score);
    rst_evaluation_free(one);
    rst_evaluation_free(three);
    rst_evaluation_free(other);
}

/* Protocols -------------------------------------------------------------------------------------
 */

static void test_protocols(void **state)
{
    (void)state;
    make_folders();
    rst_evaluate_options o = { .protocol = RST_PROTOCOL_CLEAN, .metrics = 1u << RST_METRIC_SSIM };
    rst_evaluation *asp = evaluate("real", "fake", NULL), *clean = evaluate("real", "fake", &o);
    const rst_metric_use *u = rst_evaluation_metric(asp, RST_METRIC_SSIM),
                         *v = rst_evaluation_metric(clean, RST_METRIC_SSIM);
    assert_true(u->done && v->done && strcmp(u->how, v->how) != 0);
    assert_false(rst_evaluation_metric(clean, RST_METRIC_PSNR)->done);
    assert_true(isnan(rst_evaluation_row_at(clean, 0)->score[RST_SCORE_PSNR]));
    assert_true(rst_evaluation_row_at(clean, 0)->score[RST_SCORE_SSIM] !=
                rst_evaluation_row_at(asp, 0)->score[RST_SCORE_SSIM]);
    o = (rst_evaluate_options){ .protocol = RST_PROTOCOL_BCI_2022,
                                .metrics = 1u << RST_METRIC_FID };
    refuse("real", "fake", &o, RST_EINVAL, "bci-2022 has no fid");
    rst_evaluation_free(asp);
    rst_evaluation_free(clean);
}

/* As ASP's test.py would write real_B: 1..63 lose one, the rest stays. */
static void test_rewriting(void **state)
{
    (void)state;
    rst_image a = RST_IMAGE_INIT, b = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_image_new(&a, 16, 16, 3, &err), 0);
    assert_int_equal(rst_image_new(&b, 16, 16, 3, &err), 0);
    for (int i = 0; i < 16 * 16 * 3; i++) {
        a.px[i] = (uint8_t)(i % 256);
        b.px[i] = (uint8_t)(i % 256 - (i % 256 >= 1 && i % 256 <= 63));
    }
    write("real/x.png", &a);
    write("fake/x.png", &b);
    const rst_evaluate_options o = { .rewrite_real = true };
    rst_evaluation *plain = evaluate("real", "fake", NULL), *e = evaluate("real", "fake", &o);
    assert_true(rst_evaluation_row_at(plain, 0)->score[RST_SCORE_MSE] == 63 / 256.0);
    assert_true(rst_evaluation_row_at(e, 0)->score[RST_SCORE_MSE] == 0);
    rst_evaluation_free(plain);
    rst_evaluation_free(e);
}

/* Colours ---------------------------------------------------------------------------------------
 */

static unsigned checks_of(const rst_image *real, const rst_image *fake)
{
    rst_colour_agreement c;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_colour_compare(real, fake, &c, &err), 0);
    return c.odd;
}

static void test_colour_checks(void **state)
{
    (void)state;
    rst_image real = tile(32, 8, 8, 1), same = tile(32, 7, 9, 2), painted = tile(32, 8, 24, 3),
              inverted = tile(32, 8, 8, 4), swapped = tile(32, 20, 2, 5),
              brown = tile(32, 20, 2, 6), blue = tile(32, 0, 22, 7), green = tile(32, 8, 8, 8);
    for (int i = 0; i < 32 * 32 * 3; i++)
        inverted.px[i] = (uint8_t)(255 - inverted.px[i]);
    for (int i = 0; i < 32 * 32; i++) {
        const uint8_t red = swapped.px[3 * i];
        swapped.px[3 * i] = swapped.px[3 * i + 2];
        swapped.px[3 * i + 2] = red;
        green.px[3 * i + 1] = (uint8_t)(i < 200 ? 255 : green.px[3 * i + 1]);
    }
    assert_int_equal(checks_of(&real, &real), 0);
    assert_int_equal(checks_of(&real, &same), 0);
    assert_int_equal(checks_of(&real, &painted), 1u << RST_COLOUR_PAINTED);
    assert_int_equal(checks_of(&painted, &real), 1u << RST_COLOUR_ERASED);
    assert_true(checks_of(&real, &inverted) & 1u << RST_COLOUR_INVERTED);
    assert_true(checks_of(&brown, &swapped) & 1u << RST_COLOUR_SWAPPED);
    assert_int_equal(checks_of(&brown, &blue) & 1u << RST_COLOUR_HUE, 1u << RST_COLOUR_HUE);
    assert_true(checks_of(&real, &green) & 1u << RST_COLOUR_HUE);
    rst_image *const all[] = { &real, &same, &painted, &inverted, &swapped, &brown, &blue, &green };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        rst_image_free(all[i]);
}

static void test_colour_facts(void **state)
{
    (void)state;
    rst_image img = RST_IMAGE_INIT;
    rst_colour_agreement c;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_image_new(&img, 4, 4, 3, &err), 0);
    static const uint8_t colour[4][3] = {
        { 200, 0, 0 }, { 0, 200, 0 }, { 0, 0, 200 }, { 255, 255, 255 }
    };
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < 48; i++)
            img.px[i] = colour[k][i % 3];
        assert_int_equal(rst_colour_compare(&img, &img, &c, &err), 0);
        assert_true(k == 3 ? isnan(c.real.hue) : fabs(c.real.hue - 120 * k) < 1e-9);
        assert_true(c.real.background == (k == 3) && c.real.green == (k == 1));
        assert_true(c.mse == 0);
    }
    rst_image_free(&img);
}

/* Two runs --------------------------------------------------------------------------------------
 */

static void test_comparison(void **state)
{
    (void)state;
    make_folders();
    const char *const run[] = { tree_path("fake"), tree_path("real") };
    rst_evaluation *e[2];
    rst_comparison c;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_evaluate_runs(e, tree_path("real"), run, 2, NULL, &err), 0);
    assert_int_equal(rst_evaluation_compare(&c, e[0], e[1], &err), 0);
    const rst_score_change *s = &c.score[RST_SCORE_SSIM], *m = &c.score[RST_SCORE_MSE];
    assert_int_equal(c.pairs, 4);
    assert_true(s->n == 4 && s->wins == 3 && s->ties == 1);
    assert_true(s->b == 1 && fabs(s->mean - (1 - s->a)) < 1e-15);
    assert_true(s->low > 0 && s->high > s->low);
    assert_true(m->wins == 3 && m->mean < 0);       /* less is better */
    assert_int_equal(c.score[RST_SCORE_PSNR].n, 0); /* infinite in the second run */
    /* Three differences of one sign, one of 0: a quarter of all signs is as far. */
    assert_true(fabs(s->p - 0.25) < 0.02);
    assert_int_equal(rst_evaluation_compare(&c, e[0], e[0], &err), 0);
    assert_true(c.score[RST_SCORE_SSIM].p == 1 && c.score[RST_SCORE_SSIM].ties == 4);
    rst_evaluation_free(e[0]);
    rst_evaluation_free(e[1]);
}

/* What does not fit -----------------------------------------------------------------------------
 */

static void test_bad_input(void **state)
{
    (void)state;
    make_folders();
    tree_remove("fake/d.png");
    refuse("real", "fake", NULL, RST_EINPUT, "real/d.png: no file of that name in");
    rst_image small = tile(24, 4, 4, 1);
    write("fake/d.png", &small);
    refuse("real", "fake", NULL, RST_EFORMAT, "32 x 32 pixels, ");
    write_tile("fake/e.png", 1, 1, 1);
    refuse("real", "fake", NULL, RST_EINPUT, "fake/e.png: no file of that name in");
    tree_picture("grey/x.png", 32, 32, 1, 0);
    refuse("grey", "grey", NULL, RST_EFORMAT, "--gray-to-rgb");
    tree_picture("alpha/x.png", 32, 32, 4, 0);
    refuse("alpha", "alpha", NULL, RST_EFORMAT, "--alpha");
    tree_damage("real/b_3+.png", 0.5);
    refuse("real", "real", NULL, RST_EFORMAT, "b_3+.png");
    const rst_evaluate_options o = { .protocol = (rst_protocol)7 };
    refuse("real", "real", &o, RST_EINVAL, "out of range");
}

static void test_one_pixel(void **state)
{
    (void)state;
    tree_picture("one/x.png", 1, 1, 3, 7);
    refuse("one", "one", NULL, RST_EFORMAT, "1x1 pixels, smaller than the 7x7 window");
    const rst_evaluate_options o = { .metrics = 1u << RST_METRIC_PSNR | 1u << RST_METRIC_STAIN };
    rst_evaluation *e = evaluate("one", "one", &o);
    assert_true(isinf(rst_evaluation_row_at(e, 0)->score[RST_SCORE_PSNR]));
    assert_true(isnan(rst_evaluation_row_at(e, 0)->score[RST_SCORE_DAB_R]));
    rst_evaluation_free(e);
}

static void test_white(void **state)
{
    (void)state;
    rst_image img = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_image_new(&img, 16, 16, 3, &err), 0);
    memset(img.px, 255, 16 * 16 * 3);
    write("white/x.png", &img);
    rst_evaluation *e = evaluate("white", "white", NULL);
    const rst_evaluation_scores *g = rst_evaluation_group(e, 0);
    assert_true(g->score[RST_SCORE_SSIM].mean == 1);
    assert_true(g->stain.real.mean == 0 && g->stain.real.tissue == 0 && g->stain.real.level == 0);
    assert_true(g->score[RST_SCORE_DAB_R].n == 0 && isnan(g->score[RST_SCORE_DAB_R].mean));
    assert_true(isnan(g->kappa) && g->level_agree == 1);
    for (int k = 0; k < RST_COLOUR_CHECKS; k++)
        assert_int_equal(g->odd[k], 0);
    rst_evaluation_free(e);
}

static int stop_at_two(void *user, int64_t done, int64_t total)
{
    (void)user;
    assert_int_equal(total, 4);
    return done == 2;
}

static void test_stopped(void **state)
{
    (void)state;
    make_folders();
    const rst_evaluate_options o = { .progress = stop_at_two };
    refuse("real", "fake", &o, RST_ECANCELLED, "stopped after 2 of 4 pairs");
}

/* Any allocation may fail, in any thread. */
static void test_memory(void **state)
{
    (void)state;
    make_folders();
    const rst_evaluate_options o = { .threads = 2, .resamples = 100 };
    const long before = rst__alloc_live();
    for (long n = 0;; n += 1 + n / 16) {
        rst_evaluation *e = NULL;
        rst_error err = RST_ERROR_INIT;
        rst__alloc_fail_after(n);
        const int rc = rst_evaluate(&e, tree_path("real"), tree_path("fake"), &o, &err);
        rst__alloc_fail_after(-1);
        rst_evaluation_free(e);
        assert_int_equal(rst__alloc_live(), before);
        if (rc == 0)
            break;
        assert_int_equal(rc, RST_ENOMEM);
        assert_true(err.msg[0] != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test_setup_teardown(test_rows, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(test_groups, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(test_quantiles, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(test_threads_and_seeds, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(test_protocols, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(test_rewriting, tree_setup, tree_teardown),
        cmocka_unit_test(test_colour_checks),
        cmocka_unit_test(test_colour_facts),
        cmocka_unit_test_setup_teardown(test_comparison, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(test_bad_input, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(test_one_pixel, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(test_white, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(test_stopped, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(test_memory, tree_setup, tree_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
