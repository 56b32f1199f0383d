/* SPDX-License-Identifier: MIT */
/* Batches of a super-resolver: pictures of either side by themselves, large and made small. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/check.h"
#include "support/loaders.h"
#include "support/tree.h"

enum { WIDTH = 90, HEIGHT = 70, CROP = 32, SCALE = 4 };

/* Red tells a pixel's x, green its y, blue which picture it is. */
static int make_sets(void **state)
{
    (void)state;
    static const char *const names[] = {
        "set/trainA/a.png",  "set/trainA/b.png", "set/trainB/a.png", "set/trainB/b.png",
        "tiles/train/a.png", "tiles/val/b.png",  "bare/a.png",       "bare/deep/b.png",
        "lone/trainB/a.png", "ab/train/a.png",   "small/a.png",
    };
    tree_begin();
    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
        const bool small = strncmp(names[i], "small", 5) == 0, two = names[i][1] == 'b';
        tree_picture(names[i],
                     small ? CROP + 1
                     : two ? 2 * WIDTH
                           : WIDTH,
                     small ? CROP : HEIGHT, 3, 10 * i);
    }
    return 0;
}

static rst_dataset_options singly(const char *name, const char *phase, rst_data_layout layout)
{
    return (rst_dataset_options){
        .root = tree_path(name), .phase = phase, .layout = layout, .single = true
    };
}

static rst_dataset *open_set(const char *name, const char *phase, rst_data_layout layout)
{
    rst_error err = RST_ERROR_INIT;
    rst_dataset *d = NULL;
    const rst_dataset_options o = singly(name, phase, layout);
    if (rst__dataset_open(&d, &o, &err) < 0)
        fail_msg("%s", err.msg);
    return d;
}

static const rst_loader_options usual = { .sampling = RST_SAMPLING_SHUFFLE,
                                          .augment = { RST_PREPROCESS_CROP, 0, CROP, true },
                                          .batch = 2,
                                          .scale = SCALE,
                                          .seed = 5,
                                          .threads = 1 };

/* Which pictures ---------------------------------------------------------------------------------
 */

static void test_layouts(void **state)
{
    (void)state;
    static const struct {
        const char *name, *phase;
        rst_data_layout layout, found;
        int64_t pictures;
    } cases[] = {
        { "set", "train", RST_DATA_AUTO, RST_DATA_FOLDERS, 4 },
        { "tiles", "train", RST_DATA_AUTO, RST_DATA_TILES, 1 },
        { "tiles", "val", RST_DATA_TILES, RST_DATA_TILES, 1 },
        { "bare", "train", RST_DATA_AUTO, RST_DATA_TILES, 2 },
        { "lone", "train", RST_DATA_AUTO, RST_DATA_FOLDERS, 1 },
        { "ab", "train", RST_DATA_AUTO, RST_DATA_TILES, 1 },
        { "ab", "train", RST_DATA_SIDE_BY_SIDE, RST_DATA_SIDE_BY_SIDE, 2 },
    };
    for (int i = 0; i < (int)(sizeof cases / sizeof cases[0]); i++) {
        rst_error err = RST_ERROR_INIT;
        rst_dataset_report report;
        rst_dataset *d = open_set(cases[i].name, cases[i].phase, cases[i].layout);
        const rst_dataset_check_options check = { .augment = &usual.augment };
        assert_int_equal(d->layout, cases[i].found);
        assert_int_equal(rst__dataset_pictures(d), cases[i].pictures);
        assert_int_equal(rst__dataset_check(d, &check, &report, &err), 0);
        assert_int_equal(report.max_w, cases[i].found == RST_DATA_TILES && cases[i].name[1] == 'b'
                                           ? 2 * WIDTH
                                           : WIDTH);
        rst__dataset_close(d);
    }
}

static void refused(const rst_dataset_options *o, int code, const char *part)
{
    rst_error err = RST_ERROR_INIT;
    rst_dataset *d = NULL;
    const int rc = rst__dataset_open(&d, o, &err);
    if (rc != code || !strstr(err.msg, part))
        fail_msg("%d: `%s` has no `%s`", rc, err.msg, part);
}

static void test_refused(void **state)
{
    (void)state;
    static const char table[] =
        "split\the\tihc\tmagnification\ntrain\tset/trainA/a.png\t"
        "set/trainB/a.png\t1\ntrain\tset/trainA/a.png\tset/trainB/a.png\t2\n";
    rst_dataset_options o = singly("tiles", "train", RST_DATA_TILES);
    o.single = false;
    refused(&o, RST_EINVAL, "--layout tiles");
    o = singly("bare", "val", RST_DATA_AUTO);
    refused(&o, RST_EINPUT, "bare/val");
    tree_file("mm.tsv", table, sizeof table - 1);
    o = singly("mm.tsv", "train", RST_DATA_AUTO);
    refused(&o, RST_EINVAL, "does not go with a super-resolver");

    rst_dataset *d = open_set("set", "train", RST_DATA_AUTO);
    rst_error err = RST_ERROR_INIT;
    rst_loader *l = NULL;
    rst_loader_options k = usual;
    k.augment.crop_size = 30;
    assert_int_equal(rst__loader_open(&l, d, &k, 0, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "a multiple of 4"));
    k = usual;
    k.augment.preprocess = RST_PREPROCESS_NONE;
    assert_int_equal(rst__loader_open(&l, d, &k, 0, &err), RST_EINVAL);
    rst__dataset_close(d);
}

/* What is in a batch -----------------------------------------------------------------------------
 */

/* A table whose rows need not have both. */
static void test_table(void **state)
{
    (void)state;
    static const char table[] = "split\the\tihc\ntrain\tset/trainA/a.png\t\ntrain\t"
                                "set/trainA/b.png\t\nval\t\tset/trainB/a.png\n";
    tree_file("he.tsv", table, sizeof table - 1);
    rst_dataset *d = open_set("he.tsv", "train", RST_DATA_AUTO);
    assert_int_equal(rst__dataset_pictures(d), 2);
    rst__dataset_close(d);
}

static int byte_at(const float *v, int64_t i)
{
    return (int)lrintf(v[i] * 255);
}

/* A sample's large picture is a crop of one file, perhaps mirrored; the small one lies under it. */
static void check_sample(const float *a, const float *b)
{
    const int low = CROP / SCALE, x = byte_at(b, 0), y = byte_at(b, 1), mark = byte_at(b, 2);
    const int way = byte_at(b, 3) - x;
    assert_true(way == 1 || way == -1);
    assert_true(y + CROP <= HEIGHT && (way > 0 ? x + CROP <= WIDTH : x - CROP >= -1));
    for (int i = 0; i < CROP * CROP; i++) {
        assert_int_equal(byte_at(b, 3 * i), x + way * (i % CROP));
        assert_int_equal(byte_at(b, 3 * i + 1), y + i / CROP);
        assert_int_equal(byte_at(b, 3 * i + 2), mark);
    }
    for (int i = 0; i < low * low; i++) {
        const double mid = 0.5 * (SCALE - 1);
        const int at_x = i % low, at_y = i / low;
        if (at_x == 0 || at_x == low - 1 || at_y == 0 || at_y == low - 1)
            continue; /* which may be a picture's border */
        assert_true(fabs(255.0 * a[3 * i] - (x + way * (SCALE * at_x + mid))) < 0.51);
        assert_true(fabs(255.0 * a[3 * i + 1] - (y + SCALE * at_y + mid)) < 0.51);
        assert_int_equal(byte_at(a, 3 * i + 2), mark);
    }
}

static void test_samples(void **state)
{
    (void)state;
    rst_dataset *d = open_set("set", "train", RST_DATA_AUTO);
    rst_loader_options o = usual;
    o.degradation = RST_DEGRADATION_BICUBIC;
    rst_loader *l = loaders_open(d, &o, 0);
    assert_int_equal(rst__loader_batches_per_epoch(l), 2);
    for (int epoch = 0; epoch < 10; epoch++) {
        int seen = 0;
        for (int k = 0; k < 2; k++) {
            const rst_batch *b = loaders_next(l);
            assert_true(b->n == 2 && b->h == CROP && b->w == CROP && b->scale == SCALE);
            for (int64_t i = 0; i < b->n; i++) {
                const float *large = b->b + i * CROP * CROP * 3;
                check_sample(b->a + i * CROP * CROP * 3 / (SCALE * SCALE), large);
                seen |= 1 << byte_at(large, 2) / 10;
                assert_int_equal(b->name[i][0], byte_at(large, 2) / 10 % 2 ? 'b' : 'a');
            }
        }
        assert_int_equal(seen, 15); /* every picture of both sides once an epoch */
    }
    rst__loader_close(l);
    rst__dataset_close(d);
}

/* The batch's numbers, a then b. */
static void keep(const rst_batch *b, float *v)
{
    const int64_t n = b->n * CROP * CROP * 3, m = n / (SCALE * SCALE);
    memcpy(v, b->a, (size_t)m * sizeof *v);
    memcpy(v + m, b->b, (size_t)n * sizeof *v);
}

/* Batch k is the same whatever the threads and the batch that was the first. */
static void test_same_for_any_threads(void **state)
{
    (void)state;
    enum { BATCHES = 8, N = 2 * CROP * CROP * 3 * (SCALE * SCALE + 1) / (SCALE * SCALE) };
    static float want[BATCHES][N], got[N];
    rst_dataset *d = open_set("set", "train", RST_DATA_AUTO);
    rst_loader *l = loaders_open(d, &usual, 0);
    for (int k = 0; k < BATCHES; k++)
        keep(loaders_next(l), want[k]);
    rst__loader_close(l);
    assert_memory_not_equal(want[0], want[2], sizeof want[0]);
    for (int threads = 1; threads <= 4; threads++) {
        rst_loader_options o = usual;
        o.threads = threads;
        o.cache_mb = threads % 2;
        l = loaders_open(d, &o, threads);
        for (int k = threads; k < BATCHES; k++) {
            keep(loaders_next(l), got);
            assert_memory_equal(got, want[k], sizeof got);
        }
        rst__loader_close(l);
    }
    rst__dataset_close(d);
}

/* No room for an edge around the crop. */
static void test_smallest(void **state)
{
    (void)state;
    rst_dataset *d = open_set("small", "train", RST_DATA_AUTO);
    rst_loader_options o = usual;
    o.batch = 1;
    rst_loader *l = loaders_open(d, &o, 0);
    const rst_batch *b = loaders_next(l);
    assert_int_equal(byte_at(b->b, 1), 0);
    assert_int_equal(byte_at(b->b, (CROP * CROP - 1) * 3 + 1), CROP - 1);
    rst__loader_close(l);
    o.augment.crop_size = CROP + 4;
    rst_error err = RST_ERROR_INIT;
    l = loaders_open(d, &o, 0);
    assert_int_equal(rst__loader_next(l, &b, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "small/a.png: 33 x 32 pixels, too small for --crop-size 36"));
    rst__loader_close(l);
    rst__dataset_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_same_for_any_threads),
        cmocka_unit_test(test_smallest),
    };
    return cmocka_run_group_tests(tests, make_sets, tree_teardown);
}
