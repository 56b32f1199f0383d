/* SPDX-License-Identifier: MIT */
/*
 * What a backend is: memory and kernels. Kernels are pure functions on raw pointers and sizes; they
 * know nothing of tapes, scopes or modules.
 *
 * Storage. A tensor of dims {n,c,h,w} is dense in the order n,h,w,c (NHWC), in every backend that
 * exists today; weights follow the same rule: a convolution's [co,ci,kh,kw] lies as co,kh,kw,ci.
 * Only upload and download speak another order, so a backend may store otherwise as long as all of
 * its kernels agree. A backend lists its kernels in its table; a NULL entry is filled from `ref`
 * where the memory is the host's and the type agrees (rst__backend_complete).
 *
 * Every kernel returns 0 or a negative rst_status with dev->err set. Outputs never overlap inputs
 * unless a kernel says so. In a vjp, `add` asks for dx += instead of dx =; what must be summed over
 * many elements is summed in an order that depends on the shape alone, never on the threads.
 */
#ifndef RST_BACKEND_BACKEND_H
#define RST_BACKEND_BACKEND_H

#include "tensor/dims.h"

#define RST_BACKEND_API 1

typedef struct rst_backend rst_backend;
typedef struct rst_packed rst_packed; /* weights in a backend's own order; opaque */

/** The part of an open device that everybody may read; backends put their own fields behind it. */
typedef struct rst_dev {
    const rst_backend *be;
    int threads;
    rst_conv_mode conv;
    rst_precision precision;
    int64_t convs, convs_winograd; /* counters, see rst_ctx_stats */
    double macs;
    rst_error err; /* the last kernel's error */
} rst_dev;

/** Elementwise functions; a and b are their constants. */
typedef enum rst_map {
    RST_MAP_NONE, /* identity; for epilogues */
    RST_MAP_RELU,
    RST_MAP_LEAKY, /* slope a */
    RST_MAP_TANH,
    RST_MAP_SIGMOID,
    RST_MAP_ABS, /* derivative 0 at 0 */
    RST_MAP_SQUARE,
    RST_MAP_SOFTPLUS,
    RST_MAP_AFFINE /* a*x + b */
} rst_map;

typedef enum rst_binary { RST_BIN_ADD, RST_BIN_SUB, RST_BIN_MUL } rst_binary;

/** A copy of a block of `size` from offset `so` of a tensor `sd` to offset `off` of a tensor `dd`.
 */
typedef struct rst_block {
    rst_dims size, sd, so, dd, off;
    bool add;
} rst_block;

/** Geometry of a convolution. x [n,ci,h,w], w [co,ci/groups,kh,kw], y [n,co,oh,ow]. */
typedef struct rst_conv {
    rst_dims x;
    int64_t co, oh, ow;
    int kh, kw, sh, sw;
    rst_pads pad;
    rst_pad_mode mode;
    int groups;
} rst_conv;

/** What is applied to a kernel's result as it is written: act(y + bias[c]). */
typedef struct rst_epilogue {
    const void *bias; /* [c] or NULL */
    rst_map act;      /* NONE, RELU, LEAKY, TANH, SIGMOID */
    double a;
} rst_epilogue;

/** A depthwise separable filter with taps t (the 2-D filter is t outer t). y [n,c,oh,ow]. */
typedef struct rst_blur_geom {
    rst_dims x;
    int64_t oh, ow;
    int count, stride;
    double t[8];
    rst_pads pad;
    rst_pad_mode mode;
} rst_blur_geom;

/** A normalisation of x: statistics per n,c (instance) or per c over the batch. */
typedef struct rst_norm {
    rst_dims x;
    bool batch; /* statistics [c] over n,h,w; else [n*c] over h,w */
    bool fixed; /* mean and var are constants for the gradient (running statistics) */
    double eps;
    rst_map act; /* applied last: act(norm + residual) */
    double a;
} rst_norm;

/** Windows of a pooling; y [n,c,oh,ow]; windows may hang over the border. */
typedef struct rst_pool2d {
    rst_dims x;
    int64_t oh, ow;
    int kh, kw, sh, sw, ph, pw;
    bool include_pad; /* average over the part of the window inside the padded image */
} rst_pool2d;

/** Resampling of x [n,c,h,w] to [n,c,oh,ow]: source step per destination pixel sy, sx. */
typedef struct rst_resample {
    rst_dims x;
    int64_t oh, ow;
    double sy, sx;
    rst_interp kind;
} rst_resample;

struct rst_backend {
    int api; /* RST_BACKEND_API */
    const char *name;
    rst_dtype dtype;
    bool host_memory;
    int (*open)(rst_dev **dev, const rst_ctx_options *o, rst_error *err);
    void (*close)(rst_dev *dev);
    void *(*alloc)(rst_dev *dev, size_t bytes); /* NULL when there is none */
    void (*release)(rst_dev *dev, void *p);
    /** One line that says which kernels this device runs (instruction set, libraries); for doctor.
     */
    const char *(*describe)(rst_dev *dev);
#define RST_KERNEL(name, args) int(*name) args;
#include "backend/kernels.def"
#undef RST_KERNEL
};

/** Fills NULL kernels of be from `from` (same dtype, host memory). */
void rst__backend_complete(rst_backend *be, const rst_backend *from);
/** The backend of a name (NULL: "cpu") and type; NULL when there is none. */
const rst_backend *rst__backend_find(const char *name, rst_dtype dtype);
/** The i-th registered backend; NULL past the last. */
const rst_backend *rst__backend_at(int i);
/** Sets dev->err and returns code, for kernels. */
int rst__dev_fail(rst_dev *dev, int code, const char *fmt, ...) RST_PRINTF(3, 4);

/** The tables. */
extern const rst_backend rst__ref_f32, rst__ref_f64;
const rst_backend *rst__cpu_backend(void);

#endif
