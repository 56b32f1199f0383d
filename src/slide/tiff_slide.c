/* SPDX-License-Identifier: MIT */
/* Finds the levels of a TIFF pyramid: pages marked as reduced, and SubIFDs. */
#include "slide/tiff_slide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"

/* The file ------------------------------------------------------------------------------------- */

/* "m": no mapping, which would kill the process when the file is cut while it is read. "O": the
 * tables of tiles are read where they are needed, so that opening costs the same for any size. */
static TIFF *open_file(rst_tiff_io *io, const char *path, uint64_t bytes)
{
    const uint64_t most = bytes < (uint64_t)1 << 30 ? bytes : (uint64_t)1 << 30;
    TIFFOpenOptions *o = rst__tiff_options(io, most);
    if (!o)
        return NULL;
    TIFF *tif = TIFFOpenExt(path, "rmO", o);
    TIFFOpenOptionsFree(o);
    return tif;
}

int rst__tiff_damaged(const rst_slide *s, const rst_tiff_handle *h, const char *what,
                      rst_error *err)
{
    return rst_fail(err, RST_EFORMAT, "%s: truncated or damaged TIFF: %s", s->path,
                    h->io.has_error ? h->io.text : what);
}

static void close_handle(void *handle)
{
    rst_tiff_handle *h = handle;
    if (h->tif)
        TIFFClose(h->tif);
    rst__free(h->stream);
    rst__free(h->raw);
    rst__free(h);
}

static int open_handle(const rst_slide *s, uint64_t bytes, rst_tiff_handle **out, rst_error *err)
{
    rst_tiff_handle *h = rst__calloc(1, sizeof *h);
    if (!h)
        return rst__fail_nomem(err, s->path);
    h->io.src = s->memory;
    h->io.len = s->memory_len;
    h->tif = s->memory ? rst__tiff_open(&h->io, s->path, "rmO") : open_file(&h->io, s->path, bytes);
    if (!h->tif) {
        /* libtiff says nothing of a file whose first page was never written */
        int rc = rst__tiff_damaged(s, h, h->io.text[0] ? h->io.text : "no page in it", err);
        close_handle(h);
        return rc;
    }
    h->at = TIFFCurrentDirOffset(h->tif);
    *out = h;
    return 0;
}

/* Levels --------------------------------------------------------------------------------------- */

typedef struct scan {
    rst_slide *s;
    rst_tiff_slide *t;
    rst_tiff_handle *h;
    int levels;
    int others; /* pages that are no level */
    bool aperio;
} scan;

/* Whether a page shows what level 0 shows, smaller: the same shape but for rounding. */
static bool is_reduced(const rst_tiff_level *top, const rst_tiff_level *l)
{
    const int64_t cross = (int64_t)top->width * l->height - (int64_t)top->height * l->width;
    const int64_t most = 2 * ((int64_t)top->width + top->height);
    return l->width < top->width && l->height <= top->height && cross <= most && -cross <= most;
}

static bool is_listed(const scan *c, const rst_tiff_level *l)
{
    for (int i = 0; i < c->levels; i++)
        if (c->t->level[i].offset == l->offset || c->t->level[i].width == l->width)
            return true;
    return false;
}

/* The page that is read now: another level, one that is there already, or none. In Aperio's files
 * levels bear no mark; labels and macro pictures have strips there, levels tiles. */
static int consider(scan *c, bool sub, rst_error *err)
{
    uint32_t kind = 0;
    rst_tiff_level l;
    rst_error why = RST_ERROR_INIT;
    (void)TIFFGetFieldDefaulted(c->h->tif, TIFFTAG_SUBFILETYPE, &kind);
    const bool marked = kind == FILETYPE_REDUCEDIMAGE || (kind == 0 && (sub || c->aperio));
    int rc = rst__tiff_level(c->s, c->h, &l, &why);
    if (rc == RST_ENOMEM)
        return rst_fail(err, rc, "%s", why.msg);
    if (rc < 0 && marked)
        rst__slide_warn(c->s, "a page is not used: %s", why.msg);
    const rst_tiff_level *top = &c->t->level[0];
    if (rc < 0 || !marked || l.tiled != top->tiled || !is_reduced(top, &l)) {
        c->others++;
        return 0;
    }
    if (is_listed(c, &l))
        return 0;
    if (c->levels == RST_SLIDE_LEVELS_MAX)
        return rst_fail(err, RST_EFORMAT, "%s: more than %d levels", c->s->path,
                        RST_SLIDE_LEVELS_MAX);
    c->t->level[c->levels++] = l;
    return 0;
}

/* The offsets of page 0's SubIFDs; libtiff's own array goes away with the page. */
static int sub_offsets(const scan *c, uint64_t **out, int *count, rst_error *err)
{
    uint16_t n = 0;
    uint64_t *offsets = NULL;
    *out = NULL;
    *count = 0;
    if (!TIFFGetField(c->h->tif, TIFFTAG_SUBIFD, &n, &offsets) || n == 0 || !offsets)
        return 0;
    if (n > 2 * RST_SLIDE_LEVELS_MAX)
        n = 2 * RST_SLIDE_LEVELS_MAX;
    *out = rst__calloc(n, sizeof **out);
    if (!*out)
        return rst__fail_nomem(err, c->s->path);
    memcpy(*out, offsets, n * sizeof **out);
    *count = n;
    return 0;
}

static int scan_chain(scan *c, rst_error *err)
{
    enum { PAGES_MAX = 256 };
    for (int page = 1; page < PAGES_MAX; page++) {
        if (TIFFLastDirectory(c->h->tif))
            return 0;
        if (!TIFFReadDirectory(c->h->tif))
            return rst__tiff_damaged(c->s, c->h, "a page that cannot be read", err);
        int rc = consider(c, false, err);
        if (rc < 0)
            return rc;
    }
    rst__slide_warn(c->s, "only the first %d pages are looked at", PAGES_MAX);
    return 0;
}

static int scan_subs(scan *c, const uint64_t *offsets, int n, rst_error *err)
{
    for (int i = 0; i < n; i++) {
        if (!TIFFSetSubDirectory(c->h->tif, offsets[i]))
            return rst__tiff_damaged(c->s, c->h, "a SubIFD that cannot be read", err);
        int rc = consider(c, true, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int by_width(const void *a, const void *b)
{
    const uint32_t x = ((const rst_tiff_level *)a)->width, y = ((const rst_tiff_level *)b)->width;
    return (x < y) - (x > y);
}

/* What page 0 says about the whole slide. */
static int read_facts(scan *c, rst_error *err)
{
    rst_slide *s = c->s;
    TIFF *tif = c->h->tif;
    const char *text = NULL;
    float x = 0, y = 0;
    uint16_t unit = 0, orientation = 0;
    uint32_t n = 0;
    void *icc = NULL;
    if (!TIFFGetField(tif, TIFFTAG_IMAGEDESCRIPTION, &text) || !text)
        text = "";
    rst__slide_read_description(s, text);
    c->aperio = strcmp(s->vendor, "aperio") == 0;
    (void)TIFFGetFieldDefaulted(tif, TIFFTAG_RESOLUTIONUNIT, &unit);
    if (!c->aperio && unit != RESUNIT_NONE && TIFFGetField(tif, TIFFTAG_XRESOLUTION, &x)) {
        if (!TIFFGetField(tif, TIFFTAG_YRESOLUTION, &y))
            y = x;
        rst__slide_offer_resolution(s, x, y, unit == RESUNIT_CENTIMETER ? 10000 : 25400);
    }
    (void)TIFFGetFieldDefaulted(tif, TIFFTAG_ORIENTATION, &orientation);
    if (orientation > 1)
        rst__slide_warn(s, "stored with orientation %u, which is not applied", orientation);
    (void)snprintf(s->reader, sizeof s->reader, "tiff");
    if (!TIFFGetField(tif, TIFFTAG_ICCPROFILE, &n, &icc))
        return 0;
    return rst__slide_keep_icc(s, icc, n, err);
}

static int find_levels(scan *c, rst_error *err)
{
    uint64_t *offsets = NULL;
    int n = 0;
    int rc = rst__tiff_level(c->s, c->h, &c->t->level[0], err);
    if (rc == 0)
        rc = read_facts(c, err);
    if (rc == 0)
        rc = sub_offsets(c, &offsets, &n, err);
    c->levels = 1;
    if (rc == 0)
        rc = scan_chain(c, err);
    if (rc == 0)
        rc = scan_subs(c, offsets, n, err);
    rst__free(offsets);
    if (rc < 0)
        return rc;
    qsort(c->t->level, (size_t)c->levels, sizeof c->t->level[0], by_width);
    for (int i = 0; rc == 0 && i < c->levels; i++) {
        const rst_tiff_level *l = &c->t->level[i];
        rc = rst__slide_add_level(c->s, l->width, l->height, l->block_width, l->block_height, err);
    }
    if (c->others > 0)
        rst__slide_warn(c->s, "%d further page%s, which are no levels of the first, are not read",
                        c->others, c->others > 1 ? "s" : "");
    c->h->at = 0; /* whatever directory is read now, it may not be level 0's */
    return rc;
}

static int open_first(rst_slide *s, void **handle, rst_error *err)
{
    rst_tiff_slide *t = rst__calloc(1, sizeof *t);
    rst_tiff_handle *h;
    if (!t)
        return rst__fail_nomem(err, s->path);
    s->own = t;
    t->bytes = s->memory_len;
    int rc = s->memory ? 0 : rst__file_size(s->path, &t->bytes, err);
    if (rc == 0)
        rc = open_handle(s, t->bytes, &h, err);
    if (rc < 0)
        return rc;
    scan c = { .s = s, .t = t, .h = h };
    rc = find_levels(&c, err);
    if (rc < 0)
        close_handle(h);
    else
        *handle = h;
    return rc;
}

static int reopen(const rst_slide *s, void **handle, rst_error *err)
{
    const rst_tiff_slide *t = s->own;
    rst_tiff_handle *h;
    int rc = open_handle(s, t->bytes, &h, err);
    if (rc == 0)
        *handle = h;
    return rc;
}

int rst__tiff_slide_icc(rst_slide *s, rst_error *err)
{
    rst_tiff_handle *h;
    uint64_t bytes;
    uint32_t n = 0;
    void *icc = NULL;
    int rc = rst__file_size(s->path, &bytes, err);
    if (rc == 0 && open_handle(s, bytes, &h, NULL) == 0) {
        if (TIFFGetField(h->tif, TIFFTAG_ICCPROFILE, &n, &icc))
            rc = rst__slide_keep_icc(s, icc, n, err);
        close_handle(h);
    }
    return rc;
}

const rst_slide_backend rst__slide_tiff = {
    .open = open_first,
    .reopen = reopen,
    .close = close_handle,
    .forget = rst__free,
    .load = rst__tiff_load,
};
