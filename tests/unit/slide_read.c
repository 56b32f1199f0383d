/* SPDX-License-Identifier: MIT */
/* Every kind of TIFF pyramid and picture as a slide: levels, pixels, scale, and what is refused. */
#include "unit/slide_read_make.h"

#include <math.h>

#include <restain/image.h>

static rst_slide *opened(const made_file *f, const rst_slide_options *o)
{
    rst_slide *s = NULL;
    rst_error err = RST_ERROR_INIT;
    if (rst__slide_open_memory(&s, f->p, f->n, "made.tif", o, &err) < 0)
        fail_msg("%s", err.msg);
    return s;
}

static void refused(const made *m, const rst_slide_options *o, int code, const char *part)
{
    made_file f = made_tiff(m);
    rst_slide *s = NULL;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst__slide_open_memory(&s, f.p, f.n, "made.tif", o, &err), code);
    assert_int_equal(err.code, code);
    if (!strstr(err.msg, part))
        fail_msg("\"%s\" does not say \"%s\"", err.msg, part);
    assert_null(s);
    rst__free(f.p);
}

/* Layouts -------------------------------------------------------------------------------------- */

static void check_levels(const made *m, int tolerance)
{
    made_file f = made_tiff(m);
    rst_slide *s = opened(&f, NULL);
    const rst_slide_info *i = rst_slide_describe(s);
    assert_int_equal(i->levels, m->levels);
    assert_int_equal(i->width, m->width);
    assert_int_equal(i->height, m->height);
    assert_string_equal(i->reader, "tiff");
    for (int k = 0; k < m->levels; k++) {
        assert_int_equal(i->level[k].width, m->width >> k);
        assert_int_equal(i->level[k].height, m->height >> k);
        assert_true(fabs(i->level[k].downsample - (1 << k)) < 0.05 * (1 << k));
        const int d = made_difference(s, m, k);
        if (d > tolerance)
            fail_msg("mode %s, layout %d, compression %d: level %d is off by %d", m->mode,
                     (int)m->layout, m->compression, k, d);
    }
    rst_slide_close(s);
    rst__free(f.p);
}

static void test_layouts(void **state)
{
    (void)state;
    static const char *const modes[] = { "wl", "wb", "w8l", "w8b" };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        for (int layout = MADE_CHAIN; layout <= MADE_HYBRID; layout++) {
            made m = { .mode = modes[i],
                       .layout = (made_layout)layout,
                       .width = 150,
                       .height = 101,
                       .levels = 3,
                       .tile = 32,
                       .compression = COMPRESSION_LZW };
            check_levels(&m, 0);
            m.compression = COMPRESSION_ADOBE_DEFLATE;
            m.predictor = PREDICTOR_HORIZONTAL;
            check_levels(&m, 0);
            m.predictor = 0;
            m.compression = COMPRESSION_JPEG;
            m.photometric = PHOTOMETRIC_YCBCR;
            check_levels(&m, 6);
        }
}

static void test_compressions(void **state)
{
    (void)state;
    made m = { .width = 90, .height = 70, .levels = 2, .tile = 48 };
    static const uint16_t kinds[] = { COMPRESSION_NONE, COMPRESSION_PACKBITS, COMPRESSION_DEFLATE };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        m.compression = kinds[i];
        check_levels(&m, 0);
    }
    m.compression = COMPRESSION_JPEG;
    check_levels(&m, 4);
}

static void test_strips(void **state)
{
    (void)state;
    made m = { .width = 90, .height = 70, .levels = 1 };
    check_levels(&m, 0);
    m.levels = 2;
    m.compression = COMPRESSION_LZW;
    check_levels(&m, 0);
    m.compression = COMPRESSION_JPEG;
    check_levels(&m, 4);
    m.compression = COMPRESSION_ADOBE_DEFLATE;
    m.rows = 200; /* one strip */
    check_levels(&m, 0);
}

/* RGB by the TIFF, YCbCr by the stream's JFIF marker: the stream is right. */
static void test_marker_wins(void **state)
{
    (void)state;
    made m = { .width = 64,
               .height = 64,
               .levels = 1,
               .tile = 64,
               .compression = COMPRESSION_JPEG,
               .raw_jfif = true };
    check_levels(&m, 4);
}

static void test_gray_and_alpha(void **state)
{
    (void)state;
    made m = { .width = 64, .height = 40, .levels = 1, .tile = 32, .channels = 1 };
    const rst_slide_options gray = { .gray_to_rgb = true };
    refused(&m, NULL, RST_EFORMAT, "--gray-to-rgb");
    made_file f = made_tiff(&m);
    rst_slide *s = opened(&f, &gray);
    assert_int_equal(made_difference(s, &m, 0), 0);
    rst_slide_close(s);
    rst__free(f.p);

    m.channels = 4;
    f = made_tiff(&m);
    s = opened(&f, NULL);
    uint8_t px[3 * 64];
    assert_int_equal(rst_slide_read(s, 0, 0, 7, 64, 1, px, NULL), 0);
    for (int x = 0; x < 64; x++)
        for (int c = 0; c < 3; c++) {
            const int a = made_value(&m, 0, x, 7, 3), v = made_value(&m, 0, x, 7, c);
            assert_int_equal(px[3 * x + c], (v * a + 255 * (255 - a) + 127) / 255);
        }
    rst_slide_close(s);
    rst__free(f.p);
}

static void test_sparse_tile(void **state)
{
    (void)state;
    made m = { .width = 64, .height = 64, .levels = 1, .tile = 32, .sparse = true };
    made_file f = made_tiff(&m);
    rst_slide *s = opened(&f, NULL);
    uint8_t px[3];
    assert_int_equal(rst_slide_read(s, 0, 40, 5, 1, 1, px, NULL), 0);
    assert_memory_equal(px, "\xff\xff\xff", 3);
    assert_int_equal(rst_slide_read(s, 0, 5, 40, 1, 1, px, NULL), 0);
    assert_int_equal(px[0],
                     made_value(&(made){ .width = 64, .height = 64, .channels = 3 }, 0, 5, 40, 0));
    assert_int_equal(rst_slide_bad_count(s), 0);
    rst_slide_close(s);
    rst__free(f.p);
}

static void test_other_pages(void **state)
{
    (void)state;
    made m = { .width = 64, .height = 64, .levels = 2, .tile = 32, .strayed = true };
    made_file f = made_tiff(&m);
    rst_slide *s = opened(&f, &(rst_slide_options){ .mpp = 1 });
    const rst_slide_info *i = rst_slide_describe(s);
    assert_int_equal(i->levels, 2);
    assert_int_equal(i->warnings, 1);
    assert_non_null(strstr(i->warning[0], "1 further page,"));
    rst_slide_close(s);
    rst__free(f.p);
}

/* Reading -------------------------------------------------------------------------------------- */

static void test_rectangles(void **state)
{
    (void)state;
    made m = { .width = 100, .height = 80, .levels = 2, .tile = 32, .channels = 3 };
    made_file f = made_tiff(&m);
    rst_slide *s = opened(&f, NULL);
    static const struct {
        int level;
        int64_t x, y, w, h;
    } r[] = { { 0, -20, -20, 160, 140 }, { 0, 31, 31, 2, 2 },
              { 1, 40, 30, 20, 20 },     { 0, -50, 10, 50, 5 },
              { 0, 100, 0, 3, 3 },       { 0, 1000000, 1000000, 8, 8 },
              { 1, INT64_MIN, 0, 4, 4 }, { 1, INT64_MAX, INT64_MAX, 4, 4 },
              { 0, 99, 79, 1, 1 } };
    for (size_t i = 0; i < sizeof r / sizeof r[0]; i++) {
        const int64_t w = m.width >> r[i].level, h = m.height >> r[i].level;
        uint8_t *px = malloc((size_t)(r[i].w * r[i].h * 3));
        assert_int_equal(rst_slide_read(s, r[i].level, r[i].x, r[i].y, r[i].w, r[i].h, px, NULL),
                         0);
        for (int64_t k = 0; k < r[i].w * r[i].h; k++) {
            const bool far = r[i].x > 1000 || r[i].x < -1000;
            const int64_t x = far ? -1 : r[i].x + k % r[i].w, y = far ? -1 : r[i].y + k / r[i].w;
            const bool in = x >= 0 && y >= 0 && x < w && y < h;
            for (int c = 0; c < 3; c++)
                assert_int_equal(px[3 * k + c], in ? made_value(&m, r[i].level, x, y, c) : 255);
        }
        free(px);
    }
    rst_slide_close(s);
    rst__free(f.p);
}

static void test_reads_refused(void **state)
{
    (void)state;
    made m = { .width = 40, .height = 40, .levels = 1, .tile = 32 };
    made_file f = made_tiff(&m);
    rst_slide *s = opened(&f, NULL);
    rst_error err = RST_ERROR_INIT;
    uint8_t px[3];
    rst_slide_rect r;
    assert_int_equal(rst_slide_read(s, 1, 0, 0, 1, 1, px, &err), RST_EINVAL);
    assert_int_equal(rst_slide_read(s, -1, 0, 0, 1, 1, px, &err), RST_EINVAL);
    assert_int_equal(rst_slide_read(s, 0, 0, 0, 0, 1, px, &err), RST_EINVAL);
    assert_int_equal(rst_slide_read(s, 0, 0, 0, 1, -5, px, &err), RST_EINVAL);
    assert_int_equal(rst_slide_read(s, 0, 0, 0, 8193, 8192, px, &err), RST_EINVAL);
    assert_int_equal(rst_slide_read(s, 0, 0, 0, INT64_MAX, 2, px, &err), RST_EINVAL);
    assert_int_equal(rst_slide_bad_tile(s, 0, &r, &err), RST_EINVAL);
    rst_slide_close(s);
    rst__free(f.p);
}

/* A cache that holds one block gives the same pixels as one that holds all. */
static void test_small_cache(void **state)
{
    (void)state;
    made m = { .width = 300, .height = 200, .levels = 2, .tile = 16 };
    made_file f = made_tiff(&m);
    rst_slide *s = opened(&f, &(rst_slide_options){ .cache_bytes = 1 });
    for (int level = 0; level < 2; level++)
        assert_int_equal(made_difference(s, &m, level), 0);
    assert_true(s->cache.bytes <= 16 * 16 * 3);
    assert_true(rst_slide_memory(s, 2) < 100000);
    rst_slide_close(s);
    s = opened(&f, NULL);
    assert_int_equal(made_difference(s, &m, 0), 0);
    assert_int_equal(s->cache.count, 19 * 13);
    assert_int_equal(s->cache.bytes, 19 * 13 * 16 * 16 * 3);
    rst_slide_close(s);
    rst__free(f.p);
}

static void test_level_for(void **state)
{
    (void)state;
    made m = { .width = 256, .height = 256, .levels = 4, .tile = 32 };
    made_file f = made_tiff(&m);
    rst_slide *s = opened(&f, NULL);
    assert_int_equal(rst_slide_level_for(s, 0.5), 0);
    assert_int_equal(rst_slide_level_for(s, 1.9), 0);
    assert_int_equal(rst_slide_level_for(s, 2), 1);
    assert_int_equal(rst_slide_level_for(s, 7.95), 3);
    assert_int_equal(rst_slide_level_for(s, 1000), 3);
    rst_slide_close(s);
    rst__free(f.p);
}

/* Scale ---------------------------------------------------------------------------------------- */

static void check_mpp(const made *m, double given, double mpp, const char *source,
                      const char *warns)
{
    made_file f = made_tiff(m);
    rst_slide *s = opened(&f, &(rst_slide_options){ .mpp = given });
    const rst_slide_info *i = rst_slide_describe(s);
    if (fabs(i->mpp - mpp) > 1e-6 * mpp || strcmp(i->mpp_source, source) != 0)
        fail_msg("%g from \"%s\" where %g from \"%s\" is due", i->mpp, i->mpp_source, mpp, source);
    bool found = !warns && i->warnings == 0;
    for (int k = 0; warns && k < i->warnings; k++)
        found = found || strstr(i->warning[k], warns);
    if (!found)
        fail_msg("warnings: %d, first \"%s\"", i->warnings, i->warnings ? i->warning[0] : "");
    rst_error err = RST_ERROR_INIT;
    double v = 0;
    assert_int_equal(rst__slide_require_mpp(s, &v, &err), mpp > 0 ? 0 : RST_EFORMAT);
    if (mpp > 0)
        assert_true(v == i->mpp);
    else
        assert_non_null(strstr(err.msg, "--mpp"));
    rst_slide_close(s);
    rst__free(f.p);
}

static void test_mpp_tags(void **state)
{
    (void)state;
    made m = { .width = 40, .height = 40, .levels = 1, .tile = 32 };
    check_mpp(&m, 0, 0, "", "unknown");
    check_mpp(&m, 0.25, 0.25, "--mpp", NULL);
    m.resolution = 10000 / 0.4661;
    m.unit = RESUNIT_CENTIMETER;
    check_mpp(&m, 0, 0.4661, "resolution tags", NULL);
    check_mpp(&m, 0.47, 0.47, "--mpp", NULL);
    check_mpp(&m, 0.25, 0.25, "--mpp", "the file says 0.4661");
    m.resolution = 25400 / 0.5;
    m.unit = RESUNIT_INCH;
    check_mpp(&m, 0, 0.5, "resolution tags", NULL);
    m.unit = RESUNIT_NONE;
    check_mpp(&m, 0, 0, "", "unknown");
    m.resolution = 10; /* of real files: 1000 um/px */
    m.unit = RESUNIT_CENTIMETER;
    check_mpp(&m, 0, 0, "", "1000 um/px");
    m.resolution = 72;
    m.unit = RESUNIT_INCH;
    check_mpp(&m, 0, 0, "", "no microscope's");
    m.resolution = 1e6;
    check_mpp(&m, 0, 0, "", "no microscope's");
}

static void test_mpp_texts(void **state)
{
    (void)state;
    made m = { .width = 40,
               .height = 40,
               .levels = 1,
               .tile = 32,
               .text = "Aperio Image Library v11\r\n40x40 JPEG|AppMag = 20|Filename = S14-1234|"
                       "MPP = 0.4990|Left = 25.69",
               .resolution = 10000 / 0.7,
               .unit = RESUNIT_CENTIMETER };
    check_mpp(&m, 0, 0.499, "Aperio's description", NULL);
    made_file f = made_tiff(&m);
    rst_slide *s = opened(&f, NULL);
    assert_string_equal(rst_slide_describe(s)->vendor, "aperio");
    assert_true(rst_slide_describe(s)->objective == 20);
    rst_slide_close(s);
    rst__free(f.p);
    m.text = "Aperio Image Library v11\n40x40 J2K/KDU Q=70|XMPP = 0.3";
    check_mpp(&m, 0, 0, "", "unknown");
    m.text = "<?xml version=\"1.0\"?><OME><Image><Pixels ID=\"P\" PhysicalSizeX=\"0.25\" "
             "PhysicalSizeXUnit=\"\xc2\xb5m\" PhysicalSizeY=\"0.25\" SizeX=\"40\"/></Image></OME>";
    check_mpp(&m, 0, 0.25, "OME-XML", NULL);
    m.text = "<OME><Pixels PhysicalSizeX=\"250\" PhysicalSizeXUnit=\"nm\" PhysicalSizeY=\"2.5e-4\" "
             "PhysicalSizeYUnit=\"mm\"/></OME>";
    check_mpp(&m, 0, 0.25, "OME-XML", NULL);
    m.text = "<OME><Pixels PhysicalSizeX=\"0.25\" PhysicalSizeY=\"0.5\"/></OME>";
    m.resolution = 0;
    check_mpp(&m, 0, 0, "", "not square");
    m.text =
        "<OME><Pixels SizeX=\"1\"/><Pixels PhysicalSizeX=\"0.25\" PhysicalSizeY=\"0.25\"/></OME>";
    check_mpp(&m, 0, 0, "", "unknown");
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double v;
    } t[] = { { "0.499", 0.499 }, { " 20|", 20 },      { "2.5e-4x", 2.5e-4 },
              { "1E2", 100 },     { "", 0 },           { "-1", 0 },
              { "abc", 0 },       { ".5", 0.5 },       { "1e999", 0 },
              { "1e-999", 0 },    { "nan", 0 },        { "28340.000157", 28340.000157 },
              { ".", 0 },         { "0.4661", 0.4661 } };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        if (rst__slide_number(t[i].text) != t[i].v)
            fail_msg("\"%s\" gives %.17g", t[i].text, rst__slide_number(t[i].text));
}

/* Refused -------------------------------------------------------------------------------------- */

static void test_options(void **state)
{
    (void)state;
    made m = { .width = 40, .height = 40, .levels = 1, .tile = 32 };
    static const rst_slide_options bad[] = {
        { .mpp = 21 },  { .mpp = 0.01 },           { .mpp = -1 },
        { .mpp = NAN }, { .allow_bad_tiles = -1 }, { .allow_bad_tiles = INT64_MAX }
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused(&m, &bad[i], RST_EINVAL, i < 4 ? "--mpp" : "--allow-bad-tiles");
}

static void test_kinds(void **state)
{
    (void)state;
    made m = { .width = 40, .height = 40, .levels = 1, .tile = 8192 };
    m.width = 9000;
    refused(&m, NULL, RST_EFORMAT, "tiles of 8192");
    m.width = 40;
    m.tile = 32;
    m.channels = 2;
    m.photometric = PHOTOMETRIC_RGB;
    refused(&m, NULL, RST_EFORMAT, "samples per pixel 2");
    m.channels = 4;
    m.photometric = PHOTOMETRIC_SEPARATED;
    refused(&m, NULL, RST_EFORMAT, "photometric 5");
}

/* Files ---------------------------------------------------------------------------------------- */

static void test_files(void **state)
{
    (void)state;
    rst_slide *s = NULL;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst_slide_open(&s, "/nowhere/x.svs", NULL, &err), RST_EINPUT);
    assert_int_equal(rst_slide_open(&s, "/tmp", NULL, &err), RST_EINPUT);
    const char *path = made_store("no slide at all", 15);
    assert_int_equal(rst_slide_open(&s, path, NULL, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, path));
    assert_int_equal(rst_slide_open(&s, made_store("", 0), NULL, &err), RST_EFORMAT);
    uint8_t dicom[200] = { 0 };
    memcpy(dicom + 128, "DICM", 4);
    assert_int_equal(rst_slide_open(&s, made_store(dicom, sizeof dicom), NULL, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "DICOM"));

    static const made kinds[] = {
        { .mode = "wb", .width = 70, .height = 70, .levels = 2, .tile = 32 },
        { .mode = "w", .width = 70, .height = 70, .levels = 2, .tile = 32 },
        { .mode = "w8", .layout = MADE_SUBS, .width = 70, .height = 70, .levels = 2, .tile = 32 },
        { .mode = "w", .width = 70, .height = 70, .levels = 1 },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        made_file f = made_tiff(&kinds[i]);
        if (rst_slide_open(&s, made_store(f.p, f.n), NULL, &err) < 0)
            fail_msg("%s", err.msg);
        rst__free(f.p);
        assert_string_equal(rst_slide_describe(s)->reader, "tiff");
        assert_int_equal(rst_slide_describe(s)->levels, kinds[i].levels);
        for (int k = 0; k < kinds[i].levels; k++)
            assert_int_equal(made_difference(s, &kinds[i], k), 0);
        rst_slide_close(s);
    }
    made_done();
}

static void test_picture(void **state)
{
    (void)state;
    const made m = { .width = 700, .height = 530, .levels = 1, .channels = 3 };
    rst_image img;
    rst_error err = RST_ERROR_INIT;
    char path[80];
    (void)snprintf(path, sizeof path, "%s.png", made_path());
    assert_int_equal(rst_image_new(&img, m.width, m.height, 3, NULL), 0);
    for (int64_t i = 0; i < img.width * img.height * 3; i++)
        img.px[i] = made_value(&m, 0, i / 3 % m.width, i / 3 / m.width, (int)(i % 3));
    assert_int_equal(rst_image_write(path, &img, NULL, &err), 0);
    rst_image_free(&img);
    rst_slide *s = NULL;
    if (rst_slide_open(&s, path, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    assert_string_equal(rst_slide_describe(s)->reader, "image");
    assert_string_equal(rst_slide_describe(s)->vendor, "");
    assert_int_equal(rst_slide_describe(s)->levels, 1);
    assert_int_equal(made_difference(s, &m, 0), 0);
    uint8_t px[3];
    assert_int_equal(rst_slide_read(s, 0, 700, 0, 1, 1, px, NULL), 0);
    assert_memory_equal(px, "\xff\xff\xff", 3);
    assert_int_equal(s->cache.count, 0);
    rst_slide_close(s);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),        cmocka_unit_test(test_compressions),
        cmocka_unit_test(test_strips),         cmocka_unit_test(test_marker_wins),
        cmocka_unit_test(test_gray_and_alpha), cmocka_unit_test(test_sparse_tile),
        cmocka_unit_test(test_other_pages),    cmocka_unit_test(test_rectangles),
        cmocka_unit_test(test_reads_refused),  cmocka_unit_test(test_small_cache),
        cmocka_unit_test(test_level_for),      cmocka_unit_test(test_mpp_tags),
        cmocka_unit_test(test_mpp_texts),      cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_options),        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_files),          cmocka_unit_test(test_picture),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || rst__alloc_live() != 0;
}
