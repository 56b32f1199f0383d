/* SPDX-License-Identifier: MIT */
/* CUT's PatchSampleF (spec 1.6): feature vectors at random places, through a small head per tap. */
#include <stdio.h>

#include "base/alloc.h"
#include "grad/engine.h"
#include "nn/nets.h"

void rst__sampler_build(rst_module *m, const rst_arch *a)
{
    for (int k = 0; a->mlp && k < a->taps; k++) {
        char name[16];
        (void)snprintf(name, sizeof name, "mlp_%d", k);
        rst_layer *head = rst__add_seq(m, m->root, name);
        rst__add_linear(m, head, NULL, a->widths[k], a->width, true);
        rst__add_act(m, head, RST_LAYER_RELU);
        rst__add_linear(m, head, NULL, a->width, a->width, true);
    }
}

/* A random permutation of the places, its first num: the same for every image of the batch. */
static rst_tensor *draw_ids(rst_module *m, int64_t places, int64_t num)
{
    int64_t *ids = rst__malloc((size_t)num * sizeof *ids);
    if (!ids || rst__rng_choose(&m->rng, places, num, ids) < 0) {
        rst__free(ids);
        return rst__ctx_fail(m->c, RST_ENOMEM, "patch numbers: out of memory");
    }
    rst_tensor *t = rst_upload_ids(m->c, num, ids);
    rst__free(ids);
    return t;
}

static rst_tensor *head(rst_module *m, int k, rst_tensor *rows)
{
    if (m->arch.mlp)
        rows = rst__sub_run(m, m->root, k, rows);
    return rst_l2norm(rows, m->arch.l2norm, 1e-7);
}

static rst_tensor *everywhere(rst_module *m, int k, rst_tensor *feat)
{
    rst_begin(m->c);
    rst_dims s = rst_shape(feat);
    rst_tensor *y = head(m, k, rst_rows(feat));
    s.c = rst_shape(y).c;
    y = rst_keep(y ? rst_unrows(y, s) : NULL);
    (void)rst_end(m->c, NULL); /* the outermost scope reports */
    return y;
}

static rst_tensor *somewhere(rst_module *m, int k, rst_tensor *feat, int64_t num, rst_tensor **ids)
{
    rst_dims s = rst_shape(feat);
    int64_t places = s.h * s.w;
    if (!*ids)
        *ids = draw_ids(m, places, num < places ? num : places);
    rst_begin(m->c);
    rst_tensor *y = *ids ? rst_keep(head(m, k, rst_gather(feat, *ids))) : NULL;
    (void)rst_end(m->c, NULL); /* the outermost scope reports */
    return y;
}

bool rst_module_sample(rst_module *m, int count, rst_tensor *const *feats, int64_t num_patches,
                       rst_tensor **ids, rst_tensor **out)
{
    for (int k = 0; k < count; k++)
        out[k] = NULL;
    if (!m->c)
        return false;
    if (m->arch.family != RST_NET_SAMPLER || (m->arch.mlp && count > m->arch.taps) ||
        num_patches < 0) {
        rst__ctx_fail(m->c, RST_EINVAL, "patch sampler: %d taps for %d heads", count, m->arch.taps);
        return false;
    }
    bool ok = true;
    for (int k = 0; k < count && ok; k++) {
        out[k] = !feats[k]          ? NULL
                 : num_patches == 0 ? everywhere(m, k, feats[k])
                                    : somewhere(m, k, feats[k], num_patches, &ids[k]);
        ok = out[k] != NULL;
    }
    return ok;
}
