/* SPDX-License-Identifier: MIT */
#include "plan/reach.h"

#include <math.h>

#include "base/alloc.h"
#include "base/err.h"
#include "plan/steps.h"

/* The wrong border of a value, in its own pixels, on the side where it is wider, and the distance
 * of its pixels in input pixels. `tiled` counts Winograd's tiles, `exact` does not. */
typedef struct margin {
    double tiled, exact, step;
    bool known; /* false: a constant, right everywhere */
} margin;

typedef struct walk {
    const rst_plan *p;
    margin *m;
    double align;
} walk;

static double to_tile(double border, int tile)
{
    return tile > 1 ? tile * ceil(border / tile - 1e-9) : ceil(border - 1e-9);
}

static void conv_margin(walk *w, const plan_step *st, margin *out)
{
    const rst_conv *g = &st->at.conv.g;
    rst_dev *dev = w->p->ctx->dev;
    bool transposed = st->op == &rst__op_conv_transpose2d;
    int tile = 1, s = g->sh > g->sw ? g->sh : g->sw;
    dev->be->conv_tile(dev, g, transposed, &tile);
    double before = fmax(g->pad.t, g->pad.l), k = fmax(g->kh, g->kw), after = k - 1 - before;
    if (transposed) {
        double reach = fmax(before, after);
        out->tiled = to_tile(out->tiled * s + reach, tile);
        out->exact = out->exact * s + reach;
        out->step /= s;
    } else {
        double reach = fmax(before, after);
        out->tiled = to_tile((out->tiled + reach) / s, tile);
        out->exact = ceil((out->exact + reach) / s - 1e-9);
        out->step *= s;
    }
    w->align = fmax(w->align, tile * out->step);
}

/* A window of k pixels every s. */
static void window_margin(walk *w, double reach, double s, margin *out)
{
    out->tiled = ceil((out->tiled + reach) / s - 1e-9);
    out->exact = ceil((out->exact + reach) / s - 1e-9);
    out->step *= s;
    w->align = fmax(w->align, out->step);
}

static void resample_margin(walk *w, const rst_resample *g, margin *out)
{
    double reach = g->kind == RST_BICUBIC ? 2 : g->kind == RST_BILINEAR ? 1 : 0.5;
    out->tiled = ceil((out->tiled + reach) / g->sy - 1e-9);
    out->exact = ceil((out->exact + reach) / g->sy - 1e-9);
    out->step *= g->sy;
    w->align = fmax(w->align, out->step);
}

static int refuse(const plan_step *st, rst_error *err)
{
    return rst_fail(err, RST_EINVAL,
                    "%s looks at the whole picture: freeze its statistics (--stats frozen)",
                    st->op->name);
}

/* What the step does to the margin of its inputs' widest. */
static int step_margin(walk *w, const plan_step *st, margin *out, rst_error *err)
{
    const rst_op *op = st->op;
    if (op == &rst__op_conv2d || op == &rst__op_conv_transpose2d)
        conv_margin(w, st, out);
    else if (op == &rst__op_norm)
        return st->at.norm.g.fixed ? 0 : refuse(st, err);
    else if (op == &rst__op_reduce || op == &rst__op_max)
        return st->at.reduce.axes & (RST_AXIS_H | RST_AXIS_W) ? refuse(st, err) : 0;
    else if (op == &rst__op_blur)
        window_margin(w, fmax(st->at.blur.pad.l, st->at.blur.count - 1 - st->at.blur.pad.l),
                      st->at.blur.stride, out);
    else if (op == &rst__op_blur_up) {
        out->tiled = 2 * out->tiled + (st->at.up.count - 1) / 2;
        out->exact = 2 * out->exact + (st->at.up.count - 1) / 2;
        out->step /= 2;
    } else if (op == &rst__op_resample)
        resample_margin(w, &st->at.res, out);
    else if (op == &rst__op_max_pool || op == &rst__op_avg_pool)
        window_margin(w, fmax(st->at.pool.g.pw, st->at.pool.g.kw - 1 - st->at.pool.g.pw),
                      st->at.pool.g.sw, out);
    else if (op == &rst__op_adaptive_pool || op == &rst__op_flip_w || op == &rst__op_rows ||
             op == &rst__op_gather || op == &rst__op_nce || op == &rst__op_diagonal ||
             op == &rst__op_pad)
        return rst_fail(err, RST_EINVAL, "%s has no place in a network for tiles", op->name);
    return 0;
}

static int walk_steps(walk *w, rst_error *err)
{
    w->m[0] = (margin){ 0, 0, 1, true };
    for (int i = 0; i < w->p->steps; i++) {
        const plan_step *st = &w->p->step[i];
        margin out = { 0 };
        for (int k = 0; k < st->n; k++) {
            const margin *in = &w->m[st->in[k]];
            if (!in->known)
                continue;
            out.tiled = fmax(out.tiled, in->tiled);
            out.exact = fmax(out.exact, in->exact);
            out.step = fmax(out.step, in->step);
            out.known = true;
        }
        int rc = step_margin(w, st, &out, err);
        if (rc < 0)
            return rc;
        w->m[st->out] = out;
    }
    return 0;
}

int rst__plan_reach(const rst_plan *p, rst_reach *out, rst_error *err)
{
    walk w = { p, rst__calloc((size_t)p->values, sizeof *w.m), 1 };
    if (!w.m)
        return rst__fail_nomem(err, "plan");
    int rc = walk_steps(&w, err);
    if (rc == 0) {
        const margin *end = &w.m[p->out[0]];
        int64_t align = (int64_t)w.align;
        double halo = end->tiled * end->step;
        *out = (rst_reach){ .align = align,
                            .halo = align * (int64_t)ceil(halo / (double)align - 1e-9),
                            .exact = (int64_t)ceil(end->exact * end->step - 1e-9) };
    }
    rst__free(w.m);
    return rc;
}
