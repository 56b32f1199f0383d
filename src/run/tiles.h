/* SPDX-License-Identifier: MIT */
/* Pairs of registered slides, H&E and IHC of one tissue in the same place, cut into pairs of tiles
 * to train from. */
#ifndef RST_RUN_TILES_H
#define RST_RUN_TILES_H

#include <restain/slide.h>

enum { RST_TILES_SPLITS = 3 }; /* train, val, test */

typedef struct rst_tiles_options {
    const char *he, *ihc; /* two slides; two folders of slides that have the same names; or a table
                             (data/manifest.c) of slides and NULL, whose splits stay */
    const char *folder;   /* where to */
    int64_t tile;         /* side in pixels, 16..8192 */
    double mpp;           /* of the tiles; 0: that of each H&E */
    double slide_mpp[2];  /* of H&E and IHC, in place of what the files say; 0: that */
    double min_tissue;    /* share of a tile that is tissue, in both */
    double min_peak;      /* of rst__phase_shift */
    double val_share;     /* of the tiles, about: whole slides; not of a table */
    int jpeg;             /* quality; 0: PNG */
    bool dry_run;         /* write nothing */
    /** Called with tiles, from one thread at a time; anything but 0 stops. May be NULL. */
    int (*progress)(void *user, int64_t done, int64_t total);
    void *user;
} rst_tiles_options;

typedef struct rst_tiles_report {
    int64_t slides[RST_TILES_SPLITS]; /* pairs of them */
    int64_t tiles[RST_TILES_SPLITS]; /* pairs of tiles with enough tissue; in a dry run, foretold */
    int64_t places;                  /* that tiles could be cut at, tissue or not */
    int64_t apart;                   /* pairs left out because their peak is below min_peak */
    int64_t unlike;                  /* pairs kept with a peak below RST_PHASE_UNLIKE */
    double shift_px, peak;           /* medians of pairs kept; of the shift its length */
    int64_t written, there;          /* pictures made now; found from an earlier, stopped run */
} rst_tiles_report;

/**
 * Writes FOLDER/{train,val,test}{A,B}/SLIDE_ROW_COLUMN.png, the layout of MIST, and, when all are
 * there, FOLDER/manifest.tsv, with the place, the tissue and the alignment of each. Row and column
 * count tiles from the slide's upper left corner. A slide is read at the level that is just finer
 * than the tiles and, unless that has their mpp, made smaller (Pillow's bicubic); where a tile lies
 * is right to half a pixel. A stopped run is taken up: slides that are done are not read again,
 * pictures that are there not written. FOLDER/settings.txt holds what they were made with, and a
 * folder made with other settings is refused. The result does not depend on the number of threads.
 *
 * @return 0, RST_EINVAL (options; other settings; mpp unknown; coarser than the tiles), RST_EINPUT
 *         (slides without partner; no tissue), those of rst_slide_open, RST_EOUTPUT, RST_ENOMEM,
 *         RST_ECANCELLED
 */
int rst__tiles(const rst_tiles_options *o, rst_tiles_report *out, rst_error *err);

#endif
