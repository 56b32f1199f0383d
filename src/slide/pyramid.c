/* SPDX-License-Identifier: MIT */
/* Order and threads of the pyramid writer; slide/pyramid.h says what is promised.
 *
 * One lock guards the slots, the TIFF and the scratch file. Padding, halving and compressing happen
 * outside it: a tile belongs to the thread that put it, and the four quadrants of a parent to the
 * threads of its four children until the last one takes it over. */
#include "slide/pyramid.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "slide/pyramid_parts.h"

enum { LEVELS_MAX = 32, KEPT_MAX = 64 << 20 };

typedef enum slot_state {
    SLOT_EMPTY,  /* nothing yet; at levels 1.. data is the picture being gathered, or NULL */
    SLOT_TAKEN,  /* put, being compressed */
    SLOT_KEPT,   /* data holds len compressed bytes */
    SLOT_STORED, /* len compressed bytes at offset of the scratch file */
    SLOT_BLANK,
    SLOT_WRITTEN
} slot_state;

typedef struct slot {
    uint8_t *data; /* owned */
    uint64_t offset;
    uint32_t len;
    uint8_t state;
    uint8_t left; /* children not yet there */
} slot;

typedef struct level {
    int64_t width, height, across, down;
    slot *slots; /* owned: down x across */
} level;

struct rst_pyramid {
    char *path; /* owned */
    rst_pyramid_options o;
    pthread_mutex_t lock;
    level at[LEVELS_MAX];
    int levels;
    int64_t next;    /* of level 0: the first tile that is not in the file */
    size_t kept;     /* bytes in SLOT_KEPT */
    rst_bytes blank; /* the compressed tile of background */
    rst_ptiff tiff;
    rst_outfile *scratch; /* owned */
    uint64_t scratch_size;
    rst_error failed; /* the first error, told to everyone after */
};

static size_t tile_bytes(const rst_pyramid *p)
{
    return (size_t)p->o.tile * (size_t)p->o.tile * 3;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Under the lock: keeps the first error. */
static int stick(rst_pyramid *p, int rc, const rst_error *why)
{
    if (rc < 0 && !p->failed.code)
        p->failed = *why;
    return rc;
}

static bool make_levels(rst_pyramid *p)
{
    for (int k = 0; k < p->levels; k++) {
        level *l = &p->at[k];
        l->width = rst__pyramid_side(p->o.width, k);
        l->height = rst__pyramid_side(p->o.height, k);
        l->across = (l->width + p->o.tile - 1) / p->o.tile;
        l->down = (l->height + p->o.tile - 1) / p->o.tile;
        l->slots = rst__calloc((size_t)(l->across * l->down), sizeof *l->slots);
        if (!l->slots)
            return false;
        for (int64_t y = 0; k > 0 && y < l->down; y++)
            for (int64_t x = 0; x < l->across; x++) {
                const level *below = l - 1;
                l->slots[y * l->across + x].left =
                    (uint8_t)(least(2, below->across - 2 * x) * least(2, below->down - 2 * y));
            }
    }
    return true;
}

static int make_blank(rst_pyramid *p, rst_error *err)
{
    uint8_t *px = rst__malloc(tile_bytes(p));
    if (!px)
        return rst__fail_nomem(err, p->path);
    rst__tile_fill(px, (int64_t)p->o.tile * p->o.tile, p->o.background);
    int rc = rst__tile_encode(&p->o, p->path, px, &p->blank, err);
    rst__free(px);
    return rc;
}

int rst__pyramid_open(rst_pyramid **out, const char *path, const rst_pyramid_options *o,
                      rst_error *err)
{
    rst_pyramid_options full;
    int rc = rst__pyramid_check(o, path, &full, err);
    if (rc < 0)
        return rc;
    rst_pyramid *p = rst__calloc(1, sizeof *p);
    if (!p)
        return rst__fail_nomem(err, path);
    pthread_mutex_init(&p->lock, NULL);
    p->o = full;
    p->levels = rst__pyramid_levels(&full);
    p->path = rst__strdup(path);
    if (!p->path || !make_levels(p))
        rc = rst__fail_nomem(err, path);
    if (rc == 0)
        rc = make_blank(p, err);
    if (rc == 0)
        rc = rst__scratch_open(&p->scratch, path, err);
    if (rc == 0)
        rc = rst__ptiff_open(&p->tiff, p->path, &p->o, err);
    if (rc == 0)
        rc = rst__ptiff_begin(&p->tiff, 0, err);
    p->o.provenance = NULL;
    p->o.icc = NULL;
    if (rc < 0) {
        rst__pyramid_abort(p);
        return rc;
    }
    *out = p;
    return 0;
}

void rst__pyramid_abort(rst_pyramid *p)
{
    if (!p)
        return;
    rst__ptiff_abort(&p->tiff);
    rst__outfile_abort(p->scratch);
    for (int k = 0; k < p->levels; k++) {
        const level *l = &p->at[k];
        for (int64_t i = 0; l->slots && i < l->across * l->down; i++)
            rst__free(l->slots[i].data);
        rst__free(l->slots);
    }
    rst__free(p->blank.data);
    rst__free(p->path);
    pthread_mutex_destroy(&p->lock);
    rst__free(p);
}

/* The functions down to store() are called under the lock. */

/* Writes the compressed bytes of a slot to the file, wherever they wait. */
static int write_slot(rst_pyramid *p, slot *s, int64_t index, rst_error *err)
{
    int rc = 0;
    if (s->state == SLOT_BLANK) {
        rc = rst__ptiff_tile(&p->tiff, index, p->blank.data, p->blank.len, err);
    } else if (s->state == SLOT_KEPT) {
        rc = rst__ptiff_tile(&p->tiff, index, s->data, s->len, err);
        p->kept -= s->len;
        rst__free(s->data);
        s->data = NULL;
    } else {
        void *buf = rst__malloc(s->len);
        if (!buf)
            return rst__fail_nomem(err, p->path);
        rc = rst__outfile_read_at(p->scratch, s->offset, buf, s->len, err);
        if (rc == 0)
            rc = rst__ptiff_tile(&p->tiff, index, buf, s->len, err);
        rst__free(buf);
    }
    s->state = SLOT_WRITTEN;
    return rc;
}

static int to_scratch(rst_pyramid *p, slot *s, rst_bytes b, rst_error *err)
{
    int rc = rst__outfile_write_at(p->scratch, p->scratch_size, b.data, b.len, err);
    rst__free(b.data);
    s->data = NULL;
    s->offset = p->scratch_size;
    s->len = (uint32_t)b.len;
    s->state = SLOT_STORED;
    p->scratch_size += b.len;
    return rc;
}

static int keep(rst_pyramid *p, slot *s, rst_bytes b, rst_error *err)
{
    /* The encoder's buffer is sized for the worst case. */
    uint8_t *data = rst__realloc(b.data, b.len, 1);
    if (!data) {
        rst__free(b.data);
        return rst__fail_nomem(err, p->path);
    }
    s->data = data;
    s->len = (uint32_t)b.len;
    s->state = SLOT_KEPT;
    p->kept += b.len;
    return 0;
}

static int drain(rst_pyramid *p, rst_error *err)
{
    level *l = &p->at[0];
    int rc = 0;
    for (; rc == 0 && p->next < l->across * l->down; p->next++) {
        slot *s = &l->slots[p->next];
        if (s->state == SLOT_EMPTY || s->state == SLOT_TAKEN)
            break;
        rc = write_slot(p, s, p->next, err);
    }
    return rc;
}

/* Takes b over; b.data NULL is a blank tile. */
static int store(rst_pyramid *p, int k, int64_t index, rst_bytes b, rst_error *err)
{
    slot *s = &p->at[k].slots[index];
    int rc = 0;
    if (!b.data)
        s->state = SLOT_BLANK;
    else if (k > 0 || (index != p->next && p->kept + b.len > KEPT_MAX))
        rc = to_scratch(p, s, b, err);
    else
        rc = keep(p, s, b, err);
    if (rc == 0 && k == 0)
        rc = drain(p, err);
    return rc;
}

static int encode_and_store(rst_pyramid *p, int k, int64_t index, uint8_t *px, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    rst_bytes b = { 0 };
    int rc = px ? rst__tile_encode(&p->o, p->path, px, &b, &why) : 0;
    if (rc == 0 && px && k == 0 && index >= p->o.spoilt && index - p->o.spoilt < p->o.n_spoilt)
        memset(b.data, 0, b.len);
    pthread_mutex_lock(&p->lock);
    if (rc == 0 && p->failed.code) {
        rst__free(b.data);
        rc = p->failed.code;
        why = p->failed;
    } else if (rc == 0) {
        rc = store(p, k, index, b, &why);
    }
    stick(p, rc, &why);
    pthread_mutex_unlock(&p->lock);
    return rc < 0 ? rst_fail(err, rc, "%s", why.msg) : 0;
}

/* The parent's picture, made when its first child that is not blank comes; NULL is out of memory.
 */
static uint8_t *parent_picture(rst_pyramid *p, slot *s)
{
    pthread_mutex_lock(&p->lock);
    if (!s->data && (s->data = rst__malloc(tile_bytes(p))))
        rst__tile_fill(s->data, (int64_t)p->o.tile * p->o.tile, p->o.background);
    uint8_t *px = s->data;
    if (!px) {
        rst_error why = RST_ERROR_INIT;
        stick(p, rst__fail_nomem(&why, p->path), &why);
    }
    pthread_mutex_unlock(&p->lock);
    return px;
}

/* Counts a child off. True when it was the last: then *px is the parent's picture, the caller's. */
static bool last_child(rst_pyramid *p, slot *s, uint8_t **px)
{
    pthread_mutex_lock(&p->lock);
    const bool last = --s->left == 0;
    if (last) {
        *px = s->data;
        s->data = NULL;
        s->state = SLOT_TAKEN;
    }
    pthread_mutex_unlock(&p->lock);
    return last;
}

/* Stores tile (x, y) of level 0 and every parent that it completes. Takes px over; NULL is blank.
 */
static int climb(rst_pyramid *p, int64_t x, int64_t y, uint8_t *px, rst_error *err)
{
    for (int k = 0;; k++) {
        const level *l = &p->at[k];
        if (px)
            rst__tile_pad(px, p->o.tile, least(p->o.tile, l->width - x * p->o.tile),
                          least(p->o.tile, l->height - y * p->o.tile));
        int rc = encode_and_store(p, k, y * l->across + x, px, err);
        if (rc < 0 || k + 1 == p->levels) {
            rst__free(px);
            return rc;
        }
        slot *s = &p->at[k + 1].slots[(y / 2) * p->at[k + 1].across + x / 2];
        if (px) {
            uint8_t *parent = parent_picture(p, s);
            if (parent)
                rst__tile_halve(px, p->o.tile, (int)(x % 2), (int)(y % 2), parent);
            rst__free(px);
            if (!parent)
                return rst__fail_nomem(err, p->path);
        }
        px = NULL;
        if (!last_child(p, s, &px))
            return 0;
        x /= 2;
        y /= 2;
    }
}

/* Reserves a tile of level 0 for the caller. */
static int take(rst_pyramid *p, int64_t tx, int64_t ty, rst_error *err)
{
    const level *l = &p->at[0];
    const bool inside = tx >= 0 && ty >= 0 && tx < l->across && ty < l->down;
    rst_error why = RST_ERROR_INIT;
    pthread_mutex_lock(&p->lock);
    int rc = p->failed.code;
    slot *s = inside ? &l->slots[ty * l->across + tx] : NULL;
    if (rc < 0)
        why = p->failed;
    else if (!s || s->state != SLOT_EMPTY)
        rc = rst_fail(&why, RST_EINVAL, "%s: tile (%lld, %lld) %s", p->path, (long long)tx,
                      (long long)ty, s ? "was put before" : "is outside the slide");
    else
        s->state = SLOT_TAKEN;
    stick(p, rc, &why);
    pthread_mutex_unlock(&p->lock);
    return rc < 0 ? rst_fail(err, rc, "%s", why.msg) : 0;
}

int rst__pyramid_put(rst_pyramid *p, int64_t tx, int64_t ty, const uint8_t *rgb, size_t pitch,
                     rst_error *err)
{
    int rc = take(p, tx, ty, err);
    if (rc < 0)
        return rc;
    uint8_t *px = rst__malloc(tile_bytes(p));
    if (!px) {
        rst_error why = RST_ERROR_INIT;
        rst__fail_nomem(&why, p->path);
        pthread_mutex_lock(&p->lock);
        stick(p, RST_ENOMEM, &why);
        pthread_mutex_unlock(&p->lock);
        return rst_fail(err, RST_ENOMEM, "%s", why.msg);
    }
    const int64_t t = p->o.tile;
    const int64_t w = least(t, p->o.width - tx * t), h = least(t, p->o.height - ty * t);
    for (int64_t y = 0; y < h; y++)
        memcpy(px + (size_t)(y * t) * 3, rgb + (size_t)y * pitch, (size_t)w * 3);
    return climb(p, tx, ty, px, err);
}

int rst__pyramid_blank(rst_pyramid *p, int64_t tx, int64_t ty, rst_error *err)
{
    int rc = take(p, tx, ty, err);
    return rc < 0 ? rc : climb(p, tx, ty, NULL, err);
}

static int write_levels(rst_pyramid *p, rst_error *err)
{
    int rc = rst__ptiff_end(&p->tiff, err);
    for (int k = 1; rc == 0 && k < p->levels; k++) {
        const level *l = &p->at[k];
        rc = rst__ptiff_begin(&p->tiff, k, err);
        for (int64_t i = 0; rc == 0 && i < l->across * l->down; i++)
            rc = write_slot(p, &l->slots[i], i, err);
        if (rc == 0)
            rc = rst__ptiff_end(&p->tiff, err);
    }
    return rc;
}

int rst__pyramid_finish(rst_pyramid *p, rst_error *err)
{
    const level *l = &p->at[0];
    int rc = p->failed.code;
    if (rc < 0)
        rst_fail(err, rc, "%s", p->failed.msg);
    else if (p->next < l->across * l->down)
        rc = rst_fail(err, RST_EINVAL, "%s: tile (%lld, %lld) was never put", p->path,
                      (long long)(p->next % l->across), (long long)(p->next / l->across));
    if (rc == 0)
        rc = write_levels(p, err);
    if (rc == 0)
        rc = rst__ptiff_finish(&p->tiff, err);
    rst__pyramid_abort(p); /* what was committed is out of its reach */
    return rc;
}
