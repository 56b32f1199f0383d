/* SPDX-License-Identifier: MIT */
/* The parts of translating a slide: the grid of windows, the slide made ready, statistics, and the
 * line of threads that reads, computes and writes. */
#ifndef RST_RUN_SLIDE_H
#define RST_RUN_SLIDE_H

#include <restain/translate.h>

#include "run/model.h"
#include "slide/pyramid.h"
#include "slide/tissue.h"

/* Grid ------------------------------------------------------------------------------------------
 */

/* Cores partition the part that is wanted; the network sees windows, all of one shape, which hold a
 * core and its halo. Window origins and sides are multiples of `step`, so that every grid does the
 * same arithmetic for a pixel; at the picture's border a window is shifted inwards, so that the
 * network pads there and nowhere else. Pixels of the picture. */
typedef struct rst_grid {
    int64_t width, height;            /* the picture, padded: multiples of step */
    int64_t left, top, right, bottom; /* the part wanted */
    int64_t lead_x, lead_y;           /* cores begin this far before it */
    int64_t core_w, core_h, halo, step;
    int64_t phase; /* windows are this far off the places shared by all grids: 0 but in tests */
    int64_t side_w, side_h; /* of a window */
    int64_t across, down;   /* cores */
} rst_grid;

/* A core, cut at the part that is wanted, and its window's origin. */
typedef struct rst_grid_cell {
    int64_t x, y, w, h, wx, wy;
} rst_grid_cell;

/* The side of cores unless one is asked for. */
int64_t rst__grid_core(int64_t halo);
/* Fills in sides and counts from the rest. */
void rst__grid_finish(rst_grid *g);
rst_grid_cell rst__grid_cell(const rst_grid *g, int64_t i, int64_t j);

/* A slide's tissue, by an overview of it. @param[out] out owned; rst__tissue_free */
int rst__slide_find_tissue(rst_slide *slide, rst_tissue **out, rst_error *err);

/* The slide made ready ---------------------------------------------------------------------------
 */

typedef struct rst_slide_job {
    rst_model *m;
    const rst_slide_job_options *o;
    const char *in;
    rst_slide *slide;
    int level;
    double shrink;                    /* the level's pixels per pixel of the picture, >= 1 */
    double mpp, scale;                /* of the picture; level 0's pixels per pixel of it */
    int64_t off_x, off_y;             /* of the picture in the (shrunk) level */
    int64_t pic_w, pic_h;             /* the picture, not padded */
    int64_t left, top, right, bottom; /* the region, in the picture */
    rst_tissue *tissue;
    rst_reach reach;
    rst_conv_mode conv; /* how convolutions are computed; AUTO: each in the way that is faster */
    bool calibrated;    /* statistics are held */
    int windows;        /* that they were gathered from */
} rst_slide_job;

/* Opens the slide, chooses the level, finds the tissue. rst__slide_job_close in any case. */
int rst__slide_job_open(rst_slide_job *j, rst_error *err);
/* Leaves the model as it was. */
void rst__slide_job_close(rst_slide_job *j);
/* Reads a rectangle of the picture; what lies beyond its right and lower border is mirrored. */
int rst__slide_job_read(const rst_slide_job *j, int64_t x, int64_t y, int64_t w, int64_t h,
                        uint8_t *rgb, rst_error *err);
/* Share of a rectangle of the picture that is tissue. */
double rst__slide_job_cover(const rst_slide_job *j, int64_t x, int64_t y, int64_t w, int64_t h);
/* Sets the policy, gathers or loads statistics, chooses how convolutions are computed, fills in
 * reach. */
int rst__slide_job_calibrate(rst_slide_job *j, rst_error *err);
/* Writes the held statistics. */
int rst__slide_job_save_stats(rst_slide_job *j, const char *path, rst_error *err);
/* A grid of cores for the job's region. */
rst_grid rst__slide_job_grid(const rst_slide_job *j, int64_t core, int64_t lead_x, int64_t lead_y,
                             int64_t phase);

/* The line ---------------------------------------------------------------------------------------
 */

enum { RST_SLIDE_SLOTS = 4 };

/* Whether a cell is computed or painted. */
bool rst__slide_job_computes(const rst_slide_job *j, const rst_grid_cell *c);
/* Brings all cells of the grid into the pyramid, whose tiles divide the cores. */
int rst__slide_pipeline(const rst_slide_job *j, const rst_grid *g, rst_pyramid *p, int64_t tile,
                        int64_t computed, rst_error *err);
/* A cell's numbers: the core of the window's output, w x h x 3 at `to`, rows `pitch` floats apart.
 * rgb and y have room for a window. */
int rst__slide_cell(const rst_slide_job *j, const rst_grid *g, const rst_grid_cell *c,
                    const uint8_t *rgb, float *y, float *to, int64_t pitch, rst_error *err);

#endif
