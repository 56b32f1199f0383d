/* SPDX-License-Identifier: MIT */
/* The roofline as a picture: what a machine allows, and where work lies below that. */
#ifndef BENCH_ROOF_PICTURE_H
#define BENCH_ROOF_PICTURE_H

#include <restain/image.h>

/** What a piece of work is drawn as. */
typedef enum roof_kind {
    ROOF_DIRECT,    /* direct convolution */
    ROOF_WINOGRAD,  /* Winograd's own operations */
    ROOF_AS_DIRECT, /* those that direct convolution would have needed, in Winograd's time */
    ROOF_OTHER,     /* norms and filters */
    ROOF_KINDS
} roof_kind;

extern const char *const roof_kind_name[ROOF_KINDS];

typedef struct roof_point {
    const char *name;
    int number; /* of the layer; its points follow each other */
    roof_kind kind;
    double ms, gflop, gbyte; /* gbyte: everything that goes in or out, once */
} roof_point;

typedef struct roof_ceiling {
    const char *name;
    double gflops;
} roof_ceiling;

typedef struct roof {
    const char *title, *subtitle;
    double gbs;
    int ceilings; /* [0] is the one that counts, the others are drawn faintly */
    roof_ceiling ceiling[4];
    int points;
    const roof_point *point;
} roof;

/** What the roof allows work of so many flop per byte, GFLOP/s. */
double roof_at(const roof *r, double intensity);
/** @return 0, or what drawing and rst_image_write say */
int roof_draw(const char *path, const roof *r, rst_error *err);

#endif
