/* SPDX-License-Identifier: MIT */
/* How far one picture lies off another, by phase correlation (Kuglin and Hines 1975). */
#ifndef RST_IMAGE_PHASE_H
#define RST_IMAGE_PHASE_H

#include <restain/image.h>

#include "image/stain.h"

enum { RST_PHASE_SIDE = 256, RST_PHASE_CYCLES = 20 };

/** A peak that pictures which have nothing in common hardly reach: white noise makes up to 0.09 */
#define RST_PHASE_UNLIKE 0.1

/** b[y + dy, x + dx] looks like a[y, x]. */
typedef struct rst_shift {
    double dy, dx; /* pixels, -SIDE/2 .. SIDE/2, to a fraction of a pixel */
    double peak;   /* how much of the two agrees there: 1 for equal pictures */
} rst_shift;

/**
 * What of a picture is compared: its haematoxylin, which every stain has beside its own, on SIDE x
 * SIDE pixels (Pillow's bicubic).
 *
 * @param img       RGB
 * @param[out] out  SIDE x SIDE
 * @return 0 or RST_ENOMEM
 */
int rst__phase_input(const rst_image *img, rst_stain_set set, float *out, rst_error *err);

/**
 * The spectra's phases alone are compared, so that brightness and contrast, which differ from stain
 * to stain, do not count; weighted by a Gaussian of RST_PHASE_CYCLES cycles a side, as coarser
 * structure is what neighbouring sections share. Borders are faded out.
 *
 * @param a,b  SIDE x SIDE
 * @return 0 or RST_ENOMEM
 */
int rst__phase_shift(const float *a, const float *b, rst_shift *out, rst_error *err);

#endif
