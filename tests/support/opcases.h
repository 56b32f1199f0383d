/* SPDX-License-Identifier: MIT */
/* Cases for every op, shared by the gradient test and the backend test. A new row of ops.def needs
 * a list `opcases_NAME` in opcases.c, or these tests do not link. */
#ifndef RST_TESTS_OPCASES_H
#define RST_TESTS_OPCASES_H

#include <restain/graph.h>

enum { OPCASE_INPUTS = 5 };

typedef struct opcase {
    const char *what;
    rst_tensor *(*make)(rst_tensor *const *x); /* the op, or a small expression around it */
    rst_dims in[OPCASE_INPUTS];                /* all zero: no such input */
    unsigned fixed;                            /* bit i: input i wants no gradient */
    unsigned positive;                         /* bit i: input i is drawn from [0.5, 1.5) */
} opcase;

typedef struct opcase_list {
    const char *op;
    const opcase *list;
    int count;
    bool no_gradient;
} opcase_list;

/** The cases of the i-th op of ops.def; NULL past the last. */
const opcase_list *opcases_at(int i);
int opcase_inputs(const opcase *k);
/** Input i of a case: n*c*h*w doubles, the same for every call; malloc'ed. */
double *opcase_values(const opcase *k, int i);

#endif
