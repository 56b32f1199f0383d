/* SPDX-License-Identifier: MIT */
/* Element types of weights and their conversion. */
#include <restain/weights.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "model/store.h"

/* Both file formats hold little-endian numbers, which are used as they are. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a little-endian machine is needed");

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [RST_WEIGHT_F64] = { "F64", 8 }, [RST_WEIGHT_F32] = { "F32", 4 },
    [RST_WEIGHT_F16] = { "F16", 2 }, [RST_WEIGHT_BF16] = { "BF16", 2 },
    [RST_WEIGHT_I64] = { "I64", 8 }, [RST_WEIGHT_I32] = { "I32", 4 },
    [RST_WEIGHT_I16] = { "I16", 2 }, [RST_WEIGHT_I8] = { "I8", 1 },
    [RST_WEIGHT_U8] = { "U8", 1 },   [RST_WEIGHT_BOOL] = { "BOOL", 1 },
};

enum { TYPES = sizeof types / sizeof *types };

size_t rst_weight_size(rst_weight_type type)
{
    return (unsigned)type < TYPES ? types[type].size : 0;
}

const char *rst_weight_type_name(rst_weight_type type)
{
    return (unsigned)type < TYPES ? types[type].name : "?";
}

bool rst__weight_type_of(const char *name, rst_weight_type *type)
{
    for (int i = 0; i < TYPES; i++)
        if (strcmp(types[i].name, name) == 0) {
            *type = (rst_weight_type)i;
            return true;
        }
    return false;
}

bool rst__weight_bytes(rst_weight_type type, int rank, const int64_t *shape, size_t *bytes)
{
    int64_t n = (int64_t)rst_weight_size(type);
    bool empty = false;
    for (int d = 0; d < rank; d++) {
        if (!rst__mul_i64(n, shape[d] ? shape[d] : 1, &n))
            return false;
        empty = empty || shape[d] == 0;
    }
    *bytes = empty ? 0 : (size_t)n;
    return true;
}

int64_t rst_weight_elements(const rst_weight *t)
{
    return (int64_t)(t->bytes / rst_weight_size(t->type));
}

static float from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* IEEE 754 binary16 to binary32, exact; NaN payloads are kept. */
static float from_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
    if (exponent == 31)
        return from_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0) {
        float tiny = (float)fraction * 0x1p-24f;
        return sign ? -tiny : tiny;
    }
    return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

/* Element i of an integer type. */
static int64_t integer_at(const rst_weight *t, int64_t i)
{
    switch (t->type) {
    case RST_WEIGHT_I64:
        return ((const int64_t *)t->data)[i];
    case RST_WEIGHT_I32:
        return ((const int32_t *)t->data)[i];
    case RST_WEIGHT_I16:
        return ((const int16_t *)t->data)[i];
    case RST_WEIGHT_I8:
        return ((const int8_t *)t->data)[i];
    case RST_WEIGHT_BOOL:
        return ((const uint8_t *)t->data)[i] != 0;
    default:
        return ((const uint8_t *)t->data)[i];
    }
}

static bool is_float(rst_weight_type type)
{
    return type <= RST_WEIGHT_BF16;
}

static double real_at(const rst_weight *t, int64_t i)
{
    switch (t->type) {
    case RST_WEIGHT_F64:
        return ((const double *)t->data)[i];
    case RST_WEIGHT_F32:
        return ((const float *)t->data)[i];
    case RST_WEIGHT_F16:
        return from_half(((const uint16_t *)t->data)[i]);
    case RST_WEIGHT_BF16:
        return from_bits((uint32_t)((const uint16_t *)t->data)[i] << 16);
    default:
        return (double)integer_at(t, i);
    }
}

void rst_weight_to_f32(const rst_weight *t, float *out)
{
    int64_t n = rst_weight_elements(t);
    if (t->type == RST_WEIGHT_F32) {
        memcpy(out, t->data, t->bytes);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        out[i] = is_float(t->type) ? (float)real_at(t, i) : (float)integer_at(t, i);
}

void rst_weight_to_f64(const rst_weight *t, double *out)
{
    int64_t n = rst_weight_elements(t);
    for (int64_t i = 0; i < n; i++)
        out[i] = real_at(t, i);
}

int rst_weight_to_i64(const rst_weight *t, int64_t *out, rst_error *err)
{
    int64_t n = rst_weight_elements(t);
    for (int64_t i = 0; i < n; i++) {
        if (!is_float(t->type)) {
            out[i] = integer_at(t, i);
            continue;
        }
        double v = real_at(t, i);
        if (!(v >= -0x1p63 && v < 0x1p63))
            return rst_fail(err, RST_EINVAL, "%s: element %lld is no 64-bit integer", t->name,
                            (long long)i);
        out[i] = (int64_t)v;
    }
    return 0;
}
