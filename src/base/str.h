/* SPDX-License-Identifier: MIT */
/* A growing string with a limit. A failed append sticks: later ones do nothing, and the owner asks
 * once, at the end, whether `failed` is set. */
#ifndef RST_BASE_STR_H
#define RST_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

#include <restain/error.h>

typedef struct rst_str {
    char *s; /* owned, NUL-terminated once something was appended; may be NULL */
    size_t len, cap, max;
    bool failed;
} rst_str;

/** An empty string that may grow to max bytes. */
rst_str rst__str(size_t max);
void rst__str_add(rst_str *b, const char *text);
void rst__str_bytes(rst_str *b, const void *data, size_t n);
void rst__str_printf(rst_str *b, const char *fmt, ...) RST_PRINTF(2, 3);
/** A text as a field of CSV, in quotes, so that nothing in it ends the field (RFC 4180). */
void rst__str_csv(rst_str *b, const char *text);
/** The bytes as base64 (RFC 4648, with padding, in one line). */
void rst__str_base64(rst_str *b, const void *data, size_t n);
void rst__str_free(rst_str *b);

/** Edits (insert, delete, replace) from one name to another, for the "did you mean"; 64 when one of
 *  them has more than 63 bytes. */
size_t rst__edits(const char *a, const char *b);

#endif
