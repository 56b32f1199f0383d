/* SPDX-License-Identifier: MIT */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/tree.h"

static char folder[64];

void tree_begin(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/restain-tree-XXXXXX");
    if (!mkdtemp(folder))
        fail_msg("%s cannot be made", folder);
}

static int away(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st;
    (void)kind;
    (void)f;
    return remove(path);
}

void tree_end(void)
{
    (void)nftw(folder, away, 16, FTW_DEPTH | FTW_PHYS);
}

const char *tree_path(const char *name)
{
    static char path[64][512];
    static unsigned at;
    char *p = path[at++ % 64];
    (void)snprintf(p, sizeof path[0], "%s%s%s", folder, *name ? "/" : "", name);
    return p;
}

static const char *prepared(const char *name)
{
    rst_error err = RST_ERROR_INIT;
    char parent[512];
    const char *path = tree_path(name);
    (void)snprintf(parent, sizeof parent, "%s", path);
    *strrchr(parent, '/') = 0;
    if (rst__mkdirs(parent, &err) < 0)
        fail_msg("%s", err.msg);
    return path;
}

void tree_file(const char *name, const void *data, size_t len)
{
    rst_error err = RST_ERROR_INIT;
    if (rst__file_write(prepared(name), data, len, &err) < 0)
        fail_msg("%s", err.msg);
}

void tree_picture(const char *name, int64_t width, int64_t height, int channels, int mark)
{
    rst_error err = RST_ERROR_INIT;
    rst_image img = RST_IMAGE_INIT;
    if (rst_image_new(&img, width, height, channels, &err) < 0)
        fail_msg("%s", err.msg);
    for (int64_t i = 0; i < width * height; i++) {
        const int tells[] = { (int)(i % width), (int)(i / width), mark, 128 };
        for (int c = 0; c < channels; c++)
            img.px[i * channels + c] = (uint8_t)tells[c];
    }
    if (rst_image_write(prepared(name), &img, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    rst_image_free(&img);
}

void tree_damage(const char *name, double part)
{
    rst_error err = RST_ERROR_INIT;
    uint64_t size = 0;
    if (rst__file_size(tree_path(name), &size, &err) < 0 ||
        truncate(tree_path(name), (off_t)(part * (double)size)) < 0)
        fail_msg("%s cannot be cut", name);
}

void tree_remove(const char *name)
{
    if (unlink(tree_path(name)) < 0)
        fail_msg("%s cannot be removed", name);
}

int tree_setup(void **state)
{
    (void)state;
    tree_begin();
    return 0;
}

int tree_teardown(void **state)
{
    (void)state;
    tree_end();
    return 0;
}
