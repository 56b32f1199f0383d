/* SPDX-License-Identifier: MIT */
#include "cli/report.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <restain/log.h>

enum { TAILS = 16, TAIL_MAX = 200, LINE_SIZE = 512 };

/* The end of a log line, behind the file's name: a folder's worth of the same news is told once. */
typedef struct tail {
    char text[TAIL_MAX];
    long more;
} tail;

static struct {
    bool quiet, tty, line_open;
    double start, last;
    int64_t first, total; /* done when `start` was, of so many */
    int last_step;        /* of 5 % */
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
static void (*volatile stopper)(void);

static void interrupted(int number)
{
    static const char text[] = "\nrestain: interrupted; what is written is whole\n";
    static const char wait[] = "\nrestain: stopping after this step; once more to end at once\n";
    void (*stop)(void) = stopper;
    if (stop) {
        const int before = errno;
        stopper = NULL;
        stop();
        (void)!write(STDERR_FILENO, wait, sizeof wait - 1);
        errno = before;
        return;
    }
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

void cli_on_interrupt(void (*stop)(void))
{
    stopper = stop;
}

void cli_report_start(void)
{
    struct sigaction act = { .sa_handler = interrupted, .sa_flags = SA_RESTART };
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

void cli_time_text(double seconds, char buf[32])
{
    const long s = (long)(seconds + 0.5);
    if (s < 60)
        (void)snprintf(buf, 32, "%ld s", s);
    else if (s < 3600)
        (void)snprintf(buf, 32, "%ld min %02ld s", s / 60, s % 60);
    else
        (void)snprintf(buf, 32, "%ld h %02ld min", s / 3600, s / 60 % 60);
}

void cli_values(char *buf, size_t size, int n, const char *const *name, const double *value)
{
    size_t at = 0;
    *buf = 0;
    for (int i = 0; i < n; i++) {
        char one[128];
        const int len = snprintf(one, sizeof one, "%s%s %.3g", i ? " " : "", name[i], value[i]);
        if (len < 0 || (size_t)len >= sizeof one || (size_t)len >= size - at)
            return; /* whole values only */
        memcpy(buf + at, one, (size_t)len + 1);
        at += (size_t)len;
    }
}

/* Rate and time left, once something was done. */
static void rate_text(const cli_work *w, double spent, char *buf, size_t size)
{
    char left[32];
    const char *gap = w->text ? "  " : ", ", *blank = w->unit ? " " : "";
    const int64_t done = w->done - report.first;
    const double rate = spent > 0 ? (double)done / spent : 0,
                 shown = rate * (w->each > 0 ? w->each : 1);
    *buf = 0;
    if (done <= 0 || rate <= 0)
        return;
    cli_time_text((double)(w->total - w->done) / rate, left);
    (void)snprintf(buf, size, "%s%.*f%s%s/s%s%s left", gap, shown >= 1 ? 1 : 2, shown, blank,
                   w->unit ? w->unit : "", gap, left);
}

/* One line of at most `width` characters; what gives way is the end of the caller's text. */
static void progress_text(const cli_work *w, double spent, int width, char *buf, size_t size)
{
    char head[LINE_SIZE], rest[128];
    rate_text(w, spent, rest, sizeof rest);
    if (w->text)
        (void)snprintf(head, sizeof head, "%s", w->text);
    else
        (void)snprintf(head, sizeof head, "%lld of %lld", (long long)w->done, (long long)w->total);
    const int room = width - (int)strlen(rest);
    if ((int)strlen(head) > room && room > 2)
        (void)snprintf(buf, size, "%.*s..%s", room - 2, head, rest);
    else
        (void)snprintf(buf, size, "%s%s", head, rest);
    if (strlen(buf) > (size_t)width)
        buf[width] = 0;
}

/* Columns of the terminal, less the one that would make it wrap. */
static int line_width(void)
{
    struct winsize w;
    if (!report.tty || ioctl(STDERR_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col < 2)
        return LINE_SIZE - 1;
    return w.ws_col < LINE_SIZE ? w.ws_col - 1 : LINE_SIZE - 1;
}

static int twentieths(const cli_work *w)
{
    return w->total > 0 ? (int)(20 * w->done / w->total) : 0;
}

/* Whether it is time for another line. */
static bool due(const cli_work *w, double at)
{
    const double since = at - report.last;
    const int step = twentieths(w);
    if (report.quiet ||
        (report.tty ? since < 0.1 : (step <= report.last_step || since < 2) && since < 60))
        return false;
    report.last = at;
    report.last_step = step;
    return true;
}

void cli_progress_line(const cli_work *w)
{
    const double at = now();
    char text[LINE_SIZE + 128];
    if (report.start <= 0 || report.total != w->total) { /* other work has begun */
        report.start = report.last = at;
        report.first = w->done;
        report.total = w->total;
        report.last_step = twentieths(w);
        report.tty = isatty(STDERR_FILENO) == 1;
        return;
    }
    if (!due(w, at))
        return;
    progress_text(w, at - report.start, line_width(), text, sizeof text);
    if (report.tty) {
        (void)fprintf(stderr, "\r\033[K%s", text);
        (void)fflush(stderr);
        report.line_open = true;
    } else {
        cli_say("%s", text);
    }
}

void cli_progress(int64_t done, int64_t total)
{
    cli_progress_line(&(cli_work){ .done = done, .total = total });
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
