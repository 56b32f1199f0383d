/* SPDX-License-Identifier: MIT */
/* Resampling as the references do it: Pillow's on bytes, MATLAB's on floats. */
#ifndef RST_IMAGE_RESIZE_H
#define RST_IMAGE_RESIZE_H

#include <restain/image.h>

typedef enum rst_resize_filter {
    RST_RESIZE_BILINEAR, /* triangle */
    RST_RESIZE_BICUBIC   /* Keys, a = -0.5 */
} rst_resize_filter;

/**
 * Pillow's Image.resize, to the bit: antialiased (the filter grows with the reduction), rows first,
 * then columns, each rounded to 8 bits, weights of 22 fractional bits.
 *
 * @param src       any number of channels, each for itself
 * @param[out] out  owned; untouched on failure. Its mpp follows the width, when it is known
 * @return 0, RST_EINVAL (a size below 1) or RST_ENOMEM
 */
int rst__image_resize(const rst_image *src, int64_t width, int64_t height, rst_resize_filter filter,
                      rst_image *out, rst_error *err);

/**
 * The same on Pillow's float images (mode F), a channel at a time: sums in double, rounded to float
 * after the rows and after the columns, and never clipped.
 *
 * @param dst  [height][width][channels]
 */
int rst__image_resize_float(const rst_image *src, int64_t width, int64_t height,
                            rst_resize_filter filter, float *dst, rst_error *err);

/** The side that imresize gives: ceil(side * scale); 0 when that makes no sense. */
int64_t rst__imresize_side(int64_t side, double scale);

/**
 * MATLAB's bicubic imresize in float32, as imresize_np of BSRGAN (utils/utils_image.py): a = -0.5,
 * the border mirrored with the edge pixel repeated; columns first, then rows.
 *
 * @param src  height x width x channels (a CHW array is `channels` calls with 1 channel)
 * @param antialias  widen the kernel by 1/scale where the image shrinks
 * @param dst  rst__imresize_side(height) x rst__imresize_side(width) x channels
 * @return 0, RST_EINVAL or RST_ENOMEM
 */
int rst__imresize(const float *src, int64_t height, int64_t width, int64_t channels, double scale,
                  bool antialias, float *dst, rst_error *err);

/** The multiple of base next to side, halves to the even multiple: __make_power_2 of CUT and ASP
 *  (data/base_dataset.py). It may be 0. */
int64_t rst__make_power_2(int64_t side, int64_t base);

#endif
