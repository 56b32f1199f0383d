/* SPDX-License-Identifier: MIT */
/* Writes the kind of zip archive that torch.save writes: stored members whose data begin at
 * multiples of 64. (libzip neither aligns nor writes through base/file.h.) */
#ifndef RST_MODEL_ZIP_OUT_H
#define RST_MODEL_ZIP_OUT_H

#include "base/file.h"
#include "base/str.h"

typedef struct rst_zip_out {
    rst_outfile *file; /* borrowed */
    uint64_t at;       /* bytes written */
    uint64_t members;
    bool zip64;        /* records for archives over 4 GiB or 65,535 members */
    rst_str directory; /* the central directory so far */
} rst_zip_out;

/** Starts an archive in an open file; zip64 must be true if it may pass 4 GiB. */
rst_zip_out rst__zip_out(rst_outfile *file, bool zip64);
/** Writes one member. RST_EOUTPUT, RST_ENOMEM. */
int rst__zip_out_add(rst_zip_out *z, const char *name, const void *data, size_t len,
                     rst_error *err);
/** Writes the directory; z is done with (also after an error). The file stays open. */
int rst__zip_out_end(rst_zip_out *z, rst_error *err);

/** The CRC-32 of zip (polynomial 0xedb88320). */
uint32_t rst__crc32(const void *data, size_t len);

#endif
