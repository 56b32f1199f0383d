/* SPDX-License-Identifier: MIT */
/* Statistics of a slide: which windows they come from, and the file that keeps them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/rng.h"
#include "run/slide.h"

enum { WINDOWS = 16, WINDOW = 512, GRAIN = 16 };

static int64_t up_to(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Choosing windows -------------------------------------------------------------------------------
 */

/* Windows that may be taken: half a window apart, the last ones at the border. */
typedef struct choice {
    int64_t w, h;         /* of a window */
    int64_t across, down; /* places */
    int64_t *place;       /* owned: those with enough tissue */
    int64_t count;
} choice;

static int64_t place_at(int64_t i, int64_t window, int64_t all)
{
    const int64_t last = all > window ? all - window : 0;
    return least(i * (window / 2 > 0 ? window / 2 : 1), last);
}

static int64_t places(int64_t window, int64_t all)
{
    const int64_t step = window / 2 > 0 ? window / 2 : 1;
    return all > window ? (all - window + step - 1) / step + 1 : 1;
}

static void collect(const rst_slide_job *j, choice *c, double cover)
{
    c->count = 0;
    for (int64_t i = 0; i < c->across * c->down; i++) {
        const int64_t x = place_at(i % c->across, c->w, j->pic_w);
        const int64_t y = place_at(i / c->across, c->h, j->pic_h);
        if (rst__slide_job_cover(j, x, y, least(c->w, j->pic_w), least(c->h, j->pic_h)) > cover)
            c->place[c->count++] = i;
    }
}

static int find_places(const rst_slide_job *j, int64_t wanted, choice *c, rst_error *err)
{
    static const double covers[] = { 0.5, 0.1, 0 };
    const int64_t step = rst_model_describe(j->m).stride;
    const int64_t side = up_to(j->o->window > 0 ? j->o->window : WINDOW, step);
    c->w = least(side, up_to(j->pic_w, step));
    c->h = least(side, up_to(j->pic_h, step));
    c->across = places(c->w, j->pic_w);
    c->down = places(c->h, j->pic_h);
    c->place = rst__calloc((size_t)(c->across * c->down), sizeof *c->place);
    if (!c->place)
        return rst__fail_nomem(err, "windows for statistics");
    for (int k = 0; k < 3 && c->count < (k == 2 ? 1 : wanted); k++)
        collect(j, c, covers[k]);
    return 0;
}

/* Gathers from up to `wanted` of the places, drawn by the seed. */
static int gather(rst_slide_job *j, const choice *c, int64_t wanted, rst_error *err)
{
    const int64_t n = least(wanted, c->count);
    int64_t *ids = rst__calloc((size_t)n, sizeof *ids);
    uint8_t *rgb = rst__calloc((size_t)(c->w * c->h), 3);
    rst_rng rng = rst__rng(j->o->seed, "slide/windows");
    int rc = ids && rgb ? 0 : rst__fail_nomem(err, "windows for statistics");
    if (rc == 0 && rst__rng_choose(&rng, c->count, n, ids) < 0)
        rc = rst__fail_nomem(err, "windows for statistics");
    if (rc == 0)
        rc = rst__model_set_stats(j->m, RST_STATS_GATHER, err);
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        const int64_t at = c->place[ids[i]];
        rc = rst__slide_job_read(j, place_at(at % c->across, c->w, j->pic_w),
                                 place_at(at / c->across, c->h, j->pic_h), c->w, c->h, rgb, err);
        if (rc == 0)
            rc = rst__model_gather(j->m, rgb, c->h, c->w, err);
    }
    rst__free(ids);
    rst__free(rgb);
    j->windows = (int)n;
    return rc < 0 ? rc : rst__model_set_stats(j->m, RST_STATS_FROZEN, err);
}

static int measure(rst_slide_job *j, rst_error *err)
{
    const int64_t wanted = j->o->dry_run ? 1 : j->o->windows > 0 ? j->o->windows : WINDOWS;
    choice c = { 0 };
    int rc = find_places(j, wanted, &c, err);
    if (rc == 0 && c.count == 0)
        rc = rst_fail(err, RST_EINVAL, "%s: no tissue to take statistics from", j->in);
    if (rc == 0)
        rc = gather(j, &c, wanted, err);
    rst__free(c.place);
    return rc;
}

/* The file ---------------------------------------------------------------------------------------
 */

static int set_keys(const rst_slide_job *j, rst_weights *w, rst_error *err)
{
    char slide[65], model[65], text[32];
    int rc = rst__sha256_file(j->in, slide, err);
    if (rc == 0)
        rc = rst__sha256_file(rst__model_path(j->m), model, err);
    if (rc == 0)
        rc = rst_weights_set_meta(w, "kind", "statistics of a slide", err);
    if (rc == 0)
        rc = rst_weights_set_meta(w, "slide_sha256", slide, err);
    if (rc == 0)
        rc = rst_weights_set_meta(w, "model_sha256", model, err);
    (void)snprintf(text, sizeof text, "%d", j->windows);
    if (rc == 0)
        rc = rst_weights_set_meta(w, "windows", text, err);
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)j->o->seed);
    return rc < 0 ? rc : rst_weights_set_meta(w, "seed", text, err);
}

int rst__slide_job_save_stats(rst_slide_job *j, const char *path, rst_error *err)
{
    rst_weights *w = rst_weights_new();
    int rc = w ? rst_module_store_stats(rst__model_net(j->m), w, err)
               : rst__fail_nomem(err, "statistics");
    if (rc == 0)
        rc = set_keys(j, w, err);
    if (rc == 0)
        rc = rst_weights_write_safetensors(w, path, err);
    rst_weights_free(w);
    return rc;
}

static int check_keys(const rst_slide_job *j, const rst_weights *w, rst_error *err)
{
    const char *path = j->o->calibration, *model = rst_weights_meta(w, "model_sha256");
    const char *slide = rst_weights_meta(w, "slide_sha256");
    char hex[65];
    if (!model || !slide)
        return rst_fail(err, RST_EFORMAT, "%s: holds no statistics of a slide", path);
    int rc = rst__sha256_file(rst__model_path(j->m), hex, err);
    if (rc == 0 && strcmp(hex, model) != 0)
        rc = rst_fail(err, RST_EINVAL, "%s: these statistics are those of another model", path);
    if (rc == 0)
        rc = rst__sha256_file(j->in, hex, err);
    if (rc == 0 && strcmp(hex, slide) != 0)
        rst__log(RST_LOG_WARN, "%s: these statistics are those of another slide", path);
    return rc;
}

static int load(rst_slide_job *j, rst_error *err)
{
    rst_weights *w;
    rst_error why = RST_ERROR_INIT;
    int rc = rst_weights_read(&w, j->o->calibration, NULL, err);
    if (rc < 0)
        return rc;
    rc = check_keys(j, w, err);
    if (rc == 0) {
        const char *windows = rst_weights_meta(w, "windows");
        j->windows = windows ? (int)strtol(windows, NULL, 10) : 0;
        rc = rst__model_load_stats(j->m, w, &why);
        if (rc < 0)
            rc = rst_fail(err, rc, "%s: %s", j->o->calibration, why.msg);
    }
    rst_weights_free(w);
    return rc;
}

/* Policy -----------------------------------------------------------------------------------------
 */

/* The reach of the layers, and places that all grids share. */
static void reach_of_layers(rst_slide_job *j)
{
    const int64_t stride = rst_model_describe(j->m).stride;
    const int64_t step = j->o->stats == RST_SLIDE_STATS_EXACT ? stride : up_to(stride, GRAIN);
    const int64_t halo = rst_module_halo(rst__model_net(j->m));
    j->reach = (rst_reach){ .align = step, .halo = up_to(halo, step) };
}

/* What a network costs for each pixel of a core with the halo that it needs as it is. */
static int weigh(rst_slide_job *j, rst_reach *reach, double *work, rst_error *err)
{
    double cost;
    int rc = rst__model_reach(j->m, reach, err);
    if (rc == 0)
        rc = rst__model_cost(j->m, &cost, err);
    if (rc < 0)
        return rc;
    reach->align = up_to(reach->align, GRAIN);
    reach->halo = up_to(reach->halo, reach->align);
    const double core = (double)rst__grid_core(reach->halo);
    const double side = 1 + 2 * (double)reach->halo / core;
    *work = cost * side * side;
    return 0;
}

/* Winograd's tiles make the halo wide, which a narrow network does not win back. What is chosen
 * depends on the network alone, so that every window, part and slide is computed alike. With bf16
 * it is Winograd: nothing else is computed in it. */
static int choose_conv(rst_slide_job *j, rst_error *err)
{
    static const double saves = 0.65; /* or its two to four times the memory are not worth it */
    rst_reach direct;
    double work, work_direct;
    int rc = weigh(j, &j->reach, &work, err);
    if (rc < 0 || rst__model_conv(j->m) != RST_CONV_AUTO ||
        rst__model_precision(j->m) == RST_PRECISION_BF16)
        return rc;
    rst__model_set_conv(j->m, RST_CONV_DIRECT);
    rc = weigh(j, &direct, &work_direct, err);
    if (rc == 0 && work > saves * work_direct)
        j->reach = direct;
    else
        rst__model_set_conv(j->m, RST_CONV_AUTO);
    return rc;
}

static int freeze(rst_slide_job *j, rst_error *err)
{
    const char *file = j->o->calibration;
    const bool have = file && rst__exists(file);
    int rc = have ? load(j, err) : measure(j, err);
    if (rc < 0)
        return rc;
    j->calibrated = true;
    return !file || have || j->o->dry_run ? 0 : rst__slide_job_save_stats(j, file, err);
}

int rst__slide_job_calibrate(rst_slide_job *j, rst_error *err)
{
    int rc = rst__model_set_stats(j->m, RST_STATS_TILE, err);
    if (rc < 0)
        return rc;
    rc = j->o->stats == RST_SLIDE_STATS_FROZEN ? rst__model_reach(j->m, &j->reach, NULL)
                                               : RST_EINVAL;
    if (rc == RST_EINVAL && (j->o->stats != RST_SLIDE_STATS_FROZEN ||
                             rst__tissue_facts(j->tissue).none)) { /* nothing to be computed */
        reach_of_layers(j);
        return 0;
    }
    /* EINVAL: it takes statistics of the picture. What else may fail, fails again below. */
    rc = rc == RST_EINVAL ? freeze(j, err) : 0;
    if (rc == 0)
        rc = choose_conv(j, err);
    j->conv = rst__model_conv(j->m);
    return rc;
}
