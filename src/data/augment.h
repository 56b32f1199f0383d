/* SPDX-License-Identifier: MIT */
/* From a picture to a network's input as the references' get_transform does it
 * (data/base_dataset.py of CUT and ASP; spec 7.3): resize, random crop, sides to multiples of 4,
 * flip, numbers. */
#ifndef RST_DATA_AUGMENT_H
#define RST_DATA_AUGMENT_H

#include <restain/train.h>

#include "base/rng.h"
#include "data/dataset.h"

/** The value that a word names; false for no such word. */
bool rst__preprocess_parse(const char *word, rst_preprocess *out);
const char *rst__preprocess_name(rst_preprocess p);
/** Whether all pictures come out in one size, whatever theirs. */
bool rst__preprocess_is_fixed(rst_preprocess p);

typedef struct rst_augment {
    rst_preprocess preprocess;
    int64_t load_size; /* of the resizing kinds */
    int64_t crop_size; /* of the cropping kinds */
    bool flip;         /* mirrored left to right with probability 1/2 */
} rst_augment;

/** What chance decided for one picture, or for both of a pair. */
typedef struct rst_augment_draw {
    int64_t y, x; /* the crop's corner, in the resized picture */
    bool flip;
} rst_augment_draw;

/** What becomes of a size. */
typedef struct rst_augment_sizes {
    int64_t h, w;           /* resized, before the crop */
    int64_t crop_h, crop_w; /* cropped */
    int64_t out_h, out_w;   /* the result: multiples of 4 */
} rst_augment_sizes;

/** 0, or RST_EINVAL for sizes that make no sense. */
int rst__augment_check(const rst_augment *o, rst_error *err);
/** For a picture of h x w pixels called `name`. RST_EFORMAT (smaller than the crop), RST_EINVAL */
int rst__augment_plan(const rst_augment *o, const char *name, int64_t h, int64_t w,
                      rst_augment_sizes *out, rst_error *err);
/** Draws row, column (each uniform over all that fit), flip, in this order. */
rst_augment_draw rst__augment_roll(const rst_augment *o, const rst_augment_sizes *s, rst_rng *r);
/**
 * @param v    the picture; s is its plan, d its draw
 * @param dst  out_h x out_w x 3, in -1..1
 * @return 0 or RST_ENOMEM
 */
int rst__augment_apply(const rst_augment_sizes *s, rst_augment_draw d, const rst_image_view *v,
                       float *dst, rst_error *err);

#endif
