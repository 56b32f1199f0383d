/* SPDX-License-Identifier: MIT */
/* Contexts, scopes and the lives of tensors. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "grad/tape.h"

static void *pool_alloc(void *dev, size_t bytes)
{
    rst_dev *d = dev;
    return d->be->alloc(d, bytes);
}

static void pool_release(void *dev, void *p)
{
    rst_dev *d = dev;
    d->be->release(d, p);
}

int rst_ctx_new(rst_ctx **out, const rst_ctx_options *o, rst_error *err)
{
    static const rst_ctx_options usual = { 0 };
    o = o ? o : &usual;
    const rst_backend *be = rst__backend_find(o->backend, o->dtype);
    if (!be)
        return rst_fail(err, RST_EINVAL, "no backend '%s' for %s numbers",
                        o->backend ? o->backend : "cpu",
                        o->dtype == RST_F64 ? "float64" : "float32");
    rst_ctx *c = rst__calloc(1, sizeof *c);
    if (!c)
        return rst__fail_nomem(err, "context");
    int rc = be->open(&c->dev, o, err);
    if (rc < 0) {
        rst__free(c);
        return rc;
    }
    c->type = o->dtype;
    c->seed = o->seed;
    c->pool = rst__pool_new((rst_pool_source){ pool_alloc, pool_release, c->dev, be->host_memory });
    if (!c->pool) {
        rst_ctx_free(c);
        return rst__fail_nomem(err, "context");
    }
    *out = c;
    return 0;
}

static void drop_handles(rst_ctx *c, int first)
{
    while (c->handles > first)
        rst__tensor_unref(c->handle[--c->handles]);
}

void rst_ctx_free(rst_ctx *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->handles; i++)
        rst__storage_drop(c->handle[i]);
    drop_handles(c, 0);
    rst__pool_free(c->pool);
    c->dev->be->close(c->dev);
    rst__free(c->handle);
    rst__free(c->stash);
    rst__free(c);
}

rst_ctx_stats rst_ctx_statistics(const rst_ctx *c)
{
    return (rst_ctx_stats){
        .bytes_live = rst__pool_live(c->pool),
        .bytes_peak = rst__pool_peak(c->pool),
        .convs = c->dev->convs,
        .convs_winograd = c->dev->convs_winograd,
        .macs = c->dev->macs,
        .threads = c->dev->threads,
        .backend = c->dev->be->name,
    };
}

int rst_ctx_error(const rst_ctx *c, rst_error *err)
{
    if (c->err.code)
        rst_fail(err, c->err.code, "%s", c->err.msg);
    return c->err.code;
}

void *rst__ctx_fail(rst_ctx *c, int code, const char *fmt, ...)
{
    if (c->err.code)
        return NULL;
    va_list ap;
    va_start(ap, fmt);
    c->err.code = code;
    (void)vsnprintf(c->err.msg, sizeof c->err.msg, fmt, ap);
    va_end(ap);
    return NULL;
}

void *rst__ctx_take(rst_ctx *c, int rc)
{
    if (c->dev->err.code)
        rst__ctx_fail(c, rc, "%s", c->dev->err.msg);
    else
        rst__ctx_fail(c, rc, "%s: a kernel refused without a reason: a bug", c->dev->be->name);
    c->dev->err = (rst_error){ 0 };
    return NULL;
}

/* Scopes --------------------------------------------------------------------------------------- */

static void begin(rst_ctx *c, bool nograd)
{
    enum { MAX = sizeof c->scope / sizeof c->scope[0] };
    if (c->depth == 0)
        c->err = (rst_error){ 0 };
    if (c->depth == MAX) { /* keeps counting, so that begin and end stay paired */
        rst__ctx_fail(c, RST_EINTERNAL, "more than %d scopes are open", MAX - 1);
        c->depth++;
        return;
    }
    if (c->depth < MAX)
        c->scope[c->depth] = (struct rst_scope){ c->handles, c->nograd };
    c->depth++;
    c->nograd |= nograd;
}

void rst_begin(rst_ctx *c)
{
    begin(c, false);
}

void rst_begin_nograd(rst_ctx *c)
{
    begin(c, true);
}

rst_tensor *rst_keep(rst_tensor *t)
{
    if (t && t->scope == t->ctx->depth)
        t->keep = true;
    return t;
}

void rst__storage_drop(rst_tensor *t)
{
    rst__storage_put(t->st);
    t->st = NULL;
}

/* Drops the scope's tensors, the last made first: the pool hands blocks out last-in first-out, so
 * the next step finds the same ones in the same order. What was kept moves to the enclosing scope.
 */
static void close_scope(rst_ctx *c)
{
    int first = c->scope[c->depth].first, last = c->handles, kept = first;
    for (int i = last - 1; i >= first; i--) {
        rst_tensor *t = c->handle[i];
        if (t->keep && c->depth > 0)
            continue;
        c->handle[i] = NULL;
        rst__storage_drop(t);
        rst__tensor_unref(t);
    }
    for (int i = first; i < last; i++) {
        rst_tensor *t = c->handle[i];
        if (!t)
            continue;
        t->keep = false;
        t->scope = c->depth;
        c->handle[kept++] = t;
    }
    c->handles = kept;
}

int rst_end(rst_ctx *c, rst_error *err)
{
    enum { MAX = sizeof c->scope / sizeof c->scope[0] };
    if (c->depth == 0)
        return rst_fail(err, RST_EINTERNAL, "rst_end without a scope");
    if (--c->depth < MAX) {
        close_scope(c);
        c->nograd = c->scope[c->depth].nograd;
    }
    if (c->depth == 0 && rst__pool_damaged(c->pool))
        rst__ctx_fail(c, RST_EINTERNAL, "a kernel wrote outside of its tensor");
    return rst_ctx_error(c, err);
}

/* Tensors ---------------------------------------------------------------------------------------
 */

static bool room_for_handle(rst_ctx *c)
{
    if (c->handles < c->handle_cap)
        return true;
    int cap = c->handle_cap ? 2 * c->handle_cap : 256;
    rst_tensor **h = rst__realloc(c->handle, (size_t)cap, sizeof *h);
    if (!h)
        return false;
    c->handle = h;
    c->handle_cap = cap;
    return true;
}

rst_tensor *rst__tensor_bare(rst_ctx *c, rst_dims s, rst_dtype t)
{
    if (c->depth == 0)
        return rst__ctx_fail(c, RST_EINVAL, "a tensor was made outside of any scope");
    if (!rst__dims_ok(s)) {
        char b[96];
        return rst__ctx_fail(c, RST_EINVAL, "impossible shape %s", rst__dims_str(s, b));
    }
    rst_tensor *x = room_for_handle(c) ? rst__calloc(1, sizeof *x) : NULL;
    if (!x)
        return rst__ctx_fail(c, RST_ENOMEM, "tensor: out of memory");
    *x = (rst_tensor){ .ctx = c, .s = s, .type = t, .refs = 1, .scope = c->depth, .value = -1 };
    c->handle[c->handles++] = x;
    return x;
}

rst_tensor *rst__tensor_new(rst_ctx *c, rst_dims s, rst_dtype t)
{
    rst_tensor *x = rst__tensor_bare(c, s, t);
    if (!x)
        return NULL;
    x->st = rst__storage_get(c->pool, (size_t)rst__numel(s) * rst__dtype_size(t));
    if (!x->st) {
        char b[96];
        return rst__ctx_fail(c, RST_ENOMEM, "tensor of %s: out of memory", rst__dims_str(s, b));
    }
    return x;
}

void rst__tensor_unref(rst_tensor *t)
{
    while (t && --t->refs == 0) {
        rst_node *node = t->node;
        rst__storage_put(t->st);
        rst__storage_put(t->grad);
        rst__free(t);
        t = rst__node_unref(node); /* the first input, to go on without recursion */
    }
}

rst_dims rst_shape(const rst_tensor *t)
{
    return t ? t->s : (rst_dims){ 0, 0, 0, 0 };
}

/* In and out ------------------------------------------------------------------------------------
 */

static rst_tensor *upload(rst_ctx *c, rst_dims s, rst_order order, rst_dtype host, const void *v)
{
    if (c->err.code)
        return NULL;
    rst_tensor *t = rst__tensor_new(c, s, c->type);
    if (!t)
        return NULL;
    int rc = c->dev->be->upload(c->dev, s, order, host, v, t->st->p);
    return rc < 0 ? rst__ctx_take(c, rc) : t;
}

rst_tensor *rst_upload(rst_ctx *c, rst_dims s, rst_order order, const float *v)
{
    return upload(c, s, order, RST_F32, v);
}

rst_tensor *rst_upload_f64(rst_ctx *c, rst_dims s, rst_order order, const double *v)
{
    return upload(c, s, order, RST_F64, v);
}

rst_tensor *rst_upload_ids(rst_ctx *c, int64_t count, const int64_t *ids)
{
    if (c->err.code)
        return NULL;
    rst_tensor *t = rst__tensor_new(c, (rst_dims){ 1, count, 1, 1 }, RST_I32);
    int32_t *v = t ? rst__malloc((size_t)count * sizeof *v) : NULL;
    if (!v)
        return rst__ctx_fail(c, RST_ENOMEM, "row numbers: out of memory");
    bool ok = true;
    for (int64_t i = 0; i < count; i++) {
        ok &= ids[i] >= 0 && ids[i] <= INT32_MAX;
        v[i] = (int32_t)ids[i];
    }
    int rc = ok ? c->dev->be->upload_i32(c->dev, count, v, t->st->p) : 0;
    rst__free(v);
    if (!ok)
        return rst__ctx_fail(c, RST_EINVAL, "a row number is outside 0..2^31-1");
    return rc < 0 ? rst__ctx_take(c, rc) : t;
}

rst_tensor *rst_full(rst_ctx *c, rst_dims s, double value)
{
    if (c->err.code)
        return NULL;
    rst_tensor *t = rst__tensor_new(c, s, c->type);
    if (!t)
        return NULL;
    int rc = c->dev->be->fill(c->dev, rst__numel(s), value, t->st->p);
    return rc < 0 ? rst__ctx_take(c, rc) : t;
}

static int download(rst_tensor *t, rst_order order, rst_dtype host, void *v)
{
    if (!t)
        return RST_EINVAL;
    rst_ctx *c = t->ctx;
    if (c->err.code)
        return c->err.code;
    if (!t->st) {
        rst__ctx_fail(c, RST_EINVAL, "a tensor was read after its scope ended");
        return c->err.code;
    }
    int rc = c->dev->be->download(c->dev, t->s, order, host, t->st->p, v);
    if (rc < 0)
        rst__ctx_take(c, rc);
    return rc;
}

int rst_download(rst_tensor *t, rst_order order, float *v)
{
    return download(t, order, RST_F32, v);
}

int rst_download_f64(rst_tensor *t, rst_order order, double *v)
{
    return download(t, order, RST_F64, v);
}

double rst_item(rst_tensor *scalar)
{
    double v;
    if (!scalar || rst__numel(scalar->s) != 1 || rst_download_f64(scalar, RST_NCHW, &v) < 0)
        return __builtin_nan("");
    return v;
}

/* Parameters ------------------------------------------------------------------------------------
 */

rst_tensor *rst__param_new(rst_ctx *c, rst_dims s)
{
    if (c->err.code && c->depth)
        return NULL;
    rst_tensor *t = rst__dims_ok(s) ? rst__calloc(1, sizeof *t) : NULL;
    if (!t)
        return rst__ctx_fail(c, RST_ENOMEM, "parameter: out of memory");
    *t = (rst_tensor){ .ctx = c, .s = s, .type = c->type, .refs = 1, .wants = true, .value = -1 };
    t->st = rst__storage_get(c->pool, (size_t)rst__numel(s) * rst__dtype_size(c->type));
    int rc = t->st ? c->dev->be->fill(c->dev, rst__numel(s), 0, t->st->p) : RST_ENOMEM;
    if (rc < 0) {
        rst__tensor_unref(t);
        return rst__ctx_fail(c, rc, "parameter: out of memory");
    }
    return t;
}

void rst__param_free(rst_tensor *t)
{
    rst__tensor_unref(t);
}

void rst__param_set_trainable(rst_tensor *t, bool on)
{
    t->wants = on;
}

int rst__param_upload(rst_tensor *t, const float *nchw)
{
    rst__param_changed(t);
    int rc = t->ctx->dev->be->upload(t->ctx->dev, t->s, RST_NCHW, RST_F32, nchw, t->st->p);
    if (rc < 0)
        rst__ctx_take(t->ctx, rc);
    return rc;
}

void rst__param_changed(rst_tensor *t)
{
    t->version++;
}

rst_storage *rst__param_grad(const rst_tensor *t)
{
    return t->grad;
}

void rst__param_zero_grad(rst_tensor *t)
{
    rst__storage_put(t->grad);
    t->grad = NULL;
}
