/* SPDX-License-Identifier: MIT */
/* Running layers. */
#include "base/alloc.h"
#include "grad/engine.h"
#include "nn/module.h"
#include "nn/stats.h"

static rst_tensor *value(const rst_param *p)
{
    return p ? p->value : NULL;
}

static rst_tensor *run_conv(rst_module *m, const rst_layer *l, rst_tensor *x, rst_conv_options o)
{
    rst_tensor *w = value(l->w);
    if (l->u)
        w = rst_spectral(w, value(l->u), value(l->v), l->transposed, m->training);
    if (!w) /* an op's NULL means an error so far, but rst_conv2d must not take it for "no weight"
             */
        return NULL;
    return l->transposed ? rst_conv_transpose2d(x, w, value(l->b), o)
                         : rst_conv2d(x, w, value(l->b), o);
}

/* The one place where a normalisation's statistics are chosen. `act`: the layer of the activation
 * that follows at once, or NULL. */
static rst_tensor *run_norm(rst_module *m, const rst_layer *l, const rst_layer *act, rst_tensor *x)
{
    const rst_map f = !act                           ? RST_MAP_NONE
                      : act->kind == RST_LAYER_LEAKY ? RST_MAP_LEAKY
                                                     : RST_MAP_RELU;
    const double a = f == RST_MAP_LEAKY ? act->slope : 0;
    if (l->kind == RST_LAYER_INSTANCE_NORM || m->bn == RST_BN_BATCH) {
        if (m->stat_policy != RST_STATS_TILE)
            return rst__stats_norm(m, x, value(l->w), value(l->b), l->eps);
        return rst__instance_norm(x, value(l->w), value(l->b), l->eps, f, a);
    }
    if (m->bn == RST_BN_TRAIN && m->c->stash_mode != RST_STASH_POP)
        l->tracked->count++;
    return rst__batch_norm(x, value(l->w), value(l->b), value(l->mean), value(l->var), m->bn,
                           l->momentum, l->eps, f, a);
}

/* A mask of 0 and 2: what is left is scaled by 1/(1-p), p = 0.5. */
static rst_tensor *draw_mask(rst_module *m, rst_dims s)
{
    int64_t n = rst__numel(s);
    float *mask = rst__malloc((size_t)n * sizeof *mask);
    if (!mask)
        return rst__ctx_fail(m->c, RST_ENOMEM, "dropout: out of memory");
    if (m->feed && m->feed->next < m->feed->count) {
        const float *given = m->feed->mask[m->feed->next++];
        for (int64_t i = 0; i < n; i++)
            mask[i] = 2 * given[i];
    } else {
        uint32_t bits = 0;
        for (int64_t i = 0; i < n; i++, bits >>= 1) {
            if (i % 32 == 0)
                bits = rst__rng_u32(&m->rng);
            mask[i] = (bits & 1) ? 2.0f : 0.0f;
        }
    }
    rst_tensor *t = rst_upload(m->c, s, RST_NCHW, mask);
    rst__free(mask);
    return t;
}

/* When a checkpointed block runs again, its masks are those of the first time. */
static rst_tensor *run_dropout(rst_module *m, rst_tensor *x)
{
    if (!m->dropout || !x)
        return x;
    rst_ctx *c = m->c;
    rst_dims s = rst_shape(x);
    if (c->stash_mode == RST_STASH_POP) {
        rst_storage *old = rst__stash_pop(c);
        rst_tensor *t = old ? rst__tensor_bare(c, s, c->type) : NULL;
        if (!t)
            return NULL;
        t->st = rst__storage_ref(old);
        return rst_mul(x, t);
    }
    rst_tensor *mask = draw_mask(m, s);
    if (mask && c->stash_mode == RST_STASH_PUSH && !rst__stash_push(c, mask->st))
        return rst__ctx_fail(c, RST_ENOMEM, "dropout: out of memory");
    return rst_mul(x, mask);
}

static rst_tensor *run_leaf(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    switch (l->kind) {
    case RST_LAYER_CONV:
        return run_conv(m, l, x, l->conv);
    case RST_LAYER_LINEAR:
        return rst_linear(x, value(l->w), value(l->b));
    case RST_LAYER_INSTANCE_NORM:
    case RST_LAYER_BATCH_NORM:
        return run_norm(m, l, NULL, x);
    case RST_LAYER_RELU:
        return rst_relu(x);
    case RST_LAYER_LEAKY:
        return rst_leaky_relu(x, l->slope);
    case RST_LAYER_TANH:
        return rst_tanh(x);
    case RST_LAYER_SIGMOID:
        return rst_sigmoid(x);
    case RST_LAYER_DROPOUT:
        return run_dropout(m, x);
    case RST_LAYER_PAD:
        return rst_pad2d(x, l->pad, l->mode);
    case RST_LAYER_DOWNSAMPLE:
        return rst_downsample(x, l->filter, l->mode);
    case RST_LAYER_UPSAMPLE:
        return rst_upsample(x, l->filter);
    case RST_LAYER_MAX_POOL:
        return rst_max_pool(x, l->pool);
    case RST_LAYER_AVG_POOL:
        return rst_avg_pool(x, l->pool);
    case RST_LAYER_ADAPTIVE_POOL:
        return rst_adaptive_avg_pool(x, l->oh, l->ow);
    case RST_LAYER_RESIZE:
        return rst_resize(x, l->interp, l->oh, l->ow);
    case RST_LAYER_RESIZE_BY:
        return rst_resize_by(x, l->interp, l->factor);
    case RST_LAYER_L2NORM:
        return rst_l2norm(x, l->l2, l->eps);
    case RST_LAYER_IDENTITY:
    case RST_LAYER_SEQ:
    case RST_LAYER_CALL:
        break;
    }
    return x;
}

rst_tensor *rst__layer_run(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    if (!x)
        return NULL;
    if (l->kind == RST_LAYER_SEQ)
        return rst__seq_run(m, l, 0, l->nsub - 1, x, NULL);
    if (l->kind != RST_LAYER_CALL)
        return run_leaf(m, l, x);
    rst_begin(m->c);
    rst_tensor *y = rst_keep(l->call(m, l, x));
    rst__gates_keep(m);
    (void)rst_end(m->c, NULL); /* the outermost scope reports */
    return y;
}

rst_tensor *rst__sub_run(rst_module *m, const rst_layer *l, int i, rst_tensor *x)
{
    return rst__layer_run(m, l->sub[i], x);
}

rst_tensor *rst__residual_run(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    return rst_add(x, rst__seq_run(m, l, 0, l->nsub - 1, x, NULL));
}

rst_tensor *rst__concat_run(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    rst_tensor *y[8];
    for (int i = 0; i < l->nsub && i < 8; i++)
        y[i] = rst__sub_run(m, l, i, x);
    return rst_concat(RST_AXIS_C, l->nsub, y);
}

/* Sequences -------------------------------------------------------------------------------------
 */

enum { MAX_SEQ = 512 };

/* A range of a SEQ cut into steps: single layers, or a padding with the convolution it belongs to,
 * or a norm with its activation. */
typedef struct steps {
    rst_module *m;
    const rst_layer *seq;
    rst_taps *taps;
    int count, first[MAX_SEQ + 1];
} steps;

static void note(const steps *s, int i, rst_tensor *y)
{
    for (rst_taps *t = s->taps; t; t = t->next)
        for (int k = 0; k < t->count; k++)
            if (t->ids[k] == i)
                t->out[k] = y;
}

static bool tapped(const rst_taps *t, int i)
{
    for (; t; t = t->next)
        for (int k = 0; k < t->count; k++)
            if (t->ids[k] == i)
                return true;
    return false;
}

static bool fits_conv(const rst_layer *pad, const rst_layer *next)
{
    rst_pads p = next->conv.pad;
    return pad->kind == RST_LAYER_PAD && next->kind == RST_LAYER_CONV && !next->transposed &&
           p.t == 0 && p.l == 0 && p.b == 0 && p.r == 0;
}

/* A recorded norm stays by itself: the plan's own fusion knows what else may join it. */
static bool fits_norm(const rst_module *m, const rst_layer *norm, const rst_layer *next)
{
    return (norm->kind == RST_LAYER_INSTANCE_NORM || norm->kind == RST_LAYER_BATCH_NORM) &&
           (next->kind == RST_LAYER_RELU || (next->kind == RST_LAYER_LEAKY && next->slope > 0)) &&
           m->stat_policy == RST_STATS_TILE && !m->c->rec;
}

static void cut(steps *s, int lo, int hi)
{
    s->count = 0;
    for (int i = lo; i <= hi; i++) {
        s->first[s->count++] = i;
        const rst_layer *l = s->seq->sub[i], *next = i < hi ? s->seq->sub[i + 1] : NULL;
        const bool seen = tapped(s->taps, i);
        /* The published ReLU works in place: a tap before it shows the result of it. */
        if (next && ((!seen && fits_conv(l, next)) ||
                     ((!seen || next->kind == RST_LAYER_RELU) && fits_norm(s->m, l, next))))
            i++;
    }
    s->first[s->count] = hi + 1;
}

static rst_tensor *run_step(const steps *s, int k, rst_tensor *x)
{
    int i = s->first[k], last = s->first[k + 1] - 1;
    rst_layer *const *sub = s->seq->sub;
    if (!x)
        return NULL;
    rst_tensor *y;
    if (last > i && sub[i]->kind != RST_LAYER_PAD) {
        y = run_norm(s->m, sub[i], sub[last], x);
    } else if (last > i) {
        rst_conv_options o = sub[last]->conv;
        o.pad = sub[i]->pad;
        o.mode = sub[i]->mode;
        y = run_conv(s->m, sub[last], x, o);
    } else {
        y = rst__layer_run(s->m, sub[i], x);
    }
    note(s, last, y);
    if (sub[last]->kind == RST_LAYER_RELU) { /* see cut */
        int before = last - 1;
        while (before >= 0 && sub[before]->kind == RST_LAYER_IDENTITY)
            note(s, before--, y);
        if (before >= 0)
            note(s, before, y);
    }
    return y;
}

static void keep_taps(const steps *s)
{
    for (rst_taps *t = s->taps; t; t = t->next)
        for (int k = 0; k < t->count; k++)
            rst_keep(t->out[k]);
}

/* By halves, each in a scope of its own: of n outputs only about log2(n) are alive at a time, where
 * the tape does not hold them. */
static rst_tensor *run_steps(const steps *s, int lo, int hi, rst_tensor *x)
{
    if (hi - lo == 1)
        return run_step(s, lo, x);
    int mid = lo + (hi - lo) / 2;
    rst_begin(s->m->c);
    rst_tensor *y = run_steps(s, lo, mid, x);
    y = rst_keep(run_steps(s, mid, hi, y));
    keep_taps(s);
    rst__gates_keep(s->m);
    (void)rst_end(s->m->c, NULL); /* the outermost scope reports */
    return y;
}

/* Activation checkpointing: a SEQ is run in segments, of which backward keeps the input alone. ---
 */

struct rst_segment {
    rst_module *m;
    const rst_layer *seq;
    int lo, hi;
    rst_segment *next;
};

void rst__segments_free(rst_segment *g)
{
    while (g) {
        rst_segment *next = g->next;
        rst__free(g);
        g = next;
    }
}

static rst_tensor *run_segment(void *arg, rst_tensor *x)
{
    const rst_segment *g = arg;
    steps s = { .m = g->m, .seq = g->seq };
    cut(&s, g->lo, g->hi);
    return run_steps(&s, 0, s.count, x);
}

/* The module's own note of a segment: backward asks for it after the pass is over. */
static rst_segment *segment(rst_module *m, const rst_layer *seq, int lo, int hi)
{
    for (rst_segment *g = m->segment; g; g = g->next)
        if (g->seq == seq && g->lo == lo && g->hi == hi)
            return g;
    rst_segment *g = rst__calloc(1, sizeof *g);
    if (!g)
        return rst__ctx_fail(m->c, RST_ENOMEM, "checkpointing: out of memory");
    *g = (rst_segment){ m, seq, lo, hi, m->segment };
    return m->segment = g;
}

/* After a ReLU, a halving, a block, and wherever a tap is. */
static bool ends_segment(const steps *s, int k)
{
    int last = s->first[k + 1] - 1;
    rst_layer_kind kind = s->seq->sub[last]->kind;
    bool next_relu = last + 1 < s->seq->nsub && s->seq->sub[last + 1]->kind == RST_LAYER_RELU;
    return kind == RST_LAYER_RELU || kind == RST_LAYER_DOWNSAMPLE || kind == RST_LAYER_SEQ ||
           (tapped(s->taps, last) && !next_relu) || k + 1 == s->count;
}

static rst_tensor *run_segments(const steps *s, rst_tensor *x)
{
    for (int k = 0, from = 0; k < s->count && x; k++) {
        if (!ends_segment(s, k))
            continue;
        int last = s->first[k + 1] - 1;
        rst_segment *g = segment(s->m, s->seq, s->first[from], last);
        x = g ? rst_checkpoint(run_segment, g, x) : NULL;
        for (int i = s->first[from]; i <= last; i++)
            note(s, i, x); /* a tap within is one before the ReLU, which works in place */
        from = k + 1;
    }
    return x;
}

rst_tensor *rst__seq_run(rst_module *m, const rst_layer *seq, int lo, int hi, rst_tensor *x,
                         rst_taps *taps)
{
    if (hi < lo || !x)
        return x;
    if (hi - lo >= MAX_SEQ)
        return rst__ctx_fail(m->c, RST_EINVAL, "a network has more than %d layers in a row",
                             MAX_SEQ);
    steps s = { .m = m, .seq = seq, .taps = taps };
    cut(&s, lo, hi);
    if (m->checkpointing && seq->nsub > 7) /* the rows of a network, not its blocks */
        return run_segments(&s, x);
    return run_steps(&s, 0, s.count, x);
}

rst_tensor *rst__seq_run_again(rst_module *m, const rst_layer *seq, rst_tensor *x)
{
    for (int i = 0; i < seq->nsub && x; i++) {
        rst_segment *g = segment(m, seq, i, i);
        x = g ? rst_checkpoint(run_segment, g, x) : NULL;
    }
    return x;
}
