/* SPDX-License-Identifier: MIT */
/* Pairs side by side, as the paper's figures 2 and 3: a column for H&E, real IHC and each run, with
 * one part of every picture magnified. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/err.h"
#include "image/axis.h"
#include "image/stain.h"
#include "run/report_parts.h"

enum {
    CELL = 240, /* side of a picture */
    GAP = 8,
    HEAD = 30, /* above the columns */
    FOOT = 22, /* below each row: its name */
    PARTS = 8, /* of a side, among which the magnified part is chosen */
    TAKEN = 2  /* parts of a side that it takes; it is drawn at half the picture's side */
};

static const rst_colour ground = { 1, 1, 1, 1 }, outline = { 0.05, 0.75, 0.95, 1 };

/* A part of a picture, in shares of its sides. */
typedef struct part {
    double x, y, side;
} part;

/* Mean DAB of each of PARTS x PARTS cells of a picture. */
static void measure(const rst_image *img, double cell[PARTS][PARTS])
{
    float table[3][256];
    double exact[3][256];
    const rst_stains s = rst__stains(RST_STAINS_HDAB);
    rst__stain_table(&s, 1, 255, exact);
    for (int k = 0; k < 3; k++)
        for (int v = 0; v < 256; v++)
            table[k][v] = (float)exact[k][v];
    int64_t count[PARTS][PARTS] = { { 0 } };
    for (int64_t y = 0; y < img->height; y++)
        for (int64_t x = 0; x < img->width; x++) {
            const uint8_t *p = img->px + (y * img->width + x) * 3;
            const int64_t j = y * PARTS / img->height, i = x * PARTS / img->width;
            cell[j][i] += (double)(table[0][p[0]] + table[1][p[1]] + table[2][p[2]]);
            count[j][i]++;
        }
    for (int j = 0; j < PARTS; j++)
        for (int i = 0; i < PARTS; i++)
            cell[j][i] /= count[j][i] ? (double)count[j][i] : 1;
}

/* Where the real picture is brownest. */
static part brownest(const rst_image *real)
{
    double cell[PARTS][PARTS] = { { 0 } }, most = -1e9;
    part best = { 0, 0, (double)TAKEN / PARTS };
    measure(real, cell);
    for (int j = 0; j + TAKEN <= PARTS; j++)
        for (int i = 0; i + TAKEN <= PARTS; i++) {
            const double sum = cell[j][i] + cell[j][i + 1] + cell[j + 1][i] + cell[j + 1][i + 1];
            if (sum > most) {
                most = sum;
                best.x = (double)i / PARTS;
                best.y = (double)j / PARTS;
            }
        }
    return best;
}

static void draw_outline(rst_canvas *c, rst_box b, double width)
{
    const double line[10] = { b.x,       b.y, b.x + b.w, b.y, b.x + b.w,
                              b.y + b.h, b.x, b.y + b.h, b.x, b.y - width / 2 };
    rst__canvas_line(c, line, 5, width, outline);
}

/* The picture in its box, and its part once more, in the quarter that is furthest from it. */
static void draw_picture(rst_canvas *c, rst_box box, const rst_image *img, part z)
{
    const rst_box from = { box.x + z.x * box.w, box.y + z.y * box.h, z.side * box.w,
                           z.side * box.h };
    const double half = z.side / 2;
    const rst_box to = { box.x + (z.x + half < 0.5 ? box.w / 2 : 0),
                         box.y + (z.y + half < 0.5 ? box.h / 2 : 0), box.w / 2, box.h / 2 };
    const double more = to.w / from.w;
    const rst_box whole = { to.x - more * z.x * box.w, to.y - more * z.y * box.h, more * box.w,
                            more * box.h };
    rst__canvas_image(c, box, img);
    draw_outline(c, from, 1.4);
    rst__canvas_clip(c, to);
    rst__canvas_image(c, whole, img);
    rst__canvas_clip_end(c);
    draw_outline(c, to, 2);
}

typedef struct figure {
    const rst_report *r;
    rst_canvas *c;
    int first; /* column: RST__REPORT_HE or RST__REPORT_REAL */
} figure;

static double column_x(const figure *f, int which)
{
    return GAP + (double)(which - f->first) * (CELL + GAP);
}

static void draw_heads(const figure *f)
{
    const rst_text_style style = {
        .size = 14, .bold = true, .anchor = RST_TEXT_MIDDLE, .colour = rst__ink
    };
    for (int w = f->first; w < f->r->runs; w++) {
        const char *name = w == RST__REPORT_HE     ? "H&E"
                           : w == RST__REPORT_REAL ? "IHC, real"
                                                   : f->r->run[w].name;
        char text[64];
        (void)snprintf(text, sizeof text, "%.40s", name);
        rst__canvas_text(f->c, column_x(f, w) + CELL / 2.0, HEAD - 9, &style, text);
    }
}

/* Below each run's picture what it scores there. */
static void draw_score(const figure *f, int which, int64_t i, double y)
{
    const rst_text_style style = { .size = 11, .anchor = RST_TEXT_MIDDLE, .colour = rst__faint };
    const int s = rst__report_ranking(f->r);
    const rst_evaluation_row *row = rst__report_row(f->r, which, i);
    char text[96];
    int n = 0;
    if (s >= 0) {
        const rst_score_info *info = rst_score_describe((rst_score)s);
        n = snprintf(text, sizeof text, "%s %.*f", info->title, info->digits > 3 ? 3 : info->digits,
                     row->score[s]);
    }
    if (rst__report_has(f->r, RST_METRIC_STAIN))
        (void)snprintf(text + n, sizeof text - (size_t)n, "%sDAB %+.3f", n ? "   " : "",
                       row->score[RST_SCORE_DAB_BIAS]);
    if (n || rst__report_has(f->r, RST_METRIC_STAIN))
        rst__canvas_text(f->c, column_x(f, which) + CELL / 2.0, y + CELL + 15, &style, text);
}

static int draw_row(const figure *f, int64_t i, double y, rst_error *err)
{
    const rst_text_style style = { .size = 11, .colour = rst__faint };
    rst_image real = RST_IMAGE_INIT, img = RST_IMAGE_INIT;
    int rc = rst__report_read(f->r, i, RST__REPORT_REAL, &real, err);
    const part z = rc == 0 ? brownest(&real) : (part){ 0 };
    for (int w = f->first; rc == 0 && w < f->r->runs; w++) {
        const rst_box box = { column_x(f, w), y, CELL, CELL };
        if (w == RST__REPORT_REAL) {
            draw_picture(f->c, box, &real, z);
            continue;
        }
        rc = rst__report_read(f->r, i, w, &img, err);
        if (rc == 0)
            draw_picture(f->c, box, &img, z);
        if (rc == 0 && w >= 0)
            draw_score(f, w, i, y);
        rst_image_free(&img);
    }
    rst_image_free(&real);
    rst__canvas_clip(f->c, (rst_box){ GAP, y + CELL, column_x(f, 0) - 2 * GAP, FOOT });
    rst__canvas_text(f->c, GAP, y + CELL + 15, &style, rst__report_row(f->r, 0, i)->name);
    rst__canvas_clip_end(f->c);
    return rc;
}

int rst__report_figure(const rst_report *r, const int64_t *row, int rows, rst_image *out,
                       rst_error *err)
{
    figure f = { .r = r, .first = r->he.count ? RST__REPORT_HE : RST__REPORT_REAL };
    const int columns = r->runs - f.first;
    int rc = rst__canvas_new(&f.c, GAP + (int64_t)columns * (CELL + GAP),
                             HEAD + (int64_t)rows * (CELL + FOOT + GAP), ground, err);
    if (rc < 0)
        return rc;
    draw_heads(&f);
    for (int k = 0; rc == 0 && k < rows; k++)
        rc = draw_row(&f, row[k], HEAD + (double)k * (CELL + FOOT + GAP), err);
    if (rc < 0) {
        rst__canvas_free(f.c);
        return rc;
    }
    return rst__canvas_finish(f.c, out, err);
}
