/* SPDX-License-Identifier: MIT */
/**
 * @file evaluate.h
 * Real and virtual IHC side by side: folders of pictures whose names pair them.
 *
 *     rst_evaluation *e;
 *     if (rst_evaluate(&e, "real", "virtual", NULL, &err) == 0)
 *         printf("SSIM %.4f, DAB r %.3f\n", rst_evaluation_group(e, 0)->score[RST_SCORE_SSIM].mean,
 *                rst_evaluation_group(e, 0)->stain.r);
 *     rst_evaluation_free(e);
 *
 * An evaluation is for reading, and all that a report needs is in it: `rst_evaluation_facts` (what
 * was compared, by which protocol), `rst_evaluation_metric` (how each metric was computed in words,
 * from which weights, or why it was not), `rst_evaluation_row` (every pair and its scores),
 * `rst_evaluation_group` (means and intervals over all pairs and over those of a level, the stain's
 * agreement), `rst_evaluation_distances` (FID, KID). `rst_score_describe` says what a score is
 * called, how many digits it deserves and which way is better, so that tables need not know the
 * scores. Of several runs over the same real pictures `rst_evaluate_runs` makes one evaluation
 * each, and `rst_evaluation_compare` compares two of them pair by pair.
 */
#ifndef RESTAIN_EVALUATE_H
#define RESTAIN_EVALUATE_H

#include <restain/metric.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is computed ----------------------------------------------------------------------------- */

typedef enum rst_metric {
    RST_METRIC_SSIM,
    RST_METRIC_PSNR,
    RST_METRIC_STAIN, /**< agreement of the brown, and checks of colour */
    RST_METRIC_LPIPS,
    RST_METRIC_PHV,
    RST_METRIC_FID,
    RST_METRIC_KID,
    RST_METRICS
} rst_metric;

/** "ssim", "psnr", "stain", "lpips", "phv", "fid", "kid". */
RST_API const char *rst_metric_name(rst_metric m);

/** What the numbers of a metric depend on beside the pictures. A protocol that changes gets another
 *  version. */
typedef enum rst_protocol {
    RST_PROTOCOL_ASP_2023, /**< what ASP's evaluate.py computes, hence most papers' tables */
    RST_PROTOCOL_CLEAN,    /**< the same metrics as their authors define them */
    RST_PROTOCOL_BCI_2022, /**< BCI's evaluate.py: SSIM and PSNR */
    RST_PROTOCOLS
} rst_protocol;

/** "asp-2023", "clean", "bci-2022". */
RST_API const char *rst_protocol_name(rst_protocol p);
RST_API int rst_protocol_version(rst_protocol p);

/** Numbers that each pair has. Virtual comes second: a bias is virtual less real. */
typedef enum rst_score {
    RST_SCORE_SSIM,
    RST_SCORE_PSNR,     /**< dB; +inf for equal pictures */
    RST_SCORE_MSE,      /**< of pixels, 0..255^2 */
    RST_SCORE_DAB_REAL, /**< mean DAB optical density */
    RST_SCORE_DAB_VIRTUAL,
    RST_SCORE_DAB_BIAS,
    RST_SCORE_AREA_REAL, /**< share of pixels with DAB > 0.15 */
    RST_SCORE_AREA_VIRTUAL,
    RST_SCORE_AREA_BIAS,
    RST_SCORE_DAB_R, /**< Pearson's, of DAB over the picture's pixels */
    RST_SCORE_LPIPS,
    RST_SCORE_PHV1, /**< of ResNet-50's stages 1 to 4 */
    RST_SCORE_PHV2,
    RST_SCORE_PHV3,
    RST_SCORE_PHV4,
    RST_SCORE_PHV, /**< their mean */
    RST_SCORES
} rst_score;

typedef struct rst_score_info {
    const char *key;   /**< in JSON and CSV: "dab_mean_real" */
    const char *title; /**< in tables: "DAB real" */
    const char *unit;  /**< "dB", or "" */
    rst_metric metric; /**< that it belongs to */
    int digits;        /**< behind the point */
    int better;        /**< 1: more is better, -1: less is, 0: neither */
} rst_score_info;

RST_API const rst_score_info *rst_score_describe(rst_score s);

/** All zero, or NULL in place of a pointer to it, is the default. */
typedef struct rst_evaluate_options {
    rst_image_read_options read;
    rst_protocol protocol;
    unsigned metrics; /**< 1u << RST_METRIC_...; 0: all that the protocol has and weights are there
                           for */
    rst_lpips_net lpips_net;
    const char *weights; /**< folder of the networks' published files; NULL: none */
    const char *cache;   /**< folder where features are kept for later runs; NULL: they are not */
    bool rewrite_real;   /**< give the real pictures the losses that ASP's test.py writes real_B
                              with: values 1 to 63 come back one lower */
    uint64_t seed;       /**< of resampling and KID's subsets; 0: KID's is the protocol's own */
    int resamples;       /**< of intervals; 0: 1000 */
    int threads;         /**< 0: as many as the machine has, or OMP_NUM_THREADS */
    /** Called after each pair; anything but 0 stops. */
    int (*progress)(void *user, int64_t done, int64_t total);
    void *user;
} rst_evaluate_options;

typedef struct rst_evaluation rst_evaluation;

/**
 * Compares the pictures of two folders, two pictures, or two slides of one size, tile by tile at
 * level 0 (tiles of 512 to 1023 pixels a side). Nothing of the result depends on the number of
 * threads. A metric whose weights are missing or damaged is skipped, and the log says so.
 *
 * @param real, fake  PNG, JPEG or TIFF, paired by their names without extension
 * @param[out] out    owned; rst_evaluation_free
 * @return 0, RST_EINPUT (unreadable, a picture without partner, none of the metrics can be
 *         computed), RST_EFORMAT (damaged, other sizes, smaller than a window), RST_EINVAL (a
 *         metric that the protocol does not have), RST_ENUMERIC (features that are not numbers),
 *         RST_EOUTPUT (the cache), RST_ECANCELLED, RST_ENOMEM
 */
RST_API int rst_evaluate(rst_evaluation **out, const char *real, const char *fake,
                         const rst_evaluate_options *o, rst_error *err);
/** The same for several folders of virtual pictures: out [runs]. Networks are opened once, and the
 *  real pictures' features made once. */
RST_API int rst_evaluate_runs(rst_evaluation **out, const char *real, const char *const *fake,
                              int runs, const rst_evaluate_options *o, rst_error *err);
/** NULL is fine. */
RST_API void rst_evaluation_free(rst_evaluation *e);

/* What came out -------------------------------------------------------------------------------- */

typedef struct rst_evaluation_facts {
    const char *real, *fake; /**< as they were given */
    rst_protocol protocol;
    bool rewrite_real;
    bool slides; /**< the rows are tiles of two slides */
    int64_t rows;
    int groups;
    int64_t equal; /**< pairs without any difference; 0 unless PSNR was asked for */
    uint64_t seed;
    int resamples;
    double interval;     /**< the share of resamples within an interval: 0.95 */
    double psnr_of_mean; /**< dB of the mean of the pairs' MSE */
} rst_evaluation_facts;

RST_API rst_evaluation_facts rst_evaluation_describe(const rst_evaluation *e);

enum { RST_METRIC_FILES = 2 };

/** How a metric was computed. */
typedef struct rst_metric_use {
    bool done;         /**< there are values */
    char how[240];     /**< the protocol in words, with sizes of subsets and seed */
    char skipped[512]; /**< why there are none; "": nobody wanted them */
    int files;         /**< of weights */
    struct {
        char name[160];  /**< without its folder */
        char sha256[65]; /**< of the file */
    } file[RST_METRIC_FILES];
} rst_metric_use;

RST_API const rst_metric_use *rst_evaluation_metric(const rst_evaluation *e, rst_metric m);

/** A pair. */
typedef struct rst_evaluation_row {
    const char *name;            /**< what both pictures are called, or "x512_y0" of a tile */
    const char *real, *fake;     /**< files, or slides */
    int64_t x, y, width, height; /**< in pixels; x and y are 0 but for tiles */
    int level;                   /**< HER2 level that the name ends in (00012_test_2+), or -1 */
    double score[RST_SCORES];    /**< NaN where there is none */
    rst_stain_agreement stain;
    rst_colour_agreement colour;
} rst_evaluation_row;

/** NULL past the last. */
RST_API const rst_evaluation_row *rst_evaluation_row_at(const rst_evaluation *e, int64_t i);

/** A score over the pairs of a group. */
typedef struct rst_score_summary {
    int64_t n;        /**< pairs that have it; the rest is NaN if there are none */
    double mean;      /**< +inf if one pair's PSNR is */
    double deviation; /**< between pairs, over n - 1; NaN for one */
    double low, high; /**< of the mean, by resampling the group's pairs; NaN for one */
    double median;
} rst_score_summary;

/** Two ways to measure the same thing, over pairs: virtual less real (Bland and Altman 1986). */
typedef struct rst_bland_altman {
    double bias, deviation; /**< of the differences */
    double low, high;       /**< limits of agreement: bias -/+ 1.96 deviations */
    double r;               /**< Pearson's, between pairs; NaN below 2 */
} rst_bland_altman;

enum { RST_QUANTILES = 5 };

/** All pairs, or those of one HER2 level. */
typedef struct rst_evaluation_scores {
    char name[16]; /**< "all", or the level: "0", "1+", "2+", "3+" */
    int64_t images;
    rst_score_summary score[RST_SCORES];
    rst_stain_agreement stain; /**< pooled over all pixels */
    double tile_r;             /**< Pearson's r of the pairs' mean DAB; dab.r */
    /** Of DAB over all pixels, at 5, 25, 50, 75 and 95 %; exact to 0.002. */
    double quantile_real[RST_QUANTILES], quantile_fake[RST_QUANTILES];
    rst_bland_altman dab, area; /**< of mean DAB and of positive area */
    /** Pairs by the proxies of their levels, [real][virtual]: rst_stain_facts.level. */
    int64_t confusion[RST_STAIN_LEVELS][RST_STAIN_LEVELS];
    double kappa;       /**< of these, quadratic weights; NaN where chance explains all */
    double level_agree; /**< share of pairs with equal proxies */
    int64_t odd[RST_COLOUR_CHECKS]; /**< pairs that a check of colour found */
} rst_evaluation_scores;

/** Group 0 is all; then a group for each level that names tell of (BCI's, as in 00012_test_2+);
 * NULL past the last. */
RST_API const rst_evaluation_scores *rst_evaluation_group(const rst_evaluation *e, int i);

/** Of all pairs' features; NaN where not computed. There are no intervals: FID depends on the
 *  number of pictures, so that resampled sets do not have its value; KID has its subsets. */
typedef struct rst_evaluation_sets {
    double fid;
    double kid, kid_deviation; /**< mean and deviation over subsets; tables show 1000 of them */
    int kid_subsets;
    int64_t kid_size; /**< pictures in a subset */
    uint64_t kid_seed;
} rst_evaluation_sets;

RST_API const rst_evaluation_sets *rst_evaluation_distances(const rst_evaluation *e);

/**
 * Writes a heat map of two slides as a pyramidal TIFF of a 32nd of their sides, with its mpp: white
 * where a tile's mean DAB is the real one's, the browner the more too much there is, the bluer the
 * more too little (strongest from 0.15 on), grey without tissue.
 *
 * @return 0, RST_EINVAL (of pictures, or without the stain), RST_EINPUT, RST_EOUTPUT, RST_ENOMEM
 */
RST_API int rst_evaluation_heatmap(const rst_evaluation *e, const char *path, rst_error *err);

/* Two runs ------------------------------------------------------------------------------------- */

/** A score of two runs over the pairs that have it in both: b less a. */
typedef struct rst_score_change {
    int64_t n;
    double a, b;      /**< means over these pairs */
    double mean;      /**< of the differences */
    double low, high; /**< by resampling pairs */
    int64_t wins;     /**< pairs in which b is better, or, where neither way is, more */
    int64_t ties;
    double p; /**< of as large a mean if the signs were chance (both sides); NaN for n < 2 */
} rst_score_change;

typedef struct rst_comparison {
    int64_t pairs; /**< names in both runs */
    rst_score_change score[RST_SCORES];
    double fid, kid; /**< b less a; NaN where not computed */
} rst_comparison;

/**
 * Compares two evaluations by the names of their pairs.
 * @return 0, RST_EINVAL (they have other protocols, or not the same names), RST_ENOMEM
 */
RST_API int rst_evaluation_compare(rst_comparison *out, const rst_evaluation *a,
                                   const rst_evaluation *b, rst_error *err);

#ifdef __cplusplus
}
#endif
#endif
