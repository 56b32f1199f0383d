/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/loaders.h"

rst_loader *loaders_open(const rst_dataset *d, const rst_loader_options *o, int64_t first)
{
    rst_error err = RST_ERROR_INIT;
    rst_loader *l = NULL;
    if (rst__loader_open(&l, d, o, first, &err) < 0)
        fail_msg("%s", err.msg);
    return l;
}

const rst_batch *loaders_next(rst_loader *l)
{
    rst_error err = RST_ERROR_INIT;
    const rst_batch *b = NULL;
    if (rst__loader_next(l, &b, &err) < 0)
        fail_msg("%s", err.msg);
    return b;
}
