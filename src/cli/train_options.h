/* SPDX-License-Identifier: MIT */
/* The settings of training: the verb's table, and from it to rst_train_options. */
#ifndef RST_CLI_TRAIN_OPTIONS_H
#define RST_CLI_TRAIN_OPTIONS_H

#include <restain/train.h>

#include "cli/options.h"

/** The first of the table, those that the verb itself asks for. */
enum { CLI_TRAIN_METHOD, CLI_TRAIN_DRY_RUN, CLI_TRAIN_QUIET };

/**
 * The method's preset, changed by what is given. Texts are borrowed from the arguments.
 * @return 0, RST_EINVAL (no method, a value out of its range, settings that contradict each other)
 */
int cli_train_resolve(const cli_args *a, rst_train_options *out, rst_error *err);
/** Of the verb: verb_train.c. */
int cli_train_run(const cli_args *a, rst_error *err);

#endif
