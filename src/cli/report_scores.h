/* SPDX-License-Identifier: MIT */
/* An evaluation's numbers as people and programs read them. */
#ifndef RST_CLI_REPORT_SCORES_H
#define RST_CLI_REPORT_SCORES_H

#include <restain/evaluate.h>

#include "base/json.h"

/** Runs over the same real pictures, and of each but the first how it differs from the first. */
typedef struct cli_scores {
    rst_evaluation **run; /* [runs] */
    int runs;
    rst_comparison *change; /* [runs - 1] */
} cli_scores;

/** All tables to stdout. */
void cli_scores_print(const cli_scores *s);
/** Only a line for each run, in the columns of the paper's tables. */
void cli_scores_paper(const cli_scores *s);
/** Everything, rows too. RST_EOUTPUT, RST_ENOMEM */
int cli_scores_json(const cli_scores *s, const char *path, rst_error *err);
/** The tiles of two slides for QuPath. RST_EINVAL (no slides), RST_EOUTPUT, RST_ENOMEM */
int cli_scores_geojson(const cli_scores *s, const char *path, rst_error *err);
/** Writes a value, which is taken, also when it is NULL for want of memory. RST_EOUTPUT, RST_ENOMEM
 */
int cli_json_write(json_t *value, const char *path, rst_error *err);
/** A line for each pair of each run. RST_EOUTPUT, RST_ENOMEM */
int cli_scores_csv(const cli_scores *s, const char *path, rst_error *err);

#endif
