/* SPDX-License-Identifier: MIT */
/*
 * Linear maps along one axis as sparse matrices, and pairs of them for the plane.
 *
 * Padding, blurring, resampling, averaging and mirroring are all y = (H x W) x for a matrix H over
 * rows and a matrix W over columns, and their gradients are the transposed matrices. A
 * convolution's windows are described in the same way: an entry then says which tap meets which
 * source.
 */
#ifndef RST_BACKEND_REF_AXIS_H
#define RST_BACKEND_REF_AXIS_H

#include "backend/backend.h"

/** One non-zero of a matrix: source i with weight w; tap is its place in the window. */
typedef struct rst_axis_entry {
    int64_t i;
    int tap;
    double w;
} rst_axis_entry;

/** Row o holds the entries e[start[o]] .. e[start[o + 1] - 1]; every i is in 0..in-1. */
typedef struct rst_axis {
    int64_t in, out;
    int64_t *start;
    rst_axis_entry *e;
    int64_t rows, count; /* filled so far */
} rst_axis;

/** A matrix over h and one over w. */
typedef struct rst_plane {
    rst_axis h, w;
} rst_plane;

/* What returns int returns 0 or a negative status with dev->err set, and then has freed its own. */

int rst__plane_conv(rst_dev *dev, rst_plane *p, const rst_conv *g);
int rst__plane_blur(rst_dev *dev, rst_plane *p, const rst_blur_geom *g);
/** t: count taps that sum to 2. */
int rst__plane_blur_up(rst_dev *dev, rst_plane *p, rst_dims s, int count, const double *t);
int rst__plane_pad(rst_dev *dev, rst_plane *p, rst_dims s, rst_pads pads, rst_pad_mode mode);
int rst__plane_average(rst_dev *dev, rst_plane *p, const rst_pool2d *g);
int rst__plane_adaptive(rst_dev *dev, rst_plane *p, rst_dims s, int64_t oh, int64_t ow);
/** torch's interpolate (spec 14.3) on numbers of a type. */
int rst__plane_resample(rst_dev *dev, rst_plane *p, const rst_resample *g, rst_dtype dtype);
int rst__plane_flip(rst_dev *dev, rst_plane *p, rst_dims s);
/** Both matrices transposed in place. */
int rst__plane_transpose(rst_dev *dev, rst_plane *p);
void rst__plane_free(rst_plane *p);

#endif
