/* SPDX-License-Identifier: MIT */
#include "support/roof_picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "image/axis.h"

enum { WIDTH = 1000, HEIGHT = 560, LEGEND = 270 };

const char *const roof_kind_name[ROOF_KINDS] = { "direct", "winograd", "winograd as direct",
                                                 "other" };
static const char *const legend_text[ROOF_KINDS] = { "direct convolution",
                                                     "Winograd: what it computes",
                                                     "Winograd: counted as direct",
                                                     "norms and filters" };

static const rst_colour white = { 1, 1, 1, 1 };

double roof_at(const roof *r, double intensity)
{
    return fmin(r->ceiling[0].gflops, intensity * r->gbs);
}

typedef struct frame {
    rst_canvas *c;
    rst_axis x, y; /* flop per byte, GFLOP/s, both logarithmic */
} frame;

static double intensity(const roof_point *p)
{
    return p->gflop / p->gbyte;
}

static double gflops(const roof_point *p)
{
    return 1e3 * p->gflop / p->ms;
}

static frame frame_of(rst_canvas *c, const roof *r)
{
    double lo = 0.25, hi = 1, low = r->ceiling[0].gflops, high = low;
    for (int i = 0; i < r->points; i++) {
        const roof_point *p = &r->point[i];
        lo = fmin(lo, intensity(p));
        hi = fmax(hi, intensity(p));
        low = fmin(low, gflops(p));
        high = fmax(high, gflops(p));
    }
    low = fmin(low, lo * r->gbs);
    return (frame){ c,
                    { log10(lo) - 0.1, log10(hi) + 0.15, 60, WIDTH - LEGEND, true },
                    { log10(low) - 0.1, log10(high) + 0.15, HEIGHT - 60, 62, true } };
}

static void intensity_ticks(const frame *f)
{
    const rst_text_style style = { .size = 11, .anchor = RST_TEXT_MIDDLE, .colour = rst__faint };
    const rst_text_style label = { .size = 12, .anchor = RST_TEXT_MIDDLE, .colour = rst__ink };
    for (int e = (int)ceil(f->x.lo / log10(2)); e <= (int)floor(f->x.hi / log10(2)); e++) {
        char text[32];
        const double x = rst__axis_place(&f->x, exp2(e));
        const double mark[4] = { x, f->y.from, x, f->y.from + 4 };
        rst__canvas_line(f->c, mark, 2, 1, rst__faint);
        (void)snprintf(text, sizeof text, e < 0 ? "1/%g" : "%g", exp2(abs(e)));
        rst__canvas_text(f->c, x, f->y.from + 17, &style, text);
    }
    rst__canvas_text(f->c, (f->x.from + f->x.to) / 2, f->y.from + 38, &label,
                     "operations per byte that goes in or out");
}

/* One ceiling with the slope that leads to it. */
static void ceiling(const frame *f, const roof *r, int k)
{
    char text[64];
    const rst_colour colour = k == 0 ? rst__ink : (rst_colour){ 0.75, 0.75, 0.77, 1 };
    const double top = r->ceiling[k].gflops, knee = top / r->gbs, left = pow(10, f->x.lo);
    const double line[6] = { f->x.from,
                             rst__axis_place(&f->y, left * r->gbs),
                             rst__axis_place(&f->x, knee),
                             rst__axis_place(&f->y, top),
                             f->x.to,
                             rst__axis_place(&f->y, top) };
    const rst_text_style style = { .size = 11, .colour = k == 0 ? rst__ink : rst__faint };
    rst__canvas_line(f->c, line, 3, k == 0 ? 2 : 1.2, colour);
    (void)snprintf(text, sizeof text, "%s: %.0f GFLOP/s", r->ceiling[k].name, top);
    rst__canvas_text(f->c, rst__axis_place(&f->x, knee) + 8, line[3] - 5, &style, text);
}

static void point(const frame *f, const roof_point *p)
{
    char text[8];
    rst_colour colour = rst__palette[p->kind == ROOF_AS_DIRECT ? ROOF_WINOGRAD : p->kind];
    const double x = rst__axis_place(&f->x, intensity(p)), y = rst__axis_place(&f->y, gflops(p));
    const rst_text_style style = { .size = 9, .colour = colour };
    rst__canvas_dot(f->c, x, y, 4, colour);
    if (p->kind == ROOF_AS_DIRECT)
        rst__canvas_dot(f->c, x, y, 2.6, white);
    (void)snprintf(text, sizeof text, "%d", p->number);
    rst__canvas_text(f->c, x + 5, y + 8, &style, text);
}

static void legend(rst_canvas *c, const roof *r)
{
    const double x = WIDTH - LEGEND + 24;
    const rst_text_style style = { .size = 11, .colour = rst__ink };
    double y = 76;
    for (int k = 0; k < ROOF_KINDS; k++, y += 18) {
        rst__canvas_dot(c, x + 4, y - 4, 4, rst__palette[k == ROOF_AS_DIRECT ? ROOF_WINOGRAD : k]);
        if (k == ROOF_AS_DIRECT)
            rst__canvas_dot(c, x + 4, y - 4, 2.6, white);
        rst__canvas_text(c, x + 16, y, &style, legend_text[k]);
    }
    y += 10;
    for (int i = 0; i < r->points; i++) {
        char text[64];
        const roof_point *p = &r->point[i];
        if (i > 0 && p->number == p[-1].number)
            continue;
        (void)snprintf(text, sizeof text, "%2d  %s", p->number, p->name);
        rst__canvas_text(c, x, y, &style, text);
        y += 17;
    }
}

int roof_draw(const char *path, const roof *r, rst_error *err)
{
    rst_canvas *c;
    rst_image img = RST_IMAGE_INIT;
    int rc = rst__canvas_new(&c, WIDTH, HEIGHT, white, err);
    if (rc < 0)
        return rc;
    const frame f = frame_of(c, r);
    const rst_text_style title = { .size = 14, .bold = true, .colour = rst__ink },
                         small = { .size = 11, .colour = rst__faint };
    rst__canvas_text(c, 12, 24, &title, r->title);
    rst__canvas_text(c, 12, 42, &small, r->subtitle);
    rst__canvas_text(c, 12, 58, &small, "GFLOP/s");
    rst__value_axis_draw(c, &f.x, &f.y);
    intensity_ticks(&f);
    for (int k = r->ceilings - 1; k >= 0; k--)
        if (k == 0 || fabs(log(r->ceiling[k].gflops / r->ceiling[0].gflops)) > 0.15)
            ceiling(&f, r, k); /* two that are one leave no room for words */
    for (int i = 0; i < r->points; i++)
        point(&f, &r->point[i]);
    legend(c, r);
    rc = rst__canvas_finish(c, &img, err);
    if (rc == 0)
        rc = rst_image_write(path, &img, NULL, err);
    rst_image_free(&img);
    return rc;
}
