/* SPDX-License-Identifier: MIT */
/* The parts of the pyramid writer that know neither order nor threads. */
#ifndef RST_SLIDE_PYRAMID_PARTS_H
#define RST_SLIDE_PYRAMID_PARTS_H

#include <tiffio.h>

#include "base/file.h"
#include "base/str.h"
#include "image/codec.h"
#include "slide/pyramid.h"

/* Checks the options and fills in the defaults. 0 or RST_EINVAL; the message names `path`. */
int rst__pyramid_check(const rst_pyramid_options *o, const char *path, rst_pyramid_options *full,
                       rst_error *err);
/* Levels that options with defaults filled in ask for, 1.. */
int rst__pyramid_levels(const rst_pyramid_options *o);

/* Tiles: T x T RGB, T even. */

/* Repeats column w - 1 and row h - 1 up to T. */
void rst__tile_pad(uint8_t *px, int64_t tile, int64_t w, int64_t h);
/* Fills n pixels. */
void rst__tile_fill(uint8_t *px, int64_t n, const uint8_t colour[3]);
/* Rounded means of 2 x 2 into the quadrant (qx, qy) of parent. */
void rst__tile_halve(const uint8_t *px, int64_t tile, int qx, int qy, uint8_t *parent);
/* What a tile looks like in the file. 0, RST_ENOMEM, RST_EINTERNAL. */
int rst__tile_encode(const rst_pyramid_options *o, const char *name, uint8_t *px, rst_bytes *out,
                     rst_error *err);

/* The OME-XML of a slide, pure ASCII. */
void rst__ome_xml(rst_str *out, const rst_pyramid_options *o);

/* The TIFF: libtiff on an output file of ours. One thread at a time. */
typedef struct rst_ptiff {
    const char *path; /* borrowed */
    const rst_pyramid_options *o;
    rst_outfile *file; /* owned */
    TIFF *tif;
    uint64_t pos, size;
    rst_error failed; /* the file layer's first error */
    bool dead;        /* being given up: libtiff's last words are not written */
    char text[160];   /* libtiff's first error */
} rst_ptiff;

/* The options must have their defaults; both they and path must outlive t. */
int rst__ptiff_open(rst_ptiff *t, const char *path, const rst_pyramid_options *o, rst_error *err);
/* Starts level k, k = 0 first; its tiles follow, each once; then its end. */
int rst__ptiff_begin(rst_ptiff *t, int k, rst_error *err);
int rst__ptiff_tile(rst_ptiff *t, int64_t index, const void *data, size_t len, rst_error *err);
int rst__ptiff_end(rst_ptiff *t, rst_error *err);
/* Makes the layout hybrid if that is asked for, and renames. rst__ptiff_abort is due if it fails.
 */
int rst__ptiff_finish(rst_ptiff *t, rst_error *err);
void rst__ptiff_abort(rst_ptiff *t);

#endif
