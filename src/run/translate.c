/* SPDX-License-Identifier: MIT */
/* Files and folders through a model. */
#include <restain/translate.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "run/attention.h"
#include "run/identify.h"
#include "run/model.h"

typedef struct item {
    char *in, *out; /* owned */
    rst_error err;
} item;

struct rst_translation {
    item *item;
    int64_t count, cap;
    bool overwrite;
    char *folder; /* owned; of the outputs, NULL when `to` is a file */
};

void rst_translation_free(rst_translation *t)
{
    if (!t)
        return;
    for (int64_t i = 0; i < t->count; i++) {
        rst__free(t->item[i].in);
        rst__free(t->item[i].out);
    }
    rst__free(t->item);
    rst__free(t->folder);
    rst__free(t);
}

int64_t rst_translation_count(const rst_translation *t)
{
    return t->count;
}

rst_translation_file rst_translation_get(const rst_translation *t, int64_t i)
{
    const item *f = &t->item[i];
    return (rst_translation_file){ f->in, f->out, f->err };
}

/* Inputs ----------------------------------------------------------------------------------------
 */

/* a/b, owned; NULL when out of memory. */
static char *join(const char *a, size_t len, const char *b, const char *end)
{
    while (len > 1 && a[len - 1] == '/')
        len--;
    size_t n = len + strlen(b) + strlen(end) + 2;
    char *s = rst__malloc(n);
    if (s)
        (void)snprintf(s, n, "%.*s%s%s%s", (int)len, a, len && a[len - 1] == '/' ? "" : "/", b,
                       end);
    return s;
}

/* Takes `in`, which may be NULL when memory ran out. */
static int add(rst_translation *t, char *in, rst_error *err)
{
    if (in && t->count == t->cap) {
        int64_t cap = t->cap ? 2 * t->cap : 16;
        item *p = rst__realloc(t->item, (size_t)cap, sizeof *p);
        if (p) {
            t->item = p;
            t->cap = cap;
        }
    }
    if (!in || t->count == t->cap) {
        rst__free(in);
        return rst__fail_nomem(err, "list of files");
    }
    t->item[t->count++] = (item){ .in = in };
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const item *)a)->in, ((const item *)b)->in);
}

static int add_folder(rst_translation *t, const char *path, rst_error *err)
{
    DIR *d = opendir(path);
    if (!d)
        return rst_fail(err, RST_EINPUT, "%s: %s", path, strerror(errno));
    const int64_t first = t->count;
    int rc = 0;
    for (const struct dirent *e; rc == 0 && (e = readdir(d));)
        if (e->d_name[0] != '.' && rst_image_is_supported_name(e->d_name))
            rc = add(t, join(path, strlen(path), e->d_name, ""), err);
    (void)closedir(d);
    if (rc == 0 && t->count == first)
        rc = rst_fail(err, RST_EINPUT, "%s: no PNG, JPEG or TIFF files in this folder", path);
    if (rc == 0)
        qsort(t->item + first, (size_t)(t->count - first), sizeof *t->item, by_name);
    return rc;
}

/* Outputs ---------------------------------------------------------------------------------------
 */

static char *png_in(const char *folder, const char *in)
{
    const char *name = rst__basename(in), *dot = strrchr(name, '.');
    char *stem = rst__strdup(name), *out = NULL;
    if (stem) {
        if (dot && dot != name)
            stem[dot - name] = 0;
        out = join(folder, strlen(folder), stem, ".png");
    }
    rst__free(stem);
    return out;
}

static int to_folder(rst_translation *t, const char *to, rst_error *err)
{
    t->folder = rst__strdup(to);
    for (int64_t i = 0; t->folder && i < t->count; i++)
        if (!(t->item[i].out = png_in(to, t->item[i].in)))
            return rst__fail_nomem(err, "list of files");
    return t->folder ? 0 : rst__fail_nomem(err, to);
}

static int to_file(rst_translation *t, const char *to, rst_error *err)
{
    const char *name = rst__basename(to);
    t->item[0].out = rst__strdup(to);
    char *folder = rst__strdup(to);
    if (!folder || !t->item[0].out) {
        rst__free(folder);
        return rst__fail_nomem(err, to);
    }
    folder[name - to] = 0;
    int rc = 0;
    if (*folder && !rst__is_dir(folder))
        rc = rst_fail(err, RST_EOUTPUT, "%s: there is no folder %s", to, folder);
    rst__free(folder);
    return rc;
}

static int name_outputs(rst_translation *t, bool several, const char *to, rst_error *err)
{
    const size_t n = strlen(to);
    if (n == 0)
        return rst_fail(err, RST_EINVAL, "the output's name is empty");
    if (rst__is_dir(to) || to[n - 1] == '/')
        return to_folder(t, to, err);
    if (!several && rst_image_is_supported_name(to))
        return to_file(t, to, err);
    if (!several)
        return rst_fail(err, RST_EINVAL,
                        "%s: must end in .png, .jpg, .jpeg, .tif or .tiff, or in / for a folder",
                        to);
    if (rst__exists(to) || rst_image_is_supported_name(to))
        return rst_fail(err, RST_EINVAL, "%s: several pictures go into a folder, not a file", to);
    return to_folder(t, to, err);
}

/* Which file a path is, for comparing. */
typedef struct place {
    dev_t dev;
    ino_t ino;
} place;

static bool place_of(const char *path, place *p)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return false;
    *p = (place){ st.st_dev, st.st_ino };
    return true;
}

static int by_place(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    return (x->ino > y->ino) - (x->ino < y->ino);
}

/* No output may be one of the inputs, whatever was asked for: the source would be lost. */
static int check_inputs_stay(const rst_translation *t, rst_error *err)
{
    place *list = rst__calloc((size_t)t->count, sizeof *list), p;
    size_t n = 0;
    if (!list)
        return rst__fail_nomem(err, "list of files");
    for (int64_t i = 0; i < t->count; i++)
        n += place_of(t->item[i].in, &list[n]);
    qsort(list, n, sizeof *list, by_place);
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < t->count; i++)
        if (n && place_of(t->item[i].out, &p) && bsearch(&p, list, n, sizeof *list, by_place))
            rc = rst_fail(err, RST_EINVAL, "%s: is an input too; choose another output",
                          t->item[i].out);
    rst__free(list);
    return rc;
}

static int by_output(const void *a, const void *b)
{
    return strcmp((*(item *const *)a)->out, (*(item *const *)b)->out);
}

static int check_distinct(const rst_translation *t, rst_error *err)
{
    item **list = rst__calloc((size_t)t->count, sizeof *list);
    if (!list)
        return rst__fail_nomem(err, "list of files");
    for (int64_t i = 0; i < t->count; i++)
        list[i] = &t->item[i];
    qsort(list, (size_t)t->count, sizeof *list, by_output);
    int rc = 0;
    for (int64_t i = 1; rc == 0 && i < t->count; i++)
        if (strcmp(list[i - 1]->out, list[i]->out) == 0)
            rc = rst_fail(err, RST_EINVAL, "%s and %s would both become %s", list[i - 1]->in,
                          list[i]->in, list[i]->out);
    rst__free(list);
    return rc;
}

static int check_free(const rst_translation *t, rst_error *err)
{
    const char *first = NULL;
    long more = 0;
    for (int64_t i = 0; i < t->count; i++) {
        if (!rst__exists(t->item[i].out))
            continue;
        if (first)
            more++;
        else
            first = t->item[i].out;
    }
    if (!first)
        return 0;
    if (more)
        return rst_fail(err, RST_EINVAL,
                        "%s and %ld more outputs exist; give --overwrite to replace them", first,
                        more);
    return rst_fail(err, RST_EINVAL, "%s: exists; give --overwrite to replace it", first);
}

static int plan(rst_translation *t, const char *const *in, int count, const char *to,
                bool overwrite, rst_error *err)
{
    bool folder = false;
    int rc = 0;
    for (int i = 0; rc == 0 && i < count; i++) {
        bool dir = rst__is_dir(in[i]);
        folder = folder || dir;
        rc = dir ? add_folder(t, in[i], err) : add(t, rst__strdup(in[i]), err);
    }
    if (rc == 0)
        rc = name_outputs(t, folder || count > 1, to, err);
    if (rc == 0)
        rc = check_distinct(t, err);
    if (rc == 0)
        rc = check_inputs_stay(t, err);
    return rc < 0 || overwrite ? rc : check_free(t, err);
}

int rst_translation_plan(rst_translation **out, const char *const *in, int count, const char *to,
                         bool overwrite, rst_error *err)
{
    if (count < 1)
        return rst_fail(err, RST_EINVAL, "no pictures to translate were given");
    rst_translation *t = rst__calloc(1, sizeof *t);
    if (!t)
        return rst__fail_nomem(err, "list of files");
    t->overwrite = overwrite;
    int rc = plan(t, in, count, to, overwrite, err);
    if (rc < 0) {
        rst_translation_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

/* What stands beside an output, too, is neither an input nor another's output. Called before the
 * first picture is read. */
static int check_beside(const rst_translation *t, const item *f, const char *path, rst_error *err)
{
    static const char end[] = ".attention.png";
    const size_t n = strlen(f->out), m = sizeof end - 1;
    place beside, in;
    if (n >= m && strcmp(f->out + n - m, end) == 0)
        return rst_fail(err, RST_EINVAL,
                        "%s: is what --save-attention would call another picture's; choose another "
                        "output",
                        f->out);
    if (!place_of(path, &beside))
        return 0;
    if (!t->overwrite)
        return rst_fail(err, RST_EINVAL, "%s: exists; give --overwrite to replace it", path);
    for (int64_t i = 0; i < t->count; i++)
        if (place_of(t->item[i].in, &in) && by_place(&beside, &in) == 0)
            return rst_fail(err, RST_EINVAL, "%s: is an input too; choose another output", path);
    return 0;
}

static int check_attention(const rst_translation *t, rst_error *err)
{
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < t->count; i++)
        for (int k = 0; rc == 0 && k < RST_ATTENTION_FILES; k++) {
            char *path = rst__attention_path(t->item[i].out, (rst_attention_file)k);
            rc = path ? check_beside(t, &t->item[i], path, err)
                      : rst__fail_nomem(err, "list of files");
            rst__free(path);
        }
    return rc;
}

/* Running ---------------------------------------------------------------------------------------
 */

typedef struct runner {
    rst_translation *t;
    rst_model *m;
    const rst_translation_options *o;
    rst_translation_progress at;
} runner;

static int tell(runner *r, rst_translation_phase phase, rst_error *err)
{
    r->at.phase = phase;
    if (r->o->progress && r->o->progress(r->o->user, &r->at))
        return rst_fail(err, RST_ECANCELLED, "stopped after %lld of %lld files",
                        (long long)r->at.done, (long long)r->at.total);
    return 0;
}

/* A picture taken at another magnification than the model's is translated as it is, but not in
 * silence. */
static void compare_mpp(const runner *r, const item *f, const rst_image *img)
{
    double want = rst_model_describe(r->m).mpp;
    if (want > 0 && img->mpp > 0 && (img->mpp > 1.1 * want || img->mpp < 0.9 * want))
        rst__log(RST_LOG_WARN, "%s: %.4g um per pixel, the model was made for %.4g", f->in,
                 img->mpp, want);
}

/* Before the picture itself: once that is there, all is. */
static int write_attention(runner *r, const item *f, const rst_attention *seen, const rst_image *in,
                           rst_error *err)
{
    int rc = 0;
    for (int k = 0; rc == 0 && k < RST_ATTENTION_FILES; k++) {
        char *path = rst__attention_path(f->out, (rst_attention_file)k);
        r->at.out = path;
        rc = path ? tell(r, RST_TRANSLATION_WRITE, err) : rst__fail_nomem(err, f->out);
        if (rc == 0)
            rc = rst__attention_write(seen, in, (rst_attention_file)k, path, err);
        r->at.out = f->out;
        rst__free(path);
    }
    return rc;
}

static int translate_file(runner *r, item *f, rst_error *err)
{
    rst_image in = RST_IMAGE_INIT, out = RST_IMAGE_INIT;
    rst_attention seen = { .count = 0 };
    r->at.in = f->in;
    r->at.out = f->out;
    int rc = tell(r, RST_TRANSLATION_READ, err);
    if (rc == 0)
        rc = rst_image_read(&in, f->in, &r->o->read, err);
    if (rc == 0) {
        compare_mpp(r, f, &in);
        rc = tell(r, RST_TRANSLATION_COMPUTE, err);
    }
    if (rc == 0)
        rc = r->o->attention ? rst__model_attend(r->m, &in, f->in, &out, &seen, err)
                             : rst__model_translate(r->m, &in, f->in, &out, err);
    if (rc == 0 && r->o->attention)
        rc = write_attention(r, f, &seen, &in, err);
    rst__attention_free(&seen);
    rst_image_free(&in);
    if (rc == 0)
        rc = tell(r, RST_TRANSLATION_WRITE, err);
    if (rc == 0)
        rc = rst_image_write(f->out, &out, NULL, err);
    rst_image_free(&out);
    return rc;
}

/* What would fail for every other file as well. */
static bool ends_all(int rc)
{
    return rc == RST_EOUTPUT || rc == RST_EDEVICE || rc == RST_ECANCELLED || rc == RST_EINTERNAL;
}

int rst_translation_run(rst_translation *t, rst_model *m, const rst_translation_options *o,
                        rst_error *err)
{
    static const rst_translation_options usual = { 0 };
    runner r = { .t = t, .m = m, .o = o ? o : &usual, .at = { .total = t->count } };
    int rc = r.o->attention ? rst__model_require_gates(m, err) : 0;
    if (rc == 0 && r.o->attention)
        rc = check_attention(t, err);
    if (rc == 0 && t->folder)
        rc = rst__mkdirs(t->folder, err);
    for (int64_t i = 0; rc == 0 && i < t->count; i++) {
        item *f = &t->item[i];
        f->err = (rst_error)RST_ERROR_INIT;
        int one = translate_file(&r, f, &f->err);
        if (one < 0 && (ends_all(one) || t->count == 1))
            return rst_fail(err, one, "%s", f->err.msg);
        r.at.done += one == 0;
        r.at.failed += one < 0;
        rc = tell(&r, RST_TRANSLATION_DONE, err);
    }
    if (rc == 0 && r.at.failed)
        rc = rst_fail(err, RST_EPARTIAL, "%lld of %lld files failed", (long long)r.at.failed,
                      (long long)t->count);
    return rc;
}
