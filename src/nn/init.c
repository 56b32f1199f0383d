/* SPDX-License-Identifier: MIT */
/* Random weights (spec 0.4). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "grad/engine.h"
#include "nn/module.h"

typedef struct plan {
    rst_init_kind kind;
    double gain;
    bool sn_default;
    uint64_t seed;
} plan;

static int64_t count_of(const rst_param *p)
{
    return p->shape[0] * p->shape[1] * p->shape[2] * p->shape[3];
}

/* PyTorch's fan_in is shape[1] * kernel, for transposed convolutions too. */
static double fan_in(const rst_param *p)
{
    return (double)(p->shape[1] * p->shape[2] * p->shape[3]);
}

static double fan_out(const rst_param *p)
{
    return (double)(p->shape[0] * p->shape[2] * p->shape[3]);
}

static void fill_normal(rst_rng *r, double mean, double std, int64_t n, float *v)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(mean + std * rst__rng_normal(r));
}

static void fill_uniform(rst_rng *r, double bound, int64_t n, float *v)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(bound * (2 * rst__rng_uniform(r) - 1));
}

static void fill_unit(rst_rng *r, int64_t n, float *v)
{
    double sum = 0;
    fill_normal(r, 0, 1, n, v);
    for (int64_t i = 0; i < n; i++)
        sum += (double)v[i] * v[i];
    double scale = 1 / fmax(sqrt(sum), 1e-12);
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(v[i] * scale);
}

/* Takes from vector i (count numbers, step apart) what lies along the vectors before it; twice, so
 * that rounding does not matter. */
static void orthogonalise(double *a, int64_t i, int64_t count, int64_t vec, int64_t step)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t j = 0; j < i; j++) {
            double dot = 0;
            for (int64_t k = 0; k < count; k++)
                dot += a[i * vec + k * step] * a[j * vec + k * step];
            for (int64_t k = 0; k < count; k++)
                a[i * vec + k * step] -= dot * a[j * vec + k * step];
        }
    }
    double sum = 0;
    for (int64_t k = 0; k < count; k++)
        sum += a[i * vec + k * step] * a[i * vec + k * step];
    double scale = 1 / fmax(sqrt(sum), 1e-300);
    for (int64_t k = 0; k < count; k++)
        a[i * vec + k * step] *= scale;
}

/* The shape[0] x rest matrix gets orthonormal rows or columns, whichever are fewer. */
static int fill_orthogonal(rst_rng *r, const rst_param *p, double gain, float *v)
{
    int64_t n = count_of(p), rows = p->shape[0], columns = n / rows;
    double *a = rst__malloc((size_t)n * sizeof *a);
    if (!a)
        return RST_ENOMEM;
    bool wide = rows <= columns;
    int64_t vectors = wide ? rows : columns, count = wide ? columns : rows;
    for (int64_t i = 0; i < n; i++)
        a[i] = rst__rng_normal(r);
    for (int64_t i = 0; i < vectors; i++)
        orthogonalise(a, i, count, count, 1);
    for (int64_t i = 0; i < vectors; i++)
        for (int64_t k = 0; k < count; k++)
            v[wide ? i * columns + k : k * columns + i] = (float)(gain * a[i * count + k]);
    rst__free(a);
    return 0;
}

static int fill_weight(rst_rng *r, const plan *o, const rst_param *p, float *v)
{
    int64_t n = count_of(p);
    if (p->spectral && o->sn_default) {
        fill_uniform(r, 1 / sqrt(fan_in(p)), n, v);
        return 0;
    }
    switch (o->kind) {
    case RST_INIT_NORMAL:
        fill_normal(r, 0, o->gain, n, v);
        return 0;
    case RST_INIT_XAVIER:
        fill_normal(r, 0, o->gain * sqrt(2 / (fan_in(p) + fan_out(p))), n, v);
        return 0;
    case RST_INIT_KAIMING:
        fill_normal(r, 0, sqrt(2 / fan_in(p)), n, v);
        return 0;
    case RST_INIT_ORTHOGONAL:
        return fill_orthogonal(r, p, o->gain, v);
    case RST_INIT_RRDB:
        if (strstr(p->name, ".RDB"))
            fill_normal(r, 0, 0.1 * sqrt(2 / fan_in(p)), n, v);
        else
            fill_uniform(r, 1 / sqrt(fan_in(p)), n, v);
        return 0;
    }
    return RST_EINVAL;
}

static int fill_entry(const plan *o, const rst_param *p, float *v)
{
    char stream[300];
    (void)snprintf(stream, sizeof stream, "init/%s", p->name);
    rst_rng r = rst__rng(o->seed, stream);
    int64_t n = count_of(p);
    switch (p->role) {
    case RST_ROLE_CONV:
    case RST_ROLE_CONVT:
    case RST_ROLE_LINEAR:
        return fill_weight(&r, o, p, v);
    case RST_ROLE_BN_SCALE:
        fill_normal(&r, 1, o->gain, n, v);
        return 0;
    case RST_ROLE_UNIT:
        fill_unit(&r, n, v);
        return 0;
    case RST_ROLE_BIAS:
    case RST_ROLE_ZERO:
    case RST_ROLE_ONE:
        for (int64_t i = 0; i < n; i++)
            v[i] = p->role == RST_ROLE_ONE;
        return 0;
    }
    return RST_EINVAL;
}

static int init_entry(rst_module *m, const plan *o, rst_param *p, rst_error *err)
{
    p->count = 0;
    if (!p->value)
        return 0;
    float *v = rst__malloc((size_t)count_of(p) * sizeof *v);
    int rc = v ? fill_entry(o, p, v) : RST_ENOMEM;
    if (rc == 0 && rst__param_upload(p->value, v) < 0)
        rc = rst_ctx_error(m->c, err);
    else if (rc == RST_ENOMEM)
        (void)rst__fail_nomem(err, p->name);
    else if (rc < 0)
        (void)rst_fail(err, rc, "no such kind of initialisation: %d", (int)o->kind);
    rst__free(v);
    return rc;
}

int rst_module_init(rst_module *m, rst_init_kind kind, double gain, bool sn_default, uint64_t seed,
                    rst_error *err)
{
    if (!m->c)
        return rst_fail(err, RST_EINVAL, "a network without a context has no weights to draw");
    if (!(gain >= 0) || (int)kind < 0 || kind > RST_INIT_RRDB)
        return rst_fail(err, RST_EINVAL, "init gain %g: must not be negative", gain);
    plan o = { kind, gain, sn_default, seed };
    for (int i = 0; i < m->nparam; i++) {
        int rc = init_entry(m, &o, m->param[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}
