/* SPDX-License-Identifier: MIT */
/* SSIM, PSNR and stain agreement: against the definitions written down plainly, hand-made values,
 * and themselves with other numbers of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include <restain/metric.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "image/stain.h"
#include "metric/stain.h"

static rst_image new_image(int64_t width, int64_t height, int channels)
{
    rst_image img = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_image_new(&img, width, height, channels, &err), 0);
    return img;
}

static rst_image noise(int64_t width, int64_t height, int channels, int low, int high,
                       uint64_t seed)
{
    rst_image img = new_image(width, height, channels);
    rst_rng r = rst__rng(seed, "pixels");
    for (int64_t i = 0; i < channels * width * height; i++)
        img.px[i] = (uint8_t)(low + rst__rng_below(&r, high - low + 1));
    return img;
}

static rst_image plain(int64_t width, int64_t height, uint8_t r, uint8_t g, uint8_t b)
{
    rst_image img = new_image(width, height, 3);
    for (int64_t i = 0; i < width * height; i++) {
        img.px[3 * i] = r;
        img.px[3 * i + 1] = g;
        img.px[3 * i + 2] = b;
    }
    return img;
}

/* SSIM ----------------------------------------------------------------------------------------- */

/* The definition at one pixel of one channel, with the weights of a (2r+1)^2 window. */
static double local(const rst_image *a, const rst_image *b, int64_t x, int64_t y, int c, int r,
                    const double *w, double norm, double c1, double c2)
{
    double ux = 0, uy = 0, vx = 0, vy = 0, vxy = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = -r; i <= r; i++)
            for (int k = -r; k <= r; k++) {
                const int64_t at = ((y + i) * a->width + x + k) * a->channels + c;
                const double p = a->px[at], q = b->px[at];
                const double v = w[(i + r) * (2 * r + 1) + k + r];
                if (pass == 0) {
                    ux += v * p;
                    uy += v * q;
                } else {
                    vx += norm * v * (p - ux) * (p - ux);
                    vy += norm * v * (q - uy) * (q - uy);
                    vxy += norm * v * (p - ux) * (q - uy);
                }
            }
    return (2 * ux * uy + c1) * (2 * vxy + c2) / ((ux * ux + uy * uy + c1) * (vx + vy + c2));
}

static double plain_ssim(const rst_image *a, const rst_image *b, int r, double sigma, bool sample)
{
    const int side = 2 * r + 1, pixels = side * side;
    double w[121], sum = 0, total = 0;
    int64_t count = 0;
    assert_true(pixels <= 121);
    for (int i = 0; i < pixels; i++) {
        const double dy = i / side - r, dx = i % side - r;
        w[i] = sigma > 0 ? exp(-(dx * dx + dy * dy) / (2 * sigma * sigma)) : 1;
        sum += w[i];
    }
    for (int i = 0; i < pixels; i++)
        w[i] /= sum;
    const double norm = sample ? pixels / (pixels - 1.0) : 1;
    for (int c = 0; c < a->channels; c++)
        for (int64_t y = r; y < a->height - r; y++)
            for (int64_t x = r; x < a->width - r; x++, count++)
                total += local(a, b, x, y, c, r, w, norm, 6.5025, 58.5225);
    return total / (double)count;
}

static void check_ssim(const rst_image *a, const rst_image *b, const rst_ssim_options *o, int r,
                       double sigma, bool sample)
{
    rst_error err = RST_ERROR_INIT;
    double got = -9;
    const double want = plain_ssim(a, b, r, sigma, sample);
    assert_int_equal(rst_ssim(a, b, o, &got, &err), 0);
    if (!(fabs(got - want) < 1e-11))
        fail_msg("%.15f, not %.15f", got, want);
}

static void test_ssim_definition(void **state)
{
    (void)state;
    static const rst_ssim_options gaussian = { .window = RST_SSIM_GAUSSIAN, .population = true },
                                  sampled = { .window = RST_SSIM_GAUSSIAN },
                                  five = { .side = 5, .population = true };
    static const struct {
        int width, height, channels, low, high;
    } size[] = { { 33, 150, 3, 0, 255 },
                 { 11, 11, 3, 200, 255 },
                 { 64, 12, 1, 0, 40 },
                 { 90, 65, 3, 128, 129 } };
    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        rst_image a = noise(size[i].width, size[i].height, size[i].channels, size[i].low,
                            size[i].high, 1 + i);
        rst_image b = noise(size[i].width, size[i].height, size[i].channels, size[i].low,
                            size[i].high, 11 + i);
        check_ssim(&a, &b, NULL, 3, 0, true);
        check_ssim(&a, &b, &five, 2, 0, false);
        check_ssim(&a, &b, &gaussian, 5, 1.5, false);
        check_ssim(&a, &b, &sampled, 5, 1.5, true);
        double same = 0;
        rst_error err = RST_ERROR_INIT;
        assert_int_equal(rst_ssim(&a, &a, NULL, &same, &err), 0);
        assert_true(same == 1);
        rst_image_free(&a);
        rst_image_free(&b);
    }
}

static void test_ssim_refuses(void **state)
{
    (void)state;
    static const rst_ssim_options even = { .side = 8 }, wide = { .side = 183 },
                                  negative = { .sigma = -1, .window = RST_SSIM_GAUSSIAN },
                                  gaussian = { .window = RST_SSIM_GAUSSIAN };
    rst_image a = noise(10, 8, 3, 0, 255, 1), b = noise(10, 9, 3, 0, 255, 2),
              one = noise(1, 1, 3, 0, 255, 3), grey = noise(10, 8, 1, 0, 255, 4);
    double v = 7;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_ssim(&a, &b, NULL, &v, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "10x8 and 10x9"));
    assert_int_equal(rst_ssim(&one, &one, NULL, &v, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "1x1 pixels, smaller than the 7x7 window"));
    assert_int_equal(rst_ssim(&a, &a, &gaussian, &v, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "11x11 window"));
    assert_int_equal(rst_ssim(&a, &grey, NULL, &v, &err), RST_EINVAL);
    assert_int_equal(rst_ssim(&a, &a, &even, &v, &err), RST_EINVAL);
    assert_int_equal(rst_ssim(&a, &a, &wide, &v, &err), RST_EINVAL);
    assert_int_equal(rst_ssim(&a, &a, &negative, &v, &err), RST_EINVAL);
    assert_int_equal(rst_psnr(&a, &b, &v, &err), RST_EINVAL);
    assert_int_equal(rst_psnr(&a, &grey, &v, &err), RST_EINVAL);
    rst__alloc_fail_after(0);
    assert_int_equal(rst_ssim(&a, &a, NULL, &v, &err), RST_ENOMEM);
    rst__alloc_fail_after(1);
    assert_int_equal(rst_ssim(&a, &a, NULL, &v, &err), RST_ENOMEM);
    rst__alloc_fail_after(-1);
    assert_true(v == 7);
    rst_image_free(&a);
    rst_image_free(&b);
    rst_image_free(&one);
    rst_image_free(&grey);
}

/* PSNR ----------------------------------------------------------------------------------------- */

static void test_psnr(void **state)
{
    (void)state;
    rst_image a = plain(300, 200, 10, 20, 30), b = plain(300, 200, 13, 16, 30),
              black = plain(300, 200, 0, 0, 0), white = plain(300, 200, 255, 255, 255);
    double v = 0;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_mse(&a, &b, &v, &err), 0);
    assert_true(v == 25.0 / 3);
    assert_int_equal(rst_psnr(&a, &b, &v, &err), 0);
    assert_true(fabs(v - 38.9226159) < 1e-6); /* 10 log10(65025 * 3 / 25) */
    assert_int_equal(rst_psnr(&black, &white, &v, &err), 0);
    assert_true(v == 0);
    assert_int_equal(rst_psnr(&a, &a, &v, &err), 0);
    assert_true(isinf(v) && v > 0);
    rst_image_free(&a);
    rst_image_free(&b);
    rst_image_free(&black);
    rst_image_free(&white);
}

/* Stains --------------------------------------------------------------------------------------- */

/* The pixel that so much haematoxylin and DAB make of white light. */
static void stained(double haematoxylin, double dab, uint8_t px[3])
{
    static const double h[3] = { 0.651, 0.701, 0.290 }, d[3] = { 0.269, 0.568, 0.778 };
    for (int c = 0; c < 3; c++)
        px[c] = (uint8_t)lround(255 * pow(10, -(haematoxylin * h[c] + dab * d[c])));
}

static void test_separation(void **state)
{
    (void)state;
    static const rst_stain_set sets[] = { RST_STAINS_HDAB, RST_STAINS_HE };
    for (int k = 0; k < 2; k++) {
        const rst_stains s = rst__stains(sets[k]);
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++) {
                double v = 0;
                for (int c = 0; c < 3; c++)
                    v += s.od[i][c] * s.inverse[c][j];
                assert_true(fabs(v - (i == j)) < 1e-12);
            }
        const double *r = s.od[2];
        assert_true(fabs(r[0] * r[0] + r[1] * r[1] + r[2] * r[2] - 1) < 1e-12);
    }
    static const double amount[4][2] = { { 0.3, 0.5 }, { 0, 0 }, { 0.1, 0 }, { 0, 0.4 } };
    const rst_stains s = rst__stains(RST_STAINS_HDAB);
    for (int i = 0; i < 4; i++) {
        uint8_t px[3];
        float v[3];
        stained(amount[i][0], amount[i][1], px);
        rst__stain_separate(&s, 255, px, 1, v);
        assert_true(fabs((double)v[0] - amount[i][0]) < 0.01);
        assert_true(fabs((double)v[1] - amount[i][1]) < 0.01);
        assert_true(fabs((double)v[2]) < 0.01);
    }
    /* Red light alone is absorbed: less than no DAB. Black is as dense as 1 of 255. */
    static const uint8_t cyan[3] = { 60, 255, 255 }, black[3] = { 0, 0, 0 }, one[3] = { 1, 1, 1 };
    float v[3], w[3];
    rst__stain_separate(&s, 255, cyan, 1, v);
    assert_true(v[1] < -0.1f);
    rst__stain_separate(&s, 255, black, 1, v);
    rst__stain_separate(&s, 255, one, 1, w);
    assert_memory_equal(v, w, sizeof v);
}

/* A quarter of each image is brown by the amounts given, the rest white. */
static rst_image quarters(const double dab[4])
{
    rst_image img = plain(200, 200, 255, 255, 255);
    for (int64_t i = 0; i < 40000; i++)
        stained(0.2, dab[i / 10000], img.px + 3 * i);
    return img;
}

static void test_agreement(void **state)
{
    (void)state;
    static const double weak[4] = { 0, 0, 0.1, 0.3 }, strong[4] = { 0, 0.1, 0.45, 0.7 },
                        against[4] = { 0.3, 0.1, 0, 0 };
    rst_image a = quarters(weak), b = quarters(strong), c = quarters(against);
    rst_error err = RST_ERROR_INIT;
    rst_stain_sums s = { 0 }, t = { 0 };
    assert_int_equal(rst_stain_add(&s, &a, &b, &err), 0);
    rst_stain_agreement g = rst_stain_result(&s);
    assert_true(fabs(g.real.mean - 0.1) < 0.005 && fabs(g.fake.mean - 0.3125) < 0.005);
    assert_true(fabs(g.bias - 0.2125) < 0.005);
    assert_true(g.real.positive == 0.25 && g.fake.positive == 0.5);
    assert_true(g.real.tissue == 1 && g.fake.tissue == 1);
    assert_int_equal(g.real.level, 1);
    assert_int_equal(g.fake.level, 3);
    /* cov / sd: weak -0.1 -0.1 0 0.2, strong -.3125 -.2125 .1375 .3875 */
    assert_true(fabs(g.r - 0.13 / sqrt(0.06 * 0.311875)) < 0.01);

    /* Pooled: as if both pairs were one. */
    assert_int_equal(rst_stain_add(&t, &a, &c, &err), 0);
    assert_true(rst_stain_result(&t).r < -0.5);
    rst_stain_merge(&s, &t);
    g = rst_stain_result(&s);
    assert_true(s.pixels == 80000);
    assert_true(fabs(g.real.mean - 0.1) < 0.005 && fabs(g.fake.mean - 0.20625) < 0.005);
    assert_true(fabs(g.r - (0.04 + 0.065 - 0.0825) / sqrt(0.03 * (0.2053125 - 2 * 0.0425390625))) <
                0.02);
    rst_image_free(&a);
    rst_image_free(&b);
    rst_image_free(&c);
}

static void test_agreement_of_nothing(void **state)
{
    (void)state;
    rst_image white = plain(50, 40, 255, 255, 255), brown = plain(50, 40, 150, 90, 60),
              small = plain(50, 41, 255, 255, 255);
    rst_error err = RST_ERROR_INIT;
    rst_stain_sums s = { 0 };
    rst_stain_agreement g = rst_stain_result(&s);
    assert_true(isnan(g.r) && isnan(g.real.mean) && g.real.level == 0);
    assert_int_equal(rst_stain_add(&s, &white, &small, &err), RST_EINVAL);
    assert_true(s.pixels == 0);
    assert_int_equal(rst_stain_add(&s, &white, &brown, &err), 0);
    g = rst_stain_result(&s);
    assert_true(isnan(g.r));
    assert_true(g.real.mean == 0 && g.real.tissue == 0 && g.real.level == 0);
    assert_true(g.fake.mean > 0.3 && g.fake.positive == 1 && g.fake.tissue == 1);
    rst_image_free(&white);
    rst_image_free(&brown);
    rst_image_free(&small);
}

/* Every density has a bin, even of colours that no stain has; the median of 9 is the fifth. */
static void test_bins(void **state)
{
    (void)state;
    static int64_t bins[2][RST__STAIN_BINS];
    rst_image corners = plain(8, 1, 0, 0, 0), ramp = plain(9, 1, 255, 255, 255);
    rst_image white[2] = { plain(8, 1, 255, 255, 255), plain(9, 1, 255, 255, 255) };
    rst_error err = RST_ERROR_INIT;
    rst_stain_sums s = { 0 };
    for (int i = 0; i < 24; i++)
        corners.px[i] = i / 3 >> i % 3 & 1 ? 255 : 0;
    for (int i = 0; i < 9; i++)
        stained(0, 0.1 * i, ramp.px + 3 * i);
    memset(bins, 0, sizeof bins);
    assert_int_equal(rst__stain_add(&s, bins, &corners, &white[0], &err), 0);
    for (int k = 0; k < 2; k++) {
        int64_t n = 0;
        for (int b = 0; b < RST__STAIN_BINS; b++)
            n += bins[k][b];
        assert_int_equal(n, 8);
    }
    memset(bins, 0, sizeof bins);
    assert_int_equal(rst__stain_add(&s, bins, &ramp, &white[1], &err), 0);
    assert_true(fabs(rst__stain_quantile(bins[0], 0.5) - 0.4) < 0.005);
    assert_true(fabs(rst__stain_quantile(bins[1], 0.5)) < 0.002);
    assert_true(s.pixels == 17);
    rst_image_free(&corners);
    rst_image_free(&ramp);
    rst_image_free(&white[0]);
    rst_image_free(&white[1]);
}

/* Threads -------------------------------------------------------------------------------------- */

typedef struct scores {
    double uniform, gaussian, db;
    rst_stain_sums stain;
} scores;

static void test_threads(void **state)
{
    (void)state;
    static const rst_ssim_options clean = { .window = RST_SSIM_GAUSSIAN, .population = true };
    rst_image a = noise(301, 403, 3, 0, 255, 1), b = noise(301, 403, 3, 0, 255, 2);
    rst_error err = RST_ERROR_INIT;
    scores v[4];
    memset(v, 0, sizeof v);
    for (int i = 0; i < 4; i++) {
        omp_set_num_threads(i < 3 ? i + 1 : 7);
        assert_int_equal(rst_ssim(&a, &b, NULL, &v[i].uniform, &err), 0);
        assert_int_equal(rst_ssim(&a, &b, &clean, &v[i].gaussian, &err), 0);
        assert_int_equal(rst_psnr(&a, &b, &v[i].db, &err), 0);
        assert_int_equal(rst_stain_add(&v[i].stain, &a, &b, &err), 0);
        assert_memory_equal(&v[i], &v[0], sizeof v[0]);
    }
    rst_image_free(&a);
    rst_image_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ssim_definition),
        cmocka_unit_test(test_ssim_refuses),
        cmocka_unit_test(test_psnr),
        cmocka_unit_test(test_separation),
        cmocka_unit_test(test_agreement),
        cmocka_unit_test(test_agreement_of_nothing),
        cmocka_unit_test(test_bins),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
