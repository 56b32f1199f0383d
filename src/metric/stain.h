/* SPDX-License-Identifier: MIT */
/* How DAB's optical density is spread over pixels. */
#ifndef RST_METRIC_STAIN_H
#define RST_METRIC_STAIN_H

#include <restain/metric.h>

enum { RST__STAIN_BINS = 4096 };

/**
 * rst_stain_add, which also counts pixels by their density.
 *
 * @param[in,out] bins  [2], the real side's and the virtual one's, 1/750 wide; NULL: none. With
 * them it is the caller's thread alone that works
 */
int rst__stain_add(rst_stain_sums *s, int64_t (*bins)[RST__STAIN_BINS], const rst_image *real,
                   const rst_image *fake, rst_error *err);
/** The density below which a share p of the counted pixels lies, straight lines between the bins'
 *  edges; NaN without pixels. */
double rst__stain_quantile(const int64_t bin[RST__STAIN_BINS], double p);

#endif
