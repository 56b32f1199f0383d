/* SPDX-License-Identifier: MIT */
/**
 * @file slide.h
 * Whole slides: opening them, what they are, and reading any rectangle of any level.
 *
 * What a file is, its content decides, never its name. Scanner vendors' slides are read by
 * OpenSlide; TIFF pyramids of no vendor (also big-endian ones, and those whose levels are SubIFDs)
 * by our own reader; PNG and JPEG pictures are slides of one level. Labels, macro pictures and all
 * properties but those of rst_slide_info are never read: they may name a patient.
 */
#ifndef RESTAIN_SLIDE_H
#define RESTAIN_SLIDE_H

#include <restain/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A slide open for reading; several threads may read it at the same time. */
typedef struct rst_slide rst_slide;

enum {
    RST_SLIDE_LEVELS_MAX = 32,   /**< more levels than that are refused */
    RST_SLIDE_WARNINGS_MAX = 8,  /**< later warnings are dropped */
    RST_SLIDE_READ_MAX = 1 << 26 /**< pixels of one rst_slide_read */
};

/** Who reads the file. */
typedef enum rst_slide_reader {
    RST_SLIDE_READER_AUTO,
    RST_SLIDE_READER_OPENSLIDE,
    RST_SLIDE_READER_TIFF,
    RST_SLIDE_READER_IMAGE
} rst_slide_reader;

/** All zero, or NULL in place of a pointer to it, is the default. */
typedef struct rst_slide_options {
    double mpp; /**< um/px of level 0 in place of the file's, in 0.05..20; 0: the file's */
    int64_t allow_bad_tiles; /**< unreadable tiles to paint with the background, at most 2^20 */
    bool gray_to_rgb;        /**< read grey slides, as three equal channels */
    size_t cache_bytes;      /**< memory for decoded tiles; 0: 64 MiB */
    rst_slide_reader reader; /**< insist on one */
} rst_slide_options;

typedef struct rst_slide_level {
    int64_t width, height; /**< pixels */
    double downsample;     /**< level 0's pixels per pixel of this level, the mean of both axes */
} rst_slide_level;

/** What a slide is. Texts and profile belong to the slide and live as long as it. */
typedef struct rst_slide_info {
    int64_t width, height;  /**< of level 0 */
    double mpp;             /**< micrometres per pixel of level 0, in 0.05..20; 0 when unknown */
    const char *mpp_source; /**< "--mpp", "OpenSlide", "resolution tags", ...; "" when unknown */
    double objective;       /**< magnification, 0 when unknown */
    const char *vendor;     /**< OpenSlide's name of the format, "ome-tiff", or "" for a picture */
    const char *reader;     /**< "openslide 3.4.1", "tiff" or "image" */
    uint8_t background[3];  /**< red, green, blue of what lies outside the tissue's tiles */
    int levels;             /**< level[0] is the largest, each later one smaller */
    rst_slide_level level[RST_SLIDE_LEVELS_MAX];
    int warnings; /**< one line each */
    const char *warning[RST_SLIDE_WARNINGS_MAX];
    const void *icc; /**< colour profile, NULL when there is none */
    size_t icc_bytes;
} rst_slide_info;

/** A part of a level, in that level's pixels. */
typedef struct rst_slide_rect {
    int level;
    int64_t x, y, width, height;
} rst_slide_rect;

/**
 * Opens a slide.
 *
 * @param[out] out  owned; rst_slide_close; untouched on failure
 * @return 0, RST_EINPUT (cannot be read), RST_EFORMAT (damaged, hostile, or of a kind not
 *         supported, which the message names), RST_EINVAL (options), RST_ENOMEM
 */
RST_API int rst_slide_open(rst_slide **out, const char *path, const rst_slide_options *o,
                           rst_error *err);
/** NULL is fine. No other thread may be reading. */
RST_API void rst_slide_close(rst_slide *s);
/** Borrowed until the slide is closed; it does not change. */
RST_API const rst_slide_info *rst_slide_describe(const rst_slide *s);

/**
 * Reads a rectangle, which may lie partly or wholly outside of the level. What the slide does not
 * cover, and what is transparent in it, has the background's colour. A pixel has the same value
 * whatever rectangle it is read with.
 *
 * A tile that cannot be read is tried once more from a freshly opened file. If that fails too it is
 * painted with the background while no more than allow_bad_tiles are; beyond that it is an error.
 *
 * @param x,y      of the upper left corner, in pixels of this level
 * @param w,h      in pixels of this level, >= 1, w * h at most RST_SLIDE_READ_MAX
 * @param[out] rgb h x w x 3 bytes, rows from the top; undefined on failure
 * @return 0, RST_EINVAL (level or size), RST_EINPUT (a bad tile; the message says where),
 *         RST_ENOMEM
 */
RST_API int rst_slide_read(rst_slide *s, int level, int64_t x, int64_t y, int64_t w, int64_t h,
                           uint8_t *rgb, rst_error *err);

/** The coarsest level whose downsample is not above the given one (by more than 1 %); else 0. */
RST_API int rst_slide_level_for(const rst_slide *s, double downsample);

/** Tiles painted because they cannot be read. */
RST_API int64_t rst_slide_bad_count(rst_slide *s);
/** The i-th of them, in the order they were met; RST_EINVAL when there is none. */
RST_API int rst_slide_bad_tile(rst_slide *s, int64_t i, rst_slide_rect *out, rst_error *err);

/** Bytes that reading with this many threads may hold at most, beside the callers' own buffers and
 *  the libraries' tables. */
RST_API int64_t rst_slide_memory(const rst_slide *s, int threads);

#ifdef __cplusplus
}
#endif
#endif
