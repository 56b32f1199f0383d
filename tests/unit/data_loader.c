/* SPDX-License-Identifier: MIT */
/* What is in a batch: the same for any number of threads and from any batch on; crops, flips and
 * draws as the references make them; damage told where it is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "image/convert.h"
#include "support/loaders.h"
#include "support/tree.h"

enum { PAIRS = 7, WIDTH = 40, HEIGHT = 36 };

static int make_pairs(void **state)
{
    (void)state;
    char name[64];
    tree_begin();
    for (int i = 0; i < PAIRS; i++) {
        (void)snprintf(name, sizeof name, "set/trainA/t%d.png", i);
        tree_picture(name, WIDTH, HEIGHT, 3, 10 + i);
        (void)snprintf(name, sizeof name, "set/trainB/t%d.png", i);
        tree_picture(name, WIDTH, HEIGHT, 3, 110 + i);
        (void)snprintf(name, sizeof name, "ab/train/t%d.png", i);
        tree_picture(name, 2 * WIDTH, HEIGHT, 3, 10 + i);
        (void)snprintf(name, sizeof name, "mixed/trainA/t%d.png", i);
        tree_picture(name, WIDTH + 8 * i, HEIGHT, 3, 10 + i);
        (void)snprintf(name, sizeof name, "mixed/trainB/t%d.png", i);
        tree_picture(name, WIDTH + 8 * i, HEIGHT, 3, 110 + i);
    }
    for (int i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "apart/trainA/a%d.png", i);
        tree_picture(name, WIDTH, HEIGHT, 3, 10 + i);
    }
    for (int i = 0; i < 5; i++) {
        (void)snprintf(name, sizeof name, "apart/trainB/b%d.png", i);
        tree_picture(name, WIDTH + 4, HEIGHT, 3, 110 + i);
    }
    return 0;
}

static rst_dataset *open_set(const char *name, bool unpaired)
{
    rst_error err = RST_ERROR_INIT;
    rst_dataset *d = NULL;
    rst_dataset_options o = { .root = tree_path(name), .phase = "train", .unpaired = unpaired };
    if (strcmp(name, "ab") == 0)
        o.layout = RST_DATA_SIDE_BY_SIDE; /* its halves are no squares */
    if (rst__dataset_open(&d, &o, &err) < 0)
        fail_msg("%s", err.msg);
    return d;
}

static const rst_loader_options usual = { .sampling = RST_SAMPLING_RANDOM,
                                          .augment = { RST_PREPROCESS_CROP, 0, 16, true },
                                          .batch = 2,
                                          .seed = 5,
                                          .threads = 1 };

static int byte_of(float x)
{
    return (int)lrintf((x + 1) / 2 * 255);
}

/* The same numbers -------------------------------------------------------------------------------
 */

/* All numbers of `count` batches, a then b, one after the other. */
static float *numbers(const rst_dataset *d, const rst_loader_options *o, int64_t first,
                      int64_t count, int64_t *n)
{
    rst_loader *l = loaders_open(d, o, first);
    float *v = NULL;
    *n = 0;
    for (int64_t k = first; k < first + count; k++) {
        const rst_batch *b = loaders_next(l);
        const int64_t m = b->n * b->h * b->w * 3;
        assert_int_equal(b->number, k);
        v = realloc(v, (size_t)(*n + 2 * m) * sizeof *v);
        assert_non_null(v);
        memcpy(v + *n, b->a, (size_t)m * sizeof *v);
        memcpy(v + *n + m, b->b, (size_t)m * sizeof *v);
        *n += 2 * m;
    }
    rst__loader_close(l);
    return v;
}

static void test_same_for_any_threads(void **state)
{
    (void)state;
    const struct {
        const char *set;
        bool unpaired;
    } sets[] = { { "set", false }, { "ab", false }, { "apart", true } };
    for (size_t s = 0; s < sizeof sets / sizeof sets[0]; s++)
        for (int sampling = RST_SAMPLING_RANDOM; sampling <= RST_SAMPLING_SERIAL; sampling++) {
            rst_dataset *d = open_set(sets[s].set, sets[s].unpaired);
            rst_loader_options o = usual;
            o.sampling = (rst_sampling)sampling;
            int64_t n = 0, m = 0;
            float *want = numbers(d, &o, 0, 20, &n);
            for (int threads = 2; threads <= 4; threads *= 2)
                for (int cache = 0; cache < 2; cache++) {
                    o.threads = threads;
                    o.cache_mb = cache;
                    o.ahead = cache ? 1 : 0;
                    float *got = numbers(d, &o, 0, 20, &m);
                    assert_int_equal(n, m);
                    assert_memory_equal(want, got, (size_t)n * sizeof *want);
                    free(got);
                }
            free(want);
            rst__dataset_close(d);
        }
}

static void test_same_from_any_batch(void **state)
{
    (void)state;
    for (int sampling = RST_SAMPLING_RANDOM; sampling <= RST_SAMPLING_SHUFFLE; sampling++) {
        rst_dataset *d = open_set("set", false);
        rst_loader_options o = usual;
        o.sampling = (rst_sampling)sampling;
        o.threads = 3;
        int64_t n = 0, m = 0;
        float *want = numbers(d, &o, 0, 12, &n);
        for (int64_t first = 1; first < 12; first += 2) {
            float *got = numbers(d, &o, first, 12 - first, &m);
            assert_int_equal(m, n / 12 * (12 - first));
            assert_memory_equal(want + n / 12 * first, got, (size_t)m * sizeof *got);
            free(got);
        }
        o.seed++;
        float *other = numbers(d, &o, 0, 12, &m);
        assert_memory_not_equal(want, other, (size_t)n * sizeof *want);
        free(other);
        free(want);
        rst__dataset_close(d);
    }
}

/* The right numbers ------------------------------------------------------------------------------
 */

/* Checks that a crop of a made picture is one, and gives its place. */
static void find_crop(const float *v, int64_t h, int64_t w, int mark, int place[3])
{
    const int x0 = byte_of(v[0]), x1 = byte_of(v[3 * (w - 1)]);
    place[0] = byte_of(v[1]);
    place[1] = x0 < x1 ? x0 : x1;
    place[2] = x0 > x1;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            const float *p = v + 3 * (y * w + x);
            const uint8_t px[3] = { (uint8_t)(place[2] ? x0 - x : x0 + x), (uint8_t)(place[0] + y),
                                    (uint8_t)mark };
            float want[3];
            rst__float_from_u8(px, 3, want);
            assert_memory_equal(p, want, sizeof want);
        }
}

static void test_crop_and_flip(void **state)
{
    (void)state;
    enum { BATCHES = 3000 };
    rst_dataset *d = open_set("set", false);
    rst_loader_options o = usual;
    o.cache_mb = 64;
    rst_loader *l = loaders_open(d, &o, 0);
    int flips = 0, rows[HEIGHT - 16 + 1] = { 0 }, columns[WIDTH - 16 + 1] = { 0 };
    for (int k = 0; k < BATCHES; k++) {
        const rst_batch *b = loaders_next(l);
        assert_int_equal(b->n, 2);
        assert_int_equal(b->h, 16);
        assert_int_equal(b->w, 16);
        assert_int_equal(b->first_sample, 2 * k);
        for (int64_t i = 0; i < b->n; i++) {
            const int item = b->name[i][1] - '0';
            int pa[3], pb[3];
            assert_string_equal(b->name[i], b->name_b[i]);
            find_crop(b->a + i * 16 * 16 * 3, 16, 16, 10 + item, pa);
            find_crop(b->b + i * 16 * 16 * 3, 16, 16, 110 + item, pb);
            assert_memory_equal(pa, pb, sizeof pa); /* a pair is cut alike */
            rows[pa[0]]++;
            columns[pa[1]]++;
            flips += pa[2];
        }
    }
    rst__loader_close(l);
    rst__dataset_close(d);
    /* 6000 draws: within five standard deviations of uniform, the first and the last place too. */
    assert_true(abs(flips - BATCHES) < 5 * 39);
    for (int i = 0; i <= HEIGHT - 16; i++)
        assert_true(fabs(rows[i] - 6000 / 21.0) < 5 * 17);
    for (int i = 0; i <= WIDTH - 16; i++)
        assert_true(fabs(columns[i] - 6000 / 25.0) < 5 * 16);
}

static void test_halves(void **state)
{
    (void)state;
    rst_dataset *d = open_set("ab", false);
    rst_loader_options o = usual;
    o.augment = (rst_augment){ .preprocess = RST_PREPROCESS_NONE };
    o.sampling = RST_SAMPLING_SERIAL;
    rst_loader *l = loaders_open(d, &o, 0);
    const rst_batch *b = loaders_next(l);
    int place[3];
    assert_int_equal(b->w, WIDTH);
    assert_int_equal(b->h, HEIGHT);
    find_crop(b->a, HEIGHT, WIDTH, 10, place);
    assert_int_equal(place[1], 0);
    find_crop(b->b, HEIGHT, WIDTH, 10, place);
    assert_int_equal(place[1], WIDTH);
    rst__loader_close(l);
    rst__dataset_close(d);
}

static void test_unaligned(void **state)
{
    (void)state;
    rst_dataset *d = open_set("apart", true);
    rst_loader_options o = usual;
    o.batch = 1;
    o.sampling = RST_SAMPLING_SHUFFLE;
    rst_loader *l = loaders_open(d, &o, 0);
    assert_int_equal(rst__loader_batches_per_epoch(l), 5);
    int alike = 0, b_of[5] = { 0 };
    for (int epoch = 0; epoch < 400; epoch++) {
        int a_of[3] = { 0 };
        for (int k = 0; k < 5; k++) {
            const rst_batch *b = loaders_next(l);
            int pa[3], pb[3];
            assert_int_equal(b->epoch, epoch);
            find_crop(b->a, 16, 16, 10 + b->name[0][1] - '0', pa);
            find_crop(b->b, 16, 16, 110 + b->name_b[0][1] - '0', pb);
            alike += memcmp(pa, pb, sizeof pa) == 0;
            a_of[b->name[0][1] - '0']++;
            b_of[b->name_b[0][1] - '0']++;
        }
        assert_int_equal(a_of[0], 2); /* indices 0..4 modulo 3 */
        assert_int_equal(a_of[1], 2);
        assert_int_equal(a_of[2], 1);
    }
    assert_true(alike < 20); /* 2000 / (21 * 25 * 2) are due to chance */
    for (int i = 0; i < 5; i++)
        assert_true(abs(b_of[i] - 400) < 5 * 18);
    rst__loader_close(l);
    rst__dataset_close(d);
}

/* Draws ------------------------------------------------------------------------------------------
 */

static void test_draws(void **state)
{
    (void)state;
    enum { ITEMS = 1000, EPOCHS = 20 };
    rst_error err = RST_ERROR_INIT;
    rst_sampler *s = NULL;
    rst_sampler_options o = { RST_SAMPLING_RANDOM, true, ITEMS, ITEMS, 1, 3 };
    int64_t n = 0;
    rst_sample p;
    assert_int_equal(rst__sampler_new(&s, &o, &err), 0);
    assert_int_equal(rst__sampler_batches_per_epoch(s), ITEMS);
    double distinct = 0;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        bool seen[ITEMS] = { false };
        for (int i = 0; i < ITEMS; i++) {
            assert_int_equal(rst__sampler_get(s, epoch * ITEMS + i, &p, &n, &err), 0);
            assert_int_equal(p.a, p.b);
            distinct += !seen[p.a];
            seen[p.a] = true;
        }
    }
    assert_true(fabs(distinct / (EPOCHS * ITEMS) - (1 - exp(-1))) < 0.01); /* 63 % */
    rst__sampler_free(s);

    o.sampling = RST_SAMPLING_SHUFFLE;
    o.batch = 3; /* 333 batches; one item is left over */
    rst_sample three[3];
    int64_t first[2] = { -1, -1 };
    assert_int_equal(rst__sampler_new(&s, &o, &err), 0);
    for (int epoch = 0; epoch < 2; epoch++) {
        bool seen[ITEMS] = { false };
        for (int k = 0; k < 333; k++) {
            assert_int_equal(rst__sampler_get(s, epoch * 333 + k, three, &n, &err), 0);
            assert_int_equal(n, 3);
            for (int i = 0; i < 3; i++) {
                assert_int_equal(three[i].number, (epoch * 333 + k) * 3 + i);
                assert_false(seen[three[i].a]);
                seen[three[i].a] = true;
            }
            if (k == 0)
                first[epoch] = three[0].a * ITEMS + three[1].a;
        }
    }
    assert_true(first[0] != first[1]);
    rst__sampler_free(s);
}

/* Pairs with views: an epoch is as many draws as there are pairs, each of one of its views, all
 * alike. */
static void test_views(void **state)
{
    (void)state;
    enum { SCENES = 500, VIEWS = 3, EPOCHS = 40 };
    rst_error err = RST_ERROR_INIT;
    for (int k = 0; k < 3; k++) {
        static const rst_sampling kind[] = { RST_SAMPLING_RANDOM, RST_SAMPLING_SHUFFLE,
                                             RST_SAMPLING_SERIAL };
        rst_sampler_options o = { kind[k], true, SCENES * VIEWS, SCENES * VIEWS,
                                  1,       3,    .views = VIEWS };
        rst_sampler *s = NULL;
        double of_view[VIEWS] = { 0 };
        assert_int_equal(rst__sampler_new(&s, &o, &err), 0);
        assert_int_equal(rst__sampler_batches_per_epoch(s), SCENES);
        for (int epoch = 0; epoch < EPOCHS; epoch++) {
            bool seen[SCENES] = { false };
            for (int i = 0; i < SCENES; i++) {
                int64_t n = 0;
                rst_sample p;
                assert_int_equal(rst__sampler_get(s, epoch * SCENES + i, &p, &n, &err), 0);
                assert_int_equal(p.a, p.b);
                assert_in_range(p.a, 0, SCENES * VIEWS - 1);
                assert_false(k > 0 && seen[p.a / VIEWS]);
                seen[p.a / VIEWS] = true;
                of_view[p.a % VIEWS] += 1;
            }
        }
        for (int v = 0; v < VIEWS; v++) /* six standard deviations */
            assert_true(fabs(of_view[v] / (SCENES * EPOCHS) - 1. / VIEWS) < 0.02);
        rst__sampler_free(s);
    }
}

/* Pairs as they are stand in for a share of the first view, and change no other draw. */
static void test_native(void **state)
{
    (void)state;
    enum { SCENES = 5000, VIEWS = 4 };
    rst_error err = RST_ERROR_INIT;
    for (int k = 0; k < 3; k++) {
        static const double share[] = { 0, 0.25, 1 };
        rst_sampler_options o = {
            RST_SAMPLING_RANDOM, true,          SCENES * VIEWS, SCENES * VIEWS, 1, 3,
            .views = VIEWS,      .native = true
        };
        rst_sampler *s = NULL, *plain = NULL;
        double of_view[VIEWS] = { 0 };
        assert_int_equal(rst__sampler_new(&plain, &o, &err), 0);
        o.native_share = share[k];
        assert_int_equal(rst__sampler_new(&s, &o, &err), 0);
        for (int i = 0; i < SCENES; i++) {
            int64_t n = 0;
            rst_sample p, q;
            assert_int_equal(rst__sampler_get(s, i, &p, &n, &err), 0);
            assert_int_equal(rst__sampler_get(plain, i, &q, &n, &err), 0);
            of_view[p.a % VIEWS] += 1;
            assert_true(p.a == q.a || (p.a == q.a + VIEWS - 1 && q.a % VIEWS == 0));
        }
        const double first = of_view[0] + of_view[VIEWS - 1];
        assert_true(fabs(first / SCENES - 1. / 3) < 0.04);
        assert_true(fabs(of_view[VIEWS - 1] / first - share[k]) < (k == 1 ? 0.07 : 1e-9));
        rst__sampler_free(s);
        rst__sampler_free(plain);
    }
}

static void test_serial(void **state)
{
    (void)state;
    rst_dataset *d = open_set("set", false);
    rst_loader_options o = usual;
    o.sampling = RST_SAMPLING_SERIAL;
    o.batch = 3;
    rst_loader *l = loaders_open(d, &o, 0);
    assert_int_equal(rst__loader_batches_per_epoch(l), 3);
    for (int k = 0, item = 0; k < 6; k++) {
        const rst_batch *b = loaders_next(l);
        assert_int_equal(b->n, k % 3 == 2 ? 1 : 3);
        assert_int_equal(b->epoch, k / 3);
        for (int64_t i = 0; i < b->n; i++, item++)
            assert_int_equal(b->name[i][1] - '0', item % PAIRS);
    }
    rst__loader_close(l);
    rst__dataset_close(d);
}

/* Trouble ----------------------------------------------------------------------------------------
 */

static void test_damage_in_the_middle(void **state)
{
    (void)state;
    tree_picture("bad/trainA/0.png", 32, 32, 3, 0);
    tree_picture("bad/trainB/0.png", 32, 32, 3, 0);
    tree_picture("bad/trainA/1.png", 32, 32, 3, 0);
    tree_picture("bad/trainB/1.png", 32, 32, 3, 0);
    tree_picture("bad/trainA/2.png", 32, 32, 3, 0);
    tree_picture("bad/trainB/2.png", 32, 32, 3, 0);
    tree_damage("bad/trainB/1.png", 0.6);
    rst_dataset *d = open_set("bad", false);
    rst_loader_options o = usual;
    o.sampling = RST_SAMPLING_SERIAL;
    o.batch = 1;
    for (o.threads = 1; o.threads <= 4; o.threads++) {
        rst_loader *l = loaders_open(d, &o, 0);
        (void)loaders_next(l);
        for (int again = 0; again < 2; again++) {
            rst_error err = RST_ERROR_INIT;
            const rst_batch *b = NULL;
            assert_int_equal(rst__loader_next(l, &b, &err), RST_EFORMAT);
            assert_non_null(strstr(err.msg, "bad/trainB/1.png: "));
            assert_null(b);
        }
        rst__loader_close(l);
    }
    rst__dataset_close(d);
}

/* What the first batch says. */
static void refuse(const char *set, bool unpaired, const rst_loader_options *o, int code,
                   const char *part)
{
    rst_error err = RST_ERROR_INIT;
    const rst_batch *b = NULL;
    rst_loader *l = NULL;
    rst_dataset *d = open_set(set, unpaired);
    int rc = rst__loader_open(&l, d, o, 0, &err);
    if (rc == 0)
        rc = rst__loader_next(l, &b, &err);
    if (rc != code || !strstr(err.msg, part))
        fail_msg("%d: `%s` has no `%s`", rc, err.msg, part);
    rst__loader_close(l);
    rst__dataset_close(d);
}

static void test_refused(void **state)
{
    (void)state;
    rst_loader_options o = usual;
    o.augment.crop_size = 38;
    refuse("set", false, &o, RST_EFORMAT, "40 x 36 pixels, too small for --crop-size 38");
    o.augment.crop_size = 0;
    refuse("set", false, &o, RST_EINVAL, "--crop-size 0");
    o = usual;
    o.batch = 8;
    refuse("set", false, &o, RST_EINVAL, "--batch-size 8: it is 1 to 7");
    o = usual;
    o.sampling = RST_SAMPLING_SERIAL;
    o.augment.preprocess = RST_PREPROCESS_NONE;
    refuse("mixed", false, &o, RST_EINVAL, "trainA/t1.png: 48 x 36 pixels in a batch of 40 x 36");
    o.batch = 1;
    refuse("apart", true, &o, RST_EINVAL, "trainB/b0.png: 44 x 36 pixels in a batch of 40 x 36");
    refuse("apart", true, &(rst_loader_options){ .threads = -1, .augment = usual.augment },
           RST_EINVAL, "-1 threads");
}

static void test_no_memory(void **state)
{
    (void)state;
    rst_dataset *d = open_set("set", false);
    rst_loader_options o = usual;
    o.sampling = RST_SAMPLING_SHUFFLE;
    o.cache_mb = 1;
    const long before = rst__alloc_live();
    int rc = RST_ENOMEM;
    for (long n = 0; rc < 0 && n < 4000; n++) {
        rst_error err = RST_ERROR_INIT;
        rst_loader *l = NULL;
        const rst_batch *b = NULL;
        rst__alloc_fail_after(n);
        rc = rst__loader_open(&l, d, &o, 0, &err);
        for (int k = 0; rc == 0 && k < 3; k++)
            rc = rst__loader_next(l, &b, &err);
        rst__alloc_fail_after(-1);
        rst__loader_close(l);
        if (rc < 0 && (rc != RST_ENOMEM || !err.msg[0]))
            fail_msg("allocation %ld: %d, `%s`", n, rc, err.msg);
        assert_int_equal(rst__alloc_live(), before);
    }
    assert_int_equal(rc, 0);
    rst__dataset_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_for_any_threads),
        cmocka_unit_test(test_same_from_any_batch),
        cmocka_unit_test(test_crop_and_flip),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_unaligned),
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_native),
        cmocka_unit_test(test_serial),
        cmocka_unit_test(test_damage_in_the_middle),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, make_pairs, tree_teardown);
}
