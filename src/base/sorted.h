/* SPDX-License-Identifier: MIT */
#ifndef RST_BASE_SORTED_H
#define RST_BASE_SORTED_H

#include <stdint.h>

/** Sorts numbers, none of them NaN, from the smallest. */
void rst__sort(double *v, int64_t n);
/** The quantile p, 0..1, of n >= 1 sorted numbers, straight lines between neighbours (numpy's way).
 */
double rst__quantile(const double *sorted, int64_t n, double p);
/** Sorts, and gives the middle; 0 of none. */
double rst__median(double *v, int64_t n);

#endif
