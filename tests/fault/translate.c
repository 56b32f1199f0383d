/* SPDX-License-Identifier: MIT */
/* A tile translated from file to file, while the n-th allocation, read or write fails, for every n:
 * a status and a line of text, nothing leaked, no output and no half of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <restain/model.h>

#include "base/alloc.h"
#include "base/file.h"

static char folder[] = "/tmp/restain-fault-XXXXXX";
static char model[64], tile[64], result[64], part[64];

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return 1;
    (void)snprintf(model, sizeof model, "%s/m.safetensors", folder);
    (void)snprintf(tile, sizeof tile, "%s/in.png", folder);
    (void)snprintf(result, sizeof result, "%s/out.png", folder);
    (void)snprintf(part, sizeof part, "%s/out.png.part", folder);

    rst_error err = RST_ERROR_INIT;
    rst_arch a;
    const char *options =
        "{\"net\": \"resnet_1blocks\", \"ngf\": 2, \"weight_norm\": \"spectral\"}";
    const rst_init_options init = { .kind = RST_INIT_XAVIER, .gain = 0.02, .seed = 3 };
    rst_image img = RST_IMAGE_INIT;
    if (rst_arch_from_json(options, &a, &err) < 0 || rst_model_init(model, &a, &init, &err) < 0 ||
        rst_image_new(&img, 18, 14, 3, &err) < 0) {
        print_error("%s\n", err.msg);
        return 1;
    }
    for (int i = 0; i < 18 * 14 * 3; i++)
        img.px[i] = (uint8_t)(i * 37);
    int rc = rst_image_write(tile, &img, NULL, &err);
    rst_image_free(&img);
    return rc;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(model);
    (void)unlink(tile);
    (void)unlink(result);
    return rmdir(folder);
}

static int run(rst_error *err)
{
    rst_model *m = NULL;
    rst_image he = RST_IMAGE_INIT, ihc = RST_IMAGE_INIT;
    const rst_model_options o = { .ctx = { .threads = 1 } };
    int rc = rst_model_open(&m, model, &o, err);
    if (rc == 0)
        rc = rst_image_read(&he, tile, NULL, err);
    if (rc == 0)
        rc = rst_model_translate(m, &he, &ihc, err);
    if (rc == 0)
        rc = rst_image_write(result, &ihc, NULL, err);
    rst_image_free(&he);
    rst_image_free(&ihc);
    rst_model_close(m);
    return rc;
}

/* What must hold after a failed run. */
static void check_failure(const rst_error *err, int rc, long live)
{
    assert_int_equal(err->code, rc);
    assert_true(err->msg[0] != 0);
    assert_false(rst__exists(result));
    assert_false(rst__exists(part));
    assert_int_equal(rst__alloc_live(), live);
}

static void allocations(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    int failures = 0;
    assert_int_equal(run(&err), 0); /* fills what is made once per process */
    for (long n = 0;; n++) {
        (void)unlink(result);
        long live = rst__alloc_live();
        err = (rst_error)RST_ERROR_INIT;
        rst__alloc_fail_after(n);
        int rc = run(&err);
        rst__alloc_fail_after(-1);
        if (rc == 0)
            break;
        if (rc != RST_ENOMEM)
            fail_msg("allocation %ld: status %d: %s", n, rc, err.msg);
        check_failure(&err, rc, live);
        failures++;
    }
    print_message("%d allocations\n", failures);
    assert_true(failures > 100);
}

static void reads_and_writes(void **state)
{
    (void)state;
    for (int writes = 0; writes < 2; writes++) {
        int failures = 0;
        for (long n = 0;; n++) {
            (void)unlink(result);
            long live = rst__alloc_live();
            rst_error err = RST_ERROR_INIT;
            rst__file_fail_after(writes ? -1 : n, writes ? n : -1);
            int rc = run(&err);
            rst__file_fail_after(-1, -1);
            if (rc == 0)
                break;
            if (rc != (writes ? RST_EOUTPUT : RST_EINPUT))
                fail_msg("%s %ld: status %d: %s", writes ? "write" : "read", n, rc, err.msg);
            check_failure(&err, rc, live);
            failures++;
        }
        assert_true(failures >= 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations),
        cmocka_unit_test(reads_and_writes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
