/* SPDX-License-Identifier: MIT */
#include "backend/cpu/isa.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

extern const rst__isa rst__isa_base;
#ifdef RST_HAVE_X86
extern const rst__isa rst__isa_avx2, rst__isa_avx512;
#endif

static bool runs(const rst__isa *isa)
{
#ifdef RST_HAVE_X86
    if (isa == &rst__isa_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (isa == &rst__isa_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return isa == &rst__isa_base;
}

int rst__isa_choose(const rst__isa **out, rst_error *err)
{
    static const rst__isa *const all[] = {
#ifdef RST_HAVE_X86
        &rst__isa_avx512,
        &rst__isa_avx2,
#endif
        &rst__isa_base,
    };
    const char *want = getenv("RESTAIN_ISA");
    const bool named = want && *want;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (named && strcmp(want, all[i]->name) != 0)
            continue;
        if (runs(all[i])) {
            *out = all[i];
            return 0;
        }
        if (named)
            return rst_fail(err, RST_EINVAL, "RESTAIN_ISA=%s: this processor cannot run it", want);
    }
    return rst_fail(err, RST_EINVAL, "RESTAIN_ISA=%s: not one of base, avx2, avx512", want);
}

bool rst__isa_bf16(const rst__isa *isa)
{
#ifdef RST_HAVE_X86
    return isa->panel_bf16 && __builtin_cpu_supports("avx512bf16");
#else
    return isa->panel_bf16;
#endif
}
