/* SPDX-License-Identifier: MIT */
/* How far an output pixel of a network sees, from its layers. */
#include <math.h>

#include "nn/nets.h"

/* Input pixels seen to the left and right of the place an output pixel stands for, and the distance
 * between two output pixels, in input pixels. Rows and columns are alike in all networks. */
typedef struct reach {
    double left, right, step;
} reach;

static void widen(reach *r, double left, double right)
{
    r->left += left * r->step;
    r->right += right * r->step;
}

static void walk(const rst_layer *l, reach *r);

static void walk_conv(const rst_layer *l, reach *r)
{
    int k = l->kh > l->kw ? l->kh : l->kw, s = l->conv.stride_h;
    int p = l->conv.pad.t > l->conv.pad.l ? l->conv.pad.t : l->conv.pad.l;
    if (l->transposed) { /* output o takes inputs (o+p-k+1)/s .. (o+p)/s */
        r->step /= s;
        widen(r, k - 1 - p, p);
        return;
    }
    widen(r, p, k - 1 - p);
    r->step *= s;
}

static void walk_pool(const rst_layer *l, reach *r)
{
    widen(r, l->pool.pad_h, l->pool.kernel_h - 1 - l->pool.pad_h);
    r->step *= l->pool.stride_h;
}

/* A padding moves the window that follows it to the left; the window's own share is added there. */
static void walk_leaf(const rst_layer *l, reach *r)
{
    switch (l->kind) {
    case RST_LAYER_CONV:
        walk_conv(l, r);
        break;
    case RST_LAYER_PAD:
        widen(r, l->pad.l, -l->pad.l);
        break;
    case RST_LAYER_DOWNSAMPLE:
        widen(r, (l->filter - 1) / 2, l->filter / 2);
        r->step *= 2;
        break;
    case RST_LAYER_UPSAMPLE: /* even outputs x[m-1], x[m]; odd ones, half a step on, x[m], x[m+1] */
        widen(r, 1, 0.5);
        r->step /= 2;
        break;
    case RST_LAYER_MAX_POOL:
    case RST_LAYER_AVG_POOL:
        walk_pool(l, r);
        break;
    default:
        break;
    }
}

static void walk(const rst_layer *l, reach *r)
{
    if (l->kind != RST_LAYER_SEQ && l->kind != RST_LAYER_CALL) {
        walk_leaf(l, r);
        return;
    }
    if (l->call != rst__concat_run) {
        for (int i = 0; i < l->nsub; i++)
            walk(l->sub[i], r);
        return;
    }
    reach all = *r, one = *r;
    for (int i = 0; i < l->nsub; i++) {
        one = *r;
        walk(l->sub[i], &one);
        all.left = fmax(all.left, one.left);
        all.right = fmax(all.right, one.right);
    }
    all.step = one.step;
    *r = all;
}

/* Of the two features a fusion block takes, the decoder's has seen more; it passes two 3x3 and one
 * 7x7 convolution, all of the block's but its second input's. */
static void walk_gate(reach *r)
{
    widen(r, 1 + 3 + 1, 1 + 3 + 1);
}

static void walk_ammfi(const rst_module *m, reach *r)
{
    rst_stages s = rst__resnet_stages(&m->arch);
    const rst_layer *seq = m->root->sub[0];
    for (int i = 0; i <= s.last; i++) {
        walk(seq->sub[i], r);
        if ((i == s.blocks && m->arch.ammfi_levels & 4) ||
            (i == s.up[0] && m->arch.ammfi_levels & 2) ||
            (i == s.up[1] && m->arch.ammfi_levels & 1))
            walk_gate(r);
    }
}

/* RRDB's nearest x2 between its last convolutions: each reads the pixel it is in. */
static void walk_rrdb(const rst_module *m, reach *r)
{
    int up = 3, ups = m->arch.scale == 4 ? 2 : 1;
    for (int i = 0; i < m->root->nsub; i++) {
        if (i >= up && i < up + ups) {
            widen(r, 0.5, 0);
            r->step /= 2;
        }
        walk(m->root->sub[i], r);
    }
}

int rst_module_halo(const rst_module *m)
{
    reach r = { 0, 0, 1 };
    if (m->arch.family == RST_NET_AMMFI)
        walk_ammfi(m, &r);
    else if (m->arch.family == RST_NET_RRDB)
        walk_rrdb(m, &r);
    else
        walk(m->root, &r);
    return (int)ceil(fmax(r.left, r.right) - 1e-9);
}
