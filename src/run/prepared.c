/* SPDX-License-Identifier: MIT */
#include "run/prepared.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"

enum { MAX_PATH = 1 << 16, MAX_SETTINGS = 1 << 16 };

/* "FOLDER/NAME"; the caller frees it and asks whether it failed. */
static rst_str below(const char *folder, const char *name)
{
    rst_str path = rst__str(MAX_PATH);
    rst__str_printf(&path, "%s/%s", folder, name);
    return path;
}

int rst__prepared_text(const char *folder, const char *name, const rst_str *text, rst_error *err)
{
    rst_str path = below(folder, name);
    int rc = text->failed || path.failed
                 ? rst__fail_nomem(err, folder)
                 : rst__file_write(path.s, text->len ? text->s : "", text->len, err);
    rst__str_free(&path);
    return rc;
}

/* The folder of a file, made if it is not there. */
static int make_above(const char *path, rst_error *err)
{
    char *folder = rst__strdup(path);
    if (!folder)
        return rst__fail_nomem(err, path);
    *strrchr(folder, '/') = 0;
    int rc = rst__mkdirs(folder, err);
    rst__free(folder);
    return rc;
}

int rst__prepared_picture(const char *path, const rst_image *img, const rst_image_write_options *o,
                          rst_error *err)
{
    int rc = make_above(path, err);
    return rc < 0 ? rc : rst_image_write(path, img, o, err);
}

static int compare(const char *path, const rst_str *settings, rst_error *err)
{
    void *there = NULL;
    size_t len;
    int rc = rst__file_read(path, MAX_SETTINGS, &there, &len, err);
    if (rc == 0 && (len != settings->len || memcmp(there, settings->s, len) != 0))
        rc = rst_fail(err, RST_EINVAL,
                      "%s: was made with other settings, which it tells; give another -o, or "
                      "remove the folder",
                      path);
    rst__free(there);
    return rc;
}

static int check_foreign(const char *folder, const char *const *ours, rst_error *err)
{
    int rc = 0;
    for (; rc == 0 && *ours; ours++) {
        rst_str path = below(folder, *ours);
        if (path.failed)
            rc = rst__fail_nomem(err, folder);
        else if (rst__exists(path.s))
            rc = rst_fail(err, RST_EINVAL,
                          "%s: has a %s that is none of prepare's; give another -o", folder, *ours);
        rst__str_free(&path);
    }
    return rc;
}

int rst__prepared_claim(const char *folder, const rst_str *settings, const char *const *ours,
                        rst_error *err)
{
    static const char name[] = "settings.txt";
    rst_str path = below(folder, name);
    if (settings->failed || path.failed) {
        rst__str_free(&path);
        return rst__fail_nomem(err, folder);
    }
    int rc;
    if (rst__exists(path.s)) {
        rc = compare(path.s, settings, err);
    } else {
        rc = check_foreign(folder, ours, err);
        if (rc == 0)
            rc = rst__mkdirs(folder, err);
        if (rc == 0)
            rc = rst__prepared_text(folder, name, settings, err);
    }
    rst__str_free(&path);
    return rc;
}
