/* SPDX-License-Identifier: MIT */
/**
 * @file train.h
 * Training: which method, on which data, for how long, and what is kept.
 *
 *     rst_train_options o;
 *     if (rst_train_preset("ammfi", &o, &err) < 0)
 *         return fail(&err);
 *     o.dataroot = "MIST/HER2/TrainValAB";
 *     o.name = "her2";
 *     rc = rst_train(&o, &err);
 *
 * A run lives in the folder <checkpoints_dir>/<name>: options.conf, metrics.csv, log.jsonl,
 * TensorBoard's event file, panels, latest_net_G.safetensors and best_net_G.safetensors for
 * rst_model_open, and checkpoint.safetensors, from which a stopped run goes on as if it had never
 * been stopped: on the CPU with the same bits.
 */
#ifndef RESTAIN_TRAIN_H
#define RESTAIN_TRAIN_H

#include <restain/error.h>
#include <restain/graph.h>
#include <restain/image.h>
#include <restain/nn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A method's settings ---------------------------------------------------------------------------
 */

enum { RST_NCE_LAYERS = 8, RST_GP_LEVELS = 6, RST_LOSS_TERMS = 12 };

/** GANLoss of CUT, ASP and pix2pix (spec 2.2). */
typedef enum rst_gan_mode {
    RST_GAN_LSGAN,
    RST_GAN_VANILLA, /**< on logits */
    RST_GAN_WGANGP,
    RST_GAN_NONSATURATING
} rst_gan_mode;

/** How the weight of the adaptive loss changes over the epochs (spec 3.5). */
typedef enum rst_asp_schedule {
    RST_ASP_ZERO,
    RST_ASP_RISING_LINEAR,
    RST_ASP_SIGMOID,
    RST_ASP_LAMBDA
} rst_asp_schedule;

/** asp_loss_mode: "none", or "SCHEDULE_LOOKUP" as in "lambda_linear". */
typedef struct rst_asp_mode {
    bool none; /**< plain PatchNCE */
    rst_asp_schedule schedule;
    rst_asp_lookup lookup;
    bool plain; /**< weights as eqs. 4 and 5 have them; the code scales them to mean 1 */
} rst_asp_mode;

/** What t in the adaptive loss counts: the published code counts epochs, the paper iterations. */
typedef enum rst_asp_time { RST_ASP_T_EPOCH, RST_ASP_T_ITER } rst_asp_time;

/** Networks, losses and optimiser. Each method reads what concerns it; names are the published. */
typedef struct rst_method_options {
    rst_arch net_g, net_d, net_f; /**< CycleGAN: each generator and each discriminator */
    rst_init_kind init;
    double init_gain;
    bool sn_default; /**< spectrally normalised layers keep PyTorch's init (spec 0.4) */
    rst_gan_mode gan_mode;
    int pool_size; /**< of CycleGAN's image pools */
    double beta1, beta2;
    double lambda_gan, lambda_nce, lambda_asp, lambda_gp;
    double lambda_l1, weight_l2, weight_l3, weight_l4; /**< pix2pix; its pyramid */
    double lambda_a, lambda_b, lambda_identity;        /**< CycleGAN */
    double gp_weights[RST_GP_LEVELS];                  /**< fine to coarse */
    bool gp_sum; /**< of the levels as in eq. 6; the code takes their mean */
    rst_asp_mode asp_mode;
    rst_asp_time asp_time;
    int nce_layers[RST_NCE_LAYERS], nce_count; /**< ids of model.N, ascending */
    int num_patches;
    double nce_t;
    bool nce_idt;                 /**< PatchNCE on G(B) too */
    bool nce_mean;                /**< of the two as CUT; ASP's code takes their sum */
    bool nce_all_negatives;       /**< nce_includes_all_negatives_from_minibatch */
    bool flip_equivariance;       /**< FastCUT */
    double clip_grad;             /**< largest norm of a network's gradient; 0: as it comes */
    double ema;                   /**< decay of the generator's running average; 0: none */
    bool checkpoint_activations;  /**< recompute in backward instead of keeping: less memory */
    int n_epochs, n_epochs_decay; /**< also what t in the adaptive loss is measured by */
} rst_method_options;

/* A run's settings ------------------------------------------------------------------------------
 */

/** Which pairs make a batch. In brackets what --sampling calls it. Without pairs the B of a sample
 * is drawn for itself, uniformly, but for SERIAL, where it is the next one. */
typedef enum rst_sampling {
    RST_SAMPLING_RANDOM,  /**< with replacement; an epoch is as many draws as there are items: ASP,
                               whose loader ignores the sampler's index [random] */
    RST_SAMPLING_SHUFFLE, /**< every item once an epoch, in an order of the epoch's own [shuffle] */
    RST_SAMPLING_SERIAL   /**< in order, and the last batch of an epoch may be smaller [serial] */
} rst_sampling;

/** The references' --preprocess; resizing is Pillow's bicubic. */
typedef enum rst_preprocess {
    RST_PREPROCESS_CROP,            /**< [crop] */
    RST_PREPROCESS_RESIZE_AND_CROP, /**< to load_size x load_size first [resize_and_crop] */
    RST_PREPROCESS_SCALE_WIDTH,     /**< to a width of load_size, nothing cropped; the height in
                                         proportion, at least crop_size [scale_width] */
    RST_PREPROCESS_SCALE_WIDTH_AND_CROP, /**< [scale_width_and_crop] */
    RST_PREPROCESS_NONE                  /**< [none] */
} rst_preprocess;

/** How a data set's files lie; PHASE is train, val or test. In brackets what --layout calls it. */
typedef enum rst_data_layout {
    RST_DATA_AUTO,         /**< find out [auto] */
    RST_DATA_FOLDERS,      /**< PHASEA, PHASEB: MIST, CUT, CycleGAN [folders] */
    RST_DATA_BCI,          /**< HE/PHASE, IHC/PHASE [bci] */
    RST_DATA_SPLITS,       /**< PHASE/HE, PHASE/IHC or PHASE/input, PHASE/label [splits] */
    RST_DATA_SIDE_BY_SIDE, /**< PHASE: files with A in the left half, B in the right one [ab] */
    RST_DATA_MANIFEST,     /**< a table: tab-separated split, he, ihc, ... [manifest] */
    RST_DATA_TILES /**< PHASE, or the folder itself: pictures of one kind, for a super-resolver
                        [tiles] */
} rst_data_layout;

/** How a super-resolver's small pictures are made of large ones. */
typedef enum rst_degradation {
    RST_DEGRADATION_BSRGAN, /**< blur, noise and JPEG of all kinds (spec 14.6) [bsrgan] */
    RST_DEGRADATION_BICUBIC /**< reduced bicubically and nothing else [bicubic] */
} rst_degradation;

/** What makes a validation the best so far; the model it was made with is kept. */
typedef enum rst_train_best {
    RST_BEST_SSIM,
    RST_BEST_PSNR,
    RST_BEST_DAB_R /**< Pearson's r of DAB optical density over all pixels */
} rst_train_best;

/** What the caller may be told while a run goes on. */
typedef struct rst_train_progress {
    int epoch, epochs;
    int64_t step, steps; /**< of the run; a step is an update of the weights */
    int terms;
    const char *const *term; /**< names of the losses */
    const double *loss;      /**< their values, of this step */
    double images_per_s, seconds_left, loader_share;
} rst_train_progress;

/** All that fixes a run. Start from rst_train_preset. Texts are borrowed for the run. */
typedef struct rst_train_options {
    const char *method; /**< rst_method_name */
    rst_method_options m;

    const char *dataroot;
    rst_data_layout layout;
    bool b_to_a;      /**< --direction BtoA: A is the IHC */
    bool unpaired;    /**< --dataset-mode unaligned */
    bool multimag;    /**< on several magnifications: the data set's, or made as they are drawn */
    double mm_native; /**< share of magnification 1 that is the pair as it is (spec 5.3) */
    const char *sr_x2, *sr_x4;   /**< super-resolvers that make them; NULL both: bicubic */
    int64_t sr_tile;             /**< what these take at a time, in pixels a side; 0: 256 */
    int64_t uniform;             /**< side of what is made; 0: that of the pictures */
    rst_degradation degradation; /**< of super-resolvers */
    rst_image_alpha alpha;
    bool gray_to_rgb;
    rst_sampling sampling;
    rst_preprocess preprocess;
    int64_t load_size, crop_size;
    bool no_flip;
    int64_t max_dataset_size; /**< 0: all */
    int batch_size, accumulate;
    int num_threads; /**< that load images; results do not depend on it */
    int cache_mb;    /**< decoded images kept in memory */

    rst_lr_policy lr_policy;
    double lr;
    int lr_decay_iters;      /**< STEP */
    double lr_gamma;         /**< STEP: what the rate is multiplied by; 0: 0.1 */
    bool lr_step_at_start;   /**< pix2pix and BCI (spec 6.2) */
    int64_t steps_per_epoch; /**< 0: the data set's size over the batch's */
    int64_t max_steps;       /**< end early; 0: after the last epoch */

    const char *name, *checkpoints_dir;
    const char *init_from; /**< a model whose weights the generator begins with; NULL: drawn ones */
    bool resume, overwrite;
    int64_t save_every_steps; /**< 0: at the end of every epoch */
    int save_epoch_freq;      /**< keep <epoch>_net_G too, every so many epochs; 0: never */
    int64_t print_freq;       /**< steps between rows of the logs */
    int64_t panel_freq;       /**< steps between panels; 0: one an epoch */
    int val_freq;             /**< epochs between validations; 0: never */
    int64_t val_count;        /**< images of the validation set; 0: all */
    int panel_count;          /**< samples in a panel */
    rst_train_best best;
    const char *config; /**< text for the run's options.conf; NULL: none is written */
    double mpp;         /**< for the model's card; 0: what the images say */

    const char *backend;
    int threads;
    rst_conv_mode conv;
    uint64_t seed;

    int (*progress)(void *user, const rst_train_progress *p); /**< not 0: stop, resumably */
    void *user;
} rst_train_options;

/** The i-th method's name and what it is in a line; NULL past the last. */
RST_API const char *rst_method_name(int i);
RST_API const char *rst_method_line(int i);

/**
 * The published settings of a method: "asp", "ammfi", ...
 * @return 0, RST_EINVAL (no such method; the error names the nearest)
 */
RST_API int rst_train_preset(const char *method, rst_train_options *out, rst_error *err);

/** What a run will take. */
typedef struct rst_train_forecast {
    int64_t pairs, val_pairs, steps_per_epoch, steps;
    bool tiles;     /**< those are single pictures */
    int64_t params; /**< of all networks */
    int networks;
    const char *network[6];
    int64_t network_params[6];
    double macs;                  /**< multiply-adds of a step, forward and backward */
    double step_seconds, seconds; /**< measured on the first steps */
    size_t memory;                /**< bytes of tensors at the most, measured */
} rst_train_forecast;

/**
 * Checks options and data, builds the networks, takes two steps that are thrown away, and writes
 * nothing (--dry-run).
 */
RST_API int rst_train_dry_run(const rst_train_options *o, rst_train_forecast *out, rst_error *err);

/**
 * Trains to the end, or until it is stopped. SIGINT and SIGTERM end it after the step at hand with
 * a checkpoint, if the caller had rst_train_stop called.
 *
 * @return 0, RST_EINVAL (options), RST_EINPUT or RST_EFORMAT (data; checkpoint), RST_EOUTPUT,
 *         RST_ENUMERIC (NaN or Inf: the error names step and loss), RST_ENOMEM, RST_ECANCELLED
 *         (stopped; a checkpoint was written)
 */
RST_API int rst_train(const rst_train_options *o, rst_error *err);
/** Ends the running rst_train after its step; safe in a signal handler. */
RST_API void rst_train_stop(void);

#ifdef __cplusplus
}
#endif
#endif
