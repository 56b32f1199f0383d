/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli/report.h"
#include "cli/train_options.h"

enum { CONFIG_MAX = 1 << 20 };

static int list_methods(void)
{
    const char *name;
    for (int i = 0; (name = rst_method_name(i)); i++)
        (void)printf("%-16s %s\n", name, rst_method_line(i));
    return 0;
}

/* "epoch 3/40 step 9200/185680  G_GAN 0.41 NCE 4.01  0.6 img/s  2 h 03 min left" */
static int progress(void *user, const rst_train_progress *p)
{
    const rst_train_options *o = user;
    char losses[256], line[384];
    cli_values(losses, sizeof losses, p->terms, p->term, p->loss);
    (void)snprintf(line, sizeof line, "epoch %d/%d step %lld/%lld  %s", p->epoch, p->epochs,
                   (long long)p->step, (long long)p->steps, losses);
    cli_progress_line(&(cli_work){ .done = p->step,
                                   .total = p->steps,
                                   .text = line,
                                   .unit = "img",
                                   .each = (double)o->batch_size * o->accumulate });
    return 0;
}

static int dry_run(const rst_train_options *o, rst_error *err)
{
    rst_train_forecast f;
    char time[32];
    int rc = rst_train_dry_run(o, &f, err);
    if (rc < 0)
        return rc;
    cli_time_text(f.seconds, time);
    (void)printf("method:      %s\n", o->method);
    (void)printf("data:        %lld %s, %lld to validate with\n", (long long)f.pairs,
                 f.tiles ? "tiles" : "pairs", (long long)f.val_pairs);
    for (int i = 0; i < f.networks; i++)
        (void)printf("network %s:%*s%.3f M parameters\n", f.network[i],
                     (int)(4 - (int)strlen(f.network[i])), "", (double)f.network_params[i] / 1e6);
    (void)printf("parameters:  %.3f M\n", (double)f.params / 1e6);
    (void)printf("steps:       %lld, %lld an epoch\n", (long long)f.steps,
                 (long long)f.steps_per_epoch);
    (void)printf("GMAC:        %.1f a step\n", f.macs / 1e9);
    (void)printf("step s:      %.2f\n", f.step_seconds);
    (void)printf("memory GB:   %.2f\n", (double)f.memory / 1e9);
    (void)printf("time:        %s\n", time);
    return 0;
}

static int train(rst_train_options *o, rst_error *err)
{
    o->progress = progress;
    o->user = o;
    cli_on_interrupt(rst_train_stop);
    int rc = rst_train(o, err);
    cli_on_interrupt(NULL);
    return rc;
}

static int run(const cli_args *a, rst_train_options *o, rst_str *config, rst_error *err)
{
    int rc = cli_train_resolve(a, o, err);
    if (rc == 0)
        rc = cli_config_write(a, o, config, err);
    if (rc < 0)
        return rc;
    if (a->print_config) {
        (void)fputs(config->s, stdout);
        return 0;
    }
    o->config = config->s;
    return a->value[CLI_TRAIN_DRY_RUN].given ? dry_run(o, err) : train(o, err);
}

int cli_train_run(const cli_args *a, rst_error *err)
{
    rst_train_options o;
    rst_str config = rst__str(CONFIG_MAX);
    const char *method = a->value[CLI_TRAIN_METHOD].text;
    if (method && strcmp(method, "list") == 0)
        return list_methods();
    if (a->value[CLI_TRAIN_QUIET].given)
        cli_report_quiet();
    int rc = run(a, &o, &config, err);
    rst__str_free(&config);
    return rc;
}
