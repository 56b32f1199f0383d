/* SPDX-License-Identifier: MIT */
/* Two runs over the same real pictures, pair by pair. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/rng.h"
#include "run/evaluate_parts.h"

enum { FLIPS = 10000 };

typedef struct match {
    const rst_evaluation_row *a, *b;
} match;

/* How often chance signs give a mean as far from 0; the differences as they are count as one. */
static double by_chance(const double *d, int64_t n, double mean, uint64_t seed)
{
    rst_rng r = rst__rng(seed, "signs");
    const double least = fabs(mean) * (double)n * (1 - 1e-12);
    int64_t far = 1;
    for (int k = 0; k < FLIPS; k++) {
        double sum = 0;
        uint32_t bits = 0;
        for (int64_t i = 0; i < n; i++, bits >>= 1) {
            bits = i % 32 ? bits : rst__rng_u32(&r);
            sum += bits & 1 ? d[i] : -d[i];
        }
        far += fabs(sum) >= least;
    }
    return (double)far / (FLIPS + 1);
}

/* Pairs whose score is infinite in one of the runs have no difference. */
static int change(const match *m, int64_t n, rst_score s, const rst_evaluation_facts *f, double *d,
                  rst_score_change *out)
{
    const double none = (double)NAN;
    const int sign = rst_score_describe(s)->better < 0 ? -1 : 1;
    *out = (rst_score_change){ .a = 0, .b = 0 };
    for (int64_t i = 0; i < n; i++) {
        const double a = m[i].a->score[s], b = m[i].b->score[s];
        if (!isfinite(a) || !isfinite(b))
            continue;
        d[out->n++] = b - a;
        out->a += a;
        out->b += b;
        out->mean += b - a;
        out->wins += sign * (b - a) > 0;
        out->ties += b - a == 0;
    }
    out->low = out->high = out->p = none;
    const double count = (double)out->n;
    out->a = out->n ? out->a / count : none;
    out->b = out->n ? out->b / count : none;
    out->mean = out->n ? out->mean / count : none;
    if (out->n < 2)
        return 0;
    out->p = by_chance(d, out->n, out->mean, f->seed);
    return rst__eval_interval(d, out->n, f->seed, f->resamples, &out->low, &out->high);
}

static int by_name(const void *x, const void *y)
{
    return strcmp(((const match *)x)->a->name, ((const match *)y)->a->name);
}

/* Rows of both runs by name; their numbers may differ in order only. */
static int pair_up(const rst_evaluation *a, const rst_evaluation *b, match *m, rst_error *err)
{
    const int64_t n = a->facts.rows;
    for (int64_t i = 0; i < n; i++)
        m[i].a = &a->row[i];
    qsort(m, (size_t)n, sizeof *m, by_name);
    for (int64_t i = 0; i < b->facts.rows; i++) {
        const match key = { .a = &b->row[i] };
        match *found = bsearch(&key, m, (size_t)n, sizeof *m, by_name);
        if (!found)
            return rst_fail(err, RST_EINVAL, "%s has %s and %s has not", b->facts.fake,
                            b->row[i].name, a->facts.fake);
        found->b = &b->row[i];
    }
    for (int64_t i = 0; i < n; i++)
        if (!m[i].b)
            return rst_fail(err, RST_EINVAL, "%s has %s and %s has not", a->facts.fake,
                            m[i].a->name, b->facts.fake);
    return 0;
}

int rst_evaluation_compare(rst_comparison *out, const rst_evaluation *a, const rst_evaluation *b,
                           rst_error *err)
{
    const size_t n = (size_t)a->facts.rows;
    if (a->facts.protocol != b->facts.protocol || a->facts.rewrite_real != b->facts.rewrite_real)
        return rst_fail(err, RST_EINVAL, "%s and %s were evaluated by different protocols",
                        a->facts.fake, b->facts.fake);
    match *m = rst__calloc(n, sizeof *m);
    double *d = rst__calloc(n, sizeof *d);
    int rc = m && d ? pair_up(a, b, m, err) : rst__fail_nomem(err, "comparison");
    *out = (rst_comparison){ .pairs = a->facts.rows,
                             .fid = b->sets.fid - a->sets.fid,
                             .kid = b->sets.kid - a->sets.kid };
    for (int s = 0; rc == 0 && s < RST_SCORES; s++)
        if (change(m, a->facts.rows, (rst_score)s, &a->facts, d, &out->score[s]) < 0)
            rc = rst__fail_nomem(err, "comparison");
    rst__free(m);
    rst__free(d);
    return rc;
}
