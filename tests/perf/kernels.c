/* SPDX-License-Identifier: MIT */
/*
 * Runs kernels that time goes into, each once over a small shape on one thread, so that the
 * instructions of `measured` can be counted (instructions.sh). Prints their names in the order of
 * the runs.
 *
 *     kernels [NAME]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <restain/metric.h>

#include "backend/cpu/conv.h"
#include "backend/cpu/kernels.h"
#include "base/err.h"

enum { FLOATS = 64 * 64 * 64, BUFFERS = 4 };

typedef struct bench {
    rst_cpu_dev dev;
    float *v[BUFFERS]; /* owned: FLOATS numbers in 0..1 each */
    rst_image a, b;    /* owned */
} bench;

typedef struct kernel kernel;
struct kernel {
    const char *name;
    int (*run)(bench *b, const kernel *k);
    rst_conv conv;
    rst_conv_mode mode;
};

/* Convolutions: v[0] is x, v[1] the weights, v[2] y ---------------------------------------------
 */

static int forward(bench *b, const kernel *k)
{
    return rst__cpu_conv_fwd(&b->dev.base, &k->conv, b->v[0], b->v[1], NULL, NULL, b->v[2]);
}

static int data(bench *b, const kernel *k)
{
    return rst__cpu_conv_data(&b->dev.base, &k->conv, b->v[1], NULL, b->v[2], b->v[0], false);
}

static int weights(bench *b, const kernel *k)
{
    return rst__cpu_conv_weights(&b->dev.base, &k->conv, b->v[0], b->v[2], b->v[1], false);
}

/* Everything else -------------------------------------------------------------------------------
 */

static const rst_dims map = { 1, 64, 32, 32 };

static rst_norm norm_relu(void)
{
    return (rst_norm){ .x = map, .eps = 1e-5, .act = RST_MAP_RELU };
}

static int norm_forward(bench *b, const kernel *k)
{
    const rst_norm g = norm_relu();
    (void)k;
    int rc = rst__cpu_norm_stats(&b->dev.base, &g, b->v[0], b->v[1], b->v[1] + map.c);
    return rc < 0 ? rc
                  : rst__cpu_norm_apply(&b->dev.base, &g, b->v[0], b->v[1], b->v[1] + map.c, NULL,
                                        NULL, NULL, b->v[2]);
}

static int norm_backward(bench *b, const kernel *k)
{
    const rst_norm g = norm_relu();
    (void)k;
    return rst__cpu_norm_vjp(&b->dev.base, &g, b->v[0], b->v[1], b->v[1] + map.c, NULL, NULL,
                             b->v[2], b->v[3], false, NULL, NULL);
}

static int blur_down(bench *b, const kernel *k)
{
    const rst_blur_geom g = { .x = map,
                              .oh = map.h / 2,
                              .ow = map.w / 2,
                              .count = 3,
                              .stride = 2,
                              .t = { 0.25, 0.5, 0.25 },
                              .pad = { 1, 1, 1, 1 },
                              .mode = RST_PAD_REFLECT };
    (void)k;
    return rst__cpu_blur(&b->dev.base, &g, b->v[0], b->v[2]);
}

static int blur_up(bench *b, const kernel *k)
{
    static const double t[] = { 0.25, 0.75, 0.75, 0.25 };
    (void)k;
    return rst__cpu_blur_up(&b->dev.base, map, 4, t, b->v[0], b->v[2]);
}

static int gemm(bench *b, const kernel *k)
{
    (void)k;
    return rst__cpu_gemm(&b->dev.base, false, true, 1, 256, 64, 256, 1, b->v[0], b->v[1], 0,
                         b->v[2]);
}

static int ssim(bench *b, const kernel *k)
{
    double value;
    (void)k;
    return rst_ssim(&b->a, &b->b, NULL, &value, NULL);
}

static int adam(bench *b, const kernel *k)
{
    (void)k;
    return rst__cpu_adam(&b->dev.base, 65536, b->v[0], b->v[1], b->v[2], b->v[3], 2e-4, 0.5, 0.999,
                         1e-8, 3);
}

/* ci channels of side x side become co of out x out */
#define CONV(ci, side, co, out, k, s, p, pad)                                                      \
    {                                                                                              \
        { 1, ci, side, side }, co, out, out, k, k, s, s, { p, p, p, p }, pad, 1                    \
    }
#define THREE   CONV(64, 16, 64, 16, 3, 1, 1, RST_PAD_REFLECT)
#define STRIDED CONV(32, 32, 64, 16, 4, 2, 1, RST_PAD_ZERO)
#define FIRST   CONV(3, 24, 64, 24, 7, 1, 3, RST_PAD_REFLECT)
#define LAST    CONV(64, 16, 3, 16, 7, 1, 3, RST_PAD_REFLECT)

static const kernel kernels[] = {
    { "winograd-forward", forward, THREE, RST_CONV_WINOGRAD },
    { "winograd-data", data, THREE, RST_CONV_WINOGRAD },
    { "winograd-weights", weights, THREE, RST_CONV_WINOGRAD },
    { "direct-forward", forward, THREE, RST_CONV_DIRECT },
    { "direct-data", data, THREE, RST_CONV_DIRECT },
    { "direct-weights", weights, THREE, RST_CONV_DIRECT },
    { "strided-forward", forward, STRIDED, RST_CONV_AUTO },
    { "strided-data", data, STRIDED, RST_CONV_AUTO },
    { "strided-weights", weights, STRIDED, RST_CONV_AUTO },
    { "first-7x7-forward", forward, FIRST, RST_CONV_AUTO },
    { "first-7x7-weights", weights, FIRST, RST_CONV_AUTO },
    { "last-7x7-forward", forward, LAST, RST_CONV_AUTO },
    { "last-7x7-data", data, LAST, RST_CONV_AUTO },
    { "last-7x7-weights", weights, LAST, RST_CONV_AUTO },
    { "instance-norm-relu", norm_forward },
    { "instance-norm-backward", norm_backward },
    { "blur-down", blur_down },
    { "blur-up", blur_up },
    { "gemm", gemm },
    { "ssim", ssim },
    { "adam", adam },
};

/** What is counted; callgrind knows it by name. */
__attribute__((noinline)) int measured(bench *b, const kernel *k);
int measured(bench *b, const kernel *k)
{
    int rc = k->run(b, k);
    __asm__ volatile("" : "+r"(rc)); /* no jump in place of the call */
    return rc;
}

static int set_up(bench *b, rst_error *err)
{
    uint32_t s = 1;
    for (int i = 0; i < BUFFERS; i++) {
        b->v[i] = aligned_alloc(64, FLOATS * sizeof *b->v[i]);
        if (!b->v[i])
            return rst_fail(err, RST_ENOMEM, "no memory");
        for (int j = 0; j < FLOATS; j++) {
            s = s * 1664525u + 1013904223u;
            b->v[i][j] = (float)(s >> 8) / 16777216.0f;
        }
    }
    int rc = rst_image_new(&b->a, 64, 64, 3, err);
    if (rc == 0)
        rc = rst_image_new(&b->b, 64, 64, 3, err);
    for (int i = 0; rc == 0 && i < 64 * 64 * 3; i++) {
        b->a.px[i] = (uint8_t)(255 * b->v[0][i]);
        b->b.px[i] = (uint8_t)(255 * b->v[1][i]);
    }
    return rc < 0 ? rc : rst__isa_choose(&b->dev.isa, err);
}

int main(int argc, char **argv)
{
    bench b = { .dev.base.threads = 1 };
    rst_error err = RST_ERROR_INIT;
    int rc = set_up(&b, &err), runs = 0;
    for (size_t i = 0; rc == 0 && i < sizeof kernels / sizeof *kernels; i++) {
        const kernel *k = &kernels[i];
        if (argc > 1 && strcmp(argv[1], k->name) != 0)
            continue;
        b.dev.base.conv = k->mode;
        rc = k->run(&b, k); /* scratch memory grows now */
        if (rc == 0)
            rc = measured(&b, k);
        printf("%s\n", k->name);
        runs++;
    }
    if (rc < 0 || runs == 0)
        fprintf(stderr, "kernels: %s\n", rc < 0 ? err.msg : "no kernel of that name");
    rst__cpu_scratch_free(&b.dev);
    for (int i = 0; i < BUFFERS; i++)
        free(b.v[i]);
    rst_image_free(&b.a);
    rst_image_free(&b.b);
    return rc < 0 || runs == 0;
}
