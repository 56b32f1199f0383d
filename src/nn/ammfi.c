/* SPDX-License-Identifier: MIT */
/* The paper's generator (arXiv 2408.01929, III-A, eqs. 1-3; spec 4.4): ASP's ResNet with an
 * attention-based fusion of encoder and decoder features at up to three levels. */
#include <stdio.h>

#include "grad/engine.h"
#include "nn/nets.h"

/* The fusion block ------------------------------------------------------------------------------
 */

enum { W_E, W_D, W_A, CBAM };

static void conv_bn(rst_module *m, rst_layer *l, const char *name, int64_t ci, int64_t co)
{
    rst_layer *s = rst__add_seq(m, l, name);
    rst__add_conv(m, s, "conv", rst__conv_spec(ci, co, 3, 1, 1));
    rst__add_batch_norm(m, s, "bn", co, 1e-5, 0.1);
}

void rst__ammfi_gate_layers(rst_module *m, rst_layer *l, int64_t c, int reduction)
{
    conv_bn(m, l, "w_e", c, c / 2);
    conv_bn(m, l, "w_d", c, c / 2);
    conv_bn(m, l, "w_a", c / 2 * 2, 1);
    rst__cbam_layers(m, rst__add_seq(m, l, "cbam"), c / 2 * 2, reduction, true, true);
}

rst_tensor *rst__ammfi_gate_run(rst_module *m, const rst_layer *l, rst_tensor *fe, rst_tensor *fd,
                                rst_tensor **map)
{
    rst_tensor *both[2] = { rst__sub_run(m, l, W_E, fe), rst__sub_run(m, l, W_D, fd) };
    rst_tensor *f = rst_concat(RST_AXIS_C, 2, both); /* eq. 1 */
    f = rst__sub_run(m, l, CBAM, f);                 /* eq. 2 */
    rst_tensor *a = rst__gates_note(m, RST_GATE_MAP, rst_sigmoid(rst__sub_run(m, l, W_A, f)));
    if (map)
        *map = a;
    return rst_mul(a, fe); /* eq. 3 */
}

void rst__ammfi_gate_build(rst_module *m, const rst_arch *a)
{
    rst__ammfi_gate_layers(m, m->root, a->width, a->reduction);
}

/* The generator ---------------------------------------------------------------------------------
 */

/* Gate k (resolution 1/2^k) is the root's child after `model` and the gates of the levels above it.
 */
static const rst_layer *gate_of(const rst_module *m, int k)
{
    int at = 1;
    for (int i = 0; i < k; i++)
        at += m->arch.ammfi_levels >> i & 1;
    return m->root->sub[at];
}

/* The decoder's features x, and behind them the encoder's, gated. */
static rst_tensor *fuse(rst_module *m, int k, rst_tensor *fe, rst_tensor *x)
{
    if (!(m->arch.ammfi_levels >> k & 1))
        return x;
    rst_begin(m->c);
    if (m->gates)
        m->gates->level = k;
    rst_tensor *both[2] = { x, rst__ammfi_gate_run(m, gate_of(m, k), fe, x, NULL) };
    rst_tensor *y = rst_keep(rst_concat(RST_AXIS_C, 2, both));
    rst__gates_keep(m);
    (void)rst_end(m->c, NULL); /* the outermost scope reports */
    return y;
}

static rst_tensor *decode(rst_module *m, const rst_stages *s, rst_tensor *const e[3], rst_tensor *x,
                          rst_taps *taps)
{
    const rst_layer *seq = m->root->sub[0];
    x = fuse(m, 2, e[2], x);
    x = rst__seq_run(m, seq, s->blocks + 1, s->up[0], x, taps);
    x = fuse(m, 1, e[1], x);
    x = rst__seq_run(m, seq, s->up[0] + 1, s->up[1], x, taps);
    x = fuse(m, 0, e[0], x);
    return rst__seq_run(m, seq, s->up[1] + 1, s->last, x, taps);
}

rst_tensor *rst__ammfi_run(rst_module *m, rst_tensor *x, rst_taps *user, int last)
{
    const rst_layer *seq = m->root->sub[0];
    rst_stages s = rst__resnet_stages(&m->arch);
    if (last <= s.blocks)
        return rst__seq_run(m, seq, 0, last, x, user);
    int ids[3] = { s.stem, s.down[0], s.down[1] };
    rst_tensor *e[3] = { NULL, NULL, NULL };
    rst_taps own = { .count = 3, .ids = ids, .out = e, .next = user };
    x = rst__seq_run(m, seq, 0, s.blocks, x, &own);
    return decode(m, &s, e, x, user);
}

static rst_tensor *forward(rst_module *m, rst_tensor *x)
{
    return rst__ammfi_run(m, x, NULL, m->root->sub[0]->nsub - 1);
}

void rst__ammfi_build(rst_module *m, const rst_arch *a)
{
    bool wide[3];
    for (int i = 0; i < 3; i++)
        wide[i] = a->ammfi_levels >> (2 - i) & 1;
    rst__resnet_layers(m, rst__add_seq(m, m->root, "model"), a, wide);
    for (int k = 0; k < 3; k++) {
        char name[16];
        (void)snprintf(name, sizeof name, "ammfi%d", k);
        if (a->ammfi_levels >> k & 1)
            rst__ammfi_gate_layers(m, rst__add_seq(m, m->root, name), (int64_t)a->width << k,
                                   a->reduction);
    }
    m->forward = forward;
}
