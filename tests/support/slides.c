/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/slides.h"

static char folder[64];

void slides_begin(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/restain-slides-XXXXXX");
    if (!mkdtemp(folder))
        fail_msg("%s cannot be made", folder);
}

/* Counts the files, or removes them. */
static int walk(int away)
{
    DIR *d = opendir(folder);
    int n = 0;
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        n++;
        if (away)
            (void)unlink(slides_path(e->d_name));
    }
    if (d)
        (void)closedir(d);
    return n;
}

void slides_end(void)
{
    (void)walk(1);
    (void)rmdir(folder);
}

int slides_files(void)
{
    return walk(0);
}

const char *slides_path(const char *name)
{
    static char path[8][512];
    static unsigned at;
    char *p = path[at++ % 8];
    (void)snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

void slides_make(const char *name, const rst_slide_recipe *r)
{
    rst_error err = RST_ERROR_INIT;
    if (rst__slide_make(slides_path(name), r, &err) < 0)
        fail_msg("%s", err.msg);
}

rst_model *slides_model_wide(const char *net, int width, rst_conv_mode conv, int threads)
{
    char name[64];
    rst_arch a;
    rst_model *m = NULL;
    rst_error err = RST_ERROR_INIT;
    const rst_init_options init = { .kind = RST_INIT_XAVIER, .gain = 1, .seed = 1 };
    const rst_model_options o = { .ctx = { .conv = conv, .threads = threads ? threads : 2 } };
    (void)snprintf(name, sizeof name, "%s-%d.safetensors", net, width);
    if (rst_arch_preset(net, &a, &err) < 0)
        fail_msg("%s", err.msg);
    a.width = width;
    if (rst_model_init(slides_path(name), &a, &init, &err) < 0 ||
        rst_model_open(&m, slides_path(name), &o, &err) < 0)
        fail_msg("%s", err.msg);
    return m;
}

rst_model *slides_model(const char *net, rst_conv_mode conv, int threads)
{
    return slides_model_wide(net, 4, conv, threads);
}
