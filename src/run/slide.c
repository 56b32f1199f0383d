/* SPDX-License-Identifier: MIT */
/* A slide through a model. */
#include "run/slide.h"

#include <limits.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <restain/version.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "run/identify.h"

enum { TILE = 512, TILE_MAX = 4096, GRAIN = 16 };

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int check_options(const rst_slide_job_options *o, rst_error *err)
{
    if (o->tile_size && (o->tile_size < GRAIN || o->tile_size > TILE_MAX || o->tile_size % GRAIN))
        return rst_fail(err, RST_EINVAL, "--tile-size: %lld is no multiple of %d up to %d",
                        (long long)o->tile_size, GRAIN, TILE_MAX);
    if (o->windows < 0 || o->window < 0 || o->window > TILE_MAX)
        return rst_fail(err, RST_EINVAL, "%d windows of %lld pixels for statistics", o->windows,
                        (long long)o->window);
    if (o->calibration && o->stats != RST_SLIDE_STATS_FROZEN)
        return rst_fail(err, RST_EINVAL, "--calibration: only --stats frozen has statistics");
    return 0;
}

/* A job, planned: its grid and what it will take. */
typedef struct plan {
    rst_slide_job j;
    rst_grid g;
    rst_pyramid_options po;
    rst_slide_report r;
} plan;

static int64_t core_of(const plan *p)
{
    if (p->j.o->tile_size)
        return p->j.o->tile_size;
    return p->j.o->stats == RST_SLIDE_STATS_EXACT ? TILE : rst__grid_core(p->j.reach.halo);
}

static void lay_out(plan *p)
{
    rst_slide_job *j = &p->j;
    const int64_t core = core_of(p);
    p->g = rst__slide_job_grid(j, core, 0, 0, 0);
    p->po = (rst_pyramid_options){ .width = j->right - j->left,
                                   .height = j->bottom - j->top,
                                   .mpp = j->mpp,
                                   .tile = core % TILE == 0 ? TILE : (int)core,
                                   .quality = j->o->quality,
                                   .compression =
                                       j->o->lossless ? RST_PYRAMID_DEFLATE : RST_PYRAMID_JPEG };
    p->r = (rst_slide_report){ .level = j->level,
                               .width = p->po.width,
                               .height = p->po.height,
                               .mpp = j->mpp,
                               .tissue_mm2 = rst__tissue_facts(j->tissue).area_mm2,
                               .tiles = p->g.across * p->g.down,
                               .tile = core,
                               .halo = j->reach.halo,
                               .conv = j->conv,
                               .window = { p->g.side_w, p->g.side_h },
                               .windows = j->windows };
    for (int64_t i = 0; i < p->r.tiles; i++) {
        const rst_grid_cell c = rst__grid_cell(&p->g, i % p->g.across, i / p->g.across);
        p->r.computed += rst__slide_job_computes(j, &c);
    }
}

/* Memory and disk; what `exact` needs must be there. */
static int foretell(plan *p, rst_error *err)
{
    const double share = (double)p->r.computed / (double)p->r.tiles;
    const double window = (double)p->g.side_w * (double)p->g.side_h;
    const double core = (double)p->g.core_w * (double)p->g.core_h;
    const int64_t slots = p->r.tiles < RST_SLIDE_SLOTS ? p->r.tiles : RST_SLIDE_SLOTS;
    rst_pyramid_need need;
    size_t work = 0;
    int rc = rst__pyramid_estimate(&p->po, p->j.o->background ? 1 : share, &need, err);
    if (rc == 0)
        rc = rst__model_working_bytes(p->j.m, p->g.side_h, p->g.side_w, &work, err);
    if (rc < 0)
        return rc;
    p->r.disk = need.file + need.scratch;
    p->r.memory = need.memory + work + (uint64_t)rst_slide_memory(p->j.slide, 1) +
                  (uint64_t)((double)slots * 3 * (window + core) + 12 * (window + core));
    const uint64_t peak = rst__model_peak_bytes(p->j.m) + (uint64_t)rst_slide_memory(p->j.slide, 1);
    p->r.memory = p->r.memory > peak ? p->r.memory : peak; /* the calibration's, before */
    const double has = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (p->j.o->stats == RST_SLIDE_STATS_EXACT && (double)p->r.memory > 0.8 * has)
        return rst_fail(err, RST_ENOMEM,
                        "%s: %lld x %lld pixels as one picture need %.1f GB of memory, of %.1f; "
                        "translate a --region, or use --stats frozen",
                        p->j.in, (long long)p->r.width, (long long)p->r.height,
                        (double)p->r.memory / 1e9, has / 1e9);
    return 0;
}

/* Forecast: the time of the first window that has to be computed. */
static int time_one(plan *p, rst_error *err)
{
    const size_t window = (size_t)(p->g.side_w * p->g.side_h);
    uint8_t *rgb = rst__calloc(window, 3);
    float *y = rst__calloc(window, 3 * sizeof *y);
    int rc = rgb && y ? 0 : rst__fail_nomem(err, "tiles of the slide");
    for (int64_t i = 0; rc == 0 && i < p->r.tiles; i++) {
        const rst_grid_cell c = rst__grid_cell(&p->g, i % p->g.across, i / p->g.across);
        if (!rst__slide_job_computes(&p->j, &c))
            continue;
        rc = rst__slide_job_read(&p->j, c.wx, c.wy, p->g.side_w, p->g.side_h, rgb, err);
        if (rc == 0) /* once to record the network and warm up */
            rc = rst__model_window(p->j.m, rgb, p->g.side_h, p->g.side_w, y, err);
        const double start = now();
        if (rc == 0)
            rc = rst__model_window(p->j.m, rgb, p->g.side_h, p->g.side_w, y, err);
        p->r.seconds = (now() - start) * (double)p->r.computed;
        break;
    }
    rst__free(rgb);
    rst__free(y);
    return rc;
}

static const char *const ends[] = { ".ome.tif", ".ome.tiff", ".tif", ".tiff" };
enum { ENDS = sizeof ends / sizeof ends[0] };
static const char *const stats_words[] = { "frozen", "tile", "exact" };
static const char *const conv_words[] = { "auto", "direct", "winograd" };

enum { PROVENANCE = 1024 };

/* What the result says of its making. No names of files: they may name a patient. */
static int describe(const plan *p, char out[PROVENANCE], rst_error *err)
{
    char slide[65], model[65];
    int rc = rst__sha256_file(p->j.in, slide, err);
    if (rc == 0)
        rc = rst__sha256_file(rst__model_path(p->j.m), model, err);
    if (rc < 0)
        return rc;
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:i, s:[I,I,I,I], s:i, s:s, s:s}", "program",
                          "restain", "version", rst_version(), "slide_sha256", slide,
                          "model_sha256", model, "level", p->j.level, "part",
                          (json_int_t)(p->j.off_x + p->j.left), (json_int_t)(p->j.off_y + p->j.top),
                          (json_int_t)p->r.width, (json_int_t)p->r.height, "windows", p->j.windows,
                          "stats", stats_words[p->j.o->stats], "conv", conv_words[p->j.conv]);
    if (rst__model_precision(p->j.m) == RST_PRECISION_BF16)
        (void)json_object_set_new(o, "precision", json_string("bf16"));
    const size_t n = o ? json_dumpb(o, out, PROVENANCE - 1, JSON_COMPACT) : 0;
    json_decref(o);
    if (n == 0 || n >= PROVENANCE)
        return rst__fail_nomem(err, "provenance");
    out[n] = 0;
    return 0;
}

/* out.ome.tif -> out.WHAT, owned. */
static rst_str beside(const char *out, const char *what)
{
    rst_str name = rst__str(PATH_MAX);
    size_t n = strlen(out);
    for (int i = 0; i < ENDS; i++) {
        const size_t k = strlen(ends[i]);
        if (n > k && strcasecmp(out + n - k, ends[i]) == 0) {
            n -= k;
            break;
        }
    }
    rst__str_bytes(&name, out, n);
    rst__str_add(&name, what);
    return name;
}

/* The tiles that were painted because they could not be read: a result that is not whole must say
 * so, beside itself too. */
static int list_bad(plan *p, const char *out, rst_error *err)
{
    enum { LIST_MAX = 1 << 26 };
    rst_slide *s = p->j.slide;
    const int64_t n = rst_slide_bad_count(s);
    if (n == 0)
        return 0;
    rst_str name = beside(out, ".bad-tiles.tsv"), text = rst__str(LIST_MAX);
    rst_slide_rect r = { 0 };
    rst__str_add(&text, "level\tx\ty\twidth\theight\n");
    for (int64_t i = 0; i < n && rst_slide_bad_tile(s, i, &r, NULL) == 0; i++)
        rst__str_printf(&text, "%d\t%lld\t%lld\t%lld\t%lld\n", r.level, (long long)r.x,
                        (long long)r.y, (long long)r.width, (long long)r.height);
    int rc = name.failed || text.failed ? rst__fail_nomem(err, "list of bad tiles")
                                        : rst__file_write(name.s, text.s, text.len, err);
    if (rc == 0)
        rst__log(RST_LOG_WARN, "%s: %lld tile%s could not be read and stand painted; listed in %s",
                 p->j.in, (long long)n, n > 1 ? "s" : "", name.s);
    rst__str_free(&name);
    rst__str_free(&text);
    return rc;
}

static void drop_list(const char *out)
{
    rst_str name = beside(out, ".bad-tiles.tsv");
    if (!name.failed)
        (void)unlink(name.s);
    rst__str_free(&name);
}

static int write_slide(plan *p, const char *out, rst_error *err)
{
    char provenance[PROVENANCE];
    rst_pyramid *pyramid;
    int rc = describe(p, provenance, err);
    if (rc < 0)
        return rc;
    p->po.provenance = provenance;
    rc = rst__pyramid_open(&pyramid, out, &p->po, err);
    p->po.provenance = NULL;
    if (rc < 0)
        return rc;
    const double start = now();
    rc = rst__slide_pipeline(&p->j, &p->g, pyramid, p->po.tile, p->r.computed, err);
    if (rc == 0)
        rc = list_bad(p, out, err);
    if (rc < 0)
        rst__pyramid_abort(pyramid);
    else
        rc = rst__pyramid_finish(pyramid, err);
    if (rc < 0)
        drop_list(out);
    p->r.seconds = now() - start;
    return rc;
}

/* What was measured for the slide, to be used again. A slide is whole without it. */
static void keep_stats(plan *p, const char *out)
{
    rst_error why = RST_ERROR_INIT;
    rst_str name = beside(out, ".stats.safetensors");
    int rc = name.failed ? rst__fail_nomem(&why, "statistics")
                         : rst__slide_job_save_stats(&p->j, name.s, &why);
    if (rc < 0)
        rst__log(RST_LOG_WARN, "the statistics are not kept: %s", why.msg);
    rst__str_free(&name);
}

static void say(const plan *p)
{
    const rst_slide_report *r = &p->r;
    rst__log(RST_LOG_INFO,
             "%s: %lld x %lld pixels, %.1f mm2 of tissue, %lld of %lld tiles to compute, up to "
             "%.2f GB of memory and %.2f GB of disk",
             p->j.in, (long long)r->width, (long long)r->height, r->tissue_mm2,
             (long long)r->computed, (long long)r->tiles, (double)r->memory / 1e9,
             (double)r->disk / 1e9);
    if (rst__tissue_facts(p->j.tissue).none && p->j.o->stats != RST_SLIDE_STATS_EXACT)
        rst__log(RST_LOG_WARN, "%s: no tissue found; the result is background", p->j.in);
}

/* What would be found out only after the statistics, minutes later. */
static int check_output(const rst_slide_job_options *o, const char *out, rst_error *err)
{
    if (!o->overwrite && rst__exists(out))
        return rst_fail(err, RST_EINVAL, "%s: exists; give --overwrite to replace it", out);
    rst_str folder = rst__str(PATH_MAX);
    rst__str_bytes(&folder, out, (size_t)(rst__basename(out) - out));
    int rc = folder.failed ? rst__fail_nomem(err, out) : 0;
    if (rc == 0 && folder.len > 0 && !rst__is_dir(folder.s))
        rc = rst_fail(err, RST_EOUTPUT, "%s: there is no folder %s", out, folder.s);
    rst__str_free(&folder);
    return rc;
}

static int translate(plan *p, const char *out, rst_error *err)
{
    int rc = rst__slide_job_open(&p->j, err);
    if (rc == 0)
        rc = rst__slide_job_calibrate(&p->j, err);
    if (rc < 0)
        return rc;
    lay_out(p);
    rc = foretell(p, err);
    if (rc < 0)
        return rc;
    say(p);
    if (p->j.o->dry_run)
        return time_one(p, err);
    rc = write_slide(p, out, err);
    if (rc == 0 && p->j.calibrated && !p->j.o->calibration)
        keep_stats(p, out);
    return rc;
}

int rst_slide_translate(rst_model *m, const char *in, const char *out,
                        const rst_slide_job_options *o, rst_slide_report *r, rst_error *err)
{
    static const rst_slide_job_options usual = { 0 };
    plan p = { .j = { .m = m, .in = in, .o = o ? o : &usual } };
    int rc = check_options(p.j.o, err);
    if (rc == 0 && !p.j.o->dry_run)
        rc = check_output(p.j.o, out, err);
    if (rc < 0)
        return rc;
    rc = translate(&p, out, err);
    rst__slide_job_close(&p.j);
    if (rc == 0 && r)
        *r = p.r;
    return rc;
}
