/* SPDX-License-Identifier: MIT */
/**
 * @file image.h
 * Pictures of 8 bits a channel: reading PNG, JPEG and TIFF, writing them.
 *
 * What a file is, its first bytes decide, never its name. Nothing is converted silently:
 * transparency and grey are errors unless the options say what to do with them. A damaged or
 * truncated file is an error, never half a picture. The functions keep no state and may run in
 * several threads, each on its own image.
 */
#ifndef RESTAIN_IMAGE_H
#define RESTAIN_IMAGE_H

#include <restain/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A value; `rst_image img = RST_IMAGE_INIT;` is the empty one. */
typedef struct rst_image {
    int64_t width, height; /**< pixels */
    int channels;          /**< 1 grey, 3 RGB; 2 and 4 (with alpha last) can only be written */
    uint8_t *px;           /**< owned: height x width x channels, rows from the top, interleaved */
    double mpp;            /**< micrometres per pixel, 0 when unknown */
} rst_image;

#define RST_IMAGE_INIT                                                                             \
    {                                                                                              \
        0, 0, 0, NULL, 0.0                                                                         \
    }

/** What to do with an alpha channel that is not 255 everywhere (one that is gets dropped). */
typedef enum rst_image_alpha {
    RST_IMAGE_ALPHA_REFUSE, /**< an error that names `--alpha` */
    RST_IMAGE_ALPHA_DROP,   /**< keep the stored colours */
    RST_IMAGE_ALPHA_WHITE   /**< lay the picture on white */
} rst_image_alpha;

/** Reading. All zero, or NULL in place of a pointer to it, is the default. */
typedef struct rst_image_read_options {
    rst_image_alpha alpha;
    bool gray_to_rgb;   /**< give a grey file as three equal channels */
    bool quiet;         /**< no lines in the log about what of a file is not used */
    int64_t max_side;   /**< longest side accepted in pixels; 0: 65535 */
    int64_t max_pixels; /**< width * height accepted; 0: 2^28 */
} rst_image_read_options;

/** Writing. All zero, or NULL in place of a pointer to it, is the default. */
typedef struct rst_image_write_options {
    int jpeg_quality; /**< 1..100; 0: 90. Chroma is never subsampled */
    int deflate;      /**< effort for PNG and TIFF, 1..9; 0: 6 */
} rst_image_write_options;

/**
 * Makes a black image of unknown mpp.
 *
 * @param[out] out  owned by the caller, rst_image_free; untouched on failure
 * @param channels  1..4
 * @return 0, RST_EINVAL (a size below 1, or beyond what memory can address), RST_ENOMEM
 */
RST_API int rst_image_new(rst_image *out, int64_t width, int64_t height, int channels,
                          rst_error *err);
/** Frees the pixels and empties the value. NULL and empty images are fine. */
RST_API void rst_image_free(rst_image *img);

/**
 * Reads a PNG, JPEG or TIFF (first page) file of 8 bits a channel. JPEG is decoded as Pillow does
 * (accurate integer DCT, smooth chroma upsampling); gamma and colour profiles are ignored. mpp
 * comes from a TIFF's resolution when that lies in 0.05..20; PNG and JPEG densities are not
 * trusted.
 *
 * @param[out] out  owned by the caller; 1 or 3 channels; untouched on failure
 * @return 0, RST_EINPUT (cannot be opened or read), RST_EFORMAT (damaged, too large or of a kind
 *         not supported, which the message names), RST_ENOMEM
 */
RST_API int rst_image_read(rst_image *out, const char *path, const rst_image_read_options *o,
                           rst_error *err);

/**
 * Writes a file, under a temporary name until it is whole. The name's end chooses the format: .png,
 * .jpg, .jpeg, .tif or .tiff, in either case. The same image gives the same bytes. A known mpp is
 * written to TIFF.
 *
 * @param img  1 or 3 channels; PNG and TIFF take 2 and 4 (alpha last) too
 * @return 0, RST_EINVAL (name, channels or options), RST_EOUTPUT, RST_ENOMEM
 */
RST_API int rst_image_write(const char *path, const rst_image *img,
                            const rst_image_write_options *o, rst_error *err);

/** Whether the name ends like a file that rst_image_write could write, in either case. */
RST_API bool rst_image_is_supported_name(const char *path);

/**
 * Checks that an image has the channels that a network wants.
 *
 * @param name  what the error calls the image, its path
 * @return 0, or RST_EFORMAT; the message names `--gray-to-rgb` when that would help
 */
RST_API int rst_image_require_channels(const rst_image *img, const char *name, int channels,
                                       rst_error *err);

#ifdef __cplusplus
}
#endif
#endif
