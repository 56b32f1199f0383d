/* SPDX-License-Identifier: MIT */
/* golden DIR...: walks folders of cases and reports. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/threads.h"
#include "golden/golden.h"

enum { MAX_DEPTH = 16 };

typedef struct tally {
    gold_options o;
    int passed, failed, skipped, cases, kinks, torch_layouts;
    struct {
        char *name; /* of a case */
        const char *why;
    } kink[256]; /* for the closing note */
} tally;

static const char usage[] =
    "usage: golden DIR... [--conv auto|direct|winograd] [--backend "
    "ref|cpu] [--threads N] [--verbose]\n"
    "              [--where KEY=VALUE|KEY!=VALUE]...\n"
    "--where: only the cases whose options have (have not) that value; of KEY case, "
    "its name\n";

/* GROUP/CASE of a path, for the report. */
static const char *short_name(const char *dir)
{
    const char *last = rst__basename(dir);
    while (last > dir + 1 && last[-2] != '/')
        last--;
    return last > dir ? last - 1 : last;
}

static bool passes(const gold_options *o, const char *dir, const char *backend)
{
    gold_options other = *o;
    other.backend = backend;
    other.conv = RST_CONV_DIRECT;
    other.verbose = false;
    gold_verdict v;
    gold_run(&other, dir, &v);
    return v.passed;
}

/* What rounding may have done to a failed case; NULL: nothing that can be told. */
static const char *kink(const gold_options *o, const char *dir, const gold_verdict *v)
{
    if (v->near_kink && o->conv != RST_CONV_DIRECT && passes(o, dir, o->backend))
        return "fails only in gradients, by less than 1e-2, and passes with direct convolution: a "
               "ReLU's kink was flipped";
    if (v->trained && strcmp(o->backend, "ref") != 0 && passes(o, dir, "ref"))
        return "passes on the ref backend, which sums in double, and its first losses are right: "
               "rounding may have flipped a ReLU, or the sign of a gradient that Adam enlarged";
    return NULL;
}

static void run_case(tally *t, const char *dir)
{
    gold_verdict v;
    const char *name = short_name(dir);
    if (!gold_selected(&t->o, dir))
        return;
    gold_run(&t->o, dir, &v);
    t->cases++;
    if (v.passed)
        t->passed++;
    else
        t->failed++;
    printf("%-4s %s", v.passed ? "ok" : "FAIL", name);
    if (v.where[0])
        printf("  worst %.3g of its tolerance at %s", v.worst, v.where);
    if (v.convs)
        printf("  winograd %lld of %lld", (long long)v.winograd, (long long)v.convs);
    if (v.torch_layout)
        printf("  as torch 1.13 misreads");
    t->torch_layouts += v.torch_layout;
    printf("%s%s\n", v.passed ? "" : ": ", v.passed ? "" : v.why);
    fflush(stdout);
    const char *why = v.passed || t->kinks == 256 ? NULL : kink(&t->o, dir, &v);
    if (why) {
        t->kink[t->kinks].why = why;
        t->kink[t->kinks++].name = strdup(name);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the folder's subfolders, sorted; -1 if it cannot be read. */
static int subfolders(const char *dir, char ***out)
{
    DIR *d = opendir(dir);
    if (!d)
        return -1;
    int n = 0, cap = 0;
    char **names = NULL;
    for (struct dirent *e; (e = readdir(d));) {
        char path[4096];
        struct stat st;
        if (e->d_name[0] == '.' ||
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path ||
            stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
            continue;
        if (n == cap) {
            cap = cap ? 2 * cap : 64;
            names = realloc(names, (size_t)cap * sizeof *names);
            if (!names)
                exit(1);
        }
        names[n++] = strdup(e->d_name);
    }
    closedir(d);
    if (n)
        qsort(names, (size_t)n, sizeof *names, by_name);
    *out = names;
    return n;
}

static bool has_file(const char *dir, const char *name)
{
    char path[4096];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    return n > 0 && n < (int)sizeof path && stat(path, &st) == 0;
}

static void walk(tally *t, const char *dir, int depth)
{
    char **sub = NULL;
    int n = subfolders(dir, &sub);
    if (n < 0)
        fprintf(stderr, "golden: %s: cannot be read\n", dir);
    /* A folder of tensors without a description is a broken case, not a folder of cases. */
    if (n < 0 || has_file(dir, "case.json") || has_file(dir, "tensors.safetensors")) {
        run_case(t, dir);
        n = n < 0 ? 0 : n;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        if (depth < MAX_DEPTH &&
            snprintf(path, sizeof path, "%s/%s", dir, sub[i]) < (int)sizeof path)
            walk(t, path, depth + 1);
        free(sub[i]);
    }
    free(sub);
}

static bool parse_conv(const char *text, rst_conv_mode *out)
{
    static const char *const names[] = { "auto", "direct", "winograd" };
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (rst_conv_mode)i;
            return true;
        }
    return false;
}

/* --where KEY=VALUE or KEY!=VALUE. All must hold. The key points into argv, and value behind it. */
static bool parse_where(gold_options *o, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals || equals == text || o->wheres == GOLD_WHERES)
        return false;
    bool other = equals[-1] == '!';
    equals[other ? -1 : 0] = 0;
    o->where[o->wheres++] = (struct gold_where){ text, equals + 1, other };
    return true;
}

static bool parse_option(gold_options *o, const char *name, char *value)
{
    char *end;
    if (strcmp(name, "--conv") == 0)
        return parse_conv(value, &o->conv);
    if (strcmp(name, "--backend") == 0) {
        o->backend = value;
        return strcmp(value, "ref") == 0 || strcmp(value, "cpu") == 0;
    }
    if (strcmp(name, "--where") == 0)
        return parse_where(o, value);
    if (strcmp(name, "--threads") != 0)
        return false;
    long n = strtol(value, &end, 10);
    o->threads = (int)n;
    return *value && !*end && n > 0 && n <= 1024;
}

/* Moves the folders to the front of argv; their number, or -1. */
static int parse(int argc, char **argv, gold_options *o)
{
    int dirs = 0;
    for (int i = 1; i < argc; i++) {
        char *arg = argv[i], *value = NULL;
        if (strcmp(arg, "--verbose") == 0) {
            o->verbose = true;
            continue;
        }
        if (strncmp(arg, "--", 2) != 0) {
            argv[dirs++] = arg;
            continue;
        }
        if ((value = strchr(arg, '=')))
            *value++ = 0;
        else if (i + 1 < argc)
            value = argv[++i];
        if (!value || !parse_option(o, arg, value))
            return -1;
    }
    return dirs;
}

static void walk_argument(tally *t, char *dir)
{
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        dir[--n] = 0;
    int before = t->cases;
    walk(t, dir, 0);
    if (t->cases == before) {
        printf("FAIL %s: no case in this folder", dir);
        for (int i = 0; i < t->o.wheres; i++)
            printf("%s %s%s%s", i ? "," : " has", t->o.where[i].key,
                   t->o.where[i].other ? "!=" : "=", t->o.where[i].value);
        putchar('\n');
        t->failed++;
    }
}

int main(int argc, char **argv)
{
    rst__threads_wait_asleep(argv);
    tally t = { .o = { .backend = "cpu", .conv = RST_CONV_DIRECT } };
    int dirs = parse(argc, argv, &t.o);
    if (dirs <= 0) {
        fputs(usage, stderr);
        return 2;
    }
    if (strcmp(t.o.backend, "ref") == 0 && t.o.conv == RST_CONV_WINOGRAD) {
        fputs("golden: the ref backend has no Winograd convolution\n", stderr);
        return 2;
    }
    for (int i = 0; i < dirs; i++)
        walk_argument(&t, argv[i]);
    for (int i = 0; i < t.kinks; i++) {
        printf("note: %s %s\n", t.kink[i].name, t.kink[i].why);
        free(t.kink[i].name);
    }
    if (t.torch_layouts)
        printf("note: %d cases were compared with gradients that their torch 1.13 misread: "
               "tests/golden/torch_layout.h\n",
               t.torch_layouts);
    printf("%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped);
    return t.failed ? 1 : 0;
}
