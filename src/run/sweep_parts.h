/* SPDX-License-Identifier: MIT */
/* What a sweep consists of: its results on disk, and the pairs it judges on. */
#ifndef RST_RUN_SWEEP_PARTS_H
#define RST_RUN_SWEEP_PARTS_H

#include "run/sweep.h"

enum { RST_SWEEP_PATH = 4096, RST_SWEEP_WORD = 64, RST_SWEEP_SCORES = 8 };

/* Results: sweep_results.c */

/** A line of the results. */
typedef struct rst_sweep_result {
    char row[RST_SWEEP_WORD], seed[RST_SWEEP_WORD], set[RST_SWEEP_WORD];
    char settings[RST_SWEEP_HASH + 1]; /* of training and set */
    double score[RST_SWEEP_SCORES];
} rst_sweep_result;

/** Their columns, in order. */
typedef enum rst_sweep_score {
    RST_SWEEP_IMAGES,
    RST_SWEEP_SSIM,
    RST_SWEEP_PSNR,
    RST_SWEEP_DAB_R,
    RST_SWEEP_DAB_REAL,
    RST_SWEEP_DAB_VIRTUAL,
    RST_SWEEP_AREA_REAL,
    RST_SWEEP_AREA_VIRTUAL
} rst_sweep_score;

typedef struct rst_sweep_results {
    rst_sweep_result *line; /* owned */
    int count, cap;
} rst_sweep_results;

/** A file that is not there is an empty one. @param[out] out rst__sweep_results_free, in any case
 *  RST_EFORMAT names the line. */
int rst__sweep_results_load(rst_sweep_results *out, const char *path, rst_error *err);
int rst__sweep_results_save(const rst_sweep_results *r, const char *path, rst_error *err);
/** NULL when there is none. */
const rst_sweep_result *rst__sweep_results_find(const rst_sweep_results *r, const char *row,
                                                const char *seed, const char *set);
/** In the place of the one of the same row, seed and set, or at the end. RST_ENOMEM */
int rst__sweep_results_put(rst_sweep_results *r, const rst_sweep_result *line, rst_error *err);
void rst__sweep_results_free(rst_sweep_results *r);

/* Sets: sweep_judge.c */

/** What a set's scores depend on beside the model, as a hash. */
int rst__sweep_set_hash(const rst_sweep *s, const rst_sweep_set *set, char hex[65], rst_error *err);
/** What a job's scores on a set depend on, as the results have it. */
int rst__sweep_settings(const rst_sweep *s, const rst_sweep_job *job, const rst_sweep_set *set,
                        char hash[RST_SWEEP_HASH + 1], rst_error *err);
/** Makes the enlarged views that are not there, in folder/views. Nobody else may at the time. */
int rst__sweep_make_views(const rst_sweep *s, rst_error *err);
/** Fills out->score. m: NULL: the H&E is judged. */
int rst__sweep_judge(const rst_sweep *s, const rst_sweep_set *set, rst_model *m,
                     rst_sweep_result *out, rst_error *err);
/** Whether rst__sweep_stop was called. */
bool rst__sweep_stopped(void);
/** Makes the folders that a file is in. RST_EINVAL, RST_EOUTPUT */
int rst__sweep_make_parent(const char *path, rst_error *err);
/** FOLDER/A/B into path. RST_EINVAL: too long */
int rst__sweep_path(const rst_sweep *s, const char *a, const char *b, char path[RST_SWEEP_PATH],
                    rst_error *err);

#endif
