/* SPDX-License-Identifier: MIT */
#include "backend/cpu/ew.h"

extern const rst__ew rst__ew_base;
#if defined(__x86_64__)
extern const rst__ew rst__ew_avx2, rst__ew_avx512;
#endif

const rst__ew *rst__ew_of(const rst_dev *dev)
{
#if defined(__x86_64__)
    const int vl = ((const rst_cpu_dev *)dev)->isa->vl;
    if (vl > 4)
        return vl > 8 ? &rst__ew_avx512 : &rst__ew_avx2;
#else
    (void)dev;
#endif
    return &rst__ew_base;
}
