/* SPDX-License-Identifier: MIT */
/* The backend `ref` in float32. */
#define REAL     float
#define FN(name) f32_##name
#define TABLE    rst__ref_f32
#define DTYPE    RST_F32
#include "backend/ref/kernels.inc"
