/* SPDX-License-Identifier: MIT */
/* What a file is, and what this machine can do, as JSON objects for printing. */
#ifndef RST_RUN_INSPECT_H
#define RST_RUN_INSPECT_H

#include <stdbool.h>

#include <restain/error.h>

#include "base/json.h"

/**
 * Reads a picture or a file of weights, whole, and says what is in it; of a slide, what its
 * directories say.
 *
 * @param[out] out  a new reference
 * @return 0, RST_EINPUT, RST_EFORMAT (damaged, or none of them), RST_ENOMEM
 */
int rst__inspect(json_t **out, const char *path, rst_error *err);

/**
 * Version, processor, threads, memory, libraries, convolutions, and a self-test of about a second.
 *
 * @param[out] out  a new reference; filled in even when the self-test fails
 * @return 0, RST_EVERIFY (the self-test failed; err says where), RST_ENOMEM
 */
int rst__doctor(json_t **out, rst_error *err);

/** Gives a value to a key. When memory runs out *root is freed and stays NULL, to be told at the
 * end. */
void rst__json_set(json_t **root, const char *key, json_t *value);

#endif
