/* SPDX-License-Identifier: MIT */
#include "backend/cpu/cpu.h"
#include "base/alloc.h"

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
