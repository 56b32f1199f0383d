/* SPDX-License-Identifier: MIT */
#include "run/train_history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "run/train_log_parts.h"

enum { POINTS = RST_TRAIN_POINTS };

/* Series --------------------------------------------------------------------------------------- */

static bool series_init(rst_train_series *s, int columns)
{
    const size_t n = (size_t)columns;
    *s = (rst_train_series){ .columns = columns,
                             .every = 1,
                             .x = rst__calloc(POINTS, sizeof *s->x),
                             .y = rst__calloc(n * POINTS + 1, sizeof *s->y),
                             .sum = rst__calloc(n + 1, sizeof *s->sum) };
    return s->x && s->y && s->sum;
}

static void series_free(rst_train_series *s)
{
    rst__free(s->x);
    rst__free(s->y);
    rst__free(s->sum);
    *s = (rst_train_series){ .columns = 0 };
}

static void halve(double *v)
{
    for (int i = 0; i < POINTS / 2; i++)
        v[i] = (v[2 * i] + v[2 * i + 1]) / 2;
}

static void series_add(rst_train_series *s, int64_t step, const double *value)
{
    s->sum[0] += (double)step;
    for (int k = 0; k < s->columns; k++)
        s->sum[1 + k] += value[k];
    if (++s->pending < s->every)
        return;
    if (s->rows == POINTS) {
        halve(s->x);
        for (int k = 0; k < s->columns; k++)
            halve(s->y + (int64_t)k * POINTS);
        s->rows = POINTS / 2;
        s->every *= 2;
        return; /* the row stays, and waits for its partner */
    }
    s->x[s->rows] = s->sum[0] / (double)s->every;
    for (int k = 0; k < s->columns; k++)
        s->y[(int64_t)k * POINTS + s->rows] = s->sum[1 + k] / (double)s->every;
    s->rows++;
    s->pending = 0;
    memset(s->sum, 0, (size_t)(s->columns + 1) * sizeof *s->sum);
}

/* History -------------------------------------------------------------------------------------- */

int rst__train_history_init(rst_train_history *h, const rst_train_columns *columns, rst_error *err)
{
    *h = (rst_train_history){ .columns = *columns };
    const bool loss = series_init(&h->loss, columns->losses),
               score = series_init(&h->score, columns->scores);
    if (loss && score)
        return 0;
    rst__train_history_free(h);
    return rst__fail_nomem(err, "training history");
}

void rst__train_history_free(rst_train_history *h)
{
    series_free(&h->loss);
    series_free(&h->score);
}

void rst__train_history_step(rst_train_history *h, int64_t step, const double *loss)
{
    series_add(&h->loss, step, loss);
}

void rst__train_history_eval(rst_train_history *h, int64_t step, const double *score)
{
    series_add(&h->score, step, score);
}

/* The n numbers of a CSV row from field `first` on; those that are missing are NaN. */
static void numbers(const char *row, int first, int n, double *out)
{
    for (int i = 0; row && i < first; i++) {
        row = strpbrk(row, ",\n");
        row = row && *row == ',' ? row + 1 : NULL;
    }
    for (int i = 0; i < n; i++) {
        char *end = NULL;
        out[i] = row ? strtod(row, &end) : (double)NAN;
        if (row == end)
            out[i] = (double)NAN;
        row = row ? strpbrk(row, ",\n") : NULL;
        row = row && *row == ',' ? row + 1 : NULL;
    }
}

/* A row of metrics.csv: step,epoch,phase,lr, then losses, norms and scores. */
static void add_row(rst_train_history *h, const char *row, double *value)
{
    enum { PHASE = 2, VALUES = 4 };
    const int64_t moment = rst__csv_line_moment(row, strcspn(row, "\n")), step = moment / 2;
    const char *phase = row;
    for (int i = 0; phase && i < PHASE; i++) {
        phase = strchr(phase, ',');
        phase = phase ? phase + 1 : NULL;
    }
    if (moment < 0 || !phase)
        return;
    if (strncmp(phase, "train,", 6) == 0) {
        numbers(row, VALUES, h->columns.losses, value);
        rst__train_history_step(h, step, value);
    } else if (strncmp(phase, "val,", 4) == 0) {
        numbers(row, VALUES + h->columns.losses + h->columns.norms, h->columns.scores, value);
        rst__train_history_eval(h, step, value);
    }
}

int rst__train_history_load(rst_train_history *h, const char *path, rst_error *err)
{
    void *text = NULL;
    size_t len;
    rst_str header = rst__str(RST_TRAIN_LINE_MAX);
    const size_t n = (size_t)h->columns.losses + (size_t)h->columns.scores;
    double *value = rst__calloc(n + 1, sizeof *value);
    rst__csv_header(&header, &h->columns);
    int rc = header.failed || !value ? rst__fail_nomem(err, "training history")
                                     : rst__file_read(path, SIZE_MAX - 1, &text, &len, err);
    if (rc == 0 && strncmp(text, header.s, header.len) != 0)
        rc = rst_fail(err, RST_EFORMAT, "%s: its columns are not those of this training", path);
    const char *row = rc == 0 ? (const char *)text + header.len : NULL;
    while (row && *row) {
        add_row(h, row, value);
        row = strchr(row, '\n');
        row = row ? row + 1 : NULL;
    }
    rst__free(value);
    rst__free(text);
    rst__str_free(&header);
    return rc;
}
