/* SPDX-License-Identifier: MIT */
/* Optical density, and what of it belongs to which stain. */
#ifndef RST_IMAGE_STAIN_H
#define RST_IMAGE_STAIN_H

#include <stdint.h>

typedef enum rst_stain_set {
    RST_STAINS_HDAB, /* haematoxylin, DAB, what is left */
    RST_STAINS_HE    /* haematoxylin, eosin, what is left */
} rst_stain_set;

/** Three stains: their optical densities in R, G, B at a concentration of 1, a row each; and the
 *  inverse, with which concentrations = (density in R, G, B) x inverse. */
typedef struct rst_stains {
    double od[3][3], inverse[3][3];
} rst_stains;

/** Ruifrok and Johnston's vectors as QuPath's defaults give them, to three digits: haematoxylin
 *  (0.651, 0.701, 0.290), eosin (0.216, 0.801, 0.558), DAB (0.269, 0.568, 0.778). The third row is
 *  the cross product of the other two, of length 1. */
rst_stains rst__stains(rst_stain_set set);

/** od[i] = -log10(max(i, 1) / white): 0 for white, 2.4 for black. */
void rst__density_table(double white, double od[256]);

/** The concentration of one stain of a pixel is part[0][R] + part[1][G] + part[2][B]. It is
 *  negative where the pixel has less than none of it; statistics keep that, pictures clip it. */
void rst__stain_table(const rst_stains *s, int stain, double white, double part[3][256]);

/** All three concentrations of n RGB pixels, interleaved. */
void rst__stain_separate(const rst_stains *s, double white, const uint8_t *rgb, int64_t n,
                         float *out);

#endif
