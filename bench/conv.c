/* SPDX-License-Identifier: MIT */
/*
 * Times the convolutions of the antialiased 6-block generator at 512x512 (ngf 64), forward and both
 * gradients, one layer at a time and in sum; beside oneDNN's direct convolution when built with
 * RST_HAVE_DNNL.
 *
 *   bench_conv [threads [repeats [auto|direct|winograd [layer]]]]
 *
 * With BENCH_CPU set in the environment it prints processor time over threads instead of wall time,
 * for machines that others use too; OMP_WAIT_POLICY=passive keeps waiting from being counted.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/cpu/conv.h"
#include "support/layers.h"
#include "support/measure.h"
#ifdef RST_HAVE_DNNL
#include <oneapi/dnnl/dnnl.h>
#endif

static clockid_t which = CLOCK_MONOTONIC;
static int share = 1;

static double now(void)
{
    struct timespec t;
    clock_gettime(which, &t);
    return ((double)t.tv_sec + 1e-9 * (double)t.tv_nsec) / share;
}

typedef struct buffers {
    float *x, *w, *y;
    rst_packed *fwd;
} buffers;

static double once(rst_cpu_dev *dev, const rst_conv *g, const buffers *b, int op)
{
    double t = now();
    int rc = op == 0   ? rst__cpu_conv_fwd(&dev->base, g, b->x, b->w, b->fwd, NULL, b->y)
             : op == 1 ? rst__cpu_conv_data(&dev->base, g, b->w, NULL, b->y, b->x, false)
                       : rst__cpu_conv_weights(&dev->base, g, b->x, b->y, b->w, false);
    if (rc < 0)
        exit(1);
    return now() - t;
}

#ifdef RST_HAVE_DNNL
static void check(dnnl_status_t s)
{
    if (s == dnnl_success)
        return;
    fprintf(stderr, "oneDNN: status %d\n", (int)s);
    exit(1);
}

/* Best time of oneDNN's direct forward convolution with zero padding in its own layout. */
static double onednn(const rst_conv *g, int repeats)
{
#if DNNL_VERSION_MAJOR == 2
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    check(dnnl_engine_create(&engine, dnnl_cpu, 0));
    check(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
    dnnl_memory_desc_t md[3];
    const dnnl_dims_t dims[3] = { { g->x.n, g->x.c, g->x.h, g->x.w },
                                  { g->co, g->x.c, g->kh, g->kw },
                                  { g->x.n, g->co, g->oh, g->ow } };
    for (int i = 0; i < 3; i++)
        check(dnnl_memory_desc_init_by_tag(&md[i], 4, dims[i], dnnl_f32, dnnl_format_tag_any));
    const dnnl_dims_t stride = { g->sh, g->sw }, pl = { g->pad.t, g->pad.l },
                      pr = { g->pad.b, g->pad.r };
    dnnl_convolution_desc_t d;
    check(dnnl_convolution_forward_desc_init(&d, dnnl_forward_inference, dnnl_convolution_direct,
                                             &md[0], &md[1], NULL, &md[2], stride, pl, pr));
    dnnl_primitive_desc_t pd;
    check(dnnl_primitive_desc_create(&pd, &d, NULL, engine, NULL));
    dnnl_primitive_t p;
    check(dnnl_primitive_create(&p, pd));
    const dnnl_query_t what[3] = { dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md };
    const int arg[3] = { DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST };
    dnnl_exec_arg_t args[3];
    for (int i = 0; i < 3; i++) {
        args[i].arg = arg[i];
        check(dnnl_memory_create(&args[i].memory, dnnl_primitive_desc_query_md(pd, what[i], 0),
                                 engine, DNNL_MEMORY_ALLOCATE));
        void *h;
        check(dnnl_memory_get_data_handle(args[i].memory, &h));
        memset(h, 0, dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(pd, what[i], 0)));
    }
    double best = 1e9;
    for (int i = 0; i <= repeats; i++) {
        double t = now();
        check(dnnl_primitive_execute(p, stream, 3, args));
        check(dnnl_stream_wait(stream));
        t = now() - t;
        best = t < best ? t : best;
    }
    for (int i = 0; i < 3; i++)
        dnnl_memory_destroy(args[i].memory);
    dnnl_primitive_destroy(p);
    dnnl_primitive_desc_destroy(pd);
    dnnl_stream_destroy(stream);
    dnnl_engine_destroy(engine);
    return best;
#else
    (void)g, (void)repeats, (void)check;
    return NAN;
#endif
}
#else
static double onednn(const rst_conv *g, int repeats)
{
    (void)g, (void)repeats;
    return NAN;
}
#endif

int main(int argc, char **argv)
{
    rst_error err = RST_ERROR_INIT;
    rst_cpu_dev dev = { .base.threads = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 2 };
    const int repeats = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 5;
    const char *mode = argc > 3 ? argv[3] : "auto", *only = argc > 4 ? argv[4] : NULL;
    if (getenv("BENCH_CPU")) {
        which = CLOCK_PROCESS_CPUTIME_ID;
        share = dev.base.threads;
    }
    if (!bench_conv_parse(mode, &dev.base.conv)) {
        fprintf(stderr, "bench_conv: %s: must be auto, direct or winograd\n", mode);
        return 2;
    }
    if (rst__isa_choose(&dev.isa, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return 2;
    }
    printf("%s, %d threads, best of %d, %s\n%-22s %9s %9s %9s %9s   GFLOP/s\n", dev.isa->name,
           dev.base.threads, repeats, mode, "ms", "forward", "data", "weights", "oneDNN");
    double sum[4] = { 0 };
    for (int i = 0; i < bench_layer_count; i++) {
        const bench_layer *l = &bench_layers[i];
        const rst_conv *g = &l->g;
        if (only && !strstr(l->name, only))
            continue;
        buffers b = { bench_noise(g->x.n * g->x.c * g->x.h * g->x.w),
                      bench_noise(g->co * g->kh * g->kw * g->x.c),
                      bench_noise(g->x.n * g->co * g->oh * g->ow), NULL };
        if (rst__cpu_conv_pack(&dev.base, g, false, b.w, &b.fwd) < 0)
            return 1;
        double best[4] = { 1e9, 1e9, 1e9, only ? NAN : onednn(g, repeats) };
        for (int r = 0; r < repeats; r++)
            for (int op = 0; op < 3; op++) {
                double t = once(&dev, g, &b, op);
                best[op] = t < best[op] ? t : best[op];
            }
        const double gflop = 2e-9 * (double)(g->co * g->oh * g->ow * g->kh * g->kw * g->x.c);
        printf("%-22s %9.2f %9.2f %9.2f %9.2f   %.0f %.0f %.0f %.0f\n", l->name, 1e3 * best[0],
               1e3 * best[1], 1e3 * best[2], 1e3 * best[3], gflop / best[0], gflop / best[1],
               gflop / best[2], gflop / best[3]);
        for (int op = 0; op < 4; op++)
            sum[op] += l->times * best[op];
        rst__cpu_packed_free(&dev.base, b.fwd);
        free(b.x), free(b.w), free(b.y);
    }
    printf("%-22s %9.1f %9.1f %9.1f %9.1f\n", "the generator's 18", 1e3 * sum[0], 1e3 * sum[1],
           1e3 * sum[2], 1e3 * sum[3]);
    rst__cpu_scratch_free(&dev);
    return 0;
}
