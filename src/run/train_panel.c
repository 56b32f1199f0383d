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
    HEAD = 44,   /* the title's height */
    LABELS = 24, /* of the columns */
    NAMES = 22,  /* of the samples, between rows */
    CURVES = 300
};

static const rst_colour white = { 1, 1, 1, 1 }, ink = { 0.13, 0.13, 0.15, 1 },
                        faint = { 0.45, 0.45, 0.48, 1 };

/* Where things stand. */
typedef struct layout {
    int samples, groups,
        rows; /* groups of columns side by side, rows of samples below each other */
    double cell_w, cell_h, pitch, group_w, width, height;
} layout;

static layout plan(const rst_train_sample *sample, int samples, bool curves)
{
    const rst_image *img = sample[0].he;
    layout l = { .samples = samples < SAMPLES_MAX ? samples : SAMPLES_MAX };
    const double w = (double)img->width;
    l.groups = l.samples > 2 ? 2 : 1;
    l.rows = (l.samples + l.groups - 1) / l.groups;
    l.cell_w = w < CELL_MIN ? CELL_MIN : w > CELL_MAX ? CELL_MAX : w;
    l.cell_h = l.cell_w * (double)img->height / w;
    l.pitch = l.cell_h + GAP;
    for (int i = 0; i < l.samples; i++)
        if (sample[i].name)
            l.pitch = l.cell_h + NAMES;
    l.group_w = KINDS * l.cell_w + (KINDS - 1) * GAP;
    l.width = 2 * MARGIN + l.groups * l.group_w + (l.groups - 1) * 3 * GAP;
    l.width = curves && l.width < 900 ? 900 : l.width;
    l.height = HEAD + LABELS + l.rows * l.pitch + MARGIN + (curves ? CURVES : 0);
    return l;
}

/* Tiles ---------------------------------------------------------------------------------------- */

static void draw_samples(rst_canvas *c, const layout *l, const rst_train_sample *sample)
{
    static const char *const kind[KINDS] = { "H&E", "virtual IHC", "real IHC" };
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
                rst__canvas_text(c, box.x, y - 8, &label, kind[k]);
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

static void draw_scores(rst_canvas *c, rst_box where, const rst_train_history *h)
{
    const int n = h->score.columns < SCORES_MAX ? h->score.columns : SCORES_MAX,
              across = n > 4   ? 3
                       : n > 1 ? 2
                               : 1,
              down = (n + across - 1) / across;
    for (int k = 0; k < n; k++) {
        const rst_box box = { where.x + k % across * where.w / across,
                              where.y + k / across * where.h / down, where.w / across,
                              where.h / down };
        const rst_curve curve = { NULL, h->score.y + (int64_t)k * RST_TRAIN_POINTS };
        const rst_plot p = { .title = h->columns.score[k],
                             .x_label = k / across == down - 1 ? "step" : NULL,
                             .n = h->score.rows,
                             .x = h->score.x,
                             .curves = 1,
                             .curve = &curve };
        rst__plot_draw(c, box, &p);
    }
}

static void draw_curves(rst_canvas *c, const layout *l, const rst_train_history *h)
{
    const double y = l->height - CURVES, w = l->width - 2 * MARGIN,
                 losses = h->score.columns && h->score.rows ? 0.52 * w : w;
    draw_losses(c, (rst_box){ MARGIN, y, losses, CURVES - MARGIN }, h);
    if (losses < w)
        draw_scores(c, (rst_box){ MARGIN + losses, y, w - losses, CURVES - MARGIN }, h);
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
    const bool curves = h && h->loss.columns && h->loss.rows;
    const layout l = plan(sample, samples, curves);
    if (!rst__canvas_version())
        return montage(out, sample, l.samples, err);
    rst_canvas *c;
    rc = rst__canvas_new(&c, (int64_t)l.width, (int64_t)l.height, white, err);
    if (rc < 0)
        return rc;
    rst__canvas_text(c, MARGIN, 28, &(rst_text_style){ .size = 17, .bold = true, .colour = ink },
                     title);
    draw_samples(c, &l, sample);
    if (curves)
        draw_curves(c, &l, h);
    return rst__canvas_finish(c, out, err);
}
