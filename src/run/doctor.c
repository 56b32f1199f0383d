/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef RST_HAVE_X86
#include <cpuid.h>
#endif

#include <restain/graph.h>
#include <restain/version.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"
#include "grad/engine.h"
#include "image/codec.h"
#include "image/draw.h"
#include "image/versions.h"
#include "model/versions.h"
#include "run/inspect.h"
#include "slide/reader.h"

/* The machine -----------------------------------------------------------------------------------
 */

static json_t *processor_name(void)
{
#ifdef RST_HAVE_X86
    unsigned r[12] = { 0 };
    bool ok = true;
    for (unsigned i = 0; i < 3; i++)
        ok = ok &&
             __get_cpuid(0x80000002u + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3]);
    char text[sizeof r + 1];
    memcpy(text, r, sizeof r);
    text[sizeof r] = 0;
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == ' ')
        text[--n] = 0;
    return ok && n ? json_string(text) : json_null();
#else
    return json_null();
#endif
}

static json_t *processor_features(void)
{
    json_t *list = json_array();
#ifdef RST_HAVE_X86
#define ADD(name)                                                                                  \
    if (__builtin_cpu_supports(name))                                                              \
    (void)json_array_append_new(list, json_string(name))
    ADD("sse4.2");
    ADD("avx");
    ADD("avx2");
    ADD("fma");
    ADD("avx512f");
    ADD("avx512dq");
    ADD("avx512bw");
    ADD("avx512vl");
    ADD("avx512vnni");
    ADD("avx512bf16");
#undef ADD
#elif defined(__aarch64__)
    (void)json_array_append_new(list, json_string("asimd"));
#endif
    return list;
}

static json_t *mebibytes(int name)
{
    long pages = sysconf(name), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? json_integer((json_int_t)(pages >> 10) * size >> 10)
                                 : json_null();
}

static json_t *libraries(const char *kernels)
{
    char tiff[32] = "";
    const char *text = rst__tiff_version(), *number = strstr(text, "Version ");
    number = number ? number + 8 : text;
    (void)snprintf(tiff, sizeof tiff, "%.*s", (int)strcspn(number, "\n"), number);
    const char *dnnl = kernels && strstr(kernels, "oneDNN") ? "used" : "not used";
    const char *openslide = rst__openslide_version(), *cairo = rst__canvas_version();
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "libpng", rst__png_version(), "libtiff",
        tiff, "libjpeg-turbo", rst__jpeg_version(), "libzip", rst__zip_version(), "jansson",
        jansson_version_str(), "libcrypto", rst__crypto_version(), "oneDNN", dnnl, "OpenSlide",
        openslide ? openslide : "not built in", "cairo", cairo ? cairo : "not built in");
}

/* The self-test ---------------------------------------------------------------------------------
 */

enum { SIDE = 34, CI = 16, CO = 24 };

/* One 3x3 convolution with reflected borders; *winograd tells whether it ran so. */
static int convolve(const char *backend, rst_conv_mode mode, float *y, bool *winograd,
                    rst_error *err)
{
    static float x[CI * SIDE * SIDE], w[CO * CI * 9];
    rst_ctx *c;
    const rst_ctx_options o = { .backend = backend, .conv = mode };
    int rc = rst_ctx_new(&c, &o, err);
    if (rc < 0)
        return rc;
    rst_rng r = rst__rng(1, "doctor");
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = (float)rst__rng_normal(&r);
    for (size_t i = 0; i < sizeof w / sizeof *w; i++)
        w[i] = (float)rst__rng_normal(&r);
    rst_begin_nograd(c);
    const rst_conv_options g = { .pad = { 1, 1, 1, 1 }, .mode = RST_PAD_REFLECT };
    rst_tensor *t = rst_conv2d(rst_upload(c, (rst_dims){ 1, CI, SIDE, SIDE }, RST_NCHW, x),
                               rst_upload(c, (rst_dims){ CO, CI, 3, 3 }, RST_NCHW, w), NULL, g);
    if (t)
        (void)rst_download(t, RST_NCHW, y); /* the scope reports */
    rc = rst_end(c, err);
    *winograd = rst_ctx_statistics(c).convs_winograd > 0;
    rst_ctx_free(c);
    return rc;
}

static int test_convolution(rst_conv_mode mode, bool *winograd, rst_error *err)
{
    static float want[CO * SIDE * SIDE], got[CO * SIDE * SIDE];
    bool ignored;
    int rc = convolve("ref", RST_CONV_DIRECT, want, &ignored, err);
    if (rc == 0)
        rc = convolve("cpu", mode, got, winograd, err);
    double worst = 0;
    for (size_t i = 0; rc == 0 && i < sizeof want / sizeof *want; i++)
        worst = fmax(worst, isfinite(got[i]) ? fabs((double)got[i] - want[i]) : 1e30);
    if (rc == 0 && worst > 1e-3) /* of numbers up to 50 */
        rc = rst_fail(err, RST_EVERIFY, "a convolution is off by %g", worst);
    return rc;
}

static int test_direct(rst_error *err)
{
    bool ignored;
    return test_convolution(RST_CONV_DIRECT, &ignored, err);
}

static int test_winograd(rst_error *err)
{
    bool ran;
    int rc = test_convolution(RST_CONV_WINOGRAD, &ran, err);
    return rc == 0 && !ran ? rst_fail(err, RST_EVERIFY, "Winograd did not run") : rc;
}

/* The first answer that Random123 publishes for Philox4x32-10. */
static int test_random(rst_error *err)
{
    static const uint32_t want[4] = { 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u };
    const uint32_t counter[4] = { 0 }, key[2] = { 0 };
    uint32_t got[4];
    rst__philox(counter, key, got);
    return memcmp(got, want, sizeof got) ? rst_fail(err, RST_EVERIFY, "wrong random numbers") : 0;
}

static void fill_pattern(rst_image *img)
{
    rst_rng r = rst__rng(2, "doctor");
    for (int64_t i = 0; i < img->width * img->height * img->channels; i++)
        img->px[i] = (uint8_t)rst__rng_u32(&r);
}

static int test_picture(rst_error *err)
{
    rst_image img, back = RST_IMAGE_INIT;
    rst_bytes file = { NULL, 0 };
    int rc = rst_image_new(&img, 61, 47, 3, err);
    if (rc < 0)
        return rc;
    fill_pattern(&img);
    rc = rst__png_encode(&img, "self-test", 6, &file, err);
    if (rc == 0)
        rc = rst__image_decode(file.data, file.len, "self-test", NULL, &back, err);
    if (rc == 0 && (back.width != img.width || back.height != img.height || back.channels != 3 ||
                    memcmp(back.px, img.px, 61 * 47 * 3) != 0))
        rc = rst_fail(err, RST_EVERIFY, "a picture comes back different from memory");
    rst__free(file.data);
    rst_image_free(&back);
    rst_image_free(&img);
    return rc;
}

static int run_tests(json_t **out, rst_error *err)
{
    static const struct {
        const char *name;
        int (*run)(rst_error *err);
    } tests[] = {
        { "direct convolution against reference", test_direct },
        { "Winograd convolution against reference", test_winograd },
        { "random numbers against known answer", test_random },
        { "picture written and read in memory", test_picture },
    };
    int verdict = 0;
    *out = json_object();
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        rst_error why = RST_ERROR_INIT;
        int rc = tests[i].run(&why);
        rst__json_set(out, tests[i].name, json_string(rc == 0 ? "ok" : why.msg));
        if (rc < 0 && verdict == 0)
            verdict = rst_fail(err, RST_EVERIFY, "self-test: %s: %s", tests[i].name, why.msg);
    }
    return verdict;
}

/* Together --------------------------------------------------------------------------------------
 */

static json_t *backends(json_t **root, rst_error *err)
{
    json_t *list = json_object();
    static const char *const names[] = { "cpu", "ref" };
    for (int i = 0; i < 2; i++) {
        rst_ctx *c;
        const rst_ctx_options o = { .backend = names[i] };
        if (rst_ctx_new(&c, &o, err) < 0) {
            json_decref(list);
            return NULL;
        }
        const char *text = c->dev->be->describe ? c->dev->be->describe(c->dev) : "plain C";
        rst__json_set(&list, names[i], json_string(text));
        if (i == 0)
            rst__json_set(root, "threads", json_integer(rst_ctx_statistics(c).threads));
        rst_ctx_free(c);
    }
    return list;
}

static json_t *implementations(void)
{
    bool winograd = false;
    rst_error ignored;
    (void)test_convolution(RST_CONV_WINOGRAD, &winograd, &ignored);
    return json_pack(winograd ? "[s, s]" : "[s]", "direct", "winograd");
}

int rst__doctor(json_t **out, rst_error *err)
{
    json_t *root = json_object(), *tests = NULL;
    rst__json_set(&root, "version", json_string(rst_version()));
    rst__json_set(&root, "compiler", json_string(__VERSION__));
    rst__json_set(&root, "processor", processor_name());
    rst__json_set(&root, "features", processor_features());
    rst__json_set(&root, "processors", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    rst_error why = RST_ERROR_INIT;
    json_t *list = backends(&root, &why);
    rst__json_set(&root, "backends", list ? json_incref(list) : json_string(why.msg));
    rst__json_set(&root, "convolutions", implementations());
    rst__json_set(&root, "memory_mib", mebibytes(_SC_PHYS_PAGES));
    rst__json_set(&root, "memory_free_mib", mebibytes(_SC_AVPHYS_PAGES));
    rst__json_set(&root, "libraries", libraries(json_string_value(json_object_get(list, "cpu"))));
    json_decref(list);
    int rc = run_tests(&tests, err);
    rst__json_set(&root, "self_test", tests);
    if (!root)
        return rst__fail_nomem(err, "doctor");
    *out = root;
    return rc;
}
