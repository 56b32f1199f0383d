/* SPDX-License-Identifier: MIT */
/* Damaged weights files of every container. With RST_LIBFUZZER this is a libFuzzer target; else
 * main mutates small valid files some thousand times each (-n says another number), and
 * replays the files given. */
#include <inttypes.h>
#include <restain/weights.h>

#include "base/rng.h"
#include "unit/weights_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte of every tensor, so that a wrong bound is seen by the sanitizers. */
static void touch(const rst_weights *w)
{
    static volatile unsigned char sum;
    for (int64_t i = 0; i < rst_weights_count(w); i++) {
        const rst_weight *t = rst_weights_get(w, i);
        const unsigned char *p = t->data;
        for (size_t k = 0; k < t->bytes; k++)
            sum = (unsigned char)(sum + p[k]);
        double *wide = t->bytes < 1 << 20 ? malloc(t->bytes * 8 + 1) : NULL;
        if (wide)
            rst_weight_to_f64(t, wide);
        free(wide);
    }
}

static void broken(const char *what, int rc, const rst_error *err)
{
    (void)fprintf(stderr, "fuzz_weights: %s: status %d, error %d: %s\n", what, rc, err->code,
                  err->msg);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = NULL;
    long before = rst__alloc_live();
    int rc = rst_weights_decode(&w, data, size, "fuzz", NULL, &err);
    if (rc != 0 && (rc != RST_EFORMAT || err.code != rc || !err.msg[0] || strchr(err.msg, '\n')))
        broken("a refusal without a proper error", rc, &err);
    if (rc == 0) {
        touch(w);
        if (rst_weights_unwrap(w, NULL, &err) == 0)
            touch(w);
        rst_weights_free(w);
    }
    if (rst__alloc_live() != before)
        broken("a leak", rc, &err);
    return 0;
}

#ifndef RST_LIBFUZZER

typedef struct seed {
    const char *name;
    unsigned char *p;
    size_t n;
} seed;

static void add_seed(seed *s, const char *name, const void *p, size_t n)
{
    s->name = name;
    s->p = malloc(n);
    s->n = n;
    if (!s->p)
        exit(1);
    memcpy(s->p, p, n);
}

static void add_file(seed *s, const char *name, const char *path)
{
    rst_error err = RST_ERROR_INIT;
    void *buf;
    size_t len;
    if (rst__file_read(path, 1 << 28, &buf, &len, &err) < 0)
        broken(path, -1, &err);
    add_seed(s, name, buf, len);
    rst__free(buf);
}

enum { SEEDS = 5 };

static void make_seeds(seed *s)
{
    static const char nested[] = PK_DICT(
        "U\5epochK\7U\2lrG\0\0\0\0\0\0\0\0U\5state(]NaK\1\x88t"
        "U\5model" PK_ODICT "q\1(U\1w" PK_TENSOR "r\0\1\0\0U\1v" PK_REBUILD PK_STORAGE(
            "FloatStorage", "0", "\4") "tQ" PK_VIEW("\0", "K\2K\2\x86", "K\1K\2\x86") "u}U\1mN"
                                                                                      "sb");
    static const char header[] =
        "{\"__metadata__\":{\"a\":\"b\"},\"x\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":"
        "[0,16]},\"y\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[16,19]}}  ";
    const member list[] = { { "archive/data.pkl", nested, sizeof nested - 1 },
                            { "archive/data/0", (const char *)build_floats, 16 },
                            { "archive/version", "3\n", 2 },
                            { 0 } };
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = build_all_types(&err);
    void *buf = NULL;
    size_t len = 0;
    rst_str text;
    if (!w || rst_weights_write_safetensors(w, temp_path("seed"), &err) < 0)
        broken("a seed", -1, &err);
    add_file(&s[0], "safetensors", temp_path("seed"));
    if (rst_weights_write_pth(w, temp_path("seed"), &err) < 0 ||
        build_zip(list, false, &buf, &len, &err) < 0)
        broken("a seed", -1, &err);
    add_file(&s[1], "pth zip", temp_path("seed"));
    (void)unlink(temp_path("seed"));
    add_seed(&s[2], "pth zip, nested", buf, len);
    rst__free(buf);
    /* No checksum stands between the fuzzer and the code in these two. */
    text = build_legacy(w);
    add_seed(&s[3], "pth legacy", text.s, text.len);
    rst__str_free(&text);
    text = rst__str(1 << 20);
    build_uint(&text, sizeof header - 1, 8);
    rst__str_add(&text, header);
    rst__str_add(&text, "0123456789012345678");
    add_seed(&s[4], "safetensors, plain", text.s, text.len);
    rst__str_free(&text);
    rst_weights_free(w);
}

/* Sets the CRC of the first member (data.pkl, local and central record) right again, so that the
 * damage reaches the pickle reader. */
static void mend_crc(unsigned char *p, size_t n)
{
    if (n < 64 || memcmp(p, "PK\3\4", 4) != 0)
        return;
    size_t start = 30 + (p[26] | (size_t)p[27] << 8) + (p[28] | (size_t)p[29] << 8);
    size_t len = p[22] | (size_t)p[23] << 8;
    if (start > n || len > n - start)
        return;
    uint32_t crc = rst__crc32(p + start, len);
    memcpy(p + 14, &crc, 4);
    for (size_t i = start + len; i + 46 < n; i++)
        if (memcmp(p + i, "PK\1\2", 4) == 0) {
            memcpy(p + i + 16, &crc, 4);
            return;
        }
}

/* Changes up to eight places of p, which has room for twice n bytes; returns the new length. */
static size_t mutate(unsigned char *p, size_t n, rst_rng *r)
{
    static const unsigned char hot[] = {
        0, 1, 0x7f, 0x80, 0xff, '(', ')', '}', 'R', 'b', 'q', 'e'
    };
    for (int64_t k = 1 + rst__rng_below(r, 8); k > 0 && n > 1; k--) {
        size_t at = (size_t)rst__rng_below(r, (int64_t)n);
        size_t len = 1 + (size_t)rst__rng_below(r, (int64_t)(n - at < 16 ? n - at : 16));
        switch (rst__rng_below(r, 7)) {
        case 0:
            p[at] = (unsigned char)(p[at] ^ 1u << rst__rng_below(r, 8));
            break;
        case 1:
            p[at] = (unsigned char)rst__rng_u32(r);
            break;
        case 2:
            p[at] = hot[rst__rng_below(r, sizeof hot)];
            break;
        case 3: /* a block elsewhere */
            memmove(p + at, p + rst__rng_below(r, (int64_t)(n - len + 1)), len);
            break;
        case 4:
            memmove(p + at, p + at + len, n - at - len);
            n -= len;
            break;
        case 5:
            memmove(p + at + len, p + at, n - at);
            n += len;
            break;
        default:
            n = rst__rng_below(r, 8) ? n : at;
        }
    }
    return n;
}

static void run_seed(const seed *s, int64_t times)
{
    rst_rng r = rst__rng(20240607, s->name);
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = NULL;
    if (rst_weights_decode(&w, s->p, s->n, s->name, NULL, &err) < 0)
        broken("a valid seed is refused", -1, &err);
    rst_weights_free(w);
    unsigned char *p = malloc(s->n + 8 * 16);
    if (!p)
        exit(1);
    for (int64_t i = 0; i < times; i++) {
        memcpy(p, s->p, s->n);
        size_t n = mutate(p, s->n, &r);
        if (rst__rng_below(&r, 4))
            mend_crc(p, n);
        (void)LLVMFuzzerTestOneInput(p, n);
    }
    free(p);
}

int main(int argc, char **argv)
{
    seed seeds[SEEDS];
    bool counted = argc > 2 && strcmp(argv[1], "-n") == 0;
    int64_t times = counted ? strtoll(argv[2], NULL, 10) : 2000;
    int files = counted ? 3 : 1;
    make_seeds(seeds);
    for (int i = 0; i < SEEDS; i++)
        run_seed(&seeds[i], times);
    for (int i = files; i < argc; i++) {
        seed s;
        add_file(&s, argv[i], argv[i]);
        (void)LLVMFuzzerTestOneInput(s.p, s.n);
        free(s.p);
    }
    for (int i = 0; i < SEEDS; i++)
        free(seeds[i].p);
    temp_done();
    (void)printf("%d seeds, %" PRId64 " mutations each, %d files\n", SEEDS, times, argc - files);
    return 0;
}

#endif
