/* SPDX-License-Identifier: MIT */
#include "data/level.h"

#include <string.h>

static const char *const names[RST_LEVELS] = { "0", "1+", "2+", "3+" };

const char *rst__level_name(int level)
{
    return names[level];
}

int rst__level_of_name(const char *stem)
{
    const char *end = strrchr(stem, '_');
    for (int i = 0; end && i < RST_LEVELS; i++)
        if (strcmp(end + 1, names[i]) == 0)
            return i;
    return -1;
}
