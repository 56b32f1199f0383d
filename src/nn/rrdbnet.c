/* SPDX-License-Identifier: MIT */
/* BSRGAN's super-resolver RRDBNet (spec 5.4). */
#include <stdio.h>

#include "grad/engine.h"
#include "nn/nets.h"

enum { CONV_FIRST, TRUNK, TRUNK_CONV, UPCONV1 };
enum { DENSE = 5 };

/* Five convolutions, each on all that came before it; out * 0.2 + x. */
static rst_tensor *run_dense(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    rst_tensor *part[DENSE] = { x };
    for (int i = 0; i < DENSE - 1; i++) {
        rst_tensor *all = i ? rst_concat(RST_AXIS_C, i + 1, part) : x;
        part[i + 1] = rst_leaky_relu(rst__sub_run(m, l, i, all), 0.2);
    }
    rst_tensor *y = rst__sub_run(m, l, DENSE - 1, rst_concat(RST_AXIS_C, DENSE, part));
    return rst_add(rst_scale(y, 0.2), x);
}

static rst_tensor *run_rrdb(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    rst_tensor *y = rst__seq_run(m, l, 0, l->nsub - 1, x, NULL);
    return rst_add(rst_scale(y, 0.2), x);
}

static rst_tensor *run_trunk(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    rst_layer *const *sub = m->root->sub;
    (void)l;
    if (m->checkpointing)
        return rst_add(x, rst__layer_run(m, sub[TRUNK_CONV], rst__seq_run_again(m, sub[TRUNK], x)));
    return rst_add(x, rst__seq_run(m, m->root, TRUNK, TRUNK_CONV, x, NULL));
}

/* Nearest x2, convolution, leaky. */
static rst_tensor *run_up(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    return rst_leaky_relu(rst__layer_run(m, l, rst_resize_by(x, RST_NEAREST, 2)), 0.2);
}

static rst_tensor *run_hr(rst_module *m, const rst_layer *l, rst_tensor *x)
{
    return rst_leaky_relu(rst__layer_run(m, l, x), 0.2);
}

/* One stage in a scope of its own, so that what it needed dies with it. */
static rst_tensor *stage(rst_module *m, rst_layer_fn fn, const rst_layer *l, rst_tensor *x)
{
    if (!x)
        return NULL;
    rst_begin(m->c);
    rst_tensor *y = rst_keep(fn(m, l, x));
    (void)rst_end(m->c, NULL); /* the outermost scope reports */
    return y;
}

static rst_tensor *forward(rst_module *m, rst_tensor *x)
{
    rst_layer *const *sub = m->root->sub;
    int ups = m->arch.scale == 4 ? 2 : 1;
    x = rst__layer_run(m, sub[CONV_FIRST], x);
    x = stage(m, run_trunk, NULL, x);
    for (int i = 0; i < ups; i++)
        x = stage(m, run_up, sub[UPCONV1 + i], x);
    x = stage(m, run_hr, sub[UPCONV1 + ups], x);
    return rst__layer_run(m, sub[UPCONV1 + ups + 1], x);
}

static void add_rrdb(rst_module *m, rst_layer *trunk, int64_t nf, int64_t gc)
{
    rst_layer *block = rst__add_call(m, trunk, NULL, run_rrdb);
    for (int k = 1; k <= 3; k++) {
        char name[16];
        (void)snprintf(name, sizeof name, "RDB%d", k);
        rst_layer *dense = rst__add_call(m, block, name, run_dense);
        for (int i = 0; i < DENSE; i++) {
            (void)snprintf(name, sizeof name, "conv%d", i + 1);
            rst__add_conv(m, dense, name,
                          rst__conv_spec(nf + i * gc, i < DENSE - 1 ? gc : nf, 3, 1, 1));
        }
    }
}

void rst__rrdb_build(rst_module *m, const rst_arch *a)
{
    int64_t nf = a->width;
    rst__add_conv(m, m->root, "conv_first", rst__conv_spec(a->input_nc, nf, 3, 1, 1));
    rst_layer *trunk = rst__add_seq(m, m->root, "RRDB_trunk");
    for (int i = 0; i < a->blocks; i++)
        add_rrdb(m, trunk, nf, a->growth);
    rst__add_conv(m, m->root, "trunk_conv", rst__conv_spec(nf, nf, 3, 1, 1));
    rst__add_conv(m, m->root, "upconv1", rst__conv_spec(nf, nf, 3, 1, 1));
    if (a->scale == 4)
        rst__add_conv(m, m->root, "upconv2", rst__conv_spec(nf, nf, 3, 1, 1));
    rst__add_conv(m, m->root, "HRconv", rst__conv_spec(nf, nf, 3, 1, 1));
    rst__add_conv(m, m->root, "conv_last", rst__conv_spec(nf, a->output_nc, 3, 1, 1));
    m->forward = forward;
}
