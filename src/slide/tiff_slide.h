/* SPDX-License-Identifier: MIT */
/* Our own reader of TIFF pyramids: what its two files share. */
#ifndef RST_SLIDE_TIFF_SLIDE_H
#define RST_SLIDE_TIFF_SLIDE_H

#include "image/tiff_io.h"
#include "slide/reader.h"

typedef struct rst_tiff_level {
    uint64_t offset; /* of its directory */
    uint32_t width, height;
    uint32_t block_width, block_height, across; /* tiles or strips; how many in a row */
    uint16_t channels, photometric, compression;
    bool tiled, premultiplied;
} rst_tiff_level;

/** What all handles share. */
typedef struct rst_tiff_slide {
    uint64_t bytes; /* the file's size */
    rst_tiff_level level[RST_SLIDE_LEVELS_MAX];
} rst_tiff_slide;

/** One open file; one thread at a time. */
typedef struct rst_tiff_handle {
    rst_tiff_io io;
    TIFF *tif;
    uint64_t at;     /* the directory that is read */
    uint8_t *stream; /* owned: a JPEG stream */
    size_t stream_cap;
    uint8_t *raw; /* owned: a block that is not RGB */
    size_t raw_cap;
} rst_tiff_handle;

/** Fills in a level from the directory that is read now. RST_EFORMAT: what is not supported. */
int rst__tiff_level(const rst_slide *s, rst_tiff_handle *h, rst_tiff_level *out, rst_error *err);
/** The backend's load. */
int rst__tiff_load(const rst_slide *s, void *handle, int level, int64_t bx, int64_t by,
                   uint8_t *rgb, rst_error *err);
/** "damaged TIFF" with what libtiff said last. */
int rst__tiff_damaged(const rst_slide *s, const rst_tiff_handle *h, const char *what,
                      rst_error *err);

#endif
