/* SPDX-License-Identifier: MIT */
/**
 * @file metric.h
 * How alike two images are: pixel by pixel, in their stain, and by learned distances on the
 * features of published networks.
 *
 * Images are 8-bit RGB. Results do not depend on the number of threads. The feature networks take
 * their published weights (torchvision's names); the functions open a scope of their own on the
 * given context and leave no gradients.
 */
#ifndef RESTAIN_METRIC_H
#define RESTAIN_METRIC_H

#include <restain/graph.h>
#include <restain/image.h>
#include <restain/weights.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The mean of the squared differences over pixels and channels. Grey or RGB, of one size.
 *  @return 0, RST_EINVAL (different sizes or channels) */
RST_API int rst_mse(const rst_image *a, const rst_image *b, double *mse, rst_error *err);
/** 10 log10(255^2 / mse) decibels; +inf for 0. */
RST_API double rst_psnr_of_mse(double mse);
/** Peak signal to noise ratio in dB, +inf for equal images (skimage's peak_signal_noise_ratio with
 *  data_range 255, which ASP's and BCI's evaluate.py call). */
RST_API int rst_psnr(const rst_image *a, const rst_image *b, double *db, rst_error *err);

typedef enum rst_ssim_window {
    RST_SSIM_UNIFORM, /**< all pixels of a square count the same */
    RST_SSIM_GAUSSIAN /**< cut off at 3.5 sigma, as skimage does: 11 x 11 for 1.5 */
} rst_ssim_window;

/** All zero, or NULL in place of a pointer to it, is what ASP's and BCI's evaluate.py compute. */
typedef struct rst_ssim_options {
    rst_ssim_window window;
    int side;        /**< of the uniform window, odd, 3..127; 0: 7 */
    double sigma;    /**< of the Gaussian; 0: 1.5 */
    bool population; /**< covariance over n; otherwise over n - 1 */
    double k1, k2;   /**< 0: 0.01 and 0.03 */
    double range;    /**< of the pixels; 0: 255 */
} rst_ssim_options;

/**
 * Structural similarity (skimage.metrics.structural_similarity): the mean over the channels of the
 * mean over all windows that lie inside the image.
 *
 * @param a, b  grey or RGB, of one size
 * @param o     NULL: the defaults
 * @return 0, RST_EINVAL (sizes, channels, options, an image smaller than the window), RST_ENOMEM
 */
RST_API int rst_ssim(const rst_image *a, const rst_image *b, const rst_ssim_options *o,
                     double *value, rst_error *err);

/* Stain agreement ------------------------------------------------------------------------------ */

enum { RST_STAIN_LEVELS = 4 };

/** What is summed over one side's pixels. DAB is the optical density (base 10) of the brown stain,
 *  by fixed vectors for haematoxylin and DAB; it may be negative. */
typedef struct rst_stain_side {
    double sum, sum2;                    /**< of DAB and of its square */
    int64_t positive;                    /**< pixels with DAB > 0.15 */
    int64_t tissue;                      /**< pixels whose mean optical density is >= 0.05 */
    int64_t above[RST_STAIN_LEVELS - 1]; /**< of these, with DAB >= 0.2, 0.4, 0.6 */
} rst_stain_side;

/** Sums over any number of pairs of images. All zero to begin with. */
typedef struct rst_stain_sums {
    int64_t pixels;
    rst_stain_side real, fake;
    double cross; /**< of the products of DAB */
} rst_stain_sums;

typedef struct rst_stain_facts {
    double mean;     /**< DAB optical density; NaN without pixels, as the shares */
    double positive; /**< share of pixels with DAB > 0.15 */
    double tissue;   /**< share of pixels that are tissue */
    /** A proxy of the HER2 level, 0..3: 3 if more than a tenth of the tissue's pixels reach a DAB
     *  of 0.6, else 2 by 0.4, else 1 by 0.2. By area and intensity: not the ASCO/CAP reading of
     *  membranes. */
    int level;
} rst_stain_facts;

typedef struct rst_stain_agreement {
    rst_stain_facts real, fake;
    double bias; /**< fake.mean - real.mean */
    double r;    /**< Pearson's, of DAB over all pixels; NaN where one side is constant */
} rst_stain_agreement;

/** Adds a pair of RGB images of one size. @return 0, RST_EINVAL, RST_ENOMEM */
RST_API int rst_stain_add(rst_stain_sums *s, const rst_image *real, const rst_image *fake,
                          rst_error *err);
/** Adds sums to others, so that r can be pooled. */
RST_API void rst_stain_merge(rst_stain_sums *into, const rst_stain_sums *from);
RST_API rst_stain_agreement rst_stain_result(const rst_stain_sums *s);

/* Checks of colour ----------------------------------------------------------------------------- */

/** What can be wrong with a virtual picture as a whole; each is a fact, the verdict is the eye's.
 */
typedef enum rst_colour_check {
    RST_COLOUR_PAINTED,  /**< less than half of the real one's background is there */
    RST_COLOUR_ERASED,   /**< more than twice of it is, and some tissue is gone */
    RST_COLOUR_INVERTED, /**< its negative is nearer to the real one */
    RST_COLOUR_SWAPPED,  /**< it is nearer with red and blue exchanged */
    RST_COLOUR_HUE,      /**< the tissue has a hue far from the real one's, or is partly green */
    RST_COLOUR_CHECKS
} rst_colour_check;

/** "painted background", ... */
RST_API const char *rst_colour_check_name(rst_colour_check c);

/** One side. Background has a mean optical density below 0.05; the rest is tissue. */
typedef struct rst_colour_side {
    double rgb[3];     /**< mean of all pixels */
    double background; /**< share of pixels */
    double hue;        /**< of the tissue's mean colour, degrees, 0 red; NaN for grey or none */
    double chroma;     /**< of the same, 0..255 */
    double green;      /**< share of tissue that is green by 16 or more: no stain here is */
} rst_colour_side;

typedef struct rst_colour_agreement {
    rst_colour_side real, fake;
    double mse, mse_inverted, mse_swapped; /**< as it is, its negative, red and blue exchanged */
    unsigned odd;                          /**< 1u << RST_COLOUR_... */
} rst_colour_agreement;

/** Two RGB images of one size. @return 0, RST_EINVAL */
RST_API int rst_colour_compare(const rst_image *real, const rst_image *fake,
                               rst_colour_agreement *out, rst_error *err);

/** LPIPS, version 0.1 (Zhang et al., CVPR 2018; richzhang/PerceptualSimilarity). */
typedef struct rst_lpips rst_lpips;

typedef enum rst_lpips_net { RST_LPIPS_ALEX, RST_LPIPS_VGG, RST_LPIPS_SQUEEZE } rst_lpips_net;

/**
 * @param[out] out  owned; rst_lpips_free. The context must outlive it
 * @param backbone  AlexNet, VGG16 or SqueezeNet 1.1 as torchvision names it (features.N....)
 * @param heads     lin0.model.1.weight, ... as published with LPIPS
 * @return 0, RST_EFORMAT (the weights do not fit; names the tensor), RST_ENOMEM
 */
RST_API int rst_lpips_new(rst_lpips **out, rst_ctx *c, rst_lpips_net net,
                          const rst_weights *backbone, const rst_weights *heads, rst_error *err);
RST_API void rst_lpips_free(rst_lpips *l);
/**
 * @param[out] distance  0 for equal images; published tables show 0.1 to 0.7
 * @return 0, RST_EINVAL (not RGB, different or too small sizes), RST_ENOMEM
 */
RST_API int rst_lpips_distance(rst_lpips *l, const rst_image *a, const rst_image *b,
                               double *distance, rst_error *err);

/** The perceptual hash value of ASP (evaluate.py, util/perceptual.py). */
typedef struct rst_phv rst_phv;

enum { RST_PHV_LAYERS = 4 };

/** Which numbers the network sees. */
typedef enum rst_phv_range {
    RST_PHV_ASP,  /**< as ASP's evaluate.py: (x/255 + 1)/2, then ImageNet's normalisation */
    RST_PHV_PLAIN /**< x/255, then ImageNet's normalisation */
} rst_phv_range;

/**
 * @param[out] out  owned; rst_phv_free. The context must outlive it
 * @param resnet50  torchvision's names
 * @return 0, RST_EFORMAT, RST_ENOMEM
 */
RST_API int rst_phv_new(rst_phv **out, rst_ctx *c, const rst_weights *resnet50, rst_phv_range range,
                        rst_error *err);
RST_API void rst_phv_free(rst_phv *p);
/**
 * For each of ResNet-50's four stages the share of channels whose means over the two images differ
 * by more than 0.01; their average is the value that tables show.
 *
 * @param[out] value  [RST_PHV_LAYERS], 0..1, lower is better
 * @return 0, RST_EINVAL (not RGB, different or too small sizes), RST_ENOMEM
 */
RST_API int rst_phv_compare(rst_phv *p, const rst_image *fake, const rst_image *real, double *value,
                            rst_error *err);

/** The features that FID and KID compare: 2048 numbers an image. */
typedef struct rst_inception rst_inception;

enum { RST_INCEPTION_FEATURES = 2048 };

typedef enum rst_inception_kind {
    RST_INCEPTION_FID,  /**< pytorch-fid: its port of the FID network; 299 x 299 by bilinear
                             interpolation without antialiasing, -1..1 */
    RST_INCEPTION_KID,  /**< ASP's kid_score.py: the same input for torchvision's inception_v3 */
    RST_INCEPTION_CLEAN /**< clean-fid: the FID network; 299 x 299 by Pillow's antialiased bicubic
                             filter on float, (x - 128) / 128 */
} rst_inception_kind;

/**
 * @param[out] out  owned; rst_inception_free. The context must outlive it
 * @param w         as published: the kinds have other files
 * @return 0, RST_EFORMAT, RST_ENOMEM
 */
RST_API int rst_inception_new(rst_inception **out, rst_ctx *c, const rst_weights *w,
                              rst_inception_kind kind, rst_error *err);
RST_API void rst_inception_free(rst_inception *p);
/** @param[out] features  [RST_INCEPTION_FEATURES]. @return 0, RST_EINVAL (not RGB), RST_ENOMEM */
RST_API int rst_inception_run(rst_inception *p, const rst_image *img, float *features,
                              rst_error *err);

/* Distances of sets ---------------------------------------------------------------------------- */

/**
 * The Frechet inception distance of two sets of features (pytorch-fid's
 * calculate_frechet_distance): means, covariances over n - 1, the trace of the root of their
 * product. The tables' features are the 2048 of the FID Inception's last pooling.
 *
 * @param a, b  [na][features], [nb][features]
 * @param[out] fid  0 for equal sets, up to rounding
 * @return 0, RST_EINVAL (less than two images in a set), RST_ENUMERIC (a feature that is not
 * finite; says which), RST_ENOMEM
 */
RST_API int rst_fid(const float *a, int64_t na, const float *b, int64_t nb, int64_t features,
                    double *fid, rst_error *err);

/** All zero, or NULL in place of a pointer to it, is ASP's: 100 subsets of 100. */
typedef struct rst_kid_options {
    int subsets;   /**< 0: 100 */
    int64_t size;  /**< images in a subset; 0: 100, or as many as the real set has */
    uint64_t seed; /**< of the subsets, which are drawn without replacement */
} rst_kid_options;

/**
 * The kernel inception distance (ASP's util/kid_score.py): the unbiased squared maximum mean
 * discrepancy of the kernel (x.y / features + 1)^3, over subsets. Tables show a thousand times the
 * mean.
 *
 * @param[out] mean, deviation  over the subsets (population)
 * @return 0, RST_EINVAL (a set has fewer images than a subset), RST_ENUMERIC, RST_ENOMEM
 */
RST_API int rst_kid(const float *real, int64_t nreal, const float *fake, int64_t nfake,
                    int64_t features, const rst_kid_options *o, double *mean, double *deviation,
                    rst_error *err);

#ifdef __cplusplus
}
#endif
#endif
