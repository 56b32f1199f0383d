/* SPDX-License-Identifier: MIT */
#include "model/versions.h"

#include <zip.h>

const char *rst__zip_version(void)
{
    return zip_libzip_version();
}
