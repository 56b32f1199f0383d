/* SPDX-License-Identifier: MIT */
/* Statistics of norms and gates, gathered over windows of a slide and then held (DESIGN 4). */
#ifndef RST_NN_STATS_H
#define RST_NN_STATS_H

#include "nn/module.h"

/** The statistics that module m holds or gathers; one per module. */
typedef struct rst_stat_set rst_stat_set;

void rst__stat_set_free(rst_stat_set *s);
/** A norm in run: x normalised by what the policy says, or NULL when the policy leaves it to the
 *  caller (tile statistics, or running statistics that are fixed already). */
rst_tensor *rst__stats_norm(rst_module *m, rst_tensor *x, rst_tensor *gamma, rst_tensor *beta,
                            double eps);
/** A channel gate's vector [n,c,1,1]: gathered, or replaced by the held one. */
rst_tensor *rst__stats_gate(rst_module *m, rst_tensor *gate);
/** Called as a forward pass begins: sites are numbered in the order of running. */
void rst__stats_restart(rst_module *m);

#endif
