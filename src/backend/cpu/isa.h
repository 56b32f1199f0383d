/* SPDX-License-Identifier: MIT */
/*
 * The kernels that are compiled once for each instruction set (files in isa/), as a table, and the
 * choice of one at run time.
 */
#ifndef RST_CPU_ISA_H
#define RST_CPU_ISA_H

#include "backend/backend.h"

/** act(x + bias[column]) of a block's result; bias holds as many numbers as the block has columns.
 */
typedef struct rst__epi {
    const float *bias; /* or NULL */
    rst_map act;
    float a;
} rst__epi;

/**
 * C[m x width] (+)= sum over o < outer, k < inner of A(r,o,k) * B(o,k,:), with
 * A(r,o,k) = a[o*ao + r*ra + k*ka] and B(o,k,j) = b[o*bo + k*kb + j]. Every element is summed in
 * the order of o, then k, whatever its place in the block. B's rows are read nr floats wide (vl
 * when width
 * <= vl).
 */
typedef struct rst__panel {
    const float *a, *b;
    float *c;
    int64_t m, outer, inner;
    int64_t ao, ra, ka, bo, kb, ldc;
    int width;           /* 1..nr columns are written */
    bool add;            /* c += the sum */
    const rst__epi *epi; /* or NULL; applied last */
} rst__panel;

/** One instruction set's kernels. vl: floats in a vector; nr: columns of a panel, 2 vl. */
typedef struct rst__isa {
    const char *name;
    int vl, nr, mr;
    void (*panel)(const rst__panel *p);
    /* dst[k][nr] = src[j*sj + k*sk] * scale for j < width, 0 beyond; k < count */
    void (*pack)(const float *src, int64_t count, int width, int64_t sj, int64_t sk, float scale,
                 float *dst);
    /* narrow convolution: y[x*ys + c] (+)= sum over t < taps of p[(x+t)*ldp + t*c' + c], c' = co <=
     * 4 */
    void (*shift_add)(const float *p, int64_t ldp, int taps, int co, int64_t count, bool add,
                      const rst__epi *epi, float *y, int64_t ys);

    /* Winograd F(4x4,3x3). Planes xi = 6*i + j lie `plane` floats apart. c channels; rows of v and
     * m are whole vectors, zeroed beyond c. */
    void (*wino_in)(const float *const d[36], int64_t c, float *v, int64_t plane); /* B'dB */
    /* A'mA; a NULL pixel is not written; stream: past the caches, every pixel is aligned to 64
     * bytes */
    void (*wino_out)(const float *m, int64_t plane, int64_t c, bool add, bool stream,
                     const rst__epi *epi, float *const y[16]);
    void (*wino_grad)(const float *const dy[16], int64_t c, float *z, int64_t plane); /* A dy A' */
    /* u[xi] of one panel: taps g[9][count][nr] to u[xi*plane + k*nr + j] = GgG' */
    void (*wino_weights)(const float *g, int64_t count, float *u, int64_t plane);
    /* dw[tap*c + i] (+)= G'sG of s[xi*plane + i], i < c */
    void (*wino_dw)(const float *s, int64_t plane, int64_t c, bool add, float *dw);

    /* The products in bf16: where floats stood in a and b of a panel, and in v, there are words of
     * two bf16, the channel with the even number in the lower half. Only where rst__isa_bf16. */
    void (*panel_bf16)(const rst__panel *p); /* outer 1, whole vectors, no epi */
    void (*wino_in_bf16)(const float *const d[36], int64_t c, float *v, int64_t plane);
    /* dst[k/2][nr] = rows k and k+1 of rows[count][nr]; a last odd row is paired with zeros */
    void (*pair)(const float *rows, int64_t count, float *dst);
} rst__isa;

/**
 * The best table this machine runs, or the one the environment variable RESTAIN_ISA names
 * (base, avx2, avx512).
 *
 * @return 0, or RST_EINVAL when RESTAIN_ISA names one unknown or not supported here
 */
int rst__isa_choose(const rst__isa **out, rst_error *err);
/** Does it have the kernels of bf16, and this processor AVX-512 BF16 for them? */
bool rst__isa_bf16(const rst__isa *isa);

#endif
