/* SPDX-License-Identifier: MIT */
/* What the files of a report share. */
#ifndef RST_RUN_REPORT_PARTS_H
#define RST_RUN_REPORT_PARTS_H

#include <restain/report.h>

#include "base/str.h"
#include "data/files.h"

/** Runs whose rows were matched by name. */
typedef struct rst_report {
    const rst_report_run *run; /* borrowed [runs] */
    int runs;
    rst_image_read_options read;
    rst_file_list he; /* item i belongs to row i of the first run; empty: there is none */
    int64_t rows;     /* of the first run */
    int64_t *row;     /* owned [runs][rows]: where a run has the first run's row */
} rst_report;

/** Which pictures of a pair: run's index, or one of these. */
enum { RST__REPORT_HE = -2, RST__REPORT_REAL = -1 };

/** @param r  all zero. RST_EINVAL, RST_EINPUT, RST_ENOMEM; rst__report_close in any case */
int rst__report_open(rst_report *r, const rst_report_run *run, int runs, const char *he,
                     const rst_image_read_options *read, rst_error *err);
void rst__report_close(rst_report *r);
/** Row i of the first run, as run k has it. */
const rst_evaluation_row *rst__report_row(const rst_report *r, int k, int64_t i);
/** Reads a picture of row i, RGB. RST_EINPUT, RST_EFORMAT, RST_ENOMEM */
int rst__report_read(const rst_report *r, int64_t i, int which, rst_image *out, rst_error *err);
/** The score that pairs are ranked by: the first of SSIM, LPIPS, PSNR and the bias of DAB that
 * there is; -1 without any. */
int rst__report_ranking(const rst_report *r);
bool rst__report_has(const rst_report *r, rst_metric m);

/** A figure of rows (report_figure.c) and charts (report_charts.c). */
int rst__report_figure(const rst_report *r, const int64_t *row, int rows, rst_image *out,
                       rst_error *err);
int rst__report_distributions(const rst_report *r, rst_image *out, rst_error *err);
int rst__report_agreement(const rst_report *r, rst_image *out, rst_error *err);

/** A picture of the page. */
typedef struct rst_report_picture {
    const char *file, *title, *text;
    bool chart;    /* and not pairs */
    int64_t width; /* as it is shown */
    char *png;     /* owned: the file */
    size_t bytes;
} rst_report_picture;

/** The page (report_html.c) and the paper's tables (report_latex.c). */
void rst__report_html(const rst_report *r, const rst_report_picture *picture, int pictures,
                      rst_str *out);
void rst__report_latex(const rst_report *r, rst_str *out);

#endif
