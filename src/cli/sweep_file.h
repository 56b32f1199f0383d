/* SPDX-License-Identifier: MIT */
/* A sweep's file: sections [sweep], [train], [set NAME], [row NAME]. */
#ifndef RST_CLI_SWEEP_FILE_H
#define RST_CLI_SWEEP_FILE_H

#include "cli/options.h"
#include "run/sweep.h"

/** The verb's flags; [sweep] has the same names. */
enum {
    CLI_SWEEP_NAME,
    CLI_SWEEP_FOLDER,
    CLI_SWEEP_RESULTS,
    CLI_SWEEP_SUMMARY,
    CLI_SWEEP_SEEDS,
    CLI_SWEEP_STAIN,
    CLI_SWEEP_SR_X2,
    CLI_SWEEP_SR_X4,
    CLI_SWEEP_DRY_RUN,
    CLI_SWEEP_TABLE,
    CLI_SWEEP_OVERWRITE,
    CLI_SWEEP_BACKEND,
    CLI_SWEEP_THREADS,
    CLI_SWEEP_QUIET,
    CLI_SWEEP_OPTIONS
};

typedef struct cli_sweep cli_sweep;

/**
 * Reads the file that a->file[0] names.
 *
 * @param a  what was typed, which wins; gets what [sweep] says
 * @param[out] out  owned; cli_sweep_free; a must outlive it
 * @return 0, RST_EINVAL (a setting, by file and line), RST_EINPUT, RST_EFORMAT, RST_ENOMEM
 */
int cli_sweep_read(cli_sweep **out, cli_args *a, rst_error *err);
/** Borrowed. */
rst_sweep *cli_sweep_of(cli_sweep *t);
void cli_sweep_free(cli_sweep *t);

#endif
