/* SPDX-License-Identifier: MIT */
/* Contrastive terms between two pictures: features of the generator's encoder at the same places
 * (CUT models/cut_model.py, ASP models/cpt_model.py: calculate_NCE_loss). */
#ifndef RST_METHOD_PATCHES_H
#define RST_METHOD_PATCHES_H

#include "method/method.h"

/** A picture's features at the layers m->o.nce_layers. */
typedef struct rst_features {
    rst_tensor *at[RST_NCE_LAYERS];
} rst_features;

/** The encoder of net G on x. keys: without a way back, for pictures that queries look for. Queries
 *  are made pictures: while those are mirrored (m->flipped), their features are mirrored back. */
rst_features rst__encode(rst_method *m, rst_tensor *x, bool keys);

/** What a row of a term weighs. */
typedef enum rst_nce_kind { RST_NCE_PLAIN, RST_NCE_ADAPTIVE } rst_nce_kind;

/**
 * lambda times the mean over layers and rows of PatchNCE: the query's patches should be like the
 * key's at the same places, and unlike the key's others. ADAPTIVE weights rows as m->o.asp_mode
 * says (the paper's eqs. 4 and 5). Each term draws its own places.
 */
rst_tensor *rst__nce_term(rst_method *m, rst_features key, rst_features query, rst_nce_kind kind,
                          double lambda);

#endif
