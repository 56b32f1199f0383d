/* SPDX-License-Identifier: MIT */
#include <restain/version.h>

#define TEXT(x)         #x
#define DOTTED(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char *rst_version(void)
{
    return DOTTED(RST_VERSION_MAJOR, RST_VERSION_MINOR, RST_VERSION_PATCH);
}
