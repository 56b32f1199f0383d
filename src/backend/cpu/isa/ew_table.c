/* SPDX-License-Identifier: MIT */
#include "backend/cpu/isa/ew_isa.h"

#define TABLE_PASTE2(isa) rst__ew_##isa
#define TABLE_PASTE(isa)  TABLE_PASTE2(isa)

extern const rst__ew TABLE_PASTE(RST_ISA);
const rst__ew TABLE_PASTE(RST_ISA) = {
#define RST_EW(type, name, args) .name = EW(name),
#include "backend/cpu/ew.def"
#undef RST_EW
};
