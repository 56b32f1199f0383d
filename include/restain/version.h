/* SPDX-License-Identifier: MIT */
/** @file version.h Which restain this is. The build takes its version from here. */
#ifndef RESTAIN_VERSION_H
#define RESTAIN_VERSION_H

#include <restain/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The version of the headers a program is compiled with. */
#define RST_VERSION_MAJOR 0
#define RST_VERSION_MINOR 1
#define RST_VERSION_PATCH 0

/** The version of the library a program runs with, "MAJOR.MINOR.PATCH". Static text, never NULL. */
RST_API const char *rst_version(void);

#ifdef __cplusplus
}
#endif
#endif
