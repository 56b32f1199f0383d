/* SPDX-License-Identifier: MIT */
/** @file log.h Where the library's news goes. */
#ifndef RESTAIN_LOG_H
#define RESTAIN_LOG_H

#include <restain/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rst_log_level { RST_LOG_INFO, RST_LOG_WARN } rst_log_level;

/** Called with one line (no newline); it may come from any thread that called the library. */
typedef void (*rst_log_sink)(void *user, rst_log_level level, const char *line);

/** Installs a sink for the process; NULL (the start) is silence. Not while other threads work. */
RST_API void rst_log_to(rst_log_sink sink, void *user);

#ifdef __cplusplus
}
#endif
#endif
