/* SPDX-License-Identifier: MIT */
#include "image/stain.h"

#include <math.h>
#include <string.h>

static void cross(const double a[3], const double b[3], double out[3])
{
    for (int i = 0; i < 3; i++)
        out[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
}

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* Column i of the inverse is the cross product of the two other rows over the determinant. */
static void invert(rst_stains *s)
{
    for (int i = 0; i < 3; i++) {
        double column[3];
        cross(s->od[(i + 1) % 3], s->od[(i + 2) % 3], column);
        const double det = dot(s->od[i], column);
        for (int k = 0; k < 3; k++)
            s->inverse[k][i] = column[k] / det;
    }
}

rst_stains rst__stains(rst_stain_set set)
{
    static const double haematoxylin[3] = { 0.651, 0.701, 0.290 },
                        eosin[3] = { 0.216, 0.801, 0.558 }, dab[3] = { 0.269, 0.568, 0.778 };
    rst_stains s;
    memcpy(s.od[0], haematoxylin, sizeof haematoxylin);
    memcpy(s.od[1], set == RST_STAINS_HE ? eosin : dab, sizeof dab);
    cross(s.od[0], s.od[1], s.od[2]);
    const double length = sqrt(dot(s.od[2], s.od[2]));
    for (int i = 0; i < 3; i++)
        s.od[2][i] /= length;
    invert(&s);
    return s;
}

void rst__density_table(double white, double od[256])
{
    for (int i = 0; i < 256; i++)
        od[i] = -log10((i ? i : 1) / white);
}

void rst__stain_table(const rst_stains *s, int stain, double white, double part[3][256])
{
    double od[256];
    rst__density_table(white, od);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 256; i++)
            part[c][i] = od[i] * s->inverse[c][stain];
}

void rst__stain_separate(const rst_stains *s, double white, const uint8_t *rgb, int64_t n,
                         float *out)
{
    double part[3][3][256];
    for (int k = 0; k < 3; k++)
        rst__stain_table(s, k, white, part[k]);
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < 3; k++)
            out[3 * i + k] = (float)(part[k][0][rgb[3 * i]] + part[k][1][rgb[3 * i + 1]] +
                                     part[k][2][rgb[3 * i + 2]]);
}
