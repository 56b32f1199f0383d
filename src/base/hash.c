/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"

enum { PIECE = 1 << 20 };

static int finish(EVP_MD_CTX *md, char hex[65])
{
    unsigned char d[32];
    unsigned n = 0;
    if (EVP_DigestFinal_ex(md, d, &n) != 1 || n != 32)
        return RST_EINTERNAL;
    for (int i = 0; i < 32; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", d[i]);
    return 0;
}

static EVP_MD_CTX *start(void)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(md);
        md = NULL;
    }
    return md;
}

int rst__sha256_hex(const void *data, size_t len, char hex[65], rst_error *err)
{
    EVP_MD_CTX *md = start();
    int rc = md && EVP_DigestUpdate(md, data, len) == 1 ? finish(md, hex) : RST_EINTERNAL;
    EVP_MD_CTX_free(md);
    return rc < 0 ? rst_fail(err, rc, "sha256: libcrypto refused") : 0;
}

int rst__sha256_file(const char *path, char hex[65], rst_error *err)
{
    uint64_t size;
    int rc = rst__file_size(path, &size, err);
    if (rc < 0)
        return rc;
    EVP_MD_CTX *md = start();
    char *buf = rst__malloc(PIECE);
    if (!md || !buf)
        rc = rst__fail_nomem(err, path);
    for (uint64_t at = 0; rc == 0 && at < size; at += PIECE) {
        size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
        rc = rst__file_read_at(path, at, buf, n, err);
        if (rc == 0 && EVP_DigestUpdate(md, buf, n) != 1)
            rc = rst_fail(err, RST_EINTERNAL, "%s: libcrypto refused", path);
    }
    if (rc == 0 && finish(md, hex) < 0)
        rc = rst_fail(err, RST_EINTERNAL, "%s: libcrypto refused", path);
    rst__free(buf);
    EVP_MD_CTX_free(md);
    return rc;
}

const char *rst__crypto_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}
