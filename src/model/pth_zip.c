/* SPDX-License-Identifier: MIT */
/* torch.save since 1.6: a zip archive of stored members under one top folder. */
#include <string.h>
#include <zip.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"
#include "model/pth.h"
#include "model/store.h"

enum { ENTRY_MAX = 65536, MEMBER_NAME_MAX = 1024 };

typedef struct archive {
    zip_t *zip;
    const char *name; /* of the file */
    size_t file_bytes;
    rst_names members; /* name (libzip's) -> index */
    const char *top;   /* not terminated */
    size_t top_len;    /* with the slash */
    char *pickle;      /* data.pkl, owned */
    size_t pickle_len;
    rst_error *err;
} archive;

static int bad(archive *a, const char *why)
{
    return rst_fail(a->err, RST_EFORMAT, "%s: %s", a->name, why);
}

static int zip_failed(archive *a, zip_error_t *e)
{
    int rc = zip_error_code_zip(e) == ZIP_ER_MEMORY
                 ? rst__fail_nomem(a->err, a->name)
                 : rst_fail(a->err, RST_EFORMAT, "%s: a damaged or shortened zip archive: %s",
                            a->name, zip_error_strerror(e));
    zip_error_fini(e);
    return rc;
}

static int open_zip(archive *a, const void *buf, size_t len)
{
    zip_error_t e;
    zip_error_init(&e);
    zip_source_t *source = zip_source_buffer_create(buf, len, 0, &e);
    if (!source)
        return zip_failed(a, &e);
    a->zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &e);
    if (!a->zip) {
        zip_source_free(source);
        return zip_failed(a, &e);
    }
    zip_error_fini(&e);
    return 0;
}

/* Nothing is ever written under a member's name; one that climbs is still no checkpoint's. */
static bool climbs(const char *s)
{
    if (*s == '/' || strchr(s, '\\'))
        return true;
    for (; s; s = strchr(s, '/')) {
        s += *s == '/';
        if (strncmp(s, "..", 2) == 0 && (s[2] == '/' || !s[2]))
            return true;
    }
    return false;
}

static int check_member(archive *a, const zip_stat_t *st)
{
    const zip_uint64_t need = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                              ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if ((st->valid & need) != need || strlen(st->name) > MEMBER_NAME_MAX || climbs(st->name))
        return bad(a, "a zip member without a proper name or size");
    if (st->encryption_method != ZIP_EM_NONE)
        return bad(a, "an encrypted zip archive");
    if (st->comp_method != ZIP_CM_STORE || st->size != st->comp_size)
        return bad(a, "a compressed zip archive; torch.save writes stored members only");
    return 0;
}

/* Notes every member by its name and finds the top folder, the one that holds data.pkl. */
static int list_members(archive *a)
{
    zip_int64_t n = zip_get_num_entries(a->zip, 0);
    size_t total = 0;
    if (n > ENTRY_MAX)
        return bad(a, "a zip archive of more than 65536 members");
    for (zip_int64_t i = 0; i < n; i++) {
        zip_stat_t st;
        if (zip_stat_index(a->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW, &st) < 0)
            return bad(a, "a damaged zip archive: a member has no record");
        int rc = check_member(a, &st);
        if (rc < 0)
            return rc;
        /* Members that share bytes would let a small file claim any amount. */
        if (!rst__add_size(total, (size_t)st.size, &total) || total > a->file_bytes)
            return bad(a, "the zip members are larger than the file");
        rc = rst__names_put(&a->members, st.name, strlen(st.name), i);
        if (rc < 0)
            return rst__fail_nomem(a->err, a->name);
        if (rc == 0)
            return rst_fail(a->err, RST_EFORMAT, "%s: two zip members are called %s", a->name,
                            st.name);
        const char *slash = strchr(st.name, '/');
        if (slash && strcmp(slash, "/data.pkl") == 0 && !a->top) {
            a->top = st.name;
            a->top_len = (size_t)(slash + 1 - st.name);
        }
    }
    return a->top ? 0 : bad(a, "a zip archive without data.pkl: not a PyTorch checkpoint");
}

static int check_top(archive *a)
{
    for (size_t i = 0; i < a->members.cap; i++) {
        const rst_name *m = &a->members.place[i];
        if (!m->s)
            continue;
        if (m->len < a->top_len || memcmp(m->s, a->top, a->top_len) != 0)
            return bad(a, "a zip archive with more than one top folder");
        const char *rest = m->s + a->top_len;
        if (strcmp(rest, "constants.pkl") == 0 || strncmp(rest, "code/", 5) == 0)
            return bad(a, "a TorchScript archive (torch.jit.save); only state dicts are read");
    }
    return 0;
}

/* The index and size of <top>/<folder><file>; -1 if there is none. */
static zip_int64_t find_member(archive *a, const char *folder, const char *file, size_t file_len,
                               size_t *size)
{
    char name[MEMBER_NAME_MAX + 64];
    size_t n = a->top_len, m = strlen(folder);
    zip_stat_t st;
    memcpy(name, a->top, n); /* at most MEMBER_NAME_MAX, as any member's name */
    memcpy(name + n, folder, m);
    memcpy(name + n + m, file, file_len);
    int64_t i = rst__names_get(&a->members, name, n + m + file_len);
    if (i < 0 || zip_stat_index(a->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW, &st) < 0)
        return -1;
    *size = (size_t)st.size;
    return i;
}

/* Reads a member whole. libzip compares its CRC when the end is reached, hence the last read. */
static int read_member(archive *a, zip_int64_t i, void *dst, size_t size)
{
    char beyond;
    zip_file_t *f = zip_fopen_index(a->zip, (zip_uint64_t)i, 0);
    if (!f)
        return zip_error_code_zip(zip_get_error(a->zip)) == ZIP_ER_MEMORY
                   ? rst__fail_nomem(a->err, a->name)
                   : bad(a, "a zip member cannot be opened");
    size_t at = 0;
    zip_int64_t n = 1;
    while (at < size && n > 0) {
        n = zip_fread(f, (char *)dst + at, size - at);
        at += n > 0 ? (size_t)n : 0;
    }
    if (n > 0)
        n = zip_fread(f, &beyond, 1);
    (void)zip_fclose(f);
    return at == size && n == 0 ? 0 : bad(a, "a zip member is damaged (size or CRC)");
}

static int check_byteorder(archive *a)
{
    char text[6];
    size_t size;
    zip_int64_t i = find_member(a, "", "byteorder", 9, &size);
    if (i < 0)
        return 0;
    int rc = size == sizeof text ? read_member(a, i, text, size) : 0;
    if (rc < 0)
        return rc;
    return size == sizeof text && memcmp(text, "little", sizeof text) == 0
               ? 0
               : bad(a, "not written by a little-endian machine");
}

static int read_pickle(archive *a, rst_pickle *pk)
{
    zip_int64_t i = find_member(a, "", "data.pkl", 8, &a->pickle_len);
    if (a->pickle_len > RST_PK_BYTES_MAX)
        return bad(a, "data.pkl is over 16 MiB");
    a->pickle = rst__malloc(a->pickle_len);
    if (!a->pickle)
        return rst__fail_nomem(a->err, a->name);
    int rc = read_member(a, i, a->pickle, a->pickle_len);
    if (rc == 0)
        rc = rst__pickle_read(pk, a->pickle, a->pickle_len, a->name, a->err);
    if (rc == 0 && pk->used != a->pickle_len)
        rc = bad(a, "bytes after the pickle in data.pkl");
    return rc;
}

static int fill(void *ctx, int64_t i, const rst_pk_storage *s, void *dst, size_t bytes,
                rst_error *err)
{
    archive *a = ctx;
    size_t size;
    (void)i;
    zip_int64_t member = find_member(a, "data/", s->key, s->key_len, &size);
    if (member < 0)
        return rst_fail(err, RST_EFORMAT, "%s: storage %.*s is not in the archive", a->name,
                        (int)s->key_len, s->key);
    if (size != bytes)
        return rst_fail(err, RST_EFORMAT, "%s: storage %.*s has %zu bytes, its tensors need %zu",
                        a->name, (int)s->key_len, s->key, size, bytes);
    return read_member(a, member, dst, bytes);
}

int rst__pth_zip_read(rst_weights *w, const void *buf, size_t len, const char *name, rst_error *err)
{
    archive a = { .name = name, .file_bytes = len, .err = err };
    rst_pickle pk = { 0 };
    int rc = open_zip(&a, buf, len);
    if (rc == 0)
        rc = list_members(&a);
    if (rc == 0)
        rc = check_top(&a);
    if (rc == 0)
        rc = check_byteorder(&a);
    if (rc == 0)
        rc = read_pickle(&a, &pk);
    if (rc == 0) {
        rst_pth_source from = { .ctx = &a, .name = name, .file_bytes = len, .fill = fill };
        rc = rst__pth_flatten(w, &pk, &from, err);
    }
    rst__pickle_free(&pk);
    rst__free(a.pickle);
    rst__names_free(&a.members);
    if (a.zip)
        zip_discard(a.zip);
    return rc;
}
