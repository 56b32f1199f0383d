/* SPDX-License-Identifier: MIT */
/* The group `pool`: a buffer of images with the random decisions that the published code made. */
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"
#include "method/method.h"
#include "tensor/dims.h"

/* Decisions ------------------------------------------------------------------------------------ */

static bool ends_with(const char *text, const char *end)
{
    size_t n = text ? strlen(text) : 0, k = strlen(end);
    return n > k && text[n - k - 1] == '_' && strcmp(text + n - k, end) == 0;
}

bool gold_chance(gold_chances *c, int step, const char *what, double *out)
{
    json_t *d = json_array_get(json_object_get(c->g->values, "decisions"), c->next++);
    const bool pair = json_is_array(d);
    json_t *kind = pair ? json_array_get(d, 0) : json_object_get(d, "kind");
    json_t *value = pair ? json_array_get(d, 1) : json_object_get(d, "value");
    json_t *when = json_object_get(d, "step");
    *out = json_number_value(value);
    if (!json_is_number(value) || !ends_with(json_string_value(kind), what) ||
        (when && json_integer_value(when) != step))
        return gold_fail(c->g, "decision %zu of values.decisions is no %s of step %d", c->next,
                         what, step);
    return true;
}

bool gold_chances_used(gold_chances *c)
{
    size_t n = json_array_size(json_object_get(c->g->values, "decisions"));
    return c->next == n || gold_fail(c->g, "%zu of %zu decisions were used", c->next, n);
}

static bool uniform(void *user, double *out)
{
    return gold_chance(user, 0, "uniform", out);
}

static bool below(void *user, int64_t n, int64_t *out)
{
    double v;
    bool ok = gold_chance(user, 0, "index", &v) && v >= 0 && v < (double)n;
    *out = ok ? (int64_t)v : 0;
    return ok;
}

/* Queries -------------------------------------------------------------------------------------- */

static bool put_pool(gold_case *g, const rst_image_pool *p)
{
    int64_t each = p->count ? rst__numel(p->image[0].s) : 0;
    double *v = gold_alloc((size_t)(each * p->count), sizeof *v);
    for (int i = 0; i < p->count; i++)
        for (int64_t k = 0; k < each; k++)
            v[i * each + k] = (double)p->image[i].v[k];
    bool ok = gold_put(g, "output.final_pool", v, each * p->count);
    free(v);
    return ok;
}

/* images [queries,batch,c,h,w], one query after another */
static bool queries(gold_case *g, rst_image_pool *p, rst_method *m, const rst_weight *w)
{
    const int64_t *n = w->shape, each = rst_weight_elements(w) / n[0];
    rst_dims s = { n[1], n[2], n[3], n[4] };
    double *v = gold_f64(w), *got = gold_alloc((size_t)rst_weight_elements(w), sizeof *got);
    for (int64_t i = 0; i < n[0]; i++) {
        rst_tensor *x = rst_upload_f64(g->ctx, s, RST_NCHW, v + i * each);
        rst_tensor *y = rst__image_pool_query(p, m, x);
        if (!y || rst_download_f64(y, RST_NCHW, got + i * each) < 0)
            break;
    }
    bool ok =
        gold_device_ok(g) && gold_put(g, "output.returned", got, n[0] * each) && put_pool(g, p);
    free(v);
    free(got);
    return ok;
}

static bool image_pool(gold_case *g)
{
    rst_error err = RST_ERROR_INIT;
    gold_chances chance = { .g = g };
    rst_method m = { .c = g->ctx, .feed = { .uniform = uniform, .below = below, .user = &chance } };
    rst_image_pool p;
    const rst_weight *w = gold_tensor(g, "input.", "images");
    if (!w)
        return false;
    if (w->rank != 5)
        return gold_fail(g, "input.images has %d dimensions, not 5", w->rank);
    if (rst__image_pool_new(&p, "test", (int)gold_int(g, "pool_size", 0), &err) < 0)
        return gold_fail(g, "%s", err.msg);
    bool ok = queries(g, &p, &m, w) && gold_chances_used(&chance);
    rst__image_pool_free(&p);
    return ok;
}

const gold_op gold_pool[] = {
    { "image_pool", image_pool, " pool_size queries batch " },
    { NULL, NULL, NULL },
};
