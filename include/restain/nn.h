/* SPDX-License-Identifier: MIT */
/**
 * @file nn.h
 * Networks: what one is (rst_arch), its weights (rst_module), and its optimiser (rst_adam).
 *
 *     rst_arch a;
 *     rst_module *g;
 *     if (rst_arch_recognise(weights, &a, note, sizeof note, &err) < 0 ||
 *         rst_module_new(&g, ctx, &a, &err) < 0 || rst_module_load(g, weights, "", 0, &err) < 0)
 *         return fail(&err);
 *     rst_module_inference(g);
 *     rst_begin_nograd(ctx);
 *     rst_tensor *ihc = rst_module_forward(g, rst_upload(ctx, dims, RST_NHWC, pixels));
 *
 * Every tensor of a module carries the name it has in the state_dict of the published code (CUT,
 * ASP, pix2pix, BCI, BSRGAN, torchvision), so published checkpoints load as they are.
 */
#ifndef RESTAIN_NN_H
#define RESTAIN_NN_H

#include <restain/error.h>
#include <restain/graph.h>
#include <restain/weights.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a network is -----------------------------------------------------------------------------
 */

/** Families of networks; in brackets what rst_arch_preset calls them. */
typedef enum rst_family {
    RST_NET_RESNET,         /**< encoder, residual blocks, decoder [resnet_6blocks, any number] */
    RST_NET_UNET,           /**< pix2pix [unet_256, unet_128, any power of two from 32 on] */
    RST_NET_AMMFI,          /**< the paper's: RESNET with attention on its skips [ammfi_6blocks] */
    RST_NET_PATCHGAN,       /**< discriminator of patches [basic, n_layers] */
    RST_NET_PIXEL,          /**< discriminator of pixels [pixel] */
    RST_NET_SAMPLER,        /**< CUT's patch sampler, one head a tap [mlp_sample, sample] */
    RST_NET_RRDB,           /**< BSRGAN's super-resolver [rrdbnet_x4, rrdbnet_x2] */
    RST_NET_STAINNET,       /**< three 1x1 convolutions [stainnet] */
    RST_NET_ALEXNET,        /**< feature networks of the metrics [alexnet] */
    RST_NET_VGG16,          /**< [vgg16] */
    RST_NET_SQUEEZENET,     /**< version 1.1 [squeezenet] */
    RST_NET_RESNET50,       /**< [resnet50] */
    RST_NET_INCEPTION,      /**< version 3 [inception_fid, inception_kid] */
    RST_NET_AMMFI_GATE,     /**< one fusion block of the paper; two inputs [ammfi] */
    RST_NET_ATTENTION_GATE, /**< Attention U-Net's grid gate; two inputs [attention_gate] */
    RST_NET_CBAM,           /**< channel, then spatial attention [cbam] */
    RST_NET_CBAM_CHANNEL,   /**< [cbam_channel] */
    RST_NET_CBAM_SPATIAL,   /**< [cbam_spatial] */
    RST_NET_COUNT
} rst_family;

typedef enum rst_norm_kind {
    RST_NORM_INSTANCE, /**< no parameters; convolutions before it have a bias */
    RST_NORM_BATCH,
    RST_NORM_NONE
} rst_norm_kind;

/** Whose names the weights have, where the same network was published under two. */
typedef enum rst_names {
    RST_NAMES_USUAL, /**< CUT and pix2pix (model.N), BSRGAN, torchvision */
    RST_NAMES_ASP,   /**< PATCHGAN: enc.N and final_conv */
    RST_NAMES_LPIPS  /**< ALEXNET, VGG16, SQUEEZENET: sliceK.N */
} rst_names;

enum { RST_MAX_TAPS = 16 };

/** Everything that fixes a network's layers. Start from rst_arch_preset, which fills all fields. */
typedef struct rst_arch {
    rst_family family;
    int input_nc, output_nc; /**< channels in and out */
    int width;          /**< ngf, ndf, nf or netF_nc; channels C of a gate or attention block */
    int blocks;         /**< residual blocks, U-Net levels, n_layers_D, or RRDB blocks */
    int n_downsampling; /**< RESNET; AMMFI has 2 */
    rst_norm_kind norm;
    bool spectral;                /**< weight_norm=spectral: on every convolution of the backbone */
    bool antialias, antialias_up; /**< blur-pooling on the way down and up (CUT, ASP) */
    bool dropout;                 /**< the layers exist; whether they act: rst_module_set_dropout */
    int stem_k;                   /**< side of the first kernel, 7 or 3 */
    int ammfi_levels;             /**< AMMFI: 1 (full size), 2 (half), 4 (quarter), or-ed */
    int reduction;                /**< channel attention's bottleneck: max(1, C/reduction) */
    int growth, scale;            /**< RRDB: gc, sf (2 or 4) */
    int gating_nc, inter_nc;      /**< ATTENTION_GATE; inter_nc 0: C/2 */
    int sub_sample[2];            /**< ATTENTION_GATE: along rows and columns */
    bool mlp;                     /**< SAMPLER: heads; else the features themselves */
    rst_l2_kind l2norm;           /**< SAMPLER */
    bool kid;                     /**< INCEPTION: torchvision's graph, not the FID one */
    rst_names names;
    rst_bn_mode stats;         /**< of batch norms at inference: RST_BN_BATCH or RST_BN_RUNNING */
    int taps;                  /**< SAMPLER: number of heads; feature networks: of widths */
    int widths[RST_MAX_TAPS];  /**< channels of each tap */
    int squeeze[RST_MAX_TAPS]; /**< SQUEEZENET: of the 8 fires' first convolutions */
} rst_arch;

/**
 * A network by the name the published code gives it (see rst_family), with that code's defaults.
 * @return 0, or RST_EINVAL (no such name; the error names the nearest)
 */
RST_API int rst_arch_preset(const char *name, rst_arch *out, rst_error *err);
/** Its name, into buf: "resnet_9blocks", "n_layers", ... */
RST_API const char *rst_arch_name(const rst_arch *a, char buf[32]);
/**
 * From a JSON object, whose "net" (or netG, netD, netF) is a preset and whose other keys are the
 * published options: ngf, ndf, norm, weight_norm, no_antialias, n_layers_D, ... Unknown:
 * RST_EINVAL.
 */
RST_API int rst_arch_from_json(const char *json, rst_arch *out, rst_error *err);
/** As a JSON object on one line; RST_EINVAL when it does not fit (1024 bytes always do). */
RST_API int rst_arch_to_json(const rst_arch *a, char *buf, size_t size, rst_error *err);
/**
 * Which network a set of weights belongs to, from names and shapes alone. What they cannot tell
 * (say, antialias_up without a filter in the file) is put into note as one line; else note is "".
 * @return 0, or RST_EFORMAT (nothing known; the error says what came nearest)
 */
RST_API int rst_arch_recognise(const rst_weights *w, rst_arch *out, char *note, size_t size,
                               rst_error *err);
/** The sides of an input must be a multiple of this: 4 for a ResNet, 256 for unet_256, ... */
RST_API int rst_arch_stride(const rst_arch *a);
/** Output side over input side of a network from image to image. */
RST_API int rst_arch_scale(const rst_arch *a);

/* Weights ---------------------------------------------------------------------------------------
 */

typedef struct rst_module rst_module;

/** Kinds of state_dict entries. */
typedef enum rst_entry_kind {
    RST_ENTRY_PARAM,  /**< trained */
    RST_ENTRY_BUFFER, /**< running statistics; spectral norm's u and v */
    RST_ENTRY_FILTER, /**< an antialiasing filter: known, so checked and never loaded; no tensor */
    RST_ENTRY_COUNTER /**< num_batches_tracked: an integer; no tensor */
} rst_entry_kind;

/** One entry of a state_dict; borrowed from its module. */
typedef struct rst_entry {
    const char *name;
    rst_entry_kind kind;
    int rank;          /**< 0..4 */
    int64_t shape[4];  /**< as in PyTorch; the rest are 1 */
    rst_tensor *value; /**< NULL where there is no tensor, or no context */
    int64_t count;     /**< COUNTER */
} rst_entry;

/**
 * Builds a network; its parameters are zero (batch norms: 1 and 0) until rst_module_init or _load.
 * Training mode is on. The context must outlive the module.
 * @param c  NULL: names and shapes only, nothing can be run
 * @return 0, RST_EINVAL (options that make no sense), RST_ENOMEM
 */
RST_API int rst_module_new(rst_module **out, rst_ctx *c, const rst_arch *a, rst_error *err);
RST_API void rst_module_free(rst_module *m);
RST_API const rst_arch *rst_module_arch(const rst_module *m);

/** Number of state_dict entries, and the i-th in the reference's order; false when outside. */
RST_API int rst_module_entries(const rst_module *m);
RST_API bool rst_module_entry(const rst_module *m, int i, rst_entry *out);
/** Index of an entry by name, -1 if there is none. */
RST_API int rst_module_find(const rst_module *m, const char *name);
/** Numbers in all trained tensors together. */
RST_API int64_t rst_module_param_count(const rst_module *m);

typedef enum rst_init_kind {
    RST_INIT_NORMAL,     /**< N(0, gain^2) */
    RST_INIT_XAVIER,     /**< N(0, gain^2 * 2/(fan_in+fan_out)) */
    RST_INIT_KAIMING,    /**< N(0, 2/fan_in) */
    RST_INIT_ORTHOGONAL, /**< orthonormal rows or columns, times gain */
    RST_INIT_RRDB /**< BSRGAN's: KAIMING times 0.1 in dense blocks, elsewhere PyTorch's default
                       U(-1/sqrt(fan_in), 1/sqrt(fan_in)) */
} rst_init_kind;

/**
 * Random weights as the published init_weights draws them (CUT/ASP/BCI models/networks.py; spec
 * 0.4). Each tensor has a stream of its own, named by it. A layer with spectral norm keeps
 * PyTorch's default U(-1/sqrt(fan_in), 1/sqrt(fan_in)), as it does when the published code runs on
 * a GPU, if sn_default is set; else it is drawn like the others.
 */
RST_API int rst_module_init(rst_module *m, rst_init_kind kind, double gain, bool sn_default,
                            uint64_t seed, rst_error *err);

/** Flags of rst_module_load. */
enum {
    RST_LOAD_PARTIAL = 1, /**< entries missing from the file keep their value */
    RST_LOAD_EXTRA = 2    /**< tensors the network does not have are passed over */
};
/**
 * Takes the entries named prefix + name from w; nothing is changed on failure. Passed over in
 * silence: running statistics where instance norm has none (old checkpoints), classifiers of the
 * feature networks, everything without the prefix. RRDB also takes Real-ESRGAN's names.
 * @return 0, RST_EFORMAT (missing, unexpected, of another shape, a foreign filter: one line that
 *         names the tensor), RST_ENOMEM
 */
RST_API int rst_module_load(rst_module *m, const rst_weights *w, const char *prefix, unsigned flags,
                            rst_error *err);
/** Appends every entry to w as prefix + name: filters and counters (I64) too, the rest F32. */
RST_API int rst_module_store(const rst_module *m, rst_weights *w, const char *prefix,
                             rst_error *err);

/* How it behaves --------------------------------------------------------------------------------
 */

/** PyTorch's train() and eval(): spectral norm iterates, batch statistics, dropout; or none. */
RST_API void rst_module_train(rst_module *m, bool on);
/** For translation: eval(), but batch norms take the statistics of the architecture's row. */
RST_API void rst_module_inference(rst_module *m);
/** Of batch norms. RST_BN_BATCH takes each image's own statistics, whatever the batch. */
RST_API void rst_module_set_bn(rst_module *m, rst_bn_mode mode);
RST_API void rst_module_set_dropout(rst_module *m, bool on);
/** Training keeps few activations and computes the others again in backward: less memory, the same
 *  bits, about a third more time. */
RST_API void rst_module_set_checkpointing(rst_module *m, bool on);
/** Frozen parameters gather no gradients; gradients still pass through to the input. */
RST_API void rst_module_freeze(rst_module *m, bool on);
/** Sets the stream that dropout masks and patch numbers come from. */
RST_API void rst_module_reseed(rst_module *m, uint64_t seed, const char *stream);

/** Whose statistics instance norms, batch norms of RST_BN_BATCH and channel gates take (DESIGN 4).
 */
typedef enum rst_stats_policy {
    RST_STATS_TILE,   /**< of the picture at hand: what the papers report */
    RST_STATS_GATHER, /**< the same, and they are gathered; one window (n = 1) a forward pass */
    RST_STATS_FROZEN  /**< means over the gathered windows: the network is a local filter */
} rst_stats_policy;
/** GATHER forgets what was gathered before; FROZEN needs a gathered or loaded set. RST_EINVAL. */
RST_API int rst_module_set_stats(rst_module *m, rst_stats_policy policy, rst_error *err);
/** Appends the frozen set, "siteNNN.mean", ".var" or ".gate" in the order of running. */
RST_API int rst_module_store_stats(const rst_module *m, rst_weights *w, rst_error *err);
/** Takes such a set and freezes it. RST_EFORMAT. */
RST_API int rst_module_load_stats(rst_module *m, const rst_weights *w, rst_error *err);

/** Running it: within a scope of the module's context. ------------------------------------------
 */

/** x [n,input_nc,h,w] -> y: an image, a map of logits, or, of a feature network, its last tap. */
RST_API rst_tensor *rst_module_forward(rst_module *m, rst_tensor *x);
/**
 * The same, and outputs of single layers of RESNET and AMMFI (CUT's nce_layers): taps[i] is that of
 * `model.<ids[i]>`, after the ReLU that follows it in place (spec 14.2). ids ascend.
 * @param encode_only  stop after the last of them and return NULL
 */
RST_API rst_tensor *rst_module_taps(rst_module *m, rst_tensor *x, int count, const int *ids,
                                    rst_tensor **taps, bool encode_only);
/**
 * All taps of a feature network, shallowest first: ALEXNET 5, VGG16 5, SQUEEZENET 7 (LPIPS),
 * RESNET50 4 (layer1..layer4), INCEPTION 4 (64, 192, 768, 2048 channels; no global average). x is
 * normalised as the network wants it.
 * @return their number; 0 after an error
 */
RST_API int rst_module_features(rst_module *m, rst_tensor *x, int max, rst_tensor **out);
/** AMMFI_GATE (fe, fd) and ATTENTION_GATE (skip, gating): the gated skip; its map [n,1,h,w]. */
RST_API rst_tensor *rst_module_gate(rst_module *m, rst_tensor *skip, rst_tensor *gating,
                                    rst_tensor **map);
/**
 * SAMPLER. Tap k [n,c_k,h,w] -> out[k] [n*p,nc], image-major, unit rows, p = min(num_patches, h*w).
 * ids[k] (rst_upload_ids) says where; a NULL is drawn at random and handed back for the next call.
 * num_patches 0: every place, out[k] is [n,nc,h,w] and ids is not used.
 * @return false after an error
 */
RST_API bool rst_module_sample(rst_module *m, int count, rst_tensor *const *feats,
                               int64_t num_patches, rst_tensor **ids, rst_tensor **out);
/**
 * How far an output pixel sees, in input pixels, on its farther side, normalisation and global
 * pooling aside: of networks from image to image, and at most that of the others.
 */
RST_API int rst_module_halo(const rst_module *m);

/* Optimiser -------------------------------------------------------------------------------------
 */

/** Adam over the trained tensors of a module (PyTorch's formula, no weight decay; spec 6.2). */
typedef struct rst_adam rst_adam;

/** The module must outlive it. */
RST_API int rst_adam_new(rst_adam **out, rst_module *m, double beta1, double beta2, double eps,
                         rst_error *err);
RST_API void rst_adam_free(rst_adam *a);
/** Forgets the gradients of the module's parameters. */
RST_API void rst_adam_zero_grad(rst_adam *a);
/**
 * The Euclidean norm of all gradients together, and, if it is larger than max, gradients scaled
 * down to that (PyTorch's clip_grad_norm_). max 0: only measures.
 */
RST_API int rst_adam_clip(rst_adam *a, double max, double *norm, rst_error *err);
/** One step with this rate; parameters without a gradient stay, as in PyTorch. */
RST_API int rst_adam_step(rst_adam *a, double lr, rst_error *err);
/** Moments and step counts as prefix + name + ".exp_avg", ".exp_avg_sq", ".step". */
RST_API int rst_adam_store(const rst_adam *a, rst_weights *w, const char *prefix, rst_error *err);
RST_API int rst_adam_load(rst_adam *a, const rst_weights *w, const char *prefix, rst_error *err);

typedef enum rst_lr_policy {
    RST_LR_LINEAR,
    RST_LR_STEP,
    RST_LR_PLATEAU,
    RST_LR_COSINE
} rst_lr_policy;

/** The learning rate of an epoch (CUT/ASP/pix2pix get_scheduler; spec 6.2). All zero but lr: fixed.
 */
typedef struct rst_schedule {
    rst_lr_policy policy;
    double lr; /**< initial */
    int n_epochs,
        n_epochs_decay;  /**< constant, then falling (LINEAR); n_epochs is COSINE's period */
    int epoch_count;     /**< first epoch of this run, from 1 */
    int decay_epochs;    /**< STEP: down every so many (lr_decay_iters) */
    double gamma;        /**< STEP: by this factor; 0: 0.1 */
    bool step_at_start;  /**< pix2pix and BCI: before each epoch; CUT and ASP: after it */
    double factor, best; /**< PLATEAU's state; rst_schedule_start sets it */
    int bad;
} rst_schedule;

/** Sets the state to its beginning. */
RST_API void rst_schedule_start(rst_schedule *s);
/** The rate in an epoch, epoch_count or later. */
RST_API double rst_schedule_rate(const rst_schedule *s, int epoch);
/** PLATEAU: tells it an epoch's loss (the published code always says 0). */
RST_API void rst_schedule_report(rst_schedule *s, double loss);

#ifdef __cplusplus
}
#endif
#endif
