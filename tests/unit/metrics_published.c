/* SPDX-License-Identifier: MIT */
/* LPIPS on its published weights and its own example images. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <restain/metric.h>

static const char *shared;

static rst_weights *weights(const char *name)
{
    char path[600];
    rst_error err = RST_ERROR_INIT;
    rst_weights *w;
    (void)snprintf(path, sizeof path, "%s/data/weights/%s", shared, name);
    if (rst_weights_read(&w, path, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    return w;
}

static rst_image picture(const char *name)
{
    char path[600];
    rst_error err = RST_ERROR_INIT;
    rst_image img = RST_IMAGE_INIT;
    (void)snprintf(path, sizeof path, "%s/data/oracles/lpips/%s", shared, name);
    if (rst_image_read(&img, path, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    return img;
}

static void test_examples(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double distance;
    } example[] = { { "ex_p0.png", 0.711048 }, { "ex_p1.png", 0.147902 } };
    rst_ctx *c;
    rst_lpips *l;
    rst_error err = RST_ERROR_INIT;
    rst_ctx_options o = { .backend = NULL };
    assert_int_equal(rst_ctx_new(&c, &o, &err), 0);
    rst_weights *net = weights("squeezenet1_1_features.pth");
    rst_weights *heads = weights("lpips/weights/v0.1/squeeze.pth");
    if (rst_lpips_new(&l, c, RST_LPIPS_SQUEEZE, net, heads, &err) < 0)
        fail_msg("%s", err.msg);
    rst_image ref = picture("ex_ref.png");
    for (int i = 0; i < 2; i++) {
        double d = -1;
        rst_image img = picture(example[i].name);
        if (rst_lpips_distance(l, &ref, &img, &d, &err) < 0)
            fail_msg("%s", err.msg);
        if (!(fabs(d - example[i].distance) < 2e-6))
            fail_msg("%s: %.7f, not %.6f", example[i].name, d, example[i].distance);
        rst_image_free(&img);
    }
    rst_image_free(&ref);
    rst_lpips_free(l);
    rst_weights_free(net);
    rst_weights_free(heads);
    rst_ctx_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_examples) };
    shared = getenv("RESTAIN_TESTDATA");
    char probe[600];
    (void)snprintf(probe, sizeof probe, "%s/data/oracles/lpips/ex_ref.png", shared ? shared : "");
    FILE *f = fopen(probe, "r");
    if (!f) {
        puts("skipped: RESTAIN_TESTDATA does not name the shared folder");
        return 77;
    }
    fclose(f);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
