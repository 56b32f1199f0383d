/* SPDX-License-Identifier: MIT */
/* A model, inside. */
#ifndef RST_RUN_MODEL_H
#define RST_RUN_MODEL_H

#include <restain/model.h>

#include "plan/onnx.h"
#include "plan/reach.h"
#include "run/attention.h"

/** rst_model_translate; `name` is what errors and log lines call the picture. */
int rst__model_translate(rst_model *m, const rst_image *in, const char *name, rst_image *out,
                         rst_error *err);

/** RST_EINVAL where the network has no gates that could be looked at. */
int rst__model_require_gates(const rst_model *m, rst_error *err);
/** rst__model_translate, and what the gates of the network came to. RST_EINVAL where it has none.
 *  @param[out] seen  rst__attention_free */
int rst__model_attend(rst_model *m, const rst_image *in, const char *name, rst_image *out,
                      rst_attention *seen, rst_error *err);
/** rst__plan_write_onnx; about->stride is filled in. */
int rst__model_write_onnx(rst_model *m, rst_onnx_about *about, const char *path, rst_error *err);

/* For slides, which go through the network window by window. A window is RGB bytes, h x w x 3, its
 * sides multiples of the stride. */

/** Borrowed: the network, the file it came from. */
rst_module *rst__model_net(rst_model *m);
const char *rst__model_path(const rst_model *m);
/** rst_module_set_stats; the recordings made under another policy go. */
int rst__model_set_stats(rst_model *m, rst_stats_policy policy, rst_error *err);
/** rst_module_load_stats, likewise. */
int rst__model_load_stats(rst_model *m, const rst_weights *w, rst_error *err);
/** Runs a window so that its statistics are gathered. RST_EFORMAT, RST_ENOMEM, RST_EDEVICE. */
int rst__model_gather(rst_model *m, const uint8_t *rgb, int64_t h, int64_t w, rst_error *err);
/** How far the network sees; RST_EINVAL while it takes statistics of the picture at hand. */
int rst__model_reach(rst_model *m, rst_reach *out, rst_error *err);
/** What recordings may keep between pictures, 1 GiB; for tests. */
void rst__model_set_budget(rst_model *m, size_t bytes);
/** How convolutions are computed from now on; AUTO is as the model was opened. */
void rst__model_set_conv(rst_model *m, rst_conv_mode conv);
rst_conv_mode rst__model_conv(const rst_model *m);
rst_precision rst__model_precision(const rst_model *m);
/** Multiply-adds for each pixel of a window, as rst__plan_cost models them. */
int rst__model_cost(rst_model *m, double *out, rst_error *err);
/** Working memory for a window of that size. */
int rst__model_working_bytes(rst_model *m, int64_t h, int64_t w, size_t *out, rst_error *err);
/** The most working memory that was held since the model was opened. */
size_t rst__model_peak_bytes(const rst_model *m);
/** @param[out] y  h x w x output_nc. Errors do not name the picture; NaN or Inf is RST_ENUMERIC. */
int rst__model_window(rst_model *m, const uint8_t *rgb, int64_t h, int64_t w, float *y,
                      rst_error *err);
/** The network's numbers as bytes, in the way of its family. */
void rst__model_to_bytes(const rst_model *m, const float *y, int64_t n, uint8_t *dst);

#endif
