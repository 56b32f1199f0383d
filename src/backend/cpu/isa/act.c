/* SPDX-License-Identifier: MIT */
/* Activations on vectors, to about 2 units in the last place. */
#include "backend/cpu/isa/vec.h"

/* e^x - 1 for x in [-87, 88]: x = n ln 2 + r, |r| <= 0.35, Taylor's series to r^8. */
RST_INLINE vf vexpm1(vf x)
{
    const vf magic = vsplat(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
    vf shifted = vfma(x, vsplat(1.44269504f), magic);
    vf n = shifted - magic;
    vf r = vfma(n, vsplat(-0.693359375f), x);
    r = vfma(n, vsplat(2.12194440e-4f), r);
    vf p = vsplat(1.0f / 40320);
    p = vfma(p, r, vsplat(1.0f / 5040));
    p = vfma(p, r, vsplat(1.0f / 720));
    p = vfma(p, r, vsplat(1.0f / 120));
    p = vfma(p, r, vsplat(1.0f / 24));
    p = vfma(p, r, vsplat(1.0f / 6));
    p = vfma(p, r, vsplat(0.5f));
    p = vfma(p * r, r, r);
    /* The integer sits in shifted's low bits; moved into the exponent it is 2^n. */
    vf two_n = (vf)(((vi)shifted << 23) + 0x3f800000);
    return vfma(two_n, p, two_n - vsplat(1));
}

RST_INLINE vf vtanh(vf x)
{
    const vi sign = (vi)x & (vi)vsplat(-0.0f);
    vf a = (vf)((vi)x ^ sign) * vsplat(2);
    a = vselect(a > vsplat(20), vsplat(20), a);
    vf e = vexpm1(a);
    vf t = e / (e + vsplat(2));
    return (vf)((vi)t | sign);
}

RST_INLINE vf vsigmoid(vf x)
{
    vf a = vselect(x < vsplat(-87), vsplat(87), -x);
    a = vselect(a < vsplat(-87), vsplat(-87), a);
    return vsplat(1) / (vsplat(2) + vexpm1(a));
}

vf RST_ISA_NAME(activate)(rst_map act, float a, vf v)
{
    switch (act) {
    case RST_MAP_RELU:
        return vselect(v < (vf){ 0 }, (vf){ 0 }, v);
    case RST_MAP_LEAKY:
        return vselect(v < (vf){ 0 }, v * vsplat(a), v);
    case RST_MAP_TANH:
        return vtanh(v);
    case RST_MAP_SIGMOID:
        return vsigmoid(v);
    default:
        return v;
    }
}
