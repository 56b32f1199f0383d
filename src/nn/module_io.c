/* SPDX-License-Identifier: MIT */
/* Weights into modules and out of them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "grad/engine.h"
#include "nn/names.h"

static bool has_suffix(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

/* "3x64x7x7"; "scalar" for rank 0. */
static const char *shape_text(int rank, const int64_t *shape, char buf[160])
{
    size_t at = 0;
    (void)snprintf(buf, 160, "scalar");
    for (int i = 0; i < rank && at < 130; i++) {
        int n = snprintf(buf + at, 160 - at, "%s%lld", i ? "x" : "", (long long)shape[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    return buf;
}

/* Finding ---------------------------------------------------------------------------------------
 */

static const rst_weight *look(const rst_weights *w, const char *prefix, const char *name)
{
    char full[512];
    int n = snprintf(full, sizeof full, "%s%s", prefix, name);
    return n > 0 && (size_t)n < sizeof full ? rst_weights_find(w, full) : NULL;
}

static const rst_weight *find(const rst_module *m, const rst_weights *w, const char *prefix,
                              const char *name)
{
    char other[256];
    const rst_weight *t = look(w, prefix, name);
    for (int i = 0; !t && rst__other_name(&m->arch, name, i, other, sizeof other); i++)
        t = look(w, prefix, other);
    return t;
}

/* Checking --------------------------------------------------------------------------------------
 */

static int64_t numel(const rst_param *p)
{
    return p->shape[0] * p->shape[1] * p->shape[2] * p->shape[3];
}

static int check_filter(const rst_param *p, const rst_weight *t, rst_error *err)
{
    double tap[8], sum;
    rst__binomial(p->taps, tap, &sum);
    int64_t n = numel(p), side = p->taps;
    float *v = rst__malloc((size_t)n * sizeof *v);
    if (!v)
        return rst__fail_nomem(err, t->name);
    rst_weight_to_f32(t, v);
    bool same = true;
    for (int64_t i = 0; i < n; i++) {
        double want = p->gain * tap[i / side % side] * tap[i % side] / (sum * sum);
        same &= fabs(v[i] - want) <= 1e-5; /* false for NaN */
    }
    rst__free(v);
    if (!same)
        return rst_fail(err, RST_EFORMAT, "%s: not the binomial filter of %d taps", t->name,
                        p->taps);
    return 0;
}

static int check_entry(const rst_param *p, const rst_weight *t, rst_error *err)
{
    char got[160], want[160];
    if (p->kind == RST_ENTRY_COUNTER)
        return rst_weight_elements(t) == 1
                   ? 0
                   : rst_fail(err, RST_EFORMAT, "%s: a counter must be one number", t->name);
    bool same = t->rank == p->rank;
    for (int i = 0; same && i < p->rank; i++)
        same = t->shape[i] == p->shape[i];
    if (!same)
        return rst_fail(err, RST_EFORMAT, "%s: is %s, the network has %s", t->name,
                        shape_text(t->rank, t->shape, got), shape_text(p->rank, p->shape, want));
    return p->kind == RST_ENTRY_FILTER ? check_filter(p, t, err) : 0;
}

static int check_all(const rst_module *m, const rst_weights *w, const char *prefix, unsigned flags,
                     rst_error *err)
{
    for (int i = 0; i < m->nparam; i++) {
        const rst_param *p = m->param[i];
        const rst_weight *t = find(m, w, prefix, p->name);
        bool must = p->kind == RST_ENTRY_PARAM || p->kind == RST_ENTRY_BUFFER;
        if (!t && must && !(flags & RST_LOAD_PARTIAL))
            return rst_fail(err, RST_EFORMAT, "%s%s: missing from the weights", prefix, p->name);
        int rc = t ? check_entry(p, t, err) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static bool is_norm(const rst_layer *l, const char *name, size_t len)
{
    if (l->kind == RST_LAYER_INSTANCE_NORM && strlen(l->prefix) == len &&
        strncmp(l->prefix, name, len) == 0)
        return true;
    for (int i = 0; i < l->nsub; i++)
        if (is_norm(l->sub[i], name, len))
            return true;
    return false;
}

/* Old checkpoints have running statistics for instance norms, which never used them. */
static bool stale_statistics(const rst_module *m, const char *name)
{
    static const char *const end[] = { ".running_mean", ".running_var", ".num_batches_tracked" };
    for (size_t i = 0; i < sizeof end / sizeof end[0]; i++)
        if (has_suffix(name, end[i]))
            return is_norm(m->root, name, strlen(name) - strlen(end[i]));
    return false;
}

static bool wanted(const rst_module *m, const char *name)
{
    char usual[256];
    if (rst_module_find(m, name) >= 0 || stale_statistics(m, name) ||
        rst__unused_name(&m->arch, name))
        return true;
    return rst__usual_name(&m->arch, name, usual, sizeof usual) && rst_module_find(m, usual) >= 0;
}

static int check_extra(const rst_module *m, const rst_weights *w, const char *prefix,
                       rst_error *err)
{
    size_t skip = strlen(prefix);
    for (int64_t i = 0; i < rst_weights_count(w); i++) {
        const rst_weight *t = rst_weights_get(w, i);
        if (strncmp(t->name, prefix, skip) == 0 && !wanted(m, t->name + skip))
            return rst_fail(err, RST_EFORMAT, "%s: the network has no such tensor", t->name);
    }
    return 0;
}

/* Loading ---------------------------------------------------------------------------------------
 */

static int take(rst_module *m, rst_param *p, const rst_weight *t, rst_error *err)
{
    if (p->kind == RST_ENTRY_COUNTER)
        return rst_weight_to_i64(t, &p->count, err);
    if (p->kind == RST_ENTRY_FILTER)
        return 0;
    float *v = rst__malloc((size_t)numel(p) * sizeof *v);
    if (!v)
        return rst__fail_nomem(err, t->name);
    rst_weight_to_f32(t, v);
    int rc = rst__param_upload(p->value, v);
    if (rc < 0)
        (void)rst_ctx_error(m->c, err);
    rst__free(v);
    return rc;
}

int rst_module_load(rst_module *m, const rst_weights *w, const char *prefix, unsigned flags,
                    rst_error *err)
{
    if (!m->c)
        return rst_fail(err, RST_EINVAL, "a network without a context cannot take weights");
    int rc = rst__module_check(m, w, prefix, flags, err);
    for (int i = 0; rc == 0 && i < m->nparam; i++) {
        const rst_weight *t = find(m, w, prefix, m->param[i]->name);
        if (t)
            rc = take(m, m->param[i], t, err);
    }
    return rc;
}

int rst__module_check(const rst_module *m, const rst_weights *w, const char *prefix, unsigned flags,
                      rst_error *err)
{
    int rc = check_all(m, w, prefix, flags, err);
    return rc < 0 || (flags & RST_LOAD_EXTRA) ? rc : check_extra(m, w, prefix, err);
}

/* Storing ---------------------------------------------------------------------------------------
 */

static int add(rst_weights *w, const char *prefix, const rst_param *p, rst_weight_type type,
               const void *data, rst_error *err)
{
    char full[512];
    int n = snprintf(full, sizeof full, "%s%s", prefix, p->name);
    if (n < 0 || (size_t)n >= sizeof full)
        return rst_fail(err, RST_EINVAL, "%s: the prefix is too long", p->name);
    return rst_weights_add(w, full, type, p->rank, p->shape, data, err);
}

static void fill_filter(const rst_param *p, float *v)
{
    double tap[8], sum;
    rst__binomial(p->taps, tap, &sum);
    int64_t n = numel(p), side = p->taps;
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(p->gain * tap[i / side % side] * tap[i % side] / (sum * sum));
}

static int store_entry(const rst_module *m, const rst_param *p, rst_weights *w, const char *prefix,
                       rst_error *err)
{
    if (p->kind == RST_ENTRY_COUNTER)
        return add(w, prefix, p, RST_WEIGHT_I64, &p->count, err);
    float *v = rst__malloc((size_t)numel(p) * sizeof *v);
    if (!v)
        return rst__fail_nomem(err, p->name);
    int rc = 0;
    if (p->kind == RST_ENTRY_FILTER)
        fill_filter(p, v);
    else if ((rc = rst_download(p->value, RST_NCHW, v)) < 0)
        (void)rst_ctx_error(m->c, err);
    if (rc == 0)
        rc = add(w, prefix, p, RST_WEIGHT_F32, v, err);
    rst__free(v);
    return rc;
}

int rst_module_store(const rst_module *m, rst_weights *w, const char *prefix, rst_error *err)
{
    if (!m->c)
        return rst_fail(err, RST_EINVAL, "a network without a context has no weights to store");
    for (int i = 0; i < m->nparam; i++) {
        int rc = store_entry(m, m->param[i], w, prefix, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Blending --------------------------------------------------------------------------------------
 */

int rst__module_blend(rst_module *dst, const rst_module *src, double d, rst_error *err)
{
    rst_dev *dev = dst->c->dev;
    for (int i = 0; i < dst->nparam; i++) {
        rst_param *to = dst->param[i];
        const rst_param *from = src->param[i];
        to->count = from->count;
        if (!to->value)
            continue;
        double keep = to->kind == RST_ENTRY_PARAM ? d : 0;
        int rc =
            dev->be->axpby(dev, numel(to), 1 - keep, from->value->st->p, keep, to->value->st->p);
        rst__param_changed(to->value);
        if (rc < 0) {
            rst__ctx_take(dst->c, rc);
            return rst_ctx_error(dst->c, err);
        }
    }
    return 0;
}
