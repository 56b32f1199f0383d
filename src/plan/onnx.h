/* SPDX-License-Identifier: MIT */
/* A forward pass as an ONNX graph, for other programs. */
#ifndef RST_PLAN_ONNX_H
#define RST_PLAN_ONNX_H

#include "plan/plan.h"

/** What the file tells about the network, and what a constant of it is called. */
typedef struct rst_onnx_about {
    const char *name, *text;
    const char *const (*meta)[2];
    int metas;
    int64_t stride; /* sides of pictures are multiples of this */
} rst_onnx_about;

/**
 * Records fn on n x c x h x w (one picture, one output) and writes it to `path` in operator set 17:
 * an input `input` and an output `output`, float, NCHW. Where another size of picture gives the
 * same nodes and constants, as all convolutional networks do, height and width are free in the
 * file; a batch likewise.
 *
 * @return 0, RST_EINVAL (an op that has no form there; the message names it), RST_ENOMEM,
 *         RST_EOUTPUT, or what recording reports
 */
int rst__plan_write_onnx(rst_ctx *c, rst_dims s, rst_plan_fn fn, void *arg,
                         const rst_onnx_about *about, const char *path, rst_error *err);

#endif
