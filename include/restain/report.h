/* SPDX-License-Identifier: MIT */
/**
 * @file report.h
 * Evaluations as a page to read, and as pictures to judge without knowing what they are.
 *
 *     const rst_report_run run = { .name = "ASP", .e = e };
 *     rst_report_write("report", &run, 1, NULL, &err);
 */
#ifndef RESTAIN_REPORT_H
#define RESTAIN_REPORT_H

#include <restain/evaluate.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Runs that a report or a reader study can hold: the letters of the alphabet less the real one's.
 */
enum { RST_RUNS_SHOWN = 25 };

/** Virtual pictures of one method. */
typedef struct rst_report_run {
    const char *name; /**< in tables and figures, UTF-8 */
    const rst_evaluation *e;
    const rst_comparison *change; /**< from the first run; NULL for that one, or if not compared */
} rst_report_run;

/** All zero, or NULL in place of a pointer to it, is the default. */
typedef struct rst_report_options {
    const char *he; /**< folder with the H&E of every pair, by the same names; NULL: not shown */
    int cases;      /**< rows of a figure, 1..64; 0: 4 */
    rst_image_read_options read;
} rst_report_options;

/**
 * Writes a report of runs over the same real pictures into a folder, which is made if it is not
 * there:
 *
 *   index.html          one file that needs no other: tables, protocols in words, all figures
 *   typical.png, worst.png, best.png, brown.png
 *                       pairs side by side (H&E, real, each run) with a magnified part, as the
 *                       paper's figs. 2 and 3: spread over the ranking, its ends, and where the
 * brown is furthest off distributions.png   every pair's scores agreement.png       DAB of real
 * against virtual, and their difference (Bland and Altman 1986) tables.tex          the paper's
 * tables I and II with these runs
 *
 * The same evaluations give the same bytes.
 *
 * @return 0, RST_EINVAL (no runs; options; built without cairo), RST_EINPUT (an H&E is missing),
 *         RST_EFORMAT, RST_EOUTPUT, RST_ENOMEM
 */
RST_API int rst_report_write(const char *dir, const rst_report_run *run, int runs,
                             const rst_report_options *o, rst_error *err);

/** All zero, or NULL in place of a pointer to it, is the default. */
typedef struct rst_reader_study_options {
    const char *he; /**< as in rst_report_options */
    int cases;      /**< drawn without replacement, 1..10000; 0: 20, or all if there are fewer */
    uint64_t seed;
    rst_image_read_options read;
} rst_reader_study_options;

/**
 * Writes a blinded set for readers, the paper's subjective assessment: of each drawn case the real
 * picture and every run's, under letters in an order of their own, beside the H&E.
 *
 *   CASE/he.png, CASE/a.png, CASE/b.png, ...   pixels only: no name, no metadata
 *   sheet.csv    a line for each picture, to fill in
 *   README.txt   what the readers are asked
 *   key.csv      which picture is which: to be kept from the readers
 *
 * @param dir  must not exist
 * @return as rst_report_write
 */
RST_API int rst_reader_study_write(const char *dir, const rst_report_run *run, int runs,
                                   const rst_reader_study_options *o, rst_error *err);

#ifdef __cplusplus
}
#endif
#endif
