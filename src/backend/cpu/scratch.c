/* SPDX-License-Identifier: MIT */
#include "backend/cpu/cpu.h"
#include "base/alloc.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

/* Transforms walk 36 planes at once: with small pages that is more than the first translation
 * buffer holds. Advice only; the outcome does not matter. */
static void ask_huge_pages(void *p, size_t bytes)
{
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    const uintptr_t page = 4096, from = ((uintptr_t)p + page - 1) & ~(page - 1);
    const uintptr_t to = ((uintptr_t)p + bytes) & ~(page - 1);
    if (to > from && to - from >= (4u << 20))
        (void)madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
    (void)p, (void)bytes;
#endif
}

void *rst__cpu_scratch(rst_cpu_dev *dev, int slot, size_t bytes)
{
    if (dev->scratch[slot].p && bytes <= dev->scratch[slot].bytes)
        return dev->scratch[slot].p;
    rst__free(dev->scratch[slot].p);
    dev->scratch[slot].bytes = 0;
    dev->scratch[slot].p = rst__malloc_aligned(bytes);
    if (!dev->scratch[slot].p) {
        rst__dev_fail(&dev->base, RST_ENOMEM, "cpu scratch of %zu bytes: out of memory", bytes);
        return NULL;
    }
    ask_huge_pages(dev->scratch[slot].p, bytes);
    dev->scratch[slot].bytes = bytes;
    return dev->scratch[slot].p;
}

void rst__cpu_scratch_free(rst_cpu_dev *dev)
{
    for (int i = 0; i < RST_SLOT_COUNT; i++) {
        rst__free(dev->scratch[i].p);
        dev->scratch[i].p = NULL;
        dev->scratch[i].bytes = 0;
    }
}
