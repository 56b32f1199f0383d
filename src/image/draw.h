/* SPDX-License-Identifier: MIT */
/* Lines, text and pictures on a canvas. Coordinates are pixels from the upper left corner; errors
 * stick until rst__canvas_finish tells. Built without cairo there is no canvas. */
#ifndef RST_IMAGE_DRAW_H
#define RST_IMAGE_DRAW_H

#include <restain/image.h>

typedef struct rst_canvas rst_canvas;

/** Red, green, blue and opacity, 0..1. */
typedef struct rst_colour {
    double r, g, b, a;
} rst_colour;

typedef struct rst_box {
    double x, y, w, h;
} rst_box;

/** Where a text's point is in it. */
typedef enum rst_anchor { RST_TEXT_LEFT, RST_TEXT_MIDDLE, RST_TEXT_RIGHT } rst_anchor;

typedef struct rst_text_style {
    double size; /* pixels */
    bool bold;
    rst_anchor anchor;
    rst_colour colour;
} rst_text_style;

/** cairo's version, or NULL: built without it. */
const char *rst__canvas_version(void);

/**
 * @param width, height  1..32767 pixels
 * @param[out] out       owned; rst__canvas_finish or rst__canvas_free
 * @return 0, RST_EINVAL (the size; built without cairo), RST_ENOMEM
 */
int rst__canvas_new(rst_canvas **out, int64_t width, int64_t height, rst_colour ground,
                    rst_error *err);
/** NULL is fine. */
void rst__canvas_free(rst_canvas *c);
/** The picture, RGB, owned by the caller; frees the canvas in any case. RST_ENOMEM, RST_EINTERNAL.
 */
int rst__canvas_finish(rst_canvas *c, rst_image *out, rst_error *err);

void rst__canvas_fill(rst_canvas *c, rst_box where, rst_colour colour);
/** A line through n points x, y, x, y, ...; broken where one is not finite. */
void rst__canvas_line(rst_canvas *c, const double *xy, int64_t n, double width, rst_colour colour);
/** A round spot. */
void rst__canvas_dot(rst_canvas *c, double x, double y, double radius, rst_colour colour);
/** UTF-8 in DejaVu Sans, its baseline at y. */
void rst__canvas_text(rst_canvas *c, double x, double y, const rst_text_style *style,
                      const char *text);
double rst__canvas_text_width(rst_canvas *c, const rst_text_style *style, const char *text);
/** A grey or RGB image, stretched into the box. */
void rst__canvas_image(rst_canvas *c, rst_box where, const rst_image *img);
/** Drawing is confined to the box until it is ended. They do not nest. */
void rst__canvas_clip(rst_canvas *c, rst_box where);
void rst__canvas_clip_end(rst_canvas *c);

#endif
