/* SPDX-License-Identifier: MIT */
/* Configuration files; the one place that knows inih.
 *
 *     # or ; begins a comment, at the start of a line or after a blank
 *     [data]                  for the reader's eye alone
 *     dataroot = MIST/HER2
 *
 * Names differ neither by - and _ nor by upper and lower case. */
#ifndef RST_BASE_INI_H
#define RST_BASE_INI_H

#include <stdbool.h>

#include <restain/error.h>

/** Bytes of a line at the most, beside its newline: what every build of inih takes. */
enum { RST_INI_LINE = 197 };

typedef struct rst_ini_entry {
    char *key, *value; /* owned; the value may be "" */
    char *section;     /* owned; "" before the first */
    int line;          /* from 1 */
} rst_ini_entry;

/** A file's settings in their order. Fields are for reading. */
typedef struct rst_ini {
    char *path; /* owned */
    rst_ini_entry *entry;
    int count, cap;
} rst_ini;

/**
 * Reads a file of at most 1 MiB.
 * @param[out] out  owned; rst__ini_free
 * @return 0, RST_EINPUT (cannot be read), RST_EFORMAT (a name given twice, a line that is no
 *         setting or too long, a NUL byte: the error names file and line), RST_ENOMEM
 */
int rst__ini_load(rst_ini **out, const char *path, rst_error *err);
/** The same where sections mean something: a name may be given once in each. */
int rst__ini_load_sections(rst_ini **out, const char *path, rst_error *err);
/** rst__ini_load from text with a NUL at its end; `path` is what errors call it. */
int rst__ini_parse(rst_ini **out, const char *text, const char *path, rst_error *err);
/** NULL is fine. */
void rst__ini_free(rst_ini *ini);

/** Whether key = value is one line that reads back as this value. */
bool rst__ini_fits(const char *key, const char *value);

/** A name as it is compared: lower case, `_` for `-`. */
char rst__ini_fold(char c);

#endif
