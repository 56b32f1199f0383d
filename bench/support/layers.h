/* SPDX-License-Identifier: MIT */
/* Convolutions to measure, and numbers to measure them with. */
#ifndef BENCH_LAYERS_H
#define BENCH_LAYERS_H

#include "backend/backend.h"

typedef struct bench_layer {
    const char *name;
    int times; /* how often the antialiased 6-block generator has it at 512 x 512, ngf 64 */
    rst_conv g;
} bench_layer;

extern const bench_layer bench_layers[];
extern const int bench_layer_count;

/** n floats in -1..1, aligned to 64; freed with free. Ends the program where there is no memory. */
float *bench_noise(int64_t n);

#endif
