/* SPDX-License-Identifier: MIT */
/* Sets of weights: the set itself, round trips through both formats, and what happens when memory
 * or the disk runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>

#include "base/hash.h"
#include "model/store.h"
#include "unit/weights_build.h"

static rst_error err;

static void *slurp(const char *path, size_t *len)
{
    void *buf;
    if (rst__file_read(path, 1 << 24, &buf, len, &err) < 0)
        fail_msg("%s", err.msg);
    return buf;
}

static void test_set(void **state)
{
    (void)state;
    static const int64_t shape[] = { 2, 2 }, negative[] = { -1, 2 },
                         huge[] = { INT64_C(1) << 33, INT64_C(1) << 33, 0 };
    rst_weights *w = rst_weights_new();
    assert_non_null(w);
    assert_int_equal(rst_weights_add(w, "a", RST_WEIGHT_F32, 2, shape, build_floats, &err), 0);
    assert_int_equal(rst_weights_add(w, "b", RST_WEIGHT_F32, 1, shape, build_floats, &err), 0);
    assert_int_equal(rst_weights_add(w, "a", RST_WEIGHT_F32, 2, shape, build_floats, &err),
                     RST_EINVAL);
    assert_non_null(strstr(err.msg, "two tensors are called a"));
    static const char *const names[] = { "", "new\nline", "\xc0\xaf", "\xed\xa0\x80", "\xff" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(rst_weights_add(w, names[i], RST_WEIGHT_F32, 2, shape, build_floats, &err),
                         RST_EINVAL);
    assert_int_equal(rst_weights_add(w, "c", RST_WEIGHT_F32, 2, negative, build_floats, &err),
                     RST_EINVAL);
    assert_int_equal(rst_weights_add(w, "c", RST_WEIGHT_F32, 3, huge, build_floats, &err),
                     RST_EINVAL);
    assert_int_equal(rst_weights_add(w, "c", RST_WEIGHT_F32, 9, shape, build_floats, &err),
                     RST_EINVAL);
    assert_int_equal(rst_weights_add(w, "c", (rst_weight_type)10, 2, shape, build_floats, &err),
                     RST_EINVAL);
    assert_int_equal(rst_weights_count(w), 2);
    assert_string_equal(rst_weights_get(w, 1)->name, "b");
    assert_null(rst_weights_get(w, 2));
    assert_null(rst_weights_get(w, -1));
    assert_null(rst_weights_find(w, "c"));
    const rst_weight *a = rst_weights_find(w, "a");
    assert_ptr_equal(a, rst_weights_get(w, 0));
    assert_int_equal(a->bytes, 16);
    assert_int_equal(a->shape[7], 1);
    assert_memory_equal(a->data, build_floats, 16);
    rst_weights_free(w);
    rst_weights_free(NULL);
}

static void test_metadata(void **state)
{
    (void)state;
    const char *key, *value;
    rst_weights *w = rst_weights_new();
    assert_int_equal(rst_weights_set_meta(w, "one", "1", &err), 0);
    assert_int_equal(rst_weights_set_meta(w, "two", "2", &err), 0);
    assert_int_equal(rst_weights_set_meta(w, "three", "3", &err), 0);
    assert_int_equal(rst_weights_set_meta(w, "one", "uno", &err), 0);
    assert_int_equal(rst_weights_set_meta(w, "two", NULL, &err), 0);
    assert_int_equal(rst_weights_set_meta(w, "absent", NULL, &err), 0);
    assert_int_equal(rst_weights_set_meta(w, "bad", "\xff", &err), RST_EINVAL);
    assert_string_equal(rst_weights_meta(w, "one"), "uno");
    assert_null(rst_weights_meta(w, "two"));
    assert_true(rst_weights_meta_at(w, 1, &key, &value));
    assert_string_equal(key, "three");
    assert_string_equal(value, "3");
    assert_false(rst_weights_meta_at(w, 2, &key, &value));
    rst_weights_free(w);
}

/* One tensor of a type from raw bytes, as doubles. */
static void convert(rst_weight_type type, const void *data, int64_t n, double *out)
{
    float f[16];
    rst_weights *w = rst_weights_new();
    assert_int_equal(rst_weights_add(w, "x", type, 1, &n, data, &err), 0);
    const rst_weight *t = rst_weights_get(w, 0);
    assert_int_equal(rst_weight_elements(t), n);
    rst_weight_to_f64(t, out);
    rst_weight_to_f32(t, f);
    for (int64_t i = 0; i < n; i++)
        assert_true(isnan(out[i]) ? isnan(f[i]) : (float)out[i] == f[i]);
    rst_weights_free(w);
}

static void test_values(void **state)
{
    (void)state;
    static const uint16_t half[] = { 0x3c00, 0xc000, 0x7bff, 0x0001, 0x83ff, 0x0400,
                                     0x7c00, 0xfc00, 0x7e00, 0x8000, 0x3555 };
    static const double half_value[] = {
        1,        -2,        65504, 0x1p-24, -1023 * 0x1p-24, 0x1p-14,
        INFINITY, -INFINITY, 0,     -0.0,    0.333251953125
    };
    double v[16];
    convert(RST_WEIGHT_F16, half, 11, v);
    for (int i = 0; i < 11; i++)
        assert_true(i == 8 ? isnan(v[i])
                           : v[i] == half_value[i] && signbit(v[i]) == signbit(half_value[i]));
    static const uint16_t brain[] = { 0x3f80, 0xc2f7, 0x7f80, 0x0001 };
    convert(RST_WEIGHT_BF16, brain, 4, v);
    assert_true(v[0] == 1 && v[1] == -123.5 && isinf(v[2]) && v[3] == 0x1p-133);
    static const int8_t i8[] = { -128, 127 };
    convert(RST_WEIGHT_I8, i8, 2, v);
    assert_true(v[0] == -128 && v[1] == 127);
    convert(RST_WEIGHT_U8, i8, 2, v);
    assert_true(v[0] == 128 && v[1] == 127);
    convert(RST_WEIGHT_BOOL, i8, 2, v);
    assert_true(v[0] == 1 && v[1] == 1);
    static const int16_t i16[] = { -32768, 32767 };
    convert(RST_WEIGHT_I16, i16, 2, v);
    assert_true(v[0] == -32768 && v[1] == 32767);
    static const int32_t i32[] = { INT32_MIN, 1000003 };
    convert(RST_WEIGHT_I32, i32, 2, v);
    assert_true(v[0] == INT32_MIN && v[1] == 1000003);
    static const int64_t i64[] = { INT64_MIN, INT64_C(1) << 53 };
    convert(RST_WEIGHT_I64, i64, 2, v);
    assert_true(v[0] == -0x1p63 && v[1] == 0x1p53);
    static const double f64[] = { 0.1, -DBL_MAX };
    convert(RST_WEIGHT_F64, f64, 2, v);
    assert_true(v[0] == 0.1 && v[1] == -DBL_MAX);
}

static void test_to_i64(void **state)
{
    (void)state;
    static const double good[] = { 2.9, -2.9, -0x1p63, 0x1.fffffffffffffp62 };
    static const double bad[] = { NAN, INFINITY, 0x1p63, -0x1.0000000000001p63 };
    int64_t four = 4, one = 1, v[4];
    rst_weights *w = rst_weights_new();
    assert_int_equal(rst_weights_add(w, "good", RST_WEIGHT_F64, 1, &four, good, &err), 0);
    assert_int_equal(rst_weight_to_i64(rst_weights_find(w, "good"), v, &err), 0);
    assert_true(v[0] == 2 && v[1] == -2 && v[2] == INT64_MIN && v[3] == INT64_MAX - 1023);
    for (int i = 0; i < 4; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "bad%d", i);
        assert_int_equal(rst_weights_add(w, name, RST_WEIGHT_F64, 1, &one, &bad[i], &err), 0);
        assert_int_equal(rst_weight_to_i64(rst_weights_find(w, name), v, &err), RST_EINVAL);
    }
    static const int32_t whole[] = { -7, INT32_MAX, 0, 1 };
    assert_int_equal(rst_weights_add(w, "whole", RST_WEIGHT_I32, 1, &four, whole, &err), 0);
    assert_int_equal(rst_weight_to_i64(rst_weights_find(w, "whole"), v, &err), 0);
    assert_true(v[0] == -7 && v[1] == INT32_MAX && v[2] == 0 && v[3] == 1);
    rst_weights_free(w);
}

static rst_weights *named(const char *const *names)
{
    rst_weights *w = rst_weights_new();
    int64_t four = 4;
    for (; *names; names++)
        assert_int_equal(rst_weights_add(w, *names, RST_WEIGHT_F32, 1, &four, build_floats, &err),
                         0);
    return w;
}

static void test_unwrap(void **state)
{
    (void)state;
    static const char *const cases[][2][5] = {
        { { "0.w", "0.b", NULL }, { "0.w", "0.b", NULL } },
        { { "epoch", "state_dict/w", "opt/w", "state_dict/a/b", NULL }, { "w", "a/b", NULL } },
        { { "params/w", "params_ema/w", NULL }, { "w", NULL } },
        { { "state_dict/module.w", "x/y", "state_dict/module.b", NULL }, { "w", "b", NULL } },
        { { "module.w", "module.b", NULL }, { "w", "b", NULL } },
        { { "module.w", "b", NULL }, { "module.w", "b", NULL } },
        { { "model", "models/w", NULL }, { "model", "models/w", NULL } },
        { { "model/w", NULL }, { "w", NULL } },
    };
    static const char *const wrappers[] = { "", "state_dict", "params_ema", "state_dict",
                                            "", "",           "",           "model" };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rst_weights_info info;
        rst_weights *w = named(cases[i][0]);
        assert_int_equal(rst_weights_unwrap(w, &info, &err), 0);
        assert_string_equal(info.wrapper, wrappers[i]);
        assert_int_equal(info.module_prefix, i == 3 || i == 4);
        int64_t n = 0;
        for (; cases[i][1][n]; n++) {
            assert_string_equal(rst_weights_get(w, n)->name, cases[i][1][n]);
            assert_ptr_equal(rst_weights_find(w, cases[i][1][n]), rst_weights_get(w, n));
            assert_memory_equal(rst_weights_get(w, n)->data, build_floats, 16);
        }
        assert_int_equal(rst_weights_count(w), n);
        rst_weights_free(w);
    }
    static const char *const bad[] = { "model/", "model/w", NULL };
    rst_weights *w = named(bad);
    assert_int_equal(rst_weights_unwrap(w, NULL, &err), RST_EFORMAT);
    assert_int_equal(rst_weights_count(w), 2);
    assert_non_null(rst_weights_find(w, "model/w"));
    rst_weights_free(w);
}

static void test_safetensors_round_trip(void **state)
{
    (void)state;
    const char *path = temp_path("all.safetensors");
    rst_weights *w = build_all_types(&err), *back = NULL;
    rst_weights_info info;
    assert_non_null(w);
    if (rst_weights_write_safetensors(w, path, &err) < 0 ||
        rst_weights_read(&back, path, &info, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(info.container, RST_WEIGHTS_SAFETENSORS);
    assert_true(same_tensors(w, back));
    assert_string_equal(rst_weights_meta(back, "note"), rst_weights_meta(w, "note"));
    size_t len;
    unsigned char *buf = slurp(path, &len);
    size_t data = 8 + (buf[0] | (size_t)buf[1] << 8);
    char hex[65];
    assert_int_equal(data % 64, 0);
    assert_int_equal(buf[8], '{');
    assert_int_equal(rst__sha256_hex(buf + data, len - data, hex, &err), 0);
    assert_string_equal(rst_weights_meta(back, "sha256"), hex);
    rst_weights_free(back);

    /* The same set gives the same file, and damage to the data is found. */
    assert_int_equal(rst_weights_read(&back, path, NULL, &err), 0);
    assert_int_equal(rst_weights_write_safetensors(back, path, &err), 0);
    rst_weights_free(back);
    size_t again_len;
    void *again = slurp(path, &again_len);
    assert_int_equal(len, again_len);
    assert_memory_equal(buf, again, len);
    buf[len - 1] ^= 1;
    assert_int_equal(rst_weights_decode(&back, buf, len, "damaged", NULL, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "sha256"));
    rst__free(buf);
    rst__free(again);
    rst_weights_free(w);
    (void)unlink(path);
}

static void test_pth_round_trip(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s", temp_path("all.pth"));
    rst_weights *w = build_all_types(&err), *back = NULL;
    rst_weights_info info;
    assert_non_null(w);
    if (rst_weights_write_pth(w, path, &err) < 0 || rst_weights_read(&back, path, &info, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(info.container, RST_WEIGHTS_PTH_ZIP);
    assert_true(same_tensors(w, back));
    rst_weights_free(back);
    rst_weights_free(w);
    /* Every member's data, so every header's end, is at a multiple of 64. */
    size_t len, members = 0;
    unsigned char *buf = slurp(path, &len);
    for (size_t i = 0; i + 30 < len; i++) {
        if (memcmp(buf + i, "PK\3\4", 4) != 0)
            continue;
        size_t name = buf[i + 26] | (size_t)buf[i + 27] << 8,
               extra = buf[i + 28] | (size_t)buf[i + 29] << 8;
        assert_int_equal((i + 30 + name + extra) % 64, 0);
        members++;
    }
    assert_int_equal(members, 12 + 3);
    rst__free(buf);
    (void)unlink(path);
}

/* Sizes that take each of the pickle's opcodes for numbers, 1 to 4 bytes. */
static void test_pth_large_sizes(void **state)
{
    (void)state;
    static const int64_t shapes[][2] = { { 1, 255 }, { 256, 3 }, { 1, 65536 }, { 70000, 2 } };
    char *zeros = rst__calloc(140000, 1), name[16];
    rst_weights *w = rst_weights_new(), *back = NULL;
    for (int i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        zeros[i] = (char)i;
        assert_int_equal(rst_weights_add(w, name, RST_WEIGHT_I8, 2, shapes[i], zeros, &err), 0);
    }
    assert_int_equal(rst_weights_write_pth(w, temp_path("large.pth"), &err), 0);
    if (rst_weights_read(&back, temp_path("large.pth"), NULL, &err) < 0)
        fail_msg("%s", err.msg);
    assert_true(same_tensors(w, back));
    rst__free(zeros);
    rst_weights_free(w);
    rst_weights_free(back);
    (void)unlink(temp_path("large.pth"));
}

/* As many tensors as a set may have go through every container. */
static void test_most_tensors(void **state)
{
    (void)state;
    rst_weights *w = rst_weights_new(), *back = NULL;
    for (int i = 0; i < RST_WEIGHTS_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", i);
        assert_int_equal(rst_weights_add(w, name, RST_WEIGHT_F32, 0, NULL, build_floats, &err), 0);
    }
    assert_int_equal(rst_weights_add(w, "x", RST_WEIGHT_F32, 0, NULL, build_floats, &err),
                     RST_EINVAL);
    assert_non_null(strstr(err.msg, "more than 16384"));
    if (rst_weights_write_pth(w, temp_path("most.pth"), &err) < 0 ||
        rst_weights_read(&back, temp_path("most.pth"), NULL, &err) < 0)
        fail_msg("%s", err.msg);
    assert_true(same_tensors(w, back));
    rst_weights_free(back);
    rst_weights_free(w);
    (void)unlink(temp_path("most.pth"));
}

static void test_container_names(void **state)
{
    (void)state;
    assert_string_equal(rst_weights_container_name(RST_WEIGHTS_SAFETENSORS), "safetensors");
    assert_string_equal(rst_weights_container_name(RST_WEIGHTS_PTH_ZIP), "pth (zip)");
    assert_string_equal(rst_weights_container_name(RST_WEIGHTS_PTH_LEGACY), "pth (legacy)");
}

static void test_legacy_read(void **state)
{
    (void)state;
    rst_weights *w = build_all_types(&err), *back = NULL;
    rst_weights_info info;
    rst_str b = build_legacy(w);
    assert_false(b.failed);
    if (rst_weights_decode(&back, b.s, b.len, "test", &info, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(info.container, RST_WEIGHTS_PTH_LEGACY);
    assert_true(same_tensors(w, back));
    rst_weights_free(back);
    rst_weights_free(w);
    rst__str_free(&b);
}

static void test_zip64(void **state)
{
    (void)state;
    static const char pickle[] = PK_DICT("X\1\0\0\0"
                                         "w" PK_TENSOR);
    const member list[] = { { "x/data.pkl", pickle, sizeof pickle - 1 },
                            { "x/data/0", (const char *)build_floats, 16 },
                            { 0 } };
    void *buf;
    size_t len;
    rst_weights *w;
    assert_int_equal(build_zip(list, true, &buf, &len, &err), 0);
    if (rst_weights_decode(&w, buf, len, "zip64", NULL, &err) < 0)
        fail_msg("%s", err.msg);
    assert_memory_equal(rst_weights_find(w, "w")->data, build_floats, 16);
    rst_weights_free(w);
    rst__free(buf);
}

static void test_crc32(void **state)
{
    (void)state;
    assert_int_equal(rst__crc32("123456789", 9), 0xcbf43926u); /* the polynomial's check value */
    assert_int_equal(rst__crc32("", 0), 0);
}

/* Calls f with the n-th allocation failing, for every n, until it succeeds. */
static void exhaust_memory(int (*f)(void *), void *arg)
{
    long before = rst__alloc_live();
    for (long n = 0; n < 100000; n++) {
        err = (rst_error)RST_ERROR_INIT;
        rst__alloc_fail_after(n);
        int rc = f(arg);
        rst__alloc_fail_after(-1);
        assert_int_equal(rst__alloc_live(), before);
        if (rc == 0) {
            assert_true(n > 3);
            return;
        }
        assert_int_equal(rc, RST_ENOMEM);
        assert_int_equal(err.code, RST_ENOMEM);
    }
    fail_msg("never succeeded");
}

typedef struct blob {
    const void *p;
    size_t n;
} blob;

static int decode_blob(void *arg)
{
    const blob *b = arg;
    rst_weights *w = NULL;
    int rc = rst_weights_decode(&w, b->p, b->n, "blob", NULL, &err);
    if (rc == 0)
        rc = rst_weights_unwrap(w, NULL, &err);
    rst_weights_free(w);
    return rc;
}

static int save_safetensors(void *w)
{
    return rst_weights_write_safetensors(w, temp_path("f"), &err);
}

static int save_pth(void *w)
{
    return rst_weights_write_pth(w, temp_path("f"), &err);
}

static int build_set(void *arg)
{
    (void)arg;
    rst_weights *w = build_all_types(&err);
    rst_weights_free(w);
    /* A set that could not be made at all has no error of its own. */
    if (!w && !err.code)
        err.code = RST_ENOMEM;
    return w ? 0 : err.code;
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char *const names[] = { "state_dict/module.a", "state_dict/module.b", "c", NULL };
    rst_weights *w = build_all_types(&err), *wrapped = named(names);
    exhaust_memory(build_set, NULL);
    for (int i = 0; i < 2; i++) {
        rst_weights *set = i ? wrapped : w;
        rst_str legacy = build_legacy(set);
        exhaust_memory(decode_blob, &(blob){ legacy.s, legacy.len });
        rst__str_free(&legacy);
        int (*const save[])(void *) = { save_safetensors, save_pth };
        for (int k = 0; k < 2; k++) {
            size_t len;
            exhaust_memory(save[k], set);
            void *buf = slurp(temp_path("f"), &len);
            assert_int_equal(unlink(temp_path("f")), 0);
            exhaust_memory(decode_blob, &(blob){ buf, len });
            rst__free(buf);
        }
    }
    assert_false(rst__exists(temp_path("f.part")));
    rst_weights_free(w);
    rst_weights_free(wrapped);
}

/* A strided view, whose gathering allocates more. */
static void test_no_memory_for_views(void **state)
{
    (void)state;
    static const char pickle[] =
        PK_DICT("X\1\0\0\0"
                "t" PK_REBUILD PK_STORAGE("FloatStorage", "0", "\4") "tQ" PK_VIEW(
                    "\0", "K\2K\2\x86", "K\1K\2\x86") "X\1\0\0\0"
                                                      "w" PK_TENSOR);
    static const float transposed[] = { 1, 3, 2, 4 };
    const member list[] = { { "archive/data.pkl", pickle, sizeof pickle - 1 },
                            { "archive/data/0", (const char *)build_floats, 16 },
                            { 0 } };
    void *buf;
    size_t len;
    rst_weights *w;
    assert_int_equal(build_zip(list, false, &buf, &len, &err), 0);
    if (rst_weights_decode(&w, buf, len, "views", NULL, &err) < 0)
        fail_msg("%s", err.msg);
    assert_memory_equal(rst_weights_find(w, "t")->data, transposed, 16);
    assert_memory_equal(rst_weights_find(w, "w")->data, build_floats, 16);
    rst_weights_free(w);
    exhaust_memory(decode_blob, &(blob){ buf, len });
    rst__free(buf);
}

static void test_disk_full(void **state)
{
    (void)state;
    rst_weights *w = build_all_types(&err);
    int (*const save[])(void *) = { save_safetensors, save_pth };
    long before = rst__alloc_live();
    for (int i = 0; i < 2; i++) {
        int rc = -1;
        for (long n = 0; rc < 0; n++) {
            assert_true(n < 1000);
            rst__file_fail_after(-1, n);
            rc = save[i](w);
            rst__file_fail_after(-1, -1);
            assert_false(rst__exists(temp_path("f.part")));
            assert_int_equal(rst__exists(temp_path("f")), rc == 0);
            assert_int_equal(rst__alloc_live(), before);
            if (rc < 0)
                assert_int_equal(rc, RST_EOUTPUT);
        }
        (void)unlink(temp_path("f"));
    }
    assert_int_equal(rst_weights_write_pth(w, "/nonexistent/folder/f.pth", &err), RST_EOUTPUT);
    rst_weights_free(w);
}

static void test_unreadable(void **state)
{
    (void)state;
    rst_weights *w;
    assert_int_equal(rst_weights_read(&w, "/nonexistent.pth", NULL, &err), RST_EINPUT);
    assert_int_equal(rst_weights_read(&w, "/", NULL, &err), RST_EINPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_to_i64),
        cmocka_unit_test(test_unwrap),
        cmocka_unit_test(test_safetensors_round_trip),
        cmocka_unit_test(test_pth_round_trip),
        cmocka_unit_test(test_pth_large_sizes),
        cmocka_unit_test(test_most_tensors),
        cmocka_unit_test(test_container_names),
        cmocka_unit_test(test_legacy_read),
        cmocka_unit_test(test_zip64),
        cmocka_unit_test(test_crc32),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_memory_for_views),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_unreadable),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    temp_done();
    return failed;
}
