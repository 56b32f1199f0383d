/* SPDX-License-Identifier: MIT */
/* A published network on real pictures: the command converts StainNet and translates the shared
 * scanner pairs, whose mean PSNR is known (spec 14.4). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <restain/image.h>

#include "base/alloc.h"
#include "base/file.h"

extern char **environ;

static char data[512], work[64];
static const char *restain;

/* Runs the command; its stderr stays. @return its exit code */
static int command(const char *const argv[])
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execve(restain, (char *const *)argv, environ);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void read_picture(rst_image *img, const char *folder, const char *name)
{
    char path[1024];
    rst_error err = RST_ERROR_INIT;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    if (rst_image_read(img, path, NULL, &err) < 0)
        fail_msg("%s", err.msg);
}

/* Over the pixels with a[y + dy][x + dx] and h[y][x] both there. */
static double psnr(const rst_image *a, const rst_image *h, int dy, int dx)
{
    double sum = 0, n = 0;
    for (int64_t y = 0; y < h->height; y++)
        for (int64_t x = 0; x < h->width; x++) {
            const int64_t v = y + dy, u = x + dx;
            if (v < 0 || u < 0 || v >= a->height || u >= a->width)
                continue;
            for (int c = 0; c < 3; c++) {
                double d = (double)a->px[(v * a->width + u) * 3 + c] -
                           (double)h->px[(y * h->width + x) * 3 + c];
                sum += d * d;
            }
            n += 3;
        }
    return 10 * log10(255.0 * 255.0 * n / sum);
}

static double pair(const char *aperio, const char *hamamatsu, const char *name, int dy, int dx)
{
    rst_image a = RST_IMAGE_INIT, h = RST_IMAGE_INIT;
    read_picture(&a, aperio, name);
    read_picture(&h, hamamatsu, name);
    double db = psnr(&a, &h, dy, dx);
    rst_image_free(&a);
    rst_image_free(&h);
    return db;
}

/* Mean over the rows of shifts.csv: name,dy,dx,... */
static double mean_psnr(const char *aperio, const char *hamamatsu, int *count)
{
    char path[1024];
    rst_error err = RST_ERROR_INIT;
    void *buf;
    size_t len;
    (void)snprintf(path, sizeof path, "%s/data/pairs_aligned_scanner/shifts.csv", data);
    assert_int_equal(rst__file_read(path, 1 << 20, &buf, &len, &err), 0);
    double sum = 0;
    *count = 0;
    for (char *line = strchr(buf, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        char *name = line + 1, *comma = strchr(name, ','), *end;
        assert_non_null(comma);
        *comma = 0;
        int dy = (int)strtol(comma + 1, &end, 10), dx = (int)strtol(end + 1, &end, 10);
        line = end;
        (void)snprintf(path, sizeof path, "%s/%s", aperio, name);
        if (!rst__exists(path)) /* the list is that of the full set of 140 */
            continue;
        sum += pair(aperio, hamamatsu, name, dy, dx);
        ++*count;
    }
    rst__free(buf);
    return sum / *count;
}

static void test_known_psnr(void **state)
{
    (void)state;
    char weights[1024], model[128], a[1024], h[1024], out[128];
    (void)snprintf(weights, sizeof weights,
                   "%s/data/weights/stainnet/aligned_histopathology_dataset.pth", data);
    (void)snprintf(model, sizeof model, "%s/stainnet.safetensors", work);
    (void)snprintf(a, sizeof a, "%s/data/pairs_aligned_scanner/aperio", data);
    (void)snprintf(h, sizeof h, "%s/data/pairs_aligned_scanner/hamamatsu", data);
    (void)snprintf(out, sizeof out, "%s/out", work);
    const char *const convert[] = { restain, "convert", weights, model, NULL };
    const char *const translate[] = { restain, "translate", "--model", model, a, "-o", out, NULL };
    assert_int_equal(command(convert), 0);
    assert_int_equal(command(translate), 0);
    int count;
    double before = mean_psnr(a, h, &count);
    assert_int_equal(count, 40);
    double after = mean_psnr(out, h, &count);
    print_message("input %.3f dB, StainNet %.3f dB over %d pairs\n", before, after, count);
    assert_true(fabs(before - 18.97) <= 0.02);
    assert_true(fabs(after - 22.02) <= 0.02);
}

int main(void)
{
    const char *shared = getenv("RESTAIN_TESTDATA");
    restain = getenv("RESTAIN");
    (void)snprintf(data, sizeof data, "%s", shared ? shared : "../shared");
    char probe[600];
    (void)snprintf(probe, sizeof probe, "%s/data/pairs_aligned_scanner", data);
    if (!rst__is_dir(probe)) {
        print_message("skipped: %s is not there\n", probe);
        return 77;
    }
    (void)snprintf(work, sizeof work, "/tmp/restain-stainnet-XXXXXX");
    if (!restain || !mkdtemp(work)) {
        print_message("RESTAIN is not set, or no folder in /tmp can be made\n");
        return 1;
    }
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_known_psnr) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    const char *const clean[] = { "rm", "-rf", work, NULL };
    restain = "/bin/rm";
    (void)command(clean);
    return failed;
}
