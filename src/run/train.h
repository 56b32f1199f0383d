/* SPDX-License-Identifier: MIT */
/* The parts of a training run: its data, its steps, its checkpoints, its validations. */
#ifndef RST_RUN_TRAIN_H
#define RST_RUN_TRAIN_H

#include <restain/metric.h>
#include <restain/train.h>

#include "data/loader.h"
#include "method/method.h"
#include "run/multimag_maker.h"
#include "run/train_history.h"
#include "run/train_log.h"

enum { RST_TRAIN_SCORES = 6, RST_TRAIN_PATH = 4096 };

/** What a validation finds, in the order of the log's columns. */
typedef struct rst_train_scores {
    double value[RST_TRAIN_SCORES]; /* ssim, psnr, dab_r, then dab_real, dab_fake, dab_area_error;
                                       or, of a super-resolver, the same three of bicubic */
    int64_t images;                 /* 0: there is nothing to validate on */
} rst_train_scores;

typedef struct rst_train_run {
    const rst_train_options *o;
    char dir[RST_TRAIN_PATH];
    int lock; /* of the folder */
    rst_ctx *c;
    rst_method *m;
    const rst_method_kind *kind;
    rst_dataset *train, *val;  /* val: NULL where there is none */
    rst_multimag_maker *maker; /* of magnifications that the data set has not; NULL: it has all */
    rst_dataset *source;       /* that they are made from */
    rst_loader *loader;
    rst_train_log *log;
    rst_train_history history;        /* for the curves in panels */
    const char *term[RST_LOSS_TERMS]; /* names of the losses that this run has */
    int terms, term_at[RST_LOSS_TERMS];
    const char *net[RST_METHOD_NETS]; /* names of the networks */
    rst_schedule schedule;
    int64_t steps_per_epoch, steps;
    double best; /* the best validation's score so far */
    bool has_best;
    bool ending;    /* after the last step of an epoch, whose validation and panel are still due */
    double elapsed; /* seconds of training in earlier parts of the run */
    double start;   /* of this part, by the clock */
} rst_train_run;

/** Checks options and opens data, context and method; rst__train_close in any case. */
int rst__train_open(rst_train_run *r, const rst_train_options *o, rst_error *err);
void rst__train_close(rst_train_run *r);
/** Batches from number `first` on. */
int rst__train_load_from(rst_train_run *r, int64_t first, rst_error *err);
/** As the method takes it; borrowed from the loader's. */
rst_method_batch rst__train_batch(const rst_batch *b);
double rst__train_clock(void);
/** What is trained on: pairs, each magnification for itself, or single pictures. */
int64_t rst__train_items(const rst_train_run *r);
/** The same, each pair counted once. */
int64_t rst__train_draws(const rst_train_run *r);
/** What the networks said of pictures of that size, with where the size comes from.
 *  @return why->code */
int rst__train_explain(const rst_train_run *r, rst_dims pictures, const rst_error *why,
                       rst_error *err);

/* Checkpoints: train_save.c. A run's state is in DIR/checkpoint.safetensors, the one before in
 * DIR/checkpoint.previous.safetensors. */

/** RST_EOUTPUT leaves the old checkpoint as it was. */
int rst__train_save(rst_train_run *r, rst_error *err);
/** @return 1 when a checkpoint was taken up, 0 when there is none, or an error: a damaged file,
 * another method, architecture or seed */
int rst__train_resume(rst_train_run *r, rst_error *err);
/** Gives the generator the weights of --init-from, if there is one. RST_EINVAL (a method of two
 *  generators), RST_EINPUT, RST_EFORMAT (another network's) */
int rst__train_init_from(rst_train_run *r, rst_error *err);
/** Writes the generators as TAG_net_G.safetensors, ... for rst_model_open. */
int rst__train_save_models(rst_train_run *r, const char *tag, rst_error *err);
/** DIR/NAME into path. */
int rst__train_path(const rst_train_run *r, const char *name, char path[RST_TRAIN_PATH],
                    rst_error *err);

/* Validation: train_val.c */

/** Translates the validation pairs with latest_net_G as a user would, and compares.
 *  RST_ECANCELLED when the run is stopped meanwhile. */
int rst__train_validate(rst_train_run *r, rst_train_scores *s, rst_error *err);
/** What is validated on: 0 where there is nothing. */
int64_t rst__train_val_count(const rst_train_run *r);
/** [RST_TRAIN_SCORES] */
const char *const *rst__train_score_names(const rst_train_run *r);
/** Whether rst_train_stop was called. */
bool rst__train_stopped(void);
/** The score that options say is the best one's. */
double rst__train_rank(const rst_train_run *r, const rst_train_scores *s);
/** Validation pairs beside what the model makes of them, and the curves: DIR/panels/STEP.png. */
int rst__train_panel(rst_train_run *r, rst_error *err);

#endif
