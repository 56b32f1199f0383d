/* SPDX-License-Identifier: MIT */
/* A loader whose failures are the test's. Include after cmocka.h. */
#ifndef RST_TESTS_LOADERS_H
#define RST_TESTS_LOADERS_H

#include "data/loader.h"

/** rst__loader_open from batch `first` on. */
rst_loader *loaders_open(const rst_dataset *d, const rst_loader_options *o, int64_t first);
/** rst__loader_next. */
const rst_batch *loaders_next(rst_loader *l);

#endif
