/* SPDX-License-Identifier: MIT */
/* What the readers and writers share about a set of weights. */
#ifndef RST_MODEL_STORE_H
#define RST_MODEL_STORE_H

#include <restain/weights.h>

enum { RST_WEIGHTS_MAX = 16384, RST_WEIGHT_NAME_MAX = 4096 };

/**
 * The bytes of a tensor. Refuses a negative dimension and a product (zeros counted as ones, so that
 * no partial product can overflow either) that does not fit.
 */
bool rst__weight_bytes(rst_weight_type type, int rank, const int64_t *shape, size_t *bytes);
/** Looks a safetensors type name up. */
bool rst__weight_type_of(const char *name, rst_weight_type *type);

/** Gives a buffer to the set, freed with it. On RST_ENOMEM the buffer stays the caller's. */
int rst__weights_own(rst_weights *w, void *buf, rst_error *err);
/**
 * Appends a tensor whose data lie in a buffer that the set owns, or copies them if they are not
 * aligned to the element. `code` is the error for a bad or taken name: RST_EINVAL or RST_EFORMAT;
 * `what` (a path) begins the message.
 */
int rst__weights_put(rst_weights *w, const rst_weight *t, int code, const char *what,
                     rst_error *err);

/* The readers. Each fills an empty set from buf; `name` is the path, for errors. */

/** buf belongs to w already and the tensors point into it. */
int rst__safetensors_read(rst_weights *w, const char *buf, size_t len, const char *name,
                          rst_error *err);
/** buf stays the caller's and can go afterwards. */
int rst__pth_zip_read(rst_weights *w, const void *buf, size_t len, const char *name,
                      rst_error *err);
int rst__pth_legacy_read(rst_weights *w, const void *buf, size_t len, const char *name,
                         rst_error *err);

#endif
