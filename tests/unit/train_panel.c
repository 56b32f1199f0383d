/* SPDX-License-Identifier: MIT */
/* The panel of a training: ticks, the thinned history, and where things are in the picture. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "image/axis.h"
#include "image/plot.h"
#include "run/train_panel.h"

static const char *const loss[] = { "G", "D" }, *const score[] = { "ssim" };
static const rst_train_columns columns = { .losses = 2, .scores = 1, .loss = loss, .score = score };

static void succeeded(int rc, const rst_error *err)
{
    if (rc < 0)
        fail_msg("%d: %s", rc, err->msg);
}

static rst_train_history new_history(void)
{
    rst_train_history h;
    rst_error err = RST_ERROR_INIT;
    succeeded(rst__train_history_init(&h, &columns, &err), &err);
    return h;
}

static void test_ticks(void **state)
{
    (void)state;
    static const struct {
        double lo, hi;
        int max, n;
        double first, step;
    } t[] = {
        { 0, 1, 6, 6, 0, 0.2 },         { 0, 1, 5, 3, 0, 0.5 },
        { -3, 17, 5, 4, 0, 5 },         { 0.071, 0.094, 5, 4, 0.075, 0.005 },
        { 1, 18000, 4, 3, 5000, 5000 }, { 7, 7.5, 1, 1, 7, 1 },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        double first = -1, step = -1;
        const int n = rst__nice_ticks(t[i].lo, t[i].hi, t[i].max, &first, &step);
        if (n != t[i].n || fabs(first - t[i].first) > 1e-9 * t[i].step ||
            fabs(step - t[i].step) > 1e-9 * t[i].step)
            fail_msg("%g..%g: %d ticks from %g by %g", t[i].lo, t[i].hi, n, first, step);
    }
    double first, step;
    assert_int_equal(rst__nice_ticks(1, 1, 5, &first, &step), 0);
    assert_int_equal(rst__nice_ticks(0, (double)INFINITY, 5, &first, &step), 0);
    assert_int_equal(rst__nice_ticks(0, (double)NAN, 5, &first, &step), 0);
}

/* However long it gets: the points are means over equal spans, in order, and their mean is that of
 * the rows. */
static void test_history_thins(void **state)
{
    (void)state;
    enum { ROWS = 10 * RST_TRAIN_POINTS };
    rst_train_history h = new_history();
    for (int64_t i = 1; i <= ROWS; i++)
        rst__train_history_step(&h, i, (double[]){ (double)i, -2.0 * (double)i });
    assert_int_equal(h.loss.every, 16);
    assert_int_equal(h.loss.rows, ROWS / 16);
    for (int64_t i = 0; i < h.loss.rows; i++) {
        assert_true(h.loss.x[i] == 16.0 * (double)i + 8.5);
        assert_true(h.loss.y[i] == h.loss.x[i]);
        assert_true(h.loss.y[RST_TRAIN_POINTS + i] == -2 * h.loss.x[i]);
    }
    assert_int_equal(h.score.rows, 0);
    rst__train_history_free(&h);
    rst__train_history_free(&h);
}

/* What the log wrote is what the history would have been told. */
static void test_history_loads(void **state)
{
    (void)state;
    static const char text[] = "step,epoch,phase,lr,G,D,ssim,seconds,images_per_s,loader_share\n"
                               "1,1,train,0.0002,4.5,0.25,,0.500,6.25,0.015\n"
                               "2,1,train,0.0002,nan,inf,,1.000,6.25,0.015\n"
                               "2,1,val,,,,0.4375,,,\n"
                               "3,1,train,0.0002,3.5\n";
    char path[] = "/tmp/rst-panel-XXXXXX";
    rst_error err = RST_ERROR_INIT;
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    succeeded(rst__file_write(path, text, sizeof text - 1, &err), &err);
    rst_train_history h = new_history();
    succeeded(rst__train_history_load(&h, path, &err), &err);
    const double *g = h.loss.y, *d = h.loss.y + RST_TRAIN_POINTS;
    assert_int_equal(h.loss.rows, 3);
    assert_true(h.loss.x[0] == 1 && g[0] == 4.5 && d[0] == 0.25);
    assert_true(h.loss.x[1] == 2 && isnan(g[1]) && isinf(d[1]));
    assert_true(h.loss.x[2] == 3 && g[2] == 3.5 && isnan(d[2]));
    assert_int_equal(h.score.rows, 1);
    assert_true(h.score.x[0] == 2 && h.score.y[0] == 0.4375);

    succeeded(rst__file_write(path, text + 1, sizeof text - 2, &err), &err);
    assert_int_equal(rst__train_history_load(&h, path, &err), RST_EFORMAT);
    (void)unlink(path);
    assert_int_equal(rst__train_history_load(&h, path, &err), RST_EINPUT);
    rst__train_history_free(&h);
}

/* Pictures ------------------------------------------------------------------------------------- */

static rst_image plain(int64_t side, uint8_t r, uint8_t g, uint8_t b)
{
    rst_image img = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    succeeded(rst_image_new(&img, side, side, 3, &err), &err);
    for (int64_t i = 0; i < side * side; i++) {
        img.px[3 * i] = r;
        img.px[3 * i + 1] = g;
        img.px[3 * i + 2] = b;
    }
    return img;
}

/* Pixels of exactly that colour in a part of the picture. */
static int64_t count(const rst_image *img, int64_t x0, int64_t y0, int64_t w, int64_t h, uint8_t r,
                     uint8_t g, uint8_t b)
{
    int64_t n = 0;
    for (int64_t y = y0; y < y0 + h && y < img->height; y++)
        for (int64_t x = x0; x < x0 + w && x < img->width; x++) {
            const uint8_t *p = img->px + 3 * (y * img->width + x);
            n += p[0] == r && p[1] == g && p[2] == b;
        }
    return n;
}

static void test_panel(void **state)
{
    (void)state;
    enum { SIDE = 200 };
    rst_image red = plain(SIDE, 255, 0, 0), green = plain(SIDE, 0, 255, 0),
              blue = plain(SIDE, 0, 0, 255), out = RST_IMAGE_INIT;
    const rst_train_sample s[3] = { { "one", &red, &green, &blue },
                                    { NULL, &red, &green, &blue },
                                    { "three", &blue, &red, &green } };
    rst_train_history h = new_history();
    rst_error err = RST_ERROR_INIT;
    succeeded(rst__train_panel_draw(&out, s, 3, "step 7", NULL, &err), &err);
    const int64_t pixels = out.width * out.height;
    assert_int_equal(count(&out, 0, 0, out.width, out.height, 255, 0, 0), 3 * SIDE * SIDE);
    assert_int_equal(count(&out, 0, 0, out.width, out.height, 0, 255, 0), 3 * SIDE * SIDE);
    assert_int_equal(count(&out, 0, 0, out.width, out.height, 0, 0, 255), 3 * SIDE * SIDE);
    const int64_t white = count(&out, 0, 0, out.width, out.height, 255, 255, 255);
    if (!rst__canvas_version()) { /* the montage alone */
        assert_int_equal(white, pixels - 9 * SIDE * SIDE);
        rst_image_free(&out);
        rst__train_history_free(&h);
        return;
    }
    assert_true(white < pixels - 9 * SIDE * SIDE); /* there is text */
    assert_true(count(&out, 0, 0, out.width, 40, 255, 255, 255) < 40 * out.width);
    const int64_t bare = out.height;
    rst_image_free(&out);

    /* The other way round columns have other names. */
    rst_train_sample back = s[0];
    rst_image there = RST_IMAGE_INIT;
    back.kind = RST_SAMPLE_BACK;
    succeeded(rst__train_panel_draw(&there, &s[0], 1, "step 7", NULL, &err), &err);
    succeeded(rst__train_panel_draw(&out, &back, 1, "step 7", NULL, &err), &err);
    assert_true(out.width == there.width && out.height == there.height);
    assert_memory_not_equal(out.px, there.px, (size_t)(out.width * out.height * 3));
    rst_image_free(&there);
    rst_image_free(&out);

    for (int64_t i = 1; i <= 500; i++)
        rst__train_history_step(&h, i, (double[]){ 5, i % 2 ? 0.2 : (double)NAN });
    rst__train_history_eval(&h, 500, (double[]){ 0.5 });
    succeeded(rst__train_panel_draw(&out, s, 3, "step 500", &h, &err), &err);
    assert_true(out.height == bare + 300);
    /* G is a straight line of the palette's first colour; the only score is a spot of it. */
    assert_true(count(&out, 0, bare, out.width / 2, 300, 0, 115, 179) > 300);
    const int64_t spot = count(&out, out.width / 2 + 50, bare + 40, out.width, 240, 0, 115, 179);
    assert_true(spot >= 9 && spot <= 25);
    rst_image_free(&out);
    rst__train_history_free(&h);
    rst_image_free(&red);
    rst_image_free(&green);
    rst_image_free(&blue);
}

static void test_panel_of_odd_things(void **state)
{
    (void)state;
    rst_image dot = plain(1, 9, 9, 9), alpha = RST_IMAGE_INIT, out = RST_IMAGE_INIT;
    const rst_train_sample tiny = { NULL, &dot, &dot, &dot }, bad = { NULL, &dot, &alpha, &dot };
    rst_error err = RST_ERROR_INIT;
    rst_train_history h = new_history();
    succeeded(rst_image_new(&alpha, 4, 4, 4, &err), &err);
    assert_int_equal(rst__train_panel_draw(&out, &tiny, 0, "", NULL, &err), RST_EINVAL);
    assert_int_equal(rst__train_panel_draw(&out, &bad, 1, "", NULL, &err), RST_EINVAL);
    assert_null(out.px);
    static const double odd[][2] = {
        { (double)NAN, (double)NAN }, { (double)INFINITY, 0 }, { -1, 1e300 }, { 1e-300, -1e300 }
    };
    for (int i = 0; i < 4; i++) {
        rst__train_history_step(&h, i + 1, odd[i]);
        rst__train_history_eval(&h, i + 1, odd[i]);
        succeeded(rst__train_panel_draw(&out, &tiny, 1, "", &h, &err), &err);
        rst_image_free(&out);
    }
    const long live = rst__alloc_live();
    int rc = RST_ENOMEM;
    for (long n = 0; rc == RST_ENOMEM; n++) {
        rst__alloc_fail_after(n);
        rc = rst__train_panel_draw(&out, &tiny, 1, "", &h, &err);
        rst__alloc_fail_after(-1);
        assert_true(rc == 0 || (rc == RST_ENOMEM && rst__alloc_live() == live));
    }
    rst_image_free(&out);
    rst_image_free(&alpha);
    rst_image_free(&dot);
    rst__train_history_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_history_thins),
        cmocka_unit_test(test_history_loads),
        cmocka_unit_test(test_panel),
        cmocka_unit_test(test_panel_of_odd_things),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
