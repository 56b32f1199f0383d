/* SPDX-License-Identifier: MIT */
#include "support/overlay.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

/* In place, n a power of two, elements `step` apart; sign -1 forward. */
static void fft(double complex *v, int n, int step, int sign, double complex *tmp)
{
    if (n == 1)
        return;
    const int half = n / 2;
    fft(v, half, 2 * step, sign, tmp);
    fft(v + step, half, 2 * step, sign, tmp);
    for (int k = 0; k < half; k++) {
        const double complex odd = cexp(sign * 2 * pi * I * k / n) * v[(2 * k + 1) * step];
        tmp[k] = v[2 * k * step] + odd;
        tmp[k + half] = v[2 * k * step] - odd;
    }
    for (int k = 0; k < n; k++)
        v[k * step] = tmp[k];
}

static void fft2(double complex *v, int n, int sign, double complex *tmp)
{
    for (int y = 0; y < n; y++)
        fft(v + (size_t)y * (size_t)n, n, 1, sign, tmp);
    for (int x = 0; x < n; x++)
        fft(v + x, n, n, sign, tmp);
}

static void load(const rst_image *img, int n, double complex *v)
{
    const int64_t x0 = (img->width - n) / 2, y0 = (img->height - n) / 2;
    double mean = 0;
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
            const uint8_t *p = img->px + ((y0 + y) * img->width + x0 + x) * 3;
            const double grey = p[0] + p[1] + p[2];
            v[y * n + x] = grey;
            mean += grey;
        }
    mean /= (double)n * n;
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++)
            v[y * n + x] = (creal(v[y * n + x]) - mean) * (1 - cos(2 * pi * y / n)) *
                           (1 - cos(2 * pi * x / n));
}

/* From -n/2 to n/2. */
static int centred(int k, int n)
{
    return k < n / 2 ? k : k - n;
}

static void whiten(double complex *a, const double complex *b, int n)
{
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
            const int i = y * n + x;
            const double complex cross = conj(a[i]) * b[i];
            const bool low = abs(centred(y, n)) < n / 4 && abs(centred(x, n)) < n / 4;
            a[i] = low && cabs(cross) > 0 ? cross / cabs(cross) : 0;
        }
}

static void find_peak(const double complex *v, int n, overlay *out)
{
    int best = 0;
    double next = 0;
    /* a network may turn dark to bright: the sign says nothing of the place */
    for (int i = 1; i < n * n; i++)
        if (fabs(creal(v[i])) > fabs(creal(v[best])))
            best = i;
    out->dx = centred(best % n, n);
    out->dy = centred(best / n, n);
    for (int i = 0; i < n * n; i++) {
        const int dx = abs(centred((i - best + n * n) % n, n));
        const int dy = abs(centred((i / n - best / n + n) % n, n));
        if ((dx > 2 || dy > 2) && fabs(creal(v[i])) > next)
            next = fabs(creal(v[i]));
    }
    out->peak = fabs(creal(v[best])) / next;
}

int overlay_measure(const rst_image *a, const rst_image *b, int side, overlay *out)
{
    const size_t n = (size_t)side;
    double complex *x = malloc(n * n * sizeof *x), *y = malloc(n * n * sizeof *y);
    double complex *tmp = malloc(n * sizeof *tmp);
    const int rc = x && y && tmp ? 0 : -1;
    if (rc == 0) {
        load(a, side, x);
        load(b, side, y);
        fft2(x, side, -1, tmp);
        fft2(y, side, -1, tmp);
        whiten(x, y, side);
        fft2(x, side, 1, tmp);
        find_peak(x, side, out);
    }
    free(x);
    free(y);
    free(tmp);
    return rc;
}
