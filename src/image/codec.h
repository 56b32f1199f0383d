/* SPDX-License-Identifier: MIT */
/* File formats behind rst_image_read and rst_image_write. Each codec sees bytes in memory only: no
 * third-party library opens a file, and a file cut while it is read cannot kill the process. */
#ifndef RST_IMAGE_CODEC_H
#define RST_IMAGE_CODEC_H

#include <stddef.h>

#include <restain/image.h>

/**
 * Reads the picture in buf; `name` is what errors call it.
 *
 * @param o         NULL: the defaults
 * @param[out] out  owned by the caller; untouched on failure
 * @return 0, RST_EFORMAT or RST_ENOMEM
 */
int rst__image_decode(const void *buf, size_t len, const char *name,
                      const rst_image_read_options *o, rst_image *out, rst_error *err);

/**
 * What a file's header says of it; no pixels are decoded. What rst__image_decode would refuse by
 * the header is refused in the same words.
 *
 * @param[out] out  size and channels as in the file, 2 and 4 with alpha; px is NULL
 * @return 0, RST_EFORMAT or RST_ENOMEM
 */
int rst__image_header(const void *buf, size_t len, const char *name,
                      const rst_image_read_options *o, rst_image *out, rst_error *err);
/** The same of a file, of which no more than the beginning is read if that tells. RST_EINPUT too.
 */
int rst__image_probe(const char *path, const rst_image_read_options *o, rst_image *out,
                     rst_error *err);

/** A picture as a codec found it: 1..4 channels, alpha still there. */
typedef struct rst_raw_image {
    rst_image img;
    bool premultiplied; /* the colours were stored times alpha */
} rst_raw_image;

/** What a codec is asked to read. */
typedef struct rst_decode_job {
    const uint8_t *data;
    size_t len;
    const char *name;
    rst_image_read_options o; /* limits filled in */
} rst_decode_job;

/* On failure they leave nothing in out. 0, RST_EFORMAT, RST_ENOMEM. */
int rst__png_decode(const rst_decode_job *job, rst_raw_image *out, rst_error *err);
int rst__jpeg_decode(const rst_decode_job *job, rst_raw_image *out, rst_error *err);
int rst__tiff_decode(const rst_decode_job *job, rst_raw_image *out, rst_error *err);
/* Width, height and channels alone; the rest of out is zero. */
int rst__png_header(const rst_decode_job *job, rst_image *out, rst_error *err);
int rst__tiff_header(const rst_decode_job *job, rst_image *out, rst_error *err);

/** Refuses a size that is empty or beyond the job's limits; before anything is allocated. */
int rst__image_check_size(const rst_decode_job *job, int64_t width, int64_t height, rst_error *err);

/** A JPEG stream's size and kind: channels 1 or 3. RST_EFORMAT for CMYK and damage. */
int rst__jpeg_header(const uint8_t *data, size_t len, const char *name, int *width, int *height,
                     int *channels, rst_error *err);
/** Decodes a stream of that size and kind into px, rows `pitch` bytes apart; a warning is an error.
 */
int rst__jpeg_pixels(const uint8_t *data, size_t len, const char *name, int width, int height,
                     int channels, uint8_t *px, size_t pitch, rst_error *err);

/** An encoded file. */
typedef struct rst_bytes {
    void *data; /* owned, rst__free */
    size_t len;
} rst_bytes;

/* On failure they leave nothing in out. 0, RST_EINVAL, RST_ENOMEM, RST_EINTERNAL. */
int rst__png_encode(const rst_image *img, const char *name, int deflate, rst_bytes *out,
                    rst_error *err);
int rst__jpeg_encode(const rst_image *img, const char *name, int quality, rst_bytes *out,
                     rst_error *err);
/** How much of the colour a JPEG keeps. rst__jpeg_encode keeps all. */
typedef enum rst_jpeg_chroma { RST_JPEG_444, RST_JPEG_420 } rst_jpeg_chroma;
int rst__jpeg_encode_as(const rst_image *img, const char *name, int quality, rst_jpeg_chroma chroma,
                        rst_bytes *out, rst_error *err);
int rst__tiff_encode(const rst_image *img, const char *name, int deflate, rst_bytes *out,
                     rst_error *err);

#endif
