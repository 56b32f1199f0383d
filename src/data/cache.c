/* SPDX-License-Identifier: MIT */
#include "data/cache.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/err.h"

struct rst_image_cache {
    pthread_mutex_t lock;
    rst_image *img; /* owned, by file; px NULL: not there. It and `left` are under the lock */
    int64_t files;
    size_t left;
};

int rst__image_cache_new(rst_image_cache **out, int64_t files, size_t bytes, rst_error *err)
{
    rst_image_cache *c = rst__calloc(1, sizeof *c);
    if (c)
        c->img = rst__calloc((size_t)files, sizeof *c->img);
    if (!c || !c->img) {
        rst__free(c);
        return rst__fail_nomem(err, "cache of pictures");
    }
    c->files = files;
    c->left = bytes;
    (void)pthread_mutex_init(&c->lock, NULL);
    *out = c;
    return 0;
}

void rst__image_cache_free(rst_image_cache *c)
{
    if (!c)
        return;
    for (int64_t i = 0; i < c->files; i++)
        rst_image_free(&c->img[i]);
    (void)pthread_mutex_destroy(&c->lock);
    rst__free(c->img);
    rst__free(c);
}

const rst_image *rst__image_cache_get(rst_image_cache *c, int64_t file)
{
    pthread_mutex_lock(&c->lock);
    const rst_image *img = c->img[file].px ? &c->img[file] : NULL;
    pthread_mutex_unlock(&c->lock);
    return img;
}

const rst_image *rst__image_cache_put(rst_image_cache *c, int64_t file, rst_image *img)
{
    const size_t bytes = (size_t)(img->width * img->height * img->channels);
    rst_image *kept = &c->img[file];
    pthread_mutex_lock(&c->lock);
    if (!kept->px && bytes <= c->left) {
        *kept = *img;
        *img = (rst_image)RST_IMAGE_INIT;
        c->left -= bytes;
    }
    const bool there = kept->px != NULL;
    pthread_mutex_unlock(&c->lock);
    if (!there)
        return img;
    rst_image_free(img);
    return kept;
}
