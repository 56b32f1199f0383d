/* SPDX-License-Identifier: MIT */
/*
 * A fault of the reference's build, repeated so that the rest of its numbers can be compared.
 *
 * The cases of the group `training` were made by Debian's torch 1.13.0a0 on a CPU. There, the
 * backward of F.instance_norm of a single picture (N == 1) takes the memory of an incoming gradient
 * that lies as n,h,w,c for n,c,h,w: it differentiates with shuffled numbers. Central differences of
 * the same losses in double, the same program with the gradients made contiguous, and this library
 * agree with each other; the recorded gradients agree with the shuffled ones to the last digits.
 *
 * Where such gradients come from: CUT's patch sampler takes rows of feat.permute(0, 2, 3, 1), so
 * the gradient of a tap lies as n,h,w,c. A sum of gradients lies as the first of them to arrive,
 * which at a tap is the sampler's, and below a residual block x + f(x) the one of x. Convolutions,
 * ReLUs and padding give dense n,c,h,w gradients again. Hence: of the residual blocks that an
 * encoding pass runs, those at or before a tap that is itself a block's output have the gradient of
 * their last instance norm shuffled; so has an instance norm that is the last tap. No other norm is
 * concerned. tests/unit/method_step.c holds that the library's own gradients are right.
 */
#ifndef GOLDEN_TORCH_LAYOUT_H
#define GOLDEN_TORCH_LAYOUT_H

#include "golden/golden.h"

/**
 * Makes the encoding passes of g with these taps go back as that build does, if the case was made
 * by it; notes it in the case's verdict. Ids ascend; batch: pictures in a pass.
 */
bool gold_torch_layout(gold_case *g, rst_module *net, int taps, const int *ids, int64_t batch);
/** Before each step: its first pass on the tape is the generator's own, the others encode. */
void gold_torch_layout_step(void);

#endif
