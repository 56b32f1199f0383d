/* SPDX-License-Identifier: MIT */
#include "tensor/dims.h"

#include <inttypes.h>
#include <stdio.h>

bool rst__dims_ok(rst_dims s)
{
    int64_t p;
    if (s.n < 1 || s.c < 1 || s.h < 1 || s.w < 1)
        return false;
    if (__builtin_mul_overflow(s.n, s.c, &p) || __builtin_mul_overflow(p, s.h, &p) ||
        __builtin_mul_overflow(p, s.w, &p))
        return false;
    return p <= INT64_MAX / 16;
}

const char *rst__dims_str(rst_dims s, char buf[96])
{
    (void)snprintf(buf, 96, "%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64, s.n, s.c, s.h, s.w);
    return buf;
}
