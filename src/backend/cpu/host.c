/* SPDX-License-Identifier: MIT */
/* Into storage, out of it, and copies of blocks. */
#include <string.h>

#include "backend/cpu/kernels.h"

/* dst[i*di + j*dj] = src[i*si + j*sj], i < rows, j < cols */
#define DEFINE_MOVE(name, from, to)                                                                \
    static void name(int64_t rows, int64_t cols, const from *src, int64_t si, int64_t sj, to *dst, \
                     int64_t di, int64_t dj)                                                       \
    {                                                                                              \
        for (int64_t i = 0; i < rows; i++)                                                         \
            for (int64_t j = 0; j < cols; j++)                                                     \
                dst[i * di + j * dj] = (to)src[i * si + j * sj];                                   \
    }

DEFINE_MOVE(move_ff, float, float)
DEFINE_MOVE(move_df, double, float)
DEFINE_MOVE(move_fd, float, double)

/* Pixels and channels of a tile: its lines of both arrays stay in the first cache. */
enum { TILE_PX = 64, TILE_C = 32 };

/* One tile between storage (index s) and the host's array (index h). */
typedef struct tile {
    int64_t px, c, s, h, host_px, host_c;
} tile;

static tile tile_of(rst_dims s, rst_order order, int64_t i)
{
    const int64_t hw = s.h * s.w, pb = rst__blocks(hw, TILE_PX), cb = rst__blocks(s.c, TILE_C);
    const int64_t c0 = i % cb * TILE_C, p0 = i / cb % pb * TILE_PX, n = i / cb / pb;
    const bool nhwc = order == RST_NHWC;
    return (tile){ .px = rst__least(TILE_PX, hw - p0),
                   .c = rst__least(TILE_C, s.c - c0),
                   .s = (n * hw + p0) * s.c + c0,
                   .h = nhwc ? (n * hw + p0) * s.c + c0 : (n * s.c + c0) * hw + p0,
                   .host_px = nhwc ? s.c : 1,
                   .host_c = nhwc ? 1 : hw };
}

static int64_t tiles(rst_dims s)
{
    return s.n * rst__blocks(s.h * s.w, TILE_PX) * rst__blocks(s.c, TILE_C);
}

static int copy(rst_dev *dev, int64_t n, const float *x, float *y)
{
    RST_PARALLEL_FOR(dev, n)
    for (int64_t i = 0; i < n; i += RST_BLOCK)
        memcpy(y + i, x + i, (size_t)rst__least(RST_BLOCK, n - i) * sizeof *y);
    return 0;
}

int rst__cpu_upload(rst_dev *dev, rst_dims s, rst_order order, rst_dtype host, const void *src,
                    void *dst)
{
    if (order == RST_NHWC && host == RST_F32)
        return copy(dev, rst__numel(s), src, dst);
    const int64_t count = tiles(s);
    float *y = dst;
    RST_PARALLEL_FOR(dev, rst__numel(s))
    for (int64_t i = 0; i < count; i++) {
        const tile t = tile_of(s, order, i);
        if (host == RST_F64)
            move_df(t.c, t.px, (const double *)src + t.h, t.host_c, t.host_px, y + t.s, 1, s.c);
        else
            move_ff(t.c, t.px, (const float *)src + t.h, t.host_c, t.host_px, y + t.s, 1, s.c);
    }
    return 0;
}

int rst__cpu_download(rst_dev *dev, rst_dims s, rst_order order, rst_dtype host, const void *src,
                      void *dst)
{
    if (order == RST_NHWC && host == RST_F32)
        return copy(dev, rst__numel(s), src, dst);
    const int64_t count = tiles(s);
    const float *x = src;
    RST_PARALLEL_FOR(dev, rst__numel(s))
    for (int64_t i = 0; i < count; i++) {
        const tile t = tile_of(s, order, i);
        if (host == RST_F64)
            move_fd(t.c, t.px, x + t.s, 1, s.c, (double *)dst + t.h, t.host_c, t.host_px);
        else
            move_ff(t.c, t.px, x + t.s, 1, s.c, (float *)dst + t.h, t.host_c, t.host_px);
    }
    return 0;
}

/* Offset of n,h and of the block's first pixel and channel. */
static int64_t row_at(rst_dims d, rst_dims off, int64_t n, int64_t h)
{
    return (((n + off.n) * d.h + h + off.h) * d.w + off.w) * d.c + off.c;
}

int rst__cpu_block(rst_dev *dev, const rst_block *b, const void *src, void *dst)
{
    const rst__ew *ew = rst__ew_of(dev);
    const rst_dims z = b->size;
    const bool whole = z.c == b->sd.c && z.c == b->dd.c; /* then a row lies in one piece */
    const int64_t runs = whole ? 1 : z.w, len = whole ? z.w * z.c : z.c;
    const float one = 1;
    RST_PARALLEL_FOR(dev, rst__numel(z))
    for (int64_t i = 0; i < z.n * z.h; i++) {
        const float *x = (const float *)src + row_at(b->sd, b->so, i / z.h, i % z.h);
        float *y = (float *)dst + row_at(b->dd, b->off, i / z.h, i % z.h);
        for (int64_t w = 0; w < runs; w++, x += b->sd.c, y += b->dd.c)
            ew->comb(len, 1, &x, &one, y, b->add);
    }
    return 0;
}
