/* SPDX-License-Identifier: MIT */
/* Which library unpacks .pth archives, for `restain doctor`. */
#ifndef RST_MODEL_VERSIONS_H
#define RST_MODEL_VERSIONS_H

/** libzip's version as it runs. */
const char *rst__zip_version(void);

#endif
