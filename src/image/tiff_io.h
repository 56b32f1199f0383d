/* SPDX-License-Identifier: MIT */
/* libtiff on bytes in memory, with its errors and warnings kept per handle instead of per process.
 */
#ifndef RST_IMAGE_TIFF_IO_H
#define RST_IMAGE_TIFF_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tiffio.h>

typedef struct rst_tiff_io {
    const uint8_t *src; /* borrowed: the file to read, or NULL when writing */
    uint8_t *dst;       /* owned: the file being written */
    size_t len, cap, pos;
    bool failed;    /* the written file could not grow */
    char text[128]; /* libtiff's first error, or else its first warning; may be empty */
    bool has_error;
} rst_tiff_io;

/**
 * Opens io->src (mode "rm") or a new file in io->dst (mode "w" or "w8").
 *
 * @return NULL when libtiff refuses; io->text says why, or is empty when memory ran out. TIFFClose
 * it before io dies.
 */
TIFF *rst__tiff_open(rst_tiff_io *io, const char *name, const char *mode);
/** Options that keep errors in io and bound single allocations by a file of so many bytes (0: no
 *  bound); for opening otherwise than above. NULL without memory; TIFFOpenOptionsFree. */
TIFFOpenOptions *rst__tiff_options(rst_tiff_io *io, uint64_t bytes);

#endif
