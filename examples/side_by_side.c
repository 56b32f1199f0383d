/* SPDX-License-Identifier: MIT */
/*
 * The same part of several slides (or pictures) of one size, side by side in a PNG:
 *
 *     side_by_side OUT.png X,Y,W,H A.ome.tif B.ome.tif ...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <restain/restain.h>

enum { GAP = 8, MAX = 8 };

typedef struct part {
    long x, y, w, h;
} part;

static int parse(const char *text, part *p)
{
    char *end;
    long *const v[4] = { &p->x, &p->y, &p->w, &p->h };
    for (int i = 0; i < 4; i++) {
        *v[i] = strtol(text, &end, 10);
        if (end == text || *end != (i < 3 ? ',' : 0))
            return -1;
        text = end + 1;
    }
    return p->w > 0 && p->h > 0 && p->w <= 8192 && p->h <= 8192 ? 0 : -1;
}

/* Reads the part of one slide into its place in `all`. */
static int add(rst_image *all, int place, const char *path, part p, rst_error *err)
{
    rst_slide *s;
    int rc = rst_slide_open(&s, path, NULL, err);
    if (rc < 0)
        return rc;
    unsigned char *rgb = malloc((size_t)(p.w * p.h) * 3);
    rc = rgb ? rst_slide_read(s, 0, p.x, p.y, p.w, p.h, rgb, err) : RST_ENOMEM;
    for (long y = 0; rc == 0 && y < p.h; y++)
        memcpy(all->px + (y * all->width + place * (p.w + GAP)) * 3, rgb + y * p.w * 3,
               (size_t)p.w * 3);
    free(rgb);
    rst_slide_close(s);
    return rc;
}

int main(int argc, char **argv)
{
    part p;
    const int n = argc - 3;
    rst_error err = RST_ERROR_INIT;
    rst_image all = RST_IMAGE_INIT;
    if (n < 1 || n > MAX || parse(argv[2], &p) < 0) {
        fprintf(stderr, "usage: side_by_side OUT.png X,Y,W,H SLIDE...\n");
        return 2;
    }
    int rc = rst_image_new(&all, n * (p.w + GAP) - GAP, p.h, 3, &err);
    if (rc == 0)
        memset(all.px, 255, (size_t)(all.width * all.height) * 3);
    for (int i = 0; rc == 0 && i < n; i++)
        rc = add(&all, i, argv[3 + i], p, &err);
    if (rc == 0)
        rc = rst_image_write(argv[1], &all, NULL, &err);
    rst_image_free(&all);
    if (rc < 0)
        fprintf(stderr, "side_by_side: %s\n", err.msg);
    return rc < 0;
}
