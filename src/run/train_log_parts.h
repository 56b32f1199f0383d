/* SPDX-License-Identifier: MIT */
/* The inside of a training's log: its lines, and cutting a file of them. */
#ifndef RST_RUN_TRAIN_LOG_PARTS_H
#define RST_RUN_TRAIN_LOG_PARTS_H

#include "base/str.h"
#include "run/train_log.h"

enum { RST_TRAIN_LINE_MAX = 1 << 20 };

/* Lines with their newline. Those of CSV; a NULL part of a row is left empty. */
void rst__csv_header(rst_str *line, const rst_train_columns *c);
void rst__csv_step(rst_str *line, const rst_train_columns *c, const rst_train_step *s);
void rst__csv_eval(rst_str *line, const rst_train_columns *c, int64_t step, int64_t epoch,
                   const double *score);
/* Of JSON. */
void rst__jsonl_step(rst_str *line, const rst_train_columns *c, const rst_train_step *s);
void rst__jsonl_eval(rst_str *line, const rst_train_columns *c, int64_t step, int64_t epoch,
                     const double *score);
/* Takes the reference to fields. */
void rst__jsonl_event(rst_str *line, const char *name, int64_t step, json_t *fields);

/* The moment of a line (without its newline): twice its step, and one more for a validation, which
 * comes after the step; -1: it is damaged. */
typedef int64_t (*rst_line_moment)(const char *line, size_t len);
int64_t rst__csv_line_moment(const char *line, size_t len);
int64_t rst__jsonl_line_moment(const char *line, size_t len);

/**
 * Keeps of a file of lines what comes before the first one that is beyond `moment`, damaged, or not
 * ended. No file is an empty file.
 *
 * @param header  the first line that there must be, with its newline; may be empty
 */
int rst__lines_cut(const char *path, const char *header, int64_t moment, rst_line_moment moment_of,
                   rst_error *err);

#endif
