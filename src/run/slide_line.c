/* SPDX-License-Identifier: MIT */
/* The line: one thread reads ahead, the caller's computes, one compresses and writes. Cells go
 * through a ring of slots in order; whoever is ahead waits. */
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "run/slide.h"

typedef enum kind { KIND_COMPUTE, KIND_COPY, KIND_BLANK } kind;

typedef struct slot {
    rst_grid_cell cell;
    kind kind;
    uint8_t *window; /* owned: side_w x side_h x 3 */
    uint8_t *core;   /* owned: core_w x core_h x 3, as much of it as is wanted */
} slot;

typedef struct line {
    const rst_slide_job *j;
    const rst_grid *g;
    rst_pyramid *p;
    int64_t tile, total, pitch; /* pitch: bytes of a row of a core */
    slot slot[RST_SLIDE_SLOTS];
    int slots;
    float *y, *core; /* owned: the window's output, and the core of it */
    pthread_mutex_t lock;
    pthread_cond_t moved;
    int64_t read, computed, written; /* cells; under the lock, as is all below */
    rst_error failed;
} line;

static int stop(line *l, int rc, const rst_error *why)
{
    pthread_mutex_lock(&l->lock);
    if (!l->failed.code) {
        l->failed = *why;
        l->failed.code = rc;
    }
    pthread_cond_broadcast(&l->moved);
    pthread_mutex_unlock(&l->lock);
    return rc;
}

/* Waits until *behind < *ahead + room; false when the line has stopped. */
static bool wait_for(line *l, const int64_t *behind, const int64_t *ahead, int64_t room)
{
    pthread_mutex_lock(&l->lock);
    while (!l->failed.code && *behind >= *ahead + room)
        pthread_cond_wait(&l->moved, &l->lock);
    const bool go = !l->failed.code;
    pthread_mutex_unlock(&l->lock);
    return go;
}

static void advance(line *l, int64_t *count)
{
    pthread_mutex_lock(&l->lock);
    ++*count;
    pthread_cond_broadcast(&l->moved);
    pthread_mutex_unlock(&l->lock);
}

/* Reading ----------------------------------------------------------------------------------------
 */

static int fill(line *l, int64_t at, slot *s, rst_error *err)
{
    const rst_slide_job *j = l->j;
    const rst_grid *g = l->g;
    s->cell = rst__grid_cell(g, at % g->across, at / g->across);
    const rst_grid_cell *c = &s->cell;
    s->kind = rst__slide_job_computes(j, c)                   ? KIND_COMPUTE
              : j->o->background == RST_SLIDE_BACKGROUND_COPY ? KIND_COPY
                                                              : KIND_BLANK;
    if (s->kind == KIND_COMPUTE)
        return rst__slide_job_read(j, c->wx, c->wy, g->side_w, g->side_h, s->window, err);
    if (s->kind == KIND_BLANK)
        return 0;
    int rc = rst__slide_job_read(j, c->x, c->y, c->w, c->h, s->core, err);
    for (int64_t y = c->h - 1; rc == 0 && y > 0; y--)
        memmove(s->core + y * l->pitch, s->core + y * c->w * 3, (size_t)(c->w * 3));
    return rc;
}

static void *reading(void *arg)
{
    line *l = arg;
    for (int64_t i = 0; i < l->total; i++) {
        rst_error why = RST_ERROR_INIT;
        if (!wait_for(l, &l->read, &l->written, l->slots))
            break;
        int rc = fill(l, i, &l->slot[i % l->slots], &why);
        if (rc < 0) {
            (void)stop(l, rc, &why);
            break;
        }
        advance(l, &l->read);
    }
    return NULL;
}

/* Writing ----------------------------------------------------------------------------------------
 */

static int put(line *l, const slot *s, rst_error *err)
{
    const rst_grid_cell *c = &s->cell;
    const int64_t x0 = c->x - l->g->left, y0 = c->y - l->g->top, t = l->tile;
    int rc = 0;
    for (int64_t y = 0; rc == 0 && y < c->h; y += t)
        for (int64_t x = 0; rc == 0 && x < c->w; x += t) {
            const int64_t tx = (x0 + x) / t, ty = (y0 + y) / t;
            rc = s->kind == KIND_BLANK
                     ? rst__pyramid_blank(l->p, tx, ty, err)
                     : rst__pyramid_put(l->p, tx, ty, s->core + y * l->pitch + x * 3,
                                        (size_t)l->pitch, err);
        }
    return rc;
}

static void *writing(void *arg)
{
    line *l = arg;
    for (int64_t i = 0; i < l->total; i++) {
        rst_error why = RST_ERROR_INIT;
        if (!wait_for(l, &l->written, &l->computed, 0))
            break;
        int rc = put(l, &l->slot[i % l->slots], &why);
        if (rc < 0) {
            (void)stop(l, rc, &why);
            break;
        }
        advance(l, &l->written);
    }
    return NULL;
}

/* Computing --------------------------------------------------------------------------------------
 */

int rst__slide_cell(const rst_slide_job *j, const rst_grid *g, const rst_grid_cell *c,
                    const uint8_t *rgb, float *y, float *to, int64_t pitch, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    int rc = rst__model_window(j->m, rgb, g->side_h, g->side_w, y, &why);
    if (rc < 0)
        return rst_fail(err, rc == RST_EINVAL ? RST_EFORMAT : rc, "%s: window at %lld, %lld: %s",
                        j->in, (long long)(j->off_x + c->wx), (long long)(j->off_y + c->wy),
                        why.msg);
    const float *from = y + ((c->y - c->wy) * g->side_w + c->x - c->wx) * 3;
    for (int64_t v = 0; v < c->h; v++)
        memcpy(to + v * pitch, from + v * g->side_w * 3, (size_t)(c->w * 3) * sizeof *to);
    return 0;
}

static int compute(line *l, slot *s, rst_error *err)
{
    const rst_grid_cell *c = &s->cell;
    int rc = rst__slide_cell(l->j, l->g, c, s->window, l->y, l->core, l->pitch, err);
    for (int64_t y = 0; rc == 0 && y < c->h; y++)
        rst__model_to_bytes(l->j->m, l->core + y * l->pitch, c->w * 3, s->core + y * l->pitch);
    return rc;
}

static int tell(const line *l, int64_t done, int64_t computed, rst_error *err)
{
    const rst_slide_job_options *o = l->j->o;
    if (o->progress && o->progress(o->user, done, computed))
        return rst_fail(err, RST_ECANCELLED, "stopped after %lld of %lld tiles", (long long)done,
                        (long long)computed);
    return 0;
}

static void computing(line *l, int64_t computed)
{
    rst_error why = RST_ERROR_INIT;
    int64_t done = 0;
    int rc = tell(l, 0, computed, &why);
    for (int64_t i = 0; rc == 0 && i < l->total; i++) {
        if (!wait_for(l, &l->computed, &l->read, 0))
            return;
        slot *s = &l->slot[i % l->slots];
        if (s->kind == KIND_COMPUTE) {
            rc = compute(l, s, &why);
            if (rc == 0)
                rc = tell(l, ++done, computed, &why);
        }
        advance(l, &l->computed);
    }
    if (rc < 0)
        (void)stop(l, rc, &why);
}

/* All of it --------------------------------------------------------------------------------------
 */

static int make_room(line *l, rst_error *err)
{
    const rst_grid *g = l->g;
    const int64_t w = g->right - g->left, h = g->bottom - g->top;
    const int64_t core_w = g->core_w < w ? g->core_w : w, core_h = g->core_h < h ? g->core_h : h;
    const size_t window = (size_t)(g->side_w * g->side_h), core = (size_t)(core_w * core_h);
    l->pitch = core_w * 3;
    l->total = g->across * g->down;
    l->slots = l->total < RST_SLIDE_SLOTS ? (int)l->total : RST_SLIDE_SLOTS;
    l->y = rst__calloc(window, 3 * sizeof *l->y);
    l->core = rst__calloc(core, 3 * sizeof *l->core);
    bool ok = l->y && l->core;
    for (int i = 0; ok && i < l->slots; i++) {
        l->slot[i].window = rst__calloc(window, 3);
        l->slot[i].core = rst__calloc(core, 3);
        ok = l->slot[i].window && l->slot[i].core;
    }
    return ok ? 0 : rst__fail_nomem(err, "tiles of the slide");
}

static void work(line *l, int64_t computed)
{
    static const rst_error none = { RST_ENOMEM, "no more threads" };
    pthread_t reader, writer;
    if (pthread_create(&reader, NULL, reading, l) != 0) {
        (void)stop(l, RST_ENOMEM, &none);
        return;
    }
    const bool second = pthread_create(&writer, NULL, writing, l) == 0;
    if (second)
        computing(l, computed);
    else
        (void)stop(l, RST_ENOMEM, &none);
    (void)pthread_join(reader, NULL);
    if (second)
        (void)pthread_join(writer, NULL);
}

int rst__slide_pipeline(const rst_slide_job *j, const rst_grid *g, rst_pyramid *p, int64_t tile,
                        int64_t computed, rst_error *err)
{
    line l = { .j = j, .g = g, .p = p, .tile = tile };
    int rc = make_room(&l, err);
    if (rc == 0) {
        (void)pthread_mutex_init(&l.lock, NULL);
        (void)pthread_cond_init(&l.moved, NULL);
        work(&l, computed);
        (void)pthread_cond_destroy(&l.moved);
        (void)pthread_mutex_destroy(&l.lock);
        if (l.failed.code)
            rc = rst_fail(err, l.failed.code, "%s", l.failed.msg);
    }
    for (int i = 0; i < RST_SLIDE_SLOTS; i++) {
        rst__free(l.slot[i].window);
        rst__free(l.slot[i].core);
    }
    rst__free(l.y);
    rst__free(l.core);
    return rc;
}
