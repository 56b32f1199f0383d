/* SPDX-License-Identifier: MIT */
#include "image/phase.h"

#include <complex.h>
#include <math.h>

#include "base/alloc.h"
#include "base/err.h"
#include "image/resize.h"

enum { N = RST_PHASE_SIDE };

static const double PI = 3.14159265358979323846;

/* In place, of a row whose elements lie `step` apart; sign -1: forward, 1: back, not divided. */
static void transform(double complex *x, int step, int sign)
{
    for (int i = 1, j = 0; i < N; i++) { /* into bit-reversed order */
        int bit = N / 2;
        for (; j & bit; bit /= 2)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            const double complex t = x[i * step];
            x[i * step] = x[j * step];
            x[j * step] = t;
        }
    }
    for (int half = 1; half < N; half *= 2)
        for (int k = 0; k < half; k++) {
            const double angle = sign * PI * k / half;
            const double complex w = CMPLX(cos(angle), sin(angle));
            for (int i = k; i < N; i += 2 * half) {
                const double complex a = x[i * step], b = x[(i + half) * step] * w;
                x[i * step] = a + b;
                x[(i + half) * step] = a - b;
            }
        }
}

static void transform2(double complex *x, int sign)
{
    for (int y = 0; y < N; y++)
        transform(x + y * N, 1, sign);
    for (int i = 0; i < N; i++)
        transform(x + i, N, sign);
}

/* Without its mean and, towards the borders, less and less of it (Hann). */
static void fade(const float *a, double complex *x)
{
    double fall[N], sum = 0, mean;
    for (int i = 0; i < N; i++)
        fall[i] = 0.5 - 0.5 * cos(2 * PI * (i + 0.5) / N);
    for (int i = 0; i < N * N; i++)
        sum += a[i];
    mean = sum / (N * N);
    for (int i = 0; i < N * N; i++)
        x[i] = (a[i] - mean) * fall[i / N] * fall[i % N];
}

/* A frequency's number as cycles a side, -N/2 .. N/2 - 1; a shift's as pixels. */
static int centred(int i)
{
    return i < N / 2 ? i : i - N;
}

/* The phases' difference into y, weighted. */
static void compare(const double complex *x, double complex *y)
{
    const double sigma = RST_PHASE_CYCLES;
    double sum = 0;
    for (int i = 0; i < N * N; i++) {
        const double fy = centred(i / N), fx = centred(i % N);
        const double weight = i ? exp(-(fy * fy + fx * fx) / (2 * sigma * sigma)) : 0;
        const double complex both = y[i] * conj(x[i]);
        const double size = cabs(both);
        y[i] = size > 1e-12 ? both / size * weight : 0;
        sum += weight;
    }
    for (int i = 0; i < N * N; i++)
        y[i] /= sum;
}

/* The top of the parabola through three neighbours, as a way from the middle one. */
static double top(double before, double middle, double after)
{
    const double bend = before - 2 * middle + after;
    return bend < 0 ? 0.5 * (before - after) / bend : 0;
}

static rst_shift find_peak(const double complex *y)
{
    int best = 0;
    for (int i = 1; i < N * N; i++)
        if (creal(y[i]) > creal(y[best]))
            best = i;
    const int r = best / N, c = best % N, up = (r + N - 1) % N, down = (r + 1) % N;
    const int left = (c + N - 1) % N, right = (c + 1) % N;
    const double peak = creal(y[best]);
    return (rst_shift){
        .dy = centred(r) + top(creal(y[up * N + c]), peak, creal(y[down * N + c])),
        .dx = centred(c) + top(creal(y[r * N + left]), peak, creal(y[r * N + right])),
        .peak = peak,
    };
}

int rst__phase_input(const rst_image *img, rst_stain_set set, float *out, rst_error *err)
{
    const rst_stains stains = rst__stains(set);
    double part[3][256];
    rst_image small = RST_IMAGE_INIT;
    int rc = rst__image_resize(img, N, N, RST_RESIZE_BICUBIC, &small, err);
    rst__stain_table(&stains, 0, 255, part);
    for (int i = 0; rc == 0 && i < N * N; i++) {
        const uint8_t *p = small.px + 3 * i;
        out[i] = (float)(part[0][p[0]] + part[1][p[1]] + part[2][p[2]]);
    }
    rst_image_free(&small);
    return rc;
}

int rst__phase_shift(const float *a, const float *b, rst_shift *out, rst_error *err)
{
    double complex *x = rst__calloc((size_t)2 * N * N, sizeof *x), *y = x + N * N;
    if (!x)
        return rst__fail_nomem(err, "phase correlation");
    fade(a, x);
    fade(b, y);
    transform2(x, -1);
    transform2(y, -1);
    compare(x, y);
    transform2(y, 1);
    *out = find_peak(y);
    rst__free(x);
    return 0;
}
