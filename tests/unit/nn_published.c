/* SPDX-License-Identifier: MIT */
/* Recognising networks whose weights the published code wrote: those of the golden cases, and the
 * published files themselves. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <restain/nn.h>

#include "nn/registry.h"

static const char *shared;

/* The entries of a case's state_dict: its parameters and buffers, without those words. */
static rst_weights *state_of(const rst_weights *all)
{
    static const char *const head[] = { "param.", "buffer." };
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = rst_weights_new();
    for (int64_t i = 0; i < rst_weights_count(all); i++) {
        const rst_weight *t = rst_weights_get(all, i);
        for (int k = 0; k < 2; k++) {
            size_t n = strlen(head[k]);
            if (strncmp(t->name, head[k], n) == 0)
                assert_int_equal(
                    rst_weights_add(w, t->name + n, t->type, t->rank, t->shape, t->data, &err), 0);
        }
    }
    return w;
}

static void check_case(const char *folder, const char *name)
{
    char path[1024], want[1024], got[1024], note[200];
    rst_error err = RST_ERROR_INIT;
    rst_weights *all;
    rst_arch asked, found;
    (void)snprintf(path, sizeof path, "%s/%s/case.json", folder, name);
    json_t *o = rst__json_load(path, 1 << 24, &err);
    if (!o || rst__arch_from_options(json_object_get(o, "options"), NULL, true, &asked, &err) < 0)
        fail_msg("%s: %s", path, err.msg);
    json_decref(o);
    (void)snprintf(path, sizeof path, "%s/%s/tensors.safetensors", folder, name);
    if (rst_weights_read(&all, path, NULL, &err) < 0)
        fail_msg("%s: %s", path, err.msg);
    rst_weights *w = state_of(all);
    if (rst_arch_recognise(w, &found, note, sizeof note, &err) < 0)
        fail_msg("%s: %s", path, err.msg);
    /* What weights do not say. */
    if (found.family == RST_NET_UNET)
        found.dropout = asked.dropout;
    assert_int_equal(rst_arch_to_json(&asked, want, sizeof want, &err), 0);
    assert_int_equal(rst_arch_to_json(&found, got, sizeof got, &err), 0);
    if (strcmp(got, want) != 0)
        fail_msg("%s:\n got %s\nwant %s", path, got, want);
    rst_weights_free(w);
    rst_weights_free(all);
}

static void check_group(const char *group, int least)
{
    char folder[512];
    (void)snprintf(folder, sizeof folder, "%s/golden/%s", shared, group);
    DIR *d = opendir(folder);
    assert_non_null(d);
    int cases = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') {
            check_case(folder, e->d_name);
            cases++;
        }
    closedir(d);
    assert_true(cases >= least);
}

static void test_golden(void **state)
{
    (void)state;
    check_group("generators", 20);
    check_group("discriminators", 12);
}

static void test_files(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        rst_family family;
    } row[] = {
        { "stainnet/aligned_histopathology_dataset.pth", RST_NET_STAINNET },
        { "stainnet/camelyon16_dataset.pth", RST_NET_STAINNET },
        { "squeezenet1_1_features.pth", RST_NET_SQUEEZENET },
        { "squeezenet1_1_features-legacy.pth", RST_NET_SQUEEZENET },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char path[1024], note[200];
        rst_error err = RST_ERROR_INIT;
        rst_weights *w;
        rst_arch a;
        (void)snprintf(path, sizeof path, "%s/data/weights/%s", shared, row[i].path);
        if (rst_weights_read(&w, path, NULL, &err) < 0 || rst_weights_unwrap(w, NULL, &err) < 0 ||
            rst_arch_recognise(w, &a, note, sizeof note, &err) < 0)
            fail_msg("%s: %s", path, err.msg);
        assert_int_equal(a.family, row[i].family);
        rst_weights_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_files),
    };
    shared = getenv("RESTAIN_TESTDATA");
    char probe[600];
    (void)snprintf(probe, sizeof probe, "%s/golden/INDEX.md", shared ? shared : "");
    FILE *f = fopen(probe, "r");
    if (!f) {
        puts("skipped: RESTAIN_TESTDATA does not name the shared folder");
        return 77;
    }
    fclose(f);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
