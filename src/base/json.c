/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"

json_t *rst__json_parse(const char *text, size_t len, const char *what, rst_error *err)
{
    json_error_t je;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
    if (!root)
        rst_fail(err, RST_EFORMAT, "%s: bad JSON at byte %d: %s", what, je.position, je.text);
    return root;
}

json_t *rst__json_load(const char *path, size_t max, rst_error *err)
{
    void *buf;
    size_t len;
    if (rst__file_read(path, max, &buf, &len, err) < 0)
        return NULL;
    json_t *root = rst__json_parse(buf, len, path, err);
    rst__free(buf);
    return root;
}
