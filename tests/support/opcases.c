/* SPDX-License-Identifier: MIT */
#include "support/opcases.h"

#include <stdlib.h>

#include "base/rng.h"
#include "grad/engine.h"

#define T          rst_tensor
#define MAKE(name) static T *name(T *const *x)
#define LIST(op, ...)                                                                              \
    static const opcase cases_##op[] = { __VA_ARGS__ };                                            \
    static const opcase_list opcases_##op = { #op, cases_##op,                                     \
                                              sizeof cases_##op / sizeof cases_##op[0], false };
#define LIST_NO_GRADIENT(op, ...)                                                                  \
    static const opcase cases_##op[] = { __VA_ARGS__ };                                            \
    static const opcase_list opcases_##op = { #op, cases_##op,                                     \
                                              sizeof cases_##op / sizeof cases_##op[0], true };

/* Elementwise */
MAKE(relu)
{
    return rst_relu(x[0]);
}
MAKE(leaky)
{
    return rst_leaky_relu(x[0], 0.2);
}
MAKE(tanh_)
{
    return rst_tanh(x[0]);
}
MAKE(sigmoid)
{
    return rst_sigmoid(x[0]);
}
MAKE(abs_)
{
    return rst_abs(x[0]);
}
MAKE(square)
{
    return rst_square(x[0]);
}
MAKE(softplus)
{
    return rst_softplus(x[0]);
}
MAKE(affine)
{
    return rst_affine(x[0], -1.7, 0.3);
}
MAKE(add)
{
    return rst_add(x[0], x[1]);
}
MAKE(sub)
{
    return rst_sub(x[0], x[1]);
}
MAKE(mul)
{
    return rst_mul(x[0], x[1]);
}
MAKE(mul_self)
{
    return rst_mul(x[0], x[0]);
}
MAKE(addn)
{
    return rst_addn(3, x);
}
LIST(map_out, { "relu", relu, { { 2, 3, 5, 7 } } }, { "leaky", leaky, { { 1, 5, 4, 3 } } },
     { "tanh", tanh_, { { 1, 17, 3, 3 } } }, { "sigmoid", sigmoid, { { 2, 1, 9, 1 } } })
LIST(map_in, { "abs", abs_, { { 1, 3, 5, 7 } } }, { "square", square, { { 2, 5, 3, 3 } } },
     { "softplus", softplus, { { 1, 16, 3, 5 } } })
LIST(affine, { "affine", affine, { { 2, 3, 4, 5 } } })
LIST(add, { "same", add, { { 2, 3, 4, 5 }, { 2, 3, 4, 5 } } },
     { "bias", add, { { 2, 5, 3, 3 }, { 1, 5, 1, 1 } } },
     { "first is small", add, { { 1, 1, 1, 1 }, { 2, 3, 2, 5 } } })
LIST(sub, { "same", sub, { { 1, 3, 4, 5 }, { 1, 3, 4, 5 } } },
     { "map", sub, { { 2, 5, 3, 3 }, { 2, 1, 3, 3 } } })
LIST(mul, { "same", mul, { { 2, 3, 4, 5 }, { 2, 3, 4, 5 } } },
     { "channel gate", mul, { { 2, 17, 3, 5 }, { 2, 17, 1, 1 } } },
     { "spatial gate", mul, { { 2, 5, 4, 3 }, { 2, 1, 4, 3 } } },
     { "vector", mul, { { 2, 16, 3, 3 }, { 1, 16, 1, 1 } } },
     { "outer", mul, { { 2, 1, 3, 1 }, { 1, 4, 1, 5 } } },
     { "itself", mul_self, { { 1, 3, 3, 3 } } })
LIST(addn, { "three", addn, { { 1, 5, 3, 3 }, { 1, 5, 3, 3 }, { 1, 5, 3, 3 } } })

/* Reductions */
MAKE(sum_hw)
{
    return rst_sum(x[0], RST_AXIS_H | RST_AXIS_W);
}
MAKE(mean_c)
{
    return rst_mean(x[0], RST_AXIS_C);
}
MAKE(mean_all)
{
    return rst_mean(x[0], RST_AXIS_ALL);
}
MAKE(sum_nhw)
{
    return rst_sum(x[0], RST_AXIS_N | RST_AXIS_H | RST_AXIS_W);
}
MAKE(sum_nw)
{
    return rst_sum(x[0], RST_AXIS_N | RST_AXIS_W);
}
MAKE(mean_chw)
{
    return rst_mean(x[0], RST_AXIS_C | RST_AXIS_H | RST_AXIS_W);
}
MAKE(max_hw)
{
    return rst_max(x[0], RST_AXIS_H | RST_AXIS_W);
}
MAKE(max_c)
{
    return rst_max(x[0], RST_AXIS_C);
}
LIST(reduce, { "h,w", sum_hw, { { 2, 17, 5, 3 } } }, { "c", mean_c, { { 2, 5, 3, 4 } } },
     { "all", mean_all, { { 2, 3, 7, 5 } } }, { "n,h,w", sum_nhw, { { 2, 5, 3, 7 } } },
     { "n,w", sum_nw, { { 2, 3, 4, 5 } } }, { "per image", mean_chw, { { 3, 2, 4, 5 } } })
LIST(max, { "h,w", max_hw, { { 2, 5, 4, 3 } } }, { "c", max_c, { { 2, 17, 3, 4 } } })

/* Convolutions */
MAKE(conv_plain)
{
    return rst_conv2d(x[0], x[1], NULL, (rst_conv_options){ 0 });
}
MAKE(conv_bias)
{
    return rst_conv2d(x[0], x[1], x[2], (rst_conv_options){ .pad = { 1, 1, 1, 1 } });
}
MAKE(conv_reflect)
{
    return rst_conv2d(x[0], x[1], x[2],
                      (rst_conv_options){ .pad = { 3, 3, 3, 3 }, .mode = RST_PAD_REFLECT });
}
MAKE(conv_reflect1)
{
    return rst_conv2d(x[0], x[1], NULL,
                      (rst_conv_options){ .pad = { 1, 1, 1, 1 }, .mode = RST_PAD_REFLECT });
}
MAKE(conv_edge)
{
    return rst_conv2d(x[0], x[1], NULL,
                      (rst_conv_options){ .pad = { 2, 1, 0, 2 }, .mode = RST_PAD_EDGE });
}
MAKE(conv_stride)
{
    return rst_conv2d(x[0], x[1], x[2],
                      (rst_conv_options){ .stride_h = 2, .stride_w = 2, .pad = { 1, 1, 1, 1 } });
}
MAKE(conv_stride4)
{
    return rst_conv2d(x[0], x[1], x[2],
                      (rst_conv_options){ .stride_h = 4, .stride_w = 4, .pad = { 2, 2, 2, 2 } });
}
MAKE(conv_wide)
{
    return rst_conv2d(x[0], x[1], NULL, (rst_conv_options){ .pad = { 0, 3, 0, 3 } });
}
MAKE(conv_depthwise)
{
    return rst_conv2d(x[0], x[1], NULL, (rst_conv_options){ .pad = { 2, 2, 2, 2 }, .groups = 6 });
}
MAKE(conv_groups)
{
    return rst_conv2d(x[0], x[1], x[2], (rst_conv_options){ .pad = { 1, 1, 1, 1 }, .groups = 2 });
}
LIST(conv2d, { "1x1", conv_plain, { { 2, 8, 5, 3 }, { 3, 8, 1, 1 } } },
     { "3x3 zero", conv_bias, { { 2, 16, 9, 11 }, { 17, 16, 3, 3 }, { 1, 17, 1, 1 } } },
     { "3x3 reflect", conv_reflect1, { { 1, 18, 13, 6 }, { 16, 18, 3, 3 } } },
     { "3x3 one pixel rows", conv_bias, { { 1, 5, 1, 7 }, { 4, 5, 3, 3 }, { 1, 4, 1, 1 } } },
     { "7x7 stem", conv_reflect, { { 1, 3, 9, 7 }, { 8, 3, 7, 7 }, { 1, 8, 1, 1 } } },
     { "7x7 head", conv_reflect, { { 2, 8, 6, 9 }, { 3, 8, 7, 7 }, { 1, 3, 1, 1 } } },
     { "edge, uneven pads", conv_edge, { { 1, 3, 6, 5 }, { 4, 3, 3, 3 } } },
     { "3x3 stride 2 odd", conv_stride, { { 1, 5, 9, 7 }, { 6, 5, 3, 3 }, { 1, 6, 1, 1 } } },
     { "4x4 stride 2", conv_stride, { { 2, 6, 8, 10 }, { 8, 6, 4, 4 }, { 1, 8, 1, 1 } } },
     { "4x4 stride 1", conv_bias, { { 1, 5, 7, 6 }, { 1, 5, 4, 4 }, { 1, 1, 1, 1 } } },
     { "11x11 stride 4", conv_stride4, { { 1, 3, 19, 23 }, { 5, 3, 11, 11 }, { 1, 5, 1, 1 } } },
     { "1x7", conv_wide, { { 1, 5, 4, 9 }, { 6, 5, 1, 7 } } },
     { "depthwise", conv_depthwise, { { 1, 6, 7, 6 }, { 6, 1, 5, 5 } } },
     { "groups", conv_groups, { { 1, 6, 5, 4 }, { 4, 3, 3, 3 }, { 1, 4, 1, 1 } } })

MAKE(convt3)
{
    return rst_conv_transpose2d(
        x[0], x[1], x[2],
        (rst_conv_options){
            .stride_h = 2, .stride_w = 2, .pad = { 1, 1, 1, 1 }, .out_pad_h = 1, .out_pad_w = 1 });
}
MAKE(convt4)
{
    return rst_conv_transpose2d(
        x[0], x[1], NULL,
        (rst_conv_options){ .stride_h = 2, .stride_w = 2, .pad = { 1, 1, 1, 1 } });
}
LIST(conv_transpose2d,
     { "3x3 stride 2", convt3, { { 2, 6, 5, 4 }, { 6, 4, 3, 3 }, { 1, 4, 1, 1 } } },
     { "4x4 stride 2", convt4, { { 1, 5, 3, 4 }, { 5, 17, 4, 4 } } })

MAKE(matmul)
{
    return rst_matmul_nt(x[0], x[1], 1);
}
MAKE(matmul2)
{
    return rst_matmul_nt(x[0], x[1], 2);
}
MAKE(linear)
{
    return rst_linear(x[0], x[1], x[2]);
}
LIST(matmul_nt, { "plain", matmul, { { 7, 19, 1, 1 }, { 5, 19, 1, 1 } } },
     { "groups", matmul2, { { 10, 8, 1, 1 }, { 6, 8, 1, 1 } } },
     { "linear", linear, { { 33, 16, 1, 1 }, { 17, 16, 1, 1 }, { 1, 17, 1, 1 } } })

/* Normalisation */
MAKE(inorm)
{
    return rst_instance_norm(x[0], NULL, NULL, 1e-5);
}
MAKE(inorm_affine)
{
    return rst_instance_norm(x[0], x[1], x[2], 1e-5);
}
MAKE(bnorm)
{
    return rst_batch_norm(x[0], x[1], x[2], NULL, NULL, RST_BN_BATCH, 0.1, 1e-5);
}
MAKE(bnorm_train)
{
    return rst_batch_norm(x[0], x[1], x[2], x[3], x[4], RST_BN_TRAIN, 0.1, 1e-5);
}
MAKE(bnorm_eval)
{
    return rst_batch_norm(x[0], x[1], x[2], x[3], x[4], RST_BN_RUNNING, 0.1, 1e-3);
}
MAKE(inorm_relu)
{
    return rst__instance_norm(x[0], NULL, NULL, 1e-5, RST_MAP_RELU, 0);
}
MAKE(inorm_leaky)
{
    return rst__instance_norm(x[0], x[1], x[2], 1e-5, RST_MAP_LEAKY, 0.2);
}
MAKE(bnorm_relu)
{
    return rst__batch_norm(x[0], x[1], x[2], NULL, NULL, RST_BN_BATCH, 0.1, 1e-5, RST_MAP_RELU, 0);
}
MAKE(bnorm_eval_leaky)
{
    return rst__batch_norm(x[0], x[1], x[2], x[3], x[4], RST_BN_RUNNING, 0.1, 1e-3, RST_MAP_LEAKY,
                           0.2);
}
LIST(norm, { "instance", inorm, { { 2, 5, 4, 3 } } },
     { "instance wide", inorm, { { 1, 17, 9, 7 } } },
     { "instance affine", inorm_affine, { { 2, 3, 5, 4 }, { 1, 3, 1, 1 }, { 1, 3, 1, 1 } } },
     { "batch", bnorm, { { 2, 5, 4, 3 }, { 1, 5, 1, 1 }, { 1, 5, 1, 1 } } },
     { "batch, training",
       bnorm_train,
       { { 2, 4, 3, 5 }, { 1, 4, 1, 1 }, { 1, 4, 1, 1 }, { 1, 4, 1, 1 }, { 1, 4, 1, 1 } },
       8 | 16,
       16 },
     { "batch, running",
       bnorm_eval,
       { { 2, 4, 3, 5 }, { 1, 4, 1, 1 }, { 1, 4, 1, 1 }, { 1, 4, 1, 1 }, { 1, 4, 1, 1 } },
       8 | 16,
       16 },
     { "instance, relu", inorm_relu, { { 2, 5, 7, 9 } } },
     { "instance, leaky", inorm_leaky, { { 2, 3, 5, 4 }, { 1, 3, 1, 1 }, { 1, 3, 1, 1 } } },
     { "batch, relu", bnorm_relu, { { 2, 5, 4, 3 }, { 1, 5, 1, 1 }, { 1, 5, 1, 1 } } },
     { "batch, running, leaky",
       bnorm_eval_leaky,
       { { 2, 4, 3, 5 }, { 1, 4, 1, 1 }, { 1, 4, 1, 1 }, { 1, 4, 1, 1 }, { 1, 4, 1, 1 } },
       8 | 16,
       16 })
MAKE(spectral)
{
    return rst_spectral(x[0], x[1], x[2], false, false);
}
MAKE(spectral_t)
{
    return rst_spectral(x[0], x[1], x[2], true, false);
}
LIST(spectral, { "conv", spectral, { { 5, 4, 3, 2 }, { 1, 5, 1, 1 }, { 1, 24, 1, 1 } }, 6, 6 },
     { "transposed", spectral_t, { { 3, 4, 3, 3 }, { 1, 4, 1, 1 }, { 1, 27, 1, 1 } }, 6, 6 })

/* Moving numbers */
MAKE(concat_c)
{
    return rst_concat(RST_AXIS_C, 3, x);
}
MAKE(concat_n)
{
    return rst_concat(RST_AXIS_N, 2, x);
}
MAKE(slice_c)
{
    return rst_slice(x[0], RST_AXIS_C, 1, 4);
}
MAKE(slice_h)
{
    return rst_slice(x[0], RST_AXIS_H, 2, 3);
}
MAKE(pad_zero)
{
    return rst_pad2d(x[0], (rst_pads){ 2, 1, 4, 3 }, RST_PAD_ZERO);
}
MAKE(pad_reflect)
{
    return rst_pad2d(x[0], (rst_pads){ 2, 1, 4, 3 }, RST_PAD_REFLECT);
}
MAKE(pad_edge)
{
    return rst_pad2d(x[0], (rst_pads){ 2, 1, 4, 3 }, RST_PAD_EDGE);
}
MAKE(flip)
{
    return rst_flip_w(x[0]);
}
MAKE(rows)
{
    return rst_square(rst_rows(rst_affine(x[0], 2, 1)));
}
MAKE(gather)
{
    const int64_t ids[6] = { 3, 0, 11, 3, 7, 8 };
    return rst_gather(x[0], rst_upload_ids(*(rst_ctx **)x[0], 6, ids));
}
LIST(concat, { "c", concat_c, { { 2, 3, 3, 4 }, { 2, 1, 3, 4 }, { 2, 8, 3, 4 } } },
     { "n", concat_n, { { 1, 3, 3, 4 }, { 2, 3, 3, 4 } } })
LIST(slice, { "c", slice_c, { { 2, 5, 3, 4 } } }, { "h", slice_h, { { 1, 3, 4, 4 } } })
LIST(pad, { "zero", pad_zero, { { 1, 3, 5, 6 } } }, { "reflect", pad_reflect, { { 2, 3, 5, 6 } } },
     { "edge", pad_edge, { { 1, 17, 5, 6 } } })
LIST(flip_w, { "odd", flip, { { 2, 3, 3, 5 } } })
LIST(rows, { "in an expression", rows, { { 2, 3, 4, 5 } } })
LIST(gather, { "repeated places", gather, { { 2, 5, 3, 4 } } })

/* Filters */
MAKE(down3)
{
    return rst_downsample(x[0], 3, RST_PAD_REFLECT);
}
MAKE(down5)
{
    return rst_downsample(x[0], 5, RST_PAD_EDGE);
}
MAKE(down4)
{
    return rst_downsample(x[0], 4, RST_PAD_REFLECT);
}
MAKE(down1)
{
    return rst_downsample(x[0], 1, RST_PAD_REFLECT);
}
MAKE(gauss)
{
    return rst_blur(x[0], (rst_blur_options){ .count = 5,
                                              .taps = { 0.0625, 0.25, 0.375, 0.25, 0.0625 },
                                              .pad = { 2, 2, 2, 2 },
                                              .mode = RST_PAD_REFLECT });
}
MAKE(up4)
{
    return rst_upsample(x[0], 4);
}
MAKE(up3)
{
    return rst_upsample(x[0], 3);
}
MAKE(up1)
{
    return rst_upsample(x[0], 1);
}
LIST(blur, { "down 3", down3, { { 2, 5, 9, 7 } } }, { "down 3 even", down3, { { 1, 16, 8, 6 } } },
     { "down 5", down5, { { 1, 3, 6, 5 } } }, { "down 4", down4, { { 1, 17, 7, 8 } } },
     { "down 1", down1, { { 1, 2, 5, 4 } } }, { "gauss", gauss, { { 2, 3, 6, 7 } } })
LIST(blur_up, { "4", up4, { { 2, 5, 4, 3 } } }, { "4 wide", up4, { { 1, 17, 1, 5 } } },
     { "3", up3, { { 1, 4, 3, 4 } } }, { "1", up1, { { 1, 2, 3, 2 } } })

/* Pooling and resampling */
MAKE(max3)
{
    return rst_max_pool(x[0], (rst_pool_options){ 3, 3, 2, 2, 0, 0, false, false });
}
MAKE(max3p)
{
    return rst_max_pool(x[0], (rst_pool_options){ 3, 3, 2, 2, 1, 1, false, false });
}
MAKE(max3c)
{
    return rst_max_pool(x[0], (rst_pool_options){ 3, 3, 2, 2, 0, 0, true, false });
}
MAKE(avg3)
{
    return rst_avg_pool(x[0], (rst_pool_options){ 3, 3, 1, 1, 1, 1, false, true });
}
MAKE(avg3x)
{
    return rst_avg_pool(x[0], (rst_pool_options){ 3, 3, 2, 2, 1, 1, false, false });
}
MAKE(avg2c)
{
    return rst_avg_pool(x[0], (rst_pool_options){ 2, 2, 2, 2, 0, 0, true, true });
}
MAKE(adaptive)
{
    return rst_adaptive_avg_pool(x[0], 4, 3);
}
MAKE(near2)
{
    return rst_resize_by(x[0], RST_NEAREST, 2);
}
MAKE(bil_up)
{
    return rst_resize(x[0], RST_BILINEAR, 11, 7);
}
MAKE(bil_down)
{
    return rst_resize(x[0], RST_BILINEAR, 3, 2);
}
MAKE(cubic)
{
    return rst_resize(x[0], RST_BICUBIC, 7, 9);
}
LIST(max_pool, { "3/2", max3, { { 2, 5, 9, 7 } } }, { "padded", max3p, { { 1, 3, 8, 7 } } },
     { "ceil", max3c, { { 1, 17, 8, 6 } } })
LIST(avg_pool, { "with border", avg3, { { 2, 5, 5, 4 } } },
     { "without", avg3x, { { 1, 3, 6, 7 } } }, { "ceil", avg2c, { { 1, 4, 5, 7 } } })
LIST(adaptive_pool, { "4x3", adaptive, { { 2, 5, 9, 7 } } })
LIST(resample, { "nearest x2", near2, { { 2, 3, 4, 5 } } },
     { "bilinear up", bil_up, { { 1, 5, 4, 3 } } },
     { "bilinear down", bil_down, { { 1, 17, 8, 5 } } }, { "bicubic", cubic, { { 1, 3, 5, 4 } } })

/* Rows */
MAKE(l2_asp)
{
    return rst_l2norm(x[0], RST_L2_ASP, 1e-7);
}
MAKE(l2_cut)
{
    return rst_l2norm(x[0], RST_L2_CUT, 1e-7);
}
MAKE(l2_map)
{
    return rst_l2norm(x[0], RST_L2_CUT, 1e-10);
}
MAKE(nce)
{
    return rst_nce(x[0], 0.07);
}
MAKE(diagonal)
{
    return rst_diagonal(x[0]);
}
MAKE(asp_top)
{
    return rst_asp_weights(x[0], 0.5, RST_ASP_TOP, false);
}
MAKE(asp_bell)
{
    return rst_asp_weights(x[0], 0.3, RST_ASP_BELL, false);
}
MAKE(asp_linear)
{
    return rst_asp_weights(x[0], 0.1, RST_ASP_LINEAR, false);
}
MAKE(asp_plain)
{
    return rst_asp_weights(x[0], 0.1, RST_ASP_LINEAR, true);
}
LIST(l2norm, { "asp", l2_asp, { { 7, 5, 1, 1 } } }, { "cut", l2_cut, { { 3, 17, 1, 1 } } },
     { "map", l2_map, { { 2, 16, 3, 4 } } })
LIST(nce, { "one group", nce, { { 9, 9, 1, 1 } } }, { "two groups", nce, { { 10, 5, 1, 1 } } })
LIST_NO_GRADIENT(diagonal, { "two groups", diagonal, { { 10, 5, 1, 1 } } })
LIST_NO_GRADIENT(asp_weights, { "top", asp_top, { { 20, 1, 1, 1 } } },
                 { "bell", asp_bell, { { 20, 1, 1, 1 } } },
                 { "linear", asp_linear, { { 7, 1, 1, 1 } } },
                 { "plain", asp_plain, { { 7, 1, 1, 1 } } })

const opcase_list *opcases_at(int i)
{
    static const opcase_list *const all[] = {
#define RST_OP(op, saves, flags) &opcases_##op,
#include "grad/ops.def"
#undef RST_OP
    };
    return i >= 0 && i < (int)(sizeof all / sizeof all[0]) ? all[i] : NULL;
}

int opcase_inputs(const opcase *k)
{
    int n = 0;
    while (n < OPCASE_INPUTS && k->in[n].n)
        n++;
    return n;
}

double *opcase_values(const opcase *k, int i)
{
    int64_t n = rst__numel(k->in[i]);
    double *v = malloc((size_t)n * sizeof *v);
    if (!v)
        abort();
    rst_rng r = rst__rng((uint64_t)i + 17, k->what);
    for (int64_t j = 0; j < n; j++) {
        v[j] = k->positive >> i & 1 ? 0.5 + rst__rng_uniform(&r) : 2 * rst__rng_uniform(&r) - 1;
        if (v[j] > -1e-3 && v[j] < 1e-3) /* off the kinks of |x| and relu */
            v[j] = 0.25;
    }
    return v;
}
