/* SPDX-License-Identifier: MIT */
/* TensorBoard's event files: scalars and pictures by step, written without its libraries. */
#ifndef RST_RUN_TFEVENTS_H
#define RST_RUN_TFEVENTS_H

#include <restain/image.h>

typedef struct rst_tfevents rst_tfevents;

/**
 * Begins a new file in `dir`, DIR/events.out.tfevents.TIME.restain. TensorBoard forgets what older
 * files of the folder say about steps from `first_step` on.
 *
 * @param[out] out  owned; rst__tfevents_close
 * @return 0, RST_EOUTPUT or RST_ENOMEM
 */
int rst__tfevents_open(rst_tfevents **out, const char *dir, int64_t first_step, rst_error *err);
/** One record: value[i] as float32 under tag[i]. RST_EOUTPUT, RST_ENOMEM. */
int rst__tfevents_scalars(rst_tfevents *ev, int64_t step, int n, const char *const *tag,
                          const double *value, rst_error *err);
/** A picture, stored as PNG. */
int rst__tfevents_image(rst_tfevents *ev, int64_t step, const char *tag, const rst_image *img,
                        rst_error *err);
/** What was written is on the disk. */
int rst__tfevents_sync(rst_tfevents *ev, rst_error *err);
/** Flushes and frees. NULL is fine. */
int rst__tfevents_close(rst_tfevents *ev, rst_error *err);

/** The checksum of Castagnoli's polynomial, 0x82F63B78 reflected. */
uint32_t rst__crc32c(const void *data, size_t len);

#endif
