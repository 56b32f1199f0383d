/* SPDX-License-Identifier: MIT */
/* A hash table from strings, borrowed, to numbers. All zero is an empty one. */
#ifndef RST_MODEL_NAMES_H
#define RST_MODEL_NAMES_H

#include <stddef.h>
#include <stdint.h>

typedef struct rst_name {
    const char *s; /* NULL: an empty place */
    size_t len;
    uint64_t hash;
    int64_t value; /* >= 0 */
} rst_name;

typedef struct rst_names {
    rst_name *place; /* owned; cap is a power of two, at most half of it used */
    size_t cap, n;
} rst_names;

/** Adds s, which must outlive the table. @return 1, 0 if it is there already, or RST_ENOMEM. */
int rst__names_put(rst_names *t, const char *s, size_t len, int64_t value);
/** The value, or -1. */
int64_t rst__names_get(const rst_names *t, const char *s, size_t len);
void rst__names_free(rst_names *t);

#endif
