/* SPDX-License-Identifier: MIT */
#include "cli/slide_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "cli/report.h"

int cli_region(const char *text, rst_slide_job_options *o, rst_error *err)
{
    int64_t v[4];
    const char *at = text;
    if (!text)
        return 0;
    for (int i = 0; i < 4; i++) {
        char *end;
        v[i] = strtoll(at, &end, 10);
        if (!strchr("0123456789", *at) || *end != (i < 3 ? ',' : 0) || v[i] < (i < 2 ? 0 : 1) ||
            v[i] > INT32_MAX)
            return rst_fail(err, RST_EINVAL, "--region: '%s' is no part like 1024,2048,4096,4096",
                            text);
        at = end + 1;
    }
    o->x = v[0];
    o->y = v[1];
    o->width = v[2];
    o->height = v[3];
    return 0;
}

static bool ends_in(const char *name, const char *end)
{
    const size_t n = strlen(name), k = strlen(end);
    return n > k && strcasecmp(name + n - k, end) == 0;
}

bool cli_slide_output(const char *out)
{
    return ends_in(out, ".tif") || ends_in(out, ".tiff");
}

bool cli_is_slide(const char *in, const char *out)
{
    rst_slide *s;
    if (ends_in(out, ".ome.tif") || ends_in(out, ".ome.tiff"))
        return true;
    /* decoding a whole picture only to look at it would be a waste */
    if (ends_in(in, ".png") || ends_in(in, ".jpg") || ends_in(in, ".jpeg") ||
        rst_slide_open(&s, in, NULL, NULL) < 0)
        return false;
    const rst_slide_info *i = rst_slide_describe(s);
    const bool slide = i->levels > 1 || strncmp(i->reader, "openslide", 9) == 0;
    rst_slide_close(s);
    return slide;
}

int cli_slide_progress(void *user, int64_t done, int64_t total)
{
    (void)user;
    cli_progress(done, total);
    return 0;
}

int cli_slide_forecast(const rst_slide_report *r)
{
    static const char *const words[] = { "auto", "direct", "winograd" };
    (void)printf("level:       %d\n", r->level);
    (void)printf("size:        %lld x %lld\n", (long long)r->width, (long long)r->height);
    if (r->mpp > 0)
        (void)printf("mpp:         %.6g\n", r->mpp);
    (void)printf("tissue mm2:  %.2f\n", r->tissue_mm2);
    (void)printf("tiles:       %lld of %lld\n", (long long)r->computed, (long long)r->tiles);
    (void)printf("window:      %lld x %lld, halo %lld\n", (long long)r->window[0],
                 (long long)r->window[1], (long long)r->halo);
    (void)printf("conv:        %s\n", words[r->conv]);
    (void)printf("memory GB:   %.2f\n", (double)r->memory / 1e9);
    (void)printf("disk GB:     %.3f\n", (double)r->disk / 1e9);
    (void)printf("time s:      %.0f\n", r->seconds);
    return 0;
}
