/* SPDX-License-Identifier: MIT */
/* A folder of made slides and small random networks, for tests. Include after cmocka.h. */
#ifndef RST_TESTS_SLIDES_H
#define RST_TESTS_SLIDES_H

#include <stdio.h>
#include <string.h>

#include <restain/translate.h>

#include "slide/make.h"

/** An empty folder of its own; removed with all that is in it by slides_end. */
void slides_begin(void);
void slides_end(void);
/** A name in that folder; eight of them are good at the same time. */
const char *slides_path(const char *name);
/** How many files there are in it. */
int slides_files(void);
void slides_make(const char *name, const rst_slide_recipe *r);
/** A network with weights from seed 1. threads 0: two. */
rst_model *slides_model_wide(const char *net, int width, rst_conv_mode conv, int threads);
/** Of width 4. */
rst_model *slides_model(const char *net, rst_conv_mode conv, int threads);

#endif
