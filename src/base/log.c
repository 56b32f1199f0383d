/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static rst_log_sink the_sink;
static void *the_user;

void rst_log_to(rst_log_sink sink, void *user)
{
    the_sink = sink;
    the_user = user;
}

void rst__log(rst_log_level level, const char *fmt, ...)
{
    if (!the_sink)
        return;
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    for (char *p = line; *p; p++) /* names come from files: nothing may draw on a terminal */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    the_sink(the_user, level, line);
}
