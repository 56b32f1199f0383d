/* SPDX-License-Identifier: MIT */
/* For the files ew_*.c, which are compiled once per instruction set (RST_ISA: base, avx2, avx512).
 */
#ifndef RST_CPU_EW_ISA_H
#define RST_CPU_EW_ISA_H

#include <string.h>

#include "backend/cpu/ew.h"

#define EW_PASTE2(name, isa) rst__ew_##name##_##isa
#define EW_PASTE(name, isa)  EW_PASTE2(name, isa)
/** The name of a loop in this instruction set. */
#define EW(name) EW_PASTE(name, RST_ISA)

#define RST_EW(type, name, args) type EW(name) args;
#include "backend/cpu/ew.def"
#undef RST_EW

#define EW_PRAGMA(text) _Pragma(#text)
/** Before a loop whose turns do not depend on each other. */
#define EW_SIMD EW_PRAGMA(omp simd)

#endif
