/* SPDX-License-Identifier: MIT */
#ifndef RST_IMAGE_CROP_H
#define RST_IMAGE_CROP_H

#include <restain/image.h>

/** A rectangle that lies within the image. @param[out] out owned; untouched on failure. RST_ENOMEM
 */
int rst__image_crop(const rst_image *img, int64_t y, int64_t x, int64_t h, int64_t w,
                    rst_image *out, rst_error *err);

#endif
