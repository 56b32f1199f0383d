/* SPDX-License-Identifier: MIT */
/* What a training writes down in its run folder: metrics.csv for spreadsheets and plots, log.jsonl
 * for programs (one event a line), event files for TensorBoard.
 *
 * Everything is in the files when a function returns; rst__train_log_sync, called before a
 * checkpoint is renamed into place, makes that last. What belongs to step K is to be written before
 * the checkpoint of step K: a log that is opened again at K keeps the rows up to K, and those after
 * it will be written once more. */
#ifndef RST_RUN_TRAIN_LOG_H
#define RST_RUN_TRAIN_LOG_H

#include <restain/image.h>

#include "base/json.h"

typedef struct rst_train_log rst_train_log;

/** The names of what is logged, fixed for a run: letters, digits and `_-./+@` only. */
typedef struct rst_train_columns {
    int losses, norms, scores;
    const char *const *loss;  /**< [losses]: of every step ... */
    const char *const *norm;  /**< [norms]: ... with the networks whose gradients it had ... */
    const char *const *score; /**< [scores]: ... and of every validation */
} rst_train_columns;

/** A step. Numbers may be NaN or infinite: the log is where one sees it. */
typedef struct rst_train_step {
    int64_t step;  /**< done so far, from 1 */
    int64_t epoch; /**< from 1 */
    double lr;
    const double *loss;  /**< [losses] */
    const double *norm;  /**< [norms]: of gradients as they came, before --clip-grad */
    double seconds;      /**< of training so far, those before a resume counted */
    double images_per_s; /**< lately */
    double loader_share; /**< of the steps' wall time that was spent waiting for data, 0..1 */
} rst_train_step;

/**
 * Opens the log of a run. At step 0 it begins anew: metrics.csv and log.jsonl are replaced. At
 * resume_step K > 0 rows of later steps are cut off (the rest is rewritten under a temporary name
 * and renamed), as is everything from the first damaged line on. Either way a new event file
 * begins.
 *
 * @param validated  the validation after step K, too, was before the checkpoint: its rows stay
 * @param[out] out  owned; rst__train_log_close
 * @param dir       made if it is not there
 * @return 0, RST_EINVAL (a name), RST_EFORMAT (metrics.csv has other columns), RST_EINPUT,
 *         RST_EOUTPUT, RST_ENOMEM
 */
int rst__train_log_open(rst_train_log **out, const char *dir, const rst_train_columns *columns,
                        int64_t resume_step, bool validated, rst_error *err);
/** A step, into all three. TensorBoard's tags: loss/NAME, grad/NAME, train/lr, train/images_per_s,
 *  train/loader_share. */
int rst__train_log_step(rst_train_log *log, const rst_train_step *s, rst_error *err);
/** A validation [scores] after that step, into all three; in TensorBoard val/NAME. */
int rst__train_log_eval(rst_train_log *log, int64_t step, int64_t epoch, const double *score,
                        rst_error *err);
/** Anything else, into log.jsonl alone: {"event": name, "step": step, ...fields}.
 *  @param fields  an object, or NULL; the reference is taken */
int rst__train_log_event(rst_train_log *log, const char *name, int64_t step, json_t *fields,
                         rst_error *err);
/** A picture, into TensorBoard alone. */
int rst__train_log_image(rst_train_log *log, int64_t step, const char *tag, const rst_image *img,
                         rst_error *err);
/** What was written is on the disk. */
int rst__train_log_sync(rst_train_log *log, rst_error *err);
/** Syncs and frees, failing or not. NULL is fine. */
int rst__train_log_close(rst_train_log *log, rst_error *err);

#endif
