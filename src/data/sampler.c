/* SPDX-License-Identifier: MIT */
#include "data/sampler.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

struct rst_sampler {
    rst_sampler_options o;
    int64_t count;  /* items of the larger side, or pairs where they have views */
    int64_t period; /* samples an epoch */
    pthread_mutex_t lock;
    int64_t *order; /* owned: the permutation of one epoch; under the lock */
    int64_t epoch;  /* whose; -1: none yet */
};

static const char *const words[] = {
    [RST_SAMPLING_RANDOM] = "random",
    [RST_SAMPLING_SHUFFLE] = "shuffle",
    [RST_SAMPLING_SERIAL] = "serial",
};

bool rst__sampling_parse(const char *word, rst_sampling *out)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i]) == 0) {
            *out = (rst_sampling)i;
            return true;
        }
    return false;
}

const char *rst__sampling_name(rst_sampling s)
{
    return words[s];
}

/* The stream from block item << bits on; a block is four words. */
static rst_rng part_of(uint64_t seed, const char *name, int64_t item, int bits)
{
    rst_rng r = rst__rng(seed, name);
    r.counter = (uint64_t)item << bits;
    return r;
}

rst_rng rst__sample_rng(uint64_t seed, const char *name, int64_t number)
{
    return part_of(seed, name, number, 8);
}

rst_rng rst__sample_stream(uint64_t seed, const char *name, int64_t number)
{
    return part_of(seed, name, number, 32);
}

int rst__sampler_new(rst_sampler **out, const rst_sampler_options *o, rst_error *err)
{
    const int64_t items = o->count_a > o->count_b ? o->count_a : o->count_b;
    const int64_t count = o->views > 1 ? items / o->views : items;
    const bool serial = o->sampling == RST_SAMPLING_SERIAL;
    if (o->batch < 1 || (!serial && o->batch > count))
        return rst_fail(err, RST_EINVAL,
                        "--batch-size %lld: it is 1 to %lld, as many as the data set has",
                        (long long)o->batch, (long long)count);
    rst_sampler *s = rst__calloc(1, sizeof *s);
    if (!s)
        return rst__fail_nomem(err, "sampler");
    s->o = *o;
    s->count = count;
    s->period = serial ? count : count / o->batch * o->batch;
    s->epoch = -1;
    (void)pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return 0;
}

void rst__sampler_free(rst_sampler *s)
{
    if (!s)
        return;
    (void)pthread_mutex_destroy(&s->lock);
    rst__free(s->order);
    rst__free(s);
}

int64_t rst__sampler_batches_per_epoch(const rst_sampler *s)
{
    return (s->period + s->o.batch - 1) / s->o.batch;
}

/* Samples place .. place + n - 1 of an epoch's permutation, into a. */
static int shuffled(rst_sampler *s, int64_t epoch, int64_t place, int64_t n, rst_sample *out,
                    rst_error *err)
{
    int rc = 0;
    pthread_mutex_lock(&s->lock);
    if (!s->order && !(s->order = rst__calloc((size_t)s->count, sizeof *s->order)))
        rc = rst__fail_nomem(err, "sampler");
    if (rc == 0 && s->epoch != epoch) {
        rst_rng r = part_of(s->o.seed, "data.order", epoch, 32);
        s->epoch = epoch;
        if (rst__rng_choose(&r, s->count, s->count, s->order) < 0) {
            s->epoch = -1;
            rc = rst__fail_nomem(err, "sampler");
        }
    }
    for (int64_t i = 0; rc == 0 && i < n; i++)
        out[i].a = s->order[place + i];
    pthread_mutex_unlock(&s->lock);
    return rc;
}

/* Which of a pair's items. */
static int64_t draw_view(const rst_sampler_options *o, rst_rng *r)
{
    const int64_t drawn = o->views - o->native, view = rst__rng_below(r, drawn);
    const bool swap =
        o->native && o->native_share > 0 && view == 0 && rst__rng_uniform(r) < o->native_share;
    return swap ? drawn : view;
}

/* From an index below `count` to items of the two sides. */
static void settle(const rst_sampler *s, rst_sample *p, rst_rng *r)
{
    const int64_t i = p->a;
    p->a = i % s->o.count_a;
    p->b = s->o.paired ? i : i % s->o.count_b;
    if (!s->o.paired && s->o.sampling != RST_SAMPLING_SERIAL)
        p->b = rst__rng_below(r, s->o.count_b);
}

int rst__sampler_get(rst_sampler *s, int64_t batch, rst_sample *out, int64_t *n, rst_error *err)
{
    const int64_t per_epoch = rst__sampler_batches_per_epoch(s);
    const int64_t epoch = batch / per_epoch, place = batch % per_epoch * s->o.batch;
    const int64_t left = s->period - place;
    *n = left < s->o.batch ? left : s->o.batch;
    if (s->o.sampling == RST_SAMPLING_SHUFFLE) {
        int rc = shuffled(s, epoch, place, *n, out, err);
        if (rc < 0)
            return rc;
    }
    for (int64_t i = 0; i < *n; i++) {
        out[i].number = epoch * s->period + place + i;
        rst_rng r = rst__sample_rng(s->o.seed, "data.item", out[i].number);
        if (s->o.sampling == RST_SAMPLING_RANDOM)
            out[i].a = rst__rng_below(&r, s->count);
        else if (s->o.sampling == RST_SAMPLING_SERIAL)
            out[i].a = place + i;
        if (s->o.views > 1)
            out[i].a = out[i].a * s->o.views + draw_view(&s->o, &r);
        settle(s, &out[i], &r);
    }
    return 0;
}
