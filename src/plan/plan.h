/* SPDX-License-Identifier: MIT */
/*
 * A forward pass, recorded once for a shape, fused, memory-planned, and replayed.
 *
 * Recording runs the same code that training runs, with tensors that have a shape and no numbers.
 * What depends on parameters alone (spectral norm's weights) is computed while recording; what no
 * output needs is dropped; activations and residual sums move into the normalisation or convolution
 * before them, running-statistics norms into the convolution's weights; weights are packed; and
 * every intermediate gets a place in one arena, by the steps between which it is alive.
 */
#ifndef RST_PLAN_PLAN_H
#define RST_PLAN_PLAN_H

#include "grad/engine.h"

typedef struct rst_plan rst_plan;

/** The forward pass to record: fills out[0..] and returns how many, or a negative status. */
typedef int (*rst_plan_fn)(void *arg, rst_tensor *x, rst_tensor **out, int max);

enum { RST_PLAN_OUTPUTS = 16 };

/** What a plan is made of, for logs and tests. */
typedef struct rst_plan_info {
    int steps, fused, outputs;
    size_t arena_bytes;  /* one buffer for all intermediates */
    size_t values_bytes; /* what they would take side by side */
} rst_plan_info;

/**
 * Records fn on an input of shape s. Must be called outside of scopes.
 *
 * @param[out] out  owned; rst__plan_free before the module and the context
 * @return 0, or what recording reported (RST_EINVAL for a shape that does not fit the network)
 */
int rst__plan_new(rst_plan **out, rst_ctx *c, rst_dims s, rst_plan_fn fn, void *arg,
                  rst_error *err);
/** The same as it was recorded: nothing fused, placed or packed. For those who read the steps
 * (plan/steps.h); it cannot be replayed. */
int rst__plan_trace(rst_plan **out, rst_ctx *c, rst_dims s, rst_plan_fn fn, void *arg,
                    rst_error *err);
void rst__plan_free(rst_plan *p);
/** Replays on x (of the recorded shape); y[i] are tensors of the current scope, one per output.
 *  @return 0 or the context's error; RST_EINVAL when parameters changed since recording */
int rst__plan_run(rst_plan *p, rst_tensor *x, rst_tensor **y);
rst_plan_info rst__plan_describe(const rst_plan *p);
/** Work of a replay in multiply-adds of direct convolution, modelled: each convolution by the
 *  algorithm it runs with, a few for every other number made. To choose between algorithms by. */
double rst__plan_cost(const rst_plan *p);

#endif
