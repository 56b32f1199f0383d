/* SPDX-License-Identifier: MIT */
/**
 * @file translate.h
 * Many pictures through one model: files and folders in, files out.
 *
 *     rst_translation *t;
 *     if (rst_translation_plan(&t, paths, count, "out", false, &err) == 0)
 *         rc = rst_translation_run(t, model, NULL, &err);
 *     rst_translation_free(t);
 */
#ifndef RESTAIN_TRANSLATE_H
#define RESTAIN_TRANSLATE_H

#include <restain/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Which file becomes which. */
typedef struct rst_translation rst_translation;

/** One file of it; borrowed. */
typedef struct rst_translation_file {
    const char *in, *out;
    rst_error err; /**< code 0 unless this file failed */
} rst_translation_file;

/**
 * Works out the files and refuses what would go wrong, before anything is read or written.
 *
 * A folder stands for the PNG, JPEG and TIFF files in it, in order of their names. One file goes to
 * the file `to`, or into it as <stem>.png if it is a folder (or ends in '/'); a folder and several
 * files go into the folder `to`, which need not exist.
 *
 * @param[out] out   owned; rst_translation_free
 * @param overwrite  outputs may exist
 * @return 0, RST_EINVAL (an output exists, is an input too or would be written twice; `to` names no
 *         folder or picture), RST_EINPUT (a folder cannot be read or holds no pictures),
 * RST_EOUTPUT (the folder of `to` is missing), RST_ENOMEM
 */
RST_API int rst_translation_plan(rst_translation **out, const char *const *in, int count,
                                 const char *to, bool overwrite, rst_error *err);
RST_API void rst_translation_free(rst_translation *t);
RST_API int64_t rst_translation_count(const rst_translation *t);
/** The i-th file, 0 <= i < count. */
RST_API rst_translation_file rst_translation_get(const rst_translation *t, int64_t i);

/** Where a run is with the file that has its turn. */
typedef enum rst_translation_phase {
    RST_TRANSLATION_READ,
    RST_TRANSLATION_COMPUTE,
    RST_TRANSLATION_WRITE,
    RST_TRANSLATION_DONE /**< or failed */
} rst_translation_phase;

typedef struct rst_translation_progress {
    rst_translation_phase phase;
    int64_t done, failed, total; /**< files */
    const char *in, *out;        /**< the file's; borrowed, during the call */
} rst_translation_progress;

/** Running. All zero, or NULL in place of a pointer to it, is the default. */
typedef struct rst_translation_options {
    rst_image_read_options read;
    /** Called at the beginning of each phase; anything but 0 stops the run. */
    int (*progress)(void *user, const rst_translation_progress *p);
    void *user;
} rst_translation_options;

/**
 * Translates all files in turn. A file that cannot be translated is kept with its error and the
 * rest is done; what would fail for all (the output cannot be written) ends the run.
 *
 * @return 0; RST_EPARTIAL, if one of several failed; else the only file's error, RST_EOUTPUT,
 *         RST_EDEVICE or RST_ECANCELLED
 */
RST_API int rst_translation_run(rst_translation *t, rst_model *m, const rst_translation_options *o,
                                rst_error *err);

#ifdef __cplusplus
}
#endif
#endif
