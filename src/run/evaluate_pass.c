/* SPDX-License-Identifier: MIT */
/* All pairs of a run, once: threads read and compare pixels, the caller's thread runs networks on
 * what they have read and adds up in the order of the pairs, so that no sum depends on who was
 * first. At most `places` pairs are held at a time. */
#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/queue.h"
#include "run/evaluate_parts.h"

enum { MAX_THREADS = 256 };

/* A pair on its way. */
typedef struct place {
    rst_image img[2];
    char hash[2][65];
    rst_evaluation_row row;
    rst_eval_pool *pool; /* owned: of this pair */
    int rc;
    rst_error err;
} place;

typedef struct pass {
    const rst_eval_source *source;
    const rst_evaluate_options *o;
    unsigned metrics;
    bool hash, keep; /* networks want hashes; pictures */
    rst_queue *queue;
    place *place; /* owned [places] */
    int places, threads;
    pthread_t thread[MAX_THREADS];
} pass;

/* Workers ---------------------------------------------------------------------------------------
 */

static bool wants(const pass *p, rst_metric m)
{
    return p->metrics >> m & 1;
}

/* Values 1 to 63 lose one on the way to -1..1 in float32 and back by truncation, as ASP's test.py
 * writes real_B. */
static void rewrite(rst_image *img)
{
    for (int64_t i = 0; i < 3 * img->width * img->height; i++)
        img->px[i] = (uint8_t)(img->px[i] - (img->px[i] > 0 && img->px[i] < 64));
}

static int compare_stain(place *q, rst_error *err)
{
    rst_evaluation_row *r = &q->row;
    int rc = rst__stain_add(&q->pool->stain, q->pool->bin, &q->img[0], &q->img[1], err);
    if (rc == 0)
        rc = rst_colour_compare(&q->img[0], &q->img[1], &r->colour, err);
    if (rc < 0)
        return rc;
    const rst_stain_agreement a = r->stain = rst_stain_result(&q->pool->stain);
    r->score[RST_SCORE_DAB_REAL] = a.real.mean;
    r->score[RST_SCORE_DAB_VIRTUAL] = a.fake.mean;
    r->score[RST_SCORE_DAB_BIAS] = a.bias;
    r->score[RST_SCORE_AREA_REAL] = a.real.positive;
    r->score[RST_SCORE_AREA_VIRTUAL] = a.fake.positive;
    r->score[RST_SCORE_AREA_BIAS] = a.fake.positive - a.real.positive;
    r->score[RST_SCORE_DAB_R] = a.r;
    return 0;
}

static int compare_pixels(const pass *p, place *q, rst_error *err)
{
    const rst_image *real = &q->img[0], *fake = &q->img[1];
    const rst_ssim_options ssim = rst__protocol_ssim(p->o->protocol);
    double *score = q->row.score;
    int rc =
        wants(p, RST_METRIC_SSIM) ? rst_ssim(fake, real, &ssim, &score[RST_SCORE_SSIM], err) : 0;
    if (rc == 0 && wants(p, RST_METRIC_PSNR))
        rc = rst_mse(fake, real, &score[RST_SCORE_MSE], err);
    if (rc == 0 && wants(p, RST_METRIC_PSNR))
        score[RST_SCORE_PSNR] = rst_psnr_of_mse(score[RST_SCORE_MSE]);
    if (rc == 0 && wants(p, RST_METRIC_STAIN))
        rc = compare_stain(q, err);
    return rc;
}

static int hash_pixels(place *q, rst_error *err)
{
    int rc = 0;
    for (int k = 0; rc == 0 && k < 2; k++) {
        const rst_image *img = &q->img[k];
        rc = rst__sha256_hex(img->px, (size_t)(3 * img->width * img->height), q->hash[k], err);
    }
    return rc;
}

/* "REAL and VIRTUAL: what is wrong", as what looks at pixels knows no names. */
static int blame(const place *q, int rc, const rst_error *why, rst_error *err)
{
    return rst_fail(err, rc == RST_EINVAL ? RST_EFORMAT : rc, "%s and %s: %s", q->row.real,
                    q->row.fake, why->msg);
}

static int do_pair(const pass *p, int64_t i, place *q, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    rst__eval_source_row(p->source, i, &q->row);
    for (int k = 0; k < RST_SCORES; k++)
        q->row.score[k] = (double)NAN;
    memset(q->pool, 0, sizeof *q->pool);
    int rc = rst__eval_source_read(p->source, i, &p->o->read, q->img, err);
    if (rc < 0)
        return rc;
    q->row.width = q->img[0].width;
    q->row.height = q->img[0].height;
    if (p->o->rewrite_real)
        rewrite(&q->img[0]);
    rc = compare_pixels(p, q, &why);
    if (rc == 0 && p->hash)
        rc = hash_pixels(q, &why);
    return rc < 0 ? blame(q, rc, &why, err) : 0;
}

static void drop_images(place *q)
{
    for (int k = 0; k < 2; k++)
        rst_image_free(&q->img[k]);
}

/* A pair a thread: what computes with all threads elsewhere has one here. */
static void *working(void *arg)
{
    pass *p = arg;
    omp_set_num_threads(1);
    for (int64_t i; (i = rst__queue_claim(p->queue)) >= 0;) {
        place *q = &p->place[i % p->places];
        q->err = (rst_error)RST_ERROR_INIT;
        q->rc = i < p->source->count ? do_pair(p, i, q, &q->err) : 0;
        if (!p->keep)
            drop_images(q);
        rst__queue_done(p->queue, i);
    }
    return NULL;
}

/* The caller's thread ---------------------------------------------------------------------------
 */

static void pool_add(rst_eval_pool *into, const rst_eval_pool *from)
{
    rst_stain_merge(&into->stain, &from->stain);
    for (int k = 0; k < 2; k++)
        for (int b = 0; b < RST__STAIN_BINS; b++)
            into->bin[k][b] += from->bin[k][b];
}

static int take_pair(rst_evaluation *e, rst_eval_nets *n, const pass *p, int64_t i, place *q,
                     rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    if (q->rc < 0)
        return rst_fail(err, q->rc, "%s", q->err.msg);
    const int rc = p->keep ? rst__eval_nets_pair(n, i, q->img, q->hash, q->row.score, &why) : 0;
    if (rc < 0)
        return blame(q, rc, &why, err);
    e->row[i] = q->row;
    pool_add(&e->pool[0], q->pool);
    if (q->row.level >= 0)
        pool_add(&e->pool[1 + q->row.level], q->pool);
    return 0;
}

static int take_all(rst_evaluation *e, rst_eval_nets *n, const pass *p, rst_eval_progress *news,
                    rst_error *err)
{
    const rst_evaluate_options *o = p->o;
    for (int64_t i = 0; i < p->source->count; i++) {
        place *q = &p->place[rst__queue_take(p->queue) % p->places];
        const int rc = take_pair(e, n, p, i, q, err);
        drop_images(q);
        rst__queue_release(p->queue);
        if (rc < 0)
            return rc;
        news->done++;
        if (o->progress && o->progress(o->user, news->done, news->total) != 0)
            return rst_fail(err, RST_ECANCELLED, "stopped after %lld of %lld %s",
                            (long long)news->done, (long long)news->total,
                            p->source->tile_name ? "tiles" : "pairs");
    }
    return 0;
}

static int start(pass *p, rst_error *err)
{
    int wanted = p->o->threads > 0 ? p->o->threads : omp_get_max_threads();
    wanted = wanted < MAX_THREADS ? wanted : MAX_THREADS;
    p->places = wanted + 2;
    p->place = rst__calloc((size_t)p->places, sizeof *p->place);
    if (!p->place)
        return rst__fail_nomem(err, "evaluation");
    for (int i = 0; i < p->places; i++)
        if (!(p->place[i].pool = rst__malloc(sizeof *p->place[i].pool)))
            return rst__fail_nomem(err, "evaluation");
    int rc = rst__queue_new(&p->queue, 0, p->places, err);
    while (rc == 0 && p->threads < wanted &&
           pthread_create(&p->thread[p->threads], NULL, working, p) == 0)
        p->threads++;
    return rc == 0 && p->threads == 0 ? rst_fail(err, RST_ENOMEM, "evaluation: no threads") : rc;
}

static void stop(pass *p)
{
    if (p->queue)
        rst__queue_stop(p->queue);
    for (int i = 0; i < p->threads; i++)
        (void)pthread_join(p->thread[i], NULL);
    rst__queue_free(p->queue);
    for (int i = 0; p->place && i < p->places; i++) {
        drop_images(&p->place[i]);
        rst__free(p->place[i].pool);
    }
    rst__free(p->place);
}

int rst__eval_pass(rst_evaluation *e, rst_eval_nets *n, unsigned metrics,
                   const rst_evaluate_options *o, rst_eval_progress *news, rst_error *err)
{
    pass p = { .source = &e->source,
               .o = o,
               .metrics = metrics,
               .hash = rst__eval_nets_hash(n),
               .keep = (metrics >> RST_METRIC_LPIPS) != 0 };
    int rc = start(&p, err);
    if (rc == 0)
        rc = take_all(e, n, &p, news, err);
    stop(&p);
    return rc;
}
