/* SPDX-License-Identifier: MIT */
/* Every pair of a data set at magnifications 1, 2 and 4, in one size (the paper's section III-B;
 * spec 5.3, M1 to M12): the whole picture halved and brought back, a crop of a half and one of a
 * quarter of its side, each enlarged by a super-resolver. For a cache of files, or one at a time as
 * a training wants them: the pictures are the same. */
#ifndef RST_RUN_MULTIMAG_MAKER_H
#define RST_RUN_MULTIMAG_MAKER_H

#include <restain/model.h>

#include "data/dataset.h"

/* The magnifications; what they are called in a manifest, with the picture as it is at the end. */
enum { RST_MULTIMAG_VIEWS = 3 };
extern const char *const rst__multimag_words[RST_MULTIMAG_VIEWS + 1];

/** All that the pictures depend on beside the files. */
typedef struct rst_multimag_settings {
    int64_t uniform;           /* side of the results, a multiple of 4; 0: that of the pictures */
    const char *sr_x2, *sr_x4; /* weights of super-resolvers; NULL both: bicubic */
    int64_t tile;              /* rst__multimag_resolve; 0: 256 */
    uint64_t seed;             /* of the crops */
    bool centre;               /* they are the middle instead */
    rst_ctx_options ctx;
} rst_multimag_settings;

typedef struct rst_multimag_maker rst_multimag_maker;

/**
 * Looks at all pictures and opens the super-resolvers.
 *
 * @param[out] out  owned; rst__multimag_maker_free
 * @param d         pairs, borrowed until the maker is freed
 * @param named     the side whose names say where the crops are: that of the H&E
 * @return 0, RST_EINVAL (settings; no pairs; several magnifications already), those of
 *         rst__dataset_check and rst_model_open, RST_ENOMEM
 */
int rst__multimag_maker_new(rst_multimag_maker **out, const rst_dataset *d, rst_data_side named,
                            const rst_multimag_settings *o, rst_error *err);
/** NULL is fine. */
void rst__multimag_maker_free(rst_multimag_maker *m);
/** Sides of the results and of what a super-resolver takes at a time. */
int64_t rst__multimag_maker_uniform(const rst_multimag_maker *m);
int64_t rst__multimag_maker_tile(const rst_multimag_maker *m);
/** "mm-bsrgan", or "mm-bicubic" where there is no super-resolver. */
const char *rst__multimag_maker_resolver(const rst_multimag_maker *m);
/**
 * A view of a side that was read. Where the crop lies follows from (seed, name, magnification)
 * alone and is the same in H&E and IHC. Any thread; super-resolvers work for one at a time.
 *
 * @param view      0 .. RST_MULTIMAG_VIEWS - 1
 * @param[out] out  owned, uniform x uniform
 * @return 0, RST_EINVAL (not square), RST_ENOMEM, those of rst_model_translate
 */
int rst__multimag_make(rst_multimag_maker *m, const rst_image *img, rst_data_side side,
                       int64_t item, int view, rst_image *out, rst_error *err);

/** The data set with each pair at each magnification and, at the end, as it is; its pictures come
 *  from rst__multimag_pick. @param[out] out  owned. RST_ENOMEM */
int rst__multimag_spread(rst_dataset **out, const rst_multimag_maker *m, rst_error *err);
/** An item of that: rst_loader_options.make. */
int rst__multimag_pick(void *maker, rst_data_side side, int64_t item, rst_image *out,
                       rst_error *err);

#endif
