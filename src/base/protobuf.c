/* SPDX-License-Identifier: MIT */
#include "base/protobuf.h"

#include <string.h>

enum { VARINT = 0, LENGTH = 2, FIXED32 = 5 };

static void varint(rst_str *m, uint64_t v)
{
    uint8_t b[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        b[n++] = (uint8_t)(v | 0x80);
    b[n++] = (uint8_t)v;
    rst__str_bytes(m, b, n);
}

static void tag(rst_str *m, int field, int kind)
{
    varint(m, (uint64_t)field << 3 | (uint64_t)kind);
}

void rst__pb_int(rst_str *m, int field, int64_t v)
{
    tag(m, field, VARINT);
    varint(m, (uint64_t)v);
}

void rst__pb_float(rst_str *m, int field, float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    const uint8_t b[4] = { (uint8_t)u, (uint8_t)(u >> 8), (uint8_t)(u >> 16), (uint8_t)(u >> 24) };
    tag(m, field, FIXED32);
    rst__str_bytes(m, b, sizeof b);
}

void rst__pb_bytes(rst_str *m, int field, const void *data, size_t n)
{
    tag(m, field, LENGTH);
    varint(m, n);
    if (n > 0)
        rst__str_bytes(m, data, n);
}

void rst__pb_text(rst_str *m, int field, const char *text)
{
    rst__pb_bytes(m, field, text, strlen(text));
}

void rst__pb_message(rst_str *m, int field, rst_str *part)
{
    rst__pb_bytes(m, field, part->s, part->len);
    m->failed = m->failed || part->failed;
    rst__str_free(part);
}
