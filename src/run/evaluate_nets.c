/* SPDX-License-Identifier: MIT */
/* Metrics that look through networks. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "metric/phv.h"
#include "run/evaluate_parts.h"

/* A network that makes numbers of one picture, and the numbers of those it has seen. */
typedef struct describer {
    int64_t d;
    rst_phv *phv; /* one of the two */
    rst_inception *inception;
    rst_feature_cache *cache;
    int64_t *seen[2]; /* owned [count]: the numbers of a run's pictures in the cache, or NULL */
} describer;

enum { PHV, FID, KID, DESCRIBERS };

struct rst_eval_nets {
    rst_ctx *c;
    rst_lpips *lpips;
    describer by[DESCRIBERS]; /* d = 0: not there */
    int kid;                  /* whose features KID takes */
    int64_t count;
    float *scratch; /* owned: the most numbers of a picture */
};

/* Opening ---------------------------------------------------------------------------------------
 */

static int open_lpips(rst_eval_nets *n, const rst_evaluate_options *o, rst_metric_use *use,
                      rst_error *err)
{
    rst_weights *net = NULL, *heads = NULL;
    int rc = rst__eval_weights(&net, (rst_eval_file)(RST__FILE_ALEX + o->lpips_net), o->weights,
                               use, err);
    if (rc == 0)
        rc = rst__eval_weights(&heads, (rst_eval_file)(RST__FILE_ALEX_HEADS + o->lpips_net),
                               o->weights, use, err);
    if (rc == 0)
        rc = rst_lpips_new(&n->lpips, n->c, o->lpips_net, net, heads, err);
    rst_weights_free(net);
    rst_weights_free(heads);
    return rc;
}

/* The file's name tells the network, what it is fed, and whose weights. */
static int open_cache(describer *b, const char *what, const rst_evaluate_options *o,
                      const rst_metric_use *use, rst_error *err)
{
    char name[64];
    const char *sha256 = use->file[0].sha256;
    (void)snprintf(name, sizeof name, "%s-%.12s", what, sha256);
    return rst__feature_cache_new(&b->cache, b->d, o->cache, name, sha256, err);
}

static int open_phv(rst_eval_nets *n, const rst_evaluate_options *o, rst_metric_use *use,
                    rst_error *err)
{
    describer *b = &n->by[PHV];
    const rst_phv_range range = rst__protocol_phv(o->protocol);
    rst_weights *w = NULL;
    int rc = rst__eval_weights(&w, RST__FILE_RESNET50, o->weights, use, err);
    if (rc == 0)
        rc = rst_phv_new(&b->phv, n->c, w, range, err);
    rst_weights_free(w);
    if (rc < 0)
        return rc;
    b->d = RST__PHV_MEANS;
    return open_cache(b, range == RST_PHV_ASP ? "phv-asp" : "phv-plain", o, use, err);
}

static int open_inception(rst_eval_nets *n, rst_metric m, const rst_evaluate_options *o,
                          rst_metric_use *use, rst_error *err)
{
    static const char *const name[] = { "fid", "kid", "clean" };
    describer *b = &n->by[m == RST_METRIC_FID ? FID : KID];
    const rst_inception_kind kind = rst__protocol_inception(o->protocol, m);
    rst_weights *w = NULL;
    int rc = rst__eval_weights(
        &w, kind == RST_INCEPTION_KID ? RST__FILE_INCEPTION_KID : RST__FILE_INCEPTION_FID,
        o->weights, use, err);
    if (rc == 0)
        rc = rst_inception_new(&b->inception, n->c, w, kind, err);
    rst_weights_free(w);
    if (rc < 0)
        return rc;
    b->d = RST_INCEPTION_FEATURES;
    return open_cache(b, name[kind], o, use, err);
}

static int open_metric(rst_eval_nets *n, rst_metric m, const rst_evaluate_options *o,
                       rst_metric_use use[RST_METRICS], rst_error *err)
{
    if (m == RST_METRIC_LPIPS)
        return open_lpips(n, o, &use[m], err);
    if (m == RST_METRIC_PHV)
        return open_phv(n, o, &use[m], err);
    const bool shared = m == RST_METRIC_KID && n->by[FID].d > 0 &&
                        rst__protocol_inception(o->protocol, RST_METRIC_FID) ==
                            rst__protocol_inception(o->protocol, RST_METRIC_KID);
    if (!shared)
        return open_inception(n, m, o, &use[m], err);
    n->kid = FID;
    use[m].files = use[RST_METRIC_FID].files;
    memcpy(use[m].file, use[RST_METRIC_FID].file, sizeof use[m].file);
    return 0;
}

/* Says why there is no such metric: to the log, and to who reads the evaluation. */
static void skip(rst_metric m, rst_metric_use *use, const rst_error *why)
{
    use->done = false;
    (void)snprintf(use->skipped, sizeof use->skipped, "%s", why->msg);
    rst__log(RST_LOG_WARN, "%s is left out (%s)", rst_metric_name(m), why->msg);
}

int rst__eval_nets_new(rst_eval_nets **out, const rst_evaluate_options *o, unsigned *wanted,
                       rst_metric_use use[RST_METRICS], rst_error *err)
{
    const rst_ctx_options c = { .threads = o->threads };
    rst_eval_nets *n = rst__calloc(1, sizeof *n);
    if (!n)
        return rst__fail_nomem(err, "evaluation");
    n->kid = KID;
    n->scratch = rst__malloc(RST__PHV_MEANS * sizeof *n->scratch);
    int rc = n->scratch ? rst_ctx_new(&n->c, &c, err) : rst__fail_nomem(err, "evaluation");
    for (int m = RST_METRIC_LPIPS; rc == 0 && m < RST_METRICS; m++) {
        rst_error why = RST_ERROR_INIT;
        if (!(*wanted >> m & 1))
            continue;
        const int got = open_metric(n, (rst_metric)m, o, use, &why);
        if (got == RST_ENOMEM || got == RST_EOUTPUT)
            rc = rst_fail(err, got, "%s", why.msg);
        else if (got < 0) {
            skip((rst_metric)m, &use[m], &why);
            *wanted &= ~(1u << m);
        }
    }
    if (rc < 0) {
        rst__eval_nets_free(n);
        return rc;
    }
    *out = n;
    return 0;
}

static void forget(describer *b)
{
    for (int k = 0; k < 2; k++) {
        rst__free(b->seen[k]);
        b->seen[k] = NULL;
    }
}

void rst__eval_nets_free(rst_eval_nets *n)
{
    if (!n)
        return;
    for (int i = 0; i < DESCRIBERS; i++) {
        forget(&n->by[i]);
        rst_phv_free(n->by[i].phv);
        rst_inception_free(n->by[i].inception);
        rst__feature_cache_free(n->by[i].cache);
    }
    rst_lpips_free(n->lpips);
    if (n->c)
        rst_ctx_free(n->c);
    rst__free(n->scratch);
    rst__free(n);
}

bool rst__eval_nets_hash(const rst_eval_nets *n)
{
    return n->by[PHV].d || n->by[FID].d || n->by[KID].d;
}

int rst__eval_nets_begin(rst_eval_nets *n, int64_t count, rst_error *err)
{
    n->count = count;
    for (int i = 0; i < DESCRIBERS; i++) {
        describer *b = &n->by[i];
        forget(b);
        for (int k = 0; b->d && k < 2; k++)
            if (!(b->seen[k] = rst__calloc((size_t)count, sizeof **b->seen)))
                return rst__fail_nomem(err, "evaluation");
    }
    return 0;
}

/* Pairs -----------------------------------------------------------------------------------------
 */

static int describe(rst_eval_nets *n, describer *b, const rst_image *img, const char *hash,
                    int64_t *number, rst_error *err)
{
    *number = rst__feature_cache_find(b->cache, hash);
    if (*number >= 0)
        return 0;
    const int rc = b->phv ? rst__phv_means(b->phv, img, n->scratch, err)
                          : rst_inception_run(b->inception, img, n->scratch, err);
    if (rc < 0)
        return rc;
    *number = rst__feature_cache_add(b->cache, hash, n->scratch);
    return *number < 0 ? rst__fail_nomem(err, "features") : 0;
}

static void phv_scores(const describer *b, int64_t i, double *score)
{
    double value[RST_PHV_LAYERS], sum = 0;
    rst__phv_of_means(rst__feature_cache_at(b->cache, b->seen[1][i]),
                      rst__feature_cache_at(b->cache, b->seen[0][i]), value);
    for (int k = 0; k < RST_PHV_LAYERS; k++) {
        score[RST_SCORE_PHV1 + k] = value[k];
        sum += value[k];
    }
    score[RST_SCORE_PHV] = sum / RST_PHV_LAYERS;
}

int rst__eval_nets_pair(rst_eval_nets *n, int64_t i, const rst_image img[2], const char hash[2][65],
                        double score[RST_SCORES], rst_error *err)
{
    int rc = 0;
    if (n->lpips) {
        double *d = &score[RST_SCORE_LPIPS];
        rc = rst_lpips_distance(n->lpips, &img[1], &img[0], d, err);
        if (rc == 0 && !isfinite(*d))
            rc = rst_fail(err, RST_ENUMERIC, "lpips: not a number");
    }
    for (int k = 0; k < DESCRIBERS; k++) {
        describer *b = &n->by[k];
        for (int side = 0; b->d && rc == 0 && side < 2; side++)
            rc = describe(n, b, &img[side], hash[side], &b->seen[side][i], err);
    }
    if (rc == 0 && n->by[PHV].d)
        phv_scores(&n->by[PHV], i, score);
    return rc;
}

/* Sets ------------------------------------------------------------------------------------------
 */

/* The features of a run's pictures, row by row; owned. */
static float *rows_of(const describer *b, int side, int64_t count)
{
    float *v = rst__malloc((size_t)(count * b->d) * sizeof *v);
    for (int64_t i = 0; v && i < count; i++)
        memcpy(v + i * b->d, rst__feature_cache_at(b->cache, b->seen[side][i]),
               (size_t)b->d * sizeof *v);
    return v;
}

static int distance(const rst_eval_nets *n, rst_metric m, const rst_evaluate_options *o,
                    rst_evaluation_sets *out, rst_error *err)
{
    const describer *b = &n->by[m == RST_METRIC_FID ? FID : n->kid];
    float *real = rows_of(b, 0, n->count), *fake = rows_of(b, 1, n->count);
    const rst_kid_options k = rst__protocol_kid(o->protocol, n->count, o->seed);
    int rc = real && fake ? 0 : rst__fail_nomem(err, rst_metric_name(m));
    if (rc == 0 && m == RST_METRIC_FID)
        rc = rst_fid(real, n->count, fake, n->count, b->d, &out->fid, err);
    if (rc == 0 && m == RST_METRIC_KID) {
        out->kid_subsets = k.subsets;
        out->kid_size = k.size;
        out->kid_seed = k.seed;
        rc = rst_kid(real, n->count, fake, n->count, b->d, &k, &out->kid, &out->kid_deviation, err);
    }
    rst__free(real);
    rst__free(fake);
    return rc;
}

int rst__eval_nets_sets(rst_eval_nets *n, const rst_evaluate_options *o,
                        rst_metric_use use[RST_METRICS], rst_evaluation_sets *out, rst_error *err)
{
    for (int m = RST_METRIC_FID; m <= RST_METRIC_KID; m++) {
        rst_error why = RST_ERROR_INIT;
        if (!use[m].done)
            continue;
        const int rc = distance(n, (rst_metric)m, o, out, &why);
        if (rc == RST_ENOMEM)
            return rst_fail(err, rc, "%s", why.msg);
        if (rc < 0)
            skip((rst_metric)m, &use[m], &why);
    }
    return 0;
}

int rst__eval_nets_save(rst_eval_nets *n, rst_error *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < DESCRIBERS; i++)
        if (n->by[i].cache)
            rc = rst__feature_cache_save(n->by[i].cache, err);
    return rc;
}
