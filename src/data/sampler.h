/* SPDX-License-Identifier: MIT */
/* Which items make up a batch. All of it is a function of (seed, batch number), so that a training
 * is resumed by one integer, whoever drew what before. */
#ifndef RST_DATA_SAMPLER_H
#define RST_DATA_SAMPLER_H

#include <stdbool.h>

#include <restain/train.h>

#include "base/rng.h"

bool rst__sampling_parse(const char *word, rst_sampling *out);
const char *rst__sampling_name(rst_sampling s);

typedef struct rst_sampler_options {
    rst_sampling sampling;
    bool paired;
    int64_t count_a, count_b; /* items; equal when paired */
    int64_t batch;            /* samples of one */
    uint64_t seed;
    int views;           /* items of a pair, one of which a sample draws; an epoch is pairs. 0: 1 */
    bool native;         /* the last of them is not drawn, but takes the place of the first ... */
    double native_share; /* ... in this share of its draws */
} rst_sampler_options;

typedef struct rst_sampler rst_sampler;

/** One sample: the items, and its number since the beginning of training. */
typedef struct rst_sample {
    int64_t number, a, b;
} rst_sample;

/** @param[out] out owned; rst__sampler_free. RST_EINVAL (less than one batch an epoch), RST_ENOMEM
 */
int rst__sampler_new(rst_sampler **out, const rst_sampler_options *o, rst_error *err);
void rst__sampler_free(rst_sampler *s);
/** But for SERIAL only whole batches count. */
int64_t rst__sampler_batches_per_epoch(const rst_sampler *s);
/**
 * Any batch, from any thread.
 *
 * @param out  room for `batch` samples
 * @param n    how many there are
 * @return 0 or RST_ENOMEM
 */
int rst__sampler_get(rst_sampler *s, int64_t batch, rst_sample *out, int64_t *n, rst_error *err);

/** The part of the stream `name` that belongs to one sample: 2^10 words, at its beginning. */
rst_rng rst__sample_rng(uint64_t seed, const char *name, int64_t number);
/** The same of 2^34 words. */
rst_rng rst__sample_stream(uint64_t seed, const char *name, int64_t number);

#endif
