/* SPDX-License-Identifier: MIT */
#include "data/loader.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/queue.h"
#include "data/cache.h"
#include "image/convert.h"
#include "image/degrade.h"

/* A batch's place in the queue. */
typedef struct place {
    rst_batch b; /* its arrays are owned */
    size_t cap;  /* floats in each of a and b */
    rst_sample *sample;
    rst_error err;
} place;

struct rst_loader {
    const rst_dataset *d;
    rst_loader_options o;
    rst_sampler *sampler;
    rst_image_cache *cache; /* NULL: none */
    rst_queue *queue;
    place *place;
    pthread_t *thread;
    int threads; /* that run */
    int places;
    bool taken; /* the consumer holds a batch */
    double waited;
};

/* Pictures ---------------------------------------------------------------------------------------
 */

/* A picture in hand: the cache's, or `own`. */
typedef struct picture {
    rst_image own;
    rst_image_view view;
} picture;

static int read_file(const rst_loader *l, rst_data_side side, int64_t item, rst_image *out,
                     rst_error *err)
{
    const char *path = l->d->list[side].item[item].path;
    if (l->o.make)
        return l->o.make(l->o.user, side, item, out, err);
    int rc = rst_image_read(out, path, &l->d->read, err);
    if (rc < 0)
        return rc;
    rc = rst_image_require_channels(out, path, 3, err);
    if (rc < 0)
        rst_image_free(out);
    return rc;
}

static int load(const rst_loader *l, rst_data_side side, int64_t item, picture *p, rst_error *err)
{
    const int64_t file = rst__dataset_file(l->d, side, item);
    const rst_image *img = l->cache ? rst__image_cache_get(l->cache, file) : NULL;
    p->own = (rst_image)RST_IMAGE_INIT;
    if (!img) {
        int rc = read_file(l, side, item, &p->own, err);
        if (rc < 0)
            return rc;
        img = l->cache ? rst__image_cache_put(l->cache, file, &p->own) : &p->own;
    }
    int rc = rst__dataset_view(l->d, side, item, img, &p->view, err);
    if (rc < 0)
        rst_image_free(&p->own);
    return rc;
}

/* Both pictures of a sample; a file that holds both is read once. */
static int load_both(const rst_loader *l, const rst_sample *s, picture p[2], rst_error *err)
{
    int rc = load(l, RST_DATA_A, s->a, &p[0], err);
    if (rc < 0)
        return rc;
    p[1].own = (rst_image)RST_IMAGE_INIT;
    if (rst__dataset_file(l->d, RST_DATA_A, s->a) == rst__dataset_file(l->d, RST_DATA_B, s->b))
        rc = rst__dataset_view(l->d, RST_DATA_B, s->b, p[0].view.img, &p[1].view, err);
    else
        rc = load(l, RST_DATA_B, s->b, &p[1], err);
    if (rc == 0)
        rc = rst__dataset_require_same(l->d, s->a, p[0].view.w, p[0].view.h, p[1].view.w,
                                       p[1].view.h, err);
    if (rc < 0) {
        rst_image_free(&p[0].own);
        rst_image_free(&p[1].own);
    }
    return rc;
}

/* Batches ----------------------------------------------------------------------------------------
 */

static int reserve(place *p, int64_t h, int64_t w, rst_error *err)
{
    const size_t need = (size_t)(p->b.n * h * w * 3);
    if (need <= p->cap)
        return 0;
    rst__free(p->b.a);
    rst__free(p->b.b);
    p->cap = 0;
    p->b.a = rst__malloc_aligned(need * sizeof *p->b.a);
    p->b.b = rst__malloc_aligned(need * sizeof *p->b.b);
    if (!p->b.a || !p->b.b)
        return rst__fail_nomem(err, "batch");
    p->cap = need;
    return 0;
}

/* The first picture gives the batch its size; every other has to have it too. */
static int fit(place *p, const rst_augment_sizes *z, const char *path, rst_error *err)
{
    if (p->b.h == 0) {
        p->b.h = z->out_h;
        p->b.w = z->out_w;
        return reserve(p, z->out_h, z->out_w, err);
    }
    if (p->b.h == z->out_h && p->b.w == z->out_w)
        return 0;
    return rst_fail(err, RST_EINVAL,
                    "%s: %lld x %lld pixels in a batch of %lld x %lld; give %sa --preprocess that "
                    "crops",
                    path, (long long)z->out_w, (long long)z->out_h, (long long)p->b.w,
                    (long long)p->b.h, p->b.n > 1 ? "--batch-size 1, or " : "");
}

static rst_augment augment_in(const rst_loader *l, int64_t epoch)
{
    rst_augment o = l->o.augment;
    if (l->o.finetune_epoch > 0 && epoch >= l->o.finetune_epoch)
        o.load_size = o.crop_size;
    return o;
}

static int put(const rst_loader *l, place *p, int64_t i, const picture pic[2], rst_error *err)
{
    const rst_sample *s = &p->sample[i];
    const rst_augment o = augment_in(l, p->b.epoch);
    for (int side = RST_DATA_A; side <= RST_DATA_B; side++) {
        const rst_image_view *v = &pic[side].view;
        const char *path = l->d->list[side].item[side ? s->b : s->a].path;
        rst_augment_sizes z;
        int rc = rst__augment_plan(&o, path, v->h, v->w, &z, err);
        if (rc == 0)
            rc = fit(p, &z, path, err);
        if (rc < 0)
            return rc;
        const bool apart = side == RST_DATA_B && !l->d->paired;
        rst_rng r = rst__sample_rng(l->o.seed, apart ? "data.view.b" : "data.view", s->number);
        float *dst = (side ? p->b.b : p->b.a) + i * p->b.h * p->b.w * 3;
        rc = rst__augment_apply(&z, rst__augment_roll(&o, &z, &r), v, dst, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Pictures and their degradations ----------------------------------------------------------------
 */

/* Blur and noise near a border are unlike those within: what is degraded is wider than what is
 * taken of it, by so many pixels of the small picture where there are as many. */
enum { EDGE = 8 };

/* The part of a picture that is degraded, as numbers. */
static int cut_out(const rst_image_view *v, const rst_augment_sizes *z, rst_augment_draw d,
                   rst_floats *out, rst_error *err)
{
    int rc = rst__floats_new(out, z->crop_h, z->crop_w, err);
    for (int64_t y = 0; rc == 0 && y < out->h; y++) {
        const uint8_t *from = v->img->px + ((v->y + d.y + y) * v->img->width + v->x + d.x) * 3;
        float *row = out->px + y * out->w * 3;
        for (int64_t x = 0; x < out->w; x++)
            rst__unit_from_u8(from + 3 * x, 3, row + 3 * (d.flip ? out->w - 1 - x : x));
    }
    return rc;
}

static void take(const rst_floats *p, int64_t y, int64_t x, int64_t side, float *dst)
{
    for (int64_t i = 0; i < side; i++)
        memcpy(dst + i * side * 3, p->px + ((y + i) * p->w + x) * 3,
               (size_t)(side * 3) * sizeof *dst);
}

/* b from the part as it is, then a from the same place of it degraded. */
static int put_both(const rst_loader *l, place *p, int64_t i, rst_floats *part, rst_rng *r,
                    rst_error *err)
{
    const int64_t side = p->b.h, scale = l->o.scale, low = side / scale;
    const int64_t y = rst__rng_below(r, (part->h - side) / scale + 1),
                  x = rst__rng_below(r, (part->w - side) / scale + 1);
    rst_rng own = rst__sample_stream(l->o.seed, "data.degrade", p->sample[i].number);
    take(part, y * scale, x * scale, side, p->b.b + i * side * side * 3);
    int rc = rst__degrade(part, l->o.scale, l->o.degradation, &own, err);
    if (rc == 0)
        take(part, y, x, low, p->b.a + i * low * low * 3);
    return rc;
}

static int64_t widened(int64_t crop, int64_t side, int64_t scale)
{
    const int64_t wide = crop + EDGE * scale, most = side / scale * scale;
    return wide < most ? wide : most;
}

static int put_degraded(const rst_loader *l, place *p, int64_t i, const picture *pic,
                        const char *path, rst_error *err)
{
    const rst_image_view *v = &pic->view;
    rst_augment_sizes z;
    int rc = rst__augment_plan(&l->o.augment, path, v->h, v->w, &z, err);
    if (rc == 0)
        rc = fit(p, &z, path, err);
    if (rc < 0)
        return rc;
    z.crop_h = widened(z.crop_h, v->h, l->o.scale);
    z.crop_w = widened(z.crop_w, v->w, l->o.scale);
    rst_rng r = rst__sample_rng(l->o.seed, "data.view", p->sample[i].number);
    rst_floats part = { 0 };
    rc = cut_out(v, &z, rst__augment_roll(&l->o.augment, &z, &r), &part, err);
    if (rc == 0)
        rc = put_both(l, p, i, &part, &r, err);
    rst__floats_free(&part);
    return rc;
}

static int fill_degraded(rst_loader *l, place *p, int64_t i, rst_error *err)
{
    rst_data_side side;
    int64_t item;
    picture pic;
    rst__dataset_picture(l->d, p->sample[i].a, &side, &item);
    const rst_file_item *file = &l->d->list[side].item[item];
    int rc = load(l, side, item, &pic, err);
    if (rc < 0)
        return rc;
    rc = put_degraded(l, p, i, &pic, file->path, err);
    rst_image_free(&pic.own);
    p->b.name[i] = p->b.name_b[i] = file->stem;
    return rc;
}

static int fill_pair(rst_loader *l, place *p, int64_t i, rst_error *err)
{
    picture pic[2];
    int rc = load_both(l, &p->sample[i], pic, err);
    if (rc < 0)
        return rc;
    rc = put(l, p, i, pic, err);
    rst_image_free(&pic[0].own);
    rst_image_free(&pic[1].own);
    p->b.name[i] = l->d->list[RST_DATA_A].item[p->sample[i].a].stem;
    p->b.name_b[i] = l->d->list[RST_DATA_B].item[p->sample[i].b].stem;
    return rc;
}

static int fill(rst_loader *l, int64_t number, place *p, rst_error *err)
{
    p->b.number = number;
    p->b.epoch = number / rst__sampler_batches_per_epoch(l->sampler);
    p->b.h = p->b.w = 0;
    p->b.scale = l->o.scale ? l->o.scale : 1;
    int rc = rst__sampler_get(l->sampler, number, p->sample, &p->b.n, err);
    if (rc < 0)
        return rc;
    p->b.first_sample = p->sample[0].number;
    for (int64_t i = 0; rc == 0 && i < p->b.n; i++)
        rc = l->o.scale ? fill_degraded(l, p, i, err) : fill_pair(l, p, i, err);
    return rc;
}

static void *working(void *arg)
{
    rst_loader *l = arg;
    for (int64_t k; (k = rst__queue_claim(l->queue)) >= 0;) {
        place *p = &l->place[k % l->places];
        p->err = (rst_error)RST_ERROR_INIT;
        (void)fill(l, k, p, &p->err);
        rst__queue_done(l->queue, k);
    }
    return NULL;
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int rst__loader_next(rst_loader *l, const rst_batch **b, rst_error *err)
{
    if (l->taken)
        rst__queue_release(l->queue);
    l->taken = false;
    const double start = now();
    const int64_t k = rst__queue_take(l->queue);
    l->waited += now() - start;
    const place *p = &l->place[k % l->places];
    if (p->err.code)
        return rst_fail(err, p->err.code, "%s", p->err.msg);
    l->taken = true;
    *b = &p->b;
    return 0;
}

int64_t rst__loader_batches_per_epoch(const rst_loader *l)
{
    return rst__sampler_batches_per_epoch(l->sampler);
}

double rst__loader_waited(const rst_loader *l)
{
    return l->waited;
}

/* Beginning and end ------------------------------------------------------------------------------
 */

void rst__loader_close(rst_loader *l)
{
    if (!l)
        return;
    if (l->queue)
        rst__queue_stop(l->queue);
    for (int i = 0; i < l->threads; i++)
        (void)pthread_join(l->thread[i], NULL);
    for (int i = 0; l->place && i < l->places; i++) {
        place *p = &l->place[i];
        rst__free(p->b.a);
        rst__free(p->b.b);
        rst__free(p->b.name);
        rst__free(p->b.name_b);
        rst__free(p->sample);
    }
    rst__free(l->place);
    rst__free(l->thread);
    rst__queue_free(l->queue);
    rst__image_cache_free(l->cache);
    rst__sampler_free(l->sampler);
    rst__free(l);
}

static int make_places(rst_loader *l, rst_error *err)
{
    const size_t n = (size_t)l->o.batch;
    l->place = rst__calloc((size_t)l->places, sizeof *l->place);
    l->thread = rst__calloc((size_t)l->o.threads, sizeof *l->thread);
    bool ok = l->place && l->thread;
    for (int i = 0; ok && i < l->places; i++) {
        place *p = &l->place[i];
        p->b.name = rst__calloc(n, sizeof *p->b.name);
        p->b.name_b = rst__calloc(n, sizeof *p->b.name_b);
        p->sample = rst__calloc(n, sizeof *p->sample);
        ok = p->b.name && p->b.name_b && p->sample;
    }
    return ok ? 0 : rst__fail_nomem(err, "loader");
}

static int start(rst_loader *l, int64_t first_batch, rst_error *err)
{
    const rst_dataset *d = l->d;
    const bool single = l->o.scale > 0;
    const int64_t pictures = rst__dataset_pictures(d);
    const rst_sampler_options s = { .sampling = l->o.sampling,
                                    .paired = single || d->paired,
                                    .count_a = single ? pictures : d->list[RST_DATA_A].count,
                                    .count_b = single ? pictures : d->list[RST_DATA_B].count,
                                    .views = d->views,
                                    .native = d->native,
                                    .native_share = l->o.native_share,
                                    .batch = l->o.batch,
                                    .seed = l->o.seed };
    int rc = rst__sampler_new(&l->sampler, &s, err);
    if (rc == 0)
        rc = make_places(l, err);
    if (rc == 0)
        rc = rst__queue_new(&l->queue, first_batch, l->places, err);
    if (rc == 0 && l->o.cache_mb > 0)
        rc = rst__image_cache_new(&l->cache, rst__dataset_files(d), (size_t)l->o.cache_mb << 20,
                                  err);
    for (int i = 0; rc == 0 && i < l->o.threads; i++)
        if (pthread_create(&l->thread[i], NULL, working, l) == 0)
            l->threads++;
        else
            rc = rst_fail(err, RST_ENOMEM, "loader: no more threads");
    return rc;
}

int rst__loader_open(rst_loader **out, const rst_dataset *d, const rst_loader_options *o,
                     int64_t first_batch, rst_error *err)
{
    enum { MAX_THREADS = 256, MAX_AHEAD = 1 << 16, MAX_MB = 1 << 30 };
    int rc = rst__augment_check(&o->augment, err);
    if (rc < 0)
        return rc;
    if (o->scale && (o->augment.preprocess != RST_PREPROCESS_CROP || o->augment.crop_size % 4))
        return rst_fail(err, RST_EINVAL,
                        "a super-resolver is trained on crops: give --preprocess crop and a "
                        "--crop-size that is a multiple of 4");
    if (first_batch < 0 || o->batch < 0 || o->threads < 0 || o->threads > MAX_THREADS ||
        o->ahead < 0 || o->ahead > MAX_AHEAD || o->cache_mb < 0 || o->cache_mb > MAX_MB)
        return rst_fail(err, RST_EINVAL,
                        "loader: %d threads, %d batches ahead of %lld samples from batch %lld on, "
                        "%lld MiB of cache",
                        o->threads, o->ahead, (long long)o->batch, (long long)first_batch,
                        (long long)o->cache_mb);
    rst_loader *l = rst__calloc(1, sizeof *l);
    if (!l)
        return rst__fail_nomem(err, "loader");
    l->d = d;
    l->o = *o;
    l->o.batch = o->batch ? o->batch : 1;
    l->o.threads = o->threads ? o->threads : 2;
    l->places = o->ahead ? o->ahead : l->o.threads + 2;
    rc = start(l, first_batch, err);
    if (rc < 0) {
        rst__loader_close(l);
        return rc;
    }
    *out = l;
    return 0;
}
