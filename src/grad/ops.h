/* SPDX-License-Identifier: MIT */
/* The functions behind the rows of ops.def, and small helpers that the op files share. */
#ifndef RST_GRAD_OPS_H
#define RST_GRAD_OPS_H

#include "base/err.h"
#include "grad/engine.h"

#define RST_OP(op, save, flag)                                                                     \
    int rst__##op##_infer(rst_attr *, int, const rst_dims *, rst_dims *, size_t *, size_t,         \
                          rst_error *);                                                            \
    int rst__##op##_fwd(const rst_call *);                                                         \
    int rst__##op##_vjp(const rst_call *, const void *, void *const *, const bool *);
#include "grad/ops.def"
#undef RST_OP

/** For ops without a gradient: their vjp, which is never called. */
#define RST_OP_NO_GRADIENT(op)                                                                     \
    int rst__##op##_vjp(const rst_call *c, const void *dy, void *const *dx, const bool *add)       \
    {                                                                                              \
        (void)dy, (void)dx, (void)add;                                                             \
        return rst__dev_fail(c->dev, RST_EINTERNAL, #op " has no gradient");                       \
    }

/** The op's function signatures, to keep its definitions short. */
#define RST_INFER(op)                                                                              \
    int rst__##op##_infer(rst_attr *at, int n, const rst_dims *in, rst_dims *out, size_t *aux,     \
                          size_t elem, rst_error *err)
#define RST_FWD(op) int rst__##op##_fwd(const rst_call *c)
#define RST_VJP(op)                                                                                \
    int rst__##op##_vjp(const rst_call *c, const void *dy, void *const *dx, const bool *add)
#define RST_UNUSED_INFER (void)at, (void)n, (void)in, (void)aux, (void)elem, (void)err

/** A temporary for the length of one kernel call; NULL with dev->err set. Return it with
 *  rst__storage_put. */
rst_storage *rst__call_temp(const rst_call *c, int64_t count);

#endif
