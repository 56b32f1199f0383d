/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/backend.h"

void rst__backend_complete(rst_backend *be, const rst_backend *from)
{
#define RST_KERNEL(name, args)                                                                     \
    if (!be->name)                                                                                 \
        be->name = from->name;
#include "backend/kernels.def"
#undef RST_KERNEL
}

const rst_backend *rst__backend_at(int i)
{
    switch (i) {
    case 0:
        return rst__cpu_backend();
    case 1:
        return &rst__ref_f32;
    case 2:
        return &rst__ref_f64;
    default:
        return NULL;
    }
}

const rst_backend *rst__backend_find(const char *name, rst_dtype dtype)
{
    const rst_backend *be;
    for (int i = 0; (be = rst__backend_at(i)); i++)
        if (be->dtype == dtype && strcmp(be->name, name ? name : "cpu") == 0)
            return be;
    return NULL;
}

int rst__dev_fail(rst_dev *dev, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    dev->err.code = code;
    (void)vsnprintf(dev->err.msg, sizeof dev->err.msg, fmt, ap);
    va_end(ap);
    return code;
}
