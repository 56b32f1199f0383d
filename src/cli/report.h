/* SPDX-License-Identifier: MIT */
/* What the command says on stderr while it works, and how it ends. */
#ifndef RST_CLI_REPORT_H
#define RST_CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <restain/error.h>

/** The exit code of a status: the one place that maps them. */
int cli_exit_code(int status);

/** Sends the library's log lines to stderr, each kind once; and makes Ctrl-C end the run. */
void cli_report_start(void);
/** No more news and progress; warnings and errors stay. */
void cli_report_quiet(void);
/** Says how many log lines were held back, and ends the progress line. */
void cli_report_end(void);
/** "restain: " and a line to stderr, over a progress line if there is one. */
void cli_say(const char *fmt, ...) RST_PRINTF(1, 2);

/** While `path` is written (NULL: no more), an interrupt removes what there is of it. */
void cli_guard(const char *path);

/** `done` of `total` things are done: a line that changes on a terminal, else now and then a new
 *  one. */
void cli_progress(int64_t done, int64_t total);

#endif
