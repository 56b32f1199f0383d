/* SPDX-License-Identifier: MIT */
#include "backend/cpu/conv.h"

#include "backend/cpu/conv_parts.h"
#include "base/alloc.h"

/* Below this many channels the transforms cost more than the products save. */
#define WINO_CHANNELS 16

struct rst_packed {
    bool winograd, data;
    float *p;
};

/* Depends on the layer and the mode alone, never on the image's size: a tile of a slide must be
 * computed like the whole. */
static bool use_winograd(const rst_cpu_dev *dev, const rst_conv *g)
{
    const int64_t least = g->x.c < g->co ? g->x.c : g->co;
    if (dev->base.conv == RST_CONV_DIRECT || !rst__wino_fits(g))
        return false;
    return dev->base.conv == RST_CONV_WINOGRAD || least >= WINO_CHANNELS;
}

static bool count(rst_cpu_dev *dev, const rst_conv *g)
{
    const bool winograd = use_winograd(dev, g);
    dev->base.convs++;
    dev->base.convs_winograd += winograd;
    return winograd;
}

static size_t packed_bytes(const rst_cpu_dev *dev, const rst_conv *g, bool data, bool winograd)
{
    return winograd ? rst__wino_packed_bytes(dev, g, data) : rst__direct_packed_bytes(dev, g, data);
}

static void pack(const rst_cpu_dev *dev, const rst_conv *g, bool data, bool winograd,
                 const float *w, float *p)
{
    winograd ? rst__wino_pack(dev, g, data, w, p) : rst__direct_pack(dev, g, data, w, p);
}

int rst__cpu_conv_pack(rst_dev *base, const rst_conv *g, bool data, const void *w, rst_packed **out)
{
    rst_cpu_dev *dev = rst__cpu(base);
    *out = NULL;
    if (g->groups > 1)
        return 0;
    const bool winograd = use_winograd(dev, g);
    rst_packed *pk = rst__calloc(1, sizeof *pk);
    float *p = rst__malloc_aligned(packed_bytes(dev, g, data, winograd));
    if (!pk || !p) {
        rst__free(pk);
        rst__free(p);
        return rst__dev_fail(base, RST_ENOMEM, "packed weights of a convolution: out of memory");
    }
    *pk = (rst_packed){ winograd, data, p };
    pack(dev, g, data, winograd, w, p);
    *out = pk;
    return 0;
}

int rst__cpu_conv_tile(rst_dev *dev, const rst_conv *g, bool data, int *tile)
{
    (void)data;
    *tile = g->groups == 1 && use_winograd(rst__cpu(dev), g) ? RST_WINO_TILE : 1;
    return 0;
}

int rst__cpu_packed_free(rst_dev *dev, rst_packed *pk)
{
    (void)dev;
    if (pk)
        rst__free(pk->p);
    rst__free(pk);
    return 0;
}

/* The packed weights of one call: pk's if they fit the algorithm, else packed now; NULL: no memory.
 */
static const float *weights(rst_cpu_dev *dev, const rst_conv *g, bool data, bool winograd,
                            const float *w, const rst_packed *pk)
{
    if (pk && pk->winograd == winograd && pk->data == data)
        return pk->p;
    float *p = rst__cpu_scratch(dev, RST_SLOT_WEIGHTS, packed_bytes(dev, g, data, winograd));
    if (p)
        pack(dev, g, data, winograd, w, p);
    return p;
}

int rst__cpu_conv_fwd(rst_dev *base, const rst_conv *g, const void *x, const void *w,
                      const rst_packed *pk, const rst_epilogue *ep, void *y)
{
    if (g->groups > 1)
        return rst__ref_f32.conv_fwd(base, g, x, w, NULL, ep, y);
    rst_cpu_dev *dev = rst__cpu(base);
    const bool winograd = count(dev, g);
    const float *p = weights(dev, g, false, winograd, w, pk);
    if (!p)
        return RST_ENOMEM;
    rst__epi e = { 0 };
    if (ep)
        e = (rst__epi){ ep->bias, ep->act, (float)ep->a };
    const rst__epi *epi = e.bias || e.act != RST_MAP_NONE ? &e : NULL;
    if (!winograd)
        return rst__direct_fwd(dev, g, x, p, epi, y);
    const rst__source s = { x, g->x.n, g->x.h, g->x.w, g->x.c, g->pad.t, g->pad.l, g->mode };
    const rst__frame out = { .y = y, .n = g->x.n, .h = g->oh, .w = g->ow, .c = g->co };
    return rst__wino_run(dev, &s, false, p, &out, false, epi);
}

int rst__cpu_conv_data(rst_dev *base, const rst_conv *g, const void *w, const rst_packed *pk,
                       const void *dy, void *dx, bool add)
{
    if (g->groups > 1)
        return rst__ref_f32.conv_data(base, g, w, NULL, dy, dx, add);
    rst_cpu_dev *dev = rst__cpu(base);
    const bool winograd = count(dev, g);
    const float *p = weights(dev, g, true, winograd, w, pk);
    rst__frame out;
    if (!p || rst__frame_open(dev, g, dx, &out) < 0)
        return RST_ENOMEM;
    int rc;
    if (winograd) {
        const int64_t t = out.ring ? 2 : 2 - g->pad.t, l = out.ring ? 2 : 2 - g->pad.l;
        const rst__source s = { dy, g->x.n, g->oh, g->ow, g->co, t, l, RST_PAD_ZERO };
        rc = rst__wino_run(dev, &s, true, p, &out, add, NULL);
    } else {
        rc = rst__direct_data(dev, g, p, dy, &out, add);
    }
    if (rc == 0)
        rst__frame_fold(dev, &out, g->mode);
    return rc;
}

int rst__cpu_conv_weights(rst_dev *base, const rst_conv *g, const void *x, const void *dy, void *dw,
                          bool add)
{
    if (g->groups > 1)
        return rst__ref_f32.conv_weights(base, g, x, dy, dw, add);
    rst_cpu_dev *dev = rst__cpu(base);
    return count(dev, g) ? rst__wino_dw(dev, g, x, dy, dw, add)
                         : rst__direct_dw(dev, g, x, dy, dw, add);
}
