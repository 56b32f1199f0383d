/* SPDX-License-Identifier: MIT */
#include "image/scatter.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/sorted.h"
#include "image/axis.h"

/* A range that grows with what it is shown. */
typedef struct range {
    double lo, hi;
    bool any;
} range;

static void stretch(range *r, double v)
{
    if (!isfinite(v))
        return;
    r->lo = r->any && r->lo < v ? r->lo : v;
    r->hi = r->any && r->hi > v ? r->hi : v;
    r->any = true;
}

static rst_axis axis_of(range r, double from, double to)
{
    const double span = r.hi - r.lo, air = span > 0 ? 0.06 * span : fmax(0.05 * fabs(r.hi), 1e-3);
    return r.any ? (rst_axis){ r.lo - air, r.hi + air, from, to, false }
                 : (rst_axis){ 0, 1, from, to, false };
}

static rst_box inside(rst_box where, double below)
{
    return (rst_box){ where.x + 52, where.y + 26, where.w - 62, where.h - 26 - below };
}

static void head(rst_canvas *c, rst_box where, const char *title)
{
    const rst_text_style style = { .size = 13, .bold = true, .colour = rst__ink };
    rst__canvas_text(c, where.x + 8, where.y + 15, &style, title);
}

/* Pairs ------------------------------------------------------------------------------------------
 */

static void mark(rst_canvas *c, const rst_axis *x, const rst_axis *y, const rst_mark *m)
{
    if (!isfinite(m->y))
        return;
    const rst_colour colour = m->strong ? rst__palette[1] : rst__faint;
    const double at = rst__axis_place(y, m->y), line[4] = { x->from, at, x->to, at };
    const rst_text_style style = { .size = 11, .anchor = RST_TEXT_RIGHT, .colour = colour };
    rst__canvas_line(c, line, 2, m->strong ? 1.6 : 1, colour);
    rst__canvas_text(c, x->to - 2, at - 4, &style, m->text);
}

void rst__scatter_draw(rst_canvas *c, rst_box where, const rst_scatter *p)
{
    range rx = { 0 }, ry = { 0 };
    for (int64_t i = 0; i < p->n; i++)
        if (isfinite(p->x[i]) && isfinite(p->y[i])) {
            stretch(&rx, p->x[i]);
            stretch(&ry, p->y[i]);
        }
    for (int k = 0; k < p->marks; k++)
        stretch(&ry, p->mark[k].y);
    if (p->diagonal && rx.any) {
        stretch(&rx, ry.lo);
        stretch(&rx, ry.hi);
        ry = rx;
    }
    const rst_box b = inside(where, 36);
    const rst_axis x = axis_of(rx, b.x, b.x + b.w), y = axis_of(ry, b.y + b.h, b.y);
    const rst_text_style label = { .size = 11, .anchor = RST_TEXT_MIDDLE, .colour = rst__faint };
    head(c, where, p->title);
    rst__axes_draw(c, &x, &y);
    rst__canvas_text(c, b.x + b.w / 2, b.y + b.h + 33, &label, p->x_label);
    const double along[4] = { x.from, y.from, x.to, y.to };
    if (p->diagonal)
        rst__canvas_line(c, along, 2, 1, rst__faint);
    for (int k = 0; k < p->marks; k++)
        mark(c, &x, &y, &p->mark[k]);
    for (int64_t i = 0; i < p->n; i++) {
        rst_colour colour = rst__palette[p->colour ? p->colour[i] % RST_PALETTE : 0];
        colour.a = p->n > 200 ? 0.45 : 0.8;
        rst__canvas_dot(c, rst__axis_place(&x, p->x[i]), rst__axis_place(&y, p->y[i]),
                        p->n > 200 ? 2.2 : 3.2, colour);
    }
}

/* Groups -----------------------------------------------------------------------------------------
 */

/* Points that stand in each other's way are easier to count a little apart: a fixed pattern. */
static double aside(int64_t i)
{
    const double golden = 0.6180339887498949;
    const double t = (double)i * golden;
    return t - floor(t) - 0.5;
}

static int draw_group(rst_canvas *c, double middle, double width, const rst_axis *y,
                      const double *v, int64_t n, int k, rst_error *err)
{
    double *sorted = rst__malloc((size_t)(n > 0 ? n : 1) * sizeof *sorted);
    int64_t finite = 0;
    if (!sorted)
        return rst__fail_nomem(err, "a drawing");
    rst_colour colour = rst__palette[k % RST_PALETTE], pale = colour;
    colour.a = n > 200 ? 0.35 : 0.7;
    pale.a = 0.18;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(v[i]))
            sorted[finite++] = v[i];
    rst__sort(sorted, finite);
    if (finite > 0) {
        const double low = rst__axis_place(y, rst__quantile(sorted, finite, 0.25)),
                     high = rst__axis_place(y, rst__quantile(sorted, finite, 0.75)),
                     half = rst__axis_place(y, rst__quantile(sorted, finite, 0.5)),
                     line[4] = { middle - width / 2, half, middle + width / 2, half };
        rst__canvas_fill(c, (rst_box){ middle - width / 2, high, width, low - high }, pale);
        for (int64_t i = 0; i < finite; i++)
            rst__canvas_dot(c, middle + 0.8 * width * aside(i), rst__axis_place(y, sorted[i]),
                            n > 200 ? 1.8 : 2.6, colour);
        rst__canvas_line(c, line, 2, 2, rst__ink);
    }
    rst__free(sorted);
    return 0;
}

/* A name, cut where it would reach into the next one's room. */
static void group_name(rst_canvas *c, double middle, double baseline, double room, const char *name)
{
    const rst_text_style style = { .size = 11, .anchor = RST_TEXT_MIDDLE, .colour = rst__ink };
    char text[64];
    size_t n = strlen(name);
    n = n < sizeof text - 4 ? n : sizeof text - 4;
    memcpy(text, name, n);
    text[n] = 0;
    while (n > 1 && rst__canvas_text_width(c, &style, text) > room) {
        do
            n--;
        while (n > 1 && ((unsigned char)text[n] & 0xc0) == 0x80);
        memcpy(text + n, "\xe2\x80\xa6", 4); /* an ellipsis */
    }
    rst__canvas_text(c, middle, baseline, &style, text);
}

int rst__spread_draw(rst_canvas *c, rst_box where, const rst_spread *p, rst_error *err)
{
    range r = { 0 };
    for (int k = 0; k < p->groups; k++)
        for (int64_t i = 0; i < p->n[k]; i++)
            stretch(&r, p->v[k][i]);
    const rst_box b = inside(where, 24);
    const rst_axis x = { 0, 1, b.x, b.x + b.w, false }, y = axis_of(r, b.y + b.h, b.y);
    const double room = b.w / p->groups, width = fmin(0.6 * room, 46);
    head(c, where, p->title);
    rst__value_axis_draw(c, &x, &y);
    int rc = 0;
    for (int k = 0; rc == 0 && k < p->groups; k++) {
        const double middle = b.x + room * (k + 0.5);
        rc = draw_group(c, middle, width, &y, p->v[k], p->n[k], k, err);
        group_name(c, middle, b.y + b.h + 17, room - 4, p->name[k]);
    }
    return rc;
}
