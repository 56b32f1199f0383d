/* SPDX-License-Identifier: MIT */
/* Where on a slide there is tissue, judged on a small overview picture; and how visible the tiles
 * of a stitched picture are. */
#ifndef RST_SLIDE_TISSUE_H
#define RST_SLIDE_TISSUE_H

#include <restain/image.h>

/* Immutable once made: any number of threads may ask. */
typedef struct rst_tissue rst_tissue;

/* Zero is the default; a negative area turns that step off. */
typedef struct rst_tissue_options {
    double hole_um2;  /* enclosed holes below this area are filled; 0: 50,000 */
    double speck_um2; /* pieces of tissue below this area are dropped; 0: 10,000 */
    double dilate_um; /* grown by this much each way at the end; 0: not */
} rst_tissue_options;

/* What was found. */
typedef struct rst_tissue_facts {
    double area_mm2;   /* before growing */
    double share;      /* of the overview, before growing, 0..1 */
    double saturation; /* thresholds used, 0..1 ... */
    double density;    /* ... and optical density */
    bool none, all;    /* the slide is empty; everything is tissue */
} rst_tissue_facts;

/**
 * Makes the mask of an overview that shows the whole slide. A pixel is tissue when both its
 * saturation, (max - min) / max, and its mean optical density, -log10(max(I, 1) / 255), reach
 * their thresholds: Otsu's, held within 0.05..0.12 and 0.03..0.08, so that paper alone is never
 * split into tissue and paper, nor is pale tissue lost beside dark. Then holes are filled (4
 * neighbours; at the border of the overview only those below a hundredth of it), specks dropped (8
 * neighbours), and the mask grown by a square.
 *
 * @param overview         RGB, the slide composited on white, at most 2^26 pixels
 * @param mpp              micrometres per overview pixel, > 0
 * @param width, height    the slide's level-0 pixels
 * @param o                NULL: the defaults
 * @param[out] out         owned, rst__tissue_free; untouched on failure
 * @return 0, RST_EINVAL or RST_ENOMEM
 */
int rst__tissue_new(rst_tissue **out, const rst_image *overview, double mpp, int64_t width,
                    int64_t height, const rst_tissue_options *o, rst_error *err);
void rst__tissue_free(rst_tissue *t);

rst_tissue_facts rst__tissue_facts(const rst_tissue *t);
/* Height x width of the overview, 1 where there is tissue; borrowed until t is freed. */
const uint8_t *rst__tissue_mask(const rst_tissue *t);

/* Whether a rectangle of level-0 pixels touches tissue: whether any overview pixel that it covers
 * in part is tissue. What lies outside the slide is not. */
bool rst__tissue_touches(const rst_tissue *t, int64_t x, int64_t y, int64_t w, int64_t h);
/* Share of the overview pixels that a rectangle touches which are tissue, 0..1. */
double rst__tissue_cover(const rst_tissue *t, int64_t x, int64_t y, int64_t w, int64_t h);

/* The absolute edge ratio: the mean absolute difference (over channels) of the pixel pairs,
 * horizontal and vertical neighbours, that straddle a multiple of `tile`, over that of all other
 * neighbouring pairs. 0 when either set is empty or the others do not differ. */
double rst__edge_ratio(const rst_image *img, int64_t tile);

#endif
