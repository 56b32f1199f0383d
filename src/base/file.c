/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"

struct rst_outfile {
    int fd;
    char *path, *part; /* owned; no part when appending */
    rst_error failed;  /* the first error, kept for commit */
};

static long reads_left = -1, writes_left = -1;

void rst__file_fail_after(long reads, long writes)
{
    reads_left = reads;
    writes_left = writes;
}

/* True when a test wants this call, and all later ones, to fail; sets errno. */
static bool refused(long *left, int code)
{
    if (*left < 0)
        return false;
    if (*left > 0) {
        --*left;
        return false;
    }
    errno = code;
    return true;
}

static int open_input(const char *path, uint64_t *size, rst_error *err)
{
    int fd = refused(&reads_left, EIO) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rst_fail(err, RST_EINPUT, "%s: %s", path, strerror(errno));
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return rst_fail(err, RST_EINPUT, "%s: not a regular file", path);
    }
    *size = (uint64_t)st.st_size;
    return fd;
}

/* Reads exactly len bytes at offset. */
static int read_all(int fd, const char *path, uint64_t offset, char *buf, size_t len,
                    rst_error *err)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = refused(&reads_left, EIO)
                        ? -1
                        : pread(fd, buf + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rst_fail(err, RST_EINPUT, "%s: %s", path, strerror(errno));
        if (n == 0)
            return rst_fail(err, RST_EFORMAT, "%s: the file ends at byte %llu, more was due", path,
                            (unsigned long long)(offset + done));
        done += (size_t)n;
    }
    return 0;
}

int rst__file_read(const char *path, size_t max, void **buf, size_t *len, rst_error *err)
{
    uint64_t size;
    int fd = open_input(path, &size, err);
    if (fd < 0)
        return fd;
    int rc = 0;
    char *p = NULL;
    if (size > max)
        rc = rst_fail(err, RST_EFORMAT, "%s: %llu bytes, more than the %zu allowed here", path,
                      (unsigned long long)size, max);
    else if (!(p = rst__malloc((size_t)size + 1)))
        rc = rst__fail_nomem(err, path);
    else
        rc = read_all(fd, path, 0, p, (size_t)size, err);
    close(fd);
    if (rc < 0) {
        rst__free(p);
        return rc;
    }
    p[size] = 0;
    *buf = p;
    *len = (size_t)size;
    return 0;
}

int rst__file_read_at(const char *path, uint64_t offset, void *buf, size_t len, rst_error *err)
{
    uint64_t size;
    int fd = open_input(path, &size, err);
    if (fd < 0)
        return fd;
    int rc = read_all(fd, path, offset, buf, len, err);
    close(fd);
    return rc;
}

int rst__file_size(const char *path, uint64_t *size, rst_error *err)
{
    int fd = open_input(path, size, err);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

static void outfile_free(rst_outfile *f)
{
    if (f->fd >= 0)
        close(f->fd);
    rst__free(f->path);
    rst__free(f->part);
    rst__free(f);
}

/* What is renamed into place would put an end to a device or a pipe; /dev/stdout is a link into
 * /proc. */
static int check_replaceable(const char *path, rst_error *err)
{
    static const char proc[] = "/proc/";
    struct stat s;
    char to[sizeof proc - 1];
    if ((stat(path, &s) == 0 && !S_ISREG(s.st_mode)) ||
        (readlink(path, to, sizeof to) == sizeof to && memcmp(to, proc, sizeof to) == 0))
        return rst_fail(err, RST_EOUTPUT, "%s: cannot write: not a regular file", path);
    return 0;
}

int rst__outfile_open(rst_outfile **out, const char *path, rst_error *err)
{
    int rc = check_replaceable(path, err);
    if (rc < 0)
        return rc;
    rst_outfile *f = rst__calloc(1, sizeof *f);
    if (!f)
        return rst__fail_nomem(err, path);
    f->fd = -1;
    size_t n = strlen(path);
    f->path = rst__strdup(path);
    f->part = rst__malloc(n + 6);
    if (!f->path || !f->part) {
        outfile_free(f);
        return rst__fail_nomem(err, path);
    }
    memcpy(f->part, path, n);
    memcpy(f->part + n, ".part", 6);
    if (!refused(&writes_left, ENOSPC))
        f->fd = open(f->part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (f->fd < 0) {
        rc = rst_fail(err, RST_EOUTPUT, "%s: cannot write: %s", path, strerror(errno));
        outfile_free(f);
        return rc;
    }
    *out = f;
    return 0;
}

/* Appends to the file itself: a log must be readable while it grows. */
int rst__outfile_append(rst_outfile **out, const char *path, rst_error *err)
{
    rst_outfile *f = rst__calloc(1, sizeof *f);
    if (!f)
        return rst__fail_nomem(err, path);
    f->fd = -1;
    f->path = rst__strdup(path);
    int rc = f->path ? 0 : rst__fail_nomem(err, path);
    if (rc == 0 && !refused(&writes_left, ENOSPC))
        f->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (rc == 0 && f->fd < 0)
        rc = rst_fail(err, RST_EOUTPUT, "%s: cannot write: %s", path, strerror(errno));
    if (rc < 0) {
        outfile_free(f);
        return rc;
    }
    *out = f;
    return 0;
}

int rst__scratch_open(rst_outfile **out, const char *path, rst_error *err)
{
    static const char suffix[] = ".scratch";
    const size_t n = strlen(path);
    char *name = rst__malloc(n + sizeof suffix);
    if (!name)
        return rst__fail_nomem(err, path);
    memcpy(name, path, n);
    memcpy(name + n, suffix, sizeof suffix);
    int rc = rst__outfile_open(out, name, err);
    rst__free(name);
    if (rc == 0)
        (void)unlink((*out)->part);
    return rc;
}

/* At `offset`, or where the last write ended when it is negative. */
static int put(rst_outfile *f, int64_t offset, const char *p, size_t len, rst_error *err)
{
    while (len && !f->failed.code) {
        ssize_t n = refused(&writes_left, ENOSPC) ? -1
                    : offset < 0                  ? write(f->fd, p, len)
                                                  : pwrite(f->fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rst_fail(&f->failed, RST_EOUTPUT, "%s: cannot write: %s", f->path, strerror(errno));
            break;
        }
        p += n;
        len -= (size_t)n;
        if (offset >= 0)
            offset += n;
    }
    return f->failed.code ? rst_fail(err, f->failed.code, "%s", f->failed.msg) : 0;
}

int rst__outfile_write(rst_outfile *f, const void *data, size_t len, rst_error *err)
{
    return put(f, -1, data, len, err);
}

int rst__outfile_write_at(rst_outfile *f, uint64_t offset, const void *data, size_t len,
                          rst_error *err)
{
    return put(f, (int64_t)offset, data, len, err);
}

int rst__outfile_read_at(rst_outfile *f, uint64_t offset, void *buf, size_t len, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    int rc = read_all(f->fd, f->path, offset, buf, len, &why);
    return rc < 0 ? rst_fail(err, RST_EOUTPUT, "%s", why.msg) : 0;
}

int rst__outfile_sync(rst_outfile *f, rst_error *err)
{
    if (!f->failed.code && (refused(&writes_left, ENOSPC) || fsync(f->fd) < 0))
        rst_fail(&f->failed, RST_EOUTPUT, "%s: cannot write: %s", f->path, strerror(errno));
    return f->failed.code ? rst_fail(err, f->failed.code, "%s", f->failed.msg) : 0;
}

int rst__outfile_commit(rst_outfile *f, rst_error *err)
{
    int rc = rst__outfile_sync(f, err);
    if (rc == 0 && f->part && rename(f->part, f->path) < 0)
        rc = rst_fail(err, RST_EOUTPUT, "%s: cannot write: %s", f->path, strerror(errno));
    if (rc < 0 && f->part)
        (void)unlink(f->part);
    outfile_free(f);
    return rc;
}

void rst__outfile_abort(rst_outfile *f)
{
    if (!f)
        return;
    if (f->part)
        (void)unlink(f->part);
    outfile_free(f);
}

int rst__file_write(const char *path, const void *data, size_t len, rst_error *err)
{
    rst_outfile *f;
    int rc = rst__outfile_open(&f, path, err);
    if (rc < 0)
        return rc;
    rc = rst__outfile_write(f, data, len, err);
    if (rc < 0) {
        rst__outfile_abort(f);
        return rc;
    }
    return rst__outfile_commit(f, err);
}

enum { NO_LOCK = -2 };

int rst__dir_lock(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd < 0 ? NO_LOCK : fd;
    const bool taken = errno == EWOULDBLOCK;
    (void)close(fd);
    return taken ? -1 : NO_LOCK;
}

void rst__dir_unlock(int lock)
{
    if (lock >= 0)
        (void)close(lock);
}

bool rst__is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *rst__basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool rst__exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

int rst__mkdirs(const char *path, rst_error *err)
{
    char *p = rst__strdup(path);
    if (!p)
        return rst__fail_nomem(err, path);
    int rc = 0;
    for (char *s = p + 1; rc == 0; s++) {
        if (*s && *s != '/')
            continue;
        char c = *s;
        *s = 0;
        if (mkdir(p, 0777) < 0 && errno != EEXIST)
            rc = rst_fail(err, RST_EOUTPUT, "%s: cannot make the folder: %s", p, strerror(errno));
        else if (!rst__is_dir(p))
            rc = rst_fail(err, RST_EOUTPUT, "%s: not a folder", p);
        *s = c;
        if (!c)
            break;
    }
    rst__free(p);
    return rc;
}

int rst__file_remove(const char *path, rst_error *err)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return rst_fail(err, RST_EOUTPUT, "%s: cannot be removed: %s", path, strerror(errno));
    return 0;
}

int rst__file_step_up(const char *fresh, const char *path, const char *previous, rst_error *err)
{
    if (rst__exists(path)) {
        (void)unlink(previous);
        (void)link(path, previous); /* it is a second chance only */
    }
    if (rename(fresh, path) < 0)
        return rst_fail(err, RST_EOUTPUT, "%s: cannot be renamed: %s", fresh, strerror(errno));
    return 0;
}
