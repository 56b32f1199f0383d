/* SPDX-License-Identifier: MIT */
/* Data sets as they come: pairs of H&E and IHC tiles, or two sets of tiles that are no pairs. */
#ifndef RST_DATA_DATASET_H
#define RST_DATA_DATASET_H

#include <restain/image.h>
#include <restain/train.h>

#include "data/files.h"

/** The layout that a word names; false for no such word. */
bool rst__data_layout_parse(const char *word, rst_data_layout *out);
const char *rst__data_layout_name(rst_data_layout l);

typedef struct rst_dataset_options {
    const char *root;            /* folder, or the manifest's file */
    const char *phase;           /* "train", "val" or "test"; of the last two one stands in for the
                                    other where that is missing, and the log says so */
    rst_data_layout layout;      /* --layout */
    bool b_to_a;                 /* --direction BtoA: A is the IHC */
    bool unpaired;               /* --dataset-mode unaligned */
    bool single;                 /* pictures of one kind: no pairs, and one side alone will do */
    int64_t max_size;            /* --max-dataset-size: the first so many; 0: all */
    bool optional;               /* a phase that is not there is no error, and none stands in */
    rst_image_read_options read; /* --gray-to-rgb, --alpha */
} rst_dataset_options;

/** A is what the generator takes, B what it should make. */
typedef enum rst_data_side { RST_DATA_A, RST_DATA_B } rst_data_side;

/** Which part of its file a picture is. */
typedef enum rst_data_part { RST_DATA_WHOLE, RST_DATA_LEFT, RST_DATA_RIGHT } rst_data_part;

enum { RST_DATA_VIEWS = 8, RST_DATA_WORD = 16 };
/** The magnification of a pair that is as its pictures were. */
#define RST_DATA_NATIVE "native"

/** One phase of a data set. Fields are for reading. */
typedef struct rst_dataset {
    rst_data_layout layout; /* never AUTO */
    bool guessed;           /* nobody named the layout */
    bool paired;            /* item i of A and of B belong together and there are as many */
    rst_file_list list[2];  /* by rst_data_side, by path of A */
    rst_data_part part[2];
    rst_image_read_options read;
    /* A manifest with a column `magnification` has each pair several times, once a magnification:
     * items p * views .. p * views + views - 1 are pair p. */
    int views;   /* 1 without such a column */
    bool native; /* the last of several views is the pair as it is: only drawn when asked for */
    char view[RST_DATA_VIEWS][RST_DATA_WORD]; /* what the column calls them */
    char resolver[RST_DATA_WORD];             /* the column of that name; "" */
} rst_dataset;

/**
 * Lists a phase's files and finds the pairs; no picture is opened (rst__dataset_check does).
 *
 * @param[out] out  owned; rst__dataset_close. NULL for an optional phase that is not there
 * @return 0, RST_EINVAL (no such phase; several layouts at once), RST_EINPUT (no such folder, none
 *         of the layouts, empty, a file without partner), RST_EFORMAT (two files of one name, kinds
 *         that are not read, a bad manifest), RST_ENOMEM
 */
int rst__dataset_open(rst_dataset **out, const rst_dataset_options *o, rst_error *err);
/**
 * A data set of which each pair is there `views` times, as a manifest with magnifications has them,
 * for a loader that is told where pictures come from (rst_loader_options.make).
 *
 * @param[out] out  owned
 * @param d         pairs, one view each
 * @param view      [views] the magnifications' names; the last may be RST_DATA_NATIVE
 * @return 0, RST_ENOMEM
 */
int rst__dataset_spread(rst_dataset **out, const rst_dataset *d, int views, const char *const *view,
                        const char *resolver, rst_error *err);
/** NULL is fine. */
void rst__dataset_close(rst_dataset *d);
/** Pairs; without pairs, the pictures of the larger side. */
int64_t rst__dataset_count(const rst_dataset *d);
/** The same, each pair counted once whatever its magnifications: what an epoch draws. */
int64_t rst__dataset_pairs(const rst_dataset *d);
/** Pictures of both sides, each for itself; and which the k-th is, those of A first. */
int64_t rst__dataset_pictures(const rst_dataset *d);
void rst__dataset_picture(const rst_dataset *d, int64_t k, rst_data_side *side, int64_t *item);
/** Files of both sides; where A and B share files, those. They are numbered from 0. */
int64_t rst__dataset_files(const rst_dataset *d);
/** The number of an item's file. */
int64_t rst__dataset_file(const rst_dataset *d, rst_data_side side, int64_t item);

/** A rectangle of pixels in an image. */
typedef struct rst_image_view {
    const rst_image *img; /* borrowed, 3 channels */
    int64_t y, x, h, w;
} rst_image_view;

/** The part of a file's image that belongs to a side. RST_EFORMAT: it cannot be halved, or it is
 * not two squares side by side and nobody said that it is two pictures. */
int rst__dataset_view(const rst_dataset *d, rst_data_side side, int64_t item, const rst_image *img,
                      rst_image_view *out, rst_error *err);
/** A side of a pair by itself, as it is: a whole file, or the half of one. Any thread.
 *  @param[out] out owned. Those of rst_image_read */
int rst__dataset_read(const rst_dataset *d, rst_data_side side, int64_t item, rst_image *out,
                      rst_error *err);
/** RST_EFORMAT unless a pair's pictures have the same size; the message names both files. */
int rst__dataset_require_same(const rst_dataset *d, int64_t item, int64_t wa, int64_t ha,
                              int64_t wb, int64_t hb, rst_error *err);

#endif
