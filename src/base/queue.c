/* SPDX-License-Identifier: MIT */
#include "base/queue.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/err.h"

struct rst_queue {
    pthread_mutex_t lock;
    pthread_cond_t freed, filled;
    int64_t claimed, taken; /* numbers that come next; all below is under the lock too */
    int64_t places;
    bool stopped;
    bool *done; /* owned: by place */
};

int rst__queue_new(rst_queue **out, int64_t first, int64_t places, rst_error *err)
{
    rst_queue *q = rst__calloc(1, sizeof *q);
    if (q)
        q->done = rst__calloc((size_t)places, sizeof *q->done);
    if (!q || !q->done) {
        rst__free(q);
        return rst__fail_nomem(err, "queue");
    }
    (void)pthread_mutex_init(&q->lock, NULL);
    (void)pthread_cond_init(&q->freed, NULL);
    (void)pthread_cond_init(&q->filled, NULL);
    q->claimed = q->taken = first;
    q->places = places;
    *out = q;
    return 0;
}

void rst__queue_free(rst_queue *q)
{
    if (!q)
        return;
    (void)pthread_cond_destroy(&q->filled);
    (void)pthread_cond_destroy(&q->freed);
    (void)pthread_mutex_destroy(&q->lock);
    rst__free(q->done);
    rst__free(q);
}

int64_t rst__queue_claim(rst_queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (!q->stopped && q->claimed >= q->taken + q->places)
        pthread_cond_wait(&q->freed, &q->lock);
    const int64_t number = q->stopped ? -1 : q->claimed++;
    pthread_mutex_unlock(&q->lock);
    return number;
}

void rst__queue_done(rst_queue *q, int64_t number)
{
    pthread_mutex_lock(&q->lock);
    q->done[number % q->places] = true;
    if (number == q->taken)
        pthread_cond_signal(&q->filled);
    pthread_mutex_unlock(&q->lock);
}

int64_t rst__queue_take(rst_queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (!q->stopped && !q->done[q->taken % q->places])
        pthread_cond_wait(&q->filled, &q->lock);
    const int64_t number = q->stopped ? -1 : q->taken;
    pthread_mutex_unlock(&q->lock);
    return number;
}

void rst__queue_release(rst_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->done[q->taken % q->places] = false;
    q->taken++;
    pthread_cond_signal(&q->freed);
    pthread_mutex_unlock(&q->lock);
}

void rst__queue_stop(rst_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->stopped = true;
    pthread_cond_broadcast(&q->freed);
    pthread_cond_broadcast(&q->filled);
    pthread_mutex_unlock(&q->lock);
}
