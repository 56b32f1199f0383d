/* SPDX-License-Identifier: MIT */
/*
 * A super-resolver against bicubic enlargement, for doc/results.md.
 *
 *     bench_superres MODEL FOLDER...
 *
 * Every picture of a folder is made small in two ways, cleanly (MATLAB's bicubic) and by BSRGAN's
 * degradation (image/degrade.h, seed 0, numbered by its place in the list), and large again in two,
 * by Pillow's bicubic and by the model. What is told are means over a folder's.
 */
#include <stdio.h>

#include <restain/restain.h>

#include "base/err.h"
#include "data/files.h"
#include "data/sampler.h"
#include "image/crop.h"
#include "image/degrade.h"
#include "image/resize.h"

typedef struct scores {
    double psnr, ssim;
    rst_stain_sums stain;
} scores;

static int add(scores *s, const rst_image *made, const rst_image *truth, rst_error *err)
{
    double psnr = 0, ssim = 0;
    int rc = rst_psnr(made, truth, &psnr, err);
    if (rc == 0)
        rc = rst_ssim(made, truth, NULL, &ssim, err);
    if (rc == 0)
        rc = rst_stain_add(&s->stain, truth, made, err);
    s->psnr += psnr;
    s->ssim += ssim;
    return rc;
}

/* The picture, of sides that are multiples of the scale, and what becomes of it. */
static int make_small(const char *path, int scale, rst_degradation kind, int64_t number,
                      rst_image *truth, rst_image *low, rst_error *err)
{
    rst_rng r = rst__sample_stream(0, "val.degrade", number);
    rst_image whole = RST_IMAGE_INIT;
    rst_floats p = { 0 };
    int rc = rst_image_read(&whole, path, NULL, err);
    if (rc == 0)
        rc = rst_image_require_channels(&whole, path, 3, err);
    if (rc == 0)
        rc = rst__image_crop(&whole, 0, 0, whole.height / scale * scale,
                             whole.width / scale * scale, truth, err);
    if (rc == 0)
        rc = rst__floats_new(&p, truth->height, truth->width, err);
    if (rc == 0) {
        rst__floats_from_image(&p, truth);
        rc = rst__degrade(&p, scale, kind, &r, err);
    }
    if (rc == 0)
        rc = rst__floats_to_image(&p, low, err);
    rst__floats_free(&p);
    rst_image_free(&whole);
    return rc;
}

static int measure(rst_model *m, const char *path, rst_degradation kind, int64_t number,
                   scores s[2], rst_error *err)
{
    rst_image truth = RST_IMAGE_INIT, low = RST_IMAGE_INIT, made[2] = { RST_IMAGE_INIT };
    int rc = make_small(path, rst_model_describe(m).scale, kind, number, &truth, &low, err);
    if (rc == 0)
        rc = rst__image_resize(&low, truth.width, truth.height, RST_RESIZE_BICUBIC, &made[0], err);
    if (rc == 0)
        rc = rst_model_translate(m, &low, &made[1], err);
    for (int i = 0; rc == 0 && i < 2; i++)
        rc = add(&s[i], &made[i], &truth, err);
    rst_image_free(&truth);
    rst_image_free(&low);
    rst_image_free(&made[0]);
    rst_image_free(&made[1]);
    return rc;
}

static int compare(rst_model *m, const rst_file_list *l, rst_error *err)
{
    static const char *const kinds[] = { "degraded", "clean" }, *const ways[] = { "bicubic",
                                                                                  "model" };
    for (int kind = RST_DEGRADATION_BICUBIC; kind >= RST_DEGRADATION_BSRGAN; kind--) {
        scores s[2] = { { 0 } };
        for (int64_t i = 0; i < l->count; i++) {
            int rc = measure(m, l->item[i].path, (rst_degradation)kind, i, s, err);
            if (rc < 0)
                return rc;
        }
        for (int i = 0; i < 2; i++)
            printf("  x%d %-8s %-7s  PSNR %6.3f dB  SSIM %.4f  DAB r %.4f  (%lld pictures)\n",
                   rst_model_describe(m).scale, kinds[kind], ways[i], s[i].psnr / (double)l->count,
                   s[i].ssim / (double)l->count, rst_stain_result(&s[i].stain).r,
                   (long long)l->count);
    }
    return 0;
}

static int folder(rst_model *m, const char *path, rst_error *err)
{
    rst_file_list l = { 0 };
    int rc = rst__files_walk(&l, path, err);
    printf("%s\n", path);
    if (rc == 0)
        rc = compare(m, &l, err);
    rst__files_free(&l);
    return rc;
}

int main(int argc, char **argv)
{
    rst_error err = RST_ERROR_INIT;
    rst_model *m = NULL;
    if (argc < 3) {
        fputs("usage: bench_superres MODEL FOLDER...\n", stderr);
        return 2;
    }
    int rc = rst_model_open(&m, argv[1], NULL, &err);
    if (rc == 0 && rst_model_describe(m).scale == 1)
        rc = rst_fail(&err, RST_EINVAL, "%s: enlarges nothing", argv[1]);
    for (int i = 2; rc == 0 && i < argc; i++)
        rc = folder(m, argv[i], &err);
    rst_model_close(m);
    if (rc < 0)
        fprintf(stderr, "bench_superres: %s\n", err.msg);
    return rc < 0;
}
