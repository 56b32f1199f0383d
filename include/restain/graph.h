/* SPDX-License-Identifier: MIT */
/**
 * @file graph.h
 * The engine: call an op, get its value; call rst_backward, get the gradients.
 *
 * An op runs at once and, if an input wants a gradient, leaves one node on the tape. Errors stick:
 * the first one is kept in the context, every later op returns NULL and does nothing, and rst_end()
 * of the outermost scope reports it. A tensor dies with the scope it was made in; parameters belong
 * to modules. A context and all it made are used by one thread at a time; contexts are independent.
 *
 * Tensors are indexed n,c,h,w here and in weight files, always four of them; how a backend stores
 * them is its own business. A matrix of R rows and C columns is n = R, c = C, h = w = 1; a vector
 * of C is c = C with the rest 1; a scalar is 1,1,1,1.
 */
#ifndef RESTAIN_GRAPH_H
#define RESTAIN_GRAPH_H

#include <restain/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rst_ctx rst_ctx;       /**< device, memory pool, tape, random streams */
typedef struct rst_tensor rst_tensor; /**< a value on the context's device */

/** A shape. Every field is at least 1. */
typedef struct rst_dims {
    int64_t n, c, h, w;
} rst_dims;

/** Number types. Networks are float32; float64 exists on the `ref` backend, for gradient tests. */
typedef enum rst_dtype { RST_F32, RST_F64, RST_I32 } rst_dtype;

/** Order of numbers in a host array: RST_NCHW as in weight files, RST_NHWC as in images. */
typedef enum rst_order { RST_NCHW, RST_NHWC } rst_order;

/** How a convolution is computed; see doc/speed.md for speed and error of each. */
typedef enum rst_conv_mode { RST_CONV_AUTO, RST_CONV_DIRECT, RST_CONV_WINOGRAD } rst_conv_mode;

/** What convolutions multiply. BF16: Winograd's forward products in bf16, summed in float, where
 * the processor has AVX-512 BF16; all else, and every gradient, is float as ever. doc/speed.md has
 * its speed and error. */
typedef enum rst_precision { RST_PRECISION_FP32, RST_PRECISION_BF16 } rst_precision;

/** Options of a context; all zero is what most want. */
typedef struct rst_ctx_options {
    const char *backend;     /**< "cpu" (NULL), "ref" */
    rst_dtype dtype;         /**< RST_F32; RST_F64 only on "ref" */
    int threads;             /**< 0: as many as the machine has, or OMP_NUM_THREADS */
    rst_conv_mode conv;      /**< RST_CONV_AUTO */
    uint64_t seed;           /**< of every random stream */
    rst_precision precision; /**< RST_PRECISION_FP32; BF16 only on "cpu", not with conv DIRECT */
} rst_ctx_options;

/** What a context has done and holds. */
typedef struct rst_ctx_stats {
    size_t bytes_live;      /**< tensors alive now */
    size_t bytes_peak;      /**< the most they ever were */
    int64_t convs;          /**< dense convolution calls so far, forward and backward */
    int64_t convs_winograd; /**< those that ran Winograd */
    double macs;            /**< multiply-adds of convolutions, as the direct algorithm counts */
    int threads;
    const char *backend;
} rst_ctx_stats;

/** @param[out] out owned; rst_ctx_free. @return 0, RST_EINVAL (no such backend; what it or the
 * processor cannot do), RST_ENOMEM */
RST_API int rst_ctx_new(rst_ctx **out, const rst_ctx_options *o, rst_error *err);
RST_API void rst_ctx_free(rst_ctx *c);
RST_API rst_ctx_stats rst_ctx_statistics(const rst_ctx *c);

/* Scopes --------------------------------------------------------------------------------------- */

/** Opens a scope; scopes nest. The outermost one clears the context's error. */
RST_API void rst_begin(rst_ctx *c);
/** The same, and ops in it leave no tape. */
RST_API void rst_begin_nograd(rst_ctx *c);
/** Hands t to the enclosing scope; called before rst_end of the scope t was made in. */
RST_API rst_tensor *rst_keep(rst_tensor *t);
/** Closes the scope: its tensors die. @return 0, or the first error since the outermost begin. */
RST_API int rst_end(rst_ctx *c, rst_error *err);
/** The context's error so far: its code (0: none); *err is filled if there is one. */
RST_API int rst_ctx_error(const rst_ctx *c, rst_error *err);

/* In and out ------------------------------------------------------------------------------------
 */

/** Copies n*c*h*w floats in, converted to the context's type. */
RST_API rst_tensor *rst_upload(rst_ctx *c, rst_dims s, rst_order order, const float *v);
/** Doubles in (rounded on a float32 context). */
RST_API rst_tensor *rst_upload_f64(rst_ctx *c, rst_dims s, rst_order order, const double *v);
/** Row numbers for rst_gather; values must fit 31 bits. */
RST_API rst_tensor *rst_upload_ids(rst_ctx *c, int64_t count, const int64_t *ids);
RST_API rst_tensor *rst_full(rst_ctx *c, rst_dims s, double value);
/** Copies a tensor out; waits for the device. @return 0 or the context's error */
RST_API int rst_download(rst_tensor *t, rst_order order, float *v);
RST_API int rst_download_f64(rst_tensor *t, rst_order order, double *v);
/** A scalar's value; NaN once the context failed. */
RST_API double rst_item(rst_tensor *scalar);
RST_API rst_dims rst_shape(const rst_tensor *t);

/* Gradients -------------------------------------------------------------------------------------
 */

/** Marks a tensor that was uploaded as one that wants a gradient. Returns t. */
RST_API rst_tensor *rst_want_grad(rst_tensor *t);
/** Adds d(loss)/d(p) into the gradient of every parameter and wanting tensor; loss is a scalar. */
RST_API int rst_backward(rst_tensor *loss);
/** The same from any tensor y, given the cotangent dy of its shape. */
RST_API int rst_backward_from(rst_tensor *y, rst_tensor *dy);
/** The gradient gathered so far, as a tensor of the current scope; NULL if there is none. */
RST_API rst_tensor *rst_grad(rst_tensor *t);
/** Same storage, no way back. */
RST_API rst_tensor *rst_detach(rst_tensor *x);
/**
 * Activation checkpointing: y = fn(arg, x), of which only x is kept; backward runs fn again. State
 * that fn advances (spectral norm's u and v, running statistics, dropout) advances once.
 */
RST_API rst_tensor *rst_checkpoint(rst_tensor *(*fn)(void *arg, rst_tensor *x), void *arg,
                                   rst_tensor *x);

/* Ops. NULL in gives NULL out; only a bias, gamma or beta may be NULL by right. ------------------
 */

typedef enum rst_pad_mode { RST_PAD_ZERO, RST_PAD_REFLECT, RST_PAD_EDGE } rst_pad_mode;

/** Pixels added on each side. */
typedef struct rst_pads {
    int t, l, b, r;
} rst_pads;

/** Options of a convolution; zero means the usual: stride 1, no padding, zeros, one group. */
typedef struct rst_conv_options {
    int stride_h, stride_w; /**< 0 counts as 1 */
    rst_pads pad;
    rst_pad_mode mode;        /**< what padding holds; RST_PAD_REFLECT does not repeat the edge */
    int groups;               /**< 0 counts as 1 */
    int out_pad_h, out_pad_w; /**< transposed convolution only: rows and columns added at the end */
} rst_conv_options;

/** x [n,ci,h,w] * w [co,ci/groups,kh,kw] (+ bias [1,co,1,1]) -> [n,co,oh,ow]; cross-correlation. */
RST_API rst_tensor *rst_conv2d(rst_tensor *x, rst_tensor *w, rst_tensor *bias, rst_conv_options o);
/** x [n,ci,h,w] * w [ci,co/groups,kh,kw] -> [n,co,(h-1)*stride-2*pad+kh+out_pad, ...]; zero
 * padding. */
RST_API rst_tensor *rst_conv_transpose2d(rst_tensor *x, rst_tensor *w, rst_tensor *bias,
                                         rst_conv_options o);
/** rows x [r,ci] times w [co,ci] transposed (+ bias) -> [r,co]. */
RST_API rst_tensor *rst_linear(rst_tensor *x, rst_tensor *w, rst_tensor *bias);
/** Per group: a [g*p,c] times b [g*q,c] transposed -> [g*p,q], for g groups of consecutive rows. */
RST_API rst_tensor *rst_matmul_nt(rst_tensor *a, rst_tensor *b, int64_t groups);

/** (x - mean) / sqrt(var + eps) over h,w of each n,c, biased variance; gamma, beta [1,c,1,1] or
 * NULL. */
RST_API rst_tensor *rst_instance_norm(rst_tensor *x, rst_tensor *gamma, rst_tensor *beta,
                                      double eps);
/** How a batch norm takes its statistics. */
typedef enum rst_bn_mode {
    RST_BN_TRAIN,  /**< of the batch; running statistics advance */
    RST_BN_BATCH,  /**< of the batch; running statistics stay (`--bn batch` at inference) */
    RST_BN_RUNNING /**< the running ones (PyTorch's eval) */
} rst_bn_mode;
/** Over n,h,w of each c; mean and var are the running statistics [1,c,1,1] (spec 0.4). */
RST_API rst_tensor *rst_batch_norm(rst_tensor *x, rst_tensor *gamma, rst_tensor *beta,
                                   rst_tensor *mean, rst_tensor *var, rst_bn_mode mode,
                                   double momentum, double eps);
/**
 * Weight over its largest singular value, as PyTorch's old spectral_norm hook (spec 0.5): u
 * [1,co,1,1] and v [1,ci*kh*kw,1,1] are advanced by one power iteration in place if iterate is set.
 * transposed: w is a transposed convolution's, its matrix is taken over dimension 1.
 */
RST_API rst_tensor *rst_spectral(rst_tensor *w, rst_tensor *u, rst_tensor *v, bool transposed,
                                 bool iterate);

RST_API rst_tensor *rst_relu(rst_tensor *x);
RST_API rst_tensor *rst_leaky_relu(rst_tensor *x, double slope);
RST_API rst_tensor *rst_tanh(rst_tensor *x);
RST_API rst_tensor *rst_sigmoid(rst_tensor *x);
RST_API rst_tensor *rst_abs(rst_tensor *x);
RST_API rst_tensor *rst_square(rst_tensor *x);
/** log(1 + exp(x)), without overflow. */
RST_API rst_tensor *rst_softplus(rst_tensor *x);
/** a*x + b */
RST_API rst_tensor *rst_affine(rst_tensor *x, double a, double b);
RST_API rst_tensor *rst_scale(rst_tensor *x, double a);

/** Elementwise; a dimension of 1 on either side is broadcast. */
RST_API rst_tensor *rst_add(rst_tensor *x, rst_tensor *y);
RST_API rst_tensor *rst_sub(rst_tensor *x, rst_tensor *y);
RST_API rst_tensor *rst_mul(rst_tensor *x, rst_tensor *y);
/** Sum of count tensors of one shape. */
RST_API rst_tensor *rst_addn(int count, rst_tensor *const x[]);

/** Axes of a reduction, or-ed together. */
enum { RST_AXIS_N = 1, RST_AXIS_C = 2, RST_AXIS_H = 4, RST_AXIS_W = 8, RST_AXIS_ALL = 15 };
/** Over the given axes, each of which becomes 1. Sums are taken in double. */
RST_API rst_tensor *rst_sum(rst_tensor *x, unsigned axes);
RST_API rst_tensor *rst_mean(rst_tensor *x, unsigned axes);
/** Maximum over h,w or over c; the gradient goes to the first of equal maxima. */
RST_API rst_tensor *rst_max(rst_tensor *x, unsigned axes);

/** Along axis c (RST_AXIS_C), n or h or w; the other dimensions agree. */
RST_API rst_tensor *rst_concat(unsigned axis, int count, rst_tensor *const x[]);
/** Indices from..to-1 along one axis. */
RST_API rst_tensor *rst_slice(rst_tensor *x, unsigned axis, int64_t from, int64_t to);
/** Pads; negative values are refused. Reflect needs every pad < the side. */
RST_API rst_tensor *rst_pad2d(rst_tensor *x, rst_pads p, rst_pad_mode mode);
/** Mirrors along w. */
RST_API rst_tensor *rst_flip_w(rst_tensor *x);
/** A map [n,c,h,w] as rows [n*h*w,c], row-major over n,h,w. */
RST_API rst_tensor *rst_rows(rst_tensor *x);
/** Rows [n*h*w,c] as a map of the given shape. */
RST_API rst_tensor *rst_unrows(rst_tensor *x, rst_dims s);
/** Rows of the map at places ids (y*w + x, the same for every image): [n*count,c], image-major. */
RST_API rst_tensor *rst_gather(rst_tensor *x, rst_tensor *ids);

/** Depthwise filter: outer product of taps with itself, any sum; count <= 8. */
typedef struct rst_blur_options {
    int count;
    double taps[8];
    int stride; /**< 0 counts as 1 */
    rst_pads pad;
    rst_pad_mode mode;
} rst_blur_options;
RST_API rst_tensor *rst_blur(rst_tensor *x, rst_blur_options o);
/** CUT's antialias Downsample of filter size 1..7 (spec 0.6, 14.1). */
RST_API rst_tensor *rst_downsample(rst_tensor *x, int filter, rst_pad_mode mode);
/** CUT's antialias Upsample x2 of filter size 1..7, replicated border (spec 0.6, 14.1). */
RST_API rst_tensor *rst_upsample(rst_tensor *x, int filter);

typedef struct rst_pool_options {
    int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
    bool ceil_mode;         /**< the last window may hang over the border */
    bool count_include_pad; /**< average: divide by the whole window */
} rst_pool_options;
RST_API rst_tensor *rst_max_pool(rst_tensor *x, rst_pool_options o);
RST_API rst_tensor *rst_avg_pool(rst_tensor *x, rst_pool_options o);
/** Mean over windows floor(i*h/oh) .. ceil((i+1)*h/oh)-1. */
RST_API rst_tensor *rst_adaptive_avg_pool(rst_tensor *x, int64_t oh, int64_t ow);

typedef enum rst_interp { RST_NEAREST, RST_BILINEAR, RST_BICUBIC } rst_interp;
/** torch's interpolate, align_corners False, no antialiasing (spec 14.3), to a size. */
RST_API rst_tensor *rst_resize(rst_tensor *x, rst_interp kind, int64_t oh, int64_t ow);
/** The same by a factor: size floor(h*factor), source step 1/factor. */
RST_API rst_tensor *rst_resize_by(rst_tensor *x, rst_interp kind, double factor);

/** How rst_l2norm guards against zero (spec 1.6, 8.6). */
typedef enum rst_l2_kind {
    RST_L2_CUT, /**< x / (||x|| + eps) */
    RST_L2_ASP  /**< x / ||x + eps|| */
} rst_l2_kind;
/** Unit length over c at every n,h,w. */
RST_API rst_tensor *rst_l2norm(rst_tensor *x, rst_l2_kind kind, double eps);

/**
 * PatchNCE from similarities (spec 3.4): s [g*p,p] holds q.k per group of p rows; row i's positive
 * is its diagonal; the same entry counts as a negative of -10. Loss per row [g*p,1], temperature t.
 */
RST_API rst_tensor *rst_nce(rst_tensor *s, double t);
/** The diagonal of each group of s [g*p,p] as [g*p,1]; no gradient. */
RST_API rst_tensor *rst_diagonal(rst_tensor *s);

typedef enum rst_asp_lookup {
    RST_ASP_UNIFORM,
    RST_ASP_LINEAR,
    RST_ASP_TOP,
    RST_ASP_BELL
} rst_asp_lookup;
/** Adaptive weights of spec 3.5 from cosines x [r,1]: p + (1-p)*h(x), scaled to mean 1 as in the
 * published code, or plain as in the equations; no gradient. */
RST_API rst_tensor *rst_asp_weights(rst_tensor *x, double p, rst_asp_lookup h, bool plain);

#ifdef __cplusplus
}
#endif
#endif
