/* SPDX-License-Identifier: MIT */
/*
 * How far a recorded network sees: what a window must carry around its core so that the core's bits
 * are those of any other window.
 *
 * Each step moves the border between right and wrong inwards. A 3x3 convolution moves it by one
 * pixel; computed by Winograd in tiles of 4 it moves to the next tile border at least one pixel in,
 * because a tile's outputs share all of its inputs in their rounding. The tiles are anchored at a
 * window's origin, so origins and sides must be multiples of `align` for two windows to do the same
 * arithmetic.
 */
#ifndef RST_PLAN_REACH_H
#define RST_PLAN_REACH_H

#include "plan/plan.h"

typedef struct rst_reach {
    int64_t halo;  /* input pixels around a core, a multiple of align */
    int64_t align; /* of window origins, halos and sides, in input pixels */
    int64_t exact; /* the same without Winograd's tiles and without alignment */
} rst_reach;

/**
 * @return 0, or RST_EINVAL when an op looks at the whole picture (statistics over h and w that are
 *         not frozen): the error names it
 */
int rst__plan_reach(const rst_plan *p, rst_reach *out, rst_error *err);

#endif
