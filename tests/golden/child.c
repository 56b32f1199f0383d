/* SPDX-License-Identifier: MIT */
/* Each case in a process of its own: a crash, an endless loop or a flood of memory is one failed
 * case. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "golden/golden.h"

enum { CASE_SECONDS = 600 };

/* Address space cannot be limited under a sanitizer, which reserves terabytes of it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

void *gold_alloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p) {
        fputs("golden: out of memory\n", stderr);
        exit(3);
    }
    return p;
}

void gold_note_failure(gold_case *g, const char *fmt, ...)
{
    if (g->failed)
        return;
    g->failed = true;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(g->verdict->why, sizeof g->verdict->why, fmt, ap);
    va_end(ap);
}

/* Limits --------------------------------------------------------------------------------------- */

#ifndef SANITIZED
/* Bytes of address space this process has now; 0 when that cannot be known. */
static unsigned long long address_space(void)
{
    char text[128] = "";
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    return strtoull(text, NULL, 10) * (unsigned long long)sysconf(_SC_PAGESIZE);
}

static bool limit_memory(gold_case *g, double mib)
{
    unsigned long long now = address_space();
    if (!now)
        return gold_fail(g, "the size of this process cannot be read");
    rlim_t most = (rlim_t)now + (rlim_t)(mib * 1048576);
    struct rlimit r = { most, most };
    if (setrlimit(RLIMIT_AS, &r) != 0)
        return gold_fail(g, "memory cannot be limited: %s", strerror(errno));
    return true;
}
#else
static bool limit_memory(gold_case *g, double mib)
{
    (void)g, (void)mib;
    return true;
}
#endif

bool gold_limit(gold_case *g, double mib, double seconds)
{
    if (!(mib > 0 && seconds > 0))
        return gold_fail(g, "values.limits must have max_memory_mib and max_seconds");
    /* Computing time, so that a busy machine does not fail the case; ten times as much by the
     * clock. */
    rlim_t whole = (rlim_t)seconds + ((double)(rlim_t)seconds < seconds);
    struct rlimit cpu = { whole, whole }, size;
    if (getrlimit(RLIMIT_FSIZE, &size) != 0)
        return gold_fail(g, "limits cannot be read: %s", strerror(errno));
    size.rlim_cur = 0;
    if (setrlimit(RLIMIT_CPU, &cpu) != 0 || setrlimit(RLIMIT_FSIZE, &size) != 0)
        return gold_fail(g, "limits cannot be set: %s", strerror(errno));
    (void)alarm((unsigned)(10 * whole));
    return limit_memory(g, mib);
}

bool gold_allow_writing(gold_case *g)
{
    struct rlimit size;
    if (getrlimit(RLIMIT_FSIZE, &size) != 0)
        return gold_fail(g, "limits cannot be read: %s", strerror(errno));
    size.rlim_cur = size.rlim_max;
    return setrlimit(RLIMIT_FSIZE, &size) == 0 ||
           gold_fail(g, "limits cannot be lifted: %s", strerror(errno));
}

/* Mapping -------------------------------------------------------------------------------------- */

static const gold_op *find_row(const char *group, const char *op)
{
    static const struct {
        const char *group;
        const gold_op *table;
    } map[] = {
        { "layers", gold_layers },     { "generators", gold_nets }, { "discriminators", gold_nets },
        { "netf", gold_nets },         { "init", gold_nets },       { "losses", gold_losses },
        { "optim", gold_optim },       { "data", gold_data },       { "formats", gold_formats },
        { "training", gold_training }, { "pool", gold_pool },       { "metrics", gold_metrics },
        { "backbones", gold_metrics },
    };
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        if (strcmp(map[i].group, group) == 0)
            for (const gold_op *row = map[i].table; row->op; row++)
                if (strcmp(row->op, op) == 0 || strcmp(row->op, "*") == 0)
                    return row;
    return NULL;
}

/* An option nobody reads could change what the case means, so it must be a known one. */
static bool options_known(gold_case *g, const gold_op *row)
{
    const char *key;
    json_t *value;
    if (!row->options)
        return true;
    json_object_foreach(g->options, key, value)
    {
        char padded[64];
        int n = snprintf(padded, sizeof padded, " %s ", key);
        if (strcmp(key, "op") == 0 || strcmp(key, "roles") == 0)
            continue;
        if (n >= (int)sizeof padded || !strstr(row->options, padded))
            return gold_fail(g, "cannot be mapped: unknown option %s of %s", key, g->op);
    }
    return true;
}

static bool start_device(gold_case *g)
{
    rst_error err = RST_ERROR_INIT;
    rst_ctx_options o = {
        .backend = g->run->backend, .threads = g->run->threads, .conv = g->run->conv, .seed = 1
    };
    if (rst_ctx_new(&g->ctx, &o, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    return true;
}

static bool check_winograd(gold_case *g)
{
    rst_ctx_stats s = rst_ctx_statistics(g->ctx);
    g->verdict->convs = s.convs;
    g->verdict->winograd = s.convs_winograd;
    if (g->run->conv == RST_CONV_WINOGRAD && g->has_winograd_conv && s.convs_winograd == 0)
        return gold_fail(g, "has a 3x3 convolution of stride 1, but none ran Winograd");
    return true;
}

static void run_on_device(gold_case *g, const gold_op *row)
{
    if (!start_device(g))
        return;
    rst_begin(g->ctx);
    if (row->run(g))
        (void)gold_device_ok(g);
    rst_error err = RST_ERROR_INIT;
    if (rst_end(g->ctx, &err) < 0)
        (void)gold_fail(g, "%s", err.msg);
    if (!g->failed && gold_compare(g) && g->net)
        (void)gold_planned(g);
    rst_module_free(g->net);
    (void)check_winograd(g);
    rst_ctx_free(g->ctx);
}

static void run_here(const gold_options *o, const char *dir, gold_verdict *v)
{
    gold_case *g = gold_alloc(1, sizeof *g);
    g->run = o;
    g->verdict = v;
    (void)snprintf(g->dir, sizeof g->dir, "%s", dir);
    if (gold_open(g)) {
        const gold_op *row = find_row(g->group, g->op);
        if (!row)
            (void)gold_fail(g, "cannot be mapped: no operation %s in group %s", g->op, g->group);
        else if (options_known(g, row)) {
            if (strcmp(g->group, "formats") == 0)
                (void)row->run(g);
            else
                run_on_device(g, row);
        }
    }
    v->passed = !g->failed;
    v->near_kink = v->near_kink && g->failed;
    gold_close(g);
    free(g);
}

/* The process ---------------------------------------------------------------------------------- */

static void tell_death(int status, gold_verdict *v)
{
    if (WIFSIGNALED(status)) {
        int sig = WTERMSIG(status);
        const char *what = sig == SIGXCPU || sig == SIGALRM || sig == SIGKILL ? "took too long"
                           : sig == SIGXFSZ                                   ? "wrote to a file"
                                                                              : strsignal(sig);
        (void)snprintf(v->why, sizeof v->why, "its process died: %s", what);
    } else {
        (void)snprintf(v->why, sizeof v->why, "its process ended with status %d",
                       WEXITSTATUS(status));
    }
    v->passed = false;
}

static void wait_for(pid_t pid, int from, gold_verdict *v)
{
    gold_verdict got;
    size_t have = 0;
    ssize_t n;
    while (have < sizeof got && ((n = read(from, (char *)&got + have, sizeof got - have)) > 0 ||
                                 (n < 0 && errno == EINTR)))
        have += n > 0 ? (size_t)n : 0;
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (have == sizeof got)
        *v = got;
    if (have != sizeof got || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        tell_death(status, v);
}

void gold_run(const gold_options *o, const char *dir, gold_verdict *v)
{
    int fd[2];
    memset(v, 0, sizeof *v);
    fflush(NULL);
    if (pipe(fd) != 0) {
        (void)snprintf(v->why, sizeof v->why, "no pipe: %s", strerror(errno));
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        (void)alarm(CASE_SECONDS);
        run_here(o, dir, v);
        fflush(NULL);
        if (write(fd[1], v, sizeof *v) != (ssize_t)sizeof *v)
            exit(4);
        exit(0); /* not _exit: a leak checker reports now */
    }
    close(fd[1]);
    if (pid < 0)
        (void)snprintf(v->why, sizeof v->why, "no process: %s", strerror(errno));
    else
        wait_for(pid, fd[0], v);
    close(fd[0]);
}
