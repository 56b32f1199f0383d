/* SPDX-License-Identifier: MIT */
/* The smallest program on librestain: cc version.c $(pkg-config --cflags --libs restain) */
#include <stdio.h>

#include <restain/version.h>

int main(void)
{
    printf("headers %d.%d.%d, library %s\n", RST_VERSION_MAJOR, RST_VERSION_MINOR,
           RST_VERSION_PATCH, rst_version());
    return 0;
}
