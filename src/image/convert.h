/* SPDX-License-Identifier: MIT */
/* Between bytes and the networks' numbers. Element by element, so any layout may be given; the
 * order of the float32 operations is that of the references, to the last bit. */
#ifndef RST_IMAGE_CONVERT_H
#define RST_IMAGE_CONVERT_H

#include <stdint.h>

/** (x / 255 - 0.5) / 0.5: torchvision's ToTensor and Normalize(0.5, 0.5). 0..255 to -1..1. */
void rst__float_from_u8(const uint8_t *src, int64_t n, float *dst);
/** x / 255: ToTensor alone. 0..255 to 0..1. */
void rst__unit_from_u8(const uint8_t *src, int64_t n, float *dst);

/** Clamps to [-1, 1], (x + 1) / 2 * 255, cuts the fraction off: tensor2im of CUT and ASP
 *  (util/util.py). NaN gives 0. */
void rst__u8_from_float(const float *src, int64_t n, uint8_t *dst);
/** (x + 1) / 2 clamped to [0, 1], times 255, rounded (halves to even): StainNet's output. */
void rst__u8_from_float_rounded(const float *src, int64_t n, uint8_t *dst);
/** Clamps to [0, 1], times 255, rounds (halves to even): tensor2uint of BSRGAN
 *  (utils/utils_image.py). */
void rst__u8_from_unit(const float *src, int64_t n, uint8_t *dst);

#endif
