/* SPDX-License-Identifier: MIT */
#include "image/plot.h"

#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "image/axis.h"

/* Ranges --------------------------------------------------------------------------------------- */

/* The smallest and largest finite value of all curves; false: there is none. */
static bool range_of(const rst_plot *p, double *lo, double *hi)
{
    bool any = false;
    for (int k = 0; k < p->curves; k++)
        for (int64_t i = 0; i < p->n; i++) {
            const double v = p->curve[k].y[i];
            if (!isfinite(v))
                continue;
            *lo = any && *lo < v ? *lo : v;
            *hi = any && *hi > v ? *hi : v;
            any = true;
        }
    return any;
}

/* Room for the curves and a little air. */
static rst_axis value_axis(const rst_plot *p, double top, double bottom)
{
    rst_axis a = { .lo = 0, .hi = 1, .from = bottom, .to = top };
    double lo = 0, hi = 1;
    if (!range_of(p, &lo, &hi))
        return a;
    a.log = p->log_y && lo > 0;
    a.lo = a.log ? log10(lo) : lo;
    a.hi = a.log ? log10(hi) : hi;
    const double span = a.hi - a.lo,
                 air = span > 0 ? 0.06 * span : fmax(0.05 * fabs(a.hi), a.log ? 0.1 : 1e-3);
    a.lo -= air;
    a.hi += air;
    return a;
}

static rst_axis step_axis(const rst_plot *p, double left, double right)
{
    rst_axis a = { .lo = 0, .hi = 1, .from = left, .to = right };
    if (p->n > 0) {
        a.lo = p->n > 1 ? p->x[0] : p->x[0] - 1;
        a.hi = p->n > 1 && p->x[p->n - 1] > a.lo ? p->x[p->n - 1] : a.lo + 2;
    }
    return a;
}

typedef struct framed {
    rst_canvas *c;
    rst_axis x, y;
} framed;

/* Curves --------------------------------------------------------------------------------------- */

/* The mean of the finite values within `half` of i; NaN without any. */
static double running_mean(const double *y, int64_t n, int64_t i, int64_t half)
{
    const int64_t from = i > half ? i - half : 0, to = i + half < n ? i + half : n - 1;
    double sum = 0;
    int64_t count = 0;
    for (int64_t k = from; k <= to; k++)
        if (isfinite(y[k])) {
            sum += y[k];
            count++;
        }
    return count ? sum / (double)count : (double)NAN;
}

static void draw_curve(const framed *f, const rst_plot *p, int k)
{
    double *xy = rst__malloc(2 * (size_t)p->n * sizeof *xy);
    if (!xy)
        return; /* a picture without a curve is better than none */
    const double *y = p->curve[k].y;
    rst_colour colour = rst__palette[k % RST_PALETTE];
    const int64_t half = p->smooth ? p->n / 80 : 0;
    for (int pass = half > 0 ? 0 : 1; pass < 2; pass++) {
        for (int64_t i = 0; i < p->n; i++) {
            xy[2 * i] = rst__axis_place(&f->x, p->x[i]);
            xy[2 * i + 1] = rst__axis_place(&f->y, pass ? running_mean(y, p->n, i, half) : y[i]);
        }
        colour.a = pass ? 1 : 0.25;
        rst__canvas_line(f->c, xy, p->n, pass ? 1.8 : 1, colour);
    }
    if (p->n == 1) /* a line of one point is nothing to see */
        rst__canvas_fill(f->c, (rst_box){ xy[0] - 2.5, xy[1] - 2.5, 5, 5 }, colour);
    rst__free(xy);
}

/* The last finite value, which the legend tells. */
static double last_of(const rst_plot *p, int k)
{
    for (int64_t i = p->n - 1; i >= 0; i--)
        if (isfinite(p->curve[k].y[i]))
            return p->curve[k].y[i];
    return (double)NAN;
}

static void draw_legend(const framed *f, const rst_plot *p, double right, double top)
{
    const rst_text_style style = { .size = 12, .colour = rst__ink };
    for (int k = 0; k < p->curves; k++) {
        char text[160];
        const double y = top + 18 * k, line[4] = { right, y, right + 16, y };
        (void)snprintf(text, sizeof text, "%s %.3g", p->curve[k].name, last_of(p, k));
        rst__canvas_line(f->c, line, 2, 3, rst__palette[k % RST_PALETTE]);
        rst__canvas_text(f->c, right + 22, y + 4, &style, text);
    }
}

/* What the legend's widest row needs. */
static double legend_width(rst_canvas *c, const rst_plot *p)
{
    const rst_text_style style = { .size = 12 };
    double width = 0;
    for (int k = 0; p->legend && k < p->curves; k++) {
        char text[160];
        (void)snprintf(text, sizeof text, "%s -0.000123", p->curve[k].name);
        width = fmax(width, 34 + rst__canvas_text_width(c, &style, text));
    }
    return width;
}

void rst__plot_draw(rst_canvas *c, rst_box where, const rst_plot *p)
{
    const double left = where.x + 46, right = where.x + where.w - 8 - legend_width(c, p),
                 top = where.y + 26, bottom = where.y + where.h - (p->x_label ? 36 : 20);
    const rst_text_style title = { .size = 13, .bold = true, .colour = rst__ink },
                         label = { .size = 11, .anchor = RST_TEXT_MIDDLE, .colour = rst__faint },
                         value = { .size = 12,
                                   .anchor = RST_TEXT_RIGHT,
                                   .colour = rst__palette[0] };
    const framed f = { c, step_axis(p, left, right), value_axis(p, top, bottom) };
    rst__canvas_text(c, left, where.y + 15, &title, p->title);
    rst__axes_draw(c, &f.x, &f.y);
    if (p->x_label)
        rst__canvas_text(c, (left + right) / 2, bottom + 33, &label, p->x_label);
    rst__canvas_clip(c, (rst_box){ left, top - 3, right - left + 3, bottom - top + 3 });
    for (int k = 0; k < p->curves; k++)
        draw_curve(&f, p, k);
    rst__canvas_clip_end(c);
    if (p->legend) {
        draw_legend(&f, p, right + 12, top + 8);
    } else if (p->curves == 1 && isfinite(last_of(p, 0))) {
        char text[32];
        (void)snprintf(text, sizeof text, "%.4g", last_of(p, 0));
        if (rst__canvas_text_width(c, &title, p->title) + 8 +
                rst__canvas_text_width(c, &value, text) <
            right - left)
            rst__canvas_text(c, right, where.y + 15, &value, text);
    }
}
