/* SPDX-License-Identifier: MIT */
/* HER2 levels as file names tell them. */
#ifndef RST_DATA_LEVEL_H
#define RST_DATA_LEVEL_H

enum { RST_LEVELS = 4 };

/** "0", "1+", "2+" or "3+". */
const char *rst__level_name(int level);
/** The level that a name without extension ends in, as BCI's do (00012_test_2+), or -1. */
int rst__level_of_name(const char *stem);

#endif
