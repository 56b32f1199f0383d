/* SPDX-License-Identifier: MIT */
/* Whole slides through a model: what the result's pixels are, and what failures leave behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "run/slide.h"
#include "support/slides.h"

static int translate(const char *net, int threads, const char *in, const char *out,
                     const rst_slide_job_options *o, rst_slide_report *r, rst_error *err)
{
    rst_model *m = slides_model(net, RST_CONV_AUTO, threads);
    int rc = rst_slide_translate(m, slides_path(in), slides_path(out), o, r, err);
    rst_model_close(m);
    return rc;
}

static void good(const char *net, int threads, const char *in, const char *out,
                 const rst_slide_job_options *o, rst_slide_report *r)
{
    rst_error err = RST_ERROR_INIT;
    if (translate(net, threads, in, out, o, r, &err) < 0)
        fail_msg("%s", err.msg);
}

/* Level 0 of a slide. */
static void load(const char *name, rst_image *out)
{
    rst_error err = RST_ERROR_INIT;
    rst_slide *s = NULL;
    if (rst_slide_open(&s, slides_path(name), NULL, &err) < 0)
        fail_msg("%s", err.msg);
    const rst_slide_info *i = rst_slide_describe(s);
    if (rst_image_new(out, i->width, i->height, 3, &err) < 0 ||
        rst_slide_read(s, 0, 0, 0, i->width, i->height, out->px, &err) < 0)
        fail_msg("%s", err.msg);
    out->mpp = i->mpp;
    rst_slide_close(s);
}

static void assert_same_file(const char *a, const char *b)
{
    void *x, *y;
    size_t n, k;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst__file_read(slides_path(a), 1 << 26, &x, &n, &err), 0);
    assert_int_equal(rst__file_read(slides_path(b), 1 << 26, &y, &k, &err), 0);
    assert_int_equal(n, k);
    assert_memory_equal(x, y, n);
    rst__free(x);
    rst__free(y);
}

/* Nothing of a result is there, whole or in part. */
static void assert_nothing(const char *out)
{
    char part[64];
    (void)snprintf(part, sizeof part, "%s.part", out);
    assert_false(rst__exists(slides_path(out)));
    assert_false(rst__exists(slides_path(part)));
}

static void exact(void **state)
{
    (void)state;
    const rst_slide_job_options o = { .stats = RST_SLIDE_STATS_EXACT,
                                      .lossless = true,
                                      .overwrite = true };
    rst_image he = RST_IMAGE_INIT, one = RST_IMAGE_INIT, whole = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    rst_slide_report r;
    good("resnet_6blocks", 0, "a.tif", "exact.ome.tif", &o, &r);
    assert_int_equal(r.width, 611);
    assert_int_equal(r.height, 450);
    load("a.tif", &he);
    load("exact.ome.tif", &one);
    rst_model *m = slides_model("resnet_6blocks", RST_CONV_AUTO, 0);
    if (rst_model_translate(m, &he, &whole, &err) < 0)
        fail_msg("%s", err.msg);
    rst_model_close(m);
    assert_memory_equal(one.px, whole.px, (size_t)(611 * 450 * 3));
    assert_true(one.mpp == 0.5);
    rst_image_free(&he);
    rst_image_free(&one);
    rst_image_free(&whole);
}

/* The same at 1536 x 1536 and width 8, where the network's numbers no longer fit a cache. */
static void exact_large(void **state)
{
    (void)state;
    enum { SIDE = 1536 };
    const rst_slide_job_options o = { .stats = RST_SLIDE_STATS_EXACT, .lossless = true };
    rst_image he = RST_IMAGE_INIT, one = RST_IMAGE_INIT, whole = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    slides_make("large.tif", &(rst_slide_recipe){ .width = SIDE, .height = SIDE, .mpp = 0.5 });
    rst_model *m = slides_model_wide("resnet_6blocks", 8, RST_CONV_AUTO, 0);
    if (rst_slide_translate(m, slides_path("large.tif"), slides_path("large.ome.tif"), &o, NULL,
                            &err) < 0)
        fail_msg("%s", err.msg);
    load("large.tif", &he);
    load("large.ome.tif", &one);
    if (rst_model_translate(m, &he, &whole, &err) < 0)
        fail_msg("%s", err.msg);
    assert_memory_equal(one.px, whole.px, (size_t)SIDE * SIDE * 3);
    rst_model_close(m);
    rst_image_free(&he);
    rst_image_free(&one);
    rst_image_free(&whole);
}

/* A recording that is larger than all that may be kept is still good for its own picture. */
static void over_budget(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_image he, a = RST_IMAGE_INIT, b = RST_IMAGE_INIT;
    rst_model *m = slides_model("resnet_4blocks", RST_CONV_AUTO, 0);
    assert_int_equal(rst_image_new(&he, 64, 48, 3, &err), 0);
    memset(he.px, 90, 64 * 48 * 3);
    assert_int_equal(rst_model_translate(m, &he, &a, &err), 0);
    rst__model_set_budget(m, 1);
    he.height = 32;
    assert_int_equal(rst_model_translate(m, &he, &b, &err), 0);
    rst_image_free(&b);
    he.height = 48;
    assert_int_equal(rst_model_translate(m, &he, &b, &err), 0);
    assert_memory_equal(a.px, b.px, 64 * 48 * 3);
    rst_image_free(&he);
    rst_image_free(&a);
    rst_image_free(&b);
    rst_model_close(m);
}

static void threads(void **state)
{
    (void)state;
    rst_slide_job_options o = { .tile_size = 128, .windows = 3, .window = 128 };
    good("resnet_6blocks", 1, "a.tif", "t1.ome.tif", &o, NULL);
    good("resnet_6blocks", 2, "a.tif", "t2.ome.tif", &o, NULL);
    good("resnet_6blocks", 3, "a.tif", "t3.ome.tif", &o, NULL);
    assert_same_file("t1.ome.tif", "t2.ome.tif");
    assert_same_file("t1.ome.tif", "t3.ome.tif");
    /* the statistics that were kept give the same once more, whatever the seed */
    char stats[512];
    (void)snprintf(stats, sizeof stats, "%s", slides_path("t1.stats.safetensors"));
    o.calibration = stats;
    o.seed = 5;
    assert_true(rst__exists(o.calibration));
    good("resnet_6blocks", 2, "a.tif", "t4.ome.tif", &o, NULL);
    assert_same_file("t1.ome.tif", "t4.ome.tif");
    o.calibration = NULL;
    good("resnet_6blocks", 2, "a.tif", "t5.ome.tif", &o, NULL);
    rst_image a = RST_IMAGE_INIT, b = RST_IMAGE_INIT;
    load("t1.ome.tif", &a);
    load("t5.ome.tif", &b);
    assert_true(memcmp(a.px, b.px, (size_t)(611 * 450 * 3)) != 0);
    rst_image_free(&a);
    rst_image_free(&b);
}

/* A part is cut out of what the whole would be, wherever it begins. */
static void region(void **state)
{
    (void)state;
    char stats[512];
    (void)snprintf(stats, sizeof stats, "%s", slides_path("region.stats"));
    rst_slide_job_options o = {
        .tile_size = 256, .windows = 2, .window = 128, .lossless = true, .calibration = stats
    };
    rst_image all = RST_IMAGE_INIT, part = RST_IMAGE_INIT;
    good("resnet_6blocks", 0, "a.tif", "all.ome.tif", &o, NULL);
    o.x = 101;
    o.y = 53;
    o.width = 203;
    o.height = 149;
    o.tile_size = 64;
    good("resnet_6blocks", 0, "a.tif", "part.ome.tif", &o, NULL);
    load("all.ome.tif", &all);
    load("part.ome.tif", &part);
    assert_int_equal(part.width, 203);
    assert_int_equal(part.height, 149);
    for (int64_t y = 0; y < 149; y++)
        assert_memory_equal(part.px + y * 203 * 3, all.px + ((y + 53) * 611 + 101) * 3, 203 * 3);
    rst_image_free(&all);
    rst_image_free(&part);
    o.x = 611;
    rst_error err = RST_ERROR_INIT;
    o.overwrite = true;
    assert_int_equal(translate("stainnet", 0, "a.tif", "part.ome.tif", &o, NULL, &err), RST_EINVAL);
}

/* Made smaller by two: means of 2 x 2; in parts, the same. */
static void resampled(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_image he = RST_IMAGE_INIT;
    const rst_slide_job_options o = { .stats = RST_SLIDE_STATS_EXACT };
    rst_slide_job j = { .m = slides_model("stainnet", RST_CONV_AUTO, 0),
                        .in = slides_path("a.tif"),
                        .o = &o };
    if (rst__slide_job_open(&j, &err) < 0)
        fail_msg("%s", err.msg);
    load("a.tif", &he);
    static uint8_t all[305 * 225 * 3], part[21 * 40 * 3];
    j.shrink = 2;
    j.pic_w = 305;
    j.pic_h = 225;
    assert_int_equal(rst__slide_job_read(&j, 0, 0, 305, 225, all, &err), 0);
    for (int64_t y = 0; y < 225; y++)
        for (int64_t x = 0; x < 305 * 3; x++) {
            const uint8_t *p = he.px + 2 * y * 611 * 3 + 2 * (x / 3) * 3 + x % 3;
            assert_int_equal(all[y * 305 * 3 + x], (p[0] + p[3] + p[611 * 3] + p[612 * 3] + 2) / 4);
        }
    j.shrink = 1.37;
    assert_int_equal(rst__slide_job_read(&j, 0, 0, 305, 225, all, &err), 0);
    assert_int_equal(rst__slide_job_read(&j, 33, 19, 21, 40, part, &err), 0);
    for (int64_t y = 0; y < 40; y++)
        assert_memory_equal(part + y * 21 * 3, all + ((19 + y) * 305 + 33) * 3, 21 * 3);
    rst_model *m = j.m;
    rst__slide_job_close(&j);
    rst_model_close(m);
    rst_image_free(&he);
}

static void background(void **state)
{
    (void)state;
    rst_slide_job_options o = { .lossless = true };
    rst_slide_report r;
    rst_image he = RST_IMAGE_INIT, out = RST_IMAGE_INIT;
    good("resnet_6blocks", 0, "empty.tif", "e1.ome.tif", &o, &r);
    assert_int_equal(r.computed, 0);
    o.background = RST_SLIDE_BACKGROUND_COPY;
    good("resnet_6blocks", 0, "empty.tif", "e2.ome.tif", &o, &r);
    load("empty.tif", &he);
    load("e2.ome.tif", &out);
    assert_memory_equal(he.px, out.px, (size_t)(he.width * he.height * 3));
    rst_image_free(&he);
    rst_image_free(&out);
}

/* Slides of one tile, one pixel, less than the network's stride. */
static void tiny(void **state)
{
    (void)state;
    static const int64_t side[][2] = { { 1, 1 }, { 3, 17 }, { 40, 24 } };
    for (int i = 0; i < 3; i++)
        for (int net = 0; net < 2; net++) {
            const rst_slide_job_options o = { .overwrite = true, .lossless = true };
            rst_slide_report r;
            rst_image out = RST_IMAGE_INIT;
            slides_make("tiny.tif", &(rst_slide_recipe){
                                        .width = side[i][0], .height = side[i][1], .tissue = 0.9 });
            good(net ? "resnet_6blocks" : "stainnet", 0, "tiny.tif", "tiny.ome.tif", &o, &r);
            assert_int_equal(r.tiles, 1);
            load("tiny.ome.tif", &out);
            assert_int_equal(out.width, side[i][0]);
            assert_int_equal(out.height, side[i][1]);
            rst_image_free(&out);
        }
}

/* On a slide `auto` is direct for a narrow network, whose windows Winograd would make so large that
 * they cost more; for the model that is all the same afterwards. */
static void conv_choice(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_slide_job_options o = {
        .dry_run = true, .windows = 1, .window = 64, .width = 64, .height = 64, .x = 250, .y = 200
    };
    rst_slide_report r;
    rst_model *m = slides_model("resnet_6blocks", RST_CONV_AUTO, 0);
    for (int i = 0; i < 2; i++) {
        if (rst_slide_translate(m, slides_path("a.tif"), NULL, &o, &r, &err) < 0)
            fail_msg("%s", err.msg);
        assert_int_equal(r.conv, RST_CONV_DIRECT);
        assert_int_equal(r.halo, 80);
        assert_int_equal(rst__model_conv(m), RST_CONV_AUTO);
    }
    rst_model_close(m);
    m = slides_model("resnet_6blocks", RST_CONV_WINOGRAD, 0);
    assert_int_equal(rst_slide_translate(m, slides_path("a.tif"), NULL, &o, &r, &err), 0);
    assert_int_equal(r.conv, RST_CONV_WINOGRAD);
    assert_int_equal(r.halo, 208);
    rst_model_close(m);
    m = slides_model_wide("resnet_6blocks", 64, RST_CONV_AUTO, 0);
    rst_slide_job j = { .m = m, .in = slides_path("a.tif"), .o = &o };
    assert_int_equal(rst__slide_job_open(&j, &err), 0);
    assert_int_equal(rst__slide_job_calibrate(&j, &err), 0);
    assert_int_equal(j.conv, RST_CONV_AUTO);
    assert_int_equal(j.reach.halo, 208);
    rst__slide_job_close(&j);
    rst_model_close(m);
}

static void dry_run(void **state)
{
    (void)state;
    const rst_slide_job_options o = { .tile_size = 128, .window = 128, .dry_run = true };
    rst_slide_report r;
    const int before = slides_files();
    good("resnet_6blocks", 0, "a.tif", "dry.ome.tif", &o, &r);
    assert_int_equal(slides_files(), before);
    assert_int_equal(r.tiles, 5 * 4);
    assert_true(r.computed > 0 && r.computed <= r.tiles && r.seconds > 0);
    assert_true(r.memory > 1 << 20 && r.disk > 0 && r.tissue_mm2 > 0);
}

static void refusals(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_slide_job_options o = { 0 };
    slides_make("there.ome.tif", &(rst_slide_recipe){ .width = 64, .height = 64 });
    assert_int_equal(translate("stainnet", 0, "a.tif", "there.ome.tif", &o, NULL, &err),
                     RST_EINVAL);
    assert_int_equal(translate("stainnet", 0, "none.tif", "n.ome.tif", &o, NULL, &err), RST_EINPUT);
    o.tile_size = 40;
    assert_int_equal(translate("stainnet", 0, "a.tif", "n.ome.tif", &o, NULL, &err), RST_EINVAL);
    assert_nothing("n.ome.tif");
}

/* A tile in the middle that cannot be read. */
static void damaged(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_slide_job_options o = { .tile_size = 64 };
    int rc = translate("stainnet", 0, "bad.tif", "b.ome.tif", &o, NULL, &err);
    assert_true(rc == RST_EINPUT || rc == RST_EFORMAT);
    assert_nothing("b.ome.tif");
    assert_false(rst__exists(slides_path("b.bad-tiles.tsv")));
    o.read.allow_bad_tiles = 1;
    good("stainnet", 0, "bad.tif", "b.ome.tif", &o, NULL);
    void *list;
    size_t n;
    assert_int_equal(rst__file_read(slides_path("b.bad-tiles.tsv"), 1 << 10, &list, &n, &err), 0);
    assert_true(n > 30 && strncmp(list, "level\tx\ty\twidth\theight\n0\t", 25) == 0);
    rst__free(list);
}

/* Every write in turn fails, as on a full disk. */
static void disk_full(void **state)
{
    (void)state;
    const rst_slide_job_options o = { .tile_size = 64 };
    const int before = slides_files();
    rst_model *m = slides_model("stainnet", RST_CONV_AUTO, 0);
    const int with = slides_files();
    assert_true(with <= before + 1);
    int rc = -1;
    for (long n = 0; rc < 0 && n < 400; n += 1 + n / 8) {
        rst_error err = RST_ERROR_INIT;
        rst__file_fail_after(-1, n);
        rc = rst_slide_translate(m, slides_path("a.tif"), slides_path("full.ome.tif"), &o, NULL,
                                 &err);
        rst__file_fail_after(-1, -1);
        if (rc < 0) {
            assert_int_equal(rc, RST_EOUTPUT);
            assert_int_equal(slides_files(), with);
        }
    }
    assert_int_equal(rc, 0);
    rst_model_close(m);
}

/* Every allocation in turn fails. */
static void no_memory(void **state)
{
    (void)state;
    const rst_slide_job_options o = { .tile_size = 128,
                                      .windows = 1,
                                      .window = 64,
                                      .width = 160,
                                      .height = 140,
                                      .x = 200,
                                      .y = 150 };
    rst_model *m = slides_model("resnet_4blocks", RST_CONV_DIRECT, 1);
    const int with = slides_files();
    int rc = -1;
    for (long n = 0; rc < 0 && n < 100000; n += 1 + n / 5) {
        rst_error err = RST_ERROR_INIT;
        rst__alloc_fail_after(n);
        rc = rst_slide_translate(m, slides_path("a.tif"), slides_path("m.ome.tif"), &o, NULL, &err);
        rst__alloc_fail_after(-1);
        if (rc < 0) {
            if (rc != RST_ENOMEM)
                fail_msg("after %ld allocations: %s", n, err.msg);
            assert_int_equal(slides_files(), with);
        }
    }
    assert_int_equal(rc, 0);
    rst_model_close(m);
}

static int stop_at_two(void *user, int64_t done, int64_t total)
{
    (void)user;
    assert_true(done <= total);
    return done == 2;
}

static void cancelled(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    const rst_slide_job_options o = { .tile_size = 64, .progress = stop_at_two };
    assert_int_equal(translate("stainnet", 0, "a.tif", "c.ome.tif", &o, NULL, &err),
                     RST_ECANCELLED);
    assert_nothing("c.ome.tif");
}

static int setup(void **state)
{
    (void)state;
    slides_begin();
    slides_make("a.tif", &(rst_slide_recipe){ .width = 611, .height = 450, .mpp = 0.5 });
    slides_make("empty.tif", &(rst_slide_recipe){ .width = 300, .height = 200, .empty = true });
    slides_make("bad.tif",
                &(rst_slide_recipe){
                    .width = 611, .height = 450, .tissue = 0.9, .tile = 64, .spoilt = 0.5 });
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    slides_end();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact),     cmocka_unit_test(exact_large), cmocka_unit_test(over_budget),
        cmocka_unit_test(tiny),      cmocka_unit_test(conv_choice), cmocka_unit_test(threads),
        cmocka_unit_test(region),    cmocka_unit_test(resampled),   cmocka_unit_test(background),
        cmocka_unit_test(dry_run),   cmocka_unit_test(refusals),    cmocka_unit_test(damaged),
        cmocka_unit_test(disk_full), cmocka_unit_test(no_memory),   cmocka_unit_test(cancelled),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
