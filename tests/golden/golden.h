/* SPDX-License-Identifier: MIT */
/*
 * The golden runner: one case is a folder with case.json and, mostly, tensors.safetensors. A case
 * is mapped onto the library by its group and options.op, run in a process of its own, and what it
 * made is compared with what the file holds.
 */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <restain/graph.h>
#include <restain/image.h>
#include <restain/nn.h>
#include <restain/weights.h>

#include "base/json.h"

enum { GOLD_WHERES = 8 };

/** How the runner was asked to run. */
typedef struct gold_options {
    const char *backend;
    rst_conv_mode conv;
    int threads;
    bool verbose;
    int wheres; /* conditions on the options of a case */
    struct gold_where {
        const char *key, *value;
        bool other; /* any value but this one */
    } where[GOLD_WHERES];
} gold_options;

/** What a case's process tells the runner. */
typedef struct gold_verdict {
    bool passed;
    bool near_kink;    /* failed, but only through gradients that are off by less than 1e-2 */
    bool torch_layout; /* compared with gradients that the build of its reference misread */
    bool trained;      /* steps of training were made, and the first one's losses are right */
    double worst;      /* largest error over its tolerance */
    char where[160];   /* the tensor or value it belongs to */
    int64_t convs, winograd;
    char why[512]; /* of a failure */
} gold_verdict;

enum { GOLD_MAX_INPUTS = 64, GOLD_MAX_OUTPUTS = 64 };

/** Something the case made, under its full name in case.json. */
typedef struct gold_result {
    char *name;
    double *v;
    int64_t count;
    struct gold_result *next;
} gold_result;

/** A tensor that takes part in the case: its bare name and its handle. */
typedef struct gold_named {
    const char *name; /* borrowed from the case's JSON */
    rst_tensor *t;
} gold_named;

typedef struct gold_case {
    const gold_options *run;
    char dir[4096];
    json_t *json; /* owned; the others point into it */
    json_t *options, *values, *tensors;
    const char *group, *op;
    bool train;
    rst_weights *file; /* tensors.safetensors; NULL if there is none */
    rst_ctx *ctx;
    bool has_winograd_conv; /* some layer could run Winograd */
    int inputs, outputs;
    gold_named input[GOLD_MAX_INPUTS], output[GOLD_MAX_OUTPUTS];
    gold_result *result;
    gold_verdict *verdict;
    bool failed;
    rst_module *net; /* owned: a network whose pass from net_in to net_out can be recorded */
    const char *net_in, *net_out;
    const char *again; /* what messages begin with when an output is compared once more */
} gold_case;

/** A row of the table of operations. */
typedef struct gold_op {
    const char *op; /* "*": any */
    bool (*run)(gold_case *g);
    const char *options; /* names it understands, with blanks around each; NULL: any, because
                            `modules` says the same */
} gold_op;

/** Marks the case as failed; the first message stays. */
void gold_note_failure(gold_case *g, const char *fmt, ...) RST_PRINTF(2, 3);
/** The same as an expression that is false. */
#define gold_fail(...) (gold_note_failure(__VA_ARGS__), false)
/** Memory or the end of the process. */
void *gold_alloc(size_t count, size_t size);

/* case.c: what the case says. The getters of options fail the case when the type is wrong. ----- */

/** Whether a case is one that --where asks for; one that cannot be read is. */
bool gold_selected(const gold_options *o, const char *dir);
/** Reads case.json and the tensors, and checks one against the other. */
bool gold_open(gold_case *g);
void gold_close(gold_case *g);
bool gold_has(gold_case *g, const char *key);
int64_t gold_int(gold_case *g, const char *key, int64_t otherwise);
double gold_real(gold_case *g, const char *key, double otherwise);
bool gold_bool(gold_case *g, const char *key, bool otherwise);
/** NULL when absent. */
const char *gold_text(gold_case *g, const char *key);
/** Numbers of an array of exactly n; false: absent or (a failure) something else. */
bool gold_reals(gold_case *g, json_t *array, const char *what, int n, double *out);
/** The same of a member of an object, as integers. */
bool gold_pair(gold_case *g, json_t *object, const char *key, int64_t out[2]);
/** The tensor called prefix + name; fails the case if it is missing. */
const rst_weight *gold_tensor(gold_case *g, const char *prefix, const char *name);
/** The same without failing. */
const rst_weight *gold_find(const gold_case *g, const char *prefix, const char *name);
rst_dims gold_dims(const rst_weight *w);
/** Its numbers; owned by the caller (free). */
double *gold_f64(const rst_weight *w);
int64_t *gold_i64(gold_case *g, const rst_weight *w);
/** input.NAME on the device, wanting a gradient if the case has grad.input.NAME. */
rst_tensor *gold_input(gold_case *g, const char *name);
/** The weights of the case (`param.` and `buffer.`) without that word, owned. */
rst_weights *gold_weights(gold_case *g);

/* results.c: what the case makes. -------------------------------------------------------------- */

/** Under a full name: a copy of count numbers. */
bool gold_put(gold_case *g, const char *name, const double *v, int64_t count);
/** prefix + name, from a tensor. */
bool gold_put_tensor(gold_case *g, const char *prefix, const char *name, rst_tensor *t);
/** output.NAME; the tensor takes part in the scalar. False if it is NULL. */
bool gold_out(gold_case *g, const char *name, rst_tensor *t);
/** The scalar's gradients: grad.input.*, and grad.param.* of m (may be NULL). */
bool gold_backward(gold_case *g, rst_module *m);
/** after.buffer.* of m. */
bool gold_after(gold_case *g, rst_module *m);
/** Takes the context's error over, if there is one. */
bool gold_device_ok(gold_case *g);
/** A value of the case beside its tolerance: |got - want| <= atol + rtol |want|. */
bool gold_value(gold_case *g, const char *what, double got, double want, double atol, double rtol);

/* compare.c ------------------------------------------------------------------------------------ */

/** Every output, gradient and later state that the case lists, against what was made. */
bool gold_compare(gold_case *g);
/** One tensor: want from the file, got from anywhere, by the tolerances of its description. */
bool gold_compare_one(gold_case *g, const char *name, json_t *how, const double *got,
                      int64_t count);

/* nets.c --------------------------------------------------------------------------------------- */

/** Loads the case's weights (all of them) into m, and sets its mode. */
bool gold_load(gold_case *g, rst_module *m);
/** A module of an architecture, loaded. NULL: failed. */
rst_module *gold_net(gold_case *g, const rst_arch *a);
/** The architectures that a case's options describe. */
bool gold_generator_arch(gold_case *g, rst_arch *a);
bool gold_discriminator_arch(gold_case *g, rst_arch *a);
/** Notes whether m has a layer that Winograd must take. */
void gold_note_convs(gold_case *g, const rst_module *m);

/* losses.c --------------------------------------------------------------------------------------
 */

/** "L1_L2_L3": as many scales as follow each other from L1 on. 0: another word, which cannot be
 *  mapped. */
int gold_pyramid_scales(gold_case *g, const char *pattern);

/* pool.c --------------------------------------------------------------------------------------- */

/** The decisions in values.decisions, one after another: [kind, value], or an object with step,
 *  kind and value. */
typedef struct gold_chances {
    gold_case *g;
    size_t next;
} gold_chances;

/** The next one, whose kind must end with _WHAT and, if it says so, be of that step. */
bool gold_chance(gold_chances *c, int step, const char *what, double *out);
/** Whether all were used. */
bool gold_chances_used(gold_chances *c);

/* planned.c ------------------------------------------------------------------------------------ */

/** Hands over a network that maps input.IN to output.OUT (NULL: to none of them as it is);
 *  gold_planned runs it again later. */
void gold_give_net(gold_case *g, rst_module *m, const char *in, const char *out);
/** Outside of scopes: records that pass and compares what its replay gives. */
bool gold_planned(gold_case *g);

/* data.c --------------------------------------------------------------------------------------- */

/** A tensor [1,c,h,w] (or [c,h,w]) of 0..255 as an image, owned. */
bool gold_image(gold_case *g, const rst_weight *w, rst_image *out);

/* scores.c: the metrics that need no network. */

bool gold_ssim_psnr(gold_case *g);
bool gold_fid(gold_case *g);
bool gold_kid(gold_case *g);

/* modules.c ------------------------------------------------------------------------------------ */

/** The chain of layers that options.modules lists, loaded. NULL: failed. */
rst_module *gold_chain(gold_case *g);

/* prng.c --------------------------------------------------------------------------------------- */

/** The weights of m as values.weights says they are drawn. NULL: failed. */
rst_weights *gold_prng(gold_case *g, const rst_module *m);

/* Tables of operations, ended by a row of NULLs. */
extern const gold_op gold_layers[], gold_nets[], gold_losses[], gold_optim[], gold_data[],
    gold_formats[], gold_metrics[], gold_training[], gold_pool[];

/* child.c: running a case apart. --------------------------------------------------------------- */

/** Runs the case in dir and fills v. */
void gold_run(const gold_options *o, const char *dir, gold_verdict *v);
/** In a case's process: at most so much more memory and so much time; no file may grow. */
bool gold_limit(gold_case *g, double mib, double seconds);
/** Files may grow again (the report may be one). */
bool gold_allow_writing(gold_case *g);

#endif
