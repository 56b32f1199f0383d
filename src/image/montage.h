/* SPDX-License-Identifier: MIT */
#ifndef RST_IMAGE_MONTAGE_H
#define RST_IMAGE_MONTAGE_H

#include <restain/image.h>

/**
 * Images side by side on a coloured ground.
 *
 * @param images    n >= 1 of 1 or 3 channels; lower ones stand in the middle of the height
 * @param gap       pixels of ground between the images and around them, >= 0
 * @param colour    the ground's red, green and blue
 * @param[out] out  owned, RGB; untouched on failure
 * @return 0, RST_EINVAL or RST_ENOMEM
 */
int rst__image_montage(const rst_image *const *images, int n, int64_t gap, const uint8_t colour[3],
                       rst_image *out, rst_error *err);

#endif
