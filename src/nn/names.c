/* SPDX-License-Identifier: MIT */
/* Second names of tensors. */
#include <stdio.h>
#include <string.h>

#include "nn/names.h"
#include "nn/nets.h"

/* BSRGAN's names and those of Real-ESRGAN and BasicSR (spec 5.4). */
static const struct {
    const char *ours, *theirs;
} rrdb_stem[] = {
    { "trunk_conv.", "conv_body." },
    { "upconv1.", "conv_up1." },
    { "upconv2.", "conv_up2." },
    { "HRconv.", "conv_hr." },
};
enum { RRDB_STEMS = sizeof rrdb_stem / sizeof rrdb_stem[0] };

static bool fits(int n, size_t size)
{
    return n > 0 && (size_t)n < size;
}

static bool swap_stem(const char *name, bool to_theirs, char *buf, size_t size)
{
    for (int i = 0; i < RRDB_STEMS; i++) {
        const char *from = to_theirs ? rrdb_stem[i].ours : rrdb_stem[i].theirs;
        const char *to = to_theirs ? rrdb_stem[i].theirs : rrdb_stem[i].ours;
        size_t n = strlen(from);
        if (strncmp(name, from, n) == 0)
            return fits(snprintf(buf, size, "%s%s", to, name + n), size);
    }
    return false;
}

/* What follows `pattern` at the start of name, or NULL; a # stands for one to six digits. */
static const char *after(const char *name, const char *pattern, int number[2])
{
    int found = 0;
    for (; *pattern; pattern++) {
        if (*pattern != '#') {
            if (*name++ != *pattern)
                return NULL;
            continue;
        }
        int digits = 0, v = 0;
        for (; digits < 6 && *name >= '0' && *name <= '9'; digits++)
            v = 10 * v + (*name++ - '0');
        if (digits == 0)
            return NULL;
        number[found++] = v;
    }
    return name;
}

static bool rrdb_theirs(const char *name, char *buf, size_t size)
{
    int n[2];
    const char *rest = after(name, "RRDB_trunk.#.RDB#.", n);
    if (rest)
        return fits(snprintf(buf, size, "body.%d.rdb%d.%s", n[0], n[1], rest), size);
    return swap_stem(name, true, buf, size);
}

static bool rrdb_ours(const char *name, char *buf, size_t size)
{
    int n[2];
    const char *rest = after(name, "body.#.rdb#.", n);
    if (rest)
        return fits(snprintf(buf, size, "RRDB_trunk.%d.RDB%d.%s", n[0], n[1], rest), size);
    return swap_stem(name, false, buf, size);
}

static bool is_feature_row(const rst_arch *a)
{
    return a->family == RST_NET_ALEXNET || a->family == RST_NET_VGG16 ||
           a->family == RST_NET_SQUEEZENET;
}

/* The number of a layer in "features.N." or "sliceK.N.", and what follows it; -1: neither. */
static int feature_number(const char *name, const char **rest)
{
    int n[2];
    *rest = after(name, "features.#.", n);
    if (*rest)
        return n[0];
    *rest = after(name, "slice#.#.", n);
    return *rest ? n[1] : -1;
}

static bool feature_name(const rst_arch *a, const char *name, bool slices, char *buf, size_t size)
{
    const char *rest;
    int number = feature_number(name, &rest);
    if (number < 0)
        return false;
    char stem[32];
    rst_arch named = *a;
    named.names = slices ? RST_NAMES_LPIPS : RST_NAMES_USUAL;
    (void)rst__feature_name(&named, &(rst_layer){ .nsub = number }, stem);
    return fits(snprintf(buf, size, "%s.%s", stem, rest), size);
}

bool rst__other_name(const rst_arch *a, const char *name, int i, char *buf, size_t size)
{
    if (a->family == RST_NET_RRDB)
        return i == 0 && rrdb_theirs(name, buf, size);
    if (!is_feature_row(a) || i > 1)
        return false;
    bool slices = a->names != RST_NAMES_LPIPS;
    if (i == 0)
        return feature_name(a, name, slices, buf, size);
    /* LPIPS's own checkpoints hold the network as their member `net`. */
    char stem[224];
    return feature_name(a, name, true, stem, sizeof stem) &&
           fits(snprintf(buf, size, "net.%s", stem), size);
}

bool rst__usual_name(const rst_arch *a, const char *other, char *buf, size_t size)
{
    if (a->family == RST_NET_RRDB)
        return rrdb_ours(other, buf, size);
    if (!is_feature_row(a))
        return false;
    if (strncmp(other, "net.", 4) == 0)
        other += 4;
    return feature_name(a, other, a->names == RST_NAMES_LPIPS, buf, size);
}

bool rst__unused_name(const rst_arch *a, const char *name)
{
    static const char *const unused[] = { "classifier.", "fc.", "AuxLogits.", "lin" };
    bool of_metric = a->family >= RST_NET_ALEXNET && a->family <= RST_NET_INCEPTION;
    for (size_t i = 0; of_metric && i < sizeof unused / sizeof unused[0]; i++)
        if (strncmp(name, unused[i], strlen(unused[i])) == 0)
            return true;
    return false;
}
