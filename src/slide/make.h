/* SPDX-License-Identifier: MIT */
/* Makes slides to try things on: tissue that no one had, of any size, in the file layouts that
 * scanners and converters write. */
#ifndef RST_SLIDE_MAKE_H
#define RST_SLIDE_MAKE_H

#include <restain/synth.h>

#include "slide/pyramid.h"

/* What a slide of synthetic tissue shows. */
typedef enum rst_slide_part {
    RST_SLIDE_HE,
    RST_SLIDE_IHC,
    RST_SLIDE_TRUTH /* red: HER2 level, 255 for none; green: 100 x DAB's optical density; blue: kind
                       of nucleus. True at level 0 alone: the smaller ones are means */
} rst_slide_part;

/* All zero but the size is the default. */
typedef struct rst_slide_recipe {
    int64_t width, height;
    uint64_t seed;
    double tissue;                 /* share of the area, 0 < tissue <= 1; 0: 0.5 */
    bool empty;                    /* no tissue at all */
    double mpp;                    /* 0: the file does not tell. 1000 is what some files claim */
    int tile, quality, max_levels; /* as rst_pyramid_options */
    rst_pyramid_compression compression; /* JPEG, deflate, none */
    rst_pyramid_layout layout;           /* hybrid, chain, SubIFDs only */
    bool classic, big_endian, mislabelled;
    double spoilt; /* > 0: the tile this far into the slide (in raster order, < 1) is damaged */
    double keep;   /* > 0: the finished file is cut to this share of its bytes */
    const rst_synth
        *synth;          /* borrowed: its rectangle (0, 0, width, height) in place of the pattern */
    rst_slide_part part; /* of it */
    /* Called after each row of tiles; anything but 0 stops. May be NULL. */
    int (*progress)(void *user, int64_t done, int64_t total);
    void *user;
} rst_slide_recipe;

/**
 * The pixels of a part of the made slide: H&E-like stroma with fibres, nests of dense cells and
 * nuclei on white paper, coloured by Beer-Lambert from the stain vectors of Ruifrok and Johnston. A
 * pixel depends on the recipe (seed, size, tissue) and its place alone.
 *
 * @param rgb     w x h pixels, rows `pitch` bytes apart
 * @param[out] blank  whether all of it is white (255); may be NULL
 * @return 0 or RST_ENOMEM
 */
int rst__slide_pattern(const rst_slide_recipe *r, int64_t x, int64_t y, int64_t w, int64_t h,
                       uint8_t *rgb, size_t pitch, bool *blank, rst_error *err);

/**
 * Writes the slide, tile by tile, in as many threads as OpenMP has. The same recipe gives the same
 * bytes.
 *
 * @return 0, RST_EINVAL (recipe; a file too large for classic TIFF), RST_EOUTPUT, RST_ENOMEM,
 *         RST_ECANCELLED
 */
int rst__slide_make(const char *path, const rst_slide_recipe *r, rst_error *err);

#endif
