/* SPDX-License-Identifier: MIT */
/* Between the files of the plan only. */
#ifndef RST_PLAN_STEPS_H
#define RST_PLAN_STEPS_H

#include "plan/plan.h"

/** A number in the recording: the input, a constant, or a step's result. */
typedef struct plan_value {
    rst_dims s;
    rst_storage *constant;   /* owned; NULL for what is computed */
    const rst_tensor *param; /* borrowed: the parameter it came from, to notice changes */
    uint64_t version;
    int home;        /* the value whose place this one shares (itself, usually) */
    int first, last; /* steps between which the place is taken */
    int64_t offset;  /* in the arena; -1: not there */
} plan_value;

typedef struct plan_step {
    const rst_op *op; /* NULL: removed */
    rst_attr at;
    int n, in[RST_MAX_INPUTS], out;
    size_t aux_bytes[RST_MAX_AUX];
    int64_t aux_offset[RST_MAX_AUX];
    rst_packed *packed; /* owned */
} plan_step;

struct rst_plan {
    rst_ctx *ctx;
    plan_value *value;
    int values, value_cap;
    plan_step *step;
    int steps, step_cap;
    int out[RST_PLAN_OUTPUTS], outs;
    int fused;
    size_t arena_bytes, values_bytes;
    rst_storage *arena; /* owned */
};

/** Appends a value; -1 when out of memory. */
int rst__plan_add_value(rst_plan *p, plan_value v);
/** Removes steps that no output needs. */
void rst__plan_drop_dead(rst_plan *p);
/** Moves activations, residual sums and fixed norms into their neighbours. @return 0 or an error */
int rst__plan_fuse(rst_plan *p, rst_error *err);
/** Gives every computed value its place. @return 0 or an error */
int rst__plan_place(rst_plan *p, rst_error *err);

#endif
