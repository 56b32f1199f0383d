/* SPDX-License-Identifier: MIT */
/* How modules behave when they run: policies, taps, dropout, memory, reach, and Adam. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <restain/nn.h>

#include "grad/engine.h"
#include "nn/module.h"

static rst_ctx *ctx;

static rst_module *drawn(const char *json, double gain)
{
    rst_error err = RST_ERROR_INIT;
    rst_arch a;
    rst_module *m = NULL;
    if (rst_arch_from_json(json, &a, &err) < 0 || rst_module_new(&m, ctx, &a, &err) < 0 ||
        rst_module_init(m, RST_INIT_XAVIER, gain, true, 7, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
    return m;
}

/* An image of noise in -1..1. */
static rst_tensor *noise(int64_t n, int64_t c, int64_t h, int64_t w)
{
    rst_rng r = rst__rng(3, "image");
    int64_t count = n * c * h * w;
    float *v = malloc((size_t)count * sizeof *v);
    assert_non_null(v);
    for (int64_t i = 0; i < count; i++)
        v[i] = (float)(2 * rst__rng_uniform(&r) - 1);
    rst_tensor *t = rst_upload(ctx, (rst_dims){ n, c, h, w }, RST_NCHW, v);
    free(v);
    return t;
}

static float *values(rst_tensor *t)
{
    assert_non_null(t);
    rst_dims s = rst_shape(t);
    float *v = malloc((size_t)(s.n * s.c * s.h * s.w) * sizeof *v);
    assert_non_null(v);
    assert_int_equal(rst_download(t, RST_NCHW, v), 0);
    return v;
}

static double farthest(rst_tensor *a, rst_tensor *b)
{
    rst_dims s = rst_shape(a), q = rst_shape(b);
    assert_memory_equal(&s, &q, sizeof s);
    float *x = values(a), *y = values(b);
    double worst = 0;
    for (int64_t i = 0; i < s.n * s.c * s.h * s.w; i++)
        worst = fmax(worst, fabs((double)x[i] - y[i]));
    free(x);
    free(y);
    return worst;
}

static void end(void)
{
    rst_error err = RST_ERROR_INIT;
    if (rst_end(ctx, &err) < 0)
        fail_msg("%s", err.msg);
}

/* Taps do not change what the network computes, and stopping early not what the taps are. */
static void test_taps(void **state)
{
    (void)state;
    static const char *const net[] = {
        "{\"net\":\"resnet_6blocks\",\"ngf\":4}",
        "{\"net\":\"resnet_6blocks\",\"ngf\":4,\"norm\":\"none\"}",
        "{\"net\":\"ammfi_6blocks\",\"ngf\":4,\"ammfi_levels\":7,\"weight_norm\":\"none\"}",
        "{\"net\":\"ammfi_6blocks\",\"ngf\":4,\"ammfi_levels\":4,\"weight_norm\":\"none\"}",
    };
    const int ids[6] = { 0, 1, 2, 4, 12, 21 };
    for (size_t i = 0; i < sizeof net / sizeof net[0]; i++) {
        rst_module *m = drawn(net[i], 1);
        rst_module_train(m, false);
        rst_begin_nograd(ctx);
        rst_tensor *tap[6], *only[6], *x = noise(1, 3, 32, 32);
        rst_tensor *y = rst_module_forward(m, x);
        rst_tensor *z = rst_module_taps(m, x, 6, ids, tap, false);
        assert_null(rst_module_taps(m, x, 6, ids, only, true));
        assert_true(farthest(y, z) < 1e-6);
        for (int k = 0; k < 6; k++)
            assert_true(farthest(tap[k], only[k]) < 1e-6);
        /* A tap at a norm, or at a convolution without one, shows what ReLU left. */
        float *v = values(tap[2]);
        for (int k = 0; k < 100; k++)
            assert_true(v[k] >= 0);
        free(v);
        end();
        rst_module_free(m);
    }
}

static void test_bad_calls(void **state)
{
    (void)state;
    rst_module *m = drawn("{\"net\":\"resnet_6blocks\",\"ngf\":2}", 1);
    const int down[2] = { 4, 0 }, far[1] = { 29 };
    rst_tensor *tap[2];
    rst_begin_nograd(ctx);
    assert_null(rst_module_taps(m, noise(1, 3, 16, 16), 2, down, tap, true));
    assert_int_equal(rst_end(ctx, NULL), RST_EINVAL);
    rst_begin_nograd(ctx);
    assert_null(rst_module_taps(m, noise(1, 3, 16, 16), 1, far, tap, true));
    assert_int_equal(rst_end(ctx, NULL), RST_EINVAL);
    rst_begin_nograd(ctx);
    assert_null(rst_module_gate(m, noise(1, 3, 8, 8), noise(1, 3, 8, 8), NULL));
    assert_int_equal(rst_end(ctx, NULL), RST_EINVAL);
    rst_begin_nograd(ctx);
    assert_null(rst_module_forward(m, noise(1, 4, 16, 16)));
    assert_int_equal(rst_end(ctx, NULL), RST_EINVAL);
    rst_module_free(m);
}

static int64_t counter(const rst_module *m, const char *name)
{
    rst_entry e;
    assert_true(rst_module_entry(m, rst_module_find(m, name), &e));
    return e.count;
}

/* Training changes the running statistics, the policies of inference do not; with `batch` an
 * image's result does not depend on what else is in the batch. */
static void test_statistics(void **state)
{
    (void)state;
    rst_module *m = drawn("{\"net\":\"resnet_4blocks\",\"ngf\":4,\"norm\":\"batch\"}", 1);
    rst_begin_nograd(ctx);
    rst_tensor *x = noise(2, 3, 16, 16), *one = rst_slice(x, RST_AXIS_N, 0, 1);
    rst_tensor *train = rst_module_forward(m, x);
    assert_int_equal(counter(m, "model.2.num_batches_tracked"), 1);
    rst_module_inference(m);
    rst_tensor *batch = rst_module_forward(m, x), *alone = rst_module_forward(m, one);
    assert_true(farthest(rst_slice(batch, RST_AXIS_N, 0, 1), alone) < 1e-6);
    assert_true(farthest(train, batch) > 1e-3);
    rst_module_train(m, false);
    rst_tensor *running = rst_module_forward(m, x), *again = rst_module_forward(m, x);
    assert_true(farthest(running, batch) > 1e-3);
    assert_true(farthest(running, again) == 0);
    assert_int_equal(counter(m, "model.2.num_batches_tracked"), 1);
    end();
    rst_module_free(m);
}

/* Spectral norm's vectors advance in training only. */
static void test_spectral_state(void **state)
{
    (void)state;
    rst_module *m = drawn("{\"net\":\"n_layers\",\"n_layers_D\":2,\"ndf\":2,"
                          "\"weight_norm\":\"spectral\"}",
                          1);
    rst_entry u;
    assert_true(rst_module_entry(m, rst_module_find(m, "model.0.weight_u"), &u));
    float *before = values(u.value);
    rst_module_inference(m);
    rst_begin_nograd(ctx);
    (void)rst_module_forward(m, noise(1, 3, 32, 32));
    float *same = values(u.value);
    assert_memory_equal(before, same, 2 * sizeof *before);
    rst_module_train(m, true);
    (void)rst_module_forward(m, noise(1, 3, 32, 32));
    float *after = values(u.value);
    assert_true(memcmp(before, after, 2 * sizeof *before) != 0);
    end();
    free(before);
    free(same);
    free(after);
    rst_module_free(m);
}

static rst_module *dropout_only(void)
{
    rst_error err = RST_ERROR_INIT;
    rst_module *m = rst__module_empty(ctx);
    (void)rst__add_act(m, m->root, RST_LAYER_DROPOUT);
    assert_int_equal(rst__module_finish(m, &err), 0);
    return m;
}

static void test_dropout(void **state)
{
    (void)state;
    rst_module *m = dropout_only();
    const float given[4] = { 0, 1, 1, 0 };
    const float *const masks[1] = { given };
    rst_mask_feed feed = { .count = 1, .mask = masks };
    rst_begin(ctx);
    rst_tensor *ones = rst_full(ctx, (rst_dims){ 1, 4, 50, 50 }, 1);
    float *v = values(rst_module_forward(m, ones));
    int kept = 0;
    for (int i = 0; i < 10000; i++) {
        assert_true(v[i] == 0 || v[i] == 2);
        kept += v[i] > 0;
    }
    assert_in_range(kept, 4700, 5300);
    free(v);

    rst_tensor *four = rst_full(ctx, (rst_dims){ 1, 1, 2, 2 }, 3);
    rst__module_dropout_feed(m, &feed);
    v = values(rst_module_forward(m, four));
    const float want[4] = { 0, 6, 6, 0 };
    assert_memory_equal(v, want, sizeof want);
    free(v);

    rst_module_set_dropout(m, false);
    assert_ptr_equal(rst_module_forward(m, four), four);
    end();
    rst_module_free(m);
}

static rst_tensor *run_block(void *arg, rst_tensor *x)
{
    return rst_module_forward(arg, x);
}

/* A block that runs again in the backward pass meets the masks of its first run, and its running
 * statistics advance once. */
static void test_checkpoint(void **state)
{
    (void)state;
    float *grad[2];
    for (int pass = 0; pass < 2; pass++) {
        rst_module *m = drawn("{\"net\":\"resnet_2blocks\",\"ngf\":2,\"norm\":\"batch\","
                              "\"use_dropout\":true}",
                              1);
        rst_module_reseed(m, 5, "dropout");
        rst_begin(ctx);
        rst_tensor *x = rst_want_grad(noise(1, 3, 16, 16));
        rst_tensor *y = pass ? rst_checkpoint(run_block, m, x) : run_block(m, x);
        (void)rst_backward(rst_sum(rst_square(y), RST_AXIS_ALL));
        grad[pass] = values(rst_grad(x));
        assert_int_equal(counter(m, "model.2.num_batches_tracked"), 1);
        end();
        rst_module_free(m);
    }
    for (int i = 0; i < 3 * 16 * 16; i++)
        assert_true(fabs(grad[0][i] - grad[1][i]) <= 1e-4 * (1 + fabs(grad[0][i])));
    free(grad[0]);
    free(grad[1]);
}

static void test_freeze(void **state)
{
    (void)state;
    rst_module *m = drawn("{\"net\":\"basic\",\"ndf\":2}", 1);
    rst_entry e;
    assert_true(rst_module_entry(m, 0, &e));
    for (int frozen = 1; frozen >= 0; frozen--) {
        rst_module_freeze(m, frozen);
        rst_begin(ctx);
        rst_tensor *x = rst_want_grad(noise(1, 3, 32, 32));
        (void)rst_backward(rst_mean(rst_square(rst_module_forward(m, x)), RST_AXIS_ALL));
        assert_non_null(rst_grad(x));
        assert_true((rst_grad(e.value) == NULL) == frozen);
        end();
    }
    rst_module_free(m);
}

/* What a tape does not need dies early: the most that is alive stays below the sum of the outputs.
 */
static void test_memory(void **state)
{
    (void)state;
    rst_ctx *own;
    assert_int_equal(rst_ctx_new(&own, &(rst_ctx_options){ .backend = "ref" }, NULL), 0);
    rst_arch a;
    rst_module *m;
    assert_int_equal(rst_arch_preset("resnet_9blocks", &a, NULL), 0);
    a.width = 8;
    assert_int_equal(rst_module_new(&m, own, &a, NULL), 0);
    size_t weights = rst_ctx_statistics(own).bytes_live;
    rst_begin_nograd(own);
    rst_tensor *y = rst_module_forward(m, rst_full(own, (rst_dims){ 1, 3, 128, 128 }, 0.1));
    assert_non_null(y);
    size_t peak = rst_ctx_statistics(own).bytes_peak - weights;
    size_t widest = 16u * 128 * 128 * sizeof(float);
    assert_true(peak < 6 * widest); /* all outputs together are some 17 of them */
    assert_int_equal(rst_end(own, NULL), 0);
    rst_module_free(m);
    rst_ctx_free(own);
}

/* The farthest input pixel, along one axis, that an output pixel in the middle depends on. */
static int measured_halo(rst_module *m, int64_t side)
{
    rst_module_train(m, false);
    rst_begin(ctx);
    rst_tensor *x = rst_want_grad(noise(1, 3, side, side));
    rst_tensor *y = rst_module_forward(m, x);
    int reach = 0;
    int64_t out = rst_shape(y).h, ratio = out / side ? out / side : 1;
    /* All phases of the stride: reach to the left differs between them. */
    float *dy = calloc((size_t)(3 * out * out), sizeof *dy);
    for (int64_t k = 0; k < 4; k++) {
        int64_t at = out / 2 + k;
        memset(dy, 0, (size_t)(3 * out * out) * sizeof *dy);
        dy[at * out + at] = 1;
        rst_begin(ctx);
        rst_tensor *v = rst_want_grad(rst_affine(rst_detach(x), 1, 0));
        rst_tensor *z = rst_module_forward(m, v);
        (void)rst_backward_from(z, rst_upload(ctx, rst_shape(z), RST_NCHW, dy));
        float *g = values(rst_grad(v));
        for (int64_t i = 0; i < 3 * side * side; i++) {
            int64_t row = i / side % side, column = i % side;
            int d = (int)llabs(row - at / ratio), e = (int)llabs(column - at / ratio);
            if (g[i] != 0 && (d > reach || e > reach))
                reach = d > e ? d : e;
        }
        free(g);
        end();
    }
    free(dy);
    end();
    return reach;
}

/* Global pooling aside: channel attention's weights are zero. */
static void cut_pooling(rst_module *m)
{
    for (int i = 0; i < m->nparam; i++)
        if (strstr(m->param[i]->name, "ChannelGate") && m->param[i]->kind == RST_ENTRY_PARAM) {
            float *zero = calloc(1 << 14, sizeof *zero);
            assert_int_equal(rst__param_upload(m->param[i]->value, zero), 0);
            free(zero);
        }
}

static void test_halo(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int64_t side;
        int slack; /* only four places are looked at, of a U-Net's 32 phases */
    } row[] = {
        { "{\"net\":\"unet_32\",\"ngf\":2}", 256, 31 },
        { "{\"net\":\"resnet_2blocks\",\"ngf\":2,\"norm\":\"batch\"}", 128, 0 },
        { "{\"net\":\"resnet_3blocks\",\"ngf\":2,\"norm\":\"batch\",\"stem_k\":3,"
          "\"no_antialias\":true,\"no_antialias_up\":true}",
          128, 0 },
        { "{\"net\":\"ammfi_1blocks\",\"ngf\":4,\"norm\":\"batch\",\"weight_norm\":\"none\"}", 160,
          0 },
        { "{\"net\":\"rrdbnet_x2\",\"nf\":2,\"nb\":1,\"gc\":2}", 64, 0 },
        { "{\"net\":\"stainnet\",\"nf\":2}", 16, 0 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        rst_module *m = drawn(row[i].json, 1);
        cut_pooling(m);
        int told = rst_module_halo(m), seen = measured_halo(m, row[i].side);
        if (seen > told || seen < told - row[i].slack)
            fail_msg("%s: the halo is %d, a pixel sees %d far", row[i].json, told, seen);
        rst_module_free(m);
    }
}

/* A training step of a small discriminator. */
static void step(rst_module *m, rst_adam *adam, double lr)
{
    rst_begin(ctx);
    rst_adam_zero_grad(adam);
    (void)rst_backward(
        rst_mean(rst_square(rst_module_forward(m, noise(1, 3, 32, 32))), RST_AXIS_ALL));
    assert_int_equal(rst_adam_step(adam, lr, NULL), 0);
    end();
}

/* Stopping, storing, loading and going on gives the same bits as going on. */
static void test_adam_resume(void **state)
{
    (void)state;
    const char *json = "{\"net\":\"basic\",\"ndf\":2,\"norm\":\"batch\"}";
    rst_error err = RST_ERROR_INIT;
    rst_module *a = drawn(json, 1), *b = drawn(json, 2);
    rst_adam *oa, *ob;
    assert_int_equal(rst_adam_new(&oa, a, 0.5, 0.999, 1e-8, &err), 0);
    assert_int_equal(rst_adam_new(&ob, b, 0.5, 0.999, 1e-8, &err), 0);
    step(a, oa, 1e-2);
    step(a, oa, 1e-2);
    rst_weights *w = rst_weights_new();
    assert_int_equal(rst_module_store(a, w, "D.", &err), 0);
    assert_int_equal(rst_adam_store(oa, w, "adam.", &err), 0);
    assert_int_equal(rst_module_load(b, w, "D.", 0, &err), 0);
    assert_int_equal(rst_adam_load(ob, w, "adam.", &err), 0);
    step(a, oa, 1e-2);
    step(b, ob, 1e-2);
    for (int i = 0; i < rst_module_entries(a); i++) {
        rst_entry x, y;
        assert_true(rst_module_entry(a, i, &x) && rst_module_entry(b, i, &y));
        assert_int_equal(x.count, y.count);
        assert_true(!x.value || farthest(x.value, y.value) == 0);
    }
    assert_int_equal(rst_adam_load(ob, w, "eve.", &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "eve.model.0.weight.step"));
    rst_weights_free(w);
    rst_adam_free(oa);
    rst_adam_free(ob);
    rst_module_free(a);
    rst_module_free(b);
}

static void test_init(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_module *m = drawn("{\"net\":\"resnet_4blocks\",\"ngf\":4,\"norm\":\"batch\"}", 1);
    rst_entry e;
    assert_int_equal(rst_module_init(m, RST_INIT_ORTHOGONAL, 0.5, false, 1, &err), 0);
    assert_true(rst_module_entry(m, rst_module_find(m, "model.8.weight"), &e));
    float *v = values(e.value);
    int64_t rows = e.shape[0], n = e.shape[1] * e.shape[2] * e.shape[3];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j <= i; j++) {
            double dot = 0;
            for (int64_t k = 0; k < n; k++)
                dot += (double)v[i * n + k] * v[j * n + k];
            assert_true(fabs(dot - (i == j ? 0.25 : 0)) < 1e-6);
        }
    free(v);
    assert_int_equal(rst_module_init(m, RST_INIT_KAIMING, 0, false, 1, &err), 0);
    v = values(e.value);
    double sum = 0;
    for (int64_t k = 0; k < rows * n; k++)
        sum += (double)v[k] * v[k];
    assert_true(fabs(sum / (double)(rows * n) * (double)n / 2 - 1) < 0.2);
    free(v);
    assert_int_equal(rst_module_init(m, RST_INIT_XAVIER, -1, false, 1, &err), RST_EINVAL);
    rst_module_free(m);
}

/* A tensor's mean square times its fan_in, and its largest number times the root of that. */
static void measure(const rst_module *m, const char *name, double *square, double *largest)
{
    rst_entry e;
    assert_true(rst_module_entry(m, rst_module_find(m, name), &e));
    float *v = values(e.value);
    const int64_t fan_in = e.shape[1] * e.shape[2] * e.shape[3], n = e.shape[0] * fan_in;
    *square = *largest = 0;
    for (int64_t k = 0; k < n; k++) {
        *square += (double)v[k] * v[k] * (double)fan_in / (double)n;
        *largest = fmax(*largest, fabs(v[k]) * sqrt((double)fan_in));
    }
    free(v);
}

/* Dense blocks begin small, the rest as PyTorch has it; biases are zero. */
static void test_init_of_rrdb(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_module *m = drawn("{\"net\":\"rrdbnet_x2\",\"nf\":16,\"nb\":1,\"gc\":8}", 1);
    double square, largest;
    assert_int_equal(rst_module_init(m, RST_INIT_RRDB, 0.02, true, 1, &err), 0);
    measure(m, "RRDB_trunk.0.RDB2.conv4.weight", &square, &largest);
    assert_true(fabs(square / 0.02 - 1) < 0.15 && largest > 0.3);
    measure(m, "HRconv.weight", &square, &largest);
    assert_true(fabs(square * 3 - 1) < 0.15 && largest <= 1 && largest > 0.95);
    rst_entry e;
    assert_true(rst_module_entry(m, rst_module_find(m, "HRconv.bias"), &e));
    float *v = values(e.value);
    for (int i = 0; i < 16; i++)
        assert_true(v[i] == 0);
    free(v);
    assert_int_equal(rst_module_init(m, (rst_init_kind)(RST_INIT_RRDB + 1), 1, true, 1, &err),
                     RST_EINVAL);
    rst_module_free(m);
}

static void test_sampler(void **state)
{
    (void)state;
    rst_module *m = drawn("{\"net\":\"mlp_sample\",\"netF_nc\":4,\"widths\":[3,3]}", 1);
    rst_begin_nograd(ctx);
    rst_tensor *feat[2] = { noise(2, 3, 8, 8), noise(2, 3, 4, 4) };
    rst_tensor *ids[2] = { NULL, NULL }, *q[2], *k[2];
    assert_true(rst_module_sample(m, 2, feat, 20, ids, q));
    assert_int_equal(rst_shape(q[0]).n, 40);
    assert_int_equal(rst_shape(q[1]).n, 32); /* no more places than that */
    assert_true(rst_module_sample(m, 2, feat, 20, ids, k));
    assert_true(farthest(q[0], k[0]) == 0);
    ids[0] = NULL;
    assert_true(rst_module_sample(m, 2, feat, 20, ids, k));
    assert_true(farthest(q[0], k[0]) > 1e-3);
    end();
    rst_module_free(m);
}

static void test_schedule(void **state)
{
    (void)state;
    rst_schedule s = { .policy = RST_LR_COSINE, .lr = 1, .n_epochs = 10, .epoch_count = 1 };
    assert_true(fabs(rst_schedule_rate(&s, 1) - 1) < 1e-12);
    assert_true(fabs(rst_schedule_rate(&s, 6) - 0.5) < 1e-12);
    s = (rst_schedule){ .policy = RST_LR_STEP, .lr = 1, .epoch_count = 1, .decay_epochs = 5 };
    assert_true(rst_schedule_rate(&s, 5) == 1 && rst_schedule_rate(&s, 6) == 0.1);
    s.gamma = 0.5;
    assert_true(rst_schedule_rate(&s, 5) == 1 && rst_schedule_rate(&s, 16) == 0.125);
    s = (rst_schedule){ .lr = 0.3, .epoch_count = 1 };
    assert_true(rst_schedule_rate(&s, 1000) == 0.3);
    s = (rst_schedule){ .policy = RST_LR_PLATEAU, .lr = 1, .epoch_count = 1 };
    rst_schedule_start(&s);
    /* The published code reports 0 for ever: a fifth every six epochs after the first. */
    for (int i = 0; i < 6; i++)
        rst_schedule_report(&s, 0);
    assert_true(rst_schedule_rate(&s, 7) == 1);
    rst_schedule_report(&s, 0);
    assert_true(fabs(rst_schedule_rate(&s, 8) - 0.2) < 1e-12);
    /* 2e-4 / 5^6 = 1.28e-8 goes down once more; then a step of 2.05e-9 is too small to be made. */
    s.lr = 2e-4;
    for (int i = 0; i < 100; i++)
        rst_schedule_report(&s, 0);
    assert_true(fabs(rst_schedule_rate(&s, 8) / 2.56e-9 - 1) < 1e-12);
}

static int setup(void **state)
{
    (void)state;
    return rst_ctx_new(&ctx, &(rst_ctx_options){ .backend = "ref" }, NULL);
}

static int teardown(void **state)
{
    (void)state;
    rst_ctx_free(ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taps),       cmocka_unit_test(test_bad_calls),
        cmocka_unit_test(test_statistics), cmocka_unit_test(test_spectral_state),
        cmocka_unit_test(test_dropout),    cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_freeze),     cmocka_unit_test(test_memory),
        cmocka_unit_test(test_halo),       cmocka_unit_test(test_adam_resume),
        cmocka_unit_test(test_init),       cmocka_unit_test(test_init_of_rrdb),
        cmocka_unit_test(test_sampler),    cmocka_unit_test(test_schedule),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
