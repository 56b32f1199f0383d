/* SPDX-License-Identifier: MIT */
/* What a set of weights is: its card, or what names and shapes tell. */
#ifndef RST_RUN_IDENTIFY_H
#define RST_RUN_IDENTIFY_H

#include <restain/nn.h>
#include <restain/weights.h>

#include "model/card.h"

typedef struct rst_identity {
    rst_arch arch;
    rst_card card; /* arch is filled in; defaults if the file has none */
    bool has_card;
    char note[256]; /* what could only be guessed, or "" */
    rst_weights_info file;
} rst_identity;

/** Reads a file; what has no card is unwrapped (rst_weights_unwrap). @param[out] out owned. */
int rst__weights_load(rst_weights **out, const char *path, rst_weights_info *info, rst_error *err);
/**
 * @param arch_json  given by the user, or NULL
 * @return 0, or RST_EFORMAT when the network is not known, RST_EINVAL when arch_json makes no sense
 */
int rst__identify(rst_identity *out, const rst_weights *w, const char *path, const char *arch_json,
                  rst_error *err);
/** Fills the card's architecture, and how its numbers become bytes, from arch. */
int rst__card_of_arch(rst_card *card, const rst_arch *a, rst_error *err);
/** Whether a network makes a picture of 1 or 3 channels from one. */
bool rst__translates(const rst_arch *a);

#endif
