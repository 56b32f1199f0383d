/* SPDX-License-Identifier: MIT */
/* Methods small enough to train in a moment. Include after cmocka.h. */
#ifndef RST_TESTS_METHODS_H
#define RST_TESTS_METHODS_H

#include "method/method.h"

/**
 * A method with its published settings, but two channels wide, few layers deep, a ResNet for a
 * U-Net (which wants larger pictures than 48 x 48), taps within its five blocks, 12 patches,
 * pools of two, and a super-resolver of one block with a discriminator; owned.
 * @param change  may be NULL; changes more of the settings
 */
rst_method *methods_small(rst_ctx *c, const char *name, void (*change)(rst_method_options *o));
/** The size of a batch's a when its b has that of `pictures`. */
rst_dims methods_input(const rst_method *m, rst_dims pictures);

#endif
