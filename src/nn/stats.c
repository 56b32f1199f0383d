/* SPDX-License-Identifier: MIT */
/*
 * Frozen statistics. Windows of the training's size run through the network; for each norm the mean
 * over windows of the window's mean and variance is kept (not the pooled variance, which is larger
 * than anything seen in training), for each channel gate the mean gate vector. Held, they make the
 * network a filter of finite reach, whose output does not depend on how a slide is cut.
 */
#include "nn/stats.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "grad/engine.h"

enum { MAX_SITES = 256 };

/* One norm or gate, by its turn in the forward pass. */
typedef struct site {
    int64_t c;
    bool gate;
    double *sum[2];      /* of means and variances, or of gates; owned */
    rst_tensor *held[2]; /* parameters of the context; owned */
} site;

struct rst_stat_set {
    int count, next;
    int64_t windows;
    site at[MAX_SITES];
};

void rst__stat_set_free(rst_stat_set *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->count; i++)
        for (int k = 0; k < 2; k++) {
            rst__free(s->at[i].sum[k]);
            if (s->at[i].held[k])
                rst__param_free(s->at[i].held[k]);
        }
    rst__free(s);
}

void rst__stats_restart(rst_module *m)
{
    if (!m->stat)
        return;
    if (m->stat_policy == RST_STATS_GATHER)
        m->stat->windows++;
    m->stat->next = 0;
}

/* The site whose turn it is; a new one while the first window is gathered. */
static site *turn(rst_module *m, int64_t c, bool gate)
{
    rst_stat_set *s = m->stat;
    if (s->next == MAX_SITES)
        return rst__ctx_fail(m->c, RST_EINTERNAL, "more than %d norms", MAX_SITES);
    site *t = &s->at[s->next];
    if (s->next == s->count) {
        if (m->stat_policy != RST_STATS_GATHER || s->windows != 1)
            return rst__ctx_fail(m->c, RST_EINVAL, "these statistics belong to another network");
        *t = (site){ .c = c, .gate = gate };
        for (int k = 0; k < (gate ? 1 : 2); k++)
            if (!(t->sum[k] = rst__calloc((size_t)c, sizeof **t->sum))) {
                s->count++; /* so that what there is gets freed */
                return rst__ctx_fail(m->c, RST_ENOMEM, "statistics: out of memory");
            }
        s->count++;
    }
    if (t->c != c || t->gate != gate)
        return rst__ctx_fail(m->c, RST_EINVAL, "these statistics belong to another network");
    s->next++;
    return t;
}

/* sum[c] += v, an [1,c,1,1] tensor. */
static bool gather(double *sum, rst_tensor *v)
{
    rst_dims s = rst_shape(v);
    double *buf = v ? rst__malloc((size_t)s.c * sizeof *buf) : NULL;
    bool ok = buf && s.n == 1 && rst_download_f64(v, RST_NCHW, buf) == 0;
    for (int64_t i = 0; ok && i < s.c; i++)
        sum[i] += buf[i];
    rst__free(buf);
    return ok;
}

rst_tensor *rst__stats_norm(rst_module *m, rst_tensor *x, rst_tensor *gamma, rst_tensor *beta,
                            double eps)
{
    if (m->stat_policy == RST_STATS_TILE || !x)
        return NULL;
    site *t = turn(m, rst_shape(x).c, false);
    if (!t)
        return NULL;
    if (m->stat_policy == RST_STATS_FROZEN)
        return rst_batch_norm(x, gamma, beta, t->held[0], t->held[1], RST_BN_RUNNING, 0, eps);
    rst_begin_nograd(m->c); /* maps of the size of x, which are no longer needed */
    rst_tensor *mean = rst_mean(x, RST_AXIS_H | RST_AXIS_W);
    rst_tensor *var = rst_mean(rst_square(rst_sub(x, mean)), RST_AXIS_H | RST_AXIS_W);
    const bool ok = gather(t->sum[0], mean) && gather(t->sum[1], var);
    (void)rst_end(m->c, NULL); /* the outermost scope reports */
    if (!ok)
        return rst__ctx_fail(m->c, RST_EINVAL, "statistics are gathered from single windows");
    return rst_instance_norm(x, gamma, beta, eps);
}

rst_tensor *rst__stats_gate(rst_module *m, rst_tensor *gate)
{
    if (m->stat_policy == RST_STATS_TILE || !gate)
        return gate;
    site *t = turn(m, rst_shape(gate).c, true);
    if (!t)
        return NULL;
    if (m->stat_policy == RST_STATS_FROZEN)
        return t->held[0];
    if (!gather(t->sum[0], gate))
        return rst__ctx_fail(m->c, RST_EINVAL, "statistics are gathered from single windows");
    return gate;
}

/* Uploads v[c] as the k-th held tensor of a site. */
static int hold(rst_module *m, site *t, int k, const float *v)
{
    if (!t->held[k]) {
        t->held[k] = rst__param_new(m->c, (rst_dims){ 1, t->c, 1, 1 });
        if (!t->held[k])
            return RST_ENOMEM;
        rst__param_set_trainable(t->held[k], false);
    }
    return rst__param_upload(t->held[k], v);
}

static int hold_means(rst_module *m, rst_error *err)
{
    rst_stat_set *s = m->stat;
    for (int i = 0; i < s->count; i++) {
        site *t = &s->at[i];
        for (int k = 0; k < 2 && t->sum[k]; k++) {
            float *v = rst__malloc((size_t)t->c * sizeof *v);
            if (!v)
                return rst__fail_nomem(err, "statistics");
            for (int64_t c = 0; c < t->c; c++)
                v[c] = (float)(t->sum[k][c] / (double)s->windows);
            int rc = hold(m, t, k, v);
            rst__free(v);
            if (rc < 0)
                return rst_fail(err, rc, "statistics: out of memory");
        }
    }
    return 0;
}

int rst_module_set_stats(rst_module *m, rst_stats_policy policy, rst_error *err)
{
    if (policy == RST_STATS_GATHER) {
        rst__stat_set_free(m->stat);
        m->stat = rst__calloc(1, sizeof *m->stat);
        if (!m->stat)
            return rst__fail_nomem(err, "statistics");
    }
    if (policy == RST_STATS_FROZEN) {
        if (!m->stat || (m->stat_policy == RST_STATS_GATHER && m->stat->windows == 0))
            return rst_fail(err, RST_EINVAL, "statistics to freeze have not been gathered");
        if (m->stat_policy == RST_STATS_GATHER) {
            int rc = hold_means(m, err);
            if (rc < 0)
                return rc;
        }
    }
    m->stat_policy = policy;
    return 0;
}

static void site_name(char name[48], int i, const site *t, int k)
{
    (void)snprintf(name, 48, "site%03d.%s", i, t->gate ? "gate" : k ? "var" : "mean");
}

int rst_module_store_stats(const rst_module *m, rst_weights *w, rst_error *err)
{
    if (!m->stat || m->stat_policy != RST_STATS_FROZEN)
        return rst_fail(err, RST_EINVAL, "no statistics are frozen");
    for (int i = 0; i < m->stat->count; i++) {
        const site *t = &m->stat->at[i];
        for (int k = 0; k < 2 && t->held[k]; k++) {
            char name[48];
            site_name(name, i, t, k);
            float *v = rst__malloc((size_t)t->c * sizeof *v);
            int rc = v ? rst_download(t->held[k], RST_NCHW, v) : rst__fail_nomem(err, "statistics");
            if (rc == 0)
                rc = rst_weights_add(w, name, RST_WEIGHT_F32, 1, &t->c, v, err);
            rst__free(v);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

/* One vector of a file; *found is false when the file has none of that name. */
static int load_vector(rst_module *m, const rst_weights *w, int i, site *t, int k, bool *found,
                       rst_error *err)
{
    char name[48];
    site_name(name, i, t, k);
    const rst_weight *v = rst_weights_find(w, name);
    *found = v != NULL;
    if (!v)
        return 0;
    if (v->rank != 1 || v->shape[0] < 1 || (k && v->shape[0] != t->c))
        return rst_fail(err, RST_EFORMAT, "%s: not a vector of statistics", name);
    t->c = v->shape[0];
    float *f = rst__malloc((size_t)t->c * sizeof *f);
    if (!f)
        return rst__fail_nomem(err, "statistics");
    rst_weight_to_f32(v, f);
    int rc = hold(m, t, k, f);
    rst__free(f);
    return rc < 0 ? rst_fail(err, rc, "statistics: out of memory") : 0;
}

int rst_module_load_stats(rst_module *m, const rst_weights *w, rst_error *err)
{
    rst_stat_set *s = rst__calloc(1, sizeof *s);
    if (!s)
        return rst__fail_nomem(err, "statistics");
    int rc = 0;
    for (bool more = true; rc == 0 && more && s->count < MAX_SITES;) {
        site *t = &s->at[s->count];
        bool var = false;
        t->gate = true;
        rc = load_vector(m, w, s->count, t, 0, &more, err);
        if (rc == 0 && !more) {
            t->gate = false;
            rc = load_vector(m, w, s->count, t, 0, &more, err);
            if (rc == 0 && more)
                rc = load_vector(m, w, s->count, t, 1, &var, err);
            if (rc == 0 && more && !var)
                rc = rst_fail(err, RST_EFORMAT, "site %d has a mean and no variance", s->count);
        }
        s->count += more || t->held[0];
    }
    if (rc == 0 && s->count == 0)
        rc = rst_fail(err, RST_EFORMAT, "the file holds no statistics of a slide");
    if (rc < 0) {
        rst__stat_set_free(s);
        return rc;
    }
    rst__stat_set_free(m->stat);
    m->stat = s;
    m->stat_policy = RST_STATS_FROZEN;
    return 0;
}
