/* SPDX-License-Identifier: MIT */
/* Every pair of a data set at magnifications 1, 2 and 4, in one size, to train from (the paper's
 * section III-B; spec 5.3, M1 to M11): the whole picture halved and brought back, a crop of a half
 * and one of a quarter of its side, each enlarged by a super-resolver. */
#ifndef RST_RUN_MULTIMAG_CACHE_H
#define RST_RUN_MULTIMAG_CACHE_H

#include <restain/model.h>

#include "data/dataset.h"

typedef struct rst_multimag_cache_options {
    rst_dataset_options data;  /* root, layout, max_size, read; phase is not looked at */
    const char *folder;        /* where to */
    int64_t uniform;           /* side of the results, a multiple of 4; 0: that of the pictures */
    const char *sr_x2, *sr_x4; /* weights of super-resolvers; NULL both: bicubic */
    int64_t tile;              /* rst__multimag_resolve; 0: 256 */
    uint64_t seed;             /* of the crops */
    rst_ctx_options ctx;
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
 * set whose splits val and test are the original files. Where a crop lies follows from (seed, name,
 * magnification) alone and is the same in H&E and IHC. A stopped run is taken up: whole pictures
 * that are there are not made again. FOLDER/settings.txt holds what they were made with, and a
 * folder made with other settings is refused.
 *
 * @return 0, RST_EINVAL (options; other settings), those of opening and checking a data set, of
 *         rst_model_open, RST_EOUTPUT, RST_ENOMEM, RST_ECANCELLED
 */
int rst__multimag_cache(const rst_multimag_cache_options *o, rst_multimag_cache_report *out,
                        rst_error *err);

#endif
