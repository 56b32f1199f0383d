/* SPDX-License-Identifier: MIT */
/* The second names under which some networks are published, and tensors nobody needs. */
#ifndef RST_NN_NAMES_H
#define RST_NN_NAMES_H

#include "nn/module.h"

/** The i-th other name of a tensor, i from 0; false when there is no more. */
bool rst__other_name(const rst_arch *a, const char *name, int i, char *buf, size_t size);
/** The name we give a tensor that is called `other` elsewhere; false: no such. */
bool rst__usual_name(const rst_arch *a, const char *other, char *buf, size_t size);
/** Published beside the network, but not part of what we run (classifiers). */
bool rst__unused_name(const rst_arch *a, const char *name);
/** What rst_module_load checks before it changes anything. */
int rst__module_check(const rst_module *m, const rst_weights *w, const char *prefix, unsigned flags,
                      rst_error *err);

#endif
