/* SPDX-License-Identifier: MIT */
/* What a pyramid is asked to be, and what that takes. */
#include <limits.h>
#include <math.h>

#include "base/alloc.h"
#include "base/err.h"
#include "slide/pyramid_parts.h"

enum { SIDE_MAX = 1 << 24, TILES_MAX = 1 << 24 };

int64_t rst__pyramid_side(int64_t side, int k)
{
    return (side + ((int64_t)1 << k) - 1) >> k;
}

int rst__pyramid_levels(const rst_pyramid_options *o)
{
    const bool jpeg = o->compression == RST_PYRAMID_JPEG;
    const int64_t longest = o->width > o->height ? o->width : o->height;
    const int64_t shortest = o->width > o->height ? o->height : o->width;
    int n = 1;
    while (rst__pyramid_side(longest, n - 1) > o->tile && n != o->max_levels &&
           (jpeg || rst__pyramid_side(shortest, n) >= o->tile))
        n++;
    return n;
}

static int64_t tiles_along(int64_t side, int tile, int k)
{
    return (rst__pyramid_side(side, k) + tile - 1) / tile;
}

static int check_numbers(const rst_pyramid_options *o, const char *path, rst_error *err)
{
    if (o->width < 1 || o->height < 1 || o->width > SIDE_MAX || o->height > SIDE_MAX)
        return rst_fail(err, RST_EINVAL, "%s: a slide of %lld x %lld pixels", path,
                        (long long)o->width, (long long)o->height);
    if (o->tile < 16 || o->tile > 4096 || o->tile % 16)
        return rst_fail(err, RST_EINVAL, "%s: tiles of %d pixels, not a multiple of 16 in 16..4096",
                        path, o->tile);
    if (o->quality < 1 || o->quality > 100)
        return rst_fail(err, RST_EINVAL, "%s: jpeg quality %d is not in 1..100", path, o->quality);
    if (!(o->mpp >= 0 && o->mpp <= 1e6))
        return rst_fail(err, RST_EINVAL, "%s: %g micrometres per pixel", path, o->mpp);
    if (o->max_levels < 0 || (unsigned)o->compression > RST_PYRAMID_NONE ||
        (unsigned)o->layout > RST_PYRAMID_SUBIFD || (o->icc && o->icc_len > INT_MAX))
        return rst_fail(err, RST_EINVAL, "%s: no such levels, compression, layout or profile",
                        path);
    const int64_t tiles = tiles_along(o->width, o->tile, 0) * tiles_along(o->height, o->tile, 0);
    if (tiles > TILES_MAX)
        return rst_fail(err, RST_EINVAL, "%s: %lld tiles, more than %d; use larger ones", path,
                        (long long)tiles, TILES_MAX);
    return 0;
}

int rst__pyramid_check(const rst_pyramid_options *o, const char *path, rst_pyramid_options *full,
                       rst_error *err)
{
    *full = *o;
    if (!full->tile)
        full->tile = 512;
    if (!full->quality)
        full->quality = 90;
    if (!(full->background[0] | full->background[1] | full->background[2]))
        full->background[0] = full->background[1] = full->background[2] = 255;
    return check_numbers(full, path, err);
}

/* Bytes per pixel of stained tissue, measured on H&E and IHC. JPEG 4:4:4 at quality 90 took 0.21 to
 * 0.37, doubling every 7 above and every 20 below; deflate 1.2 to 1.9. */
static double bytes_per_pixel(const rst_pyramid_options *o)
{
    if (o->compression == RST_PYRAMID_NONE)
        return 3.0;
    if (o->compression == RST_PYRAMID_DEFLATE)
        return 1.7;
    const double steps = (o->quality - 90) / (o->quality > 90 ? 7.0 : 20.0);
    return 0.34 * exp2(steps);
}

static int blank_bytes(const rst_pyramid_options *o, double *bytes, rst_error *err)
{
    const int64_t n = (int64_t)o->tile * o->tile;
    uint8_t *px = rst__malloc((size_t)n * 3);
    if (!px)
        return rst__fail_nomem(err, "estimate");
    rst__tile_fill(px, n, o->background);
    rst_bytes b = { 0 };
    int rc = rst__tile_encode(o, "estimate", px, &b, err);
    rst__free(px);
    rst__free(b.data);
    *bytes = (double)b.len;
    return rc;
}

int rst__pyramid_estimate(const rst_pyramid_options *o, double content, rst_pyramid_need *need,
                          rst_error *err)
{
    enum { IFD = 4096, TILE_ENTRY = 16, SLOT = 24, KEPT = 64 << 20, THREADS = 8 };
    rst_pyramid_options full;
    double blank = 0;
    int rc = rst__pyramid_check(o, "estimate", &full, err);
    if (rc == 0)
        rc = blank_bytes(&full, &blank, err);
    if (rc < 0)
        return rc;
    const double area = (double)full.tile * full.tile;
    const double share = content < 0 ? 0 : content > 1 ? 1 : content;
    const double tile = share * area * bytes_per_pixel(&full) + (1 - share) * blank;
    *need = (rst_pyramid_need){ .levels = rst__pyramid_levels(&full) };
    double file = 0, scratch = 0, memory = KEPT + THREADS * 3 * area * 3;
    for (int k = 0; k < need->levels; k++) {
        const int64_t tx = tiles_along(full.width, full.tile, k);
        const int64_t n = tx * tiles_along(full.height, full.tile, k);
        need->tiles += n;
        file += (double)n * (tile + TILE_ENTRY) + IFD;
        if (k > 0) {
            scratch += (double)n * share * area * bytes_per_pixel(&full);
            memory += (double)tx * area * 3;
        }
        memory += (double)n * (SLOT + TILE_ENTRY);
    }
    need->file = (uint64_t)file;
    need->scratch = (uint64_t)scratch;
    need->memory = (uint64_t)memory;
    return 0;
}
