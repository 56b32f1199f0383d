/* SPDX-License-Identifier: MIT */
#include "run/train_log.h"

#include <string.h>

#include <restain/version.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "run/tfevents.h"
#include "run/train_log_parts.h"

/* A step's own numbers, which follow its losses and gradients in TensorBoard. */
static const char *const own_tag[] = { "train/lr", "train/images_per_s", "train/loader_share" };

enum { OWN = sizeof own_tag / sizeof own_tag[0] };

static const char loss_prefix[] = "loss/", norm_prefix[] = "grad/", score_prefix[] = "val/";

struct rst_train_log {
    rst_train_columns columns; /* its lists are `name`, its texts the ends of `tag` */
    int tags;
    char **tag;        /* [tags]: losses, norms, the own ones, scores; owned, as the texts */
    const char **name; /* [losses + norms + scores], owned */
    double *value;     /* [losses + norms + OWN], owned: scratch */
    rst_outfile *csv, *jsonl;
    rst_tfevents *events;
};

/* Names ---------------------------------------------------------------------------------------- */

/* The next tag: prefix + name. */
static int add_tag(rst_train_log *log, const char *prefix, const char *name, rst_error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_-./+@";
    rst_str s = rst__str(1024);
    if (!*name || name[strspn(name, allowed)])
        return rst_fail(err, RST_EINVAL, "log: \"%s\" is no name of a column", name);
    rst__str_printf(&s, "%s%s", prefix, name);
    if (s.failed) {
        rst__str_free(&s);
        return rst__fail_nomem(err, "log");
    }
    log->tag[log->tags++] = s.s;
    return 0;
}

/* Copies the names, as tags; the columns are called by the ends of these. */
static int copy_columns(rst_train_log *log, const rst_train_columns *c, rst_error *err)
{
    const int steps = c->losses + c->norms; /* columns of a step */
    const size_t n = (size_t)steps + (size_t)c->scores;
    int rc = 0;
    log->tag = rst__calloc(n + OWN, sizeof *log->tag);
    log->name = rst__calloc(n + 1, sizeof *log->name);
    log->value = rst__calloc((size_t)steps + OWN, sizeof *log->value);
    if (!log->tag || !log->name || !log->value)
        return rst__fail_nomem(err, "log");
    for (int i = 0; rc == 0 && i < c->losses; i++)
        rc = add_tag(log, loss_prefix, c->loss[i], err);
    for (int i = 0; rc == 0 && i < c->norms; i++)
        rc = add_tag(log, norm_prefix, c->norm[i], err);
    for (int i = 0; rc == 0 && i < OWN; i++)
        rc = add_tag(log, "", own_tag[i], err);
    for (int i = 0; rc == 0 && i < c->scores; i++)
        rc = add_tag(log, score_prefix, c->score[i], err);
    if (rc < 0)
        return rc;
    for (int i = 0; i < c->losses; i++)
        log->name[i] = log->tag[i] + strlen(loss_prefix);
    for (int i = c->losses; i < steps; i++)
        log->name[i] = log->tag[i] + strlen(norm_prefix);
    for (int i = 0; i < c->scores; i++)
        log->name[steps + i] = log->tag[steps + OWN + i] + strlen(score_prefix);
    log->columns = *c;
    log->columns.loss = log->name;
    log->columns.norm = log->name + c->losses;
    log->columns.score = log->name + steps;
    return 0;
}

/* Files ---------------------------------------------------------------------------------------- */

/* Appends a line; frees it. */
static int write_line(rst_outfile *f, rst_str *line, rst_error *err)
{
    const int rc =
        line->failed ? rst__fail_nomem(err, "log") : rst__outfile_write(f, line->s, line->len, err);
    rst__str_free(line);
    return rc;
}

/* One of the two files of lines: anew at moment 0, else what it held up to there. */
static int open_lines(rst_outfile **out, const char *dir, const char *file, const char *header,
                      int64_t moment, rst_line_moment moment_of, rst_error *err)
{
    rst_str path = rst__str(1 << 16);
    rst__str_printf(&path, "%s/%s", dir, file);
    int rc = path.failed ? rst__fail_nomem(err, "log") : 0;
    if (rc == 0)
        rc = moment > 0 ? rst__lines_cut(path.s, header, moment, moment_of, err)
                        : rst__file_write(path.s, header, strlen(header), err);
    if (rc == 0)
        rc = rst__outfile_append(out, path.s, err);
    rst__str_free(&path);
    return rc;
}

static int open_files(rst_train_log *log, const char *dir, int64_t step, int64_t moment,
                      rst_error *err)
{
    rst_str header = rst__str(RST_TRAIN_LINE_MAX);
    rst__csv_header(&header, &log->columns);
    int rc = header.failed ? rst__fail_nomem(err, "log") : rst__mkdirs(dir, err);
    if (rc == 0)
        rc = open_lines(&log->csv, dir, "metrics.csv", header.s, moment, rst__csv_line_moment, err);
    if (rc == 0)
        rc = open_lines(&log->jsonl, dir, "log.jsonl", "", moment, rst__jsonl_line_moment, err);
    if (rc == 0)
        rc = rst__tfevents_open(&log->events, dir, step > 0 ? step + 1 : 0, err);
    rst__str_free(&header);
    return rc;
}

int rst__train_log_open(rst_train_log **out, const char *dir, const rst_train_columns *columns,
                        int64_t resume_step, bool validated, rst_error *err)
{
    rst_train_log *log = rst__calloc(1, sizeof *log);
    if (!log)
        return rst__fail_nomem(err, "log");
    int rc = copy_columns(log, columns, err);
    if (rc == 0)
        rc = open_files(log, dir, resume_step, resume_step > 0 ? 2 * resume_step + validated : 0,
                        err);
    if (rc == 0)
        rc = rst__train_log_event(log, resume_step > 0 ? "resume" : "start",
                                  resume_step > 0 ? resume_step : 0,
                                  json_pack("{s:s}", "restain", rst_version()), err);
    if (rc < 0) {
        (void)rst__train_log_close(log, NULL);
        return rc;
    }
    *out = log;
    return 0;
}

int rst__train_log_sync(rst_train_log *log, rst_error *err)
{
    int rc = rst__outfile_sync(log->csv, err);
    if (rc == 0)
        rc = rst__outfile_sync(log->jsonl, err);
    if (rc == 0)
        rc = rst__tfevents_sync(log->events, err);
    return rc;
}

static int commit(rst_outfile *f, int rc, rst_error *err)
{
    const int now = f ? rst__outfile_commit(f, rc == 0 ? err : NULL) : 0;
    return rc < 0 ? rc : now;
}

int rst__train_log_close(rst_train_log *log, rst_error *err)
{
    if (!log)
        return 0;
    int rc = commit(log->csv, 0, err);
    rc = commit(log->jsonl, rc, err);
    const int last = rst__tfevents_close(log->events, rc == 0 ? err : NULL);
    for (int i = 0; i < log->tags; i++)
        rst__free(log->tag[i]);
    rst__free(log->tag);
    rst__free(log->name);
    rst__free(log->value);
    rst__free(log);
    return rc < 0 ? rc : last;
}

/* Rows ----------------------------------------------------------------------------------------- */

int rst__train_log_step(rst_train_log *log, const rst_train_step *s, rst_error *err)
{
    const rst_train_columns *c = &log->columns;
    const double own[OWN] = { s->lr, s->images_per_s, s->loader_share };
    rst_str line = rst__str(RST_TRAIN_LINE_MAX);
    rst__csv_step(&line, c, s);
    int rc = write_line(log->csv, &line, err);
    if (rc < 0)
        return rc;
    rst__jsonl_step(&line, c, s);
    rc = write_line(log->jsonl, &line, err);
    if (rc < 0)
        return rc;
    for (int i = 0; i < c->losses; i++)
        log->value[i] = s->loss[i];
    for (int i = 0; i < c->norms; i++)
        log->value[c->losses + i] = s->norm[i];
    memcpy(log->value + c->losses + c->norms, own, sizeof own);
    return rst__tfevents_scalars(log->events, s->step, c->losses + c->norms + OWN,
                                 (const char *const *)log->tag, log->value, err);
}

int rst__train_log_eval(rst_train_log *log, int64_t step, int64_t epoch, const double *score,
                        rst_error *err)
{
    const rst_train_columns *c = &log->columns;
    rst_str line = rst__str(RST_TRAIN_LINE_MAX);
    rst__csv_eval(&line, c, step, epoch, score);
    int rc = write_line(log->csv, &line, err);
    if (rc < 0)
        return rc;
    rst__jsonl_eval(&line, c, step, epoch, score);
    rc = write_line(log->jsonl, &line, err);
    if (rc < 0)
        return rc;
    return rst__tfevents_scalars(log->events, step, c->scores,
                                 (const char *const *)log->tag + c->losses + c->norms + OWN, score,
                                 err);
}

int rst__train_log_event(rst_train_log *log, const char *name, int64_t step, json_t *fields,
                         rst_error *err)
{
    rst_str line = rst__str(RST_TRAIN_LINE_MAX);
    rst__jsonl_event(&line, name, step, fields);
    return write_line(log->jsonl, &line, err);
}

int rst__train_log_image(rst_train_log *log, int64_t step, const char *tag, const rst_image *img,
                         rst_error *err)
{
    return rst__tfevents_image(log->events, step, tag, img, err);
}
