/* SPDX-License-Identifier: MIT */
#include "method/patches.h"

#include "method/losses.h"

rst_features rst__encode(rst_method *m, rst_tensor *x, bool keys)
{
    rst_features f = { { NULL } };
    if (keys)
        rst_begin_nograd(m->c);
    (void)rst_module_taps(rst__method_net(m, "G"), x, m->o.nce_count, m->o.nce_layers, f.at, true);
    if (keys) {
        for (int i = 0; i < m->o.nce_count; i++)
            rst_keep(f.at[i]);
        (void)rst_end(m->c, NULL); /* the outermost scope reports */
    } else if (m->flipped) {
        for (int i = 0; i < m->o.nce_count; i++)
            f.at[i] = rst_flip_w(f.at[i]);
    }
    return f;
}

/* The places: those of a test, or NULL for what the sampler draws. */
static void places(rst_method *m, rst_tensor **ids)
{
    for (int i = 0; i < m->o.nce_count; i++)
        ids[i] = m->feed.patch_ids ? m->feed.patch_ids(m->feed.user, m->nce_calls, i) : NULL;
    m->nce_calls++;
}

/* Rows of the key, which nothing flows back through, and the places they were taken at. */
static void sample_key(rst_method *m, rst_features key, rst_tensor **ids, rst_tensor **rows)
{
    rst_tensor *drawn[RST_NCE_LAYERS];
    rst_begin_nograd(m->c);
    for (int i = 0; i < m->o.nce_count; i++)
        drawn[i] = ids[i];
    (void)rst_module_sample(rst__method_net(m, "F"), m->o.nce_count, key.at, m->o.num_patches,
                            drawn, rows);
    for (int i = 0; i < m->o.nce_count; i++) {
        if (!ids[i])
            ids[i] = rst_keep(drawn[i]);
        rst_keep(rows[i]);
    }
    (void)rst_end(m->c, NULL); /* the outermost scope reports */
}

static double constant_share(const rst_method *m)
{
    const rst_method_options *o = &m->o;
    if (o->asp_time == RST_ASP_T_ITER)
        return rst__asp_constant_share_at(o->asp_mode.schedule, m->t, o->n_epochs,
                                          o->n_epochs_decay);
    return rst__asp_constant_share(o->asp_mode.schedule, m->epoch, o->n_epochs, o->n_epochs_decay);
}

rst_tensor *rst__nce_term(rst_method *m, rst_features key, rst_features query, rst_nce_kind kind,
                          double lambda)
{
    const rst_method_options *o = &m->o;
    rst_tensor *ids[RST_NCE_LAYERS], *k[RST_NCE_LAYERS], *q[RST_NCE_LAYERS];
    rst_tensor *part[RST_NCE_LAYERS];
    const int64_t images = o->nce_all_negatives || !m->a ? 1 : rst_shape(m->a).n;
    places(m, ids);
    sample_key(m, key, ids, k);
    (void)rst_module_sample(rst__method_net(m, "F"), o->nce_count, query.at, o->num_patches, ids,
                            q);
    for (int i = 0; i < o->nce_count; i++) {
        rst_tensor *row = kind == RST_NCE_ADAPTIVE ? rst__asp_loss(q[i], k[i], images, o->nce_t,
                                                                   o->asp_mode, constant_share(m))
                                                   : rst__patchnce(q[i], k[i], images, o->nce_t);
        part[i] = rst_scale(rst_mean(row, RST_AXIS_ALL), lambda / o->nce_count);
    }
    return rst_addn(o->nce_count, part);
}
