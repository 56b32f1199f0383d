/* SPDX-License-Identifier: MIT */
/* Metrics on others' images, against the numbers that others published for them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static rst_ctx *ctx;
static rst_lpips *squeeze;

static int open_squeeze(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    const rst_ctx_options o = { .backend = NULL };
    assert_int_equal(rst_ctx_new(&ctx, &o, &err), 0);
    rst_weights *net = weights("squeezenet1_1_features.pth");
    rst_weights *heads = weights("lpips/weights/v0.1/squeeze.pth");
    if (rst_lpips_new(&squeeze, ctx, RST_LPIPS_SQUEEZE, net, heads, &err) < 0)
        fail_msg("%s", err.msg);
    rst_weights_free(net);
    rst_weights_free(heads);
    return 0;
}

static int close_squeeze(void **state)
{
    (void)state;
    rst_lpips_free(squeeze);
    rst_ctx_free(ctx);
    return 0;
}

static double lpips(const rst_image *a, const rst_image *b)
{
    double d = -1;
    rst_error err = RST_ERROR_INIT;
    if (rst_lpips_distance(squeeze, a, b, &d, &err) < 0)
        fail_msg("%s", err.msg);
    return d;
}

static void test_lpips_examples(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double distance;
    } example[] = { { "oracles/lpips/ex_p0.png", 0.711048 },
                    { "oracles/lpips/ex_p1.png", 0.147902 } };
    rst_image ref = picture("oracles/lpips/ex_ref.png");
    for (int i = 0; i < 2; i++) {
        rst_image img = picture(example[i].name);
        const double d = lpips(&ref, &img);
        if (!(fabs(d - example[i].distance) < 2e-6))
            fail_msg("%s: %.7f, not %.6f", example[i].name, d, example[i].distance);
        rst_image_free(&img);
    }
    rst_image_free(&ref);
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

/* TID2013's pictures are BMP, which restain does not read: 54 bytes, then rows of blue, green, red,
 * of a width that needs no padding. */
static rst_image bitmap(const char *name)
{
    char path[900];
    rst_error err = RST_ERROR_INIT;
    rst_image img = RST_IMAGE_INIT;
    (void)snprintf(path, sizeof path, "%s/data/oracles/iqa_tid2013_calib/%s", shared, name);
    assert_int_equal(rst_image_new(&img, 512, 384, 3, &err), 0);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 54, SEEK_SET), 0);
    assert_int_equal(fread(img.px, 1, 512 * 384 * 3, f), 512 * 384 * 3);
    (void)fclose(f);
    return img;
}

static void test_psnr_tid2013(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double psnr;
    } pair[] = { { "I03.bmp", 21.1136 }, { "I06.bmp", 27.0139 }, { "I19.bmp", 21.6186 } };
    for (size_t i = 0; i < sizeof pair / sizeof pair[0]; i++) {
        char real[64], fake[64];
        double db = 0;
        rst_error err = RST_ERROR_INIT;
        (void)snprintf(real, sizeof real, "ref_dir/%s", pair[i].name);
        (void)snprintf(fake, sizeof fake, "dist_dir/%s", pair[i].name);
        rst_image a = bitmap(real), b = bitmap(fake);
        assert_int_equal(rst_psnr(&a, &b, &db, &err), 0);
        if (!(fabs(db - pair[i].psnr) < 6e-5))
            fail_msg("%s: %.5f dB, not %.4f", pair[i].name, db, pair[i].psnr);
        rst_image_free(&a);
        rst_image_free(&b);
    }
}

enum { SET, NAME, PRED, SIDE, PSNR, SSIM, LPIPS, FIELDS };

/* A row of reference_metrics.csv: somebody's picture against the real one. */
typedef struct row {
    char *field[FIELDS]; /* in the line, cut up */
    double psnr, ssim, lpips;
} row;

/* False for the heading. */
static bool cut_up(char *line, row *r)
{
    for (int i = 0; i < FIELDS; i++) {
        const size_t len = strcspn(line, ",\r\n");
        r->field[i] = line;
        line += len + (line[len] != 0);
        r->field[i][len] = 0;
    }
    r->psnr = strtod(r->field[PSNR], NULL);
    r->ssim = strtod(r->field[SSIM], NULL);
    r->lpips = strtod(r->field[LPIPS], NULL);
    return strcmp(r->field[SIDE], "512") == 0;
}

/* data/pairs_her2/SET/FOLDER/NAME.END for either end; false when there is no such file. */
static bool locate(const row *r, const char *folder, char *name, size_t size)
{
    static const char *const end[] = { "png", "jpg" };
    for (int i = 0; i < 2; i++) {
        char path[900];
        (void)snprintf(name, size, "pairs_her2/%s/%s/%s.%s", r->field[SET], folder, r->field[NAME],
                       end[i]);
        (void)snprintf(path, sizeof path, "%s/data/%s", shared, name);
        FILE *f = fopen(path, "rb");
        if (f)
            return fclose(f) == 0;
    }
    return false;
}

static void check_row(const row *r, const char *real_name, const char *fake_name)
{
    static const rst_ssim_options gaussian = { .window = RST_SSIM_GAUSSIAN, .population = true };
    double db = 0, ssim = 0;
    rst_error err = RST_ERROR_INIT;
    rst_image real = halved(real_name), fake = picture(fake_name);
    if (fake.width == 2 * real.width) {
        rst_image_free(&fake);
        fake = halved(fake_name);
    }
    assert_int_equal(rst_psnr(&real, &fake, &db, &err), 0);
    assert_int_equal(rst_ssim(&real, &fake, &gaussian, &ssim, &err), 0);
    const double d = lpips(&real, &fake);
    if (!(fabs(db - r->psnr) < 1e-3 && fabs(ssim - r->ssim) < 1e-4 && fabs(d - r->lpips) < 1e-3))
        fail_msg("%s: %.5f dB, %.6f, %.6f, not %.4f, %.5f, %.5f", fake_name, db, ssim, d, r->psnr,
                 r->ssim, r->lpips);
    rst_image_free(&real);
    rst_image_free(&fake);
}

/* Real HER2 tiles against another model's outputs for them and against their H&E. */
static void test_pairs(void **state)
{
    (void)state;
    char path[600], line[512], real[300], fake[300];
    int rows = 0;
    row r;
    (void)snprintf(path, sizeof path, "%s/data/pairs_her2/reference_metrics.csv", shared);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (cut_up(line, &r) && locate(&r, "ihc", real, sizeof real) &&
            locate(&r, r.field[PRED], fake, sizeof fake)) {
            check_row(&r, real, fake);
            rows++;
        }
    (void)fclose(f);
    assert_int_equal(rows, 26); /* 13 outputs, 13 pictures of H&E */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lpips_examples),
                                        cmocka_unit_test(test_ssim_camera),
                                        cmocka_unit_test(test_psnr_tid2013),
                                        cmocka_unit_test(test_pairs) };
    shared = getenv("RESTAIN_TESTDATA");
    char probe[600];
    (void)snprintf(probe, sizeof probe, "%s/data/oracles/lpips/ex_ref.png", shared ? shared : "");
    FILE *f = fopen(probe, "r");
    if (!f) {
        puts("skipped: RESTAIN_TESTDATA does not name the shared folder");
        return 77;
    }
    (void)fclose(f);
    return cmocka_run_group_tests(tests, open_squeeze, close_squeeze);
}
