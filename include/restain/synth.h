/* SPDX-License-Identifier: MIT */
/**
 * @file synth.h
 * Invented breast tissue: an endless slide, in H&E and in IHC-HER2, with its truth.
 *
 * A slide has no size. Any rectangle is computed by itself, and a pixel has the same bytes
 * whatever rectangle it is asked with, in however many threads. The HER2 level of a tumour shows
 * in the H&E by the form of its cells alone (size and spacing of nuclei, pleomorphism, chromatin,
 * nucleoli) and in the IHC by membranes stained with DAB. doc/synthetic-tissue.md describes the
 * model and compares it with real tiles.
 */
#ifndef RESTAIN_SYNTH_H
#define RESTAIN_SYNTH_H

#include <restain/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An endless slide. It does not change once made: several threads may read it. */
typedef struct rst_synth rst_synth;

enum {
    RST_SYNTH_LEVELS = 4,        /**< 0, 1+, 2+, 3+ */
    RST_SYNTH_NO_LEVEL = 255,    /**< in a level map: no tumour cell here */
    RST_SYNTH_READ_MAX = 1 << 26 /**< pixels of one rst_synth_region */
};

/** What a nucleus belongs to: the last three bits of its number. */
typedef enum rst_synth_kind {
    RST_SYNTH_NONE,
    RST_SYNTH_TUMOUR,
    RST_SYNTH_LYMPHOCYTE,
    RST_SYNTH_FIBROBLAST,
    RST_SYNTH_DUCT,    /**< epithelium that is no tumour */
    RST_SYNTH_NECROTIC /**< a fragment in necrosis */
} rst_synth_kind;

/** How a slide is. Start from rst_synth_defaults. */
typedef struct rst_synth_options {
    uint64_t seed;
    double mpp;            /**< micrometres per pixel, 0.2..2; 0.5 */
    int level;             /**< HER2 level 0..3 of all tumour; -1: each region has its own */
    double tumour;         /**< about the share of the tissue that is tumour, 0..1; 0.5 */
    double stain;          /**< how much the H&E's stains vary from seed to seed, 0..1; 1 */
    double scanner;        /**< how much blur, white and noise vary from seed to seed, 0..1; 1 */
    double shift;          /**< um by which the IHC's section lies off the H&E's, 0..1000; 0 */
    double elastic;        /**< um by which it is bent besides, 0..50; 0 */
    double flaws;          /**< how often folds, pen, bubbles and blurred fields are met, 0..1; 0 */
    int64_t width, height; /**< px: glass around tissue in the middle of (0, 0, width, height); 0:
                              tissue everywhere */
    double tissue;         /**< share of that area that is tissue, 0..1; 0.5 */
} rst_synth_options;

RST_API rst_synth_options rst_synth_defaults(void);

/**
 * @param[out] out  owned; rst_synth_free
 * @param o         copied; NULL: the defaults
 * @return 0, RST_EINVAL (options), RST_ENOMEM
 */
RST_API int rst_synth_new(rst_synth **out, const rst_synth_options *o, rst_error *err);
/** NULL is fine. */
RST_API void rst_synth_free(rst_synth *s);

/** Where the parts of a rectangle go, the truth as the H&E lies; each h x w, rows from the top;
 * NULL: not wanted. */
typedef struct rst_synth_view {
    uint8_t *he;      /**< [3] RGB of the H&E */
    uint8_t *ihc;     /**< [3] RGB of the IHC */
    uint8_t *level;   /**< 0..3 within tumour cells, else RST_SYNTH_NO_LEVEL */
    float *dab;       /**< optical density (base 10) of the DAB, as the scanner's optics blur it */
    int32_t *nucleus; /**< 0, or the number of the nucleus; its kind is number & 7 */
} rst_synth_view;

/**
 * Computes a rectangle.
 *
 * @param x,y  of the upper left corner in pixels, within +-2^40
 * @param w,h  in pixels, >= 1, w * h at most RST_SYNTH_READ_MAX
 * @return 0, RST_EINVAL (rectangle), RST_ENOMEM
 */
RST_API int rst_synth_region(const rst_synth *s, int64_t x, int64_t y, int64_t w, int64_t h,
                             const rst_synth_view *v, rst_error *err);

/** A data set of pairs, each of a slide of its own. Start from rst_synth_pairs_defaults. */
typedef struct rst_synth_pairs_options {
    int64_t pairs;           /**< 1..99999 */
    int64_t size;            /**< px a side, 16..8192 */
    double val_share;        /**< of the pairs that go into valA and valB, 0..1; 0.2 */
    int jpeg;                /**< 0: PNG; 1..100: JPEG of this quality */
    bool overwrite;          /**< into a folder that holds a data set already */
    rst_synth_options slide; /**< seed: of the set; level -1: each in turn; tumour is drawn */
    /** Called now and then from one thread at a time; anything but 0 stops. May be NULL. */
    int (*progress)(void *user, int64_t done, int64_t total);
    void *user;
} rst_synth_pairs_options;

RST_API rst_synth_pairs_options rst_synth_pairs_defaults(void);

/**
 * Writes a data set in the layout of MIST: trainA, valA (H&E), trainB, valB (IHC), files of equal
 * names, `NNNNN_SPLIT_LEVEL.png` as in BCI. Beside them truth/SPLIT/NAME.level.png (0..3, 255 where
 * there is no tumour), NAME.dab.png (100 x optical density of the DAB), NAME.nuclei.png (red: kind,
 * green x 256 + blue: number within the picture), and manifest.tsv. Levels take turns.
 *
 * Pairs are made in as many threads as OpenMP has; the files do not depend on it.
 *
 *  0, RST_EINVAL (options; a data set is there and no `overwrite`), RST_EOUTPUT, RST_ENOMEM,
 *         RST_ECANCELLED
 */
RST_API int rst_synth_pairs(const char *dir, const rst_synth_pairs_options *o, rst_error *err);

#ifdef __cplusplus
}
#endif
#endif
