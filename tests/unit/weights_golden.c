/* SPDX-License-Identifier: MIT */
/* The file-format cases of the golden data, good and hostile, each read by a child process under
 * the limits that the case names; and the published files that are at hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <restain/weights.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/json.h"
#include "unit/weights_build.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static const char *testdata;

typedef struct golden {
    char dir[800];
    json_t *json;
    const json_t *values;
} golden;

static const char *text_of(const golden *g, const char *key)
{
    const char *s = json_string_value(json_object_get(g->values, key));
    return s ? s : "";
}

/* Widens t to want's type and compares bit for bit. */
static bool equals(const rst_weight *t, const rst_weight *want, rst_error *err)
{
    bool same = false;
    if (t->rank != want->rank || memcmp(t->shape, want->shape, sizeof t->shape) != 0)
        return false;
    void *wide = rst__malloc(want->bytes);
    if (!wide)
        return false;
    if (want->type == RST_WEIGHT_F32)
        rst_weight_to_f32(t, wide);
    else if (want->type == RST_WEIGHT_F64)
        rst_weight_to_f64(t, wide);
    same = want->type == RST_WEIGHT_I64 ? rst_weight_to_i64(t, wide, err) == 0
                                        : want->type <= RST_WEIGHT_F32;
    same = same && memcmp(wide, want->data, want->bytes) == 0;
    rst__free(wide);
    return same;
}

/* What a load must have brought; prints the first difference to `out`. */
static int check_targets(const golden *g, const rst_weights *w, FILE *out)
{
    char path[1100];
    rst_error err = RST_ERROR_INIT;
    rst_weights *want;
    (void)snprintf(path, sizeof path, "%s/tensors.safetensors", g->dir);
    if (rst_weights_read(&want, path, NULL, &err) < 0) {
        (void)fprintf(out, "%s", err.msg);
        return 1;
    }
    int bad = rst_weights_count(w) != rst_weights_count(want);
    if (bad)
        (void)fprintf(out, "%lld tensors, not %lld", (long long)rst_weights_count(w),
                      (long long)rst_weights_count(want));
    for (int64_t i = 0; !bad && i < rst_weights_count(want); i++) {
        const rst_weight *x = rst_weights_get(want, i), *t = rst_weights_find(w, x->name);
        bad = !t || !equals(t, x, &err);
        if (bad)
            (void)fprintf(out, "%s %s", x->name, t ? "differs" : "is missing");
    }
    rst_weights_free(want);
    return bad;
}

/* In the child: reads the file and judges the result. */
static int judge(const golden *g, FILE *out)
{
    char path[1100];
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = NULL;
    const char *expect = text_of(g, "expect");
    (void)snprintf(path, sizeof path, "%s/%s", g->dir, text_of(g, "file"));
    int rc = rst_weights_read(&w, path, NULL, &err);
    if (rc < 0)
        (void)fprintf(out, "%s", err.msg);
    if (rc < 0 && (rc != RST_EFORMAT || err.code != rc || !*err.msg))
        return 1;
    if (strcmp(expect, "reject") == 0)
        return rc == 0;
    if (strcmp(expect, "either") == 0)
        return 0;
    return rc < 0 ? 1 : check_targets(g, w, out);
}

static void limit(int what, rlim_t value)
{
    struct rlimit r = { value, value };
    if (setrlimit((__rlimit_resource_t)what, &r) < 0)
        _exit(98);
}

/* Memory on top of what the process has mapped already. */
static void limit_memory(rlim_t mib)
{
    char text[64] = "";
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || !fgets(text, sizeof text, f))
        _exit(98);
    (void)fclose(f);
    rlim_t pages = strtoul(text, NULL, 10);
    limit(RLIMIT_AS, pages * (rlim_t)sysconf(_SC_PAGESIZE) + (mib << 20));
}

static int64_t limit_of(const golden *g, const char *key, int64_t otherwise)
{
    const json_t *v = json_object_get(json_object_get(g->values, "limits"), key);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

static void child(const golden *g, int pipe_end)
{
    FILE *out = fdopen(pipe_end, "w");
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0); /* no file may be written */
    if (!SANITIZED)
        limit_memory((rlim_t)limit_of(g, "max_memory_mib", 64));
    (void)alarm((unsigned)limit_of(g, "max_seconds", 2));
    int bad = judge(g, out);
    (void)fflush(out);
    _exit(bad);
}

/* Runs one case; false, and a line, when it fails. */
static bool run_case(const golden *g, const char *name)
{
    int ends[2], status = 0;
    char text[600];
    const char *trap = text_of(g, "must_not_exist_afterwards");
    if (pipe(ends) < 0)
        return false;
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        child(g, ends[1]);
    (void)close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    (void)close(ends[0]);
    bool ok =
        pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    bool executed = *trap && rst__exists(trap);
    if (!ok || executed)
        (void)fprintf(stderr, "%s: expected %s: status 0x%x: %s%s\n", name, text_of(g, "expect"),
                      (unsigned)status, text, executed ? " AND WAS EXECUTED" : "");
    else if (getenv("RST_TEST_VERBOSE"))
        (void)fprintf(stderr, "%-36s %s\n", name, text);
    return ok && !executed;
}

static bool open_case(golden *g, const char *folder, const char *name)
{
    char path[1100];
    rst_error err = RST_ERROR_INIT;
    (void)snprintf(g->dir, sizeof g->dir, "%s/%s", folder, name);
    (void)snprintf(path, sizeof path, "%s/case.json", g->dir);
    if (name[0] == '.' || !rst__exists(path))
        return false;
    g->json = rst__json_load(path, 16 << 20, &err);
    if (!g->json)
        fail_msg("%s", err.msg);
    g->values = json_object_get(g->json, "values");
    return true;
}

static void test_format_cases(void **state)
{
    (void)state;
    char folder[400];
    int cases = 0, failed = 0;
    (void)snprintf(folder, sizeof folder, "%s/golden/formats", testdata);
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        golden g;
        if (!open_case(&g, folder, e->d_name))
            continue;
        cases++;
        failed += !run_case(&g, e->d_name);
        json_decref(g.json);
    }
    (void)closedir(d);
    print_message("%d cases, %d failed\n", cases, failed);
    assert_true(cases > 0);
    assert_int_equal(failed, 0);
}

static rst_weights *read_shared(const char *name, rst_weights_container container)
{
    char path[1100];
    rst_error err = RST_ERROR_INIT;
    rst_weights_info info;
    rst_weights *w = NULL;
    (void)snprintf(path, sizeof path, "%s/data/weights/%s", testdata, name);
    if (!rst__exists(path)) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    if (rst_weights_read(&w, path, &info, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(info.container, container);
    return w;
}

static void test_trunk_in_both_containers(void **state)
{
    (void)state;
    rst_weights *a = read_shared("squeezenet1_1_features.pth", RST_WEIGHTS_PTH_ZIP);
    rst_weights *b = read_shared("squeezenet1_1_features-legacy.pth", RST_WEIGHTS_PTH_LEGACY);
    assert_true(rst_weights_count(a) > 40);
    assert_true(same_tensors(a, b));
    rst_weights_free(a);
    rst_weights_free(b);
}

static void test_published_files(void **state)
{
    (void)state;
    static const struct {
        const char *name, *tensor;
        rst_weights_container container;
        int64_t bytes;
    } files[] = {
        { "stainnet/aligned_histopathology_dataset.pth", "rgb_trans.0.weight", RST_WEIGHTS_PTH_ZIP,
          32 * 3 * 4 },
        { "lpips/weights/v0.1/alex.pth", "lin0.model.1.weight", RST_WEIGHTS_PTH_LEGACY, 64 * 4 },
        { "lpips/weights/v0.1/vgg.pth", "lin4.model.1.weight", RST_WEIGHTS_PTH_LEGACY, 512 * 4 },
        { "lpips/weights/v0.1/squeeze.pth", "lin6.model.1.weight", RST_WEIGHTS_PTH_LEGACY,
          512 * 4 },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        rst_weights *w = read_shared(files[i].name, files[i].container);
        const rst_weight *t = rst_weights_find(w, files[i].tensor);
        for (int64_t k = 0; !t && k < rst_weights_count(w); k++)
            print_message("%s has %s\n", files[i].name, rst_weights_get(w, k)->name);
        assert_non_null(t);
        assert_int_equal(t->bytes, files[i].bytes);
        rst_weights_free(w);
    }
}

int main(void)
{
    char folder[400];
    testdata = getenv("RESTAIN_TESTDATA");
    (void)snprintf(folder, sizeof folder, "%s/golden/formats", testdata ? testdata : "");
    if (!testdata || !rst__is_dir(folder)) {
        (void)fprintf(stderr, "skipped: no golden/formats (RESTAIN_TESTDATA is %s)\n",
                      testdata ? testdata : "not set");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_cases),
        cmocka_unit_test(test_trunk_in_both_containers),
        cmocka_unit_test(test_published_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
