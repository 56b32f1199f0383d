/* SPDX-License-Identifier: MIT */
/* Files that must be refused, and for the right reason; and a few odd ones that must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zip.h>

#include "model/pickle.h"
#include "unit/weights_build.h"

static rst_error err;

typedef struct attempt {
    const char *bytes;
    size_t len;
    const char *why; /* must stand in the error; NULL: the file is read */
} attempt;

#define TRY(bytes, why)                                                                            \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, why                                                              \
    }
#define W                                                                                          \
    "X\1\0\0\0"                                                                                    \
    "w"
#define VIEW_OF(size, stride)                                                                      \
    PK_DICT(W PK_REBUILD PK_STORAGE("FloatStorage", "0", "\4") "tQ" PK_VIEW("\0", size, stride))
#define STORED(storage) PK_DICT(W PK_REBUILD storage PK_VIEW("\0", "K\4\x85", "K\1\x85"))

static void check(const attempt *t, size_t i, int rc, rst_weights *w)
{
    if (t->why && rc == 0)
        fail_msg("%zu was read, not refused: %s", i, t->why);
    if (!t->why && rc < 0)
        fail_msg("%zu was refused: %s", i, err.msg);
    if (t->why && !strstr(err.msg, t->why))
        fail_msg("%zu: \"%s\" instead of \"%s\"", i, err.msg, t->why);
    if (rc == 0)
        rst_weights_free(w);
    else
        assert_int_equal(rc, RST_EFORMAT);
}

static const attempt pickles[] = {
    TRY(PK_DICT(W PK_TENSOR), NULL),
    TRY("\x80\2" PK_TENSOR ".", NULL),
    TRY("\x80\2}" W PK_TENSOR "s.", NULL),
    TRY("\x80\2(" W PK_TENSOR "d.", NULL),
    TRY("\x80\2]" PK_TENSOR "a.", NULL),
    TRY("\x80\2(" PK_TENSOR "l.", NULL),
    TRY("\x80\2(N0" PK_TENSOR "2"
        "t.",
        NULL),
    TRY("\x80\2(0" PK_TENSOR ".", NULL),
    /* OrderedDict of a list of pairs, as Python 2 has it; with its state, _metadata */
    TRY("\x80\2"
        "ccollections\nOrderedDict\n(]](U\1w" PK_TENSOR "eatR}U\1mN"
        "sb.",
        NULL),
    TRY(PK_DICT("K\7" PK_TENSOR), NULL),
    TRY(PK_DICT("\x8a\1\xff" PK_TENSOR), NULL),
    TRY(PK_DICT(W "ctorch\nSize\nK\3\x85\x85R"
                  "U\1v" PK_TENSOR),
        NULL),
    TRY(PK_DICT(W "ctorch._utils\n_rebuild_parameter\n" PK_TENSOR "\x88" PK_ODICT "\x87R"), NULL),
    TRY(VIEW_OF("K\2K\2\x86", "K\1K\2\x86"), NULL),
    TRY(VIEW_OF("K\3K\4\x86", "K\0K\1\x86"), NULL),
    TRY(VIEW_OF("K\0K\x63\x86", "K\x63K\x63\x86"), NULL), /* empty: strides do not matter */
    TRY(VIEW_OF(")", ")"), NULL),
    TRY("\x80\4\x95\1\0\0\0\0\0\0\0" PK_TENSOR "\x94"
        "0h\0.",
        NULL),
    TRY("\x80\4\x8c\5torch\x8c\4Size\x93"
        "0" PK_TENSOR ".",
        NULL),

    TRY("", "no end of the pickle"),
    TRY(".", "does not hold one value"),
    TRY("NN.", "does not hold one value"),
    TRY("(N.", "does not hold one value"),
    TRY("N.", "without any tensor"),
    TRY("}.", "without any tensor"),
    TRY("\x80\2" PK_TENSOR ".x", "bytes after the pickle"),
    TRY("\x80\6N.", "unknown protocol"),
    TRY("\x80", "end inside an opcode"),
    TRY("\x95\xff\0\0\0\0\0\0\0.", "frame past the end"),
    TRY("X\5\0\0\0abc", "end inside an opcode"),
    TRY("X\1\0\x20\0a.", "over 1 MiB"),
    TRY("X\xff\xff\xff\xff"
        "a.",
        "over 1 MiB"),
    TRY("\x8d\xff\xff\xff\xff\xff\xff\xff\x7f"
        "a.",
        "opcode 0x8d"),
    TRY("\x8a\xffzz.", "end inside an opcode"),
    TRY("R", "too few values"),
    TRY("0", "too few values"),
    TRY("2", "too few values"),
    TRY("N\x86", "too few values"),
    TRY("N(\x85", "too few values"), /* may not reach below the mark */
    TRY("t", "no mark"),
    TRY("](e", "no end of the pickle"),
    TRY("N(Ne", "no list or dict"),
    TRY("}(Nu", "a key without a value"),
    TRY("(Nd", "a key without a value"),
    TRY("]NNs", "no list or dict"),
    TRY("h\0", "never written"),
    TRY("j\xff\xff\xff\xff", "never written"),
    TRY("Nr\xff\xff\xff\xff", "memo index"),
    TRY("q\0", "too few values"),
    TRY("cos\nsystem\n", "refused: it asks for os.system"),
    TRY("cbuiltins\neval\n", "refused: it asks for builtins.eval"),
    TRY("c__builtin__\nexec\n", "refused: it asks for"),
    TRY("ctorch\nload\n", "refused: it asks for torch.load"),
    TRY("ccollections\nOrderedDict", "end inside a name"),
    TRY("ccollections.OrderedDict\n\n", "refused: it asks for"),
    TRY("\x8c\2os\x8c\6system\x93", "refused: it asks for os.system"),
    TRY("N\x8c\6system\x93", "not a string"),
    TRY("(ios\nsystem\n", "opcode 0x69"),
    TRY("\x82\1", "opcode 0x82"),
    TRY("NN\x81", "opcode 0x81"),
    TRY("P1\n", "opcode 0x50"),
    TRY("N)R", "cannot be called"),
    TRY("ctorch\nFloatStorage\n)R", "cannot be called"),
    TRY("ctorch\nfloat32\n)R", "cannot be called"),
    TRY("ccollections\nOrderedDict\nNR", "cannot be called"),
    TRY("ccollections\nOrderedDict\nN\x85R", "something else than pairs"),
    TRY("ccollections\nOrderedDict\n]](NNNea\x85R", "something else than pairs"),
    TRY("ctorch\nSize\nN\x85R", "wrong arguments"),
    TRY("ctorch._utils\n_rebuild_parameter\nNNN\x87R", "wrong arguments"),
    TRY("ctorch._utils\n_rebuild_tensor\n)R", "wrong arguments"),
    TRY("ctorch._utils\n_rebuild_tensor_v2\n)R", "wrong arguments"),
    TRY(PK_REBUILD "NK\0))\x89NtR", "without a storage"),
    TRY("N}b", "no dict"),
    TRY("NQ", "no storage"),
    TRY(")Q", "no storage"),
    TRY(STORED(PK_STORAGE("FloatStorage", "a", "\4") "tQ"), "no storage"),
    TRY(STORED(PK_STORAGE("Size", "0", "\4") "tQ"), "no storage"),
    TRY(STORED(PK_STORAGE("FloatStorage", "0", "\4") "NtQ"), "no storage"),
    TRY(STORED(PK_STORAGE("FloatStorage", "0", "\5") "tQ"), "has 16 bytes"),
    TRY(STORED(PK_STORAGE("DoubleStorage", "0", "\4") "tQ"), "has 16 bytes"),
    TRY(STORED(PK_STORAGE("FloatStorage", "1", "\4") "tQ"), "not in the archive"),
    TRY(STORED(
            PK_STORAGE("FloatStorage", "0", "\4") "tQ0" PK_STORAGE("IntStorage", "0", "\4") "tQ"),
        "two types or sizes"),
    TRY(STORED(PK_STORAGE("FloatStorage", "0",
                          "\0"
                          "0\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f") "tQ"),
        "larger than the file"),
    TRY(VIEW_OF("K\5\x85", "K\1\x85"), "past the end of its storage"),
    TRY(VIEW_OF("K\2K\2\x86", "K\3K\1\x86"), "past the end of its storage"),
    TRY(VIEW_OF("K\2\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85"), "past the end"),
    TRY(VIEW_OF("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85",
                "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85"),
        "overflows"),
    TRY(VIEW_OF("K\4\x85", "\x8a\1\xff\x85"), "size or stride"),
    TRY(VIEW_OF("\x8a\1\xff\x85", "K\1\x85"), "size or stride"),
    TRY(VIEW_OF("K\4\x85", ")"), "size or stride"),
    TRY(VIEW_OF("N\x85", "K\1\x85"), "size or stride"),
    TRY(VIEW_OF("(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t"),
        "size or stride"),
    TRY(VIEW_OF("J\0\0\0\x40K\4\x86", "K\0K\1\x86"), "many times larger"), /* a broadcast bomb */
    TRY(PK_DICT(W PK_TENSOR W PK_TENSOR), "two tensors are called w"),
    TRY(PK_DICT("X\3\0\0\0"
                "a/b" PK_TENSOR "U\1a}U\1b" PK_TENSOR "s"),
        "two tensors are called"),
    TRY(PK_DICT("N" PK_TENSOR), "neither text nor a number"),
    TRY(PK_DICT("X\3\0\0\0"
                "a\0b" PK_TENSOR),
        "neither text nor a number"),
    TRY(PK_DICT("X\3\0\0\0"
                "a\nb" PK_TENSOR),
        "not plain UTF-8"),
    TRY(PK_DICT("U\1\xff" PK_TENSOR), "not plain UTF-8"),
    TRY(PK_DICT("U\0" PK_TENSOR), NULL), /* the name is then that of a bare tensor */
    TRY("]q\0h\0a.", "nested more than 16 deep"),
};

static void test_pickles(void **state)
{
    (void)state;
    long before = rst__alloc_live();
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        rst_weights *w = NULL;
        err = (rst_error)RST_ERROR_INIT;
        int rc = read_pickle_in_zip(&w, pickles[i].bytes, pickles[i].len, &err);
        check(&pickles[i], i, rc, w);
        assert_int_equal(rst__alloc_live(), before);
    }
}

/* Small pickles that ask for very much. */
static void test_pickle_bombs(void **state)
{
    (void)state;
    rst_weights *w;
    rst_str b = rst__str(32 << 20);
    /* Each list holds the one before ten times: 10^15 values when walked. */
    rst__str_add(&b, "]");
    for (int i = 0; i < 15; i++)
        rst__str_add(&b, "q\1"
                         "0](h\1h\1h\1h\1h\1h\1h\1h\1h\1h\1e");
    rst__str_add(&b, ".");
    assert_int_equal(read_pickle_in_zip(&w, b.s, b.len, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "4 M values"));
    rst__str_free(&b);

    for (int i = 0; i < 300; i++)
        rst__str_add(&b, "(");
    assert_int_equal(read_pickle_in_zip(&w, b.s, b.len, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "256 marks"));
    rst__str_free(&b);

    static char lists[1 << 20];
    memset(lists, ']', sizeof lists);
    assert_int_equal(read_pickle_in_zip(&w, lists, sizeof lists, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "24 MiB"));

    rst__str_bytes(&b, "U\1n}X\x88\x13\0\0", 9); /* a name of 5000 bytes */
    rst__str_bytes(&b, lists, 5000);
    rst__str_bytes(&b, PK_TENSOR "s\x86.", sizeof(PK_TENSOR "s\x86.") - 1);
    assert_int_equal(read_pickle_in_zip(&w, b.s, b.len, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "name is over"));
    rst__str_free(&b);

    memset(lists, 'N', sizeof lists);
    for (int i = 0; i < 17; i++)
        rst__str_bytes(&b, lists, sizeof lists);
    assert_int_equal(read_pickle_in_zip(&w, b.s, b.len, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "over 16 MiB"));
    rst__str_free(&b);
    rst__str_bytes(&b, lists, sizeof lists);
    rst__str_add(&b, "NN.");
    assert_int_equal(read_pickle_in_zip(&w, b.s, b.len, &err), RST_EFORMAT);
    rst__str_free(&b);
}

/* A safetensors file of that header, over `bytes` bytes of data. */
static int read_header(rst_weights **w, const char *header, size_t len, size_t bytes)
{
    static const char zeros[64];
    rst_str b = rst__str(32 << 20);
    build_uint(&b, len, 8);
    rst__str_bytes(&b, header, len);
    rst__str_bytes(&b, zeros, bytes);
    int rc = rst_weights_decode(w, b.s, b.len, "test.safetensors", NULL, &err);
    rst__str_free(&b);
    return rc;
}

#define T(dtype, shape, offsets)                                                                   \
    "{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}"

/* All over 16 bytes of data. */
static const attempt headers[] = {
    TRY("{\"a\":" T("F32", "4", "0,16") "}", NULL),
    TRY("{\"a\":" T("F32", "4", "0,16") "}   ", NULL),
    TRY("{\"b\":" T("F32", "2", "8,16") ",\"a\":" T("F32", "2", "0,8") "}", NULL),
    TRY("{\"a\":" T("U8", "3", "0,3") ",\"b\":" T("U8", "13", "3,16") "}", NULL),
    TRY("{\"a\":" T("U8", "4", "0,4") ",\"b\":" T("F32", "", "4,8") ",\"c\":" T(
            "F64", "1,1", "8,16") ",\"d\":" T("I16", "0", "8,8") "}",
        NULL),
    TRY("{\"a\":" T("U8", "1", "0,1") ",\"b\":" T("I8", "7", "1,8") ",\"c\":" T("I64", "",
                                                                                "8,16") "}",
        NULL),
    TRY("{\"a\":" T("U8", "1", "0,1") ",\"b\":" T("F64", "", "1,9") ",\"c\":" T("I8", "7",
                                                                                "9,16") "}",
        NULL), /* unaligned */
    TRY("{\"a\":" T("F32", "4", "0,16") ",\"__metadata__\":{\"k\":\"v\"}}", NULL),
    TRY("{\"a\":" T("F32", "4", "0,16") "}x", "bad JSON"),
    TRY("{\"a\":" T("F32", "4", "0,16"), "bad JSON"),
    TRY("{}", "16 bytes after"),
    TRY("{\"a\":" T("F32", "4", "0,16") ",\"a\":" T("F32", "4", "0,16") "}", "duplicate"),
    TRY("{\"a\":" T("U16", "8", "0,16") "}", "dtype U16 is not supported"),
    TRY("{\"a\":{\"shape\":[4],\"data_offsets\":[0,16]}}", "no dtype"),
    TRY("{\"a\":7}", "no dtype"),
    TRY("{\"a\":{\"dtype\":\"F32\",\"shape\":[4]}}", "data_offsets"),
    TRY("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,16]}}", "shape"),
    TRY("{\"a\":" T("F32", "4.0", "0,16") "}", "not a whole number"),
    TRY("{\"a\":" T("F32", "-4", "0,16") "}", "not a whole number"),
    TRY("{\"a\":" T("F32", "1,1,1,1,1,1,1,1,4", "0,16") "}", "at most 8"),
    TRY("{\"a\":" T("F32", "4294967296,4294967296,4", "0,16") "}", "overflows"),
    TRY("{\"a\":" T("F32", "0,4294967296,4294967296", "0,0") "}", "overflows"),
    TRY("{\"a\":" T("F32", "99999999999999999999", "0,16") "}", "bad JSON"),
    TRY("{\"a\":" T("F32", "4", "0,16,16") "}", "pair"),
    TRY("{\"a\":" T("F32", "4", "0,1e1") "}", "pair"),
    TRY("{\"a\":" T("F32", "4", "16,0") "}", "outside"),
    TRY("{\"a\":" T("F32", "4", "-16,0") "}", "outside"),
    TRY("{\"a\":" T("F32", "4", "16,32") "}", "outside"),
    TRY("{\"a\":" T("F32", "3", "0,16") "}", "do not agree"),
    TRY("{\"a\":" T("F32", "2", "0,8") ",\"b\":" T("F32", "1", "12,16") "}", "a hole"),
    TRY("{\"a\":" T("F32", "2", "8,16") "}", "a hole"),
    TRY("{\"a\":" T("F32", "4", "0,16") ",\"b\":" T("F32", "1", "12,16") "}", "overlap"),
    TRY("{\"a\":" T("F32", "3", "0,12") "}", "4 bytes after"),
    TRY("{\"\":" T("F32", "4", "0,16") "}", "name is empty"),
    TRY("{\"a\\n\":" T("F32", "4", "0,16") "}", "not plain UTF-8"),
    TRY("{\"__metadata__\":7,\"a\":" T("F32", "4", "0,16") "}", "__metadata__"),
    TRY("{\"__metadata__\":{\"k\":7},\"a\":" T("F32", "4", "0,16") "}", "not a string"),
    TRY("{\"__metadata__\":{\"sha256\":\"0\"},\"a\":" T("F32", "4", "0,16") "}", "sha256"),
};

static void test_headers(void **state)
{
    (void)state;
    long before = rst__alloc_live();
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        rst_weights *w = NULL;
        err = (rst_error)RST_ERROR_INIT;
        int rc = read_header(&w, headers[i].bytes, headers[i].len, 16);
        for (int64_t k = 0; rc == 0 && k < rst_weights_count(w); k++) {
            const rst_weight *t = rst_weights_get(w, k);
            assert_int_equal((uintptr_t)t->data % rst_weight_size(t->type), 0);
        }
        check(&headers[i], i, rc, w);
        assert_int_equal(rst__alloc_live(), before);
    }
}

static void test_header_bombs(void **state)
{
    (void)state;
    rst_weights *w;
    rst_str b = rst__str(8 << 20);
    rst__str_add(&b, "{\"a\":[0");
    for (int i = 0; i < 300000; i++)
        rst__str_add(&b, ",0");
    rst__str_add(&b, "]}");
    assert_int_equal(read_header(&w, b.s, b.len, 0), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "values in the header"));
    rst__str_free(&b);
    rst__str_add(&b, "{\"");
    for (int i = 0; i < 130000; i++)
        rst__str_add(&b, "\\\"12345678");
    assert_int_equal(read_header(&w, b.s, b.len, 0), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "1 MiB"));
    rst__str_free(&b);
}

static void test_other_kinds_of_file(void **state)
{
    (void)state;
    static char tar[512];
    static const char pk[] = PK_DICT(W PK_TENSOR);
    rst_weights *w;
    memcpy(tar, "storages", 8);
    memcpy(tar + 257, "ustar", 5);
    const attempt files[] = {
        { tar, sizeof tar, "a tar archive" },
        { tar, 100, "neither" },
        TRY("", "is empty"),
        TRY("PK\3\4", "zip archive"),
        TRY("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "neither"),
        TRY("\x80", "first pickle"),
        TRY("\x80\2N.", "not a PyTorch checkpoint"),
        TRY("\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x18.", "not a PyTorch checkpoint"),
        { pk, sizeof pk - 1, "not a PyTorch checkpoint" },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int rc = rst_weights_decode(&w, files[i].bytes, files[i].len, "file", NULL, &err);
        check(&files[i], i, rc, w);
    }
}

static const char good_pickle[] = PK_DICT(W PK_TENSOR);
static const char *const floats = (const char *)build_floats;

#define PICKLE(name)                                                                               \
    {                                                                                              \
        name, good_pickle, sizeof good_pickle - 1                                                  \
    }

static void test_archives(void **state)
{
    (void)state;
    const struct {
        member list[5];
        const char *why;
    } archives[] = {
        { { PICKLE("a/data.pkl"), { "a/data/0", floats, 16 } }, NULL },
        { { PICKLE("a/data.pkl"), { "a/data/0", floats, 16 }, { "a/byteorder", "little", 6 } },
          NULL },
        { { { "a/", "", 0 }, PICKLE("a/data.pkl"), { "a/data/0", floats, 16 } }, NULL },
        { { PICKLE("a/data.pkl"), { "a/data/0", floats, 16 }, { "a/byteorder", "big", 3 } },
          "little-endian" },
        { { PICKLE("a/data.pkl"), { "a/data/0", floats, 12 } }, "has 12 bytes" },
        { { PICKLE("a/data.pkl"), { "a/data/1", floats, 16 } }, "not in the archive" },
        { { PICKLE("data.pkl"), { "data/0", floats, 16 } }, "without data.pkl" },
        { { { "a/data/0", floats, 16 } }, "without data.pkl" },
        { { { 0 } }, "neither" },
        { { PICKLE("a/data.pkl"), { "b/data/0", floats, 16 } }, "more than one top folder" },
        { { PICKLE("a/data.pkl"), PICKLE("b/data.pkl") }, "more than one top folder" },
        { { PICKLE("a/data.pkl"), { "a/data/0", floats, 16 }, { "a/data/0", floats, 16 } },
          "" }, /* libzip refuses it or we do */
        { { PICKLE("a/data.pkl"), { "a/data/../0", floats, 16 } }, "proper name" },
        { { PICKLE("a/data.pkl"), { "/a/data/0", floats, 16 } }, "proper name" },
        { { PICKLE("a/data.pkl"), { "a\\data\\0", floats, 16 } }, "proper name" },
        { { PICKLE("a/data.pkl"), { "a/data/0", floats, 16 }, { "a/constants.pkl", "N.", 2 } },
          "TorchScript" },
        { { PICKLE("a/data.pkl"), { "a/code/x.py", floats, 16 } }, "TorchScript" },
    };
    for (size_t i = 0; i < sizeof archives / sizeof *archives; i++) {
        void *buf;
        size_t len;
        rst_weights *w = NULL;
        const attempt t = { "", 0, archives[i].why };
        assert_int_equal(build_zip(archives[i].list, false, &buf, &len, &err), 0);
        int rc = rst_weights_decode(&w, buf, len, "a.pth", NULL, &err);
        check(&t, i, rc, w);
        rst__free(buf);
    }
}

/* torch.save stores; whoever packed an archive anew compressed it. */
static void test_compressed_archive(void **state)
{
    (void)state;
    static const char zeros[4096];
    void *buf;
    size_t len;
    rst_weights *w = NULL;
    zip_t *z = zip_open(temp_path("deflated"), ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(z);
    assert_int_equal(zip_file_add(z, "a/data.pkl",
                                  zip_source_buffer(z, good_pickle, sizeof good_pickle - 1, 0), 0),
                     0);
    assert_int_equal(zip_file_add(z, "a/data/0", zip_source_buffer(z, zeros, sizeof zeros, 0), 0),
                     1);
    assert_int_equal(zip_close(z), 0);
    assert_int_equal(rst__file_read(temp_path("deflated"), 1 << 20, &buf, &len, &err), 0);
    (void)unlink(temp_path("deflated"));
    const attempt t = { "", 0, "compressed" };
    int rc = rst_weights_decode(&w, buf, len, "a.pth", NULL, &err);
    check(&t, 0, rc, w);
    rst__free(buf);
}

/* One wrong bit in a member is found by its CRC. */
static void test_damaged_member(void **state)
{
    (void)state;
    const member list[] = { PICKLE("a/data.pkl"), { "a/data/0", floats, 16 }, { 0 } };
    void *buf;
    size_t len, at = 0;
    rst_weights *w = NULL;
    assert_int_equal(build_zip(list, false, &buf, &len, &err), 0);
    unsigned char *p = buf;
    while (at + 16 <= len && memcmp(p + at, build_floats, 16) != 0)
        at++;
    assert_true(at + 16 <= len);
    p[at] ^= 4;
    const attempt t = { "", 0, "CRC" };
    int rc = rst_weights_decode(&w, buf, len, "a.pth", NULL, &err);
    check(&t, 0, rc, w);
    rst__free(buf);
}

/* Every prefix of every container is refused, and nothing leaks. */
static void test_truncated(void **state)
{
    (void)state;
    rst_weights *set = build_all_types(&err), *w = NULL;
    rst_str legacy = build_legacy(set);
    void *buf[2];
    size_t len[2];
    assert_int_equal(rst_weights_write_pth(set, temp_path("t"), &err), 0);
    assert_int_equal(rst__file_read(temp_path("t"), 1 << 20, &buf[0], &len[0], &err), 0);
    assert_int_equal(rst_weights_write_safetensors(set, temp_path("t"), &err), 0);
    assert_int_equal(rst__file_read(temp_path("t"), 1 << 20, &buf[1], &len[1], &err), 0);
    (void)unlink(temp_path("t"));
    long before = rst__alloc_live();
    for (size_t n = 0; n < legacy.len; n++)
        assert_int_equal(rst_weights_decode(&w, legacy.s, n, "t", NULL, &err), RST_EFORMAT);
    for (int i = 0; i < 2; i++)
        for (size_t n = 0; n < len[i]; n++)
            assert_int_equal(rst_weights_decode(&w, buf[i], n, "t", NULL, &err), RST_EFORMAT);
    assert_int_equal(rst__alloc_live(), before);
    rst__str_add(&legacy, "x");
    assert_int_equal(rst_weights_decode(&w, legacy.s, legacy.len, "t", NULL, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "1 bytes after"));
    rst__str_free(&legacy);
    rst__free(buf[0]);
    rst__free(buf[1]);
    rst_weights_free(set);
}

/* The persistent id of the legacy container: a view of a storage is refused, None is not. */
static void test_legacy_object(void **state)
{
    (void)state;
    static const char *const keys[] = { "\x80\2](X\1\0\0\0"
                                        "0e.",
                                        "\x80\2](X\1\0\0\0"
                                        "1e.",
                                        "\x80\2].", "\x80\2N." };
#define LEGACY(view) STORED(PK_STORAGE("FloatStorage", "0", "\4") view "tQ")
    static const struct {
        attempt object;
        int keys;
    } cases[] = {
        { TRY(LEGACY("N"), NULL), 0 },
        { TRY(LEGACY(""), "no storage"), 0 },
        { TRY(LEGACY(")"), "a view of a storage"), 0 },
        { TRY(LEGACY("N"), "key listed"), 1 },
        { TRY(LEGACY("N"), "is not in the file"), 2 },
        { TRY(LEGACY("N"), "no list of storage keys"), 3 },
        { TRY(PK_DICT("cos\nsystem\n"), "refused: it asks for os.system"), 0 },
    };
    static const size_t key_len[] = { 12, 12, 4, 4 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rst_weights *w = NULL;
        rst_str b = rst__str(1 << 16);
        build_legacy_head(&b);
        rst__str_bytes(&b, cases[i].object.bytes, cases[i].object.len);
        rst__str_bytes(&b, keys[cases[i].keys], key_len[cases[i].keys]);
        if (cases[i].keys != 2) {
            build_uint(&b, 4, 8);
            rst__str_bytes(&b, build_floats, 16);
        }
        int rc = rst_weights_decode(&w, b.s, b.len, "old.pth", NULL, &err);
        check(&cases[i].object, i, rc, w);
        rst__str_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pickles),
        cmocka_unit_test(test_pickle_bombs),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_header_bombs),
        cmocka_unit_test(test_other_kinds_of_file),
        cmocka_unit_test(test_archives),
        cmocka_unit_test(test_compressed_archive),
        cmocka_unit_test(test_damaged_member),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_legacy_object),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    temp_done();
    return failed;
}
