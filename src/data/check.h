/* SPDX-License-Identifier: MIT */
/* A look at a whole data set before hours of training: headers only, so thousands of files take
 * seconds. What only decoding shows (a file cut in the middle) the loader tells at its batch. */
#ifndef RST_DATA_CHECK_H
#define RST_DATA_CHECK_H

#include "data/augment.h"
#include "data/dataset.h"

typedef struct rst_dataset_check_options {
    const rst_augment *augment; /* has to suit every picture; NULL: any size does */
    int threads;                /* 0: 2 */
    /** NULL, or called by the caller's thread now and then; not 0 stops (RST_ECANCELLED). */
    int (*progress)(void *user, int64_t done, int64_t total);
    void *user;
} rst_dataset_check_options;

typedef struct rst_dataset_report {
    int64_t count, files; /* items (rst__dataset_count); files looked at */
    int64_t min_w, max_w; /* of the pictures of both sides */
    int64_t min_h, max_h;
    int64_t gray, alpha; /* files that become RGB because an option says so, or because their
                            alpha is 255 everywhere */
    int64_t rounded;     /* pictures whose sides are resized to multiples of 4 */
} rst_dataset_report;

/**
 * Looks at every file: can it be opened, is it of a kind that is read and RGB, has its partner the
 * same size, can the crop be cut out of it. A file with alpha is decoded, as only that tells
 * whether it is opaque. The message is that of the first file in the order of the list, whatever
 * the number of threads, and tells how many there are.
 *
 * @return 0, RST_EINPUT, RST_EFORMAT, RST_EINVAL (sizes of o->augment), RST_ECANCELLED, RST_ENOMEM
 */
int rst__dataset_check(const rst_dataset *d, const rst_dataset_check_options *o,
                       rst_dataset_report *out, rst_error *err);

#endif
