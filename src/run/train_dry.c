/* SPDX-License-Identifier: MIT */
/* What a training would take: two steps of it, thrown away. */
#include "base/err.h"
#include "run/train.h"

static void count(const rst_train_run *r, rst_train_forecast *f)
{
    f->tiles = r->kind->resolves;
    f->pairs = rst__train_draws(r);
    f->val_pairs = rst__train_val_count(r);
    f->steps_per_epoch = r->steps_per_epoch;
    f->steps = r->steps;
    f->networks = r->m->nets;
    for (int i = 0; i < r->m->nets; i++) {
        f->network[i] = r->m->net[i].name;
        f->network_params[i] = rst_module_param_count(r->m->net[i].net);
        f->params += f->network_params[i];
    }
}

static int try_steps(rst_train_run *r, rst_train_forecast *f, rst_error *err)
{
    for (int i = 0; i < 2; i++) { /* the first one finds memory and warms up */
        const rst_batch *b;
        int rc = rst__loader_next(r->loader, &b, err);
        if (rc < 0)
            return rc;
        const rst_method_batch batch = rst__train_batch(b);
        const rst_method_when when = { .epoch = 1, .lr = r->o->lr };
        const double macs = rst_ctx_statistics(r->c).macs, start = rst__train_clock();
        rst_error why = RST_ERROR_INIT;
        if (rst__method_step(r->m, &batch, 1, when, NULL, NULL, &why) < 0)
            return rst__train_explain(r, batch.s_b, &why, err);
        f->step_seconds = (rst__train_clock() - start) * r->o->accumulate;
        f->macs = (rst_ctx_statistics(r->c).macs - macs) * r->o->accumulate;
    }
    f->memory = rst_ctx_statistics(r->c).bytes_peak;
    f->seconds = f->step_seconds * (double)r->steps;
    return 0;
}

int rst_train_dry_run(const rst_train_options *o, rst_train_forecast *out, rst_error *err)
{
    rst_train_run r;
    *out = (rst_train_forecast){ 0 };
    int rc = rst__train_open(&r, o, err);
    if (rc == 0)
        rc = rst__train_init_from(&r, err);
    if (rc == 0) {
        count(&r, out);
        rc = try_steps(&r, out, err);
    }
    rst__train_close(&r);
    return rc;
}
