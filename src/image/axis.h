/* SPDX-License-Identifier: MIT */
/* Axes with ticks, and the colours of all drawings. */
#ifndef RST_IMAGE_AXIS_H
#define RST_IMAGE_AXIS_H

#include "image/draw.h"

/** Values lo..hi (their logarithms, if it is logarithmic) on pixels from..to. */
typedef struct rst_axis {
    double lo, hi, from, to;
    bool log;
} rst_axis;

enum { RST_PALETTE = 8 };

/** Okabe and Ito's colours, which people who confuse red and green can tell apart. */
extern const rst_colour rst__palette[RST_PALETTE];
extern const rst_colour rst__ink, rst__faint; /* text: what matters, what explains */

double rst__axis_place(const rst_axis *a, double v);

/** At most `max` multiples of 1, 2 or 5 times a power of ten within lo..hi: their number; *first
 *  and *step say which. 0 when lo < hi does not hold. */
int rst__nice_ticks(double lo, double hi, int max, double *first, double *step);

/** The two lines, ticks, numbers, and a faint grid across. y.from is the bottom. */
void rst__axes_draw(rst_canvas *c, const rst_axis *x, const rst_axis *y);
/** The same without ticks along x: for groups. */
void rst__value_axis_draw(rst_canvas *c, const rst_axis *x, const rst_axis *y);

#endif
