/* SPDX-License-Identifier: MIT */
/* What each protocol computes, and what it says about that. */
#include <stdio.h>

#include "run/evaluate_parts.h"

static const struct {
    const char *name;
    int version;
    bool networks; /* LPIPS, PHV, FID, KID */
} protocols[RST_PROTOCOLS] = {
    [RST_PROTOCOL_ASP_2023] = { "asp-2023", 1, true },
    [RST_PROTOCOL_CLEAN] = { "clean", 1, true },
    [RST_PROTOCOL_BCI_2022] = { "bci-2022", 1, false },
};

const char *rst_protocol_name(rst_protocol p)
{
    return protocols[p].name;
}

int rst_protocol_version(rst_protocol p)
{
    return protocols[p].version;
}

const char *rst_metric_name(rst_metric m)
{
    static const char *const name[RST_METRICS] = { "ssim", "psnr", "stain", "lpips",
                                                   "phv",  "fid",  "kid" };
    return name[m];
}

const rst_score_info *rst_score_describe(rst_score s)
{
    static const rst_score_info info[RST_SCORES] = {
        [RST_SCORE_SSIM] = { "ssim", "SSIM", "", RST_METRIC_SSIM, 4, 1 },
        [RST_SCORE_PSNR] = { "psnr_db", "PSNR", "dB", RST_METRIC_PSNR, 3, 1 },
        [RST_SCORE_MSE] = { "mse", "MSE", "", RST_METRIC_PSNR, 2, -1 },
        [RST_SCORE_DAB_REAL] = { "dab_mean_real", "DAB real", "OD", RST_METRIC_STAIN, 4, 0 },
        [RST_SCORE_DAB_VIRTUAL] = { "dab_mean_virtual", "DAB virtual", "OD", RST_METRIC_STAIN, 4,
                                    0 },
        [RST_SCORE_DAB_BIAS] = { "dab_bias", "DAB bias", "OD", RST_METRIC_STAIN, 4, 0 },
        [RST_SCORE_AREA_REAL] = { "dab_area_real", "area real", "", RST_METRIC_STAIN, 4, 0 },
        [RST_SCORE_AREA_VIRTUAL] = { "dab_area_virtual", "area virtual", "", RST_METRIC_STAIN, 4,
                                     0 },
        [RST_SCORE_AREA_BIAS] = { "dab_area_bias", "area bias", "", RST_METRIC_STAIN, 4, 0 },
        [RST_SCORE_DAB_R] = { "dab_r", "DAB r in pair", "", RST_METRIC_STAIN, 4, 1 },
        [RST_SCORE_LPIPS] = { "lpips", "LPIPS", "", RST_METRIC_LPIPS, 4, -1 },
        [RST_SCORE_PHV1] = { "phv_layer1", "PHV layer1", "", RST_METRIC_PHV, 4, -1 },
        [RST_SCORE_PHV2] = { "phv_layer2", "PHV layer2", "", RST_METRIC_PHV, 4, -1 },
        [RST_SCORE_PHV3] = { "phv_layer3", "PHV layer3", "", RST_METRIC_PHV, 4, -1 },
        [RST_SCORE_PHV4] = { "phv_layer4", "PHV layer4", "", RST_METRIC_PHV, 4, -1 },
        [RST_SCORE_PHV] = { "phv", "PHV", "", RST_METRIC_PHV, 4, -1 },
    };
    return &info[s];
}

bool rst__protocol_has(rst_protocol p, rst_metric m)
{
    return m < RST_METRIC_LPIPS || protocols[p].networks;
}

rst_ssim_options rst__protocol_ssim(rst_protocol p)
{
    return p == RST_PROTOCOL_CLEAN
               ? (rst_ssim_options){ .window = RST_SSIM_GAUSSIAN, .population = true }
               : (rst_ssim_options){ .window = RST_SSIM_UNIFORM };
}

rst_phv_range rst__protocol_phv(rst_protocol p)
{
    return p == RST_PROTOCOL_CLEAN ? RST_PHV_PLAIN : RST_PHV_ASP;
}

rst_inception_kind rst__protocol_inception(rst_protocol p, rst_metric m)
{
    if (p == RST_PROTOCOL_CLEAN)
        return RST_INCEPTION_CLEAN;
    return m == RST_METRIC_FID ? RST_INCEPTION_FID : RST_INCEPTION_KID;
}

/* ASP draws without a seed, so that any will do; 2020 is torch-fidelity's. */
rst_kid_options rst__protocol_kid(rst_protocol p, int64_t n, uint64_t seed)
{
    const bool clean = p == RST_PROTOCOL_CLEAN;
    const int64_t most = clean ? 1000 : 100;
    return (rst_kid_options){ .subsets = 100,
                              .size = n < most ? n : most,
                              .seed = seed    ? seed
                                      : clean ? 2020
                                              : 0 };
}

/* In words --------------------------------------------------------------------------------------
 */

static const char *lpips_net_name(rst_lpips_net n)
{
    static const char *const name[] = { "alex", "vgg", "squeeze" };
    return name[n];
}

/* Whose metric and input are told in a sentence that needs no number. */
static const char *sentence(rst_metric m, bool clean)
{
    switch (m) {
    case RST_METRIC_SSIM:
        return clean ? "Gaussian window 11x11 of sigma 1.5, population covariance, mean of channels"
                     : "uniform window 7x7, sample covariance, mean of channels";
    case RST_METRIC_PSNR:
        return "8 bits, mean of the pairs' dB";
    case RST_METRIC_STAIN:
        return "DAB optical density (base 10) by fixed vectors for haematoxylin and DAB; positive "
               "above 0.15; level by area and intensity, a proxy, not the ASCO/CAP reading of "
               "membranes";
    case RST_METRIC_PHV:
        return clean ? "channels of ResNet-50's stages whose means differ by more than 0.01; "
                       "ImageNet's normalisation"
                     : "channels of ResNet-50's stages whose means differ by more than 0.01; input "
                       "(x+1)/2 as in ASP's code";
    case RST_METRIC_FID:
        return clean ? "FID Inception, 299x299 by antialiased bicubic on float, as clean-fid"
                     : "FID Inception, 299x299 bilinear without antialiasing, as pytorch-fid";
    default:
        return "";
    }
}

void rst__protocol_describe(rst_metric m, const rst_evaluate_options *o, int64_t n,
                            rst_metric_use *use)
{
    const bool clean = o->protocol == RST_PROTOCOL_CLEAN;
    const rst_kid_options k = rst__protocol_kid(o->protocol, n, o->seed);
    if (m == RST_METRIC_LPIPS)
        (void)snprintf(use->how, sizeof use->how, "v0.1, %s, native size",
                       lpips_net_name(o->lpips_net));
    else if (m == RST_METRIC_KID)
        (void)snprintf(use->how, sizeof use->how, "%s; %d subsets of %lld, seed %llu",
                       clean ? "FID Inception, 299x299 by antialiased bicubic on float"
                             : "torchvision's Inception, 299x299 bilinear without antialiasing",
                       k.subsets, (long long)k.size, (unsigned long long)k.seed);
    else
        (void)snprintf(use->how, sizeof use->how, "%s", sentence(m, clean));
}
