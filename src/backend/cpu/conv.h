/* SPDX-License-Identifier: MIT */
/* Convolutions and matrix products of the CPU backend; what they do stands in backend/kernels.def.
 */
#ifndef RST_CPU_CONV_H
#define RST_CPU_CONV_H

#include "backend/cpu/cpu.h"

int rst__cpu_conv_pack(rst_dev *dev, const rst_conv *g, bool data, const void *w, rst_packed **out);
int rst__cpu_conv_tile(rst_dev *dev, const rst_conv *g, bool data, int *tile);
int rst__cpu_packed_free(rst_dev *dev, rst_packed *pk);
int rst__cpu_conv_fwd(rst_dev *dev, const rst_conv *g, const void *x, const void *w,
                      const rst_packed *pk, const rst_epilogue *ep, void *y);
int rst__cpu_conv_data(rst_dev *dev, const rst_conv *g, const void *w, const rst_packed *pk,
                       const void *dy, void *dx, bool add);
int rst__cpu_conv_weights(rst_dev *dev, const rst_conv *g, const void *x, const void *dy, void *dw,
                          bool add);
int rst__cpu_gemm(rst_dev *dev, bool ta, bool tb, int64_t batch, int64_t m, int64_t n, int64_t k,
                  double alpha, const void *a, const void *b, double beta, void *c);

#endif
