/* SPDX-License-Identifier: MIT */
#include "run/attention.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "image/draw.h"

void rst__attention_free(rst_attention *a)
{
    for (int i = 0; i < a->count; i++)
        rst__free(a->map[i].v);
    *a = (rst_attention){ .count = 0 };
}

/* One map of a [1,c,h,w] tensor: its upper left corner. */
static int take(rst_attention_map *m, rst_tensor *t, int64_t width, int64_t height, rst_error *err)
{
    const rst_dims s = rst_shape(t);
    const int64_t side = (int64_t)1 << m->level;
    const bool vector = m->kind == RST_GATE_CHANNEL;
    float *all = rst__calloc((size_t)(s.c * s.h * s.w), sizeof *all);
    m->c = s.c;
    m->h = vector ? 1 : (height + side - 1) / side;
    m->w = vector ? 1 : (width + side - 1) / side;
    m->v = rst__calloc((size_t)(m->c * m->h * m->w), sizeof *m->v);
    if (!all || !m->v) {
        rst__free(all);
        return rst__fail_nomem(err, "attention");
    }
    if (rst_download(t, RST_NCHW, all) == 0) /* the scope reports */
        for (int64_t y = 0; y < m->c * m->h; y++)
            memcpy(m->v + y * m->w, all + y * s.w, (size_t)m->w * sizeof *all);
    rst__free(all);
    return 0;
}

int rst__attention_take(rst_attention *out, int levels, rst_tensor *const *t, int64_t width,
                        int64_t height, rst_error *err)
{
    int rc = 0;
    *out = (rst_attention){ .count = 0 };
    for (int k = 0; k < RST_GATE_LEVELS; k++)
        for (int i = 0; rc == 0 && i < RST_GATE_KINDS && levels >> k & 1; i++) {
            rst_attention_map *m = &out->map[out->count];
            *m = (rst_attention_map){ .level = k, .kind = (rst_gate_kind)i };
            rc = take(m, t[out->count++], width, height, err);
        }
    return rc;
}

const char *rst__attention_name(const rst_attention_map *m, char buf[48])
{
    static const char *const kind[RST_GATE_KINDS] = {
        [RST_GATE_MAP] = "gate",
        [RST_GATE_CHANNEL] = "cbam.ChannelGate",
        [RST_GATE_SPATIAL] = "cbam.SpatialGate",
    };
    (void)snprintf(buf, 48, "ammfi%d.%s", m->level, kind[m->kind]);
    return buf;
}

/* Colours ---------------------------------------------------------------------------------------
 */

typedef struct range {
    double lo, hi;
} range;

static range range_of(const rst_attention_map *m)
{
    range r = { INFINITY, -INFINITY };
    for (int64_t i = 0; i < m->c * m->h * m->w; i++) {
        r.lo = fmin(r.lo, m->v[i]);
        r.hi = fmax(r.hi, m->v[i]);
    }
    return r;
}

/* From violet by blue and green to yellow, each lighter than the one before, also without colour:
 * five colours of matplotlib's viridis (CC0). */
static void colour_of(double v, range r, uint8_t rgb[3])
{
    enum { STOPS = 5 };
    static const double stop[STOPS][3] = {
        { 68, 1, 84 }, { 59, 82, 139 }, { 33, 145, 140 }, { 94, 201, 98 }, { 253, 231, 37 }
    };
    const double x = r.hi > r.lo ? (v - r.lo) / (r.hi - r.lo) * (STOPS - 1) : 0;
    const int i = x < STOPS - 1 ? (int)x : STOPS - 2;
    for (int k = 0; k < 3; k++)
        rgb[k] = (uint8_t)lrint(stop[i][k] + (x - i) * (stop[i + 1][k] - stop[i][k]));
}

static int colour_map(const rst_attention_map *m, rst_image *out, rst_error *err)
{
    const range r = range_of(m);
    int rc = rst_image_new(out, m->w, m->h, 3, err);
    for (int64_t i = 0; rc == 0 && i < m->w * m->h; i++)
        colour_of(m->v[i], r, out->px + 3 * i);
    return rc;
}

/* On the picture in grey, so that a colour is the map's. */
static int overlay(const rst_attention_map *m, const rst_image *img, rst_image *out, rst_error *err)
{
    const range r = range_of(m);
    const double share = 0.55; /* of the colour */
    int rc = rst_image_new(out, img->width, img->height, 3, err);
    for (int64_t y = 0; rc == 0 && y < img->height; y++)
        for (int64_t x = 0; x < img->width; x++) {
            const uint8_t *p = img->px + 3 * (y * img->width + x);
            uint8_t *q = out->px + 3 * (y * img->width + x);
            const double grey = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
            colour_of(m->v[(y >> m->level) * m->w + (x >> m->level)], r, q);
            for (int k = 0; k < 3; k++)
                q[k] = (uint8_t)lrint(share * q[k] + (1 - share) * grey);
        }
    return rc;
}

/* The figure ------------------------------------------------------------------------------------
 */

enum {
    CELL_MIN = 240,
    CELL_MAX = 640,
    MARGIN = 20,
    HEAD = 44,
    LABEL = 24,
    SCALE = 44,
    COLUMNS = 4
};

static const rst_colour white = { 1, 1, 1, 1 }, ink = { 0.13, 0.13, 0.15, 1 },
                        faint = { 0.45, 0.45, 0.48, 1 },
                        bar[2] = { { 0.23, 0.32, 0.55, 1 }, { 0.37, 0.65, 0.42, 1 } };

/* The colours and the two numbers they stand between, below a map. */
static void draw_scale(rst_canvas *c, rst_box map, range r)
{
    enum { STEPS = 64, HIGH = 10 };
    const rst_text_style left = { .size = 12, .colour = ink },
                         right = { .size = 12, .anchor = RST_TEXT_RIGHT, .colour = ink };
    char text[32];
    for (int i = 0; i < STEPS; i++) {
        uint8_t rgb[3];
        colour_of((double)i / (STEPS - 1), (range){ 0, 1 }, rgb);
        rst__canvas_fill(
            c, (rst_box){ map.x + map.w * i / STEPS, map.y + map.h + 6, map.w / STEPS + 1, HIGH },
            (rst_colour){ rgb[0] / 255., rgb[1] / 255., rgb[2] / 255., 1 });
    }
    (void)snprintf(text, sizeof text, "%.4f", r.lo);
    rst__canvas_text(c, map.x, map.y + map.h + HIGH + 22, &left, text);
    (void)snprintf(text, sizeof text, "%.4f", r.hi);
    rst__canvas_text(c, map.x + map.w, map.y + map.h + HIGH + 22, &right, text);
}

/* A bar a channel, all from 0 to 1: first those of the encoder, then the decoder's. */
static void draw_bars(rst_canvas *c, rst_box where, const rst_attention_map *m)
{
    const rst_text_style text = { .size = 12, .colour = ink },
                         end = { .size = 12, .anchor = RST_TEXT_RIGHT, .colour = ink };
    const double wide = where.w / (double)m->c;
    rst__canvas_fill(c, where, (rst_colour){ 0.95, 0.95, 0.96, 1 });
    for (int64_t i = 0; i < m->c; i++)
        rst__canvas_fill(c,
                         (rst_box){ where.x + wide * (double)i, where.y + where.h * (1 - m->v[i]),
                                    0.8 * wide, where.h * m->v[i] },
                         bar[i >= m->c / 2]);
    rst__canvas_text(c, where.x, where.y + where.h + 18, &text, "encoder");
    rst__canvas_text(c, where.x + where.w, where.y + where.h + 18, &end, "decoder; 0 to 1");
}

static int draw_image(rst_canvas *c, rst_box where, rst_image *img, int rc)
{
    if (rc == 0)
        rst__canvas_image(c, where, img);
    rst_image_free(img);
    return rc;
}

/* A level: its three maps are one after another. */
static int draw_level(rst_canvas *c, const rst_attention_map *m, const rst_image *img, rst_box cell,
                      rst_error *err)
{
    static const char *const title[COLUMNS] = { "gate on the picture", "gate", "CBAM spatial gate",
                                                "CBAM channel gate" };
    static const char *const where[RST_GATE_LEVELS] = { "full size", "half size", "quarter size" };
    const rst_text_style label = { .size = 13, .bold = true, .colour = ink },
                         note = { .size = 12, .anchor = RST_TEXT_RIGHT, .colour = faint };
    const rst_attention_map *const shown[COLUMNS] = { m + RST_GATE_MAP, m + RST_GATE_MAP,
                                                      m + RST_GATE_SPATIAL, m + RST_GATE_CHANNEL };
    int rc = 0;
    for (int k = 0; rc == 0 && k < COLUMNS; k++, cell.x += cell.w + MARGIN) {
        rst_image part = RST_IMAGE_INIT;
        rst__canvas_text(c, cell.x, cell.y - 8, &label, title[k]);
        rst__canvas_text(c, cell.x + cell.w, cell.y - 8, &note, where[m->level]);
        if (k == 0)
            rc = draw_image(c, cell, &part, overlay(shown[k], img, &part, err));
        else if (shown[k]->kind == RST_GATE_CHANNEL)
            draw_bars(c, cell, shown[k]);
        else
            rc = draw_image(c, cell, &part, colour_map(shown[k], &part, err));
        if (shown[k]->kind != RST_GATE_CHANNEL)
            draw_scale(c, cell, range_of(shown[k]));
    }
    return rc;
}

int rst__attention_figure(const rst_attention *a, const rst_image *img, rst_image *out,
                          rst_error *err)
{
    const rst_text_style title = { .size = 17, .bold = true, .colour = ink };
    const double wide = fmin(fmax((double)img->width, CELL_MIN), CELL_MAX),
                 high = wide * (double)img->height / (double)img->width,
                 pitch = LABEL + high + SCALE;
    const int levels = a->count / RST_GATE_KINDS;
    rst_canvas *c;
    int rc = rst__canvas_new(&c, (int64_t)(COLUMNS * (wide + MARGIN) + MARGIN),
                             (int64_t)(HEAD + levels * pitch + MARGIN), white, err);
    if (rc < 0)
        return rc;
    rst__canvas_text(c, MARGIN, 28, &title,
                     "attention: how much of the encoder's features reaches the decoder");
    for (int k = 0; rc == 0 && k < levels; k++)
        rc = draw_level(c, &a->map[RST_GATE_KINDS * k], img,
                        (rst_box){ MARGIN, HEAD + LABEL + k * pitch, wide, high }, err);
    if (rc < 0) {
        rst__canvas_free(c);
        return rc;
    }
    return rst__canvas_finish(c, out, err);
}

/* Files -----------------------------------------------------------------------------------------
 */

char *rst__attention_path(const char *output, rst_attention_file file)
{
    static const char *const end[RST_ATTENTION_FILES] = { ".attention.png",
                                                          ".attention.safetensors" };
    const char *name = rst__basename(output), *dot = strrchr(name, '.');
    const size_t stem = dot && dot != name ? (size_t)(dot - output) : strlen(output),
                 n = stem + strlen(end[file]) + 1;
    char *s = rst__malloc(n);
    if (s)
        (void)snprintf(s, n, "%.*s%s", (int)stem, output, end[file]);
    return s;
}

static int write_figure(const rst_attention *a, const rst_image *img, const char *path,
                        rst_error *err)
{
    rst_image figure = RST_IMAGE_INIT;
    int rc = rst__attention_figure(a, img, &figure, err);
    if (rc == 0)
        rc = rst_image_write(path, &figure, NULL, err);
    rst_image_free(&figure);
    return rc;
}

static int write_numbers(const rst_attention *a, const char *path, rst_error *err)
{
    rst_weights *w = rst_weights_new();
    int rc = w ? rst_weights_set_meta(w, "kind", "gates of an attention network", err)
               : rst__fail_nomem(err, path);
    for (int i = 0; rc == 0 && i < a->count; i++) {
        const rst_attention_map *m = &a->map[i];
        const int64_t shape[3] = { m->c, m->h, m->w };
        char name[48];
        rc = rst_weights_add(w, rst__attention_name(m, name), RST_WEIGHT_F32, 3, shape, m->v, err);
    }
    if (rc == 0)
        rc = rst_weights_write_safetensors(w, path, err);
    rst_weights_free(w);
    return rc;
}

int rst__attention_write(const rst_attention *a, const rst_image *img, rst_attention_file file,
                         const char *path, rst_error *err)
{
    return file == RST_ATTENTION_FIGURE ? write_figure(a, img, path, err)
                                        : write_numbers(a, path, err);
}
