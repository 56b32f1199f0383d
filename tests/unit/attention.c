/* SPDX-License-Identifier: MIT */
/* The gates that are saved are those of the paper's equations on the features of the same network,
 * written down here op by op; and saving them changes no picture. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <restain/translate.h>

#include "base/alloc.h"
#include "base/file.h"
#include "image/convert.h"
#include "image/draw.h"
#include "run/model.h"
#include "support/tree.h"

enum { W = 36, H = 28, LEVELS = 2 }; /* multiples of the stride: features are not padded */

static void succeeded(int rc, const rst_error *err)
{
    if (rc < 0)
        fail_msg("%d: %s", rc, err->msg);
}

/* A network whose gates are not all one half. */
static const char *make_model(const char *name, const char *options)
{
    const rst_init_options init = { .kind = RST_INIT_XAVIER, .gain = 1, .seed = 11 };
    rst_error err = RST_ERROR_INIT;
    rst_arch a;
    succeeded(rst_arch_from_json(options, &a, &err), &err);
    succeeded(rst_model_init(tree_path(name), &a, &init, &err), &err);
    return tree_path(name);
}

static rst_model *open_model(const char *path)
{
    const rst_model_options o = { .ctx.threads = 1, .bn = RST_MODEL_BN_BATCH };
    rst_error err = RST_ERROR_INIT;
    rst_model *m = NULL;
    succeeded(rst_model_open(&m, path, &o, &err), &err);
    return m;
}

static rst_image picture(int64_t width, int64_t height)
{
    rst_image img = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    succeeded(rst_image_new(&img, width, height, 3, &err), &err);
    for (int64_t i = 0; i < width * height * 3; i++)
        img.px[i] = (uint8_t)(i * i / 11 + 40 * (i % 7));
    return img;
}

/* The equations ---------------------------------------------------------------------------------
 */

typedef struct block {
    rst_module *net;
    char name[16];
} block;

static rst_tensor *weight(const block *b, const char *name)
{
    char full[96];
    rst_entry e;
    (void)snprintf(full, sizeof full, "%s.%s", b->name, name);
    assert_true(rst_module_entry(b->net, rst_module_find(b->net, full), &e));
    return e.value;
}

static rst_tensor *part(const block *b, const char *layer, const char *what)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s.%s", layer, what);
    return weight(b, name);
}

/* Batch norm with the picture's own statistics. */
static rst_tensor *conv_bn(const block *b, const char *layer, rst_tensor *x, int pad)
{
    const bool plain = strncmp(layer, "cbam", 4) == 0; /* CBAM's convolution has no bias */
    x = rst_conv2d(x, part(b, layer, "conv.weight"), plain ? NULL : part(b, layer, "conv.bias"),
                   (rst_conv_options){ .pad = { pad, pad, pad, pad } });
    return rst_instance_norm(x, part(b, layer, "bn.weight"), part(b, layer, "bn.bias"), 1e-5);
}

static rst_tensor *mlp(const block *b, rst_tensor *x)
{
    x = rst_linear(x, weight(b, "cbam.ChannelGate.mlp.1.weight"),
                   weight(b, "cbam.ChannelGate.mlp.1.bias"));
    return rst_linear(rst_relu(x), weight(b, "cbam.ChannelGate.mlp.3.weight"),
                      weight(b, "cbam.ChannelGate.mlp.3.bias"));
}

/* Equations 1 to 3 on the encoder's features e and the decoder's d. */
static void gates(const block *b, rst_tensor *e, rst_tensor *d, rst_tensor *out[RST_GATE_KINDS])
{
    const unsigned place = RST_AXIS_H | RST_AXIS_W;
    rst_tensor *two[2] = { conv_bn(b, "w_e", e, 1), conv_bn(b, "w_d", d, 1) };
    rst_tensor *f = rst_concat(RST_AXIS_C, 2, two);
    out[RST_GATE_CHANNEL] =
        rst_sigmoid(rst_add(mlp(b, rst_mean(f, place)), mlp(b, rst_max(f, place))));
    f = rst_mul(out[RST_GATE_CHANNEL], f);
    rst_tensor *pool[2] = { rst_max(f, RST_AXIS_C), rst_mean(f, RST_AXIS_C) };
    out[RST_GATE_SPATIAL] =
        rst_sigmoid(conv_bn(b, "cbam.SpatialGate.spatial", rst_concat(RST_AXIS_C, 2, pool), 3));
    out[RST_GATE_MAP] = rst_sigmoid(conv_bn(b, "w_a", rst_mul(out[RST_GATE_SPATIAL], f), 1));
}

static void is_map(const rst_attention_map *m, rst_tensor *want)
{
    const rst_dims s = rst_shape(want);
    float v[64 * W * H / 4];
    float lo = 1, hi = 0;
    assert_non_null(want);
    assert_int_equal(m->c, s.c);
    assert_int_equal(m->h, s.h);
    assert_int_equal(m->w, s.w);
    assert_true((size_t)(s.c * s.h * s.w) <= sizeof v / sizeof *v);
    assert_int_equal(rst_download(want, RST_NCHW, v), 0);
    for (int64_t i = 0; i < s.c * s.h * s.w; i++) {
        if (fabsf(m->v[i] - v[i]) > 2e-5f)
            fail_msg("level %d, gate %d, number %d: %g, not %g", m->level, (int)m->kind, (int)i,
                     (double)m->v[i], (double)v[i]);
        lo = fminf(lo, v[i]);
        hi = fmaxf(hi, v[i]);
    }
    assert_true(hi > lo + 0.01f); /* it says something */
}

static void test_equations(void **state)
{
    (void)state;
    static const int ids[4] = { 3, 7, 16, 20 }; /* one block: E0, E1, D1, D2 as in spec 4.4 */
    rst_error err = RST_ERROR_INIT;
    rst_model *m = open_model(
        make_model("m.safetensors", "{\"net\":\"ammfi_1blocks\",\"ngf\":8,\"reduction\":2}"));
    rst_image img = picture(W, H), out = RST_IMAGE_INIT;
    rst_attention seen;
    succeeded(rst__model_attend(m, &img, "picture", &out, &seen, &err), &err);
    assert_int_equal(seen.count, LEVELS * RST_GATE_KINDS);

    rst_module *net = rst__model_net(m);
    rst_ctx *c = net->c;
    float x[W * H * 3];
    rst__float_from_u8(img.px, W * H * 3, x);
    rst_begin_nograd(c);
    rst_tensor *tap[4], *want[RST_GATE_KINDS];
    assert_non_null(rst_module_taps(net, rst_upload(c, (rst_dims){ 1, 3, H, W }, RST_NHWC, x), 4,
                                    ids, tap, false));
    for (int level = 0; level < LEVELS; level++) {
        block b = { .net = net };
        (void)snprintf(b.name, sizeof b.name, "ammfi%d", level);
        gates(&b, tap[level], tap[3 - level], want);
        for (int i = 0; i < RST_GATE_KINDS; i++) {
            const rst_attention_map *map = &seen.map[level * RST_GATE_KINDS + i];
            assert_int_equal(map->level, level);
            assert_int_equal(map->kind, i);
            is_map(map, want[i]);
        }
    }
    succeeded(rst_end(c, &err), &err);
    rst__attention_free(&seen);
    rst_image_free(&img);
    rst_image_free(&out);
    rst_model_close(m);
}

/* A picture that has to be padded: maps end where it does, and it is the same without them. */
static void test_picture_is_the_same(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_model *m = open_model(
        make_model("four.safetensors", "{\"net\":\"ammfi_1blocks\",\"ngf\":4,\"ammfi_levels\":4}"));
    rst_image img = picture(33, 26), with = RST_IMAGE_INIT, without = RST_IMAGE_INIT;
    rst_attention seen;
    for (int again = 0; again < 2; again++) {
        succeeded(rst_model_translate(m, &img, &without, &err), &err);
        succeeded(rst__model_attend(m, &img, "picture", &with, &seen, &err), &err);
        assert_memory_equal(with.px, without.px, 33 * 26 * 3);
        assert_int_equal(seen.count, RST_GATE_KINDS);
        assert_int_equal(seen.map[0].level, 2);
        assert_int_equal(seen.map[0].w, 9);
        assert_int_equal(seen.map[0].h, 7);
        assert_int_equal(seen.map[RST_GATE_CHANNEL].c, 16);
        rst__attention_free(&seen);
        rst_image_free(&with);
        rst_image_free(&without);
    }
    rst_image_free(&img);
    rst_model_close(m);
}

/* Files -----------------------------------------------------------------------------------------
 */

static rst_attention sample(void)
{
    static float gate[4] = { 0.25f, 0.5f, 0.75f, 1 }, channel[2] = { 0.125f, 0.5f }, flat[4];
    rst_attention a = { .count = RST_GATE_KINDS };
    a.map[0] = (rst_attention_map){ 1, RST_GATE_MAP, 1, 2, 2, gate };
    a.map[1] = (rst_attention_map){ 1, RST_GATE_CHANNEL, 2, 1, 1, channel };
    a.map[2] = (rst_attention_map){ 1, RST_GATE_SPATIAL, 1, 2, 2, flat };
    return a;
}

static void test_numbers(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    const rst_attention a = sample();
    rst_weights *w;
    char *path = rst__attention_path(tree_path("sub.dir/a.b.png"), RST_ATTENTION_NUMBERS);
    assert_string_equal(path, tree_path("sub.dir/a.b.attention.safetensors"));
    tree_file("sub.dir/there", "", 0);
    succeeded(rst__attention_write(&a, NULL, RST_ATTENTION_NUMBERS, path, &err), &err);
    succeeded(rst_weights_read(&w, path, NULL, &err), &err);
    assert_int_equal(rst_weights_count(w), 3);
    const rst_weight *t = rst_weights_find(w, "ammfi1.gate");
    assert_non_null(t);
    assert_int_equal(t->rank, 3);
    assert_int_equal(t->shape[1], 2);
    assert_memory_equal(t->data, a.map[0].v, 4 * sizeof(float));
    assert_non_null(rst_weights_find(w, "ammfi1.cbam.ChannelGate"));
    assert_non_null(rst_weights_find(w, "ammfi1.cbam.SpatialGate"));
    rst_weights_free(w);
    rst__free(path);
    path = rst__attention_path("/a.b/plain", RST_ATTENTION_FIGURE);
    assert_string_equal(path, "/a.b/plain.attention.png");
    rst__free(path);
}

/* Of a map of four numbers, the quarters of its cell have the colours from violet to yellow; a flat
 * one is all violet. */
static void test_figure(void **state)
{
    (void)state;
    if (!rst__canvas_version())
        skip();
    enum { CELL = 240, LEFT = 20, TOP = 68, NEXT = CELL + 20 };
    static const uint8_t want[4][3] = {
        { 68, 1, 84 }, { 48, 103, 141 }, { 74, 183, 112 }, { 253, 231, 37 }
    };
    rst_error err = RST_ERROR_INIT;
    const rst_attention a = sample();
    rst_image img = picture(4, 4), out = RST_IMAGE_INIT;
    succeeded(rst__attention_figure(&a, &img, &out, &err), &err);
    assert_int_equal(out.width, 4 * NEXT + 20);
    for (int i = 0; i < 4; i++) {
        const int64_t y = TOP + CELL / 8 + i / 2 * CELL * 3 / 4,
                      x = LEFT + CELL / 8 + i % 2 * CELL * 3 / 4;
        const uint8_t *p = out.px + 3 * (y * out.width + x + NEXT),
                      *flat = out.px + 3 * (y * out.width + x + 2 * NEXT);
        for (int k = 0; k < 3; k++) {
            assert_in_range(p[k], want[i][k] > 25 ? want[i][k] - 25 : 0, want[i][k] + 25);
            assert_int_equal(flat[k], want[0][k]);
        }
    }
    rst_image_free(&img);
    rst_image_free(&out);
}

static void test_no_memory(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_model *m = open_model(tree_path("m.safetensors"));
    rst_image img = picture(W, H);
    int rc = RST_ENOMEM;
    for (long n = 0; rc == RST_ENOMEM; n++) {
        rst_image out = RST_IMAGE_INIT;
        rst_attention seen;
        rst__alloc_fail_after(n);
        rc = rst__model_attend(m, &img, "picture", &out, &seen, &err);
        rst__alloc_fail_after(-1);
        assert_true(rc == 0 || (rc == RST_ENOMEM && seen.count == 0));
        rst__attention_free(&seen);
        rst_image_free(&out);
        n += n / 16; /* recording makes thousands, one like the other */
    }
    rst_image_free(&img);
    rst_model_close(m);
}

static void test_others_have_none(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_model *m = open_model(make_model("plain.safetensors", "{\"net\":\"stainnet\"}"));
    rst_image img = picture(8, 8), out = RST_IMAGE_INIT;
    rst_attention seen;
    assert_int_equal(rst__model_attend(m, &img, "picture", &out, &seen, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "stainnet, which has no attention"));
    assert_null(out.px);
    rst_image_free(&img);
    rst_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equations), cmocka_unit_test(test_picture_is_the_same),
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_figure),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_others_have_none),
    };
    return cmocka_run_group_tests(tests, tree_setup, tree_teardown);
}
