/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/alloc.h"
#include "base/err.h"
#include "cli/report.h"
#include "cli/sweep_file.h"
#include "cli/verbs.h"

enum { TEXT_MAX = 1 << 20 };

static const cli_option options[CLI_SWEEP_OPTIONS] = {
    [CLI_SWEEP_NAME] = { "name", 0, CLI_TEXT, "NAME",
                         .help = "What the markers in the summary call the sweep" },
    [CLI_SWEEP_FOLDER] = { "folder", 0, CLI_PATH, "DIR", .help = "Where its trainings are kept" },
    [CLI_SWEEP_RESULTS] = { "results", 0, CLI_PATH, "FILE",
                            .help = "The numbers: a table with a line for each row, seed and set" },
    [CLI_SWEEP_SUMMARY] = { "summary", 0, CLI_PATH, "FILE",
                            .help = "A Markdown file with a line <!-- restain sweep NAME: begin "
                                    "--> and one "
                                    "with end, between which the table of means and deviations is "
                                    "put" },
    [CLI_SWEEP_SEEDS] = { "seeds", 0, CLI_TEXT, "N,N,...", .usual = "1",
                          .help = "Seeds of each row; all rows are done with the first one first" },
    [CLI_SWEEP_STAIN] = { "stain", 0, CLI_BOOL, .usual = "true",
                          .help = "The summary tells of DAB, too" },
    [CLI_SWEEP_SR_X2] = { "sr-x2", 0, CLI_PATH, "FILE",
                          .help =
                              "Super-resolver for magnifications 1 (of trainings) and 2; without: "
                              "bicubic" },
    [CLI_SWEEP_SR_X4] = { "sr-x4", 0, CLI_PATH, "FILE", .help = "For magnification 4" },
    [CLI_SWEEP_DRY_RUN] = { "dry-run", 0, CLI_FLAG, .typed_only = true,
                            .help = "Tell what is due and, from two steps of each row, how long it "
                                    "takes" },
    [CLI_SWEEP_TABLE] = { "table", 0, CLI_FLAG, .typed_only = true,
                          .help = "Only make the summary anew from the results that are there" },
    [CLI_SWEEP_OVERWRITE] = { "overwrite", 0, CLI_FLAG, .typed_only = true,
                              .help = "Rows that are due begin anew where a training of theirs is "
                                      "there" },
    [CLI_SWEEP_BACKEND] = { "backend", 0, CLI_WORD, .words = "cpu|ref", .usual = "cpu",
                            .help = "Kernels: the fast ones, or the plain reference" },
    [CLI_SWEEP_THREADS] = { "threads", 0, CLI_INT, "N", .lo = 0, .hi = 1024, .usual = "0",
                            .help = "Threads that compute; 0: as many as the machine has. Results "
                                    "do not "
                                    "depend on it" },
    [CLI_SWEEP_QUIET] = { "quiet", 'q', CLI_FLAG, .typed_only = true, .help = "Only the table" },
};

/* Running ---------------------------------------------------------------------------------------
 */

/* "3 of 29: cut, seed 1, step 120/3000  NCE 4.01 ...  6.2 steps/s  2 h 03 min left" */
static int progress(void *user, const rst_sweep_progress *p)
{
    char line[384], losses[256];
    const rst_train_progress *t = p->train;
    (void)user;
    if (!t)
        return 0;
    cli_values(losses, sizeof losses, t->terms, t->term, t->loss);
    (void)snprintf(line, sizeof line, "%d of %d: %s, seed %s, step %lld/%lld  %s", p->at + 1,
                   p->due, p->job->row, p->job->seed, (long long)t->step, (long long)t->steps,
                   losses);
    cli_progress_line(&(cli_work){ .done = p->at * t->steps + t->step,
                                   .total = p->due * t->steps,
                                   .text = line,
                                   .unit = "steps" });
    return 0;
}

/* Two steps of each row that is due; a row's first training stands for its others. */
static int forecast(const rst_sweep *s, rst_error *err)
{
    double total = 0;
    char time[32];
    bool *done = rst__calloc((size_t)s->jobs, sizeof *done);
    int rc = done ? rst__sweep_done(s, done, err) : rst__fail_nomem(err, "sweep");
    for (int i = 0; rc == 0 && i < s->jobs; i++) {
        const rst_sweep_job *j = &s->job[i];
        rst_train_forecast f = { 0 };
        rst_train_options o = { 0 };
        if (j->train && !done[i]) {
            o = *j->train;
            if (o.multimag) { /* whose pictures may not be there yet */
                o.multimag = false;
                o.dataroot = s->multimag_data;
            }
            rc = rst_train_dry_run(&o, &f, err);
        }
        total += f.seconds;
        cli_time_text(f.seconds, time);
        if (rc == 0)
            (void)printf("%-20s %4s  %s%s\n", j->row, j->seed, done[i] ? "done" : "due ",
                         f.steps   ? ""
                         : done[i] ? ""
                                   : ", to be judged only");
        if (rc == 0 && f.steps)
            (void)printf("%28s%lld steps of %.3f s: %s\n", "", (long long)f.steps, f.step_seconds,
                         time);
    }
    cli_time_text(total, time);
    if (rc == 0)
        (void)printf("in all: %s\n", time);
    rst__free(done);
    return rc;
}

static int sweep(rst_sweep *s, const char *file, rst_error *err)
{
    rst_sweep_report report;
    s->progress = progress;
    cli_on_interrupt(rst__sweep_stop);
    int rc = rst__sweep_run(s, &report, err);
    cli_on_interrupt(NULL);
    if (rc == 0 && report.elsewhere)
        cli_say("%s: %d trainings are at work in other processes", file, report.elsewhere);
    return rc;
}

static int print_summary(const rst_sweep *s, rst_error *err)
{
    rst_str text = rst__str(TEXT_MAX);
    int rc = rst__sweep_summarise(s, &text, err);
    if (rc == 0)
        (void)fputs(text.s ? text.s : "", stdout);
    rst__str_free(&text);
    return rc;
}

static int work(rst_sweep *s, const cli_args *a, rst_error *err)
{
    int rc = 0;
    if (a->value[CLI_SWEEP_DRY_RUN].given)
        return forecast(s, err);
    if (!a->value[CLI_SWEEP_TABLE].given)
        rc = sweep(s, a->file[0], err);
    if (rc < 0 && rc != RST_EPARTIAL)
        return rc;
    const int printed = print_summary(s, rc < 0 ? NULL : err);
    return rc < 0 ? rc : printed;
}

static int run(const cli_args *typed, rst_error *err)
{
    cli_args a = *typed; /* with what the file says */
    cli_sweep *t = NULL;
    if (a.value[CLI_SWEEP_QUIET].given)
        cli_report_quiet();
    int rc = cli_sweep_read(&t, &a, err);
    if (rc == 0)
        rc = work(cli_sweep_of(t), &a, err);
    cli_sweep_free(t);
    return rc;
}

const cli_verb cli_verb_sweep = {
    .name = "sweep",
    .usage = "[OPTION...] FILE",
    .brief = "train several methods with several seeds, and compare them in one table",
    .text =
        "FILE says which rows there are, and what they are judged on. Section [sweep] has the "
        "settings below; [train] settings of restain train that hold for all rows; [set NAME] a "
        "data set to judge on (dataroot, split, and magnification 2 or 4, which takes the middle "
        "half or quarter of each picture, enlarged to the size of the whole, H&E and IHC alike); "
        "[row NAME] a recipe of restain train, with other settings below it that win over the "
        "recipe and [train], or a model that is judged as it is, or input = true for the H&E "
        "itself. A recipe with multimag is trained on the magnifications of its data, which are "
        "made first.\n"
        "After each training its latest generator is judged, and the results and the summary "
        "are written: means over the seeds and their standard deviation. What is in the results "
        "already, with the same settings, is not done again; a stopped training is gone on with. "
        "So a sweep can be stopped at any moment, and the same command goes on. Several "
        "processes may work at one: each takes what no other has.",
    .examples = "restain sweep recipes/synthetic/sweep.conf\n"
                "restain sweep recipes/synthetic/sweep.conf --dry-run\n"
                "restain sweep recipes/synthetic/sweep.conf --table",
    .options = options,
    .count = CLI_SWEEP_OPTIONS,
    .min_files = 1,
    .max_files = 1,
    .run = run,
};
