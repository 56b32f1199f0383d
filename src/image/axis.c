/* SPDX-License-Identifier: MIT */
#include "image/axis.h"

#include <math.h>
#include <stdio.h>

enum { TICKS = 5 };

const rst_colour rst__ink = { 0.20, 0.20, 0.22, 1 }, rst__faint = { 0.45, 0.45, 0.48, 1 };
static const rst_colour grid = { 0.90, 0.90, 0.91, 1 }, frame = { 0.70, 0.70, 0.72, 1 };

const rst_colour rst__palette[RST_PALETTE] = {
    { 0.00, 0.45, 0.70, 1 }, { 0.84, 0.37, 0.00, 1 }, { 0.00, 0.62, 0.45, 1 },
    { 0.80, 0.47, 0.65, 1 }, { 0.90, 0.62, 0.00, 1 }, { 0.34, 0.71, 0.91, 1 },
    { 0.35, 0.35, 0.35, 1 }, { 0.60, 0.40, 0.20, 1 },
};

double rst__axis_place(const rst_axis *a, double v)
{
    const double t = a->log ? log10(v) : v;
    return a->from + (t - a->lo) / (a->hi - a->lo) * (a->to - a->from);
}

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
    rst_axis x, y;
} framed;

static void value_tick(const framed *f, double v)
{
    char text[32];
    const double y = round(rst__axis_place(&f->y, v)) + 0.5;
    const double line[4] = { f->x.from, y, f->x.to, y };
    const rst_text_style style = { .size = 11, .anchor = RST_TEXT_RIGHT, .colour = rst__faint };
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
        rst_axis linear = f->y;
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
    const rst_text_style style = { .size = 11, .anchor = RST_TEXT_MIDDLE, .colour = rst__faint };
    for (int i = 0; i < n; i++) {
        char text[32];
        const double x = round(rst__axis_place(&f->x, first + i * step)) + 0.5;
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

void rst__value_axis_draw(rst_canvas *c, const rst_axis *x, const rst_axis *y)
{
    const framed f = { c, *x, *y };
    value_ticks(&f);
    frame_lines(&f);
}

void rst__axes_draw(rst_canvas *c, const rst_axis *x, const rst_axis *y)
{
    const framed f = { c, *x, *y };
    value_ticks(&f);
    step_ticks(&f);
    frame_lines(&f);
}
