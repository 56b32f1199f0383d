/* SPDX-License-Identifier: MIT */
/* What the commands share that prepare data sets: a folder that is theirs, files in it. */
#ifndef RST_RUN_PREPARED_H
#define RST_RUN_PREPARED_H

#include <restain/image.h>

#include "base/str.h"

/**
 * Takes a folder for results that follow from `settings`, which it keeps as settings.txt: what a
 * stopped run left in it is gone on with, and results of two kinds do not get into one folder.
 *
 * @param ours  names below the folder that must not exist where there are no settings; NULL at the
 *              end
 * @return 0, RST_EINVAL (made with other settings; somebody else's), RST_EOUTPUT, RST_ENOMEM
 */
int rst__prepared_claim(const char *folder, const rst_str *settings, const char *const *ours,
                        rst_error *err);
/** FOLDER/NAME gets a text. RST_EOUTPUT, RST_ENOMEM (also of a text that failed) */
int rst__prepared_text(const char *folder, const char *name, const rst_str *text, rst_error *err);
/** rst_image_write, and the folders above. */
int rst__prepared_picture(const char *path, const rst_image *img, const rst_image_write_options *o,
                          rst_error *err);

#endif
