/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

rst_str rst__str(size_t max)
{
    return (rst_str){ .max = max };
}

/* Room for n more bytes and the NUL. */
static bool reserve(rst_str *b, size_t n)
{
    if (b->failed || n > b->max || b->len > b->max - n) {
        b->failed = true;
        return false;
    }
    size_t need = b->len + n + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap < need)
        cap *= 2;
    char *s = rst__realloc(b->s, cap, 1);
    if (!s) {
        b->failed = true;
        return false;
    }
    b->s = s;
    b->cap = cap;
    return true;
}

void rst__str_bytes(rst_str *b, const void *data, size_t n)
{
    if (!reserve(b, n))
        return;
    memcpy(b->s + b->len, data, n);
    b->len += n;
    b->s[b->len] = 0;
}

void rst__str_add(rst_str *b, const char *text)
{
    rst__str_bytes(b, text, strlen(text));
}

void rst__str_printf(rst_str *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n >= 0 && reserve(b, (size_t)n)) {
        (void)vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    } else {
        b->failed = true;
    }
    va_end(again);
    va_end(ap);
}

void rst__str_csv(rst_str *b, const char *text)
{
    rst__str_add(b, "\"");
    for (; *text; text++)
        rst__str_bytes(b, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    rst__str_add(b, "\"");
}

void rst__str_base64(rst_str *b, const void *data, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *p = data;
    for (size_t i = 0; i < n; i += 3) {
        const size_t left = n - i;
        const uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                           (left > 2 ? (uint32_t)p[i + 2] : 0);
        const char four[4] = { digit[v >> 18], digit[v >> 12 & 63],
                               (char)(left > 1 ? digit[v >> 6 & 63] : '='),
                               (char)(left > 2 ? digit[v & 63] : '=') };
        rst__str_bytes(b, four, 4);
    }
}

void rst__str_free(rst_str *b)
{
    rst__free(b->s);
    *b = (rst_str){ .max = b->max };
}

size_t rst__edits(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b), cost[64];
    if (na > 63 || nb > 63)
        return 64;
    for (size_t j = 0; j <= nb; j++)
        cost[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = cost[0];
        cost[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = cost[j];
            best = best < cost[j] + 1 ? best : cost[j] + 1;
            cost[j] = best < cost[j - 1] + 1 ? best : cost[j - 1] + 1;
        }
    }
    return cost[nb];
}
