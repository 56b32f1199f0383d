/* SPDX-License-Identifier: MIT */
/*
 * Layers and their composition. A layer is a node of a tree: a leaf that calls one op, a SEQ that
 * runs its children in turn, or a CALL with a function of its own. Builders add layers in the order
 * in which PyTorch registers them, which gives names and order of the state_dict.
 */
#ifndef RST_NN_LAYERS_H
#define RST_NN_LAYERS_H

#include <restain/graph.h>

typedef struct rst_module rst_module;
typedef struct rst_param rst_param;
typedef struct rst_layer rst_layer;

typedef enum rst_layer_kind {
    RST_LAYER_SEQ,
    RST_LAYER_CALL,
    RST_LAYER_CONV, /* transposed or not */
    RST_LAYER_LINEAR,
    RST_LAYER_INSTANCE_NORM,
    RST_LAYER_BATCH_NORM,
    RST_LAYER_IDENTITY,
    RST_LAYER_RELU,
    RST_LAYER_LEAKY,
    RST_LAYER_TANH,
    RST_LAYER_SIGMOID,
    RST_LAYER_DROPOUT,
    RST_LAYER_PAD,
    RST_LAYER_DOWNSAMPLE,
    RST_LAYER_UPSAMPLE,
    RST_LAYER_MAX_POOL,
    RST_LAYER_AVG_POOL,
    RST_LAYER_ADAPTIVE_POOL,
    RST_LAYER_RESIZE,    /* to oh, ow */
    RST_LAYER_RESIZE_BY, /* by factor */
    RST_LAYER_L2NORM
} rst_layer_kind;

typedef rst_tensor *(*rst_layer_fn)(rst_module *m, const rst_layer *l, rst_tensor *x);

struct rst_layer {
    rst_layer_kind kind;
    char *prefix; /* owned; full name, "" for the root */
    rst_layer **sub;
    int nsub, cap;
    rst_layer_fn call;
    /* parameters, borrowed from the module: weight and bias, and what belongs to them */
    rst_param *w, *b, *u, *v, *mean, *var, *tracked;
    rst_conv_options conv;
    int kh, kw;
    bool transposed;
    double eps, momentum, slope, factor;
    rst_pads pad;
    rst_pad_mode mode;
    int filter;
    rst_pool_options pool;
    rst_interp interp;
    int64_t oh, ow;
    rst_l2_kind l2;
};

/* Building. A name of NULL is the child's number, "" adds nothing to the names of the child's own
 * children. Failures are kept in the module. -----------------------------------------------------
 */

/** A bare layer under parent. */
rst_layer *rst__layer_add(rst_module *m, rst_layer *parent, const char *name, rst_layer_kind kind);
void rst__layer_free(rst_layer *l);
rst_layer *rst__add_seq(rst_module *m, rst_layer *parent, const char *name);
rst_layer *rst__add_call(rst_module *m, rst_layer *parent, const char *name, rst_layer_fn fn);

/** A convolution's shape. Without `transposed` the padding may be of any mode. */
typedef struct rst_conv_spec {
    int64_t ci, co;
    int k[2], stride[2], pad[2], out_pad[2]; /* rows, columns; stride 0 counts as 1 */
    int groups;                              /* 0 counts as 1 */
    bool transposed, no_bias, spectral;
} rst_conv_spec;

/** The usual one: k x k, the same stride and zero padding on both axes. */
rst_conv_spec rst__conv_spec(int64_t ci, int64_t co, int k, int stride, int pad);
rst_layer *rst__add_conv(rst_module *m, rst_layer *parent, const char *name, rst_conv_spec s);
rst_layer *rst__add_linear(rst_module *m, rst_layer *parent, const char *name, int64_t ci,
                           int64_t co, bool bias);
rst_layer *rst__add_batch_norm(rst_module *m, rst_layer *parent, const char *name, int64_t c,
                               double eps, double momentum);
rst_layer *rst__add_instance_norm(rst_module *m, rst_layer *parent, const char *name, int64_t c,
                                  double eps, bool affine);
rst_layer *rst__add_act(rst_module *m, rst_layer *parent, rst_layer_kind kind);
rst_layer *rst__add_leaky(rst_module *m, rst_layer *parent, double slope);
rst_layer *rst__add_pad(rst_module *m, rst_layer *parent, rst_pads p, rst_pad_mode mode);
rst_layer *rst__add_reflect(rst_module *m, rst_layer *parent, int pad);
/** filter 1..7; buffer `filt` [c,1,filter,filter]. */
rst_layer *rst__add_downsample(rst_module *m, rst_layer *parent, int64_t c, int filter,
                               rst_pad_mode mode);
rst_layer *rst__add_upsample(rst_module *m, rst_layer *parent, int64_t c, int filter);
rst_layer *rst__add_pool(rst_module *m, rst_layer *parent, rst_layer_kind kind, rst_pool_options o);

/* Running -----------------------------------------------------------------------------------------
 */

/** Outputs of single children of a SEQ; out[i] is NULL until its turn. */
typedef struct rst_taps {
    int count;
    const int *ids;
    rst_tensor **out;
    struct rst_taps *next;
} rst_taps;

rst_tensor *rst__layer_run(rst_module *m, const rst_layer *l, rst_tensor *x);
/** Children lo..hi of a SEQ in turn. */
rst_tensor *rst__seq_run(rst_module *m, const rst_layer *seq, int lo, int hi, rst_tensor *x,
                         rst_taps *taps);
/** The children of a SEQ in turn, each with activation checkpointing whatever it is. */
rst_tensor *rst__seq_run_again(rst_module *m, const rst_layer *seq, rst_tensor *x);
/** The l-th child on x; for CALLs. */
rst_tensor *rst__sub_run(rst_module *m, const rst_layer *l, int i, rst_tensor *x);
/** CALL: x + the children in turn, a residual block. */
rst_tensor *rst__residual_run(rst_module *m, const rst_layer *l, rst_tensor *x);
/** CALL: the children on x, concatenated along c. */
rst_tensor *rst__concat_run(rst_module *m, const rst_layer *l, rst_tensor *x);

#endif
