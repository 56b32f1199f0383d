/* SPDX-License-Identifier: MIT */
#include "image/versions.h"

#include <png.h>
#include <tiffio.h>

const char *rst__png_version(void)
{
    return png_get_libpng_ver(NULL);
}

/* "LIBTIFF, Version 4.5.0\n..." */
const char *rst__tiff_version(void)
{
    return TIFFGetVersion();
}

/* libturbojpeg does not tell; the build does. */
const char *rst__jpeg_version(void)
{
    return RST_TURBOJPEG_VERSION;
}
