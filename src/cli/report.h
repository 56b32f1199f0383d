/* SPDX-License-Identifier: MIT */
/* What the command says on stderr while it works, and how it ends. */
#ifndef RST_CLI_REPORT_H
#define RST_CLI_REPORT_H

#include <stdbool.h>
#include <stddef.h>
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

/** The first interrupt calls this (NULL: no more) instead of ending the run; the second ends it. */
void cli_on_interrupt(void (*stop)(void));

/** `done` of `total` things are done: a line that changes on a terminal, else now and then a new
 *  one. */
void cli_progress(int64_t done, int64_t total);

/** "3 h 20 min" */
void cli_time_text(double seconds, char buf[32]);

/** Long work, as its progress line tells it. */
typedef struct cli_work {
    int64_t done, total; /**< done may begin above 0; another total is other work */
    const char *text;    /**< what stands before rate and time left; NULL: "DONE of TOTAL" */
    const char *unit;    /**< of the rate, "img"; NULL: none */
    double each;         /**< so many of these are in one step of `done`; 0: 1 */
} cli_work;

/** "TEXT  6.2 img/s  2 h 10 min left", when a line is due. */
void cli_progress_line(const cli_work *w);
/** "NAME 1.23 NAME 4.56": values with three digits, as many as fit into size >= 1 characters. */
void cli_values(char *buf, size_t size, int n, const char *const *name, const double *value);

#endif
