/* SPDX-License-Identifier: MIT */
/* A data set at several magnifications (run/multimag_maker.h), as files to train from. */
#ifndef RST_RUN_MULTIMAG_CACHE_H
#define RST_RUN_MULTIMAG_CACHE_H

#include "run/multimag_maker.h"

typedef struct rst_multimag_cache_options {
    rst_dataset_options data; /* root, layout, max_size, read; phase is not looked at */
    const char *folder;       /* where to */
    rst_multimag_settings how;
    /** Called with pairs, from one thread at a time; anything but 0 stops. May be NULL. */
    int (*progress)(void *user, int64_t done, int64_t total);
    void *user;
} rst_multimag_cache_options;

typedef struct rst_multimag_cache_report {
    int64_t pairs;          /* of split train */
    int64_t others;         /* of val and test, which stay as they are */
    int64_t written, there; /* pictures made now; found from an earlier, stopped run */
    int64_t uniform;
    const char *resolver; /* "mm-bsrgan" or "mm-bicubic" */
} rst_multimag_cache_report;

/**
 * Writes FOLDER/{HE,IHC}/{1x,2x,4x}/NAME.png and, when all are there, FOLDER/manifest.tsv, a data
 * set whose splits val and test are the original files, to which it points for pairs as they are,
 * too. A stopped run is taken up: whole pictures that are there are not made again.
 * FOLDER/settings.txt holds what they were made with, and a folder made with other settings is
 * refused.
 *
 * @return 0, RST_EINVAL (options; other settings), those of opening a data set and of
 *         rst__multimag_maker_new, RST_EOUTPUT, RST_ENOMEM, RST_ECANCELLED
 */
int rst__multimag_cache(const rst_multimag_cache_options *o, rst_multimag_cache_report *out,
                        rst_error *err);

#endif
