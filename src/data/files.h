/* SPDX-License-Identifier: MIT */
/* A list of picture files, and pairs of two such lists. */
#ifndef RST_DATA_FILES_H
#define RST_DATA_FILES_H

#include <restain/error.h>

typedef struct rst_file_item {
    char *path; /* owned */
    char *stem; /* owned: the path below the list's folder without extension, what pairs share */
} rst_file_item;

typedef struct rst_file_list {
    char *folder; /* owned: what errors call the list */
    rst_file_item *item;
    int64_t count, cap;
} rst_file_list;

/** Takes the folder's path for a list that is still empty. RST_ENOMEM */
int rst__files_begin(rst_file_list *l, const char *folder, rst_error *err);
/** Appends a file that lies below the folder as `name`. RST_ENOMEM */
int rst__files_add(rst_file_list *l, const char *name, rst_error *err);
/**
 * All pictures below a folder, as deep as they lie, by path. Names that begin with a dot and files
 * of other kinds are passed over, as the references do; what they would read and we cannot (PPM,
 * BMP) is an error, not a smaller data set.
 *
 * @param l  all zero
 * @return 0, RST_EINPUT (no such folder, no pictures in it), RST_EFORMAT, RST_ENOMEM
 */
int rst__files_walk(rst_file_list *l, const char *folder, rst_error *err);
void rst__files_free(rst_file_list *l);
/** RST_EFORMAT when two files of a list that is not empty have the same stem; RST_ENOMEM. */
int rst__files_check_unique(const rst_file_list *l, rst_error *err);

/**
 * Puts b in such an order that item i of both lists have the same stem.
 *
 * @return 0, RST_EINPUT (a file without partner), RST_EFORMAT (two files of one stem), RST_ENOMEM;
 * after a failure b's order is undefined
 */
int rst__files_pair(const rst_file_list *a, rst_file_list *b, rst_error *err);

#endif
