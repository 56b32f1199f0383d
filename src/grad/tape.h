/* SPDX-License-Identifier: MIT */
/* Between the files of the engine only. */
#ifndef RST_GRAD_TAPE_H
#define RST_GRAD_TAPE_H

#include "grad/engine.h"

/** Drops one owner of a node; when it was the last, frees it and returns its first input, whose
 *  reference passes to the caller (so that a long chain is freed without recursion). */
rst_tensor *rst__node_unref(rst_node *node);
/** Gives up a tensor's own hold on its storage. */
void rst__storage_drop(rst_tensor *t);
/** The call of a node or of a fresh op, without saved data. */
rst_call rst__call(rst_ctx *c, const rst_attr *at, int n, const rst_arg *in, rst_arg out);

#endif
