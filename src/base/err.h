/* SPDX-License-Identifier: MIT */
/* The only way to make an error. */
#ifndef RST_BASE_ERR_H
#define RST_BASE_ERR_H

#include <restain/error.h>

/**
 * Sets *err (unless NULL) and returns code: `return rst_fail(err, RST_EFORMAT, "%s: ...", path);`
 * A text too long is cut. The text has no newline: control characters become '?', so that names
 * taken from hostile files cannot draw on a terminal.
 */
int rst_fail(rst_error *err, int code, const char *fmt, ...) RST_PRINTF(3, 4);

/** The same with "%s: out of memory" of the thing that was being made. */
int rst__fail_nomem(rst_error *err, const char *what);

#endif
