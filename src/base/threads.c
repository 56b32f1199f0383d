/* SPDX-License-Identifier: MIT */
#include "base/threads.h"

#include <stdlib.h>
#include <unistd.h>

void rst__threads_wait_asleep(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    if (setenv("OMP_WAIT_POLICY", "passive", 1) == 0)
        (void)execv("/proc/self/exe", argv);
}
