/* SPDX-License-Identifier: MIT */
/*
 * A method at work: its networks, their optimisers, and one step of training.
 *
 * A method's file says which networks it has, what it computes from a pair (forward), and what its
 * discriminators and its generators minimise (loss_d, loss_g). Everything else is the same for all
 * and stands in method.c (building), step.c (the order of a step) and state.c (what a checkpoint
 * holds).
 */
#ifndef RST_METHOD_METHOD_H
#define RST_METHOD_METHOD_H

#include <restain/train.h>

#include "base/rng.h"
#include "method/image_pool.h"

typedef struct rst_method rst_method;

enum { RST_METHOD_NETS = 4, RST_METHOD_PICTURES = 8 };

/** What a network of a method is for: who is updated when. */
typedef enum rst_part { RST_PART_GENERATOR, RST_PART_HEAD, RST_PART_DISCRIMINATOR } rst_part;

typedef struct rst_method_net {
    const char *name; /* as in <epoch>_net_<name>.pth of the published code */
    rst_part part;
    rst_module *net; /* owned */
    rst_adam *adam;  /* owned */
    rst_module *ema; /* owned running average; NULL: none. Of generators */
    double norm;     /* of the gradient at the last update */
} rst_method_net;

/** A row of the registry. */
typedef struct rst_method_kind {
    const char *name, *line;
    /** Changes the defaults of every method into this one's published ones. */
    int (*preset)(rst_train_options *o, rst_error *err);
    /** Adds the networks. */
    int (*build)(rst_method *m, rst_error *err);
    /** From m->a and m->b: whatever both losses need, through rst__method_show. */
    void (*forward)(rst_method *m);
    /** What the discriminators (generators and heads) minimise, a scalar. */
    rst_tensor *(*loss_d)(rst_method *m);
    rst_tensor *(*loss_g)(rst_method *m);
    bool generators_first;            /* CycleGAN; the others update discriminators first */
    bool warm_up;                     /* has a pass before its first step */
    bool resolves;                    /* a super-resolver: b are pictures of any kind, 0..1, and a
                                         the same made smaller and worse */
    const char *term[RST_LOSS_TERMS]; /* names of what they are made of */
    const char *const *reads;         /* settings that not every method has, by their flags; NULL at
                                         the end */
} rst_method_kind;

/** The i-th method; NULL past the last. */
const rst_method_kind *rst__method_kind_at(int i);
/** Whether it reads a setting; *other: a method that does, NULL where none has it for itself. */
bool rst__method_reads(const rst_method_kind *k, const char *flag, const rst_method_kind **other);
/** By name; RST_EINVAL names the nearest. */
int rst__method_kind_find(const rst_method_kind **out, const char *name, rst_error *err);

/** Random decisions given by a test, used up in order instead of drawn ones. */
typedef struct rst_method_feed {
    /** The patch numbers of tap `layer` in a step's call-th PatchNCE; NULL: drawn. */
    rst_tensor *(*patch_ids)(void *user, int call, int layer);
    /** The next uniform number, or the next whole number below n; false: drawn. */
    bool (*uniform)(void *user, double *out);
    bool (*below)(void *user, int64_t n, int64_t *out);
    void *user;
} rst_method_feed;

struct rst_method {
    const rst_method_kind *kind;
    rst_method_options o;
    rst_ctx *c; /* borrowed */
    rst_method_net net[RST_METHOD_NETS];
    int nets;
    rst_rng rng;                 /* flips and pools */
    rst_image_pool pool[2];      /* CycleGAN: of fake_B and fake_A */
    int64_t step;                /* updates so far */
    double loss[RST_LOSS_TERMS]; /* of the last update, by kind->term */
    rst_method_feed feed;

    /* The step at hand. */
    int epoch;         /* from 1 */
    double t;          /* the share of the run that is over, for asp_time ITER */
    int nce_calls;     /* PatchNCE terms so far */
    rst_tensor *a, *b; /* the batch, [n,3,h,w] */
    bool flipped;      /* FastCUT's flip is on */
    struct rst_picture {
        const char *name; /* "fake_B", ... as the published code calls it */
        rst_tensor *t;
    } picture[RST_METHOD_PICTURES];
    int pictures;
    rst_tensor *term[RST_LOSS_TERMS]; /* those made since the last reading */
    unsigned made;                    /* bit i: kind->term[i] is one that these settings have */
};

/* Building: method.c --------------------------------------------------------------------------- */

/**
 * Builds networks and optimisers with weights drawn from the context's seed.
 * @param[out] out  owned; rst__method_free
 */
int rst__method_new(rst_method **out, rst_ctx *c, const rst_method_kind *kind,
                    const rst_method_options *o, rst_error *err);
void rst__method_free(rst_method *m);
/** For build functions: adds a network; its name is a literal. */
int rst__method_add(rst_method *m, const char *name, rst_part part, const rst_arch *a,
                    rst_error *err);
/** For build functions: whether the settings have a term. */
void rst__method_expect(rst_method *m, const char *name, bool on);
/** By name; NULL if there is none. */
rst_module *rst__method_net(const rst_method *m, const char *name);
/**
 * The head's architecture for a generator's taps: as many heads as taps, of the taps' widths.
 * RST_EINVAL when an id is no layer of the generator before its decoder.
 */
int rst__method_fit_head(rst_method_options *o, rst_error *err);
/** The i-th term's name; NULL past the last. */
const char *rst__method_term_name(const rst_method_kind *k, int i);

/* For forward and loss functions --------------------------------------------------------------- */

/** Keeps a picture of this step under a name; returns it. */
rst_tensor *rst__method_show(rst_method *m, const char *name, rst_tensor *t);
/** The picture of that name. */
rst_tensor *rst__method_see(const rst_method *m, const char *name);
/** Notes a term of the losses by its name in kind->term; returns it. */
rst_tensor *rst__method_term(rst_method *m, const char *name, rst_tensor *t);
/** A uniform number in [0,1), a whole one in [0,n): from the feed, or drawn. */
double rst__method_uniform(rst_method *m);
int64_t rst__method_below(rst_method *m, int64_t n);

/* A step: step.c ------------------------------------------------------------------------------- */

/** A batch on the host, n,h,w,3 in [-1,1]; a super-resolver's in [0,1]. */
typedef struct rst_method_batch {
    rst_dims s; /* of a; b has the same unless they are unaligned, or a is what b is made of */
    rst_dims s_b;
    const float *a, *b;
} rst_method_batch;

/** When in a run a step is. */
typedef struct rst_method_when {
    int epoch; /* from 1 */
    double t;  /* 0..1: iterations done of all */
    double lr;
} rst_method_when;

/**
 * One update of every network from `count` batches, whose gradients are averaged over their
 * pictures. m->loss holds the terms afterwards, means over the batches.
 *
 * @param seen  may be NULL; called once the losses are known, while the pictures are there
 * @return 0, RST_ENUMERIC (a term or a gradient is not finite; the error names it and the step),
 *         or the device's error
 */
int rst__method_step(rst_method *m, const rst_method_batch *batch, int count, rst_method_when when,
                     void (*seen)(void *user, rst_method *m), void *user, rst_error *err);
/**
 * The published code's data_dependent_initialize: the passes of a step without an update, which
 * spectral norm's u and v, and batch norms' running statistics, see. Methods without one do
 * nothing.
 */
int rst__method_warm_up(rst_method *m, const rst_method_batch *batch, rst_error *err);

/* Its state: state.c --------------------------------------------------------------------------- */

/** Everything a step depends on, as tensors "net.NAME.*", "adam.NAME.*", "ema.*", "pool.*" and
 *  "rng.*". */
int rst__method_store(const rst_method *m, rst_weights *w, rst_error *err);
int rst__method_load(rst_method *m, const rst_weights *w, rst_error *err);
/** A stream's state as a tensor of integers, for those that keep their own. */
int rst__rng_store(const rst_rng *r, rst_weights *w, const char *name, rst_error *err);
int rst__rng_load(rst_rng *r, const rst_weights *w, const char *name, rst_error *err);
/** A whole number of a checkpoint. RST_EFORMAT when it is not there. */
int rst__state_number(const rst_weights *w, const char *name, int64_t *out, rst_error *err);

#endif
