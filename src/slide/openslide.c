/* SPDX-License-Identifier: MIT */
/* The one place that knows OpenSlide, 3.4 and 4. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "slide/reader.h"

#ifndef RST_HAVE_OPENSLIDE

const char *rst__openslide_version(void)
{
    return NULL;
}

const char *rst__openslide_vendor(const char *path)
{
    (void)path;
    return NULL;
}

static int open_first(rst_slide *s, void **handle, rst_error *err)
{
    (void)handle;
    return rst_fail(err, RST_EFORMAT, "%s: OpenSlide is due, but restain was built without it",
                    s->path);
}

const rst_slide_backend rst__slide_openslide = { .open = open_first };

#else

#include <math.h>
#include <openslide.h>

enum { BLOCK = 512, TILE_MAX = 2048 };

const char *rst__openslide_version(void)
{
    return openslide_get_version();
}

/* Formats that are known to be slides. Not among them: "synthetic", a test pattern that needs no
 * file. */
const char *rst__openslide_vendor(const char *path)
{
    static const char *const known[] = {
        "aperio", "argos",   "dicom",        "generic-tiff", "hamamatsu", "huron",   "leica",
        "mirax",  "philips", "philips-tiff", "sakura",       "trestle",   "ventana", "zeiss",
    };
    const char *vendor = openslide_detect_vendor(path);
    for (size_t i = 0; vendor && i < sizeof known / sizeof known[0]; i++)
        if (strcmp(vendor, known[i]) == 0)
            return known[i];
    return NULL;
}

static int open_handle(const rst_slide *s, openslide_t **out, rst_error *err)
{
    openslide_t *o = openslide_open(s->path);
    if (!o)
        return rst_fail(err, RST_EFORMAT, "%s: no slide that OpenSlide %s knows", s->path,
                        openslide_get_version());
    const char *why = openslide_get_error(o);
    int rc = why ? rst_fail(err, RST_EFORMAT, "%s: OpenSlide: %s", s->path, why) : 0;
    if (rc < 0)
        openslide_close(o);
    else
        *out = o;
    return rc;
}

static const char *property(openslide_t *o, const char *name)
{
    const char *v = openslide_get_property_value(o, name);
    return v ? v : "";
}

static double number(openslide_t *o, const char *name)
{
    return rst__slide_number(property(o, name));
}

/* Properties are an allow-list: the others hold file names, dates, users and bar codes. */
static void read_properties(rst_slide *s, openslide_t *o)
{
    (void)snprintf(s->vendor, sizeof s->vendor, "%s", property(o, OPENSLIDE_PROPERTY_NAME_VENDOR));
    (void)snprintf(s->reader, sizeof s->reader, "openslide %s", openslide_get_version());
    s->info.objective = number(o, OPENSLIDE_PROPERTY_NAME_OBJECTIVE_POWER);
    const char *colour = property(o, OPENSLIDE_PROPERTY_NAME_BACKGROUND_COLOR);
    if (strlen(colour) == 6 && strspn(colour, "0123456789abcdefABCDEF") == 6)
        for (int i = 0; i < 3; i++) {
            const char *digits = "0123456789abcdef";
            const char *hi = strchr(digits, colour[2 * i] | 32);
            const char *lo = strchr(digits, colour[2 * i + 1] | 32);
            if (hi && lo)
                s->info.background[i] = (uint8_t)((hi - digits) * 16 + (lo - digits));
        }
    if (strcmp(s->vendor, "generic-tiff") != 0) {
        rst__slide_offer_mpp(s, number(o, OPENSLIDE_PROPERTY_NAME_MPP_X),
                             number(o, OPENSLIDE_PROPERTY_NAME_MPP_Y), "OpenSlide");
        return;
    }
    /* OpenSlide 3.4 leaves this to us, 4 reckons without doubting. */
    const char *unit = property(o, "tiff.ResolutionUnit");
    const double um = strcmp(unit, "centimeter") == 0 ? 10000
                      : strcmp(unit, "inch") == 0     ? 25400
                                                      : 0;
    rst__slide_offer_resolution(s, number(o, "tiff.XResolution"), number(o, "tiff.YResolution"),
                                um);
}

/* A whole number of the file's tiles next to 512 pixels, so that none is decoded for two blocks. */
static int64_t block_side(openslide_t *o, int level, const char *side)
{
    char name[64];
    (void)snprintf(name, sizeof name, "openslide.level[%d].tile-%s", level, side);
    const double v = number(o, name);
    if (!(v >= 16 && v <= TILE_MAX))
        return BLOCK;
    const int64_t tile = (int64_t)v, n = (BLOCK + tile / 2) / tile;
    return n > 1 ? n * tile : tile;
}

static int read_levels(rst_slide *s, openslide_t *o, rst_error *err)
{
    const int count = openslide_get_level_count(o);
    for (int i = 0; i < count; i++) {
        int64_t w = 0, h = 0;
        openslide_get_level_dimensions(o, i, &w, &h);
        int rc = rst__slide_add_level(s, w, h, block_side(o, i, "width"),
                                      block_side(o, i, "height"), err);
        if (rc < 0)
            return rc;
        const double d = openslide_get_level_downsample(o, i);
        if (!(d >= 1 && d < 1e6))
            return rst_fail(err, RST_EFORMAT, "%s: level %d has a downsample of %g", s->path, i, d);
        s->info.level[i].downsample = d;
    }
    return 0;
}

static int read_icc(rst_slide *s, openslide_t *o, rst_error *err)
{
#ifdef RST_HAVE_OPENSLIDE4
    const int64_t n = openslide_get_icc_profile_size(o);
    if (n <= 0 || n > 16 << 20)
        return 0;
    uint8_t *p = rst__malloc((size_t)n);
    if (!p)
        return rst__fail_nomem(err, s->path);
    openslide_read_icc_profile(o, p);
    int rc = openslide_get_error(o) ? 0 : rst__slide_keep_icc(s, p, (size_t)n, err);
    rst__free(p);
    return rc;
#else
    (void)o;
    return rst__tiff_slide_icc(s, err);
#endif
}

static int open_first(rst_slide *s, void **handle, rst_error *err)
{
    openslide_t *o;
    int rc = open_handle(s, &o, err);
    if (rc < 0)
        return rc;
    read_properties(s, o);
    rc = read_levels(s, o, err);
    if (rc == 0)
        rc = read_icc(s, o, err);
    const char *why = openslide_get_error(o);
    if (rc == 0 && why)
        rc = rst_fail(err, RST_EFORMAT, "%s: OpenSlide: %s", s->path, why);
    if (rc < 0)
        openslide_close(o);
    else
        *handle = o;
    return rc;
}

static int reopen(const rst_slide *s, void **handle, rst_error *err)
{
    openslide_t *o;
    int rc = open_handle(s, &o, err);
    if (rc < 0)
        return rc;
    bool same = openslide_get_level_count(o) == s->info.levels;
    for (int i = 0; same && i < s->info.levels; i++) {
        int64_t w = 0, h = 0;
        openslide_get_level_dimensions(o, i, &w, &h);
        same = w == s->info.level[i].width && h == s->info.level[i].height;
    }
    if (!same) {
        openslide_close(o);
        return rst_fail(err, RST_EINPUT, "the file has changed since it was opened");
    }
    *handle = o;
    return 0;
}

static void close_handle(void *handle)
{
    openslide_close(handle);
}

/* Premultiplied 0xAARRGGBB to RGB on the background. */
static void compose(const rst_slide *s, const uint32_t *argb, int64_t n, uint8_t *rgb)
{
    const uint8_t *ground = s->info.background;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t p = argb[i], a = p >> 24;
        const uint8_t c[3] = { (uint8_t)(p >> 16), (uint8_t)(p >> 8), (uint8_t)p };
        for (int k = 0; k < 3; k++)
            rgb[3 * i + k] = a == 255 ? c[k] : rst__slide_over(c[k], a, ground[k], true);
    }
}

/* OpenSlide places regions by level 0's pixels and interpolates where the downsample is no whole
 * number. Blocks of a fixed grid make that the same for every reader of a pixel. */
static int load(const rst_slide *s, void *handle, int level, int64_t bx, int64_t by, uint8_t *rgb,
                rst_error *err)
{
    const int64_t w = s->block_width[level], h = s->block_height[level];
    const double d = s->info.level[level].downsample;
    uint32_t *argb = rst__malloc((size_t)(w * h) * sizeof *argb);
    if (!argb)
        return rst__fail_nomem(err, s->path);
    openslide_read_region(handle, argb, llround((double)(bx * w) * d),
                          llround((double)(by * h) * d), level, w, h);
    const char *why = openslide_get_error(handle);
    int rc = 0;
    if (why)
        rc = rst_fail(err, RST_EINPUT, "OpenSlide: %s", why);
    else
        compose(s, argb, w * h, rgb);
    rst__free(argb);
    return rc;
}

const rst_slide_backend rst__slide_openslide = {
    .open = open_first,
    .reopen = reopen,
    .close = close_handle,
    .load = load,
    .shared = true,
};

#endif
