/* SPDX-License-Identifier: MIT */
/* Shapes and number types. */
#ifndef RST_TENSOR_DIMS_H
#define RST_TENSOR_DIMS_H

#include <restain/graph.h>

static inline int64_t rst__numel(rst_dims s)
{
    return s.n * s.c * s.h * s.w;
}

static inline bool rst__same_dims(rst_dims a, rst_dims b)
{
    return a.n == b.n && a.c == b.c && a.h == b.h && a.w == b.w;
}

/** Bytes of one number. */
static inline size_t rst__dtype_size(rst_dtype t)
{
    return t == RST_F64 ? 8 : 4;
}

/** Checked: every field >= 1 and the product fits; false otherwise. */
bool rst__dims_ok(rst_dims s);
/** Writes "n,c,h,w" into buf and returns it; for messages. */
const char *rst__dims_str(rst_dims s, char buf[96]);

#endif
