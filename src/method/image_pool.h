/* SPDX-License-Identifier: MIT */
/* A buffer of made-up pictures, so that a discriminator also sees older ones (Shrivastava et al.,
 * CVPR 2017; util/image_pool.py of CycleGAN and CUT). */
#ifndef RST_METHOD_IMAGE_POOL_H
#define RST_METHOD_IMAGE_POOL_H

#include <restain/graph.h>
#include <restain/weights.h>

typedef struct rst_method rst_method;

typedef struct rst_image_pool {
    const char *name; /* a literal; in checkpoints */
    int size;         /* 0: pictures pass through */
    int count;
    struct rst_pooled {
        rst_dims s;
        float *v; /* owned; n,c,h,w */
    } * image;    /* owned; [size] */
} rst_image_pool;

int rst__image_pool_new(rst_image_pool *p, const char *name, int size, rst_error *err);
void rst__image_pool_free(rst_image_pool *p);
/**
 * For each picture of x in turn: while the pool is not full, it is stored and returned. Afterwards,
 * with a chance of one half, it takes the place of a stored one, which is returned; else it is
 * returned itself. The chances are m's. Nothing flows back.
 * @return x's shape
 */
rst_tensor *rst__image_pool_query(rst_image_pool *p, rst_method *m, rst_tensor *x);
/** Its pictures as "pool.NAME.0", ... */
int rst__image_pool_store(const rst_image_pool *p, rst_weights *w, rst_error *err);
int rst__image_pool_load(rst_image_pool *p, const rst_weights *w, rst_error *err);

#endif
