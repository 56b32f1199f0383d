/* SPDX-License-Identifier: MIT */
/* Trainings on data sets with something wrong: told before the first step where headers tell it,
 * at its batch where only decoding does, in one line that names the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <restain/train.h>

#include "base/alloc.h"
#include "base/file.h"
#include "support/tree.h"

enum { PAIRS = 6, SIDE = 72 };

static int begin(void **state)
{
    (void)state;
    char name[64];
    tree_begin();
    for (int i = 0; i < PAIRS; i++)
        for (int s = 0; s < 4; s++) {
            (void)snprintf(name, sizeof name, "set/%s%c/%d.png", s < 2 ? "train" : "val",
                           "AB"[s % 2], i);
            if (s < 2 || i == 0)
                tree_picture(name, SIDE, SIDE, 3, 40 * i);
        }
    return 0;
}

/* A network of a few channels on 64 x 64 crops. */
static rst_train_options options(void)
{
    rst_train_options o;
    rst_error err = RST_ERROR_INIT;
    if (rst_train_preset("asp", &o, &err) < 0)
        fail_msg("%s", err.msg);
    o.m.net_g.width = 4;
    o.m.net_g.blocks = 1;
    o.m.net_d.width = 4;
    o.m.net_d.blocks = 1;
    o.m.net_f.width = 8;
    o.m.num_patches = 16;
    o.m.nce_count = 2; /* the first two taps */
    o.dataroot = tree_path("set");
    o.checkpoints_dir = tree_path("runs");
    o.name = "run";
    o.overwrite = true;
    o.crop_size = 64;
    o.sampling = RST_SAMPLING_SERIAL;
    o.threads = 1;
    o.seed = 1;
    return o;
}

/* Says so before a step is taken; a dry run says the same. */
static void refuse(const rst_train_options *o, int code, const char *part)
{
    for (int dry = 0; dry < 2; dry++) {
        rst_train_forecast f;
        rst_error err = RST_ERROR_INIT;
        const int rc = dry ? rst_train_dry_run(o, &f, &err) : rst_train(o, &err);
        if (rc != code || !strstr(err.msg, part))
            fail_msg("%d: `%s` has no `%s`", rc, err.msg, part);
    }
    assert_false(rst__exists(tree_path("runs/run/metrics.csv")));
}

static void test_told_at_once(void **state)
{
    (void)state;
    rst_train_options o = options();
    tree_picture("set/trainB/4.png", SIDE, SIDE + 4, 3, 0);
    refuse(&o, RST_EFORMAT, "set/trainA/4.png: 72 x 72 pixels, its partner ");
    tree_picture("set/trainB/4.png", SIDE, SIDE, 1, 0);
    refuse(&o, RST_EFORMAT,
           "set/trainB/4.png: a grey image (1 channel) where 3 channels are due; "
           "give --gray-to-rgb");
    tree_picture("set/trainB/4.png", SIDE, SIDE, 4, 0);
    refuse(&o, RST_EFORMAT,
           "set/trainB/4.png: an alpha channel that is not 255 everywhere; give "
           "--alpha drop");
    tree_remove("set/trainB/4.png");
    refuse(&o, RST_EINPUT, "set/trainA/4.png: no file of that name in ");
    tree_picture("set/trainB/4.png", SIDE, SIDE, 3, 0);
    tree_file("set/valB/0.png", "no picture", 10);
    refuse(&o, RST_EFORMAT, "set/valB/0.png: not a PNG, JPEG or TIFF file");
    tree_picture("set/valB/0.png", SIDE, SIDE, 3, 0);
    o.crop_size = 80;
    refuse(&o, RST_EFORMAT, "set/trainA/0.png: 72 x 72 pixels, too small for --crop-size 80");
    o.dataroot = tree_path("set/trainA");
    refuse(&o, RST_EINPUT, "set/trainA: no data set");
}

static void test_flags_help(void **state)
{
    (void)state;
    rst_train_options o = options();
    rst_train_forecast f;
    rst_error err = RST_ERROR_INIT;
    tree_picture("set/trainB/1.png", SIDE, SIDE, 1, 0);
    tree_picture("set/trainA/2.png", SIDE, SIDE, 4, 0);
    o.gray_to_rgb = true;
    o.alpha = RST_IMAGE_ALPHA_WHITE;
    if (rst_train_dry_run(&o, &f, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(f.pairs, PAIRS);
}

static int64_t first_seen, steps_seen;

static int count_step(void *user, const rst_train_progress *p)
{
    (void)user;
    if (first_seen == 0)
        first_seen = p->step;
    steps_seen = p->step;
    return 0;
}

static void *weights_of(const char *run, size_t *len)
{
    char name[64];
    void *buf;
    rst_error err = RST_ERROR_INIT;
    (void)snprintf(name, sizeof name, "runs/%s/latest_net_G.safetensors", run);
    if (rst__file_read(tree_path(name), 1 << 24, &buf, len, &err) < 0)
        fail_msg("%s", err.msg);
    return buf;
}

/* It stops the training at its batch; when the file is whole again, the training goes on from
 * there and ends as one that never met it. */
static void test_damage_in_the_middle(void **state)
{
    (void)state;
    rst_train_options o = options();
    rst_error err = RST_ERROR_INIT;
    o.m.n_epochs = 2;
    o.m.n_epochs_decay = 0;
    o.progress = count_step;
    o.name = "unbroken";
    if (rst_train(&o, &err) < 0)
        fail_msg("%s", err.msg);
    o.name = "run";
    tree_damage("set/trainB/4.png", 0.7);
    assert_int_equal(rst_train(&o, &err), RST_EFORMAT);
    if (!strstr(err.msg, "set/trainB/4.png: "))
        fail_msg("%s", err.msg);
    assert_int_equal(steps_seen, 4); /* items 0 to 3 were fine */

    tree_picture("set/trainB/4.png", SIDE, SIDE, 3, 160);
    o.overwrite = false;
    o.resume = true;
    first_seen = 0;
    if (rst_train(&o, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(first_seen, 5);
    size_t n, m;
    void *want = weights_of("unbroken", &n), *got = weights_of("run", &m);
    assert_int_equal(n, m);
    assert_memory_equal(want, got, n);
    rst__free(want);
    rst__free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_told_at_once, begin, tree_teardown),
        cmocka_unit_test_setup_teardown(test_flags_help, begin, tree_teardown),
        cmocka_unit_test_setup_teardown(test_damage_in_the_middle, begin, tree_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
