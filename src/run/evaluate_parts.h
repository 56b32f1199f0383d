/* SPDX-License-Identifier: MIT */
/* What the files of an evaluation share. */
#ifndef RST_RUN_EVALUATE_PARTS_H
#define RST_RUN_EVALUATE_PARTS_H

#include <restain/evaluate.h>
#include <restain/slide.h>

#include "data/files.h"
#include "data/level.h"
#include "metric/stain.h"

/* Where pairs come from: evaluate_source.c ------------------------------------------------------
 */

enum { RST__TILE_NAME = 48 };

/** Pairs of pictures, or the tiles of two slides. */
typedef struct rst_eval_source {
    const char *path[2]; /* borrowed: real, virtual */
    int64_t count;
    rst_file_list list[2];             /* of pictures; item i of both is a pair */
    rst_slide *slide[2];               /* or both NULL */
    int64_t width, height;             /* of the slides */
    char (*tile_name)[RST__TILE_NAME]; /* owned */
} rst_eval_source;

/** @param s  all zero. RST_EINPUT, RST_EFORMAT, RST_EINVAL (a folder and a file), RST_ENOMEM;
 *  rst__eval_source_free in any case */
int rst__eval_source_open(rst_eval_source *s, const char *real, const char *fake, rst_error *err);
/** Ends reading; names stay. */
void rst__eval_source_close(rst_eval_source *s);
void rst__eval_source_free(rst_eval_source *s);
/** Reads a pair, RGB, of one size; from any thread. `img` is to be freed in any case. */
int rst__eval_source_read(const rst_eval_source *s, int64_t i, const rst_image_read_options *o,
                          rst_image img[2], rst_error *err);
/** Everything of a row but scores; names are borrowed from the source. */
void rst__eval_source_row(const rst_eval_source *s, int64_t i, rst_evaluation_row *row);

/* The evaluation itself -------------------------------------------------------------------------
 */

enum { RST__EVAL_GROUPS = 1 + RST_LEVELS };

/** What is summed over the pixels of a group. */
typedef struct rst_eval_pool {
    rst_stain_sums stain;
    int64_t bin[2][RST__STAIN_BINS];
} rst_eval_pool;

struct rst_evaluation {
    rst_evaluation_facts facts;
    rst_metric_use use[RST_METRICS];
    rst_eval_source source;  /* for its names */
    rst_evaluation_row *row; /* owned [facts.rows] */
    rst_eval_pool pool[RST__EVAL_GROUPS];
    rst_evaluation_scores group[RST__EVAL_GROUPS]; /* the first facts.groups; all, then levels */
    rst_evaluation_sets sets;
    char *real, *fake; /* owned */
};

/** Fills the groups from rows and pools: evaluate_stats.c. RST_ENOMEM */
int rst__eval_summarise(rst_evaluation *e, rst_error *err);
/** The interval of v's mean over n >= 2 numbers, and its median. v may hold +inf. RST_ENOMEM */
int rst__eval_interval(const double *v, int64_t n, uint64_t seed, int resamples, double *low,
                       double *high);

/* Protocols: evaluate_protocol.c --------------------------------------------------------------- */

/** Whether a protocol has a metric. */
bool rst__protocol_has(rst_protocol p, rst_metric m);
rst_ssim_options rst__protocol_ssim(rst_protocol p);
rst_phv_range rst__protocol_phv(rst_protocol p);
/** The network for FID (RST_METRIC_FID) or KID. */
rst_inception_kind rst__protocol_inception(rst_protocol p, rst_metric m);
/** Subsets of KID for sets of n pairs. */
rst_kid_options rst__protocol_kid(rst_protocol p, int64_t n, uint64_t seed);
/** What it is in words. */
void rst__protocol_describe(rst_metric m, const rst_evaluate_options *o, int64_t n,
                            rst_metric_use *use);

/* Weights: evaluate_weights.c ------------------------------------------------------------------ */

typedef enum rst_eval_file {
    RST__FILE_ALEX, /* as rst_lpips_net */
    RST__FILE_VGG,
    RST__FILE_SQUEEZE,
    RST__FILE_ALEX_HEADS,
    RST__FILE_VGG_HEADS,
    RST__FILE_SQUEEZE_HEADS,
    RST__FILE_RESNET50,
    RST__FILE_INCEPTION_FID,
    RST__FILE_INCEPTION_KID,
    RST__FILES
} rst_eval_file;

/**
 * Finds a published file in a folder, reads it and notes its name and hash in `use`.
 *
 * @param folder  NULL: there is none
 * @return 0, RST_EINPUT (not there: the message has name, size and hash), RST_EFORMAT (damaged, a
 *         number in it is none), RST_ENOMEM
 */
int rst__eval_weights(rst_weights **out, rst_eval_file f, const char *folder, rst_metric_use *use,
                      rst_error *err);

/* Features by picture: evaluate_cache.c -------------------------------------------------------- */

typedef struct rst_feature_cache rst_feature_cache;

/**
 * @param d       numbers of a picture
 * @param folder  where they are kept between runs, or NULL
 * @param name    of the file there, without its end
 * @param sha256  of the weights: a file made with others is not used
 * @param[out] out  owned; rst__feature_cache_free. RST_EOUTPUT, RST_ENOMEM
 */
int rst__feature_cache_new(rst_feature_cache **out, int64_t d, const char *folder, const char *name,
                           const char *sha256, rst_error *err);
/** Writes the file if there is something new. RST_EOUTPUT, RST_ENOMEM */
int rst__feature_cache_save(rst_feature_cache *c, rst_error *err);
void rst__feature_cache_free(rst_feature_cache *c);
/** The number of a picture, by the hash of its pixels; -1. */
int64_t rst__feature_cache_find(const rst_feature_cache *c, const char hash[65]);
/** Copies v [d] in; the new picture's number, or RST_ENOMEM. */
int64_t rst__feature_cache_add(rst_feature_cache *c, const char hash[65], const float *v);
/** Good until the next add. */
const float *rst__feature_cache_at(const rst_feature_cache *c, int64_t number);

/* Metrics of networks: evaluate_nets.c --------------------------------------------------------- */

typedef struct rst_eval_nets rst_eval_nets;

/**
 * Opens what the wanted metrics need, and takes those back that lack it: their `use` and the log
 * say why.
 *
 * @param[in,out] wanted  bits of metrics
 * @param[out] out        owned; rst__eval_nets_free
 */
int rst__eval_nets_new(rst_eval_nets **out, const rst_evaluate_options *o, unsigned *wanted,
                       rst_metric_use use[RST_METRICS], rst_error *err);
void rst__eval_nets_free(rst_eval_nets *n);
/** Whether pixels' hashes are needed. */
bool rst__eval_nets_hash(const rst_eval_nets *n);
/** Another run of `count` pairs begins. RST_ENOMEM */
int rst__eval_nets_begin(rst_eval_nets *n, int64_t count, rst_error *err);
/** Pair i of the run, by one thread: scores, and features for later. RST_ENUMERIC, RST_ENOMEM */
int rst__eval_nets_pair(rst_eval_nets *n, int64_t i, const rst_image img[2], const char hash[2][65],
                        double score[RST_SCORES], rst_error *err);
/** FID and KID of the run. What cannot be computed is said in `use` and the log. */
int rst__eval_nets_sets(rst_eval_nets *n, const rst_evaluate_options *o,
                        rst_metric_use use[RST_METRICS], rst_evaluation_sets *out, rst_error *err);
/** Features to disk, where that is wanted. RST_EOUTPUT */
int rst__eval_nets_save(rst_eval_nets *n, rst_error *err);

/* All pairs of one run: evaluate_pass.c -------------------------------------------------------- */

typedef struct rst_eval_progress {
    int64_t done, total; /* of all runs */
} rst_eval_progress;

/** Fills rows and pools. */
int rst__eval_pass(rst_evaluation *e, rst_eval_nets *n, unsigned metrics,
                   const rst_evaluate_options *o, rst_eval_progress *p, rst_error *err);

#endif
