/* SPDX-License-Identifier: MIT */
/*
 * restain's side of bench/run.sh, the twin of torch_peer.py.
 *
 *     bench_generator forward|backward WEIGHTS INPUT.f32 SIZE THREADS REPEATS OUTPUT.f32 [CONV]
 *         median_ms min_ms max_rss_kib of the network's forward (recorded plan), or of the backward
 *         of sum(y*y)/2 on the tape; writes the output, or the gradient of the input
 *     bench_generator input OUTPUT.f32 SIZE
 *         a smooth random tile
 *     bench_generator compare A.f32 B.f32
 *         largest difference, relative L2
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <restain/nn.h>

#include "plan/plan.h"
#include "support/measure.h"

static float *load(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) < 0)
        return NULL;
    *n = (size_t)ftell(f) / sizeof(float);
    rewind(f);
    float *v = malloc(*n * sizeof *v + 1);
    if (v && fread(v, sizeof *v, *n, f) != *n) {
        free(v);
        v = NULL;
    }
    fclose(f);
    return v;
}

static int store(const char *path, const float *v, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f)
        return 1;
    size_t done = fwrite(v, sizeof *v, n, f);
    return fclose(f) || done != n;
}

static int forward(void *arg, rst_tensor *x, rst_tensor **out, int max)
{
    (void)max;
    out[0] = rst_module_forward(arg, x);
    return 1;
}

/* One timed run; the result goes to y. @return ms, negative after an error */
static double run_forward(rst_ctx *c, rst_plan *p, rst_dims s, const float *x, float *y)
{
    rst_begin_nograd(c);
    rst_tensor *in = rst_upload(c, s, RST_NCHW, x), *out = NULL;
    double t = bench_now_ms();
    rst__plan_run(p, in, &out);
    t = bench_now_ms() - t;
    rst_download(out, RST_NCHW, y);
    return rst_end(c, NULL) < 0 ? -1 : t;
}

static double run_backward(rst_ctx *c, rst_module *m, rst_adam *opt, rst_dims s, const float *x,
                           float *y)
{
    rst_adam_zero_grad(opt);
    rst_begin(c);
    rst_tensor *in = rst_want_grad(rst_upload(c, s, RST_NCHW, x));
    rst_tensor *z = rst_module_forward(m, in);
    rst_tensor *loss = rst_scale(rst_sum(rst_square(z), RST_AXIS_ALL), 0.5);
    double t = bench_now_ms();
    rst_backward(loss);
    t = bench_now_ms() - t;
    rst_download(rst_grad(in), RST_NCHW, y);
    return rst_end(c, NULL) < 0 ? -1 : t;
}

typedef struct job {
    bool back;
    const char *weights, *input, *output;
    int size, threads, repeats;
    rst_conv_mode conv;
} job;

static int measure(const job *j, rst_error *err)
{
    rst_ctx *c = NULL;
    rst_weights *w = NULL;
    rst_arch arch;
    rst_module *m = NULL;
    rst_plan *p = NULL;
    rst_adam *opt = NULL;
    char note[256];
    size_t n = 0;
    const rst_dims s = { 1, 3, j->size, j->size };
    float *x = load(j->input, &n), *y = malloc(n * sizeof *y + 1);
    double ms[BENCH_REPEATS_MAX];
    const rst_ctx_options o = { .threads = j->threads, .conv = j->conv };
    int rc = x && y && n == (size_t)(3 * j->size * j->size) ? 0 : RST_EINPUT;
    if (rc == 0)
        rc = rst_ctx_new(&c, &o, err);
    if (rc == 0)
        rc = rst_weights_read(&w, j->weights, NULL, err);
    if (rc == 0)
        rc = rst_arch_recognise(w, &arch, note, sizeof note, err);
    if (rc == 0)
        rc = rst_module_new(&m, c, &arch, err);
    if (rc == 0)
        rc = rst_module_load(m, w, "", 0, err);
    if (rc == 0)
        rst_module_inference(m);
    if (rc == 0 && !j->back)
        rc = rst__plan_new(&p, c, s, forward, m, err);
    if (rc == 0 && j->back)
        rc = rst_adam_new(&opt, m, 0.5, 0.999, 1e-8, err);
    for (int i = 0; i <= j->repeats && rc == 0; i++) { /* the first warms up */
        double t = j->back ? run_backward(c, m, opt, s, x, y) : run_forward(c, p, s, x, y);
        ms[i ? i - 1 : 0] = t;
        rc = t < 0 ? rst_ctx_error(c, err) : 0;
    }
    if (rc == 0) {
        bench_print(ms, j->repeats);
        rc = store(j->output, y, n) ? RST_EOUTPUT : 0;
    }
    rst__plan_free(p);
    rst_adam_free(opt);
    rst_module_free(m);
    rst_weights_free(w);
    rst_ctx_free(c);
    free(x);
    free(y);
    return rc;
}

static int make_input(const char *path, int size)
{
    float *v = malloc(sizeof *v * 3 * (size_t)size * (size_t)size);
    if (!v)
        return 1;
    unsigned r = 1;
    for (int c = 0, i = 0; c < 3; c++)
        for (int yy = 0; yy < size; yy++)
            for (int xx = 0; xx < size; xx++, i++) {
                r = r * 1664525u + 1013904223u;
                v[i] = (float)(0.5 * sin(xx / (9.0 + c)) * cos(yy / (7.0 - c)) +
                               0.3 * ((double)(r >> 8) / (1 << 23) - 1));
            }
    int rc = store(path, v, 3 * (size_t)size * (size_t)size);
    free(v);
    return rc;
}

static int compare(const char *a, const char *b)
{
    size_t n = 0, k = 0;
    float *x = load(a, &n), *y = load(b, &k);
    if (!x || !y || n != k)
        return 1;
    double worst = 0, off = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)x[i] - (double)y[i];
        worst = fmax(worst, fabs(d));
        off += d * d;
        size += (double)y[i] * (double)y[i];
    }
    printf("%.2e %.2e\n", worst, sqrt(off / size));
    free(x);
    free(y);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "input") == 0)
        return make_input(argv[2], (int)strtol(argv[3], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "compare") == 0)
        return compare(argv[2], argv[3]);
    if (argc < 8) {
        fprintf(stderr, "usage: see the head of bench/generator.c\n");
        return 2;
    }
    rst_error err = RST_ERROR_INIT;
    job j = { .back = strcmp(argv[1], "backward") == 0,
              .weights = argv[2],
              .input = argv[3],
              .size = (int)strtol(argv[4], NULL, 10),
              .threads = (int)strtol(argv[5], NULL, 10),
              .repeats = bench_repeats(argv[6]),
              .output = argv[7] };
    if (argc > 8 && !bench_conv_parse(argv[8], &j.conv)) {
        fprintf(stderr, "bench_generator: %s: must be auto, direct or winograd\n", argv[8]);
        return 2;
    }
    if (measure(&j, &err) < 0) {
        fprintf(stderr, "bench_generator: %s\n", err.msg);
        return 1;
    }
    return 0;
}
