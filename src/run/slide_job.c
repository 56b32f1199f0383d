/* SPDX-License-Identifier: MIT */
/* A slide made ready: its level, its tissue, its pixels. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "run/slide.h"

enum { OVERVIEW = 2048 };

static const double usual_mpp = 0.5; /* for areas, when nobody knows */

static int64_t up_to(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

/* Level ------------------------------------------------------------------------------------------
 */

/* No level is near enough: the next finer one, to be made smaller, if that is wanted. */
static int between_levels(rst_slide_job *j, double want, rst_error *err)
{
    const rst_slide_info *s = rst_slide_describe(j->slide);
    j->level = rst_slide_level_for(j->slide, want / s->mpp);
    const double have = s->mpp * s->level[j->level].downsample;
    if (have > want)
        return rst_fail(err, RST_EINVAL,
                        "%s: the largest level has %.4g um per pixel, coarser than the model's "
                        "%.4g (--mpp says otherwise if the file is wrong)",
                        j->in, have, want);
    if (!j->o->resample)
        return rst_fail(err, RST_EINVAL,
                        "%s: no level within 10 %% of the model's %.4g um per pixel; --resample "
                        "makes the one of %.4g smaller",
                        j->in, want, have);
    j->shrink = want / have;
    return 0;
}

static int choose_level(rst_slide_job *j, rst_error *err)
{
    const rst_slide_info *s = rst_slide_describe(j->slide);
    const double want = rst_model_describe(j->m).mpp;
    double best = 0.1000001;
    j->level = want > 0 ? -1 : 0;
    if (want > 0 && s->mpp <= 0)
        return rst_fail(err, RST_EINVAL,
                        "%s: the file does not say how many um a pixel has, and the model wants "
                        "%.4g; give --mpp",
                        j->in, want);
    for (int k = 0; want > 0 && k < s->levels; k++) {
        const double off = fabs(s->mpp * s->level[k].downsample / want - 1);
        if (off <= best) {
            best = off;
            j->level = k;
        }
    }
    j->shrink = 1;
    int rc = j->level < 0 ? between_levels(j, want, err) : 0;
    if (rc < 0)
        return rc;
    const rst_slide_level *l = &s->level[j->level];
    j->scale = l->downsample * j->shrink;
    j->mpp = s->mpp * j->scale;
    j->pic_w = (int64_t)((double)l->width / j->shrink);
    j->pic_h = (int64_t)((double)l->height / j->shrink);
    if (j->pic_w < 1 || j->pic_h < 1)
        return rst_fail(err, RST_EINVAL, "%s: %lld x %lld pixels are too few for the model's mpp",
                        j->in, (long long)l->width, (long long)l->height);
    return 0;
}

/* The region: pixels of the picture that hold the first and last of level 0. */
static int choose_region(rst_slide_job *j, rst_error *err)
{
    const rst_slide_job_options *o = j->o;
    j->right = j->pic_w;
    j->bottom = j->pic_h;
    if (o->width == 0)
        return 0;
    if (o->width < 1 || o->height < 1 || o->x < 0 || o->y < 0)
        return rst_fail(err, RST_EINVAL, "--region: %lld,%lld,%lld,%lld is no part of a slide",
                        (long long)o->x, (long long)o->y, (long long)o->width,
                        (long long)o->height);
    const double most = (double)INT32_MAX;
    j->left = (int64_t)fmin(floor((double)o->x / j->scale), most);
    j->top = (int64_t)fmin(floor((double)o->y / j->scale), most);
    int64_t right = (int64_t)fmin(ceil(((double)o->x + (double)o->width) / j->scale), most);
    int64_t bottom = (int64_t)fmin(ceil(((double)o->y + (double)o->height) / j->scale), most);
    j->right = right < j->right ? right : j->right;
    j->bottom = bottom < j->bottom ? bottom : j->bottom;
    if (j->left >= j->right || j->top >= j->bottom)
        return rst_fail(err, RST_EINVAL, "--region: lies outside of %s", j->in);
    if (o->stats != RST_SLIDE_STATS_EXACT)
        return 0;
    /* one picture: nothing around the region is seen */
    j->off_x = j->left;
    j->off_y = j->top;
    j->pic_w = j->right -= j->left;
    j->pic_h = j->bottom -= j->top;
    j->left = j->top = 0;
    return 0;
}

/* Tissue -----------------------------------------------------------------------------------------
 */

/* Means of f x f pixels of a strip, w x rows, as row y of the overview. */
static void reduce(const uint8_t *strip, int64_t w, int64_t rows, int64_t f, rst_image *out,
                   int64_t y)
{
    for (int64_t x = 0; x < out->width; x++) {
        const int64_t end = (x + 1) * f < w ? (x + 1) * f : w;
        for (int c = 0; c < 3; c++) {
            int64_t sum = 0;
            for (int64_t v = 0; v < rows; v++)
                for (int64_t u = x * f; u < end; u++)
                    sum += strip[(v * w + u) * 3 + c];
            const int64_t n = rows * (end - x * f);
            out->px[(y * out->width + x) * 3 + c] = (uint8_t)((sum + n / 2) / n);
        }
    }
}

static int read_overview(rst_slide *slide, int level, int64_t f, rst_image *out, rst_error *err)
{
    const rst_slide_level *l = &rst_slide_describe(slide)->level[level];
    uint8_t *strip = rst__calloc((size_t)(l->width * f), 3);
    int rc = strip ? rst_image_new(out, (l->width + f - 1) / f, (l->height + f - 1) / f, 3, err)
                   : rst__fail_nomem(err, "overview of the slide");
    for (int64_t y = 0; rc == 0 && y < out->height; y++) {
        const int64_t rows = (y + 1) * f < l->height ? f : l->height - y * f;
        rc = rst_slide_read(slide, level, 0, y * f, l->width, rows, strip, err);
        if (rc == 0)
            reduce(strip, l->width, rows, f, out, y);
    }
    rst__free(strip);
    return rc;
}

int rst__slide_find_tissue(rst_slide *slide, rst_tissue **out, rst_error *err)
{
    const rst_slide_info *s = rst_slide_describe(slide);
    const int64_t longest = s->width > s->height ? s->width : s->height;
    const int level = rst_slide_level_for(slide, (double)longest / OVERVIEW);
    const int64_t w = s->level[level].width, h = s->level[level].height;
    const int64_t f = ((w > h ? w : h) + OVERVIEW - 1) / OVERVIEW;
    const double mpp = (s->mpp > 0 ? s->mpp : usual_mpp) * s->level[level].downsample * (double)f;
    rst_image img = RST_IMAGE_INIT;
    int rc = read_overview(slide, level, f, &img, err);
    if (rc == 0)
        rc = rst__tissue_new(out, &img, mpp, s->width, s->height, NULL, err);
    rst_image_free(&img);
    return rc;
}

double rst__slide_job_cover(const rst_slide_job *j, int64_t x, int64_t y, int64_t w, int64_t h)
{
    const double x0 = floor((double)(x + j->off_x) * j->scale);
    const double y0 = floor((double)(y + j->off_y) * j->scale);
    const double x1 = ceil((double)(x + j->off_x + w) * j->scale);
    const double y1 = ceil((double)(y + j->off_y + h) * j->scale);
    return rst__tissue_cover(j->tissue, (int64_t)x0, (int64_t)y0, (int64_t)(x1 - x0),
                             (int64_t)(y1 - y0));
}

bool rst__slide_job_computes(const rst_slide_job *j, const rst_grid_cell *c)
{
    return j->o->stats == RST_SLIDE_STATS_EXACT ||
           rst__slide_job_cover(j, c->x, c->y, c->w, c->h) > 0;
}

/* Grid -------------------------------------------------------------------------------------------
 */

rst_grid rst__slide_job_grid(const rst_slide_job *j, int64_t core, int64_t lead_x, int64_t lead_y,
                             int64_t phase)
{
    rst_grid g = { .left = j->left,
                   .top = j->top,
                   .right = j->right,
                   .bottom = j->bottom,
                   .lead_x = lead_x,
                   .lead_y = lead_y,
                   .core_w = core,
                   .core_h = core,
                   .halo = j->reach.halo,
                   .step = j->reach.align,
                   .phase = phase };
    if (j->o->stats == RST_SLIDE_STATS_EXACT) {
        g.core_w = up_to(j->pic_w, core);
        g.core_h = up_to(j->pic_h, core);
    }
    g.width = up_to(j->pic_w, g.step);
    g.height = up_to(j->pic_h, g.step);
    rst__grid_finish(&g);
    return g;
}

/* Opening ----------------------------------------------------------------------------------------
 */

static int check_model(const rst_slide_job *j, rst_error *err)
{
    const rst_model_info i = rst_model_describe(j->m);
    if (i.scale != 1 || i.arch.input_nc != 3 || i.arch.output_nc != 3)
        return rst_fail(err, RST_EINVAL,
                        "%s: slides need a network from RGB to RGB that keeps the size",
                        rst__model_path(j->m));
    return 0;
}

int rst__slide_job_open(rst_slide_job *j, rst_error *err)
{
    int rc = check_model(j, err);
    if (rc == 0)
        rc = rst_slide_open(&j->slide, j->in, &j->o->read, err);
    if (rc == 0) {
        const rst_slide_info *s = rst_slide_describe(j->slide);
        for (int i = 0; i < s->warnings; i++)
            rst__log(RST_LOG_WARN, "%s: %s", j->in, s->warning[i]);
        rc = choose_level(j, err);
    }
    if (rc == 0)
        rc = choose_region(j, err);
    return rc == 0 ? rst__slide_find_tissue(j->slide, &j->tissue, err) : rc;
}

void rst__slide_job_close(rst_slide_job *j)
{
    rst__model_set_conv(j->m, RST_CONV_AUTO);
    (void)rst__model_set_stats(j->m, RST_STATS_TILE, NULL);
    rst__tissue_free(j->tissue);
    rst_slide_close(j->slide);
}
