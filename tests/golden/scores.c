/* SPDX-License-Identifier: MIT */
/* The group `metrics`, what needs no network: SSIM, PSNR. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"
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
