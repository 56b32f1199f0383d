/* SPDX-License-Identifier: MIT */
/* Files: read whole, mapped never (a file truncated while mapped kills the process), written under
 * a temporary name and renamed when whole. */
#ifndef RST_BASE_FILE_H
#define RST_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <restain/error.h>

/**
 * Reads a regular file of at most max bytes.
 *
 * @param[out] buf  owned by the caller, one NUL byte past the end; rst__free
 * @return 0, RST_EINPUT (cannot open or read; a folder), RST_EFORMAT (larger than max), RST_ENOMEM
 */
int rst__file_read(const char *path, size_t max, void **buf, size_t *len, rst_error *err);
/** Like the above from `offset` for exactly len bytes into buf; a short file is RST_EFORMAT. */
int rst__file_read_at(const char *path, uint64_t offset, void *buf, size_t len, rst_error *err);
/** The size in bytes; RST_EINPUT when there is no such regular file. */
int rst__file_size(const char *path, uint64_t *size, rst_error *err);

/** A file being written: PATH.part until rst__outfile_commit renames it to PATH. */
typedef struct rst_outfile rst_outfile;

/** Opens PATH.part for writing. @param[out] out owned; commit or abort it. RST_EOUTPUT/ENOMEM. */
int rst__outfile_open(rst_outfile **out, const char *path, rst_error *err);
/** Opens PATH itself, made if it is not there, to append to: for logs. rst__outfile_commit then
 * only flushes and frees, rst__outfile_abort only frees. */
int rst__outfile_append(rst_outfile **out, const char *path, rst_error *err);
/** Appends; an error (disk full) sticks and is told again by commit. */
int rst__outfile_write(rst_outfile *f, const void *data, size_t len, rst_error *err);
/** Writes at `offset` instead; a gap that this leaves before it reads as zeros. Not to be mixed
 * with rst__outfile_write. */
int rst__outfile_write_at(rst_outfile *f, uint64_t offset, const void *data, size_t len,
                          rst_error *err);
/** Reads exactly len bytes back; a failed or short read is RST_EOUTPUT. */
int rst__outfile_read_at(rst_outfile *f, uint64_t offset, void *buf, size_t len, rst_error *err);
/** A file beside `path` that has no name any more: whatever ends the process, it goes. Only
 *  rst__outfile_abort ends its use. */
int rst__scratch_open(rst_outfile **out, const char *path, rst_error *err);
/** What was written so far is on the disk when this returns 0. */
int rst__outfile_sync(rst_outfile *f, rst_error *err);
/** Flushes to disk, renames to the final name, frees f. On failure the .part file is removed. */
int rst__outfile_commit(rst_outfile *f, rst_error *err);
/** Removes the .part file and frees f. NULL is fine. */
void rst__outfile_abort(rst_outfile *f);
/** Writes a whole file in one go, by the same rules. */
int rst__file_write(const char *path, const void *data, size_t len, rst_error *err);

/** The file `fresh` becomes `path`, and what `path` was becomes `previous` (where the file system
 * has links); there is a `path` at every moment. RST_EOUTPUT. */
int rst__file_step_up(const char *fresh, const char *path, const char *previous, rst_error *err);
/** A file that is not there is fine. RST_EOUTPUT. */
int rst__file_remove(const char *path, rst_error *err);

/** Makes a folder and its parents; an existing one is fine. RST_EOUTPUT. */
int rst__mkdirs(const char *path, rst_error *err);
/** Nobody else may lock the folder until it is unlocked or the process ends, however that comes;
 * where file systems have no locks, anybody may. -1: it is locked already; else for
 * rst__dir_unlock. */
int rst__dir_lock(const char *path);
void rst__dir_unlock(int lock);
bool rst__is_dir(const char *path);
bool rst__exists(const char *path);
/** The part of a path behind its last '/'. */
const char *rst__basename(const char *path);

/** For tests: after n more successes every read (write) of this file layer fails; negative: never.
 */
void rst__file_fail_after(long reads, long writes);

#endif
