/* SPDX-License-Identifier: MIT */
/* What every comparison of two images asks first. */
#ifndef RST_METRIC_PAIR_H
#define RST_METRIC_PAIR_H

#include <restain/image.h>

/** Two images of one size, both grey or both RGB; RST_EINVAL otherwise. `what` begins the message.
 */
int rst__image_match(const rst_image *a, const rst_image *b, const char *what, rst_error *err);
/** The same for RGB alone. */
int rst__image_pair(const rst_image *a, const rst_image *b, const char *what, rst_error *err);

#endif
