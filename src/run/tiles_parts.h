/* SPDX-License-Identifier: MIT */
/* Between the files that cut slides into tiles. */
#ifndef RST_RUN_TILES_PARTS_H
#define RST_RUN_TILES_PARTS_H

#include <restain/image.h>

#include "run/tiles.h"

enum { RST_TILES_NAME = 128 };

/** A place with enough tissue. */
typedef struct rst_tiles_cell {
    int64_t row, column;
    double tissue[2]; /* of H&E and IHC */
} rst_tiles_cell;

/** A pair of slides. */
typedef struct rst_tiles_pair {
    char *path[2];             /* owned: H&E, IHC */
    char name[RST_TILES_NAME]; /* what tiles are called by: the H&E's without extension */
    int split;
    double mpp;      /* of the tiles; 0: nobody knows */
    double scale[2]; /* level 0's pixels per pixel of a tile */
    int64_t places;
    rst_tiles_cell *cell; /* owned, [cells], by row */
    int64_t cells;
} rst_tiles_pair;

typedef struct rst_tiles_plan {
    rst_tiles_pair *pair; /* owned, [count], by name */
    int64_t count;
} rst_tiles_plan;

extern const char *const rst__tiles_splits[RST_TILES_SPLITS];

/** Which slides belong together, where their tiles are, which are for validation. Reads overviews.
 *  @param[out] out  rst__tiles_plan_free, after a failure too */
int rst__tiles_plan(rst_tiles_plan *out, const rst_tiles_options *o, rst_error *err);
void rst__tiles_plan_free(rst_tiles_plan *p);
/** Opens a pair's slides. @param[out] s  owned, both or none */
int rst__tiles_open(const rst_tiles_pair *p, const rst_tiles_options *o, rst_slide *s[2],
                    rst_error *err);
/** A tile of one of them. @param[out] out owned */
int rst__tiles_cut(rst_slide *s, double scale, int64_t tile, const rst_tiles_cell *c,
                   rst_image *out, rst_error *err);

#endif
