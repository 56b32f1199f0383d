/* SPDX-License-Identifier: MIT */
/* Inception v3 without its classifier, as FID's port of the 2015 TensorFlow graph and as
 * torchvision's (spec 8.7). They differ in what average pooling divides by and in the last block's
 * pool. */
#include "nn/nets.h"

/** A convolution without bias, batch norm, ReLU. */
typedef struct unit {
    const char *name;
    int co, kh, kw, stride, ph, pw;
} unit;

static int64_t add_unit(rst_module *m, rst_layer *parent, int64_t ci, unit u)
{
    rst_layer *l = rst__add_seq(m, parent, u.name);
    rst_conv_spec s = { .ci = ci,
                        .co = u.co,
                        .k = { u.kh, u.kw },
                        .stride = { u.stride, u.stride },
                        .pad = { u.ph, u.pw },
                        .no_bias = true };
    rst__add_conv(m, l, "conv", s);
    rst__add_batch_norm(m, l, "bn", u.co, 1e-3, 0.1);
    rst__add_act(m, l, RST_LAYER_RELU);
    return u.co;
}

static unit point(const char *name, int co)
{
    return (unit){ name, co, 1, 1, 1, 0, 0 };
}

static unit square(const char *name, int co, int k, int stride, int pad)
{
    return (unit){ name, co, k, k, stride, pad, pad };
}

static unit row(const char *name, int co, int k)
{
    return (unit){ name, co, 1, k, 1, 0, k / 2 };
}

static unit column(const char *name, int co, int k)
{
    return (unit){ name, co, k, 1, 1, k / 2, 0 };
}

/* A branch of a block: the units in turn. A unit of no name ends it. Returns its channels. */
static int64_t add_branch(rst_module *m, rst_layer *block, int64_t ci, const unit *u)
{
    rst_layer *branch = rst__add_seq(m, block, "");
    for (; u->name; u++)
        ci = add_unit(m, branch, ci, *u);
    return ci;
}

#define BRANCH(...) ((const unit[]){ __VA_ARGS__, { 0 } })

static rst_layer *add_block(rst_module *m, const char *name)
{
    return rst__add_call(m, m->root, name, rst__concat_run);
}

/** Kinds of pooling in a block. */
typedef enum pool_kind { POOL_MEAN_IN, POOL_MEAN_ALL, POOL_MAX } pool_kind;

/* pool 3 stride 1, then a 1x1 unit. */
static void add_pool_branch(rst_module *m, rst_layer *block, int64_t ci, int co, pool_kind kind)
{
    rst_pool_options o = { .kernel_h = 3,
                           .kernel_w = 3,
                           .stride_h = 1,
                           .stride_w = 1,
                           .pad_h = 1,
                           .pad_w = 1,
                           .count_include_pad = kind == POOL_MEAN_ALL };
    rst_layer *branch = rst__add_seq(m, block, "");
    rst__add_pool(m, branch, kind == POOL_MAX ? RST_LAYER_MAX_POOL : RST_LAYER_AVG_POOL, o);
    add_unit(m, branch, ci, point("branch_pool", co));
}

static rst_layer *add_max_pool(rst_module *m, rst_layer *parent)
{
    rst_pool_options o = { .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2 };
    return rst__add_pool(m, parent, RST_LAYER_MAX_POOL, o);
}

static int64_t block_a(rst_module *m, const char *name, int64_t ci, int pool, pool_kind kind)
{
    rst_layer *b = add_block(m, name);
    add_branch(m, b, ci, BRANCH(point("branch1x1", 64)));
    add_branch(m, b, ci, BRANCH(point("branch5x5_1", 48), square("branch5x5_2", 64, 5, 1, 2)));
    add_branch(m, b, ci,
               BRANCH(point("branch3x3dbl_1", 64), square("branch3x3dbl_2", 96, 3, 1, 1),
                      square("branch3x3dbl_3", 96, 3, 1, 1)));
    add_pool_branch(m, b, ci, pool, kind);
    return 224 + pool;
}

static int64_t block_b(rst_module *m, const char *name, int64_t ci)
{
    rst_layer *b = add_block(m, name);
    add_branch(m, b, ci, BRANCH(square("branch3x3", 384, 3, 2, 0)));
    add_branch(m, b, ci,
               BRANCH(point("branch3x3dbl_1", 64), square("branch3x3dbl_2", 96, 3, 1, 1),
                      square("branch3x3dbl_3", 96, 3, 2, 0)));
    add_max_pool(m, b);
    return 480 + ci;
}

static int64_t block_c(rst_module *m, const char *name, int64_t ci, int c7, pool_kind kind)
{
    rst_layer *b = add_block(m, name);
    add_branch(m, b, ci, BRANCH(point("branch1x1", 192)));
    add_branch(
        m, b, ci,
        BRANCH(point("branch7x7_1", c7), row("branch7x7_2", c7, 7), column("branch7x7_3", 192, 7)));
    add_branch(m, b, ci,
               BRANCH(point("branch7x7dbl_1", c7), column("branch7x7dbl_2", c7, 7),
                      row("branch7x7dbl_3", c7, 7), column("branch7x7dbl_4", c7, 7),
                      row("branch7x7dbl_5", 192, 7)));
    add_pool_branch(m, b, ci, 192, kind);
    return 768;
}

static int64_t block_d(rst_module *m, const char *name, int64_t ci)
{
    rst_layer *b = add_block(m, name);
    add_branch(m, b, ci, BRANCH(point("branch3x3_1", 192), square("branch3x3_2", 320, 3, 2, 0)));
    add_branch(m, b, ci,
               BRANCH(point("branch7x7x3_1", 192), row("branch7x7x3_2", 192, 7),
                      column("branch7x7x3_3", 192, 7), square("branch7x7x3_4", 192, 3, 2, 0)));
    add_max_pool(m, b);
    return 512 + ci;
}

/* Two units side by side behind the branch so far. */
static void add_fork(rst_module *m, rst_layer *branch, int64_t ci, unit one, unit two)
{
    rst_layer *fork = rst__add_call(m, branch, "", rst__concat_run);
    add_unit(m, fork, ci, one);
    add_unit(m, fork, ci, two);
}

static int64_t block_e(rst_module *m, const char *name, int64_t ci, pool_kind kind)
{
    rst_layer *b = add_block(m, name);
    add_branch(m, b, ci, BRANCH(point("branch1x1", 320)));
    rst_layer *three = rst__add_seq(m, b, "");
    add_unit(m, three, ci, point("branch3x3_1", 384));
    add_fork(m, three, 384, row("branch3x3_2a", 384, 3), column("branch3x3_2b", 384, 3));
    rst_layer *dbl = rst__add_seq(m, b, "");
    add_unit(m, dbl, ci, point("branch3x3dbl_1", 448));
    add_unit(m, dbl, 448, square("branch3x3dbl_2", 384, 3, 1, 1));
    add_fork(m, dbl, 384, row("branch3x3dbl_3a", 384, 3), column("branch3x3dbl_3b", 384, 3));
    add_pool_branch(m, b, ci, 192, kind);
    return 2048;
}

static int features(rst_module *m, rst_tensor *x, int max, rst_tensor **out)
{
    static const int ids[4] = { 3, 6, 14, 17 }; /* two pools, Mixed_6e, Mixed_7c */
    int count = max < 4 ? max : 4;
    rst_taps t = { .count = count, .ids = ids, .out = out };
    return rst__seq_run(m, m->root, 0, m->root->nsub - 1, x, &t) ? count : 0;
}

void rst__inception_build(rst_module *m, const rst_arch *a)
{
    pool_kind mean = a->kid ? POOL_MEAN_ALL : POOL_MEAN_IN;
    int64_t c = add_unit(m, m->root, a->input_nc, square("Conv2d_1a_3x3", 32, 3, 2, 0));
    c = add_unit(m, m->root, c, square("Conv2d_2a_3x3", 32, 3, 1, 0));
    c = add_unit(m, m->root, c, square("Conv2d_2b_3x3", 64, 3, 1, 1));
    add_max_pool(m, m->root);
    c = add_unit(m, m->root, c, point("Conv2d_3b_1x1", 80));
    c = add_unit(m, m->root, c, square("Conv2d_4a_3x3", 192, 3, 1, 0));
    add_max_pool(m, m->root);
    c = block_a(m, "Mixed_5b", c, 32, mean);
    c = block_a(m, "Mixed_5c", c, 64, mean);
    c = block_a(m, "Mixed_5d", c, 64, mean);
    c = block_b(m, "Mixed_6a", c);
    c = block_c(m, "Mixed_6b", c, 128, mean);
    c = block_c(m, "Mixed_6c", c, 160, mean);
    c = block_c(m, "Mixed_6d", c, 160, mean);
    c = block_c(m, "Mixed_6e", c, 192, mean);
    c = block_d(m, "Mixed_7a", c);
    c = block_e(m, "Mixed_7b", c, mean);
    block_e(m, "Mixed_7c", c, a->kid ? POOL_MEAN_ALL : POOL_MAX);
    m->features = features;
}
