/* SPDX-License-Identifier: MIT */
/* Forward passes with more than one input or output, of the families that have them. */
#include "grad/engine.h"
#include "nn/nets.h"

static bool taps_ok(rst_module *m, int count, const int *ids)
{
    bool image = m->arch.family == RST_NET_RESNET || m->arch.family == RST_NET_AMMFI;
    int n = image ? m->root->sub[0]->nsub : 0;
    bool ok = image && count > 0;
    for (int i = 0; ok && i < count; i++)
        ok = ids[i] >= (i ? ids[i - 1] : 0) && ids[i] < n;
    if (!ok)
        rst__ctx_fail(m->c, RST_EINVAL, "taps must ascend within the %d layers of a resnet", n);
    return ok;
}

int64_t rst__tap_width(const rst_module *m, int id)
{
    if (m->arch.family != RST_NET_RESNET && m->arch.family != RST_NET_AMMFI)
        return 0;
    const rst_layer *seq = m->root->sub[0];
    const int last =
        m->arch.family == RST_NET_AMMFI ? rst__resnet_stages(&m->arch).blocks : seq->nsub - 1;
    if (id < 0 || id > last)
        return 0;
    int64_t c = m->arch.input_nc;
    for (int i = 0; i <= id; i++)
        if (seq->sub[i]->kind == RST_LAYER_CONV)
            c = seq->sub[i]->w->shape[seq->sub[i]->transposed ? 1 : 0];
    return c;
}

rst_tensor *rst_module_taps(rst_module *m, rst_tensor *x, int count, const int *ids,
                            rst_tensor **taps, bool encode_only)
{
    for (int i = 0; i < count; i++)
        taps[i] = NULL;
    if (!x || !m->c || !taps_ok(m, count, ids))
        return NULL;
    rst_taps t = { .count = count, .ids = ids, .out = taps };
    const rst_layer *seq = m->root->sub[0];
    int last = encode_only ? ids[count - 1] : seq->nsub - 1;
    rst_begin(m->c);
    rst_tensor *y = m->arch.family == RST_NET_AMMFI ? rst__ammfi_run(m, x, &t, last)
                                                    : rst__seq_run(m, seq, 0, last, x, &t);
    rst_keep(y);
    for (int i = 0; i < count; i++)
        rst_keep(taps[i]);
    (void)rst_end(m->c, NULL); /* the outermost scope reports */
    return encode_only ? NULL : y;
}

rst_tensor *rst_module_gate(rst_module *m, rst_tensor *skip, rst_tensor *gating, rst_tensor **map)
{
    if (map)
        *map = NULL;
    if (!skip || !gating || !m->c)
        return NULL;
    if (m->arch.family == RST_NET_AMMFI_GATE)
        return rst__ammfi_gate_run(m, m->root, skip, gating, map);
    if (m->arch.family == RST_NET_ATTENTION_GATE)
        return rst__attention_gate_run(m, m->root, skip, gating, map);
    return rst__ctx_fail(m->c, RST_EINVAL, "this network is not a gate of two inputs");
}
