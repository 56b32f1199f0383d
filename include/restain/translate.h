/* SPDX-License-Identifier: MIT */
/**
 * @file translate.h
 * Many pictures through one model: files and folders in, files out.
 *
 *     rst_translation *t;
 *     if (rst_translation_plan(&t, paths, count, "out", false, &err) == 0)
 *         rc = rst_translation_run(t, model, NULL, &err);
 *     rst_translation_free(t);
 */
#ifndef RESTAIN_TRANSLATE_H
#define RESTAIN_TRANSLATE_H

#include <restain/model.h>
#include <restain/slide.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Which file becomes which. */
typedef struct rst_translation rst_translation;

/** One file of it; borrowed. */
typedef struct rst_translation_file {
    const char *in, *out;
    rst_error err; /**< code 0 unless this file failed */
} rst_translation_file;

/**
 * Works out the files and refuses what would go wrong, before anything is read or written.
 *
 * A folder stands for the PNG, JPEG and TIFF files in it, in order of their names. One file goes to
 * the file `to`, or into it as <stem>.png if it is a folder (or ends in '/'); a folder and several
 * files go into the folder `to`, which need not exist.
 *
 * @param[out] out   owned; rst_translation_free
 * @param overwrite  outputs may exist
 * @return 0, RST_EINVAL (an output exists, is an input too or would be written twice; `to` names no
 *         folder or picture), RST_EINPUT (a folder cannot be read or holds no pictures),
 * RST_EOUTPUT (the folder of `to` is missing), RST_ENOMEM
 */
RST_API int rst_translation_plan(rst_translation **out, const char *const *in, int count,
                                 const char *to, bool overwrite, rst_error *err);
RST_API void rst_translation_free(rst_translation *t);
RST_API int64_t rst_translation_count(const rst_translation *t);
/** The i-th file, 0 <= i < count. */
RST_API rst_translation_file rst_translation_get(const rst_translation *t, int64_t i);

/** Where a run is with the file that has its turn. */
typedef enum rst_translation_phase {
    RST_TRANSLATION_READ,
    RST_TRANSLATION_COMPUTE,
    RST_TRANSLATION_WRITE,
    RST_TRANSLATION_DONE /**< or failed */
} rst_translation_phase;

typedef struct rst_translation_progress {
    rst_translation_phase phase;
    int64_t done, failed, total; /**< files */
    const char *in, *out;        /**< the file's; borrowed, during the call */
} rst_translation_progress;

/** Running. All zero, or NULL in place of a pointer to it, is the default. */
typedef struct rst_translation_options {
    rst_image_read_options read;
    /** Of the paper's network, what its gates came to: beside an output NAME.png a figure,
     * NAME.attention.png, and all numbers, NAME.attention.safetensors: "ammfiK.gate" [1,h,w],
     * "ammfiK.cbam.SpatialGate" [1,h,w] and "ammfiK.cbam.ChannelGate" [c,1,1], where K is 0 at full
     * size and 1 at half. The pictures are the same without. RST_EINVAL for other networks. */
    bool attention;
    /** Called at the beginning of each phase; anything but 0 stops the run. */
    int (*progress)(void *user, const rst_translation_progress *p);
    void *user;
} rst_translation_options;

/**
 * Translates all files in turn. A file that cannot be translated is kept with its error and the
 * rest is done; what would fail for all (the output cannot be written) ends the run.
 *
 * @return 0; RST_EPARTIAL, if one of several failed; else the only file's error, RST_EOUTPUT,
 *         RST_EDEVICE or RST_ECANCELLED
 */
RST_API int rst_translation_run(rst_translation *t, rst_model *m, const rst_translation_options *o,
                                rst_error *err);

/* Whole slides ----------------------------------------------------------------------------------
 */

/** Whose statistics a network's norms and channel gates take on a slide. */
typedef enum rst_slide_stats {
    RST_SLIDE_STATS_FROZEN, /**< means over windows of the slide's tissue: no seams */
    RST_SLIDE_STATS_TILE,   /**< each window its own, as the published code: seams */
    RST_SLIDE_STATS_EXACT   /**< the whole region as one picture, if memory allows */
} rst_slide_stats;

/** What is painted where there is no tissue. */
typedef enum rst_slide_background {
    RST_SLIDE_BACKGROUND_WHITE,
    RST_SLIDE_BACKGROUND_COPY /**< the slide's own pixels */
} rst_slide_background;

/** All zero, or NULL in place of a pointer to it, is the default. */
typedef struct rst_slide_job_options {
    rst_slide_options read; /**< read.mpp: where the file does not know, or is wrong */
    rst_slide_stats stats;
    rst_slide_background background;
    /** The part to translate, in pixels of level 0; width 0: all. Cut at the slide's border. */
    int64_t x, y, width, height;
    int64_t tile_size;       /**< pixels a side computed at a time, 16..4096, a multiple of 16; 0:
                                  512, or 1024 for networks that see far */
    int windows;             /**< for frozen statistics; 0: 16 */
    int64_t window;          /**< their side in pixels; 0: 512 */
    uint64_t seed;           /**< of the choice of windows */
    const char *calibration; /**< file of frozen statistics: read if it exists, else written */
    int quality;             /**< of JPEG, 1..100; 0: 90 */
    bool lossless;           /**< deflate instead of JPEG */
    bool resample;           /**< if no level is near the model's mpp, make a finer one smaller */
    bool dry_run;            /**< write nothing, only work out the report */
    bool overwrite;
    /** Called after each computed tile; anything but 0 stops the run. */
    int (*progress)(void *user, int64_t done, int64_t total);
    void *user;
} rst_slide_job_options;

/** What a job is or was. */
typedef struct rst_slide_report {
    int level;                     /**< of the slide, that was read */
    int64_t width, height;         /**< of the result, pixels */
    double mpp;                    /**< of the result; 0 when unknown */
    double tissue_mm2;             /**< of the slide; 0.5 um/px assumed when unknown */
    int64_t tiles, computed;       /**< computed: those that touch tissue */
    int64_t tile, halo, window[2]; /**< pixels; the one window shape, width and height */
    rst_conv_mode conv;    /**< of the convolutions: AUTO is Winograd where that is faster */
    int windows;           /**< that statistics were gathered from; 0: none */
    uint64_t memory, disk; /**< bytes, foretold */
    double seconds;        /**< a dry run's forecast of computing; else the time it took */
} rst_slide_report;

/**
 * Translates a slide into a pyramidal TIFF. The bytes depend on the slide, the model and the
 * options alone, not on threads; nothing stands under the name `out` (nor beside it) unless it is
 * whole. Frozen statistics that no calibration file was named for are kept beside it, as
 * <out>.stats.safetensors; the tiles that read.allow_bad_tiles let pass are listed in
 * <out>.bad-tiles.tsv. A model that knows its mpp reads the level within 10 % of it, one that
 * does not, level 0.
 *
 * @param out  not used in a dry run
 * @param r    may be NULL
 * @return 0; RST_EINVAL (options; mpp unknown and needed; `out` exists; a network that changes the
 *         size), RST_EINPUT, RST_EFORMAT, RST_EOUTPUT, RST_ENOMEM (`exact` does not fit),
 *         RST_ENUMERIC, RST_EDEVICE, RST_ECANCELLED
 */
RST_API int rst_slide_translate(rst_model *m, const char *in, const char *out,
                                const rst_slide_job_options *o, rst_slide_report *r,
                                rst_error *err);

/** What rst_slide_seamtest found. */
typedef struct rst_seam_report {
    int64_t width, height; /**< of the region, pixels */
    int64_t values;        /**< compared */
    int64_t differing;
    double largest; /**< difference, where the network's whole range is 2 */
    double ratio;   /**< mean gradient across core edges over that at the same places in the other
                         grid's output, where they are interior; 1 is seamless */
    bool seamless;  /**< nothing differs and the ratio is within 0.02 of 1 */
} rst_seam_report;

/**
 * Translates a region on two grids, of cores of 256 and 384 pixels that begin at different places,
 * and compares the network's numbers. Of a slide above 2048 x 2048 pixels and no region given, the
 * middle is taken.
 *
 * @param offset  shifts the second grid's windows by so many pixels off the places that all grids
 *                share; 0 unless one wants to see the test fail
 * @return as rst_slide_translate; a seam is no error
 */
RST_API int rst_slide_seamtest(rst_model *m, const char *in, const rst_slide_job_options *o,
                               int64_t offset, rst_seam_report *r, rst_error *err);

#ifdef __cplusplus
}
#endif
#endif
