/* SPDX-License-Identifier: MIT */
#include "slide/reader.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"

enum { MAX_SIDE = 1 << 22, MAX_BLOCK_SIDE = 4096, MAX_BAD = 1 << 20, CACHE = 64 << 20 };
#define MAX_PIXELS ((int64_t)1 << 38)

/* Opening and closing ---------------------------------------------------------------------------
 */

static int check_options(const rst_slide_options *o, const char *path, rst_error *err)
{
    if (o->mpp != 0 && !(o->mpp >= 0.05 && o->mpp <= 20))
        return rst_fail(err, RST_EINVAL, "%s: --mpp %g is not in 0.05..20", path, o->mpp);
    if (o->allow_bad_tiles < 0 || o->allow_bad_tiles > MAX_BAD)
        return rst_fail(err, RST_EINVAL, "%s: --allow-bad-tiles %lld is not in 0..%d", path,
                        (long long)o->allow_bad_tiles, MAX_BAD);
    return 0;
}

static int make_slide(rst_slide **out, const char *path, const rst_slide_backend *backend,
                      const rst_slide_options *o, rst_error *err)
{
    const rst_slide_options options = o ? *o : (rst_slide_options){ 0 };
    int rc = check_options(&options, path, err);
    if (rc < 0)
        return rc;
    rst_slide *s = rst__calloc(1, sizeof *s);
    char *name = rst__strdup(path);
    if (!s || !name) {
        rst__free(name);
        rst__free(s);
        return rst__fail_nomem(err, path);
    }
    s->path = name;
    s->o = options;
    s->backend = backend;
    s->cache.budget = options.cache_bytes ? options.cache_bytes : CACHE;
    memset(s->info.background, 255, 3);
    s->info.vendor = s->vendor;
    s->info.reader = s->reader;
    s->info.mpp_source = "";
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return 0;
}

void rst_slide_close(rst_slide *s)
{
    if (!s)
        return;
    rst__handles_close(s);
    if (s->backend->forget)
        s->backend->forget(s->own);
    rst__slide_block_clear(&s->cache);
    pthread_mutex_destroy(&s->lock);
    rst__free(s->bad);
    rst__free(s->icc);
    rst__free(s->path);
    rst__free(s);
}

static int open_slide(rst_slide *s, rst_error *err)
{
    void *h;
    int rc = s->backend->open(s, &h, err);
    if (rc == 0)
        rc = rst__handles_add(s, h, err);
    if (rc < 0)
        return rc;
    if (s->info.levels < 1)
        return rst_fail(err, RST_EFORMAT, "%s: no levels", s->path);
    s->info.width = s->info.level[0].width;
    s->info.height = s->info.level[0].height;
    rst__slide_settle_mpp(s);
    return 0;
}

/* An open slide, or nothing. */
static int finish(rst_slide **out, rst_slide *s, rst_error *err)
{
    int rc = open_slide(s, err);
    if (rc < 0) {
        rst_slide_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

int rst__slide_open_with(rst_slide **out, const char *path, const rst_slide_backend *backend,
                         const rst_slide_options *o, rst_error *err)
{
    rst_slide *s;
    int rc = make_slide(&s, path, backend, o, err);
    return rc < 0 ? rc : finish(out, s, err);
}

int rst__slide_open_memory(rst_slide **out, const void *data, size_t len, const char *name,
                           const rst_slide_options *o, rst_error *err)
{
    rst_slide *s;
    int rc = make_slide(&s, name, &rst__slide_tiff, o, err);
    if (rc < 0)
        return rc;
    s->memory = data;
    s->memory_len = len;
    return finish(out, s, err);
}

/* What backends tell ----------------------------------------------------------------------------
 */

int rst__slide_add_level(rst_slide *s, int64_t width, int64_t height, int64_t block_width,
                         int64_t block_height, rst_error *err)
{
    rst_slide_info *i = &s->info;
    int64_t pixels, block;
    if (i->levels == RST_SLIDE_LEVELS_MAX)
        return rst_fail(err, RST_EFORMAT, "%s: more than %d levels", s->path, RST_SLIDE_LEVELS_MAX);
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE ||
        !rst__mul_i64(width, height, &pixels) || pixels > MAX_PIXELS)
        return rst_fail(err, RST_EFORMAT,
                        "%s: level %d is %lld x %lld pixels; at most %d a side "
                        "and %lld in all are read",
                        s->path, i->levels, (long long)width, (long long)height, MAX_SIDE,
                        (long long)MAX_PIXELS);
    if (block_width < 1 || block_height < 1 || !rst__mul_i64(block_width, block_height, &block) ||
        block > RST_SLIDE_READ_MAX ||
        (block_width < width && (block_width > MAX_BLOCK_SIDE || block_height > MAX_BLOCK_SIDE)))
        return rst_fail(err, RST_EFORMAT,
                        "%s: level %d has tiles of %lld x %lld pixels; at most "
                        "%d a side are read",
                        s->path, i->levels, (long long)block_width, (long long)block_height,
                        MAX_BLOCK_SIDE);
    const int n = i->levels++;
    const rst_slide_level *top = &i->level[0];
    s->block_width[n] = block_width;
    s->block_height[n] = block_height;
    i->level[n] = (rst_slide_level){ .width = width, .height = height, .downsample = 1 };
    if (n > 0)
        i->level[n].downsample =
            ((double)top->width / (double)width + (double)top->height / (double)height) / 2;
    return 0;
}

int rst__slide_keep_icc(rst_slide *s, const void *data, size_t len, rst_error *err)
{
    enum { ICC_MAX = 16 << 20 };
    if (!data || len == 0 || len > ICC_MAX || s->icc)
        return 0;
    s->icc = rst__malloc(len);
    if (!s->icc)
        return rst__fail_nomem(err, s->path);
    memcpy(s->icc, data, len);
    s->info.icc = s->icc;
    s->info.icc_bytes = len;
    return 0;
}

const rst_slide_info *rst_slide_describe(const rst_slide *s)
{
    return &s->info;
}

int rst_slide_level_for(const rst_slide *s, double downsample)
{
    int best = 0;
    for (int i = 1; i < s->info.levels; i++)
        if (s->info.level[i].downsample <= downsample * 1.01)
            best = i;
    return best;
}

/* Bad tiles -------------------------------------------------------------------------------------
 */

static rst_slide_rect rect_of_block(const rst_slide *s, int level, int64_t bx, int64_t by)
{
    const rst_slide_level *l = &s->info.level[level];
    rst_slide_rect r = { level, bx * s->block_width[level], by * s->block_height[level],
                         s->block_width[level], s->block_height[level] };
    if (r.width > l->width - r.x)
        r.width = l->width - r.x;
    if (r.height > l->height - r.y)
        r.height = l->height - r.y;
    return r;
}

/* Under the lock. True when the tile may be painted; it counts once however often it is met. */
static bool allow_bad(rst_slide *s, const rst_slide_rect *r, bool *is_new)
{
    *is_new = false;
    for (int64_t i = 0; i < s->bad_count; i++)
        if (s->bad[i].level == r->level && s->bad[i].x == r->x && s->bad[i].y == r->y)
            return true;
    if (s->bad_count >= s->o.allow_bad_tiles)
        return false;
    if (s->bad_count == s->bad_cap) {
        const int64_t cap = 2 * s->bad_cap + 16;
        rst_slide_rect *p = rst__realloc(s->bad, (size_t)cap, sizeof *p);
        if (!p)
            return false;
        s->bad = p;
        s->bad_cap = cap;
    }
    s->bad[s->bad_count++] = *r;
    *is_new = true;
    return true;
}

static void paint(const rst_slide *s, uint8_t *rgb, int64_t pixels)
{
    const uint8_t *c = s->info.background;
    if (c[0] == c[1] && c[1] == c[2]) {
        memset(rgb, c[0], (size_t)pixels * 3);
        return;
    }
    for (int64_t i = 0; i < pixels; i++)
        memcpy(rgb + 3 * i, c, 3);
}

static int load_or_paint(rst_slide *s, rst_slide_block *b, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    int rc = rst__handles_load(s, b->level, b->bx, b->by, b->px, &why);
    if (rc == 0)
        return 0;
    if (rc == RST_ENOMEM)
        return rst_fail(err, rc, "%s", why.msg);
    const rst_slide_rect r = rect_of_block(s, b->level, b->bx, b->by);
    bool is_new;
    pthread_mutex_lock(&s->lock);
    const bool ok = allow_bad(s, &r, &is_new);
    pthread_mutex_unlock(&s->lock);
    if (!ok && s->o.allow_bad_tiles > 0)
        return rst_fail(err, RST_EINPUT,
                        "%s: more than %lld bad tiles; the next is at %lld, %lld "
                        "of level %d: %s",
                        s->path, (long long)s->o.allow_bad_tiles, (long long)r.x, (long long)r.y,
                        r.level, why.msg);
    if (!ok)
        return rst_fail(err, RST_EINPUT,
                        "%s: bad tile at %lld, %lld of level %d "
                        "(--allow-bad-tiles N paints such ones): %s",
                        s->path, (long long)r.x, (long long)r.y, r.level, why.msg);
    if (is_new)
        rst__log(RST_LOG_WARN, "%s: bad tile at %lld, %lld of level %d painted: %s", s->path,
                 (long long)r.x, (long long)r.y, r.level, why.msg);
    paint(s, b->px, (int64_t)(b->bytes / 3));
    return 0;
}

int64_t rst_slide_bad_count(rst_slide *s)
{
    pthread_mutex_lock(&s->lock);
    const int64_t n = s->bad_count;
    pthread_mutex_unlock(&s->lock);
    return n;
}

int rst_slide_bad_tile(rst_slide *s, int64_t i, rst_slide_rect *out, rst_error *err)
{
    pthread_mutex_lock(&s->lock);
    const bool there = i >= 0 && i < s->bad_count;
    if (there)
        *out = s->bad[i];
    pthread_mutex_unlock(&s->lock);
    return there ? 0 : rst_fail(err, RST_EINVAL, "%s: no bad tile %lld", s->path, (long long)i);
}

/* Reading ---------------------------------------------------------------------------------------
 */

/* The block, in use: from the cache, or decoded. */
static int take_block(rst_slide *s, int level, int64_t bx, int64_t by, rst_slide_block **out,
                      rst_error *err)
{
    pthread_mutex_lock(&s->lock);
    *out = rst__slide_block_find(&s->cache, level, bx, by);
    pthread_mutex_unlock(&s->lock);
    if (*out)
        return 0;
    const size_t bytes = (size_t)(s->block_width[level] * s->block_height[level]) * 3;
    rst_slide_block *b = rst__slide_block_new(level, bx, by, bytes);
    if (!b)
        return rst__fail_nomem(err, s->path);
    int rc = load_or_paint(s, b, err);
    if (rc < 0) {
        rst__free(b);
        return rc;
    }
    if (!s->backend->direct) {
        pthread_mutex_lock(&s->lock);
        rst__slide_block_keep(&s->cache, b);
        pthread_mutex_unlock(&s->lock);
    }
    *out = b;
    return 0;
}

/* What a read wants, cut to the level. */
typedef struct window {
    int level;
    int64_t x, y, w; /* as asked for */
    int64_t x0, y0, x1, y1;
    uint8_t *rgb;
} window;

static void copy_block(const rst_slide *s, const window *v, const rst_slide_block *b)
{
    const int64_t bw = s->block_width[v->level], bh = s->block_height[v->level];
    const int64_t left = b->bx * bw, top = b->by * bh;
    const int64_t x0 = left > v->x0 ? left : v->x0, y0 = top > v->y0 ? top : v->y0;
    const int64_t x1 = left + bw < v->x1 ? left + bw : v->x1;
    const int64_t y1 = top + bh < v->y1 ? top + bh : v->y1;
    for (int64_t y = y0; y < y1; y++)
        memcpy(v->rgb + ((y - v->y) * v->w + (x0 - v->x)) * 3,
               b->px + ((y - top) * bw + (x0 - left)) * 3, (size_t)(x1 - x0) * 3);
}

static int read_blocks(rst_slide *s, const window *v, rst_error *err)
{
    const int64_t bw = s->block_width[v->level], bh = s->block_height[v->level];
    for (int64_t by = v->y0 / bh; by * bh < v->y1; by++)
        for (int64_t bx = v->x0 / bw; bx * bw < v->x1; bx++) {
            rst_slide_block *b;
            int rc = take_block(s, v->level, bx, by, &b, err);
            if (rc < 0)
                return rc;
            copy_block(s, v, b);
            pthread_mutex_lock(&s->lock);
            rst__slide_block_release(b);
            pthread_mutex_unlock(&s->lock);
        }
    return 0;
}

/* The part of [at, at + n) in [0, size); false when there is none. at may be any number. */
static bool cut(int64_t at, int64_t n, int64_t size, int64_t *from, int64_t *to)
{
    if (at >= size || at <= -n)
        return false;
    *from = at > 0 ? at : 0;
    *to = n < size - at ? at + n : size;
    return true;
}

int rst_slide_read(rst_slide *s, int level, int64_t x, int64_t y, int64_t w, int64_t h,
                   uint8_t *rgb, rst_error *err)
{
    int64_t pixels;
    if (level < 0 || level >= s->info.levels)
        return rst_fail(err, RST_EINVAL, "%s: level %d of %d", s->path, level, s->info.levels);
    if (w < 1 || h < 1 || !rst__mul_i64(w, h, &pixels) || pixels > RST_SLIDE_READ_MAX)
        return rst_fail(err, RST_EINVAL,
                        "%s: a region of %lld x %lld pixels; 1 to %d are read at "
                        "once",
                        s->path, (long long)w, (long long)h, RST_SLIDE_READ_MAX);
    const rst_slide_level *l = &s->info.level[level];
    window v = { .level = level, .x = x, .y = y, .w = w, .rgb = rgb };
    const bool touches = cut(x, w, l->width, &v.x0, &v.x1) && cut(y, h, l->height, &v.y0, &v.y1);
    if (!touches || v.x1 - v.x0 < w || v.y1 - v.y0 < h)
        paint(s, rgb, pixels);
    return touches ? read_blocks(s, &v, err) : 0;
}

int64_t rst_slide_memory(const rst_slide *s, int threads)
{
    int64_t block = 0, whole = 0;
    for (int i = 0; i < s->info.levels; i++)
        if (s->block_width[i] * s->block_height[i] > block)
            block = s->block_width[i] * s->block_height[i];
    if (s->backend->direct)
        whole = s->info.width * s->info.height * 3;
    /* A block in the making is there as RGB and as its source: 4 bytes a pixel, or compressed. */
    return whole + (int64_t)s->cache.budget + (threads > 1 ? threads : 1) * block * 8;
}
