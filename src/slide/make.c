/* SPDX-License-Identifier: MIT */
#include "slide/make.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"

static int check(const char *path, const rst_slide_recipe *r, rst_error *err)
{
    if (!(r->tissue >= 0 && r->tissue <= 1))
        return rst_fail(err, RST_EINVAL, "%s: a tissue share of %g, not in 0..1", path, r->tissue);
    if (!(r->spoilt >= 0 && r->spoilt < 1) || !(r->keep >= 0 && r->keep <= 1))
        return rst_fail(err, RST_EINVAL, "%s: damage at %g, cut to %g, not in 0..1", path,
                        r->spoilt, r->keep);
    return 0;
}

static rst_pyramid_options options_of(const rst_slide_recipe *r)
{
    return (rst_pyramid_options){ .width = r->width,
                                  .height = r->height,
                                  .mpp = r->mpp,
                                  .tile = r->tile ? r->tile : 512,
                                  .quality = r->quality,
                                  .max_levels = r->max_levels,
                                  .compression = r->compression,
                                  .layout = r->layout,
                                  .classic = r->classic,
                                  .big_endian = r->big_endian,
                                  .mislabelled = r->mislabelled };
}

static int put_tiles(rst_pyramid *p, const rst_slide_recipe *r, int64_t tile, uint8_t *px,
                     rst_error *err)
{
    int rc = 0;
    for (int64_t y = 0; rc == 0 && y < r->height; y += tile)
        for (int64_t x = 0; rc == 0 && x < r->width; x += tile) {
            const int64_t w = r->width - x < tile ? r->width - x : tile;
            const int64_t h = r->height - y < tile ? r->height - y : tile;
            bool blank = false;
            rc = rst__slide_pattern(r, x, y, w, h, px, (size_t)tile * 3, &blank, err);
            if (rc == 0)
                rc = blank ? rst__pyramid_blank(p, x / tile, y / tile, err)
                           : rst__pyramid_put(p, x / tile, y / tile, px, (size_t)tile * 3, err);
        }
    return rc;
}

/* Cuts the finished file, as an interrupted copy would be. */
static int cut(const char *path, double keep, rst_error *err)
{
    uint64_t size;
    int rc = rst__file_size(path, &size, err);
    if (rc == 0 && truncate(path, (off_t)((double)size * keep)) < 0)
        rc = rst_fail(err, RST_EOUTPUT, "%s: cannot cut: %s", path, strerror(errno));
    return rc;
}

int rst__slide_make(const char *path, const rst_slide_recipe *r, rst_error *err)
{
    rst_pyramid_options o = options_of(r);
    rst_pyramid *p;
    int rc = check(path, r, err);
    if (rc < 0)
        return rc;
    if (r->spoilt > 0) {
        const int64_t across = (r->width + o.tile - 1) / o.tile;
        const int64_t down = (r->height + o.tile - 1) / o.tile;
        o.spoilt = (int64_t)((double)(across * down) * r->spoilt);
        o.n_spoilt = 1;
    }
    rc = rst__pyramid_open(&p, path, &o, err);
    if (rc < 0)
        return rc;
    uint8_t *px = rst__malloc((size_t)o.tile * (size_t)o.tile * 3);
    if (!px)
        rc = rst__fail_nomem(err, path);
    else
        rc = put_tiles(p, r, o.tile, px, err);
    rst__free(px);
    if (rc < 0)
        rst__pyramid_abort(p);
    else
        rc = rst__pyramid_finish(p, err);
    return rc == 0 && r->keep > 0 && r->keep < 1 ? cut(path, r->keep, err) : rc;
}
