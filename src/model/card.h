/* SPDX-License-Identifier: MIT */
/* The model card: what a safetensors file says about the network in it, as JSON text under the key
 * "restain" of its metadata. The architecture is text here; src/nn knows how to read it. */
#ifndef RST_MODEL_CARD_H
#define RST_MODEL_CARD_H

#include <restain/weights.h>

/** Version of the card's form; a reader refuses a higher one. */
enum { RST_CARD_FORMAT = 1 };

/** How the network's numbers become bytes. */
typedef enum rst_rounding { RST_ROUNDING_TRUNCATE, RST_ROUNDING_ROUND } rst_rounding;

/** Texts are empty and mpp is 0 where something is not known. */
typedef struct rst_card {
    char arch[2048];  /* a JSON object, rst_arch_to_json's */
    char recipe[64];  /* how it was trained */
    char bn[16];      /* "batch", "running" or "" for the architecture's own */
    char file[256];   /* what it was made from: a name without folders, or "init ..." */
    char sha256[65];  /* of that file */
    char created[64]; /* by which program */
    double mpp;
    bool trained, dropout;
    rst_rounding rounding;
} rst_card;

/** An empty card of a trained network, made by this program. */
rst_card rst__card(void);
/** Copies text into a field, cut to its size; bytes that are no UTF-8 become '?'. */
void rst__card_text(char *field, size_t size, const char *text);
/**
 * Reads the card of a set.
 *
 * @param name  the file, for errors
 * @return 1, 0 when there is none (*out is then rst__card()), RST_EFORMAT
 */
int rst__card_read(rst_card *out, const rst_weights *w, const char *name, rst_error *err);
/** Puts the card into a set's metadata. RST_EINVAL (arch is no JSON object), RST_ENOMEM. */
int rst__card_write(const rst_card *c, rst_weights *w, rst_error *err);

#endif
