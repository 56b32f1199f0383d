/* SPDX-License-Identifier: MIT */
/* One line of news for whoever listens. The library itself prints nothing: the command installs a
 * sink that writes to stderr; a program that embeds restain installs its own or none. */
#ifndef RST_BASE_LOG_H
#define RST_BASE_LOG_H

#include <restain/log.h>

void rst__log(rst_log_level level, const char *fmt, ...) RST_PRINTF(2, 3);

#endif
