/* SPDX-License-Identifier: MIT */
#include "method/losses.h"

#include <math.h>
#include <string.h>

/* Adversarial ---------------------------------------------------------------------------------- */

bool rst__gan_mode_parse(const char *name, rst_gan_mode *out)
{
    static const char *const names[] = { "lsgan", "vanilla", "wgangp", "nonsaturating" };
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (rst_gan_mode)i;
            return true;
        }
    return false;
}

rst_tensor *rst__gan_loss(rst_tensor *pred, rst_gan_mode mode, bool real)
{
    double sign = real ? -1 : 1;
    switch (mode) {
    case RST_GAN_LSGAN:
        return rst_mean(rst_square(rst_affine(pred, 1, real ? -1 : 0)), RST_AXIS_ALL);
    case RST_GAN_VANILLA: /* binary cross-entropy with logits */
        return rst_mean(rst_softplus(rst_scale(pred, sign)), RST_AXIS_ALL);
    case RST_GAN_WGANGP:
        return rst_mean(rst_scale(pred, sign), RST_AXIS_ALL);
    case RST_GAN_NONSATURATING:
        return rst_mean(rst_softplus(rst_scale(pred, sign)), RST_AXIS_C | RST_AXIS_H | RST_AXIS_W);
    }
    return NULL;
}

rst_tensor *rst__judge(rst_module *d, rst_tensor *x, rst_gan_mode mode, bool real)
{
    return rst_mean(rst__gan_loss(rst_module_forward(d, x), mode, real), RST_AXIS_ALL);
}

/* Pixels --------------------------------------------------------------------------------------- */

rst_tensor *rst__l1_loss(rst_tensor *a, rst_tensor *b, double weight)
{
    return rst_scale(rst_mean(rst_abs(rst_sub(a, b)), RST_AXIS_ALL), weight);
}

static rst_tensor *halve(rst_tensor *x)
{
    return rst_downsample(x, 1, RST_PAD_REFLECT); /* a filter of one tap: every other pixel */
}

static rst_tensor *binomial5(rst_tensor *x)
{
    return rst_blur(x, (rst_blur_options){ .count = 5,
                                           .taps = { 1 / 16., 4 / 16., 6 / 16., 4 / 16., 1 / 16. },
                                           .pad = { 2, 2, 2, 2 },
                                           .mode = RST_PAD_REFLECT });
}

static void gauss_levels(rst_tensor *x, rst_tensor **level)
{
    for (int i = 0; i < RST_GAUSS_LEVELS; i++) {
        level[i] = i < RST_GAUSS_LEVELS - 1 ? binomial5(x) : x;
        x = halve(level[i]);
    }
}

rst_tensor *rst__gauss_pyramid_loss(rst_tensor *fake, rst_tensor *real, const double *weight,
                                    double lambda, bool sum, rst_gauss_levels *levels)
{
    const int parts = sum ? 1 : RST_GAUSS_LEVELS;
    rst_gauss_levels own;
    rst_tensor *want[RST_GAUSS_LEVELS], *part[RST_GAUSS_LEVELS];
    if (!levels)
        levels = &own;
    gauss_levels(fake, levels->fake);
    gauss_levels(real, want);
    for (int i = 0; i < RST_GAUSS_LEVELS; i++) {
        levels->l1[i] = rst__l1_loss(levels->fake[i], want[i], 1);
        part[i] = rst_scale(levels->l1[i], weight[i] * lambda / parts);
    }
    return rst_addn(RST_GAUSS_LEVELS, part);
}

static rst_tensor *next_octave(rst_tensor *x)
{
    double side = exp(-0.5), sum = 1 + 2 * side;
    rst_blur_options o = { .count = 3,
                           .taps = { side / sum, 1 / sum, side / sum },
                           .pad = { 1, 1, 1, 1 },
                           .mode = RST_PAD_REFLECT };
    for (int i = 0; i < 4; i++)
        x = rst_blur(x, o);
    return halve(x);
}

rst_tensor *rst__pyramid_loss(rst_tensor *fake, rst_tensor *real, int scales, const double *weight,
                              rst_tensor **term)
{
    rst_tensor *own[RST_PYRAMID_SCALES];
    if (!term)
        term = own;
    for (int k = 0; k < scales; k++) {
        term[k] = rst__l1_loss(fake, real, weight[k]);
        if (k + 1 < scales) {
            fake = next_octave(fake);
            real = next_octave(real);
        }
    }
    return rst_addn(scales, term);
}

/* Patches -------------------------------------------------------------------------------------- */

static rst_tensor *similarities(rst_tensor *q, rst_tensor *k, int64_t groups)
{
    return rst_matmul_nt(q, rst_detach(k), groups);
}

rst_tensor *rst__patchnce(rst_tensor *q, rst_tensor *k, int64_t groups, double t)
{
    return rst_nce(similarities(q, k, groups), t);
}

bool rst__asp_mode_parse(const char *text, rst_asp_mode *out)
{
    static const char *const schedules[] = { "zero", "linear", "sigmoid", "lambda" };
    static const char *const lookups[] = { "uniform", "linear", "top", "bell" };
    if (strcmp(text, "none") == 0) {
        *out = (rst_asp_mode){ .none = true };
        return true;
    }
    for (int s = 0; s < 4; s++)
        for (int h = 0; h < 4; h++) {
            size_t n = strlen(schedules[s]);
            if (strncmp(text, schedules[s], n) == 0 && text[n] == '_' &&
                strcmp(text + n + 1, lookups[h]) == 0) {
                *out =
                    (rst_asp_mode){ .schedule = (rst_asp_schedule)s, .lookup = (rst_asp_lookup)h };
                return true;
            }
        }
    return false;
}

double rst__asp_constant_share(rst_asp_schedule s, int epoch, int n_epochs, int n_epochs_decay)
{
    double t = (epoch - 1) / (double)(n_epochs + n_epochs_decay);
    return rst__asp_constant_share_at(s, t, n_epochs, n_epochs_decay);
}

double rst__asp_constant_share_at(rst_asp_schedule s, double t, int n_epochs, int n_epochs_decay)
{
    double k =
        1 - n_epochs_decay / (double)(n_epochs + n_epochs_decay); /* LAMBDA falls from here */
    switch (s) {
    case RST_ASP_ZERO:
        return 1;
    case RST_ASP_RISING_LINEAR:
        return 1 - t;
    case RST_ASP_SIGMOID:
        return 1 / (1 + exp((t - 0.5) * 10));
    case RST_ASP_LAMBDA:
        return t < k ? 1 : (1 - t) / (1 - k);
    }
    return 1;
}

rst_tensor *rst__asp_loss(rst_tensor *q, rst_tensor *k, int64_t groups, double t, rst_asp_mode mode,
                          double share)
{
    rst_tensor *s = similarities(q, k, groups);
    rst_tensor *row = rst_nce(s, t);
    if (mode.none)
        return row;
    return rst_mul(row, rst_asp_weights(rst_diagonal(s), share, mode.lookup, mode.plain));
}
