/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/verbs.h"
#include "run/inspect.h"

enum { JSON, COUNT };

static const cli_option options[COUNT] = {
    [JSON] = { "json", 0, CLI_FLAG, .help = "One JSON object, for programs" },
};

static int run(const cli_args *a, rst_error *err)
{
    json_t *o = NULL;
    rst_error print = RST_ERROR_INIT;
    int rc = rst__doctor(&o, err);
    if (!o)
        return rc;
    int printed = cli_print_json(o, a->value[JSON].given, &print);
    json_decref(o);
    if (rc == 0 && printed < 0) {
        *err = print;
        return printed;
    }
    if (!a->value[JSON].given)
        (void)printf("%s\n", rc == 0 ? "All is well." : "This machine gives wrong results.");
    return rc;
}

const cli_verb cli_verb_doctor = {
    .name = "doctor",
    .usage = "[--json]",
    .brief = "say what this machine can do, and test it",
    .text = "Prints the version, the processor and the instruction set that was chosen, threads, "
            "memory, libraries and convolution implementations, and runs a self-test of a second: "
            "convolutions against the reference, random numbers against a known answer, a picture "
            "written and read.",
    .examples = "restain doctor",
    .options = options,
    .count = COUNT,
    .min_files = 0,
    .max_files = 0,
    .run = run,
};
