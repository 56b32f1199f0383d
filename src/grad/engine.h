/* SPDX-License-Identifier: MIT */
/*
 * The inside of the engine: what a tensor, a node and an op are. graph.h is the outside.
 *
 * Lifetimes. A scope owns one reference to each tensor made in it, and that handle owns the
 * tensor's storage; when the scope ends the storage goes, unless a node saved it (a node holds
 * references to the storages its vjp needs, and to the tensor objects of its inputs, which carry
 * the gradients). A tensor holds its producing node, so a graph lives exactly as long as something
 * can still be differentiated through it. Parameters are tensors without a scope.
 */
#ifndef RST_GRAD_ENGINE_H
#define RST_GRAD_ENGINE_H

#include "backend/backend.h"
#include "tensor/pool.h"

typedef struct rst_node rst_node;
typedef struct rst_op rst_op;

/** What an op was asked for, beside its inputs. One member per family of ops. */
typedef union rst_attr {
    struct {
        rst_map f;
        double a, b;
    } map;
    rst_binary bin;
    struct {
        rst_conv g;
        rst_conv_options o;
        rst_map act; /* applied to the result; set by the plan's fusion */
        double a;
    } conv;
    struct {
        rst_norm g;
        bool gamma, beta, residual; /* which optional inputs follow, in this order */
        bool running;               /* running mean and var follow after them */
        bool update;                /* and are advanced */
        double momentum;
    } norm;
    struct {
        unsigned axes;
        double scale;
    } reduce;
    struct {
        unsigned axis;
        int64_t from, to;
    } span;
    struct {
        rst_pads p;
        rst_pad_mode mode;
    } pad;
    rst_blur_geom blur;
    struct {
        int count;
        double t[8];
    } up;
    struct {
        rst_pool2d g;
        bool ceil_mode;
    } pool;
    rst_resample res;
    rst_dims dims;
    struct {
        rst_l2_kind kind;
        double eps;
    } l2;
    struct {
        int64_t groups;
        double t;
    } rows;
    struct {
        double p;
        rst_asp_lookup h;
        bool plain;
    } asp;
    struct {
        bool transposed, iterate;
    } spectral;
} rst_attr;

enum { RST_MAX_AUX = 2, RST_MAX_INPUTS = 64 };

/** An input or output as kernels see it. p is NULL where the op did not ask to save it. */
typedef struct rst_arg {
    void *p;
    rst_dims s;
} rst_arg;

/** One run of an op, forward or backward. */
typedef struct rst_call {
    rst_dev *dev;
    rst_pool *pool; /* for temporaries */
    const rst_attr *at;
    int n;
    const rst_arg *in;
    rst_arg out;
    void *aux[RST_MAX_AUX];
    const rst_packed *packed; /* weights packed by the plan, or NULL */
    bool remake;              /* out is wanted again: aux is there, and state has advanced */
} rst_call;

/** Flags of an op. */
enum {
    RST_SAVE_OUT = 1u << 31, /* in saves: vjp reads the output */
    RST_OP_ALIAS = 1,        /* the output shares input 0's storage */
    RST_OP_INPLACE = 2,      /* the output may overwrite input 0 in a plan */
    RST_OP_REMADE = 4,       /* fwd is cheap: backward may run it again rather than keep the output,
                                which vjp does not read */
    RST_OP_CROSSED = 8,      /* the gradient of input 0 does not read input 0 */
};

/** An op is a row of ops.def. */
struct rst_op {
    const char *name;
    /** Checks the input shapes, completes the attributes, gives the output's shape and the bytes of
     *  auxiliary results that vjp needs. */
    int (*infer)(rst_attr *at, int n, const rst_dims *in, rst_dims *out, size_t *aux, size_t elem,
                 rst_error *err);
    int (*fwd)(const rst_call *c);
    /** Gradients: dx[i] is NULL where none is wanted; add[i]: add into it. In order of i. NULL: the
     *  op has no gradient. */
    int (*vjp)(const rst_call *c, const void *dy, void *const *dx, const bool *add);
    unsigned saves; /* bit i: input i is needed by vjp; RST_SAVE_OUT */
    unsigned flags;
};

#define RST_OP(name, saves, flags) extern const rst_op rst__op_##name;
#include "grad/ops.def"
#undef RST_OP

/** All ops, for tests; NULL past the last. */
const rst_op *rst__op_at(int i);

struct rst_tensor {
    rst_ctx *ctx;
    rst_dims s;
    rst_dtype type;
    int refs;
    rst_storage *st;   /* owned; NULL once the scope ended, or while recording */
    rst_node *node;    /* owned reference; NULL for leaves */
    rst_storage *grad; /* owned */
    bool wants;        /* a gradient is wanted */
    bool keep;
    int scope;        /* depth it belongs to; 0: a parameter */
    int value;        /* number in a recording */
    uint64_t version; /* of a parameter's contents */
};

struct rst_node {
    const rst_op *op;
    rst_attr at;
    uint64_t id; /* order of creation */
    int refs, n;
    rst_tensor *out;     /* borrowed: it owns the node */
    rst_tensor **in;     /* owned references */
    rst_storage **saved; /* owned, by input; NULL where not saved */
    rst_storage *saved_out, *aux[RST_MAX_AUX];
    uint64_t mark;
    bool done;
    /* outputs that backward makes again */
    bool remade;      /* this one's is: its users claim it and save nothing */
    int claims;       /* users that still need it; saved_out is theirs */
    uint64_t claimed; /* bit i: this node is such a user of input i */
    /* activation checkpointing */
    rst_tensor *(*again)(void *arg, rst_tensor *x);
    void *arg;
    rst_storage **stash;
    int stashed;
};

/** What listens while a forward pass is recorded instead of run (plan/). */
typedef struct rst_recorder {
    /** Called for each op; out is a tensor without storage. @return 0 or an error */
    int (*record)(struct rst_recorder *r, const rst_op *op, const rst_attr *at, int n,
                  rst_tensor *const *in, rst_tensor *out, rst_error *err);
} rst_recorder;

struct rst_ctx {
    rst_dev *dev;
    rst_pool *pool;
    rst_dtype type;
    uint64_t seed;
    rst_error err;
    rst_tensor **handle; /* of all scopes, one after another */
    int handles, handle_cap;
    struct rst_scope {
        int first;
        bool nograd;
    } scope[64];
    int depth;
    bool nograd;
    uint64_t next_id, next_mark;
    rst_recorder *rec;
    /* Checkpointing: results of ops with state are stashed on the first run and taken back, in the
     * same order, when the function runs again. */
    enum { RST_STASH_OFF, RST_STASH_PUSH, RST_STASH_POP } stash_mode;
    rst_storage **stash;
    int stashed, stash_cap, stash_at;
};

/** Runs (or records) op on n inputs; the way every public op goes. */
rst_tensor *rst__run(const rst_op *op, rst_attr *at, int n, rst_tensor *const *in);
/** A tensor of the current scope with storage; NULL with the context's error set. */
rst_tensor *rst__tensor_new(rst_ctx *c, rst_dims s, rst_dtype t);
/** A tensor of the current scope without storage (to be given some). */
rst_tensor *rst__tensor_bare(rst_ctx *c, rst_dims s, rst_dtype t);
void rst__tensor_unref(rst_tensor *t);
/** Sets the context's error if it has none; returns NULL for convenience. */
void *rst__ctx_fail(rst_ctx *c, int code, const char *fmt, ...) RST_PRINTF(3, 4);
/** Takes over the device's error after a kernel returned rc < 0. */
void *rst__ctx_take(rst_ctx *c, int rc);
/** A zero gradient storage for t if it has none. @return false when out of memory */
bool rst__grad_ready(rst_tensor *t, bool *fresh);

/** rst_instance_norm and rst_batch_norm with RELU, LEAKY (a: slope) or NONE applied to what comes
 *  out: one tensor, and on the way back one pass, instead of two. */
rst_tensor *rst__instance_norm(rst_tensor *x, rst_tensor *gamma, rst_tensor *beta, double eps,
                               rst_map act, double a);
rst_tensor *rst__batch_norm(rst_tensor *x, rst_tensor *gamma, rst_tensor *beta, rst_tensor *mean,
                            rst_tensor *var, rst_bn_mode mode, double momentum, double eps,
                            rst_map act, double a);

/* Parameters: tensors that no scope owns. */
rst_tensor *rst__param_new(rst_ctx *c, rst_dims s); /* zeros, wanting a gradient; NULL: error */
void rst__param_free(rst_tensor *t);
void rst__param_set_trainable(rst_tensor *t, bool on);
int rst__param_upload(rst_tensor *t, const float *nchw);
/** Called by whoever changes a parameter's contents in place. */
void rst__param_changed(rst_tensor *t);
/** Its gradient's storage, NULL if none has been gathered. */
rst_storage *rst__param_grad(const rst_tensor *t);
void rst__param_zero_grad(rst_tensor *t);

/* For ops and layers with state under checkpointing. */
bool rst__stash_push(rst_ctx *c, rst_storage *s); /* takes its own reference; false: no memory */
rst_storage *rst__stash_pop(rst_ctx *c);          /* borrowed */

#endif
