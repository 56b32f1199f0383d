/* SPDX-License-Identifier: MIT */
/* Points with axes: pairs of numbers, and groups of numbers side by side. */
#ifndef RST_IMAGE_SCATTER_H
#define RST_IMAGE_SCATTER_H

#include "image/draw.h"

/** A line across at a height, with a word at its right end. */
typedef struct rst_mark {
    double y;
    const char *text;
    bool strong;
} rst_mark;

typedef struct rst_scatter {
    const char *title; /* what is on y */
    const char *x_label;
    int64_t n;
    const double *x, *y; /* [n]; what is not finite is left out */
    const int *colour;   /* [n], of the palette; NULL: the first */
    bool diagonal;       /* both axes have one range, and y = x is drawn */
    int marks;
    const rst_mark *mark;
} rst_scatter;

void rst__scatter_draw(rst_canvas *c, rst_box where, const rst_scatter *p);

/** Each group as its points, a box from quartile to quartile, and its median. */
typedef struct rst_spread {
    const char *title;
    int groups;
    const char *const *name; /* [groups] */
    const int64_t *n;        /* [groups] */
    const double *const *v;  /* [groups][n], any order; what is not finite is left out */
} rst_spread;

/** @return 0 or RST_ENOMEM */
int rst__spread_draw(rst_canvas *c, rst_box where, const rst_spread *p, rst_error *err);

#endif
