/* SPDX-License-Identifier: MIT */
/* Which files a data set has, which belong together, and what is said of those that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <restain/log.h>

#include "base/alloc.h"
#include "base/file.h"
#include "data/check.h"
#include "support/tree.h"
#include "unit/image_samples.h"

static int end(void **state)
{
    (void)state;
    rst_log_to(NULL, NULL);
    tree_end();
    return 0;
}

/* An empty file: names are all that opening looks at. */
static void touch(const char *name)
{
    tree_file(name, "", 0);
}

static rst_dataset *open_set(const rst_dataset_options *o)
{
    rst_error err = RST_ERROR_INIT;
    rst_dataset *d = NULL;
    if (rst__dataset_open(&d, o, &err) < 0)
        fail_msg("%s", err.msg);
    return d;
}

/* The set does not open, with that status and those words. */
static void refuse(const rst_dataset_options *o, int code, const char *part)
{
    rst_error err = RST_ERROR_INIT;
    rst_dataset *d = NULL;
    const long before = rst__alloc_live();
    const int rc = rst__dataset_open(&d, o, &err);
    if (rc != code || err.code != code || !strstr(err.msg, part))
        fail_msg("%d: `%s` has no `%s`", rc, err.msg, part);
    assert_null(d);
    assert_int_equal(rst__alloc_live(), before);
}

/* An item's file ends with that. */
static void expect(const rst_dataset *d, rst_data_side side, int64_t item, const char *tail)
{
    const rst_file_list *l = &d->list[side];
    assert_true(item < l->count);
    const char *path = l->item[item].path;
    const size_t n = strlen(path), m = strlen(tail);
    if (n < m || strcmp(path + n - m, tail) != 0)
        fail_msg("%s is not %s", path, tail);
}

static char told[512];

static void keep(void *user, rst_log_level level, const char *line)
{
    (void)user;
    (void)level;
    (void)snprintf(told, sizeof told, "%s", line);
}

/* Layouts ----------------------------------------------------------------------------------------
 */

static void test_folders(void **state)
{
    (void)state;
    const char *const names[] = { "10M_10_15.jpg", "2M_1_2.jpg", "sub/deep/3.PNG", "a.b.TIFF" };
    char name[64];
    for (int i = 0; i < 4; i++)
        for (int s = 0; s < 4; s++) {
            (void)snprintf(name, sizeof name, "mist/%s%c/%s", s < 2 ? "train" : "val", "AB"[s % 2],
                           names[i]);
            if (s < 2 || i < 3)
                touch(name);
        }
    touch("mist/trainA/.hidden.jpg");
    touch("mist/trainA/.git/x.jpg");
    touch("mist/trainA/readme.txt");
    rst_dataset_options o = { .root = tree_path("mist"), .phase = "train" };
    rst_dataset *d = open_set(&o);
    assert_int_equal(d->layout, RST_DATA_FOLDERS);
    assert_int_equal(rst__dataset_count(d), 4);
    assert_int_equal(rst__dataset_files(d), 8);
    expect(d, RST_DATA_A, 0, "/trainA/10M_10_15.jpg");
    expect(d, RST_DATA_B, 0, "/trainB/10M_10_15.jpg");
    expect(d, RST_DATA_A, 2, "/trainA/a.b.TIFF");
    expect(d, RST_DATA_A, 3, "/trainA/sub/deep/3.PNG");
    assert_string_equal(d->list[RST_DATA_A].item[2].stem, "a.b");
    assert_string_equal(d->list[RST_DATA_A].item[3].stem, "sub/deep/3");
    rst__dataset_close(d);

    o.b_to_a = true;
    o.max_size = 2;
    d = open_set(&o);
    assert_int_equal(rst__dataset_count(d), 2);
    expect(d, RST_DATA_A, 1, "/trainB/2M_1_2.jpg");
    expect(d, RST_DATA_B, 1, "/trainA/2M_1_2.jpg");
    rst__dataset_close(d);

    o = (rst_dataset_options){ .root = tree_path("mist/"), .phase = "test" };
    rst_log_to(keep, NULL);
    d = open_set(&o);
    rst_log_to(NULL, NULL);
    assert_non_null(strstr(told, "no testA; valA is used"));
    assert_int_equal(rst__dataset_count(d), 3);
    expect(d, RST_DATA_A, 0, "/valA/10M_10_15.jpg");
    rst__dataset_close(d);
}

static void test_other_layouts(void **state)
{
    (void)state;
    touch("bci/HE/train/00000_train_1+.png");
    touch("bci/IHC/train/00000_train_1+.png");
    touch("bci/HE/test/00001_test_3+.png");
    touch("bci/IHC/test/00001_test_3+.png");
    touch("s1/train/HE/x.png");
    touch("s1/train/IHC/x.jpg");
    touch("s2/val/input/x.png");
    touch("s2/val/label/x.png");
    touch("ab/train/x.png");
    touch("ab/train/y.png");
    const struct {
        const char *root, *phase, *a, *b;
        rst_data_layout layout;
    } sets[] = {
        { "bci", "train", "HE/train/00000_train_1+.png", "IHC/train/00000_train_1+.png",
          RST_DATA_BCI },
        { "bci", "val", "HE/test/00001_test_3+.png", "IHC/test/00001_test_3+.png", RST_DATA_BCI },
        { "s1", "train", "train/HE/x.png", "train/IHC/x.jpg", RST_DATA_SPLITS },
        { "s2", "val", "val/input/x.png", "val/label/x.png", RST_DATA_SPLITS },
        { "s2", "test", "val/input/x.png", "val/label/x.png", RST_DATA_SPLITS },
        { "ab", "train", "train/x.png", "train/x.png", RST_DATA_SIDE_BY_SIDE },
    };
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        for (int named = 0; named < 2; named++) {
            rst_dataset_options o = { .root = tree_path(sets[i].root), .phase = sets[i].phase };
            if (named)
                assert_true(
                    rst__data_layout_parse(rst__data_layout_name(sets[i].layout), &o.layout));
            rst_dataset *d = open_set(&o);
            assert_int_equal(d->layout, sets[i].layout);
            expect(d, RST_DATA_A, 0, sets[i].a);
            expect(d, RST_DATA_B, 0, sets[i].b);
            rst__dataset_close(d);
        }
    rst_data_layout l;
    assert_false(rst__data_layout_parse("mist", &l));
    rst_dataset_options o = { .root = tree_path("ab"), .phase = "train", .b_to_a = true };
    rst_dataset *d = open_set(&o);
    assert_int_equal(d->part[RST_DATA_A], RST_DATA_RIGHT);
    assert_int_equal(rst__dataset_files(d), 2);
    rst__dataset_close(d);
}

static void write_manifest(const char *text)
{
    tree_file("list/m.tsv", text, strlen(text));
}

static void test_manifest(void **state)
{
    (void)state;
    write_manifest("slide\tihc\tsplit\the\r\n"
                   "7\tb/1.png\ttrain\ta/1.png\r\n"
                   "\n"
                   "8\tb/2.png\ttest\ta/2.png\n"
                   "8\t/b/3.png\ttrain\ta/0.png");
    rst_dataset_options o = { .root = tree_path("list/m.tsv"), .phase = "train" };
    rst_dataset *d = open_set(&o);
    assert_int_equal(d->layout, RST_DATA_MANIFEST);
    assert_int_equal(rst__dataset_count(d), 2);
    expect(d, RST_DATA_A, 0, "/list/a/1.png");
    expect(d, RST_DATA_B, 0, "/list/b/1.png");
    assert_string_equal(d->list[RST_DATA_B].item[1].path, "/b/3.png");
    assert_string_equal(d->list[RST_DATA_A].item[1].stem, "a/0");
    rst__dataset_close(d);
    o.phase = "val"; /* test stands in */
    d = open_set(&o);
    expect(d, RST_DATA_A, 0, "/list/a/2.png");
    rst__dataset_close(d);
    o.optional = true; /* or nothing does */
    assert_int_equal(rst__dataset_open(&d, &o, NULL), 0);
    assert_null(d);
    o.optional = false;

    o.phase = "train";
    write_manifest("split\the\nx\ty\n");
    refuse(&o, RST_EFORMAT, "m.tsv: the first line names no column `ihc`");
    write_manifest("");
    refuse(&o, RST_EFORMAT, "m.tsv: the first line names no column `split`");
    write_manifest("split\the\tihc\ntrain\ta\tb\tc\n");
    refuse(&o, RST_EFORMAT, "m.tsv: line 2: 4 fields where the first line has 3");
    write_manifest("split\the\tihc\n\ntraining\ta\tb\n");
    refuse(&o, RST_EFORMAT, "m.tsv: line 3: a split of `training`");
    write_manifest("split\the\tihc\ntrain\ta.png\t\n");
    refuse(&o, RST_EINPUT, "m.tsv: line 2: no ihc; give --dataset-mode unaligned");
    write_manifest("split\the\tihc\ntrain\ta.png\tb.png\ntrain\ta.png\tc.png\n");
    refuse(&o, RST_EFORMAT, "/list/a.png: listed twice");
    write_manifest("split\the\tihc\ntest\ta.png\tb.png\n");
    refuse(&o, RST_EINPUT, "m.tsv: no he of split train");
    tree_file("list/m.tsv", "split\the\tihc\n\0", 14);
    refuse(&o, RST_EFORMAT, "m.tsv: not a text");

    write_manifest("split\the\tihc\ntrain\ta.png\t\ntrain\t\tb.png\ntrain\t\tc.png\n");
    o.unpaired = true;
    d = open_set(&o);
    assert_int_equal(d->list[RST_DATA_A].count, 1);
    assert_int_equal(d->list[RST_DATA_B].count, 2);
    assert_int_equal(rst__dataset_count(d), 2);
    rst__dataset_close(d);
}

static bool d_is_native(const rst_dataset_options *o)
{
    rst_dataset *d = open_set(o);
    const bool native = d->native;
    rst__dataset_close(d);
    return native;
}

/* Rows that are one pair at several magnifications. */
static void test_magnifications(void **state)
{
    (void)state;
    rst_dataset_options o = { .root = tree_path("list/m.tsv"), .phase = "train" };
    write_manifest("split\the\tmagnification\tihc\tresolver\n"
                   "train\t1/p\t1\tb1/p\tmm-x\nval\tp\tnative\tbp\t\n"
                   "train\t2/p\t2\tb2/p\tmm-x\n"
                   "train\t1/q\t1\tb1/q\tmm-x\ntrain\t2/q\t2\tb2/q\tmm-x\n");
    rst_dataset *d = open_set(&o);
    assert_int_equal(d->views, 2);
    assert_string_equal(d->view[1], "2");
    assert_string_equal(d->resolver, "mm-x");
    assert_int_equal(rst__dataset_count(d), 4);
    assert_int_equal(rst__dataset_pairs(d), 2);
    expect(d, RST_DATA_A, 3, "/list/2/q");
    rst__dataset_close(d);
    o.max_size = 1; /* pair, not row */
    d = open_set(&o);
    assert_int_equal(rst__dataset_count(d), 2);
    rst__dataset_close(d);
    o.max_size = 0;
    o.phase = "val";
    d = open_set(&o);
    assert_int_equal(d->views, 1);
    assert_int_equal(rst__dataset_pairs(d), 1);
    rst__dataset_close(d);
    assert_false(d_is_native(&o)); /* of one view there is nothing to draw */
    o.phase = "train";
    o.unpaired = true;
    refuse(&o, RST_EINVAL, "m.tsv: has a column magnification, which is for pairs");
    o.unpaired = false;
    write_manifest("split\the\tmagnification\tihc\n"
                   "train\t1/p\t1\tb1/p\ntrain\tp\tnative\tbp\n");
    assert_true(d_is_native(&o));
    write_manifest("split\the\tmagnification\tihc\n"
                   "train\tp\tnative\tbp\ntrain\t1/p\t1\tb1/p\n");
    refuse(&o, RST_EFORMAT, "m.tsv: magnification native is the last one of a pair");

    static const char *const bad[][2] = {
        { "train\ta\tb\t1\ntrain\tc\td\t2\ntrain\te\tf\t2\n",
          "line 4: magnification `2` comes twice" },
        { "train\ta\tb\t1\ntrain\tc\td\t2\ntrain\te\tf\t1\ntrain\tg\th\t4\n",
          "line 5: magnification `4` is not the one whose turn it is" },
        { "train\ta\tb\t1\ntrain\tc\td\t2\ntrain\te\tf\t1\n",
          "the last pair of split train has not all" },
        { "train\ta\tb\t\n", "line 2: magnification `` has not 1 to 15 bytes" },
        { "train\ta\tb\t0123456789abcdef\n", "line 2: magnification `0123456789abcdef` has not" },
        { "train\ta\tb\t1\ntrain\tc\td\t2\ntrain\te\tf\t3\ntrain\tg\th\t4\ntrain\ti\tj\t5\n"
          "train\tk\tl\t6\ntrain\tm\tn\t7\ntrain\to\tp\t8\ntrain\tq\tr\t9\n",
          "line 10: magnification `9` is one too many" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "split\the\tihc\tmagnification\n%s", bad[i][0]);
        write_manifest(text);
        refuse(&o, RST_EFORMAT, bad[i][1]);
    }
}

static void test_layout_errors(void **state)
{
    (void)state;
    touch("two/trainA/x.png");
    touch("two/HE/train/x.png");
    touch("half/trainA/x.png");
    touch("none/pictures/x.png");
    touch("empty/trainA/x.txt");
    touch("empty/trainB/x.png");
    touch("bmp/trainA/x.BMP");
    touch("bmp/trainB/x.BMP");
    rst_dataset_options o = { .root = tree_path("two"), .phase = "train" };
    refuse(&o, RST_EINVAL, "both trainA and HE/train could be meant; give --layout");
    o.root = tree_path("half");
    refuse(&o, RST_EINPUT, "half/trainB: No such file or directory");
    o.phase = "val";
    refuse(&o, RST_EINPUT, "half/valA: No such file or directory");
    o.phase = "train";
    o.root = tree_path("none");
    refuse(&o, RST_EINPUT, "none: no data set: looked for trainA + trainB");
    o.root = tree_path("nowhere");
    refuse(&o, RST_EINPUT, "nowhere: no such folder");
    o.layout = RST_DATA_MANIFEST;
    refuse(&o, RST_EINPUT, "nowhere: No such file or directory");
    o.layout = RST_DATA_BCI;
    o.root = tree_path("half");
    refuse(&o, RST_EINPUT, "; --layout is bci");
    o = (rst_dataset_options){ .root = tree_path("empty"), .phase = "train" };
    refuse(&o, RST_EINPUT, "empty/trainA: no PNG, JPEG or TIFF files in this folder");
    o.root = tree_path("bmp");
    refuse(&o, RST_EFORMAT, "bmp/trainA/x.BMP: bmp files are not read");
    o.phase = "training";
    refuse(&o, RST_EINVAL, "--phase training");
    o.phase = "train";
    o.max_size = -1;
    refuse(&o, RST_EINVAL, "--max-dataset-size -1");
    o.root = "";
    refuse(&o, RST_EINVAL, "--dataroot");
    assert_int_equal(symlink(".", tree_path("half/trainA/loop")), 0);
    o = (rst_dataset_options){ .root = tree_path("half"), .phase = "train" };
    refuse(&o, RST_EINPUT, "folders within folders without end");
}

/* Pairs ------------------------------------------------------------------------------------------
 */

static void test_pairs(void **state)
{
    (void)state;
    touch("p/trainA/a.jpg");
    touch("p/trainA/a-1.jpg"); /* by path before a.jpg, by stem after a */
    touch("p/trainA/b.jpg");
    touch("p/trainB/a.png");
    touch("p/trainB/a-1.png");
    rst_dataset_options o = { .root = tree_path("p"), .phase = "train" };
    refuse(&o, RST_EINPUT, "p/trainA/b.jpg: no file of that name in ");
    refuse(&o, RST_EINPUT, "(2 of 2 files there and 2 of 3 here have a partner)");
    refuse(&o, RST_EINPUT, "; give --dataset-mode unaligned to train without pairs");
    tree_remove("p/trainA/b.jpg");
    touch("p/trainB/c.png");
    refuse(&o, RST_EINPUT, "p/trainB/c.png: no file of that name in ");
    refuse(&o, RST_EINPUT, "(2 of 2 files there and 2 of 3 here have a partner)");
    tree_remove("p/trainB/c.png");
    touch("p/trainB/a.tif");
    refuse(&o, RST_EFORMAT, "p/trainB/a.tif: its name without extension is that of ");
    o.unpaired = true;
    rst_dataset *d = open_set(&o);
    assert_int_equal(d->list[RST_DATA_A].count, 2);
    assert_int_equal(d->list[RST_DATA_B].count, 3);
    rst__dataset_close(d);
    o.unpaired = false;
    tree_remove("p/trainB/a.tif");
    d = open_set(&o);
    for (int64_t i = 0; i < 2; i++)
        assert_string_equal(d->list[RST_DATA_A].item[i].stem, d->list[RST_DATA_B].item[i].stem);
    expect(d, RST_DATA_A, 0, "trainA/a-1.jpg");
    rst__dataset_close(d);
}

/* Looking at files -------------------------------------------------------------------------------
 */

static int check(const rst_dataset_options *o, const rst_dataset_check_options *c,
                 rst_dataset_report *r, rst_error *err)
{
    rst_dataset *d = open_set(o);
    const int rc = rst__dataset_check(d, c, r, err);
    rst__dataset_close(d);
    return rc;
}

/* The check finds it, and the same with any number of threads. */
static void find(const rst_dataset_options *o, int code, const char *part)
{
    for (int threads = 1; threads <= 4; threads++) {
        rst_error err = RST_ERROR_INIT;
        rst_dataset_report r;
        const rst_augment a = { RST_PREPROCESS_CROP, 0, 32, true };
        const rst_dataset_check_options c = { .augment = &a, .threads = threads };
        const int rc = check(o, &c, &r, &err);
        if (rc != code || !strstr(err.msg, part))
            fail_msg("%d: `%s` has no `%s`", rc, err.msg, part);
    }
}

static void make_set(void)
{
    char name[64];
    for (int i = 0; i < 6; i++)
        for (int s = 0; s < 2; s++) {
            (void)snprintf(name, sizeof name, "c/train%c/%d.%s", "AB"[s], i, s ? "jpg" : "png");
            tree_picture(name, 48 + 2 * i, 40, 3, i);
        }
}

static int count_calls(void *user, int64_t done, int64_t total)
{
    int *calls = user;
    ++*calls;
    assert_true(done >= 1 && done <= total && total == 12);
    return *calls > 100;
}

static int stop_at_once(void *user, int64_t done, int64_t total)
{
    (void)user;
    (void)done;
    (void)total;
    return 1;
}

static void test_check(void **state)
{
    (void)state;
    make_set();
    rst_error err = RST_ERROR_INIT;
    rst_dataset_report r = { 0 };
    int calls = 0;
    rst_augment a = { RST_PREPROCESS_NONE, 0, 0, false };
    rst_dataset_options o = { .root = tree_path("c"), .phase = "train" };
    rst_dataset_check_options c = {
        .augment = &a, .threads = 1, .progress = count_calls, .user = &calls
    };
    assert_int_equal(check(&o, &c, &r, &err), 0);
    assert_int_equal(r.count, 6);
    assert_int_equal(r.files, 12);
    assert_int_equal(r.min_w, 48);
    assert_int_equal(r.max_w, 58);
    assert_int_equal(r.min_h, 40);
    assert_int_equal(r.max_h, 40);
    assert_int_equal(r.rounded, 6); /* 50, 54, 58 */
    assert_int_equal(calls, 1);     /* the last file */
    c.progress = stop_at_once;
    assert_int_equal(check(&o, &c, &r, &err), RST_ECANCELLED);

    tree_picture("c/trainB/4.jpg", 52, 40, 3, 0);
    find(&o, RST_EFORMAT, "c/trainA/4.png: 56 x 40 pixels, its partner ");
    find(&o, RST_EFORMAT, "c/trainB/4.jpg has 52 x 40; give --dataset-mode unaligned");
    tree_picture("c/trainB/3.jpg", 54, 40, 1, 0);
    find(&o, RST_EFORMAT, "c/trainA/4.png: 56 x 40 pixels, its partner ");
    find(&o, RST_EFORMAT, "; the first of 2 that cannot be used");
    tree_picture("c/trainB/4.jpg", 56, 40, 3, 0);
    find(&o, RST_EFORMAT,
         "c/trainB/3.jpg: a grey image (1 channel) where 3 channels are due; give "
         "--gray-to-rgb");
    o.read.gray_to_rgb = true;
    c.progress = NULL;
    assert_int_equal(check(&o, &c, &r, &err), 0);
    assert_int_equal(r.gray, 1);
    tree_picture("c/trainA/1.png", 50, 40, 4, 0);
    find(&o, RST_EFORMAT,
         "c/trainA/1.png: an alpha channel that is not 255 everywhere; give "
         "--alpha drop");
    o.read.alpha = RST_IMAGE_ALPHA_WHITE;
    assert_int_equal(check(&o, &c, &r, &err), 0);
    assert_int_equal(r.alpha, 1);
    tree_picture("c/trainA/1.png", 50, 24, 3, 0);
    tree_picture("c/trainB/1.jpg", 50, 24, 3, 0);
    find(&o, RST_EFORMAT, "c/trainA/1.png: 50 x 24 pixels, too small for --crop-size 32");
    tree_file("c/trainA/1.png", "nothing", 7);
    find(&o, RST_EFORMAT, "c/trainA/1.png: not a PNG, JPEG or TIFF file");
    tree_file("c/trainA/1.png", "", 0);
    find(&o, RST_EFORMAT, "c/trainA/1.png: an empty file");
    tree_remove("c/trainA/1.png");
    assert_int_equal(symlink("gone.png", tree_path("c/trainA/1.png")), 0);
    find(&o, RST_EINPUT, "c/trainA/1.png: No such file or directory");
}

static void test_deep(void **state)
{
    (void)state;
    static const uint8_t rows[40 * 40 * 6];
    const sample_png s = { .width = 40,
                           .height = 40,
                           .depth = 16,
                           .colour = PNG_COLOR_TYPE_RGB,
                           .rows = rows,
                           .pitch = 40 * 6 };
    rst_bytes b = sample_png_make(&s);
    assert_non_null(b.data);
    tree_file("deep/trainA/x.png", b.data, b.len);
    tree_picture("deep/trainB/x.png", 40, 40, 3, 0);
    rst__free(b.data);
    const rst_dataset_options o = { .root = tree_path("deep"), .phase = "train" };
    find(&o, RST_EFORMAT, "deep/trainA/x.png: a 16-bit PNG; only 8 bits a channel are read");
}

static void test_halves(void **state)
{
    (void)state;
    tree_picture("h/train/1.png", 96, 48, 3, 0);
    rst_dataset_options o = { .root = tree_path("h"), .phase = "train" };
    const rst_dataset_check_options c = { 0 };
    rst_dataset_report r;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(check(&o, &c, &r, &err), 0);
    assert_int_equal(r.files, 1);
    assert_int_equal(r.max_w, 48);
    tree_picture("h/train/2.png", 64, 48, 3, 0);
    find(&o, RST_EFORMAT,
         "h/train/2.png: 64 x 48 pixels, not two squares side by side; give "
         "--layout ab");
    o.layout = RST_DATA_SIDE_BY_SIDE;
    assert_int_equal(check(&o, &c, &r, &err), 0);
    tree_picture("h/train/2.png", 97, 48, 3, 0);
    find(&o, RST_EFORMAT, "h/train/2.png: a width of 97 cannot be halved");
}

/* Metadata longer than what is read first, and a TIFF whose directory comes last. */
static void test_long_headers(void **state)
{
    (void)state;
    enum { LONG = 200000 };
    uint8_t *jpeg;
    void *buf;
    size_t len;
    rst_error err = RST_ERROR_INIT;
    tree_picture("l/trainB/1.jpg", 44, 40, 3, 0);
    tree_picture("l/trainB/2.tif", 700, 500, 3, 0);
    tree_picture("l/trainA/2.tif", 700, 500, 3, 0);
    assert_int_equal(rst__file_read(tree_path("l/trainB/1.jpg"), 1 << 20, &buf, &len, &err), 0);
    jpeg = calloc(1, len + LONG);
    assert_non_null(jpeg);
    memcpy(jpeg, buf, 2);
    for (size_t at = 2; at < 2 + LONG; at += 50000) /* four comments */
        memcpy(jpeg + at, "\xff\xfe\xc3\x4e", 4);
    memcpy(jpeg + 2 + LONG, (char *)buf + 2, len - 2);
    tree_file("l/trainA/1.jpg", jpeg, len + LONG);
    free(jpeg);
    rst__free(buf);
    const rst_dataset_options o = { .root = tree_path("l"), .phase = "train" };
    const rst_dataset_check_options c = { 0 };
    rst_dataset_report r;
    if (check(&o, &c, &r, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(r.min_w, 44);
    assert_int_equal(r.max_w, 700);
}

static void test_faults(void **state)
{
    (void)state;
    make_set();
    const rst_dataset_options o = { .root = tree_path("c"), .phase = "train" };
    const rst_dataset_check_options c = { .threads = 1 };
    const long before = rst__alloc_live();
    int rc = RST_ENOMEM;
    for (long n = 0; rc < 0 && n < 10000; n++) {
        rst_error err = RST_ERROR_INIT;
        rst_dataset_report r;
        rst_dataset *d = NULL;
        rst__alloc_fail_after(n);
        rc = rst__dataset_open(&d, &o, &err);
        if (rc == 0)
            rc = rst__dataset_check(d, &c, &r, &err);
        rst__alloc_fail_after(-1);
        rst__dataset_close(d);
        if (rc < 0 && (rc != RST_ENOMEM || !err.msg[0]))
            fail_msg("allocation %ld: %d, `%s`", n, rc, err.msg);
        assert_int_equal(rst__alloc_live(), before);
    }
    assert_int_equal(rc, 0);
    rst_error err = RST_ERROR_INIT;
    rst_dataset_report r;
    rst__file_fail_after(5, -1);
    assert_int_equal(check(&o, &c, &r, &err), RST_EINPUT);
    rst__file_fail_after(-1, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folders, tree_setup, end),
        cmocka_unit_test_setup_teardown(test_other_layouts, tree_setup, end),
        cmocka_unit_test_setup_teardown(test_manifest, tree_setup, end),
        cmocka_unit_test_setup_teardown(test_magnifications, tree_setup, end),
        cmocka_unit_test_setup_teardown(test_layout_errors, tree_setup, end),
        cmocka_unit_test_setup_teardown(test_pairs, tree_setup, end),
        cmocka_unit_test_setup_teardown(test_check, tree_setup, end),
        cmocka_unit_test_setup_teardown(test_deep, tree_setup, end),
        cmocka_unit_test_setup_teardown(test_halves, tree_setup, end),
        cmocka_unit_test_setup_teardown(test_long_headers, tree_setup, end),
        cmocka_unit_test_setup_teardown(test_faults, tree_setup, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
