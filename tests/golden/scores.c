/* SPDX-License-Identifier: MIT */
/* The group `metrics`, what needs no network: SSIM, PSNR, FID, KID. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"
#include "metric/fid.h"
#include "metric/kid.h"
#include "metric/ssim.h"

/* A number of the case; "inf" is one. */
static bool value_of(gold_case *g, const char *key, double *out)
{
    json_t *v = json_object_get(g->values, key);
    const char *text = json_string_value(v);
    *out = text && strcmp(text, "inf") == 0 ? (double)INFINITY : json_number_value(v);
    return text ? isinf(*out) || gold_fail(g, "values.%s is %s", key, text)
                : json_is_number(v) || gold_fail(g, "the case has no number values.%s", key);
}

/* Compares with values.KEY, by the tolerances beside it. */
static bool check(gold_case *g, const char *key, double got)
{
    double want;
    if (!value_of(g, key, &want))
        return false;
    if (isinf(want))
        return got == want || gold_fail(g, "%s is %g, not %g", key, got, want);
    return gold_value(g, key, got, want, json_number_value(json_object_get(g->values, "atol")),
                      json_number_value(json_object_get(g->values, "rtol")));
}

/* SSIM and PSNR -------------------------------------------------------------------------------- */

static bool ssim_options(gold_case *g, rst_ssim_options *o)
{
    *o = (rst_ssim_options){ .population = !gold_bool(g, "use_sample_covariance", true),
                             .k1 = gold_real(g, "K1", 0.01),
                             .k2 = gold_real(g, "K2", 0.03),
                             .range = gold_real(g, "data_range", 255) };
    if (!gold_bool(g, "gaussian_weights", false)) {
        o->side = (int)gold_int(g, "win_size", 7);
        return true;
    }
    o->window = RST_SSIM_GAUSSIAN;
    o->sigma = gold_real(g, "sigma", 1.5);
    const int64_t side = 2 * (int64_t)(3.5 * o->sigma + 0.5) + 1;
    return gold_int(g, "win_size", side) == side ||
           gold_fail(g, "cannot be mapped: a Gaussian in a window of another size than %lld",
                     (long long)side);
}

/* The map, as the file orders it. */
static bool put_map(gold_case *g, const rst_image *img, const double *map)
{
    const int64_t plane = img->width * img->height, n = plane * img->channels;
    double *v = gold_alloc((size_t)n, sizeof *v);
    for (int64_t i = 0; i < n; i++)
        v[i] = map[i % plane * img->channels + i / plane];
    const bool ok = gold_put(g, "output.ssim_map", v, n);
    free(v);
    return ok;
}

static bool check_channels(gold_case *g, const double *channel, int channels)
{
    double want[3];
    json_t *list = json_object_get(g->values, "ssim_per_channel");
    if (!list)
        return true;
    if (!gold_reals(g, list, "values.ssim_per_channel", channels, want))
        return false;
    for (int i = 0; i < channels; i++)
        if (!gold_value(g, "ssim_per_channel", channel[i], want[i],
                        json_number_value(json_object_get(g->values, "atol")),
                        json_number_value(json_object_get(g->values, "rtol"))))
            return false;
    return true;
}

static bool score_pair(gold_case *g, const rst_image *fake, const rst_image *real)
{
    rst_ssim_options o;
    rst_error err = RST_ERROR_INIT;
    double channel[3], ssim = 0, mse = 0;
    if (!ssim_options(g, &o))
        return false;
    double *map = gold_alloc((size_t)(fake->width * fake->height * fake->channels), sizeof *map);
    bool ok = rst__ssim(fake, real, &o, channel, map, &err) == 0 &&
              rst_ssim(fake, real, &o, &ssim, &err) == 0 && rst_mse(fake, real, &mse, &err) == 0;
    ok = ok ? put_map(g, fake, map) : gold_fail(g, "%s", err.msg);
    free(map);
    return ok && check_channels(g, channel, fake->channels) && check(g, "ssim", ssim) &&
           check(g, "mse", mse) &&
           check(g, "psnr", rst_psnr_of_mse(mse) + 20 * log10(o.range / 255));
}

bool gold_ssim_psnr(gold_case *g)
{
    rst_image fake = RST_IMAGE_INIT, real = RST_IMAGE_INIT;
    const bool ok = gold_image(g, gold_tensor(g, "input.", "fake"), &fake) &&
                    gold_image(g, gold_tensor(g, "input.", "real"), &real) &&
                    score_pair(g, &fake, &real);
    rst_image_free(&fake);
    rst_image_free(&real);
    return ok;
}

/* FID ------------------------------------------------------------------------------------------ */

/* A matrix of features as float32, rows images. */
static float *features_of(gold_case *g, const char *name, int64_t shape[2])
{
    const rst_weight *w = gold_tensor(g, "input.", name);
    if (!w || w->rank != 2) {
        (void)gold_fail(g, "%s is no matrix", name);
        return NULL;
    }
    float *v = gold_alloc((size_t)rst_weight_elements(w), sizeof *v);
    rst_weight_to_f32(w, v);
    memcpy(shape, w->shape, 2 * sizeof *shape);
    return v;
}

static bool put_moments(gold_case *g, const float *x, const int64_t shape[2], const char *mean_name,
                        const char *covariance_name)
{
    const int64_t d = shape[1];
    double *mean = gold_alloc((size_t)d, sizeof *mean),
           *covariance = gold_alloc((size_t)(d * d), sizeof *covariance);
    const bool ok = (rst__mean_covariance(x, shape[0], d, mean, covariance) == 0 ||
                     gold_fail(g, "out of memory")) &&
                    gold_put(g, mean_name, mean, d) &&
                    gold_put(g, covariance_name, covariance, d * d);
    free(mean);
    free(covariance);
    return ok;
}

static bool check_fid(gold_case *g, const float *a, const float *b, const int64_t na[2],
                      const int64_t nb[2])
{
    rst_fid_terms t;
    double fid;
    rst_error err = RST_ERROR_INIT;
    if (rst__fid_terms(a, na[0], b, nb[0], na[1], &t, &err) < 0 ||
        rst_fid(a, na[0], b, nb[0], na[1], &fid, &err) < 0)
        return gold_fail(g, "%s", err.msg);
    return check(g, "fid", fid) && check(g, "fid_symmetric_eigen", fid) &&
           check(g, "mean_term", t.mean) && check(g, "trace1", t.trace[0]) &&
           check(g, "trace2", t.trace[1]) && check(g, "tr_covmean", t.root);
}

bool gold_fid(gold_case *g)
{
    int64_t na[2], nb[2];
    float *a = features_of(g, "feat1", na), *b = features_of(g, "feat2", nb);
    bool ok = a && b && !g->failed;
    if (ok && (na[1] != nb[1] || gold_int(g, "n1", na[0]) != na[0] ||
               gold_int(g, "n2", nb[0]) != nb[0] || gold_int(g, "dims", na[1]) != na[1]))
        ok = gold_fail(g, "n1, n2 or dims is not that of the features");
    ok = ok && put_moments(g, a, na, "output.mu1", "output.sigma1") &&
         put_moments(g, b, nb, "output.mu2", "output.sigma2") && check_fid(g, a, b, na, nb);
    free(a);
    free(b);
    return ok;
}

/* KID ------------------------------------------------------------------------------------------ */

/* Element i of a list in values. */
static bool check_listed(gold_case *g, const char *key, int64_t i, double got)
{
    json_t *v = json_array_get(json_object_get(g->values, key), (size_t)i);
    char what[64];
    (void)snprintf(what, sizeof what, "%s %lld", key, (long long)i);
    return json_is_number(v) ? gold_value(g, what, got, json_number_value(v),
                                          json_number_value(json_object_get(g->values, "atol")),
                                          json_number_value(json_object_get(g->values, "rtol")))
                             : gold_fail(g, "the case has no number values.%s", what);
}

/* The subsets that the case lists: [subsets][size] in 0..n-1. */
static int64_t *subsets_of(gold_case *g, const char *name, int64_t n, int64_t subsets, int64_t size)
{
    const rst_weight *w = gold_tensor(g, "rng.", name);
    int64_t *v = w ? gold_i64(g, w) : NULL;
    if (w && (w->rank != 2 || w->shape[0] != subsets || w->shape[1] != size))
        (void)gold_fail(g, "%s is not [%lld, %lld]", name, (long long)subsets, (long long)size);
    for (int64_t i = 0; v && !g->failed && i < subsets * size; i++)
        if (v[i] < 0 || v[i] >= n)
            (void)gold_fail(g, "%s: image %lld of %lld", name, (long long)v[i], (long long)n);
    return v;
}

static bool run_subsets(gold_case *g, rst_kid_sets *s, const int64_t *x, const int64_t *y,
                        int64_t subsets, int64_t size, int64_t at, double *mmd2)
{
    double mean, deviation;
    rst_error err = RST_ERROR_INIT;
    for (int64_t k = 0; k < subsets; k++) {
        double variance;
        if (rst__kid_subset(s, x + k * size, y + k * size, size, at, &mmd2[k], &variance, &err) < 0)
            return gold_fail(g, "%s", err.msg);
        if (!check_listed(g, "mmd2", k, mmd2[k]) ||
            (json_object_get(g->values, "var") && !check_listed(g, "var", k, variance)))
            return false;
    }
    rst__kid_moments(mmd2, subsets, &mean, &deviation);
    return check(g, "kid_mean", mean) && check(g, "kid_std", deviation);
}

bool gold_kid(gold_case *g)
{
    int64_t nt[2], nf[2];
    float *real = features_of(g, "feat_true", nt), *fake = features_of(g, "feat_fake", nf);
    const int64_t subsets = gold_int(g, "n_subsets", 1), size = gold_int(g, "subset_size", 100);
    int64_t *x = real ? subsets_of(g, "subset_true", nt[0], subsets, size) : NULL,
            *y = fake ? subsets_of(g, "subset_fake", nf[0], subsets, size) : NULL;
    bool ok = real && fake && x && y && !g->failed;
    if (ok && (nt[1] != nf[1] || gold_int(g, "n_true", nt[0]) != nt[0] ||
               gold_int(g, "n_fake", nf[0]) != nf[0] || gold_int(g, "dims", nt[1]) != nt[1]))
        ok = gold_fail(g, "n_true, n_fake or dims is not that of the features");
    if (ok) {
        const rst_kid_kernel kernel = { gold_real(g, "gamma", 1 / (double)nt[1]),
                                        gold_real(g, "coef0", 1), (int)gold_int(g, "degree", 3) };
        rst_kid_sets *s = NULL;
        rst_error err = RST_ERROR_INIT;
        ok = rst__kid_sets_new(&s, real, nt[0], fake, nf[0], nt[1], size, subsets, &kernel, &err) ==
                 0 ||
             gold_fail(g, "%s", err.msg);
        double *mmd2 = gold_alloc((size_t)subsets, sizeof *mmd2);
        ok = ok && run_subsets(g, s, x, y, subsets, size, nt[0] < nf[0] ? nt[0] : nf[0], mmd2);
        free(mmd2);
        rst__kid_sets_free(s);
    }
    free(real);
    free(fake);
    free(x);
    free(y);
    return ok;
}
