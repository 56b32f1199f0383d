/* SPDX-License-Identifier: MIT */
#include "plan/steps.h"

/* In multiply-adds of direct convolution. Winograd's 36 products for 16 pixels run at 5/6 of that
 * pace, and its transforms take time for each channel read and made: fitted to layers of 16 to 256
 * channels, met within a tenth (doc/speed.md). Any other number made costs a trip to memory: 3 ns
 * of two cores, measured on the paper's generator. */
static const double wino_product = 2.7, wino_channel = 52, other_value = 300;

static double conv_cost(const rst_plan *p, const plan_step *st)
{
    const rst_conv *g = &st->at.conv.g;
    const double ci = (double)g->x.c, co = (double)g->co, pixels = (double)(g->oh * g->ow);
    rst_dev *dev = p->ctx->dev;
    int tile = 1;
    dev->be->conv_tile(dev, g, st->op == &rst__op_conv_transpose2d, &tile);
    if (tile > 1)
        return pixels * (wino_product * ci * co + wino_channel * (ci + co));
    return pixels * (double)(g->kh * g->kw) * ci * co / (double)g->groups;
}

double rst__plan_cost(const rst_plan *p)
{
    double sum = 0;
    for (int i = 0; i < p->steps; i++) {
        const plan_step *st = &p->step[i];
        if (st->op == &rst__op_conv2d || st->op == &rst__op_conv_transpose2d)
            sum += (double)st->at.conv.g.x.n * conv_cost(p, st);
        else if (!(st->op->flags & RST_OP_ALIAS))
            sum += other_value * (double)rst__numel(p->value[st->out].s);
    }
    return sum;
}
