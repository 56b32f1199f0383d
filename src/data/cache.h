/* SPDX-License-Identifier: MIT */
/* Decoded pictures, kept until a limit of bytes is reached. Nothing is thrown out again: files are
 * wanted in random order, so any part of them serves as well as another, and what was handed out
 * stays valid. */
#ifndef RST_DATA_CACHE_H
#define RST_DATA_CACHE_H

#include <restain/image.h>

typedef struct rst_image_cache rst_image_cache;

/** For files 0 .. files-1. @param[out] out owned; rst__image_cache_free. RST_ENOMEM */
int rst__image_cache_new(rst_image_cache **out, int64_t files, size_t bytes, rst_error *err);
void rst__image_cache_free(rst_image_cache *c);
/** A file's picture, good until the cache is freed; NULL when it is not there. Any thread. */
const rst_image *rst__image_cache_get(rst_image_cache *c, int64_t file);
/** Takes the picture if there is room: *img is emptied then, and the cache's copy, which may be an
 *  earlier one, is returned. Else *img stays the caller's and is returned. Any thread. */
const rst_image *rst__image_cache_put(rst_image_cache *c, int64_t file, rst_image *img);

#endif
