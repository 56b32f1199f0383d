/* SPDX-License-Identifier: MIT */
/* What the verbs do while the n-th allocation, read or write fails, for every n: a status and a
 * line of text, nothing leaked, no output and no half of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <restain/translate.h>

#include "base/alloc.h"
#include "base/file.h"
#include "run/inspect.h"

enum { COUNT = 10 * 10 * 3 };

static char folder[] = "/tmp/restain-faults-XXXXXX";
static char model[64], tiles[64], out_weights[64], out_pth[64], out_tiles[64], some_tile[80];

static void name(char *buf, size_t size, const char *what)
{
    (void)snprintf(buf, size, "%s/%s", folder, what);
}

static int write_tile(const char *path, rst_error *err)
{
    rst_image img = RST_IMAGE_INIT;
    int rc = rst_image_new(&img, 10, 10, 3, err);
    for (int i = 0; rc == 0 && i < COUNT; i++)
        img.px[i] = (uint8_t)(i * 37);
    if (rc == 0)
        rc = rst_image_write(path, &img, NULL, err);
    rst_image_free(&img);
    return rc;
}

static int make_model(const char *path, rst_error *err)
{
    rst_arch a;
    const rst_init_options o = { .kind = RST_INIT_XAVIER, .gain = 0.5, .seed = 1 };
    int rc = rst_arch_from_json("{\"net\": \"stainnet\", \"nf\": 2}", &a, err);
    return rc < 0 ? rc : rst_model_init(path, &a, &o, err);
}

static int set_up(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    if (!mkdtemp(folder))
        return 1;
    name(model, sizeof model, "m.safetensors");
    name(tiles, sizeof tiles, "tiles");
    name(some_tile, sizeof some_tile, "tiles/a.png");
    name(out_weights, sizeof out_weights, "out.safetensors");
    name(out_pth, sizeof out_pth, "out.pth");
    name(out_tiles, sizeof out_tiles, "out");
    if (make_model(model, &err) < 0 || rst__mkdirs(tiles, &err) < 0 ||
        rst__mkdirs(out_tiles, &err) < 0 || write_tile(some_tile, &err) < 0) {
        print_error("%s\n", err.msg);
        return 1;
    }
    return 0;
}

static void remove_outputs(void)
{
    char path[80];
    (void)unlink(out_weights);
    (void)unlink(out_pth);
    name(path, sizeof path, "out/a.png");
    (void)unlink(path);
}

static int tear_down(void **state)
{
    (void)state;
    remove_outputs();
    (void)unlink(some_tile);
    (void)unlink(model);
    (void)rmdir(tiles);
    (void)rmdir(out_tiles);
    return rmdir(folder);
}

/* The verbs -------------------------------------------------------------------------------------
 */

static int do_init(rst_error *err)
{
    return make_model(out_weights, err);
}

static int do_convert(rst_error *err)
{
    return rst_model_convert(model, out_weights, NULL, NULL, err);
}

static int do_pth(rst_error *err)
{
    const rst_convert_options o = { .raw = true };
    return rst_model_convert(model, out_pth, &o, NULL, err);
}

static int do_inspect(const char *path, rst_error *err)
{
    json_t *o = NULL;
    int rc = rst__inspect(&o, path, err);
    json_decref(o);
    return rc;
}

static int do_info_weights(rst_error *err)
{
    return do_inspect(model, err);
}

static int do_info_tile(rst_error *err)
{
    return do_inspect(some_tile, err);
}

static int do_folder(rst_error *err)
{
    const char *in = tiles;
    rst_translation *t = NULL;
    rst_model *m = NULL;
    const rst_model_options o = { .ctx = { .threads = 1 } };
    int rc = rst_translation_plan(&t, &in, 1, out_tiles, false, err);
    if (rc == 0)
        rc = rst_model_open(&m, model, &o, err);
    if (rc == 0)
        rc = rst_translation_run(t, m, NULL, err);
    rst_model_close(m);
    rst_translation_free(t);
    return rc;
}

static const struct {
    const char *name;
    int (*run)(rst_error *err);
    bool writes;
} verbs[] = {
    { "init", do_init, true },
    { "convert", do_convert, true },
    { "to pth", do_pth, true },
    { "info of weights", do_info_weights, false },
    { "info of a tile", do_info_tile, false },
    { "translate a folder", do_folder, true },
};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

/* Faults ----------------------------------------------------------------------------------------
 */

typedef enum fault { FAULT_MEMORY, FAULT_READ, FAULT_WRITE } fault;

static void arm(fault f, long n)
{
    if (f == FAULT_MEMORY)
        rst__alloc_fail_after(n);
    else
        rst__file_fail_after(f == FAULT_READ ? n : -1, f == FAULT_WRITE ? n : -1);
}

static bool nothing_written(void)
{
    char made[80], part[84];
    const char *const files[] = { out_weights, out_pth, made };
    name(made, sizeof made, "out/a.png");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(part, sizeof part, "%s.part", files[i]);
        if (rst__exists(files[i]) || rst__exists(part))
            return false;
    }
    return true;
}

/* Lets the n-th of its kind fail for all n; @return how many runs failed */
static int try_all(int v, fault f, int want)
{
    rst_error err = RST_ERROR_INIT;
    remove_outputs();
    assert_int_equal(verbs[v].run(&err), 0); /* fills what is made once per process */
    for (int n = 0;; n++) {
        remove_outputs();
        const long live = rst__alloc_live();
        err = (rst_error)RST_ERROR_INIT;
        arm(f, n);
        int rc = verbs[v].run(&err);
        arm(f, -1);
        if (rst__alloc_live() != live)
            fail_msg("%s, fault %d: %ld blocks leaked", verbs[v].name, n, rst__alloc_live() - live);
        if (rc == 0)
            return n;
        if (rc != want || err.code != rc || !err.msg[0])
            fail_msg("%s, fault %d: status %d: %s", verbs[v].name, n, rc, err.msg);
        if (!nothing_written())
            fail_msg("%s, fault %d: an output after a failure", verbs[v].name, n);
    }
}

static void test_memory(void **state)
{
    (void)state;
    for (int v = 0; v < VERBS; v++)
        assert_true(try_all(v, FAULT_MEMORY, RST_ENOMEM) > 2);
}

static void test_reads(void **state)
{
    (void)state;
    for (int v = 1; v < VERBS; v++)
        assert_true(try_all(v, FAULT_READ, RST_EINPUT) >= 1);
}

static void test_writes(void **state)
{
    (void)state;
    for (int v = 0; v < VERBS; v++)
        assert_true(try_all(v, FAULT_WRITE, RST_EOUTPUT) >= (verbs[v].writes ? 2 : 0));
}

/* The doctor finds a fault, and says so. */
static void test_doctor(void **state)
{
    (void)state;
    for (long n = -1; n < 40; n++) {
        json_t *o = NULL;
        rst_error err = RST_ERROR_INIT;
        const long live = rst__alloc_live();
        rst__alloc_fail_after(n);
        int rc = rst__doctor(&o, &err);
        rst__alloc_fail_after(-1);
        json_decref(o);
        assert_int_equal(rst__alloc_live(), live);
        assert_int_equal(rc, n < 0 ? 0 : RST_EVERIFY);
        assert_int_equal(err.code, rc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_doctor),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
