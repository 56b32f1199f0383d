/* SPDX-License-Identifier: MIT */
#include "data/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <restain/image.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/str.h"

enum { MAX_PATH = 1 << 16, MAX_DEPTH = 32 };

/* Lists ------------------------------------------------------------------------------------------
 */

void rst__files_free(rst_file_list *l)
{
    for (int64_t i = 0; i < l->count; i++) {
        rst__free(l->item[i].path);
        rst__free(l->item[i].stem);
    }
    rst__free(l->item);
    rst__free(l->folder);
    *l = (rst_file_list){ 0 };
}

int rst__files_begin(rst_file_list *l, const char *folder, rst_error *err)
{
    size_t len = strlen(folder);
    l->folder = rst__strdup(folder);
    if (!l->folder)
        return rst__fail_nomem(err, folder);
    while (len > 1 && l->folder[len - 1] == '/')
        l->folder[--len] = 0;
    return 0;
}

static bool grow(rst_file_list *l)
{
    if (l->count < l->cap)
        return true;
    const int64_t cap = l->cap ? 2 * l->cap : 64;
    rst_file_item *p = rst__realloc(l->item, (size_t)cap, sizeof *p);
    if (!p)
        return false;
    l->item = p;
    l->cap = cap;
    return true;
}

/* folder/name, owned; NULL when out of memory. An absolute name stays as it is. */
static char *join(const char *folder, const char *name)
{
    rst_str s = rst__str(MAX_PATH);
    if (name[0] != '/' && folder[0]) {
        rst__str_add(&s, folder);
        if (name[0] && folder[strlen(folder) - 1] != '/')
            rst__str_add(&s, "/");
    }
    rst__str_add(&s, name);
    if (s.failed)
        rst__str_free(&s);
    return s.failed ? NULL : s.s;
}

static char *stem_of(const char *name)
{
    char *stem = rst__strdup(name);
    char *slash = stem ? strrchr(stem, '/') : NULL;
    char *base = slash ? slash + 1 : stem;
    char *dot = base ? strrchr(base, '.') : NULL;
    if (dot && dot != base)
        *dot = 0;
    return stem;
}

int rst__files_add(rst_file_list *l, const char *name, rst_error *err)
{
    rst_file_item f = { join(l->folder, name), stem_of(name) };
    if (!f.path || !f.stem || !grow(l)) {
        rst__free(f.path);
        rst__free(f.stem);
        return rst__fail_nomem(err, "list of files");
    }
    l->item[l->count++] = f;
    return 0;
}

/* Walking ----------------------------------------------------------------------------------------
 */

static const char *unread_kind(const char *name)
{
    static const char *const ends[] = { ".ppm", ".bmp" };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof ends / sizeof ends[0]; i++)
        if (strcasecmp(dot, ends[i]) == 0)
            return ends[i] + 1;
    return NULL;
}

static int walk(rst_file_list *l, const char *below, int depth, rst_error *err);

/* The file or folder `name`, a path below the list's folder. */
static int visit(rst_file_list *l, const char *name, int depth, rst_error *err)
{
    char *path = join(l->folder, name);
    if (!path)
        return rst__fail_nomem(err, "list of files");
    int rc = 0;
    if (rst__is_dir(path))
        rc = walk(l, name, depth + 1, err);
    else if (rst_image_is_supported_name(name))
        rc = rst__files_add(l, name, err);
    else if (unread_kind(name))
        rc = rst_fail(err, RST_EFORMAT,
                      "%s: %s files are not read; make PNG, JPEG or TIFF of it, or take it out of "
                      "the data set",
                      path, unread_kind(name));
    rst__free(path);
    return rc;
}

static int walk(rst_file_list *l, const char *below, int depth, rst_error *err)
{
    char *path = join(l->folder, below);
    if (!path)
        return rst__fail_nomem(err, "list of files");
    DIR *d = depth < MAX_DEPTH ? opendir(path) : NULL;
    int rc = 0;
    if (!d)
        rc = rst_fail(err, RST_EINPUT, "%s: %s", path,
                      depth < MAX_DEPTH ? strerror(errno) : "folders within folders without end");
    for (const struct dirent *e; rc == 0 && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        char *name = join(below, e->d_name);
        rc = name ? visit(l, name, depth, err) : rst__fail_nomem(err, "list of files");
        rst__free(name);
    }
    if (d)
        (void)closedir(d);
    rst__free(path);
    return rc;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const rst_file_item *)a)->path, ((const rst_file_item *)b)->path);
}

int rst__files_walk(rst_file_list *l, const char *folder, rst_error *err)
{
    int rc = rst__files_begin(l, folder, err);
    if (rc == 0)
        rc = walk(l, "", 0, err);
    if (rc == 0 && l->count == 0)
        rc = rst_fail(err, RST_EINPUT, "%s: no PNG, JPEG or TIFF files in this folder", l->folder);
    if (rc == 0)
        qsort(l->item, (size_t)l->count, sizeof *l->item, by_path);
    return rc;
}

/* Pairs ------------------------------------------------------------------------------------------
 */

static int by_stem(const void *a, const void *b)
{
    const int c = strcmp(((const rst_file_item *)a)->stem, ((const rst_file_item *)b)->stem);
    return c ? c : by_path(a, b);
}

static int tell_twice(const rst_file_item *f, const rst_file_item *g, rst_error *err)
{
    if (strcmp(f->path, g->path) == 0)
        return rst_fail(err, RST_EFORMAT, "%s: listed twice", f->path);
    return rst_fail(err, RST_EFORMAT,
                    "%s: its name without extension is that of %s, so its partner is not clear; "
                    "take one away, or give --dataset-mode unaligned",
                    g->path, f->path);
}

/* A copy of the items sorted by stem, which owns no strings; an error if two have one stem. */
static int sorted(const rst_file_list *l, rst_file_item **out, rst_error *err)
{
    rst_file_item *s = rst__calloc((size_t)l->count, sizeof *s);
    if (!s)
        return rst__fail_nomem(err, "pairs of files");
    memcpy(s, l->item, (size_t)l->count * sizeof *s);
    qsort(s, (size_t)l->count, sizeof *s, by_stem);
    for (int64_t i = 1; i < l->count; i++)
        if (strcmp(s[i].stem, s[i - 1].stem) == 0) {
            int rc = tell_twice(&s[i - 1], &s[i], err);
            rst__free(s);
            return rc;
        }
    *out = s;
    return 0;
}

int rst__files_check_unique(const rst_file_list *l, rst_error *err)
{
    rst_file_item *s = NULL;
    int rc = sorted(l, &s, err);
    rst__free(s);
    return rc;
}

static int stem_against(const void *key, const void *item)
{
    return strcmp(key, ((const rst_file_item *)item)->stem);
}

static const rst_file_item *find(const rst_file_item *s, int64_t count, const char *stem)
{
    return bsearch(stem, s, (size_t)count, sizeof *s, stem_against);
}

/* How many of l have no partner among the sorted; *first is the first of them. */
static int64_t lonely(const rst_file_list *l, const rst_file_item *s, int64_t count,
                      const rst_file_item **first)
{
    int64_t n = 0;
    for (int64_t i = 0; i < l->count; i++)
        if (!find(s, count, l->item[i].stem) && n++ == 0)
            *first = &l->item[i];
    return n;
}

static int check_partners(const rst_file_list *a, const rst_file_item *sa, const rst_file_list *b,
                          const rst_file_item *sb, rst_error *err)
{
    const rst_file_item *f = NULL, *g = NULL;
    const int64_t n = lonely(a, sb, b->count, &f), m = lonely(b, sa, a->count, &g);
    if (n + m == 0)
        return 0;
    return rst_fail(
        err, RST_EINPUT,
        "%s: no file of that name in %s (%lld of %lld files there and %lld of %lld "
        "here have a partner)",
        f ? f->path : g->path, f ? b->folder : a->folder,
        (long long)(f ? b->count - m : a->count - n), (long long)(f ? b->count : a->count),
        (long long)(f ? a->count - n : b->count - m), (long long)(f ? a->count : b->count));
}

int rst__files_pair(const rst_file_list *a, rst_file_list *b, rst_error *err)
{
    rst_file_item *sa = NULL, *sb = NULL;
    int rc = sorted(a, &sa, err);
    if (rc == 0)
        rc = sorted(b, &sb, err);
    if (rc == 0)
        rc = check_partners(a, sa, b, sb, err);
    for (int64_t i = 0; rc == 0 && i < a->count; i++)
        b->item[i] = *find(sb, b->count, a->item[i].stem);
    rst__free(sa);
    rst__free(sb);
    return rc;
}
