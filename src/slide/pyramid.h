/* SPDX-License-Identifier: MIT */
/* Writes a slide: a tiled pyramidal TIFF, made tile by tile in memory that does not grow with the
 * slide.
 *
 * The file is BigTIFF in the hybrid layout: a chain of pages, largest first, each but the first
 * marked as reduced (OpenSlide, libvips), whose first page also names the others as SubIFDs and
 * describes itself in OME-XML (OME readers). Level k+1 has ceil(side / 2) pixels a side, each the
 * rounded mean of 2 x 2 pixels of level k; a last odd column or row counts twice. Tiles that reach
 * over the border are filled by repeating the last column and row.
 *
 * Levels go down to one that fits a tile. Without JPEG they end earlier, with the last one that is
 * no narrower and no lower than a tile: OpenSlide 3.4.1 on Debian's libtiff 4.5.0 (deb12u4) shows
 * scrambled pixels in tiles that are not JPEG and larger than their level.
 *
 * The bytes depend on the pixels alone, not on the order or the threads that bring them: level 0
 * stands in raster order, and a tile that comes before its turn waits, compressed, in memory (up to
 * 64 MB) or in a scratch file; the smaller levels wait in the scratch file and follow level by
 * level. A tile of a smaller level is made by the thread that brings its last child. With tiles
 * that come roughly in raster order, the memory is the parents of one row of tiles: about
 * 3 x width x tile bytes, 63 MB for 40,000 px and 512 px tiles. */
#ifndef RST_SLIDE_PYRAMID_H
#define RST_SLIDE_PYRAMID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <restain/error.h>

/* Any thread may put tiles; open, finish and abort are one thread's, with no put under way. */
typedef struct rst_pyramid rst_pyramid;

typedef enum rst_pyramid_compression {
    RST_PYRAMID_JPEG,    /* a whole JPEG stream in each tile, chroma not subsampled */
    RST_PYRAMID_DEFLATE, /* lossless */
    RST_PYRAMID_NONE
} rst_pyramid_compression;

typedef enum rst_pyramid_layout {
    RST_PYRAMID_HYBRID,
    RST_PYRAMID_CHAIN, /* pages only, without OME-XML */
    RST_PYRAMID_SUBIFD /* OME-TIFF alone: the levels are reached through SubIFDs only */
} rst_pyramid_layout;

/* All zero but the size is the default. */
typedef struct rst_pyramid_options {
    int64_t width, height;  /* pixels of level 0, 1..2^24 */
    double mpp;             /* micrometres per pixel of level 0; 0: the file does not tell */
    int tile;               /* side in pixels, 16..4096, a multiple of 16; 0: 512 */
    int quality;            /* of JPEG, 1..100; 0: 90 */
    int max_levels;         /* 0: as many as said above */
    uint8_t background[3];  /* the colour of blank tiles; all zero: white */
    const char *provenance; /* JSON for the OME-XML, or NULL; borrowed until open returns */
    const void *icc;        /* a colour profile, or NULL; borrowed until open returns */
    size_t icc_len;
    rst_pyramid_compression compression;
    rst_pyramid_layout layout;
    bool classic;             /* TIFF of 32-bit offsets */
    bool big_endian;          /* not in the order of this machine, but "MM" */
    bool mislabelled;         /* calls its YCbCr JPEG tiles RGB, as some exporters do */
    int64_t spoilt, n_spoilt; /* this many level-0 tiles from this one on (raster order) are
                                 written as zeros: a damaged slide, for tests */
} rst_pyramid_options;

/** What a slide takes, as far as it can be told before its content is known. */
typedef struct rst_pyramid_need {
    int64_t tiles;    /**< of all levels */
    int levels;       /**< 1.. */
    uint64_t file;    /**< bytes of the finished file, +- a third */
    uint64_t scratch; /**< bytes of the scratch file beside it */
    uint64_t memory;  /**< bytes at most, with tiles in raster order and a few threads */
} rst_pyramid_need;

/**
 * Foretells what writing will take, from bytes per pixel measured on stained tissue.
 *
 * @param content  share of level-0 tiles that are not blank, 0..1
 * @return 0, RST_EINVAL (options) or RST_ENOMEM
 */
int rst__pyramid_estimate(const rst_pyramid_options *o, double content, rst_pyramid_need *need,
                          rst_error *err);

/** Side of level k in pixels, for a level 0 of `side`. */
int64_t rst__pyramid_side(int64_t side, int k);

/**
 * Opens PATH.part and a nameless scratch file in the same folder.
 *
 * @param[out] out  owned: finish or abort it; untouched on failure
 * @return 0, RST_EINVAL (options), RST_EOUTPUT, RST_ENOMEM
 */
int rst__pyramid_open(rst_pyramid **out, const char *path, const rst_pyramid_options *o,
                      rst_error *err);

/**
 * Puts a tile of level 0; each tile once. Compresses in the calling thread.
 *
 * @param rgb    the tile's pixels, rows `pitch` bytes apart; at the right and lower border only
 *               those inside the slide are read
 * @return 0, RST_EINVAL (no such tile, or put before), RST_EOUTPUT, RST_ENOMEM. Every later call
 *         fails in the same words.
 */
int rst__pyramid_put(rst_pyramid *p, int64_t tx, int64_t ty, const uint8_t *rgb, size_t pitch,
                     rst_error *err);
/** Puts a tile of background; costs no compression, nor do parents all of whose children are so. */
int rst__pyramid_blank(rst_pyramid *p, int64_t tx, int64_t ty, rst_error *err);

/**
 * Writes the smaller levels, flushes to disk, renames, frees p. On failure nothing is left behind.
 *
 * @return 0, RST_EINVAL (a tile was never put), RST_EOUTPUT, RST_ENOMEM
 */
int rst__pyramid_finish(rst_pyramid *p, rst_error *err);
/** Removes what was written and frees p. NULL is fine. */
void rst__pyramid_abort(rst_pyramid *p);

#endif
