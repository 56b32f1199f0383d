/* SPDX-License-Identifier: MIT */
/* Slides behind rst_slide_read. A backend decodes blocks of a fixed grid for each level; what is
 * common to all, the cache, open handles, the policy for bad tiles and the painting of the
 * background, is here. */
#ifndef RST_SLIDE_READER_H
#define RST_SLIDE_READER_H

#include <pthread.h>

#include <restain/slide.h>

#include "slide/block_cache.h"

typedef struct rst_slide_backend {
    /** Opens the file, fills in s (info, block sizes, own) and gives the first handle. What it
     *  leaves in s->own is forgotten by `forget`, also after a failure. */
    int (*open)(rst_slide *s, void **handle, rst_error *err);
    /** Another handle on the same file, which must not have changed. */
    int (*reopen)(const rst_slide *s, void **handle, rst_error *err);
    void (*close)(void *handle);
    void (*forget)(void *own); /* may be NULL */
    /** Decodes a whole block, block_width x block_height RGB pixels; what lies outside of the
     *  level may hold anything. Errors do not name the file. */
    int (*load)(const rst_slide *s, void *handle, int level, int64_t bx, int64_t by, uint8_t *rgb,
                rst_error *err);
    bool shared; /* one handle serves any number of threads */
    bool direct; /* loading is a copy, and is not worth a cache */
} rst_slide_backend;

/** An open handle; users is at most 1 unless the backend's handles are shared. */
typedef struct rst_slide_handle {
    struct rst_slide_handle *next;
    void *h;
    int users;
    bool dead; /* a read failed on it: nobody takes it again */
} rst_slide_handle;

enum { RST_SLIDE_TEXT = 200 };

struct rst_slide {
    char *path;            /* owned; what errors call it */
    const uint8_t *memory; /* borrowed: the file's bytes, or NULL when it is on disk */
    size_t memory_len;
    rst_slide_options o; /* filled in */
    rst_slide_info info;
    int64_t block_width[RST_SLIDE_LEVELS_MAX], block_height[RST_SLIDE_LEVELS_MAX];
    char vendor[32], reader[40];
    char warning[RST_SLIDE_WARNINGS_MAX][RST_SLIDE_TEXT];
    uint8_t *icc; /* owned */
    const rst_slide_backend *backend;
    void *own; /* the backend's, not changed after open */
    pthread_mutex_t lock;
    /* Under the lock: */
    rst_slide_handle *handles;
    rst_slide_cache cache;
    rst_slide_rect *bad; /* owned, bad_count of them */
    int64_t bad_count, bad_cap;
};

extern const rst_slide_backend rst__slide_openslide, rst__slide_tiff, rst__slide_image;

/** Opens by this backend and no other; `path` need not exist where the backend needs no file. */
int rst__slide_open_with(rst_slide **out, const char *path, const rst_slide_backend *backend,
                         const rst_slide_options *o, rst_error *err);
/** A TIFF that is in memory, borrowed until the slide is closed. */
int rst__slide_open_memory(rst_slide **out, const void *data, size_t len, const char *name,
                           const rst_slide_options *o, rst_error *err);

/** Loads a block through an idle handle; on failure once more through a fresh one. */
int rst__handles_load(rst_slide *s, int level, int64_t bx, int64_t by, uint8_t *rgb,
                      rst_error *err);
/** Puts a handle into the list, not in use; on failure (RST_ENOMEM) it is closed. */
int rst__handles_add(rst_slide *s, void *h, rst_error *err);
void rst__handles_close(rst_slide *s);

/* For backends that are opening. */

/** Appends a level after checking its size; block sizes are those of its grid. RST_EFORMAT. */
int rst__slide_add_level(rst_slide *s, int64_t width, int64_t height, int64_t block_width,
                         int64_t block_height, rst_error *err);
void rst__slide_warn(rst_slide *s, const char *fmt, ...) RST_PRINTF(2, 3);
/** Takes micrometres per pixel as `source` (a literal) states them, if none were taken before and
 *  they can be a microscope's. */
void rst__slide_offer_mpp(rst_slide *s, double x, double y, const char *source);
/** The same from TIFF resolution tags. @param per_unit pixels; unit_um 25400 or 10000 */
void rst__slide_offer_resolution(rst_slide *s, double x_per_unit, double y_per_unit,
                                 double unit_um);
/** Lets the caller's value win and says what is odd. */
void rst__slide_settle_mpp(rst_slide *s);
/** Copies a profile of sane size; RST_ENOMEM. */
int rst__slide_keep_icc(rst_slide *s, const void *data, size_t len, rst_error *err);
/** Vendor, magnification and um/px from a TIFF's description: Aperio's and OME's. */
void rst__slide_read_description(rst_slide *s, const char *text);
/** A decimal number at the start of text, with a point whatever the locale; 0 if there is none. */
double rst__slide_number(const char *text);
/** The colour profile of a TIFF's first page, for an OpenSlide that cannot give it; best effort. */
int rst__tiff_slide_icc(rst_slide *s, rst_error *err);

/** A colour with alpha laid on the slide's background. */
static inline uint8_t rst__slide_over(unsigned colour, unsigned alpha, unsigned ground,
                                      bool premultiplied)
{
    const unsigned c = premultiplied ? colour * 255u : colour * alpha;
    const unsigned v = (c + ground * (255u - alpha) + 127u) / 255u;
    return (uint8_t)(v > 255u ? 255u : v);
}

/* For those who use slides. */

/** The slide's um/px; RST_EFORMAT, naming --mpp, when they are unknown. */
int rst__slide_require_mpp(const rst_slide *s, double *mpp, rst_error *err);
/** OpenSlide's version as it runs; NULL when built without. */
const char *rst__openslide_version(void);
/** OpenSlide's name of a file's format, one of those that are let through; NULL for none. */
const char *rst__openslide_vendor(const char *path);

#endif
