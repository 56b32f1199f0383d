/* SPDX-License-Identifier: MIT */
/*
 * What the generator's kernels reach of what the machine allows (roofline): measures the peak of
 * multiply-adds for each instruction set, the bandwidth of a triad, and the forward pass of each
 * layer of the antialiased 6-block generator, ngf 64; prints a table, and draws it.
 *
 *     bench_roofline [THREADS [REPEATS [SIDE [PICTURE.png]]]]
 *
 * SIDE is the picture's, 512 unless given, a multiple of 32. A convolution is measured directly and
 * by Winograd; the latter is told twice, by what it computes (products, and the transforms of
 * inputs and outputs) and by what direct convolution would have computed. Bytes are inputs, weights
 * and outputs, once each: what cannot be avoided if layers run one by one.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/conv.h"
#include "backend/cpu/kernels.h"
#include "base/err.h"
#include "image/draw.h"
#include "support/layers.h"
#include "support/measure.h"
#include "support/peaks.h"
#include "support/roof_picture.h"

enum { FULL = 512, POINTS = 64 };

typedef struct bench {
    rst_cpu_dev dev;
    int repeats, number;
    int64_t side;
    roof_point point[POINTS];
    int points;
} bench;

/* What one kernel needs. */
typedef struct work {
    bench *b;
    const rst_conv *conv;
    rst_dims x;
    float *in, *w, *out; /* owned */
    rst_packed *packed;  /* owned */
} work;

typedef int (*kernel)(work *k);

static void must(int rc, const rst_dev *dev)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_roofline: %s\n", dev->err.msg);
    exit(1);
}

/* Best of the repeats, the first of all being no one's. */
static double best_ms(work *k, kernel run)
{
    double best = INFINITY;
    for (int i = 0; i <= k->b->repeats; i++) {
        double t = bench_now_ms();
        must(run(k), &k->b->dev.base);
        t = bench_now_ms() - t;
        best = i && t < best ? t : best;
    }
    return best;
}

static void note(bench *b, roof_point p)
{
    p.number = b->number;
    if (b->points < POINTS)
        b->point[b->points++] = p;
}

/* Convolutions -----------------------------------------------------------------------------------
 */

static int forward(work *k)
{
    return rst__cpu_conv_fwd(&k->b->dev.base, k->conv, k->in, k->w, k->packed, NULL, k->out);
}

static double measure_conv(work *k, rst_conv_mode mode)
{
    rst_dev *dev = &k->b->dev.base;
    dev->conv = mode;
    must(rst__cpu_conv_pack(dev, k->conv, false, k->w, &k->packed), dev);
    const double ms = best_ms(k, forward);
    rst__cpu_packed_free(dev, k->packed);
    k->packed = NULL;
    return ms;
}

/* Operations of F(4x4,3x3): 36 products a tile, 12 transforms of 24 operations on the way in, 10 of
 * 16 on the way out (backend/cpu/isa/wino.c). */
static double winograd_gflop(const rst_conv *g)
{
    const double tiles = (double)(g->x.n * ((g->oh + 3) / 4) * ((g->ow + 3) / 4));
    const double ci = (double)g->x.c, co = (double)g->co;
    return 1e-9 * tiles * (2 * 36 * ci * co + 12 * 24 * ci + 10 * 16 * co);
}

static void convolution(bench *b, const bench_layer *l)
{
    rst_conv g = l->g;
    g.x.h = g.x.w = g.x.h * b->side / FULL;
    g.oh = g.ow = g.oh * b->side / FULL;
    const int64_t in = rst__numel(g.x), out = g.x.n * g.co * g.oh * g.ow,
                  w = g.co * g.kh * g.kw * g.x.c;
    work k = {
        .b = b, .conv = &g, .in = bench_noise(in), .w = bench_noise(w), .out = bench_noise(out)
    };
    const double gbyte = 4e-9 * (double)(in + out + w),
                 direct = 2e-9 * (double)(out * g.kh * g.kw * g.x.c);
    b->number++;
    note(b, (roof_point){ .name = l->name,
                          .kind = ROOF_DIRECT,
                          .ms = measure_conv(&k, RST_CONV_DIRECT),
                          .gflop = direct,
                          .gbyte = gbyte });
    b->dev.base.convs_winograd = 0;
    const double ms = measure_conv(&k, RST_CONV_WINOGRAD);
    if (b->dev.base.convs_winograd > 0) {
        note(b, (roof_point){ .name = l->name,
                              .kind = ROOF_WINOGRAD,
                              .ms = ms,
                              .gflop = winograd_gflop(&g),
                              .gbyte = gbyte });
        note(b, (roof_point){ .name = l->name,
                              .kind = ROOF_AS_DIRECT,
                              .ms = ms,
                              .gflop = direct,
                              .gbyte = gbyte });
    }
    free(k.in), free(k.w), free(k.out);
}

/* Norms and filters ------------------------------------------------------------------------------
 */

static rst_norm norm_of(const work *k)
{
    return (rst_norm){ .x = k->x, .eps = 1e-5, .act = RST_MAP_RELU };
}

static int norm_relu(work *k)
{
    const rst_norm g = norm_of(k);
    float *mean = k->w, *var = k->w + k->x.c;
    int rc = rst__cpu_norm_stats(&k->b->dev.base, &g, k->in, mean, var);
    return rc < 0 ? rc
                  : rst__cpu_norm_apply(&k->b->dev.base, &g, k->in, mean, var, NULL, NULL, NULL,
                                        k->out);
}

static int blur_down(work *k)
{
    const rst_blur_geom g = { .x = k->x,
                              .oh = k->x.h / 2,
                              .ow = k->x.w / 2,
                              .count = 3,
                              .stride = 2,
                              .t = { 0.25, 0.5, 0.25 },
                              .pad = { 1, 1, 1, 1 },
                              .mode = RST_PAD_REFLECT };
    return rst__cpu_blur(&k->b->dev.base, &g, k->in, k->out);
}

static int blur_up(work *k)
{
    static const double t[] = { 0.25, 0.75, 0.75, 0.25 };
    return rst__cpu_blur_up(&k->b->dev.base, k->x, 4, t, k->in, k->out);
}

/* Operations an output: of a norm 4 for the moments and 3 to apply them, of a filter those of its
 * two passes; passes: how often the input is read. */
typedef struct other {
    const char *name;
    kernel run;
    int64_t c, side;
    double scale, flop, reads; /* outputs an input; operations an output */
} other;

static const other others[] = {
    { "norm + ReLU 64 @512", norm_relu, 64, 512, 1, 7, 2 },
    { "norm + ReLU 256 @128", norm_relu, 256, 128, 1, 7, 2 },
    { "blur down 128 @512", blur_down, 128, 512, 0.25, 12, 1 },
    { "blur down 256 @256", blur_down, 256, 256, 0.25, 12, 1 },
    { "blur up 256 @128", blur_up, 256, 128, 4, 8, 1 },
    { "blur up 128 @256", blur_up, 128, 256, 4, 8, 1 },
};

static void other_kernel(bench *b, const other *o)
{
    const int64_t side = o->side * b->side / FULL;
    const rst_dims x = { 1, o->c, side, side };
    const double in = (double)rst__numel(x), out = in * o->scale;
    work k = { .b = b,
               .x = x,
               .in = bench_noise(rst__numel(x)),
               .w = bench_noise(2 * o->c),
               .out = bench_noise((int64_t)out) };
    b->number++;
    note(b, (roof_point){ .name = o->name,
                          .kind = ROOF_OTHER,
                          .ms = best_ms(&k, o->run),
                          .gflop = 1e-9 * out * o->flop,
                          .gbyte = 4e-9 * (in * o->reads + out) });
    free(k.in), free(k.w), free(k.out);
}

/* Table and picture ------------------------------------------------------------------------------
 */

static void cpu_name(char *buf, size_t size)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    (void)snprintf(buf, size, "some processor");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            line[strcspn(line, "\n")] = 0;
            (void)snprintf(buf, size, "%s", strchr(line, ':') + 2);
            break;
        }
    if (f)
        fclose(f);
}

/* The ceilings: the one of the kernels' instruction set first. */
static int measure_roof(const bench *b, roof *r)
{
    r->gbs = bench_triad_gbs(b->dev.base.threads, b->repeats);
    printf("# triad: %.1f GB/s\n", r->gbs);
    for (int pass = 0; pass < 2; pass++)
        for (int i = BENCH_ISAS - 1; i >= 0; i--) {
            const bool used = strcmp(bench_isa[i], b->dev.isa->name) == 0;
            const double peak =
                used == (pass == 0) ? bench_peak_gflops(i, b->dev.base.threads, b->repeats) : 0;
            if (peak <= 0)
                continue;
            r->ceiling[r->ceilings++] = (roof_ceiling){ bench_isa[i], peak };
            printf("# multiply-adds, %s: %.1f GFLOP/s\n", bench_isa[i], peak);
        }
    return r->gbs > 0 && r->ceilings > 0;
}

static void print_table(const roof *r)
{
    printf("number\tlayer\tcounted\tms\tgflop\tgbyte\tflop_per_byte\tgflops\troof_gflops\tshare\n");
    for (int i = 0; i < r->points; i++) {
        const roof_point *p = &r->point[i];
        const double at = p->gflop / p->gbyte, gflops = 1e3 * p->gflop / p->ms;
        printf("%d\t%s\t%s\t%.3f\t%.4g\t%.4g\t%.2f\t%.1f\t%.1f\t%.3f\n", p->number, p->name,
               roof_kind_name[p->kind], p->ms, p->gflop, p->gbyte, at, gflops, roof_at(r, at),
               gflops / roof_at(r, at));
    }
}

int main(int argc, char **argv)
{
    static bench b;
    char cpu[128], title[160], subtitle[256];
    rst_error err = RST_ERROR_INIT;
    b.dev.base.threads = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 2;
    b.repeats = bench_repeats(argc > 2 ? argv[2] : "");
    b.side = argc > 3 ? strtol(argv[3], NULL, 10) : FULL;
    if (b.dev.base.threads < 1 || b.side < 32 || b.side % 32 || b.side > 8 * FULL) {
        fprintf(stderr, "usage: see the head of bench/roofline.c\n");
        return 2;
    }
    int rc = rst__isa_choose(&b.dev.isa, &err);
    cpu_name(cpu, sizeof cpu);
    (void)snprintf(title, sizeof title, "The generator's layers, %lld x %lld, ngf 64, forward",
                   (long long)b.side, (long long)b.side);
    roof r = { .title = title, .subtitle = subtitle };
    if (rc == 0 && !measure_roof(&b, &r))
        rc = rst_fail(&err, RST_ENOMEM, "no peak could be measured");
    if (rc == 0) {
        (void)snprintf(subtitle, sizeof subtitle, "%s, %d threads, %s; memory %.1f GB/s (triad)",
                       cpu, b.dev.base.threads, b.dev.isa->name, r.gbs);
        for (int i = 0; i < bench_layer_count; i++)
            if (bench_layers[i].times > 0)
                convolution(&b, &bench_layers[i]);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            other_kernel(&b, &others[i]);
        r.point = b.point;
        r.points = b.points;
        printf("# %s\n# %s\n", title, subtitle);
        print_table(&r);
        if (argc > 4 && !rst__canvas_version())
            fprintf(stderr, "bench_roofline: no picture: built without cairo\n");
        else if (argc > 4)
            rc = roof_draw(argv[4], &r, &err);
    }
    rst__cpu_scratch_free(&b.dev);
    if (rc < 0)
        fprintf(stderr, "bench_roofline: %s\n", err.msg);
    return rc < 0;
}
