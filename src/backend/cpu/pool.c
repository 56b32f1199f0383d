/* SPDX-License-Identifier: MIT */
/* Maximum over windows; what hangs over the border does not take part. */
#include <string.h>

#include "backend/cpu/kernels.h"

/* One output pixel from the image x. */
static void max_window(const rst__ew *ew, const rst_pool2d *g, int64_t oy, int64_t ox,
                       const float *x, float *y, int32_t *arg)
{
    const int64_t c = g->x.c, w = g->x.w, top = oy * g->sh - g->ph, left = ox * g->sw - g->pw;
    const int64_t y0 = rst__most(0, top), y1 = rst__least(top + g->kh, g->x.h);
    const int64_t x0 = rst__most(0, left), x1 = rst__least(left + g->kw, w);
    if (y0 >= y1 || x0 >= x1)
        return;
    const int64_t first = y0 * w + x0;
    memcpy(y, x + first * c, (size_t)c * sizeof *y);
    for (int64_t i = 0; i < c; i++)
        arg[i] = (int32_t)first;
    for (int64_t iy = y0; iy < y1; iy++)
        ew->max_rows(x1 - x0, c, (int32_t)(iy * w + x0), 1, x + (iy * w + x0) * c, y, arg);
}

int rst__cpu_max_pool(rst_dev *dev, const rst_pool2d *g, const void *xp, void *yp, int32_t *arg)
{
    const rst__ew *ew = rst__ew_of(dev);
    const int64_t c = g->x.c, image = g->x.h * g->x.w * c, rows = g->x.n * g->oh;
    const float *x = xp;
    float *y = yp;
    RST_PARALLEL_FOR(dev, rows * g->ow * c * g->kh * g->kw)
    for (int64_t r = 0; r < rows; r++)
        for (int64_t ox = 0; ox < g->ow; ox++) {
            const int64_t at = (r * g->ow + ox) * c;
            max_window(ew, g, r % g->oh, ox, x + r / g->oh * image, y + at, arg + at);
        }
    return 0;
}

/* Row iy of dx takes what the windows over it have found there. */
static void max_row_vjp(const rst_pool2d *g, int64_t iy, const int32_t *arg, const float *dy,
                        float *dx)
{
    const int64_t c = g->x.c, w = g->x.w, low = iy + g->ph - g->kh;
    const int64_t o0 = low < 0 ? 0 : low / g->sh + 1;
    const int64_t o1 = rst__least(g->oh, (iy + g->ph) / g->sh + 1);
    for (int64_t o = o0 * g->ow; o < o1 * g->ow; o++)
        for (int64_t i = 0; i < c; i++) {
            const int64_t at = arg[o * c + i] - iy * w;
            if (at >= 0 && at < w)
                dx[at * c + i] += dy[o * c + i];
        }
}

int rst__cpu_max_pool_vjp(rst_dev *dev, const rst_pool2d *g, const int32_t *arg, const void *dyp,
                          void *dxp, bool add)
{
    const int64_t row = g->x.w * g->x.c, out = g->oh * g->ow * g->x.c, rows = g->x.n * g->x.h;
    const float *dy = dyp;
    float *dx = dxp;
    RST_PARALLEL_FOR(dev, rows * row)
    for (int64_t r = 0; r < rows; r++) {
        if (!add)
            memset(dx + r * row, 0, (size_t)row * sizeof *dx);
        const int64_t at = r / g->x.h * out;
        max_row_vjp(g, r % g->x.h, arg + at, dy + at, dx + r * row);
    }
    return 0;
}
