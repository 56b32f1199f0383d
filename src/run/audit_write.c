/* SPDX-License-Identifier: MIT */
/* A checked data set as a manifest. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/str.h"
#include "run/audit.h"
#include "run/slide_split.h"

/* Slides of the good pairs, by name, owned. */
static int list_slides(const rst_audit *a, rst_slide_share **out, int64_t *count, rst_error *err)
{
    rst_slide_share *s = rst__calloc((size_t)a->count + 1, sizeof *s);
    int64_t n = 0, kept = 0;
    if (!s)
        return rst__fail_nomem(err, "slides of a data set");
    for (int64_t i = 0; i < a->count; i++)
        if (!a->pair[i].err.code)
            s[n++].name = a->pair[i].slide;
    qsort(s, (size_t)n, sizeof *s, rst__slide_share_by_name);
    for (int64_t i = 0; i < n; i++) {
        if (kept == 0 || strcmp(s[kept - 1].name, s[i].name) != 0)
            s[kept++].name = s[i].name;
        s[kept - 1].pairs++;
    }
    *out = s;
    *count = kept;
    return 0;
}

/* About as many pairs to validate with as before, by whole slides. */
static int divide(const rst_audit *a, rst_slide_share **out, int64_t *count, rst_error *err)
{
    if (a->unnamed > 0)
        return rst_fail(err, RST_EINVAL,
                        "--by-slide: the names of %lld pairs do not tell their slide, as "
                        "SLIDE_ROW_COLUMN does",
                        (long long)a->unnamed);
    int rc = list_slides(a, out, count, err);
    return rc < 0 ? rc : rst__slide_split(*out, *count, a->in_split[1] + a->in_split[2], err);
}

static const char *split_of(const rst_audit_pair *p, const rst_slide_share *s, int64_t count)
{
    const rst_slide_share key = { .name = p->slide };
    const rst_slide_share *found =
        s ? bsearch(&key, s, (size_t)count, sizeof *s, rst__slide_share_by_name) : NULL;
    return found ? found->val ? "val" : "train" : rst__audit_split(p->split);
}

static int add_row(rst_str *t, const rst_audit_pair *p, const char *split, rst_error *err)
{
    char path[2][PATH_MAX];
    for (int side = 0; side < 2; side++) {
        if (!realpath(p->path[side], path[side]))
            return rst_fail(err, RST_EINPUT, "%s: cannot be found", p->path[side]);
        if (path[side][strcspn(path[side], "\t\r\n")])
            return rst_fail(err, RST_EINPUT, "%s: a tab or a line's end in a name", path[side]);
    }
    rst__str_printf(t, "%s\t%s\t%s\t%s\t%lld\t%lld\t%.4f\t%.4f\t%.2f\t%.2f\t%.4f\t%s\t%s\n", split,
                    path[0], path[1], p->slide, (long long)p->width, (long long)p->height,
                    p->tissue[0], p->tissue[1], p->shift.dy, p->shift.dx, p->shift.peak,
                    p->sha256[0], p->sha256[1]);
    return 0;
}

int rst__audit_write(const rst_audit *a, const char *path, bool by_slide, rst_error *err)
{
    rst_slide_share *s = NULL;
    int64_t count = 0;
    if (a->d[0]->layout == RST_DATA_SIDE_BY_SIDE)
        return rst_fail(err, RST_EINVAL,
                        "%s: a table names files, and these hold H&E and IHC side by side", path);
    rst_str t = rst__str((size_t)1 << 28);
    int rc = by_slide ? divide(a, &s, &count, err) : 0;
    rst__str_add(&t, "split\the\tihc\tslide\twidth\theight\the_tissue\tihc_tissue\tshift_y\t"
                     "shift_x\tpeak\the_sha256\tihc_sha256\n");
    for (int64_t i = 0; rc == 0 && i < a->count; i++)
        if (!a->pair[i].err.code)
            rc = add_row(&t, a->pair + i, split_of(a->pair + i, s, count), err);
    if (rc == 0)
        rc = t.failed ? rst__fail_nomem(err, path) : rst__file_write(path, t.s, t.len, err);
    rst__str_free(&t);
    rst__free(s);
    return rc;
}
