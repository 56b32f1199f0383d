/* SPDX-License-Identifier: MIT */
/* The course of a training for its curves, in memory that does not grow: when it is full,
 * neighbouring points become their mean. */
#ifndef RST_RUN_TRAIN_HISTORY_H
#define RST_RUN_TRAIN_HISTORY_H

#include "run/train_log.h"

enum { RST_TRAIN_POINTS = 1024 };

/** Points of some columns. */
typedef struct rst_train_series {
    int columns;
    int64_t rows;           /* up to RST_TRAIN_POINTS */
    int64_t every, pending; /* rows that make a point; rows waiting in `sum` */
    double *x;              /* [RST_TRAIN_POINTS] steps; owned, with the others */
    double *y;              /* [columns][RST_TRAIN_POINTS] */
    double *sum;            /* [1 + columns] */
} rst_train_series;

typedef struct rst_train_history {
    rst_train_columns columns; /* borrowed, with its names */
    rst_train_series loss, score;
} rst_train_history;

/** @param[out] h  rst__train_history_free. RST_ENOMEM */
int rst__train_history_init(rst_train_history *h, const rst_train_columns *columns, rst_error *err);
/** An empty one is fine. */
void rst__train_history_free(rst_train_history *h);
void rst__train_history_step(rst_train_history *h, int64_t step, const double *loss);
void rst__train_history_eval(rst_train_history *h, int64_t step, const double *score);
/** Adds the rows of a metrics.csv: for a training that goes on.
 *  @return 0, RST_EFORMAT (other columns), RST_EINPUT, RST_ENOMEM */
int rst__train_history_load(rst_train_history *h, const char *path, rst_error *err);

#endif
