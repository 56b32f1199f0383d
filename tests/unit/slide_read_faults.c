/* SPDX-License-Identifier: MIT */
/* Slides that go wrong: bad tiles and the second try, damaged and cut files, no memory, threads. */
#include "unit/slide_read_make.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/rng.h"

/* A backend that fails as told ----------------------------------------------------------------- */

static struct {
    int opens, closes, loads;
    int fail_once; /* this block fails on the first handle only */
    int bad;       /* this block fails always */
    int bad_after; /* and every one from here on; -1: none */
    bool no_reopen, sticky;
} fake;

enum { FAKE_BLOCKS = 8, FAKE_SIDE = 4 };

typedef struct fake_handle {
    int number;
    bool dead;
} fake_handle;

static int fake_reopen(const rst_slide *s, void **handle, rst_error *err)
{
    (void)s;
    if (fake.no_reopen && fake.opens > 0)
        return rst_fail(err, RST_EINPUT, "gone");
    fake_handle *h = rst__calloc(1, sizeof *h);
    if (!h)
        return rst__fail_nomem(err, "fake");
    h->number = ++fake.opens;
    *handle = h;
    return 0;
}

static int fake_open(rst_slide *s, void **handle, rst_error *err)
{
    int rc = rst__slide_add_level(s, FAKE_BLOCKS * FAKE_SIDE, 3, FAKE_SIDE, FAKE_SIDE, err);
    return rc < 0 ? rc : fake_reopen(s, handle, err);
}

static void fake_close(void *handle)
{
    fake.closes++;
    rst__free(handle);
}

static int fake_load(const rst_slide *s, void *handle, int level, int64_t bx, int64_t by,
                     uint8_t *rgb, rst_error *err)
{
    fake_handle *h = handle;
    (void)s;
    (void)level;
    (void)by;
    fake.loads++;
    const bool bad = bx == fake.bad || (fake.bad_after >= 0 && bx >= fake.bad_after) ||
                     (bx == fake.fail_once && h->number == 1);
    if (bad || h->dead) {
        h->dead = fake.sticky;
        return rst_fail(err, RST_EINPUT, "block %d is broken", (int)bx);
    }
    memset(rgb, (int)bx + 1, FAKE_SIDE * FAKE_SIDE * 3);
    return 0;
}

static const rst_slide_backend fakes[2] = {
    { fake_open, fake_reopen, fake_close, NULL, fake_load, .shared = false },
    { fake_open, fake_reopen, fake_close, NULL, fake_load, .shared = true },
};

static rst_slide *fake_slide(int shared, int64_t allow)
{
    rst_slide *s = NULL;
    memset(&fake, 0, sizeof fake);
    fake.fail_once = fake.bad = fake.bad_after = -1;
    fake.sticky = true;
    assert_int_equal(rst__slide_open_with(&s, "fake.svs", &fakes[shared],
                                          &(rst_slide_options){ .allow_bad_tiles = allow }, NULL),
                     0);
    return s;
}

static int read_all(rst_slide *s, uint8_t *px, rst_error *err)
{
    return rst_slide_read(s, 0, 0, 0, FAKE_BLOCKS * FAKE_SIDE, 3, px, err);
}

static uint8_t px[FAKE_BLOCKS * FAKE_SIDE * 3 * 3];

/* The first failure is forgiven; the dead handle is closed and the fresh one used from then on. */
static void test_second_try(void **state)
{
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        rst_slide *s = fake_slide(shared, 0);
        fake.fail_once = 3;
        assert_int_equal(read_all(s, px, NULL), 0);
        for (int b = 0; b < FAKE_BLOCKS; b++)
            assert_int_equal(px[b * FAKE_SIDE * 3], b + 1);
        assert_int_equal(fake.opens, 2);
        assert_int_equal(fake.closes, 1);
        assert_int_equal(fake.loads, FAKE_BLOCKS + 1);
        assert_int_equal(rst_slide_bad_count(s), 0);
        rst_slide_close(s);
        assert_int_equal(fake.closes, 2);
    }
}

static void test_bad_tile(void **state)
{
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        rst_error err = RST_ERROR_INIT;
        rst_slide *s = fake_slide(shared, 0);
        fake.bad = 5;
        assert_int_equal(read_all(s, px, &err), RST_EINPUT);
        assert_string_equal(err.msg, "fake.svs: bad tile at 20, 0 of level 0 (--allow-bad-tiles N "
                                     "paints such ones): block 5 is broken");
        assert_int_equal(fake.loads, 5 + 2);
        rst_slide_close(s);
        assert_int_equal(fake.closes, fake.opens);
    }
}

static void test_allowed_tiles(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_slide *s = fake_slide(1, 2);
    rst_slide_rect r;
    fake.bad = 5;
    for (int round = 0; round < 3; round++) {
        assert_int_equal(read_all(s, px, &err), 0);
        assert_int_equal(rst_slide_bad_count(s), 1); /* the same one */
        assert_int_equal(px[20 * 3], 255);
        assert_int_equal(px[24 * 3], 7);
        rst__slide_block_clear(&s->cache);
    }
    assert_int_equal(rst_slide_bad_tile(s, 0, &r, &err), 0);
    assert_true(r.level == 0 && r.x == 20 && r.y == 0 && r.width == 4 && r.height == 3);
    fake.bad_after = 6;
    assert_int_equal(read_all(s, px, &err), RST_EINPUT);
    assert_non_null(strstr(err.msg, "more than 2 bad tiles"));
    assert_int_equal(rst_slide_bad_count(s), 2);
    rst_slide_close(s);
    assert_int_equal(fake.closes, fake.opens);
}

static void test_no_reopen(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_slide *s = fake_slide(1, 0);
    fake.bad = 0;
    fake.no_reopen = true;
    assert_int_equal(read_all(s, px, &err), RST_EINPUT);
    assert_non_null(strstr(err.msg, "gone"));
    rst_slide_close(s);
    assert_int_equal(fake.closes, fake.opens);
}

/* Files ---------------------------------------------------------------------------------------- */

static const made samples[] = {
    { .mode = "w",
      .width = 120,
      .height = 90,
      .levels = 3,
      .tile = 32,
      .compression = COMPRESSION_JPEG,
      .photometric = PHOTOMETRIC_YCBCR },
    { .mode = "w8b",
      .layout = MADE_SUBS,
      .width = 120,
      .height = 90,
      .levels = 3,
      .tile = 32,
      .compression = COMPRESSION_LZW,
      .predictor = PREDICTOR_HORIZONTAL },
    { .mode = "wb",
      .layout = MADE_HYBRID,
      .width = 120,
      .height = 90,
      .levels = 3,
      .tile = 32,
      .compression = COMPRESSION_ADOBE_DEFLATE },
    { .mode = "w", .width = 60, .height = 50, .levels = 2, .channels = 4 },
};
enum { SAMPLES = sizeof samples / sizeof samples[0] };

/* Opens and reads everything; what goes wrong is one of the codes for that. Returns the status. */
static int exercise(const uint8_t *p, size_t n, int64_t allow)
{
    rst_slide *s = NULL;
    rst_error err = RST_ERROR_INIT;
    const rst_slide_options o = { .allow_bad_tiles = allow, .cache_bytes = 1 << 20 };
    int rc = rst__slide_open_memory(&s, p, n, "sample.tif", &o, &err);
    for (int i = 0; rc == 0 && i < rst_slide_describe(s)->levels; i++) {
        const rst_slide_level *l = &rst_slide_describe(s)->level[i];
        if (l->width * l->height > 1 << 16)
            continue;
        uint8_t *rgb = malloc((size_t)(l->width * l->height * 3));
        assert_non_null(rgb);
        rc = rst_slide_read(s, i, 0, 0, l->width, l->height, rgb, &err);
        free(rgb);
    }
    rst_slide_close(s);
    assert_int_equal(rc, err.code);
    assert_true(rc == 0 || rc == RST_EFORMAT || rc == RST_EINPUT || rc == RST_ENOMEM);
    assert_null(strchr(err.msg, '\n'));
    return rc;
}

/* A cut file is never read as if it were whole, unless no more is lost than the last directory's
 * pointer to a next one. */
static void test_cut(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        made_file f = made_tiff(&samples[i]);
        assert_int_equal(exercise(f.p, f.n, 0), 0);
        for (size_t n = 0; n + 8 < f.n; n += 1 + f.n / 97) {
            uint8_t *exact = malloc(n ? n : 1); /* a read past the end shows */
            assert_non_null(exact);
            memcpy(exact, f.p, n);
            assert_true(exercise(exact, n, 0) < 0);
            free(exact);
        }
        rst__free(f.p);
    }
}

static void test_mutated(void **state)
{
    (void)state;
    rst_rng r = rst__rng(3, "slide mutants");
    for (int i = 0; i < SAMPLES; i++) {
        made_file f = made_tiff(&samples[i]);
        for (int k = 0; k < 300; k++) {
            uint8_t *p = malloc(f.n);
            assert_non_null(p);
            memcpy(p, f.p, f.n);
            for (int64_t c = rst__rng_below(&r, 5); c >= 0; c--)
                p[rst__rng_below(&r, (int64_t)f.n)] = (uint8_t)rst__rng_u32(&r);
            (void)exercise(p, f.n, k % 2);
            free(p);
        }
        rst__free(f.p);
    }
}

/* A JPEG tile with flipped bits is refused, or painted and counted; its neighbours are intact. */
static void test_damaged_tile(void **state)
{
    (void)state;
    const made m = { .width = 96,
                     .height = 64,
                     .levels = 1,
                     .tile = 32,
                     .channels = 3,
                     .compression = COMPRESSION_ADOBE_DEFLATE };
    made_file f = made_tiff(&m);
    f.p[8 + 20] ^= 0xff; /* in the first tile, which follows the header */
    rst_slide *s = NULL;
    rst_error err = RST_ERROR_INIT;
    uint8_t row[96 * 3];
    assert_int_equal(rst__slide_open_memory(&s, f.p, f.n, "made.tif", NULL, &err), 0);
    assert_int_equal(rst_slide_read(s, 0, 0, 0, 96, 1, row, &err), RST_EINPUT);
    assert_non_null(strstr(err.msg, "made.tif: bad tile at 0, 0 of level 0"));
    assert_int_equal(rst_slide_read(s, 0, 32, 0, 64, 1, row, &err), 0);
    rst_slide_close(s);
    const rst_slide_options o = { .allow_bad_tiles = 1 };
    assert_int_equal(rst__slide_open_memory(&s, f.p, f.n, "made.tif", &o, &err), 0);
    assert_int_equal(rst_slide_read(s, 0, 0, 0, 96, 1, row, &err), 0);
    assert_int_equal(row[0], 255);
    assert_int_equal(row[31 * 3 + 1], 255);
    assert_int_equal(row[32 * 3], made_value(&m, 0, 32, 0, 0));
    assert_int_equal(rst_slide_bad_count(s), 1);
    rst_slide_close(s);
    rst__free(f.p);
}

/* The file shrinks or changes under an open slide: an error, and no signal. */
static void test_changed_file(void **state)
{
    (void)state;
    made m = { .mode = "wb", .width = 400, .height = 300, .levels = 2, .tile = 64 };
    made_file f = made_tiff(&m);
    rst_slide *s = NULL;
    rst_error err = RST_ERROR_INIT;
    uint8_t *rgb = malloc(400 * 300 * 3);
    assert_non_null(rgb);
    assert_int_equal(rst_slide_open(&s, made_store(f.p, f.n), NULL, &err), 0);
    assert_int_equal(truncate(made_path(), 5000), 0);
    assert_int_equal(rst_slide_read(s, 0, 0, 0, 400, 300, rgb, &err), RST_EINPUT);
    rst_slide_close(s);

    assert_int_equal(rst_slide_open(&s, made_store(f.p, f.n), NULL, &err), 0);
    assert_int_equal(rst_slide_read(s, 0, 0, 0, 64, 64, rgb, &err), 0);
    rst__free(f.p);
    m.tile = 32;
    f = made_tiff(&m);
    (void)made_store(f.p, f.n); /* another file of the same name, in the same inode */
    for (int level = 0; level < 2; level++)
        assert_true(rst_slide_read(s, level, 64, 64, 130, 80, rgb, &err) <= 0);
    rst_slide_close(s);
    made_done();
    free(rgb);
    rst__free(f.p);
}

/* The n-th request for memory fails: clean status, nothing lost. */
static void test_no_memory(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        made_file f = made_tiff(&samples[i]);
        const long before = rst__alloc_live();
        int rc = RST_ENOMEM;
        for (long n = 0; rc != 0; n++) {
            rst__alloc_fail_after(n);
            rc = exercise(f.p, f.n, 0);
            rst__alloc_fail_after(-1);
            assert_int_equal(rst__alloc_live(), before);
            assert_true(rc == 0 || rc == RST_ENOMEM);
            assert_true(n < 1000);
        }
        rst__free(f.p);
    }
}

static void test_no_reading(void **state)
{
    (void)state;
    made_file f = made_tiff(&samples[0]);
    const char *path = made_store(f.p, f.n);
    for (long n = 0; n < 2; n++) {
        rst_slide *s = NULL;
        rst_error err = RST_ERROR_INIT;
        rst__file_fail_after(n, -1);
        assert_int_equal(rst_slide_open(&s, path, NULL, &err), RST_EINPUT);
        rst__file_fail_after(-1, -1);
        assert_null(s);
    }
    made_done();
    rst__free(f.p);
}

/* Threads -------------------------------------------------------------------------------------- */

static atomic_int wrong;

typedef struct reader {
    rst_slide *s;
    const made *m;
    int number;
} reader;

static void *read_parts(void *arg)
{
    const reader *t = arg;
    rst_rng r = rst__rng((uint64_t)t->number, "slide threads");
    uint8_t buf[70 * 50 * 3];
    for (int k = 0; k < 150; k++) {
        const int level = (int)rst__rng_below(&r, t->m->levels);
        const int64_t w = t->m->width >> level, h = t->m->height >> level;
        const int64_t x = rst__rng_below(&r, w), y = rst__rng_below(&r, h);
        if (rst_slide_read(t->s, level, x, y, 70, 50, buf, NULL) < 0) {
            atomic_fetch_add(&wrong, 1);
            continue;
        }
        for (int64_t i = 0; i < 70 * 50; i++) {
            const int64_t u = x + i % 70, v = y + i / 70;
            for (int c = 0; c < 3; c++)
                if (buf[3 * i + c] != (u < w && v < h ? made_value(t->m, level, u, v, c) : 255))
                    atomic_fetch_add(&wrong, 1);
        }
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    const made m = { .width = 500,
                     .height = 300,
                     .levels = 3,
                     .tile = 32,
                     .channels = 3,
                     .compression = COMPRESSION_LZW };
    made_file f = made_tiff(&m);
    rst_slide *s = NULL;
    pthread_t id[THREADS];
    reader part[THREADS];
    const rst_slide_options o = { .cache_bytes = 32 * 32 * 3 * 20 };
    assert_int_equal(rst_slide_open(&s, made_store(f.p, f.n), &o, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        part[i] = (reader){ s, &m, i };
        assert_int_equal(pthread_create(&id[i], NULL, read_parts, &part[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(id[i], NULL);
    assert_int_equal(atomic_load(&wrong), 0);
    rst_slide_close(s);
    made_done();
    rst__free(f.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_try),    cmocka_unit_test(test_bad_tile),
        cmocka_unit_test(test_allowed_tiles), cmocka_unit_test(test_no_reopen),
        cmocka_unit_test(test_cut),           cmocka_unit_test(test_mutated),
        cmocka_unit_test(test_damaged_tile),  cmocka_unit_test(test_changed_file),
        cmocka_unit_test(test_no_memory),     cmocka_unit_test(test_no_reading),
        cmocka_unit_test(test_threads),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || rst__alloc_live() != 0;
}
