/* SPDX-License-Identifier: MIT */
/* A picture as a slide of one level, held in memory whole. */
#include <stdio.h>
#include <string.h>

#include <restain/image.h>

#include "base/alloc.h"
#include "base/err.h"
#include "slide/reader.h"

enum { BLOCK = 512 };

static int open_picture(rst_slide *s, void **handle, rst_error *err)
{
    const rst_image_read_options o = { .alpha = RST_IMAGE_ALPHA_WHITE,
                                       .gray_to_rgb = s->o.gray_to_rgb };
    rst_image *img = rst__calloc(1, sizeof *img);
    if (!img)
        return rst__fail_nomem(err, s->path);
    s->own = img;
    int rc = rst_image_read(img, s->path, &o, err);
    if (rc == 0)
        rc = rst_image_require_channels(img, s->path, 3, err);
    if (rc == 0)
        rc = rst__slide_add_level(s, img->width, img->height, BLOCK, BLOCK, err);
    if (rc < 0)
        return rc;
    rst__slide_offer_mpp(s, img->mpp, img->mpp, "resolution tags");
    (void)snprintf(s->reader, sizeof s->reader, "image");
    *handle = img;
    return 0;
}

/* Nothing is open: the picture itself is the handle. */
static int reopen(const rst_slide *s, void **handle, rst_error *err)
{
    (void)err;
    *handle = s->own;
    return 0;
}

static void close_picture(void *handle)
{
    (void)handle;
}

static void forget(void *own)
{
    if (own)
        rst_image_free(own);
    rst__free(own);
}

static int load(const rst_slide *s, void *handle, int level, int64_t bx, int64_t by, uint8_t *rgb,
                rst_error *err)
{
    const rst_image *img = handle;
    const int64_t x = bx * BLOCK, y = by * BLOCK;
    const int64_t w = img->width - x < BLOCK ? img->width - x : BLOCK;
    const int64_t h = img->height - y < BLOCK ? img->height - y : BLOCK;
    (void)s;
    (void)level;
    (void)err;
    for (int64_t r = 0; r < h; r++)
        memcpy(rgb + r * BLOCK * 3, img->px + ((y + r) * img->width + x) * 3, (size_t)w * 3);
    return 0;
}

const rst_slide_backend rst__slide_image = {
    .open = open_picture,
    .reopen = reopen,
    .close = close_picture,
    .forget = forget,
    .load = load,
    .shared = true,
    .direct = true,
};
