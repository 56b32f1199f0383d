/* SPDX-License-Identifier: MIT */
/* The verbs: one file each. */
#ifndef RST_CLI_VERBS_H
#define RST_CLI_VERBS_H

#include "base/json.h"
#include "cli/options.h"

extern const cli_verb cli_verb_train, cli_verb_translate, cli_verb_convert, cli_verb_info,
    cli_verb_evaluate, cli_verb_doctor, cli_verb_synth, cli_verb_seamtest, cli_verb_prepare,
    cli_verb_sweep;

/** Prints an object: as one line of JSON, or as lines for people. */
int cli_print_json(const json_t *o, bool json, rst_error *err);

#endif
