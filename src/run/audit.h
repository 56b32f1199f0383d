/* SPDX-License-Identifier: MIT */
/* Everything that can be said of a data set before it is trained on: files that cannot be used,
 * pairs that are none, files that are there twice, slides that are in several splits, how much
 * tissue there is, how well the sections lie on each other. Every file is read whole. */
#ifndef RST_RUN_AUDIT_H
#define RST_RUN_AUDIT_H

#include "data/dataset.h"
#include "image/phase.h"

typedef enum rst_audit_kind {
    RST_AUDIT_UNREADABLE, /* damaged, or of a kind that is refused */
    RST_AUDIT_SIZE,       /* partners of different size */
    RST_AUDIT_PARTNER,    /* no file of that name on the other side, or several */
    RST_AUDIT_TWICE,      /* two files with the same bytes */
    RST_AUDIT_LEAK,       /* a slide in several splits */
    RST_AUDIT_KINDS
} rst_audit_kind;

typedef struct rst_audit_problem {
    rst_audit_kind kind;
    char *text; /* owned; a line */
} rst_audit_problem;

enum { RST_AUDIT_SPLITS = 3, RST_AUDIT_SLIDE = 128 };

typedef struct rst_audit_pair {
    int split;                   /* of rst__audit_split */
    const char *path[2];         /* H&E, IHC; borrowed from the data set */
    char sha256[2][65];          /* of the files */
    char slide[RST_AUDIT_SLIDE]; /* rst__slide_of_name; "" */
    int64_t width, height;
    double tissue[2]; /* share of pixels with a mean optical density of 0.05 or more */
    rst_shift shift;  /* of the IHC's haematoxylin against that of the H&E, in pixels */
    rst_error err;    /* code 0: a good pair */
    int64_t item[2];  /* in the data set's lists */
} rst_audit_pair;

typedef struct rst_audit {
    rst_dataset *d[RST_AUDIT_SPLITS]; /* NULL: no such split */
    rst_audit_pair *pair;             /* owned, by split and name */
    int64_t count, good;
    rst_audit_problem *problem; /* owned */
    int64_t problems, of_kind[RST_AUDIT_KINDS];
    int64_t slides, unnamed; /* slides that names tell; good pairs whose names tell none */
    int64_t in_split[RST_AUDIT_SPLITS]; /* good pairs */
    double tissue[2], shift_px, peak;   /* medians of good pairs; of the shift its length */
    int64_t unlike;                     /* good pairs with a peak below RST_PHASE_UNLIKE */
} rst_audit;

typedef struct rst_audit_options {
    rst_dataset_options data; /* root, layout, read */
    /** Called with pairs, from one thread at a time; anything but 0 stops. May be NULL. */
    int (*progress)(void *user, int64_t done, int64_t total);
    void *user;
} rst_audit_options;

/**
 * Pairs are looked at in as many threads as OpenMP has; the result does not depend on it. What is
 * wrong with files is told in the result, not as an error.
 *
 * @param[out] out  rst__audit_free, after a failure too
 * @return 0, those of rst__dataset_open for split train, RST_ECANCELLED, RST_ENOMEM
 */
int rst__audit(rst_audit *out, const rst_audit_options *o, rst_error *err);
void rst__audit_free(rst_audit *a);
/** "train", "val", "test". */
const char *rst__audit_split(int i);
/** What a picture's name says of its slide: MIST's SLIDE_ROW_COLUMN does, BCI's names do not ("").
 */
void rst__slide_of_name(const char *stem, char slide[RST_AUDIT_SLIDE]);
/**
 * Writes the good pairs as a manifest, with all that was found.
 *
 * @param by_slide  not the splits as they are: about as many pairs for validation as val and test
 *                  have together, by whole slides, which their hashes choose
 * @return 0, RST_EINVAL (by_slide, and names do not tell; side-by-side files), RST_EOUTPUT, ...
 */
int rst__audit_write(const rst_audit *a, const char *path, bool by_slide, rst_error *err);

#endif
