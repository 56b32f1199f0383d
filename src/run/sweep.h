/* SPDX-License-Identifier: MIT */
/* Trainings compared: rows times seeds, each judged on held-out pairs, in a table of means and
 * deviations. What is in the table of results already is not done again, and a stopped training is
 * gone on with, so that a sweep may take any number of sittings; several processes may work at
 * one. */
#ifndef RST_RUN_SWEEP_H
#define RST_RUN_SWEEP_H

#include <restain/model.h>
#include <restain/train.h>

#include "base/str.h"
#include "data/dataset.h"

enum { RST_SWEEP_HASH = 12 };

/** Pairs to judge on. */
typedef struct rst_sweep_set {
    const char *name;
    rst_dataset_options data;
    /** 1: whole pictures as they are. 2, 4: the middle half or quarter of their sides, enlarged to
     * the size of the whole, H&E and IHC alike (spec 5). */
    int magnification;
} rst_sweep_set;

/** A row with a seed. */
typedef struct rst_sweep_job {
    const char *row, *seed; /* the seed is "-" where nothing is trained */
    const char *name;       /* of a folder: ROW-SEED; a training's, too */
    /** NULL: nothing is. Its resume, overwrite and progress are the sweep's own. */
    const rst_train_options *train;
    const char *settings; /* what of it is not as published, as text: results belong to it */
    const char *model;    /* without train: a file that is judged as it is; NULL: the H&E itself */
} rst_sweep_job;

typedef struct rst_sweep_progress {
    const rst_sweep_job *job;
    int at, due; /* the job's place among those that were due when the sweep began, from 0 */
    const rst_train_progress *train; /* NULL while it is judged */
} rst_sweep_progress;

/** Texts and arrays are borrowed. */
typedef struct rst_sweep {
    const char *name;    /* in the markers of `summary` */
    const char *folder;  /* of the trainings */
    const char *results; /* the numbers: a line a row, seed and set, tab-separated */
    const char *summary; /* a Markdown file with a place for the table; NULL: none */
    bool stain;          /* the summary has columns for DAB */
    const rst_sweep_job *job;
    int jobs; /* in the order that they are done in; rows of the summary in order of appearance */
    const rst_sweep_set *set;
    int sets;
    const char *sr_x2, *sr_x4; /* super-resolvers of views and magnifications; NULL both: bicubic */
    const char *multimag_data; /* what magnifications are made of, in folder/multimag; NULL: none
                                  are needed */
    rst_ctx_options ctx;       /* of models that are judged */
    bool overwrite;            /* due rows begin anew where a training of theirs is there */
    /** Anything but 0 stops. May be NULL. */
    int (*progress)(void *user, const rst_sweep_progress *p);
    void *user;
} rst_sweep;

typedef struct rst_sweep_report {
    int done, skipped; /* jobs: now, and before */
    int elsewhere;     /* another process is at work on them */
    int failed;        /* NaN or Inf in their training */
} rst_sweep_report;

/** The manifest that rows with several magnifications are trained on. RST_EINVAL: path too long. */
int rst__sweep_manifest(const char *folder, char *path, size_t size, rst_error *err);
/** Whether each job is in the results, with these settings and sets. @param[out] done [jobs] */
int rst__sweep_done(const rst_sweep *s, bool *done, rst_error *err);
/**
 * Does what is due, writing results and summary after each job.
 * @return 0, RST_EPARTIAL (some trainings failed, and were told), RST_ECANCELLED (stopped; the same
 *         call goes on), those of rst_train, rst_model_open, opening data sets, RST_EOUTPUT
 */
int rst__sweep_run(const rst_sweep *s, rst_sweep_report *out, rst_error *err);
/** Ends it after the step at hand; safe in a signal handler. */
void rst__sweep_stop(void);
/** Writes the summary from the results that are there, into its file, and into `text` if that is
 *  not NULL. */
int rst__sweep_summarise(const rst_sweep *s, rst_str *text, rst_error *err);

#endif
