/* SPDX-License-Identifier: MIT */
/* A real slide through a network, and what others see in the result. Include after cmocka.h. */
#ifndef RST_TESTS_REAL_SLIDE_H
#define RST_TESTS_REAL_SLIDE_H

#include "support/overlay.h"
#include "support/slides.h"

typedef struct real_slide {
    const char *name; /* below data/wsi of the data */
    double mpp;       /* to be told; 0: the file knows */
    int64_t width, height;
    double true_mpp;
} real_slide;

extern const real_slide real_cmu, real_tcga;

/** Where the data is; NULL (and a line saying so) when it is not there. */
const char *real_data(void);
/** Translates by `model` and holds the result against OpenSlide, libvips' command and the slide:
 *  levels, sizes, um per pixel, phase correlation at 0, 0. A `random` network moves what it sees by
 *  some pixels, as its kernels have it: its result is laid over what it makes of a part of the
 *  slide as a picture, without slide, windows and pyramid. Whether OpenSlide reads it is whether
 *  the library was built with it. */
void real_check(const real_slide *s, rst_model *m, const char *what, bool random);

#endif
