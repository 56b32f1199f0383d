/* SPDX-License-Identifier: MIT */
/* The backend `ref` in float64, for gradient tests. */
#define REAL     double
#define FN(name) f64_##name
#define TABLE    rst__ref_f64
#define DTYPE    RST_F64
#include "backend/ref/kernels.inc"
