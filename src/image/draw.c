/* SPDX-License-Identifier: MIT */
/* The one place that knows cairo. */
#include "image/draw.h"

#include "base/err.h"

#ifndef RST_HAVE_CAIRO

const char *rst__canvas_version(void)
{
    return NULL;
}

int rst__canvas_new(rst_canvas **out, int64_t width, int64_t height, rst_colour ground,
                    rst_error *err)
{
    (void)out, (void)width, (void)height, (void)ground;
    return rst_fail(err, RST_EINVAL, "drawing needs cairo, and restain was built without it");
}

void rst__canvas_free(rst_canvas *c)
{
    (void)c;
}

int rst__canvas_finish(rst_canvas *c, rst_image *out, rst_error *err)
{
    (void)c, (void)out;
    return rst_fail(err, RST_EINTERNAL, "a canvas that was never made");
}

void rst__canvas_fill(rst_canvas *c, rst_box where, rst_colour colour)
{
    (void)c, (void)where, (void)colour;
}

void rst__canvas_line(rst_canvas *c, const double *xy, int64_t n, double width, rst_colour colour)
{
    (void)c, (void)xy, (void)n, (void)width, (void)colour;
}

void rst__canvas_dot(rst_canvas *c, double x, double y, double radius, rst_colour colour)
{
    (void)c, (void)x, (void)y, (void)radius, (void)colour;
}

void rst__canvas_text(rst_canvas *c, double x, double y, const rst_text_style *style,
                      const char *text)
{
    (void)c, (void)x, (void)y, (void)style, (void)text;
}

double rst__canvas_text_width(rst_canvas *c, const rst_text_style *style, const char *text)
{
    (void)c, (void)style, (void)text;
    return 0;
}

void rst__canvas_image(rst_canvas *c, rst_box where, const rst_image *img)
{
    (void)c, (void)where, (void)img;
}

void rst__canvas_clip(rst_canvas *c, rst_box where)
{
    (void)c, (void)where;
}

void rst__canvas_clip_end(rst_canvas *c)
{
    (void)c;
}

#else

#include <cairo.h>
#include <math.h>

#include "base/alloc.h"

enum { SIDE_MAX = 32767 };

struct rst_canvas {
    cairo_surface_t *surface;
    cairo_t *cr;
    rst_status status; /* of what cairo was not asked for */
};

const char *rst__canvas_version(void)
{
    return cairo_version_string();
}

static void set_colour(rst_canvas *c, rst_colour v)
{
    cairo_set_source_rgba(c->cr, v.r, v.g, v.b, v.a);
}

int rst__canvas_new(rst_canvas **out, int64_t width, int64_t height, rst_colour ground,
                    rst_error *err)
{
    if (width < 1 || height < 1 || width > SIDE_MAX || height > SIDE_MAX)
        return rst_fail(err, RST_EINVAL, "canvas: %lldx%lld pixels; sides of 1..%d",
                        (long long)width, (long long)height, SIDE_MAX);
    rst_canvas *c = rst__calloc(1, sizeof *c);
    if (!c)
        return rst__fail_nomem(err, "canvas");
    c->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
    c->cr = cairo_create(c->surface);
    set_colour(c, ground);
    cairo_paint(c->cr);
    *out = c;
    return 0;
}

void rst__canvas_free(rst_canvas *c)
{
    if (!c)
        return;
    cairo_destroy(c->cr);
    cairo_surface_destroy(c->surface);
    rst__free(c);
}

/* Between cairo's rows of native-endian xRGB words and ours of bytes. */
static void from_words(const uint32_t *src, int64_t n, uint8_t *dst)
{
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < 3; k++)
            dst[3 * i + k] = (uint8_t)(src[i] >> (16 - 8 * k));
}

static void to_words(const uint8_t *src, int64_t n, int channels, uint32_t *dst)
{
    const int g = channels == 3 ? 1 : 0;
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *p = src + i * channels;
        dst[i] = (uint32_t)p[0] << 16 | (uint32_t)p[g] << 8 | p[2 * g];
    }
}

static uint32_t *row_of(cairo_surface_t *s, int64_t y)
{
    return (uint32_t *)(void *)(cairo_image_surface_get_data(s) +
                                y * cairo_image_surface_get_stride(s));
}

int rst__canvas_finish(rst_canvas *c, rst_image *out, rst_error *err)
{
    rst_image img = RST_IMAGE_INIT;
    const cairo_status_t status = cairo_status(c->cr);
    int rc = c->status;
    if (rc < 0 || status == CAIRO_STATUS_NO_MEMORY)
        rc = rst__fail_nomem(err, "canvas");
    else if (status != CAIRO_STATUS_SUCCESS)
        rc = rst_fail(err, RST_EINTERNAL, "canvas: %s", cairo_status_to_string(status));
    else
        rc = rst_image_new(&img, cairo_image_surface_get_width(c->surface),
                           cairo_image_surface_get_height(c->surface), 3, err);
    if (rc == 0) {
        cairo_surface_flush(c->surface);
        for (int64_t y = 0; y < img.height; y++)
            from_words(row_of(c->surface, y), img.width, img.px + y * img.width * 3);
        *out = img;
    }
    rst__canvas_free(c);
    return rc;
}

void rst__canvas_fill(rst_canvas *c, rst_box where, rst_colour colour)
{
    set_colour(c, colour);
    cairo_rectangle(c->cr, where.x, where.y, where.w, where.h);
    cairo_fill(c->cr);
}

void rst__canvas_line(rst_canvas *c, const double *xy, int64_t n, double width, rst_colour colour)
{
    bool open = false;
    set_colour(c, colour);
    cairo_set_line_width(c->cr, width);
    cairo_set_line_join(c->cr, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(c->cr, n > 2 ? CAIRO_LINE_CAP_ROUND : CAIRO_LINE_CAP_BUTT);
    for (int64_t i = 0; i < n; i++) {
        const double x = xy[2 * i], y = xy[2 * i + 1];
        if (!isfinite(x) || !isfinite(y))
            open = false;
        else if (open)
            cairo_line_to(c->cr, x, y);
        else
            cairo_move_to(c->cr, x, y);
        open = isfinite(x) && isfinite(y);
    }
    cairo_stroke(c->cr);
}

void rst__canvas_dot(rst_canvas *c, double x, double y, double radius, rst_colour colour)
{
    if (!isfinite(x) || !isfinite(y))
        return;
    set_colour(c, colour);
    cairo_arc(c->cr, x, y, radius, 0, 2 * acos(-1));
    cairo_fill(c->cr);
}

static void set_font(rst_canvas *c, const rst_text_style *style)
{
    cairo_select_font_face(c->cr, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                           style->bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(c->cr, style->size);
}

double rst__canvas_text_width(rst_canvas *c, const rst_text_style *style, const char *text)
{
    cairo_text_extents_t e;
    set_font(c, style);
    cairo_text_extents(c->cr, text, &e);
    return e.x_advance;
}

void rst__canvas_text(rst_canvas *c, double x, double y, const rst_text_style *style,
                      const char *text)
{
    const double w = rst__canvas_text_width(c, style, text);
    set_colour(c, style->colour);
    cairo_move_to(c->cr,
                  x - (style->anchor == RST_TEXT_RIGHT    ? w
                       : style->anchor == RST_TEXT_MIDDLE ? w / 2
                                                          : 0),
                  y);
    cairo_show_text(c->cr, text);
}

void rst__canvas_image(rst_canvas *c, rst_box where, const rst_image *img)
{
    cairo_surface_t *s =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)img->width, (int)img->height);
    if (cairo_surface_status(s) != CAIRO_STATUS_SUCCESS) {
        c->status = RST_ENOMEM;
        cairo_surface_destroy(s);
        return;
    }
    cairo_surface_flush(s);
    for (int64_t y = 0; y < img->height; y++)
        to_words(img->px + y * img->width * img->channels, img->width, img->channels, row_of(s, y));
    cairo_surface_mark_dirty(s);
    cairo_save(c->cr);
    cairo_rectangle(c->cr, where.x, where.y, where.w, where.h);
    cairo_clip(c->cr);
    cairo_translate(c->cr, where.x, where.y);
    cairo_scale(c->cr, where.w / (double)img->width, where.h / (double)img->height);
    cairo_set_source_surface(c->cr, s, 0, 0);
    cairo_pattern_set_extend(cairo_get_source(c->cr), CAIRO_EXTEND_PAD); /* no pale border */
    cairo_pattern_set_filter(cairo_get_source(c->cr), CAIRO_FILTER_GOOD);
    cairo_paint(c->cr);
    cairo_restore(c->cr);
    cairo_surface_destroy(s);
}

void rst__canvas_clip(rst_canvas *c, rst_box where)
{
    cairo_rectangle(c->cr, where.x, where.y, where.w, where.h);
    cairo_clip(c->cr);
}

void rst__canvas_clip_end(rst_canvas *c)
{
    cairo_reset_clip(c->cr);
}

#endif
