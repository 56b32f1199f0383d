/* SPDX-License-Identifier: MIT */
/* Whether two pictures show the same thing in the same place: phase correlation. */
#ifndef RST_TESTS_OVERLAY_H
#define RST_TESTS_OVERLAY_H

#include <restain/image.h>

/** How far b's content lies from a's, pixels, and how sure that is. */
typedef struct overlay {
    int dx, dy;
    double peak; /**< height of the highest place over that of the next, 3 pixels and more away */
} overlay;

/**
 * Phase correlation of the brightness of two pictures of the same size, RGB, sides at least `side`:
 * of their middle, side x side (a power of two up to 2048), under a Hann window, whose spectra's
 * cross-power is whitened below a quarter of the sampling rate and left out above it, where JPEG
 * and a network's own texture have no phase in common.
 *
 * @return 0, or -1 without memory
 */
int overlay_measure(const rst_image *a, const rst_image *b, int side, overlay *out);

#endif
