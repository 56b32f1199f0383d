/* SPDX-License-Identifier: MIT */
#include "run/slide.h"

static int64_t up_to(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

/* The multiple of step (plus phase) at or below x, also for negative x. */
static int64_t down_to(int64_t x, int64_t step, int64_t phase)
{
    int64_t r = (x - phase) % step;
    return x - (r < 0 ? r + step : r);
}

int64_t rst__grid_core(int64_t halo)
{
    enum { CORE = 512, FAR = 128 };
    return halo > FAR ? 2 * CORE : CORE;
}

/* One axis of a window: room for the halo, and for origins that lie up to a step too early. */
static int64_t side(const rst_grid *g, int64_t first, int64_t core, int64_t all)
{
    int64_t n = core + 2 * g->halo;
    if (g->phase || core % g->step || first % g->step)
        n += g->step;
    n = up_to(n, g->step);
    n = n < 2 * g->step ? 2 * g->step : n;
    return n < all ? n : all;
}

void rst__grid_finish(rst_grid *g)
{
    const int64_t w = g->right - g->left + g->lead_x, h = g->bottom - g->top + g->lead_y;
    g->side_w = side(g, g->left - g->lead_x, g->core_w, g->width);
    g->side_h = side(g, g->top - g->lead_y, g->core_h, g->height);
    g->across = (w + g->core_w - 1) / g->core_w;
    g->down = (h + g->core_h - 1) / g->core_h;
}

static void cut(int64_t *x, int64_t *n, int64_t from, int64_t to)
{
    int64_t end = *x + *n < to ? *x + *n : to;
    *x = *x > from ? *x : from;
    *n = end - *x;
}

static int64_t origin(const rst_grid *g, int64_t x, int64_t window, int64_t all)
{
    const int64_t o = down_to(x - g->halo, g->step, g->phase), last = all - window;
    return o < 0 ? 0 : o > last ? last : o;
}

rst_grid_cell rst__grid_cell(const rst_grid *g, int64_t i, int64_t j)
{
    rst_grid_cell c = { .x = g->left - g->lead_x + i * g->core_w,
                        .y = g->top - g->lead_y + j * g->core_h,
                        .w = g->core_w,
                        .h = g->core_h };
    c.wx = origin(g, c.x, g->side_w, g->width);
    c.wy = origin(g, c.y, g->side_h, g->height);
    cut(&c.x, &c.w, g->left, g->right);
    cut(&c.y, &c.h, g->top, g->bottom);
    return c;
}
