/* SPDX-License-Identifier: MIT */
/* Two scanners' slides (needs ../shared) through the 6-block and the paper's generator, width 16,
 * random weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/real_slide.h"

static void check(const char *net, const real_slide *s)
{
    rst_model *m = slides_model_wide(net, 16, RST_CONV_AUTO, 0);
    real_check(s, m, net, true);
    rst_model_close(m);
}

static void cmu(void **state)
{
    (void)state;
    check("resnet_6blocks", &real_cmu);
    check("ammfi_6blocks", &real_cmu);
}

static void tcga(void **state)
{
    (void)state;
    check("resnet_6blocks", &real_tcga);
    check("ammfi_6blocks", &real_tcga);
}

static int setup(void **state)
{
    (void)state;
    slides_begin();
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
    if (!real_data())
        return 77;
    const struct CMUnitTest tests[] = { cmocka_unit_test(cmu), cmocka_unit_test(tcga) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
