/* SPDX-License-Identifier: MIT */
#include "run/train_panel.h"

#include "base/err.h"
#include "image/montage.h"
#include "image/plot.h"

enum {
    KINDS = 3, /* H&E, virtual, real */
    SAMPLES_MAX = 8,
    SCORES_MAX = 6,
    CELL_MIN = 160,
    CELL_MAX = 288,
    GAP = 6,
    MARGIN = 20,
    HEAD = 44,       /* the title's height */
    LABELS = 24,     /* of the columns */
    NAMES = 22,      /* of the samples, between rows */
    WIDTH_MIN = 900, /* with curves */
    CURVES = 300,
    SCORE_W = 190, /* the least that a score's plot needs */
    SCORE_H = 128
};

static const rst_colour white = { 1, 1, 1, 1 }, ink = { 0.13, 0.13, 0.15, 1 },
                        faint = { 0.45, 0.45, 0.48, 1 };

/* Where things stand. */
typedef struct layout {
    int samples, groups,
        rows; /* groups of columns side by side, rows of samples below each other */
    double cell_w, cell_h, pitch, group_w, width, height;
    double losses_w, curves_h; /* 0: no curves */
    int scores, across, down;
} layout;

/* Small tiles are enlarged: with curves, until they are as wide as these must be. */
static double cell_width(double tile, int groups, bool curves)
{
    const double room = WIDTH_MIN - 2 * MARGIN - (groups - 1) * 3 * GAP,
                 fill = curves ? (room / groups - (KINDS - 1) * GAP) / KINDS : CELL_MIN,
                 least = fill < CELL_MIN   ? CELL_MIN
                         : fill > CELL_MAX ? CELL_MAX
                                           : fill;
    return tile < least ? least : tile > CELL_MAX ? CELL_MAX : tile;
}

/* The losses to the left, the scores' plots to the right of them, in rows of at most three. */
static void plan_curves(layout *l, const rst_train_history *h)
{
    const double w = l->width - 2 * MARGIN;
    l->scores = h->score.rows == 0              ? 0
                : h->score.columns < SCORES_MAX ? h->score.columns
                                                : SCORES_MAX;
    l->losses_w = l->scores ? 0.52 * w : w;
    const int fit = (int)((w - l->losses_w) / SCORE_W), wanted = l->scores > 4   ? 3
                                                                 : l->scores > 1 ? 2
                                                                                 : 1;
    l->across = wanted < fit ? wanted : fit < 1 ? 1 : fit;
    l->down = (l->scores + l->across - 1) / l->across;
    l->curves_h = l->down * SCORE_H + MARGIN > CURVES ? l->down * SCORE_H + MARGIN : CURVES;
}

static layout plan(const rst_train_sample *sample, int samples, const rst_train_history *h)
{
    const rst_image *img = sample[0].he;
    const bool curves = h && h->loss.columns && h->loss.rows;
    layout l = { .samples = samples < SAMPLES_MAX ? samples : SAMPLES_MAX };
    l.groups = l.samples > 2 ? 2 : 1;
    l.rows = (l.samples + l.groups - 1) / l.groups;
    l.cell_w = cell_width((double)img->width, l.groups, curves);
    l.cell_h = l.cell_w * (double)img->height / (double)img->width;
    l.pitch = l.cell_h + GAP;
    for (int i = 0; i < l.samples; i++)
        if (sample[i].name)
            l.pitch = l.cell_h + NAMES;
    l.group_w = KINDS * l.cell_w + (KINDS - 1) * GAP;
    l.width = 2 * MARGIN + l.groups * l.group_w + (l.groups - 1) * 3 * GAP;
    l.width = curves && l.width < WIDTH_MIN ? WIDTH_MIN : l.width;
    if (curves)
        plan_curves(&l, h);
    l.height = HEAD + LABELS + l.rows * l.pitch + MARGIN + l.curves_h;
    return l;
}

/* Tiles ---------------------------------------------------------------------------------------- */

static void draw_samples(rst_canvas *c, const layout *l, const rst_train_sample *sample)
{
    static const char *const title[][KINDS] = {
        [RST_SAMPLE_FORTH] = { "H&E", "virtual IHC", "real IHC" },
        [RST_SAMPLE_BACK] = { "IHC", "virtual H&E", "real H&E" },
        [RST_SAMPLE_RESOLVED] = { "bicubic", "super-resolved", "original" },
    };
    const rst_text_style label = { .size = 13, .bold = true, .colour = ink },
                         name = { .size = 11, .anchor = RST_TEXT_RIGHT, .colour = faint };
    for (int i = 0; i < l->samples; i++) {
        const rst_image *image[KINDS] = { sample[i].he, sample[i].fake, sample[i].real };
        const double x = MARGIN + i % l->groups * (l->group_w + 3 * GAP),
                     y = HEAD + LABELS + i / l->groups * l->pitch;
        for (int k = 0; k < KINDS; k++) {
            const rst_box box = { x + k * (l->cell_w + GAP), y, l->cell_w, l->cell_h };
            rst__canvas_image(c, box, image[k]);
            if (i < l->groups)
                rst__canvas_text(c, box.x, y - 8, &label, title[sample[i].kind][k]);
        }
        if (sample[i].name)
            rst__canvas_text(c, x + l->group_w, y - 7, &name, sample[i].name);
    }
}

/* Curves --------------------------------------------------------------------------------------- */

static void draw_losses(rst_canvas *c, rst_box where, const rst_train_history *h)
{
    enum { MAX = 12 };
    rst_curve curve[MAX];
    const int n = h->loss.columns < MAX ? h->loss.columns : MAX;
    for (int k = 0; k < n; k++)
        curve[k] = (rst_curve){ h->columns.loss[k], h->loss.y + (int64_t)k * RST_TRAIN_POINTS };
    const rst_plot p = { .title = "losses",
                         .x_label = "step",
                         .n = h->loss.rows,
                         .x = h->loss.x,
                         .curves = n,
                         .curve = curve,
                         .log_y = true,
                         .smooth = true,
                         .legend = true };
    rst__plot_draw(c, where, &p);
}

static void draw_scores(rst_canvas *c, const layout *l, rst_box where, const rst_train_history *h)
{
    const double w = where.w / l->across, height = where.h / l->down;
    for (int k = 0; k < l->scores; k++) {
        const rst_box box = { where.x + k % l->across * w, where.y + k / l->across * height, w,
                              height };
        const rst_curve curve = { NULL, h->score.y + (int64_t)k * RST_TRAIN_POINTS };
        const rst_plot p = { .title = h->columns.score[k],
                             .x_label = k / l->across == l->down - 1 ? "step" : NULL,
                             .n = h->score.rows,
                             .x = h->score.x,
                             .curves = 1,
                             .curve = &curve };
        rst__plot_draw(c, box, &p);
    }
}

static void draw_curves(rst_canvas *c, const layout *l, const rst_train_history *h)
{
    const double y = l->height - l->curves_h, tall = l->curves_h - MARGIN,
                 w = l->width - 2 * MARGIN;
    draw_losses(c, (rst_box){ MARGIN, y, l->losses_w, tall }, h);
    if (l->scores)
        draw_scores(c, l, (rst_box){ MARGIN + l->losses_w, y, w - l->losses_w, tall }, h);
}

/* All ------------------------------------------------------------------------------------------ */

/* The images and nothing else: what is left without cairo. */
static int montage(rst_image *out, const rst_train_sample *sample, int samples, rst_error *err)
{
    static const uint8_t ground[3] = { 255, 255, 255 };
    const rst_image *image[KINDS * SAMPLES_MAX];
    for (int i = 0; i < samples; i++) {
        image[KINDS * i] = sample[i].he;
        image[KINDS * i + 1] = sample[i].fake;
        image[KINDS * i + 2] = sample[i].real;
    }
    return rst__image_montage(image, KINDS * samples, GAP, ground, out, err);
}

static int check(const rst_train_sample *sample, int samples, rst_error *err)
{
    if (samples < 1)
        return rst_fail(err, RST_EINVAL, "panel: no sample");
    for (int i = 0; i < samples && i < SAMPLES_MAX; i++) {
        const rst_image *image[KINDS] = { sample[i].he, sample[i].fake, sample[i].real };
        for (int k = 0; k < KINDS; k++)
            if (image[k]->channels != 1 && image[k]->channels != 3)
                return rst_fail(err, RST_EINVAL, "panel: an image of %d channels",
                                image[k]->channels);
    }
    return 0;
}

int rst__train_panel_draw(rst_image *out, const rst_train_sample *sample, int samples,
                          const char *title, const rst_train_history *h, rst_error *err)
{
    int rc = check(sample, samples, err);
    if (rc < 0)
        return rc;
    const layout l = plan(sample, samples, h);
    if (!rst__canvas_version())
        return montage(out, sample, l.samples, err);
    rst_canvas *c;
    rc = rst__canvas_new(&c, (int64_t)l.width, (int64_t)l.height, white, err);
    if (rc < 0)
        return rc;
    rst__canvas_text(c, MARGIN, 28, &(rst_text_style){ .size = 17, .bold = true, .colour = ink },
                     title);
    draw_samples(c, &l, sample);
    if (l.curves_h > 0)
        draw_curves(c, &l, h);
    return rst__canvas_finish(c, out, err);
}
