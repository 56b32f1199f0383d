/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "run/train_log_parts.h"

enum { SCHEMA = 1 };

/* CSV ------------------------------------------------------------------------------------------ */

/* Losses are float32: nine digits hold them. */
static void csv_number(rst_str *line, double v)
{
    rst__str_printf(line, ",%.9g", v);
}

static void csv_numbers(rst_str *line, int n, const double *v)
{
    for (int i = 0; i < n; i++)
        if (v)
            csv_number(line, v[i]);
        else
            rst__str_add(line, ",");
}

void rst__csv_header(rst_str *line, const rst_train_columns *c)
{
    rst__str_add(line, "step,epoch,phase,lr");
    for (int i = 0; i < c->losses; i++)
        rst__str_printf(line, ",%s", c->loss[i]);
    for (int i = 0; i < c->norms; i++)
        rst__str_printf(line, ",grad_%s", c->norm[i]);
    for (int i = 0; i < c->scores; i++)
        rst__str_printf(line, ",%s", c->score[i]);
    rst__str_add(line, ",seconds,images_per_s,loader_share\n");
}

void rst__csv_step(rst_str *line, const rst_train_columns *c, const rst_train_step *s)
{
    rst__str_printf(line, "%lld,%lld,train", (long long)s->step, (long long)s->epoch);
    csv_number(line, s->lr);
    csv_numbers(line, c->losses, s->loss);
    csv_numbers(line, c->norms, s->norm);
    csv_numbers(line, c->scores, NULL);
    rst__str_printf(line, ",%.3f,%.4g,%.4g\n", s->seconds, s->images_per_s, s->loader_share);
}

void rst__csv_eval(rst_str *line, const rst_train_columns *c, int64_t step, int64_t epoch,
                   const double *score)
{
    rst__str_printf(line, "%lld,%lld,val,", (long long)step, (long long)epoch);
    csv_numbers(line, c->losses + c->norms, NULL);
    csv_numbers(line, c->scores, score);
    rst__str_add(line, ",,,\n");
}

/* Of a line's number and kind; a number that no training reaches is damage. */
static int64_t moment(int64_t step, bool validation)
{
    return step >= 0 && step < INT64_MAX / 2 ? 2 * step + validation : -1;
}

int64_t rst__csv_line_moment(const char *line, size_t len)
{
    char *end;
    errno = 0;
    const long long v = len && line[0] >= '0' && line[0] <= '9' ? strtoll(line, &end, 10) : -1;
    if (v < 0 || errno != 0 || *end != ',' || memchr(line, 0, len))
        return -1;
    const char *phase = memchr(end + 1, ',', len - (size_t)(end + 1 - line));
    return moment(v, phase && strncmp(phase, ",val,", 5) == 0);
}

/* JSON ----------------------------------------------------------------------------------------- */

/* JSON has no NaN and no infinity: they become texts. */
static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_string(isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
}

static json_t *numbers(int n, const char *const *name, const double *v)
{
    json_t *o = json_object();
    for (int i = 0; i < n; i++)
        (void)json_object_set_new(o, name[i], number(v[i]));
    return o;
}

static int append(const char *text, size_t len, void *line)
{
    rst__str_bytes(line, text, len);
    return ((rst_str *)line)->failed ? -1 : 0;
}

static json_t *time_text(void)
{
    char day[32], text[48];
    struct timespec t;
    struct tm utc;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    if (!gmtime_r(&t.tv_sec, &utc) || !strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc))
        return json_null();
    (void)snprintf(text, sizeof text, "%s.%03ldZ", day, t.tv_nsec / 1000000);
    return json_string(text);
}

void rst__jsonl_event(rst_str *line, const char *name, int64_t step, json_t *fields)
{
    json_t *o = json_pack("{s:i, s:o, s:s, s:I}", "schema", SCHEMA, "time", time_text(), "event",
                          name, "step", (json_int_t)step);
    if (!o || (fields && json_object_update(o, fields) < 0) ||
        json_dump_callback(o, append, line, JSON_COMPACT | JSON_REAL_PRECISION(9)) < 0)
        line->failed = true;
    rst__str_add(line, "\n");
    json_decref(o);
    json_decref(fields);
}

void rst__jsonl_step(rst_str *line, const rst_train_columns *c, const rst_train_step *s)
{
    json_t *o =
        json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "epoch", (json_int_t)s->epoch, "lr",
                  number(s->lr), "loss", numbers(c->losses, c->loss, s->loss), "grad",
                  numbers(c->norms, c->norm, s->norm), "seconds", number(s->seconds),
                  "images_per_s", number(s->images_per_s), "loader_share", number(s->loader_share));
    line->failed = line->failed || !o;
    rst__jsonl_event(line, "step", s->step, o);
}

void rst__jsonl_eval(rst_str *line, const rst_train_columns *c, int64_t step, int64_t epoch,
                     const double *score)
{
    json_t *o = json_pack("{s:I, s:o}", "epoch", (json_int_t)epoch, "score",
                          numbers(c->scores, c->score, score));
    line->failed = line->failed || !o;
    rst__jsonl_event(line, "eval", step, o);
}

int64_t rst__jsonl_line_moment(const char *line, size_t len)
{
    json_t *o = rst__json_parse(line, len, "line", NULL), *v = json_object_get(o, "step");
    const char *event = json_string_value(json_object_get(o, "event"));
    const int64_t at = moment(json_is_integer(v) ? json_integer_value(v) : -1,
                              event && strcmp(event, "eval") == 0);
    json_decref(o);
    return at;
}

/* Cutting -------------------------------------------------------------------------------------- */

/* Bytes up to the first line that goes. */
static size_t kept(const char *path, const char *text, size_t len, size_t at, int64_t last,
                   rst_line_moment moment_of)
{
    while (at < len) {
        const char *end = memchr(text + at, '\n', len - at);
        const int64_t m = end ? moment_of(text + at, (size_t)(end - text) - at) : -1;
        if (end && m < 0)
            rst__log(RST_LOG_WARN, "%s: damaged at byte %zu; cut off there", path, at);
        if (m < 0 || m > last)
            break;
        at = (size_t)(end - text) + 1;
    }
    return at;
}

int rst__lines_cut(const char *path, const char *header, int64_t moment, rst_line_moment moment_of,
                   rst_error *err)
{
    void *text;
    size_t len, head = strlen(header);
    if (!rst__exists(path))
        return rst__file_write(path, header, head, err);
    int rc = rst__file_read(path, SIZE_MAX - 1, &text, &len, err);
    if (rc < 0)
        return rc;
    if (len < head || memcmp(text, header, head) != 0)
        rc = rst_fail(err, RST_EFORMAT,
                      "%s: its columns are not those of this training; move it away, or train "
                      "under another --name",
                      path);
    const size_t keep = rc == 0 ? kept(path, text, len, head, moment, moment_of) : len;
    if (keep < len)
        rc = rst__file_write(path, text, keep, err);
    rst__free(text);
    return rc;
}
