/* SPDX-License-Identifier: MIT */
#include "run/slide_split.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

int rst__slide_share_by_name(const void *x, const void *y)
{
    return strcmp(((const rst_slide_share *)x)->name, ((const rst_slide_share *)y)->name);
}

static int by_hash(const void *x, const void *y)
{
    return strcmp(((const rst_slide_share *)x)->hash, ((const rst_slide_share *)y)->hash);
}

int rst__slide_split(rst_slide_share *s, int64_t count, int64_t wanted, rst_error *err)
{
    int64_t others = count - 1;
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < count; i++)
        rc = rst__sha256_hex(s[i].name, strlen(s[i].name), s[i].hash, err);
    qsort(s, (size_t)count, sizeof *s, by_hash);
    for (int64_t i = 0; i < count && others > 0; i++)
        if (s[i].pairs < 2 * wanted) {
            s[i].val = true;
            wanted -= s[i].pairs;
            others--;
        }
    qsort(s, (size_t)count, sizeof *s, rst__slide_share_by_name);
    return rc;
}
