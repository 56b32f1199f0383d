/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "backend/cpu/conv_parts.h"

float *rst__frame_at(const rst__frame *f, int64_t n, int64_t py, int64_t px)
{
    const int64_t y = py - f->pad.t, x = px - f->pad.l;
    if (y >= 0 && y < f->h && x >= 0 && x < f->w)
        return f->y + ((n * f->h + y) * f->w + x) * f->c;
    const int64_t wp = f->w + f->pad.l + f->pad.r;
    if (!f->ring || py < 0 || py >= f->h + f->pad.t + f->pad.b || px < 0 || px >= wp)
        return NULL;
    float *ring = f->ring + n * f->ring_size;
    if (y < 0)
        return ring + (py * wp + px) * f->c;
    if (y >= f->h)
        return ring + ((f->pad.t + y - f->h) * wp + px) * f->c;
    const int64_t side = x < 0 ? px : f->pad.l + x - f->w;
    return ring + ((f->pad.t + f->pad.b) * wp + y * (f->pad.l + f->pad.r) + side) * f->c;
}

int rst__frame_open(rst_cpu_dev *dev, const rst_conv *g, float *dx, rst__frame *f)
{
    *f = (rst__frame){ .y = dx, .n = g->x.n, .h = g->x.h, .w = g->x.w, .c = g->x.c };
    const rst_pads p = g->pad;
    if (g->mode == RST_PAD_ZERO || (p.t | p.l | p.b | p.r) == 0)
        return 0;
    f->pad = p;
    f->ring_size = ((p.t + p.b) * (f->w + p.l + p.r) + f->h * (p.l + p.r)) * f->c;
    const size_t bytes = (size_t)(f->n * f->ring_size) * sizeof(float);
    f->ring = rst__cpu_scratch(dev, RST_SLOT_BORDER, bytes);
    if (!f->ring)
        return RST_ENOMEM;
    memset(f->ring, 0, bytes);
    return 0;
}

/* Adds what of padded row py lies in the border to row y of the image. */
static void fold_row(const rst__frame *f, rst_pad_mode mode, int64_t n, int64_t py, int64_t y)
{
    const bool whole = py - f->pad.t != y;
    const int64_t wp = f->w + f->pad.l + f->pad.r;
    for (int64_t px = 0; px < wp; px++) {
        if (!whole && px == f->pad.l)
            px += f->w;
        if (px == wp)
            break;
        const float *src = rst__frame_at(f, n, py, px);
        const int64_t x = rst__pad_index(mode, px - f->pad.l, f->w);
        float *dst = rst__frame_at(f, n, y + f->pad.t, x + f->pad.l);
        for (int64_t c = 0; c < f->c; c++)
            dst[c] += src[c];
    }
}

void rst__frame_fold(const rst_cpu_dev *dev, const rst__frame *f, rst_pad_mode mode)
{
    if (!f->ring)
        return;
    const int64_t rows = f->n * f->h;
#pragma omp parallel for num_threads(dev->base.threads) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        const int64_t n = i / f->h, y = i % f->h;
        for (int64_t py = 0; py < f->h + f->pad.t + f->pad.b; py++)
            if (rst__pad_index(mode, py - f->pad.t, f->h) == y)
                fold_row(f, mode, n, py, y);
    }
}
