/* SPDX-License-Identifier: MIT */
/* The image readers on hostile bytes. With libFuzzer (RST_LIBFUZZER) only the target; else a main
 * that mutates valid files with a fixed seed and replays the files given as arguments. */
#include <stdio.h>

#include "base/file.h"
#include "base/rng.h"
#include "unit/image_samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const rst_image_read_options o = { .max_side = 4096, .max_pixels = 1 << 20 };
    for (int i = 0; i < 3; i++) {
        rst_image_read_options this = o;
        this.alpha = (rst_image_alpha)i;
        this.gray_to_rgb = i == 1;
        rst_image img = RST_IMAGE_INIT;
        rst_error err = RST_ERROR_INIT;
        int rc = rst__image_decode(data, n, "fuzz", &this, &img, &err);
        if (rc != err.code || (rc == 0) != (img.px != NULL))
            __builtin_trap();
        if (rc == 0 && img.channels != 1 && img.channels != 3)
            __builtin_trap();
        rst_image head = RST_IMAGE_INIT; /* what can be read has a header that says what it is */
        if (rc == 0 && (rst__image_header(data, n, "fuzz", &this, &head, NULL) < 0 ||
                        head.width != img.width || head.height != img.height || head.px))
            __builtin_trap();
        rst_image_free(&img);
        if (rc == 0 && img.channels == 0 && i == 0)
            break; /* no alpha, so the policies do not differ */
    }
    return 0;
}

#ifndef RST_LIBFUZZER
enum { SEEDS = 12, ROUNDS = 300 };

static void make_seeds(rst_bytes *b)
{
    rst_image rgb = sample_image(40, 29, 3), gray = sample_image(33, 20, 1),
              rgba = sample_image(24, 17, 4);
    rgba.px[3] = 7;
    int rc = rst__png_encode(&rgb, "seed", 6, &b[0], NULL);
    rc |= rst__png_encode(&rgba, "seed", 6, &b[1], NULL);
    rc |= rst__jpeg_encode(&rgb, "seed", 80, &b[2], NULL);
    rc |= rst__jpeg_encode(&gray, "seed", 80, &b[3], NULL);
    rc |= rst__tiff_encode(&rgb, "seed", 6, &b[4], NULL);
    rc |= rst__tiff_encode(&rgba, "seed", 6, &b[5], NULL);
    b[6] = sample_jpeg_make(rgb.px, 40, 29, TJPF_RGB, TJSAMP_420, TJFLAG_PROGRESSIVE);
    b[7] = sample_tiff_make(&(sample_tiff){ .compression = COMPRESSION_LZW, .tile = 16 }, &rgb);
    b[8] = sample_tiff_make(&(sample_tiff){ .compression = COMPRESSION_JPEG,
                                            .photometric = PHOTOMETRIC_YCBCR,
                                            .tile = 32 },
                            &rgb);
    b[9] =
        sample_tiff_make(&(sample_tiff){ .mode = "w8b", .unit = 3, .x_resolution = 40000 }, &gray);
    b[10] = sample_png_make(&(sample_png){ .width = 40,
                                           .height = 29,
                                           .depth = 8,
                                           .colour = PNG_COLOR_TYPE_RGB,
                                           .interlace = PNG_INTERLACE_ADAM7,
                                           .rows = rgb.px,
                                           .pitch = 120 });
    b[11] = sample_tiff_make(&(sample_tiff){ .compression = COMPRESSION_PACKBITS }, &rgba);
    if (rc)
        b[0].len = 0;
    rst_image_free(&rgb);
    rst_image_free(&gray);
    rst_image_free(&rgba);
}

/* Restores the sums of a PNG's chunks, so that mutants reach what lies behind that gate. */
static void mend_png(uint8_t *p, size_t n)
{
    for (size_t at = 8; n >= 12 && at <= n - 12;) {
        const uint64_t len = (uint64_t)p[at] << 24 | (uint64_t)p[at + 1] << 16 |
                             (uint64_t)p[at + 2] << 8 | p[at + 3];
        if (len > n - at - 12)
            return;
        const uint32_t sum = (uint32_t)crc32(0, p + at + 4, (uInt)len + 4);
        for (size_t i = 0; i < 4; i++)
            p[at + 8 + len + i] = (uint8_t)(sum >> (24 - 8 * i));
        at += 12 + len;
    }
}

/* Changes a few bytes, at times to the extremes, or cuts the end off. */
static size_t mutate(rst_rng *r, uint8_t *p, size_t n)
{
    static const uint8_t extremes[] = { 0, 1, 0x7f, 0x80, 0xff };
    const int64_t front = n < 200 ? (int64_t)n : 200; /* headers are worth more tries */
    for (int64_t k = rst__rng_below(r, 6); k >= 0; k--) {
        const int64_t at = rst__rng_below(r, rst__rng_below(r, 2) ? front : (int64_t)n);
        p[at] = rst__rng_below(r, 2) ? (uint8_t)rst__rng_u32(r) : extremes[rst__rng_below(r, 5)];
    }
    return rst__rng_below(r, 8) ? n : (size_t)rst__rng_below(r, (int64_t)n);
}

static int run_seed(rst_rng *r, const rst_bytes *seed)
{
    if (!seed->data || seed->len == 0)
        return -1;
    (void)LLVMFuzzerTestOneInput(seed->data, seed->len);
    for (int k = 0; k < ROUNDS; k++) {
        uint8_t *p = rst__malloc(seed->len);
        if (!p)
            return -1;
        memcpy(p, seed->data, seed->len);
        const size_t n = mutate(r, p, seed->len);
        if (k % 2)
            mend_png(p, n);
        uint8_t *exact = rst__realloc(p, n ? n : 1, 1); /* a read past the end shows */
        (void)LLVMFuzzerTestOneInput(exact ? exact : p, n);
        rst__free(exact ? exact : p);
    }
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        void *buf;
        size_t n;
        rst_error err = RST_ERROR_INIT;
        if (rst__file_read(argv[i], (size_t)1 << 28, &buf, &n, &err) < 0) {
            fprintf(stderr, "%s\n", err.msg);
            return 1;
        }
        (void)LLVMFuzzerTestOneInput(buf, n);
        rst__free(buf);
    }
    rst_bytes seeds[SEEDS] = { { NULL, 0 } };
    rst_rng r = rst__rng(1, "fuzz image");
    make_seeds(seeds);
    int rc = 0;
    for (int i = 0; i < SEEDS; i++) {
        rc |= run_seed(&r, &seeds[i]);
        rst__free(seeds[i].data);
    }
    if (rc || rst__alloc_live() != 0) {
        fprintf(stderr, "fuzz_image: a seed could not be made, or memory is still held\n");
        return 1;
    }
    printf("fuzz_image: %d seeds, %d mutants each\n", SEEDS, ROUNDS);
    return 0;
}
#endif
