/* SPDX-License-Identifier: MIT */
/* Where the files of a phase are. */
#ifndef RST_DATA_LAYOUT_H
#define RST_DATA_LAYOUT_H

#include "data/dataset.h"

/**
 * Fills a data set's layout, lists (H&E first, unpaired, by path) and parts. 0, 1 for
 * an optional phase that is not there, or as rst__dataset_open, which frees what is in the lists
 * then.
 */
int rst__layout_list(rst_dataset *d, const rst_dataset_options *o, rst_error *err);

/** The same for a manifest: o->root is its file. */
int rst__manifest_list(rst_dataset *d, const rst_dataset_options *o, rst_error *err);

/**
 * A manifest's rows of one phase, added to d's lists, which rst__files_begin began.
 *
 * @param text  spoilt by it; one NUL byte past its end
 * @param[out] rows  how many
 * @return 0, RST_EFORMAT, RST_EINPUT (a row without partner), RST_ENOMEM
 */
int rst__manifest_parse(char *text, size_t len, const char *path, const char *phase, rst_dataset *d,
                        int64_t *rows, rst_error *err);

/** The phase that stands in for one that is missing; NULL for train. */
const char *rst__phase_instead(const char *phase);

#endif
