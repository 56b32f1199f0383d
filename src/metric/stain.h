/* SPDX-License-Identifier: MIT */
/* How DAB's optical density is spread over pixels. */
#ifndef RST_METRIC_STAIN_H
#define RST_METRIC_STAIN_H

#include <restain/image.h>

enum { RST__STAIN_BINS = 4096 };

/** Adds an RGB image's pixels to the bins, which are 1/750 wide. */
void rst__stain_count(int64_t bin[RST__STAIN_BINS], const rst_image *img);
/** The density below which a share p of the counted pixels lies, straight lines between the bins'
 *  edges; NaN without pixels. */
double rst__stain_quantile(const int64_t bin[RST__STAIN_BINS], double p);

#endif
