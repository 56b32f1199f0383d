/* SPDX-License-Identifier: MIT */
/* Pairs divided by whole slides, so that no tissue is trained on and validated with. */
#ifndef RST_RUN_SLIDE_SPLIT_H
#define RST_RUN_SLIDE_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include <restain/error.h>

typedef struct rst_slide_share {
    const char *name; /* borrowed */
    int64_t pairs;
    bool val; /* out */
    char hash[65];
} rst_slide_share;

/** Order of names, for qsort and bsearch. */
int rst__slide_share_by_name(const void *x, const void *y);
/**
 * Slides go to validation in the order of their names' hashes, as long as that brings their pairs
 * nearer to `wanted`. At least one stays to train with. The list is by name afterwards.
 *
 * @return 0 or RST_ENOMEM
 */
int rst__slide_split(rst_slide_share *s, int64_t count, int64_t wanted, rst_error *err);

#endif
