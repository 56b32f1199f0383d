/* SPDX-License-Identifier: MIT */
/* Synthetic tissue: the same pixels whatever they are asked with, and truth that fits them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <restain/synth.h>

#include "base/alloc.h"
#include "slide/synth_parts.h"

/* The parts of a rectangle, owned. */
typedef struct sheet {
    int64_t w, h;
    uint8_t *he, *ihc, *level;
    float *dab;
    int32_t *nucleus;
} sheet;

static rst_synth *slide(uint64_t seed, int level)
{
    rst_synth_options o = rst_synth_defaults();
    rst_synth *s = NULL;
    o.seed = seed;
    o.level = level;
    assert_int_equal(rst_synth_new(&s, &o, NULL), 0);
    return s;
}

static sheet draw(const rst_synth *s, int64_t x, int64_t y, int64_t w, int64_t h)
{
    const size_t n = (size_t)(w * h);
    sheet t = { w,
                h,
                malloc(n * 3),
                malloc(n * 3),
                malloc(n),
                malloc(n * sizeof(float)),
                malloc(n * sizeof(int32_t)) };
    const rst_synth_view v = { t.he, t.ihc, t.level, t.dab, t.nucleus };
    rst_error err = RST_ERROR_INIT;
    if (rst_synth_region(s, x, y, w, h, &v, &err) < 0)
        fail_msg("%s", err.msg);
    return t;
}

static void drop(sheet *t)
{
    free(t->he);
    free(t->ihc);
    free(t->level);
    free(t->dab);
    free(t->nucleus);
}

/* Whether `part` is what `whole` shows at (x, y). */
static void assert_part(const sheet *whole, const sheet *part, int64_t x, int64_t y)
{
    const size_t w = (size_t)part->w;
    for (int64_t j = 0; j < part->h; j++) {
        const int64_t a = (y + j) * whole->w + x, b = j * part->w;
        assert_memory_equal(whole->he + 3 * a, part->he + 3 * b, 3 * w);
        assert_memory_equal(whole->ihc + 3 * a, part->ihc + 3 * b, 3 * w);
        assert_memory_equal(whole->level + a, part->level + b, w);
        assert_memory_equal(whole->dab + a, part->dab + b, w * sizeof(float));
        assert_memory_equal(whole->nucleus + a, part->nucleus + b, w * sizeof(int32_t));
    }
}

static void test_any_rectangle_shows_the_same(void **state)
{
    (void)state;
    static const int64_t part[][4] = { { 0, 0, 700, 1 },
                                       { 3, 5, 40, 300 },
                                       { 255, 255, 2, 2 },
                                       { 200, 100, 257, 256 },
                                       { 699, 519, 1, 1 } };
    static const int64_t corner[][2] = { { -300, -200 }, { 1000000007, -5000000000 } };
    rst_synth *s = slide(5, -1);
    for (int c = 0; c < 2; c++) {
        sheet whole = draw(s, corner[c][0], corner[c][1], 700, 520);
        for (size_t k = 0; k < sizeof part / sizeof *part; k++) {
            const int64_t *p = part[k];
            sheet t = draw(s, corner[c][0] + p[0], corner[c][1] + p[1], p[2], p[3]);
            assert_part(&whole, &t, p[0], p[1]);
            drop(&t);
        }
        drop(&whole);
    }
    rst_synth_free(s);
}

/* Sections aside, flaws and glass keep to it, each with the others. */
static void test_options_keep_to_the_rectangles(void **state)
{
    (void)state;
    rst_synth_options o = rst_synth_defaults();
    o.shift = 30;
    o.elastic = 20;
    o.flaws = 1;
    o.width = 900;
    o.height = 800;
    o.tissue = 0.6;
    for (o.seed = 0; o.seed < 2; o.seed++) {
        rst_synth *s = NULL;
        assert_int_equal(rst_synth_new(&s, &o, NULL), 0);
        sheet whole = draw(s, 100, 200, 420, 330), t = draw(s, 180, 300, 300, 200);
        assert_part(&whole, &t, 80, 100);
        drop(&whole);
        drop(&t);
        rst_synth_free(s);
    }
}

/* How well two pictures' densities agree: Pearson's r of green. */
static double agree(const uint8_t *a, const uint8_t *b, int64_t n)
{
    double sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
    for (int64_t i = 0; i < n; i++) {
        const double u = a[3 * i + 1], v = b[3 * i + 1];
        sa += u;
        sb += v;
        aa += u * u;
        bb += v * v;
        ab += u * v;
    }
    const double m = (double)n;
    return (m * ab - sa * sb) / sqrt((m * aa - sa * sa) * (m * bb - sb * sb));
}

/* A section aside shows at p what the other shows at p + shift, and truth stays. */
static void test_the_section_lies_aside(void **state)
{
    (void)state;
    enum { N = 300 };
    rst_synth_options o = rst_synth_defaults();
    o.seed = 8;
    o.level = 3;
    rst_synth *plain = NULL, *aside = NULL;
    assert_int_equal(rst_synth_new(&plain, &o, NULL), 0);
    o.shift = 6; /* 12 px */
    assert_int_equal(rst_synth_new(&aside, &o, NULL), 0);
    sheet a = draw(aside, 0, 0, N, N), b = draw(plain, 0, 0, N, N);
    assert_memory_equal(a.he, b.he, 3 * N * N);
    assert_memory_equal(a.dab, b.dab, N * N * sizeof(float));
    assert_memory_equal(a.level, b.level, N * N);
    assert_true(agree(a.ihc, b.ihc, N * N) < 0.6);
    const int64_t dx = llround(aside->shift[0] / o.mpp), dy = llround(aside->shift[1] / o.mpp);
    assert_true(llabs(dx) + llabs(dy) >= 12);
    sheet there = draw(plain, dx, dy, N, N);
    assert_true(agree(a.ihc, there.ihc, N * N) > 0.93);
    drop(&there);
    drop(&a);
    drop(&b);
    rst_synth_free(plain);
    rst_synth_free(aside);
}

static double glass_share(uint64_t seed, double tissue)
{
    enum { W = 1024, H = 768, STEP = 256 };
    rst_synth_options o = rst_synth_defaults();
    rst_synth *s = NULL;
    o.seed = seed;
    o.mpp = 1;
    o.width = W;
    o.height = H;
    o.tissue = tissue;
    o.tumour = 1; /* no other white than glass */
    assert_int_equal(rst_synth_new(&s, &o, NULL), 0);
    int64_t glass = 0;
    for (int64_t y = 0; y < H; y += STEP)
        for (int64_t x = 0; x < W; x += STEP) {
            sheet t = draw(s, x, y, STEP, STEP);
            for (int64_t i = 0; i < STEP * STEP; i++)
                glass += t.he[3 * i + 1] > 225;
            drop(&t);
        }
    rst_synth_free(s);
    return (double)glass / (W * H);
}

static void test_glass_around_the_tissue(void **state)
{
    (void)state;
    const double half = glass_share(2, 0.5), most = glass_share(2, 0.2);
    if (!(half > 0.35 && half < 0.7 && most > 0.7 && most < 0.92))
        fail_msg("shares of glass: %.3f of 0.5, %.3f of 0.8", half, most);
    assert_true(glass_share(2, 0) == 1);
    assert_true(glass_share(2, 1) < 0.1);
}

static double mean_step(const sheet *t, int64_t at)
{
    double sum = 0;
    for (int64_t y = 0; y < t->h; y++)
        for (int64_t c = 0; c < 3; c++)
            sum += abs(t->he[(y * t->w + at) * 3 + c] - t->he[(y * t->w + at - 1) * 3 + c]);
    return sum / (double)t->h;
}

/* Blocks are 256 px; at their edges the picture is no less smooth than elsewhere. */
static void test_blocks_do_not_show(void **state)
{
    (void)state;
    double edge = 0, inner = 0;
    for (uint64_t seed = 0; seed < 3; seed++) {
        rst_synth *s = slide(seed, -1);
        sheet t = draw(s, 0, 0, 1024, 512);
        for (int64_t x = 1; x < t.w; x++)
            *(x % 256 ? &inner : &edge) += mean_step(&t, x);
        drop(&t);
        rst_synth_free(s);
    }
    const double ratio = edge / 9 / (inner / (3 * (1023 - 3)));
    if (!(ratio > 0.8 && ratio < 1.25))
        fail_msg("steps at the blocks' edges are %.3f times those elsewhere", ratio);
}

static void test_seeds_and_parts(void **state)
{
    (void)state;
    rst_synth *a = slide(1, 2), *b = slide(1, 2), *c = slide(2, 2);
    sheet ta = draw(a, 10, 20, 300, 200), tb = draw(b, 10, 20, 300, 200),
          tc = draw(c, 10, 20, 300, 200);
    assert_part(&ta, &tb, 0, 0);
    assert_memory_not_equal(ta.he, tc.he, (size_t)(3 * ta.w * ta.h));
    /* each part alone is as with the others */
    memset(tb.he, 0, (size_t)(3 * tb.w * tb.h));
    memset(tb.dab, 0, (size_t)(tb.w * tb.h) * sizeof(float));
    rst_synth_view only = { .he = tb.he };
    assert_int_equal(rst_synth_region(a, 10, 20, 300, 200, &only, NULL), 0);
    only = (rst_synth_view){ .dab = tb.dab };
    assert_int_equal(rst_synth_region(a, 10, 20, 300, 200, &only, NULL), 0);
    assert_part(&ta, &tb, 0, 0);
    drop(&ta);
    drop(&tb);
    drop(&tc);
    rst_synth_free(a);
    rst_synth_free(b);
    rst_synth_free(c);
}

/* DAB is where tumour is, and the more of it the higher the level. */
static void test_truth_by_level(void **state)
{
    (void)state;
    double before = -1;
    for (int level = 0; level < RST_SYNTH_LEVELS; level++) {
        rst_synth *s = slide(11, level);
        sheet t = draw(s, 0, 0, 600, 600);
        double sum = 0, positive = 0, outside = 0, tumour = 0;
        for (int64_t i = 0; i < t.w * t.h; i++) {
            const bool in = t.level[i] != RST_SYNTH_NO_LEVEL;
            assert_true(!in || t.level[i] == level);
            assert_true(t.dab[i] >= 0 && t.dab[i] < 2);
            tumour += in;
            sum += t.dab[i];
            positive += t.dab[i] > 0.15f;
            outside += in ? 0 : t.dab[i];
        }
        assert_true(tumour > 0.15 * 360000 && tumour < 0.9 * 360000);
        assert_true(sum > before);
        assert_true(level == 0 ? positive == 0 : positive > 0.03 * tumour);
        assert_true(outside <= 0.08 * sum); /* what the optics spread */
        before = sum;
        drop(&t);
        rst_synth_free(s);
    }
}

/* The mean radius in um of the tumour's nuclei that lie wholly inside. */
static double nuclear_radius(const sheet *t, double mpp)
{
    enum { ROOM = 1 << 16 };
    int32_t *area = calloc(ROOM, sizeof *area);
    double sum = 0;
    int n = 0;
    for (int64_t i = 0; i < t->w * t->h; i++)
        if ((t->nucleus[i] & 7) == RST_SYNTH_TUMOUR)
            area[(uint32_t)t->nucleus[i] * 2654435761u >> 16]++;
    for (int k = 0; k < ROOM; k++)
        if (area[k] > 60) {
            sum += sqrt(area[k] / 3.14159265) * mpp;
            n++;
        }
    free(area);
    assert_true(n > 50);
    return sum / n;
}

static void test_nuclei_grow_with_the_level(void **state)
{
    (void)state;
    static const double low[] = { 3.5, 4.3, 5.0, 5.8 }, high[] = { 4.3, 5.0, 5.9, 7.0 };
    for (int level = 0; level < RST_SYNTH_LEVELS; level++) {
        rst_synth *s = slide(3, level);
        sheet t = draw(s, 0, 0, 768, 768);
        const double r = nuclear_radius(&t, 0.5);
        if (!(r > low[level] && r < high[level]))
            fail_msg("level %d: a mean nuclear radius of %.2f um", level, r);
        drop(&t);
        rst_synth_free(s);
    }
}

static void test_wrong_use_and_no_memory(void **state)
{
    (void)state;
    rst_synth_options o = rst_synth_defaults();
    rst_synth *s = NULL;
    o.mpp = 0;
    assert_int_equal(rst_synth_new(&s, &o, NULL), RST_EINVAL);
    o = rst_synth_defaults();
    o.level = 4;
    assert_int_equal(rst_synth_new(&s, &o, NULL), RST_EINVAL);
    o = rst_synth_defaults();
    o.stain = NAN;
    assert_int_equal(rst_synth_new(&s, &o, NULL), RST_EINVAL);
    s = slide(1, 3);
    uint8_t px[30 * 30 * 3];
    const rst_synth_view v = { .he = px };
    assert_int_equal(rst_synth_region(s, 0, 0, 0, 4, &v, NULL), RST_EINVAL);
    assert_int_equal(rst_synth_region(s, 0, 0, 1 << 20, 1 << 20, &v, NULL), RST_EINVAL);
    assert_int_equal(rst_synth_region(s, INT64_MAX, 0, 4, 4, &v, NULL), RST_EINVAL);
    const long live = rst__alloc_live();
    int rc = RST_ENOMEM, n = 0;
    for (; rc == RST_ENOMEM && n < 60; n++) {
        rst__alloc_fail_after(n);
        rc = rst_synth_region(s, 0, 0, 30, 30, &v, NULL);
        rst__alloc_fail_after(-1);
        assert_int_equal(rst__alloc_live(), live);
    }
    assert_int_equal(rc, 0);
    assert_true(n > 3);
    rst_synth_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_rectangle_shows_the_same),
        cmocka_unit_test(test_options_keep_to_the_rectangles),
        cmocka_unit_test(test_the_section_lies_aside),
        cmocka_unit_test(test_glass_around_the_tissue),
        cmocka_unit_test(test_blocks_do_not_show),
        cmocka_unit_test(test_seeds_and_parts),
        cmocka_unit_test(test_truth_by_level),
        cmocka_unit_test(test_nuclei_grow_with_the_level),
        cmocka_unit_test(test_wrong_use_and_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
