/* SPDX-License-Identifier: MIT */
/*
 * What a slide takes beside the network: every window of it through the network alone, one after
 * the other with nothing else going on, and then the whole translation, in one process and with the
 * same statistics.
 *
 *     bench_slide MODEL SLIDE OUT.ome.tif THREADS
 *
 * Prints "tiles computed statistics_s read_s network_s translate_s max_rss_kib": tiles in all and
 * those computed; gathering the statistics; reading and decoding the windows, and the network on
 * them, in the first pass; the translation from opening the slide to the file under its name, its
 * statistics being there. Leaves OUT.stats.safetensors.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/err.h"
#include "run/slide.h"
#include "support/measure.h"

typedef struct taken {
    int64_t tiles, computed;
    double statistics, read, network, translate; /* ms */
} taken;

static int windows(const rst_slide_job *j, taken *t, rst_error *err)
{
    const rst_grid g = rst__slide_job_grid(j, rst__grid_core(j->reach.halo), 0, 0, 0);
    const size_t window = (size_t)(g.side_w * g.side_h), core = (size_t)(g.core_w * g.core_h);
    uint8_t *rgb = rst__calloc(window, 3);
    float *y = rst__calloc(window, 3 * sizeof *y), *to = rst__calloc(core, 3 * sizeof *to);
    int rc = rgb && y && to ? 0 : rst__fail_nomem(err, "a window");
    t->tiles = g.across * g.down;
    for (int64_t i = 0; rc == 0 && i < t->tiles; i++) {
        const rst_grid_cell c = rst__grid_cell(&g, i % g.across, i / g.across);
        if (!rst__slide_job_computes(j, &c))
            continue;
        const double start = bench_now_ms();
        rc = rst__slide_job_read(j, c.wx, c.wy, g.side_w, g.side_h, rgb, err);
        const double between = bench_now_ms();
        if (rc == 0)
            rc = rst__slide_cell(j, &g, &c, rgb, y, to, g.core_w * 3, err);
        t->read += between - start;
        t->network += bench_now_ms() - between;
        t->computed++;
    }
    rst__free(rgb);
    rst__free(y);
    rst__free(to);
    return rc;
}

/* Statistics, kept in a file, and the network alone. */
static int alone(rst_model *m, const char *in, const char *stats, taken *t, rst_error *err)
{
    static const rst_slide_job_options usual = { 0 };
    rst_slide_job j = { .m = m, .in = in, .o = &usual };
    int rc = rst__slide_job_open(&j, err);
    const double start = bench_now_ms();
    if (rc == 0)
        rc = rst__slide_job_calibrate(&j, err);
    t->statistics = bench_now_ms() - start;
    if (rc == 0)
        rc = rst__slide_job_save_stats(&j, stats, err);
    if (rc == 0)
        rc = windows(&j, t, err);
    rst__slide_job_close(&j);
    return rc;
}

static int measure(rst_model *m, const char *in, const char *out, taken *t, rst_error *err)
{
    char stats[PATH_MAX];
    if (snprintf(stats, sizeof stats, "%s.stats.safetensors", out) >= (int)sizeof stats)
        return rst_fail(err, RST_EINVAL, "%s: the name is too long", out);
    rst_slide_report r;
    const rst_slide_job_options o = { .calibration = stats, .overwrite = true };
    int rc = alone(m, in, stats, t, err);
    const double start = bench_now_ms();
    if (rc == 0)
        rc = rst_slide_translate(m, in, out, &o, &r, err);
    t->translate = bench_now_ms() - start;
    if (rc == 0 && (r.tiles != t->tiles || r.computed != t->computed))
        rc = rst_fail(err, RST_EINTERNAL, "%lld of %lld tiles alone, %lld of %lld translated",
                      (long long)t->computed, (long long)t->tiles, (long long)r.computed,
                      (long long)r.tiles);
    return rc;
}

int main(int argc, char **argv)
{
    rst_error err = RST_ERROR_INIT;
    rst_model *m = NULL;
    taken t = { 0 };
    struct rusage u;
    if (argc != 5) {
        fprintf(stderr, "usage: see the head of bench/slide.c\n");
        return 2;
    }
    const rst_model_options o = { .ctx.threads = (int)strtol(argv[4], NULL, 10) };
    int rc = rst_model_open(&m, argv[1], &o, &err);
    if (rc == 0) {
        rc = measure(m, argv[2], argv[3], &t, &err);
        rst_model_close(m);
    }
    if (rc < 0) {
        fprintf(stderr, "bench_slide: %s\n", err.msg);
        return 1;
    }
    getrusage(RUSAGE_SELF, &u);
    printf("%lld %lld %.2f %.2f %.2f %.2f %ld\n", (long long)t.tiles, (long long)t.computed,
           t.statistics / 1e3, t.read / 1e3, t.network / 1e3, t.translate / 1e3, u.ru_maxrss);
    return 0;
}
