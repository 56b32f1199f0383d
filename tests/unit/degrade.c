/* SPDX-License-Identifier: MIT */
/* A super-resolver's degradation, each step against its definition (spec 14.6), and the whole. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "image/degrade.h"

static void succeeded(int rc, const rst_error *err)
{
    if (rc < 0)
        fail_msg("%s", err->msg);
}

static rst_floats new_picture(int64_t h, int64_t w)
{
    rst_error err = RST_ERROR_INIT;
    rst_floats p;
    succeeded(rst__floats_new(&p, h, w, &err), &err);
    return p;
}

static rst_floats even(int64_t h, int64_t w, float v)
{
    rst_floats p = new_picture(h, w);
    for (int64_t i = 0; i < h * w * 3; i++)
        p.px[i] = v;
    return p;
}

static rst_floats drawn(int64_t h, int64_t w, uint64_t seed)
{
    rst_floats p = new_picture(h, w);
    rst_rng r = rst__rng(seed, "picture");
    for (int64_t i = 0; i < h * w * 3; i++)
        p.px[i] = (float)rst__rng_uniform(&r);
    return p;
}

static rst_floats copy(const rst_floats *p)
{
    rst_floats q = new_picture(p->h, p->w);
    memcpy(q.px, p->px, (size_t)(p->h * p->w * 3) * sizeof *q.px);
    return q;
}

static float at(const rst_floats *p, int64_t y, int64_t x, int c)
{
    return p->px[(y * p->w + x) * 3 + c];
}

static void near(double got, double want, double within, const char *what)
{
    if (!(fabs(got - want) <= within))
        fail_msg("%s: %.9g, not %.9g", what, got, want);
}

/* ... 2 1 | 0 1 2 ..., one step at a time. */
static int64_t mirror(int64_t i, int64_t n)
{
    while (i < 0 || i >= n)
        i = i < 0 ? -i : 2 * (n - 1) - i;
    return i;
}

/* Blur ------------------------------------------------------------------------------------------
 */

static double weight(const rst_filter *f, int y, int x)
{
    return f->w[(y + f->side / 2) * f->side + x + f->side / 2];
}

/* Sum 1, the same on both sides of the middle, and the covariance that was asked for. */
static void test_gaussians(void **state)
{
    (void)state;
    const struct {
        int side;
        double l1, l2, angle;
    } cases[] = { { 25, 4, 4, 0 }, { 25, 5, 1, 0.5 }, { 25, 1, 4, 2.6 }, { 7, 0.3, 6, 1 } };
    for (int k = 0; k < 4; k++) {
        rst_filter f;
        const double c = cos(cases[k].angle), s = sin(cases[k].angle);
        double sum = 0, xx = 0, xy = 0, yy = 0;
        rst__filter_gauss(&f, cases[k].side, cases[k].l1, cases[k].l2, cases[k].angle);
        const int r = f.side / 2;
        assert_int_equal(f.side, cases[k].side);
        for (int y = -r; y <= r; y++)
            for (int x = -r; x <= r; x++) {
                const double w = weight(&f, y, x);
                assert_true(w >= 0 && w == weight(&f, -y, -x));
                sum += w;
                xx += w * x * x;
                xy += w * x * y;
                yy += w * y * y;
            }
        near(sum, 1, 1e-6, "the sum of weights");
        if (cases[k].side < 25)
            continue; /* cut off by its side */
        near(xx, cases[k].l1 * c * c + cases[k].l2 * s * s, 1e-3, "variance along x");
        near(yy, cases[k].l1 * s * s + cases[k].l2 * c * c, 1e-3, "variance along y");
        near(xy, (cases[k].l1 - cases[k].l2) * s * c, 1e-3, "covariance");
    }
    rst_filter point;
    rst__filter_gauss(&point, 9, 0, 0, 0.3);
    near(weight(&point, 0, 0), 1, 0, "the middle of a point");
}

static void test_filtering(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_filter f;
    rst_floats p = drawn(9, 6, 1), got = copy(&p), same = even(5, 40, 0.3F);
    rst__filter_gauss(&f, 25, 7, 2, 0.7);
    succeeded(rst__floats_filter(&got, &f, &err), &err);
    for (int64_t y = 0; y < p.h; y++)
        for (int64_t x = 0; x < p.w; x++)
            for (int c = 0; c < 3; c++) {
                double want = 0;
                for (int i = -12; i <= 12; i++)
                    for (int j = -12; j <= 12; j++)
                        want +=
                            weight(&f, i, j) * at(&p, mirror(y + i, p.h), mirror(x + j, p.w), c);
                near(at(&got, y, x, c), want, 2e-6, "a filtered pixel");
            }
    succeeded(rst__floats_filter(&same, &f, &err), &err);
    for (int64_t i = 0; i < 5 * 40 * 3; i++)
        near(same.px[i], 0.3, 1e-6, "an even picture");
    rst__floats_free(&p);
    rst__floats_free(&got);
    rst__floats_free(&same);
}

static void test_drawn_blurs(void **state)
{
    (void)state;
    enum { DRAWS = 2000 };
    rst_rng r = rst__rng(1, "blurs");
    int sides[RST_FILTER_SIDE + 1] = { 0 }, round = 0;
    for (int i = 0; i < DRAWS; i++) {
        rst_filter f;
        double sum = 0;
        rst__degrade_draw_blur(&f, 4, &r);
        assert_true(f.side >= 7 && f.side <= 25 && f.side % 2 == 1);
        sides[f.side]++;
        for (int k = 0; k < f.side * f.side; k++)
            sum += f.w[k];
        near(sum, 1, 1e-5, "the sum of a drawn blur");
        round += fabs(weight(&f, 0, 1) - weight(&f, 1, 0)) < 1e-7 &&
                 fabs(weight(&f, 1, 1) - weight(&f, 1, -1)) < 1e-7;
    }
    for (int s = 7; s <= 25; s += 2)
        assert_true(sides[s] > DRAWS / 20 && sides[s] < DRAWS / 5);
    assert_true(round > DRAWS * 0.44 && round < DRAWS * 0.56);
}

/* Size ------------------------------------------------------------------------------------------
 */

static void test_same_size(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_floats p = drawn(7, 5, 2);
    for (int kind = 0; kind < 3; kind++) {
        rst_floats q = copy(&p);
        succeeded(rst__floats_resize(&q, 7, 5, (rst_interpolation)kind, &err), &err);
        for (int i = 0; i < 7 * 5 * 3; i++)
            near(q.px[i], p.px[i], 1e-6, "a pixel of a picture that keeps its size");
        rst__floats_free(&q);
    }
    assert_int_equal(rst__floats_resize(&p, 0, 3, RST_INTERPOLATION_AREA, &err), RST_EINVAL);
    assert_int_equal(p.h, 7);
    rst__floats_free(&p);
}

/* A row of three: 0, 1, 0.5, in all channels and both rows. */
static rst_floats row_of_three(void)
{
    static const float v[3] = { 0, 1, 0.5F };
    rst_floats p = new_picture(2, 3);
    for (int i = 0; i < 18; i++)
        p.px[i] = v[i / 3 % 3];
    return p;
}

static void check_row(int64_t w, rst_interpolation kind, const double *want)
{
    rst_error err = RST_ERROR_INIT;
    rst_floats p = row_of_three();
    succeeded(rst__floats_resize(&p, 2, w, kind, &err), &err);
    assert_true(p.h == 2 && p.w == w);
    for (int64_t x = 0; x < w; x++)
        for (int i = 0; i < 6; i++)
            near(at(&p, i / 3, x, i % 3), want[x], 1e-6, "a resized pixel");
    rst__floats_free(&p);
}

static void test_kinds_of_resizing(void **state)
{
    (void)state;
    /* To 6: middles lie a quarter of a pixel beside the old ones. */
    check_row(6, RST_INTERPOLATION_LINEAR, (double[]){ 0, 0.25, 0.75, 0.875, 0.625, 0.5 });
    check_row(6, RST_INTERPOLATION_AREA, (double[]){ 0, 0.25, 0.75, 0.875, 0.625, 0.5 });
    /* To 2: each covers a pixel and a half. */
    check_row(2, RST_INTERPOLATION_AREA, (double[]){ 1 / 3.0, 2 / 3.0 });
    check_row(2, RST_INTERPOLATION_LINEAR, (double[]){ 0.25, 0.625 });
    /* To 1: the middle pixel itself; the cubic's weights of a quarter with a = -0.75. */
    check_row(1, RST_INTERPOLATION_LINEAR, (double[]){ 1 });
    check_row(1, RST_INTERPOLATION_CUBIC, (double[]){ 1 });
    check_row(1, RST_INTERPOLATION_AREA, (double[]){ 0.5 });
    const double w[4] = { -0.10546875, 0.87890625, 0.26171875, -0.03515625 };
    check_row(2, RST_INTERPOLATION_CUBIC,
              (double[]){ w[2] + 0.5 * w[3], w[0] * 0 + w[1] * 0.5 + w[2] * 1 + w[0] * 0.5 });
}

/* Every step-th pixel of the middle: a slope stays one, at the middles of what it stands for. */
static void test_subsampling(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    for (int step = 2; step <= 4; step += 2) {
        rst_floats p = new_picture(61, 90);
        for (int64_t i = 0; i < p.h * p.w * 3; i++)
            p.px[i] = (float)(0.01 * (double)(i / 3 % p.w) + 0.001 * (double)(i / 3 / p.w));
        succeeded(rst__floats_subsample(&p, step, 0.4 * step, &err), &err);
        assert_int_equal(p.h, (61 + step - 1) / step);
        assert_int_equal(p.w, (90 + step - 1) / step);
        for (int64_t y = 12 / step + 1; y < p.h - 16 / step; y++)
            for (int64_t x = 12 / step + 1; x < p.w - 16 / step; x++) {
                const double mid = 0.5 * (step - 1);
                near(at(&p, y, x, 1),
                     0.01 * ((double)(x * step) + mid) + 0.001 * ((double)(y * step) + mid), 1e-5,
                     "a slope");
            }
        rst__floats_free(&p);
    }
}

/* Noise -----------------------------------------------------------------------------------------
 */

typedef struct moments {
    double mean[3], cov[3][3];
} moments;

static moments measure(const rst_floats *p)
{
    moments m = { 0 };
    const double n = (double)(p->h * p->w);
    for (int64_t i = 0; i < p->h * p->w; i++)
        for (int c = 0; c < 3; c++)
            m.mean[c] += p->px[3 * i + c] / n;
    for (int64_t i = 0; i < p->h * p->w; i++)
        for (int c = 0; c < 3; c++)
            for (int d = 0; d < 3; d++)
                m.cov[c][d] += (p->px[3 * i + c] - m.mean[c]) * (p->px[3 * i + d] - m.mean[d]) / n;
    return m;
}

static void test_noise(void **state)
{
    (void)state;
    const double variance = 100.0 / 65025;
    rst_rng r = rst__rng(4, "noise");
    for (int kind = RST_NOISE_COLOURS; kind <= RST_NOISE_CORRELATED; kind++)
        for (int again = 0; again < 4; again++) {
            double mix[3][3];
            rst_floats p = even(200, 200, 0.5F);
            rst__degrade_draw_noise(mix, (rst_noise_kind)kind, 10, &r);
            rst__degrade_noise(&p, mix, &r);
            const moments m = measure(&p);
            for (int c = 0; c < 3; c++) {
                near(m.mean[c], 0.5, 0.002, "the mean");
                for (int d = 0; d < 3; d++) {
                    double want = c == d || kind == RST_NOISE_GREY ? variance : 0;
                    if (kind == RST_NOISE_CORRELATED)
                        want =
                            mix[c][0] * mix[d][0] + mix[c][1] * mix[d][1] + mix[c][2] * mix[d][2];
                    near(m.cov[c][d], want, 0.05 * 0.01, "a covariance");
                    if (kind == RST_NOISE_CORRELATED)
                        assert_true(want >= 0 && want <= 625.0 / 65025);
                }
            }
            rst__floats_free(&p);
        }
}

static void test_noise_stays_within(void **state)
{
    (void)state;
    double mix[3][3];
    rst_rng r = rst__rng(4, "noise");
    rst_floats p = even(30, 30, 1);
    int below = 0;
    rst__degrade_draw_noise(mix, RST_NOISE_COLOURS, 25, &r);
    rst__degrade_noise(&p, mix, &r);
    for (int i = 0; i < 30 * 30 * 3; i++) {
        assert_true(p.px[i] >= 0 && p.px[i] <= 1);
        below += p.px[i] < 1;
    }
    assert_true(below > 1200 && below < 1500);
    rst__floats_free(&p);
}

/* JPEG ------------------------------------------------------------------------------------------
 */

static double distance(const rst_floats *a, const rst_floats *b)
{
    double sum = 0;
    for (int64_t i = 0; i < a->h * a->w * 3; i++)
        sum += fabs(a->px[i] - b->px[i]);
    return sum / (double)(a->h * a->w * 3);
}

static void are_bytes(const rst_floats *p)
{
    for (int64_t i = 0; i < p->h * p->w * 3; i++) {
        const float v = p->px[i], byte = rintf(v * 255);
        assert_true(v >= 0 && v <= 1 && v == byte / 255.0F);
    }
}

static void test_jpeg(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_floats p = new_picture(40, 56), poor, good;
    for (int64_t i = 0; i < p.h * p.w * 3; i++)
        p.px[i] = (float)(0.5 + 0.4 * sin(0.3 * (double)(i / 3 % p.w) + 0.2 * (double)(i % 3)));
    poor = copy(&p);
    good = copy(&p);
    succeeded(rst__degrade_jpeg(&poor, 30, &err), &err);
    succeeded(rst__degrade_jpeg(&good, 95, &err), &err);
    are_bytes(&poor);
    are_bytes(&good);
    assert_true(distance(&good, &p) > 0 && distance(&good, &p) < 0.01);
    assert_true(distance(&poor, &p) > 1.5 * distance(&good, &p) && distance(&poor, &p) < 0.05);
    /* Columns of red and blue that are equally light: their colours meet. */
    for (int64_t i = 0; i < p.h * p.w; i++) {
        const bool red = i % p.w % 2;
        p.px[3 * i] = red ? 0.6F : 0.4F;
        p.px[3 * i + 1] = 0.3F;
        p.px[3 * i + 2] = red ? 0.1F : 0.6F;
    }
    succeeded(rst__degrade_jpeg(&p, 95, &err), &err);
    near(at(&p, 20, 20, 0), at(&p, 20, 21, 0), 0.05, "red of neighbours");
    rst__floats_free(&p);
    rst__floats_free(&poor);
    rst__floats_free(&good);
}

/* All -------------------------------------------------------------------------------------------
 */

static void test_orders(void **state)
{
    (void)state;
    enum { DRAWS = 7000 };
    rst_rng r = rst__rng(7, "orders");
    int seen[RST_DEGRADE_STEPS][RST_DEGRADE_STEPS] = { { 0 } };
    for (int i = 0; i < DRAWS; i++) {
        rst_degrade_step order[RST_DEGRADE_STEPS];
        int place[RST_DEGRADE_STEPS], all = 0;
        rst__degrade_order(order, &r);
        for (int k = 0; k < RST_DEGRADE_STEPS; k++) {
            all |= 1 << order[k];
            place[order[k]] = k;
            seen[order[k]][k]++;
        }
        assert_int_equal(all, (1 << RST_DEGRADE_STEPS) - 1);
        assert_true(place[RST_DEGRADE_REDUCE] < place[RST_DEGRADE_FIT]);
    }
    for (int s = 0; s < RST_DEGRADE_STEPS; s++)
        for (int k = 0; k < RST_DEGRADE_STEPS; k++) {
            /* Of two places drawn the lower: 6 - k of 21 pairs; the higher: k of them. */
            const double share = s == RST_DEGRADE_REDUCE ? (6 - k) / 21.0
                                 : s == RST_DEGRADE_FIT  ? k / 21.0
                                                         : 1 / 7.0;
            near(seen[s][k] / (double)DRAWS, share, 0.03, "how often a step is at a place");
        }
}

static void test_whole(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    for (int scale = 2; scale <= 4; scale += 2)
        for (int kind = RST_DEGRADATION_BSRGAN; kind <= RST_DEGRADATION_BICUBIC; kind++) {
            rst_floats before = { 0 };
            for (uint64_t seed = 0; seed < 40; seed++) {
                rst_floats p = drawn(48, 60, 3), q = copy(&p);
                rst_rng r = rst__rng(seed, "all"), s = r;
                succeeded(rst__degrade(&p, scale, (rst_degradation)kind, &r, &err), &err);
                succeeded(rst__degrade(&q, scale, (rst_degradation)kind, &s, &err), &err);
                assert_true(p.h == 48 / scale && p.w == 60 / scale);
                const size_t bytes = (size_t)(p.h * p.w * 3) * sizeof *p.px;
                assert_memory_equal(p.px, q.px, bytes);
                are_bytes(&p);
                if (before.px)
                    assert_int_equal(memcmp(p.px, before.px, bytes) != 0,
                                     kind == RST_DEGRADATION_BSRGAN);
                rst__floats_free(&before);
                before = p;
                rst__floats_free(&q);
            }
            rst__floats_free(&before);
        }
}

/* A spot in the middle of nothing, in all the ways it may come out: on the average it is bright,
 * and where it was: nothing is moved, mirrored or turned. */
static void test_keeps_its_place(void **state)
{
    (void)state;
    enum { SIDE = 96, DRAWS = 60, X = 40, Y = 54 };
    rst_error err = RST_ERROR_INIT;
    for (int scale = 2; scale <= 4; scale += 2) {
        rst_floats all = even(SIDE / scale, SIDE / scale, 0);
        double sum = 0, x = 0, y = 0;
        for (uint64_t seed = 0; seed < DRAWS; seed++) {
            rst_floats p = new_picture(SIDE, SIDE);
            rst_rng r = rst__rng(seed, "place");
            for (int64_t i = 0; i < SIDE * SIDE * 3; i++) {
                const double dx = (double)(i / 3 % SIDE) - X, dy = (double)(i / 3 / SIDE) - Y;
                p.px[i] = (float)exp(-0.5 * (dx * dx + dy * dy) / 196);
            }
            succeeded(rst__degrade(&p, scale, RST_DEGRADATION_BSRGAN, &r, &err), &err);
            for (int64_t i = 0; i < p.h * p.w * 3; i++)
                all.px[i] += p.px[i] / DRAWS;
            rst__floats_free(&p);
        }
        for (int64_t i = 0; i < all.h * all.w; i++) {
            const double v = at(&all, i / all.w, i % all.w, 1), w = v > 0.4 ? v : 0;
            sum += w;
            x += w * (double)(i % all.w);
            y += w * (double)(i / all.w);
        }
        /* The middle of small pixel k lies at scale * k + (scale - 1) / 2 of the large ones. */
        near(scale * x / sum + 0.5 * (scale - 1), X, 0.5, "the spot's x");
        near(scale * y / sum + 0.5 * (scale - 1), Y, 0.5, "the spot's y");
        assert_true(at(&all, Y / scale, X / scale, 0) > 0.7);
        rst__floats_free(&all);
    }
}

static void test_refused(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_rng r = rst__rng(0, "x");
    rst_floats p = drawn(10, 12, 1);
    assert_int_equal(rst__degrade(&p, 4, RST_DEGRADATION_BSRGAN, &r, &err), RST_EINVAL);
    assert_int_equal(rst__degrade(&p, 3, RST_DEGRADATION_BSRGAN, &r, &err), RST_EINVAL);
    assert_int_equal(p.h, 10);
    rst__floats_free(&p);
    assert_int_equal(rst__floats_new(&p, 0, 5, &err), RST_EINVAL);
}

/* Wherever memory ends, the picture stays one and nothing is lost. */
static void test_memory_ends(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        int rc = RST_ENOMEM;
        for (long n = 0; rc == RST_ENOMEM; n++) {
            rst_error err = RST_ERROR_INIT;
            const long live = rst__alloc_live();
            rst_floats p = drawn(32, 32, 1);
            rst_rng r = rst__rng(seed, "all");
            rst__alloc_fail_after(n);
            rc = rst__degrade(&p, 4, seed == 5 ? RST_DEGRADATION_BICUBIC : RST_DEGRADATION_BSRGAN,
                              &r, &err);
            rst__alloc_fail_after(-1);
            assert_true(rc == 0 || rc == RST_ENOMEM);
            assert_non_null(p.px);
            rst__floats_free(&p);
            assert_int_equal(rst__alloc_live(), live);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaussians),
        cmocka_unit_test(test_filtering),
        cmocka_unit_test(test_drawn_blurs),
        cmocka_unit_test(test_same_size),
        cmocka_unit_test(test_kinds_of_resizing),
        cmocka_unit_test(test_subsampling),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_noise_stays_within),
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_keeps_its_place),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
