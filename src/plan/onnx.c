/* SPDX-License-Identifier: MIT */
#include "plan/onnx.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "plan/onnx_graph.h"
#include "plan/steps.h"

enum { NAME = 24 };

/* A recording on its way into a graph. */
typedef struct writer {
    const rst_plan *p;
    rst_onnx_graph *g;
    char (*name)[NAME]; /* of each value; "" until it is there */
    rst_error *err;
    int rc; /* the first failure; nothing is written after it */
} writer;

#define INT(key, value)                                                                            \
    {                                                                                              \
        key, RST_ONNX_INT, (value), 0, NULL, NULL                                                  \
    }
#define REAL(key, value)                                                                           \
    {                                                                                              \
        key, RST_ONNX_FLOAT, 0, (float)(value), NULL, NULL                                         \
    }
#define INTS(key, list)                                                                            \
    {                                                                                              \
        key, RST_ONNX_INTS, (int64_t)(sizeof(list) / sizeof *(list)), 0, list, NULL                \
    }
#define WORD(key, value)                                                                           \
    {                                                                                              \
        key, RST_ONNX_WORD, 0, 0, NULL, value                                                      \
    }

static void fail(writer *w, const plan_step *st, const char *what)
{
    if (w->rc == 0)
        w->rc = rst_fail(w->err, RST_EINVAL, "%s%s%s has no form in ONNX", st->op->name,
                         *what ? ", " : "", what);
}

/* Constants --------------------------------------------------------------------------------------
 */

/* The numbers of a constant in the order n,c,h,w; owned by the caller. */
static float *ordered(writer *w, int value)
{
    const plan_value *v = &w->p->value[value];
    const rst_dims s = v->s;
    const float *from = v->constant->p;
    float *to = rst__calloc((size_t)rst__numel(s), sizeof *to), *at = to;
    if (!to) {
        w->rc = w->rc ? w->rc : rst__fail_nomem(w->err, "constants");
        return NULL;
    }
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t c = 0; c < s.c; c++)
            for (int64_t i = 0; i < s.h * s.w; i++)
                *at++ = from[(n * s.h * s.w + i) * s.c + c];
    return to;
}

static void constant(writer *w, int value, int rank, const int64_t *dims, char *name)
{
    float *v = w->rc == 0 ? ordered(w, value) : NULL;
    rst__onnx_fresh(w->g, name);
    if (v)
        rst__onnx_floats(w->g, name, rank, dims, v);
    rst__free(v);
}

static void ints(writer *w, int64_t count, const int64_t *v, char *name)
{
    rst__onnx_fresh(w->g, name);
    rst__onnx_ints(w->g, name, count, v);
}

static void scalar(writer *w, double v, char *name)
{
    const float f = (float)v;
    rst__onnx_fresh(w->g, name);
    rst__onnx_floats(w->g, name, 0, NULL, &f);
}

/* A step's input as a value of the graph, with all of its four sides. */
static const char *input(writer *w, const plan_step *st, int i)
{
    const int k = st->in[i];
    const rst_dims s = w->p->value[k].s;
    if (!*w->name[k])
        constant(w, k, 4, (const int64_t[]){ s.n, s.c, s.h, s.w }, w->name[k]);
    return w->name[k];
}

/* A step's input that is a vector over channels: a bias, a scale. */
static void vector(writer *w, const plan_step *st, int i, char *name)
{
    if (!w->p->value[st->in[i]].constant)
        fail(w, st, "whose vectors are computed,");
    else
        constant(w, st->in[i], 1, &w->p->value[st->in[i]].s.c, name);
}

/* c times the same number. */
static void repeated(writer *w, int64_t c, float value, char *name)
{
    float *v = rst__calloc((size_t)c, sizeof *v);
    rst__onnx_fresh(w->g, name);
    if (!v) {
        w->rc = w->rc ? w->rc : rst__fail_nomem(w->err, "constants");
        return;
    }
    for (int64_t i = 0; i < c; i++)
        v[i] = value;
    rst__onnx_floats(w->g, name, 1, &c, v);
    rst__free(v);
}

/* Nodes ------------------------------------------------------------------------------------------
 */

/* The step's own value: what its last node makes. */
static char *result(writer *w, const plan_step *st)
{
    rst__onnx_fresh(w->g, w->name[st->out]);
    return w->name[st->out];
}

static void node(writer *w, const char *op, int n, const char *const *in, const char *out,
                 int attrs, const rst_onnx_attr *attr)
{
    if (w->rc == 0)
        rst__onnx_node(w->g, op, n, in, out, attrs, attr);
}

static void simple(writer *w, const plan_step *st, const char *op)
{
    const char *in[RST_MAX_INPUTS];
    for (int i = 0; i < st->n; i++)
        in[i] = input(w, st, i);
    node(w, op, st->n, in, result(w, st), 0, NULL);
}

/* x, with borders of that kind around it. */
static void padded(writer *w, const char *x, rst_pads p, rst_pad_mode mode, char *out)
{
    static const char *const modes[] = {
        [RST_PAD_ZERO] = "constant", [RST_PAD_REFLECT] = "reflect", [RST_PAD_EDGE] = "edge"
    };
    const int64_t pads[8] = { 0, 0, p.t, p.l, 0, 0, p.b, p.r };
    const rst_onnx_attr attr[] = { WORD("mode", modes[mode]) };
    char around[NAME];
    ints(w, 8, pads, around);
    node(w, "Pad", 2, (const char *const[]){ x, around }, out, 1, attr);
}

/* What a convolution reads: zeros around it are its own affair. */
static const char *bordered(writer *w, const char *x, rst_pads *p, rst_pad_mode mode, char *name)
{
    if (mode == RST_PAD_ZERO || !(p->t || p->l || p->b || p->r))
        return x;
    rst__onnx_fresh(w->g, name);
    padded(w, x, *p, mode, name);
    *p = (rst_pads){ 0, 0, 0, 0 };
    return name;
}

static void conv2d(writer *w, const plan_step *st)
{
    const rst_conv *g = &st->at.conv.g;
    char border[NAME], bias[NAME];
    rst_pads p = g->pad;
    const char *in[3] = { bordered(w, input(w, st, 0), &p, g->mode, border), input(w, st, 1),
                          bias };
    if (st->n > 2)
        vector(w, st, 2, bias);
    const int64_t strides[] = { g->sh, g->sw }, pads[] = { p.t, p.l, p.b, p.r },
                  k[] = { g->kh, g->kw };
    const rst_onnx_attr attr[] = { INTS("kernel_shape", k), INTS("strides", strides),
                                   INTS("pads", pads), INT("group", g->groups) };
    node(w, "Conv", st->n, in, result(w, st), 4, attr);
}

/* Rows [r,ci,1,1] times weights [co,ci,1,1]: a convolution of pictures of one pixel. */
static void matmul_nt(writer *w, const plan_step *st)
{
    if (st->at.rows.groups != 1)
        fail(w, st, "in groups,");
    else
        simple(w, st, "Conv");
}

static void conv_transpose2d(writer *w, const plan_step *st)
{
    const rst_conv *g = &st->at.conv.g;
    const rst_conv_options *o = &st->at.conv.o;
    char bias[NAME];
    const char *in[3] = { input(w, st, 0), input(w, st, 1), bias };
    if (st->n > 2)
        vector(w, st, 2, bias);
    const int64_t strides[] = { g->sh, g->sw }, pads[] = { g->pad.t, g->pad.l, g->pad.b, g->pad.r },
                  more[] = { o->out_pad_h, o->out_pad_w }, k[] = { g->kh, g->kw };
    const rst_onnx_attr attr[] = { INTS("kernel_shape", k), INTS("strides", strides),
                                   INTS("pads", pads), INTS("output_padding", more),
                                   INT("group", g->groups) };
    node(w, "ConvTranspose", st->n, in, result(w, st), 5, attr);
}

/* The filter of a blur for each of c channels: c x 1 x count x count. */
static void filter(writer *w, int64_t c, int count, const double *t, char *name)
{
    const int64_t n = (int64_t)count * count, dims[4] = { c, 1, count, count };
    float *v = rst__calloc((size_t)(c * n), sizeof *v);
    rst__onnx_fresh(w->g, name);
    if (!v) {
        w->rc = w->rc ? w->rc : rst__fail_nomem(w->err, "constants");
        return;
    }
    for (int64_t i = 0; i < c * n; i++)
        v[i] = (float)(t[i % n / count] * t[i % count]);
    rst__onnx_floats(w->g, name, 4, dims, v);
    rst__free(v);
}

static void blur(writer *w, const plan_step *st)
{
    const rst_blur_geom *g = &st->at.blur;
    char border[NAME], taps[NAME];
    rst_pads p = g->pad;
    const char *x = bordered(w, input(w, st, 0), &p, g->mode, border);
    filter(w, g->x.c, g->count, g->t, taps);
    const int64_t strides[] = { g->stride, g->stride }, pads[] = { p.t, p.l, p.b, p.r };
    const rst_onnx_attr attr[] = { INTS("strides", strides), INTS("pads", pads),
                                   INT("group", g->x.c) };
    node(w, "Conv", 2, (const char *const[]){ x, taps }, result(w, st), 3, attr);
}

/* Output m is place m + 2 + floor((count - 1)/2) of what the padded side spreads to (spec 14.1). */
static void blur_up(writer *w, const plan_step *st)
{
    const int count = st->at.up.count, before = 2 + (count - 1) / 2, after = 2 + count - before;
    const int64_t c = w->p->value[st->in[0]].s.c;
    const int64_t strides[] = { 2, 2 }, pads[] = { before, before, after, after };
    char border[NAME], taps[NAME];
    rst__onnx_fresh(w->g, border);
    padded(w, input(w, st, 0), (rst_pads){ 1, 1, 1, 1 }, RST_PAD_EDGE, border);
    filter(w, c, count, st->at.up.t, taps);
    const rst_onnx_attr attr[] = { INTS("strides", strides), INTS("pads", pads), INT("group", c) };
    node(w, "ConvTranspose", 2, (const char *const[]){ border, taps }, result(w, st), 3, attr);
}

/* Inputs behind x, in order: [gamma], [beta], [running mean, running variance]. */
static void norm(writer *w, const plan_step *st)
{
    const rst_norm *g = &st->at.norm.g;
    char gamma[NAME], beta[NAME], mean[NAME], var[NAME];
    const char *in[5] = { input(w, st, 0), gamma, beta, mean, var };
    int i = 1;
    if (g->batch && !g->fixed && g->x.n > 1) {
        fail(w, st, "by statistics of several pictures,");
        return;
    }
    if (st->at.norm.gamma)
        vector(w, st, i++, gamma);
    else
        repeated(w, g->x.c, 1, gamma);
    if (st->at.norm.beta)
        vector(w, st, i++, beta);
    else
        repeated(w, g->x.c, 0, beta);
    if (g->fixed) {
        vector(w, st, i++, mean);
        vector(w, st, i, var);
    }
    const rst_onnx_attr attr[] = { REAL("epsilon", g->eps) };
    node(w, g->fixed ? "BatchNormalization" : "InstanceNormalization", g->fixed ? 5 : 3, in,
         result(w, st), 1, attr);
}

static void map(writer *w, const plan_step *st)
{
    static const char *const op[] = {
        [RST_MAP_RELU] = "Relu", [RST_MAP_LEAKY] = "LeakyRelu",
        [RST_MAP_TANH] = "Tanh", [RST_MAP_SIGMOID] = "Sigmoid",
        [RST_MAP_ABS] = "Abs",   [RST_MAP_SOFTPLUS] = "Softplus",
    };
    const rst_map f = st->at.map.f;
    const char *const in[2] = { input(w, st, 0), input(w, st, 0) };
    const rst_onnx_attr slope[] = { REAL("alpha", st->at.map.a) };
    if (f == RST_MAP_SQUARE)
        node(w, "Mul", 2, in, result(w, st), 0, NULL);
    else
        node(w, op[f], 1, in, result(w, st), f == RST_MAP_LEAKY, slope);
}

static void affine(writer *w, const plan_step *st)
{
    char a[NAME], b[NAME], ax[NAME];
    scalar(w, st->at.map.a, a);
    scalar(w, st->at.map.b, b);
    rst__onnx_fresh(w->g, ax);
    node(w, "Mul", 2, (const char *const[]){ input(w, st, 0), a }, ax, 0, NULL);
    node(w, "Add", 2, (const char *const[]){ ax, b }, result(w, st), 0, NULL);
}

static void binary(writer *w, const plan_step *st)
{
    static const char *const op[] = {
        [RST_BIN_ADD] = "Add", [RST_BIN_SUB] = "Sub", [RST_BIN_MUL] = "Mul"
    };
    simple(w, st, op[st->at.bin]);
}

static void addn(writer *w, const plan_step *st)
{
    simple(w, st, "Sum");
}

/* RST_AXIS_N, _C, _H, _W are bits 0 to 3: the axes of NCHW. */
static int64_t axes_of(unsigned bits, int64_t *axes)
{
    int64_t n = 0;
    for (int i = 0; i < 4; i++)
        if (bits >> i & 1)
            axes[n++] = i;
    return n;
}

static void reduce(writer *w, const plan_step *st)
{
    int64_t axes[4];
    const int64_t n = axes_of(st->at.reduce.axes, axes);
    const rst_onnx_attr attr[] = { { "axes", RST_ONNX_INTS, n, 0, axes, NULL } };
    const double count =
        (double)rst__numel(w->p->value[st->in[0]].s) / (double)rst__numel(w->p->value[st->out].s);
    const char *const x[] = { input(w, st, 0) };
    if (st->op == &rst__op_max)
        node(w, "ReduceMax", 1, x, result(w, st), 1, attr);
    else if (fabs(st->at.reduce.scale * count - 1) < 1e-9)
        node(w, "ReduceMean", 1, x, result(w, st), 1, attr);
    else
        fail(w, st, "that is neither mean nor maximum,");
}

static void concat(writer *w, const plan_step *st)
{
    int64_t axis[4];
    const char *in[RST_MAX_INPUTS];
    for (int i = 0; i < st->n; i++)
        in[i] = input(w, st, i);
    (void)axes_of(st->at.span.axis, axis);
    const rst_onnx_attr attr[] = { INT("axis", axis[0]) };
    node(w, "Concat", st->n, in, result(w, st), 1, attr);
}

static void slice(writer *w, const plan_step *st)
{
    int64_t axis[4];
    char from[NAME], to[NAME], along[NAME];
    (void)axes_of(st->at.span.axis, axis);
    ints(w, 1, &st->at.span.from, from);
    ints(w, 1, &st->at.span.to, to);
    ints(w, 1, axis, along);
    node(w, "Slice", 4, (const char *const[]){ input(w, st, 0), from, to, along }, result(w, st), 0,
         NULL);
}

static void pad(writer *w, const plan_step *st)
{
    const char *x = input(w, st, 0);
    padded(w, x, st->at.pad.p, st->at.pad.mode, result(w, st));
}

static void pool(writer *w, const plan_step *st)
{
    const rst_pool2d *g = &st->at.pool.g;
    const bool average = st->op == &rst__op_avg_pool;
    const int64_t k[] = { g->kh, g->kw }, strides[] = { g->sh, g->sw },
                  pads[] = { g->ph, g->pw, g->ph, g->pw };
    const rst_onnx_attr attr[] = { INTS("kernel_shape", k), INTS("strides", strides),
                                   INTS("pads", pads), INT("ceil_mode", st->at.pool.ceil_mode),
                                   INT("count_include_pad", g->include_pad) };
    node(w, average ? "AveragePool" : "MaxPool", 1, (const char *const[]){ input(w, st, 0) },
         result(w, st), average ? 5 : 4, attr);
}

static void adaptive_pool(writer *w, const plan_step *st)
{
    if (st->at.dims.h != 1 || st->at.dims.w != 1)
        fail(w, st, "to more than one place,");
    else
        simple(w, st, "GlobalAveragePool");
}

/* torch's interpolate: nearest by floor(i * step), the others by pixel centres. */
static void resample(writer *w, const plan_step *st)
{
    static const char *const kind[] = {
        [RST_NEAREST] = "nearest", [RST_BILINEAR] = "linear", [RST_BICUBIC] = "cubic"
    };
    const rst_resample *g = &st->at.res;
    const bool nearest = g->kind == RST_NEAREST;
    const float scale[4] = { 1, 1, (float)(1 / g->sy), (float)(1 / g->sx) };
    const int64_t four = 4;
    char by[NAME];
    const rst_onnx_attr attr[] = { WORD("mode", kind[g->kind]),
                                   WORD("coordinate_transformation_mode",
                                        nearest ? "asymmetric" : "half_pixel"),
                                   WORD("nearest_mode", "floor"), REAL("cubic_coeff_a", -0.75) };
    rst__onnx_fresh(w->g, by);
    rst__onnx_floats(w->g, by, 1, &four, scale);
    node(w, "Resize", 3, (const char *const[]){ input(w, st, 0), "", by }, result(w, st), 4, attr);
}

/* The graph --------------------------------------------------------------------------------------
 */

typedef struct form {
    const rst_op *op;
    void (*write)(writer *w, const plan_step *st);
} form;

static const form forms[] = {
    { &rst__op_map_out, map },
    { &rst__op_map_in, map },
    { &rst__op_affine, affine },
    { &rst__op_add, binary },
    { &rst__op_sub, binary },
    { &rst__op_mul, binary },
    { &rst__op_addn, addn },
    { &rst__op_reduce, reduce },
    { &rst__op_max, reduce },
    { &rst__op_conv2d, conv2d },
    { &rst__op_conv_transpose2d, conv_transpose2d },
    { &rst__op_matmul_nt, matmul_nt },
    { &rst__op_norm, norm },
    { &rst__op_concat, concat },
    { &rst__op_slice, slice },
    { &rst__op_pad, pad },
    { &rst__op_blur, blur },
    { &rst__op_blur_up, blur_up },
    { &rst__op_max_pool, pool },
    { &rst__op_avg_pool, pool },
    { &rst__op_adaptive_pool, adaptive_pool },
    { &rst__op_resample, resample },
};

static void write_step(writer *w, const plan_step *st)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i].op == st->op) {
            forms[i].write(w, st);
            return;
        }
    fail(w, st, "");
}

/* Value 0 is the picture; the output gets its name by a node that does nothing else. */
static int write_graph(const rst_plan *p, rst_onnx_graph *g, rst_error *err)
{
    writer w = { .p = p, .g = g, .err = err };
    w.name = rst__calloc((size_t)p->values, sizeof *w.name);
    if (!w.name)
        return rst__fail_nomem(err, "names");
    (void)snprintf(w.name[0], NAME, "input");
    for (int i = 0; i < p->steps && w.rc == 0; i++)
        if (p->step[i].op)
            write_step(&w, &p->step[i]);
    node(&w, "Identity", 1, (const char *const[]){ w.name[p->out[0]] }, "output", 0, NULL);
    rst__free(w.name);
    return w.rc;
}

typedef struct traced {
    rst_onnx_graph g;
    rst_dims in, out;
} traced;

static int trace(traced *t, rst_ctx *c, rst_dims s, rst_plan_fn fn, void *arg, rst_error *err)
{
    rst_plan *p;
    *t = (traced){ .g = rst__onnx_graph(), .in = s };
    int rc = rst__plan_trace(&p, c, s, fn, arg, err);
    if (rc < 0)
        return rc;
    t->out = p->value[p->out[0]].s;
    rc = write_graph(p, &t->g, err);
    rst__plan_free(p);
    return rc;
}

static bool same_text(const rst_str *a, const rst_str *b)
{
    return a->len == b->len && !a->failed && !b->failed && memcmp(a->s, b->s, a->len) == 0;
}

/* Whether a picture of that shape makes the same graph. */
static bool serves(const traced *t, rst_ctx *c, rst_dims s, rst_plan_fn fn, void *arg)
{
    traced other;
    rst_error ignored = RST_ERROR_INIT;
    const bool same = trace(&other, c, s, fn, arg, &ignored) == 0 &&
                      same_text(&t->g.node, &other.g.node) &&
                      same_text(&t->g.constant, &other.g.constant);
    rst__onnx_free(&other.g);
    return same;
}

static int write_file(const traced *t, bool any_batch, bool any_size, const rst_onnx_about *about,
                      const char *path, rst_error *err)
{
    const rst_dims i = t->in, o = t->out;
    const int64_t batch = any_batch ? 0 : 1, side = any_size ? 0 : 1;
    const rst_onnx_file f = { .name = about->name,
                              .text = about->text,
                              .meta = about->meta,
                              .metas = about->metas,
                              .in = "input",
                              .out = "output",
                              .in_dims = { batch * i.n, i.c, side * i.h, side * i.w },
                              .out_dims = { batch * o.n, o.c, side * o.h, side * o.w } };
    return rst__onnx_write(&t->g, &f, path, err);
}

int rst__plan_write_onnx(rst_ctx *c, rst_dims s, rst_plan_fn fn, void *arg,
                         const rst_onnx_about *about, const char *path, rst_error *err)
{
    traced t;
    int rc = trace(&t, c, s, fn, arg, err);
    if (rc == 0) {
        const rst_dims more = { s.n + 1, s.c, s.h, s.w },
                       wider = { s.n, s.c, s.h + about->stride, s.w + 3 * about->stride };
        rc = write_file(&t, serves(&t, c, more, fn, arg), serves(&t, c, wider, fn, arg), about,
                        path, err);
    }
    rst__onnx_free(&t.g);
    return rc;
}
