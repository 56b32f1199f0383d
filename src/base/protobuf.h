/* SPDX-License-Identifier: MIT */
/* The wire format of protocol buffers, for writing: a message is a string of its fields, and a
 * field that is a message is that string with its length before it. */
#ifndef RST_BASE_PROTOBUF_H
#define RST_BASE_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/** Integers, enumerations and booleans (varint). */
void rst__pb_int(rst_str *m, int field, int64_t v);
void rst__pb_float(rst_str *m, int field, float v);
void rst__pb_text(rst_str *m, int field, const char *text);
void rst__pb_bytes(rst_str *m, int field, const void *data, size_t n);
/** A message in a message; frees `part`, whose failure becomes m's. */
void rst__pb_message(rst_str *m, int field, rst_str *part);

#endif
