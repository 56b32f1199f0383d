/* SPDX-License-Identifier: MIT */
/* Curves with axes. */
#ifndef RST_IMAGE_PLOT_H
#define RST_IMAGE_PLOT_H

#include "image/draw.h"

typedef struct rst_curve {
    const char *name;
    const double *y; /* [n]; what is not finite leaves a gap */
} rst_curve;

typedef struct rst_plot {
    const char *title;
    const char *x_label; /* may be NULL */
    int64_t n;
    const double *x; /* [n], rising */
    int curves;
    const rst_curve *curve;
    bool log_y;  /* where all values are above 0; otherwise the axis stays linear */
    bool smooth; /* the curve is drawn faintly, its running mean over a fortieth of it strongly */
    bool legend;
} rst_plot;

void rst__plot_draw(rst_canvas *c, rst_box where, const rst_plot *p);

#endif
