/* SPDX-License-Identifier: MIT */
#include "image/plot.h"

#include <math.h>
#include <stdio.h>

#include "base/alloc.h"

enum { TICKS = 5, PALETTE = 8 };

static const rst_colour ink = { 0.20, 0.20, 0.22, 1 }, faint = { 0.45, 0.45, 0.48, 1 },
                        grid = { 0.90, 0.90, 0.91, 1 }, frame = { 0.70, 0.70, 0.72, 1 };

/* Okabe and Ito's colours, which people who confuse red and green can tell apart. */
static const rst_colour palette[PALETTE] = {
    { 0.00, 0.45, 0.70, 1 }, { 0.84, 0.37, 0.00, 1 }, { 0.00, 0.62, 0.45, 1 },
    { 0.80, 0.47, 0.65, 1 }, { 0.90, 0.62, 0.00, 1 }, { 0.34, 0.71, 0.91, 1 },
    { 0.35, 0.35, 0.35, 1 }, { 0.60, 0.40, 0.20, 1 },
};

/* An axis: values lo..hi (their logarithms, if it is logarithmic) on pixels from..to. */
typedef struct axis {
    double lo, hi, from, to;
    bool log;
} axis;

static double place(const axis *a, double v)
{
    const double t = a->log ? log10(v) : v;
    return a->from + (t - a->lo) / (a->hi - a->lo) * (a->to - a->from);
}

/* Ranges --------------------------------------------------------------------------------------- */

int rst__nice_ticks(double lo, double hi, int max, double *first, double *step)
{
    static const double nice[] = { 1, 2, 5, 10 };
    if (!(lo < hi) || max < 1 || !isfinite(hi - lo))
        return 0;
    const double power = pow(10, floor(log10((hi - lo) / max)));
    for (int k = 0; k < 8; k++) {
        *step = power * nice[k % 4] * (k < 4 ? 1 : 10);
        *first = ceil(lo / *step - 1e-9) * *step;
        const int n = (int)floor((hi - *first) / *step + 1e-9) + 1;
        if (n <= max)
            return n > 0 ? n : 0;
    }
    return 0;
}

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
static axis value_axis(const rst_plot *p, double top, double bottom)
{
    axis a = { .lo = 0, .hi = 1, .from = bottom, .to = top };
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

static axis step_axis(const rst_plot *p, double left, double right)
{
    axis a = { .lo = 0, .hi = 1, .from = left, .to = right };
    if (p->n > 0) {
        a.lo = p->n > 1 ? p->x[0] : p->x[0] - 1;
        a.hi = p->n > 1 && p->x[p->n - 1] > a.lo ? p->x[p->n - 1] : a.lo + 2;
    }
    return a;
}

/* Ticks ---------------------------------------------------------------------------------------- */

/* Ticks up to `largest`, in thousands or millions when that is large: all of an axis alike. */
static void number_text(double v, double largest, char *buf, size_t size)
{
    if (fabs(v) < 1e-9 * largest)
        (void)snprintf(buf, size, "0");
    else if (largest >= 1e6)
        (void)snprintf(buf, size, "%.4gM", v / 1e6);
    else if (largest >= 1e4)
        (void)snprintf(buf, size, "%.4gk", v / 1e3);
    else
        (void)snprintf(buf, size, "%.4g", v);
}

typedef struct framed {
    rst_canvas *c;
    axis x, y;
} framed;

static void value_tick(const framed *f, double v)
{
    char text[32];
    const double y = round(place(&f->y, v)) + 0.5;
    const double line[4] = { f->x.from, y, f->x.to, y };
    const rst_text_style style = { .size = 11, .anchor = RST_TEXT_RIGHT, .colour = faint };
    rst__canvas_line(f->c, line, 2, 1, grid);
    number_text(v, f->y.log ? 0 : fmax(fabs(f->y.lo), fabs(f->y.hi)), text, sizeof text);
    rst__canvas_text(f->c, f->x.from - 6, y + 4, &style, text);
}

static void value_ticks(const framed *f)
{
    static const double within[] = { 1, 2, 5 };
    double first, step;
    const double decades = f->y.hi - f->y.lo;
    if (!f->y.log || decades < 0.7) {
        axis linear = f->y;
        linear.lo = f->y.log ? pow(10, f->y.lo) : f->y.lo;
        linear.hi = f->y.log ? pow(10, f->y.hi) : f->y.hi;
        const int n = rst__nice_ticks(linear.lo, linear.hi, TICKS, &first, &step);
        for (int i = 0; i < n; i++)
            value_tick(f, first + i * step);
        return;
    }
    const int every = (int)ceil(decades / (TICKS + 1)), fine = decades < 2 ? 3 : 1;
    for (int d = (int)floor(f->y.lo); d <= (int)floor(f->y.hi); d += every)
        for (int k = 0; k < fine; k++) {
            const double v = within[k] * pow(10, d);
            if (log10(v) >= f->y.lo && log10(v) <= f->y.hi)
                value_tick(f, v);
        }
}

static void step_ticks(const framed *f)
{
    double first, step;
    const int room = (int)((f->x.to - f->x.from) / 45),
              n = rst__nice_ticks(f->x.lo, f->x.hi, room < 2 ? 2 : room, &first, &step);
    const rst_text_style style = { .size = 11, .anchor = RST_TEXT_MIDDLE, .colour = faint };
    for (int i = 0; i < n; i++) {
        char text[32];
        const double x = round(place(&f->x, first + i * step)) + 0.5;
        const double mark[4] = { x, f->y.from, x, f->y.from + 4 };
        rst__canvas_line(f->c, mark, 2, 1, frame);
        number_text(first + i * step, f->x.hi, text, sizeof text);
        rst__canvas_text(f->c, x, f->y.from + 17, &style, text);
    }
}

static void frame_lines(const framed *f)
{
    const double left = f->x.from + 0.5, bottom = f->y.from + 0.5;
    const double line[6] = { left, f->y.to, left, bottom, f->x.to, bottom };
    rst__canvas_line(f->c, line, 3, 1, frame);
}

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
    rst_colour colour = palette[k % PALETTE];
    const int64_t half = p->smooth ? p->n / 80 : 0;
    for (int pass = half > 0 ? 0 : 1; pass < 2; pass++) {
        for (int64_t i = 0; i < p->n; i++) {
            xy[2 * i] = place(&f->x, p->x[i]);
            xy[2 * i + 1] = place(&f->y, pass ? running_mean(y, p->n, i, half) : y[i]);
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
    const rst_text_style style = { .size = 12, .colour = ink };
    for (int k = 0; k < p->curves; k++) {
        char text[160];
        const double y = top + 18 * k, line[4] = { right, y, right + 16, y };
        (void)snprintf(text, sizeof text, "%s %.3g", p->curve[k].name, last_of(p, k));
        rst__canvas_line(f->c, line, 2, 3, palette[k % PALETTE]);
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
    const rst_text_style title = { .size = 13, .bold = true, .colour = ink },
                         label = { .size = 11, .anchor = RST_TEXT_MIDDLE, .colour = faint },
                         value = { .size = 12, .anchor = RST_TEXT_RIGHT, .colour = palette[0] };
    const framed f = { c, step_axis(p, left, right), value_axis(p, top, bottom) };
    rst__canvas_text(c, left, where.y + 15, &title, p->title);
    value_ticks(&f);
    step_ticks(&f);
    frame_lines(&f);
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
