/* SPDX-License-Identifier: MIT */
/* What the programs of bench/run.sh share. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <restain/graph.h>

enum { BENCH_REPEATS_MAX = 100 };

double bench_now_ms(void);
/** Prints "median_ms min_ms max_rss_kib" of n >= 1 times, which it sorts, and of this process. */
void bench_print(double *ms, int n);
/** A number of repeats, 1..BENCH_REPEATS_MAX; 5 for anything else. */
int bench_repeats(const char *text);
/** auto, direct or winograd; false: no such. */
bool bench_conv_parse(const char *word, rst_conv_mode *out);

#endif
