/* SPDX-License-Identifier: MIT */
/**
 * @file evaluate.h
 * Real and virtual IHC side by side: folders of pictures whose names pair them.
 *
 *     rst_evaluation *e;
 *     if (rst_evaluate(&e, "real", "virtual", NULL, &err) == 0)
 *         printf("DAB r %.3f\n", rst_evaluation_group(e, 0)->stain.r);
 *     rst_evaluation_free(e);
 */
#ifndef RESTAIN_EVALUATE_H
#define RESTAIN_EVALUATE_H

#include <restain/metric.h>

#ifdef __cplusplus
extern "C" {
#endif

/** All pairs, or those of one HER2 level. */
typedef struct rst_evaluation_scores {
    char name[16]; /**< "all", or the level: "0", "1+", "2+", "3+" */
    int64_t images;
    double ssim, psnr;         /**< means over images; psnr is +inf if a pair is equal */
    rst_stain_agreement stain; /**< pooled over all pixels */
    double tile_r;             /**< Pearson's r of the pictures' mean DAB; NaN below 2 of them */
} rst_evaluation_scores;

typedef struct rst_evaluation rst_evaluation;

/** All zero, or NULL in place of a pointer to it, is the default. */
typedef struct rst_evaluate_options {
    rst_image_read_options read;
    /** Called after each pair; anything but 0 stops. */
    int (*progress)(void *user, int64_t done, int64_t total);
    void *user;
} rst_evaluate_options;

/**
 * Compares the pictures of two folders, two pictures, or two slides of one size, tile by tile at
 * level 0 (`images` then counts tiles of 512 to 1023 pixels a side). SSIM and PSNR are those of
 * ASP's and BCI's evaluate.py (7 x 7 uniform windows, per channel; decibels per image).
 *
 * @param real, fake  PNG, JPEG or TIFF, paired by their names without extension
 * @param[out] out    owned; rst_evaluation_free
 * @return 0, RST_EINPUT (unreadable, a picture without partner), RST_EFORMAT (damaged, other sizes,
 *         smaller than a window), RST_ECANCELLED, RST_ENOMEM
 */
RST_API int rst_evaluate(rst_evaluation **out, const char *real, const char *fake,
                         const rst_evaluate_options *o, rst_error *err);
RST_API void rst_evaluation_free(rst_evaluation *e);
/** Group 0 is all; then a group for each level that names tell of (BCI's, as in 00012_test_2+);
 * NULL past the last. */
RST_API const rst_evaluation_scores *rst_evaluation_group(const rst_evaluation *e, int i);

#ifdef __cplusplus
}
#endif
#endif
