/* SPDX-License-Identifier: MIT */
/* Our TIFF slide reader on hostile bytes. With libFuzzer (RST_LIBFUZZER) only the target; else a
 * main that mutates pyramids of every layout with a fixed seed and replays the files given. */
#include "unit/slide_read_make.h"

#include "base/rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Corners and the middle of each level; a level may claim to be enormous. */
static void read_some(rst_slide *s)
{
    enum { SIDE = 48 };
    static uint8_t px[SIDE * SIDE * 3];
    const rst_slide_info *i = rst_slide_describe(s);
    if (i->levels < 1 || i->levels > RST_SLIDE_LEVELS_MAX || !(i->mpp == 0 || i->mpp >= 0.05))
        __builtin_trap();
    for (int k = 0; k < i->levels; k++) {
        const int64_t w = i->level[k].width, h = i->level[k].height;
        const int64_t at[3][2] = { { -8, -8 }, { w - SIDE + 8, h - SIDE + 8 }, { w / 2, h / 2 } };
        if (s->block_width[k] * s->block_height[k] > 1 << 20)
            continue; /* strips as wide as the level: only slow */
        for (int j = 0; j < 3; j++) {
            rst_error err = RST_ERROR_INIT;
            int rc = rst_slide_read(s, k, at[j][0], at[j][1], SIDE, SIDE, px, &err);
            if (rc != err.code || (rc != 0 && rc != RST_EINPUT && rc != RST_ENOMEM))
                __builtin_trap();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const long before = rst__alloc_live();
    for (int i = 0; i < 2; i++) {
        const rst_slide_options o = { .gray_to_rgb = i == 0,
                                      .allow_bad_tiles = i,
                                      .cache_bytes = 1 << 16 };
        rst_slide *s = NULL;
        rst_error err = RST_ERROR_INIT;
        int rc = rst__slide_open_memory(&s, data, n, "fuzz", &o, &err);
        if (rc != err.code || (rc == 0) != (s != NULL))
            __builtin_trap();
        if (rc == 0)
            read_some(s);
        rst_slide_close(s);
    }
    if (rst__alloc_live() != before)
        __builtin_trap();
    return 0;
}

#ifndef RST_LIBFUZZER
enum { ROUNDS = 250 };

static const made seeds[] = {
    { .mode = "w",
      .width = 70,
      .height = 50,
      .levels = 3,
      .tile = 32,
      .compression = COMPRESSION_JPEG,
      .photometric = PHOTOMETRIC_YCBCR },
    { .mode = "w8b",
      .layout = MADE_SUBS,
      .width = 70,
      .height = 50,
      .levels = 3,
      .tile = 16,
      .compression = COMPRESSION_LZW,
      .predictor = PREDICTOR_HORIZONTAL,
      .text =
          "<OME><Pixels PhysicalSizeX=\"0.25\" PhysicalSizeXUnit=\"nm\" PhysicalSizeY=\"2\"/>" },
    { .mode = "wb",
      .layout = MADE_HYBRID,
      .width = 70,
      .height = 50,
      .levels = 2,
      .tile = 32,
      .compression = COMPRESSION_ADOBE_DEFLATE,
      .resolution = 20000,
      .unit = RESUNIT_CENTIMETER },
    { .mode = "w",
      .width = 40,
      .height = 30,
      .levels = 2,
      .channels = 4,
      .compression = COMPRESSION_PACKBITS,
      .text = "Aperio x|MPP = 0.25|AppMag = 40|" },
    { .mode = "w8", .width = 40, .height = 30, .levels = 1, .channels = 1, .tile = 16 },
    { .mode = "w", .width = 40, .height = 30, .levels = 1, .compression = COMPRESSION_JPEG },
};
enum { SEEDS = sizeof seeds / sizeof seeds[0] };

/* Changes a few bytes, at times to the extremes, or cuts the end off. Directories lie behind the
 * pixels, so the end is worth more tries. */
static size_t mutate(rst_rng *r, uint8_t *p, size_t n)
{
    static const uint8_t extremes[] = { 0, 1, 0x7f, 0x80, 0xff };
    const int64_t end = n < 600 ? (int64_t)n : 600;
    for (int64_t k = rst__rng_below(r, 6); k >= 0; k--) {
        const int64_t at = rst__rng_below(r, 2) ? (int64_t)n - 1 - rst__rng_below(r, end)
                                                : rst__rng_below(r, (int64_t)n);
        p[at] = rst__rng_below(r, 2) ? (uint8_t)rst__rng_u32(r) : extremes[rst__rng_below(r, 5)];
    }
    return rst__rng_below(r, 10) ? n : (size_t)rst__rng_below(r, (int64_t)n);
}

static void run_seed(rst_rng *r, const made *m)
{
    made_file f = made_tiff(m);
    (void)LLVMFuzzerTestOneInput(f.p, f.n);
    for (int k = 0; k < ROUNDS; k++) {
        uint8_t *p = malloc(f.n);
        assert_non_null(p);
        memcpy(p, f.p, f.n);
        const size_t n = mutate(r, p, f.n);
        uint8_t *exact = realloc(p, n ? n : 1); /* a read past the end shows */
        assert_non_null(exact);
        (void)LLVMFuzzerTestOneInput(exact, n);
        free(exact);
    }
    rst__free(f.p);
}

int main(int argc, char **argv)
{
    rst_rng r = rst__rng(1, "fuzz slide");
    for (int i = 1; i < argc; i++) {
        void *buf;
        size_t n;
        rst_error err = RST_ERROR_INIT;
        if (rst__file_read(argv[i], (size_t)1 << 28, &buf, &n, &err) < 0) {
            (void)fprintf(stderr, "%s\n", err.msg);
            return 1;
        }
        (void)LLVMFuzzerTestOneInput(buf, n);
        rst__free(buf);
    }
    for (int i = 0; i < SEEDS; i++)
        run_seed(&r, &seeds[i]);
    if (rst__alloc_live() != 0) {
        (void)fprintf(stderr, "fuzz_slide: memory is still held\n");
        return 1;
    }
    (void)printf("fuzz_slide: %d seeds, %d mutants each\n", SEEDS, ROUNDS);
    return 0;
}
#endif
