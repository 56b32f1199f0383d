/* SPDX-License-Identifier: MIT */
/* Metrics on others' images, against the numbers that others published for them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <restain/metric.h>

static const char *shared;

static rst_weights *weights(const char *name)
{
    char path[600];
    rst_error err = RST_ERROR_INIT;
    rst_weights *w;
    (void)snprintf(path, sizeof path, "%s/data/weights/%s", shared, name);
    if (rst_weights_read(&w, path, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    return w;
}

static rst_image picture(const char *name)
{
    char path[900];
    rst_error err = RST_ERROR_INIT;
    rst_image img = RST_IMAGE_INIT;
    (void)snprintf(path, sizeof path, "%s/data/%s", shared, name);
    if (rst_image_read(&img, path, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    return img;
}

static void test_lpips_examples(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double distance;
    } example[] = { { "oracles/lpips/ex_p0.png", 0.711048 },
                    { "oracles/lpips/ex_p1.png", 0.147902 } };
    rst_ctx *c;
    rst_lpips *l;
    rst_error err = RST_ERROR_INIT;
    rst_ctx_options o = { .backend = NULL };
    assert_int_equal(rst_ctx_new(&c, &o, &err), 0);
    rst_weights *net = weights("squeezenet1_1_features.pth");
    rst_weights *heads = weights("lpips/weights/v0.1/squeeze.pth");
    if (rst_lpips_new(&l, c, RST_LPIPS_SQUEEZE, net, heads, &err) < 0)
        fail_msg("%s", err.msg);
    rst_image ref = picture("oracles/lpips/ex_ref.png");
    for (int i = 0; i < 2; i++) {
        double d = -1;
        rst_image img = picture(example[i].name);
        if (rst_lpips_distance(l, &ref, &img, &d, &err) < 0)
            fail_msg("%s", err.msg);
        if (!(fabs(d - example[i].distance) < 2e-6))
            fail_msg("%s: %.7f, not %.6f", example[i].name, d, example[i].distance);
        rst_image_free(&img);
    }
    rst_image_free(&ref);
    rst_lpips_free(l);
    rst_weights_free(net);
    rst_weights_free(heads);
    rst_ctx_free(c);
}

/* scikit-image's own test picture and its noisy copy. */
static void test_ssim_camera(void **state)
{
    (void)state;
    double v = 0;
    rst_error err = RST_ERROR_INIT;
    rst_image a = picture("oracles/skimage_ssim/camera.png"),
              b = picture("oracles/skimage_ssim/cam_noisy.png");
    assert_int_equal(rst_ssim(&a, &b, NULL, &v, &err), 0);
    if (!(fabs(v - 0.3674518327910367) < 1e-12))
        fail_msg("%.16f", v);
    rst_image_free(&a);
    rst_image_free(&b);
}

/* Means of 2 x 2 pixels as Pillow's box filter makes them: along rows, then columns, halves up. */
static rst_image halved(const char *name)
{
    rst_image img = picture(name), out = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    const int64_t w = img.width / 2, h = img.height / 2, row = 3 * img.width;
    assert_int_equal(rst_image_new(&out, w, h, 3, &err), 0);
    for (int64_t i = 0; i < 3 * w * h; i++) {
        const uint8_t *p = img.px + 2 * (i / (3 * w)) * row + 2 * (i % (3 * w) / 3) * 3 + i % 3;
        out.px[i] = (uint8_t)(((p[0] + p[3] + 1) / 2 + (p[row] + p[row + 3] + 1) / 2 + 1) / 2);
    }
    rst_image_free(&img);
    return out;
}

/* Real HER2 tiles and another model's outputs for them. */
static void test_pairs(void **state)
{
    (void)state;
    static const rst_ssim_options gaussian = { .window = RST_SSIM_GAUSSIAN, .population = true };
    static const struct {
        const char *real, *fake;
        double psnr, ssim;
    } pair[] = {
        { "pairs_her2/bci/ihc/00007_test_1+.jpg",
          "pairs_her2/bci/published_fake_histdit/00007_test_1+.png", 22.8131, 0.34530 },
        { "pairs_her2/bci/ihc/00011_test_3+.jpg",
          "pairs_her2/bci/published_fake_histdit/00011_test_3+.png", 26.0969, 0.67516 },
        { "pairs_her2/bci/ihc/00052_test_3+.jpg",
          "pairs_her2/bci/published_fake_histdit/00052_test_3+.png", 15.2656, 0.17172 },
        { "pairs_her2/bci/ihc/00057_test_3+.jpg",
          "pairs_her2/bci/published_fake_histdit/00057_test_3+.png", 16.8235, 0.30188 },
        { "pairs_her2/bci/ihc/00118_test_0.jpg",
          "pairs_her2/bci/published_fake_histdit/00118_test_0.png", 18.6331, 0.44950 },
        { "pairs_her2/bci/ihc/00249_test_2+.jpg",
          "pairs_her2/bci/published_fake_histdit/00249_test_2+.png", 20.3210, 0.43751 },
        { "pairs_her2/bci/ihc/00361_test_2+.jpg",
          "pairs_her2/bci/published_fake_histdit/00361_test_2+.png", 18.5082, 0.29844 },
        { "pairs_her2/bci/ihc/00640_test_1+.jpg",
          "pairs_her2/bci/published_fake_histdit/00640_test_1+.png", 24.0149, 0.55161 },
        { "pairs_her2/mist/ihc/100M2004069_21_13.jpg",
          "pairs_her2/mist/published_fake_histdit/100M2004069_21_13.jpg", 14.3766, 0.39350 },
        { "pairs_her2/mist/ihc/100M2004069_21_29.jpg",
          "pairs_her2/mist/published_fake_histdit/100M2004069_21_29.jpg", 17.7609, 0.18753 },
        { "pairs_her2/mist/ihc/15M2102762_15_26.jpg",
          "pairs_her2/mist/published_fake_histdit/15M2102762_15_26.jpg", 18.2734, 0.32984 },
        { "pairs_her2/mist/ihc/15M2102762_18_18.jpg",
          "pairs_her2/mist/published_fake_histdit/15M2102762_18_18.png", 12.1315, 0.26626 },
        { "pairs_her2/mist/ihc/15M2102762_21_24.jpg",
          "pairs_her2/mist/published_fake_histdit/15M2102762_21_24.png", 17.6011, 0.32679 },
    };
    for (size_t i = 0; i < sizeof pair / sizeof pair[0]; i++) {
        double db = 0, ssim = 0;
        rst_error err = RST_ERROR_INIT;
        rst_image real = halved(pair[i].real), fake = picture(pair[i].fake);
        assert_int_equal(rst_psnr(&real, &fake, &db, &err), 0);
        assert_int_equal(rst_ssim(&real, &fake, &gaussian, &ssim, &err), 0);
        if (!(fabs(db - pair[i].psnr) < 1e-3 && fabs(ssim - pair[i].ssim) < 1e-4))
            fail_msg("%s: %.5f dB and %.6f, not %.4f and %.5f", pair[i].real, db, ssim,
                     pair[i].psnr, pair[i].ssim);
        rst_image_free(&real);
        rst_image_free(&fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lpips_examples),
                                        cmocka_unit_test(test_ssim_camera),
                                        cmocka_unit_test(test_pairs) };
    shared = getenv("RESTAIN_TESTDATA");
    char probe[600];
    (void)snprintf(probe, sizeof probe, "%s/data/oracles/lpips/ex_ref.png", shared ? shared : "");
    FILE *f = fopen(probe, "r");
    if (!f) {
        puts("skipped: RESTAIN_TESTDATA does not name the shared folder");
        return 77;
    }
    fclose(f);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
