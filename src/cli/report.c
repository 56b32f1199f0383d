/* SPDX-License-Identifier: MIT */
#include "cli/report.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <restain/log.h>

enum { TAILS = 16, TAIL_MAX = 200 };

/* The end of a log line, behind the file's name: a folder's worth of the same news is told once. */
typedef struct tail {
    char text[TAIL_MAX];
    long more;
} tail;

static struct {
    bool quiet, tty, line_open;
    double start, last;
    int last_step; /* of 5 % */
    tail tail[TAILS];
    int tails;
} report;

int cli_exit_code(int status)
{
    switch ((rst_status)status) {
    case RST_OK:
        return 0;
    case RST_EINVAL:
        return 2;
    case RST_EINPUT:
    case RST_EFORMAT:
        return 3;
    case RST_EPARTIAL:
        return 4;
    case RST_ENOMEM:
        return 5;
    case RST_EVERIFY:
        return 6;
    case RST_ECANCELLED:
        return 130;
    case RST_EOUTPUT:
    case RST_EDEVICE:
    case RST_ENUMERIC:
    case RST_EINTERNAL:
        break;
    }
    return 1;
}

/* Lines -----------------------------------------------------------------------------------------
 */

static void clear_line(void)
{
    if (report.line_open)
        (void)fputs("\r\033[K", stderr);
    report.line_open = false;
}

void cli_say(const char *fmt, ...)
{
    va_list ap;
    clear_line();
    (void)fputs("restain: ", stderr);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
}

/* Whether news of this kind was told before; counts it. */
static bool told(const char *line)
{
    const char *colon = strstr(line, ": "), *text = colon ? colon + 2 : line;
    for (int i = 0; i < report.tails; i++)
        if (strncmp(report.tail[i].text, text, TAIL_MAX - 1) == 0) {
            report.tail[i].more++;
            return true;
        }
    if (report.tails < TAILS)
        (void)snprintf(report.tail[report.tails++].text, TAIL_MAX, "%s", text);
    return false;
}

static void sink(void *user, rst_log_level level, const char *line)
{
    (void)user;
    if ((report.quiet && level == RST_LOG_INFO) || told(line))
        return;
    cli_say("%s%s", level == RST_LOG_WARN ? "warning: " : "", line);
}

/* Interrupts ------------------------------------------------------------------------------------
 */

static char guarded[PATH_MAX];

static void interrupted(int number)
{
    static const char text[] = "\nrestain: interrupted; what is written is whole\n";
    if (*guarded)
        (void)unlink(guarded);
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(128 + number);
}

void cli_guard(const char *path)
{
    sigset_t both, before;
    (void)sigemptyset(&both);
    (void)sigaddset(&both, SIGINT);
    (void)sigaddset(&both, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &both, &before);
    int n = path ? snprintf(guarded, sizeof guarded, "%s.part", path) : 0;
    if (n <= 0 || (size_t)n >= sizeof guarded)
        *guarded = 0;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

void cli_report_start(void)
{
    struct sigaction act = { .sa_handler = interrupted };
    (void)sigemptyset(&act.sa_mask);
    (void)sigaddset(&act.sa_mask, SIGINT);
    (void)sigaddset(&act.sa_mask, SIGTERM);
    (void)sigaction(SIGINT, &act, NULL);
    (void)sigaction(SIGTERM, &act, NULL);
    (void)signal(SIGXFSZ,
                 SIG_IGN); /* a file over the limit is an error of write(), with a message */
    rst_log_to(sink, NULL);
}

/* Progress --------------------------------------------------------------------------------------
 */

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void time_text(double seconds, char buf[32])
{
    const long s = (long)(seconds + 0.5);
    if (s < 60)
        (void)snprintf(buf, 32, "%ld s", s);
    else if (s < 3600)
        (void)snprintf(buf, 32, "%ld min %02ld s", s / 60, s % 60);
    else
        (void)snprintf(buf, 32, "%ld h %02ld min", s / 3600, s / 60 % 60);
}

static void progress_text(int64_t done, int64_t total, double spent, char *buf, size_t size)
{
    char left[32];
    const double rate = spent > 0 ? (double)done / spent : 0;
    if (done == 0 || rate <= 0) {
        (void)snprintf(buf, size, "%lld of %lld", (long long)done, (long long)total);
        return;
    }
    time_text((double)(total - done) / rate, left);
    (void)snprintf(buf, size,
                   rate >= 1 ? "%lld of %lld, %.1f/s, %s left" : "%lld of %lld, %.2f/s, %s left",
                   (long long)done, (long long)total, rate, left);
}

void cli_progress(int64_t done, int64_t total)
{
    const double at = now();
    char text[128];
    if (report.start <= 0) {
        report.start = report.last = at;
        report.tty = isatty(STDERR_FILENO) == 1;
        return;
    }
    const int step = total > 0 ? (int)(20 * done / total) : 0;
    const double since = at - report.last;
    const bool due =
        report.tty ? since >= 0.1 : (step > report.last_step && since >= 2) || since >= 60;
    if (report.quiet || !due)
        return;
    report.last = at;
    report.last_step = step;
    progress_text(done, total, at - report.start, text, sizeof text);
    if (report.tty) {
        (void)fprintf(stderr, "\r\033[K%s", text);
        (void)fflush(stderr);
        report.line_open = true;
    } else {
        cli_say("%s", text);
    }
}

void cli_report_quiet(void)
{
    report.quiet = true;
}

void cli_report_end(void)
{
    clear_line();
    for (int i = 0; i < report.tails; i++)
        if (report.tail[i].more)
            cli_say("%ld more: %s", report.tail[i].more, report.tail[i].text);
}
