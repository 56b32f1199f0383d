/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/methods.h"

static int shrink(rst_method_options *o, rst_error *err)
{
    int rc = 0;
    if (o->net_g.family == RST_NET_UNET) {
        rc = rst_arch_preset("resnet_5blocks", &o->net_g, err);
        o->net_g.dropout = true;
    }
    o->net_g.width = o->net_d.width = o->net_f.width = 2;
    o->net_g.blocks = 5;
    if (o->net_g.family == RST_NET_RRDB) {
        o->net_g.blocks = 1;
        o->net_g.growth = 2;
        o->lambda_gan = 0.1; /* without which there is no discriminator */
    }
    o->net_d.blocks = 2;
    o->num_patches = 12;
    o->pool_size = o->pool_size ? 2 : 0;
    return rc;
}

rst_method *methods_small(rst_ctx *c, const char *name, void (*change)(rst_method_options *o))
{
    rst_error err = RST_ERROR_INIT;
    rst_train_options o;
    const rst_method_kind *kind;
    rst_method *m = NULL;
    if (rst_train_preset(name, &o, &err) < 0 || rst__method_kind_find(&kind, name, &err) < 0 ||
        shrink(&o.m, &err) < 0)
        fail_msg("%s", err.msg);
    if (change)
        change(&o.m);
    if (rst__method_new(&m, c, kind, &o.m, &err) < 0)
        fail_msg("%s: %s", name, err.msg);
    return m;
}

rst_dims methods_input(const rst_method *m, rst_dims pictures)
{
    const int scale = rst_arch_scale(&m->o.net_g);
    pictures.h /= scale;
    pictures.w /= scale;
    return pictures;
}
