/* SPDX-License-Identifier: MIT */
/* The inside of a module: its state_dict entries and its tree of layers. */
#ifndef RST_NN_MODULE_H
#define RST_NN_MODULE_H

#include <restain/nn.h>

#include "base/rng.h"
#include "nn/layers.h"

/** What an entry is to the initialiser. */
typedef enum rst_role {
    RST_ROLE_CONV,  /* weight of a convolution; shape[0] is its outputs */
    RST_ROLE_CONVT, /* of a transposed one; shape[1] is its outputs */
    RST_ROLE_LINEAR,
    RST_ROLE_BIAS,     /* of the three above */
    RST_ROLE_BN_SCALE, /* drawn around 1 */
    RST_ROLE_ONE,      /* starts at 1: affine instance norm, running variance */
    RST_ROLE_ZERO,
    RST_ROLE_UNIT /* a random unit vector: spectral norm's u and v */
} rst_role;

struct rst_param {
    char *name;
    rst_entry_kind kind;
    rst_role role;
    bool spectral; /* a weight_orig */
    int rank;
    int64_t shape[4];
    rst_tensor *value; /* owned; NULL for filters, counters and without a context */
    int64_t count;     /* COUNTER */
    int taps;          /* FILTER: its side */
    double gain;       /* FILTER: its sum */
};

/** A part of a pass that is run again in backward; nn/run.c. */
typedef struct rst_segment rst_segment;
void rst__segments_free(rst_segment *g);

/** Masks given by a test, used up in order instead of random ones, by one module or several. */
typedef struct rst_mask_feed {
    int count, next;
    const float *const *mask; /* 0 or 1, NCHW, borrowed */
} rst_mask_feed;

/** The gates of an attention network. */
typedef enum rst_gate_kind {
    RST_GATE_MAP,     /* eq. 3: what the encoder's features are multiplied with [n,1,h,w] */
    RST_GATE_CHANNEL, /* CBAM's, of the encoder's and the decoder's halves [n,c,1,1] */
    RST_GATE_SPATIAL, /* CBAM's [n,1,h,w] */
    RST_GATE_KINDS
} rst_gate_kind;

enum { RST_GATE_LEVELS = 3 };

/** What they came to in a forward pass, for whoever looks; NULL where there is none. */
typedef struct rst_gates {
    int level; /* of the gate that runs: its resolution is 1/2^level */
    rst_tensor *at[RST_GATE_LEVELS][RST_GATE_KINDS];
} rst_gates;

struct rst_module {
    rst_ctx *c; /* borrowed; may be NULL */
    rst_arch arch;
    rst_param **param; /* owned, in state_dict order */
    int nparam, param_cap;
    rst_layer *root; /* owned: a SEQ with an empty prefix */
    rst_layer scrap; /* what builders get when memory ran out */
    bool failed, bad_name;
    bool training, dropout;
    rst_bn_mode bn;
    rst_rng rng;
    rst_mask_feed *feed; /* borrowed; NULL: masks are drawn */
    bool checkpointing;
    struct rst_segment *segment; /* owned; nn/run.c */
    rst_stats_policy stat_policy;
    struct rst_stat_set *stat; /* owned; nn/stats.c */
    rst_gates *gates; /* borrowed: rst_module_forward fills it with tensors of its scope; or NULL */
    rst_tensor *(*forward)(rst_module *m,
                           rst_tensor *x); /* NULL: run the root's children in turn */
    int (*features)(rst_module *m, rst_tensor *x, int max, rst_tensor **out);
};

/** A gate has come to t, which is given back; it outlives the scopes that call _keep as they end.
 */
rst_tensor *rst__gates_note(rst_module *m, rst_gate_kind kind, rst_tensor *t);
void rst__gates_keep(const rst_module *m);
/** The stream of dropout masks and patch numbers; its state belongs into a checkpoint. */
rst_rng *rst__module_rng(rst_module *m);
/** Recorded masks for the next forward passes; the feed must last as long. NULL ends it. */
void rst__module_dropout_feed(rst_module *m, rst_mask_feed *feed);
/** Channels of layer `id` of `model` in a RESNET, or, up to its residual blocks, in an AMMFI; 0
 *  elsewhere. */
int64_t rst__tap_width(const rst_module *m, int id);
/** dst = d*dst + (1-d)*src, parameter by parameter; everything else is copied. Networks of one
 * kind. */
int rst__module_blend(rst_module *dst, const rst_module *src, double d, rst_error *err);
/** An empty module to which layers are added by hand (tests); rst__module_finish ends the adding.
 */
rst_module *rst__module_empty(rst_ctx *c);
int rst__module_finish(rst_module *m, rst_error *err);
/** "full name of a child": prefix.name, or the name alone. Adds a state_dict entry. */
rst_param *rst__param_add(rst_module *m, const char *prefix, const char *name, rst_entry_kind kind,
                          rst_role role, int rank, const int64_t *shape);
/** 1-D binomial of 1..7 taps, as integers; *sum is their sum. */
void rst__binomial(int taps, double out[8], double *sum);

#endif
