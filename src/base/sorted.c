/* SPDX-License-Identifier: MIT */
#include "base/sorted.h"

#include <stdlib.h>

static int rising(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void rst__sort(double *v, int64_t n)
{
    qsort(v, (size_t)n, sizeof *v, rising);
}

double rst__quantile(const double *sorted, int64_t n, double p)
{
    const double at = p * (double)(n - 1);
    const int64_t i = (int64_t)at;
    if (i + 1 >= n || sorted[i] >= sorted[i + 1]) /* equal, infinite ones too */
        return sorted[i];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

double rst__median(double *v, int64_t n)
{
    if (n == 0)
        return 0;
    rst__sort(v, n);
    return rst__quantile(v, n, 0.5);
}
