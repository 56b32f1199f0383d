/* SPDX-License-Identifier: MIT */
/* Where on a slide the brown agrees: a heat map that viewers lay over it. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "run/evaluate_parts.h"
#include "slide/pyramid.h"

enum { SHRINK = 32 }; /* pixels of the slide to one of the map, a side */

/* Mean DAB that colours are strongest from on, and the share of tissue below which a tile is grey.
 */
static const double STRONGEST = 0.15, TISSUE = 0.05;

/* White where both agree; towards brown where there is too much of it, towards blue where too
 * little. */
static void colour_of(const rst_evaluation_row *row, uint8_t rgb[3])
{
    static const double grey[3] = { 225, 225, 225 }, more[3] = { 179, 88, 6 },
                        less[3] = { 5, 80, 170 };
    const double bias = row->score[RST_SCORE_DAB_BIAS];
    const bool empty =
        !(row->stain.real.tissue >= TISSUE || row->stain.fake.tissue >= TISSUE) || isnan(bias);
    const double t = empty ? 1 : fmin(fabs(bias) / STRONGEST, 1);
    const double *end = empty ? grey : bias > 0 ? more : less;
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)lrint(255 + t * (end[c] - 255));
}

/* The part of the map that a tile covers: from its first pixel's place to that of the one behind
 * it. */
static void paint(rst_image *map, const rst_evaluation_row *row)
{
    const int64_t x0 = row->x / SHRINK, y0 = row->y / SHRINK;
    int64_t x1 = (row->x + row->width + SHRINK - 1) / SHRINK,
            y1 = (row->y + row->height + SHRINK - 1) / SHRINK;
    x1 = x1 < map->width ? x1 : map->width;
    y1 = y1 < map->height ? y1 : map->height;
    uint8_t rgb[3];
    colour_of(row, rgb);
    for (int64_t y = y0; y < y1; y++)
        for (int64_t x = x0; x < x1; x++)
            memcpy(map->px + (y * map->width + x) * 3, rgb, 3);
}

static int write_map(const rst_image *map, double mpp, const char *path, rst_error *err)
{
    enum { TILE = 256 };
    const rst_pyramid_options o = { .width = map->width,
                                    .height = map->height,
                                    .mpp = mpp,
                                    .tile = TILE,
                                    .compression = RST_PYRAMID_DEFLATE };
    rst_pyramid *p;
    int rc = rst__pyramid_open(&p, path, &o, err);
    if (rc < 0)
        return rc;
    for (int64_t y = 0; rc == 0 && y < map->height; y += TILE)
        for (int64_t x = 0; rc == 0 && x < map->width; x += TILE)
            rc = rst__pyramid_put(p, x / TILE, y / TILE, map->px + (y * map->width + x) * 3,
                                  (size_t)map->width * 3, err);
    if (rc < 0) {
        rst__pyramid_abort(p);
        return rc;
    }
    return rst__pyramid_finish(p, err);
}

int rst_evaluation_heatmap(const rst_evaluation *e, const char *path, rst_error *err)
{
    rst_image map = RST_IMAGE_INIT;
    rst_slide *s;
    if (!e->facts.slides || !e->use[RST_METRIC_STAIN].done)
        return rst_fail(err, RST_EINVAL, "%s: a heat map is of two slides, and of their stain",
                        path);
    int rc = rst_slide_open(&s, e->row[0].real, NULL, err);
    if (rc < 0)
        return rc;
    const rst_slide_info *f = rst_slide_describe(s);
    const double mpp = f->mpp * SHRINK;
    rc = rst_image_new(&map, (f->width + SHRINK - 1) / SHRINK, (f->height + SHRINK - 1) / SHRINK, 3,
                       err);
    rst_slide_close(s);
    if (rc < 0)
        return rc;
    memset(map.px, 255, (size_t)(map.width * map.height * 3));
    for (int64_t i = 0; i < e->facts.rows; i++)
        paint(&map, &e->row[i]);
    rc = write_map(&map, mpp, path, err);
    rst_image_free(&map);
    return rc;
}
