/* SPDX-License-Identifier: MIT */
/* Checked allocation. All memory of the library comes from here, so that tests can let the n-th
 * request fail (rst__alloc_fail_after) and count what is still held. */
#ifndef RST_BASE_ALLOC_H
#define RST_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes, not zeroed; NULL when there are none left. A size of 0 gives a pointer that may be freed.
 */
void *rst__malloc(size_t bytes);
/** count * size bytes, zeroed; NULL on overflow too. */
void *rst__calloc(size_t count, size_t size);
/** Like realloc for count * size bytes; the old block stays valid on failure. */
void *rst__realloc(void *p, size_t count, size_t size);
/** Bytes aligned to 64, for vectors; freed with rst__free like everything else. */
void *rst__malloc_aligned(size_t bytes);
void rst__free(void *p);
char *rst__strdup(const char *s);

/** *out = a * b (a + b); false on overflow, and *out is not written. */
bool rst__mul_size(size_t a, size_t b, size_t *out);
bool rst__add_size(size_t a, size_t b, size_t *out);
/** The same for counts that come from files; false on overflow or a negative operand. */
bool rst__mul_i64(int64_t a, int64_t b, int64_t *out);

/** For tests: after n more successes every request fails; a negative n never fails. */
void rst__alloc_fail_after(long n);
/** Blocks handed out and not yet freed. */
long rst__alloc_live(void);

#endif
