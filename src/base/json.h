/* SPDX-License-Identifier: MIT */
/* The one place that knows jansson. Others include this and use json_t through it. */
#ifndef RST_BASE_JSON_H
#define RST_BASE_JSON_H

#include <jansson.h>
#include <stddef.h>

#include <restain/error.h>

/**
 * Parses len bytes. Duplicate keys, NUL bytes in strings and trailing bytes are refused; jansson
 * bounds the depth (2048). `what` names the source in errors (a path).
 *
 * @return a new reference, or NULL with *err set to RST_EFORMAT.
 */
json_t *rst__json_parse(const char *text, size_t len, const char *what, rst_error *err);
/** Reads and parses a file of at most max bytes. NULL with *err set. */
json_t *rst__json_load(const char *path, size_t max, rst_error *err);

#endif
