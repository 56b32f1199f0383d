/* SPDX-License-Identifier: MIT */
/* The methods, a file each. */
#ifndef RST_METHOD_METHODS_H
#define RST_METHOD_METHODS_H

#include "method/method.h"

extern const rst_method_kind rst__method_asp;   /* asp.c */
extern const rst_method_kind rst__method_ammfi; /* ammfi.c */

/** What the paper's method shares with its baseline: asp.c. */
int rst__asp_preset(rst_train_options *o, rst_error *err);
int rst__asp_build(rst_method *m, rst_error *err);
void rst__asp_forward(rst_method *m);
rst_tensor *rst__asp_loss_d(rst_method *m);
rst_tensor *rst__asp_loss_g(rst_method *m);

#endif
