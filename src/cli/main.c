/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <restain/version.h>

#include "base/err.h"
#include "base/threads.h"
#include "cli/docs.h"
#include "cli/report.h"
#include "cli/verbs.h"

enum { HELP_MAX = 1 << 20 };

static const cli_verb *const verbs[] = {
    &cli_verb_prepare,  &cli_verb_train,   &cli_verb_sweep, &cli_verb_translate, &cli_verb_evaluate,
    &cli_verb_seamtest, &cli_verb_convert, &cli_verb_info,  &cli_verb_synth,     &cli_verb_doctor,
};

const cli_verb *cli_verb_at(int i)
{
    return i >= 0 && i < (int)(sizeof verbs / sizeof verbs[0]) ? verbs[i] : NULL;
}

static int print_help(const cli_verb *v, FILE *to, rst_error *err)
{
    rst_str s = rst__str(HELP_MAX);
    cli_help(&s, v);
    int rc = s.failed ? rst__fail_nomem(err, "help") : 0;
    if (rc == 0)
        (void)fputs(s.s, to);
    rst__str_free(&s);
    return rc;
}

static int run_verb(const cli_verb *v, int argc, char **argv, rst_error *err)
{
    cli_args a;
    int rc = cli_args_parse(&a, v, argc, argv, err);
    if (rc == 0)
        rc = a.help ? print_help(v, stdout, err) : v->run(&a, err);
    cli_args_free(&a);
    return rc;
}

static int help(int argc, char **argv, rst_error *err)
{
    const cli_verb *v = NULL;
    int rc = argc > 0 ? cli_verb_find(&v, argv[0], err) : 0;
    return rc < 0 ? rc : print_help(v, stdout, err);
}

static bool either(const char *s, const char *a, const char *b)
{
    return strcmp(s, a) == 0 || strcmp(s, b) == 0;
}

static int dispatch(int argc, char **argv, rst_error *err)
{
    const cli_verb *v;
    if (argc < 2) {
        int rc = print_help(NULL, stderr, err);
        return rc < 0 ? rc : rst_fail(err, RST_EINVAL, "no command was given");
    }
    const char *what = argv[1];
    if (either(what, "--help", "-h") || strcmp(what, "help") == 0)
        return help(argc - 2, argv + 2, err);
    if (either(what, "--version", "-V")) {
        (void)printf("restain %s\n", rst_version());
        return 0;
    }
    if (strcmp(what, "_docs") == 0 && argc == 3) /* for the build */
        return cli_write_docs(argv[2], err);
    if (what[0] == '-')
        return rst_fail(err, RST_EINVAL, "%.60s: no such flag here; the command comes first", what);
    int rc = cli_verb_find(&v, what, err);
    return rc < 0 ? rc : run_verb(v, argc - 2, argv + 2, err);
}

int main(int argc, char **argv)
{
    rst_error err = RST_ERROR_INIT;
    rst__threads_wait_asleep(argv);
    cli_report_start();
    int rc = dispatch(argc, argv, &err);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && rc == 0)
        rc = rst_fail(&err, RST_EOUTPUT, "standard output: %s", strerror(errno));
    cli_report_end();
    if (rc < 0)
        cli_say("%s", err.msg);
    return cli_exit_code(rc);
}
