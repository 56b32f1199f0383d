/* SPDX-License-Identifier: MIT */
#include "image/montage.h"

#include <string.h>

#include "base/err.h"

/* Copies img into dst with its upper left corner at (left, top); grey becomes RGB. */
static void place(const rst_image *img, int64_t left, int64_t top, rst_image *dst)
{
    for (int64_t y = 0; y < img->height; y++)
        for (int64_t x = 0; x < img->width; x++) {
            uint8_t *d = dst->px + ((top + y) * dst->width + left + x) * 3;
            const uint8_t *s = img->px + (y * img->width + x) * img->channels;
            for (int c = 0; c < 3; c++)
                d[c] = s[img->channels == 3 ? c : 0];
        }
}

int rst__image_montage(const rst_image *const *images, int n, int64_t gap, const uint8_t colour[3],
                       rst_image *out, rst_error *err)
{
    enum { MAX_SIDE = 1 << 24 };
    int64_t width = gap, height = 0;
    if (n < 1 || gap < 0 || gap > MAX_SIDE)
        return rst_fail(err, RST_EINVAL, "montage: %d images, a gap of %lld", n, (long long)gap);
    for (int i = 0; i < n; i++) {
        if (images[i]->channels != 1 && images[i]->channels != 3)
            return rst_fail(err, RST_EINVAL, "montage: an image of %d channels",
                            images[i]->channels);
        width += images[i]->width + gap;
        height = images[i]->height > height ? images[i]->height : height;
        if (width > MAX_SIDE || height > MAX_SIDE)
            return rst_fail(err, RST_EINVAL, "montage: more than %d pixels a side", MAX_SIDE);
    }
    rst_image img;
    int rc = rst_image_new(&img, width, height + 2 * gap, 3, err);
    if (rc < 0)
        return rc;
    for (int64_t i = 0; i < img.width * img.height; i++)
        memcpy(img.px + 3 * i, colour, 3);
    for (int64_t i = 0, x = gap; i < n; i++) {
        place(images[i], x, gap + (height - images[i]->height) / 2, &img);
        x += images[i]->width + gap;
    }
    *out = img;
    return 0;
}
