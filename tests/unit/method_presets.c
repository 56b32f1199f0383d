/* SPDX-License-Identifier: MIT */
/* The published settings of each method (spec 6.1), and what the networks they name weigh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "method/method.h"

typedef struct published {
    const char *method;
    int64_t g, d;  /* parameters of a generator, a discriminator */
    int64_t head;  /* of netF; 0: none */
    int epochs[2]; /* constant, decaying */
    int batch, pool;
    bool unpaired, step_at_start; /* of the learning rate */
    rst_gan_mode gan;
    rst_init_kind init;
    int64_t load, crop; /* 0: not used */
    double l1, nce, asp, gp;
} published;

static const published row[] = {
    { "ammfi",
      8102749,
      2791905,
      560384,
      { 30, 10 },
      1,
      0,
      false,
      false,
      RST_GAN_LSGAN,
      RST_INIT_XAVIER,
      0,
      512,
      0,
      10,
      10,
      10 },
    { "asp",
      7837699,
      2791905,
      560384,
      { 30, 10 },
      1,
      0,
      false,
      false,
      RST_GAN_LSGAN,
      RST_INIT_XAVIER,
      0,
      512,
      0,
      10,
      10,
      10 },
    { "cut",
      11378179,
      2764737,
      560384,
      { 200, 200 },
      1,
      0,
      true,
      false,
      RST_GAN_LSGAN,
      RST_INIT_XAVIER,
      286,
      256,
      0,
      1,
      0,
      0 },
    { "fastcut",
      11378179,
      2764737,
      560384,
      { 150, 50 },
      1,
      0,
      true,
      false,
      RST_GAN_LSGAN,
      RST_INIT_XAVIER,
      286,
      256,
      0,
      10,
      0,
      0 },
    { "pix2pix",
      54413955,
      2768705,
      0,
      { 100, 100 },
      1,
      0,
      false,
      true,
      RST_GAN_VANILLA,
      RST_INIT_NORMAL,
      286,
      256,
      100,
      0,
      0,
      0 },
    { "pyramid-pix2pix",
      0,
      2768705,
      0,
      { 100, 100 },
      2,
      0,
      false,
      true,
      RST_GAN_VANILLA,
      RST_INIT_NORMAL,
      0,
      0,
      25,
      0,
      0,
      0 },
    { "cyclegan",
      11378179,
      2764737,
      0,
      { 100, 100 },
      1,
      50,
      true,
      true,
      RST_GAN_LSGAN,
      RST_INIT_NORMAL,
      286,
      256,
      0,
      0,
      0,
      0 },
};
enum { METHODS = sizeof row / sizeof row[0] };

static int64_t parameters(const rst_arch *a)
{
    rst_error err = RST_ERROR_INIT;
    rst_module *m;
    if (rst_module_new(&m, NULL, a, &err) < 0)
        fail_msg("%s", err.msg);
    int64_t n = rst_module_param_count(m);
    rst_module_free(m);
    return n;
}

static void check_networks(const published *p, rst_method_options *o)
{
    const bool pairs = strstr(p->method, "pix2pix") != NULL;
    if (pairs) /* D sees H&E and IHC; building does this */
        o->net_d.input_nc = 6;
    if (p->g) /* of the pyramid's resnet_9blocks with batch norm there is no published count */
        assert_int_equal(parameters(&o->net_g), p->g);
    assert_int_equal(parameters(&o->net_d), p->d);
    if (p->head)
        assert_int_equal(parameters(&o->net_f), p->head);
    assert_int_equal(o->net_g.dropout, pairs);
    assert_int_equal(o->net_g.norm, pairs ? RST_NORM_BATCH : RST_NORM_INSTANCE);
    assert_int_equal(o->net_g.antialias && o->net_g.family != RST_NET_UNET,
                     strcmp(p->method, "cyclegan") != 0 && !pairs);
}

static void test_settings(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_train_options o;
    for (int i = 0; i < METHODS; i++) {
        const published *p = &row[i];
        assert_int_equal(rst_train_preset(p->method, &o, &err), 0);
        assert_int_equal(o.m.n_epochs, p->epochs[0]);
        assert_int_equal(o.m.n_epochs_decay, p->epochs[1]);
        assert_int_equal(o.batch_size, p->batch);
        assert_int_equal(o.m.pool_size, p->pool);
        assert_int_equal(o.unpaired, p->unpaired);
        assert_int_equal(o.lr_step_at_start, p->step_at_start);
        assert_int_equal(o.m.gan_mode, p->gan);
        assert_int_equal(o.m.init, p->init);
        assert_int_equal(o.preprocess, p->load   ? RST_PREPROCESS_RESIZE_AND_CROP
                                       : p->crop ? RST_PREPROCESS_CROP
                                                 : RST_PREPROCESS_NONE);
        assert_true(!p->load || o.load_size == p->load);
        assert_true(!p->crop || o.crop_size == p->crop);
        assert_true(o.lr == 2e-4 && o.m.beta1 == 0.5 && o.m.beta2 == 0.999);
        assert_true(o.m.lambda_gan == 1 && o.m.lambda_l1 == p->l1 && o.m.lambda_nce == p->nce);
        assert_true(o.m.lambda_asp == p->asp && o.m.lambda_gp == p->gp);
        check_networks(p, &o.m);
    }
}

/* What spec 14.6 says of BSRGAN's first stage; its network is the published one (5.4). */
static void test_super_resolver(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_train_options o;
    assert_int_equal(rst_train_preset("bsrgan", &o, &err), 0);
    assert_int_equal(parameters(&o.m.net_g), 16697987);
    assert_int_equal(o.m.init, RST_INIT_RRDB);
    assert_int_equal(o.crop_size, 72 * o.m.net_g.scale);
    assert_true(o.m.lambda_l1 == 1 && o.m.lambda_gan == 0);
    assert_true(o.lr == 1e-4 && o.lr_policy == RST_LR_STEP && o.lr_gamma == 0.5);
    assert_true(o.m.beta1 == 0.9 && o.m.beta2 == 0.999);
    assert_int_equal(o.degradation, RST_DEGRADATION_BSRGAN);
}

/* Every method but that is in the table above, and a word that is none names its neighbour. */
static void test_registry(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_train_options o;
    for (int i = 0; i < METHODS; i++) {
        assert_string_equal(rst_method_name(i), row[i].method);
        assert_non_null(rst_method_line(i));
    }
    assert_string_equal(rst_method_name(METHODS), "bsrgan");
    assert_null(rst_method_name(METHODS + 1));
    assert_null(rst_method_line(-1));
    assert_int_equal(rst_train_preset("cyclgan", &o, &err), RST_EINVAL);
    assert_non_null(strstr(err.msg, "cyclegan"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_super_resolver),
        cmocka_unit_test(test_registry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
