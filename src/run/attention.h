/* SPDX-License-Identifier: MIT */
/* What an attention network's gates came to on a picture: as numbers, and to look at. */
#ifndef RST_RUN_ATTENTION_H
#define RST_RUN_ATTENTION_H

#include <restain/graph.h>
#include <restain/image.h>

#include "nn/module.h"

/** One gate, 0 (closed) .. 1 (open). */
typedef struct rst_attention_map {
    int level; /* its resolution is 1/2^level of the picture's */
    rst_gate_kind kind;
    int64_t c, h, w; /* CHANNEL: [c,1,1], the encoder's half first; the others [1,h,w] */
    float *v;        /* owned */
} rst_attention_map;

enum { RST_ATTENTION_MAPS = RST_GATE_LEVELS * RST_GATE_KINDS };

/** By level, then by kind. All zero is the empty one. */
typedef struct rst_attention {
    rst_attention_map map[RST_ATTENTION_MAPS];
    int count;
} rst_attention;

/**
 * From the tensors that a forward pass noted, in that order; what the picture was padded with is
 * cut off.
 *
 * @param levels         of the architecture: bit k, a gate at 1/2^k
 * @param t              [3 a level]
 * @param width, height  of the picture
 * @return 0, RST_ENOMEM; what is wrong with a tensor, its context tells
 */
int rst__attention_take(rst_attention *out, int levels, rst_tensor *const *t, int64_t width,
                        int64_t height, rst_error *err);
void rst__attention_free(rst_attention *a);

/** "ammfi0.gate", "ammfi0.cbam.ChannelGate", "ammfi0.cbam.SpatialGate", ... */
const char *rst__attention_name(const rst_attention_map *m, char buf[48]);
/**
 * To look at: a row a level, in it the gate laid on the grey picture, the gate, and CBAM's two. A
 * map's colours go from its least to its largest number, which its scale tells.
 *
 * @param img       what was translated, 3 channels
 * @param[out] out  owned
 * @return 0, RST_EINVAL (built without cairo), RST_ENOMEM
 */
int rst__attention_figure(const rst_attention *a, const rst_image *img, rst_image *out,
                          rst_error *err);

/** The files: the figure, and all numbers (F32) by their names. */
typedef enum rst_attention_file {
    RST_ATTENTION_FIGURE,
    RST_ATTENTION_NUMBERS,
    RST_ATTENTION_FILES
} rst_attention_file;

/** NAME.attention.png or NAME.attention.safetensors beside an output NAME.png, owned; NULL when out
 *  of memory. */
char *rst__attention_path(const char *output, rst_attention_file file);
/** @return 0, those of rst__attention_figure, RST_EOUTPUT */
int rst__attention_write(const rst_attention *a, const rst_image *img, rst_attention_file file,
                         const char *path, rst_error *err);

#endif
