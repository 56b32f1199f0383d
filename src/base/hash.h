/* SPDX-License-Identifier: MIT */
/* The one place that knows libcrypto. */
#ifndef RST_BASE_HASH_H
#define RST_BASE_HASH_H

#include <stddef.h>

#include <restain/error.h>

/** SHA-256 of len bytes as 64 hex digits and a NUL. RST_EINTERNAL if libcrypto refuses. */
int rst__sha256_hex(const void *data, size_t len, char hex[65], rst_error *err);
/** SHA-256 of a whole file, read in pieces. */
int rst__sha256_file(const char *path, char hex[65], rst_error *err);
/** libcrypto's version as it runs. */
const char *rst__crypto_version(void);

#endif
