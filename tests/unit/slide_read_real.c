/* SPDX-License-Identifier: MIT */
/* Two scanners' slides and a small pyramid (needs ../shared), against OpenSlide's own reading. */
#include "unit/slide_read_make.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#ifdef RST_HAVE_OPENSLIDE
#include <openslide.h>
#endif

static const char *in_shared(const char *name)
{
    static char path[512];
    const char *root = getenv("RESTAIN_TESTDATA");
    (void)snprintf(path, sizeof path, "%s/data/wsi/%s", root ? root : "../shared", name);
    return path;
}

#define CMU  "cc0/CMU-1-Small-Region.svs"
#define TCGA "other/TCGA-CR-7395-01A-01-TS1.svs"
#define TINY "other/tests_testdata_small_HE_levels.tiff"

static rst_slide *opened(const char *path, const rst_slide_options *o)
{
    rst_slide *s = NULL;
    rst_error err = RST_ERROR_INIT;
    if (rst_slide_open(&s, path, o, &err) < 0)
        fail_msg("%s", err.msg);
    return s;
}

#ifdef RST_HAVE_OPENSLIDE

/* Whether a rectangle of the slide is what OpenSlide gives for it, within `most`. */
static void compare(rst_slide *s, openslide_t *o, const rst_slide_rect *r, int64_t x0, int64_t y0,
                    int most)
{
    const size_t n = (size_t)(r->width * r->height);
    uint8_t *rgb = malloc(n * 3);
    uint32_t *argb = malloc(n * 4);
    assert_true(rgb && argb);
    rst_error err = RST_ERROR_INIT;
    if (rst_slide_read(s, r->level, r->x, r->y, r->width, r->height, rgb, &err) < 0)
        fail_msg("%s", err.msg);
    openslide_read_region(o, argb, x0, y0, r->level, r->width, r->height);
    assert_null(openslide_get_error(o));
    int worst = 0;
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < 3; c++) {
            const int want = argb[i] >> 24 ? (int)(argb[i] >> (16 - 8 * c) & 255) : 255;
            const int d = abs(rgb[3 * i + (size_t)c] - want);
            worst = d > worst ? d : worst;
        }
    if (worst > most)
        fail_msg("level %d at %lld, %lld: off by %d", r->level, (long long)r->x, (long long)r->y,
                 worst);
    free(rgb);
    free(argb);
}

static void test_cmu(void **state)
{
    (void)state;
    rst_slide *s = opened(in_shared(CMU), NULL);
    const rst_slide_info *i = rst_slide_describe(s);
    assert_int_equal(i->width, 2220);
    assert_int_equal(i->height, 2967);
    assert_int_equal(i->levels, 1);
    assert_true(i->mpp == 0.499);
    assert_true(i->objective == 20);
    assert_string_equal(i->vendor, "aperio");
    assert_true(strncmp(i->reader, "openslide ", 10) == 0);
    assert_int_equal(i->warnings, 0);
    openslide_t *o = openslide_open(in_shared(CMU));
    assert_non_null(o);
    static const rst_slide_rect r[] = { { 0, 0, 0, 300, 200 },
                                        { 0, 471, 1433, 640, 640 },
                                        { 0, 2100, 2900, 200, 100 },
                                        { 0, -50, -50, 120, 120 } };
    for (size_t k = 0; k < sizeof r / sizeof r[0]; k++)
        compare(s, o, &r[k], r[k].x, r[k].y, 0);
    openslide_close(o);
    rst_slide_close(s);
}

static void test_tcga(void **state)
{
    (void)state;
    rst_slide *s = opened(in_shared(TCGA), NULL);
    const rst_slide_info *i = rst_slide_describe(s);
    rst_error err = RST_ERROR_INIT;
    double mpp;
    assert_int_equal(i->width, 4443);
    assert_int_equal(i->height, 3567);
    assert_int_equal(i->levels, 2);
    assert_int_equal(i->level[1].width, 2221);
    assert_true(i->mpp == 0);
    assert_int_equal(i->icc_bytes, 3144);
    assert_int_equal(rst__slide_require_mpp(s, &mpp, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "--mpp"));
    openslide_t *o = openslide_open(in_shared(TCGA));
    assert_non_null(o);
    static const rst_slide_rect r[] = { { 0, 1000, 900, 300, 300 }, { 1, 0, 0, 512, 512 } };
    for (size_t k = 0; k < 2; k++)
        compare(s, o, &r[k], r[k].x, r[k].y, 0);
    /* The level's true pixel grid is off OpenSlide's by less than half a pixel of level 0. */
    compare(s, o, &(rst_slide_rect){ 1, 1024, 1024, 200, 200 },
            llround(1024 * i->level[1].downsample), llround(1024 * i->level[1].downsample), 0);
    openslide_close(o);
    rst_slide_close(s);
    s = opened(in_shared(TCGA), &(rst_slide_options){ .mpp = 0.25 });
    assert_int_equal(rst__slide_require_mpp(s, &mpp, &err), 0);
    assert_true(mpp == 0.25);
    rst_slide_close(s);
}

/* The part of a level's pixels that have about the colour of level 0 at that place. */
static double resemblance(rst_slide *s, int level)
{
    const rst_slide_level *l = &rst_slide_describe(s)->level[level];
    int64_t same = 0;
    for (int64_t i = 0; i < l->width * l->height; i++) {
        uint8_t a[3], b[3];
        const int64_t x = i % l->width, y = i / l->width, n = 1 << level;
        assert_int_equal(rst_slide_read(s, level, x, y, 1, 1, a, NULL), 0);
        assert_int_equal(rst_slide_read(s, 0, x * n + n / 2, y * n + n / 2, 1, 1, b, NULL), 0);
        same += abs(a[0] - b[0]) < 64 && abs(a[1] - b[1]) < 64 && abs(a[2] - b[2]) < 64;
    }
    return (double)same / (double)(l->width * l->height);
}

/* Our reader agrees with OpenSlide where both read: a generic pyramid, and Aperio's RGB JPEG. */
static void test_both_readers(void **state)
{
    (void)state;
    rst_slide *s = opened(in_shared(TINY), NULL);
    const rst_slide_info *i = rst_slide_describe(s);
    assert_string_equal(i->reader, "tiff");
    assert_int_equal(i->levels, 4);
    assert_int_equal(i->level[3].width, 37);
    assert_true(i->mpp == 0 && i->warnings == 2); /* 353 um/px */
    openslide_t *o = openslide_open(in_shared(TINY));
    assert_non_null(o);
    /* Not below: OpenSlide 3.4 with libtiff 4.5 shows nothing of tiles wider than their level. */
    for (int k = 0; k < 2; k++)
        compare(s, o, &(rst_slide_rect){ k, 0, 0, 300 >> k, 250 >> k }, 0, 0, 0);
    for (int k = 2; k < 4; k++)
        assert_true(resemblance(s, k) > 0.9);
    openslide_close(o);
    rst_slide_close(s);
    s = opened(in_shared(CMU), &(rst_slide_options){ .reader = RST_SLIDE_READER_TIFF });
    i = rst_slide_describe(s);
    assert_int_equal(i->levels, 1);
    assert_true(i->mpp == 0.499 && i->objective == 20);
    assert_string_equal(i->vendor, "aperio");
    o = openslide_open(in_shared(CMU));
    compare(s, o, &(rst_slide_rect){ 0, 300, 300, 700, 500 }, 300, 300, 2);
    openslide_close(o);
    rst_slide_close(s);
}

/* OpenSlide's handle dies of one bad tile; the slide does not. */
static void test_damaged(void **state)
{
    (void)state;
    void *p;
    size_t n;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst__file_read(in_shared(CMU), 1 << 24, &p, &n, &err), 0);
    memset((uint8_t *)p + 300000, 0, 3000);
    const char *path = made_store(p, n);
    rst__free(p);
    uint8_t *rgb = malloc((size_t)2220 * 2967 * 3);
    assert_non_null(rgb);
    rst_slide *s = opened(path, NULL);
    assert_int_equal(rst_slide_read(s, 0, 0, 0, 2220, 2967, rgb, &err), RST_EINPUT);
    assert_non_null(strstr(err.msg, "bad tile at "));
    assert_non_null(strstr(err.msg, "OpenSlide"));
    assert_int_equal(rst_slide_read(s, 0, 0, 2900, 2220, 67, rgb, &err), 0);
    rst_slide_close(s);
    s = opened(path, &(rst_slide_options){ .allow_bad_tiles = 4 });
    assert_int_equal(rst_slide_read(s, 0, 0, 0, 2220, 2967, rgb, &err), 0);
    assert_in_range(rst_slide_bad_count(s), 1, 4);
    rst_slide_close(s);
    free(rgb);
    made_done();
}

static atomic_int failures;

typedef struct part {
    rst_slide *s;
    const uint8_t *whole;
    int number;
} part;

static void *read_part(void *arg)
{
    const part *t = arg;
    uint8_t *rgb = malloc(256 * 256 * 3);
    for (int k = 0; rgb && k < 12; k++) {
        const int64_t x = (t->number * 37 + k * 171) % 1900, y = (t->number * 411 + k * 93) % 2600;
        if (rst_slide_read(t->s, 0, x, y, 256, 256, rgb, NULL) < 0)
            atomic_fetch_add(&failures, 1);
        for (int64_t r = 0; r < 256; r++)
            if (memcmp(rgb + r * 256 * 3, t->whole + ((y + r) * 2220 + x) * 3, 256 * 3) != 0)
                atomic_fetch_add(&failures, 1);
    }
    free(rgb);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    enum { THREADS = 3 };
    uint8_t *whole = malloc((size_t)2220 * 2967 * 3);
    assert_non_null(whole);
    rst_slide *s = opened(in_shared(CMU), NULL);
    assert_int_equal(rst_slide_read(s, 0, 0, 0, 2220, 2967, whole, NULL), 0);
    rst_slide_close(s);
    s = opened(in_shared(CMU), &(rst_slide_options){ .cache_bytes = 4 << 20 });
    pthread_t id[THREADS];
    part parts[THREADS];
    for (int i = 0; i < THREADS; i++) {
        parts[i] = (part){ s, whole, i };
        assert_int_equal(pthread_create(&id[i], NULL, read_part, &parts[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(id[i], NULL);
    assert_int_equal(atomic_load(&failures), 0);
    rst_slide_close(s);
    free(whole);
}

#else

static void test_refused_without(void **state)
{
    (void)state;
    rst_slide *s = NULL;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_slide_open(&s, in_shared(TCGA), NULL, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "compression 33005"));
    s = opened(in_shared(CMU), NULL);
    assert_true(rst_slide_describe(s)->mpp == 0.499);
    rst_slide_close(s);
    s = opened(in_shared(TINY), NULL);
    assert_int_equal(rst_slide_describe(s)->levels, 4);
    rst_slide_close(s);
}

#endif

int main(void)
{
    if (!rst__exists(in_shared(CMU))) {
        (void)printf("skipped: no slides in RESTAIN_TESTDATA\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
#ifdef RST_HAVE_OPENSLIDE
        cmocka_unit_test(test_cmu),          cmocka_unit_test(test_tcga),
        cmocka_unit_test(test_both_readers), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_threads),
#else
        cmocka_unit_test(test_refused_without),
#endif
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || rst__alloc_live() != 0;
}
