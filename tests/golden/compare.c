/* SPDX-License-Identifier: MIT */
/* The rules of comparison, as the set's index states them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"

/* How far off a tensor is. */
typedef struct errors {
    double elementwise; /* the largest |got - want| / (atol + rtol |want|) */
    double rel_l2;      /* ||got - want|| / ||want|| */
    double l2;          /* ||got - want|| */
    double max_abs;     /* the largest |got - want| */
    int64_t differing;
    bool alike; /* all equal, NaN to NaN */
} errors;

static double number(json_t *how, const char *key, double otherwise)
{
    json_t *v = json_object_get(how, key);
    return json_is_number(v) ? json_number_value(v) : otherwise;
}

/* 0/0 is no error, x/0 an infinite one; NaN counts as infinite. */
static double over(double error, double tolerance)
{
    if (error == 0)
        return 0;
    return isnan(error) || tolerance <= 0 ? INFINITY : error / tolerance;
}

static errors measure(const double *got, const double *want, int64_t n, double atol, double rtol)
{
    errors e = { .alike = true };
    double diff = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        if (got[i] == want[i] || (isnan(got[i]) && isnan(want[i]))) {
            size += isnan(want[i]) ? 0 : want[i] * want[i];
            continue;
        }
        double d = fabs(got[i] - want[i]);
        double ratio = over(d, atol + rtol * fabs(want[i]));
        e.alike = false;
        e.differing++;
        e.elementwise = fmax(e.elementwise, ratio);
        e.max_abs = isnan(d) ? INFINITY : fmax(e.max_abs, d);
        diff += d * d;
        size += want[i] * want[i];
    }
    e.l2 = sqrt(diff);
    e.rel_l2 = over(e.l2, sqrt(size));
    return e;
}

/* The error over the tolerance, by the rule that fits the tensor's description; 1 is the limit. */
static double verdict_of(const char *role, json_t *how, const errors *e, const double *got,
                         int64_t n)
{
    double atol = number(how, "atol", 0), l2 = number(how, "rel_l2", 0);
    const char *dtype = json_string_value(json_object_get(how, "dtype"));
    if (json_is_true(json_object_get(how, "exact")))
        return e->alike ? 0 : INFINITY;
    /* A parameter after training: by its update, where that is more than noise. */
    if (json_object_get(how, "update_rel_l2"))
        return fmax(over(e->max_abs, atol),
                    over(e->l2, number(how, "update_rel_l2", 0) * number(how, "update_norm", 0)));
    if (json_is_true(json_object_get(how, "noise_only")) && strcmp(role, "after") == 0)
        return over(e->max_abs, atol);
    if (json_is_true(json_object_get(how, "noise_only"))) {
        double worst = 0;
        for (int64_t i = 0; i < n; i++)
            worst = fmax(worst, over(fabs(got[i]), atol));
        return worst;
    }
    if (dtype && strcmp(dtype, "int64") == 0) {
        json_t *most = json_object_get(how, "max_differing");
        if (most && e->differing > json_integer_value(most))
            return INFINITY;
        return over(e->max_abs, atol);
    }
    if (strcmp(role, "grad") == 0)
        return over(e->rel_l2, l2);
    return fmin(e->elementwise, over(e->rel_l2, l2));
}

static void note_worst(gold_case *g, const char *name, double ratio)
{
    if (g->verdict->where[0] && !(ratio > g->verdict->worst))
        return;
    g->verdict->worst = ratio;
    (void)snprintf(g->verdict->where, sizeof g->verdict->where, "%s", name);
}

bool gold_compare_one(gold_case *g, const char *name, json_t *how, const double *got, int64_t count)
{
    const rst_weight *w = gold_tensor(g, "", name);
    const char *role = json_string_value(json_object_get(how, "role"));
    if (!w || !role)
        return gold_fail(g, "%s: no such tensor, or no role", name);
    if (rst_weight_elements(w) != count)
        return gold_fail(g, "%s: %lld numbers were made, not %lld", name, (long long)count,
                         (long long)rst_weight_elements(w));
    double *want = gold_f64(w);
    errors e = measure(got, want, count, number(how, "atol", 0), number(how, "rtol", 0));
    free(want);
    double ratio = verdict_of(role, how, &e, got, count);
    note_worst(g, name, ratio);
    if (g->run->verbose)
        printf("    %s%-48s %9.3g of its tolerance  max %.3g  rel_l2 %.3g  differing %lld\n",
               g->again ? g->again : "", name, ratio, e.max_abs, e.rel_l2, (long long)e.differing);
    if (ratio <= 1)
        return true;
    /* A lone gradient that is nearly right may owe its error to a flipped kink. */
    bool near = strcmp(role, "grad") == 0 && e.rel_l2 < 1e-2 &&
                !json_is_true(json_object_get(how, "noise_only"));
    g->verdict->near_kink = near && (!g->failed || g->verdict->near_kink);
    return gold_fail(g, "%s%s is off: max %.3g, rel_l2 %.3g, %lld of %lld differ",
                     g->again ? g->again : "", name, e.max_abs, e.rel_l2, (long long)e.differing,
                     (long long)count);
}

static const gold_result *find_result(const gold_case *g, const char *name)
{
    const gold_result *r = g->result;
    while (r && strcmp(r->name, name) != 0)
        r = r->next;
    return r;
}

bool gold_compare(gold_case *g)
{
    const char *name;
    json_t *how;
    int compared = 0;
    json_object_foreach(g->tensors, name, how)
    {
        const char *role = json_string_value(json_object_get(how, "role"));
        if (!role || (strcmp(role, "output") != 0 && strcmp(role, "grad") != 0 &&
                      strcmp(role, "after") != 0))
            continue;
        const gold_result *r = find_result(g, name);
        compared++;
        if (!r) {
            g->verdict->near_kink = false;
            (void)gold_fail(g, "%s was not made", name);
            continue;
        }
        (void)gold_compare_one(g, name, how, r->v, r->count);
    }
    if (compared == 0 && !g->verdict->where[0])
        return gold_fail(g, "has nothing to compare");
    return !g->failed;
}
