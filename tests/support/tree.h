/* SPDX-License-Identifier: MIT */
/* A folder of made pictures in any number of folders below it, for tests. Include after cmocka.h.
 */
#ifndef RST_TESTS_TREE_H
#define RST_TESTS_TREE_H

#include <restain/image.h>

/** An empty folder of its own; removed with all that is in it by tree_end. */
void tree_begin(void);
void tree_end(void);
/** The same as cmocka's fixtures. */
int tree_setup(void **state);
int tree_teardown(void **state);
/** A name in that folder; 64 of them are good at the same time. */
const char *tree_path(const char *name);
/** Writes a file, and the folders it lies in. */
void tree_file(const char *name, const void *data, size_t len);
/** A picture whose pixels tell x, y and `mark`: red is x, green y, blue mark, each modulo 256; a
 *  grey one has x. Lossless for .png and .tif. */
void tree_picture(const char *name, int64_t width, int64_t height, int channels, int mark);
/** Cuts a file to that part of its length. */
void tree_damage(const char *name, double part);
void tree_remove(const char *name);

#endif
