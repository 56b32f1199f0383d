/* SPDX-License-Identifier: MIT */
#include "slide/make.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "slide/synth_parts.h"

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

/* One tile's pixels, of the pattern or of synthetic tissue. */
static int paint(const rst_slide_recipe *r, int64_t x, int64_t y, int64_t w, int64_t h, uint8_t *px,
                 bool *blank, rst_error *err)
{
    *blank = false;
    if (!r->synth)
        return rst__slide_pattern(r, x, y, w, h, px, (size_t)w * 3, blank, err);
    if (r->part != RST_SLIDE_TRUTH) {
        const rst_synth_view v = { .he = r->part == RST_SLIDE_HE ? px : NULL,
                                   .ihc = r->part == RST_SLIDE_IHC ? px : NULL };
        return rst_synth_region(r->synth, x, y, w, h, &v, err);
    }
    const size_t n = (size_t)(w * h);
    float *dab = rst__malloc(n * sizeof *dab);
    int32_t *nucleus = rst__malloc(n * sizeof *nucleus);
    uint8_t *level = rst__malloc(n);
    const rst_synth_view v = { .level = level, .dab = dab, .nucleus = nucleus };
    const int rc = dab && nucleus && level ? rst_synth_region(r->synth, x, y, w, h, &v, err)
                                           : rst__fail_nomem(err, "a slide's truth");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        px[3 * i] = level[i];
        px[3 * i + 1] = rst__synth_grey(dab[i]);
        px[3 * i + 2] = (uint8_t)(nucleus[i] & 7);
    }
    rst__free(dab);
    rst__free(nucleus);
    rst__free(level);
    return rc;
}

static int put_tile(rst_pyramid *p, const rst_slide_recipe *r, int64_t tile, int64_t i, int64_t j,
                    rst_error *err)
{
    const int64_t x = i * tile, y = j * tile;
    const int64_t w = r->width - x < tile ? r->width - x : tile;
    const int64_t h = r->height - y < tile ? r->height - y : tile;
    uint8_t *px = rst__malloc((size_t)(w * h) * 3);
    if (!px)
        return rst__fail_nomem(err, "a tile");
    bool blank;
    int rc = paint(r, x, y, w, h, px, &blank, err);
    if (rc == 0)
        rc = blank ? rst__pyramid_blank(p, i, j, err)
                   : rst__pyramid_put(p, i, j, px, (size_t)w * 3, err);
    rst__free(px);
    return rc;
}

/* The tiles of a row are made by several threads; the file does not depend on which is first. */
static int put_row(rst_pyramid *p, const rst_slide_recipe *r, int64_t tile, int64_t j,
                   rst_error *err)
{
    const int64_t across = (r->width + tile - 1) / tile;
    rst_error first = RST_ERROR_INIT;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < across; i++) {
        rst_error e = RST_ERROR_INIT;
        if (put_tile(p, r, tile, i, j, &e) < 0) {
#pragma omp critical(rst_slide_make)
            if (!first.code)
                first = e;
        }
    }
    if (first.code && err)
        *err = first;
    return first.code;
}

static int put_tiles(rst_pyramid *p, const char *path, const rst_slide_recipe *r, int64_t tile,
                     rst_error *err)
{
    const int64_t down = (r->height + tile - 1) / tile;
    int rc = 0;
    for (int64_t j = 0; rc == 0 && j < down; j++) {
        rc = put_row(p, r, tile, j, err);
        if (rc == 0 && r->progress && r->progress(r->user, j + 1, down))
            rc = rst_fail(err, RST_ECANCELLED, "%s: stopped", path);
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
    rc = put_tiles(p, path, r, o.tile, err);
    if (rc < 0)
        rst__pyramid_abort(p);
    else
        rc = rst__pyramid_finish(p, err);
    return rc == 0 && r->keep > 0 && r->keep < 1 ? cut(path, r->keep, err) : rc;
}
