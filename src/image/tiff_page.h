/* SPDX-License-Identifier: MIT */
/* What the readers of pictures and of slides share: which TIFF pages are read, and how a JPEG block
 * of theirs becomes a whole stream. Each works on the handle's current directory. */
#ifndef RST_IMAGE_TIFF_PAGE_H
#define RST_IMAGE_TIFF_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tiffio.h>

#include <restain/error.h>

/** A 16-bit tag or its default; 0 without either. */
uint16_t rst__tiff_field16(TIFF *tif, uint32_t tag);

/**
 * RST_EFORMAT for the file `name`: the tag and its value are named, as `tiffinfo` would show them.
 */
int rst__tiff_refuse(const char *name, const char *tag, unsigned value, rst_error *err);
/** Refuses all but 8-bit samples, kept together, in a compression that is read. */
int rst__tiff_check_samples(TIFF *tif, const char *name, rst_error *err);
/** Refuses all but grey and RGB, with alpha outside JPEG, and YCbCr in JPEG. */
int rst__tiff_check_colours(TIFF *tif, const char *name, rst_error *err);

/** Lets *buf (owned, rst__free) hold `need` bytes; false: out of memory, and it is as it was. */
bool rst__tiff_reserve(uint8_t **buf, size_t *cap, size_t need);

/**
 * Puts a JPEG block's raw bytes and the page's shared tables together into one whole JPEG stream. A
 * stream that does not tell its colours gets an Adobe marker that says what the TIFF says:
 * TurboJPEG would guess, and guesses wrong for the plain RGB of slide scanners. libtiff itself
 * trusts the TIFF where the stream knows better, and shows false colours for QuPath's files.
 *
 * @param raw          the block's bytes in the file, at least 4 and no more than the file has
 * @param[in,out] buf  as for rst__tiff_reserve
 * @param[out] len     the stream's bytes in *buf
 * @return 0, RST_ENOMEM, RST_EINPUT (the block cannot be read whole) or RST_EFORMAT (it is no JPEG
 * stream); the caller, who knows what else went wrong in the file, makes the error of it
 */
int rst__tiff_jpeg_stream(TIFF *tif, uint32_t index, size_t raw, uint8_t **buf, size_t *cap,
                          size_t *len);

#endif
