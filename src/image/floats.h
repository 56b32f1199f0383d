/* SPDX-License-Identifier: MIT */
/* A picture of numbers, and what OpenCV's resizing and SciPy's filtering do with one. */
#ifndef RST_IMAGE_FLOATS_H
#define RST_IMAGE_FLOATS_H

#include <restain/image.h>

/** h x w x 3, in 0..1, rows from the top, channels interleaved. Functions that change a picture's
 *  size put another array in the place of px; after a failure it is as it was. */
typedef struct rst_floats {
    int64_t h, w;
    float *px; /* owned; rst__floats_free */
} rst_floats;

/** Not zeroed. 0, RST_EINVAL (a side below 1), RST_ENOMEM */
int rst__floats_new(rst_floats *p, int64_t h, int64_t w, rst_error *err);
void rst__floats_free(rst_floats *p);
/** All values into 0..1; NaN becomes 0. */
void rst__floats_clip(rst_floats *p);
/** As bytes: times 255, rounded (halves to even). @param[out] out owned. RST_ENOMEM */
int rst__floats_to_image(const rst_floats *p, rst_image *out, rst_error *err);
/** From an RGB image of the same size: x / 255. */
void rst__floats_from_image(rst_floats *p, const rst_image *img);

/** How cv2.resize finds a pixel: the middles of pixels lie on each other, the border is repeated.
 *  Only AREA takes all pixels into account where the picture shrinks. */
typedef enum rst_interpolation {
    RST_INTERPOLATION_LINEAR, /* of the two next to it */
    RST_INTERPOLATION_CUBIC,  /* of four, a = -0.75 */
    RST_INTERPOLATION_AREA    /* the mean of what it covers; LINEAR where the picture grows */
} rst_interpolation;

/** To h x w pixels. Cubic may leave 0..1. 0, RST_EINVAL (a side below 1), RST_ENOMEM */
int rst__floats_resize(rst_floats *p, int64_t h, int64_t w, rst_interpolation kind, rst_error *err);
/** MATLAB's bicubic by 1/factor, antialiased (rst__imresize). It may leave 0..1. */
int rst__floats_reduce(rst_floats *p, int factor, rst_error *err);

enum { RST_FILTER_SIDE = 25 };

/** A square filter of odd side; row after row. */
typedef struct rst_filter {
    int side;
    float w[RST_FILTER_SIDE * RST_FILTER_SIDE];
} rst_filter;

/**
 * A Gaussian whose covariance has the eigenvalues l1 (along the angle, from x towards y) and l2, in
 * pixels squared; its weights have the sum 1. One whose eigenvalues vanish is the picture itself.
 *
 * @param side  odd, at most RST_FILTER_SIDE
 */
void rst__filter_gauss(rst_filter *f, int side, double l1, double l2, double angle);
/** Every channel through the filter; the border is mirrored without its pixel (2 1 | 0 1 2), as by
 *  scipy's convolve(mode='mirror'); all our filters are symmetric. RST_ENOMEM */
int rst__floats_filter(rst_floats *p, const rst_filter *f, rst_error *err);
/** A Gaussian of 25 taps a side, moved by (step - 1) / 2 pixels to the middle of step x step
 *  pixels, of which one each is kept: ceil(h / step) x ceil(w / step). RST_ENOMEM */
int rst__floats_subsample(rst_floats *p, int step, double sigma, rst_error *err);

#endif
