/* SPDX-License-Identifier: MIT */
/* Weights that a case does not store but describes: splitmix64, seeded by each tensor's name. */
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"

/* The constants of the generator, from values.weights.generator. */
typedef struct generator {
    uint64_t basis, prime, gamma, multiply[2], subtract;
    int shift[3], keep, exponent;
} generator;

static uint64_t hex(json_t *v)
{
    const char *text = json_string_value(v);
    return text ? strtoull(text, NULL, 16) : 0;
}

static bool named(json_t *o, const char *key, const char *want)
{
    const char *v = json_string_value(json_object_get(o, key));
    return v && strcmp(v, want) == 0;
}

static bool parse_generator(gold_case *g, json_t *o, generator *out)
{
    double shift[3];
    if (!named(o, "name", "splitmix64") || !named(o, "hash", "fnv1a64") ||
        !named(o, "value_arithmetic", "float64") || !named(o, "uniform_dtype", "float32") ||
        !named(o, "value_dtype", "float32") || !named(o, "element_order", "C") ||
        json_integer_value(json_object_get(o, "first_index")) != 1)
        return gold_fail(g, "cannot be mapped: another generator of weights");
    if (!gold_reals(g, json_object_get(o, "xor_shift_right"), "xor_shift_right", 3, shift))
        return false;
    json_t *multiply = json_object_get(o, "multiply");
    *out = (generator){
        .basis = hex(json_object_get(o, "fnv_offset_basis")),
        .prime = hex(json_object_get(o, "fnv_prime")),
        .gamma = hex(json_object_get(o, "gamma")),
        .multiply = { hex(json_array_get(multiply, 0)), hex(json_array_get(multiply, 1)) },
        .subtract = (uint64_t)json_integer_value(json_object_get(o, "uniform_subtract")),
        .shift = { (int)shift[0], (int)shift[1], (int)shift[2] },
        .keep = (int)json_integer_value(json_object_get(o, "uniform_shift_right")),
        .exponent = (int)json_integer_value(json_object_get(o, "uniform_exponent"))
    };
    return true;
}

static uint64_t hash(const generator *p, const char *name)
{
    uint64_t h = p->basis;
    for (const char *c = name; *c; c++)
        h = (h ^ (unsigned char)*c) * p->prime;
    return h;
}

static void draw(const generator *p, uint64_t seed, double scale, double shift, int64_t n,
                 float *out)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t z = seed + (uint64_t)(i + 1) * p->gamma;
        z = (z ^ (z >> p->shift[0])) * p->multiply[0];
        z = (z ^ (z >> p->shift[1])) * p->multiply[1];
        z ^= z >> p->shift[2];
        int64_t whole = (int64_t)(z >> p->keep) - (int64_t)p->subtract;
        float u = (float)ldexp((double)whole, p->exponent);
        out[i] = (float)((double)u * scale + shift);
    }
}

/* Rules ---------------------------------------------------------------------------------------- */

/* The first rule that fits a name; NULL with a failure if none does. */
static json_t *rule_for(gold_case *g, json_t *rules, const char *name)
{
    for (size_t i = 0; i < json_array_size(rules); i++) {
        json_t *r = json_array_get(rules, i);
        const char *match = json_string_value(json_object_get(r, "match"));
        if (match && fnmatch(match, name, 0) == 0)
            return r;
    }
    (void)gold_fail(g, "values.weights has no rule for %s", name);
    return NULL;
}

static bool draw_entry(gold_case *g, json_t *weights, const generator *p, const rst_entry *e,
                       float *out, int64_t n)
{
    json_t *r = rule_for(g, json_object_get(weights, "rules"), e->name);
    if (!r)
        return false;
    double a = json_number_value(json_object_get(r, "a"));
    double b = json_number_value(json_object_get(r, "b"));
    uint64_t seed = (uint64_t)json_integer_value(json_object_get(weights, "base_seed"));
    if (named(r, "kind", "fan_in"))
        a = sqrt(a / (double)(e->shape[1] * e->shape[2] * e->shape[3]));
    else if (!named(r, "kind", "affine"))
        return gold_fail(g, "cannot be mapped: how %s is drawn", e->name);
    draw(p, seed ^ hash(p, e->name), a, b, n, out);
    return true;
}

static bool check_probe(gold_case *g, json_t *probes, const char *name, const float *v, int64_t n)
{
    double want[2];
    json_t *probe = json_object_get(probes, name);
    if (!probe)
        return true;
    if (!gold_reals(g, probe, "a probe", 2, want))
        return false;
    if ((double)v[0] == want[0] && (double)v[n - 1] == want[1])
        return true;
    return gold_fail(g, "%s was drawn as %.9g ... %.9g, not %.9g ... %.9g", name, (double)v[0],
                     (double)v[n - 1], want[0], want[1]);
}

static bool add_entry(gold_case *g, json_t *weights, const generator *p, const rst_entry *e,
                      rst_weights *out)
{
    rst_error err = RST_ERROR_INIT;
    int64_t n = e->shape[0] * e->shape[1] * e->shape[2] * e->shape[3];
    float *v = gold_alloc((size_t)n, sizeof *v);
    bool ok = draw_entry(g, weights, p, e, v, n) &&
              check_probe(g, json_object_get(weights, "probes"), e->name, v, n);
    if (ok && rst_weights_add(out, e->name, RST_WEIGHT_F32, e->rank, e->shape, v, &err) < 0)
        ok = gold_fail(g, "%s", err.msg);
    free(v);
    return ok;
}

/* A probe of a tensor that the network does not have would go unchecked. */
static bool probes_met(gold_case *g, json_t *probes, const rst_module *m)
{
    const char *name;
    json_t *v;
    json_object_foreach(probes, name, v)
    {
        if (rst_module_find(m, name) < 0)
            return gold_fail(g, "the network has no tensor %s", name);
    }
    return true;
}

rst_weights *gold_prng(gold_case *g, const rst_module *m)
{
    generator p;
    json_t *weights = json_object_get(g->values, "weights");
    if (!parse_generator(g, json_object_get(weights, "generator"), &p) ||
        !probes_met(g, json_object_get(weights, "probes"), m))
        return NULL;
    rst_weights *out = rst_weights_new();
    if (!out)
        (void)gold_fail(g, "out of memory");
    rst_entry e;
    for (int i = 0; out && rst_module_entry(m, i, &e); i++)
        if ((e.kind == RST_ENTRY_PARAM || e.kind == RST_ENTRY_BUFFER) &&
            !add_entry(g, weights, &p, &e, out)) {
            rst_weights_free(out);
            return NULL;
        }
    return out;
}
