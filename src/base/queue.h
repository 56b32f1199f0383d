/* SPDX-License-Identifier: MIT */
/* A bounded queue of numbered jobs: several threads do them at the same time, one thread takes the
 * results in the order of the numbers. The queue keeps the numbers; what belongs to one lies in its
 * place, an array of the owner's that is indexed by number modulo places. */
#ifndef RST_BASE_QUEUE_H
#define RST_BASE_QUEUE_H

#include <restain/error.h>

typedef struct rst_queue rst_queue;

/**
 * @param[out] out  owned; rst__queue_free
 * @param first   the first number
 * @param places  jobs that are begun or done and not yet released, at most
 * @return 0 or RST_ENOMEM
 */
int rst__queue_new(rst_queue **out, int64_t first, int64_t places, rst_error *err);
/** No thread may be in a call. NULL is fine. */
void rst__queue_free(rst_queue *q);

/** For a worker: the next job's number, its place now the worker's; waits while all places are
 *  taken. -1 when the queue was stopped. */
int64_t rst__queue_claim(rst_queue *q);
/** The claimed job is done; its place is the taker's. */
void rst__queue_done(rst_queue *q, int64_t number);

/** For the taker: waits for the job that is next in order, and tells its number; again the same
 *  until it is released. -1 when the queue was stopped. */
int64_t rst__queue_take(rst_queue *q);
/** Gives the taken job's place back. */
void rst__queue_release(rst_queue *q);

/** Ends every wait, now and later. */
void rst__queue_stop(rst_queue *q);

#endif
