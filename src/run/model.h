/* SPDX-License-Identifier: MIT */
/* A model, inside. */
#ifndef RST_RUN_MODEL_H
#define RST_RUN_MODEL_H

#include <restain/model.h>

/** rst_model_translate; `name` is what errors and log lines call the picture. */
int rst__model_translate(rst_model *m, const rst_image *in, const char *name, rst_image *out,
                         rst_error *err);

#endif
