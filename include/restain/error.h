/* SPDX-License-Identifier: MIT */
/**
 * @file error.h
 * How restain reports failure: a status (0 or a negative RST_E...) and one line of text.
 *
 * A function that can fail takes `rst_error *err` last. On failure it returns a negative code and
 * fills *err (when err is not NULL) with that code and a line that names the file, op, shape or
 * flag. Who detects, speaks; who passes on, is silent. On success *err is left as it was.
 */
#ifndef RESTAIN_ERROR_H
#define RESTAIN_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RST_API          __attribute__((visibility("default")))
#define RST_CHECK_RESULT __attribute__((warn_unused_result))
#define RST_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define RST_API
#define RST_CHECK_RESULT
#define RST_PRINTF(f, a)
#endif

/** Status codes. The command maps them onto its exit codes, given in brackets. */
typedef enum rst_status {
    RST_OK = 0,
    RST_EINVAL = -1,     /**< an argument, option or shape makes no sense                    [2] */
    RST_EINPUT = -2,     /**< an input cannot be read: missing, no permission, short read    [3] */
    RST_EFORMAT = -3,    /**< an input is damaged, hostile or of a kind not supported        [3] */
    RST_EOUTPUT = -4,    /**< an output cannot be written: no permission, disk full          [1] */
    RST_ENOMEM = -5,     /**< out of memory                                                  [5] */
    RST_EDEVICE = -6,    /**< a device or a compute library failed                           [1] */
    RST_ENUMERIC = -7,   /**< NaN or Inf where a number was due                              [1] */
    RST_ECANCELLED = -8, /**< the caller asked to stop; the state can be resumed           [130] */
    RST_EPARTIAL = -9,   /**< some of several inputs failed; the others are done             [4] */
    RST_EVERIFY = -10,   /**< a verification found a difference                              [6] */
    RST_EINTERNAL = -11  /**< a bug in restain                                               [1] */
} rst_status;

/** An error's code and text. Flat: it needs no memory, so it works when memory is gone. */
typedef struct rst_error {
    int code;      /**< 0 or a negative rst_status */
    char msg[508]; /**< one line, lower case, no full stop */
} rst_error;

/** A value to start from: `rst_error err = RST_ERROR_INIT;` */
#define RST_ERROR_INIT                                                                             \
    {                                                                                              \
        0, ""                                                                                      \
    }

#ifdef __cplusplus
}
#endif
#endif
