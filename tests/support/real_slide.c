/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "slide/reader.h"
#include "support/real_slide.h"

const real_slide real_cmu = { "cc0/CMU-1-Small-Region.svs", 0, 2220, 2967, 0.499 };
const real_slide real_tcga = { "other/TCGA-CR-7395-01A-01-TS1.svs", 0.25, 4443, 3567, 0.25 };

const char *real_data(void)
{
    const char *data = getenv("RESTAIN_TESTDATA");
    if (data && rst__is_dir(data))
        return data;
    puts("skipped: needs ../shared");
    return NULL;
}

static rst_slide *opened(const char *path, const rst_slide_backend *by)
{
    rst_slide *s = NULL;
    rst_error err = RST_ERROR_INIT;
    if ((by ? rst__slide_open_with(&s, path, by, NULL, &err)
            : rst_slide_open(&s, path, NULL, &err)) < 0)
        fail_msg("%s", err.msg);
    return s;
}

static int levels_of(const real_slide *s)
{
    int n = 1;
    for (int64_t side = s->width > s->height ? s->width : s->height; side > 512; n++)
        side = (side + 1) / 2;
    return n;
}

/* Levels, sizes and um per pixel, as one reader sees them. */
static void check_levels(const real_slide *s, const char *out, const rst_slide_backend *by)
{
    rst_slide *o = opened(out, by);
    const rst_slide_info *i = rst_slide_describe(o);
    assert_int_equal(i->levels, levels_of(s));
    int64_t w = s->width, h = s->height;
    for (int k = 0; k < i->levels; k++) {
        assert_int_equal(i->level[k].width, w);
        assert_int_equal(i->level[k].height, h);
        w = (w + 1) / 2;
        h = (h + 1) / 2;
    }
    assert_true(fabs(i->mpp - s->true_mpp) < 1e-4 * s->true_mpp);
    rst_slide_close(o);
}

/* A number that libvips' command says of a page. */
static double vips_says(const char *out, int page, const char *field)
{
    char line[800], text[64] = "";
    (void)snprintf(line, sizeof line, "vipsheader -f %s '%s[page=%d]' 2>&1", field, out, page);
    FILE *p = popen(line, "r"); /* allow popen: another program must see it */
    assert_non_null(p);
    const bool got = fgets(text, sizeof text, p) != NULL;
    if (pclose(p) != 0 || !got)
        fail_msg("%s: %s", line, text);
    return strtod(text, NULL);
}

static void check_vips(const real_slide *s, const char *out)
{
    const int n = levels_of(s);
    assert_int_equal((int)vips_says(out, 0, "n-pages"), n);
    assert_int_equal((int)vips_says(out, 0, "n-subifds"), n - 1);
    int64_t w = s->width, h = s->height;
    double mpp = s->true_mpp;
    for (int k = 0; k < n; k++, mpp *= 2) {
        assert_int_equal((int)vips_says(out, k, "width"), w);
        assert_int_equal((int)vips_says(out, k, "height"), h);
        assert_true(fabs(vips_says(out, k, "xres") * mpp / 1000 - 1) < 1e-3); /* per mm */
        w = (w + 1) / 2;
        h = (h + 1) / 2;
    }
    /* and decodes it all, each page */
    for (int k = 0; k < n; k++) {
        char line[800];
        (void)snprintf(line, sizeof line, "vips avg '%s[page=%d]' >/dev/null", out, k);
        assert_int_equal(system(line), 0); /* allow system: another program must see it */
    }
}

static void load(const char *path, const real_slide *s, rst_image *img)
{
    rst_error err = RST_ERROR_INIT;
    rst_slide *o = opened(path, NULL);
    if (rst_image_new(img, s->width, s->height, 3, &err) < 0)
        fail_msg("%s", err.msg);
    const int64_t rows = RST_SLIDE_READ_MAX / s->width;
    for (int64_t y = 0; y < s->height; y += rows) {
        const int64_t n = rows < s->height - y ? rows : s->height - y;
        if (rst_slide_read(o, 0, 0, y, s->width, n, img->px + y * s->width * 3, &err) < 0)
            fail_msg("%s", err.msg);
    }
    rst_slide_close(o);
}

/* The picture's part, from multiples of 16 near its middle. */
static rst_image part(const rst_image *all)
{
    enum { SIDE = 1536 };
    rst_image p;
    const int64_t x0 = (all->width - SIDE) / 32 * 16, y0 = (all->height - SIDE) / 32 * 16;
    assert_int_equal(rst_image_new(&p, SIDE, SIDE, 3, NULL), 0);
    for (int64_t y = 0; y < SIDE; y++)
        memcpy(p.px + y * SIDE * 3, all->px + ((y0 + y) * all->width + x0) * 3, (size_t)SIDE * 3);
    return p;
}

/* a becomes what the network makes of its part as a picture, b its part. */
static void both_parts(rst_model *m, rst_image *a, rst_image *b)
{
    rst_image p = part(a), q = part(b);
    rst_error err = RST_ERROR_INIT;
    rst_image_free(a);
    rst_image_free(b);
    if (rst_model_translate(m, &p, a, &err) < 0)
        fail_msg("%s", err.msg);
    rst_image_free(&p);
    *b = q;
}

static void check_overlay(const char *in, const char *out, const real_slide *s, rst_model *random,
                          const char *what)
{
    rst_image a = RST_IMAGE_INIT, b = RST_IMAGE_INIT;
    overlay o;
    load(in, s, &a);
    load(out, s, &b);
    if (random)
        both_parts(random, &a, &b);
    assert_int_equal(overlay_measure(&a, &b, 1024, &o), 0);
    print_message("%s, %s: phase correlation at %d, %d, %.1f times the next\n", s->name, what, o.dx,
                  o.dy, o.peak);
    assert_int_equal(o.dx, 0);
    assert_int_equal(o.dy, 0);
    assert_true(o.peak > 2);
    rst_image_free(&a);
    rst_image_free(&b);
}

void real_check(const real_slide *s, rst_model *m, const char *what, bool random)
{
    char in[600];
    rst_error err = RST_ERROR_INIT;
    rst_slide_job_options o = { .overwrite = true, .windows = 4 };
    rst_slide_report r;
    const char *out = slides_path("real.ome.tif");
    (void)snprintf(in, sizeof in, "%s/data/wsi/%s", real_data(), s->name);
    if (s->mpp > 0 && rst_model_describe(m).mpp > 0) {
        assert_int_equal(rst_slide_translate(m, in, out, &o, &r, &err), RST_EINVAL);
        assert_non_null(strstr(err.msg, "--mpp"));
    }
    o.read.mpp = s->mpp;
    if (rst_slide_translate(m, in, out, &o, &r, &err) < 0)
        fail_msg("%s", err.msg);
    check_levels(s, out, &rst__slide_tiff);
    if (rst__openslide_version())
        check_levels(s, out, &rst__slide_openslide);
    check_vips(s, out);
    check_overlay(in, out, s, random ? m : NULL, what);
}
