/* SPDX-License-Identifier: MIT */
#include "method/image_pool.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/err.h"
#include "grad/engine.h"
#include "method/method.h"
#include "tensor/dims.h"

int rst__image_pool_new(rst_image_pool *p, const char *name, int size, rst_error *err)
{
    *p = (rst_image_pool){ .name = name, .size = size };
    if (size < 0)
        return rst_fail(err, RST_EINVAL, "--pool-size %d: 0 or more is due", size);
    if (size > 0 && !(p->image = rst__calloc((size_t)size, sizeof *p->image)))
        return rst__fail_nomem(err, "image pool");
    return 0;
}

void rst__image_pool_free(rst_image_pool *p)
{
    for (int i = 0; i < p->count; i++)
        rst__free(p->image[i].v);
    rst__free(p->image);
    *p = (rst_image_pool){ .name = NULL };
}

/* Copies x into slot i, whose old picture is gone. */
static void put(rst_image_pool *p, int i, rst_tensor *x)
{
    struct rst_pooled *slot = &p->image[i];
    const rst_dims s = rst_shape(x);
    float *v = rst__malloc((size_t)rst__numel(s) * sizeof *v);
    if (!v || rst_download(x, RST_NCHW, v) < 0) {
        rst__free(v);
        rst__ctx_fail(x->ctx, RST_ENOMEM, "image pool: out of memory");
        return;
    }
    if (i < p->count)
        rst__free(slot->v);
    else
        p->count++;
    *slot = (struct rst_pooled){ s, v };
}

static rst_tensor *query_one(rst_image_pool *p, rst_method *m, rst_tensor *x)
{
    if (p->count < p->size) {
        put(p, p->count, x);
        return x;
    }
    if (rst__method_uniform(m) <= 0.5)
        return x;
    const int i = (int)rst__method_below(m, p->size);
    rst_tensor *old = rst_upload(m->c, p->image[i].s, RST_NCHW, p->image[i].v);
    put(p, i, x);
    return old;
}

rst_tensor *rst__image_pool_query(rst_image_pool *p, rst_method *m, rst_tensor *x)
{
    rst_tensor *y[RST_MAX_INPUTS];
    x = rst_detach(x);
    if (!x || p->size == 0)
        return x;
    const int64_t n = rst_shape(x).n;
    if (n > RST_MAX_INPUTS)
        return rst__ctx_fail(m->c, RST_EINVAL, "image pool: more than %d pictures in a batch",
                             RST_MAX_INPUTS);
    for (int64_t i = 0; i < n; i++) {
        rst_tensor *one = rst_slice(x, RST_AXIS_N, i, i + 1);
        if (!one)
            return NULL;
        y[i] = query_one(p, m, one);
    }
    return rst_concat(RST_AXIS_N, (int)n, y);
}

/* Checkpoints -----------------------------------------------------------------------------------
 */

static const char *entry(const rst_image_pool *p, int i, char name[64])
{
    (void)snprintf(name, 64, i < 0 ? "pool.%s" : "pool.%s.%d", p->name, i);
    return name;
}

int rst__image_pool_store(const rst_image_pool *p, rst_weights *w, rst_error *err)
{
    char name[64];
    const int64_t count = p->count;
    if (p->size == 0)
        return 0;
    int rc = rst_weights_add(w, entry(p, -1, name), RST_WEIGHT_I64, 0, NULL, &count, err);
    for (int i = 0; rc == 0 && i < p->count; i++) {
        const rst_dims s = p->image[i].s;
        const int64_t shape[4] = { s.n, s.c, s.h, s.w };
        rc = rst_weights_add(w, entry(p, i, name), RST_WEIGHT_F32, 4, shape, p->image[i].v, err);
    }
    return rc;
}

static int load_one(struct rst_pooled *slot, const rst_weights *w, const char *name, rst_error *err)
{
    const rst_weight *t = rst_weights_find(w, name);
    const int64_t *n = t ? t->shape : NULL;
    if (!t || t->rank != 4 || n[0] != 1 || rst_weight_elements(t) < 1)
        return rst_fail(err, RST_EFORMAT, "%s: missing from the checkpoint, or no picture", name);
    slot->s = (rst_dims){ n[0], n[1], n[2], n[3] };
    slot->v = rst__malloc((size_t)rst_weight_elements(t) * sizeof *slot->v);
    if (!slot->v)
        return rst__fail_nomem(err, "image pool");
    rst_weight_to_f32(t, slot->v);
    return 0;
}

int rst__image_pool_load(rst_image_pool *p, const rst_weights *w, rst_error *err)
{
    rst_image_pool fresh;
    char name[64];
    int64_t count = 0;
    if (p->size == 0)
        return 0;
    int rc = rst__image_pool_new(&fresh, p->name, p->size, err);
    if (rc == 0)
        rc = rst__state_number(w, entry(p, -1, name), &count, err);
    if (rc == 0 && (count < 0 || count > p->size))
        rc = rst_fail(err, RST_EFORMAT, "%s: %lld pictures in a pool of %d", name, (long long)count,
                      p->size);
    while (rc == 0 && fresh.count < count) {
        rc = load_one(&fresh.image[fresh.count], w, entry(p, fresh.count, name), err);
        fresh.count++;
    }
    rst_image_pool *old = rc == 0 ? p : &fresh;
    rst__image_pool_free(old);
    if (rc == 0)
        *p = fresh;
    return rc;
}
