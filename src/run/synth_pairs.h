/* SPDX-License-Identifier: MIT */
/* The pairs of a synthetic data set, one by one. */
#ifndef RST_RUN_SYNTH_PAIRS_H
#define RST_RUN_SYNTH_PAIRS_H

#include <restain/synth.h>

/**
 * The slide that pair `index` of a set is cut from, and where: a field of view that shows tumour.
 * Every pair has stains, scanner and tissue of its own.
 *
 * @param base      mpp and variations; seed, level and tumour are not looked at; NULL: defaults
 * @param level     0..3
 * @param[out] out  owned; rst_synth_free
 * @return 0, RST_EINVAL, RST_ENOMEM
 */
int rst__synth_pair(rst_synth **out, uint64_t seed, int64_t index, int level, int64_t size,
                    const rst_synth_options *base, int64_t *x, int64_t *y, rst_error *err);

#endif
