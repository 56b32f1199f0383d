/* SPDX-License-Identifier: MIT */
/* From the object of a checkpoint to tensors: what both containers share. */
#ifndef RST_MODEL_PTH_H
#define RST_MODEL_PTH_H

#include "model/pickle.h"

/** Where the raw storages are. */
typedef struct rst_pth_source {
    void *ctx;
    const char *name; /* of the file, for errors */
    size_t file_bytes;
    /** Fills dst with the storage at place i of the pickle, exactly `bytes`; or fails. */
    int (*fill)(void *ctx, int64_t i, const rst_pk_storage *s, void *dst, size_t bytes,
                rst_error *err);
} rst_pth_source;

/** Puts every tensor of pk's object into w; refuses an object without any. */
int rst__pth_flatten(rst_weights *w, const rst_pickle *pk, const rst_pth_source *from,
                     rst_error *err);

#endif
