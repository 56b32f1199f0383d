/* SPDX-License-Identifier: MIT */
/* Which libraries decode and encode, for `restain doctor`. */
#ifndef RST_IMAGE_VERSIONS_H
#define RST_IMAGE_VERSIONS_H

/** Versions of libpng and libtiff as they run, of libjpeg-turbo as it was built against. */
const char *rst__png_version(void);
const char *rst__tiff_version(void);
const char *rst__jpeg_version(void);

#endif
