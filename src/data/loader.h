/* SPDX-License-Identifier: MIT */
/* Batches for training, made ahead by threads that read, decode, crop and flip into host memory and
 * never touch a device. What is in batch k follows from the data set, the options and k: not from
 * the number of threads, nor from the batch that was the first. */
#ifndef RST_DATA_LOADER_H
#define RST_DATA_LOADER_H

#include "data/augment.h"
#include "data/dataset.h"
#include "data/sampler.h"

typedef struct rst_loader_options {
    rst_sampling sampling;
    rst_augment augment;
    int64_t batch;          /* samples; 0: 1 */
    int64_t finetune_epoch; /* from this epoch on, counted from 0, load_size is crop_size, as in
                               CUT's and ASP's decay (their n_epochs); 0: never */
    int scale; /* 0: pairs. Else pictures by themselves, A's and B's: b is a crop of one, and a is
                  the same, reduced so many times by a degradation */
    rst_degradation degradation;
    uint64_t seed;
    int threads;         /* 0: 2 */
    int ahead;           /* batches made ahead; 0: threads + 2 */
    int64_t cache_mb;    /* of decoded pictures kept, in MiB; 0: none */
    double native_share; /* rst_sampler_options */
    /** NULL, or where an item's picture comes from instead of its file: the same for an item every
     *  time, called by any thread. @param[out] out owned, 3 channels */
    int (*make)(void *user, rst_data_side side, int64_t item, rst_image *out, rst_error *err);
    void *user;
} rst_loader_options;

/** A batch. Pictures are n x h x w x 3 numbers in -1..1, a super-resolver's in 0..1. */
typedef struct rst_batch {
    int64_t number;       /* k, from 0 on */
    int64_t epoch;        /* from 0 on */
    int64_t n, h, w;      /* n is smaller than asked for only at the end of a SERIAL epoch */
    int scale;            /* a's sides are h / scale and w / scale; 1 but for super-resolvers */
    float *a, *b;         /* what the generator takes; what it should make */
    int64_t first_sample; /* number of sample 0 since the beginning of training */
    const char **name;    /* [n] stem of A's file; good as long as the data set */
    const char **name_b;  /* [n] of B's: the same in pairs */
} rst_batch;

typedef struct rst_loader rst_loader;

/**
 * Starts making batches.
 *
 * @param[out] out     owned; rst__loader_close
 * @param d            borrowed until the loader is closed
 * @param first_batch  0, or where a training is taken up again
 * @return 0, RST_EINVAL (sizes, a batch larger than the data set), RST_ENOMEM (threads too)
 */
int rst__loader_open(rst_loader **out, const rst_dataset *d, const rst_loader_options *o,
                     int64_t first_batch, rst_error *err);
/** Ends the threads. NULL is fine. */
void rst__loader_close(rst_loader *l);

/**
 * Waits for the next batch. An error belongs to its batch: those before it come whole, and every
 * call after it gives it again.
 *
 * @param[out] b  borrowed until the next call
 * @return 0, RST_EINPUT, RST_EFORMAT (a damaged file, a wrong size; the message names it),
 * RST_EINVAL (a batch of pictures of several sizes), RST_ENOMEM
 */
int rst__loader_next(rst_loader *l, const rst_batch **b, rst_error *err);
/** Batches that make an epoch. */
int64_t rst__loader_batches_per_epoch(const rst_loader *l);
/** Seconds that rst__loader_next has waited so far. */
double rst__loader_waited(const rst_loader *l);

#endif
