/* SPDX-License-Identifier: MIT */
/* One image of a multi-magnification sample (the paper's section III-B; spec 5.3): the whole image
 * made smaller, or a crop of it, brought to a uniform size by a super-resolver. H&E and IHC of a
 * pair take the same view. */
#ifndef RST_RUN_MULTIMAG_H
#define RST_RUN_MULTIMAG_H

#include <restain/image.h>
#include <restain/model.h>
#include <restain/nn.h>

/** What of an image is seen. */
typedef struct rst_multimag_view {
    int64_t uniform;    /* side of the result, a multiple of the super-resolver's scale */
    bool crop;          /* false: the whole image, magnification 1 */
    int64_t y, x, size; /* the crop's corner and side, in pixels */
} rst_multimag_view;

/**
 * The super-resolver's input: the view, reduced (Pillow's bicubic) to uniform/scale pixels a side
 * if it is not of that size already.
 *
 * @param[out] low  owned
 * @return 0, RST_EINVAL (a whole image that is not square, a crop that reaches past the image, a
 *         uniform size that scale does not divide), RST_ENOMEM
 */
int rst__multimag_low(const rst_image *img, const rst_multimag_view *view, int scale,
                      rst_image *low, rst_error *err);
/** An image as the super-resolver takes it: x/255, [1,3,h,w]. */
rst_tensor *rst__multimag_input(rst_ctx *c, const rst_image *low);
/** A super-resolver's output [1,3,h,w] as an image: clamped to 0..1, times 255, rounded.
 *  @param[out] out owned. RST_ENOMEM, or the context's error */
int rst__multimag_quantise(rst_tensor *sr, rst_image *out, rst_error *err);
enum { RST_MULTIMAG_HALO = 32 };

/**
 * An image through a super-resolver in tiles, so that memory follows the tile and not the image. A
 * tile sees RST_MULTIMAG_HALO pixels around itself; BSRGAN's network sees further (some 350), which
 * shows near the tiles' borders in the last bits if at all.
 *
 * @param tile      side in pixels of the image, >= 1; one as large as the image: no tiles
 * @param[out] out  owned
 * @return 0, those of rst_model_translate
 */
int rst__multimag_resolve(rst_model *sr, const rst_image *low, int64_t tile, rst_image *out,
                          rst_error *err);
/** All of it. sr: an RRDB network on c. @param[out] out owned, uniform x uniform */
int rst__multimag_prepare(rst_ctx *c, rst_module *sr, const rst_image *img,
                          const rst_multimag_view *view, rst_image *out, rst_error *err);

#endif
