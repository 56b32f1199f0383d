/* SPDX-License-Identifier: MIT */
/* Matrix products: B is packed into panels, A is read where it lies. */
#include "backend/cpu/conv.h"
#include "backend/cpu/conv_parts.h"

#define ROWS        96 /* of a work unit */
#define PACK_FLOATS (8 * 1024 * 1024)

typedef struct job {
    const rst__isa *isa;
    bool ta, tb;
    int64_t m, n, k;
    float alpha, beta;
    const float *a, *b;
    float *c, *packed;
} job;

static void pack_unit(const job *j, int64_t u)
{
    const int64_t panels = rst__panels(j->isa, j->n), p = u % panels, nr = j->isa->nr;
    const int64_t sj = j->tb ? j->k : 1, sk = j->tb ? 1 : j->n;
    j->isa->pack(j->b + u / panels * j->k * j->n + p * nr * sj, j->k,
                 rst__panel_width(j->isa, j->n, p), sj, sk, j->alpha, j->packed + u * j->k * nr);
}

static void multiply_unit(const job *j, int64_t u)
{
    const int64_t panels = rst__panels(j->isa, j->n), blocks = (j->m + ROWS - 1) / ROWS;
    const int64_t p = u % panels, block = u / panels % blocks, batch = u / panels / blocks;
    const int64_t r0 = j->m * block / blocks, r1 = j->m * (block + 1) / blocks;
    const int64_t chunks = j->k ? (j->k + RST_KC - 1) / RST_KC : 1, nr = j->isa->nr;
    const int width = rst__panel_width(j->isa, j->n, p);
    float *c = j->c + (batch * j->m + r0) * j->n + p * nr;
    for (int64_t r = 0; j->beta != 0 && j->beta != 1 && r < r1 - r0; r++)
        for (int i = 0; i < width; i++)
            c[r * j->n + i] *= j->beta;
    for (int64_t q = 0; q < chunks; q++) {
        const int64_t k0 = j->k * q / chunks, k1 = j->k * (q + 1) / chunks;
        const int64_t ra = j->ta ? 1 : j->k, ka = j->ta ? j->m : 1;
        j->isa->panel(&(rst__panel){
            .a = j->a + batch * j->m * j->k + r0 * ra + k0 * ka,
            .b = j->packed + ((batch * panels + p) * j->k + k0) * nr,
            .c = c,
            .m = r1 - r0,
            .outer = 1,
            .inner = k1 - k0,
            .ra = ra,
            .ka = ka,
            .kb = nr,
            .ldc = j->n,
            .width = width,
            .add = q > 0 || j->beta != 0,
        });
    }
}

static void run_batches(const job *j, int64_t batches, int threads)
{
    const int64_t panels = batches * rst__panels(j->isa, j->n);
    const int64_t units = panels * ((j->m + ROWS - 1) / ROWS);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t u = 0; u < panels; u++)
            pack_unit(j, u);
#pragma omp for schedule(static)
        for (int64_t u = 0; u < units; u++)
            multiply_unit(j, u);
    }
}

int rst__cpu_gemm(rst_dev *base, bool ta, bool tb, int64_t batch, int64_t m, int64_t n, int64_t k,
                  double alpha, const void *a, const void *b, double beta, void *c)
{
    rst_cpu_dev *dev = rst__cpu(base);
    const int64_t one =
        rst__panels(dev->isa, n) * dev->isa->nr * k; /* packed floats of one matrix */
    int64_t group = one ? PACK_FLOATS / one : batch;
    group = group < 1 ? 1 : group < batch ? group : batch;
    job j = { dev->isa, ta, tb, m, n, k, (float)alpha, (float)beta, a, b, c, NULL };
    j.packed = rst__cpu_scratch(dev, RST_SLOT_WEIGHTS, (size_t)(group * one) * sizeof(float));
    if (!j.packed)
        return RST_ENOMEM;
    for (int64_t i = 0; i < batch; i += group) {
        const int64_t count = group < batch - i ? group : batch - i;
        run_batches(&j, count, rst__cpu_threads(dev, (double)(count * m) * (double)(n * k)));
        j.a += count * m * k;
        j.b += count * n * k;
        j.c += count * m * n;
    }
    return 0;
}
