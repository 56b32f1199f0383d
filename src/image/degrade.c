/* SPDX-License-Identifier: MIT */
#include "image/degrade.h"

#include <math.h>

#include "base/alloc.h"
#include "base/err.h"
#include "image/codec.h"

/* A degradation under way. */
typedef struct job {
    rst_floats *p;
    int scale;
    int64_t h, w; /* of the result */
    rst_rng *r;
} job;

static double between(rst_rng *r, double lo, double hi)
{
    return lo + (hi - lo) * rst__rng_uniform(r);
}

/* A whole number of lo..hi. */
static int whole(rst_rng *r, int lo, int hi)
{
    return lo + (int)rst__rng_below(r, hi - lo + 1);
}

static rst_interpolation any_way(rst_rng *r)
{
    static const rst_interpolation ways[] = { RST_INTERPOLATION_LINEAR, RST_INTERPOLATION_CUBIC,
                                              RST_INTERPOLATION_AREA };
    return ways[rst__rng_below(r, 3)];
}

void rst__degrade_order(rst_degrade_step order[RST_DEGRADE_STEPS], rst_rng *r)
{
    int reduce = 0, fit = 0;
    for (int i = 0; i < RST_DEGRADE_STEPS; i++)
        order[i] = (rst_degrade_step)i;
    for (int i = 0; i < RST_DEGRADE_STEPS; i++) {
        const int j = whole(r, i, RST_DEGRADE_STEPS - 1);
        const rst_degrade_step s = order[j];
        order[j] = order[i];
        order[i] = s;
        reduce = s == RST_DEGRADE_REDUCE ? i : reduce;
        fit = s == RST_DEGRADE_FIT ? i : fit;
    }
    if (fit < reduce) {
        order[fit] = RST_DEGRADE_REDUCE;
        order[reduce] = RST_DEGRADE_FIT;
    }
}

/* Blur ------------------------------------------------------------------------------------------
 */

void rst__degrade_draw_blur(rst_filter *f, int scale, rst_rng *r)
{
    const double variance = 4 + scale, sigma = 2 + 0.2 * scale;
    const double pi = acos(-1);
    if (rst__rng_uniform(r) < 0.5) {
        const double l1 = between(r, 0, variance), l2 = between(r, 0, variance);
        const int side = 2 * whole(r, 2, 11) + 3;
        rst__filter_gauss(f, side, l1, l2, between(r, 0, pi));
    } else {
        const int side = 2 * whole(r, 2, 11) + 3;
        const double s = between(r, 0, sigma);
        rst__filter_gauss(f, side, s * s, s * s, 0);
    }
}

static int blur(const job *j, rst_error *err)
{
    rst_filter f;
    rst__degrade_draw_blur(&f, j->scale, j->r);
    return rst__floats_filter(j->p, &f, err);
}

/* Size ------------------------------------------------------------------------------------------
 */

static int64_t part(int64_t side, double by)
{
    const int64_t n = (int64_t)((double)side / by);
    return n > 1 ? n : 1;
}

static int reduce(const job *j, rst_error *err)
{
    rst_floats *p = j->p;
    if (rst__rng_uniform(j->r) < 0.75) {
        const double by = between(j->r, 1, 2 * j->scale);
        return rst__floats_resize(p, part(p->h, by), part(p->w, by), any_way(j->r), err);
    }
    return rst__floats_subsample(p, j->scale, between(j->r, 0.1, 0.6 * j->scale), err);
}

static int fit(const job *j, rst_error *err)
{
    return rst__floats_resize(j->p, j->h, j->w, any_way(j->r), err);
}

/* Noise -----------------------------------------------------------------------------------------
 */

/* Orthonormal rows, by Gram and Schmidt from normal ones: a rotation drawn evenly. */
static void draw_rotation(double u[3][3], rst_rng *r)
{
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++)
            u[i][k] = rst__rng_normal(r);
        for (int j = 0; j < i; j++) {
            double dot = 0;
            for (int k = 0; k < 3; k++)
                dot += u[i][k] * u[j][k];
            for (int k = 0; k < 3; k++)
                u[i][k] -= dot * u[j][k];
        }
        const double length = sqrt(u[i][0] * u[i][0] + u[i][1] * u[i][1] + u[i][2] * u[i][2]);
        for (int k = 0; k < 3; k++)
            u[i][k] /= fmax(length, 1e-12);
    }
}

/* |L^2 U^T D U|, L = 25/255, D diagonal in 0..1. Absolute values keep a 3 x 3 covariance one. */
static void draw_covariance(double cov[3][3], rst_rng *r)
{
    const double l = 25.0 / 255;
    double u[3][3], d[3];
    for (int i = 0; i < 3; i++)
        d[i] = rst__rng_uniform(r);
    draw_rotation(u, r);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            double sum = 0;
            for (int k = 0; k < 3; k++)
                sum += u[k][i] * d[k] * u[k][j];
            cov[i][j] = fabs(l * l * sum);
        }
}

/* Cholesky: mix times its transpose is cov. */
static void take_root(double cov[3][3], double mix[3][3])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j <= i; j++) {
            double rest = cov[i][j];
            for (int k = 0; k < j; k++)
                rest -= mix[i][k] * mix[j][k];
            mix[i][j] = i == j ? sqrt(fmax(rest, 0)) : mix[j][j] > 0 ? rest / mix[j][j] : 0;
        }
}

void rst__degrade_draw_noise(double mix[3][3], rst_noise_kind kind, int level, rst_rng *r)
{
    double cov[3][3];
    for (int i = 0; i < 9; i++)
        mix[i / 3][i % 3] = 0;
    switch (kind) {
    case RST_NOISE_COLOURS:
        for (int i = 0; i < 3; i++)
            mix[i][i] = level / 255.0;
        break;
    case RST_NOISE_GREY:
        for (int i = 0; i < 3; i++)
            mix[i][0] = level / 255.0;
        break;
    case RST_NOISE_CORRELATED:
        draw_covariance(cov, r);
        take_root(cov, mix);
        break;
    }
}

void rst__degrade_noise(rst_floats *p, double mix[3][3], rst_rng *r)
{
    for (int64_t i = 0; i < p->h * p->w; i++) {
        double n[3];
        for (int k = 0; k < 3; k++)
            n[k] = rst__rng_normal(r);
        for (int c = 0; c < 3; c++)
            p->px[3 * i + c] += (float)(mix[c][0] * n[0] + mix[c][1] * n[1] + mix[c][2] * n[2]);
    }
    rst__floats_clip(p);
}

static void noise(const job *j)
{
    double mix[3][3];
    const int level = whole(j->r, 2, 25);
    const double which = rst__rng_uniform(j->r);
    const rst_noise_kind kind = which < 0.4   ? RST_NOISE_COLOURS
                                : which < 0.8 ? RST_NOISE_GREY
                                              : RST_NOISE_CORRELATED;
    rst__degrade_draw_noise(mix, kind, level, j->r);
    rst__degrade_noise(j->p, mix, j->r);
}

/* JPEG ------------------------------------------------------------------------------------------
 */

static int through_bytes(rst_floats *p, rst_image *img, int quality, rst_error *err)
{
    rst_bytes b;
    int rc = rst__jpeg_encode_as(img, "degradation", quality, RST_JPEG_420, &b, err);
    if (rc < 0)
        return rc;
    rc = rst__jpeg_pixels(b.data, b.len, "degradation", (int)img->width, (int)img->height, 3,
                          img->px, (size_t)(img->width * 3), err);
    rst__free(b.data);
    if (rc == 0)
        rst__floats_from_image(p, img);
    return rc;
}

int rst__degrade_jpeg(rst_floats *p, int quality, rst_error *err)
{
    rst_image img = RST_IMAGE_INIT;
    int rc = rst__floats_to_image(p, &img, err);
    if (rc == 0)
        rc = through_bytes(p, &img, quality, err);
    rst_image_free(&img);
    return rc;
}

static int jpeg(const job *j, rst_error *err)
{
    return rst__degrade_jpeg(j->p, whole(j->r, 30, 95), err);
}

/* All -------------------------------------------------------------------------------------------
 */

static int take_step(const job *j, rst_degrade_step step, rst_error *err)
{
    int rc = 0;
    switch (step) {
    case RST_DEGRADE_BLUR:
    case RST_DEGRADE_BLUR_AGAIN:
        rc = blur(j, err);
        break;
    case RST_DEGRADE_REDUCE:
        rc = reduce(j, err);
        break;
    case RST_DEGRADE_FIT:
        rc = fit(j, err);
        break;
    case RST_DEGRADE_NOISE:
        noise(j);
        break;
    case RST_DEGRADE_JPEG:
        rc = rst__rng_uniform(j->r) < 0.9 ? jpeg(j, err) : 0;
        break;
    case RST_DEGRADE_CAMERA:
    case RST_DEGRADE_STEPS:
        break;
    }
    rst__floats_clip(j->p);
    return rc;
}

/* A quarter of the time, four times smaller is twice smaller and then as if twice had been asked
 * for. */
static int halve_first(job *j, rst_error *err)
{
    if (j->scale != 4 || rst__rng_uniform(j->r) >= 0.25)
        return 0;
    rst_floats *p = j->p;
    int rc = rst__rng_uniform(j->r) < 0.5
                 ? rst__floats_resize(p, p->h / 2, p->w / 2, any_way(j->r), err)
                 : rst__floats_reduce(p, 2, err);
    rst__floats_clip(p);
    j->scale = 2;
    return rc;
}

static int degrade_blindly(job *j, rst_error *err)
{
    rst_degrade_step order[RST_DEGRADE_STEPS];
    int rc = halve_first(j, err);
    rst__degrade_order(order, j->r);
    for (int i = 0; rc == 0 && i < RST_DEGRADE_STEPS; i++)
        rc = take_step(j, order[i], err);
    return rc < 0 ? rc : jpeg(j, err);
}

/* Reduced and nothing else, in steps of a byte as a file would hold it. */
static int reduce_plainly(const job *j, rst_error *err)
{
    rst_image img = RST_IMAGE_INIT;
    int rc = rst__floats_reduce(j->p, j->scale, err);
    if (rc == 0)
        rc = rst__floats_to_image(j->p, &img, err);
    if (rc == 0)
        rst__floats_from_image(j->p, &img);
    rst_image_free(&img);
    return rc;
}

int rst__degrade(rst_floats *p, int scale, rst_degradation kind, rst_rng *r, rst_error *err)
{
    if ((scale != 2 && scale != 4) || p->h % scale || p->w % scale || p->h < 1 || p->w < 1)
        return rst_fail(err, RST_EINVAL, "degradation: %lld x %lld pixels to 1/%d", (long long)p->w,
                        (long long)p->h, scale);
    job j = { .p = p, .scale = scale, .h = p->h / scale, .w = p->w / scale, .r = r };
    return kind == RST_DEGRADATION_BSRGAN ? degrade_blindly(&j, err) : reduce_plainly(&j, err);
}
