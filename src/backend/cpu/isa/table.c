/* SPDX-License-Identifier: MIT */
#include "backend/cpu/isa/vec.h"

#define TEXT2(x) #x
#define TEXT(x)  TEXT2(x)

extern const rst__isa RST_ISA_NAME(isa);
const rst__isa RST_ISA_NAME(isa) = {
    .name = TEXT(RST_ISA),
    .vl = RST_VL,
    .nr = RST_NR,
    .mr = RST_MR,
    .panel = RST_ISA_NAME(panel),
    .pack = RST_ISA_NAME(pack),
    .shift_add = RST_ISA_NAME(shift_add),
    .wino_in = RST_ISA_NAME(wino_in),
    .wino_out = RST_ISA_NAME(wino_out),
    .wino_grad = RST_ISA_NAME(wino_grad),
    .wino_weights = RST_ISA_NAME(wino_weights),
    .wino_dw = RST_ISA_NAME(wino_dw),
#if RST_VL == 16 && defined(RST_HAVE_X86)
    .panel_bf16 = RST_ISA_NAME(panel_bf16),
    .wino_in_bf16 = RST_ISA_NAME(wino_in_bf16),
    .pair = RST_ISA_NAME(pair),
#endif
};
