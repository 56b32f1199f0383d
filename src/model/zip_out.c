/* SPDX-License-Identifier: MIT */
#include "model/zip_out.h"

#include <string.h>

#include "base/err.h"

enum {
    LOCAL_BYTES = 30,
    ZIP64_BYTES = 20,  /* the extra field of a local header with both sizes */
    PADDING_BYTES = 4, /* the extra field's head before the padding itself */
    ALIGNMENT = 64,
    STORED_VERSION = 20,
    ZIP64_VERSION = 45,
    DATE_1980 = 0x21, /* 1980-01-01: archives of equal content are equal */
    UTF8_NAME = 0x800
};

uint32_t rst__crc32(const void *data, size_t len)
{
    uint32_t table[256];
    const unsigned char *p = data;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
        table[i] = c;
    }
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < len; i++)
        crc = table[(crc ^ p[i]) & 255] ^ crc >> 8;
    return ~crc;
}

/* A little-endian number of n bytes. */
static void add(rst_str *b, uint64_t v, size_t n)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)(v >> 8 * i);
    rst__str_bytes(b, bytes, n);
}

rst_zip_out rst__zip_out(rst_outfile *file, bool zip64)
{
    return (rst_zip_out){ .file = file, .zip64 = zip64, .directory = rst__str(64 << 20) };
}

/* The fields that a local header and a directory record share. */
static void add_common(rst_str *b, const rst_zip_out *z, uint32_t crc, size_t len, size_t name_len,
                       size_t extra_len)
{
    add(b, z->zip64 ? ZIP64_VERSION : STORED_VERSION, 2);
    add(b, UTF8_NAME, 2);
    add(b, 0, 2); /* stored */
    add(b, 0, 2);
    add(b, DATE_1980, 2);
    add(b, crc, 4);
    add(b, z->zip64 ? 0xffffffffu : len, 4);
    add(b, z->zip64 ? 0xffffffffu : len, 4);
    add(b, name_len, 2);
    add(b, extra_len, 2);
}

/* The header in front of a member, its extra field as long as the alignment needs. */
static void add_local(rst_str *b, const rst_zip_out *z, const char *name, uint32_t crc, size_t len)
{
    size_t name_len = strlen(name), fixed = PADDING_BYTES + (z->zip64 ? ZIP64_BYTES : 0);
    size_t over = (size_t)((z->at + LOCAL_BYTES + name_len + fixed) % ALIGNMENT);
    size_t padding = over ? ALIGNMENT - over : 0;
    add(b, 0x04034b50, 4);
    add_common(b, z, crc, len, name_len, fixed + padding);
    rst__str_add(b, name);
    if (z->zip64) {
        add(b, 1, 2);
        add(b, 16, 2);
        add(b, len, 8);
        add(b, len, 8);
    }
    add(b, 0x4246, 2); /* the id that torch uses: "FB" */
    add(b, padding, 2);
    for (size_t i = 0; i < padding; i++)
        rst__str_add(b, "Z");
}

static void add_record(rst_str *b, const rst_zip_out *z, const char *name, uint32_t crc, size_t len)
{
    add(b, 0x02014b50, 4);
    add(b, z->zip64 ? ZIP64_VERSION : STORED_VERSION, 2);
    add_common(b, z, crc, len, strlen(name), z->zip64 ? 28 : 0);
    add(b, 0, 2); /* comment, disk, attributes */
    add(b, 0, 2);
    add(b, 0, 2);
    add(b, 0, 4);
    add(b, z->zip64 ? 0xffffffffu : z->at, 4);
    rst__str_add(b, name);
    if (z->zip64) {
        add(b, 1, 2);
        add(b, 24, 2);
        add(b, len, 8);
        add(b, len, 8);
        add(b, z->at, 8);
    }
}

static int emit(rst_zip_out *z, const void *data, size_t len, rst_error *err)
{
    int rc = rst__outfile_write(z->file, data, len, err);
    z->at += len;
    return rc;
}

static int emit_string(rst_zip_out *z, rst_str *b, rst_error *err)
{
    int rc = b->failed ? rst__fail_nomem(err, "zip archive") : emit(z, b->s, b->len, err);
    rst__str_free(b);
    return rc;
}

int rst__zip_out_add(rst_zip_out *z, const char *name, const void *data, size_t len, rst_error *err)
{
    rst_str header = rst__str(1 << 16);
    uint32_t crc = rst__crc32(data, len);
    add_record(&z->directory, z, name, crc, len);
    add_local(&header, z, name, crc, len);
    z->members++;
    int rc = emit_string(z, &header, err);
    return rc < 0 ? rc : emit(z, data, len, err);
}

static void add_end64(rst_str *b, const rst_zip_out *z, uint64_t size, uint64_t start)
{
    add(b, 0x06064b50, 4);
    add(b, 44, 8); /* the rest of this record */
    add(b, ZIP64_VERSION, 2);
    add(b, ZIP64_VERSION, 2);
    add(b, 0, 4); /* disks */
    add(b, 0, 4);
    add(b, z->members, 8);
    add(b, z->members, 8);
    add(b, size, 8);
    add(b, start, 8);
    add(b, 0x07064b50, 4); /* where that record is */
    add(b, 0, 4);
    add(b, start + size, 8);
    add(b, 1, 4);
}

int rst__zip_out_end(rst_zip_out *z, rst_error *err)
{
    uint64_t start = z->at, size = z->directory.len;
    int rc = emit_string(z, &z->directory, err);
    if (rc < 0)
        return rc;
    rst_str end = rst__str(1 << 10);
    if (z->zip64)
        add_end64(&end, z, size, start);
    add(&end, 0x06054b50, 4);
    add(&end, 0, 2); /* disks */
    add(&end, 0, 2);
    add(&end, z->zip64 ? 0xffff : z->members, 2);
    add(&end, z->zip64 ? 0xffff : z->members, 2);
    add(&end, z->zip64 ? 0xffffffffu : size, 4);
    add(&end, z->zip64 ? 0xffffffffu : start, 4);
    add(&end, 0, 2); /* comment */
    return emit_string(z, &end, err);
}
