/* SPDX-License-Identifier: MIT */
#include "support/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

double bench_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void bench_print(double *ms, int n)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    qsort(ms, (size_t)n, sizeof ms[0], by_value);
    printf("%.1f %.1f %ld\n", ms[n / 2], ms[0], u.ru_maxrss);
}

int bench_repeats(const char *text)
{
    long n = strtol(text, NULL, 10);
    return n < 1 || n > BENCH_REPEATS_MAX ? 5 : (int)n;
}

bool bench_conv_parse(const char *word, rst_conv_mode *out)
{
    static const char *const words[] = { "auto", "direct", "winograd" };
    for (int i = 0; i < 3; i++)
        if (strcmp(word, words[i]) == 0) {
            *out = (rst_conv_mode)i;
            return true;
        }
    return false;
}
