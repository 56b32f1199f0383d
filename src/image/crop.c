/* SPDX-License-Identifier: MIT */
#include "image/crop.h"

#include <string.h>

int rst__image_crop(const rst_image *img, int64_t y, int64_t x, int64_t h, int64_t w,
                    rst_image *out, rst_error *err)
{
    rst_image part = RST_IMAGE_INIT;
    int rc = rst_image_new(&part, w, h, img->channels, err);
    if (rc < 0)
        return rc;
    const int64_t row = w * img->channels;
    for (int64_t i = 0; i < h; i++)
        memcpy(part.px + i * row, img->px + ((y + i) * img->width + x) * img->channels,
               (size_t)row);
    part.mpp = img->mpp;
    *out = part;
    return 0;
}
