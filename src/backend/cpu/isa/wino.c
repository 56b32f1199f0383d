/* SPDX-License-Identifier: MIT */
/*
 * Winograd's transforms for F(4x4,3x3) with the points 0, +-p, +-q, infinity; p = 5/8, q = 3/2, for
 * which fp32 loses about a factor of two in accuracy against the direct sum (Lavin's 0, +-1, +-2:
 * four to five). For finite points a_j, with M_j(x) = prod (x - a_l) over the other finite points
 * and N_j = M_j(a_j): row j of B' = coefficients of M_j, last row those of prod (x - a_l); row j of
 * G = (1, a_j, a_j^2)/N_j, last row (0,0,1); column j of A' = (1, a_j, a_j^2, a_j^3), last
 * (0,0,0,1). Vectors run over channels. A chunk is one cache line of every pixel, so that no line
 * is fetched twice even if a power of two between pixels maps all of them to the same few cache
 * sets.
 */
#define CHANNELS_A_WORD 1
#include "backend/cpu/isa/wino.h"

/* A' m */
RST_INLINE void mul_at(const vf m[6], vf o[4])
{
    vf a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    o[0] = m[0] + a + c;
    o[1] = vfma(b, K(P), d * K(Q));
    o[2] = vfma(a, K(P2), c * K(Q2));
    o[3] = vfma(b, K(P * P2), vfma(d, K(Q * Q2), m[5]));
}

/* A e */
RST_INLINE void mul_a(const vf e[4], vf o[6])
{
    vf s = vfma(e[2], K(P2), e[0]), t = vfma(e[3], K(P2), e[1]);
    vf u = vfma(e[2], K(Q2), e[0]), w = vfma(e[3], K(Q2), e[1]);
    o[0] = e[0];
    o[1] = vfma(t, K(P), s);
    o[2] = vfma(t, K(-P), s);
    o[3] = vfma(w, K(Q), u);
    o[4] = vfma(w, K(-Q), u);
    o[5] = e[3];
}

/* G g */
RST_INLINE void mul_g(const vf g[3], vf o[6])
{
    vf s = vfma(g[2], K(P2 / NP), g[0] * K(1 / NP)), t = vfma(g[2], K(Q2 / NQ), g[0] * K(1 / NQ));
    o[0] = g[0] * K(1 / N0);
    o[1] = vfma(g[1], K(P / NP), s);
    o[2] = vfma(g[1], K(-P / NP), s);
    o[3] = vfma(g[1], K(Q / NQ), t);
    o[4] = vfma(g[1], K(-Q / NQ), t);
    o[5] = g[2];
}

/* G' s */
RST_INLINE void mul_gt(const vf s[6], vf o[3])
{
    vf a = s[1] + s[2], b = s[1] - s[2], c = s[3] + s[4], d = s[3] - s[4];
    o[0] = vfma(a, K(1 / NP), vfma(c, K(1 / NQ), s[0] * K(1 / N0)));
    o[1] = vfma(b, K(P / NP), d * K(Q / NQ));
    o[2] = vfma(a, K(P2 / NP), vfma(c, K(Q2 / NQ), s[5]));
}

RST_INLINE void put(float *p, vf v, const bool first)
{
    if (first)
        __builtin_prefetch(p + AHEAD, 1);
    vstore(p, v);
}

RST_INLINE vf get(const float *p, const bool first)
{
    if (first)
        __builtin_prefetch(p + AHEAD, 0);
    return vload(p);
}

void RST_ISA_NAME(wino_in)(const float *const d[36], int64_t c, float *v, int64_t plane)
{
    transform_in(d, c, v, plane);
}

RST_INLINE void out_pixel(float *y, vf v, int64_t n, bool add, bool stream, const rst__epi *epi,
                          const float *bias)
{
    if (add)
        v += n == RST_VL ? vload(y) : vload_part(y, n);
    if (epi) {
        if (epi->bias)
            v += n == RST_VL ? vload(bias) : vload_part(bias, n);
        v = epi->act == RST_MAP_NONE ? v : RST_ISA_NAME(activate)(epi->act, epi->a, v);
    }
    if (n < RST_VL)
        vstore_part(y, v, n);
    else if (stream)
        vstream(y, v);
    else
        vstore(y, v);
}

RST_INLINE void out_chunk(const float *m, int64_t plane, int64_t i, const int nv, int64_t n,
                          bool add, bool stream, const rst__epi *epi, float *const y[16])
{
    vf tmp[4][6][LINE];
    for (int x = 0; x < 6; x++)
        for (int l = 0; l < nv; l++) {
            vf col[6], o[4];
            RST_UNROLL
            for (int r = 0; r < 6; r++)
                col[r] = get(m + (6 * r + x) * plane + i + l * RST_VL, l == 0);
            mul_at(col, o);
            RST_UNROLL
            for (int r = 0; r < 4; r++)
                tmp[r][x][l] = o[r];
        }
    for (int r = 0; r < 4; r++)
        for (int l = 0; l < nv; l++) {
            vf row[6], o[4];
            RST_UNROLL
            for (int x = 0; x < 6; x++)
                row[x] = tmp[r][x][l];
            mul_at(row, o);
            RST_UNROLL
            for (int x = 0; x < 4; x++)
                if (y[4 * r + x])
                    out_pixel(y[4 * r + x] + i + l * RST_VL, o[x], n, add, stream, epi,
                              epi && epi->bias ? epi->bias + i + l * RST_VL : NULL);
        }
}

void RST_ISA_NAME(wino_out)(const float *m, int64_t plane, int64_t c, bool add, bool stream,
                            const rst__epi *epi, float *const y[16])
{
    int64_t i = 0;
    for (; i + LINE * RST_VL <= c; i += LINE * RST_VL)
        out_chunk(m, plane, i, LINE, RST_VL, add, stream, epi, y);
    for (; i + RST_VL <= c; i += RST_VL)
        out_chunk(m, plane, i, 1, RST_VL, add, stream, epi, y);
    if (i < c)
        out_chunk(m, plane, i, 1, c - i, add, false, epi, y);
    if (stream)
        vfence();
}

RST_INLINE void grad_chunk(const float *const dy[16], int64_t i, const int nv, int64_t n, float *z,
                           int64_t plane)
{
    vf tmp[6][4][LINE];
    for (int x = 0; x < 4; x++)
        for (int l = 0; l < nv; l++) {
            vf col[4], o[6];
            RST_UNROLL
            for (int y = 0; y < 4; y++)
                col[y] = n == RST_VL ? vload(dy[4 * y + x] + i + l * RST_VL)
                                     : vload_part(dy[4 * y + x] + i, n);
            mul_a(col, o);
            RST_UNROLL
            for (int y = 0; y < 6; y++)
                tmp[y][x][l] = o[y];
        }
    for (int y = 0; y < 6; y++)
        for (int l = 0; l < nv; l++) {
            vf row[4], o[6];
            RST_UNROLL
            for (int x = 0; x < 4; x++)
                row[x] = tmp[y][x][l];
            mul_a(row, o);
            RST_UNROLL
            for (int x = 0; x < 6; x++)
                put(z + (6 * y + x) * plane + i + l * RST_VL, o[x], l == 0);
        }
}

void RST_ISA_NAME(wino_grad)(const float *const dy[16], int64_t c, float *z, int64_t plane)
{
    int64_t i = 0;
    for (; i + LINE * RST_VL <= c; i += LINE * RST_VL)
        grad_chunk(dy, i, LINE, RST_VL, z, plane);
    for (; i + RST_VL <= c; i += RST_VL)
        grad_chunk(dy, i, 1, RST_VL, z, plane);
    if (i < c)
        grad_chunk(dy, i, 1, c - i, z, plane);
}

void RST_ISA_NAME(wino_weights)(const float *g, int64_t count, float *u, int64_t plane)
{
    const int64_t tap = count * RST_NR;
    for (int64_t i = 0; i < tap; i += RST_VL) {
        vf tmp[6][3];
        for (int x = 0; x < 3; x++) {
            vf col[3] = { vload(g + x * tap + i), vload(g + (3 + x) * tap + i),
                          vload(g + (6 + x) * tap + i) };
            vf o[6];
            mul_g(col, o);
            RST_UNROLL
            for (int y = 0; y < 6; y++)
                tmp[y][x] = o[y];
        }
        for (int y = 0; y < 6; y++) {
            vf o[6];
            mul_g(tmp[y], o);
            RST_UNROLL
            for (int x = 0; x < 6; x++)
                vstore(u + (6 * y + x) * plane + i, o[x]);
        }
    }
}

void RST_ISA_NAME(wino_dw)(const float *s, int64_t plane, int64_t c, bool add, float *dw)
{
    for (int64_t i = 0; i < c; i += RST_VL) {
        const int64_t n = c - i < RST_VL ? c - i : RST_VL;
        vf tmp[3][6];
        for (int x = 0; x < 6; x++) {
            vf col[6], o[3];
            RST_UNROLL
            for (int y = 0; y < 6; y++)
                col[y] = vload(s + (6 * y + x) * plane + i);
            mul_gt(col, o);
            RST_UNROLL
            for (int y = 0; y < 3; y++)
                tmp[y][x] = o[y];
        }
        for (int y = 0; y < 3; y++) {
            vf o[3];
            mul_gt(tmp[y], o);
            for (int x = 0; x < 3; x++)
                out_pixel(dw + (3 * y + x) * c + i, o[x], n, add, false, NULL, NULL);
        }
    }
}
